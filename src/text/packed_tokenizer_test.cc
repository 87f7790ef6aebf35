// SPDX-License-Identifier: Apache-2.0
// What only some models have (scores, merges), and whole Unigram tokenizers, into a packed file and
// out of it. The rest is tested with whole models in tests/golden/packed_file_test.cc.
#include "text/packed_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "text/tokenizer.h"

namespace minnow {
namespace {

using testing::ElementsAreArray;
using testing::HasSubstr;

constexpr const char* kModel =
    R"({"model": {"vocabulary_tables": {"ids": 3, "tokens": 3, "max_token_bytes": 2}}})";

class PackedTokenizerTest : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }

  // A packed file of a tokenizer only.
  Result<std::shared_ptr<const PackedFile>> Write(const TokenizerTables& tables) {
    const std::string model =
        std::string(MINNOW_SOURCE_DIR) + "/tests/fixtures/packed_v2/tiny_bert_int8_int4.minnow";
    MINNOW_ASSIGN_OR_RETURN(const auto other, PackedFile::Open(model));
    PackedHeader header = other->header();
    header.tokenizer_json = tables.json;
    MINNOW_RETURN_IF_ERROR(WritePacked(header, tables.tensors(), path_));
    return PackedFile::Open(path_);
  }

  Result<ModelTables> WriteAndRead(std::span<const double> scores,
                                   std::span<const uint32_t> merges) {
    const Vocabulary::Entry entries[] = {{"a", 0}, {"b", 1}, {"ab", 2}};
    const TokenizerTables tables = {"", {Vocabulary::Build(entries).value(), scores, merges}};
    MINNOW_ASSIGN_OR_RETURN(auto packed, Write(tables));
    return ReadPackedTables(std::move(packed), JsonDocument::Parse(kModel, "t.json")->root());
  }

  const std::string path_ =
      testing::TempDir() + "minnow_packed_tokenizer_" + std::to_string(::getpid());
};

TEST_F(PackedTokenizerTest, ScoresAndMergesAreOptional) {
  const std::vector<double> scores = {-1.5, -2.1, -0.25};
  const std::vector<uint32_t> merges = {0, 1};
  const auto both = WriteAndRead(scores, merges);
  ASSERT_TRUE(both.ok()) << both.error().message;
  EXPECT_THAT(both->scores.as_they_are(), ElementsAreArray(scores));
  EXPECT_THAT(both->merges.pairs, ElementsAreArray(merges));
  EXPECT_EQ(both->vocabulary.Find("ab"), 2);
  const auto none = WriteAndRead({}, {});
  ASSERT_TRUE(none.ok()) << none.error().message;
  EXPECT_TRUE(none->scores.empty() && none->merges.pairs.empty());
}

// `file` of the golden tokenizers, or of another folder, under the name that it has in a model.
TEST_F(PackedTokenizerTest, UnigramGivesTheSameTokensAsItsFiles) {
  const char* data = std::getenv("MINNOW_DATA");
  const std::string shared =
      data != nullptr ? data : std::string(MINNOW_SOURCE_DIR) + "/../shared/data";
  const std::string golden = std::string(MINNOW_SOURCE_DIR) + "/tests/golden/tokenizer/";
  const std::pair<std::string, const char*> files[] = {
      {golden + "unigram.json", "tokenizer.json"},
      {golden + "unigram_older.json", "tokenizer.json"},
      {golden + "unigram_bytes.json", "tokenizer.json"},
      {golden + "pieces.model", "sentencepiece.bpe.model"},
      {golden + "pieces_bytes.model", "spiece.model"},
      {shared + "/tok_xlmr_rebuilt/tokenizer.json", "tokenizer.json"},
      {shared + "/tok_xlmr_rebuilt/sentencepiece.bpe.model", "sentencepiece.bpe.model"}};
  const std::string directory = path_ + "_files";
  for (const auto& [file, name] : files) {
    if (!std::filesystem::exists(file)) continue;  // the shared data is not everywhere
    SCOPED_TRACE(file);
    std::filesystem::create_directories(directory);
    std::filesystem::copy_file(file, directory + "/" + name);
    const auto tables = ReadTokenizerTables(directory);
    ASSERT_TRUE(tables.ok()) << tables.error().message;
    auto packed = Write(*tables);
    ASSERT_TRUE(packed.ok()) << packed.error().message;
    const auto found = Tokenizer::FromPacked(*std::move(packed));
    ASSERT_TRUE(found.ok()) << found.error().message;
    const auto expected = Tokenizer::LoadDirectory(directory).value();
    EXPECT_EQ((*found)->vocab_size(), expected->vocab_size());
    for (const char* text :
         {"the quick  brown fox", "Zürich, \uFB01x \u2122\u001E \uFF76\uFF9E e\u0301",
          "中国語 日本 😀", "<mask> the <extra_id_3>", "<s> x </s> привет"}) {
      const Encoding a = expected->Encode(text, {.want_offsets = true});
      const Encoding b = (*found)->Encode(text, {.want_offsets = true});
      EXPECT_EQ(a.ids, b.ids);
      EXPECT_EQ(a.offsets, b.offsets);
      EXPECT_EQ(expected->Decode(a.ids, true), (*found)->Decode(a.ids, true));
    }
    std::filesystem::remove_all(directory);
  }
}

TEST_F(PackedTokenizerTest, TablesThatDoNotFitTheVocabularyAreRefused) {
  const std::vector<double> scores = {-1.5, -2.0};
  const std::vector<uint32_t> merges = {0, 1, 2};
  for (const auto& wrong : {WriteAndRead(scores, {}), WriteAndRead({}, merges)}) {
    ASSERT_FALSE(wrong.ok());
    EXPECT_EQ(wrong.error().code, Code::kCorrupt);
    EXPECT_THAT(wrong.error().message, HasSubstr("for 3 ids"));
  }
}

