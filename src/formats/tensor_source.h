// SPDX-License-Identifier: Apache-2.0
// TensorSource: the named tensors of one part of a model, whatever file format holds them.
//
// What a source gives out was checked when it was opened: name, type, shape and bytes fit each
// other, so a TensorView is always safe to read. Views borrow from the source. Thread-safe when
// const.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "base/result.h"

namespace minnow {

enum class TensorType {
  kF64,
  kF32,
  kF16,
  kBF16,
  kI64,
  kI32,
  kI16,
  kI8,
  kU64,
  kU32,
  kU16,
  kU8,
  kBool
};

const char* TensorTypeName(TensorType type);  // "F32", as in safetensors
size_t TensorTypeBytes(TensorType type);
std::optional<TensorType> FindTensorType(std::string_view name);

// What an adapter (LoRA) adds to a matrix [N, K]: scale * up * down.
struct LowRankChange {
  std::span<const float> up;    // [N, rank]
  std::span<const float> down;  // [rank, K]
  size_t rank = 0;
  float scale = 1;
};

struct TensorView {
  std::string_view name;
  TensorType type = TensorType::kF32;
  // Outermost first; empty for a scalar. A matrix is [N, K], as torch.nn.Linear holds it, however
  // its data lie.
  std::vector<int64_t> shape;
  std::span<const std::byte>
      data;  // may be unaligned for its type: safetensors promises alignment of 8 at best
  const MappedFile* file = nullptr;  // for messages, and to release pages after packing
  // The data of a matrix are [K, N] row by row: column after column of [N, K].
  bool transposed = false;
  // Elements from one of the data's rows to the next; 0: they lie end to end.
  size_t stride = 0;
  // Quantised: a value is scale * (integer - zero_point). One scale (and zero point, where there
  // are any) for the whole tensor, or one for each row of [N, K]. Empty: values are as they are.
  std::span<const float> scales = {};
  std::span<const int32_t> zero_points = {};
  // Added to the values: of a matrix whose row 0 is the view's row first_row.
  std::span<const LowRankChange> changes = {};
  size_t first_row = 0;

  int64_t elements() const;
  std::string ShapeString() const;  // "[384, 1536]"
  // Whether the data are the values, row after row, as a table's or a kernel's are.
  bool plain() const { return in_order() && changes.empty(); }
  // The same, but that changes may be there.
  bool in_order() const { return !transposed && stride == 0 && scales.empty(); }
  // Rows [begin, begin + count) of a matrix, or elements of a vector. REQUIRES: it has them.
  TensorView Rows(int64_t begin, int64_t count) const;
  // Tells the kernel that the data will not be needed soon; nothing where they are in no file.
  void Release() const;
};

class TensorSource {
 public:
  virtual ~TensorSource() = default;

  // What messages call it: a file or a directory.
  virtual std::string name() const = 0;
  // nullptr when there is no such tensor.
  virtual const TensorView* Find(std::string_view name) const = 0;

  // The tensor with that name and shape; kNotFound or kCorrupt otherwise. -1 in `shape` matches any
  // size.
  Result<const TensorView*> Get(std::string_view name, std::span<const int64_t> shape) const;
};

}  // namespace minnow
