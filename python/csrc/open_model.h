// SPDX-License-Identifier: Apache-2.0
// OpenModel: a model's files, and what was loaded of them. Knows nothing of Python.
//
// One thread at a time.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "models/source.h"
#include "models/weights/precision.h"
#include "tasks/classify.h"
#include "tasks/embedding_model.h"
#include "tasks/generate/model.h"

namespace minnow::python {

class OpenModel {
 public:
  // Loads what the model is made for. `dtype`: as --dtype of the command line; `threads`: of calls,
  // 0: as many as there are usable cores. Fails as ModelSource::Open and the loaders do. May throw
  // std::bad_alloc.
  static Result<std::unique_ptr<OpenModel>> Open(const std::string& path, const std::string& dtype,
                                                 int threads);

  const ModelSource& source() const { return source_; }
  int threads() const { return threads_; }

  // Each is loaded by the first who asks for it: a classifier of a directory embeds too.
  Result<const EmbeddingModel*> Embedding();
  Result<const ClassifyModel*> Classifier();
  Result<const GenerateModel*> Generator();
  // What is loaded already; null where it is not.
  const EmbeddingModel* embedding() const { return embedding_.get(); }
  const ClassifyModel* classifier() const { return classifier_.get(); }
  const GenerateModel* generator() const { return generator_.get(); }
  // Of what is loaded. Fails with kNotFound where the model has none.
  Result<const Tokenizer*> FindTokenizer() const;
  // The longest text that is read.
  size_t max_tokens() const;

  // What is known of it, an object of JSON.
  std::string InfoJson() const;

 private:
  OpenModel(ModelSource source, const EncoderPrecision& precision, int threads)
      : source_(std::move(source)), precision_(precision), threads_(threads) {}
  Status Load();
  const TextModel* text_model() const;

  const ModelSource source_;
  const EncoderPrecision precision_;
  const int threads_;
  std::unique_ptr<EmbeddingModel> embedding_;
  std::unique_ptr<ClassifyModel> classifier_;
  std::unique_ptr<GenerateModel> generator_;
};

}  // namespace minnow::python
