// SPDX-License-Identifier: Apache-2.0
// Pre-tokenizers that look at one character's class at a time.
#include <array>
#include <cstdint>

#include "text/pre_tokenizers/pre_tokenizer.h"
#include "text/unicode.h"

namespace minnow {
namespace {

enum CharacterClass : uint8_t {
  kSpace,   // between words, part of none
  kAlone,   // a word by itself
  kLetter,  // words are longest runs of kLetter, or of kSymbol
  kSymbol,
};

// Cuts where the class of characters says; `Classify` gives the class of one code point.
template <CharacterClass (*Classify)(char32_t)>
class ClassSplit : public PreTokenizer {
 public:
  ClassSplit() {
    for (size_t i = 0; i < ascii_.size(); ++i) ascii_[i] = Classify(static_cast<char32_t>(i));
  }

  void Split(const TextView& in, NormalizedText&, std::vector<TextSpan>& words) const override {
    const std::string_view text = in.bytes;
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    const char* word = begin;
    CharacterClass previous = kSpace;
    for (const char* p = begin; p < end;) {
      const char* const at = p;
      const CharacterClass current =
          IsAscii(*p) ? ascii_[static_cast<uint8_t>(*p++)] : Classify(NextCodePoint(p));
      if (current == previous && current != kAlone) continue;
      if (previous != kSpace) words.push_back({Index(begin, word), Index(begin, at)});
      word = at;
      previous = current;
    }
    if (previous != kSpace) words.push_back({Index(begin, word), text.size()});
  }

 private:
  static size_t Index(const char* begin, const char* p) { return static_cast<size_t>(p - begin); }

  std::array<CharacterClass, 128> ascii_;
};

CharacterClass BertClass(char32_t c) {
  if (IsWhiteSpace(c)) return kSpace;
  return IsPunctuationOrAsciiSymbol(c) ? kAlone : kLetter;
}

CharacterClass WhitespaceClass(char32_t c) {
  if (IsWhiteSpace(c)) return kSpace;
  return IsWord(c) ? kLetter : kSymbol;
}

CharacterClass WhitespaceSplitClass(char32_t c) { return IsWhiteSpace(c) ? kSpace : kLetter; }

}  // namespace

std::unique_ptr<const PreTokenizer> MakeBertPreTokenizer() {
  return std::make_unique<ClassSplit<BertClass>>();
}

std::unique_ptr<const PreTokenizer> MakeWhitespace() {
  return std::make_unique<ClassSplit<WhitespaceClass>>();
}

std::unique_ptr<const PreTokenizer> MakeWhitespaceSplit() {
  return std::make_unique<ClassSplit<WhitespaceSplitClass>>();
}

}  // namespace minnow
