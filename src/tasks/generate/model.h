// SPDX-License-Identifier: Apache-2.0
// GenerateModel: a tokenizer, if there is one, a model of T5's family, and what the model's files
// say about generation.
//
// Const after loading; may be used from any thread.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "generation/settings.h"
#include "models/source.h"
#include "models/t5/t5_model.h"
#include "text/tokenizer.h"

namespace minnow {

// Of config.json's task_specific_params.
struct TextTask {
  std::string prefix;         // "translate English to German: "
  GenerationOptions options;  // max_length, num_beams, ...
};

using TextTasks = std::map<std::string, TextTask, std::less<>>;

class GenerateModel {
 public:
  // int8 of a directory is calibrated first (text_to_text.h). Fails as LoadTextToText, the
  // tokenizer and the readers of the configurations do; kInvalidArgument for a packed file of
  // another kind.
  static Result<std::unique_ptr<GenerateModel>> Load(const ModelSource& source,
                                                     const EncoderPrecision& precision,
                                                     const T5Limits& limits = {});
  GenerateModel(std::unique_ptr<const Tokenizer> tokenizer, std::unique_ptr<T5Model> model,
                const GenerationOptions& options, TextTasks tasks);

  // False: the model takes token ids only, and gives them.
  bool has_tokenizer() const { return tokenizer_ != nullptr; }
  // REQUIRES: has_tokenizer().
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  const T5Model& model() const { return *model_; }
  const T5Info& info() const { return model_->info(); }
  size_t vocab_size() const { return static_cast<size_t>(info().config.vocab_size); }
  // Of one input, special tokens included; and of one answer, without its start token.
  size_t max_input_tokens() const { return info().limits.max_input_tokens; }
  size_t max_new_tokens() const { return info().limits.max_output_tokens - 1; }
  // That go through the decoder together, at most; and of one input.
  size_t max_rows() const;
  // What the model's files say, and what its family has where they say nothing; the request's
  // options go over them.
  const GenerationOptions& options() const { return options_; }
  const TextTasks& tasks() const { return tasks_; }
  // kInvalidArgument, naming those there are, where there is none of that name.
  Result<const TextTask*> FindTask(std::string_view name) const;

  // The text of generated ids, without padding, ends and start. Empty without a tokenizer.
  std::string Decode(std::span<const TokenId> ids, bool skip_special_tokens) const;
  // Whether Decode leaves the token out in any case.
  bool IsSpecial(TokenId id) const;

 private:
  std::unique_ptr<const Tokenizer> tokenizer_;
  std::unique_ptr<T5Model> model_;
  GenerationOptions options_;
  TextTasks tasks_;
};

}  // namespace minnow
