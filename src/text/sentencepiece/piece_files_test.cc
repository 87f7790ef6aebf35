// SPDX-License-Identifier: Apache-2.0
// .model files: parity with sentencepiece (files made by tools/make_piece_golden.py), ids and
// special tokens of families, and files that are wrong or damaged.
#include "text/sentencepiece/piece_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <string>

#include "base/mapped_file.h"
#include "base/utf8.h"
#include "text/tokenizer.h"

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string GoldenFile(const std::string& name) {
  const auto bytes = ReadSmallFile(
      std::string(MINNOW_SOURCE_DIR) + "/tests/golden/tokenizer/" + name, size_t{1} << 20);
  EXPECT_TRUE(bytes.ok()) << bytes.error().message;
  return bytes.ok() ? *bytes : "";
}

template <class T>
std::vector<T> Ints(const JsonView& array) {
  std::vector<T> out;
  for (const JsonView item : array.Items())
    out.push_back(static_cast<T>(item.Int(0, INT32_MAX).value()));
  return out;
}

class PieceGolden : public testing::TestWithParam<const char*> {};

TEST_P(PieceGolden, EqualsSentencePiece) {
  const std::string name = GetParam();
  const auto tokenizer = Tokenizer::FromPieceModel(GoldenFile(name + ".model"), name + ".model");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  std::istringstream lines(GoldenFile(name + ".jsonl"));
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const auto document = JsonDocument::Parse(line, name);
    const JsonView json = document->root();
    const std::string_view text = json.GetString("text").value();
    SCOPED_TRACE(name + ".jsonl:" + std::to_string(count + 1) + ": " + std::string(text));
    const Encoding encoding = (*tokenizer)->Encode(text, {.want_offsets = true});
    EXPECT_EQ(encoding.ids, Ints<TokenId>(*json.Find("ids")));
    std::vector<uint32_t> begins;
    for (const TokenOffset& offset : encoding.offsets) begins.push_back(offset.begin);
    // The mark behind a text stands at its last character here, behind it there.
    if (name != "pieces_suffix") {
      EXPECT_EQ(begins, Ints<uint32_t>(*json.Find("begins")));
    }
    EXPECT_EQ((*tokenizer)->Encode(text, {}).ids, encoding.ids);
    const auto decoded = json.Find("decoded");
    if (decoded) {
      EXPECT_EQ((*tokenizer)->Decode(encoding.ids, true), decoded->String().value());
    }
  }
  EXPECT_GT(count, 200);
}

INSTANTIATE_TEST_SUITE_P(Files, PieceGolden,
                         testing::Values("pieces", "pieces_bytes", "pieces_suffix",
                                         "pieces_spaces"),
                         [](const auto& info) { return std::string(info.param); });

class PieceFiles : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::create_directories(directory_); }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(directory_ + "/" + name, std::ios::binary) << text;
  }
  Result<std::unique_ptr<const Tokenizer>> Load() { return Tokenizer::LoadDirectory(directory_); }

  const std::string directory_ =
      testing::TempDir() + "minnow_piece_files_" + std::to_string(::getpid());
  const std::string pieces_ = GoldenFile("pieces.model");
  // Ids that sentencepiece gives.
  const std::unique_ptr<const Tokenizer> plain_ =
      Tokenizer::FromPieceModel(pieces_, "plain").value();
};

TEST_F(PieceFiles, XlmRobertaCountsFromOneMore) {
  Write("sentencepiece.bpe.model", pieces_);
  Write("config.json", R"({"model_type": "xlm-roberta"})");
  Write("tokenizer_config.json", R"({"tokenizer_class": "XLMRobertaTokenizer"})");
  const auto tokenizer = Load();
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  const TokenId the = *plain_->TokenToId("▁the");
  const auto size = static_cast<TokenId>(plain_->vocab_size());
  EXPECT_EQ((*tokenizer)->TokenToId("<s>"), 0);
  EXPECT_EQ((*tokenizer)->TokenToId("<pad>"), 1);
  EXPECT_EQ((*tokenizer)->TokenToId("</s>"), 2);
  EXPECT_EQ((*tokenizer)->TokenToId("<unk>"), 3);
  EXPECT_EQ((*tokenizer)->TokenToId("▁the"), the + 1);
  EXPECT_EQ((*tokenizer)->TokenToId("<mask>"), size + 1);
  EXPECT_EQ((*tokenizer)->vocab_size(), static_cast<size_t>(size) + 2);
  EXPECT_THAT((*tokenizer)->Encode("the <mask>", {}).ids, ElementsAre(0, the + 1, size + 1, 2));
  EXPECT_THAT((*tokenizer)->EncodePair("the", "the", {}).ids,
              ElementsAre(0, the + 1, 2, 2, the + 1, 2));
  EXPECT_EQ((*tokenizer)->Decode(std::vector<TokenId>{0, the + 1, 2}, true), "the");
  // A file alone has no tokens but its own.
  const auto alone = Tokenizer::LoadDirectory(directory_ + "/sentencepiece.bpe.model");
  EXPECT_EQ((*alone)->vocab_size(), static_cast<size_t>(size) + 1);
}

