// SPDX-License-Identifier: Apache-2.0
// SentencePieceNormalizer: the normaliser of a .model file, as sentencepiece itself runs it: the
// longest rule at each place, then spaces.
#include "text/normalizers/sentencepiece_normalizer.h"

#include <algorithm>
#include <utility>

namespace minnow {
namespace {

constexpr std::string_view kMark = "\u2581";  // stands for a space

class SentencePieceNormalizer : public Normalizer {
 public:
  explicit SentencePieceNormalizer(SentencePieceRules rules) : rules_(std::move(rules)) {
    for (const std::string& piece : rules_.user_defined) user_defined_.Add(piece, 0);
  }

  // All spaces may become marks, and one more stands before the text.
  TextGrowth growth() const override {
    const size_t longest = std::max<size_t>(rules_.charsmap.longest_replacement(), 1);
    return {.times = kMark.size() * (longest + 1), .inserts = true};
  }

  void Normalize(const TextView& in, NormalizedText& out) const override {
    out.Reset(in.source != nullptr, in.bytes.size() * 2);
    const std::string_view text = in.bytes;
    size_t begin = rules_.remove_extra_whitespaces ? SkipSpaces(text) : 0;
    if (begin == text.size()) return;
    if (rules_.add_dummy_prefix && !rules_.whitespace_is_suffix) AppendSpace(in, begin, out);
    bool after_space = rules_.remove_extra_whitespaces;
    while (begin < text.size()) {
      auto [length, replacement] = Next(text, begin);
      while (after_space && replacement.starts_with(' ')) replacement.remove_prefix(1);
      if (!replacement.empty()) {
        Append(in, begin, replacement, out);
        after_space = rules_.remove_extra_whitespaces && replacement.ends_with(' ');
      }
      begin += length;
    }
    if (rules_.remove_extra_whitespaces) RemoveSpacesAtTheEnd(out);
    if (rules_.add_dummy_prefix && rules_.whitespace_is_suffix)
      AppendSpace(in, text.size() - 1, out);
  }

 private:
  // What stands at `begin`: its bytes, and what becomes of them.
  Charsmap::Rule Next(std::string_view text, size_t begin) const {
    size_t end = begin;
    if (!user_defined_.empty() && user_defined_.FindAt(text, begin, end) >= 0)
      return {end - begin, text.substr(begin, end - begin)};
    const Charsmap::Rule rule = rules_.charsmap.Longest(text.substr(begin));
    if (rule.length > 0) return rule;
    end = begin + 1;
    while (end < text.size() && IsUtf8Continuation(text[end])) ++end;
    return {end - begin, text.substr(begin, end - begin)};
  }

  size_t SkipSpaces(std::string_view text) const {
    size_t begin = 0;
    while (begin < text.size()) {
      const Charsmap::Rule next = Next(text, begin);
      if (next.replacement != " ") break;
      begin += next.length;
    }
    return begin;
  }

  void AppendSpace(const TextView& in, size_t at, NormalizedText& out) const {
    out.bytes += rules_.escape_whitespaces ? kMark : " ";
    if (out.track_sources()) out.sources.resize(out.bytes.size(), in.source[at]);
  }

  // What stays as it is keeps its sources; what replaces has that of the first character replaced.
  void Append(const TextView& in, size_t at, std::string_view replacement,
              NormalizedText& out) const {
    const bool stays = replacement.data() == in.bytes.data() + at;
    for (size_t i = 0; i < replacement.size(); ++i) {
      const size_t from = stays ? at + i : at;
      if (replacement[i] == ' ') {
        AppendSpace(in, from, out);
      } else {
        out.bytes += replacement[i];
        if (out.track_sources()) out.sources.push_back(in.source[from]);
      }
    }
  }

  void RemoveSpacesAtTheEnd(NormalizedText& out) const {
    const std::string_view space = rules_.escape_whitespaces ? kMark : " ";
    std::string_view text = out.bytes;
    while (text.ends_with(space)) text.remove_suffix(space.size());
    out.bytes.resize(text.size());
    if (out.track_sources()) out.sources.resize(text.size());
  }

  const SentencePieceRules rules_;
  StringMatcher user_defined_;
};

}  // namespace

std::unique_ptr<const Normalizer> MakeSentencePieceNormalizer(SentencePieceRules rules) {
  return std::make_unique<SentencePieceNormalizer>(std::move(rules));
}

}  // namespace minnow
