// SPDX-License-Identifier: Apache-2.0
// Any bytes as text, for small tokenizers with every kind of normalizer and added token: what
// always holds of an encoding.
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/utf8.h"
#include "text/tokenizer.h"

namespace minnow {
namespace {

constexpr char kHead[] = R"({"added_tokens": [
  {"id": 18, "content": "[MASK]", "single_word": false, "lstrip": true, "rstrip": false, "normalized": false, "special": true},
  {"id": 19, "content": "<r>", "single_word": false, "lstrip": false, "rstrip": true, "normalized": false, "special": false},
  {"id": 20, "content": "Day", "single_word": true, "lstrip": true, "rstrip": true, "normalized": true, "special": true}],
  "post_processor": {"type": "BertProcessing", "cls": ["[CLS]", 1], "sep": ["[SEP]", 2]},
  "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
  "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 9,
  "vocab": {"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3, "##a": 4, "b": 5, "##b": 6, "ab": 7, "##ab": 8, ".": 9, "'": 10,
  "##c": 11, "\u0301": 12, "##\u0301": 13, "\u4e2d": 14, "##\u0316": 15, "i": 16, "##\u0307": 17}}, )";
constexpr const char* kTails[] = {
    R"("normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
      "lowercase": true}, "pre_tokenizer": {"type": "BertPreTokenizer"}})",
    R"("normalizer": {"type": "BertNormalizer", "clean_text": false, "handle_chinese_chars": true, "strip_accents": false,
      "lowercase": true}, "pre_tokenizer": {"type": "Whitespace"}})",
    R"("normalizer": {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "Lowercase"}]},
      "pre_tokenizer": {"type": "WhitespaceSplit"}})",
    R"("normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKD"}, {"type": "StripAccents"}]}})",
    R"("normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Sequence", "pretokenizers":
      [{"type": "WhitespaceSplit"}, {"type": "BertPreTokenizer"}, {"type": "Whitespace"}]}})",
};
// Whole files of BPE: RoBERTa's form, CLIP's, and one with bytes to fall back to.
constexpr const char* kBpe[] = {
    R"({"added_tokens": [{"id": 20, "content": "<mask>", "single_word": false, "lstrip": true, "rstrip": false,
      "normalized": true, "special": true}], "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": true,
      "trim_offsets": true}, "decoder": {"type": "ByteLevel"}, "post_processor": {"type": "RobertaProcessing",
      "cls": ["a", 1], "sep": ["b", 2], "trim_offsets": true, "add_prefix_space": true},
      "model": {"type": "BPE", "unk_token": "?", "vocab": {"?": 0, "a": 1, "b": 2, "\u0120": 3, "\u0120a": 4, "ab": 5,
      "\u00c3": 6, "\u00a9": 7, "\u00c3\u00a9": 8, "aa": 9, "aaaa": 10, "'": 11, "1": 12, "\u010a": 13},
      "merges": ["\u0120 a", "a b", "\u00c3 \u00a9", "a a", "aa aa"]}})",
    R"({"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Replace", "pattern":
      {"Regex": "\\s+"}, "content": " "}, {"type": "Lowercase"}]}, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
      {"type": "Split", "pattern": {"Regex": "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"},
      "behavior": "Removed", "invert": true}, {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true}]},
      "decoder": {"type": "BPEDecoder", "suffix": "</w>"}, "model": {"type": "BPE", "unk_token": "?", "fuse_unk": true,
      "end_of_word_suffix": "</w>", "vocab": {"?": 0, "a": 1, "b": 2, "a</w>": 3, "b</w>": 4, "ab</w>": 5, "aa": 6,
      "\u00c3": 7, "\u00a9</w>": 8, "\u00c3\u00a9</w>": 9}, "merges": ["a b</w>", "a a", "\u00c3 \u00a9</w>"]}})",
    R"({"normalizer": {"type": "NFKC"}, "model": {"type": "BPE", "byte_fallback": true, "ignore_merges": true,
      "continuing_subword_prefix": "#", "vocab": {"a": 0, "#a": 1, "aa": 2, "<0x23>": 3, "<0xE4>": 4, "<0xB8>": 5,
      "<0xAD>": 6, "#b": 7, "aab": 8}, "merges": [["a", "#a"], ["aa", "#b"]]}})",
};
// Those of Unigram, whole but for "added_tokens".
constexpr char kUnigramHead[] = R"({"added_tokens": [
  {"id": 0, "content": "<unk>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
  {"id": 99, "content": "<mask>", "single_word": false, "lstrip": true, "rstrip": false, "normalized": false, "special": true},
  {"id": 99, "content": "Day", "single_word": true, "lstrip": true, "rstrip": true, "normalized": true, "special": false}],
  "model": {"type": "Unigram", "unk_id": 0, "vocab": [["<unk>", 0], ["\u2581", -2], ["\u2581a", -2.5], ["a", -3], ["b", -3],
  ["ab", -4.25], ["aba", -5.1], ["\u2581\u2581", -6], ["\u00e9", -3], ["\u4e2d", -4], ["e\u0301", -3], ["<0x0A>", -9], ["-", -1],
  ["fi", -2], [" ", -3]], "byte_fallback": )";
