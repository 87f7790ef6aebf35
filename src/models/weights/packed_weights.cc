// SPDX-License-Identifier: Apache-2.0
// Shapes of the tensors in a packed file, for reading and for writing.
#include "models/weights/packed_weights.h"

#include <algorithm>

#include "base/check.h"
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
    case TableType::kInt4F16Scales:
      return TensorType::kU8;
  }
  return TensorType::kF32;
}

Shape TableShape(TableType type, size_t rows, size_t columns) {
  const size_t row_bytes = EmbeddingTable::RowBytes(type, columns);
  return {static_cast<int64_t>(rows),
          static_cast<int64_t>(row_bytes / TensorTypeBytes(RowType(type)))};
}

TensorType ScaleType(TableType type) {
  if (type == TableType::kInt8) return TensorType::kF32;
  return type == TableType::kInt4 ? TensorType::kU8 : TensorType::kF16;
}

Shape ScaleShape(TableType type, size_t rows, size_t columns) {
  if (type == TableType::kInt8) return {static_cast<int64_t>(rows)};
  const size_t row_bytes = EmbeddingTable::ScaleBytes(type, columns);
  return {static_cast<int64_t>(rows),
          static_cast<int64_t>(row_bytes / TensorTypeBytes(ScaleType(type)))};
}

bool HasScales(TableType type) { return EmbeddingTable::ScaleBytes(type, /*columns=*/1) > 0; }

}  // namespace

Result<Dtype> PackedDtype(const PackedFile& packed, const EncoderPrecision& wanted) {
  const auto refuse = [&](const std::string& name) {
    return Error{Code::kInvalidArgument, packed.path() + ": packed as " + packed.header().dtype +
                                             " with " + packed.header().embedding_dtype +
                                             " embeddings; " + name + " needs another packed file"};
  };
  auto dtype = ParseDtype(packed.header().dtype);
  if (!dtype.ok()) {
    return Error{Code::kUnsupported, packed.path() + ": minnow.dtype: " + dtype.error().message};
  }
  if (wanted.dtype && *wanted.dtype != *dtype) return refuse(DtypeName(*wanted.dtype));
  if (wanted.embedding && packed.header().embedding_dtype != TableTypeName(*wanted.embedding))
    return refuse(std::string(TableTypeName(*wanted.embedding)) + " embeddings");
  return dtype;
}

Result<TableType> PackedEmbedding(const PackedFile& packed) {
  auto embedding = ParseEmbeddingDtype(packed.header().embedding_dtype);
  if (!embedding.ok()) {
    return Error{Code::kUnsupported,
                 packed.path() + ": minnow.embedding_dtype: " + embedding.error().message};
  }
  return embedding;
}

const std::byte* PackedReader::Take(const std::string& name, TensorType type,
                                    std::span<const int64_t> shape) {
  if (!status_.ok()) return nullptr;
  auto tensor = file_.Get(prefix_ + name, type, shape);
  if (!tensor.ok()) {
    status_ = std::move(tensor).error();
    return nullptr;
  }
  const std::span<const std::byte> data = (*tensor)->data;
  bytes_ += data.size();
  const std::byte* end = data.data() + data.size();
  range_ = bytes_ == data.size() ? data
                                 : std::span(std::min(range_.data(), data.data()),
                                             std::max(range_.data() + range_.size(), end));
  return data.data();
}

const float* PackedReader::TakeVector(const std::string& name, size_t size) {
  const int64_t padded = static_cast<int64_t>(PaddedColumns(size));
  return reinterpret_cast<const float*>(Take(name, TensorType::kF32, {&padded, 1}));
}

Status PackedReader::Table(const WeightName& name, TableKind kind, size_t rows, size_t columns,
                           EmbeddingTable& table) {
  TableType type = StoredTableType(kind, embedding_);
  if (type == TableType::kInt4 && file_.header().version < 4) type = TableType::kInt4F16Scales;
  if (EmbeddingTable::IsInt4(type) && columns > kMaxInt4Columns) {
    return Error{Code::kUnsupported, file_.path() + ": " + name.own + ": " +
                                         std::to_string(columns) + " columns, limit of int4 is " +
                                         std::to_string(kMaxInt4Columns)};
  }
  const std::byte* data =
      Take(name.own + ".weight", RowType(type), TableShape(type, rows, columns));
  const std::byte* scales =
      HasScales(type) ? Take(name.own + ".scales", ScaleType(type), ScaleShape(type, rows, columns))
                      : nullptr;
  table = EmbeddingTable(data, type, rows, columns, scales);
  if (status_.ok()) table.ReadLargeFrom(file_.Find(prefix_ + name.own + ".weight")->file);
  return status_;
}

