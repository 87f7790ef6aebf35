// SPDX-License-Identifier: Apache-2.0
// Sequences of pre-tokenizers, with and without those that rewrite: words, and the way back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "text/pre_tokenizers/pre_tokenizer.h"

namespace minnow {
namespace {

using testing::ElementsAre;

// What byte-level and Metaspace pre-tokenizers do to texts: one word, longer than the input, with
// `mark` before it and each letter twice.
class Rewriter : public PreTokenizer {
 public:
  explicit Rewriter(char32_t mark) : mark_(mark) {}
  bool rewrites() const override { return true; }
  void Split(const TextView& in, NormalizedText& rewritten,
             std::vector<TextSpan>& words) const override {
    const size_t begin = rewritten.bytes.size();
    const auto source = [&in](size_t i) { return in.source == nullptr ? 0 : in.source[i]; };
    rewritten.Append(mark_, source(0));
    for (size_t i = 0; i < in.bytes.size(); ++i) {
      for (int twice = 0; twice < 2; ++twice) {
        rewritten.Append(static_cast<unsigned char>(in.bytes[i]), source(i));
      }
    }
    words.push_back({begin, rewritten.bytes.size()});
  }

 private:
  const char32_t mark_;
};

struct Word {
  std::string text;
  std::vector<uint32_t> sources;
  bool operator==(const Word&) const = default;
};

// `text` is ASCII; the source of byte i is 10 * i.
std::vector<Word> Words(const PreTokenizer& pre_tokenizer, const std::string& text,
                        bool track_sources = true) {
  std::vector<uint32_t> sources;
  for (size_t i = 0; i < text.size(); ++i) sources.push_back(static_cast<uint32_t>(10 * i));
  const TextView in{text, track_sources ? sources.data() : nullptr};
  NormalizedText rewritten;
  rewritten.Reset(track_sources, text.size());
  std::vector<TextSpan> spans;
  pre_tokenizer.Split(in, rewritten, spans);
  const TextView base = pre_tokenizer.rewrites() ? rewritten.view() : in;
  std::vector<Word> words;
  for (const TextSpan& span : spans) {
    const TextView view = base.Slice(span.begin, span.end);
    Word word{std::string(view.bytes), {}};
    if (track_sources) word.sources.assign(view.source, view.source + view.bytes.size());
    words.push_back(word);
  }
  return words;
}

using Steps = std::vector<std::unique_ptr<const PreTokenizer>>;

template <class... Step>
std::unique_ptr<const PreTokenizer> SequenceOf(Step... steps) {
  Steps list;
  (list.push_back(std::move(steps)), ...);
  return MakePreTokenizerSequence(std::move(list));
}

TEST(PreTokenizerSequence, EachStepCutsTheWordsOfTheOneBefore) {
  const auto sequence = SequenceOf(MakeWhitespaceSplit(), MakeBertPreTokenizer());
  EXPECT_FALSE(sequence->rewrites());
  EXPECT_THAT(Words(*sequence, " ab, c"),
              ElementsAre(Word{"ab", {10, 20}}, Word{",", {30}}, Word{"c", {50}}));
  EXPECT_TRUE(Words(*sequence, " ").empty());
  EXPECT_TRUE(Words(*sequence, "").empty());
  EXPECT_THAT(Words(*SequenceOf(), "a b"), ElementsAre(Word{"a b", {0, 10, 20}}));
}

TEST(PreTokenizerSequence, RewrittenTextKeepsItsSources) {
  const Word ab{"_aabb", {10, 10, 10, 20, 20}};
  const Word c{"_cc", {40, 40, 40}};
  const auto first = SequenceOf(MakeWhitespaceSplit(), std::make_unique<Rewriter>('_'));
  EXPECT_TRUE(first->rewrites());
  EXPECT_THAT(Words(*first, " ab c"), ElementsAre(ab, c));
  // Cut again afterwards.
  const auto between =
      SequenceOf(MakeWhitespaceSplit(), std::make_unique<Rewriter>('!'), MakeBertPreTokenizer());
  EXPECT_THAT(Words(*between, "a bb"),
              ElementsAre(Word{"!", {0}}, Word{"aa", {0, 0}}, Word{"!", {20}},
                          Word{"bbbb", {20, 20, 30, 30}}));
  // Rewritten thrice, and as a step of another sequence.
  const auto thrice =
      SequenceOf(MakeWhitespaceSplit(),
                 SequenceOf(std::make_unique<Rewriter>('1'), std::make_unique<Rewriter>('2'),
                            std::make_unique<Rewriter>('3')));
  const std::vector<uint32_t> zeros(15, 0), twenties(15, 20);
  EXPECT_THAT(Words(*thrice, "a b"),
              ElementsAre(Word{"3221111aaaaaaaa", zeros}, Word{"3221111bbbbbbbb", twenties}));
  EXPECT_THAT(Words(*thrice, "a b", /*track_sources=*/false),
              ElementsAre(Word{"3221111aaaaaaaa", {}}, Word{"3221111bbbbbbbb", {}}));
}

}  // namespace
}  // namespace minnow
