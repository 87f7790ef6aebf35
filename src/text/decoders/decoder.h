// SPDX-License-Identifier: Apache-2.0
// Decoder: tokens -> pieces of text, which joined are the text. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "text/metaspace_options.h"

namespace minnow {

class JsonView;
class ReplacePattern;

class Decoder {
 public:
  virtual ~Decoder() = default;
  // Replaces tokens by pieces, which may be fewer.
  virtual void Decode(std::vector<std::string>& tokens) const = 0;
  // How many times longer tokens become at most, but for a space at each.
  virtual size_t growth() const { return 1; }
};

// One decoder after the other. Without any, tokens are joined as they are.
class DecoderChain : public Decoder {
 public:
  explicit DecoderChain(std::vector<std::unique_ptr<const Decoder>> steps)
      : steps_(std::move(steps)) {}
  void Decode(std::vector<std::string>& tokens) const override {
    for (const auto& step : steps_) step->Decode(tokens);
  }
  size_t growth() const override;

 private:
  const std::vector<std::unique_ptr<const Decoder>> steps_;
};

// A token that begins with `prefix` goes on where the one before ended, others after a space.
std::unique_ptr<const Decoder> MakeWordPieceDecoder(std::string prefix, bool cleanup);
// Marks become spaces; in the first token they go, unless none was prepended.
std::unique_ptr<const Decoder> MakeMetaspaceDecoder(MetaspaceOptions options);
// What matches `pattern` becomes `content`, in each token.
std::unique_ptr<const Decoder> MakeReplaceDecoder(ReplacePattern pattern, std::string content);
// Takes `content`, one character, away at most `start` times before and `stop` times behind each
// token.
std::unique_ptr<const Decoder> MakeStripDecoder(std::string content, size_t start, size_t stop);
// All tokens become one.
std::unique_ptr<const Decoder> MakeFuseDecoder();
// A run of tokens such as <0x41> becomes the text of these bytes, or U+FFFD for each.
std::unique_ptr<const Decoder> MakeByteFallbackDecoder();

// Tokens are joined; letters are the bytes that they stand for (byte_alphabet.h), and what is no
// UTF-8 then is U+FFFD. A token with another letter is its text.
std::unique_ptr<const Decoder> MakeByteLevelDecoder();
// `suffix` ends a word: it becomes a space, and nothing in the last token.
std::unique_ptr<const Decoder> MakeBpeDecoder(std::string suffix);

// tokenizer.json's "decoder". kUnsupported: not one of the above, or one that may make a text too
// long.
Result<std::unique_ptr<const Decoder>> ReadDecoder(const JsonView& json);

}  // namespace minnow
