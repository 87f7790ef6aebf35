// SPDX-License-Identifier: Apache-2.0
#include "nn/maps/convolution_block.h"

#include <algorithm>
#include <cstring>

#include "base/round_up.h"
#include "nn/maps/map_elements.h"

namespace minnow {
namespace {

// Pixels of a block: its weights are read once for all of them, and it stays in the second-level
// cache or near it. A block is no wider than this, so that its border is small beside it.
constexpr size_t kBlockPixels = 1024;
constexpr size_t kBlockWidth = 64;
constexpr size_t kTileRows = 8;
// Of Winograd's form, what all positions of a block take stays near the second-level cache.
constexpr size_t kWinogradElements = size_t{5} << 18;
constexpr size_t kFewestWinogradPixels = 256;

size_t RowUnit(const ConvolutionGeometry& geometry) { return geometry.winograd ? 2 : 1; }

size_t BlockPixels(const ConvolutionGeometry& geometry) {
  if (!geometry.winograd) return kBlockPixels;
  constexpr size_t kElementsOfAPixel = kMapWinogradPositions / 4;
  return std::clamp(kWinogradElements / kElementsOfAPixel / geometry.padded, kFewestWinogradPixels,
                    kBlockPixels);
}

// The largest of the parts that PartOf gives.
size_t MostOf(size_t size, size_t unit, size_t count) {
  size_t most = 0;
  for (size_t i = 0; i < count; ++i) most = std::max(most, PartOf(size, unit, count, i).size);
  return most;
}

}  // namespace

ConvolutionGeometry::ConvolutionGeometry(const ConvolutionInput& x, const Convolution& convolution,
                                         const FeatureMap& y)
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
      resized(height != old_height || width != old_width),
      winograd(convolution.winograd != nullptr) {
  if (kernel == 1 && stride == 1 && !resized) {  // then an image is one line
    old_width *= old_height, width *= height, out_width *= out_height;
    old_height = height = out_height = 1;
  }
  const size_t widest = kernel == 1 ? kBlockPixels : kBlockWidth;
  blocks_x = (out_width + widest - 1) / widest;
  block_width = MostOf(out_width, kTileRows, blocks_x);
  const size_t highest = std::max<size_t>(1, BlockPixels(*this) / std::max<size_t>(1, block_width));
  blocks_y = (out_height + highest - 1) / highest;
  block_height = MostOf(out_height, RowUnit(*this), blocks_y);
  if (winograd) block_width = RoundUp(block_width, 2), block_height = RoundUp(block_height, 2);
  in_width = (block_width - 1) * stride + kernel;
  in_height = (block_height - 1) * stride + kernel;
}

ConvolutionBlock BlockAt(const ConvolutionGeometry& g, size_t index) {
  const size_t in_image = index % (g.blocks_x * g.blocks_y);
  return {index / (g.blocks_x * g.blocks_y),
          PartOf(g.out_height, RowUnit(g), g.blocks_y, in_image / g.blocks_x),
          PartOf(g.out_width, kTileRows, g.blocks_x, in_image % g.blocks_x)};
}

BlockLines::BlockLines(const ConvolutionGeometry& geometry, const ConvolutionBlock& block,
                       uint32_t* from)
    : g_(geometry), block_(block), from_(geometry.resized ? from : nullptr) {
  const size_t unit = RowUnit(g_), at = block.columns.first * g_.stride;
  count_ = (RoundUp(block.rows.size, unit) - 1) * g_.stride + g_.kernel;
  end_ = (RoundUp(block.columns.size, unit) - 1) * g_.stride + g_.kernel;
  left_ = at < g_.before ? g_.before - at : 0;
  right_ = std::max(left_, std::min(end_, g_.width + g_.before - at));
  for (size_t c = left_; g_.resized && c < right_; ++c)
    from[c - left_] = static_cast<uint32_t>((at + c - g_.before) * g_.old_width / g_.width);
}

BlockLine BlockLines::At(size_t index) const {
  const size_t line = block_.rows.first * g_.stride + index - g_.before;  // below 0 wraps around
  const bool inside = line < g_.height;
  const size_t begin =
      inside ? (block_.image * g_.old_height + line * g_.old_height / g_.height) * g_.old_width : 0;
  const size_t column = g_.resized ? 0 : block_.columns.first * g_.stride + left_ - g_.before;
  return {inside, left_, right_, begin + column, from_};
}

void BlockReader::Read(const ConvolutionBlock& block, std::byte* memory) const {
  const BlockLines lines(g_, block, reinterpret_cast<uint32_t*>(memory + block_bytes()));
  const size_t pixel_bytes = g_.padded * ElementBytes(operand_);
  const size_t used_bytes = lines.end() * pixel_bytes;
  for (size_t r = 0; r < lines.count(); ++r) {
    const BlockLine line = lines.At(r);
    std::byte* row = memory + r * g_.in_width * pixel_bytes;
    if (!line.inside || g_.padded != g_.channels) std::memset(row, 0, used_bytes);
    if (!line.inside) continue;
    std::memset(row, 0, line.left * pixel_bytes);
    std::memset(row + line.right * pixel_bytes, 0, used_bytes - line.right * pixel_bytes);
    std::byte* to = row + line.left * pixel_bytes;
    Convert(*x_.first, 0, block.image, line, to);
    if (x_.second != nullptr) Convert(*x_.second, x_.first->channels, block.image, line, to);
  }
}

void SetBlockInput(const ConvolutionGeometry& g, const std::byte* block, MapProduct& p) {
  p.x = block;
  p.x_stride = g.stride * g.padded;
  p.line_stride = g.stride * g.in_width * g.padded;
  p.segments = g.kernel;
  p.segment_stride = g.in_width * g.padded;
  p.inner = g.kernel * g.padded;
}

size_t BlockReader::block_bytes() const {
  return CacheLines(g_.in_height * g_.in_width * g_.padded * ElementBytes(operand_));
}

void BlockReader::Convert(const FeatureMap& map, size_t channel, size_t image, const BlockLine& l,
                          std::byte* to) const {
  const bool norm = x_.norm != nullptr;
  const size_t line = image * g_.channels + channel;
  const MapAffine args = {.x = ElementAt(map, l.first),
                          .x_element = ElementOf(map.type),
                          .x_stride = map.stride(),
                          .from = l.from,
                          .scale = norm ? lines_.scale + line : nullptr,
                          .shift = norm ? lines_.shift + line : nullptr,
                          .activation = KernelActivation(x_.activation),
                          .y = to + channel * ElementBytes(operand_),
                          .y_element = operand_,
                          .y_stride = g_.padded,
                          .rows = l.right - l.left,
                          .channels = map.channels};
  kernels_.map_elements->affine(&args);
}

MapProduct OutputOf(const ConvolutionGeometry& g, const ConvolutionBlock& block,
                    const ConvolutionOutput& then, FeatureMap& y, size_t first) {
  const size_t pixel =
      (block.image * g.out_height + block.rows.first) * g.out_width + block.columns.first;
  const FeatureMap* residual = then.residual;
  MapProduct p = {};
  p.lines = block.rows.size;
  p.rows = block.columns.size;
  p.activation = KernelActivation(then.activation);
  p.combine = residual == nullptr           ? kCombineNone
              : p.activation == kMatmulNone ? kCombineAdd
                                            : kCombineAddBeforeActivation;
  if (residual != nullptr) {
    p.residual = ElementAt(*residual, pixel, first);
    p.residual_element = ElementOf(residual->type);
    p.residual_stride = residual->stride();
    p.residual_line_stride = g.out_width * residual->stride();
  }
  p.more = then.per_image != nullptr ? then.per_image + block.image * y.stride() + first : nullptr;
  p.y = ElementAt(y, pixel, first);
  p.y_element = ElementOf(y.type);
  p.y_stride = y.stride();
  p.y_line_stride = g.out_width * y.stride();
  return p;
}

}  // namespace minnow