TEST_F(PieceFiles, T5HasExtraTokensBehindThePieces) {
  Write("spiece.model", pieces_);
  const auto size = static_cast<TokenId>(plain_->vocab_size());
  const TokenId the = *plain_->TokenToId("▁the");
  auto tokenizer = Load();
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  EXPECT_EQ((*tokenizer)->TokenToId("<extra_id_0>"), size + 99);
  EXPECT_EQ((*tokenizer)->TokenToId("<extra_id_99>"), size);
  EXPECT_THAT((*tokenizer)->Encode("the<extra_id_1>", {}).ids, ElementsAre(the, size + 98, 2));
  EXPECT_THAT((*tokenizer)->EncodePair("the", "the", {}).ids, ElementsAre(the, 2, the, 2));
  Write("tokenizer_config.json", R"({"extra_ids": 0})");
  tokenizer = Load();
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  EXPECT_EQ((*tokenizer)->vocab_size(), static_cast<size_t>(size));
}

TEST_F(PieceFiles, OtherFamiliesAreNamed) {
  Write("sentencepiece.bpe.model", pieces_);
  Write("config.json", R"({"model_type": "camembert"})");
  EXPECT_THAT(Load().error().message, HasSubstr("camembert"));
  Write("config.json", R"({"model_type": "xlm-roberta"})");
  Write("tokenizer_config.json", R"({"tokenizer_class": "MBartTokenizer"})");
  EXPECT_EQ(Load().error().code, Code::kUnsupported);
  Write("tokenizer_config.json", "{");
  EXPECT_THAT(Load().error().message, HasSubstr("tokenizer_config.json"));
}

TEST_F(PieceFiles, TokenizerJsonGoesFirst) {
  Write("sentencepiece.bpe.model", pieces_);
  Write("tokenizer.json", "{}");
  EXPECT_THAT(Load().error().message, HasSubstr("tokenizer.json"));
}

// One field of a protobuf message: a text or a message.
std::string Field(int number, const std::string& bytes) {
  return std::string(1, static_cast<char>(number << 3 | 2)) +
         std::string(1, static_cast<char>(bytes.size())) + bytes;
}

std::string PieceField(const std::string& text, char type, const std::string& score = "") {
  std::string piece = Field(1, text) + score;
  if (type != 0) piece += std::string("\x18") + type;
  return Field(1, piece);
}

