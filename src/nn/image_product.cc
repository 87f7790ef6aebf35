// SPDX-License-Identifier: Apache-2.0
// Products for each pixel or token, by blocks of rows that one thread takes through all steps.
#include <algorithm>

#include "base/check.h"
#include "base/round_up.h"
#include "nn/image_ops.h"
#include "nn/maps/int8_rows.h"
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

// Rows [first, first + rows) of x, their first `channels`, as floats; norm may be null.
void ReadFloatRows(const Kernels& kernels, const FeatureMap& x, size_t first, size_t rows,
                   size_t channels, const LayerNorm* norm, float* y, size_t y_stride) {
  Convert(kernels, ElementAt(x, first), ElementOf(x.type), x.stride(),
          reinterpret_cast<std::byte*>(y), kMapF32, y_stride, rows, channels);
  if (norm == nullptr) return;
  const LayerNormF32 args = {.x = y,
                             .x_stride = y_stride,
                             .gamma = norm->gamma,
                             .beta = norm->beta,
                             .epsilon = norm->epsilon,
                             .y = y,
                             .y_stride = y_stride,
                             .rows = rows,
                             .channels = channels};
  kernels.layer_norm_f32(&args);
}

// The same to `out`. Where `channels` is odd, a zero follows. out may be x.
void ReadTokenRows(const Kernels& kernels, const FeatureMap& x, size_t first, size_t rows,
                   size_t channels, const LayerNorm* norm, std::byte* scratch,
                   const TokenRows& out) {
  const size_t row_bytes = out.stride * ElementBytes(out.element);
  for (size_t r = 0; r < rows; r += kRowsAtATime) {
    const size_t count = std::min(kRowsAtATime, rows - r);
    std::byte* to = out.data + r * row_bytes;
    if (norm == nullptr) {
      Convert(kernels, ElementAt(x, first + r), ElementOf(x.type), x.stride(), to, out.element,
              out.stride, count, channels);
    } else {
      const size_t stride = PaddedColumns(channels);
      ReadFloatRows(kernels, x, first + r, count, channels, norm, reinterpret_cast<float*>(scratch),
                    stride);
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

// Rows of a block; which rows share one changes no bit of them.
size_t BlockRows(size_t rows, size_t threads) {
  return std::clamp(RoundUp((rows + threads - 1) / threads, 8), kFewestRows, kMostRows);
}

// Brings rows of a map to a product, in memory of one thread.
class ProductRows {
 public:
  // in_place: the rows may be read where they lie, if they have the right elements.
  ProductRows(const Kernels& kernels, const Linear& linear, size_t rows, bool in_place)
      : kernels_(kernels),
        channels_(linear.weights().in_features),
        operand_(OperandOf(linear)),
        int8_(IsInt8(linear)),
        in_place_(in_place && !int8_),
        integers_(kernels, linear, rows),
        row_bytes_(CacheLines(rows * PaddedColumns(channels_) * ElementBytes(operand_))) {}

  size_t bytes() const {
    if (in_place_) return 0;
    return int8_ ? integers_.bytes() : row_bytes_ + CacheLines(TokenRowScratchBytes(channels_));
  }

  // Brings rows [first, first + rows) of x; norm may be null.
  void Read(const FeatureMap& x, const LayerNorm* norm, size_t first, size_t rows,
            std::byte* memory) const {
    if (in_place_) return;
    if (int8_) {
      integers_.Quantize(0, rows, memory, [&](size_t row, size_t count, float* floats) {
        ReadFloatRows(kernels_, x, first + row, count, channels_, norm, floats, integers_.stride());
      });
    } else {
      ReadTokenRows(kernels_, x, first, rows, channels_, norm, memory + row_bytes_,
                    {memory, operand_, PaddedColumns(channels_)});
    }
  }

  // The operand of their product.
  MapProduct Operand(const FeatureMap& x, size_t first, size_t rows,
                     const std::byte* memory) const {
    MapProduct p = {};
    p.lines = 1;
    p.rows = rows;
    p.segments = 1;
    p.inner = channels_;
    p.x = memory;
    p.x_stride = PaddedColumns(channels_);
    if (int8_) {
      integers_.SetInput(memory, p);
    } else if (in_place_) {
      p.x = ElementAt(x, first);
      p.x_stride = x.stride();
    }
    return p;
  }

 private:
  const Kernels& kernels_;
  const size_t channels_;
  const MapElement operand_;
  const bool int8_, in_place_;
  const Int8Rows integers_;
  const size_t row_bytes_;
};

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
  const bool in_place = norm == nullptr && ElementOf(x.type) == OperandOf(linear) &&
                        (inputs % 2 == 0 || inputs == x.channels);
  const size_t threads = threads_.members(), block = BlockRows(rows, threads);
  const ProductRows reader(kernels_, linear, block, in_place);
  const ArenaScope scope(arena_);
  std::byte* memory = TakeForEachThread(reader.bytes());
  if (planning()) return;
  const size_t blocks = (rows + block - 1) / block;
  const size_t splits = ColumnSplits(blocks, threads, y.stride());
  threads_.RunLong(blocks * splits, [&](size_t member, size_t task, TaskTurn& turn) {
    std::byte* own = memory + member * reader.bytes();
    const size_t first = task / splits * block, count = std::min(block, rows - first);
    const Part columns = PartOf(y.stride(), kPanelColumns, splits, task % splits);
    if (turn.at == 0) reader.Read(x, norm, first, count, own);
    MapProduct p = reader.Operand(x, first, count, own);
    p.activation = KernelActivation(activation);
    SetOutput(p, y, first, columns.first, residual);
    return RunMapProduct(kernels_, linear, p, columns.first, columns.size, threads_.stop(), turn,
                         /*begin=*/1);
  });
}

namespace {

// a gelu(b) of rows, where [a, b] = x W: to `gated`, rows of `stride` elements.
struct Gate {
  const Kernels& kernels;
  const Linear& linear;
  size_t inner;
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
    RunMapProduct(kernels, linear, p, c, columns, stop);
    p.y = gated + c * ElementBytes(element);
    p.y_element = element;
    p.y_stride = stride;
    p.activation = kMatmulGeluErf;
    p.combine = kCombineMultiply;
    p.residual = halves;
    p.residual_element = kMapF32;
    p.residual_stride = kGateColumns;
    RunMapProduct(kernels, linear, p, inner + c, columns, stop);
  }

  // Where b begins within a panel.
  void RunUneven(const MapProduct& rows, float* halves, std::byte* gated, MapElement element,
                 size_t stride) const {
    const size_t width = PaddedColumns(2 * inner);
    MapProduct p = rows;
    p.y = halves;
    p.y_element = kMapF32;
    p.y_stride = width;
    RunMapProduct(kernels, linear, p, 0, width, stop);
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
  const size_t rows = x.pixels(), block = BlockRows(rows, threads_.members());
  // Gated rows are written as the second product reads them, or for int8 as maps are.
  FeatureMap gated = {nullptr, type_, 1, 1, block, inner};
  if (!IsInt8(out)) gated.type = OperandOf(out) == kMapBf16 ? Dtype::kBF16 : Dtype::kF32;
  const ProductRows first_rows(kernels_, in, block, false), second_rows(kernels_, out, block, true);
  const size_t read_bytes = std::max(first_rows.bytes(), second_rows.bytes());
  const size_t half_bytes = CacheLines(block * Gate::RowFloats(inner) * sizeof(float));
  const size_t bytes = read_bytes + half_bytes + CacheLines(gated.bytes());
  const ArenaScope scope(arena_);
  std::byte* memory = TakeForEachThread(bytes);
  if (planning()) return;
  threads_.RunLong((rows + block - 1) / block, [&](size_t member, size_t task, TaskTurn& turn) {
    std::byte* own = memory + member * bytes;
    const size_t first = task * block, count = std::min(block, rows - first);
    FeatureMap mine = gated;
    mine.data = own + read_bytes + half_bytes;
    if (turn.at == 0) first_rows.Read(x, &norm, first, count, own);
    const Gate gate = {kernels_, in, inner, threads_.stop()};
    const size_t gated_at = 1 + gate.parts();
    const bool gated_all = RunParts(turn, /*begin=*/1, gate.parts(), gate.stop, [&](size_t part) {
      gate.Run(part, first_rows.Operand(x, first, count, own),
               reinterpret_cast<float*>(own + read_bytes), mine.data, ElementOf(mine.type),
               mine.stride());
    });
    if (!gated_all) return false;
    // Over the rows of the first product, which nothing reads any more.
    if (turn.at == gated_at) second_rows.Read(mine, nullptr, 0, count, own);
    MapProduct p = second_rows.Operand(mine, 0, count, own);
    SetOutput(p, y, first, 0, &x);
    return RunMapProduct(kernels_, out, p, 0, y.stride(), gate.stop, turn, gated_at + 1);
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
