// SPDX-License-Identifier: Apache-2.0
#include "nn/maps/map_product.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"
#include "nn/maps/map_elements.h"
#include "nn/weight_packing.h"

namespace minnow {
namespace {

// A product is asked whether to stop after about so many operations: some ms.
constexpr size_t kOperationsOfACall = size_t{1} << 30;
constexpr size_t kColumnUnit = 48;  // whole tiles of every instruction set

}  // namespace

const MapInt8Kernels& MapInt8For(const Kernels& kernels, const Linear& linear) {
  const bool light = linear.weights().int16_safe && kernels.int8_light != nullptr;
  return light ? *kernels.int8_light->map_int8 : *kernels.int8->map_int8;
}

void RunMapProduct(const Kernels& kernels, const Linear& linear, MapProduct args, size_t first,
                   size_t columns, const std::atomic<bool>* stop) {
  const LinearWeights& w = linear.weights();
  CHECK(first % kPanelColumns == 0 && columns % kPanelColumns == 0);
  CHECK(first + columns <= PaddedColumns(w.out_features));
  CHECK(args.segments * args.inner == w.in_features);
  const auto product = IsInt8(linear)            ? MapInt8For(kernels, linear).product
                       : w.dtype == Dtype::kBF16 ? kernels.bf16->map->product
                                                 : kernels.map_f32->product;
  const size_t panel_bytes = PackedWeightBytes(w.dtype, w.in_features, kPanelColumns);
  const size_t column_operations = 2 * args.lines * args.rows * w.in_features;
  const size_t group =
      std::max<size_t>(1,
                       kOperationsOfACall / std::max<size_t>(1, kColumnUnit * column_operations)) *
      kColumnUnit;
  const MapProduct all = args;
  for (size_t c = 0; c < columns && !IsSet(stop); c += group) {
    const size_t column = first + c;
    args.w = static_cast<const std::byte*>(w.weight) + column / kPanelColumns * panel_bytes;
    if (IsInt8(linear)) args.w_scale = w.scale + column, args.w_sum = w.sum + column;
    args.bias = w.bias + column;
    args.more = all.more != nullptr ? all.more + c : nullptr;
    args.columns = std::min(group, columns - c);
    args.y = static_cast<std::byte*>(all.y) + c * ElementBytes(all.y_element);
    if (all.combine != kCombineNone)
      args.residual =
          static_cast<const std::byte*>(all.residual) + c * ElementBytes(all.residual_element);
    product(&args);
  }
}

size_t ColumnSplits(size_t blocks, size_t threads, size_t columns) {
  constexpr size_t kManyBlocks = 4;  // for each thread: what is left over at the end weighs little
  if (blocks == 0 || blocks % threads == 0 || blocks >= kManyBlocks * threads) return 1;
  return std::clamp<size_t>(threads / std::gcd(blocks, threads), 1,
                            (columns + kColumnUnit - 1) / kColumnUnit);
}

Part PartOf(size_t size, size_t unit, size_t count, size_t index) {
  const size_t units = (size + unit - 1) / unit;
  const size_t first = std::min(size, units * index / count * unit);
  return {first, std::min(size, units * (index + 1) / count * unit) - first};
}

}  // namespace minnow
