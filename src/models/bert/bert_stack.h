// SPDX-License-Identifier: Apache-2.0
// BertStack: BERT's family as an EncoderStack: its weights from a directory, an ONNX file, a packed
// file, or chance.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "models/bert/config.h"
#include "models/bert/encoder.h"
#include "models/encoder_stack.h"
#include "models/source.h"
#include "models/weights/loader.h"

namespace minnow {

class BertStack : public EncoderStack {
 public:
  // `dtype`: a packed file's own. Fails as EncoderModel::Load does. May throw std::bad_alloc.
  static Result<std::unique_ptr<BertStack>> Load(const ModelSource& source,
                                                 const EncoderConfig& config, Dtype dtype,
                                                 std::optional<TableType> embedding,
                                                 const Calibration* calibration);
  // Fails with kInternal where there is no memory for the weights. May throw std::bad_alloc.
  static Result<std::unique_ptr<BertStack>> Random(const EncoderConfig& config, Dtype dtype);

  const TensorSource& tensors() const override { return *source_; }
  const EmbeddingTable& words() const override { return weights_.word_embeddings; }
  size_t weight_bytes() const override;
  std::unique_ptr<EncoderPass> NewPass(ThreadPool* pool) const override;
  size_t PassBytes(int threads) const override;
  Calibration MeasureInputs(std::span<const std::vector<int32_t>> texts) const override;
  std::vector<PackedTensor> PackedTensors() const override;

 private:
  BertStack(const EncoderConfig& config, Dtype dtype);
  Status LoadDirectory(const ModelSource& source, std::optional<TableType> embedding,
                       const Calibration* calibration);
  Status LoadPacked(std::shared_ptr<const PackedFile> packed);
  // The list of weights; `stored` must outlive it.
  WeightList Weights(const TensorNames& stored);

  const EncoderConfig config_;
  const Dtype dtype_;
  const Kernels& kernels_;
  std::shared_ptr<const TensorSource> source_;  // what weights may be views of
  WeightStorage storage_;                       // likewise
  EncoderWeights weights_;
  size_t weight_bytes_ = 0;
};

}  // namespace minnow
