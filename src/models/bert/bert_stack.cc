// SPDX-License-Identifier: Apache-2.0
// Loading the weights of BERT's family.
#include "models/bert/bert_stack.h"

#include <algorithm>
#include <string>
#include <utility>

#include "formats/checkpoint.h"
#include "kernels/dispatch.h"
#include "models/bert/batch_forward.h"
#include "models/registry.h"
#include "models/weights/packed_weights.h"
#include "models/weights/random_weights.h"

namespace minnow {
namespace {

constexpr TensorNames kOwnNames;

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

BertStack::BertStack(const EncoderConfig& config, Dtype dtype)
    : config_(config), dtype_(dtype), kernels_(ActiveKernels()) {}

WeightList BertStack::Weights(const TensorNames& stored) {
  return [this, &stored](WeightVisitor& visitor) {
    return VisitWeights(config_, stored, weights_, visitor);
  };
}

Status BertStack::LoadDirectory(const ModelSource& source, std::optional<TableType> embedding,
                                const Calibration* calibration) {
  MINNOW_ASSIGN_OR_RETURN(source_, source.OpenTensors(kTransformer));
  MINNOW_ASSIGN_OR_RETURN(storage_, LoadWeights(*source_,
                                                {.prefix = StoredPrefix(*source_),
                                                 .dtype = dtype_,
                                                 .embedding = embedding,
                                                 .calibration = calibration},
                                                Weights(FamilyOf(config_.model_type).tensors)));
  weight_bytes_ = storage_.bytes();
  return {};
}

Status BertStack::LoadPacked(std::shared_ptr<const PackedFile> packed) {
  source_ = packed;
  MINNOW_ASSIGN_OR_RETURN(const TableType embedding, PackedEmbedding(*packed));
  if (packed->header().version < 2) {
    storage_.floats = AlignedBuffer<float>(PaddedColumns(
        std::max({config_.hidden_size, config_.embedding_width(), config_.intermediate_size})));
    std::fill_n(storage_.floats.data(), storage_.floats.size(), 1.0f);
  }
  PackedReader reader(*packed, packed->Prefix(kTransformer), dtype_, embedding,
                      storage_.floats.data());
  MINNOW_RETURN_IF_ERROR(Weights(kOwnNames)(reader));
  weight_bytes_ = reader.bytes();
  return {};
}

Result<std::unique_ptr<BertStack>> BertStack::Load(const ModelSource& source,
                                                   const EncoderConfig& config, Dtype dtype,
                                                   std::optional<TableType> embedding,
                                                   const Calibration* calibration) {
  std::unique_ptr<BertStack> stack(new BertStack(config, dtype));
  MINNOW_RETURN_IF_ERROR(source.packed() ? stack->LoadPacked(source.packed())
                                         : stack->LoadDirectory(source, embedding, calibration));
  FinishWeights(config, stack->kernels_, stack->weights_);
  return stack;
}

Result<std::unique_ptr<BertStack>> BertStack::Random(const EncoderConfig& config, Dtype dtype) {
  std::unique_ptr<BertStack> stack(new BertStack(config, dtype));
  stack->source_ = std::make_shared<Checkpoint>();
  MINNOW_ASSIGN_OR_RETURN(stack->storage_, RandomWeights(dtype, stack->Weights(kOwnNames)));
  stack->weight_bytes_ = stack->storage_.floats.size_bytes();
  FinishWeights(config, stack->kernels_, stack->weights_);
  return stack;
}

size_t BertStack::weight_bytes() const { return weight_bytes_ + weights_.position_bias.bytes(); }

std::unique_ptr<EncoderPass> BertStack::NewPass(ThreadPool* pool) const {
  return std::make_unique<BatchForward>(config_, weights_, dtype_, kernels_, pool);
}

// Rows of activations dominate: each thread has some for whole texts, and all share some more.
size_t BertStack::PassBytes(int threads) const {
  constexpr size_t kRowsPerThread = 512;
  // Hidden states, context, q, k and v: once for each thread, and where there are several, once and
  // a half for all.
  const size_t widths_per_row = threads == 1 ? 6 : 14;
  const auto width = static_cast<size_t>(std::max(config_.hidden_size, config_.embedding_width()));
  const size_t rows = std::max(kRowsPerThread, static_cast<size_t>(config_.max_sequence_tokens()));
  return rows * static_cast<size_t>(threads) * width * widths_per_row * sizeof(float);
}

Calibration BertStack::MeasureInputs(std::span<const std::vector<int32_t>> texts) const {
  CHECK(dtype_ == Dtype::kF32);
  size_t longest = 1;
  for (const auto& text : texts) longest = std::max(longest, text.size());
  EncoderActivations activations(config_, Dtype::kF32, longest, longest, kernels_, /*threads=*/1);
  Calibrator calibrator;
  activations.members[0].linear.observer = &calibrator;
  for (const auto& text : texts) {
    const int32_t starts[] = {0, static_cast<int32_t>(text.size())};
    EncoderForwardAlone(config_, weights_, kernels_,
                        {.ids = text, .starts = starts, .type_ids = {}, .unpooled = {}},
                        activations);
  }
  // The list fills in places as well as it reads them; here it only reads.
  CHECK(const_cast<BertStack*>(this)->Weights(kOwnNames)(calibrator).ok());
  return calibrator.Take();
}

std::vector<PackedTensor> BertStack::PackedTensors() const {
  std::vector<PackedTensor> tensors;
  PackedWriter writer(std::string(kTransformer) + ".", tensors);
  CHECK(const_cast<BertStack*>(this)->Weights(kOwnNames)(writer).ok());  // as above
  return tensors;
}

}  // namespace minnow
