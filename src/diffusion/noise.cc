// SPDX-License-Identifier: Apache-2.0
#include "diffusion/noise.h"

#include <bit>
#include <cmath>
#include <limits>
#include <numbers>

namespace minnow {
namespace {

constexpr size_t kBlock = 16;

// std::fma is exact on every machine; where the processor has none, the library's is slow, which
// noise is small enough for.
float Fma(float a, float b, float c) { return std::fma(a, b, c); }

// Natural logarithm of x in (0, 1] by Cephes' polynomial.
float Log(float x) {
  constexpr float kCoefficients[] = {7.0376836292e-2f,  -1.1514610310e-1f, 1.1676998740e-1f,
                                     -1.2420140846e-1f, 1.4249322787e-1f,  -1.6668057665e-1f,
                                     2.0000714765e-1f,  -2.4999993993e-1f, 3.3333331174e-1f};
  x = std::max(x, std::numeric_limits<float>::min());
  const auto bits = std::bit_cast<uint32_t>(x);
  float exponent = static_cast<float>(static_cast<int32_t>(bits >> 23) - 126);
  x = std::bit_cast<float>((bits & 0x807FFFFFu) | 0x3F000000u);  // in [0.5, 1)
  if (x < 0.707106781186547524f) {
    exponent -= 1.0f;
    x = (x - 1.0f) + x;
  } else {
    x -= 1.0f;
  }
  const float z = x * x;
  float y = kCoefficients[0];
  for (size_t i = 1; i < std::size(kCoefficients); ++i) y = Fma(y, x, kCoefficients[i]);
  y *= x;
  y = Fma(y, z, exponent * -2.12194440e-4f);
  y = Fma(-z, 0.5f, y);
  return Fma(exponent, 0.693359375f, x + y);
}

struct SinCos {
  float sin, cos;
};

// Of x >= 0, by Cephes' polynomials.
SinCos SinAndCos(float x) {
  const int32_t j = (static_cast<int32_t>(x * 1.27323954473516f) + 1) & ~1;  // eighths of a turn
  const float octant = static_cast<float>(j);
  x = Fma(octant, -0.78515625f, x);
  x = Fma(octant, -2.4187564849853515625e-4f, x);
  x = Fma(octant, -3.77489497744594108e-8f, x);
  const float z = x * x;

  float cos = 2.443315711809948e-5f;
  cos = Fma(cos, z, -1.388731625493765e-3f);
  cos = Fma(cos, z, 4.166664568298827e-2f);
  cos *= z;
  cos = Fma(cos, z, -(z * 0.5f)) + 1.0f;

  float sin = -1.9515295891e-4f;
  sin = Fma(sin, z, 8.3321608736e-3f);
  sin = Fma(sin, z, -1.6666654611e-1f);
  sin *= z;
  sin = Fma(sin, x, x);

  if ((j & 2) != 0) std::swap(sin, cos);
  return {(j & 4) != 0 ? -sin : sin, ((j - 2) & 4) != 0 ? cos : -cos};
}

// 16 uniform values become 16 normal ones (Box and Muller).
void Transform(float* block) {
  for (size_t i = 0; i < kBlock / 2; ++i) {
    const float radius = std::sqrt(-2.0f * Log(1.0f - block[i]));
    const float angle = static_cast<float>(2.0 * std::numbers::pi) * block[i + kBlock / 2];
    const SinCos at = SinAndCos(angle);
    // Zero is added as PyTorch adds the mean: it takes the sign from -0.
    block[i] = radius * at.cos + 0.0f;
    block[i + kBlock / 2] = radius * at.sin + 0.0f;
  }
}

}  // namespace

float TorchGenerator::Uniform() {
  return static_cast<float>(static_cast<uint32_t>(engine_()) & 0xFFFFFFu) * 0x1p-24f;
}

double TorchGenerator::DoubleUniform() {
  const uint64_t high = static_cast<uint32_t>(engine_());
  const uint64_t bits = high << 32 | static_cast<uint32_t>(engine_());
  return static_cast<double>(bits & ((uint64_t{1} << 53) - 1)) * 0x1p-53;
}

float TorchGenerator::OneNormal() {
  if (kept_) {
    const double value = *kept_;
    kept_.reset();
    return static_cast<float>(value);
  }
  const double u1 = DoubleUniform();
  const double u2 = DoubleUniform();
  const double radius = std::sqrt(-2.0 * std::log1p(-u2));
  const double angle = 2.0 * std::numbers::pi * u1;
  kept_ = radius * std::sin(angle);
  return static_cast<float>(radius * std::cos(angle));
}

void TorchGenerator::Normal(std::span<float> out) {
  if (out.size() < kBlock) {
    for (float& value : out) value = OneNormal();
    return;
  }
  for (float& value : out) value = Uniform();
  size_t done = 0;
  for (; done + kBlock <= out.size(); done += kBlock) Transform(&out[done]);
  if (done == out.size()) return;
  // The rest is no block: the last 16 values are drawn anew, finished ones among them.
  float* const last = &out[out.size() - kBlock];
  for (size_t i = 0; i < kBlock; ++i) last[i] = Uniform();
  Transform(last);
}

Result<PictureNoise> PictureNoise::Make(std::span<const uint64_t> seeds) {
  if (seeds.empty()) return Error{Code::kInvalidArgument, "seed: none given"};
  PictureNoise noise;
  noise.generators_.reserve(seeds.size());
  for (const uint64_t seed : seeds) noise.generators_.emplace_back(seed);
  return noise;
}

void PictureNoise::Fill(std::span<float> out) {
  CHECK(out.size() % generators_.size() == 0);
  const size_t size = out.size() / generators_.size();
  for (size_t i = 0; i < generators_.size(); ++i) {
    generators_[i].Normal(out.subspan(i * size, size));
  }
}

}  // namespace minnow
