// SPDX-License-Identifier: Apache-2.0
// T5Stack: the first half of a T5 as an EncoderStack, for sentence vectors (sentence-t5, gtr-t5).
// What a checkpoint has of a decoder is not read.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "models/encoder_stack.h"
#include "models/t5/t5_model.h"

namespace minnow {

class T5Stack : public EncoderStack {
 public:
  // `max_tokens`: of a text. Fails as T5Model::Load does. May throw std::bad_alloc.
  static Result<std::unique_ptr<T5Stack>> Load(const ModelSource& source,
                                               const EncoderPrecision& precision, size_t max_tokens,
                                               const Calibration* calibration);

  const TensorSource& tensors() const override { return model_->tensors(); }
  const EmbeddingTable& words() const override { return model_->embedding(); }
  size_t weight_bytes() const override { return model_->info().weight_bytes; }
  std::unique_ptr<EncoderPass> NewPass(ThreadPool* pool) const override;
  size_t PassBytes(int threads) const override;
  Calibration MeasureInputs(std::span<const std::vector<int32_t>> texts) const override {
    return model_->MeasureInputs(texts);
  }
  std::vector<PackedTensor> PackedTensors() const override { return model_->PackedTensors(); }

 private:
  explicit T5Stack(std::unique_ptr<T5Model> model) : model_(std::move(model)) {}

  std::unique_ptr<T5Model> model_;
};

}  // namespace minnow
