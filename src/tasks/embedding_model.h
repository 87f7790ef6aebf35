// SPDX-License-Identifier: Apache-2.0
// EmbeddingModel: texts to sentence vectors. Any encoder embeds; without modules.json by the mean
// of its hidden states.
#pragma once

#include <memory>

#include "base/result.h"
#include "tasks/text_model.h"

namespace minnow {

class EmbeddingModel : public TextModel {
 public:
  // Fails as EncoderModel::Load and the tokenizer do; kInvalidArgument for a packed file of another
  // kind.
  static Result<std::unique_ptr<EmbeddingModel>> Load(const ModelSource& source,
                                                      const EncoderPrecision& precision);
  using TextModel::TextModel;

  size_t embedding_size() const { return outputs(); }

 private:
  explicit EmbeddingModel(TextModel model) : TextModel(std::move(model)) {}
};

using EmbeddingBatch = TextBatch;

}  // namespace minnow
