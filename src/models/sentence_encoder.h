// SPDX-License-Identifier: Apache-2.0
// SentenceEncoder: token ids -> one vector a text. Encoder (BERT family), pooling, Dense modules,
// normalisation.
//
// Letters: T tokens of a batch, B texts, C hidden size, D size of the vectors given out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "formats/encoder_config.h"
#include "formats/packed.h"
#include "formats/sentence_transformers.h"
#include "models/calibration.h"
#include "models/model_source.h"
#include "models/token_batch.h"
#include "nn/dtype.h"
#include "nn/embedding_table.h"

namespace minnow {

// What a caller may want to know of a loaded model; filled at load.
struct ModelInfo {
  std::string model_id;  // the directory's name, or what the packed file says
  EncoderConfig config;
  SentenceTransformersLayout layout;
  Dtype dtype = Dtype::kF32;
  TableType embedding = TableType::kF32;  // of the word table
  std::optional<PackedQuality> quality;   // of a packed file that was measured
  int max_sequence_tokens = 0;            // min of the position table and sentence_bert_config.json
  int embedding_size = 0;                 // D
  size_t weight_bytes = 0;                // packed weights, in memory or in the packed file
};

struct EncoderPrecision {
  std::optional<Dtype> dtype;          // nullopt: a packed file's own, fp32 for a directory
  std::optional<TableType> embedding;  // nullopt: as it is stored
};

class SentenceEncoder {
 public:
  // Room for the largest batch, allocated once; one for each thread that calls Embed.
  class Workspace;

  // Maps a directory's weights and packs them, or maps a packed file, whose weights are used where
  // they lie. Fails with kNotFound, kCorrupt or kUnsupported, naming file and tensor;
  // kInvalidArgument for a precision that a packed file does not have. `calibration` is for int8
  // made of a directory.
  static Result<std::unique_ptr<SentenceEncoder>> Load(const ModelSource& source,
                                                       const EncoderPrecision& precision,
                                                       const Calibration* calibration = nullptr);
  static Result<std::unique_ptr<SentenceEncoder>> Load(const std::string& path, Dtype dtype);
  // An encoder of this shape with random weights (models/random_weights.h) and mean pooling: as
  // fast as a real one. Fails with kInternal where there is no memory for it.
  static Result<std::unique_ptr<SentenceEncoder>> Random(const EncoderConfig& config, Dtype dtype);
  virtual ~SentenceEncoder() = default;

  virtual const ModelInfo& info() const = 0;
  // What calibrates int8 weights of this model; empty where it has none. REQUIRES: fp32; texts as
  // for Embed.
  virtual Calibration MeasureInputs(std::span<const std::vector<int32_t>>) const { return {}; }
  // The weights as a packed file holds them; none where there are no such. They borrow from the
  // encoder.
  virtual std::vector<PackedTensor> PackedTensors() const { return {}; }

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
