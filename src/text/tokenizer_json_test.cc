// SPDX-License-Identifier: Apache-2.0
// Hostile and foreign tokenizer.json files: each is refused, with the field in the message.
#include "text/tokenizer_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <random>
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
        Refused{R"("vocab": {)", R"("vocab": 7, "rest": {)", Code::kCorrupt, "model.vocab"},
        Refused{R"("vocab": {)", R"("words": {)", Code::kCorrupt, "vocab"},
        Refused{R"("unk_token": "[UNK]")", R"("unk_token": "none")", Code::kCorrupt,
                "model.unk_token"},
        Refused{R"("unk_token": "[UNK]", )", "", Code::kCorrupt, "unk_token"},
        Refused{R"("max_input_chars_per_word": 100)", R"("max_input_chars_per_word": -1)",
                Code::kCorrupt, "model.max_input_chars_per_word"},
        Refused{R"({"type": "WordPiece", "unk)", R"({"type": "BPE", "unk)", Code::kCorrupt,
                "model: field \"merges\" is missing"},
        Refused{R"({"type": "WordPiece", "unk)", R"({"type": "WordLevel", "unk)",
                Code::kUnsupported, "model.type"},
        Refused{R"({"type": "WordPiece", "unk)", R"({"type": null, "unk)", Code::kCorrupt,
                "model.type"},
        Refused{R"({"type": "WordPiece", "unk)", R"({"type": "wordpiece", "unk)",
                Code::kUnsupported, "model.type"},
        Refused{R"({"type": "WordPiece", "unk)", R"({"merges": 1, "unk)", Code::kCorrupt,
                "model.merges"},
        Refused{R"("max_input_chars_per_word": 100,)", "", Code::kCorrupt,
                "max_input_chars_per_word"},
        Refused{R"({"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",)",
                R"({"unk_token": "[UNK]",)", Code::kUnsupported, "those of WordLevel"},
        Refused{R"({"type": "WordPiece", "unk_token")", R"({"unk_id")", Code::kCorrupt,
                "model.unk_id"},
        Refused{R"({"type": "WordPiece", "unk_token")", R"({"unknown")", Code::kCorrupt,
                "model: field \"type\" is missing"},
        Refused{R"("type": "BertNormalizer")", R"("type": "Unheard")", Code::kUnsupported,
                "normalizer.type"},
        Refused{R"("clean_text": true)", R"("clean_text": 1)", Code::kCorrupt,
                "normalizer.clean_text"},
        Refused{R"({"type": "BertPreTokenizer"})", R"({"type": "Unheard"})", Code::kUnsupported,
                "pre_tokenizer.type"},
        Refused{R"({"type": "BertPreTokenizer"})", R"("BertPreTokenizer")", Code::kCorrupt,
                "pre_tokenizer"},
        Refused{R"("type": "TemplateProcessing")", R"("type": "RobertaProcessing")", Code::kCorrupt,
                "trim_offsets"},
        Refused{R"("type": "TemplateProcessing")", R"("type": "CtcProcessing")", Code::kUnsupported,
                "post_processor.type"},
        Refused{R"("post_processor": {)",
                R"("post_processor": {"type": "Sequence", "processors": [
                {"type": "BertProcessing", "cls": ["[CLS]", 1], "sep": ["[UNK]", 0]},
                {"type": "ByteLevel", "trim_offsets": true, "add_prefix_space": true}]}, "x": {)",
                Code::kUnsupported, "post_processor.processors[1]: trim_offsets after"},
        Refused{R"("post_processor": {)",
                R"("post_processor": {"type": "Sequence", "processors": [
                {"type": "BertProcessing", "cls": ["[CLS]", 1], "sep": ["[UNK]", 0]},
                {"type": "BertProcessing", "cls": ["[CLS]", 1], "sep": ["[UNK]", 0]}]}, "x": {)",
                Code::kUnsupported, "post_processor.processors[1]: tokens are added twice"},
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
        Refused{R"({"type": "WordPiece", "prefix")", R"({"type": "CTC", "prefix")",
                Code::kUnsupported, "decoder.type"},
        Refused{R"({"type": "WordPiece", "prefix")", R"({"type": "BPEDecoder", "prefix")",
                Code::kCorrupt, "suffix"},
        Refused{R"("type": "BertNormalizer")",
                R"("type": "Replace", "pattern": {"Regex": "(a|b)+"}, "content": "b")",
                Code::kUnsupported, "normalizer.pattern"},
        Refused{R"({"id": 4, "content": "new")", R"({"id": 4, "content": "\u0001")",
                Code::kUnsupported, "added_tokens"},
        Refused{R"("lstrip": false, )", "", Code::kCorrupt, "lstrip"},
        Refused{R"("added_tokens": [)", R"("added_tokens": 5, "x": [)", Code::kCorrupt,
                "added_tokens"}));

