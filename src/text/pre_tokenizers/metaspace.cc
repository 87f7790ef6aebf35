// SPDX-License-Identifier: Apache-2.0
// Metaspace: a mark for each space, and one before the text; each mark begins a word.
#include <algorithm>
#include <utility>

#include "text/pre_tokenizers/pre_tokenizer.h"

namespace minnow {
namespace {

class Metaspace : public PreTokenizer {
 public:
  explicit Metaspace(MetaspaceOptions options) : options_(std::move(options)) {}

  bool rewrites() const override { return true; }
  // A mark for each byte, and one before a text of one.
  size_t growth() const override { return 2 * options_.mark.size(); }
  bool needs_sources() const override { return options_.prepend == PrependScheme::kFirst; }

  void Split(const TextView& in, NormalizedText& rewritten,
             std::vector<TextSpan>& words) const override {
    if (in.bytes.empty()) return;
    const size_t begin = rewritten.bytes.size();
    const bool marked = in.bytes.starts_with(' ') || in.bytes.starts_with(options_.mark);
    if (!marked && Prepends(in)) AppendMark(in, 0, rewritten);
    for (size_t i = 0; i < in.bytes.size();) {
      const size_t space = std::min(in.bytes.find(' ', i), in.bytes.size());
      rewritten.bytes.append(in.bytes, i, space - i);
      if (rewritten.track_sources())
        rewritten.sources.insert(rewritten.sources.end(), in.source + i, in.source + space);
      if (space < in.bytes.size()) AppendMark(in, space, rewritten);
      i = space + 1;
    }
    AppendWords(rewritten.bytes, begin, words);
  }

 private:
  bool Prepends(const TextView& in) const {
    switch (options_.prepend) {
      case PrependScheme::kAlways:
        return true;
      case PrependScheme::kFirst:
        return in.source != nullptr && in.source[0] == 0;
      case PrependScheme::kNever:
        break;
    }
    return false;
  }

  void AppendMark(const TextView& in, size_t at, NormalizedText& out) const {
    out.bytes += options_.mark;
    if (out.track_sources()) out.sources.resize(out.bytes.size(), in.source[at]);
  }

  void AppendWords(std::string_view text, size_t begin, std::vector<TextSpan>& words) const {
    while (begin < text.size()) {
      size_t end = text.size();
      if (options_.split) end = std::min(text.find(options_.mark, begin + 1), end);
      words.push_back({begin, end});
      begin = end;
    }
  }

  const MetaspaceOptions options_;
};

}  // namespace

std::unique_ptr<const PreTokenizer> MakeMetaspace(MetaspaceOptions options) {
  return std::make_unique<Metaspace>(std::move(options));
}

}  // namespace minnow
