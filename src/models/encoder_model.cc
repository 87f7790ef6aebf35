// SPDX-License-Identifier: Apache-2.0
// An encoder and a head from a directory, a packed file, or chance.
#include "models/encoder_model.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "formats/checkpoint.h"
#include "kernels/dispatch.h"
#include "models/registry.h"
#include "models/weights/packed_weights.h"
#include "models/weights/random_weights.h"

namespace minnow {
namespace {

constexpr TensorNames kOwnNames;

// Gives each text's hidden states to the head.
class HeadSink : public TextSink {
 public:
  HeadSink(const Head& head, const Kernels& kernels, const TokenBatch& batch, bool normalize,
           std::vector<AlignedBuffer<float>>& scratch, float* out)
      : head_(head),
        kernels_(kernels),
        batch_(batch),
        normalize_(normalize),
        scratch_(scratch),
        out_(out) {}
  void Take(size_t text, ConstRows hidden, size_t tokens, int member) override {
    const size_t row = head_.per_token() ? static_cast<size_t>(batch_.starts[text]) : text;
    float* out = out_ + row * head_.outputs();
    if (!batch_.unpooled.empty() && !head_.per_token()) {
      const auto skipped = static_cast<size_t>(batch_.unpooled[text]);
      hidden.data += skipped * hidden.stride;
      tokens -= skipped;
    }
    head_.Run(kernels_, hidden, tokens, scratch_[member].data(), out);
    if (normalize_ && !head_.per_token()) kernels_.normalize_f32(out, head_.outputs());
  }

 private:
  const Head& head_;
  const Kernels& kernels_;
  const TokenBatch& batch_;
  const bool normalize_;
  std::vector<AlignedBuffer<float>>& scratch_;
  float* const out_;
};

// Copies each text's hidden states to out: [T, C].
class CopySink : public TextSink {
 public:
  CopySink(const TokenBatch& batch, size_t channels, float* out)
      : batch_(batch), channels_(channels), out_(out) {}
  void Take(size_t text, ConstRows hidden, size_t tokens, int) override {
    float* to = out_ + batch_.starts[text] * channels_;
    for (size_t t = 0; t < tokens; ++t) {
      std::memcpy(to + t * channels_, hidden.data + t * hidden.stride, channels_ * sizeof(float));
    }
  }