std::string Repeated(const std::string& step, int times) {
  std::string steps = step;
  while (--times > 0) steps += ", " + step;
  return steps;
}

// Steps that each make a text longer would fill the memory.
TEST(TokenizerJsonTest, WhatMakesTextsFarLongerIsRefused) {
  const std::string twice = R"({"type": "Replace", "pattern": {"String": "a"}, "content": "aa"})";
  const std::string letter =
      R"({"type": "Replace", "pattern": {"String": "\u062c\u0644"}, "content": "\ufdfb"})";
  const std::string parts[][3] = {
      {"normalizer", "normalizers", Repeated(twice, 40)},
      {"normalizer", "normalizers", Repeated(letter + R"(, {"type": "NFKC"})", 40)},
      {"normalizer", "normalizers", Repeated(R"({"type": "Prepend", "prepend": "ab"})", 7)},
      {"normalizer", "normalizers",
       R"({"type": "Prepend", "prepend": ")" + std::string(2000, 'a') + "\"}"},
      {"pre_tokenizer", "pretokenizers",
       Repeated(R"({"type": "ByteLevel", "add_prefix_space": false})", 11)},
      {"pre_tokenizer", "pretokenizers",
       Repeated(R"({"type": "Metaspace", "replacement": "_"})", 11)},
      {"decoder", "decoders", Repeated(twice, 11)}};
  for (const auto& [part, list, steps] : parts) {
    const std::string json =
        With("\"" + part + "\": {", "\"" + part + R"(": {"type": "Sequence", ")" + list + "\": [" +
                                        steps + "]}, \"x\": {");
    const auto tokenizer = Tokenizer::FromJson(json, "t.json");
    ASSERT_FALSE(tokenizer.ok()) << steps;
    EXPECT_EQ(tokenizer.error().code, Code::kUnsupported);
    EXPECT_THAT(tokenizer.error().message, testing::HasSubstr("times longer"));
  }
  // Unicode's changes are no such steps, however many.
  const std::string many = Repeated(R"({"type": "NFKC"}, {"type": "Lowercase"})", 40);
  EXPECT_TRUE(Tokenizer::FromJson(With(R"("normalizer": {)", R"("normalizer": {"type": "Sequence",
      "normalizers": [)" + many + R"(]}, "x": {)"),
                                  "t.json")
                  .ok());
}

// Each is looked for at each place of a text, and is kept in tables many times its size.
TEST(TokenizerJsonTest, LongAddedTokensAreRefused) {
  const auto error = [](const std::string& from, const std::string& to) {
    const auto tokenizer = Tokenizer::FromJson(With(from, to), "t.json");
    return tokenizer.ok() ? "" : tokenizer.error().message;
  };
  const std::string added = R"({"id": 4, "content": "new)";
  EXPECT_EQ(error(added, added + std::string(4093, 'a')), "");
  EXPECT_THAT(error(added, added + std::string(4094, 'a')), testing::HasSubstr("too long"));
  // 1024 bytes for each "n" once normalised.
  std::string json = With(added, added + "nnnn");
  const std::string normalizer = R"("normalizer": {)";
  json.replace(json.find(normalizer), normalizer.size(),
               normalizer + R"("type": "Replace", "pattern": {"String": "n"}, "content": ")" +
                   std::string(1024, 'b') + R"("}, "x": {)");
  const auto grown = Tokenizer::FromJson(json, "t.json");
  ASSERT_FALSE(grown.ok());
  EXPECT_THAT(grown.error().message, testing::HasSubstr("too long"));
  std::string many;
  for (int i = 0; i < 300; ++i) {
    many +=
        R"({"id": 4, "content": ")" + std::string(4000, 'a') + std::to_string(i) +
        R"(", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": false},)";
  }
  EXPECT_THAT(error(R"("added_tokens": [)", R"("added_tokens": [)" + many),
              testing::HasSubstr("more than 1 MiB"));
  const std::string pieces = R"("normalizer": {"type": "SentencePiece", "precompiled_charsmap": "",
      "add_dummy_prefix": true, "remove_extra_whitespaces": true, "escape_whitespaces": true,
      "treat_whitespace_as_suffix": false, "user_defined": [")";
  EXPECT_EQ(error(R"("normalizer": {)", pieces + std::string(4096, 'a') + R"("]}, "x": {)"), "");
  EXPECT_THAT(error(R"("normalizer": {)", pieces + std::string(4097, 'a') + R"("]}, "x": {)"),
              testing::HasSubstr("too long"));
}