TEST(PieceModel, WhatIsWrongIsNamed) {
  const std::string unknown = PieceField("<unk>", 2);
  const std::string nan("\x15\x00\x00\xC0\x7F", 5);
  const struct {
    std::string bytes;
    Code code;
    const char* message;
  } cases[] = {
      {"", Code::kCorrupt, "no piece is the unknown one"},
      {"\x0A\x7F", Code::kCorrupt, "breaks off"},
      {std::string(1, '\0'), Code::kCorrupt, "breaks off"},
      {unknown + unknown, Code::kCorrupt, "pieces 0 and 1"},
      {unknown + PieceField("", 0), Code::kCorrupt, "piece 1: is empty"},
      {unknown + PieceField("\xFF", 0), Code::kCorrupt, "piece 1: is not UTF-8"},
      {unknown + PieceField("a", 7), Code::kCorrupt, "piece 1: type 7"},
      {unknown + PieceField("a", 0, nan), Code::kCorrupt, "piece 1: its score"},
      {unknown + PieceField("<0x41>", 6), Code::kCorrupt, "byte_fallback is false"},
      {unknown + PieceField("a", 0) + PieceField("a", 0), Code::kCorrupt, "are the same token"},
      {unknown + Field(2, "\x18\x02"), Code::kUnsupported, "model_type BPE"},
      {unknown + Field(2, "\x18\x09"), Code::kUnsupported, "model_type 9"},
      {unknown + Field(3, Field(2, "abc")), Code::kCorrupt, "charsmap"},
  };
  for (const auto& c : cases) {
    const auto tokenizer = Tokenizer::FromPieceModel(c.bytes, "x.model");
    ASSERT_FALSE(tokenizer.ok()) << c.message;
    EXPECT_EQ(tokenizer.error().code, c.code) << tokenizer.error().message;
    EXPECT_THAT(tokenizer.error().message, testing::StartsWith("x.model: "));
    EXPECT_THAT(tokenizer.error().message, HasSubstr(c.message));
  }
  const auto good = Tokenizer::FromPieceModel(unknown + PieceField("a", 0), "x.model");
  EXPECT_TRUE(good.ok()) << good.error().message;
  const auto layout = Tokenizer::FromPieceModel(unknown, "spiece.model");
  EXPECT_THAT(layout.error().message, HasSubstr("no </s>"));
  EXPECT_THAT(Tokenizer::FromPieceModel(unknown, "sentencepiece.bpe.model").error().message,
              HasSubstr("does not begin with"));
}

TEST(PieceModel, UserDefinedPiecesKeepTheirPlaces) {
  const std::string bytes = PieceField("<unk>", 2) + PieceField("a bc", 4) + PieceField("x", 0);
  const auto tokenizer = Tokenizer::FromPieceModel(bytes, "x.model");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  const Encoding encoding = (*tokenizer)->Encode("xa bcx", {.want_offsets = true});
  EXPECT_EQ(encoding.offsets.back(), (TokenOffset{5, 6}));
  EXPECT_EQ(encoding.offsets[encoding.offsets.size() - 2], (TokenOffset{1, 5}));
}

TEST(PieceModel, Limits) {
  std::string many = PieceField("<unk>", 2);
  for (int i = 0; i < 1 << 19; ++i) many += PieceField("a", 0);
  EXPECT_THAT(Tokenizer::FromPieceModel(many, "x.model").error().message,
              HasSubstr("more than 524288 pieces"));
  std::string user = PieceField("<unk>", 2);
  for (int i = 0; i < 10000; ++i) user += PieceField(std::string(110, 'a'), 4);
  EXPECT_THAT(Tokenizer::FromPieceModel(user, "x.model").error().message,
              HasSubstr("user-defined"));
  std::string control = PieceField("<unk>", 2);
  for (int i = 0; i < 4096; ++i) control += PieceField("<" + std::to_string(i) + ">", 3);
  EXPECT_TRUE(Tokenizer::FromPieceModel(control, "x.model").ok());
  EXPECT_THAT(Tokenizer::FromPieceModel(control + PieceField("<x>", 3), "x.model").error().message,
              HasSubstr("4096 control pieces"));
}

// Cut and bit-flipped files are refused, or give tokenizers that work.
TEST(PieceModel, DamagedFilesAreSafe) {
  std::mt19937 random(3);
  for (const char* name : {"pieces.model", "pieces_bytes.model"}) {
    const std::string good = GoldenFile(name);
    int refused = 0;
    for (int round = 0; round < 600; ++round) {
      std::string bytes = good;
      if (round % 2 == 0) bytes.resize(random() % bytes.size());
      for (size_t flips = random() % 8; flips > 0 && !bytes.empty(); --flips)
        bytes[random() % bytes.size()] ^= static_cast<char>(1 << random() % 8);
      const auto tokenizer = Tokenizer::FromPieceModel(bytes, "spiece.model");
      if (!tokenizer.ok()) {
        ++refused;
        continue;
      }
      const Encoding encoding =
          (*tokenizer)->Encode("the ﬁx  日本 \u2122\u001e é \uff76\uff9e", {.want_offsets = true});
      EXPECT_TRUE(IsValidUtf8((*tokenizer)->Decode(encoding.ids, false)));
    }
    EXPECT_GT(refused, 100);
  }
}

}  // namespace
}  // namespace minnow
