// SPDX-License-Identifier: Apache-2.0
// A tokenizer without a tokenizer.json: a sentencepiece .model file, as a tokenizer.json and
// tables. Pure but for reading.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "formats/json.h"
#include "text/models/token_model.h"

namespace minnow {

// A tokenizer as it comes from its files.
struct TokenizerFiles {
  JsonDocument document;              // tokenizer.json, or what says the same
  std::optional<ModelTables> tables;  // of the model, where the document does not hold them
};

// The name of the .model file in `directory` (sentencepiece.bpe.model, spiece.model), or empty.
std::string FindPieceFile(const std::string& directory);

// Reads a .model file. Ids and special tokens go by its name, as transformers has them:
// sentencepiece.bpe.model is XLM-R's, spiece.model T5's, another has sentencepiece's ids and
// no special tokens. `directory`: where config.json and tokenizer_config.json may say more, and
// tokens that the file does not hold (<mask>, <extra_id_0>) are added; empty: neither.
// The document has what only this program knows: a normalizer SentencePiece, and fields
// as_sentencepiece and unknown_score of the model. Fails with kNotFound, kCorrupt or kUnsupported;
// the message names the file.
Result<TokenizerFiles> ReadPieceFile(const std::string& path, const std::string& directory);
// The same, of a file's bytes.
Result<TokenizerFiles> ReadPieceBytes(std::string_view bytes, const std::string& path,
                                      const std::string& directory);

}  // namespace minnow
