// SPDX-License-Identifier: Apache-2.0
#include "tasks/generate/growing_text.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "base/check.h"

namespace minnow {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

// "<0xE2>": a token that stands for a byte. What a run of them says is known at its end alone.
bool IsByte(std::optional<std::string_view> token) {
  return token && token->size() == 6 && token->starts_with("<0x") && token->ends_with('>');
}

}  // namespace

GrowingText::GrowingText(const GenerateModel* model, bool skip_special_tokens,
                         std::span<const std::string> stop, bool keep_stop)
    : model_(*model),
      skip_special_tokens_(skip_special_tokens),
      stop_(stop),
      keep_stop_(keep_stop) {
  CHECK(model->has_tokenizer());
}

void GrowingText::Append(TokenId id) {
  if (stopped_ || model_.IsSpecial(id)) return;
  ids_.push_back(id);
  Decode(/*last=*/false);
}

void GrowingText::Finish() {
  if (!stopped_) Decode(/*last=*/true);
  finished_ = true;
}

bool GrowingText::EndsWithinCharacter(const std::string& window) const {
  return window.ends_with(kReplacement) || IsByte(model_.tokenizer().IdToToken(ids_.back()));
}

void GrowingText::Decode(bool last) {
  if (window_known_ == ids_.size()) return;
  const std::span<const TokenId> window = std::span(ids_).subspan(window_begin_);
  const std::span<const TokenId> known = window.first(window_known_ - window_begin_);
  const std::string text = model_.tokenizer().Decode(window, skip_special_tokens_);
  if (!last && EndsWithinCharacter(text)) return;
  const std::string before = model_.tokenizer().Decode(known, skip_special_tokens_);
  // What is known must have a text: the first token with one may lose a space.
  if (text.size() <= before.size()) return;
  const size_t old_size = text_.size();
  text_.append(text, before.size());
  window_begin_ = window_known_;
  window_known_ = ids_.size();
  CutAtStop(old_size);
}

void GrowingText::CutAtStop(size_t old_size) {
  size_t first = std::string::npos, end = 0;
  for (const std::string& stop : stop_) {
    // It may have begun in what was there before, but did not end there.
    const size_t from = old_size - std::min(old_size, stop.size() - 1);
    const size_t at = text_.find(stop, from);
    if (at >= first) continue;
    first = at;
    end = keep_stop_ ? at + stop.size() : at;
  }
  if (first == std::string::npos) return;
  text_.resize(end);
  stopped_ = true;
}

size_t GrowingText::HeldBack() const {
  if (stopped_ || finished_) return 0;
  size_t held = 0;
  for (const std::string& stop : stop_) {
    size_t size = std::min(stop.size() - 1, text_.size());
    while (size > held && !text_.ends_with(std::string_view(stop).substr(0, size))) --size;
    held = std::max(held, size);
  }
  return held;
}

std::string GrowingText::Take() {
  const size_t end = text_.size() - HeldBack();
  CHECK(end >= taken_);
  std::string growth = text_.substr(taken_, end - taken_);
  taken_ = end;
  return growth;
}

}  // namespace minnow
