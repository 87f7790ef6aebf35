// SPDX-License-Identifier: Apache-2.0
// Any bytes as a sentencepiece .model file: refused with a message, or a tokenizer whose ids are in
// its vocabulary.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/utf8.h"
#include "text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace minnow;
  if (size == 0) return 0;
  // The file's name says how ids are given out.
  constexpr const char* kNames[] = {"pieces.model", "spiece.model", "sentencepiece.bpe.model"};
  const std::string name = kNames[data[0] % std::size(kNames)];
  const auto tokenizer = Tokenizer::FromPieceModel(
      std::string_view(reinterpret_cast<const char*>(data) + 1, size - 1), name);
  if (!tokenizer.ok()) {
    CHECK(tokenizer.error().message.starts_with(name + ": "));
    return 0;
  }
  constexpr std::string_view kText =
      "  the ab.b <s> Zu\u0308rich \u4e2d \u0301\u0316 ababab  \t\uff76\uff9e \u2581 <u> quick "
      "\u00e9";
  EncodeOptions options;
  options.want_offsets = true;
  for (const Encoding& encoding :
       {(*tokenizer)->Encode(kText, options), (*tokenizer)->EncodePair(kText, "a", options)}) {
    for (const TokenId id : encoding.ids) {
      CHECK(id >= 0 && static_cast<size_t>(id) < (*tokenizer)->vocab_size());
    }
    CHECK(encoding.offsets.size() == encoding.ids.size());
    CHECK(IsValidUtf8((*tokenizer)->Decode(encoding.ids, true)));
  }
  return 0;
}
