// SPDX-License-Identifier: Apache-2.0
// Any bytes as a tokenizer.json: refused with a message, or a tokenizer whose ids are in its
// vocabulary.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "text/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace minnow;
  const auto tokenizer = Tokenizer::FromJson(
      std::string_view(reinterpret_cast<const char*>(data), size), "tokenizer.json");
  if (!tokenizer.ok()) {
    CHECK(tokenizer.error().message.starts_with("tokenizer.json: "));
    return 0;
  }
  constexpr std::string_view kText =
      "a ab.b [MASK] Zu\u0308rich \u4e2d \u0301\u0316 abababababababababababab <r>  Day \u2581 the "
      " quick\t\ufb01x "
      "\u2122\u001e e\u0301 \uff76\uff9e \U0001F600";
  EncodeOptions options;
  options.want_offsets = true;
  for (const Encoding& encoding :
       {(*tokenizer)->Encode(kText, options), (*tokenizer)->EncodePair(kText, "a", options)}) {
    for (const TokenId id : encoding.ids) {
      CHECK(id >= 0 && static_cast<size_t>(id) < (*tokenizer)->vocab_size());
    }
    CHECK(encoding.offsets.size() == encoding.ids.size());
    (*tokenizer)->Decode(encoding.ids, true);
  }
  return 0;
}
