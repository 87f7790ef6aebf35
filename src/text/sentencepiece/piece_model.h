// SPDX-License-Identifier: Apache-2.0
// PieceModel: a sentencepiece .model file, read (sentencepiece_model.proto of
// https://github.com/google/sentencepiece). Borrows the file's bytes. A value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace minnow {

enum class PieceType : uint8_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,      // never found in a text
  kUserDefined = 4,  // always found in a text, and not normalised
  kUnused = 5,       // never found
  kByte = 6,
};

struct Piece {
  std::string_view text;  // not empty, well-formed UTF-8
  float score = 0;        // finite
  PieceType type = PieceType::kNormal;
};

struct PieceModel {
  std::vector<Piece> pieces;  // by id
  size_t unknown_id = 0;
  bool byte_fallback = false;
  // Of the normaliser.
  std::string_view charsmap;  // rules (charsmap.h), may be empty
  bool add_dummy_prefix = true;
  bool remove_extra_whitespaces = true;
  bool escape_whitespaces = true;
  bool whitespace_is_suffix = false;
};

// Fails with kCorrupt, and with kUnsupported for a model that is not of type Unigram; messages name
// the piece. So that memory stays near the file's size there are limits: 2^19 pieces, of them 4096
// control pieces and 1 MiB user-defined, and 4 MiB of rules.
Result<PieceModel> ReadPieceModel(std::string_view bytes);

}  // namespace minnow
