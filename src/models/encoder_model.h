// SPDX-License-Identifier: Apache-2.0
// EncoderModel: token ids -> one vector a text, or one a token: a stack of layers
// (models/encoder_stack.h) and a head.
//
// Const after loading; may be used from any thread.
// Letters: T tokens of a batch, B texts, C hidden size, D size of the vectors given out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "formats/packed.h"
#include "models/bert/config.h"
#include "models/encoder_stack.h"
#include "models/heads/head.h"
#include "models/masks/mask_head.h"
#include "models/source.h"
#include "models/token_batch.h"
#include "models/weights/calibration.h"
#include "models/weights/loader.h"

namespace minnow {

// What a caller may want to know of a loaded model; filled at load.
struct ModelInfo {
  std::string model_id;  // the directory's name, or what the packed file says
  EncoderConfig config;
  SentenceTransformersLayout layout;
  Dtype dtype = Dtype::kF32;
  TableType embedding = TableType::kF32;  // of the word table
  std::optional<PackedQuality> quality;   // of a packed file that was measured
  int max_sequence_tokens = 0;            // min of the position table and the layout
  int embedding_size = 0;                 // D
  std::string mask_fault;                 // what is wrong with its mask head; empty: nothing
  size_t weight_bytes = 0;                // packed weights, in memory or in the packed file
};

class EncoderModel {
 public:
  // Room for the largest batch, allocated once; one for each thread that calls Run.
  class Workspace;

  // Maps a directory's weights and packs them, or maps a packed file, whose weights are used where
  // they lie. `layout`: the source's, or a classifier's (models/heads/classify.h). Fails with
  // kNotFound, kCorrupt or kUnsupported, naming file and tensor; kInvalidArgument for a precision
  // that a packed file does not have. `calibration` is for int8 made of a directory.
  static Result<std::unique_ptr<EncoderModel>> Load(const ModelSource& source,
                                                    const SentenceTransformersLayout& layout,
                                                    const EncoderPrecision& precision,
                                                    const Calibration* calibration = nullptr);
  // A model of this shape with random weights (models/weights/random_weights.h) and mean pooling:
  // as fast as a real one. Fails with kInternal where there is no memory for it.
  static Result<std::unique_ptr<EncoderModel>> Random(const EncoderConfig& config, Dtype dtype);

  const ModelInfo& info() const { return info_; }
  const Kernels& kernels() const { return kernels_; }
  const EncoderStack& stack() const { return *stack_; }
  // What fills masks; null where the weights have no such head, or one that cannot be read
  // (info().mask_fault): the model embeds all the same.
  const MaskHead* mask_head() const { return masks_ ? &*masks_ : nullptr; }
  // What calibrates int8 weights of this model. REQUIRES: fp32; texts as for Run.
  Calibration MeasureInputs(std::span<const std::vector<int32_t>> texts) const {
    return stack_->MeasureInputs(texts);
  }
  // The weights as a packed file holds them; they borrow from the model.
  std::vector<PackedTensor> PackedTensors() const;

  // Workspace for at most `max_tokens` tokens in at most `max_texts` texts. `pool` runs the
  // arithmetic and outlives it. May throw std::bad_alloc.
  std::unique_ptr<Workspace> NewWorkspace(size_t max_tokens, size_t max_texts,
                                          ThreadPool* pool) const;

  // Whether the head gives a vector for each token (models/heads/head.h).
  bool per_token() const { return head_.per_token(); }
  // out: [B, D] f32, or per_token() [T, D]. Total: REQUIRES that `batch` is well-formed, fits the
  // workspace and that no text is longer than info().max_sequence_tokens. Allocates nothing. The
  // same text gives the same bits in any batch and on any pool. `normalize`: vectors of length 1;
  // those of tokens are as they are.
  void Run(const TokenBatch& batch, bool normalize, Workspace& workspace, float* out) const;
  // out: [T, C] f32: the hidden states of the last layer, before the head.
  void Hidden(const TokenBatch& batch, Workspace& workspace, float* out) const;

 private:
  explicit EncoderModel(ModelInfo info);
  Status LoadStack(const ModelSource& source, std::optional<TableType> embedding,
                   const Calibration* calibration);
  Status LoadHeads(const ModelSource& source, std::optional<TableType> embedding);
  void SetHead(Head head);
  void SetMasks(Result<MaskHead> masks);

  ModelInfo info_;
  const Kernels& kernels_;
  std::unique_ptr<const EncoderStack> stack_;
  Head head_;
  std::optional<MaskHead> masks_;  // borrows the word table
};

class EncoderModel::Workspace {
 public:
  size_t bytes() const;

 private:
  friend class EncoderModel;
  Workspace(const EncoderModel& model, size_t max_tokens, size_t max_texts, ThreadPool* pool);

  std::unique_ptr<EncoderPass> pass_;
  std::vector<AlignedBuffer<float>> scratch_;  // the head's, one a thread
  const size_t max_tokens_;
  const size_t max_texts_;
};

}  // namespace minnow
