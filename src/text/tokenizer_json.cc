// SPDX-License-Identifier: Apache-2.0
// tokenizer.json, field by field. Ids of added tokens are given out as Hugging Face tokenizers
// gives them out.
#include "text/tokenizer_json.h"

#include <algorithm>
#include <limits>

#include "text/component_json.h"

namespace minnow {
namespace {

constexpr size_t kMaxTemplateTokens = 1024;

// The named part of the file, or nullopt where it is absent or null.
std::optional<JsonView> Part(const JsonView& root, std::string_view name) {
  const std::optional<JsonView> part = root.Find(name);
  return part && !part->is_null() ? part : std::nullopt;
}

Result<AddedToken> ReadAddedToken(const JsonView& json) {
  MINNOW_RETURN_IF_ERROR(json.Object());
  AddedToken token;
  MINNOW_ASSIGN_OR_RETURN(token.content, json.GetString("content"));
  MINNOW_ASSIGN_OR_RETURN(const int64_t id, json.GetInt("id", 0, Vocabulary::kMaxId));
  token.id = static_cast<TokenId>(id);
  MINNOW_ASSIGN_OR_RETURN(token.single_word, json.GetBool("single_word"));
  MINNOW_ASSIGN_OR_RETURN(token.lstrip, json.GetBool("lstrip"));
  MINNOW_ASSIGN_OR_RETURN(token.rstrip, json.GetBool("rstrip"));
  MINNOW_ASSIGN_OR_RETURN(token.normalized, json.GetBool("normalized"));
  MINNOW_ASSIGN_OR_RETURN(token.special, json.GetBool("special"));
  MINNOW_ASSIGN_OR_RETURN(token.in_text, json.GetBool("in_text", true));
  return token;
}

// Hugging Face tokenizers takes no notice of the file's ids: a token that the vocabulary has keeps
// its id there, others are numbered on, in order. Of two with one content the last counts.
Result<AddedTokens> ReadAddedTokens(const JsonView& json, const Vocabulary& vocabulary,
                                    const Normalizer* normalizer,
                                    std::vector<std::string>& warnings) {
  MINNOW_RETURN_IF_ERROR(json.Array());
  std::vector<AddedToken> tokens;
  StringMatcher seen;  // content -> its place in `tokens`
  size_t bytes = 0;
  auto next_id = static_cast<TokenId>(vocabulary.size());
  for (size_t i = 0; i < json.size(); ++i) {
    const JsonView item = json.at(i);
    MINNOW_ASSIGN_OR_RETURN(AddedToken token, ReadAddedToken(item));
    const std::string name =
        "added_tokens[" + std::to_string(i) + "]: " + QuoteForMessage(token.content);
    if (token.content.empty()) {
      warnings.push_back(name + ": left out");
      continue;
    }
    if (const int32_t earlier = seen.ValueOf(token.content); earlier >= 0) {
      AddedToken& other = tokens[static_cast<size_t>(earlier)];
      token.id = other.id;
      token.special |= other.special;
      other = std::move(token);
      warnings.push_back(name + ": given before, this one counts");
      continue;
    }
    bytes += token.content.size();
    if (bytes > StringMatcher::kMaxAllBytes)
      return json.Wrong(Code::kUnsupported, "more than 1 MiB of tokens");
    const std::optional<TokenId> known = vocabulary.Find(token.content);
    const TokenId id = known ? *known : next_id++;
    if (id > Vocabulary::kMaxId) return item.Wrong(Code::kCorrupt, "more tokens than ids");
    if (id != token.id) {
      warnings.push_back(name + ": has id " + std::to_string(id) + ", not " +
                         std::to_string(token.id));
    }
    token.id = id;
    seen.Add(token.content, static_cast<int32_t>(tokens.size()));
    tokens.push_back(std::move(token));
  }
  auto added = AddedTokens::Make(std::move(tokens), normalizer, warnings);
  if (!added.ok()) return json.Wrong(added.error().code, added.error().message);
  return added;
}

Result<std::vector<TokenId>> ReadIds(const JsonView& json, TokenId id_limit) {
  MINNOW_RETURN_IF_ERROR(json.Array());
  std::vector<TokenId> ids;
  for (const JsonView item : json.Items()) {
    MINNOW_ASSIGN_OR_RETURN(const int64_t id, item.Int(0, id_limit - 1));
    ids.push_back(static_cast<TokenId>(id));
  }
  return ids;
}

// One of {"Sequence": {"id": "A" or "B", "type_id": 0}} and {"SpecialToken": {"id": "[CLS]",
// "type_id": 0}}.
Result<TemplatePiece> ReadTemplatePiece(const JsonView& json, const JsonView& special_tokens,
                                        TokenId id_limit) {
  constexpr int64_t kMaxTypeId = std::numeric_limits<uint8_t>::max();
  MINNOW_RETURN_IF_ERROR(json.Object());
  TemplatePiece piece;
  const std::optional<JsonView> sequence = json.Find("Sequence");
  const std::optional<JsonView> special = json.Find("SpecialToken");
  if (json.size() != 1 || (!sequence && !special)) {
    return json.Expected("an object with Sequence or SpecialToken");
  }
  const JsonView body = sequence ? *sequence : *special;
  MINNOW_RETURN_IF_ERROR(body.Object());
  MINNOW_ASSIGN_OR_RETURN(const std::string_view id, body.GetString("id"));
  MINNOW_ASSIGN_OR_RETURN(const int64_t type_id, body.GetInt("type_id", 0, kMaxTypeId));
  piece.type_id = static_cast<uint8_t>(type_id);
  if (sequence) {
    if (id != "A" && id != "B") return body.Find("id")->Expected("\"A\" or \"B\"");
    piece.kind = id == "A" ? TemplatePiece::Kind::kFirst : TemplatePiece::Kind::kSecond;
    return piece;
  }
  const std::optional<JsonView> token = special_tokens.Find(id);
  if (!token)
    return body.Find("id")->Wrong(Code::kCorrupt,
                                  QuoteForMessage(id) + " is not in special_tokens");
  MINNOW_RETURN_IF_ERROR(token->Object());
  MINNOW_ASSIGN_OR_RETURN(const JsonView ids, token->Get("ids"));
  MINNOW_ASSIGN_OR_RETURN(piece.ids, ReadIds(ids, id_limit));
  return piece;
}

Result<std::vector<TemplatePiece>> ReadTemplate(const JsonView& json,
                                                const JsonView& special_tokens, bool pair,
                                                TokenId id_limit) {
  MINNOW_RETURN_IF_ERROR(json.Array());
  std::vector<TemplatePiece> pieces;
  size_t tokens = 0;
  int sequences[2] = {0, 0};
  for (const JsonView item : json.Items()) {
    MINNOW_ASSIGN_OR_RETURN(TemplatePiece piece, ReadTemplatePiece(item, special_tokens, id_limit));
    if (piece.kind != TemplatePiece::Kind::kSpecial)
      ++sequences[piece.kind == TemplatePiece::Kind::kSecond];
    tokens += piece.ids.size();
    if (tokens > kMaxTemplateTokens) {
      return json.Wrong(Code::kUnsupported,
                        "more than " + std::to_string(kMaxTemplateTokens) + " special tokens");
    }
    pieces.push_back(std::move(piece));
  }
  if (sequences[0] != 1 || sequences[1] != (pair ? 1 : 0)) {
    return json.Wrong(Code::kUnsupported,
                      pair ? "sequences A and B must each stand there once"
                           : "sequence A must stand there once, and B not at all");
  }
  return pieces;
}

Result<TemplateProcessing> ReadTemplateProcessing(const JsonView& json, TokenId id_limit) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView special_tokens, json.Get("special_tokens"));
  MINNOW_RETURN_IF_ERROR(special_tokens.Object());
  MINNOW_ASSIGN_OR_RETURN(const JsonView single_json, json.Get("single"));
  MINNOW_ASSIGN_OR_RETURN(auto single, ReadTemplate(single_json, special_tokens, false, id_limit));
  MINNOW_ASSIGN_OR_RETURN(const JsonView pair_json, json.Get("pair"));
  MINNOW_ASSIGN_OR_RETURN(auto pair, ReadTemplate(pair_json, special_tokens, true, id_limit));
  return TemplateProcessing(std::move(single), std::move(pair));
}

