// SPDX-License-Identifier: Apache-2.0
// Answers: the parts of a text that answer a question, as transformers' QuestionAnsweringPipeline
// (4.57) finds them.
//
// Pure functions; thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tasks/token_scores.h"

namespace minnow {

struct AnswerOptions {
  size_t top_k = 1;                        // at least 1
  size_t max_answer_len = 15;              // tokens, at least 1
  bool handle_impossible_answer = false;   // that there is none is an answer too
  bool align_to_words = true;              // answers begin and end with whole words
  std::optional<size_t> max_seq_len = {};  // tokens of a window; nullopt: 384
  std::optional<size_t> doc_stride = {};   // nullopt: 128, or half a window
};

struct Answer {
  double score = 0;
  // Half-open range of code points of the context; empty: that there is no answer.
  uint32_t start = 0;
  uint32_t end = 0;
  std::string text;
};

// Sets the windows of a request for a model that reads so many tokens.
void SetAnswerWindows(const AnswerOptions& options, size_t max_tokens, TokenScoresRequest& request);

// text: an input's, a pair of question and context; scores: [rows, 2] from text.first_row on, as
// the head gives them. Best first, at most top_k. Equal texts are one answer, whose score is the
// sum. Spans whose probability is 0 are no answers.
std::vector<Answer> FindAnswers(const ScoredText& text, std::span<const float> scores,
                                const AnswerOptions& options);

}  // namespace minnow
