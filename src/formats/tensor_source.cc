// SPDX-License-Identifier: Apache-2.0
// Types and shapes of tensors, and the look-up that checks them.
#include "formats/tensor_source.h"

#include <algorithm>
#include <array>

#include "formats/json.h"

namespace minnow {
namespace {

struct TypeRow {
  TensorType type;
  const char* name;
  size_t bytes;
};

constexpr std::array<TypeRow, 13> kTypes = {{
    {TensorType::kF64, "F64", 8},
    {TensorType::kF32, "F32", 4},
    {TensorType::kF16, "F16", 2},
    {TensorType::kBF16, "BF16", 2},
    {TensorType::kI64, "I64", 8},
    {TensorType::kI32, "I32", 4},
    {TensorType::kI16, "I16", 2},
    {TensorType::kI8, "I8", 1},
    {TensorType::kU64, "U64", 8},
    {TensorType::kU32, "U32", 4},
    {TensorType::kU16, "U16", 2},
    {TensorType::kU8, "U8", 1},
    {TensorType::kBool, "BOOL", 1},
}};

const TypeRow& Row(TensorType type) {
  const auto row =
      std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeRow& r) { return r.type == type; });
  CHECK(row != kTypes.end());
  return *row;
}

std::string ShapeText(std::span<const int64_t> shape) {
  std::string text = "[";
  for (const int64_t size : shape) {
    if (text.size() > 1) text += ", ";
    text += size < 0 ? std::string("any") : std::to_string(size);
  }
  return text + "]";
}

bool ShapeMatches(std::span<const int64_t> expected, const std::vector<int64_t>& shape) {
  return std::equal(expected.begin(), expected.end(), shape.begin(), shape.end(),
                    [](int64_t wanted, int64_t size) { return wanted < 0 || wanted == size; });
}

}  // namespace

const char* TensorTypeName(TensorType type) { return Row(type).name; }
size_t TensorTypeBytes(TensorType type) { return Row(type).bytes; }

std::optional<TensorType> FindTensorType(std::string_view name) {
  for (const TypeRow& row : kTypes) {
    if (name == row.name) return row.type;
  }
  return std::nullopt;
}

int64_t TensorView::elements() const {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

std::string TensorView::ShapeString() const { return ShapeText(shape); }

TensorView TensorView::Rows(int64_t begin, int64_t count) const {
  CHECK(!shape.empty() && begin >= 0 && count >= 0 && begin <= shape[0] - count);
  TensorView rows = *this;
  rows.shape[0] = count;
  rows.first_row += static_cast<size_t>(begin);
  const size_t inner = shape.size() == 1 ? 1 : static_cast<size_t>(shape[1]);
  const auto first = static_cast<size_t>(begin), many = static_cast<size_t>(count);
  const size_t bytes = TensorTypeBytes(type);
  if (transposed) {
    // A column of [N, K] is a row of the data: each gives its part.
    rows.stride = stride != 0 ? stride : static_cast<size_t>(shape[0]);
    const size_t elements_spanned = inner == 0 ? 0 : (inner - 1) * rows.stride + many;
    rows.data = data.subspan(first * bytes, elements_spanned * bytes);
  } else {
    CHECK(stride == 0);
    rows.data = data.subspan(first * inner * bytes, many * inner * bytes);
  }
  if (scales.size() > 1) rows.scales = scales.subspan(first, many);
  if (zero_points.size() > 1) rows.zero_points = zero_points.subspan(first, many);
  return rows;
}

void TensorView::Release() const {
  if (file == nullptr) return;
  const std::span<const std::byte> all = file->bytes();
  const bool inside = data.data() >= all.data() && data.data() <= all.data() + all.size();
  if (inside && data.size() <= static_cast<size_t>(all.data() + all.size() - data.data()))
    file->Release(data);
}

Result<const TensorView*> TensorSource::Get(std::string_view name,
                                            std::span<const int64_t> shape) const {
  const TensorView* tensor = Find(name);
  const std::string quoted = '"' + std::string(name) + '"';  // the program's own: shown whole
  if (tensor == nullptr) return Error{Code::kNotFound, this->name() + ": no tensor " + quoted};
  if (!ShapeMatches(shape, tensor->shape)) {
    return Error{Code::kCorrupt, tensor->file->path() + ": tensor " + quoted + ": shape " +
                                     tensor->ShapeString() + ", expected " + ShapeText(shape)};
  }
  return tensor;
}

}  // namespace minnow