Status PackedReader::Norm(const WeightName& name, size_t channels, LayerNormWeights& norm) {
  norm.gamma = TakeVector(name.own + ".weight", channels);
  norm.beta = TakeVector(name.own + ".bias", channels);
  return status_;
}

Status PackedReader::RmsNorm(const WeightName& name, size_t channels, const float*& weight) {
  weight = TakeVector(name.own + ".weight", channels);
  return status_;
}

Status PackedReader::Product(const ProductSpec& spec, Linear& linear) {
  const Dtype dtype = spec.StoredAs(dtype_);
  if (dtype != dtype_ && file_.Find(prefix_ + spec.name + ".scale") != nullptr) {
    return Error{Code::kUnsupported, file_.path() + ": " + prefix_ + spec.name +
                                         " is in 8 bits, which lose too much of it; pack "
                                         "the model again"};
  }
  LinearWeights weights = {
      .dtype = dtype, .in_features = spec.inputs(), .out_features = spec.out_features};
  weights.weight = Take(spec.name + ".weight", WeightType(dtype),
                        WeightShape(dtype, spec.inputs(), spec.out_features));
  weights.bias = TakeVector(spec.name + ".bias", spec.out_features);
  if (dtype == Dtype::kInt8) {
    weights.scale = TakeVector(spec.name + ".scale", spec.out_features);
    weights.sum = TakeVector(spec.name + ".sum", spec.out_features);
    weights.int16_safe = file_.header().version >= 2;
    weights.input_multiplier =
        weights.int16_safe ? TakeVector(spec.name + ".input_multiplier", spec.inputs()) : ones_;
  }
  linear = Linear(weights);
  return status_;
}

void PackedWriter::Add(const std::string& name, TensorType type, Shape shape, const void* data) {
  size_t bytes = TensorTypeBytes(type);
  for (const int64_t size : shape) bytes *= static_cast<size_t>(size);
  tensors_.push_back(
      {prefix_ + name, type, std::move(shape), {static_cast<const std::byte*>(data), bytes}});
}

void PackedWriter::AddVector(const std::string& name, const float* data, size_t size) {
  Add(name, TensorType::kF32, {static_cast<int64_t>(PaddedColumns(size))}, data);
}

Status PackedWriter::Table(const WeightName& name, TableKind, size_t rows, size_t columns,
                           EmbeddingTable& table) {
  const TableType type = table.type();
  Add(name.own + ".weight", RowType(type), TableShape(type, rows, columns), table.data());
  if (HasScales(type))
    Add(name.own + ".scales", ScaleType(type), ScaleShape(type, rows, columns), table.scales());
  return {};
}

Status PackedWriter::Norm(const WeightName& name, size_t channels, LayerNormWeights& norm) {
  AddVector(name.own + ".weight", norm.gamma, channels);
  AddVector(name.own + ".bias", norm.beta, channels);
  return {};
}

Status PackedWriter::RmsNorm(const WeightName& name, size_t channels, const float*& weight) {
  AddVector(name.own + ".weight", weight, channels);
  return {};
}

Status PackedWriter::Product(const ProductSpec& spec, Linear& linear) {
  const LinearWeights& w = linear.weights();
  CHECK(w.weight != nullptr);  // files hold the direct form
  Add(spec.name + ".weight", WeightType(w.dtype),
      WeightShape(w.dtype, w.in_features, w.out_features), w.weight);
  AddVector(spec.name + ".bias", w.bias, w.out_features);
  if (w.dtype == Dtype::kInt8) {
    AddVector(spec.name + ".scale", w.scale, w.out_features);
    AddVector(spec.name + ".sum", w.sum, w.out_features);
    AddVector(spec.name + ".input_multiplier", w.input_multiplier, w.in_features);
  }
  return {};
}

}  // namespace minnow
