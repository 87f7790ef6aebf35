// SPDX-License-Identifier: Apache-2.0
// The decoders of BPE's two families: bytes as letters, and a suffix at the end of words.
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "text/byte_alphabet.h"
#include "text/decoders/decoder.h"

namespace minnow {
namespace {

class ByteLevelDecoder : public Decoder {
 public:
  // A letter of two bytes may become U+FFFD.
  size_t growth() const override { return 2; }

  void Decode(std::vector<std::string>& tokens) const override {
    std::string text;
    for (const std::string& token : tokens) {
      const size_t before = text.size();
      if (AppendBytes(token, text)) continue;
      text.resize(before);
      text += token;
    }
    tokens = {RepairUtf8(text)};
  }

 private:
  static bool AppendBytes(std::string_view token, std::string& out) {
    const char* const end = token.data() + token.size();
    for (const char* p = token.data(); p < end;) {
      const int byte = ByteOfLetter(NextCodePoint(p));
      if (byte < 0) return false;
      out += static_cast<char>(byte);
    }
    return true;
  }
};

class BpeDecoder : public Decoder {
 public:
  explicit BpeDecoder(std::string suffix) : suffix_(std::move(suffix)) {}

  void Decode(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) {
      const bool last = &token == &tokens.back();
      std::string text;
      size_t copied = 0;
      for (size_t at; (at = token.find(suffix_, copied)) != std::string::npos;) {
        text.append(token, copied, at - copied);
        if (!last) text += ' ';
        copied = at + suffix_.size();
      }
      text.append(token, copied);
      token = std::move(text);
    }
  }

 private:
  const std::string suffix_;
};

}  // namespace

std::unique_ptr<const Decoder> MakeByteLevelDecoder() {
  return std::make_unique<ByteLevelDecoder>();
}

std::unique_ptr<const Decoder> MakeBpeDecoder(std::string suffix) {
  return std::make_unique<BpeDecoder>(std::move(suffix));
}

}  // namespace minnow
