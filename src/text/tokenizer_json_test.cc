// SPDX-License-Identifier: Apache-2.0
// Hostile and foreign tokenizer.json files: each is refused, with the field in the message.
#include "text/tokenizer_json.h"

#include <gtest/gtest.h>

#include <string>

#include "text/tokenizer.h"

namespace minnow {
namespace {

constexpr char kGood[] = R"({
  "version": "1.0", "truncation": null, "padding": null,
  "added_tokens": [
    {"id": 0, "content": "[UNK]", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},
    {"id": 4, "content": "new", "single_word": false, "lstrip": false, "rstrip": false, "normalized": true, "special": false}],
  "normalizer": {"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true},
  "pre_tokenizer": {"type": "BertPreTokenizer"},
  "post_processor": {"type": "TemplateProcessing",
    "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
    "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}}},
  "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
  "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100,
    "vocab": {"[UNK]": 0, "[CLS]": 1, "a": 2, "##b": 3}}
})";

// kGood with its first `from` replaced.
std::string With(const std::string& from, const std::string& to) {
  std::string json = kGood;
  const size_t at = json.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  if (at != std::string::npos) json.replace(at, from.size(), to);
  return json;
}

TEST(TokenizerJsonTest, Good) {
  const auto tokenizer = Tokenizer::FromJson(kGood, "t.json");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  EXPECT_EQ((*tokenizer)->vocab_size(), 5u);
  EXPECT_EQ((*tokenizer)->Encode("AB new a", {}).ids, (std::vector<TokenId>{1, 2, 3, 4, 2}));
}

struct Refused {
  std::string from;
  std::string to;
  Code code;
  std::string message;  // a part of it
};

void PrintTo(const Refused& refused, std::ostream* out) {
  *out << refused.from << " -> " << refused.to;
}

class RefusedTest : public testing::TestWithParam<Refused> {};

TEST_P(RefusedTest, SaysWhichField) {
  const Refused& refused = GetParam();
  const auto tokenizer = Tokenizer::FromJson(With(refused.from, refused.to), "t.json");
  ASSERT_FALSE(tokenizer.ok());
  EXPECT_EQ(tokenizer.error().code, refused.code) << tokenizer.error().message;
  EXPECT_TRUE(tokenizer.error().message.starts_with("t.json: ")) << tokenizer.error().message;
  EXPECT_NE(tokenizer.error().message.find(refused.message), std::string::npos)
      << tokenizer.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    Fields, RefusedTest,
    testing::Values(
        Refused{R"("version": "1.0")", R"("version": "2.0")", Code::kUnsupported, "version"},
        Refused{R"("version": "1.0")", R"("version": 1)", Code::kCorrupt, "version"},
        Refused{R"("##b": 3)", R"("##b": -1)", Code::kCorrupt, "model.vocab.##b"},
        Refused{R"("##b": 3)", R"("##b": 4294967296)", Code::kCorrupt, "model.vocab.##b"},
        Refused{R"("##b": 3)", R"("##b": "3")", Code::kCorrupt, "model.vocab.##b"},
        Refused{R"("##b": 3)", R"("##b": 2)", Code::kCorrupt,
                "model.vocab: id 2 is given to two tokens"},
        Refused{R"("##b": 3)", R"("##b": 4)", Code::kCorrupt,
                "added_tokens[1]: id 4 is another token's"},
        Refused{R"("vocab": {)", R"("vocab": 7, "rest": {)", Code::kCorrupt, "model.vocab"},
        Refused{R"("vocab": {)", R"("words": {)", Code::kCorrupt, "vocab"},
        Refused{R"("unk_token": "[UNK]")", R"("unk_token": "none")", Code::kCorrupt,
                "model.unk_token"},
        Refused{R"("unk_token": "[UNK]", )", "", Code::kCorrupt, "unk_token"},
        Refused{R"("max_input_chars_per_word": 100)", R"("max_input_chars_per_word": -1)",
                Code::kCorrupt, "model.max_input_chars_per_word"},
        Refused{R"({"type": "WordPiece", "unk)", R"({"type": "BPE", "unk)", Code::kUnsupported,
                "model.type"},
        Refused{R"({"type": "WordPiece", "unk)", R"({"unk)", Code::kCorrupt, "type"},
        Refused{R"("type": "BertNormalizer")", R"("type": "Precompiled")", Code::kUnsupported,
                "normalizer.type"},
        Refused{R"("clean_text": true)", R"("clean_text": 1)", Code::kCorrupt,
                "normalizer.clean_text"},
        Refused{R"({"type": "BertPreTokenizer"})", R"({"type": "Metaspace"})", Code::kUnsupported,
                "pre_tokenizer.type"},
        Refused{R"({"type": "BertPreTokenizer"})", R"("BertPreTokenizer")", Code::kCorrupt,
                "pre_tokenizer"},
        Refused{R"("type": "TemplateProcessing")", R"("type": "RobertaProcessing")",
                Code::kUnsupported, "post_processor.type"},
        Refused{R"("SpecialToken": {"id": "[CLS]")", R"("SpecialToken": {"id": "[SEP]")",
                Code::kCorrupt,
                "post_processor.single[0].SpecialToken.id: \"[SEP]\" is not in special_tokens"},
        Refused{R"("ids": [1])", R"("ids": [5])", Code::kCorrupt, "ids"},
        Refused{R"("ids": [1])", R"("ids": [-1])", Code::kCorrupt, "ids"},
        Refused{R"("type_id": 0}})", R"("type_id": 256}})", Code::kCorrupt, "type_id"},
        Refused{R"("Sequence": {"id": "A", "type_id": 0}}],)",
                R"("Sequence": {"id": "B", "type_id": 0}}],)", Code::kUnsupported,
                "post_processor.single"},
        Refused{R"("Sequence": {"id": "B")", R"("Sequence": {"id": "C")", Code::kCorrupt,
                "post_processor.pair[1]"},
        Refused{R"({"type": "WordPiece", "prefix")", R"({"type": "ByteLevel", "prefix")",
                Code::kUnsupported, "decoder.type"},
        Refused{R"({"id": 4, "content": "new")", R"({"id": 3, "content": "new")", Code::kCorrupt,
                "added_tokens[1]"},
        Refused{R"({"id": 4, "content": "new")", R"({"id": 0, "content": "[UNK]")", Code::kCorrupt,
                "added_tokens[1]"},
        Refused{R"({"id": 4, "content": "new")", R"({"id": 4, "content": "")", Code::kCorrupt,
                "added_tokens[1]"},
        Refused{R"({"id": 4, "content": "new")", R"({"id": 4, "content": "\u0001")",
                Code::kUnsupported, "added_tokens"},
        Refused{R"("lstrip": false, )", "", Code::kCorrupt, "lstrip"},
        Refused{R"("added_tokens": [)", R"("added_tokens": 5, "x": [)", Code::kCorrupt,
                "added_tokens"}));

TEST(TokenizerJsonTest, NoJsonOrNoObject) {
  for (const char* json : {"", "{", "[]", "5", "null", "{}"}) {
    const auto tokenizer = Tokenizer::FromJson(json, "t.json");
    ASSERT_FALSE(tokenizer.ok()) << json;
    EXPECT_EQ(tokenizer.error().code, Code::kCorrupt) << json;
  }
}

TEST(TokenizerJsonTest, TooManySpecialTokens) {
  std::string ids = "1";
  for (int i = 0; i < 2000; ++i) ids += ",1";
  const auto tokenizer =
      Tokenizer::FromJson(With(R"("ids": [1])", "\"ids\": [" + ids + "]"), "t.json");
  ASSERT_FALSE(tokenizer.ok());
  EXPECT_EQ(tokenizer.error().code, Code::kUnsupported);
}

}  // namespace
}  // namespace minnow
