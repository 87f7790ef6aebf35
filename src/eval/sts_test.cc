// SPDX-License-Identifier: Apache-2.0
#include "eval/sts.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace minnow {
namespace {

TEST(SpearmanTest, KnownValues) {
  const std::vector<double> a = {1, 2, 3, 4, 5};
  EXPECT_DOUBLE_EQ(Spearman(a, std::vector<double>{10, 20, 21, 100, 1000}), 1);
  EXPECT_DOUBLE_EQ(Spearman(a, std::vector<double>{5, 4, 3, 2, 1}), -1);
  // scipy.stats.spearmanr([1, 2, 3, 4, 5], [5, 6, 7, 8, 7])
  EXPECT_NEAR(Spearman(a, std::vector<double>{5, 6, 7, 8, 7}), 0.82078268166812329, 1e-12);
  EXPECT_EQ(Spearman(a, std::vector<double>{2, 2, 2, 2, 2}), 0);
}

TEST(ReadSentencePairsTest, ReadsAndRefuses) {
  const std::string path =
      testing::TempDir() + "minnow_pairs_" + std::to_string(::getpid()) + ".csv";
  const auto read = [&](const std::string& text) {
    std::ofstream(path) << text;
    return ReadSentencePairs(path);
  };
  const auto pairs = read("\"a, b\",c,2.5\nd,e,0\n");
  ASSERT_TRUE(pairs.ok());
  ASSERT_EQ(pairs->pairs.size(), 2u);
  EXPECT_FALSE(pairs->heading);
  EXPECT_EQ(pairs->pairs[0].first, "a, b");
  EXPECT_EQ(pairs->pairs[0].score, 2.5);
  for (const char* headed : {"sentence1,sentence2,score\na,b,1\n", "s1\ts2\tscore\na\tb\t1\n"}) {
    const auto rest = read(headed);
    ASSERT_TRUE(rest.ok()) << rest.error().message;
    EXPECT_TRUE(rest->heading);
    ASSERT_EQ(rest->pairs.size(), 1u);
    EXPECT_EQ(rest->pairs[0].second, "b");
  }
  EXPECT_NE(read("a,b,1\nc,d,x\n").error().message.find("record 2: score \"x\" is no number"),
            std::string::npos);
  for (const char* wrong : {"", "a,b\n", "a,b,c,1\n", "a,b,x\n", "a,b,1x\n", "a,b,nan\n"}) {
    const auto result = read(wrong);
    ASSERT_FALSE(result.ok()) << wrong;
    EXPECT_EQ(result.error().code, Code::kCorrupt);
    EXPECT_NE(result.error().message.find("minnow_pairs_" + std::to_string(::getpid()) + ".csv"),
              std::string::npos);
  }
  std::filesystem::remove(path);
  EXPECT_EQ(ReadSentencePairs(path).error().code, Code::kNotFound);
}

}  // namespace
}  // namespace minnow
