// SPDX-License-Identifier: Apache-2.0
// MaskHead: hidden states of masked tokens -> the tokens that most likely stand there.
//
// logits = LayerNorm(act(x W + b)) E^T + b', where E is the word table, as it lies in memory: no
// second copy of it is made, and of the logits [masks, V] only a few rows exist at a time.
// Names after
// https://github.com/huggingface/transformers/blob/v4.46.0/src/transformers/models/bert/modeling_bert.py
// Letters: C hidden size, E width of the word table, V its rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "formats/packed.h"
#include "kernels/kernels.h"
#include "models/bert/config.h"
#include "models/weights/loader.h"
#include "nn/embedding_table.h"
#include "nn/linear.h"

namespace minnow {

struct MaskNames;

// Const after loading; may be used from any thread.
class MaskHead {
 public:
  // Whether the head of a masked language model is there: a checkpoint may have been saved without.
  static bool IsIn(const TensorSource& source, const MaskNames& names);
  static bool IsIn(const PackedFile& packed);

  // `words`: the encoder's table, [V, E], which outlives the head, as `source` does. Its products
  // are fp32 always; a decoder of its own is a table in `embedding`. Fails with kNotFound, kCorrupt
  // or kUnsupported, naming the tensor, and kInternal where there is no memory.
  static Result<MaskHead> Load(const EncoderConfig& config, const MaskNames& names,
                               const EmbeddingTable& words, const TensorSource& source,
                               std::optional<TableType> embedding);
  static Result<MaskHead> LoadPacked(const EncoderConfig& config, const MaskNames& names,
                                     const EmbeddingTable& words, const PackedFile& packed,
                                     TableType embedding);

  size_t vocab_size() const { return decoder().rows(); }  // V
  size_t weight_bytes() const { return weight_bytes_; }
  // As a packed file holds it; they borrow from the head.
  void AddPackedTensors(std::vector<PackedTensor>& tensors) const;

 private:
  friend class MaskScorer;
  MaskHead(const EncoderConfig& config, const MaskNames& names, const EmbeddingTable& words);
  // The one list of what has to be loaded; the bias is no weight that a visitor knows.
  Status Visit(const MaskNames& names, WeightVisitor& visitor);
  const EmbeddingTable& decoder() const { return own_decoder_.empty() ? words_ : own_decoder_; }

  EmbeddingTable words_;        // a view
  EmbeddingTable own_decoder_;  // empty: it is the word table
  bool tied_ = true;
  size_t channels_ = 0;  // C
  float epsilon_ = 0;
  MatmulActivation activation_ = kMatmulNone;
  Linear dense_;
  LayerNormWeights norm_;
  const float* bias_ = nullptr;  // [PaddedColumns(V)]
  WeightStorage storage_;        // nothing of a packed file
  AlignedBuffer<float> own_bias_;
  size_t weight_bytes_ = 0;
};

// A token for a mask, and its probability among all V.
struct Filling {
  int32_t token = 0;
  float score = 0;
};

// The place of one mask's answer.
struct MaskQuestion {
  std::span<const int32_t> targets;  // each in [0, V), once; empty: all tokens
  // Filled in best first, equal ones by their ids; at most as many as there are targets or tokens.
  // All scores are NaN where a logit is no number.
  std::span<Filling> out;
};

// Runs the head over some masks at a time, on all threads of a pool. One thread calls it; nothing
// is allocated after construction. The same mask gives the same bits beside any others, on any
// number of threads.
class MaskScorer {
 public:
  // `head`, `kernels` and `pool` outlive it. May throw std::bad_alloc.
  MaskScorer(const MaskHead* head, const Kernels* kernels, ThreadPool* pool);
  // What the constructor allocates.
  static size_t Bytes(const MaskHead& head, int threads);

  // hidden: [C], copied. The answer is there after Flush, until when what `question` names stays.
  void Add(const float* hidden, const MaskQuestion& question);
  void Flush();

 private:
  void ScoreTokens(int member);
  void Answer(size_t row) const;

  const MaskHead& head_;
  const Kernels& kernels_;
  ThreadPool* const pool_;
  AlignedBuffer<float> hidden_;       // [kRows, C]
  AlignedBuffer<float> transformed_;  // [kRows, E]
  AlignedBuffer<float> logits_;       // [kRows, V]
  struct Member {
    AlignedBuffer<float> rows;    // [kBlock, E] of the table
    AlignedBuffer<float> packed;  // the same for the kernels
  };
  std::vector<Member> members_;
  std::vector<MaskQuestion> questions_;
};

}  // namespace minnow
