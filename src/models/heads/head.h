// SPDX-License-Identifier: Apache-2.0
// Head: what makes one vector of a text's hidden states: pooling, then Dense modules. A sentence
// vector and the scores of a classifier are both that; a layout says which. Without pooling it
// makes a vector of each token's hidden state: the scores of a token classifier.
//
// Const after loading; may be used from any thread. D: size of the vector.
#pragma once

#include <memory>
#include <vector>

#include "base/result.h"
#include "formats/packed.h"
#include "kernels/kernels.h"
#include "models/heads/sentence_transformers.h"
#include "models/weights/loader.h"
#include "nn/linear.h"

namespace minnow {

class Head {
 public:
  // Tensors of the Dense modules: of each one's directory; those of `transformer_directory` are in
  // `transformer`. Modules compute in fp32 always; of a model in int8 their weights are rounded to
  // what a packed file holds of them. Fails with kNotFound, kCorrupt or kUnsupported. May throw
  // std::bad_alloc.
  static Result<Head> Load(const SentenceTransformersLayout& layout, size_t channels,
                           const TensorSource& transformer, Dtype dtype);
  static Result<Head> LoadPacked(const SentenceTransformersLayout& layout, size_t channels,
                                 const PackedFile& packed);

  size_t outputs() const { return outputs_; }  // D
  bool per_token() const { return layout_.per_token(); }
  size_t scratch_floats() const {  // for one text at a time
    return widest_ * (per_token() ? 2 * kTokensAtOnce : 3);
  }
  size_t weight_bytes() const;

  // The modules' weights, as a packed file holds them; they borrow from the head.
  void AddPackedTensors(std::vector<PackedTensor>& tensors) const;

  // hidden: [tokens, C] f32; scratch: [scratch_floats()]; out: [D] f32, or per_token() [tokens, D].
  // Allocates nothing.
  void Run(const Kernels& kernels, ConstRows hidden, size_t tokens, float* scratch,
           float* out) const;

 private:
  // Tokens that go through the modules together where each has its vector.
  static constexpr size_t kTokensAtOnce = 16;

  struct Dense {
    Linear linear;
    MatmulActivation activation = kMatmulNone;
    AlignedBuffer<float> panels;  // of int8 in a packed file: made of the bytes there
    // Of int8 not in a packed file: what its weight is made of (nn/weight_packing.h).
    AlignedBuffer<int8_t> integers;
    AlignedBuffer<float> scales;
  };

  static Result<Head> ForLayout(const SentenceTransformersLayout& layout, size_t channels);
  // in: [rows, width before the modules]; scratch: [2 * rows * widest_]; out: [rows, D]
  void RunModules(const Kernels& kernels, ConstRows in, size_t rows, float* scratch,
                  float* out) const;
  // Visits module i.
  Status VisitDense(size_t i, WeightVisitor& visitor);
  // Rounds the weight of module i, which lies in its storage, to what signed bytes hold.
  void RoundDense(size_t i);
  // Module i of a packed file that has signed bytes.
  Status ReadRounded(size_t i, const PackedFile& packed);
  std::string TensorName(size_t i, const char* what) const;

  SentenceTransformersLayout layout_;
  size_t channels_ = 0;
  size_t outputs_ = 0;
  size_t widest_ = 0;  // floats of the widest vector between pooling and the end, padded
  std::vector<Dense> dense_;
  std::vector<WeightStorage> storages_;  // none of a packed file
};

}  // namespace minnow
