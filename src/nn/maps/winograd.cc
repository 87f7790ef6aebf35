// SPDX-License-Identifier: Apache-2.0
#include "nn/maps/winograd.h"

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "nn/image_ops.h"
#include "nn/int8_packing.h"
#include "nn/maps/map_elements.h"
#include "nn/weight_packing.h"

namespace minnow {
namespace {

constexpr size_t kTaps = 9;
constexpr size_t kSide = 4;  // of a tile of positions
// Elements at a time: panels hold whole multiples for every channel count that is padded.
constexpr size_t kChunk = 64;
static_assert(kPanelColumns * RoundUpChannels(1) % kChunk == 0);

// What the four positions of a line take from its three taps.
void Spread(const float* a, const float* b, const float* c, float out[kSide][kChunk]) {
  for (size_t i = 0; i < kChunk; ++i) {
    const float ends = 0.5f * (a[i] + c[i]), middle = 0.5f * b[i];
    out[0][i] = a[i];
    out[1][i] = ends + middle;
    out[2][i] = ends - middle;
    out[3][i] = c[i];
  }
}

// Of one panel. taps: [9][count]; out: position p's panel is at p * stride.
template <class Element>
void TransformPanel(const Element* taps, size_t count, Element* out, size_t stride) {
  constexpr MapElement kElement = sizeof(Element) == sizeof(float) ? kMapF32 : kMapBf16;
  float t[3][kChunk], columns[3][kSide][kChunk], line[kSide][kChunk];
  for (size_t at = 0; at < count; at += kChunk) {
    for (size_t x = 0; x < 3; ++x) {
      for (size_t y = 0; y < 3; ++y) {
        const Element* from = taps + (3 * y + x) * count + at;
        for (size_t i = 0; i < kChunk; ++i) t[y][i] = GetElement(from, kElement, i);
      }
      Spread(t[0], t[1], t[2], columns[x]);
    }
    for (size_t y = 0; y < kSide; ++y) {
      Spread(columns[0][y], columns[1][y], columns[2][y], line);
      for (size_t x = 0; x < kSide; ++x) {
        Element* to = out + (kSide * y + x) * stride + at;
        for (size_t i = 0; i < kChunk; ++i) SetElement(to, kElement, i, line[x][i]);
      }
    }
  }
}

template <class Element>
void Transform(const Element* weight, size_t count, size_t panels, Element* out) {
  for (size_t panel = 0; panel < panels; ++panel)
    TransformPanel(weight + panel * kTaps * count, count, out + panel * count, panels * count);
}

// Rows of [columns][3][3][channels] numbers as int8 weights hold them, taps outside.
void ReadInt8Panel(const LinearWeights& direct, size_t panel, size_t channels, float* taps) {
  const size_t words = kTaps * channels / 4;
  const int8_t* from =
      static_cast<const int8_t*>(direct.weight) + panel * words * 4 * kPanelColumns;
  for (size_t n = 0; n < kPanelColumns; ++n) {
    const float scale = direct.scale[panel * kPanelColumns + n];
    for (size_t k = 0; k < kTaps * channels; ++k) {
      const int8_t q = from[(k / 4 * kPanelColumns + n) * 4 + k % 4];
      taps[(k / channels * kPanelColumns + n) * channels + k % channels] =
          scale * static_cast<float>(q);
    }
  }
}

// From and to floats in the order of TransformPanel, whatever a panel's is.
void TransformInt8(const LinearWeights& direct, size_t channels, size_t out_channels,
                   std::byte* out) {
  const size_t count = channels * kPanelColumns, columns = PaddedColumns(out_channels);
  const size_t position_bytes = WinogradPositionBytes(Dtype::kInt8, channels, out_channels);
  const size_t weight_bytes = PackedWeightBytes(Dtype::kInt8, channels, out_channels);
  std::vector<float> taps(kTaps * count), rows(kMapWinogradPositions * count);
  for (size_t first = 0; first < out_channels; first += kPanelColumns) {
    ReadInt8Panel(direct, first / kPanelColumns, channels, taps.data());
    TransformPanel(taps.data(), count, rows.data(), count);
    for (size_t p = 0; p < kMapWinogradPositions; ++p) {
      std::byte* position = out + p * position_bytes;
      float* scale = reinterpret_cast<float*>(position + weight_bytes);
      PackInt8(rows.data() + p * count, std::min<size_t>(kPanelColumns, out_channels - first),
               channels, {.search = false},
               {reinterpret_cast<int8_t*>(position + first * channels), scale + first,
                scale + columns + first});
    }
  }
}

}  // namespace

size_t WinogradPositionBytes(Dtype dtype, size_t in_channels, size_t out_channels) {
  const size_t scales = dtype == Dtype::kInt8 ? 2 * PaddedColumns(out_channels) : 0;
  return PackedWeightBytes(dtype, RoundUpChannels(in_channels), out_channels) +
         scales * sizeof(float);
}

size_t WinogradWeightBytes(Dtype dtype, size_t in_channels, size_t out_channels) {
  return kMapWinogradPositions * WinogradPositionBytes(dtype, in_channels, out_channels);
}

// Panels of the direct form hold tap after tap, each in the order of a position's panel.
void PackWinograd(const LinearWeights& direct, size_t in_channels, size_t out_channels,
                  std::byte* out) {
  const void* weight = direct.weight;
  const size_t count = RoundUpChannels(in_channels) * kPanelColumns;
  const size_t panels = PaddedColumns(out_channels) / kPanelColumns;
  if (direct.dtype == Dtype::kInt8)
    return TransformInt8(direct, RoundUpChannels(in_channels), out_channels, out);
  if (direct.dtype == Dtype::kF32) {
    Transform(static_cast<const float*>(weight), count, panels, reinterpret_cast<float*>(out));
    return;
  }
  CHECK(direct.dtype == Dtype::kBF16);
  Transform(static_cast<const uint16_t*>(weight), count, panels, reinterpret_cast<uint16_t*>(out));
}

}  // namespace minnow