// ["[CLS]", 101]
Result<TokenId> ReadTokenPair(const JsonView& json, std::string_view name, TokenId id_limit) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView pair, json.Get(name));
  MINNOW_RETURN_IF_ERROR(pair.Array());
  if (pair.size() != 2) return pair.Expected("an array of a token and its id");
  MINNOW_RETURN_IF_ERROR(pair.at(0).String());
  MINNOW_ASSIGN_OR_RETURN(const int64_t id, pair.at(1).Int(0, id_limit - 1));
  return static_cast<TokenId>(id);
}

// BERT's: the second text has type 1. RoBERTa's: both have type 0, and two tokens stand between
// them.
Result<TemplateProcessing> ReadClsSep(const JsonView& json, TokenId id_limit, bool roberta) {
  using Kind = TemplatePiece::Kind;
  MINNOW_ASSIGN_OR_RETURN(const TokenId cls, ReadTokenPair(json, "cls", id_limit));
  MINNOW_ASSIGN_OR_RETURN(const TokenId sep, ReadTokenPair(json, "sep", id_limit));
  const std::vector<TemplatePiece> single = {
      {Kind::kSpecial, 0, {cls}}, {Kind::kFirst, 0, {}}, {Kind::kSpecial, 0, {sep}}};
  const uint8_t second = roberta ? 0 : 1;
  std::vector<TemplatePiece> pair = single;
  if (roberta) pair.push_back({Kind::kSpecial, 0, {sep}});
  pair.push_back({Kind::kSecond, second, {}});
  pair.push_back({Kind::kSpecial, second, {sep}});
  return TemplateProcessing(single, std::move(pair));
}

