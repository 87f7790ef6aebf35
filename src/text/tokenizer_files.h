// SPDX-License-Identifier: Apache-2.0
// The files of a tokenizer: tokenizer.json, and what tokenizer_config.json changes in it; where it
// is missing, a sentencepiece .model file, older ones (bpe_files.h), or byT5's bytes
// (byte_files.h). Pure but for reading.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "formats/json.h"
#include "text/sentencepiece/piece_files.h"

namespace minnow {

// `directory`/tokenizer.json, or what the other files make of it, as transformers loads it: where
// tokenizer_config.json gives do_lower_case, a BertNormalizer has lowercase, strip_accents and
// handle_chinese_chars from there, unless tokenizer_class is a plain PreTrainedTokenizer.
// `lowercase`: where nothing lowers case, that comes first. `warnings` tells what was changed.
// `directory` may also be a .model file. Fails as JsonDocument::ReadFile and ReadPieceFile do.
Result<TokenizerFiles> ReadTokenizerFiles(const std::string& directory, bool lowercase,
                                          std::vector<std::string>& warnings);

// Paths of the files of `directory` that hold the vocabulary: tokenizer.json, or where there is
// none a .model file, vocab.json and merges.txt, or what says that bytes are the tokens.
std::vector<std::string> VocabularyFiles(const std::string& directory);

}  // namespace minnow
