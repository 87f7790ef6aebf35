// SPDX-License-Identifier: Apache-2.0
// Spaces that tokens leave in a text and no one writes.
#pragma once

#include <string>

namespace minnow {

// Without the space before . ? ! , n't 'm 's 've 're and without both around an apostrophe, in the
// order of PreTrainedTokenizerBase.clean_up_tokenization in
// https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/tokenization_utils_base.py
std::string CleanUpSpaces(std::string text);

}  // namespace minnow
