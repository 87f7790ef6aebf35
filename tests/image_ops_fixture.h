// SPDX-License-Identifier: Apache-2.0
// Tests of ImageOps: maps and weights that own their memory, and every table that this machine can
// run with every precision.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "kernels/dispatch.h"
#include "nn/image_ops.h"
#include "nn/int8_packing.h"
#include "nn/maps/map_elements.h"
#include "nn/weight_packing.h"
#include "tests/plain_image_ops.h"

namespace minnow {

inline std::vector<float> RandomFloats(size_t n, unsigned seed, float scale = 1.0f) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.0f, scale);
  std::vector<float> values(n);
  for (float& v : values) v = normal(generator);
  return values;
}

// A map and its memory; random, with channels of different means, and zeros that pad.
struct OwnedMap {
  OwnedMap(Dtype type, size_t images, size_t height, size_t width, size_t channels,
           unsigned seed = 0)
      : map{nullptr, type, images, height, width, channels}, memory(map.bytes()) {
    map.data = memory.data();
    std::memset(memory.data(), seed == 0 ? 0x7f : 0, memory.size());
    if (seed == 0) return;
    const auto values = RandomFloats(map.pixels() * channels, seed);
    for (size_t p = 0; p < map.pixels(); ++p) {
      for (size_t c = 0; c < channels; ++c) {
        SetElement(ElementAt(map, p), ElementOf(type), c,
                   values[p * channels + c] + 0.2f * static_cast<float>(c % 7));
      }
    }
  }

  // Of one image, padding too.
  std::vector<float> Values(size_t image) const {
    std::vector<float> values;
    for (size_t p = image * map.image_pixels(); p < (image + 1) * map.image_pixels(); ++p) {
      for (size_t c = 0; c < map.stride(); ++c)
        values.push_back(GetElement(ElementAt(map, p), ElementOf(map.type), c));
    }
    return values;
  }
  std::vector<float> Values() const {
    std::vector<float> values;
    for (size_t i = 0; i < map.images; ++i) {
      const auto more = Values(i);
      values.insert(values.end(), more.begin(), more.end());
    }
    return values;
  }

  FeatureMap map;
  AlignedBuffer<std::byte> memory;
};

struct OwnedLinear {
  OwnedLinear(const Kernels& kernels, Dtype dtype, size_t inputs, size_t outputs, unsigned seed)
      : packed(PackedWeightBytes(dtype, inputs, outputs)),
        bias(RandomFloats(PaddedColumns(outputs), seed + 1)),
        scale(PaddedColumns(outputs)),
        sum(PaddedColumns(outputs)),
        multiplier(PaddedColumns(inputs), 1.0f) {
    weight = RandomFloats(inputs * outputs, seed, 1.0f / std::sqrt(static_cast<float>(inputs)));
    std::fill(bias.begin() + static_cast<std::ptrdiff_t>(outputs), bias.end(), 0.0f);
    if (dtype == Dtype::kF32) {
      kernels.pack_f32(weight.data(), outputs, inputs, reinterpret_cast<float*>(packed.data()));
    } else if (dtype == Dtype::kBF16) {
      PackBf16(weight.data(), outputs, inputs, reinterpret_cast<uint16_t*>(packed.data()));
    } else {
      PackInt8(weight.data(), outputs, inputs, {},
               {reinterpret_cast<int8_t*>(packed.data()), scale.data(), sum.data()});
    }
    linear = Linear({.dtype = dtype,
                     .in_features = inputs,
                     .out_features = outputs,
                     .weight = packed.data(),
                     .bias = bias.data(),
                     .scale = scale.data(),
                     .sum = sum.data(),
                     .int16_safe = true,
                     .input_multiplier = multiplier.data()});
  }

  AlignedBuffer<std::byte> packed;
  std::vector<float> weight, bias, scale, sum, multiplier;
  Linear linear;
};

struct ImageOpsParam {
  const Kernels* kernels;
  Dtype maps, weights;
};

inline void PrintTo(const ImageOpsParam& param, std::ostream* out) { *out << param.kernels->name; }

inline std::vector<ImageOpsParam> ImageOpsParams() {
  std::vector<ImageOpsParam> params;
  for (const Kernels* kernels : AvailableKernels()) {
    params.push_back({kernels, Dtype::kF32, Dtype::kF32});
    params.push_back({kernels, Dtype::kBF16, Dtype::kBF16});
    params.push_back({kernels, Dtype::kF32, Dtype::kBF16});
    params.push_back({kernels, Dtype::kBF16, Dtype::kInt8});
  }
  return params;
}

inline std::string ImageOpsParamName(const testing::TestParamInfo<ImageOpsParam>& info) {
  const auto name = [](Dtype t) { return std::string(DtypeName(t)); };
  return std::string(info.param.kernels->name) + "_" + name(info.param.maps) + "_" +
         name(info.param.weights);
}

class ImageOpsTest : public testing::TestWithParam<ImageOpsParam> {
 protected:
  const Kernels& kernels() const { return *GetParam().kernels; }
  bool slow() const { return std::string(kernels().name) == "scalar"; }
  Dtype type() const { return GetParam().maps; }
  Dtype weights() const { return GetParam().weights; }

  // Relative to max(1, |reference|).
  double tolerance() const {
    return type() == Dtype::kBF16 || weights() == Dtype::kBF16 ? 0.03 : 1e-4;
  }

  static const Kernels& scalar() { return *AvailableKernels().front(); }

  // Plans, and runs in just the memory that was planned. On several threads in turns as short as
  // can be: no bit may depend on where a task is left.
  void Run(int threads, const std::function<void(ImageOps&)>& operation) const {
    RunWith(kernels(), threads, operation);
  }
  void RunWith(const Kernels& kernels, int threads,
               const std::function<void(ImageOps&)>& operation) const {
    ThreadPool pool(threads);
    Arena plan;
    ImageOps planning(kernels, type(), &pool, plan, nullptr);
    operation(planning);
    Arena arena(plan.peak());
    size_t turns = 0;
    const std::function<void()> yield = [&turns] { ++turns; };
    ImageOps ops(kernels, type(), &pool, arena, nullptr, threads > 1 ? &yield : nullptr);
    ops.SetTurn(std::chrono::nanoseconds(0));
    operation(ops);
    EXPECT_EQ(turns > 0, threads > 1);
    EXPECT_EQ(arena.peak(), plan.peak());
    EXPECT_EQ(arena.used(), 0u);
  }

  void ExpectNear(const OwnedMap& got, const OwnedMap& expected) const {
    if (weights() == Dtype::kInt8) return ExpectSmallError(got, expected, 0.03);
    const auto a = got.Values(), b = expected.Values();
    double most = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      const double d = std::fabs(a[i] - b[i]) / std::fmax(1.0, std::fabs(b[i]));
      most = std::isnan(d) ? HUGE_VAL : std::fmax(most, d);
    }
    EXPECT_LE(most, tolerance());
  }
  // Of 8 bits: the root of the mean square beside that of what is expected. Between tables: what is
  // at the middle of two steps may be rounded to either.
  static constexpr double kInt8TableTolerance = 0.005;
  static void ExpectSmallError(const OwnedMap& got, const OwnedMap& expected, double tolerance) {
    const auto a = got.Values(), b = expected.Values();
    double error = 0, square = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      error += (a[i] - b[i]) * (a[i] - b[i]);
      square += b[i] * b[i];
    }
    EXPECT_LE(std::sqrt(error / square), tolerance);
  }
};

}  // namespace minnow
