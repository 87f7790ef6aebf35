// SPDX-License-Identifier: Apache-2.0
// TextInput: the texts that a subcommand works on, from its arguments or from the lines of standard
// input.
//
// One thread. Memory is bounded by the longest line, whatever the length of the input.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ingest/input/record_reader.h"
#include "text/tokenizer.h"

namespace minnow {

// "[101, 7592, 102]": token ids on a line. kInvalidArgument: it is something else.
Result<std::vector<TokenId>> ParseIds(std::string_view line);

class TextInput {
 public:
  // Reads `arguments`, or the lines of `descriptor` where there are none. A line ends at \n, the
  // last one at the end of the input too; one \r before that is dropped. `json`: each text is a
  // JSON string, so that any text can be given.
  TextInput(std::vector<std::string> arguments, bool json, int descriptor = 0);

  // The next text, valid until the next call; nullopt at the end. Fails with kInvalidArgument (not
  // a JSON string, line above the limit) or kInternal (cannot read); the message names the line or
  // argument.
  Result<std::optional<std::string_view>> Next();

  // False when Next would have to wait for whoever writes our input.
  bool ready() const;

  // Name of the text that Next gave last: "line 3", "argument 1".
  std::string Where() const;
  size_t texts() const { return texts_; }

 private:
  Result<std::optional<std::string_view>> NextLine();
  Result<std::string_view> ParseJson(std::string_view text);

  const std::vector<std::string> arguments_;
  const bool json_;
  RecordReader lines_;
  size_t texts_ = 0;
  std::string json_text_;
};

}  // namespace minnow
