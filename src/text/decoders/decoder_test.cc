// SPDX-License-Identifier: Apache-2.0
// Decoders in a chain. What each of them does is compared with Hugging Face's in tokenizer_test.cc.
#include "text/decoders/decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/json.h"

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class Fuse : public Decoder {
 public:
  void Decode(std::vector<std::string>& tokens) const override {
    std::string all;
    for (const std::string& token : tokens) all += token;
    tokens = {all};
  }
};

TEST(DecoderChain, EachWorksOnWhatTheOneBeforeGave) {
  std::vector<std::unique_ptr<const Decoder>> steps;
  steps.push_back(MakeWordPieceDecoder("##", true));
  steps.push_back(std::make_unique<Fuse>());
  std::vector<std::string> tokens = {"##un", "##aff", "able", "!"};
  DecoderChain(std::move(steps)).Decode(tokens);
  EXPECT_THAT(tokens, ElementsAre("##unaff able!"));
}

// Values of Hugging Face tokenizers' decoders.ByteLevel and decoders.BPEDecoder.
TEST(DecoderTest, BytesAsLettersAndSuffixes) {
  std::vector<std::string> tokens = {"\u0120caf\u00c3", "\u00a9", "\u00c3", "<\u4e2d>", "\u010a"};
  MakeByteLevelDecoder()->Decode(tokens);
  EXPECT_THAT(tokens, ElementsAre(" caf\u00e9\ufffd<\u4e2d>\n"));
  tokens = {"a</w>", "b", "c</w></w>", "d</w>"};
  MakeBpeDecoder("</w>")->Decode(tokens);
  EXPECT_THAT(tokens, ElementsAre("a ", "b", "c  ", "d"));
  tokens.clear();
  MakeBpeDecoder("</w>")->Decode(tokens);
  EXPECT_TRUE(tokens.empty());
}

TEST(DecoderJson, SequencesAndWhatIsRefused) {
  const auto read = [](const char* json) {
    const auto document = JsonDocument::Parse(json, "t.json");
    return ReadDecoder(document.value().root());
  };
  const auto chain = read(R"({"type": "Sequence", "decoders": [
      {"type": "WordPiece", "prefix": "_", "cleanup": false}]})");
  ASSERT_TRUE(chain.ok()) << chain.error().message;
  std::vector<std::string> tokens = {"a", "_b", "c ."};
  (*chain)->Decode(tokens);
  EXPECT_THAT(tokens, ElementsAre("a", "b", " c ."));
  EXPECT_THAT(read(R"({"type": "Sequence", "decoders": [{"type": "CTC"}]})").error().message,
              HasSubstr("decoders[0].type"));
  EXPECT_THAT(read(R"({"type": "Sequence"})").error().message, HasSubstr("decoders"));
}

// What Hugging Face tokenizers' decoders give for these tokens (their decode() without the join);
// where those fail, what is left.
TEST(PieceDecoders, EachByItself) {
  const auto decoded = [](const std::string& json, std::vector<std::string> tokens) {
    const auto document = JsonDocument::Parse(json, "t.json");
    const auto decoder = ReadDecoder(document.value().root());
    EXPECT_TRUE(decoder.ok()) << decoder.error().message;
    (*decoder)->Decode(tokens);
    return tokens;
  };
  const std::string metaspace = R"({"type": "Metaspace", "replacement": "_")";
  EXPECT_THAT(decoded(metaspace + "}", {"_a_b", "_c", "d__"}), ElementsAre("ab", " c", "d  "));
  EXPECT_THAT(decoded(metaspace + R"(, "prepend_scheme": "never"})", {"_a", "_c"}),
              ElementsAre(" a", " c"));
  EXPECT_THAT(decoded(metaspace + R"(, "add_prefix_space": false})", {"_a"}), ElementsAre(" a"));
  EXPECT_THAT(
      decoded(R"({"type": "Replace", "pattern": {"String": "_"}, "content": " "})", {"_a_", "b"}),
      ElementsAre(" a ", "b"));
  EXPECT_THAT(decoded(R"({"type": "Strip", "content": " ", "start": 1, "stop": 2})",
                      {"  a  ", "b   ", " ", ""}),
              ElementsAre(" a", "b ", "", ""));
  EXPECT_THAT(decoded(R"({"type": "Fuse"})", {"a", "b"}), ElementsAre("ab"));
  EXPECT_THAT(decoded(R"({"type": "Fuse"})", {}), ElementsAre(""));
  EXPECT_THAT(decoded(R"({"type": "ByteFallback"})",
                      {"<0xC3>", "<0xA9>", "a", "<0xC3>", "b", "<0x4g>", "<0x+A>", "<0x0a>"}),
              ElementsAre("é", "a", "\uFFFD", "b", "<0x4g>", "\n\n"));
}

}  // namespace
}  // namespace minnow
