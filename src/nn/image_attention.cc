// SPDX-License-Identifier: Apache-2.0
// Attention within each image, a block of queries of one head at a time.
#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/round_up.h"
#include "nn/image_ops.h"
#include "nn/maps/map_elements.h"
#include "nn/maps/map_product.h"

namespace minnow {
namespace {

constexpr size_t kQueryUnit = 16;  // queries come in panels

}  // namespace

void ImageOps::Attend(const Heads& q, const Heads& k, const Heads& v, size_t heads, bool causal,
                      FeatureMap& y) {
  const size_t size = y.channels / heads;
  const size_t queries = q.map->image_pixels(), keys = k.map->image_pixels();
  CHECK(size * heads == y.channels && v.map->image_pixels() == keys && keys > 0);
  CHECK(q.map->type == y.type && k.map->type == y.type && v.map->type == y.type);
  const MapKernels& kernels = y.type == Dtype::kBF16 ? *kernels_.bf16->map : *kernels_.map_f32;
  const size_t packed_bytes = CacheLines(kernels.attention_packed_bytes(keys, size));
  const size_t scratch_bytes = CacheLines(kernels.attention_scratch_bytes(size));
  const ArenaScope scope(arena_);
  std::byte* packed = arena_.Take(heads * packed_bytes);
  std::byte* scratch = TakeForEachThread(scratch_bytes);
  if (planning()) return;
  MapAttention all = {};
  all.q_stride = q.map->stride();
  all.k_stride = k.map->stride();
  all.v_stride = v.map->stride();
  all.y_stride = y.stride();
  all.length = keys;
  all.head_dim = size;
  all.scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(size)));
  all.causal = causal;
  const size_t blocks = (queries + kMapQueries - 1) / kMapQueries;
  for (size_t image = 0; image < y.images; ++image) {
    threads_.Run(heads, [&](size_t, size_t head) {
      MapAttention args = all;
      args.k = ElementAt(*k.map, image * keys, k.first_channel + head * size);
      args.v = ElementAt(*v.map, image * keys, v.first_channel + head * size);
      args.packed = packed + head * packed_bytes;
      kernels.pack_keys(&args);
    });
    threads_.Run(heads * blocks, [&](size_t member, size_t task) {
      const size_t head = task / blocks;
      const Part part = PartOf(queries, kQueryUnit, blocks, task % blocks);
      const size_t row = image * queries + part.first;
      MapAttention args = all;
      args.q = ElementAt(*q.map, row, q.first_channel + head * size);
      args.packed = packed + head * packed_bytes;
      args.scratch = scratch + member * scratch_bytes;
      args.y = ElementAt(y, row, head * size);
      args.first_query = part.first;
      args.queries = part.size;
      kernels.attend(&args);
    });
  }
  ZeroPadding(y, 0, y.pixels());
}

}  // namespace minnow
