// SPDX-License-Identifier: Apache-2.0
// PieceLayout: the ids that a family of models gives the pieces of its .model file, and the special
// tokens around a text. Values; pure but for reading config.json and tokenizer_config.json.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/json.h"
#include "text/sentencepiece/piece_model.h"

namespace minnow {

inline constexpr const char* kXlmRobertaPieces = "sentencepiece.bpe.model";
inline constexpr const char* kT5Pieces = "spiece.model";

// A token that the file does not hold.
struct AddedPiece {
  std::string text;
  int32_t id;
  bool in_text;  // looked for in texts
  bool lstrip;
};

struct PieceLayout {
  std::vector<int32_t> ids;  // of each piece
  int32_t id_limit = 0;      // one more than the largest
  std::vector<AddedPiece> added;
  // Special tokens around a text; between the texts of a pair stands `end` and then `between`.
  std::vector<int32_t> begin;
  std::vector<int32_t> between;
  std::vector<int32_t> end;
};

// As ReadPieceFile says. kUnsupported: a family whose ids are others.
Result<PieceLayout> MakePieceLayout(const PieceModel& model, const std::string& path,
                                    const std::string& directory);

// tokenizer.json's "added_tokens": special pieces, and those that the file does not hold.
void WriteAddedTokens(const PieceModel& model, const PieceLayout& layout, JsonWriter& json);
// tokenizer.json's "post_processor".
void WritePostProcessor(const PieceLayout& layout, JsonWriter& json);

}  // namespace minnow
