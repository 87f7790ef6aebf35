// SPDX-License-Identifier: Apache-2.0
#include "api/search/document_chunker.h"

namespace minnow::api {

Chunker MakeChunker(const Tokenizer& tokenizer) {
  return [&tokenizer](std::string_view text) -> std::vector<ChunkRange> {
    if (text.empty()) return {};
    return {{0, static_cast<uint32_t>(text.size())}};
  };
}

}  // namespace minnow::api
