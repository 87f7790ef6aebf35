// SPDX-License-Identifier: Apache-2.0
// EmbedStream: texts to what a model gives for them, in large batches, in order; memory does not
// grow with the input. And what a command that uses it tells its user.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "cli/text_input.h"
#include "tasks/text_model.h"

namespace minnow {

// One thread; `model` and `pool` outlive it.
class EmbedStream {
 public:
  // Takes the rows of the next texts, [texts, outputs] or [tokens, C], valid during the call.
  // `waiting`: no more input is there yet, so whoever writes it may wait for these. False: no more
  // are wanted.
  using Take = std::function<bool(std::span<const float> vectors, bool waiting)>;

  // May throw std::bad_alloc.
  EmbedStream(const TextModel& model, ThreadPool* pool);

  using Reader = std::function<Result<TokenizedText>(std::string_view text)>;
  // Instead of the model's tokenizer.
  void ReadTextsBy(Reader reader);
  // The same, where the model reads a text of the input as several.
  using ManyReader = std::function<Result<std::vector<TokenizedText>>(std::string_view text)>;
  void ReadManyBy(ManyReader reader) { reader_ = std::move(reader); }

  // Until the end of `input` or until `take` has enough. Fails with kInvalidArgument for a text
  // that cannot be read or tokenized, after giving what came before it; the message names it.
  Status Run(TextInput& input, TextBatch::Output output, const Take& take);
  Status Run(TextInput& input, bool normalize, const Take& take) {
    return Run(input, normalize ? TextBatch::Output::kNormalized : TextBatch::Output::kPooled,
               take);
  }

  size_t tokens() const { return tokens_; }
  size_t truncated() const { return truncated_; }  // texts that were cut
  size_t longest() const { return longest_; }      // tokens of the longest of them, uncut

 private:
  Result<bool> AddNext(TextInput& input, TextBatch::Output output, const Take& take);

  TextBatch batch_;
  ManyReader reader_;
  size_t tokens_ = 0;
  size_t truncated_ = 0;
  size_t longest_ = 0;
};

// "12000 texts, 830 texts/s" on a terminal that shows nothing else.
class TextProgress {
 public:
  TextProgress();
  ~TextProgress();
  void Show(size_t texts);

 private:
  using Clock = std::chrono::steady_clock;
  const bool shown_;
  bool printed_ = false;
  const Clock::time_point begin_ = Clock::now();
  Clock::time_point last_ = begin_;
};

// Says where texts are to be typed.
void TellIfTerminal();
// Says how many texts were cut, if any.
void TellTruncated(const EmbedStream& stream, size_t texts, size_t max_tokens);
void TellTruncated(size_t truncated, size_t longest, size_t texts, size_t max_tokens);

}  // namespace minnow