// A BPE tokenizer into a packed file and out of it.
TEST_F(PackedTokenizerTest, MergesGiveTheSameTokens) {
  const std::string source = std::string(MINNOW_SOURCE_DIR) + "/tests/";
  for (const std::string name : {"bpe_roberta", "bpe_clip", "bpe_suffix"}) {
    const std::string directory = path_ + "_directory";
    std::filesystem::create_directories(directory);
    std::filesystem::copy_file(source + "golden/tokenizer/" + name + ".json",
                               directory + "/tokenizer.json");
    const auto tables = ReadTokenizerTables(directory);
    const auto before = Tokenizer::LoadDirectory(directory);
    std::filesystem::remove_all(directory);
    ASSERT_TRUE(tables.ok()) << tables.error().message;
    ASSERT_TRUE(before.ok()) << before.error().message;
    EXPECT_EQ(tables->json.find("\"merges\""), std::string::npos);
    EXPECT_FALSE(tables->tables.merges.slots.empty());
    const auto other = PackedFile::Open(source + "fixtures/packed_v2/tiny_bert_int8_int4.minnow");
    PackedHeader header = (*other)->header();
    header.tokenizer_json = tables->json;
    ASSERT_TRUE(WritePacked(header, tables->tensors(), path_).ok());
    auto packed = PackedFile::Open(path_);
    ASSERT_TRUE(packed.ok()) << packed.error().message;
    const auto after = Tokenizer::FromPacked(*std::move(packed));
    ASSERT_TRUE(after.ok()) << after.error().message;
    EXPECT_STREQ((*after)->type(), "BPE");
    for (const char* text : {"don't jump over 123 caf\u00e9s <mask> the lazy dog!", "", "abababab",
                             "\u4e2d\u56fd \xff"}) {
      EXPECT_EQ((*after)->Encode(text, {}).ids, (*before)->Encode(text, {}).ids) << text;
    }
  }
}

// What a file holds is not trusted: other merges are other tokens, of the vocabulary still.
TEST_F(PackedTokenizerTest, WrongMergesGiveTokensOfTheVocabulary) {
  const Vocabulary::Entry entries[] = {{"a", 0}, {"b", 1}, {"ab", 2}};
  const std::vector<uint32_t> pairs = {0, 1};
  const auto vocabulary = Vocabulary::Build(entries);
  const auto good = MergeTable::Build(pairs, 0, *vocabulary);
  ASSERT_TRUE(good.ok());
  const std::vector<uint32_t> far = {99};
  std::vector<uint32_t> slots(good->arrays().slots.begin(), good->arrays().slots.end());
  for (uint32_t& slot : slots) slot = slot == 0 ? 7 : slot + 5;
  const auto wide = MergeTable::FromArrays({pairs, far, good->arrays().slots}, 3);
  const auto lost = MergeTable::FromArrays({pairs, good->arrays().merged, slots}, 3);
  EXPECT_EQ(good->Find(0, 1), 0u);
  EXPECT_EQ(good->merged(0), 2u);
  EXPECT_EQ(wide->Find(0, 1), MergeTable::kNone);
  EXPECT_EQ(lost->Find(0, 1), MergeTable::kNone);
  EXPECT_FALSE(MergeTable::FromArrays({pairs, {}, {}}, 3).ok());
  EXPECT_FALSE(MergeTable::FromArrays({pairs, far, {}}, 3).ok());
}

// A few ids may stand for much text, which is read again for each of them.
TEST(MergeTable, MergesOfMuchTextAreRefused) {
  const std::string longer(size_t{1} << 20, 'a');
  const std::string both = longer + "b";
  const Vocabulary::Entry entries[] = {{longer, 0}, {"b", 1}, {both, 2}};
  const auto vocabulary = Vocabulary::Build(entries);
  ASSERT_TRUE(vocabulary.ok());
  std::vector<uint32_t> pairs;
  for (int i = 0; i < 64; ++i) pairs.insert(pairs.end(), {0, 1});
  EXPECT_TRUE(MergeTable::Build(std::span(pairs).first(20), 0, *vocabulary).ok());
  const auto refused = MergeTable::Build(pairs, 0, *vocabulary);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kUnsupported);
}

TEST_F(PackedTokenizerTest, MergesThatDoNotFitAreRefused) {
  const Vocabulary::Entry entries[] = {{"a", 0}, {"b", 1}};
  const std::vector<uint32_t> merges = {0, 1};
  const TokenizerTables tables = {"", {Vocabulary::Build(entries).value(), {}, {merges, {}, {}}}};
  const auto other = PackedFile::Open(std::string(MINNOW_SOURCE_DIR) +
                                      "/tests/fixtures/packed_v2/tiny_bert_int8_int4.minnow");
  PackedHeader header = (*other)->header();
  header.tokenizer_json = R"({"model": {"type": "BPE", "vocabulary_tables": {"ids": 2,
      "tokens": 2, "max_token_bytes": 1}}})";
  ASSERT_TRUE(WritePacked(header, tables.tensors(), path_).ok());
  const auto wrong = Tokenizer::FromPacked(PackedFile::Open(path_).value());
  ASSERT_FALSE(wrong.ok());
  EXPECT_THAT(wrong.error().message, HasSubstr("merges[0]: \"ab\" is not in model.vocab"));
}

}  // namespace
}  // namespace minnow
