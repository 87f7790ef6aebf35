// SPDX-License-Identifier: Apache-2.0
// Pooling and Dense modules, one after the other.
#include "models/heads/head.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "formats/checkpoint.h"
#include "models/heads/pooling.h"
#include "models/weights/packed_weights.h"
#include "nn/weight_packing.h"

namespace minnow {
namespace {

constexpr const char* kComponent = "head";

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

}  // namespace

Result<Head> Head::ForLayout(const SentenceTransformersLayout& layout, size_t channels) {
  Head head;
  head.layout_ = layout;
  head.channels_ = channels;
  size_t width = channels * layout.pooling.size();
  head.widest_ = PaddedColumns(width);
  for (const DenseSpec& spec : layout.dense) {
    if (static_cast<size_t>(spec.in_features) != width) {
      const std::string where = spec.directory.empty()
                                    ? "dense." + std::to_string(head.dense_.size())
                                    : spec.directory + "/config.json";
      return Error{Code::kCorrupt, where + ": in_features is " + std::to_string(spec.in_features) +
                                       ", but the module before gives " + std::to_string(width)};
    }
    head.dense_.emplace_back().activation = KernelActivation(spec.activation);
    width = spec.out_features;
    head.widest_ = std::max(head.widest_, PaddedColumns(width));
  }
  head.outputs_ = width;
  return head;
}

Status Head::VisitDense(size_t i, WeightVisitor& visitor) {
  const DenseSpec& spec = layout_.dense[i];
  return visitor.Product({.name = "dense." + std::to_string(i),
                          .parts = {&spec.name, 1},
                          .in_features = static_cast<size_t>(spec.in_features),
                          .out_features = static_cast<size_t>(spec.out_features),
                          .bias = spec.bias},
                         dense_[i].linear);
}

Result<Head> Head::Load(const SentenceTransformersLayout& layout, size_t channels,
                        const TensorSource& transformer, Dtype dtype) {
  MINNOW_ASSIGN_OR_RETURN(Head head, ForLayout(layout, channels));
  for (size_t i = 0; i < head.dense_.size(); ++i) {
    const std::string& directory = layout.dense[i].directory;
    Checkpoint own;
    if (directory != layout.transformer_directory) {
      MINNOW_ASSIGN_OR_RETURN(own, Checkpoint::OpenDirectory(directory));
    }
    const TensorSource& source =
        directory == layout.transformer_directory ? transformer : static_cast<TensorSource&>(own);
    MINNOW_ASSIGN_OR_RETURN(
        WeightStorage storage,
        LoadWeights(source, {.page_size = PageSize::kNormal},
                    [&](WeightVisitor& visitor) { return head.VisitDense(i, visitor); }));
    head.storages_.push_back(std::move(storage));
    if (dtype == Dtype::kInt8) head.RoundDense(i);
  }
  return head;
}

std::string Head::TensorName(size_t i, const char* what) const {
  return std::string(kComponent) + ".dense." + std::to_string(i) + "." + what;
}

void Head::RoundDense(size_t i) {
  Dense& dense = dense_[i];
  const LinearWeights& w = dense.linear.weights();
  float* const panels = storages_[i].floats.data();
  CHECK(panels == w.weight);
  const size_t count = PaddedColumns(w.out_features) * w.in_features;
  dense.integers = AlignedBuffer<int8_t>(count);
  dense.scales = AlignedBuffer<float>(PaddedColumns(w.out_features));
  ShrinkPanels(panels, w.in_features, w.out_features, dense.integers.data(), dense.scales.data());
  ExpandPanels(dense.integers.data(), dense.scales.data(), w.in_features, w.out_features, panels);
}

Status Head::ReadRounded(size_t i, const PackedFile& packed) {
  const auto in = static_cast<int64_t>(layout_.dense[i].in_features);
  const auto out = static_cast<int64_t>(PaddedColumns(layout_.dense[i].out_features));
  const std::array<int64_t, 3> weight_shape = {out / kPanelColumns, in, kPanelColumns};
  MINNOW_ASSIGN_OR_RETURN(const TensorView* weight,
                          packed.Get(TensorName(i, "weight"), TensorType::kI8, weight_shape));
  MINNOW_ASSIGN_OR_RETURN(const TensorView* scale,
                          packed.Get(TensorName(i, "scale"), TensorType::kF32, {&out, 1}));
  MINNOW_ASSIGN_OR_RETURN(const TensorView* bias,
                          packed.Get(TensorName(i, "bias"), TensorType::kF32, {&out, 1}));
  Dense& dense = dense_[i];
  dense.panels = AlignedBuffer<float>(weight->elements());
  LinearWeights w = {.in_features = static_cast<size_t>(in),
                     .out_features = static_cast<size_t>(layout_.dense[i].out_features),
                     .weight = dense.panels.data(),
                     .bias = reinterpret_cast<const float*>(bias->data.data())};
  ExpandPanels(reinterpret_cast<const int8_t*>(weight->data.data()),
               reinterpret_cast<const float*>(scale->data.data()), w.in_features, w.out_features,
               dense.panels.data());
  dense.linear = Linear(w);
  return {};
}

Result<Head> Head::LoadPacked(const SentenceTransformersLayout& layout, size_t channels,
                              const PackedFile& packed) {
  auto head = ForLayout(layout, channels);
  if (!head.ok()) return Annotate(std::move(head).error(), packed.path());
  PackedReader reader(packed, packed.Prefix(kComponent), Dtype::kF32, TableType::kF32);
  const bool rounded =
      packed.header().version >= 4 && packed.header().dtype == DtypeName(Dtype::kInt8);
  for (size_t i = 0; i < head->dense_.size(); ++i) {
    MINNOW_RETURN_IF_ERROR(rounded ? head->ReadRounded(i, packed) : head->VisitDense(i, reader));
  }
  return head;
}

size_t Head::weight_bytes() const {
  size_t bytes = 0;
  for (const Dense& dense : dense_) {
    const LinearWeights& w = dense.linear.weights();
    bytes += LinearFloats(Dtype::kF32, w.in_features, w.out_features) * sizeof(float);
  }
  return bytes;
}

void Head::AddPackedTensors(std::vector<PackedTensor>& tensors) const {
  PackedWriter writer(std::string(kComponent) + ".", tensors);
  // The list fills in places as well as it reads them; here it only reads.
  auto& self = const_cast<Head&>(*this);
  for (size_t i = 0; i < dense_.size(); ++i) {
    if (dense_[i].integers.size() == 0) {
      CHECK(self.VisitDense(i, writer).ok());
      continue;
    }
    const LinearWeights& w = dense_[i].linear.weights();
    const auto in = static_cast<int64_t>(w.in_features);
    const auto out = static_cast<int64_t>(PaddedColumns(w.out_features));
    const auto add = [&](const char* what, TensorType type, std::vector<int64_t> shape,
                         const void* data, size_t bytes) {
      tensors.push_back({TensorName(i, what),
                         type,
                         std::move(shape),
                         {static_cast<const std::byte*>(data), bytes}});
    };
    const size_t vector_bytes = static_cast<size_t>(out) * sizeof(float);
    add("weight", TensorType::kI8, {out / kPanelColumns, in, kPanelColumns},
        dense_[i].integers.data(), static_cast<size_t>(in * out));
    add("scale", TensorType::kF32, {out}, dense_[i].scales.data(), vector_bytes);
    add("bias", TensorType::kF32, {out}, w.bias, vector_bytes);
  }
}

void Head::Run(const Kernels& kernels, ConstRows hidden, size_t tokens, float* scratch,
               float* out) const {
  if (per_token()) {
    for (size_t t = 0; t < tokens; t += kTokensAtOnce) {
      RunModules(kernels, {hidden.data + t * hidden.stride, hidden.stride},
                 std::min(kTokensAtOnce, tokens - t), scratch, out + t * outputs_);
    }
    return;
  }
  for (size_t i = 0; i < layout_.pooling.size(); ++i)
    Pool(kernels, layout_.pooling[i], hidden, tokens, channels_, scratch + i * channels_);
  RunModules(kernels, {scratch, widest_}, /*rows=*/1, scratch + widest_, out);
}

void Head::RunModules(const Kernels& kernels, ConstRows in, size_t rows, float* scratch,
                      float* out) const {
  float* const buffers[] = {scratch, scratch + rows * widest_};
  LinearScratch none;  // fp32 needs none
  for (size_t i = 0; i < dense_.size(); ++i) {
    float* const next = buffers[i % 2];
    dense_[i].linear.Forward(kernels, in, rows, dense_[i].activation, /*residual=*/{},
                             {next, widest_}, none);
    in = {next, widest_};
  }
  for (size_t row = 0; row < rows; ++row)
    std::memcpy(out + row * outputs_, in.data + row * in.stride, outputs_ * sizeof(float));
}

}  // namespace minnow
