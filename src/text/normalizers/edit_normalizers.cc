// SPDX-License-Identifier: Apache-2.0
// The normalizers that take out, put in and replace: Replace, Strip, Prepend, Nmt.
#include <algorithm>
#include <utility>

#include "text/normalizers/normalizer.h"
#include "text/replace_pattern.h"

namespace minnow {
namespace {

// Appends bytes of `in` as they are.
void Copy(const TextView& in, size_t begin, size_t end, NormalizedText& out) {
  out.bytes.append(in.bytes, begin, end - begin);
  if (in.source != nullptr)
    out.sources.insert(out.sources.end(), in.source + begin, in.source + end);
}

// Appends a text with one source.
void Insert(std::string_view text, uint32_t source, NormalizedText& out) {
  out.bytes += text;
  if (out.track_sources()) out.sources.resize(out.bytes.size(), source);
}

bool IsAsciiText(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return IsAscii(c); });
}

uint32_t SourceOf(const TextView& in, size_t i) { return in.source == nullptr ? 0 : in.source[i]; }

class Replace : public Normalizer {
 public:
  Replace(ReplacePattern pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}

  void Normalize(const TextView& in, NormalizedText& out) const override {
    out.Reset(in.source != nullptr, in.bytes.size());
    size_t copied = 0;
    for (TextSpan match; pattern_.Find(in.bytes, copied, match); copied = match.end) {
      Copy(in, copied, match.begin, out);
      Insert(content_, SourceOf(in, match.end - 1), out);
    }
    Copy(in, copied, in.bytes.size(), out);
  }
  TextGrowth growth() const override {
    return {.times = pattern_.Growth(content_), .inserts = !IsAsciiText(content_)};
  }

 private:
  const ReplacePattern pattern_;
  const std::string content_;
};

class Strip : public Normalizer {
 public:
  Strip(bool left, bool right) : left_(left), right_(right) {}

  void Normalize(const TextView& in, NormalizedText& out) const override {
    out.Reset(in.source != nullptr, in.bytes.size());
    const char* const begin = in.bytes.data();
    const char* const end = begin + in.bytes.size();
    const char* first = begin;  // that is kept
    const char* last = begin;   // where the last that is not white space ends
    for (const char* p = begin; p < end;) {
      const bool leading = p == first;
      if (!IsWhiteSpace(NextCodePoint(p))) {
        last = p;
      } else if (leading && left_) {
        first = p;
      }
    }
    if (!right_) last = end;
    if (first < last)
      Copy(in, static_cast<size_t>(first - begin), static_cast<size_t>(last - begin), out);
  }

 private:
  const bool left_;
  const bool right_;
};

class Prepend : public Normalizer {
 public:
  explicit Prepend(std::string text) : text_(std::move(text)) {}

  void Normalize(const TextView& in, NormalizedText& out) const override {
    out.Reset(in.source != nullptr, in.bytes.size() + text_.size());
    if (in.bytes.empty()) return;
    Insert(text_, SourceOf(in, 0), out);
    Copy(in, 0, in.bytes.size(), out);
  }
  TextGrowth growth() const override {
    return {.times = 1 + text_.size(), .inserts = !IsAsciiText(text_)};
  }

 private:
  const std::string text_;
};

// The code points that sentencepiece's rule "nmt" takes out, and those that it makes spaces of.
bool IsNmtControl(char32_t c) {
  return (c >= 0x01 && c <= 0x08) || c == 0x0B || (c >= 0x0E && c <= 0x1F) || c == 0x7F ||
         c == 0x8F || c == 0x9F;
}

bool IsNmtSpace(char32_t c) {
  return c == 0x09 || c == 0x0A || c == 0x0C || c == 0x0D || c == 0x1680 ||
         (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 || c == 0xFEFF ||
         c == 0xFFFD;
}

class Nmt : public Normalizer {
 public:
  void Normalize(const TextView& in, NormalizedText& out) const override {
    out.Reset(in.source != nullptr, in.bytes.size());
    const char* const begin = in.bytes.data();
    const char* const end = begin + in.bytes.size();
    for (const char* p = begin; p < end;) {
      const uint32_t source = SourceOf(in, static_cast<size_t>(p - begin));
      const char32_t c = NextCodePoint(p);
      if (!IsNmtControl(c)) out.Append(IsNmtSpace(c) ? U' ' : c, source);
    }
  }
};

}  // namespace

std::unique_ptr<const Normalizer> MakeReplace(ReplacePattern pattern, std::string content) {
  return std::make_unique<Replace>(std::move(pattern), std::move(content));
}

std::unique_ptr<const Normalizer> MakeStrip(bool left, bool right) {
  return std::make_unique<Strip>(left, right);
}

std::unique_ptr<const Normalizer> MakePrepend(std::string text) {
  return std::make_unique<Prepend>(std::move(text));
}

std::unique_ptr<const Normalizer> MakeNmt() { return std::make_unique<Nmt>(); }

}  // namespace minnow