 private:
  const TokenBatch& batch_;
  const size_t channels_;
  float* const out_;
};

// What the encoder's names start with: nothing in a bare encoder; in one saved inside a model with
// a head, the prefix of its family, or of the one it descends from.
std::string StoredPrefix(const TensorSource& source) {
  for (const EncoderFamily& family : EncoderFamilies()) {
    const std::string prefix = family.tensors.prefix;
    if (source.Find(prefix + family.tensors.word_embeddings + ".weight") != nullptr) return prefix;
  }
  return "";
}

}  // namespace

EncoderModel::EncoderModel(ModelInfo info) : info_(std::move(info)), kernels_(ActiveKernels()) {}

WeightList EncoderModel::Weights(const TensorNames& stored) {
  return [this, &stored](WeightVisitor& visitor) {
    return VisitWeights(info_.config, stored, weights_, visitor);
  };
}

void EncoderModel::SetHead(Head head) {
  FinishWeights(info_.config, kernels_, weights_);
  info_.weight_bytes += weights_.position_bias.bytes();
  head_ = std::move(head);
  info_.embedding = weights_.word_embeddings.type();
  info_.embedding_size = static_cast<int>(head_.outputs());
}

void EncoderModel::SetMasks(Result<MaskHead> masks) {
  if (masks.ok()) {
    masks_.emplace(std::move(masks).value());
    info_.weight_bytes += masks_->weight_bytes();
  } else {
    info_.mask_fault = masks.error().message;
  }
}

Status EncoderModel::LoadDirectory(const ModelSource& source, std::optional<TableType> embedding,
                                   const Calibration* calibration) {
  MINNOW_ASSIGN_OR_RETURN(source_, source.OpenTensors(kTransformer));
  MINNOW_ASSIGN_OR_RETURN(storage_,
                          LoadWeights(*source_,
                                      {.prefix = StoredPrefix(*source_),
                                       .dtype = info_.dtype,
                                       .embedding = embedding,
                                       .calibration = calibration},
                                      Weights(FamilyOf(info_.config.model_type).tensors)));
  MINNOW_ASSIGN_OR_RETURN(
      Head head, Head::Load(info_.layout, info_.config.hidden_size, *source_, info_.dtype));
  info_.weight_bytes = storage_.bytes() + head.weight_bytes();
  SetHead(std::move(head));
  const MaskNames& masks = FamilyOf(info_.config.model_type).masks;
  if (MaskHead::IsIn(*source_, masks)) {
    SetMasks(MaskHead::Load(info_.config, masks, weights_.word_embeddings, *source_, embedding));
  }
  return {};
}

Status EncoderModel::LoadPacked(std::shared_ptr<const PackedFile> packed) {
  source_ = packed;
  MINNOW_ASSIGN_OR_RETURN(const TableType embedding, PackedEmbedding(*packed));
  if (packed->header().version < 2) {
    storage_.floats = AlignedBuffer<float>(
        PaddedColumns(std::max({info_.config.hidden_size, info_.config.embedding_width(),
                                info_.config.intermediate_size})));
    std::fill_n(storage_.floats.data(), storage_.floats.size(), 1.0f);
  }
  PackedReader reader(*packed, packed->Prefix(kTransformer), info_.dtype, embedding,
                      storage_.floats.data());
  MINNOW_RETURN_IF_ERROR(Weights(kOwnNames)(reader));
  MINNOW_ASSIGN_OR_RETURN(Head head,
                          Head::LoadPacked(info_.layout, info_.config.hidden_size, *packed));
  info_.weight_bytes = reader.bytes() + head.weight_bytes();
  info_.quality = packed->header().quality;
  SetHead(std::move(head));
  if (MaskHead::IsIn(*packed)) {
    SetMasks(MaskHead::LoadPacked(info_.config, FamilyOf(info_.config.model_type).masks,
                                  weights_.word_embeddings, *packed, embedding));
  }
  return {};
}

Result<std::unique_ptr<EncoderModel>> EncoderModel::Load(const ModelSource& source,
                                                         const SentenceTransformersLayout& layout,
                                                         const EncoderPrecision& precision,
                                                         const Calibration* calibration) {
  ModelInfo info;
  info.model_id = source.model_id();
  info.layout = layout;
  MINNOW_ASSIGN_OR_RETURN(info.config, source.ReadConfig());
  info.max_sequence_tokens = MaxSequenceTokens(info.config, info.layout);
  info.dtype = precision.dtype.value_or(Dtype::kF32);
  if (source.packed()) {
    MINNOW_ASSIGN_OR_RETURN(info.dtype, PackedDtype(*source.packed(), precision));
  }
  std::unique_ptr<EncoderModel> model(new EncoderModel(std::move(info)));
  try {
    MINNOW_RETURN_IF_ERROR(source.packed()
                               ? model->LoadPacked(source.packed())
                               : model->LoadDirectory(source, precision.embedding, calibration));
  } catch (const std::bad_alloc&) {
    return Error{Code::kInternal, source.name() + ": no memory for the packed weights"};
  }
  return model;
}

Result<std::unique_ptr<EncoderModel>> EncoderModel::Random(const EncoderConfig& config,
                                                           Dtype dtype) {
  ModelInfo info;
  info.model_id = "random";
  info.layout.pooling = {Pooling::kMean};
  info.config = config;
  info.max_sequence_tokens = MaxSequenceTokens(config, info.layout);
  info.dtype = dtype;
  std::unique_ptr<EncoderModel> model(new EncoderModel(std::move(info)));
  MINNOW_ASSIGN_OR_RETURN(model->storage_, RandomWeights(dtype, model->Weights(kOwnNames)));
  model->info_.weight_bytes = model->storage_.floats.size_bytes();
  const Checkpoint none;  // the head is pooling alone
  MINNOW_ASSIGN_OR_RETURN(Head head,
                          Head::Load(model->info_.layout, config.hidden_size, none, dtype));
  try {
    model->SetHead(std::move(head));
  } catch (const std::bad_alloc&) {
    return Error{Code::kInternal, "no memory for a model of this shape"};
  }
  return model;
}

Calibration EncoderModel::MeasureInputs(std::span<const std::vector<int32_t>> texts) const {
  CHECK(info_.dtype == Dtype::kF32);
  size_t longest = 1;
  for (const auto& text : texts) longest = std::max(longest, text.size());
  EncoderActivations activations(info_.config, Dtype::kF32, longest, longest, kernels_,
                                 /*threads=*/1);
  Calibrator calibrator;
  activations.members[0].linear.observer = &calibrator;
  for (const auto& text : texts) {
    const int32_t starts[] = {0, static_cast<int32_t>(text.size())};
    EncoderForwardAlone(info_.config, weights_, kernels_,
                        {.ids = text, .starts = starts, .type_ids = {}}, activations);
  }
  // The list fills in places as well as it reads them; here it only reads.
  CHECK(const_cast<EncoderModel*>(this)->Weights(kOwnNames)(calibrator).ok());
  return calibrator.Take();
}

std::vector<PackedTensor> EncoderModel::PackedTensors() const {
  std::vector<PackedTensor> tensors;
  PackedWriter writer(std::string(kTransformer) + ".", tensors);
  CHECK(const_cast<EncoderModel*>(this)->Weights(kOwnNames)(writer).ok());  // as above
  head_.AddPackedTensors(tensors);
  if (masks_) masks_->AddPackedTensors(tensors);
  return tensors;
}

EncoderModel::Workspace::Workspace(const EncoderModel& model, size_t max_tokens, size_t max_texts,
                                   ThreadPool* pool)
    : forward_(model.info_.config, model.info_.dtype, model.info_.config.max_sequence_tokens(),
               model.kernels_, pool),
      max_tokens_(max_tokens),
      max_texts_(max_texts) {
  for (int i = 0; i < pool->size(); ++i) scratch_.emplace_back(model.head_.scratch_floats());
}

size_t EncoderModel::Workspace::bytes() const {
  return forward_.bytes() + scratch_.size() * scratch_[0].size_bytes();
}

std::unique_ptr<EncoderModel::Workspace> EncoderModel::NewWorkspace(size_t max_tokens,
                                                                    size_t max_texts,
                                                                    ThreadPool* pool) const {
  return std::unique_ptr<Workspace>(new Workspace(*this, max_tokens, max_texts, pool));
}

void EncoderModel::Run(const TokenBatch& batch, bool normalize, Workspace& workspace,
                       float* out) const {
  CHECK(batch.tokens() <= workspace.max_tokens_ && batch.texts() <= workspace.max_texts_);
  HeadSink sink(head_, kernels_, batch, normalize, workspace.scratch_, out);
  workspace.forward_.Run(weights_, batch, sink);
}

void EncoderModel::Hidden(const TokenBatch& batch, Workspace& workspace, float* out) const {
  CHECK(batch.tokens() <= workspace.max_tokens_ && batch.texts() <= workspace.max_texts_);
  CopySink sink(batch, info_.config.hidden_size, out);
  workspace.forward_.Run(weights_, batch, sink);
}

}  // namespace minnow
