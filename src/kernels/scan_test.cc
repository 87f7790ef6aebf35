// SPDX-License-Identifier: Apache-2.0
// The vector search's kernels of every table that this machine can run: the bits of the scalar
// ones.
#include "kernels/scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/dispatch.h"

namespace minnow {
namespace {

const size_t kDimensions[] = {64, 96, 128, 160, 256, 384, 512, 768, 1024, 1056, 4096};

std::vector<float> RandomFloats(size_t n, unsigned seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(n);
  for (float& v : values) v = normal(generator);
  return values;
}

std::vector<uint32_t> Bits(const std::vector<float>& values) {
  std::vector<uint32_t> bits(values.size());
  std::memcpy(bits.data(), values.data(), values.size() * sizeof(float));
  return bits;
}

float Dot(const ScanKernels& kernels, const float* a, const float* b, size_t n) {
  float dot = NAN;
  const ScanFloatDots args = {a, b, 0, 1, n, &dot};
  kernels.dot_f32(&args);
  return dot;
}

class ScanTest : public testing::TestWithParam<const Kernels*> {
 protected:
  const ScanKernels& kernels() const { return *GetParam()->scan; }
  static const ScanKernels& reference() { return *AvailableKernels().front()->scan; }
};

TEST_P(ScanTest, RotateIsOrthonormal) {
  for (const size_t n : kDimensions) {
    std::vector<uint32_t> flips(kScanRotationRounds * n);
    std::mt19937 generator(static_cast<unsigned>(n));
    for (uint32_t& flip : flips) flip = generator() & 0x80000000u;
    const size_t power = std::bit_floor(n);
    const ScanRotation rotation = {flips.data(), n, power, 1 / std::sqrt(static_cast<float>(power)),
                                   std::sqrt(0.5f)};
    std::vector<float> a = RandomFloats(n, 1), expected = a;
    const float square = Dot(reference(), a.data(), a.data(), n);
    kernels().rotate(&rotation, a.data());
    reference().rotate(&rotation, expected.data());
    EXPECT_EQ(Bits(a), Bits(expected)) << n;
    EXPECT_NEAR(Dot(reference(), a.data(), a.data(), n) / square, 1, 1e-5) << n;
  }
}

TEST_P(ScanTest, Encode) {
  for (const size_t n : kDimensions) {
    const std::vector<float> row = RandomFloats(n, 2), centre = RandomFloats(n, 3);
    const auto run = [&](const ScanKernels& k, std::vector<uint8_t>* signs) {
      std::vector<float> sums(4);
      signs->assign(n / 8, 0xcc);
      const ScanEncode encode = {row.data(), centre.data(), n, signs->data(), sums.data()};
      k.encode(&encode);
      return sums;
    };
    std::vector<uint8_t> signs, expected_signs;
    const auto sums = run(kernels(), &signs), expected = run(reference(), &expected_signs);
    EXPECT_EQ(signs, expected_signs) << n;
    EXPECT_EQ(Bits(sums), Bits(expected)) << n;
    double signed_sum = 0;
    for (size_t i = 0; i < n; ++i) {
      EXPECT_EQ((signs[i / 8] >> i % 8 & 1) != 0, row[i] >= centre[i]) << i;
      signed_sum += row[i] >= centre[i] ? centre[i] : -centre[i];
    }
    EXPECT_NEAR(sums[3], signed_sum, 1e-5 * static_cast<double>(n));
  }
}

TEST_P(ScanTest, Quantize) {
  for (const size_t n : kDimensions) {
    for (const float scale : {1.0f, 1e-20f, 1e-31f, 0.0f, 1e14f}) {
      std::vector<float> row = RandomFloats(n, 4);
      for (float& v : row) v *= scale;
      std::vector<int8_t> out(n, 1), expected(n, 1);
      float step = -1, expected_step = -1;
      const float rest = kernels().quantize(row.data(), n, out.data(), &step);
      const float expected_rest =
          reference().quantize(row.data(), n, expected.data(), &expected_step);
      EXPECT_EQ(out, expected) << n << ", " << scale;
      EXPECT_EQ(Bits({rest, step}), Bits({expected_rest, expected_step})) << n << ", " << scale;
      if (scale == 1) {
        EXPECT_LE(rest, 0.26f * step * step * static_cast<float>(n));
      }
    }
  }
}

// Tables of a query, as Scan reads them.
struct QueryTables {
  QueryTables(const ScanKernels& k, const std::vector<float>& query)
      : tables(query.size() * 4), factors(2) {
    const ScanTables args = {query.data(), query.size(), tables.data(), &factors[0], &factors[1]};
    k.tables(&args);
  }
  std::vector<uint8_t> tables;
  std::vector<float> factors;  // step, offset
};

TEST_P(ScanTest, Tables) {
  for (const size_t n : kDimensions) {
    for (const float scale : {1.0f, 1e-20f, 1e14f}) {
      std::vector<float> query = RandomFloats(n, 5);
      for (float& v : query) v *= scale;
      const QueryTables a(kernels(), query);
      const QueryTables b(reference(), query);
      EXPECT_EQ(a.tables, b.tables) << n;
      EXPECT_EQ(Bits(a.factors), Bits(b.factors)) << n;
      // Every entry is the sum that it stands for.
      const float step = a.factors[0], shift = a.factors[1] / static_cast<float>(n / 4);
      for (size_t e = 0; e < n * 4; ++e) {
        float sum = 0;
        for (size_t i = 0; i < 4; ++i) {
          const float q = query[e / 16 * 4 + i];
          sum += (e >> i & 1) != 0 ? q : -q;
        }
        EXPECT_LE(a.tables[e], kScanTableMost);
        EXPECT_NEAR(step * static_cast<float>(a.tables[e]) + shift, sum, step * 0.52f);
      }
    }
    const std::vector<float> zero(n);
    EXPECT_EQ(QueryTables(kernels(), zero).tables, QueryTables(reference(), zero).tables);
  }
}

TEST_P(ScanTest, ScanFindsTheSameRows) {
  std::mt19937 generator(7);
  for (const size_t n : kDimensions) {
    constexpr size_t kBlocks = 7;
    const size_t block_bytes = MINNOW_SCAN_BLOCK_BYTES(n);
    std::vector<uint8_t> blocks(kBlocks * block_bytes);
    for (uint8_t& byte : blocks) byte = static_cast<uint8_t>(generator());
    const std::vector<float> factors = RandomFloats(kBlocks * 2 * kScanBlockRows, 8);
    for (size_t b = 0; b < kBlocks; ++b) {
      std::memcpy(&blocks[b * block_bytes + n * 4], &factors[b * 2 * kScanBlockRows],
                  2 * kScanBlockRows * sizeof(float));
    }
    // A factor that is not a number is a bound below nothing.
    const float nan = NAN;
    std::memcpy(&blocks[2 * block_bytes + n * 4 + 5 * sizeof nan], &nan, sizeof nan);
    std::vector<uint32_t> allowed(kBlocks, UINT32_MAX);
    allowed[1] = 0;
    allowed[3] = 0x80000001;
    allowed[4] = 0x0f0ff0f0;
    const std::vector<float> query = RandomFloats(n, 9);
    const QueryTables tables(reference(), query);
    for (const float threshold : {-HUGE_VALF, -20.0f, 0.0f, 10.0f, 60.0f, HUGE_VALF}) {
      const auto run = [&](const ScanKernels& k, std::vector<float>* bounds) {
        std::vector<uint32_t> survivors(kBlocks * kScanBlockRows);
        bounds->resize(survivors.size());
        const ScanList scan = {blocks.data(),
                               kBlocks,
                               n,
                               tables.tables.data(),
                               allowed.data(),
                               tables.factors[0],
                               tables.factors[1],
                               0.3f,
                               0.1f,
                               threshold,
                               blocks.data(),
                               survivors.data(),
                               bounds->data()};
        survivors.resize(k.scan(&scan));
        bounds->resize(survivors.size());
        return survivors;
      };
      std::vector<float> bounds, expected_bounds;
      const auto survivors = run(kernels(), &bounds), expected = run(reference(), &expected_bounds);
      EXPECT_EQ(survivors, expected) << n << ", " << threshold;
      EXPECT_EQ(Bits(bounds), Bits(expected_bounds)) << n << ", " << threshold;
      EXPECT_NE(std::find(survivors.begin(), survivors.end(), 2 * 32 + 5), survivors.end());
      if (threshold == -HUGE_VALF) {
        EXPECT_EQ(survivors.size(), 4 * 32 + 2 + 16u);
      }
    }
  }
}

TEST_P(ScanTest, DotI8IsExact) {
  std::mt19937 generator(10);
  for (const size_t n : kDimensions) {
    constexpr size_t kRows = 9;
    std::vector<int8_t> rows(kRows * n);
    for (int8_t& v : rows) v = static_cast<int8_t>(static_cast<int>(generator() % 255) - 127);
    std::vector<int16_t> query(n);
    for (int16_t& v : query) v = static_cast<int16_t>(static_cast<int>(generator() % 8191) - 4095);
    // The largest sum that there can be.
    std::fill(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(n), int8_t{-127});
    std::vector<int16_t> most(n, -4095);
    const std::vector<uint32_t> slots = {8, 0, 3, 3, 7, 1, 2};
    for (const auto* q : {&query, &most}) {
      for (const uint32_t* chosen : {slots.data(), static_cast<const uint32_t*>(nullptr)}) {
        const size_t count = chosen != nullptr ? slots.size() : kRows;
        std::vector<int32_t> dots(count), expected(count);
        const ScanDots a = {q->data(), rows.data(), chosen, count, n, dots.data()};
        const ScanDots b = {q->data(), rows.data(), chosen, count, n, expected.data()};
        kernels().dot_i8(&a);
        reference().dot_i8(&b);
        EXPECT_EQ(dots, expected) << n;
      }
    }
  }
}

TEST_P(ScanTest, DotF32OfAnyLengthAndNumber) {
  const std::vector<float> a = RandomFloats(1100, 11), b = RandomFloats(1100, 12);
  std::vector<size_t> lengths = {384, 1000};
  for (size_t n = 0; n < 70; ++n) lengths.push_back(n);
  for (const size_t n : lengths) {
    for (size_t count = 0; count < 10; ++count) {
      std::vector<float> dots(count, NAN), expected(count, NAN);
      const ScanFloatDots args = {a.data() + 1, b.data() + 3, 7, count, n, dots.data()};
      ScanFloatDots same = args;
      same.dots = expected.data();
      kernels().dot_f32(&args);
      reference().dot_f32(&same);
      EXPECT_EQ(Bits(dots), Bits(expected)) << n;
      for (size_t i = 0; i < count; ++i)
        EXPECT_EQ(dots[i], Dot(reference(), a.data() + 1, b.data() + 3 + 7 * i, n)) << n;
    }
  }
}

std::string Name(const testing::TestParamInfo<const Kernels*>& info) { return info.param->name; }
INSTANTIATE_TEST_SUITE_P(Tables, ScanTest, testing::ValuesIn(AvailableKernels()), Name);

}  // namespace
}  // namespace minnow
