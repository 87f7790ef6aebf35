// SPDX-License-Identifier: Apache-2.0
// The blocking of AMX products, over a model of the tile registers in plain C++: runs anywhere,
// and fails on what the processor would refuse.
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/kernels.h"

namespace minnow {
namespace {

// The state of one thread's tiles, as in the Intel 64 and IA-32 Architectures Software Developer's
// Manual, volume 1, "Programming with Intel AMX".
struct TileModel {
  struct Tile {
    size_t rows = 0, row_bytes = 0;
    uint8_t bytes[16][64] = {};
  };
  bool configured = false;
  size_t configurations = 0;
  Tile tiles[8];

  void Configure(const uint8_t* config) {
    EXPECT_EQ(config[0], 1) << "palette";
    for (size_t i : {1, 2, 8, 15, 32, 47, 56, 63}) EXPECT_EQ(config[i], 0) << "reserved byte " << i;
    for (size_t t = 0; t < 8; ++t) {
      tiles[t] = {};
      tiles[t].rows = config[48 + t];
      tiles[t].row_bytes = config[16 + 2 * t] + 256u * config[17 + 2 * t];
      EXPECT_TRUE(tiles[t].rows >= 1 && tiles[t].rows <= 16) << t;
      EXPECT_TRUE(tiles[t].row_bytes >= 1 && tiles[t].row_bytes <= 64) << t;
    }
    configured = true;
    ++configurations;
  }

  Tile& At(size_t t) {
    EXPECT_TRUE(configured);
    return tiles[t];
  }

  void Load(size_t t, const void* from, size_t stride) {
    Tile& tile = At(t);
    std::memset(tile.bytes, 0, sizeof tile.bytes);
    for (size_t r = 0; r < tile.rows; ++r)
      std::memcpy(tile.bytes[r], static_cast<const char*>(from) + r * stride, tile.row_bytes);
  }

  void Store(size_t t, void* to, size_t stride) {
    Tile& tile = At(t);
    for (size_t r = 0; r < tile.rows; ++r)
      std::memcpy(static_cast<char*>(to) + r * stride, tile.bytes[r], tile.row_bytes);
  }

  // c += a b; add(sum, a's word, b's word) is one word's part of one element.
  template <class Sum, class Add>
  void Dot(size_t c, size_t a, size_t b, const Add& add) {
    Tile &sums = At(c), &left = At(a), &right = At(b);
    EXPECT_EQ(sums.rows, left.rows);
    EXPECT_EQ(sums.row_bytes, right.row_bytes);
    EXPECT_EQ(left.row_bytes, right.rows * 4);
    for (size_t m = 0; m < sums.rows; ++m) {
      for (size_t n = 0; n < sums.row_bytes / 4; ++n) {
        Sum sum;
        std::memcpy(&sum, &sums.bytes[m][4 * n], 4);
        for (size_t k = 0; k < right.rows; ++k)
          sum = add(sum, &left.bytes[m][4 * k], &right.bytes[k][4 * n]);
        std::memcpy(&sums.bytes[m][4 * n], &sum, 4);
      }
    }
  }
};

TileModel g_tiles;

void DotInt8(size_t c, size_t a, size_t b) {
  g_tiles.Dot<int32_t>(c, a, b, [](int32_t sum, const uint8_t* x, const uint8_t* w) {
    for (size_t i = 0; i < 4; ++i) sum += x[i] * static_cast<int8_t>(w[i]);
    return sum;
  });
}

float Bf16(const uint8_t* p) {
  return std::bit_cast<float>(static_cast<uint32_t>(p[0]) << 16 | static_cast<uint32_t>(p[1])
                                                                      << 24);
}

void DotBf16(size_t c, size_t a, size_t b) {
  g_tiles.Dot<float>(c, a, b, [](float sum, const uint8_t* x, const uint8_t* w) {
    return sum + Bf16(x) * Bf16(w) + Bf16(x + 2) * Bf16(w + 2);
  });
}

#define _tile_loadconfig(p) g_tiles.Configure(reinterpret_cast<const uint8_t*>(p))
#define _tile_release() g_tiles.configured = false
#define _tile_zero(t) std::memset(g_tiles.At(t).bytes, 0, sizeof g_tiles.At(t).bytes)
#define _tile_loadd(t, p, stride) g_tiles.Load(t, p, stride)
#define _tile_stored(t, p, stride) g_tiles.Store(t, p, stride)

namespace int8 {
#define MINNOW_TILE_DOT(c, a, b) DotInt8(c, a, b)
#include "kernels/amx_body.h"
#undef MINNOW_TILE_DOT
}  // namespace int8

namespace bf16 {
#define MINNOW_TILE_DOT(c, a, b) DotBf16(c, a, b)
#include "kernels/amx_body.h"
#undef MINNOW_TILE_DOT
}  // namespace bf16

// One product over random words, small enough that every fp32 sum is exact.
struct Operands {
  Operands(size_t rows, size_t words, size_t panels, bool is_int8)
      : rows(rows),
        words(words),
        columns(panels * kPanelColumns),
        stride((words * 4 + 63) / 64 * 64),
        is_int8(is_int8),
        x(rows * stride),
        w(words * columns * 4) {
    std::mt19937 generator(static_cast<uint32_t>(rows * 1009 + words * 31 + panels));
    for (size_t r = 0; r < rows; ++r) {
      for (size_t i = 0; i < stride / 4; ++i) {
        // int8: whatever stands behind a row must not matter; bf16: zeros by contract.
        if (is_int8 || i < words) FillWord(&x[r * stride + i * 4], generator);
      }
    }
    for (size_t i = 0; i < w.size(); i += 4) FillWord(&w[i], generator);
  }

