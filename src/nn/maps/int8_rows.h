// SPDX-License-Identifier: Apache-2.0
// Int8Rows: rows of a map in 8 bits on their way into a product, each with a scale of its own.
#pragma once

#include <algorithm>
#include <cstddef>

#include "base/round_up.h"
#include "nn/maps/map_product.h"

namespace minnow {

class Int8Rows {
 public:
  // For up to so many rows of a product with `linear`.
  Int8Rows(const Kernels& kernels, const Linear& linear, size_t rows)
      : int8_(MapInt8For(kernels)),
        channels_(linear.weights().in_features),
        multiplier_(linear.weights().input_multiplier),
        rows_(rows) {}

  size_t stride() const { return PaddedColumns(channels_); }
  // Of the memory that Quantize fills.
  size_t bytes() const { return floats_bytes() + integer_bytes() + 2 * scale_bytes(); }

  // Rows [first, first + rows). fill(row, count, floats) writes rows [row, row + count) as floats,
  // stride() apart; what stands beyond the channels is not read.
  template <class Fill>
  void Quantize(size_t first, size_t rows, std::byte* memory, const Fill& fill) const {
    float* floats = reinterpret_cast<float*>(memory);
    float* scale = reinterpret_cast<float*>(memory + floats_bytes() + integer_bytes());
    float* offset = scale + rows_;
    for (size_t r = first; r < first + rows; r += kRowsAtATime) {
      const size_t count = std::min(kRowsAtATime, first + rows - r);
      fill(r, count, floats);
      int8_.quantize_rows(floats, stride(), count, channels_, multiplier_,
                          memory + floats_bytes() + r * row_bytes(), row_bytes(), scale + r,
                          offset + r);
    }
  }

  // The operand of a product whose first row is the first here.
  void SetInput(const std::byte* memory, MapProduct& p) const {
    p.x = memory + floats_bytes();
    p.x_stride = stride();
    p.segments = 1;
    p.inner = channels_;
    p.x_scale = reinterpret_cast<const float*>(memory + floats_bytes() + integer_bytes());
    p.x_offset = p.x_scale + rows_;
    p.scale_stride = 1;
  }

 private:
  static constexpr size_t kRowsAtATime = 8;  // stay in the first-level cache between their steps

  size_t row_bytes() const { return stride() * int8_.quantum_bytes; }
  size_t floats_bytes() const { return kRowsAtATime * stride() * sizeof(float); }
  size_t integer_bytes() const { return CacheLines(rows_ * row_bytes()); }
  size_t scale_bytes() const { return CacheLines(rows_ * sizeof(float)); }

  const MapInt8Kernels& int8_;
  const size_t channels_;
  const float* const multiplier_;
  const size_t rows_;
};

}  // namespace minnow
