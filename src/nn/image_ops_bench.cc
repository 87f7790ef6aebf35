// SPDX-License-Identifier: Apache-2.0
// The operations of Stable Diffusion 1.5's shapes on one core: GFLOP/s, and the share of what a
// bare loop of products reaches in the same run.
//   minnow_bench --benchmark_filter='Convolution|Attention|Tokens|Gated'
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "kernels/core_peaks.h"
#include "kernels/dispatch.h"
#include "nn/image_ops.h"
#include "nn/maps/winograd.h"
#include "nn/weight_packing.h"

namespace minnow {
namespace {

// Measured once; 0 where there is no loop.
double Peak(Dtype type) {
  static const CorePeaks peaks = MeasureCorePeaks(ActiveKernels());
  return type == Dtype::kF32 ? peaks.fp32 : type == Dtype::kBF16 ? peaks.bf16 : peaks.int8;
}

// Of maps that products of this precision read and write.
Dtype MapType(Dtype type) { return type == Dtype::kF32 ? type : Dtype::kBF16; }

void Fill(void* data, size_t count, Dtype type, unsigned seed) {
  std::minstd_rand generator(seed);
  for (size_t i = 0; i < count; ++i) {
    const float value = static_cast<float>(generator() % 2001) / 1000.0f - 1.0f;
    if (type == Dtype::kF32)
      static_cast<float*>(data)[i] = value;
    else
      static_cast<uint16_t*>(data)[i] = RoundToBf16(value);
  }
}

struct Map {
  Map(Dtype type, size_t images, size_t height, size_t width, size_t channels)
      : map{nullptr, MapType(type), images, height, width, channels}, memory(map.bytes()) {
    map.data = memory.data();
    Fill(map.data, map.pixels() * map.stride(), map.type, 1);
  }
  FeatureMap map;
  AlignedBuffer<std::byte> memory;
};

struct Weight {
  Weight(Dtype type, size_t inputs, size_t outputs)
      : packed(PackedWeightBytes(type, inputs, outputs)),
        bias(PaddedColumns(outputs)),
        ones(PaddedColumns(std::max(inputs, outputs)), 1.0f) {
    if (type == Dtype::kInt8)  // weights that keep to kInt8GroupSum
      std::fill_n(packed.data(), packed.size(), std::byte{17});
    else
      Fill(packed.data(), packed.size() / (type == Dtype::kF32 ? 4 : 2), type, 2);
    linear = Linear({.dtype = type,
                     .in_features = inputs,
                     .out_features = outputs,
                     .weight = packed.data(),
                     .bias = bias.data(),
                     .scale = ones.data(),
                     .sum = ones.data(),
                     .int16_safe = true,
                     .input_multiplier = ones.data()});
  }
  AlignedBuffer<std::byte> packed;
  std::vector<float> bias, ones;
  Linear linear;
};

// Runs `operation` on one thread; operations: its multiplications and additions.
template <class Operation>
void Measure(benchmark::State& state, Dtype type, double operations, const Operation& operation) {
  Arena plan;
  ImageOps planning(ActiveKernels(), MapType(type), nullptr, plan, nullptr);
  operation(planning);
  Arena arena(plan.peak());
  ImageOps ops(ActiveKernels(), MapType(type), nullptr, arena, nullptr);
  for (auto _ : state) operation(ops);
  state.counters["GFLOPS"] =
      benchmark::Counter(operations / 1e9, benchmark::Counter::kIsIterationInvariantRate);
  if (Peak(type) > 0) {
    state.counters["share"] = benchmark::Counter(operations / 1e9 / Peak(type),
                                                 benchmark::Counter::kIsIterationInvariantRate);
  }
}

void BenchConvolution(benchmark::State& state, Dtype type, size_t images, size_t side,
                      size_t inputs, size_t outputs, size_t kernel, bool norm, bool winograd) {
  const Map x(type, images, side, side, inputs);
  Map y(type, images, side, side, outputs);
  const Weight weight(type, kernel * kernel * inputs, outputs);
  AlignedBuffer<std::byte> positions(winograd ? WinogradWeightBytes(type, inputs, outputs) : 0);
  if (winograd) PackWinograd(weight.linear.weights(), inputs, outputs, positions.data());
  const Convolution convolution = {weight.linear, inputs, outputs,
                                   kernel,        1,      winograd ? positions.data() : nullptr};
  const std::vector<float> ones(inputs, 1.0f);
  const GroupNorm group = {ones.data(), ones.data()};
  ConvolutionInput input = {.first = &x.map};
  if (norm) input.norm = &group, input.activation = Activation::kSilu;
  const double operations = 2.0 * static_cast<double>(images * side * side) *
                            static_cast<double>(kernel * kernel * inputs * outputs);
  Measure(state, type, operations,
          [&](ImageOps& ops) { ops.Convolve(input, convolution, {}, y.map); });
}

void BenchAttention(benchmark::State& state, Dtype type, size_t tokens, size_t keys, size_t heads,
                    size_t size) {
  const Map q(type, 1, 1, tokens, heads * size), kv(type, 1, 1, keys, 2 * heads * size);
  Map y(type, 1, 1, tokens, heads * size);
  const double operations = 4.0 * static_cast<double>(tokens * keys * heads * size);
  Measure(state, type, operations, [&](ImageOps& ops) {
    ops.Attend({&q.map, 0}, {&kv.map, 0}, {&kv.map, heads * size}, heads, false, y.map);
  });
}

void BenchProduct(benchmark::State& state, Dtype type, size_t tokens, size_t inputs,
                  size_t outputs) {
  const Map x(type, 1, 1, tokens, inputs);
  Map y(type, 1, 1, tokens, outputs);
  const Weight weight(type, inputs, outputs);
  const std::vector<float> ones(inputs, 1.0f);
  const LayerNorm norm = {ones.data(), ones.data()};
  Measure(state, type, 2.0 * static_cast<double>(tokens * inputs * outputs), [&](ImageOps& ops) {
    ops.Product(x.map, &norm, weight.linear, Activation::kNone, nullptr, y.map);
  });
}

void BenchGated(benchmark::State& state, Dtype type, size_t tokens, size_t channels) {
  const Map x(type, 1, 1, tokens, channels);
  Map y(type, 1, 1, tokens, channels);
  const Weight in(type, channels, 8 * channels), out(type, 4 * channels, channels);
  const std::vector<float> ones(channels, 1.0f);
  const LayerNorm norm = {ones.data(), ones.data()};
  Measure(state, type, 24.0 * static_cast<double>(tokens * channels * channels),
          [&](ImageOps& ops) { ops.GatedFeedForward(x.map, norm, in.linear, out.linear, y.map); });
}

template <class Function, class... Arguments>
void Register(const std::string& name, Dtype type, Function function, Arguments... arguments) {
  const std::string full = name + "/" + DtypeName(type);
  benchmark::RegisterBenchmark(full.c_str(), [=](benchmark::State& state) {
    function(state, type, arguments...);
  })->Unit(benchmark::kMillisecond);
}

void RegisterConvolution(Dtype type, size_t images, size_t side, size_t inputs, size_t outputs,
                         size_t kernel, bool norm, bool winograd = false) {
  const auto text = [](size_t n) { return std::to_string(n); };
  const std::string name = "Convolution" + text(kernel) + "x" + text(kernel) + "/" + text(images) +
                           "x" + text(side) + "x" + text(side) + "/" + text(inputs) + "-" +
                           text(outputs) + (norm ? "/norm" : "") + (winograd ? "/winograd" : "");
  Register(name, type, BenchConvolution, images, side, inputs, outputs, kernel, norm, winograd);
}

const bool kRegistered = [] {
  for (const Dtype type : {Dtype::kInt8, Dtype::kBF16, Dtype::kF32}) {
    for (const int form : {0, 1, 2, 3}) {
      const bool norm = form % 2 != 0, winograd = form >= 2;
      RegisterConvolution(type, 2, 64, 320, 320, 3, norm, winograd);
      RegisterConvolution(type, 2, 32, 640, 640, 3, norm, winograd);
      RegisterConvolution(type, 2, 16, 1280, 1280, 3, norm, winograd);
      RegisterConvolution(type, 2, 8, 1280, 1280, 3, norm, winograd);
      RegisterConvolution(type, 2, 64, 960, 320, 3, norm, winograd);
      RegisterConvolution(type, 1, 512, 128, 128, 3, norm, winograd);
      RegisterConvolution(type, 1, 256, 256, 256, 3, norm, winograd);
      RegisterConvolution(type, 1, 128, 512, 512, 3, norm, winograd);
    }
    RegisterConvolution(type, 2, 64, 320, 320, 1, false);
    RegisterConvolution(type, 2, 64, 960, 320, 1, false);
    RegisterConvolution(type, 2, 16, 2560, 1280, 1, false);
    RegisterConvolution(type, 1, 512, 128, 3, 3, true);
    RegisterConvolution(type, 1, 64, 4, 512, 3, false);
    for (const auto& [tokens, keys, heads, size] :
         type == Dtype::kInt8 ? std::vector<std::array<size_t, 4>>{}
                              : std::vector<std::array<size_t, 4>>{{4096, 4096, 8, 40},
                                                                   {1024, 1024, 8, 80},
                                                                   {256, 256, 8, 160},
                                                                   {4096, 77, 8, 40},
                                                                   {1024, 77, 8, 80},
                                                                   {4096, 4096, 1, 512}}) {
      Register("Attention/" + std::to_string(tokens) + "x" + std::to_string(keys) + "/" +
                   std::to_string(heads) + "x" + std::to_string(size),
               type, BenchAttention, tokens, keys, heads, size);
    }
    for (const auto& [tokens, channels] :
         std::vector<std::array<size_t, 2>>{{8192, 320}, {2048, 640}, {512, 1280}}) {
      const std::string shape = std::to_string(tokens) + "x" + std::to_string(channels);
      Register("Tokens/" + shape, type, BenchProduct, tokens, channels, channels);
      Register("Gated/" + shape, type, BenchGated, tokens, channels);
    }
  }
  return true;
}();

}  // namespace
}  // namespace minnow
