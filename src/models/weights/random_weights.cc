// SPDX-License-Identifier: Apache-2.0
// Weights made panel by panel in their packed form, so that the model never exists in fp32.
#include "models/weights/random_weights.h"

#include <algorithm>
#include <cstdint>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "kernels/dispatch.h"
#include "models/weights/winograd_weights.h"
#include "nn/int8_packing.h"
#include "nn/weight_packing.h"

namespace minnow {
namespace {

// SplitMix64: https://prng.di.unimi.it/splitmix64.c
class Generator {
 public:
  // About N(0, 0.02): the sum of four uniform numbers.
  float Next() {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    z ^= z >> 31;
    const auto sum =
        static_cast<int>((z & 0xffff) + (z >> 16 & 0xffff) + (z >> 32 & 0xffff) + (z >> 48));
    constexpr float kMean = 2 * 65535.0f;
    constexpr float kDeviation = 37837.2f;  // 65536 sqrt(4/12)
    return (static_cast<float>(sum) - kMean) * (0.02f / kDeviation);
  }
  void Fill(std::span<float> out) {
    for (float& x : out) x = Next();
  }

 private:
  uint64_t state_ = 0;
};

size_t WeightFloats(Dtype dtype, size_t in_features, size_t out_features) {
  return PaddedColumns((PackedWeightBytes(dtype, in_features, out_features) + sizeof(float) - 1) /
                       sizeof(float));
}

TableType WordTableType(Dtype dtype) {
  return dtype == Dtype::kInt8   ? TableType::kInt8
         : dtype == Dtype::kBF16 ? TableType::kBF16
                                 : TableType::kF32;
}

// Goes over the list twice: to count the floats, then, with storage for them, to fill them in.
class RandomWriter : public WeightVisitor {
 public:
  RandomWriter(Dtype dtype, bool winograd, WeightStorage& storage)
      : dtype_(dtype), winograd_(winograd), storage_(storage) {}

  size_t used() const { return used_; }

  Status Table(const WeightName&, TableKind kind, size_t rows, size_t columns,
               EmbeddingTable& table) override {
    if (kind != TableKind::kWord) {
      const float* data = Take(rows * columns);
      table =
          EmbeddingTable(reinterpret_cast<const std::byte*>(data), TableType::kF32, rows, columns);
      return Status();
    }
    if (!filling()) return Status();
    const TableType type = WordTableType(dtype_);
    storage_.tables.push_back(
        {.type = type,
         .rows = rows,
         .columns = columns,
         .data = AlignedBuffer<std::byte>(rows * EmbeddingTable::RowBytes(type, columns)),
         .scales = AlignedBuffer<std::byte>(rows * EmbeddingTable::ScaleBytes(type, columns))});
    table = storage_.tables.back().table();
    return Status();
  }

  Status Norm(const WeightName&, size_t channels, LayerNormWeights& norm) override {
    float* gamma = Take(channels);
    if (filling()) std::fill_n(gamma, channels, 1.0f);
    norm = {gamma, Take(channels)};
    return Status();
  }

  Status RmsNorm(const WeightName&, size_t channels, const float*& weight) override {
    float* values = Reserve(channels);
    if (filling()) std::fill_n(values, channels, 1.0f);
    weight = values;
    return Status();
  }

