// SPDX-License-Identifier: Apache-2.0
// What only some models have (scores, merges), into a packed file and out of it. The rest is tested
// with whole models in tests/golden/packed_file_test.cc.
#include "text/packed_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

namespace minnow {
namespace {

using testing::ElementsAreArray;
using testing::HasSubstr;

constexpr const char* kModel =
    R"({"model": {"vocabulary_tables": {"ids": 3, "tokens": 3, "max_token_bytes": 2}}})";

class PackedTokenizerTest : public testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }

  Result<ModelTables> WriteAndRead(std::span<const double> scores,
                                   std::span<const uint32_t> merges) {
    const Vocabulary::Entry entries[] = {{"a", 0}, {"b", 1}, {"ab", 2}};
    const TokenizerTables tables = {"", {Vocabulary::Build(entries).value(), scores, merges}};
    const std::string model =
        std::string(MINNOW_SOURCE_DIR) + "/tests/fixtures/packed_v2/tiny_bert_int8_int4.minnow";
    MINNOW_ASSIGN_OR_RETURN(const auto other, PackedFile::Open(model));
    MINNOW_RETURN_IF_ERROR(WritePacked(other->header(), tables.tensors(), path_));
    MINNOW_ASSIGN_OR_RETURN(auto packed, PackedFile::Open(path_));
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
  EXPECT_THAT(both->scores, ElementsAreArray(scores));
  EXPECT_THAT(both->merges, ElementsAreArray(merges));
  EXPECT_EQ(both->vocabulary.Find("ab"), 2);
  const auto none = WriteAndRead({}, {});
  ASSERT_TRUE(none.ok()) << none.error().message;
  EXPECT_TRUE(none->scores.empty() && none->merges.empty());
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

}  // namespace
}  // namespace minnow
