// SPDX-License-Identifier: Apache-2.0
// Precompiled: sentencepiece's rules as Hugging Face tokenizers applies them.
//
// That is not what sentencepiece does: a grapheme cluster of less than six bytes is replaced whole
// by what the shortest rule for its beginning says, others are replaced character by character.
#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "text/normalizers/character_changes.h"
#include "text/normalizers/charsmap.h"
#include "text/normalizers/grapheme.h"
#include "text/normalizers/normalizer.h"

namespace minnow {
namespace {

constexpr size_t kMaxClusterBytes = 5;  // longer ones are taken apart

// Writes the text only.
class TextSink {
 public:
  TextSink(const TextView&, NormalizedText& out) : out_(out.bytes) {}
  void Keep(std::string_view text) { out_ += text; }
  void Replace(std::string_view, std::string_view by) { out_ += by; }
  void Finish() {}

 private:
  std::string& out_;
};

template <class Body>
void ForEachCharacter(std::string_view text, const Body& body) {
  const char* const end = text.data() + text.size();
  for (const char* p = text.data(); p < end;) body(NextCodePoint(p));
}

// Writes the text and its sources. Where characters are only removed, the one before them stands
// for them too, and where there is none, all that follows has the source of the one before it: so
// Hugging Face's offsets.
class ChangeSink {
 public:
  ChangeSink(const TextView& in, NormalizedText& out) : in_(in), out_(out) {}
  void Keep(std::string_view text) {
    ForEachCharacter(text, [this](char32_t c) { changes_.push_back({c, 0}); });
  }
  void Replace(std::string_view text, std::string_view by) {
    auto left = static_cast<int32_t>(CountCodePoints(text));
    ForEachCharacter(by, [&](char32_t c) { changes_.push_back({c, left-- > 0 ? 0 : 1}); });
    if (left > 0 && !changes_.empty()) changes_.back().change -= left;
  }
  void Finish() { AppendChanges(in_, changes_, out_); }

 private:
  const TextView& in_;
  NormalizedText& out_;
  std::vector<CharacterChange> changes_;
};

class Precompiled : public Normalizer {
 public:
  explicit Precompiled(Charsmap map) : map_(std::move(map)) {
    for (size_t i = 0; i < kept_.size(); ++i) {
      const char c = static_cast<char>(i);
      kept_[i] = c != '\r' && map_.Shortest({&c, 1}).length == 0;  // CR LF are one cluster
    }
  }

  TextGrowth growth() const override {
    const size_t longest = map_.longest_replacement();
    return {.times = std::max<size_t>(longest, 1), .inserts = longest > 0};
  }

  void Normalize(const TextView& in, NormalizedText& out) const override {
    out.Reset(in.source != nullptr, in.bytes.size());
    if (in.source == nullptr) {
      NormalizeInto<TextSink>(in, out);
    } else {
      NormalizeInto<ChangeSink>(in, out);
    }
  }

 private:
  template <class Sink>
  void NormalizeInto(const TextView& in, NormalizedText& out) const {
    const std::string_view text = in.bytes;
    Sink sink(in, out);
    for (size_t begin = 0; begin < text.size();) {
      size_t end = KeptEnd(text, begin);
      if (end > begin) {
        sink.Keep(text.substr(begin, end - begin));
      } else {
        end = GraphemeEnd(text, begin);
        NormalizeCluster(text.substr(begin, end - begin), sink);
      }
      begin = end;
    }
    sink.Finish();
  }

  // The end of what stays as it is, by a look at ASCII only.
  size_t KeptEnd(std::string_view text, size_t begin) const {
    size_t end = begin;
    while (end < text.size() && IsAscii(text[end]) && kept_[static_cast<size_t>(text[end])]) ++end;
    // The last one may be the beginning of a cluster.
    return end > begin && end < text.size() && !IsAscii(text[end]) ? end - 1 : end;
  }

  template <class Sink>
  void NormalizeCluster(std::string_view cluster, Sink& sink) const {
    if (cluster.size() <= kMaxClusterBytes) {
      const Charsmap::Rule rule = map_.Shortest(cluster);
      if (rule.length > 0) return sink.Replace(cluster, rule.replacement);
    }
    for (size_t begin = 0; begin < cluster.size();) {
      size_t end = begin + 1;
      while (end < cluster.size() && IsUtf8Continuation(cluster[end])) ++end;
      const std::string_view character = cluster.substr(begin, end - begin);
      const Charsmap::Rule rule = map_.Shortest(character);
      if (rule.length > 0) {
        sink.Replace(character, rule.replacement);
      } else {
        sink.Keep(character);
      }
      begin = end;
    }
  }

  const Charsmap map_;
  std::array<bool, 128> kept_;  // ASCII that no rule begins with
};

}  // namespace

std::unique_ptr<const Normalizer> MakePrecompiled(Charsmap map) {
  return std::make_unique<Precompiled>(std::move(map));
}

}  // namespace minnow
