// SPDX-License-Identifier: Apache-2.0
// From pieces to ids, and to the text of a tokenizer.json.
#include "text/sentencepiece/piece_files.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <utility>
#include <vector>

#include "base/base64.h"
#include "base/mapped_file.h"
#include "text/models/unigram.h"
#include "text/sentencepiece/piece_layout.h"
#include "text/sentencepiece/piece_model.h"

namespace minnow {
namespace {

constexpr const char* kPieceFiles[] = {kXlmRobertaPieces, kT5Pieces};

// Scores that this program's Unigram takes, by piece: as sentencepiece has them while it looks for
// the best way.
std::vector<double> PieceScores(const PieceModel& model) {
  float most = std::numeric_limits<float>::min();
  for (const Piece& piece : model.pieces) {
    if (piece.type == PieceType::kNormal) most = std::max(most, piece.score);
  }
  std::vector<double> scores;
  scores.reserve(model.pieces.size());
  for (const Piece& piece : model.pieces) {
    double score = std::numeric_limits<double>::quiet_NaN();  // never found
    if (piece.type == PieceType::kNormal) score = piece.score;
    if (piece.type == PieceType::kUserDefined)
      score = static_cast<double>(static_cast<float>(piece.text.size()) * most) - 0.1;
    scores.push_back(score);
  }
  return scores;
}

// Of a character that is no piece.
float UnknownScore(const PieceModel& model) {
  constexpr float kPenalty = 10;
  float least = std::numeric_limits<float>::max();
  for (const Piece& piece : model.pieces) {
    if (piece.type == PieceType::kNormal) least = std::min(least, piece.score);
  }
  return least - kPenalty;
}

void WriteFlag(JsonWriter& json, const char* name, bool value) {
  json.Key(name);
  json.Bool(value);
}

void WriteNormalizer(const PieceModel& model, JsonWriter& json) {
  json.BeginObject();
  json.Key("type");
  json.String("SentencePiece");
  json.Key("precompiled_charsmap");
  std::string charsmap;
  AppendBase64(model.charsmap, charsmap);
  json.String(charsmap);
  WriteFlag(json, "add_dummy_prefix", model.add_dummy_prefix);
  WriteFlag(json, "remove_extra_whitespaces", model.remove_extra_whitespaces);
  WriteFlag(json, "escape_whitespaces", model.escape_whitespaces);
  WriteFlag(json, "treat_whitespace_as_suffix", model.whitespace_is_suffix);
  json.Key("user_defined");
  json.BeginArray();
  for (const Piece& piece : model.pieces) {
    if (piece.type == PieceType::kUserDefined) json.String(piece.text);
  }
  json.EndArray();
  json.EndObject();
}

// Marks are spaces; one at the beginning goes.
void WriteDecoder(const PieceModel& model, JsonWriter& json) {
  const bool begins =
      model.escape_whitespaces && (model.add_dummy_prefix || model.remove_extra_whitespaces);
  std::string text = R"({"type":"Sequence","decoders":[)";
  text += R"({"type":"Replace","pattern":{"String":"▁"},"content":" "},)";
  if (model.byte_fallback) text += R"({"type":"ByteFallback"},)";
  text += R"({"type":"Fuse"},{"type":"Strip","content":" ","stop":0,"start":)";
  json.Raw(text + (begins ? "1}]}" : "0}]}"));
}

void WriteModel(const PieceModel& model, const PieceLayout& layout, JsonWriter& json) {
  json.BeginObject();
  json.Key("type");
  json.String("Unigram");
  json.Key("unk_id");
  json.Int(layout.ids[model.unknown_id]);
  WriteFlag(json, "byte_fallback", model.byte_fallback);
  WriteFlag(json, "as_sentencepiece", true);
  json.Key("unknown_score");
  json.Double(UnknownScore(model));
  json.EndObject();
}

std::string DocumentText(const PieceModel& model, const PieceLayout& layout) {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  json.Key("version");
  json.String("1.0");
  json.Key("added_tokens");
  WriteAddedTokens(model, layout, json);
  json.Key("normalizer");
  WriteNormalizer(model, json);
  json.Key("post_processor");
  WritePostProcessor(layout, json);
  json.Key("decoder");
  WriteDecoder(model, json);
  json.Key("model");
  WriteModel(model, layout, json);
  json.EndObject();
  return text;
}

Result<ModelTables> MakeTables(const PieceModel& model, const PieceLayout& layout) {
  std::vector<Vocabulary::Entry> entries;
  entries.reserve(model.pieces.size() + layout.added.size());
  for (size_t i = 0; i < model.pieces.size(); ++i)
    entries.push_back({model.pieces[i].text, layout.ids[i]});
  for (const AddedPiece& token : layout.added) entries.push_back({token.text, token.id});
  const std::vector<double> by_piece = PieceScores(model);
  std::vector<double> scores(static_cast<size_t>(layout.id_limit),
                             std::numeric_limits<double>::quiet_NaN());
  for (size_t i = 0; i < by_piece.size(); ++i)
    scores[static_cast<size_t>(layout.ids[i])] = by_piece[i];
  return MakeUnigramTables(entries, std::move(scores));
}

}  // namespace

std::string FindPieceFile(const std::string& directory) {
  std::error_code ec;
  for (const char* name : kPieceFiles) {
    const std::string path = directory + "/" + name;
    if (std::filesystem::exists(path, ec)) return path;
  }
  return "";
}

Result<TokenizerFiles> ReadPieceFile(const std::string& path, const std::string& directory) {
  MINNOW_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(path));
  const auto bytes = file.bytes();
  return ReadPieceBytes({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path,
                        directory);
}

Result<TokenizerFiles> ReadPieceBytes(std::string_view bytes, const std::string& path,
                                      const std::string& directory) {
  const auto model = ReadPieceModel(bytes);
  if (!model.ok()) return Annotate(model.error(), path);
  const auto layout = MakePieceLayout(*model, path, directory);
  if (!layout.ok()) return layout.error();
  auto tables = MakeTables(*model, *layout);
  if (!tables.ok()) return Annotate(tables.error(), path);
  MINNOW_ASSIGN_OR_RETURN(JsonDocument document,
                          JsonDocument::Parse(DocumentText(*model, *layout), path));
  return TokenizerFiles{std::move(document), *std::move(tables)};
}

}  // namespace minnow