  template <class Generator>
  void FillWord(uint8_t* word, Generator& generator) const {
    if (is_int8) {
      for (size_t i = 0; i < 4; ++i) word[i] = static_cast<uint8_t>(generator());
      return;
    }
    for (size_t i = 0; i < 2; ++i) {
      const float value = static_cast<float>(generator() % 17) - 8.0f;
      const uint32_t bits = std::bit_cast<uint32_t>(value);
      word[2 * i] = static_cast<uint8_t>(bits >> 16);
      word[2 * i + 1] = static_cast<uint8_t>(bits >> 24);
    }
  }

  const uint8_t* WeightWord(size_t k, size_t n) const {
    return &w[(n / 16 * words * 16 + k * 16 + n % 16) * 4];
  }

  // The sum that belongs at row m, column n.
  int Expected(size_t m, size_t n) const {
    int sum = 0;
    for (size_t k = 0; k < words; ++k) {
      const uint8_t *left = &x[m * stride + k * 4], *right = WeightWord(k, n);
      for (size_t i = 0; i < 4 && is_int8; ++i) sum += left[i] * static_cast<int8_t>(right[i]);
      for (size_t i = 0; i < 4 && !is_int8; i += 2)
        sum += static_cast<int>(Bf16(left + i) * Bf16(right + i));
    }
    return sum;
  }

  size_t rows, words, columns, stride;
  bool is_int8;
  std::vector<uint8_t> x, w;
};

// Runs the product and compares every element, that each was finished exactly once, and that
// nothing stands written beside y.
void CheckProduct(size_t rows, size_t words, size_t panels, bool is_int8) {
  SCOPED_TRACE(testing::Message() << (is_int8 ? "int8 " : "bf16 ") << rows << " rows, " << words
                                  << " words, " << panels << " panels");
  const Operands o(rows, words, panels, is_int8);
  const size_t y_stride = o.columns + 5;
  std::vector<float> y(rows * y_stride, -1.5f);
  std::vector<int> finished(rows * o.columns);
  const auto finish = [&](size_t row, size_t count, size_t column, size_t columns) {
    for (size_t r = row; r < row + count; ++r) {
      for (size_t c = column; c < column + columns; ++c) {
        ++finished.at(r * o.columns + c);
        int got = 0;
        if (is_int8) {
          std::memcpy(&got, &y[r * y_stride + c], 4);
        } else {
          got = static_cast<int>(y[r * y_stride + c]);
        }
        EXPECT_EQ(got, o.Expected(r, c)) << r << ", " << c;
      }
    }
  };
  const char* x = reinterpret_cast<const char*>(o.x.data());
  const char* w = reinterpret_cast<const char*>(o.w.data());
  if (is_int8) {
    int8::AmxProduct({x, o.stride, w, words, y.data(), y_stride, rows, panels}, finish);
  } else {
    bf16::AmxProduct({x, o.stride, w, words, y.data(), y_stride, rows, panels}, finish);
  }
  EXPECT_FALSE(g_tiles.configured) << "the tiles were not released";
  for (int count : finished) EXPECT_EQ(count, 1);
  for (size_t r = 0; r < rows; ++r) {
    for (size_t c = o.columns; c < y_stride; ++c) EXPECT_EQ(y[r * y_stride + c], -1.5f);
  }
}

class AmxBlocking : public testing::TestWithParam<bool> {};

TEST_P(AmxBlocking, EveryNumberOfRows) {
  for (size_t rows = 1; rows <= 70; ++rows) CheckProduct(rows, 19, 3, GetParam());
}

TEST_P(AmxBlocking, EveryNumberOfPanels) {
  for (size_t panels = 1; panels <= 9; ++panels) {
    for (size_t rows : {3, 16, 20, 33}) CheckProduct(rows, 17, panels, GetParam());
  }
}

TEST_P(AmxBlocking, EveryRestOfK) {
  for (size_t words = 1; words <= 49; ++words) {
    for (size_t rows : {5, 16, 37}) CheckProduct(rows, words, 3, GetParam());
  }
}

std::string Name(const testing::TestParamInfo<bool>& info) { return info.param ? "int8" : "bf16"; }
INSTANTIATE_TEST_SUITE_P(Words, AmxBlocking, testing::Bool(), Name);

// Full pairs of row tiles share one configuration, the rest has another.
TEST(AmxConfiguration, OneForFullPairsOneForTheRest) {
  g_tiles.configurations = 0;
  CheckProduct(32 * 3 + 5, 16, 2, true);
  EXPECT_EQ(g_tiles.configurations, 2u);
}

// A model that accepts everything would prove nothing.
TEST(TileModelTest, RefusesWhatTheProcessorRefuses) {
  uint8_t config[64] = {1};
  for (int t = 0; t < 8; ++t) config[16 + 2 * t] = 64, config[48 + t] = 16;
  config[48] = 3;  // the accumulator's rows differ from its operand's
  g_tiles.Configure(config);
  EXPECT_NONFATAL_FAILURE(DotInt8(0, 4, 6), "sums.rows");
  g_tiles.configured = false;
}

}  // namespace
}  // namespace minnow
