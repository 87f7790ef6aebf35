// SPDX-License-Identifier: Apache-2.0
// PieceLayout of XLM-R, of T5, and of sentencepiece itself.
#include "text/sentencepiece/piece_layout.h"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <utility>

namespace minnow {
namespace {

// What config.json and tokenizer_config.json say about a model's family, where they are there.
struct FamilyConfig {
  std::string model_type;
  std::string tokenizer_class;
  int64_t extra_ids = 100;  // T5's
};

Result<FamilyConfig> ReadFamily(const std::string& directory) {
  constexpr int64_t kMaxExtraIds = 10000;
  FamilyConfig family;
  if (directory.empty()) return family;
  std::error_code ec;
  JsonLimits limits;
  limits.max_bytes = size_t{16} << 20;
  for (const char* name : {"config.json", "tokenizer_config.json"}) {
    const std::string path = directory + "/" + name;
    if (!std::filesystem::exists(path, ec)) continue;
    MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::ReadFile(path, limits));
    const JsonView root = document.root();
    MINNOW_RETURN_IF_ERROR(root.Object());
    MINNOW_ASSIGN_OR_RETURN(family.model_type, root.GetString("model_type", family.model_type));
    MINNOW_ASSIGN_OR_RETURN(family.tokenizer_class,
                            root.GetString("tokenizer_class", family.tokenizer_class));
    MINNOW_ASSIGN_OR_RETURN(family.extra_ids,
                            root.GetInt("extra_ids", 0, kMaxExtraIds, family.extra_ids));
  }
  return family;
}

// Whether `name` may be one of those `known`; one that is not given is.
bool IsOneOf(std::string_view name, std::initializer_list<std::string_view> known) {
  return name.empty() || std::find(known.begin(), known.end(), name) != known.end();
}

std::string_view WithoutFast(std::string_view tokenizer_class) {
  if (tokenizer_class.ends_with("Fast")) tokenizer_class.remove_suffix(4);
  return tokenizer_class;
}

bool Holds(const PieceModel& model, std::string_view text) {
  return std::any_of(model.pieces.begin(), model.pieces.end(),
                     [text](const Piece& piece) { return piece.text == text; });
}

// Ids as sentencepiece has them.
PieceLayout PlainLayout(const PieceModel& model) {
  PieceLayout layout;
  layout.ids.resize(model.pieces.size());
  for (size_t i = 0; i < layout.ids.size(); ++i) layout.ids[i] = static_cast<int32_t>(i);
  layout.id_limit = static_cast<int32_t>(model.pieces.size());
  return layout;
}

// fairseq's: <s> <pad> </s> <unk>, then the pieces from the fourth on, then <mask>.
Result<PieceLayout> XlmRobertaLayout(const PieceModel& model, bool with_added) {
  constexpr const char* kFirst[] = {"<unk>", "<s>", "</s>"};
  constexpr int32_t kIds[] = {3, 0, 2};
  constexpr int32_t kPad = 1;
  PieceLayout layout = PlainLayout(model);
  for (size_t i = 0; i < layout.ids.size(); ++i) {
    if (i >= std::size(kFirst)) {
      ++layout.ids[i];
    } else if (model.pieces[i].text == kFirst[i]) {
      layout.ids[i] = kIds[i];
    } else {
      layout.ids.clear();
    }
  }
  if (layout.ids.size() < std::size(kFirst))
    return Error{Code::kUnsupported, "does not begin with <unk>, <s> and </s>, as XLM-R's does"};
  ++layout.id_limit;
  layout.added.push_back({"<pad>", kPad, false, false});
  if (with_added) layout.added.push_back({"<mask>", layout.id_limit++, true, true});
  layout.begin = {kIds[1]};
  layout.between = {kIds[2]};
  layout.end = {kIds[2]};
  return layout;
}

// The pieces, then <extra_id_99> to <extra_id_0>.
Result<PieceLayout> T5Layout(const PieceModel& model, int64_t extra_ids) {
  PieceLayout layout = PlainLayout(model);
  const auto end = std::find_if(model.pieces.begin(), model.pieces.end(),
                                [](const Piece& piece) { return piece.text == "</s>"; });
  if (end == model.pieces.end()) return Error{Code::kUnsupported, "has no </s>, as T5's has"};
  layout.end = {static_cast<int32_t>(end - model.pieces.begin())};
  if (Holds(model, "<extra_id_0>")) return layout;
  for (int64_t i = extra_ids; i-- > 0;) {
    layout.added.push_back(
        {"<extra_id_" + std::to_string(i) + ">", layout.id_limit++, true, false});
  }
  return layout;
}

void WriteAddedToken(const AddedPiece& token, JsonWriter& json) {
  json.BeginObject();
  json.Key("id");
  json.Int(token.id);
  json.Key("content");
  json.String(token.text);
  const std::pair<const char*, bool> flags[] = {{"single_word", false}, {"lstrip", token.lstrip},
                                                {"rstrip", false},      {"normalized", false},
                                                {"special", true},      {"in_text", token.in_text}};
  for (const auto& [name, value] : flags) {
    json.Key(name);
    json.Bool(value);
  }
  json.EndObject();
}

void WriteSpecialTokens(const std::vector<int32_t>& ids, JsonWriter& json) {
  for (const int32_t id : ids)
    json.Raw(R"({"SpecialToken":{"id":")" + std::to_string(id) + R"(","type_id":0}})");
}

void WriteSequence(const char* id, JsonWriter& json) {
  json.Raw(std::string(R"({"Sequence":{"id":")") + id + R"(","type_id":0}})");
}

}  // namespace

Result<PieceLayout> MakePieceLayout(const PieceModel& model, const std::string& path,
                                    const std::string& directory) {
  MINNOW_ASSIGN_OR_RETURN(const FamilyConfig family, ReadFamily(directory));
  const std::string file = std::filesystem::path(path).filename().string();
  const std::string_view tokenizer = WithoutFast(family.tokenizer_class);
  const bool xlm_roberta = file == kXlmRobertaPieces;
  if (!xlm_roberta && file != kT5Pieces) return PlainLayout(model);
  const bool known = xlm_roberta
                         ? IsOneOf(tokenizer, {"XLMRobertaTokenizer"}) &&
                               IsOneOf(family.model_type, {"xlm-roberta", "xlm-roberta-xl", "bert"})
                         : IsOneOf(tokenizer, {"T5Tokenizer", "MT5Tokenizer"}) &&
                               IsOneOf(family.model_type, {"t5", "mt5", "umt5", "longt5"});
  if (!known) {
    return Error{Code::kUnsupported, path + ": ids of a " + family.tokenizer_class + " of a " +
                                         family.model_type + " model: tokenizer.json is needed"};
  }
  auto layout = xlm_roberta ? XlmRobertaLayout(model, !directory.empty())
                            : T5Layout(model, directory.empty() ? 0 : family.extra_ids);
  if (!layout.ok()) return Annotate(layout.error(), path);
  return layout;
}

void WriteAddedTokens(const PieceModel& model, const PieceLayout& layout, JsonWriter& json) {
  json.BeginArray();
  for (size_t i = 0; i < model.pieces.size(); ++i) {
    const Piece& piece = model.pieces[i];
    if (piece.type != PieceType::kControl && piece.type != PieceType::kUnknown) continue;
    WriteAddedToken({std::string(piece.text), layout.ids[i], false, false}, json);
  }
  for (const AddedPiece& token : layout.added) WriteAddedToken(token, json);
  json.EndArray();
}

void WritePostProcessor(const PieceLayout& layout, JsonWriter& json) {
  json.BeginObject();
  json.Key("type");
  json.String("TemplateProcessing");
  json.Key("single");
  json.BeginArray();
  WriteSpecialTokens(layout.begin, json);
  WriteSequence("A", json);
  WriteSpecialTokens(layout.end, json);
  json.EndArray();
  json.Key("pair");
  json.BeginArray();
  WriteSpecialTokens(layout.begin, json);
  WriteSequence("A", json);
  WriteSpecialTokens(layout.end, json);
  WriteSpecialTokens(layout.between, json);
  WriteSequence("B", json);
  WriteSpecialTokens(layout.end, json);
  json.EndArray();
  json.Key("special_tokens");
  json.BeginObject();
  for (const auto& ids : {layout.begin, layout.end}) {
    for (const int32_t id : ids) {
      const std::string text = std::to_string(id);
      json.Key(text);
      json.Raw(R"({"id":")" + text + R"(","ids":[)" + text + R"(],"tokens":[]})");
    }
  }
  json.EndObject();
  json.EndObject();
}

}  // namespace minnow
