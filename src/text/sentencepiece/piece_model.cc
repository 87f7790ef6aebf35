// SPDX-License-Identifier: Apache-2.0
// PieceModel: the messages of a .model file, and what sentencepiece demands of them.
#include "text/sentencepiece/piece_model.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>
#include <span>
#include <utility>

#include "base/utf8.h"
#include "formats/json.h"
#include "formats/protobuf.h"

namespace minnow {
namespace {

constexpr size_t kMaxPieces = size_t{1} << 19;
constexpr size_t kMaxControlPieces = 4096;
constexpr size_t kMaxUserDefinedBytes = size_t{1} << 20;
constexpr size_t kMaxCharsmapBytes = size_t{4} << 20;

// Field numbers of sentencepiece_model.proto.
namespace field {
constexpr uint32_t kPieces = 1, kTrainerSpec = 2, kNormalizerSpec = 3;  // of ModelProto
constexpr uint32_t kPiece = 1, kScore = 2, kType = 3;                   // of SentencePiece
constexpr uint32_t kModelType = 3, kWhitespaceAsSuffix = 24, kByteFallback = 35;  // of TrainerSpec
constexpr uint32_t kCharsmap = 2, kDummyPrefix = 3, kRemoveExtra = 4, kEscape = 5;
}  // namespace field

Error Corrupt(std::string message) { return Error{Code::kCorrupt, std::move(message)}; }

Error NoMessage() { return Corrupt("no sentencepiece model: the protobuf breaks off"); }

Result<Piece> ReadPiece(std::span<const std::byte> bytes, size_t id) {
  const std::string name = "piece " + std::to_string(id);
  Piece piece;
  ProtoReader reader(bytes);
  while (const auto f = reader.Next()) {
    if (f->number == field::kPiece && f->type == ProtoType::kBytes) {
      piece.text = f->text();
    } else if (f->number == field::kScore && f->type == ProtoType::kFixed32) {
      piece.score = std::bit_cast<float>(static_cast<uint32_t>(f->value));
    } else if (f->number == field::kType && f->type == ProtoType::kVarint) {
      if (f->value < 1 || f->value > 6)
        return Corrupt(name + ": type " + std::to_string(f->value) + " is none of 1 to 6");
      piece.type = static_cast<PieceType>(f->value);
    }
  }
  if (!reader.ok()) return NoMessage();
  if (piece.text.empty() || !IsValidUtf8(piece.text))
    return Corrupt(name + ": " + (piece.text.empty() ? "is empty" : "is not UTF-8"));
  if (!std::isfinite(piece.score)) return Corrupt(name + ": its score is not finite");
  return piece;
}

Status ReadTrainerSpec(std::span<const std::byte> bytes, PieceModel& model) {
  constexpr const char* kTypes[] = {"", "UNIGRAM", "BPE", "WORD", "CHAR"};
  constexpr uint64_t kUnigram = 1;
  ProtoReader reader(bytes);
  while (const auto f = reader.Next()) {
    if (f->type != ProtoType::kVarint) continue;
    if (f->number == field::kModelType && f->value != kUnigram) {
      const std::string type =
          f->value < std::size(kTypes) ? kTypes[f->value] : std::to_string(f->value);
      return Error{Code::kUnsupported,
                   "model_type " + type + ": not one of those supported: " + kTypes[kUnigram]};
    }
    if (f->number == field::kWhitespaceAsSuffix) model.whitespace_is_suffix = f->value != 0;
    if (f->number == field::kByteFallback) model.byte_fallback = f->value != 0;
  }
  return !reader.ok() ? Status(NoMessage()) : Status();
}

Status ReadNormalizerSpec(std::span<const std::byte> bytes, PieceModel& model) {
  ProtoReader reader(bytes);
  while (const auto f = reader.Next()) {
    if (f->number == field::kCharsmap && f->type == ProtoType::kBytes) {
      model.charsmap = f->text();
      if (f->bytes.size() > kMaxCharsmapBytes)
        return Error{Code::kUnsupported, "precompiled_charsmap of more than 4 MiB"};
    }
    if (f->type != ProtoType::kVarint) continue;
    if (f->number == field::kDummyPrefix) model.add_dummy_prefix = f->value != 0;
    if (f->number == field::kRemoveExtra) model.remove_extra_whitespaces = f->value != 0;
    if (f->number == field::kEscape) model.escape_whitespaces = f->value != 0;
  }
  return !reader.ok() ? Status(NoMessage()) : Status();
}

// False where the bytes are no message, or hold too many pieces.
bool CountPieces(std::span<const std::byte> bytes, size_t& count) {
  ProtoReader reader(bytes);
  while (const auto f = reader.Next())
    count += f->number == field::kPieces && f->type == ProtoType::kBytes ? 1 : 0;
  return reader.ok();
}

Status CheckPieces(PieceModel& model) {
  std::optional<size_t> unknown;
  size_t user_defined = 0;  // bytes
  size_t control = 0;
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    const Piece& piece = model.pieces[id];
    if (piece.type == PieceType::kUserDefined) user_defined += piece.text.size();
    if (user_defined > kMaxUserDefinedBytes)
      return Error{Code::kUnsupported, "more than 1 MiB of user-defined pieces"};
    if (piece.type == PieceType::kControl && ++control > kMaxControlPieces)
      return Error{Code::kUnsupported, "more than 4096 control pieces"};
    if (piece.type == PieceType::kByte && !model.byte_fallback)
      return Corrupt("piece " + std::to_string(id) + ": a byte, and byte_fallback is false");
    if (piece.type != PieceType::kUnknown) continue;
    if (unknown)
      return Corrupt("pieces " + std::to_string(*unknown) + " and " + std::to_string(id) +
                     " are both the unknown one");
    unknown = id;
  }
  if (!unknown) return Corrupt("no piece is the unknown one");
  model.unknown_id = *unknown;
  return {};
}

}  // namespace

Result<PieceModel> ReadPieceModel(std::string_view file) {
  const std::span bytes = std::as_bytes(std::span(file));
  size_t count = 0;
  if (!CountPieces(bytes, count)) return NoMessage();
  if (count > kMaxPieces)
    return Error{Code::kUnsupported, "more than " + std::to_string(kMaxPieces) + " pieces"};
  PieceModel model;
  model.pieces.reserve(count);
  ProtoReader reader(bytes);
  while (const auto f = reader.Next()) {
    if (f->type != ProtoType::kBytes) continue;
    if (f->number == field::kPieces) {
      MINNOW_ASSIGN_OR_RETURN(const Piece piece, ReadPiece(f->bytes, model.pieces.size()));
      model.pieces.push_back(piece);
    } else if (f->number == field::kTrainerSpec) {
      MINNOW_RETURN_IF_ERROR(ReadTrainerSpec(f->bytes, model));
    } else if (f->number == field::kNormalizerSpec) {
      MINNOW_RETURN_IF_ERROR(ReadNormalizerSpec(f->bytes, model));
    }
  }
  MINNOW_RETURN_IF_ERROR(CheckPieces(model));
  return model;
}

}  // namespace minnow
