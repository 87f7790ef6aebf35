// SPDX-License-Identifier: Apache-2.0
// Decoder: tokens -> pieces of text, which joined are the text. Thread-safe.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace minnow {

class JsonView;

class Decoder {
 public:
  virtual ~Decoder() = default;
  // Replaces tokens by pieces, which may be fewer.
  virtual void Decode(std::vector<std::string>& tokens) const = 0;
};

// One decoder after the other. Without any, tokens are joined as they are.
class DecoderChain : public Decoder {
 public:
  explicit DecoderChain(std::vector<std::unique_ptr<const Decoder>> steps)
      : steps_(std::move(steps)) {}
  void Decode(std::vector<std::string>& tokens) const override {
    for (const auto& step : steps_) step->Decode(tokens);
  }

 private:
  const std::vector<std::unique_ptr<const Decoder>> steps_;
};

// A token that begins with `prefix` goes on where the one before ended, others after a space.
std::unique_ptr<const Decoder> MakeWordPieceDecoder(std::string prefix, bool cleanup);

// tokenizer.json's "decoder". kUnsupported: not one of the above.
Result<std::unique_ptr<const Decoder>> ReadDecoder(const JsonView& json);

}  // namespace minnow
