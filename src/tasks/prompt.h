// SPDX-License-Identifier: Apache-2.0
// Prompt: the text that a model wants before an input, and who chooses it. Values.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"
#include "models/heads/sentence_transformers.h"

namespace minnow {

struct PromptChoice {
  enum class Kind {
    kDefault,   // the model's default, if it has one
    kQuery,     // of a search's query, if the model has one
    kDocument,  // of what is searched
    kNamed,     // `value` is its name
    kText,      // `value` is the prompt
    kNone,      // not even the model's default
  };
  Kind kind = Kind::kDefault;
  std::string value;

  // The caller asked for it, so that it cannot be left out.
  bool asked_for() const { return kind == Kind::kNamed || kind == Kind::kText; }
};

// A prompt as a model reads it.
struct Prompt {
  std::string text;            // empty: none
  size_t unpooled_tokens = 0;  // of the beginning of an input with it, that pooling leaves out
};

// The text of the prompt. kInvalidArgument: a name that the model does not have; the message
// lists those it has.
Result<std::string> FindPrompt(const PromptSet& prompts, const PromptChoice& choice);

}  // namespace minnow
