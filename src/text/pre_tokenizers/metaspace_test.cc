// SPDX-License-Identifier: Apache-2.0
// Metaspace: words and where they come from. The expected values are those of Hugging Face
// tokenizers' pre_tokenize_str; whole tokenizers are compared in tokenizer_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>
#include <string>

#include "text/pre_tokenizers/pre_tokenizer.h"

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<std::unique_ptr<const PreTokenizer>> ReadMetaspace(const std::string& fields) {
  const auto document =
      JsonDocument::Parse(R"({"type": "Metaspace", "replacement": "_")" + fields + "}", "t.json");
  return ReadPreTokenizer(document.value().root());
}

// The words, and after each the sources of its first and its last byte. The source of byte i of
// `text` (ASCII) is `first` + i.
std::vector<std::string> MetaspaceWords(const std::string& fields, const std::string& text,
                                        uint32_t first = 0) {
  const auto metaspace = ReadMetaspace(fields);
  EXPECT_TRUE(metaspace.ok()) << metaspace.error().message;
  std::vector<uint32_t> sources(text.size());
  std::iota(sources.begin(), sources.end(), first);
  NormalizedText rewritten;
  rewritten.Reset(true, 0);
  std::vector<TextSpan> spans;
  (*metaspace)->Split({text, sources.data()}, rewritten, spans);
  std::vector<std::string> words;
  for (const TextSpan& span : spans) {
    words.push_back(rewritten.bytes.substr(span.begin, span.end - span.begin) + " " +
                    std::to_string(rewritten.sources[span.begin]) + "-" +
                    std::to_string(rewritten.sources[span.end - 1]));
  }
  return words;
}

TEST(Metaspace, EachMarkBeginsAWord) {
  EXPECT_THAT(MetaspaceWords("", "ab  c "), ElementsAre("_ab 0-1", "_ 2-2", "_c 3-4", "_ 5-5"));
  EXPECT_THAT(MetaspaceWords("", " a"), ElementsAre("_a 0-1"));
  EXPECT_THAT(MetaspaceWords("", "_a"), ElementsAre("_a 0-1"));
  EXPECT_THAT(MetaspaceWords("", "a_b"), ElementsAre("_a 0-0", "_b 1-2"));
  EXPECT_THAT(MetaspaceWords("", ""), ElementsAre());
  EXPECT_THAT(MetaspaceWords(R"(, "split": false)", "ab c"), ElementsAre("_ab_c 0-3"));
}

TEST(Metaspace, AMarkBeforeTheText) {
  EXPECT_THAT(MetaspaceWords(R"(, "prepend_scheme": "always")", "a", 7), ElementsAre("_a 7-7"));
  EXPECT_THAT(MetaspaceWords(R"(, "prepend_scheme": "first")", "a", 7), ElementsAre("a 7-7"));
  EXPECT_THAT(MetaspaceWords(R"(, "prepend_scheme": "first")", "a"), ElementsAre("_a 0-0"));
  EXPECT_THAT(MetaspaceWords(R"(, "prepend_scheme": "never")", "a b"),
              ElementsAre("a 0-0", "_b 1-2"));
  EXPECT_THAT(MetaspaceWords(R"(, "add_prefix_space": true)", "a"), ElementsAre("_a 0-0"));
  EXPECT_THAT(MetaspaceWords(R"(, "add_prefix_space": false)", "a"), ElementsAre("a 0-0"));
  EXPECT_THAT(ReadMetaspace(R"(, "prepend_scheme": "last")").error().message,
              HasSubstr("prepend_scheme"));
  EXPECT_THAT(
      ReadMetaspace(R"(, "prepend_scheme": "first", "add_prefix_space": false)").error().message,
      HasSubstr("add_prefix_space"));
  EXPECT_THAT(ReadMetaspace(R"(, "replacement": "__")").error().message,
              HasSubstr("one character"));
}

}  // namespace
}  // namespace minnow
