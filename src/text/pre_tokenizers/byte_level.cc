// SPDX-License-Identifier: Apache-2.0
// ByteLevel: words by GPT-2's regular expression, each byte written as a letter.
#include <array>
#include <cstdint>

#include "text/byte_alphabet.h"
#include "text/pre_tokenizers/pre_tokenizer.h"
#include "text/pre_tokenizers/word_patterns.h"

namespace minnow {
namespace {

// Each byte's letter in UTF-8, one or two bytes.
struct Utf8Letter {
  char bytes[2];
  uint8_t size;
};

constexpr std::array<Utf8Letter, 256> kLetters = [] {
  std::array<Utf8Letter, 256> letters = {};
  for (size_t i = 0; i < letters.size(); ++i) {
    const uint16_t c = kByteAlphabet.letters[i];
    if (c < 0x80) {
      letters[i] = {{static_cast<char>(c), 0}, 1};
    } else {
      letters[i] = {{static_cast<char>(0xC0 | c >> 6), static_cast<char>(0x80 | (c & 0x3F))}, 2};
    }
  }
  return letters;
}();

class ByteLevel : public PreTokenizer {
 public:
  explicit ByteLevel(const ByteLevelOptions& options) : options_(options) {}
  bool rewrites() const override { return true; }
  // Two bytes for each one, and for the space before a text of one.
  size_t growth() const override { return options_.add_prefix_space ? 4 : 2; }

  void Split(const TextView& in, NormalizedText& rewritten,
             std::vector<TextSpan>& words) const override {
    if (in.bytes.empty()) return;
    if (!options_.add_prefix_space || in.bytes[0] == ' ')
      return SplitPrefixed(in, rewritten, words);
    // The space stands for the first character too.
    std::string text = " ";
    text += in.bytes;
    std::vector<uint32_t> source;
    if (in.source != nullptr) {
      source.reserve(text.size());
      source.push_back(in.source[0]);
      source.insert(source.end(), in.source, in.source + in.bytes.size());
    }
    SplitPrefixed({text, in.source == nullptr ? nullptr : source.data()}, rewritten, words);
  }

 private:
  void SplitPrefixed(const TextView& in, NormalizedText& rewritten,
                     std::vector<TextSpan>& words) const {
    for (size_t at = 0; at < in.bytes.size();) {
      const size_t end = options_.use_regex ? MatchGpt2Word(in.bytes, at) : in.bytes.size();
      const size_t begin = rewritten.bytes.size();
      AppendLetters(in.Slice(at, end), rewritten);
      words.push_back({begin, rewritten.bytes.size()});
      at = end;
    }
  }

  static void AppendLetters(const TextView& word, NormalizedText& out) {
    for (const char byte : word.bytes) {
      const Utf8Letter& letter = kLetters[static_cast<unsigned char>(byte)];
      out.bytes.append(letter.bytes, letter.size);
    }
    if (!out.track_sources()) return;
    for (size_t i = 0; i < word.bytes.size(); ++i) {
      const uint8_t size = kLetters[static_cast<unsigned char>(word.bytes[i])].size;
      out.sources.insert(out.sources.end(), size, word.source[i]);
    }
  }

  const ByteLevelOptions options_;
};

}  // namespace

std::unique_ptr<const PreTokenizer> MakeByteLevel(const ByteLevelOptions& options) {
  return std::make_unique<ByteLevel>(options);
}

}  // namespace minnow
