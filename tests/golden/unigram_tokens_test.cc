// SPDX-License-Identifier: Apache-2.0
// Whole Unigram tokenizers against golden tokens: ids that Hugging Face tokenizers gave for texts
// and sentencepiece gave for texts in many languages and for nasty ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "formats/json.h"
#include "text/tokenizer.h"

namespace minnow {
namespace {

std::string DataPath(const std::string& name) {
  const char* data = std::getenv("MINNOW_DATA");
  return (data != nullptr ? std::string(data)
                          : std::string(MINNOW_SOURCE_DIR) + "/../shared/data") +
         "/" + name;
}

struct GoldenColumn {
  const char* name;
  const char* files;  // of the tokenizer: a directory or a .model file
};

void PrintTo(const GoldenColumn& column, std::ostream* out) { *out << column.name; }

class UnigramTokens : public testing::TestWithParam<GoldenColumn> {};

TEST_P(UnigramTokens, EveryRow) {
  const std::string rows = DataPath("golden_tokens/golden.jsonl");
  const std::string files = DataPath(GetParam().files);
  for (const std::string& path : {rows, files}) {
    if (!std::filesystem::exists(path)) GTEST_SKIP() << "no " << path << " (MINNOW_DATA)";
  }
  const auto tokenizer = Tokenizer::LoadDirectory(files);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.error().message;
  std::ifstream in(rows, std::ios::binary);
  int count = 0;
  for (std::string line; std::getline(in, line); ++count) {
    const auto document = JsonDocument::Parse(line, rows);
    ASSERT_TRUE(document.ok()) << document.error().message;
    const std::string_view text = document->root().GetString("text").value();
    std::vector<TokenId> expected;
    for (const JsonView id : document->root().Find(GetParam().name)->Items())
      expected.push_back(static_cast<TokenId>(id.Int(0, INT32_MAX).value()));
    const Encoding encoding = (*tokenizer)->Encode(text, {.want_offsets = true});
    EXPECT_EQ(encoding.ids, expected) << "row " << count << ": " << text;
    EXPECT_EQ((*tokenizer)->Encode(text, {}).ids, expected);
  }
  EXPECT_GT(count, 500);
}

INSTANTIATE_TEST_SUITE_P(Columns, UnigramTokens,
                         testing::Values(GoldenColumn{"xlm-roberta", "tok_xlmr_rebuilt"},
                                         GoldenColumn{"t5-small", "tok_hf/t5-small"},
                                         GoldenColumn{"xlm-roberta-sentencepiece",
                                                      "tok_xlmr_rebuilt/sentencepiece.bpe.model"},
                                         GoldenColumn{"t5-sentencepiece",
                                                      "hf_layout_t5small/spiece.model"}),
                         [](const auto& info) {
                           std::string name = info.param.name;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace minnow
