// SPDX-License-Identifier: Apache-2.0
// SentenceEncoder: token ids -> one vector a text. Encoder (BERT family), pooling, Dense modules,
// normalisation.
//
// Letters: T tokens of a batch, B texts, C hidden size, D size of the vectors given out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "formats/encoder_config.h"
#include "formats/sentence_transformers.h"
#include "models/token_batch.h"
#include "nn/dtype.h"

namespace minnow {

// What a caller may want to know of a loaded model; filled at load.
struct ModelInfo {
  std::string model_id;  // as given by the user: directory name
  EncoderConfig config;
  SentenceTransformersLayout layout;
  Dtype dtype = Dtype::kF32;
  int max_sequence_tokens = 0;  // min of the position table and sentence_bert_config.json
  int embedding_size = 0;       // D
  size_t weight_bytes = 0;      // resident weights, packed
};

class SentenceEncoder {
 public:
  // Room for the largest batch, allocated once; one for each thread that calls Embed.
  class Workspace;

  // Maps `directory` and packs its weights. Fails with kNotFound, kCorrupt or kUnsupported, naming
  // file and tensor.
  static Result<std::unique_ptr<SentenceEncoder>> Load(const std::string& directory, Dtype dtype);
  virtual ~SentenceEncoder() = default;

  virtual const ModelInfo& info() const = 0;

  // Workspace for at most `max_tokens` tokens in at most `max_texts` texts. `pool` runs the
  // arithmetic and outlives it.
  virtual std::unique_ptr<Workspace> NewWorkspace(size_t max_tokens, size_t max_texts,
                                                  ThreadPool* pool) const = 0;

  // out: [B, D] f32. Total: REQUIRES that `batch` is well-formed, fits the workspace and that no
  // text is longer than info().max_sequence_tokens. Allocates nothing. The same text gives the same
  // bits in any batch and on any pool.
  virtual void Embed(const TokenBatch& batch, bool normalize, Workspace& workspace,
                     float* out) const = 0;
  // out: [T, C] f32: the hidden states of the last layer, before pooling.
  virtual void Hidden(const TokenBatch& batch, Workspace& workspace, float* out) const = 0;
};

class SentenceEncoder::Workspace {
 public:
  virtual ~Workspace() = default;
  virtual size_t bytes() const = 0;
};

}  // namespace minnow
