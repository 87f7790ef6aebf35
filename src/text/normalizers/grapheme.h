// SPDX-License-Identifier: Apache-2.0
// Grapheme clusters (UAX #29, extended), as Hugging Face tokenizers cuts them. Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace minnow {

// Where the cluster that starts at `begin` ends. REQUIRES: well-formed UTF-8, begin < text.size(),
// and a cluster starts there. Linear in the length of the cluster.
size_t GraphemeEnd(std::string_view text, size_t begin);

}  // namespace minnow
