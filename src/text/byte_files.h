// SPDX-License-Identifier: Apache-2.0
// The tokenizer of byT5, which has no file of its own: bytes are tokens. Pure but for reading.
#pragma once

#include <string>

#include "base/result.h"
#include "formats/json.h"

namespace minnow {

// Whether tokenizer_class in `directory`'s tokenizer_config.json is ByT5Tokenizer.
bool IsByteTokenizer(const std::string& directory);

// A tokenizer.json of ByT5Tokenizer: <pad>, </s>, <unk>, the bytes from id 3 on, and the sentinels
// <extra_id_0> and on from id 259, 125 of them unless extra_ids says otherwise. What is no UTF-8
// is left out of decoded texts, as transformers does. Fails as JsonDocument::ReadFile does, and
// with kCorrupt; the message names the file.
// Source:
// https://github.com/huggingface/transformers/blob/v5.24.0/src/transformers/models/byt5/tokenization_byt5.py
Result<JsonDocument> ReadByteTokenizer(const std::string& directory);

}  // namespace minnow
