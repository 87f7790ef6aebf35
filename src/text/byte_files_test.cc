// SPDX-License-Identifier: Apache-2.0
// Ids and texts as transformers' ByT5Tokenizer has them.
#include "text/byte_files.h"

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/temporary_folder.h"
#include "text/tokenizer.h"

namespace minnow {
namespace {

class ByteFiles : public testing::Test {
 protected:
  void Write(const std::string& config) {
    auto folder = TemporaryFolder::Make();
    ASSERT_TRUE(folder.ok());
    folder_ = std::move(folder).value();
    std::ofstream(folder_->path() + "/tokenizer_config.json") << config;
  }
  Result<std::unique_ptr<const Tokenizer>> Load() {
    return Tokenizer::LoadDirectory(folder_->path(), /*lowercase=*/false);
  }

  std::unique_ptr<TemporaryFolder> folder_;
};

TEST_F(ByteFiles, IdsOfTransformers) {
  Write(R"({"tokenizer_class": "ByT5Tokenizer", "extra_ids": 125})");
  auto tokenizer = Load();
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  const struct {
    std::string text;
    std::vector<int32_t> ids;
  } rows[] = {
      {"hello", {107, 104, 111, 111, 114, 1}},
      {"", {1}},
      {"Hé 한", {75, 198, 172, 35, 240, 152, 159, 1}},
      {"a</s>b", {100, 1, 101, 1}},
      {"a <extra_id_0> b", {100, 35, 259, 35, 101, 1}},
      {"x<extra_id_124>", {123, 383, 1}},
      {"  x ", {35, 35, 123, 35, 1}},
      {std::string("\0\x7f", 2), {3, 130, 1}},
  };
  for (const auto& row : rows)
    EXPECT_EQ((*tokenizer)->Encode(row.text, {}).ids, row.ids) << row.text;
}

TEST_F(ByteFiles, WhatIsNoTextIsLeftOut) {
  Write(R"({"tokenizer_class": "ByT5Tokenizer"})");
  auto tokenizer = Load();
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  const std::vector<int32_t> ids = {198, 100, 240, 152, 159, 198, 101};
  EXPECT_EQ((*tokenizer)->Decode(ids, /*skip_special_tokens=*/true), "a한b");
}

TEST_F(ByteFiles, AnotherClassIsNone) {
  Write(R"({"tokenizer_class": "T5Tokenizer"})");
  EXPECT_FALSE(IsByteTokenizer(folder_->path()));
  EXPECT_FALSE(Load().ok());
  Write(R"({"tokenizer_class": 7})");
  EXPECT_FALSE(IsByteTokenizer(folder_->path()));
}

TEST_F(ByteFiles, SentinelsOutOfRange) {
  for (const char* extra : {"-1", "1000000000", "\"many\"", "1.5"}) {
    Write(std::string(R"({"tokenizer_class": "ByT5Tokenizer", "extra_ids": )") + extra + "}");
    const auto tokenizer = Load();
    ASSERT_FALSE(tokenizer.ok()) << extra;
    EXPECT_NE(tokenizer.error().message.find("extra_ids"), std::string::npos)
        << tokenizer.error().message;
  }
}

}  // namespace
}  // namespace minnow
