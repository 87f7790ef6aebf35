// SPDX-License-Identifier: Apache-2.0
// Cutting at delimiters, in the five ways that Hugging Face tokenizers knows.
#include "text/pre_tokenizers/delimiter_split.h"

#include <utility>

#include "text/unicode.h"

namespace minnow {
namespace {

struct Segment {
  TextSpan span;
  bool delimiter;
};

// Joins each segment with the one before it in the list where `joins(before, segment)` says so.
template <class Joins>
void Join(std::vector<Segment>& segments, const Joins& joins) {
  size_t kept = 0;
  bool before = false;  // whether the segment before was a delimiter
  for (const Segment& segment : std::vector<Segment>(segments)) {
    if (kept > 0 && joins(before, segment.delimiter)) {
      TextSpan& span = segments[kept - 1].span;
      span = {std::min(span.begin, segment.span.begin), std::max(span.end, segment.span.end)};
    } else {
      segments[kept++] = segment;
    }
    before = segment.delimiter;
  }
  segments.resize(kept);
}

class DelimiterSplit : public PreTokenizer {
 public:
  DelimiterSplit(DelimiterPattern pattern, DelimiterBehavior behavior, bool invert)
      : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}

  void Split(const TextView& in, NormalizedText&, std::vector<TextSpan>& words) const override {
    std::vector<Segment> segments = Segments(in.bytes);
    const auto joins_previous = [](bool before, bool delimiter) { return delimiter && !before; };
    switch (behavior_) {
      case DelimiterBehavior::kRemoved:
        std::erase_if(segments, [](const Segment& segment) { return segment.delimiter; });
        break;
      case DelimiterBehavior::kIsolated:
        break;
      case DelimiterBehavior::kMergedWithPrevious:
        Join(segments, joins_previous);
        break;
      case DelimiterBehavior::kMergedWithNext:
        std::reverse(segments.begin(), segments.end());
        Join(segments, joins_previous);
        std::reverse(segments.begin(), segments.end());
        break;
      case DelimiterBehavior::kContiguous:
        Join(segments, [](bool before, bool delimiter) { return before == delimiter; });
        break;
    }
    for (const Segment& segment : segments) words.push_back(segment.span);
  }

 private:
  // The whole text, in order.
  std::vector<Segment> Segments(std::string_view text) const {
    std::vector<Segment> segments;
    size_t done = 0;
    for (TextSpan match; done < text.size() && pattern_(text, done, match); done = match.end) {
      if (done < match.begin) segments.push_back({{done, match.begin}, invert_});
      segments.push_back({match, !invert_});
    }
    if (done < text.size()) segments.push_back({{done, text.size()}, invert_});
    return segments;
  }

  const DelimiterPattern pattern_;
  const DelimiterBehavior behavior_;
  const bool invert_;
};

// Single characters that have a property.
DelimiterPattern Characters(bool (*property)(char32_t)) {
  return [property](std::string_view text, size_t from, TextSpan& delimiter) {
    const char* const begin = text.data();
    for (const char* p = begin + from; p < begin + text.size();) {
      delimiter.begin = static_cast<size_t>(p - begin);
      const bool found = property(NextCodePoint(p));
      delimiter.end = static_cast<size_t>(p - begin);
      if (found) return true;
    }
    return false;
  };
}

}  // namespace

std::unique_ptr<const PreTokenizer> MakeDelimiterSplit(DelimiterPattern pattern,
                                                       DelimiterBehavior behavior, bool invert) {
  return std::make_unique<DelimiterSplit>(std::move(pattern), behavior, invert);
}

std::unique_ptr<const PreTokenizer> MakePunctuation(DelimiterBehavior behavior) {
  return MakeDelimiterSplit(Characters(IsPunctuationOrAsciiSymbol), behavior, false);
}

std::unique_ptr<const PreTokenizer> MakeDigits(bool individual_digits) {
  return MakeDelimiterSplit(
      Characters(IsNumeric),
      individual_digits ? DelimiterBehavior::kIsolated : DelimiterBehavior::kContiguous, false);
}

}  // namespace minnow
