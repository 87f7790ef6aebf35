// SPDX-License-Identifier: Apache-2.0
// SentenceEncoder over a model directory.
#include "models/sentence_encoder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <new>

#include "kernels/dispatch.h"
#include "models/encoder.h"
#include "models/pooling.h"
#include "models/tensor_floats.h"
#include "nn/weight_packing.h"

namespace minnow {

namespace {

// A batch goes through the layers in groups of whole texts of about this many tokens: enough to
// hide the streaming of the weights, few enough that the activations stay near.
constexpr size_t kGroupTokens = 1024;

struct DenseWeights {
  Linear linear;
  MatmulActivation activation = kMatmulNone;
  AlignedBuffer<float> storage;
};

class DirectoryWorkspace : public SentenceEncoder::Workspace {
 public:
  DirectoryWorkspace(const ModelInfo& info, size_t max_tokens, size_t max_texts, size_t widest,
                     ThreadPool* pool)
      : pool(pool),
        activations(
            info.config, info.dtype,
            std::max<size_t>(std::min(max_tokens, kGroupTokens), info.config.max_sequence_tokens()),
            info.config.max_sequence_tokens(), ActiveKernels(), pool->size()),
        pooled{AlignedBuffer<float>(widest), AlignedBuffer<float>(widest)},
        starts(max_texts + 1),
        max_tokens(max_tokens),
        max_texts(max_texts) {}

  size_t bytes() const override {
    return activations.bytes() + 2 * pooled[0].size_bytes() + starts.size() * sizeof(int32_t);
  }

  ThreadPool* const pool;
  EncoderActivations activations;
  AlignedBuffer<float> pooled[2];  // a text's vector on its way through the Dense modules
  LinearScratch dense_scratch;     // empty: Dense modules are fp32
  std::vector<int32_t> starts;     // of the group in progress, from 0
  const size_t max_tokens;
  const size_t max_texts;
};

MatmulActivation KernelActivation(DenseActivation activation) {
  switch (activation) {
    case DenseActivation::kIdentity:
      return kMatmulNone;
    case DenseActivation::kTanh:
      return kMatmulTanh;
    case DenseActivation::kRelu:
      return kMatmulRelu;
    case DenseActivation::kGelu:
      return kMatmulGeluErf;
    case DenseActivation::kSigmoid:
      return kMatmulSigmoid;
  }
  return kMatmulNone;
}

class DirectoryEncoder : public SentenceEncoder {
 public:
  DirectoryEncoder(ModelInfo info, Checkpoint checkpoint)
      : info_(std::move(info)), checkpoint_(std::move(checkpoint)), kernels_(ActiveKernels()) {}

  Status LoadWeights() {
    MINNOW_ASSIGN_OR_RETURN(weights_, LoadEncoderWeights(checkpoint_, info_.config, info_.dtype));
    size_t width = info_.config.hidden_size * info_.layout.pooling.size();
    widest_ = PaddedColumns(width);
    info_.weight_bytes = weights_.storage.size_bytes();
    for (const DenseSpec& spec : info_.layout.dense) {
      if (static_cast<size_t>(spec.in_features) != width) {
        return Error{Code::kCorrupt, spec.directory + "/config.json: in_features is " +
                                         std::to_string(spec.in_features) +
                                         ", but the module before gives " + std::to_string(width)};
      }
      MINNOW_RETURN_IF_ERROR(LoadDense(spec));
      width = spec.out_features;
      widest_ = std::max(widest_, PaddedColumns(width));
    }
    info_.embedding_size = static_cast<int>(width);
    return Status();
  }

  const ModelInfo& info() const override { return info_; }

  std::unique_ptr<Workspace> NewWorkspace(size_t max_tokens, size_t max_texts,
                                          ThreadPool* pool) const override {
    return std::make_unique<DirectoryWorkspace>(info_, max_tokens, max_texts, widest_, pool);
  }

  void Embed(const TokenBatch& batch, bool normalize, Workspace& workspace,
             float* out) const override {
    auto& space = static_cast<DirectoryWorkspace&>(workspace);
    const size_t size = info_.embedding_size;
    ForEachGroup(batch, space, [&](const TokenBatch& group, size_t first_text) {
      for (size_t i = 0; i < group.texts(); ++i) {
        const size_t start = group.starts[i];
        const ConstRows hidden = {
            space.activations.hidden.data() + start * space.activations.hidden_stride,
            space.activations.hidden_stride};
        PoolText(hidden, group.starts[i + 1] - start, normalize, space,
                 out + (first_text + i) * size);
      }
    });
  }

  void Hidden(const TokenBatch& batch, Workspace& workspace, float* out) const override {
    auto& space = static_cast<DirectoryWorkspace&>(workspace);
    const size_t channels = info_.config.hidden_size;
    ForEachGroup(batch, space, [&](const TokenBatch& group, size_t first_text) {
      const size_t first_token = batch.starts[first_text];
      for (size_t t = 0; t < group.tokens(); ++t) {
        std::memcpy(out + (first_token + t) * channels,
                    space.activations.hidden.data() + t * space.activations.hidden_stride,
                    channels * sizeof(float));
      }
    });
  }

