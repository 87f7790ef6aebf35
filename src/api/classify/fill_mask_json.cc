// SPDX-License-Identifier: Apache-2.0
#include "api/classify/fill_mask_json.h"

#include <span>

namespace minnow::api {
namespace {

void WriteMask(const Tokenizer& tokenizer, const FilledText& text, size_t mask, JsonWriter& json) {
  const size_t count = text.per_mask();
  json.BeginArray();
  for (const Filling& one : std::span(text.fillings).subspan(mask * count, count)) {
    json.BeginObject();
    json.Key("score");
    json.Float(one.score);
    json.Key("token");
    json.Int(one.token);
    json.Key("token_str");
    json.String(tokenizer.Decode({&one.token, 1}, /*skip_special_tokens=*/false));
    json.Key("sequence");
    json.String(FillMask(tokenizer, text, mask, one.token));
    json.EndObject();
  }
  json.EndArray();
}

}  // namespace

void WriteFilledText(const Tokenizer& tokenizer, const FilledText& text, bool flat_if_one,
                     JsonWriter& json) {
  if (flat_if_one && text.masks.size() == 1) return WriteMask(tokenizer, text, 0, json);
  json.BeginArray();
  for (size_t mask = 0; mask < text.masks.size(); ++mask) WriteMask(tokenizer, text, mask, json);
  json.EndArray();
}

}  // namespace minnow::api
