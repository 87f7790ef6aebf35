// SPDX-License-Identifier: Apache-2.0
// int8 weights: what is rounded, by how much, and what is known of the inputs that makes it better.
//
// Letters: K in_features, N out_features. A weight is [N, K] row-major, as torch.nn.Linear holds
// it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace minnow {

// What calibration knows of a product's inputs x: [T, K].
struct Int8Inputs {
  // [K]: weights are multiplied by it, inputs will be divided by it; null: by nothing.
  const float* spread = nullptr;
  // [K]: the mean of x; null: not known.
  const float* mean = nullptr;
  // False: the widest scale is taken. The search takes most of the time.
  bool search = true;
};

struct Int8Target {
  int8_t* weight = nullptr;  // PackedWeightBytes(kInt8, ...)
  float* scale = nullptr;    // [N rounded up to 16]
  float* sum = nullptr;      // [N rounded up to 16]: scale[n] * sum over k of the integers
  // [N], or null: bias[n] is added what rounding takes from the product of the mean input.
  float* bias = nullptr;
};

// Symmetric, a scale for each output channel: w spread ~ scale[n] * q, q in [-127, 127]. The scale
// is the one, of some around the largest magnitude's, that leaves the smallest squared error.
// Groups of weights keep to kInt8GroupSum (kernels.h); those that are too heavy are made lighter
// where that costs the least squared error.
void PackInt8(const float* weight, size_t out_features, size_t in_features,
              const Int8Inputs& inputs, const Int8Target& out);

// Spreads channels so that inputs and weights are about equally hard to round: sqrt(most / widest),
// with a geometric mean of 1 (SmoothQuant, https://arxiv.org/abs/2211.10438, alpha = 0.5).
// most: [K], the largest magnitudes of the inputs; widest: [K], those of the weights; spread: [K].
// Finite and above 0 whatever these are.
void SpreadInputs(const float* most, const float* widest, size_t in_features, float* spread);

// Rows of an embedding table as signed bytes with a scale for each row. table: [rows, columns] f32,
// maybe unaligned; out: [rows, columns]; scales: [rows].
void PackTableInt8(const float* table, size_t rows, size_t columns, int8_t* out, float* scales);

}  // namespace minnow
