// SPDX-License-Identifier: Apache-2.0
// A stack and heads from a directory, a packed file, or chance.
#include "models/encoder_model.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "formats/json.h"
#include "kernels/dispatch.h"
#include "models/bert/bert_stack.h"
#include "models/registry.h"
#include "models/t5/t5_stack.h"
#include "models/weights/packed_weights.h"

namespace minnow {
namespace {

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

}  // namespace

EncoderModel::EncoderModel(ModelInfo info) : info_(std::move(info)), kernels_(ActiveKernels()) {}

void EncoderModel::SetHead(Head head) {
  head_ = std::move(head);
  info_.weight_bytes = stack_->weight_bytes() + head_.weight_bytes();
  info_.embedding = stack_->words().type();
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

Status EncoderModel::LoadStack(const ModelSource& source, std::optional<TableType> embedding,
                               const Calibration* calibration) {
  if (IsT5(info_.config.model_type)) {
    const auto max_tokens = static_cast<size_t>(info_.max_sequence_tokens);
    MINNOW_ASSIGN_OR_RETURN(
        stack_, T5Stack::Load(source, {.dtype = info_.dtype, .embedding = embedding}, max_tokens,
                              calibration));
    return {};
  }
  MINNOW_ASSIGN_OR_RETURN(
      stack_, BertStack::Load(source, info_.config, info_.dtype, embedding, calibration));
  return {};
}

// The mask head borrows the word table.
Status EncoderModel::LoadHeads(const ModelSource& source, std::optional<TableType> embedding) {
  const auto channels = static_cast<size_t>(info_.config.hidden_size);
  const PackedFile* const packed = source.packed().get();
  MINNOW_ASSIGN_OR_RETURN(Head head,
                          packed != nullptr
                              ? Head::LoadPacked(info_.layout, channels, *packed)
                              : Head::Load(info_.layout, channels, stack_->tensors(), info_.dtype));
  SetHead(std::move(head));
  if (packed != nullptr) info_.quality = packed->header().quality;
  if (IsT5(info_.config.model_type)) return {};
  const MaskNames& masks = FamilyOf(info_.config.model_type).masks;
  if (packed != nullptr && MaskHead::IsIn(*packed)) {
    SetMasks(MaskHead::LoadPacked(info_.config, masks, stack_->words(), *packed, info_.embedding));
  } else if (packed == nullptr && MaskHead::IsIn(stack_->tensors(), masks)) {
    SetMasks(MaskHead::Load(info_.config, masks, stack_->words(), stack_->tensors(), embedding));
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
    MINNOW_RETURN_IF_ERROR(model->LoadStack(source, precision.embedding, calibration));
    MINNOW_RETURN_IF_ERROR(model->LoadHeads(source, precision.embedding));
  } catch (const std::bad_alloc&) {
    return Error{Code::kInternal, source.name() + ": no memory for the packed weights"};
  }
  return model;
}

Result<std::unique_ptr<EncoderModel>> EncoderModel::Random(const EncoderConfig& config,
                                                           Dtype dtype) {
  if (IsT5(config.model_type)) {
    return Error{Code::kUnsupported, "model_type " + QuoteForMessage(config.model_type) +
                                         " has no random weights as an encoder alone"};
  }
  ModelInfo info;
  info.model_id = "random";
  info.layout.pooling = {Pooling::kMean};
  info.config = config;
  info.max_sequence_tokens = MaxSequenceTokens(config, info.layout);
  info.dtype = dtype;
  std::unique_ptr<EncoderModel> model(new EncoderModel(std::move(info)));
  try {
    MINNOW_ASSIGN_OR_RETURN(model->stack_, BertStack::Random(config, dtype));
    MINNOW_ASSIGN_OR_RETURN(Head head, Head::Load(model->info_.layout, config.hidden_size,
                                                  model->stack_->tensors(), dtype));
    model->SetHead(std::move(head));
  } catch (const std::bad_alloc&) {
    return Error{Code::kInternal, "no memory for a model of this shape"};
  }
  return model;
}

std::vector<PackedTensor> EncoderModel::PackedTensors() const {
  std::vector<PackedTensor> tensors = stack_->PackedTensors();
  head_.AddPackedTensors(tensors);
  if (masks_) masks_->AddPackedTensors(tensors);
  return tensors;
}

EncoderModel::Workspace::Workspace(const EncoderModel& model, size_t max_tokens, size_t max_texts,
                                   ThreadPool* pool)
    : pass_(model.stack_->NewPass(pool)), max_tokens_(max_tokens), max_texts_(max_texts) {
  for (int i = 0; i < pool->size(); ++i) scratch_.emplace_back(model.head_.scratch_floats());
}

size_t EncoderModel::Workspace::bytes() const {
  return pass_->bytes() + scratch_.size() * scratch_[0].size_bytes();
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
  workspace.pass_->Run(batch, sink);
}

void EncoderModel::Hidden(const TokenBatch& batch, Workspace& workspace, float* out) const {
  CHECK(batch.tokens() <= workspace.max_tokens_ && batch.texts() <= workspace.max_texts_);
  CopySink sink(batch, info_.config.hidden_size, out);
  workspace.pass_->Run(batch, sink);
}

}  // namespace minnow