// A token that takes the white space behind it, and stands at each place of that.
TEST(TokenizerJsonTest, ARunOfWhiteSpaceIsLookedAtOnce) {
  std::string json = With(R"({"id": 4, "content": "new")", R"({"id": 4, "content": " ")");
  const std::pair<std::string, std::string> changes[] = {
      {R"("rstrip": false, "normalized": true)", R"("rstrip": true, "normalized": false)"},
      {R"("post_processor": {)",
       R"("post_processor": {"type": "RobertaProcessing", "cls": ["[CLS]", 1], "sep": ["[UNK]", 0],
          "trim_offsets": true, "add_prefix_space": true}, "x": {)"}};
  for (const auto& [from, to] : changes) json.replace(json.find(from), from.size(), to);
  const auto tokenizer = Tokenizer::FromJson(json, "t.json");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  const Encoding few = (*tokenizer)->Encode("a  a a", {.want_offsets = true});
  EXPECT_EQ(few.ids, (std::vector<TokenId>{1, 2, 4, 4, 2, 4, 2, 0}));
  EXPECT_EQ(few.offsets, (std::vector<TokenOffset>{
                             {0, 0}, {0, 1}, {3, 3}, {3, 3}, {3, 4}, {5, 5}, {5, 6}, {0, 0}}));
  constexpr size_t kSpaces = 200000;
  const std::string spaces(kSpaces, ' ');
  const std::clock_t before = std::clock();
  EXPECT_EQ((*tokenizer)->Encode(spaces, {}).ids.size(), kSpaces + 2);
  EXPECT_EQ((*tokenizer)->Encode(spaces, {.want_offsets = true}).ids.size(), kSpaces + 2);
  EXPECT_LT(std::clock() - before, 5 * CLOCKS_PER_SEC);
}

TEST(TokenizerJsonTest, AModelWithoutATypeIsKnownByItsFields) {
  const auto tokenizer =
      Tokenizer::FromJson(With(R"({"type": "WordPiece", "unk)", R"({"unk)"), "t.json");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  EXPECT_STREQ((*tokenizer)->type(), "WordPiece");
  EXPECT_EQ((*tokenizer)->Encode("AB new a", {}).ids, (std::vector<TokenId>{1, 2, 3, 4, 2}));
  EXPECT_THAT((*tokenizer)->warnings(), testing::IsEmpty());
}

struct Loaded {
  std::string from;
  std::string to;
  std::string warning;
  TokenId id;  // of "new", whatever the file says
};

TEST(TokenizerJsonTest, AddedTokensAreNumberedAsHuggingFaceDoes) {
  const std::string added = R"({"id": 4, "content": "new")";
  const std::string flags =
      R"(, "single_word": false, "lstrip": false, "rstrip": false, "normalized": true, "special": true})";
  const Loaded cases[] = {
      {added, R"({"id": 3, "content": "new")", R"(added_tokens[1]: "new": has id 4, not 3)", 4},
      {added, R"({"id": 90, "content": "new")", "has id 4, not 90", 4},
      {added, R"({"id": 4, "content": "new")" + flags + ", " + added,
       R"(added_tokens[2]: "new": given before, this one counts)", 4},
      {added, R"({"id": 4, "content": "")" + flags + ", " + added, R"("": left out)", 4},
      {added, R"({"id": 4, "content": "NEW")" + flags + R"(, {"id": 5, "content": "new")",
       R"("new" is never found: once normalised it is the same as "NEW")", 4},
      // A gap in the vocabulary: new ids go by the number of tokens, whatever else has them.
      {R"("##b": 3)", R"("##b": 4)", "", 4},
      {R"("##b": 3)", R"("##b": 3, "new": 9)", "has id 9, not 4", 9},
      {added, R"({"id": 0, "content": "far")" + flags + ", " + added, "has id 4, not 0", 5},
      {R"("##b": 3)", R"("##b": 3, "far": 6, "new": 5)", "has id 5, not 4", 5},
      {R"("[CLS]": 1)", R"("[CLS]": 1, "[UNK]": 0, "far": 30)", "has id 5, not 4", 5},
  };
  for (const Loaded& c : cases) {
    const auto tokenizer = Tokenizer::FromJson(With(c.from, c.to), "t.json");
    ASSERT_TRUE(tokenizer.ok()) << c.to << ": " << tokenizer.error().message;
    EXPECT_EQ((*tokenizer)->Encode("New", {}).ids, (std::vector<TokenId>{1, c.id})) << c.to;
    if (c.warning.empty()) {
      EXPECT_THAT((*tokenizer)->warnings(), testing::IsEmpty());
    } else {
      EXPECT_THAT((*tokenizer)->warnings(), testing::Contains(testing::HasSubstr(c.warning)));
    }
  }
}

// "<x>" is numbered 4, and then "far" of the vocabulary has that id.
TEST(TokenizerJsonTest, OfTwoAddedTokensWithOneIdTheLastIsFound) {
  const std::string flags =
      R"(, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": false})";
  std::string json = With(R"("##b": 3)", R"("##b": 4)");
  const std::string added = R"({"id": 4, "content": "new")";
  json.replace(json.find(added), added.size(),
               R"({"id": 4, "content": "<x>")" + flags + R"(, {"id": 4, "content": "##b")");
  const auto tokenizer = Tokenizer::FromJson(json, "t.json");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  EXPECT_EQ((*tokenizer)->Encode("a ##b <x>", {}).ids, (std::vector<TokenId>{1, 2, 4, 0, 0, 0}));
  EXPECT_THAT((*tokenizer)->warnings(),
              testing::Contains(testing::HasSubstr(R"("<x>" is never found: its id is also)")));
}

TEST(TokenizerJsonTest, ATokenGivenTwiceIsSpecialWhereOneIs) {
  const std::string twice =
      R"({"id": 4, "content": "new", "single_word": false, "lstrip": false, "rstrip": false, "normalized": true, "special": true}, )"
      R"({"id": 4, "content": "new")";
  const auto tokenizer =
      Tokenizer::FromJson(With(R"({"id": 4, "content": "new")", twice), "t.json");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  EXPECT_EQ((*tokenizer)->Decode(std::vector<TokenId>{4, 2}, true), "a");
}

class TokenizerFilesTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(directory_); }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ + "/" + name, std::ios::binary) << text;
  }
  // The ids of "AB", and the one warning.
  std::vector<TokenId> Ids(const std::string& config, bool lowercase, std::string& warning) {
    if (!config.empty()) Write("tokenizer_config.json", config);
    const auto tokenizer = Tokenizer::LoadDirectory(directory_, lowercase);
    EXPECT_TRUE(tokenizer.ok()) << tokenizer.error().message;
    if (!tokenizer.ok()) return {};
    EXPECT_LE((*tokenizer)->warnings().size(), 1u);
    warning = (*tokenizer)->warnings().empty() ? "" : (*tokenizer)->warnings()[0];
    return (*tokenizer)->Encode("AB", {}).ids;
  }

  const std::string directory_ =
      testing::TempDir() + "minnow_tokenizer_files_" + std::to_string(::getpid());
};

TEST_F(TokenizerFilesTest, DoLowerCaseOfTheConfigWins) {
  const std::vector<TokenId> known = {1, 2, 3};
  const std::vector<TokenId> unknown = {1, 0};
  const std::string cased = With(R"("lowercase": true)", R"("lowercase": false)");
  std::string warning;
  Write("tokenizer.json", cased);
  EXPECT_EQ(Ids("", false, warning), unknown);
  EXPECT_EQ(Ids("{}", false, warning), unknown);
  EXPECT_EQ(Ids(R"({"do_lower_case": null})", false, warning), unknown);
  EXPECT_EQ(warning, "");
  EXPECT_EQ(Ids(R"({"do_lower_case": true})", false, warning), known);
  EXPECT_THAT(warning, testing::HasSubstr("tokenizer_config.json: do_lower_case is true"));
  const std::string of_class = R"({"do_lower_case": true, "tokenizer_class": ")";
  EXPECT_EQ(Ids(of_class + "BertTokenizer\"}", false, warning), known);
  EXPECT_EQ(Ids(of_class + "PreTrainedTokenizerFast\"}", false, warning), unknown);
  EXPECT_EQ(warning, "");
  Write("tokenizer.json", kGood);
  EXPECT_EQ(Ids(R"({"do_lower_case": false})", false, warning), unknown);
  EXPECT_EQ(Ids(R"({"do_lower_case": true})", false, warning), known);
  EXPECT_EQ(warning, "");
  Write("tokenizer_config.json", R"({"do_lower_case": "yes"})");
  const auto wrong = Tokenizer::LoadDirectory(directory_);
  ASSERT_FALSE(wrong.ok());
  EXPECT_THAT(wrong.error().message, testing::HasSubstr("tokenizer_config.json: do_lower_case"));
}

