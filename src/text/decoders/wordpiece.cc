// SPDX-License-Identifier: Apache-2.0
// WordPiece's decoder, and its clean-up of English.
#include <array>
#include <string_view>
#include <utility>

#include "text/decoders/decoder.h"

namespace minnow {
namespace {

void ReplaceAll(std::string& text, std::string_view from, std::string_view to) {
  size_t at = text.find(from);
  if (at == std::string::npos) return;
  std::string out;
  size_t copied = 0;
  for (; at != std::string::npos; at = text.find(from, copied)) {
    out.append(text, copied, at - copied);
    out += to;
    copied = at + from.size();
  }
  out.append(text, copied);
  text = std::move(out);
}

class WordPieceDecoder : public Decoder {
 public:
  WordPieceDecoder(std::string prefix, bool cleanup)
      : prefix_(std::move(prefix)), cleanup_(cleanup) {}

  void Decode(std::vector<std::string>& tokens) const override {
    for (size_t i = 0; i < tokens.size(); ++i) {
      std::string& text = tokens[i];
      if (i > 0 && text.starts_with(prefix_)) {
        text.erase(0, prefix_.size());
      } else if (i > 0) {
        text.insert(text.begin(), ' ');
      }
      if (cleanup_) CleanUp(text);
    }
  }

 private:
  // On each token by itself, as Hugging Face's decoder does.
  static void CleanUp(std::string& text) {
    static constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kReplacements = {
        {
            {" .", "."},
            {" ?", "?"},
            {" !", "!"},
            {" ,", ","},
            {" ' ", "'"},
            {" n't", "n't"},
            {" 'm", "'m"},
            {" do not", " don't"},
            {" 's", "'s"},
            {" 've", "'ve"},
            {" 're", "'re"},
        }};
    for (const auto& [from, to] : kReplacements) ReplaceAll(text, from, to);
  }

  const std::string prefix_;
  const bool cleanup_;
};

}  // namespace

std::unique_ptr<const Decoder> MakeWordPieceDecoder(std::string prefix, bool cleanup) {
  return std::make_unique<WordPieceDecoder>(std::move(prefix), cleanup);
}

}  // namespace minnow
