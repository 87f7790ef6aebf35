// SPDX-License-Identifier: Apache-2.0
// Reads a Hugging Face tokenizer.json into the parts of a tokenizer. What is not understood is
// kUnsupported, named.
#pragma once

#include <memory>
#include <optional>

#include "base/result.h"
#include "formats/json.h"
#include "text/added_tokens.h"
#include "text/decoders/decoder.h"
#include "text/models/token_model.h"
#include "text/normalizers/normalizer.h"
#include "text/pre_tokenizers/pre_tokenizer.h"
#include "text/template_processing.h"

namespace minnow {

struct TokenizerParts {
  std::unique_ptr<const Normalizer> normalizer;       // null: none
  std::unique_ptr<const PreTokenizer> pre_tokenizer;  // null: none, the text is one word
  std::unique_ptr<const TokenModel> model;
  AddedTokens added_tokens;
  TemplateProcessing post_processor;
  std::unique_ptr<const Decoder> decoder;  // null: tokens are joined by spaces
  TokenId id_limit = 0;                    // one more than the largest id
  std::vector<std::string> warnings;       // what was read in another way than it stands there
};

// Loads what Hugging Face tokenizers loads. Every id in the result is in [0, id_limit). `tables`:
// the model's; without them, they are read from the document. Fails with kCorrupt or kUnsupported;
// the message names the field.
Result<TokenizerParts> ReadTokenizerJson(const JsonDocument& document,
                                         std::optional<ModelTables> tables = std::nullopt);

}  // namespace minnow
