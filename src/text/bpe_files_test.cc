// SPDX-License-Identifier: Apache-2.0
// vocab.json and merges.txt: the same tokens as the tokenizer.json that they come from, and files
// that are wrong.
#include "text/bpe_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>

#include "text/component_json.h"
#include "text/tokenizer.h"
#include "text/tokenizer_files.h"

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class BpeFilesTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(directory_); }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void Write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ + "/" + name, std::ios::binary) << text;
  }
  // vocab.json and merges.txt of a tokenizer.json.
  void WriteModelOf(const std::string& golden) { WriteModelOfFile(GoldenPath(golden + ".json")); }
  void WriteModelOfFile(const std::string& path) {
    const auto document = JsonDocument::ReadFile(path);
    ASSERT_TRUE(document.ok()) << document.error().message;
    const JsonView model = *document->root().Find("model");
    std::string vocabulary;
    JsonWriter json(&vocabulary);
    WriteJson(*model.Find("vocab"), json);
    Write("vocab.json", vocabulary);
    std::string merges = "#version: 0.2\r\n";
    for (const JsonView merge : model.Find("merges")->Items()) {
      merges += merge.is_string() ? std::string(merge.String().value())
                                  : std::string(merge.at(0).String().value()) + " " +
                                        std::string(merge.at(1).String().value());
      merges += '\n';
    }
    Write("merges.txt", merges);
  }
  static std::string GoldenPath(const std::string& name) {
    return std::string(MINNOW_SOURCE_DIR) + "/tests/golden/tokenizer/" + name;
  }
  std::unique_ptr<const Tokenizer> Load() {
    auto tokenizer = Tokenizer::LoadDirectory(directory_);
    EXPECT_TRUE(tokenizer.ok()) << tokenizer.error().message;
    if (!tokenizer.ok()) return nullptr;
    EXPECT_THAT((*tokenizer)->warnings(), testing::IsEmpty());
    return std::move(tokenizer).value();
  }
  std::string LoadError() {
    const auto tokenizer = Tokenizer::LoadDirectory(directory_);
    EXPECT_FALSE(tokenizer.ok());
    return tokenizer.ok() ? "" : tokenizer.error().message;
  }
  // Compares ids and offsets of all texts of a golden file that have no `but` in them.
  void ExpectGolden(const Tokenizer& tokenizer, const std::string& golden, const std::string& but) {
    std::ifstream lines(GoldenPath(golden + ".jsonl"));
    int cases = 0;
    for (std::string line; std::getline(lines, line);) {
      const auto document = JsonDocument::Parse(line, golden);
      const JsonView json = document->root();
      const std::string_view text = json.GetString("text").value();
      if (json.Find("max") || text.find(but) != std::string_view::npos) continue;
      EncodeOptions options;
      options.want_offsets = true;
      const Encoding encoding = tokenizer.Encode(text, options);
      std::string found, expected;
      JsonWriter writer(&found), wanted(&expected);
      writer.BeginArray();
      for (const TokenId id : encoding.ids) writer.Int(id);
      for (const TokenOffset& offset : encoding.offsets) {
        writer.Int(offset.begin);
        writer.Int(offset.end);
      }
      writer.EndArray();
      wanted.BeginArray();
      for (const char* field : {"ids", "offsets"}) {
        for (const JsonView item : json.Find(field)->Items())
          wanted.Int(item.Int(0, INT32_MAX).value());
      }
      wanted.EndArray();
      EXPECT_EQ(found, expected) << text;
      ++cases;
    }
    EXPECT_GT(cases, 50);
  }

  const std::string directory_ =
      testing::TempDir() + "minnow_bpe_files_" + std::to_string(::getpid());
};

TEST_F(BpeFilesTest, Roberta) {
  WriteModelOf("bpe_prefix_space");
  Write("tokenizer_config.json",
        R"({"tokenizer_class": "RobertaTokenizerFast", "add_prefix_space": true})");
  const auto tokenizer = Load();
  ASSERT_NE(tokenizer, nullptr);
  ExpectGolden(*tokenizer, "bpe_prefix_space", "\xff");
  EXPECT_THAT(VocabularyFiles(directory_),
              ElementsAre(directory_ + "/vocab.json", directory_ + "/merges.txt"));
}

// The real vocabulary, and every row of the shared golden tokens.
TEST_F(BpeFilesTest, RobertaBase) {
  const char* data = std::getenv("MINNOW_DATA");
  const std::string root =
      data != nullptr ? std::string(data) : std::string(MINNOW_SOURCE_DIR) + "/../shared/data";
  const std::string path = root + "/tok_hf/roberta-base/tokenizer.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path << " (MINNOW_DATA)";
  WriteModelOfFile(path);
  Write("config.json", R"({"model_type": "roberta"})");
  const auto tokenizer = Load();
  ASSERT_NE(tokenizer, nullptr);
  std::ifstream lines(root + "/golden_tokens/golden.jsonl");
  int cases = 0;
  for (std::string line; std::getline(lines, line); ++cases) {
    const auto document = JsonDocument::Parse(line, "golden.jsonl");
    std::vector<TokenId> expected;
    for (const JsonView id : document->root().Find("roberta-base")->Items())
      expected.push_back(static_cast<TokenId>(id.Int(0, INT32_MAX).value()));
    EXPECT_EQ(tokenizer->Encode(document->root().GetString("text").value(), {}).ids, expected);
  }
  EXPECT_GT(cases, 500);
}