  Status Product(const ProductSpec& spec, Linear& linear) override {
    const size_t in_features = spec.inputs(), out_features = spec.out_features;
    const Dtype dtype = spec.StoredAs(dtype_);
    LinearWeights w = {.dtype = dtype, .in_features = in_features, .out_features = out_features};
    const bool winograd = winograd_ && SuitsWinograd(spec);
    const size_t weight_floats = WeightFloats(dtype, in_features, out_features);
    AlignedBuffer<float> direct(winograd && filling() ? weight_floats : 0);
    float* weight = winograd ? direct.data() : Reserve(weight_floats);
    float* scale = nullptr;
    float* sum = nullptr;
    w.weight = winograd ? nullptr : weight;
    w.bias = Take(out_features);
    if (dtype == Dtype::kInt8) {
      w.int16_safe = true;
      w.scale = scale = Reserve(out_features);
      w.sum = sum = Reserve(out_features);
      float* multiplier = Reserve(in_features);
      if (filling()) std::fill_n(multiplier, in_features, 1.0f);
      w.input_multiplier = multiplier;
    }
    if (filling()) FillProduct(spec, weight, scale, sum);
    if (filling() && winograd) {
      LinearWeights packed = w;
      packed.weight = weight;
      KeepWinograd(spec, packed, storage_);
    }
    linear = Linear(w);
    return Status();
  }

 private:
  bool filling() const { return storage_.floats.size() > 0; }

  // The next piece of the storage, aligned to a cache line; null when only counting.
  float* Reserve(size_t floats) {
    float* piece = filling() ? storage_.floats.data() + used_ : nullptr;
    used_ += PaddedColumns(floats);
    return piece;
  }
  // The same with random values.
  float* Take(size_t floats) {
    float* piece = Reserve(floats);
    if (filling()) generator_.Fill({piece, floats});
    return piece;
  }

  void FillProduct(const ProductSpec& spec, float* weight, float* scale, float* sum) {
    const size_t in_features = spec.inputs(), out_features = spec.out_features;
    const Dtype dtype = spec.StoredAs(dtype_);
    const size_t panel_bytes = PackedWeightBytes(dtype, in_features, kPanelColumns);
    for (size_t begin = 0; begin < out_features; begin += kPanelColumns) {
      const size_t columns = std::min<size_t>(kPanelColumns, out_features - begin);
      rows_.resize(columns * in_features);
      generator_.Fill(rows_);
      ClearPadding(spec, rows_);
      std::byte* panel = reinterpret_cast<std::byte*>(weight) + begin / kPanelColumns * panel_bytes;
      if (dtype == Dtype::kF32) {
        ActiveKernels().pack_f32(rows_.data(), columns, in_features,
                                 reinterpret_cast<float*>(panel));
      } else if (dtype == Dtype::kBF16) {
        PackBf16(rows_.data(), columns, in_features, reinterpret_cast<uint16_t*>(panel));
      } else {
        PackInt8(rows_.data(), columns, in_features, /*inputs=*/{},
                 {reinterpret_cast<int8_t*>(panel), scale + begin, sum + begin, /*bias=*/nullptr});
      }
    }
  }

  // Of a convolution, weights of channels that only pad are zero.
  static void ClearPadding(const ProductSpec& spec, std::span<float> rows) {
    if (spec.kernel == 1) return;
    const size_t padded = RoundUpChannels(spec.in_features);
    for (size_t i = 0; i < rows.size(); ++i) {
      if (i % padded >= spec.in_features) rows[i] = 0.0f;
    }
  }

  const Dtype dtype_;
  const bool winograd_;
  WeightStorage& storage_;
  Generator generator_;
  std::vector<float> rows_;  // of one panel
  size_t used_ = 0;
};

}  // namespace

Result<WeightStorage> RandomWeights(Dtype dtype, const WeightList& list, bool winograd) {
  WeightStorage storage;
  RandomWriter counter(dtype, winograd, storage);
  MINNOW_RETURN_IF_ERROR(list(counter));
  const size_t floats = counter.used();
  try {
    storage.floats = AlignedBuffer<float>(floats, PageSize::kHuge);
    RandomWriter writer(dtype, winograd, storage);
    MINNOW_RETURN_IF_ERROR(list(writer));
    CHECK(writer.used() == floats);
  } catch (const std::bad_alloc&) {
    return Error{Code::kInternal,
                 "no memory for " + std::to_string(floats * sizeof(float)) + " bytes of weights"};
  }
  return storage;
}

}  // namespace minnow