constexpr const char* kUnigramTails[] = {
    R"(false}, "normalizer": {"type": "Sequence", "normalizers": [{"type": "Nmt"}, {"type": "NFKC"},
      {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "\u2581"}]},
      "pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "WhitespaceSplit"},
      {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always"}]},
      "decoder": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always"}})",
    R"(true}, "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "\u2581"},
      {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}, {"type": "NFC"}]},
      "decoder": {"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
      {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 1}]}})",
    R"(true}, "normalizer": {"type": "Strip", "strip_left": true, "strip_right": true},
      "pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "first", "split": false}})",
    R"(false}, "normalizer": {"type": "SentencePiece", "precompiled_charsmap": "", "add_dummy_prefix": true,
      "remove_extra_whitespaces": true, "escape_whitespaces": true, "treat_whitespace_as_suffix": true,
      "user_defined": ["ab ", "\u00e9"]}})",
};
constexpr size_t kTokenizers = std::size(kTails) + std::size(kBpe) + std::size(kUnigramTails);

const Tokenizer& TokenizerNumber(size_t i) {
  static const auto* tokenizers = [] {
    auto* made = new std::vector<std::unique_ptr<const Tokenizer>>;
    const auto add = [made](const std::string& file) {
      auto tokenizer = Tokenizer::FromJson(file, "fuzz");
      CHECK(tokenizer.ok());
      made->push_back(std::move(tokenizer).value());
    };
    for (const char* tail : kTails) add(std::string(kHead) + tail);
    for (const char* file : kBpe) add(file);
    for (const char* tail : kUnigramTails) add(std::string(kUnigramHead) + tail);
    return made;
  }();
  return *(*tokenizers)[i];
}

void CheckEncoding(const Tokenizer& tokenizer, const Encoding& encoding, size_t code_points,
                   bool trimmed) {
  CHECK(encoding.offsets.size() == encoding.ids.size());
  CHECK(encoding.special.size() == encoding.ids.size());
  CHECK(encoding.type_ids.size() == encoding.ids.size());
  TokenOffset previous;
  for (size_t i = 0; i < encoding.ids.size(); ++i) {
    CHECK(encoding.ids[i] >= 0 && static_cast<size_t>(encoding.ids[i]) < tokenizer.vocab_size());
    CHECK(tokenizer.IdToToken(encoding.ids[i]).has_value());
    const TokenOffset offset = encoding.offsets[i];
    if (encoding.special[i] != 0) {
      CHECK(offset == TokenOffset{});
      continue;
    }
    // Spaces have no offsets in RoBERTa's form, nor do they keep the order.
    if (trimmed) {
      CHECK(offset.begin <= offset.end && offset.end <= code_points);
      continue;
    }
    CHECK(offset.begin < offset.end && offset.end <= code_points);
    CHECK(offset.begin >= previous.begin && offset.end >= previous.end);
    previous = offset;
  }
}

}  // namespace
}  // namespace minnow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace minnow;
  if (size < 2) return 0;
  const size_t number = data[0] % kTokenizers;
  const Tokenizer& tokenizer = TokenizerNumber(number);
  const bool trimmed = number == std::size(kTails);
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string repaired = RepairUtf8(text);
  CHECK(IsValidUtf8(repaired));

  EncodeOptions options;
  options.want_offsets = true;
  const Encoding full = tokenizer.Encode(text, options);
  CheckEncoding(tokenizer, full, CountCodePoints(repaired), trimmed);
  CHECK(full.untruncated_tokens == full.ids.size());
  tokenizer.Decode(full.ids, false);
  tokenizer.Decode(full.ids, true);

  options.max_tokens = data[1] % 16;
  if ((data[1] & 0x80) != 0) options.truncation_direction = TruncationDirection::kLeft;
  const Encoding cut = tokenizer.Encode(text, options);
  CheckEncoding(tokenizer, cut, CountCodePoints(repaired), trimmed);
  CHECK(options.max_tokens == 0 || cut.ids.size() <= options.max_tokens);
  CHECK(cut.untruncated_tokens == full.ids.size());
  const size_t half = text.size() / 2;
  const Encoding pair = tokenizer.EncodePair(text.substr(0, half), text.substr(half), options);
  CHECK(options.max_tokens == 0 || pair.ids.size() <= options.max_tokens);
  options.want_offsets = false;
  CHECK(tokenizer.Encode(text, options).ids == cut.ids);
  CHECK(tokenizer.Encode(repaired, options).ids == cut.ids);
  return 0;
}
