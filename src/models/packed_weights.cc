// SPDX-License-Identifier: Apache-2.0
// Shapes of the tensors in a packed file, for reading and for writing.
#include "models/packed_weights.h"

#include "kernels/kernels.h"
#include "nn/weight_packing.h"

namespace minnow {
namespace {

using Shape = std::vector<int64_t>;

int64_t Panels(size_t out_features) {
  return static_cast<int64_t>(PaddedColumns(out_features) / kPanelColumns);
}

TensorType WeightType(Dtype dtype) {
  switch (dtype) {
    case Dtype::kF32:
      return TensorType::kF32;
    case Dtype::kBF16:
      return TensorType::kBF16;
    case Dtype::kInt8:
      return TensorType::kI8;
  }
  return TensorType::kF32;
}

// fp32 [N/16, K, 16], bf16 [N/16, K/2, 16, 2], int8 [N/16, K/4, 16, 4]
Shape WeightShape(Dtype dtype, size_t in_features, size_t out_features) {
  const auto k = static_cast<int64_t>(in_features);
  switch (dtype) {
    case Dtype::kF32:
      return {Panels(out_features), k, kPanelColumns};
    case Dtype::kBF16:
      return {Panels(out_features), (k + 1) / 2, kPanelColumns, 2};
    case Dtype::kInt8:
      return {Panels(out_features), (k + 3) / 4, kPanelColumns, 4};
  }
  return {};
}

TensorType RowType(TableType type) {
  switch (type) {
    case TableType::kF32:
      return TensorType::kF32;
    case TableType::kF16:
      return TensorType::kF16;
    case TableType::kBF16:
      return TensorType::kBF16;
    case TableType::kInt8:
      return TensorType::kI8;
    case TableType::kInt4:
      return TensorType::kU8;
  }
  return TensorType::kF32;
}

Shape TableShape(TableType type, size_t rows, size_t columns) {
  const size_t row_bytes = EmbeddingTable::RowBytes(type, columns);
  return {static_cast<int64_t>(rows),
          static_cast<int64_t>(row_bytes / TensorTypeBytes(RowType(type)))};
}

Shape ScaleShape(TableType type, size_t rows, size_t columns) {
  if (type == TableType::kInt8) return {static_cast<int64_t>(rows)};
  return {static_cast<int64_t>(rows), static_cast<int64_t>(EmbeddingTable::Int4Groups(columns))};
}

TensorType ScaleType(TableType type) {
  return type == TableType::kInt8 ? TensorType::kF32 : TensorType::kF16;
}

bool HasScales(TableType type) { return EmbeddingTable::ScaleBytes(type, /*columns=*/1) > 0; }

}  // namespace

const std::byte* PackedReader::Take(const std::string& name, TensorType type,
                                    std::span<const int64_t> shape) {
  if (!status_.ok()) return nullptr;
  auto tensor = file_.Get(name, type, shape);
  if (!tensor.ok()) {
    status_ = std::move(tensor).error();
    return nullptr;
  }
  bytes_ += (*tensor)->data.size();
  return (*tensor)->data.data();
}

const float* PackedReader::TakeVector(const std::string& name, size_t size) {
  const int64_t padded = static_cast<int64_t>(PaddedColumns(size));
  return reinterpret_cast<const float*>(Take(name, TensorType::kF32, {&padded, 1}));
}

Status PackedReader::Table(const std::string& name, TableKind kind, size_t rows,
                           EmbeddingTable& table) {
  const TableType type = StoredTableType(kind, embedding_);
  if (type == TableType::kInt4 && channels_ > kMaxInt4Columns) {
    return Error{Code::kUnsupported, file_.path() + ": " + name + ": " + std::to_string(channels_) +
                                         " columns, limit of int4 is " +
                                         std::to_string(kMaxInt4Columns)};
  }
  const std::byte* data = Take(name + ".weight", RowType(type), TableShape(type, rows, channels_));
  const std::byte* scales =
      HasScales(type) ? Take(name + ".scales", ScaleType(type), ScaleShape(type, rows, channels_))
                      : nullptr;
  table = EmbeddingTable(data, type, rows, channels_, scales);
  return status_;
}

Status PackedReader::Norm(const std::string& name, LayerNormWeights& norm) {
  norm.gamma = TakeVector(name + ".weight", channels_);
  norm.beta = TakeVector(name + ".bias", channels_);
  return status_;
}

Status PackedReader::Product(const std::string& name, std::span<const std::string>,
                             size_t in_features, size_t out_features, Linear& linear) {
  LinearWeights weights = {
      .dtype = dtype_, .in_features = in_features, .out_features = out_features};
  weights.weight =
      Take(name + ".weight", WeightType(dtype_), WeightShape(dtype_, in_features, out_features));
  weights.bias = TakeVector(name + ".bias", out_features);
  if (dtype_ == Dtype::kInt8) {
    weights.scale = TakeVector(name + ".scale", out_features);
    weights.sum = TakeVector(name + ".sum", out_features);
    weights.light = file_.header().version >= 2;
    weights.input_multiplier =
        weights.light ? TakeVector(name + ".input_multiplier", in_features) : ones_;
  }
  linear = Linear(weights);
  return status_;
}

void PackedWriter::Add(const std::string& name, TensorType type, Shape shape, const void* data) {
  size_t bytes = TensorTypeBytes(type);
  for (const int64_t size : shape) bytes *= static_cast<size_t>(size);
  tensors_.push_back({name, type, std::move(shape), {static_cast<const std::byte*>(data), bytes}});
}

void PackedWriter::AddVector(const std::string& name, const float* data, size_t size) {
  Add(name, TensorType::kF32, {static_cast<int64_t>(PaddedColumns(size))}, data);
}

Status PackedWriter::Table(const std::string& name, TableKind, size_t rows, EmbeddingTable& table) {
  const TableType type = table.type();
  Add(name + ".weight", RowType(type), TableShape(type, rows, channels_), table.data());
  if (HasScales(type))
    Add(name + ".scales", ScaleType(type), ScaleShape(type, rows, channels_), table.scales());
  return {};
}

Status PackedWriter::Norm(const std::string& name, LayerNormWeights& norm) {
  AddVector(name + ".weight", norm.gamma, channels_);
  AddVector(name + ".bias", norm.beta, channels_);
  return {};
}

Status PackedWriter::Product(const std::string& name, std::span<const std::string>, size_t, size_t,
                             Linear& linear) {
  const LinearWeights& w = linear.weights();
  Add(name + ".weight", WeightType(w.dtype), WeightShape(w.dtype, w.in_features, w.out_features),
      w.weight);
  AddVector(name + ".bias", w.bias, w.out_features);
  if (w.dtype == Dtype::kInt8) {
    AddVector(name + ".scale", w.scale, w.out_features);
    AddVector(name + ".sum", w.sum, w.out_features);
    AddVector(name + ".input_multiplier", w.input_multiplier, w.in_features);
  }
  return {};
}

}  // namespace minnow