// Which of the post-processors `json` is, or, of a sequence, are. A template is put into
// `processor`, and trimming is added to it.
Status ReadPostProcessors(const JsonView& json, TokenId id_limit,
                          std::optional<TemplateProcessing>& processor,
                          std::vector<bool>& trimmings) {
  MINNOW_ASSIGN_OR_RETURN(const std::string_view type, ComponentType(json));
  if (type == "Sequence") {
    MINNOW_ASSIGN_OR_RETURN(const JsonView steps, json.Get("processors"));
    MINNOW_RETURN_IF_ERROR(steps.Array());
    for (const JsonView step : steps.Items()) {
      MINNOW_RETURN_IF_ERROR(ReadPostProcessors(step, id_limit, processor, trimmings));
    }
    return Status();
  }
  if (type == "ByteLevel" || type == "RobertaProcessing") {
    MINNOW_ASSIGN_OR_RETURN(const bool trim_offsets, json.GetBool("trim_offsets"));
    MINNOW_ASSIGN_OR_RETURN(const bool add_prefix_space, json.GetBool("add_prefix_space"));
    if (trim_offsets && processor) {
      return json.Wrong(Code::kUnsupported, "trim_offsets after tokens have been added");
    }
    if (trim_offsets) trimmings.push_back(add_prefix_space);
    if (type == "ByteLevel") return Status();
  }
  if (processor) return json.Wrong(Code::kUnsupported, "tokens are added twice");
  if (type == "TemplateProcessing") {
    MINNOW_ASSIGN_OR_RETURN(processor, ReadTemplateProcessing(json, id_limit));
  } else if (type == "BertProcessing") {
    MINNOW_ASSIGN_OR_RETURN(processor, ReadClsSep(json, id_limit, /*roberta=*/false));
  } else if (type == "RobertaProcessing") {
    MINNOW_ASSIGN_OR_RETURN(processor, ReadClsSep(json, id_limit, /*roberta=*/true));
  } else {
    return UnknownComponent(
        *json.Find("type"),
        "TemplateProcessing, BertProcessing, RobertaProcessing, ByteLevel, Sequence");
  }
  return Status();
}

Result<TemplateProcessing> ReadPostProcessor(const JsonView& json, TokenId id_limit) {
  std::optional<TemplateProcessing> processor;
  std::vector<bool> trimmings;
  MINNOW_RETURN_IF_ERROR(ReadPostProcessors(json, id_limit, processor, trimmings));
  if (!processor) processor.emplace();
  for (const bool add_prefix_space : trimmings) processor->AddTrimming(add_prefix_space);
  return *std::move(processor);
}

}  // namespace

Result<TokenizerParts> ReadTokenizerJson(const JsonDocument& document,
                                         std::optional<ModelTables> tables) {
  const JsonView root = document.root();
  MINNOW_RETURN_IF_ERROR(root.Object());
  MINNOW_ASSIGN_OR_RETURN(const std::string_view version, root.GetString("version", "1.0"));
  if (version != "1.0") return UnknownComponent(*root.Find("version"), "1.0");
  TokenizerParts parts;
  MINNOW_ASSIGN_OR_RETURN(const JsonView model, root.Get("model"));
  MINNOW_ASSIGN_OR_RETURN(parts.model, ReadTokenModel(model, std::move(tables)));
  if (const auto normalizer = Part(root, "normalizer")) {
    MINNOW_ASSIGN_OR_RETURN(parts.normalizer, ReadNormalizer(*normalizer));
  }
  if (const auto pre_tokenizer = Part(root, "pre_tokenizer")) {
    MINNOW_ASSIGN_OR_RETURN(parts.pre_tokenizer, ReadPreTokenizer(*pre_tokenizer));
  }
  const Vocabulary& vocabulary = parts.model->vocabulary();
  if (const auto added_tokens = Part(root, "added_tokens")) {
    MINNOW_ASSIGN_OR_RETURN(
        parts.added_tokens,
        ReadAddedTokens(*added_tokens, vocabulary, parts.normalizer.get(), parts.warnings));
  }
  parts.id_limit = std::max(vocabulary.id_limit(), parts.added_tokens.id_limit());
  if (const auto post_processor = Part(root, "post_processor")) {
    MINNOW_ASSIGN_OR_RETURN(parts.post_processor,
                            ReadPostProcessor(*post_processor, parts.id_limit));
  }
  if (const auto decoder = Part(root, "decoder")) {
    MINNOW_ASSIGN_OR_RETURN(parts.decoder, ReadDecoder(*decoder));
  }
  return parts;
}

}  // namespace minnow
