// SPDX-License-Identifier: Apache-2.0
#include "nn/maps/map_product.h"

#include <algorithm>
#include <numeric>

#include "base/check.h"
#include "nn/maps/map_elements.h"
#include "nn/weight_packing.h"

namespace minnow {
namespace {

// A product is asked whether to stop after about so many operations: some ms; and whether its turn
// is over.
constexpr size_t kOperationsOfACall = size_t{1} << 30;
constexpr size_t kOperationsOfATurn = size_t{1} << 28;
constexpr size_t kColumnUnit = 48;  // whole tiles of every instruction set

// A product in parts of some columns with all rows, any of which may be the last of a turn.
class ProductParts {
 public:
  ProductParts(const Kernels& kernels, const Linear& linear, const MapProduct& args, size_t first,
               size_t columns, size_t operations)
      : kernels_(kernels), linear_(linear), all_(args), first_(first) {
    const LinearWeights& w = linear.weights();
    CHECK(first % kPanelColumns == 0 && columns % kPanelColumns == 0);
    CHECK(first + columns <= PaddedColumns(w.out_features));
    CHECK(args.segments * args.inner == w.in_features);
    CHECK(!IsInt8(linear) || w.int16_safe);  // as in every file that may hold a model of pictures
    all_.columns = columns;
    const size_t unit_operations = 2 * kColumnUnit * args.lines * args.rows * w.in_features;
    group_ = std::max<size_t>(1, operations / std::max<size_t>(1, unit_operations)) * kColumnUnit;
  }

  size_t count() const { return (all_.columns + group_ - 1) / group_; }

  void Run(size_t part) const {
    const LinearWeights& w = linear_.weights();
    const auto product = IsInt8(linear_)           ? MapInt8For(kernels_).product
                         : w.dtype == Dtype::kBF16 ? kernels_.bf16->map->product
                                                   : kernels_.map_f32->product;
    const size_t panel_bytes = PackedWeightBytes(w.dtype, w.in_features, kPanelColumns);
    const size_t c = part * group_, column = first_ + c;
    MapProduct args = all_;
    args.w = static_cast<const std::byte*>(w.weight) + column / kPanelColumns * panel_bytes;
    if (IsInt8(linear_)) args.w_scale = w.scale + column, args.w_sum = w.sum + column;
    args.bias = w.bias + column;
    args.more = all_.more != nullptr ? all_.more + c : nullptr;
    args.columns = std::min(group_, all_.columns - c);
    args.y = static_cast<std::byte*>(all_.y) + c * ElementBytes(all_.y_element);
    if (all_.combine != kCombineNone)
      args.residual =
          static_cast<const std::byte*>(all_.residual) + c * ElementBytes(all_.residual_element);
    product(&args);
  }

 private:
  const Kernels& kernels_;
  const Linear& linear_;
  MapProduct all_;
  const size_t first_;
  size_t group_ = 0;  // columns of a part
};

}  // namespace

const MapInt8Kernels& MapInt8For(const Kernels& kernels) {
  return kernels.int8_light != nullptr ? *kernels.int8_light->map_int8 : *kernels.int8->map_int8;
}

void RunMapProduct(const Kernels& kernels, const Linear& linear, const MapProduct& args,
                   size_t first, size_t columns, const std::atomic<bool>* stop) {
  const ProductParts parts(kernels, linear, args, first, columns, kOperationsOfACall);
  for (size_t part = 0; part < parts.count() && !IsSet(stop); ++part) parts.Run(part);
}

bool RunMapProduct(const Kernels& kernels, const Linear& linear, const MapProduct& args,
                   size_t first, size_t columns, const std::atomic<bool>* stop, TaskTurn& turn,
                   size_t begin) {
  const ProductParts parts(kernels, linear, args, first, columns,
                           turn.yields() ? kOperationsOfATurn : kOperationsOfACall);
  return RunParts(turn, begin, parts.count(), stop, [&](size_t part) { parts.Run(part); });
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
