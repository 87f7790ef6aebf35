// SPDX-License-Identifier: Apache-2.0
// Convolution as a product without a matrix of patches: a block of the image with its border is
// made once, normalised and activated, and the rows of the product overlap in it.
#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "nn/group_norm.h"
#include "nn/image_ops.h"
#include "nn/map_elements.h"
#include "nn/map_product.h"

namespace minnow {
namespace {

// Pixels of a block: its weights are read once for all of them, and it stays in the second-level
// cache or near it. A block is no wider than this, so that its border is small beside it.
constexpr size_t kBlockPixels = 1024;
constexpr size_t kBlockWidth = 64;
constexpr size_t kTileRows = 8;

// What a convolution reads and writes, in pixels; `height` and `width` are those after a resize.
struct Geometry {
  Geometry(const ConvolutionInput& x, const Convolution& convolution, const FeatureMap& y)
      : channels(x.first->channels + (x.second != nullptr ? x.second->channels : 0)),
        padded(RoundUpChannels(channels)),
        kernel(convolution.kernel),
        stride(convolution.stride),
        before(convolution.kernel == 3 && x.border == Border::kAll ? 1 : 0),
        old_height(x.first->height),
        old_width(x.first->width),
        height(x.height != 0 ? x.height : old_height),
        width(x.width != 0 ? x.width : old_width),
        out_height(y.height),
        out_width(y.width),
        resized(height != old_height || width != old_width) {
    if (kernel == 1 && stride == 1 && !resized) {  // then an image is one line
      old_width *= old_height, width *= height, out_width *= out_height;
      old_height = height = out_height = 1;
    }
    const size_t widest = kernel == 1 ? kBlockPixels : kBlockWidth;
    blocks_x = (out_width + widest - 1) / widest;
    block_width = MostOf(out_width, kTileRows, blocks_x);
    const size_t highest = std::max<size_t>(1, kBlockPixels / std::max<size_t>(1, block_width));
    blocks_y = (out_height + highest - 1) / highest;
    block_height = MostOf(out_height, 1, blocks_y);
    in_width = (block_width - 1) * stride + kernel;
    in_height = (block_height - 1) * stride + kernel;
  }

  // The largest of the parts that PartOf gives.
  static size_t MostOf(size_t size, size_t unit, size_t count) {
    size_t most = 0;
    for (size_t i = 0; i < count; ++i) most = std::max(most, PartOf(size, unit, count, i).size);
    return most;
  }

  size_t channels, padded, kernel, stride, before;
  size_t old_height, old_width, height, width, out_height, out_width;
  bool resized;
  size_t blocks_x, blocks_y;         // of an image
  size_t block_height, block_width;  // of the output, at most
  size_t in_height, in_width;        // of the bordered input of such a block
};

struct Block {
  size_t image;
  Part rows, columns;  // of the output
};

Block BlockAt(const Geometry& g, size_t index) {
  const size_t in_image = index % (g.blocks_x * g.blocks_y);
  return {index / (g.blocks_x * g.blocks_y),
          PartOf(g.out_height, 1, g.blocks_y, in_image / g.blocks_x),
          PartOf(g.out_width, kTileRows, g.blocks_x, in_image % g.blocks_x)};
}

// Makes the bordered input of blocks: [in_height][in_width][padded].
class BlockReader {
 public:
  BlockReader(const Kernels& kernels, const ConvolutionInput& x, const Geometry& geometry,
              const GroupNormLines& lines, MapElement operand)
      : kernels_(kernels), x_(x), g_(geometry), lines_(lines), operand_(operand) {}

  size_t bytes() const { return block_bytes() + g_.in_width * sizeof(uint32_t); }

  void Read(const Block& block, std::byte* memory) const {
    uint32_t* from = reinterpret_cast<uint32_t*>(memory + block_bytes());
    // Columns [left, right) of the block lie within the image.
    const size_t at = block.columns.first * g_.stride;
    const size_t left = at < g_.before ? g_.before - at : 0;
    const size_t end = (block.columns.size - 1) * g_.stride + g_.kernel;
    const size_t right = std::max(left, std::min(end, g_.width + g_.before - at));
    for (size_t c = left; g_.resized && c < right; ++c)
      from[c - left] = static_cast<uint32_t>((at + c - g_.before) * g_.old_width / g_.width);
    const size_t pixel_bytes = g_.padded * ElementBytes(operand_);
    const size_t row_bytes = g_.in_width * pixel_bytes, used_bytes = end * pixel_bytes;
    const size_t in_rows = (block.rows.size - 1) * g_.stride + g_.kernel;
    for (size_t r = 0; r < in_rows; ++r) {
      std::byte* row = memory + r * row_bytes;
      const size_t line = block.rows.first * g_.stride + r - g_.before;  // below 0 wraps around
      if (line >= g_.height || g_.padded != g_.channels) std::memset(row, 0, used_bytes);
      if (line >= g_.height) continue;
      std::memset(row, 0, left * pixel_bytes);
      std::memset(row + right * pixel_bytes, 0, used_bytes - right * pixel_bytes);
      const size_t first =
          (block.image * g_.old_height + line * g_.old_height / g_.height) * g_.old_width +
          (g_.resized ? 0 : at + left - g_.before);
      std::byte* to = row + left * pixel_bytes;
      Convert(*x_.first, 0, block.image, first, from, right - left, to);
      if (x_.second != nullptr)
        Convert(*x_.second, x_.first->channels, block.image, first, from, right - left, to);
    }
  }

