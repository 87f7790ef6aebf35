// SPDX-License-Identifier: Apache-2.0
// Products for each pixel or token, by blocks of rows that one thread takes through all steps.
#include <algorithm>

#include "base/check.h"
#include "nn/image_ops.h"
#include "nn/maps/map_elements.h"
#include "nn/maps/map_product.h"

namespace minnow {
namespace {

// Rows of a map on their way into a product: normalised, and in the elements that it reads.
struct TokenRows {
  std::byte* data = nullptr;
  MapElement element = kMapF32;
  size_t stride = 0;  // elements
};

constexpr size_t kRowsAtATime = 8;  // stay in the first-level cache between their steps

void Convert(const Kernels& kernels, const std::byte* x, MapElement x_element, size_t x_stride,
             std::byte* y, MapElement y_element, size_t y_stride, size_t rows, size_t channels) {
  const MapAffine args = {.x = x,
                          .x_element = x_element,
                          .x_stride = x_stride,
                          .from = nullptr,
                          .scale = nullptr,
                          .shift = nullptr,
                          .activation = kMatmulNone,
                          .y = y,
                          .y_element = y_element,
                          .y_stride = y_stride,
                          .rows = rows,
                          .channels = channels};
  kernels.map_elements->affine(&args);
}

// Of one thread, for rows of so many channels.
size_t TokenRowScratchBytes(size_t channels) {
  return kRowsAtATime * PaddedColumns(channels) * sizeof(float);
}

// Rows [first, first + rows) of x, their first `channels`, to `out`; norm may be null. Where
// `channels` is odd, a zero follows. out may be x.
void ReadTokenRows(const Kernels& kernels, const FeatureMap& x, size_t first, size_t rows,
                   size_t channels, const LayerNorm* norm, std::byte* scratch,
                   const TokenRows& out) {
  const MapElement element = ElementOf(x.type);
  const size_t row_bytes = out.stride * ElementBytes(out.element);
  float* floats = reinterpret_cast<float*>(scratch);
  for (size_t r = 0; r < rows; r += kRowsAtATime) {
    const size_t count = std::min(kRowsAtATime, rows - r);
    const std::byte* from = ElementAt(x, first + r);
    std::byte* to = out.data + r * row_bytes;
    if (norm == nullptr) {
      Convert(kernels, from, element, x.stride(), to, out.element, out.stride, count, channels);
    } else {
      const size_t stride = PaddedColumns(channels);
      Convert(kernels, from, element, x.stride(), scratch, kMapF32, stride, count, channels);
      const LayerNormF32 args = {.x = floats,
                                 .x_stride = stride,
                                 .gamma = norm->gamma,
                                 .beta = norm->beta,
                                 .epsilon = norm->epsilon,
                                 .y = floats,
                                 .y_stride = stride,
                                 .rows = count,
                                 .channels = channels};
      kernels.layer_norm_f32(&args);
      Convert(kernels, scratch, kMapF32, stride, to, out.element, out.stride, count, channels);
    }
    if (channels % 2 == 0) continue;
    for (size_t i = 0; i < count; ++i) SetElement(to + i * row_bytes, out.element, channels, 0.0f);
  }
}

constexpr size_t kMostRows = 256;  // of a block: weights are read once for all of them
constexpr size_t kFewestRows = 16;
// Columns of the two halves of a gate that are made side by side.
constexpr size_t kGateColumns = 192;

constexpr size_t RoundUp(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }
constexpr size_t Lines(size_t bytes) { return RoundUp(bytes, 64); }

// Rows of a block; which rows share one changes no bit of them.
size_t BlockRows(size_t rows, size_t threads) {
  return std::clamp(RoundUp((rows + threads - 1) / threads, 8), kFewestRows, kMostRows);
}

MapProduct ProductOf(const void* x, size_t x_stride, size_t inner, size_t rows) {
  MapProduct p = {};
  p.x = x;
  p.x_stride = x_stride;
  p.segments = 1;
  p.inner = inner;
  p.lines = 1;
  p.rows = rows;
  return p;
}

void SetOutput(MapProduct& p, FeatureMap& y, size_t row, size_t column,
               const FeatureMap* residual) {
  p.y = ElementAt(y, row, column);
  p.y_element = ElementOf(y.type);
  p.y_stride = y.stride();
  if (residual == nullptr) return;
  p.combine = kCombineAdd;
  p.residual = ElementAt(*residual, row, column);
  p.residual_element = ElementOf(residual->type);
  p.residual_stride = residual->stride();
}

}  // namespace

void ImageOps::Product(const FeatureMap& x, const LayerNorm* norm, const Linear& linear,
                       Activation activation, const FeatureMap* residual, FeatureMap& y) {
  const size_t inputs = linear.weights().in_features, rows = x.pixels();
  CHECK(inputs <= x.channels && y.channels == linear.weights().out_features);
  const MapElement operand = OperandOf(linear);
  const bool in_place =
      norm == nullptr && ElementOf(x.type) == operand && (inputs % 2 == 0 || inputs == x.channels);
  const size_t threads = threads_.members(), block = BlockRows(rows, threads);
  const size_t stride = PaddedColumns(inputs);
  const size_t row_bytes = in_place ? 0 : Lines(block * stride * ElementBytes(operand));
  const size_t norm_bytes = in_place ? 0 : Lines(TokenRowScratchBytes(inputs));
  const size_t bytes = row_bytes + norm_bytes + Lines(MapProductScratchBytes(kernels_, linear));
  const ArenaScope scope(arena_);
  std::byte* memory = TakeForEachThread(bytes);
  if (planning()) return;
  const size_t blocks = (rows + block - 1) / block;
  const size_t splits = ColumnSplits(blocks, threads, y.stride());
  threads_.RunLong(blocks * splits, [&](size_t member, size_t task, TaskTurn& turn) {
    std::byte* own = memory + member * bytes;
    const size_t first = task / splits * block, count = std::min(block, rows - first);
    const Part columns = PartOf(y.stride(), kPanelColumns, splits, task % splits);
    MapProduct p = ProductOf(ElementAt(x, first), x.stride(), inputs, count);
    if (!in_place) {
      if (turn.at == 0) {
        ReadTokenRows(kernels_, x, first, count, inputs, norm, own + row_bytes,
                      {own, operand, stride});
      }
      p = ProductOf(own, stride, inputs, count);
    }
    p.activation = KernelActivation(activation);
    SetOutput(p, y, first, columns.first, residual);
    return RunMapProduct(kernels_, linear, p, columns.first, columns.size,
                         own + row_bytes + norm_bytes, threads_.stop(), turn, /*begin=*/1);
  });
}

namespace {

// a gelu(b) of rows, where [a, b] = x W: to `gated`, rows of `stride` elements.
struct Gate {
  const Kernels& kernels;
  const Linear& linear;
  size_t inner;
  std::byte* scratch;  // of RunMapProduct
  const std::atomic<bool>* stop;

