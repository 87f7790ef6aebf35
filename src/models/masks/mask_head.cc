// SPDX-License-Identifier: Apache-2.0
// Where the weights of the head are, in a checkpoint and in a packed file.
#include "models/masks/mask_head.h"

#include <array>
#include <string>
#include <utility>

#include "models/bert/encoder.h"
#include "models/bert/family.h"
#include "models/weights/packed_weights.h"
#include "models/weights/tensor_floats.h"

namespace minnow {
namespace {

constexpr const char* kComponent = "masks";
constexpr const char* kDense = "dense";
constexpr const char* kNorm = "norm";
constexpr const char* kDecoder = "decoder";
constexpr const char* kBias = "bias";
// Packed files before it have no components, nor such heads.
constexpr int kFirstVersion = 3;

// The tensor of the bias, under whichever of its names.
std::string BiasName(const TensorSource& source, const MaskNames& names) {
  const std::string beside = std::string(names.decoder) + ".bias";
  return source.Find(names.bias) == nullptr && source.Find(beside) != nullptr ? beside : names.bias;
}

}  // namespace

bool MaskHead::IsIn(const TensorSource& source, const MaskNames& names) {
  return source.Find(std::string(names.dense) + ".weight") != nullptr;
}

bool MaskHead::IsIn(const PackedFile& packed) {
  return packed.header().version >= kFirstVersion &&
         packed.Find(packed.Prefix(kComponent) + kDense + ".weight") != nullptr;
}

MaskHead::MaskHead(const EncoderConfig& config, const MaskNames& names, const EmbeddingTable& words)
    : words_(words),
      tied_(config.tie_word_embeddings),
      channels_(static_cast<size_t>(config.hidden_size)),
      epsilon_(config.layer_norm_eps),
      activation_(KernelActivation(names.activation.value_or(config.hidden_act))) {}

Status MaskHead::Visit(const MaskNames& names, WeightVisitor& visitor) {
  const size_t width = words_.columns();
  const std::string dense = names.dense;
  MINNOW_RETURN_IF_ERROR(visitor.Product(
      {.name = kDense, .parts = {&dense, 1}, .in_features = channels_, .out_features = width},
      dense_));
  MINNOW_RETURN_IF_ERROR(visitor.Norm({kNorm, names.norm}, width, norm_));
  if (tied_) return {};
  return visitor.Table({kDecoder, names.decoder}, TableKind::kWord, words_.rows(), width,
                       own_decoder_);
}

Result<MaskHead> MaskHead::Load(const EncoderConfig& config, const MaskNames& names,
                                const EmbeddingTable& words, const TensorSource& source,
                                std::optional<TableType> embedding) {
  MaskHead head(config, names, words);
  MINNOW_ASSIGN_OR_RETURN(
      head.storage_,
      LoadWeights(source, {.embedding = embedding, .page_size = PageSize::kNormal},
                  [&](WeightVisitor& visitor) { return head.Visit(names, visitor); }));
  const std::array<int64_t, 1> shape = {static_cast<int64_t>(words.rows())};
  MINNOW_ASSIGN_OR_RETURN(const TensorView* bias, source.Get(BiasName(source, names), shape));
  head.own_bias_ = AlignedBuffer<float>(PaddedColumns(words.rows()));
  MINNOW_RETURN_IF_ERROR(CopyFloats(*bias, head.own_bias_.data()));
  head.bias_ = head.own_bias_.data();
  head.weight_bytes_ = head.storage_.bytes() + head.own_bias_.size_bytes();
  return head;
}

Result<MaskHead> MaskHead::LoadPacked(const EncoderConfig& config, const MaskNames& names,
                                      const EmbeddingTable& words, const PackedFile& packed,
                                      TableType embedding) {
  MaskHead head(config, names, words);
  const std::string prefix = packed.Prefix(kComponent);
  PackedReader reader(packed, prefix, Dtype::kF32, embedding);
  MINNOW_RETURN_IF_ERROR(head.Visit(names, reader));
  const std::array<int64_t, 1> shape = {static_cast<int64_t>(PaddedColumns(words.rows()))};
  MINNOW_ASSIGN_OR_RETURN(const TensorView* bias,
                          packed.Get(prefix + kBias, TensorType::kF32, shape));
  head.bias_ = reinterpret_cast<const float*>(bias->data.data());
  head.weight_bytes_ = reader.bytes() + bias->data.size();
  return head;
}

void MaskHead::AddPackedTensors(std::vector<PackedTensor>& tensors) const {
  const std::string prefix = std::string(kComponent) + ".";
  PackedWriter writer(prefix, tensors);
  // The list fills in places as well as it reads them, by names that a checkpoint has; here it only
  // reads, and names are those of the packed file.
  CHECK(const_cast<MaskHead*>(this)->Visit(MaskNames(), writer).ok());
  const size_t padded = PaddedColumns(words_.rows());
  tensors.push_back({prefix + kBias,
                     TensorType::kF32,
                     {static_cast<int64_t>(padded)},
                     std::as_bytes(std::span(bias_, padded))});
}

}  // namespace minnow
