// SPDX-License-Identifier: Apache-2.0
// ImageOps: the coarse operations on feature maps that diffusion models are written over. Each runs
// on all threads of a pool, allocates nothing but from the arena, and gives an image the same bits
// in any batch and on any number of threads.
//
// With an arena that plans, operations take the buffers that they would take, and compute nothing.
// Where there is a `yield`, it is called every few milliseconds (nn/maps/op_threads.h): others may
// have the pool then.
// Once `stop` is set they return early, at the next tile of rows, with unfinished results; the
// caller looks at stopped() at the end.
//
// Letters: C channels, H heads, T tokens or pixels of one image.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <span>

#include "base/thread_pool.h"
#include "kernels/kernels.h"
#include "nn/activation.h"
#include "nn/arena.h"
#include "nn/feature_map.h"
#include "nn/linear.h"
#include "nn/maps/op_threads.h"

namespace minnow {

// What stands before a product: y = silu(group_norm(x)).
struct GroupNorm {
  const float* gamma = nullptr;  // [C]
  const float* beta = nullptr;   // [C]
  size_t groups = 32;
  float epsilon = 1e-5f;
};

struct LayerNorm {
  const float* gamma = nullptr;  // [C]
  const float* beta = nullptr;   // [C]
  float epsilon = 1e-5f;
};

// A convolution with stride 1 or 2. Its Linear has kernel^2 * RoundUpChannels(in_channels) inputs:
// [ky][kx][channel]. Where kernel is 3, an int8 one's input_multiplier is not read: it is one.
struct Convolution {
  Linear product;
  size_t in_channels = 0;
  size_t out_channels = 0;
  size_t kernel = 3;  // 1 or 3
  size_t stride = 1;
  // A 3x3 convolution of stride 1 in Winograd's form, which multiplies 4 / 9 as often: weights that
  // nn/maps/winograd.h packed, in the precision of `product`, of which only vectors are read then.
  // Null: the direct form.
  const void* winograd = nullptr;
};

// Zeros around an image before a 3x3 convolution.
enum class Border {
  kAll,            // one pixel on each side
  kRightAndBottom  // one there alone: stride 2 in a VAE's encoder
};

// What a convolution reads. `second` follows `first` in the channels (skip connections).
struct ConvolutionInput {
  const FeatureMap* first = nullptr;
  const FeatureMap* second = nullptr;
  const GroupNorm* norm = nullptr;            // over the channels of both
  Activation activation = Activation::kNone;  // kNone, kSilu, kRelu; after the norm
  // Repeated to this size first, by nearest neighbours (source = floor(i * old / new)); 0: as it
  // is.
  size_t height = 0;
  size_t width = 0;
  Border border = Border::kAll;
};

// What follows it: y = activation(conv(x) + bias + per_image) + residual.
struct ConvolutionOutput {
  const float* per_image =
      nullptr;  // [images, PaddedColumns(C)] or null: the time embedding's part
  Activation activation =
      Activation::kNone;                 // kNone or kRelu (TAESD); after the residual if it has one
  const FeatureMap* residual = nullptr;  // of y's shape; may be y
};

class ImageOps {
 public:
  // type: of the maps, kF32 or kBF16. `pool` null: the caller's thread alone. `stop` and `yield`
  // may be null. May throw std::bad_alloc.
  ImageOps(const Kernels& kernels, Dtype type, ThreadPool* pool, Arena& arena,
           const std::atomic<bool>* stop, const std::function<void()>* yield = nullptr);

  Dtype type() const { return type_; }
  Arena& arena() { return arena_; }
  const Kernels& kernels() const { return kernels_; }
  bool planning() const { return arena_.planning(); }
  // How often `yield` is called, by about.
  void SetTurn(std::chrono::nanoseconds turn) { threads_.SetTurn(turn); }
  bool stopped() const { return IsSet(threads_.stop()); }

  FeatureMap NewMap(size_t images, size_t height, size_t width, size_t channels);
  // The map that a convolution of this input fills.
  FeatureMap NewMapFor(const ConvolutionInput& input, const Convolution& convolution);

  // fp32 [images, channels, height, width] (torch's order) to a map, and back.
  void FromPlanes(const float* planes, FeatureMap& y);
  void ToPlanes(const FeatureMap& x, float* planes);

  void Convolve(const ConvolutionInput& x, const Convolution& convolution,
                const ConvolutionOutput& then, FeatureMap& y);

  // y = activation(norm(x) W^T + b) + residual, for each pixel or token. norm and residual may be
  // null; residual may be y. y may be x where no row of x is needed twice: never.
  void Product(const FeatureMap& x, const LayerNorm* norm, const Linear& linear,
               Activation activation, const FeatureMap* residual, FeatureMap& y);
  // y = x + W2 (a * gelu(b)) + b2, where [a, b] = W1 layer_norm(x) + b1. y may be x.
  void GatedFeedForward(const FeatureMap& x, const LayerNorm& norm, const Linear& in,
                        const Linear& out, FeatureMap& y);
  // y = group_norm(x), without activation: what stands before a transformer or an attention.
  void Normalize(const FeatureMap& x, const GroupNorm& norm, FeatureMap& y);
  void Normalize(const FeatureMap& x, const LayerNorm& norm, FeatureMap& y);

  // Of each image: y = softmax(q k^T / sqrt(head size)) v. `keys`: the channels [first_key,
  // first_key
  // + C) of a map, likewise queries and values, so that one product makes several of them.
  struct Heads {
    const FeatureMap* map = nullptr;
    size_t first_channel = 0;
  };
  // causal: token i attends to tokens up to i. C of y are heads * head size.
  void Attend(const Heads& q, const Heads& k, const Heads& v, size_t heads, bool causal,
              FeatureMap& y);

  // y = tanh(x / 3) * 3, in place (TAESD).
  void SoftClamp(FeatureMap& y);

 private:
  std::byte* TakeForEachThread(size_t bytes) { return arena_.Take(threads_.members() * bytes); }

  const Kernels& kernels_;
  const Dtype type_;
  Arena& arena_;
  OpThreads threads_;
};

}  // namespace minnow
