// SPDX-License-Identifier: Apache-2.0
// Random products by two tables of a lower precision, compared.
#include "kernels/self_check.h"

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "base/aligned_buffer.h"

namespace minnow {
namespace {

// Both round the same rows and weights to the same values, so that only the order of fp32 sums
// differs.
constexpr float kTolerance = 1e-4f;

struct Shape {
  size_t rows, inner, columns;
};

struct Random {
  explicit Random(const Shape& shape, PackedPrecision precision)
      : shape(shape),
        x(shape.rows * shape.inner),
        multiplier(shape.inner),
        weight((shape.inner + 3) / 4 * 4 * shape.columns * 2),
        scale(shape.columns),
        sum(shape.columns),
        bias(shape.columns) {
    std::minstd_rand generator(5);
    const auto uniform = [&generator] {
      return static_cast<float>(generator() % 2001) / 1000.0f - 1.0f;
    };
    for (float& v : x) v = uniform();
    for (float& v : bias) v = uniform();
    for (float& v : multiplier) v = 2.0f + uniform();
    for (float& v : scale) v = (2.0f + uniform()) * 1e-3f;
    const size_t unit = precision == PackedPrecision::kInt8 ? 4 : 2;
    const size_t words = (shape.inner + unit - 1) / unit;
    for (size_t column = 0; column < shape.columns; ++column) {
      int total = 0;
      for (size_t k = 0; k < shape.inner; ++k) {
        const size_t word = column / kPanelColumns * words * kPanelColumns +
                            k / unit * kPanelColumns + column % kPanelColumns;
        const int value = static_cast<int>(generator() % 255) - 127;
        total += value;
        if (precision == PackedPrecision::kInt8) {
          weight[word * 4 + k % 4] = static_cast<char>(value);
        } else {
          const float small = static_cast<float>(value) / 64.0f;  // exact in bf16
          char bytes[4];
          std::memcpy(bytes, &small, sizeof bytes);
          std::memcpy(&weight[word * 4 + k % 2 * 2], bytes + 2, 2);
        }
      }
      sum[column] = scale[column] * static_cast<float>(total);
    }
  }

  std::vector<float> Run(const PackedKernels& kernels) const {
    const size_t stride = kernels.row_bytes(shape.inner);
    AlignedBuffer<std::byte> words(shape.rows * stride);
    std::vector<float> x_scale(shape.rows), x_offset(shape.rows), y(shape.rows * shape.columns);
    kernels.quantize_rows(x.data(), shape.inner, shape.rows, shape.inner, multiplier.data(),
                          words.data(), stride, x_scale.data(), x_offset.data());
    const PackedMatmul args = {.x = words.data(),
                               .x_stride_bytes = stride,
                               .x_scale = x_scale.data(),
                               .x_offset = x_offset.data(),
                               .w = weight.data(),
                               .w_scale = scale.data(),
                               .w_sum = sum.data(),
                               .bias = bias.data(),
                               .residual = nullptr,
                               .residual_stride = 0,
                               .y = y.data(),
                               .y_stride = shape.columns,
                               .rows = shape.rows,
                               .inner = shape.inner,
                               .columns = shape.columns,
                               .activation = kMatmulNone};
    kernels.matmul(&args);
    return y;
  }

  Shape shape;
  std::vector<float> x, multiplier;
  std::vector<char> weight;
  std::vector<float> scale, sum, bias;
};

}  // namespace

bool AgreesWithReference(const PackedKernels& candidate, const PackedKernels& reference,
                         PackedPrecision precision) {
  // One tile of rows, two, a pair and a rest; whole and broken steps of K; panels in fours, twos
  // and alone.
  for (const Shape& shape :
       {Shape{3, 100, 80}, Shape{16, 64, 64}, Shape{21, 37, 48}, Shape{38, 130, 48}}) {
    const Random random(shape, precision);
    const std::vector<float> got = random.Run(candidate), expected = random.Run(reference);
    for (size_t i = 0; i < got.size(); ++i) {
      // Written so that a NaN fails.
      const float bound = kTolerance * std::fmax(1.0f, std::fabs(expected[i]));
      if (!(std::fabs(got[i] - expected[i]) <= bound)) return false;
    }
  }
  return true;
}

}  // namespace minnow
