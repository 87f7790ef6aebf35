// SPDX-License-Identifier: Apache-2.0
// Tokenizer files with one byte changed, or cut short: each is refused or read, in little time.
#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <string>

#include "base/mapped_file.h"
#include "tests/cpu_time.h"
#include "text/tokenizer.h"

namespace minnow {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;
constexpr int kFlips = 2500;  // of each file
constexpr const char* kText = "Caf\u00e9 12345 \u4e2d\u6587  <s>\u2581 don't\n\xff end";

class HostileTokenizer : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    bytes_ = ReadSmallFile(std::string(MINNOW_SOURCE_DIR "/tests/golden/tokenizer/") + GetParam(),
                           kMaxFileBytes)
                 .value();
  }
  // Whether it can be read; then texts go through it both ways.
  static bool Read(const std::string& bytes, const std::string& name) {
    const auto tokenizer = name.ends_with(".json") ? Tokenizer::FromJson(bytes, name)
                                                   : Tokenizer::FromPieceModel(bytes, name);
    if (!tokenizer.ok()) {
      EXPECT_FALSE(tokenizer.error().message.empty());
      return false;
    }
    const Encoding encoding = (*tokenizer)->Encode(kText, {.want_offsets = true});
    for (const TokenId id : encoding.ids) {
      EXPECT_GE(id, 0);
      EXPECT_LT(static_cast<size_t>(id), (*tokenizer)->vocab_size());
    }
    (void)(*tokenizer)->Decode(encoding.ids, false);
    return true;
  }

  std::string bytes_;
};

TEST_P(HostileTokenizer, OneByteChanged) {
  std::mt19937 random(20260102);
  std::chrono::nanoseconds longest{};
  int read = 0;
  for (int i = 0; i < kFlips; ++i) {
    const size_t at = random() % bytes_.size();
    const char before = bytes_[at];
    bytes_[at] = static_cast<char>(before ^ (1 + random() % 255));
    const auto start = ThreadCpuTime();
    read += Read(bytes_, GetParam()) ? 1 : 0;
    longest = std::max(longest, ThreadCpuTime() - start);
    bytes_[at] = before;
  }
  EXPECT_LT(longest, std::chrono::seconds(1));
  EXPECT_GT(read, 0);
  EXPECT_LT(read, kFlips);
  EXPECT_TRUE(Read(bytes_, GetParam()));
}

TEST_P(HostileTokenizer, CutShort) {
  const std::string name = GetParam();
  for (size_t size = 0; size < bytes_.size(); size += size < 200 ? 1 : 37) {
    const bool read = Read(bytes_.substr(0, size), name);
    // A .model file may end between two of its fields.
    EXPECT_FALSE(read && name.ends_with(".json")) << size;
  }
}

INSTANTIATE_TEST_SUITE_P(Files, HostileTokenizer,
                         testing::Values("unigram.json", "bpe_clip.json", "pieces_bytes.model",
                                         "pieces_spaces.model"),
                         [](const auto& file) {
                           std::string name = file.param;
                           for (char& c : name) c = c == '.' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace minnow
