// SPDX-License-Identifier: Apache-2.0
#include "tasks/generate/pieces.h"

#include <utility>

#include "tasks/generate/growing_text.h"

namespace minnow {

std::vector<GeneratedPiece> PiecesOf(const GenerateModel& model, const GenerateRequest& request,
                                     const GeneratedText& text) {
  GrowingText growing(&model, request.skip_special_tokens, request.stop, request.keep_stop);
  std::vector<GeneratedPiece> pieces;
  pieces.reserve(text.new_tokens());
  for (size_t i = 0; i < text.new_tokens(); ++i) {
    GeneratedPiece piece;
    piece.ids = {text.ids[i + 1]};
    if (i < text.logprobs.size()) piece.logprobs = {text.logprobs[i]};
    if (i < text.top_logprobs.size()) piece.top_logprobs = {text.top_logprobs[i]};
    piece.last = i + 1 == text.new_tokens();
    growing.Append(piece.ids.front());
    if (piece.last) growing.Finish();
    piece.text = growing.Take();
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

}  // namespace minnow
