// SPDX-License-Identifier: Apache-2.0
// Pre-tokenizers one after the other, whether they rewrite or not.
#include <algorithm>
#include <utility>

#include "text/component_json.h"
#include "text/pre_tokenizers/pre_tokenizer.h"

namespace minnow {
namespace {

class Sequence : public PreTokenizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<const PreTokenizer>> steps)
      : steps_(std::move(steps)) {
    for (const auto& step : steps_) rewriters_ += step->rewrites() ? 1 : 0;
  }

  bool rewrites() const override { return rewriters_ > 0; }
  size_t growth() const override {
    size_t growth = 1;
    for (const auto& step : steps_) growth = GrowthOfBoth(growth, step->growth());
    return growth;
  }
  bool needs_sources() const override {
    return std::any_of(steps_.begin(), steps_.end(),
                       [](const auto& step) { return step->needs_sources(); });
  }

  void Split(const TextView& in, NormalizedText& rewritten,
             std::vector<TextSpan>& words) const override {
    TextView text = in;
    std::vector<TextSpan> current;
    if (!in.bytes.empty()) current.push_back({0, in.bytes.size()});
    NormalizedText between[2];  // what a step that is not the last of those reads and writes
    size_t left = rewriters_;
    std::vector<TextSpan> next;
    for (const auto& step : steps_) {
      next.clear();
      if (step->rewrites()) {
        NormalizedText& out = --left == 0 ? rewritten : between[left % 2];
        if (left > 0) out.Reset(rewritten.track_sources(), text.bytes.size());
        for (const TextSpan& word : current)
          step->Split(text.Slice(word.begin, word.end), out, next);
        text = out.view();
      } else {
        for (const TextSpan& word : current) {
          const size_t before = next.size();
          step->Split(text.Slice(word.begin, word.end), rewritten, next);
          for (size_t i = before; i < next.size(); ++i) {
            next[i].begin += word.begin;
            next[i].end += word.begin;
          }
        }
      }
      std::swap(current, next);
    }
    words.insert(words.end(), current.begin(), current.end());
  }

 private:
  const std::vector<std::unique_ptr<const PreTokenizer>> steps_;
  size_t rewriters_ = 0;
};

}  // namespace

std::unique_ptr<const PreTokenizer> MakePreTokenizerSequence(
    std::vector<std::unique_ptr<const PreTokenizer>> steps) {
  return std::make_unique<Sequence>(std::move(steps));
}

}  // namespace minnow
