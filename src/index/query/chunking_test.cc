// SPDX-License-Identifier: Apache-2.0
#include "index/query/chunking.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

#include "index/query/text_units.h"

namespace minnow {
namespace {

bool IsSpace(char c) { return std::string_view(" \t\n\r\f\v").find(c) != std::string_view::npos; }
bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// A token a word.
size_t CountWords(std::string_view text) {
  size_t words = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!IsSpace(text[i]) && (i == 0 || IsSpace(text[i - 1]))) ++words;
  }
  return words;
}

size_t CountBytes(std::string_view text) { return text.size(); }

std::vector<std::string> Chunks(std::string_view text, const ChunkOptions& options,
                                const TokenCounter& counter = CountWords) {
  std::vector<std::string> chunks;
  for (const ChunkRange& range : ChunkText(text, options, counter)) {
    chunks.emplace_back(text.substr(range.begin, range.end - range.begin));
  }
  return chunks;
}

std::vector<std::string> Units(std::string_view text) {
  std::vector<std::string> units;
  for (const TextUnit& unit : SplitIntoUnits(text)) {
    units.emplace_back(text.substr(unit.begin, unit.end - unit.begin));
  }
  return units;
}

// What the header promises, for any text.
void ExpectSound(std::string_view text, const ChunkOptions& options, const TokenCounter& counter) {
  const auto chunks = ChunkText(text, options, counter);
  std::vector<bool> covered(text.size());
  uint32_t last_begin = 0;
  uint32_t last_end = 0;
  for (const ChunkRange& chunk : chunks) {
    ASSERT_LT(chunk.begin, chunk.end);
    ASSERT_LE(chunk.end, text.size());
    EXPECT_GE(chunk.begin, last_begin);
    EXPECT_GT(chunk.end, last_end);
    last_begin = chunk.begin;
    last_end = chunk.end;
    EXPECT_FALSE(IsSpace(text[chunk.begin]));
    EXPECT_FALSE(IsSpace(text[chunk.end - 1]));
    std::fill(covered.begin() + chunk.begin, covered.begin() + chunk.end, true);
  }
  for (size_t i = 0; i < text.size(); ++i) EXPECT_TRUE(covered[i] || IsSpace(text[i])) << i;
}

TEST(TextUnits, SentencesEndAtStopsBeforeSpaceAndCapitals) {
  EXPECT_EQ(Units("One is here. Two is\nthere! Three? (Four.) \"Five.\" Six"),
            (std::vector<std::string>{"One is here.", "Two is\nthere!", "Three?", "(Four.)",
                                      "\"Five.\"", "Six"}));
}

TEST(TextUnits, AbbreviationsNumbersAndNamesOfFilesEndNothing) {
  EXPECT_EQ(
      Units("See e.g. Dr. Smith, J. Doe et al. (fig. 3), v1.27.4 or kube.yaml ... and so on."),
      (std::vector<std::string>{
          "See e.g. Dr. Smith, J. Doe et al. (fig. 3), v1.27.4 or kube.yaml ... and so on."}));
}

TEST(TextUnits, IdeographicStopsNeedNoSpace) {
  EXPECT_EQ(Units("這是一。那是二！好嗎？好"),
            (std::vector<std::string>{"這是一。", "那是二！", "好嗎？", "好"}));
}

TEST(TextUnits, MarkdownBlocks) {
  const std::string text =
      "intro line\n# Head\ntext. More text\ncontinues here.\n\n- item one\n- item two\n1. first\n"
      "```go\nfunc f() { g. H() }\n\nfunc g() {}\n```\nafter\n| a | b |\n| c | d |\n#no heading\n";
  const auto units = SplitIntoUnits(text);
  EXPECT_EQ(Units(text),
            (std::vector<std::string>{"intro line", "# Head", "text.", "More text\ncontinues here.",
                                      "- item one", "- item two", "1. first",
                                      "```go\nfunc f() { g. H() }\n\nfunc g() {}\n```", "after",
                                      "| a | b |", "| c | d |\n#no heading"}));
  EXPECT_EQ(units[1].cut_before, CutQuality::kHeading);
  EXPECT_EQ(units[2].cut_before, CutQuality::kSentence);
  EXPECT_EQ(units[4].cut_before, CutQuality::kParagraph);
}

TEST(TextUnits, AnUnclosedFenceReachesTheEnd) {
  EXPECT_EQ(Units("~~~\na. B\n\n```\nc"), (std::vector<std::string>{"~~~\na. B\n\n```\nc"}));
}

TEST(Chunking, ShortTextIsOneChunkAndBlankTextIsNone) {
  EXPECT_EQ(Chunks("  One sentence.\n", {}), (std::vector<std::string>{"One sentence."}));
  EXPECT_TRUE(Chunks("", {}).empty());
  EXPECT_TRUE(Chunks(std::string(1 << 20, '\n'), {}).empty());
  EXPECT_TRUE(Chunks(" \t\r\n ", {}).empty());
}

