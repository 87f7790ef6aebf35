// SPDX-License-Identifier: Apache-2.0
// What stands for a text's masks, as JSON: for the routes and for the shell.
#pragma once

#include "formats/json.h"
#include "tasks/fill_mask.h"

namespace minnow::api {

// A list for each mask: [[{"score", "token", "token_str", "sequence"}, ...], ...]; `flat_if_one`:
// of one mask its list alone, as transformers' pipeline has it.
void WriteFilledText(const Tokenizer& tokenizer, const FilledText& text, bool flat_if_one,
                     JsonWriter& json);

}  // namespace minnow::api
