// SPDX-License-Identifier: Apache-2.0
// Attention over cached keys and values in every table that this machine can run, against the
// scalar twin.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <vector>

#include "base/aligned_buffer.h"
#include "kernels/dispatch.h"
#include "kernels/kernels.h"

namespace minnow {
namespace {

struct Case {
  size_t length, heads, head_dim;
  bool slots = false, bias = false;
  float scale = 1.0f;
};

std::vector<float> RandomFloats(size_t n, unsigned seed, float scale) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.0f, scale);
  std::vector<float> values(n);
  for (float& v : values) v = normal(generator);
  return values;
}

// A query and a cache of more slots than keys, with heads further apart than they need be.
struct Cache {
  explicit Cache(const Case& c)
      : c(c),
        slots(2 * c.length + 3),
        head_stride(slots * c.head_dim + 5),
        bias_stride(c.length + 1),
        q(RandomFloats(c.heads * c.head_dim, 1, 2.0f)),
        keys(RandomFloats(c.heads * head_stride, 2, 2.0f)),
        values(RandomFloats(c.heads * head_stride, 3, 1.0f)),
        bias(RandomFloats(c.heads * bias_stride, 4, 3.0f)),
        slot(slots) {
    std::iota(slot.begin(), slot.end(), 0u);
    std::shuffle(slot.begin(), slot.end(), std::mt19937(5));
    slot.resize(c.length);
  }

  // The context of heads [first, last).
  std::vector<float> Run(const Kernels& kernels, size_t first, size_t last) const {
    AlignedBuffer<float> scores((c.length + 15) / 16 * 16);
    std::vector<float> context((last - first) * c.head_dim, NAN);
    const CachedAttentionF32 args = {.q = q.data() + first * c.head_dim,
                                     .keys = keys.data() + first * head_stride,
                                     .values = values.data() + first * head_stride,
                                     .head_stride = head_stride,
                                     .slots = c.slots ? slot.data() : nullptr,
                                     .length = c.length,
                                     .bias = c.bias ? bias.data() + first * bias_stride : nullptr,
                                     .bias_stride = bias_stride,
                                     .heads = last - first,
                                     .head_dim = c.head_dim,
                                     .scale = c.scale,
                                     .scores = scores.data(),
                                     .context = context.data()};
    kernels.cached_attention_f32(&args);
    return context;
  }
  std::vector<float> Run(const Kernels& kernels) const { return Run(kernels, 0, c.heads); }

  Case c;
  size_t slots, head_stride, bias_stride;
  std::vector<float> q, keys, values, bias;
  std::vector<uint32_t> slot;
};

double Distance(const std::vector<float>& a, const std::vector<float>& reference) {
  double most = a.size() == reference.size() ? 0 : HUGE_VAL;
  for (size_t i = 0; i < a.size() && i < reference.size(); ++i) {
    const double d = std::fabs(a[i] - reference[i]) / std::fmax(1.0, std::fabs(reference[i]));
    most = std::isnan(d) ? HUGE_VAL : std::fmax(most, d);
  }
  return most;
}

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

class CachedAttentionTest : public testing::TestWithParam<const Kernels*> {
 protected:
  const Kernels& kernels() const { return *GetParam(); }
  static const Kernels& reference() { return *AvailableKernels().front(); }
};

TEST_P(CachedAttentionTest, EqualsReference) {
  std::vector<Case> cases;
  for (size_t length = 1; length <= 50; ++length) cases.push_back({length, 2, 32});
  for (size_t head_dim : {1, 3, 4, 5, 8, 15, 16, 17, 31, 48, 64, 80, 100, 128, 144, 200})
    cases.push_back({21, 3, head_dim});
  for (size_t length : {512, 1000, 2049}) cases.push_back({length, 1, 64});
  for (const Case& c : cases) {
    for (const bool slots : {false, true}) {
      for (const bool bias : {false, true}) {
        for (const float scale : {1.0f, 0.125f}) {
          // At 1.0, scores of tens: the softmax must subtract its maximum.
          const Cache cache({c.length, c.heads, c.head_dim, slots, bias, scale});
          EXPECT_LT(Distance(cache.Run(kernels()), cache.Run(reference())), 5e-5)
              << c.length << " keys, head size " << c.head_dim << ", slots " << slots << ", bias "
              << bias << ", scale " << scale;
        }
      }
    }
  }
}

// A bias that outweighs every score chooses the key, in whichever slot it is.
TEST_P(CachedAttentionTest, BiasIsByKeyAndHead) {
  for (const bool slots : {false, true}) {
    Cache cache({.length = 37, .heads = 2, .head_dim = 24, .slots = slots, .bias = true});
    for (size_t chosen = 0; chosen < 37; chosen += 4) {
      const size_t of_head[] = {chosen, 36 - chosen};
      for (size_t head = 0; head < 2; ++head) {
        float* bias = cache.bias.data() + head * cache.bias_stride;
        std::fill(bias, bias + 37, 0.0f);
        bias[of_head[head]] = 1e4f;
      }
      const auto context = cache.Run(kernels());
      for (size_t i = 0; i < context.size(); ++i) {
        const size_t head = i / 24, key = of_head[head];
        const size_t slot = slots ? cache.slot[key] : key;
        EXPECT_NEAR(context[i], cache.values[head * cache.head_stride + slot * 24 + i % 24], 1e-5f);
      }
    }
  }
}

// Where keys lie does not matter, nor what lies in slots that are not asked for.
TEST_P(CachedAttentionTest, BitsDoNotDependOnSlots) {
  for (const size_t length : {1, 15, 16, 40, 67}) {
    const Cache scattered({.length = length, .heads = 3, .head_dim = 40, .slots = true});
    Cache dense = scattered;
    dense.c.slots = false;
    std::fill(dense.keys.begin(), dense.keys.end(), NAN);
    std::fill(dense.values.begin(), dense.values.end(), NAN);
    for (size_t head = 0; head < 3; ++head) {
      for (size_t key = 0; key < length; ++key) {
        const size_t from = head * dense.head_stride + scattered.slot[key] * 40;
        const size_t to = head * dense.head_stride + key * 40;
        std::copy_n(scattered.keys.begin() + from, 40, dense.keys.begin() + to);
        std::copy_n(scattered.values.begin() + from, 40, dense.values.begin() + to);
      }
    }
    EXPECT_TRUE(SameBits(dense.Run(kernels()), scattered.Run(kernels()))) << length << " keys";
  }
}

TEST_P(CachedAttentionTest, HeadsAloneEqualHeadsTogether) {
  const Cache cache({.length = 45, .heads = 5, .head_dim = 20, .slots = true, .bias = true});
  const auto all = cache.Run(kernels());
  for (size_t first = 0; first < 5; ++first) {
    for (size_t last = first + 1; last <= 5; ++last) {
      const std::vector<float> part(all.begin() + first * 20, all.begin() + last * 20);
      EXPECT_TRUE(SameBits(cache.Run(kernels(), first, last), part)) << first << " to " << last;
    }
  }
}

std::string TableName(const testing::TestParamInfo<const Kernels*>& info) {
  return info.param->name;
}
INSTANTIATE_TEST_SUITE_P(Tables, CachedAttentionTest, testing::ValuesIn(AvailableKernels()),
                         TableName);

}  // namespace
}  // namespace minnow