 private:
  Status LoadDense(const DenseSpec& spec) {
    MINNOW_ASSIGN_OR_RETURN(const Checkpoint file, Checkpoint::OpenDirectory(spec.directory));
    const size_t in_features = spec.in_features, out_features = spec.out_features;
    const size_t weight_floats =
        PackedWeightBytes(Dtype::kF32, in_features, out_features) / sizeof(float);
    DenseWeights dense;
    dense.activation = KernelActivation(spec.activation);
    dense.storage = AlignedBuffer<float>(weight_floats + PaddedColumns(out_features));
    const std::array<int64_t, 2> shape = {spec.out_features, spec.in_features};
    MINNOW_ASSIGN_OR_RETURN(const TensorView* weight, file.Get("linear.weight", shape));
    MINNOW_RETURN_IF_ERROR(PackRows({&weight, 1}, {.weight = dense.storage.data()}));
    float* bias = dense.storage.data() + weight_floats;
    if (spec.bias) {
      const std::array<int64_t, 1> bias_shape = {spec.out_features};
      MINNOW_ASSIGN_OR_RETURN(const TensorView* tensor, file.Get("linear.bias", bias_shape));
      MINNOW_RETURN_IF_ERROR(CopyFloats(*tensor, bias));
    }
    dense.linear = Linear({.in_features = in_features,
                           .out_features = out_features,
                           .weight = dense.storage.data(),
                           .bias = bias});
    info_.weight_bytes += dense.storage.size_bytes();
    dense_.push_back(std::move(dense));
    return Status();
  }

  // Runs the layers over groups of whole texts; `use` sees activations.hidden and the number of the
  // group's first text.
  template <class Use>
  void ForEachGroup(const TokenBatch& batch, DirectoryWorkspace& space, const Use& use) const {
    CHECK(batch.tokens() <= space.max_tokens && batch.texts() <= space.max_texts);
    const size_t most = space.activations.max_tokens();
    for (size_t first = 0; first < batch.texts();) {
      const size_t begin = batch.starts[first];
      size_t last = first + 1;
      while (last < batch.texts() && batch.starts[last + 1] - begin <= most) ++last;
      for (size_t i = first; i <= last; ++i)
        space.starts[i - first] = static_cast<int32_t>(batch.starts[i] - begin);
      const size_t tokens = batch.starts[last] - begin;
      const TokenBatch group = {
          .ids = batch.ids.subspan(begin, tokens),
          .starts = std::span<const int32_t>(space.starts.data(), last - first + 1),
          .type_ids =
              batch.type_ids.empty() ? batch.type_ids : batch.type_ids.subspan(begin, tokens)};
      EncoderForward(info_.config, weights_, kernels_, group, *space.pool, space.activations);
      use(group, first);
      first = last;
    }
  }

  // out: [D] f32
  void PoolText(ConstRows hidden, size_t tokens, bool normalize, DirectoryWorkspace& space,
                float* out) const {
    const size_t channels = info_.config.hidden_size;
    float* vector = space.pooled[0].data();
    for (size_t i = 0; i < info_.layout.pooling.size(); ++i) {
      Pool(kernels_, info_.layout.pooling[i], hidden, tokens, channels, vector + i * channels);
    }
    for (size_t i = 0; i < dense_.size(); ++i) {
      float* next = space.pooled[(i + 1) % 2].data();
      dense_[i].linear.Forward(kernels_, {vector, widest_}, /*rows=*/1, dense_[i].activation,
                               /*residual=*/{}, {next, widest_}, space.dense_scratch);
      vector = next;
    }
    if (normalize) kernels_.normalize_f32(vector, info_.embedding_size);
    std::memcpy(out, vector, info_.embedding_size * sizeof(float));
  }

  ModelInfo info_;
  Checkpoint checkpoint_;
  const Kernels& kernels_;
  EncoderWeights weights_;
  std::vector<DenseWeights> dense_;
  size_t widest_ = 0;  // floats of the widest vector between pooling and the end, padded
};

}  // namespace

Result<std::unique_ptr<SentenceEncoder>> SentenceEncoder::Load(const std::string& directory,
                                                               Dtype dtype) {
  ModelInfo info;
  info.dtype = dtype;
  info.model_id = std::filesystem::path(directory + "/").parent_path().filename().string();
  MINNOW_ASSIGN_OR_RETURN(info.layout, ReadSentenceTransformersLayout(directory));
  const std::string& transformer = info.layout.transformer_directory;
  MINNOW_ASSIGN_OR_RETURN(info.config, ReadEncoderConfig(transformer + "/config.json"));
  info.max_sequence_tokens = info.config.max_sequence_tokens();
  if (info.layout.max_seq_length.has_value()) {
    info.max_sequence_tokens = std::min(info.max_sequence_tokens, *info.layout.max_seq_length);
  }
  MINNOW_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::OpenDirectory(transformer));
  auto encoder = std::make_unique<DirectoryEncoder>(std::move(info), std::move(checkpoint));
  try {
    MINNOW_RETURN_IF_ERROR(encoder->LoadWeights());
  } catch (const std::bad_alloc&) {
    return Error{Code::kInternal, directory + ": no memory for the packed weights"};
  }
  return std::unique_ptr<SentenceEncoder>(std::move(encoder));
}

}  // namespace minnow
