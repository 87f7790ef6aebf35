// SPDX-License-Identifier: Apache-2.0
// T5Model: token ids -> hidden states, or scores of the next token: an encoder, and a decoder that
// feeds one token of each beam at a time.
//
// Const after loading; may be used from any thread.
// Letters: T tokens of a batch, R rows of a step, C d_model, V vocabulary.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "formats/packed.h"
#include "models/source.h"
#include "models/t5/cache.h"
#include "models/t5/config.h"
#include "models/t5/decoder.h"
#include "models/t5/weights.h"
#include "models/t5/workspace.h"
#include "models/token_batch.h"
#include "models/weights/calibration.h"
#include "models/weights/loader.h"

namespace minnow {

struct T5LoadOptions {
  EncoderPrecision precision;
  T5Limits limits;
  T5Parts parts = T5Parts::kAll;             // kEncoder: only Hidden may be called
  const Calibration* calibration = nullptr;  // of the same model; for int8 made of a directory
  bool rough = false;                        // as LoadOptions has it
};

// What a caller may want to know of a loaded model; filled at load.
struct T5Info {
  std::string model_id;  // the directory's name, or what the packed file says
  T5Config config;
  T5Limits limits;
  Dtype dtype = Dtype::kF32;
  TableType embedding = TableType::kF32;
  size_t weight_bytes = 0;  // packed weights, in memory or in the packed file
};

class T5Model {
 public:
  using Workspace = T5Workspace;
  using Cache = T5Cache;
  using Row = T5Row;

  // Maps a directory's weights and packs them, or maps a packed file, whose weights are used where
  // they lie. Fails with kNotFound, kCorrupt or kUnsupported, naming file and tensor;
  // kInvalidArgument for a precision that a packed file does not have.
  static Result<std::unique_ptr<T5Model>> Load(const ModelSource& source,
                                               const T5LoadOptions& options);
  // A model of this shape with random weights (models/weights/random_weights.h). Fails with
  // kInternal where there is no memory for it.
  static Result<std::unique_ptr<T5Model>> Random(const T5Config& config, Dtype dtype,
                                                 const T5Limits& limits);

  const T5Info& info() const { return info_; }
  const T5Config& config() const { return info_.config; }
  const TensorSource& tensors() const { return *source_; }  // REQUIRES: not made by Random
  const EmbeddingTable& embedding() const { return weights_.embedding; }
  // What calibrates int8 weights of this model: inputs of its products over the texts and, where
  // all parts are there, the beginnings of its answers to them. REQUIRES: texts, of which there is
  // one at least, as for Encode.
  Calibration MeasureInputs(std::span<const std::vector<int32_t>> texts) const;
  // The weights as a packed file holds them; they borrow from the model.
  std::vector<PackedTensor> PackedTensors() const;

  // Workspace for at most `max_tokens` tokens of texts and `max_rows` rows of a step. `pool` runs
  // the arithmetic and outlives it. May throw std::bad_alloc.
  std::unique_ptr<Workspace> NewWorkspace(size_t max_tokens, size_t max_rows,
                                          ThreadPool* pool) const;

  // All of this allocates nothing, and gives the same text the same bits in any batch and on any
  // pool. REQUIRES: well-formed batches with ids in [0, V) that fit the workspace, texts and
  // caches within info().limits.

  // out: [T, C] f32: the encoder's hidden states after its last norm.
  void Hidden(const TokenBatch& batch, Workspace& workspace, float* out) const;
  // Encodes texts, and gives each one's cache the keys and values that the decoder attends to.
  void Encode(const TokenBatch& batch, std::span<Cache* const> caches, Workspace& workspace) const;
  // One step of the decoder (models/t5/decoder.h). logits: [R, logits_stride()] f32
  void Step(std::span<const Row> rows, Workspace& workspace, float* logits) const;
  size_t logits_stride() const { return PaddedColumns(info_.config.vocab_size); }

 private:
  explicit T5Model(T5Info info);
  Status LoadDirectory(const ModelSource& source, const T5LoadOptions& options);
  Status LoadPacked(std::shared_ptr<const PackedFile> packed, T5Parts parts);
  // What is made of the weights once they are there. May throw std::bad_alloc.
  void Finish();
  WeightList Weights(const T5Ends& ends, T5Parts parts);

  T5Info info_;
  T5Parts parts_ = T5Parts::kAll;
  const Kernels& kernels_;
  std::shared_ptr<const TensorSource> source_;  // what weights may be views of
  WeightStorage storage_;                       // likewise
  T5Weights weights_;
};

}  // namespace minnow
