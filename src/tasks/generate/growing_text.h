// SPDX-License-Identifier: Apache-2.0
// GrowingText: the text of ids that come one after the other.
//
// A token's text depends on those before it: what is decoded anew with each one is a short window
// of ids. Text that later ids may still change waits: bytes of an unfinished character, and what
// may become a stop string.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "tasks/generate/model.h"

namespace minnow {

class GrowingText {
 public:
  // `model` has a tokenizer; it and `stop`, of strings that are not empty, outlive this.
  GrowingText(const GenerateModel* model, bool skip_special_tokens,
              std::span<const std::string> stop, bool keep_stop);

  void Append(TokenId id);
  // There are no more ids.
  void Finish();
  // A stop string stands in the text, which ends there; ids that come are not looked at.
  bool stopped() const { return stopped_; }
  // What is certain and was not taken yet. After Finish, or where it stopped: all the rest.
  std::string Take();
  // The whole. REQUIRES: finished or stopped.
  const std::string& text() const { return text_; }

 private:
  // Whether the text of the ids so far may change with the next one.
  bool EndsWithinCharacter(const std::string& window) const;
  void Decode(bool last);
  void CutAtStop(size_t old_size);
  // Bytes at the end that may be the beginning of a stop string.
  size_t HeldBack() const;

  const GenerateModel& model_;
  const bool skip_special_tokens_;
  const std::span<const std::string> stop_;
  const bool keep_stop_;
  std::vector<TokenId> ids_;  // but those that have no text in any case
  size_t window_begin_ = 0;   // of ids_: what is decoded anew, of which
  size_t window_known_ = 0;   // what is before here is in text_ already
  std::string text_;
  size_t taken_ = 0;
  bool stopped_ = false;
  bool finished_ = false;
};

}  // namespace minnow
