// SPDX-License-Identifier: Apache-2.0
#include "models/vae/tiling.h"

#include <algorithm>
#include <vector>

#include "base/check.h"

namespace minnow {
namespace {

// An image of planes, or a part of one.
struct Planes {
  float* data = nullptr;
  size_t channels = 0;
  size_t height = 0;
  size_t width = 0;

  size_t values() const { return channels * height * width; }
  float* Row(size_t c, size_t y) const { return data + (c * height + y) * width; }
};

// Rows [0, extent) of y fade in over the last rows of the tile above.
void BlendRows(const Planes& above, size_t extent, const Planes& y) {
  extent = std::min({extent, above.height, y.height});
  for (size_t c = 0; c < y.channels; ++c) {
    for (size_t i = 0; i < extent; ++i) {
      const float part = static_cast<float>(i) / static_cast<float>(extent);
      const float* from = above.Row(c, above.height - extent + i);
      float* to = y.Row(c, i);
      for (size_t x = 0; x < y.width; ++x) to[x] = from[x] * (1.0f - part) + to[x] * part;
    }
  }
}

void BlendColumns(const Planes& left, size_t extent, const Planes& y) {
  extent = std::min({extent, left.width, y.width});
  for (size_t c = 0; c < y.channels; ++c) {
    for (size_t row = 0; row < y.height; ++row) {
      const float* from = left.Row(c, row) + left.width - extent;
      float* to = y.Row(c, row);
      for (size_t i = 0; i < extent; ++i) {
        const float part = static_cast<float>(i) / static_cast<float>(extent);
        to[i] = from[i] * (1.0f - part) + to[i] * part;
      }
    }
  }
}

// Copies a window of `from`, at (top, left) and of the size of `to`.
void CopyWindow(const Planes& from, size_t top, size_t left, const Planes& to) {
  for (size_t c = 0; c < to.channels; ++c) {
    for (size_t y = 0; y < to.height; ++y)
      std::copy_n(from.Row(c, top + y) + left, to.width, to.Row(c, y));
  }
}

void PasteWindow(const Planes& from, size_t top, size_t left, const Planes& to) {
  const size_t height = std::min(from.height, to.height - top);
  const size_t width = std::min(from.width, to.width - left);
  for (size_t c = 0; c < to.channels; ++c) {
    for (size_t y = 0; y < height; ++y)
      std::copy_n(from.Row(c, y), width, to.Row(c, top + y) + left);
  }
}

Planes Crop(const Planes& tile, size_t most, Arena& arena) {
  Planes crop = {nullptr, tile.channels, std::min(most, tile.height), std::min(most, tile.width)};
  crop.data = reinterpret_cast<float*>(arena.Take(crop.values() * sizeof(float)));
  return crop;
}

// One side of a VAE: `in` units of the input and `out` units of the output are the same length.
struct Scale {
  size_t in;
  size_t out;
};

Planes TakePlanes(Arena& arena, size_t channels, size_t height, size_t width) {
  Planes planes = {nullptr, channels, height, width};
  planes.data = reinterpret_cast<float*>(arena.Take(planes.values() * sizeof(float)));
  return planes;
}

// run: (const Planes& tile, const Planes& result). side: of a tile, in units of which an image has
// size / scale.
template <class Run>
void OverTiles(ImageOps& ops, const Planes& in, const Planes& out, const Scale& scale, size_t side,
               const Run& run) {
  const ArenaScope scope(ops.arena());
  const size_t step = side - side / 4, overlap = side / 4 * scale.out;
  const size_t height = in.height / scale.in, width = in.width / scale.in;
  const size_t columns = (width + step - 1) / step;
  const auto extent = [&](size_t at, size_t whole) { return std::min(side, whole - at); };
  const size_t most_height = extent(0, height), most_width = extent(0, width);
  // Of the row above, replaced from the left by those of this row.
  std::vector<Planes> results(columns);
  for (Planes& result : results)
    result = TakePlanes(ops.arena(), out.channels, most_height * scale.out, most_width * scale.out);
  Planes fresh = results.empty() ? Planes{} : Crop(results[0], SIZE_MAX, ops.arena());
  Planes window =
      TakePlanes(ops.arena(), in.channels, most_height * scale.in, most_width * scale.in);
  for (size_t top = 0; top < height && !ops.stopped(); top += step) {
    for (size_t column = 0; column < columns; ++column) {
      const size_t left = column * step;
      window.height = extent(top, height) * scale.in;
      window.width = extent(left, width) * scale.in;
      fresh.height = extent(top, height) * scale.out;
      fresh.width = extent(left, width) * scale.out;
      if (!ops.planning()) CopyWindow(in, top * scale.in, left * scale.in, window);
      run(window, fresh);
      if (ops.planning()) continue;
      if (top > 0) BlendRows(results[column], overlap, fresh);
      if (column > 0) BlendColumns(results[column - 1], overlap, fresh);
      std::swap(results[column], fresh);
      Planes kept = results[column];
      PasteWindow(kept, top * scale.out, left * scale.out, out);
    }
  }
}

}  // namespace

void DecodeTiled(const Vae& vae, ImageOps& ops, const float* latents, size_t images, size_t height,
                 size_t width, size_t tile, float* pixels) {
  CHECK(tile >= 4 && tile % 4 == 0);
  const VaeInfo& info = vae.info();
  for (size_t i = 0; i < images; ++i) {
    Planes in = {nullptr, info.latent_channels, height, width};
    Planes out = {nullptr, info.image_channels, height * info.factor, width * info.factor};
    if (!ops.planning()) {
      in.data = const_cast<float*>(latents) + i * in.values();  // only read
      out.data = pixels + i * out.values();
    }
    OverTiles(ops, in, out, {1, info.factor}, tile, [&](const Planes& from, const Planes& to) {
      vae.Decode(ops, from.data, 1, from.height, from.width, to.data);
    });
  }
}

void EncodeTiled(const Vae& vae, ImageOps& ops, const float* pixels, size_t images, size_t height,
                 size_t width, size_t tile, float* moments) {
  CHECK(tile >= 4 && tile % 4 == 0);
  const VaeInfo& info = vae.info();
  for (size_t i = 0; i < images; ++i) {
    Planes in = {nullptr, info.image_channels, height, width};
    Planes out = {nullptr, info.moment_channels(), height / info.factor, width / info.factor};
    if (!ops.planning()) {
      in.data = const_cast<float*>(pixels) + i * in.values();  // only read
      out.data = moments + i * out.values();
    }
    OverTiles(ops, in, out, {info.factor, 1}, tile, [&](const Planes& from, const Planes& to) {
      vae.Encode(ops, from.data, 1, from.height, from.width, to.data);
    });
  }
}

}  // namespace minnow
