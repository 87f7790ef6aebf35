// SPDX-License-Identifier: Apache-2.0
// A T5 model from a directory, a packed file, or chance.
#include "models/t5/t5_model.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "kernels/dispatch.h"
#include "models/t5/encoder.h"
#include "models/weights/packed_weights.h"
#include "models/weights/random_weights.h"

namespace minnow {
namespace {

const T5Ends kOwnEnds;

// Of one model: 256 MB. What is within it has room for 64 heads and 24 tables of 20,000 tokens.
constexpr size_t kMaxBiases = size_t{1} << 26;

// A table of position biases has a number for each head and distance.
Status CheckLimits(const T5Config& config, const T5Limits& limits, const std::string& name) {
  CHECK(limits.max_input_tokens >= 1 && limits.max_output_tokens >= 1);
  const size_t distances =
      2 * (static_cast<size_t>(config.encoder_tables()) * limits.max_input_tokens +
           static_cast<size_t>(config.decoder_tables()) * limits.max_output_tokens);
  if (distances <= kMaxBiases / static_cast<size_t>(config.num_heads)) return {};
  return Error{Code::kUnsupported,
               name + ": num_heads " + std::to_string(config.num_heads) + " times " +
                   std::to_string(distances) + " distances of inputs of " +
                   std::to_string(limits.max_input_tokens) + " tokens and answers of " +
                   std::to_string(limits.max_output_tokens) + " is more than " +
                   std::to_string(kMaxBiases) + " position biases"};
}

}  // namespace

T5Model::T5Model(T5Info info) : info_(std::move(info)), kernels_(ActiveKernels()) {}

WeightList T5Model::Weights(const T5Ends& ends, T5Parts parts) {
  return [this, &ends, parts](WeightVisitor& visitor) {
    return VisitT5Weights(info_.config, ends, parts, weights_, visitor);
  };
}

void T5Model::Finish() {
  FinishT5Weights(info_.config, kernels_, info_.limits.max_input_tokens,
                  info_.limits.max_output_tokens, weights_);
  info_.weight_bytes += weights_.encoder_biases.bytes() + weights_.decoder_biases.bytes();
  info_.embedding = weights_.embedding.type();
}

Status T5Model::LoadDirectory(const ModelSource& source, const T5LoadOptions& options) {
  MINNOW_ASSIGN_OR_RETURN(source_, source.OpenTensors(kTransformer));
  MINNOW_ASSIGN_OR_RETURN(const T5Ends ends, FindT5Ends(*source_, info_.config));
  MINNOW_ASSIGN_OR_RETURN(storage_, LoadWeights(*source_,
                                                {.prefix = "",
                                                 .dtype = info_.dtype,
                                                 .embedding = options.precision.embedding,
                                                 .calibration = options.calibration,
                                                 .rough = options.rough},
                                                Weights(ends, options.parts)));
  info_.weight_bytes = storage_.bytes();
  return {};
}

Status T5Model::LoadPacked(std::shared_ptr<const PackedFile> packed, T5Parts parts) {
  source_ = packed;
  MINNOW_ASSIGN_OR_RETURN(const TableType embedding, PackedEmbedding(*packed));
  if (packed->header().version < 3) {
    return Error{Code::kUnsupported, packed->path() + ": a model of T5's family in format " +
                                         std::to_string(packed->header().version) +
                                         ", which has none"};
  }
  PackedReader reader(*packed, packed->Prefix(kTransformer), info_.dtype, embedding);
  MINNOW_RETURN_IF_ERROR(Weights(kOwnEnds, parts)(reader));
  info_.weight_bytes = reader.bytes();
  return {};
}

Result<std::unique_ptr<T5Model>> T5Model::Load(const ModelSource& source,
                                               const T5LoadOptions& options) {
  T5Info info;
  info.model_id = source.model_id();
  info.limits = options.limits;
  MINNOW_ASSIGN_OR_RETURN(const std::string json, source.ReadConfigJson(kTransformer));
  const std::string& name = source.components().find(kTransformer)->second.config;
  MINNOW_ASSIGN_OR_RETURN(info.config, ParseT5Config(json, name));
  MINNOW_RETURN_IF_ERROR(CheckLimits(info.config, info.limits, name));
  info.dtype = options.precision.dtype.value_or(Dtype::kF32);
  if (source.packed()) {
    MINNOW_ASSIGN_OR_RETURN(info.dtype, PackedDtype(*source.packed(), options.precision));
  }
  std::unique_ptr<T5Model> model(new T5Model(std::move(info)));
  model->parts_ = options.parts;
  try {
    MINNOW_RETURN_IF_ERROR(source.packed() ? model->LoadPacked(source.packed(), options.parts)
                                           : model->LoadDirectory(source, options));
    model->Finish();
  } catch (const std::bad_alloc&) {
    return Error{Code::kInternal, source.name() + ": no memory for the packed weights"};
  }
  return model;
}

Result<std::unique_ptr<T5Model>> T5Model::Random(const T5Config& config, Dtype dtype,
                                                 const T5Limits& limits) {
  MINNOW_RETURN_IF_ERROR(CheckLimits(config, limits, "random"));
  T5Info info;
  info.model_id = "random";
  info.config = config;
  info.limits = limits;
  info.dtype = dtype;
  std::unique_ptr<T5Model> model(new T5Model(std::move(info)));
  MINNOW_ASSIGN_OR_RETURN(model->storage_,
                          RandomWeights(dtype, model->Weights(kOwnEnds, T5Parts::kAll)));
  model->info_.weight_bytes = model->storage_.floats.size_bytes();
  try {
    model->Finish();
  } catch (const std::bad_alloc&) {
    return Error{Code::kInternal, "no memory for a model of this shape"};
  }
  return model;
}

Calibration T5Model::MeasureInputs(std::span<const std::vector<int32_t>> texts) const {
  CHECK(!texts.empty());
  constexpr size_t kMostAnswerTokens = 24;
  const size_t answer_tokens = std::min(kMostAnswerTokens, info_.limits.max_output_tokens);
  size_t longest = 1;
  for (const auto& text : texts) longest = std::max(longest, text.size());
  ThreadPool pool(1);
  const auto workspace = NewWorkspace(longest, /*max_rows=*/1, &pool);
  Calibrator calibrator;
  workspace->members[0].linear.observer = &calibrator;
  std::vector<float> logits(logits_stride());
  for (const auto& text : texts) {
    const int32_t starts[] = {0, static_cast<int32_t>(text.size())};
    const TokenBatch batch = {.ids = text, .starts = starts, .type_ids = {}, .unpooled = {}};
    if (parts_ == T5Parts::kEncoder) {
      Encode(batch, {}, *workspace);
      continue;
    }
    Cache cache(info_.config, text.size(), answer_tokens, /*beams=*/1);
    Cache* const caches[] = {&cache};
    Encode(batch, caches, *workspace);
    int32_t token = info_.config.decoder_start_token_id.value_or(info_.config.pad_token_id);
    for (size_t i = 0; i < answer_tokens; ++i) {
      const Row row = {&cache, 0, token};
      Step({&row, 1}, *workspace, logits.data());
      const auto best = std::max_element(logits.begin(), logits.begin() + info_.config.vocab_size);
      token = static_cast<int32_t>(best - logits.begin());
    }
  }
  // The list fills in places as well as it reads them; here it only reads.
  CHECK(const_cast<T5Model*>(this)->Weights(kOwnEnds, parts_)(calibrator).ok());
  return calibrator.Take();
}

std::vector<PackedTensor> T5Model::PackedTensors() const {
  std::vector<PackedTensor> tensors;
  PackedWriter writer(std::string(kTransformer) + ".", tensors);
  CHECK(const_cast<T5Model*>(this)->Weights(kOwnEnds, parts_)(writer).ok());  // as above
  return tensors;
}

std::unique_ptr<T5Model::Workspace> T5Model::NewWorkspace(size_t max_tokens, size_t max_rows,
                                                          ThreadPool* pool) const {
  return std::make_unique<Workspace>(info_.config, info_.dtype, info_.limits, max_tokens, max_rows,
                                     kernels_, pool);
}

void T5Model::Hidden(const TokenBatch& batch, Workspace& workspace, float* out) const {
  Encode(batch, {}, workspace);
  const size_t channels = info_.config.d_model;
  for (size_t t = 0; t < batch.tokens(); ++t) {
    std::memcpy(out + t * channels, workspace.hidden.data() + t * workspace.model_stride,
                channels * sizeof(float));
  }
}

void T5Model::Encode(const TokenBatch& batch, std::span<Cache* const> caches,
                     Workspace& workspace) const {
  for (size_t text = 0; text < batch.texts(); ++text) {
    CHECK(static_cast<size_t>(batch.starts[text + 1] - batch.starts[text]) <=
          info_.limits.max_input_tokens);
  }
  CHECK(caches.empty() || parts_ == T5Parts::kAll);
  T5Encode(info_.config, weights_, kernels_, batch, caches, workspace);
}

void T5Model::Step(std::span<const Row> rows, Workspace& workspace, float* logits) const {
  CHECK(parts_ == T5Parts::kAll);
  for (const Row& row : rows) CHECK(row.cache->max_length() <= info_.limits.max_output_tokens);
  T5Step(info_.config, weights_, kernels_, rows, workspace, logits);
}

}  // namespace minnow
