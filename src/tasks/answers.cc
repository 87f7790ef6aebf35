// SPDX-License-Identifier: Apache-2.0
// Spans of tokens to parts of a text.
#include "tasks/answers.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "tasks/characters.h"
#include "text/unicode.h"

namespace minnow {
namespace {

constexpr size_t kWindowTokens = 384;
constexpr size_t kStride = 128;

std::string Lowercase(std::string_view text) {
  std::string lower;
  for (const char* p = text.data(); p < text.data() + text.size();) {
    char32_t out[kMaxLowercase];
    const size_t count = ToLowercase(NextCodePoint(p), out);
    for (size_t i = 0; i < count; ++i) AppendUtf8(out[i], lower);
  }
  return lower;
}

// A span of a window's tokens, both ends included.
struct Span {
  float score;
  uint32_t first;
  uint32_t last;
};

class AnswerFinder {
 public:
  AnswerFinder(const ScoredText& text, const AnswerOptions& options)
      : characters_(text.text), options_(options) {}

  // scores: [tokens of the window, 2]
  void FindIn(const Encoding& window, std::span<const float> scores) {
    if (window.special.empty()) return;
    const std::vector<bool> allowed = AllowedTokens(window);
    std::vector<float> first = Probabilities(allowed, scores, 0);
    std::vector<float> last = Probabilities(allowed, scores, 1);
    if (options_.handle_impossible_answer)
      no_answer_ = std::min(no_answer_, double{first[0] * last[0]});
    first[0] = last[0] = 0;
    for (const Span& span : BestSpans(allowed, first, last)) Add(window, span);
  }

  std::vector<Answer> Take() {
    if (options_.handle_impossible_answer) answers_.push_back({.score = no_answer_});
    std::stable_sort(answers_.begin(), answers_.end(),
                     [](const Answer& a, const Answer& b) { return a.score > b.score; });
    answers_.resize(std::min(answers_.size(), options_.top_k));
    for (Answer& answer : answers_) answer.text = characters_.Slice(answer.start, answer.end);
    return std::move(answers_);
  }

 private:
  // The context's tokens, and those that say that there is no answer.
  static std::vector<bool> AllowedTokens(const Encoding& window) {
    std::vector<bool> allowed(window.ids.size());
    std::fill(allowed.begin() + static_cast<ptrdiff_t>(window.second_begin),
              allowed.begin() + static_cast<ptrdiff_t>(window.second_end), true);
    const TokenId none = window.ids[0];
    for (size_t i = 0; window.special[0] != 0 && i < allowed.size(); ++i) {
      if (window.ids[i] == none) allowed[i] = true;
    }
    return allowed;
  }

  // The softmax over the allowed tokens, of each token's score `which`.
  static std::vector<float> Probabilities(const std::vector<bool>& allowed,
                                          std::span<const float> scores, size_t which) {
    constexpr float kMasked = -10000.0f;
    std::vector<float> out(allowed.size());
    for (size_t i = 0; i < out.size(); ++i) out[i] = allowed[i] ? scores[2 * i + which] : kMasked;
    const double most = *std::max_element(out.begin(), out.end());
    double sum = 0;
    for (const float score : out) sum += std::exp(score - most);
    for (float& score : out) score = static_cast<float>(std::exp(score - most) / sum);
    return out;
  }

  std::vector<Span> BestSpans(const std::vector<bool>& allowed, std::span<const float> first,
                              std::span<const float> last) const {
    // Several spans may become one answer.
    const size_t wanted = options_.align_to_words ? 2 * options_.top_k + 10 : options_.top_k;
    const auto better = [](const Span& a, const Span& b) { return a.score > b.score; };
    std::vector<Span> best;  // a heap, the worst on top
    for (uint32_t i = 0; i < first.size(); ++i) {
      if (!allowed[i] || first[i] == 0) continue;
      const size_t end = std::min(first.size(), i + options_.max_answer_len);
      for (uint32_t j = i; j < end; ++j) {
        const Span span = {first[i] * last[j], i, j};
        if (!allowed[j] || span.score == 0) continue;
        if (best.size() == wanted) {
          if (!better(span, best.front())) continue;
          std::pop_heap(best.begin(), best.end(), better);
          best.pop_back();
        }
        best.push_back(span);
        std::push_heap(best.begin(), best.end(), better);
      }
    }
    std::stable_sort(best.begin(), best.end(), [](const Span& a, const Span& b) {
      if (a.score != b.score) return a.score > b.score;
      return a.first != b.first ? a.first < b.first : a.last < b.last;
    });
    return best;
  }

  // Where the word of a token begins, and ends; of a special one, that of its own.
  static TokenOffset WordOf(const Encoding& window, uint32_t token) {
    size_t begin = token, end = token + 1;
    while (begin > window.second_begin && window.words[begin - 1] == window.words[token]) --begin;
    while (end < window.second_end && window.words[end] == window.words[token]) ++end;
    return {window.offsets[begin].begin, window.offsets[end - 1].end};
  }

  void Add(const Encoding& window, const Span& span) {
    const auto in_context = [&](uint32_t token) {
      return token >= window.second_begin && token < window.second_end;
    };
    TokenOffset place = {window.offsets[span.first].begin, window.offsets[span.last].end};
    if (options_.align_to_words && in_context(span.first) && in_context(span.last))
      place = {WordOf(window, span.first).begin, WordOf(window, span.last).end};
    const std::string_view text = characters_.Slice(place.begin, place.end);
    const size_t hash = std::hash<std::string>()(Lowercase(text));
    const auto [known, added] = by_text_.try_emplace(hash, answers_.size());
    if (added) {
      answers_.push_back({.score = span.score, .start = place.begin, .end = place.end});
    } else {
      answers_[known->second].score += span.score;
    }
  }

  const Characters characters_;
  const AnswerOptions& options_;
  double no_answer_ = 1000000;
  std::vector<Answer> answers_;
  // Hash of the text in lower case -> its place in answers_. Texts themselves are made at the end:
  // hundreds of spans of each window may be long.
  std::unordered_map<size_t, size_t> by_text_;
};

}  // namespace

void SetAnswerWindows(const AnswerOptions& options, size_t max_tokens,
                      TokenScoresRequest& request) {
  const size_t tokens = std::min(options.max_seq_len.value_or(kWindowTokens), max_tokens);
  request.max_window_tokens = tokens;
  request.stride = options.doc_stride.value_or(std::min(tokens / 2, kStride));
}

std::vector<Answer> FindAnswers(const ScoredText& text, std::span<const float> scores,
                                const AnswerOptions& options) {
  AnswerFinder finder(text, options);
  size_t row = text.first_row;
  for (const Encoding& window : text.windows) {
    const size_t tokens = window.ids.size();
    finder.FindIn(window, scores.subspan(2 * row, 2 * tokens));
    row += tokens;
  }
  return finder.Take();
}

}  // namespace minnow