TEST(Chunking, SentencesAreKeptWholeAndOverlap) {
  const std::string text =
      "A one two three. B one two three. C one two three. D one two three. E one two three.";
  EXPECT_EQ(Chunks(text, {.max_tokens = 16, .overlap_tokens = 4}),
            (std::vector<std::string>{
                "A one two three. B one two three. C one two three. D one two three.",
                "D one two three. E one two three."}));
  EXPECT_EQ(Chunks(text, {.max_tokens = 16, .overlap_tokens = 0})[1], "E one two three.");
}

TEST(Chunking, AHeadingBeginsAChunkAndNeverEndsOne) {
  const std::string text =
      "One two three four five six. Seven eight nine ten.\n\n# Head\n\nUnder the head are words "
      "which go on. And more of them here now.\n# Second head\nIts text is long enough to need "
      "room "
      "of its own.";
  const auto chunks = Chunks(text, {.max_tokens = 16, .overlap_tokens = 4});
  ASSERT_EQ(chunks.size(), 3u);
  EXPECT_EQ(chunks[0], "One two three four five six. Seven eight nine ten.");
  EXPECT_TRUE(chunks[1].starts_with("# Head")) << chunks[1];
  EXPECT_TRUE(chunks[2].starts_with("# Second head")) << chunks[2];
}

TEST(Chunking, ALongSentenceIsCutAtLinesThenWords) {
  std::string code = "```\n";
  for (int i = 0; i < 20; ++i) code += "line number " + std::to_string(i) + " of code\n";
  code += "```";
  for (const std::string& chunk : Chunks(code, {.max_tokens = 20, .overlap_tokens = 5})) {
    EXPECT_LE(CountWords(chunk), 20u);
    EXPECT_TRUE(chunk.ends_with("code") || chunk.ends_with("```")) << chunk;
  }
  std::string words;
  for (int i = 0; i < 100; ++i) words += "word" + std::to_string(i) + " ";
  const auto chunks = Chunks(words, {.max_tokens = 30, .overlap_tokens = 5});
  EXPECT_EQ(CountWords(chunks[0]), 30u);
  EXPECT_TRUE(chunks[1].starts_with("word25 ")) << chunks[1];
}

TEST(Chunking, AWordWithoutEndIsCutBetweenCharacters) {
  std::string text;
  while (text.size() < 100'000) text += "字";
  const auto chunks = ChunkText(text, {.max_tokens = 50, .overlap_tokens = 10}, CountBytes);
  EXPECT_GT(chunks.size(), text.size() / 50);
  for (const ChunkRange& chunk : chunks) {
    EXPECT_LE(chunk.end - chunk.begin, 50u);
    EXPECT_FALSE(IsContinuation(text[chunk.begin]));
    EXPECT_TRUE(chunk.end == text.size() || !IsContinuation(text[chunk.end]));
  }
  ExpectSound(text, {.max_tokens = 50, .overlap_tokens = 10}, CountBytes);
}

TEST(Chunking, ACounterThatSeesNoTokensDoesNotMakeEndlessChunks) {
  const std::string text(1 << 20, 'x');
  const auto chunks = ChunkText(text, {.max_tokens = 100}, [](std::string_view) { return 0; });
  for (const ChunkRange& chunk : chunks) EXPECT_LE(chunk.end - chunk.begin, 3200u);
}

TEST(Chunking, ACounterThatSeesTooManyTokensStillEnds) {
  ExpectSound("some words here. And more", {.max_tokens = 10},
              [](std::string_view) { return 1'000'000; });
}

// The text is counted a bounded number of times, whatever its shape.
TEST(Chunking, EveryByteIsCountedAFewTimesOnly) {
  const std::vector<std::string> patterns = {"a",    "a ",      "a\n\n", ". ",    "# a\n",
                                             "- ",   "```\n",   "\xff",  "。",    ".",
                                             "a.b ", "| x |\n", "\"",    "1. A\n"};
  for (const std::string& pattern : patterns) {
    std::string text;
    while (text.size() < 300'000) text += pattern;
    size_t counted = 0;
    ChunkText(text, {}, [&](std::string_view piece) {
      counted += piece.size();
      return CountWords(piece);
    });
    EXPECT_LE(counted, 5 * text.size()) << pattern;
  }
}

TEST(Chunking, RandomTextsAreCovered) {
  std::mt19937 random(7);
  const std::vector<std::string> parts = {
      "word", " ",     ". ",  "\n",   "\n\n",
      "# ",   "```",   "é",   "\xff", "字",
      "。",   "e.g. ", "- ",  "~~~",  "\r\n",
      "A",    "! ",    "...", ")",    "loooooooooooooooooooooooooooooong"};
  for (int round = 0; round < 300; ++round) {
    std::string text;
    const size_t length = random() % 200;
    for (size_t i = 0; i < length; ++i) text += parts[random() % parts.size()];
    ChunkOptions options;
    options.max_tokens = 8 + random() % 30;
    options.overlap_tokens = random() % 12;
    ExpectSound(text, options, CountWords);
    ExpectSound(text, options, CountBytes);
    for (const ChunkRange& chunk : ChunkText(text, options, CountWords)) {
      EXPECT_LE(CountWords(std::string_view(text).substr(chunk.begin, chunk.end - chunk.begin)),
                options.max_tokens);
    }
  }
}

}  // namespace
}  // namespace minnow
