// SPDX-License-Identifier: Apache-2.0
// Reads a Hugging Face tokenizer.json into the parts of a tokenizer. What is not understood is
// kUnsupported, named.
#pragma once

#include <memory>
#include <optional>

#include "base/result.h"
#include "formats/json.h"
#include "text/added_tokens.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/template_processing.h"
#include "text/token_model.h"
#include "text/vocabulary.h"
#include "text/wordpiece.h"

namespace minnow {

struct TokenizerParts {
  std::unique_ptr<const Normalizer> normalizer;       // null: none
  std::unique_ptr<const PreTokenizer> pre_tokenizer;  // null: none, the text is one word
  std::unique_ptr<const TokenModel> model;
  AddedTokens added_tokens;
  TemplateProcessing post_processor;
  std::optional<WordPieceDecoder> decoder;  // nullopt: tokens are joined by spaces
  TokenId id_limit = 0;                     // one more than the largest id
};

// Every id in the result is in [0, id_limit). `vocabulary`: the model's; without it, it is read
// from the document. Fails with kCorrupt or kUnsupported; the message names the field.
Result<TokenizerParts> ReadTokenizerJson(const JsonDocument& document,
                                         std::optional<Vocabulary> vocabulary = std::nullopt);

}  // namespace minnow