  // Floats of `halves` for each row.
  static size_t RowFloats(size_t inner) {
    return inner % kPanelColumns == 0 ? kGateColumns : PaddedColumns(2 * inner);
  }

  // Parts of the work.
  size_t parts() const {
    return inner % kPanelColumns == 0 ? (inner + kGateColumns - 1) / kGateColumns : 1;
  }

  void Run(size_t part, const MapProduct& rows, float* halves, std::byte* gated, MapElement element,
           size_t stride) const {
    if (inner % kPanelColumns != 0) return RunUneven(rows, halves, gated, element, stride);
    const size_t c = part * kGateColumns, columns = std::min(kGateColumns, inner - c);
    MapProduct p = rows;
    p.y = halves;
    p.y_element = kMapF32;
    p.y_stride = kGateColumns;
    RunMapProduct(kernels, linear, p, c, columns, scratch, stop);
    p.y = gated + c * ElementBytes(element);
    p.y_element = element;
    p.y_stride = stride;
    p.activation = kMatmulGeluErf;
    p.combine = kCombineMultiply;
    p.residual = halves;
    p.residual_element = kMapF32;
    p.residual_stride = kGateColumns;
    RunMapProduct(kernels, linear, p, inner + c, columns, scratch, stop);
  }

  // Where b begins within a panel.
  void RunUneven(const MapProduct& rows, float* halves, std::byte* gated, MapElement element,
                 size_t stride) const {
    const size_t width = PaddedColumns(2 * inner);
    MapProduct p = rows;
    p.y = halves;
    p.y_element = kMapF32;
    p.y_stride = width;
    RunMapProduct(kernels, linear, p, 0, width, scratch, stop);
    for (size_t r = 0; r < rows.rows; ++r) {
      float* a = halves + r * width;
      std::byte* to = gated + r * stride * ElementBytes(element);
      kernels.activate_f32(a + inner, inner, kMatmulGeluErf);
      for (size_t i = 0; i < stride; ++i)
        SetElement(to, element, i, i < inner ? a[i] * a[inner + i] : 0.0f);
    }
  }
};

}  // namespace

void ImageOps::GatedFeedForward(const FeatureMap& x, const LayerNorm& norm, const Linear& in,
                                const Linear& out, FeatureMap& y) {
  const size_t channels = in.weights().in_features, inner = out.weights().in_features;
  CHECK(in.weights().out_features == 2 * inner && channels <= x.channels);
  const MapElement first_operand = OperandOf(in), second_operand = OperandOf(out);
  const size_t rows = x.pixels(), block = BlockRows(rows, threads_.members());
  const size_t stride = PaddedColumns(channels), gated_stride = PaddedColumns(inner);
  const size_t row_bytes = Lines(block * stride * ElementBytes(first_operand));
  const size_t norm_bytes = Lines(TokenRowScratchBytes(channels));
  const size_t half_bytes = Lines(block * Gate::RowFloats(inner) * sizeof(float));
  const size_t gated_bytes = Lines(block * gated_stride * ElementBytes(second_operand));
  const size_t bytes =
      row_bytes + norm_bytes + half_bytes + gated_bytes +
      Lines(std::max(MapProductScratchBytes(kernels_, in), MapProductScratchBytes(kernels_, out)));
  const ArenaScope scope(arena_);
  std::byte* memory = TakeForEachThread(bytes);
  if (planning()) return;
  threads_.RunLong((rows + block - 1) / block, [&](size_t member, size_t task, TaskTurn& turn) {
    std::byte* own = memory + member * bytes;
    std::byte* halves = own + row_bytes + norm_bytes;
    std::byte* gated = halves + half_bytes;
    std::byte* scratch = gated + gated_bytes;
    const size_t first = task * block, count = std::min(block, rows - first);
    if (turn.at == 0) {
      ReadTokenRows(kernels_, x, first, count, channels, &norm, own + row_bytes,
                    {own, first_operand, stride});
    }
    const Gate gate = {kernels_, in, inner, scratch, threads_.stop()};
    const bool gated_all = RunParts(turn, /*begin=*/1, gate.parts(), gate.stop, [&](size_t part) {
      gate.Run(part, ProductOf(own, stride, channels, count), reinterpret_cast<float*>(halves),
               gated, second_operand, gated_stride);
    });
    if (!gated_all) return false;
    MapProduct p = ProductOf(gated, gated_stride, inner, count);
    SetOutput(p, y, first, 0, &x);
    return RunMapProduct(kernels_, out, p, 0, y.stride(), scratch, gate.stop, turn,
                         /*begin=*/1 + gate.parts());
  });
}

void ImageOps::Normalize(const FeatureMap& x, const LayerNorm& norm, FeatureMap& y) {
  const ArenaScope scope(arena_);
  const size_t bytes = TokenRowScratchBytes(x.channels);
  std::byte* scratch = TakeForEachThread(bytes);
  if (planning()) return;
  const size_t tasks = (x.pixels() + kMostRows - 1) / kMostRows;
  threads_.Run(tasks, [&](size_t member, size_t task) {
    const Part part = PartOf(x.pixels(), 1, tasks, task);
    const TokenRows rows = {ElementAt(y, part.first), ElementOf(y.type), y.stride()};
    ReadTokenRows(kernels_, x, part.first, part.size, x.channels, &norm, scratch + member * bytes,
                  rows);
    ZeroPadding(y, part.first, part.size);
  });
}

}  // namespace minnow
