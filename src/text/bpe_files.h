// SPDX-License-Identifier: Apache-2.0
// vocab.json and merges.txt, the files of a BPE tokenizer from before there was tokenizer.json,
// written as one. Pure but for reading.
#pragma once

#include <string>

#include "base/result.h"
#include "formats/json.h"

namespace minnow {

// Whether `directory` has both files.
bool HasBpeFiles(const std::string& directory);

// The tokenizer.json that transformers makes of the files of RobertaTokenizer and CLIPTokenizer:
// tokenizer_class of tokenizer_config.json or model_type of config.json says which. Special tokens
// are those of special_tokens_map.json, then tokenizer_config.json, then the class's own; further
// tokens those of added_tokens_decoder in tokenizer_config.json or of added_tokens.json. Fails as
// JsonDocument::ReadFile does, and with kUnsupported (another class), kCorrupt; the message names
// the file.
Result<JsonDocument> ReadBpeFiles(const std::string& directory);

}  // namespace minnow