TEST_F(TokenizerFilesTest, LowerCaseCanComeBeforeAllElse) {
  const std::string normalizer =
      R"({"type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null, "lowercase": true})";
  for (const char* other : {"null", R"({"type": "NFD"})",
                            R"({"type": "Sequence", "normalizers": [{"type": "NFD"}]})"}) {
    std::string warning;
    Write("tokenizer.json", With(normalizer, other));
    EXPECT_EQ(Ids("", false, warning), (std::vector<TokenId>{1, 0})) << other;
    EXPECT_EQ(Ids("", true, warning), (std::vector<TokenId>{1, 2, 3})) << other;
    EXPECT_THAT(warning, testing::HasSubstr("do_lower_case"));
  }
  std::string warning;
  Write("tokenizer.json", kGood);
  EXPECT_EQ(Ids("", true, warning), (std::vector<TokenId>{1, 2, 3}));
  EXPECT_EQ(warning, "");
}

// Cut and bit-flipped files are refused, or give tokenizers that work.
TEST(TokenizerJsonTest, DamagedUnigramFilesAreSafe) {
  std::ifstream in(std::string(MINNOW_SOURCE_DIR) + "/tests/golden/tokenizer/unigram.json",
                   std::ios::binary);
  const std::string good(std::istreambuf_iterator<char>(in), {});
  ASSERT_GT(good.size(), 1000u);
  std::mt19937 random(4);
  for (int round = 0; round < 600; ++round) {
    std::string bytes = good;
    if (round % 4 == 0) bytes.resize(random() % bytes.size());
    for (size_t flips = 1 + random() % 4; flips > 0 && !bytes.empty(); --flips)
      bytes[random() % bytes.size()] ^= static_cast<char>(1 << random() % 8);
    const auto tokenizer = Tokenizer::FromJson(bytes, "t.json");
    if (!tokenizer.ok()) {
      EXPECT_THAT(tokenizer.error().message, testing::StartsWith("t.json: "));
      continue;
    }
    const Encoding encoding =
        (*tokenizer)->Encode("the  \uFB01x \u2122\u001E e\u0301 <mask>", {.want_offsets = true});
    (*tokenizer)->Decode(encoding.ids, false);
  }
}