// A text with a special token in capitals is one word by the pattern of older tokenizer.json files.
TEST_F(BpeFilesTest, Clip) {
  WriteModelOf("bpe_clip");
  Write("config.json", R"({"model_type": "clip_text_model"})");
  Write("special_tokens_map.json", R"({"bos_token": {"content": "<|startoftext|>",
      "lstrip": false, "normalized": true, "rstrip": false, "single_word": false},
      "eos_token": {"content": "<|endoftext|>", "normalized": false}, "unk_token":
      "<|endoftext|>", "pad_token": "<|endoftext|>"})");
  const auto tokenizer = Load();
  ASSERT_NE(tokenizer, nullptr);
  ExpectGolden(*tokenizer, "bpe_clip", "<|");
}

TEST_F(BpeFilesTest, AddedTokens) {
  WriteModelOf("bpe_prefix_space");
  Write("tokenizer_config.json", R"({"tokenizer_class": "RobertaTokenizer"})");
  Write("added_tokens.json", R"({"<two>": 503, "<one>": 502})");
  EXPECT_EQ(Load()->Encode("<one><two>", {}).ids, (std::vector<TokenId>{0, 502, 503, 2}));
  Write("tokenizer_config.json", R"({"tokenizer_class": "RobertaTokenizer",
      "sep_token": "<new>", "added_tokens_decoder": {"502": {"content": "<left>", "lstrip": true,
      "rstrip": false, "normalized": false, "single_word": false, "special": true}}})");
  EXPECT_EQ(Load()->Encode(" <left>", {}).ids, (std::vector<TokenId>{0, 502, 503}));
}

TEST_F(BpeFilesTest, ManyAddedTokensAreReadAtOnce) {
  WriteModelOf("bpe_prefix_space");
  Write("tokenizer_config.json", R"({"tokenizer_class": "RobertaTokenizer"})");
  std::string tokens = R"({"<x>": 502)";
  for (int i = 100000; i < 220000; ++i)
    tokens += ", \"<" + std::to_string(i) + ">\": " + std::to_string(i);
  Write("added_tokens.json", tokens + "}");
  const std::clock_t before = std::clock();
  EXPECT_TRUE(Tokenizer::LoadDirectory(directory_).ok());
  EXPECT_LT(std::clock() - before, 5 * CLOCKS_PER_SEC);
}

TEST_F(BpeFilesTest, WhatIsWrongIsNamed) {
  WriteModelOf("bpe_prefix_space");
  EXPECT_THAT(LoadError(), HasSubstr("vocab.json: neither tokenizer_config.json nor"));
  Write("config.json", R"({"model_type": "gpt2"})");
  EXPECT_THAT(LoadError(), HasSubstr("config.json: model_type: not one of those"));
  Write("tokenizer_config.json", R"({"tokenizer_class": "GPT2Tokenizer"})");
  EXPECT_THAT(LoadError(), HasSubstr("tokenizer_config.json: tokenizer_class: not one of those"));
  Write("tokenizer_config.json", R"({"tokenizer_class": "RobertaTokenizer", "mask_token": 5})");
  EXPECT_THAT(LoadError(), HasSubstr("mask_token"));
  Write("tokenizer_config.json", R"({"tokenizer_class": "RobertaTokenizer"})");
  Write("added_tokens.json", R"({"<x>": -1})");
  EXPECT_THAT(LoadError(), HasSubstr("added_tokens.json: <x>"));
  Write("added_tokens.json", "{}");
  Write("merges.txt", "a b\na  b\n");
  EXPECT_THAT(LoadError(),
              HasSubstr("vocab.json and merges.txt: model.merges: expected two tokens with "
                        "one space between them, got \"a  b\""));
  for (const char* merges : {"a b\x01\n", "a\tb\n", "a \xFF\n"}) {
    Write("merges.txt", merges);
    EXPECT_THAT(LoadError(), HasSubstr("merges.txt: control characters, or no UTF-8"));
  }
  Write("merges.txt", "");
  Write("vocab.json", "[]");
  EXPECT_THAT(LoadError(), HasSubstr("vocab.json: expected an object"));
  std::filesystem::remove(directory_ + "/merges.txt");
  EXPECT_THAT(LoadError(), HasSubstr("tokenizer.json"));
}

// An error or a tokenizer, whatever is cut off or flipped.
TEST_F(BpeFilesTest, DamagedFiles) {
  WriteModelOf("bpe_prefix_space");
  Write("tokenizer_config.json", R"({"tokenizer_class": "RobertaTokenizer"})");
  Write("special_tokens_map.json", R"({"bos_token": "<s>", "mask_token": {"content": "<mask>",
      "lstrip": true}, "additional_special_tokens": ["<x>"]})");
  for (const char* name : {"vocab.json", "merges.txt", "special_tokens_map.json"}) {
    std::ifstream in(directory_ + "/" + name, std::ios::binary);
    const std::string whole(std::istreambuf_iterator<char>(in), {});
    for (size_t at = 0; at < whole.size(); at += 1 + whole.size() / 60) {
      std::string flipped = whole;
      flipped[at] = static_cast<char>(flipped[at] ^ 1 << at % 8);
      for (const std::string& text : {whole.substr(0, at), flipped}) {
        Write(name, text);
        const auto tokenizer = Tokenizer::LoadDirectory(directory_);
        if (tokenizer.ok()) (*tokenizer)->Encode("the quick caf\u00e9 <mask>", {});
      }
    }
    Write(name, whole);
  }
  ASSERT_NE(Load(), nullptr);
}

}  // namespace
}  // namespace minnow