 private:
  size_t block_bytes() const {
    return (g_.in_height * g_.in_width * g_.padded * ElementBytes(operand_) + 63) / 64 * 64;
  }

  // Pixels from `first` on of one of the maps, whose channels begin at `channel`.
  void Convert(const FeatureMap& map, size_t channel, size_t image, size_t first,
               const uint32_t* from, size_t pixels, std::byte* to) const {
    const bool norm = x_.norm != nullptr;
    const size_t line = image * g_.channels + channel;
    const MapAffine args = {.x = ElementAt(map, first),
                            .x_element = ElementOf(map.type),
                            .x_stride = map.stride(),
                            .from = g_.resized ? from : nullptr,
                            .scale = norm ? lines_.scale + line : nullptr,
                            .shift = norm ? lines_.shift + line : nullptr,
                            .activation = KernelActivationOf(x_.activation),
                            .y = to + channel * ElementBytes(operand_),
                            .y_element = operand_,
                            .y_stride = g_.padded,
                            .rows = pixels,
                            .channels = map.channels};
    kernels_.map_elements->affine(&args);
  }

  const Kernels& kernels_;
  const ConvolutionInput& x_;
  const Geometry& g_;
  const GroupNormLines& lines_;
  const MapElement operand_;
};

// A 1x1 convolution that can read the map as it lies.
bool ReadsInPlace(const ConvolutionInput& x, const Geometry& g, MapElement operand) {
  return g.kernel == 1 && g.stride == 1 && !g.resized && x.norm == nullptr && x.second == nullptr &&
         x.activation == Activation::kNone && ElementOf(x.first->type) == operand;
}

// Everything of a product but its weight and x.
MapProduct OutputOf(const Geometry& g, const Block& block, const ConvolutionOutput& then,
                    FeatureMap& y) {
  const size_t pixel =
      (block.image * g.out_height + block.rows.first) * g.out_width + block.columns.first;
  const FeatureMap* residual = then.residual;
  MapProduct p = {};
  p.lines = block.rows.size;
  p.rows = block.columns.size;
  p.activation = KernelActivationOf(then.activation);
  p.combine = residual == nullptr           ? kCombineNone
              : p.activation == kMatmulNone ? kCombineAdd
                                            : kCombineAddBeforeActivation;
  if (residual != nullptr) {
    p.residual = ElementAt(*residual, pixel);
    p.residual_element = ElementOf(residual->type);
    p.residual_stride = residual->stride();
    p.residual_line_stride = g.out_width * residual->stride();
  }
  p.more = then.per_image != nullptr ? then.per_image + block.image * y.stride() : nullptr;
  p.y = ElementAt(y, pixel);
  p.y_element = ElementOf(y.type);
  p.y_stride = y.stride();
  p.y_line_stride = g.out_width * y.stride();
  return p;
}

// Columns from `first` on.
void MoveColumns(MapProduct& p, size_t first) {
  if (p.more != nullptr) p.more += first;
  p.y = static_cast<std::byte*>(p.y) + first * ElementBytes(p.y_element);
  if (p.residual != nullptr)
    p.residual =
        static_cast<const std::byte*>(p.residual) + first * ElementBytes(p.residual_element);
}

}  // namespace

void ImageOps::Convolve(const ConvolutionInput& x, const Convolution& convolution,
                        const ConvolutionOutput& then, FeatureMap& y) {
  const Geometry g(x, convolution, y);
  CHECK(g.channels == convolution.in_channels && y.channels == convolution.out_channels);
  const ArenaScope scope(arena_);
  GroupNormLines lines;
  if (x.norm != nullptr) lines = MeasureGroupNorm(*this, pool_, stop_, *x.first, x.second, *x.norm);
  const MapElement operand = OperandOf(convolution.product);
  const BlockReader reader(kernels_, x, g, lines, operand);
  const bool in_place = ReadsInPlace(x, g, operand);
  const size_t block_bytes = in_place ? 0 : (reader.bytes() + 63) / 64 * 64;
  const size_t thread_bytes = block_bytes + MapProductScratchBytes(kernels_, convolution.product);
  std::byte* memory = TakeForEachThread((thread_bytes + 63) / 64 * 64);
  if (planning()) return;
  const size_t blocks = y.images * g.blocks_x * g.blocks_y;
  const size_t splits = ColumnSplits(blocks, MembersOf(pool_), y.stride());
  RunTasks(pool_, blocks * splits, stop_, [&](size_t member, size_t task) {
    std::byte* own = memory + member * ((thread_bytes + 63) / 64 * 64);
    const Block block = BlockAt(g, task / splits);
    MapProduct p = OutputOf(g, block, then, y);
    if (in_place) {
      p.x = ElementAt(*x.first, block.image * g.out_width + block.columns.first);
      p.x_stride = x.first->stride();
      p.segments = 1;
      p.inner = g.padded;
    } else {
      reader.Read(block, own);
      p.x = own;
      p.x_stride = g.stride * g.padded;
      p.line_stride = g.stride * g.in_width * g.padded;
      p.segments = g.kernel;
      p.segment_stride = g.in_width * g.padded;
      p.inner = g.kernel * g.padded;
    }
    const Part columns = PartOf(y.stride(), kPanelColumns, splits, task % splits);
    MoveColumns(p, columns.first);
    RunMapProduct(kernels_, convolution.product, p, columns.first, columns.size, own + block_bytes,
                  stop_);
  });
}

}  // namespace minnow