TEST(TokenizerJsonTest, NoJsonOrNoObject) {
  for (const char* json : {"", "{", "[]", "5", "null", "{}"}) {
    const auto tokenizer = Tokenizer::FromJson(json, "t.json");
    ASSERT_FALSE(tokenizer.ok()) << json;
    EXPECT_EQ(tokenizer.error().code, Code::kCorrupt) << json;
  }
}

// Whatever is cut off or flipped: an error, or a tokenizer.
TEST(TokenizerJsonTest, DamagedFiles) {
  for (const char* name : {"bpe_roberta", "bpe_cl100k", "bpe_suffix", "bpe_cuts"}) {
    std::ifstream in(std::string(MINNOW_SOURCE_DIR) + "/tests/golden/tokenizer/" + name + ".json",
                     std::ios::binary);
    const std::string whole(std::istreambuf_iterator<char>(in), {});
    ASSERT_GT(whole.size(), 1000u);
    for (size_t at = 0; at < whole.size(); at += 1 + whole.size() / 200) {
      std::string flipped = whole;
      flipped[at] = static_cast<char>(flipped[at] ^ 1 << at % 8);
      for (const std::string& json : {whole.substr(0, at), flipped}) {
        const auto tokenizer = Tokenizer::FromJson(json, "t.json");
        if (tokenizer.ok()) (*tokenizer)->Encode("the quick caf\u00e9 <mask> 12!", {});
      }
    }
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
