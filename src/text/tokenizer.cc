// SPDX-License-Identifier: Apache-2.0
// The tokenizer as a pipeline: added tokens, normalizer, pre-tokenizer, model, post-processor; and
// back.
#include "text/tokenizer.h"

#include <utility>

#include "base/utf8.h"
#include "formats/packed.h"
#include "text/packed_tokenizer.h"
#include "text/tokenizer_files.h"
#include "text/tokenizer_json.h"

namespace minnow {
namespace {

class PipelineTokenizer : public Tokenizer {
 public:
  explicit PipelineTokenizer(TokenizerParts parts) : parts_(std::move(parts)) {}

  Encoding Encode(std::string_view text, const EncodeOptions& options) const override;
  Encoding EncodePair(std::string_view first, std::string_view second,
                      const EncodeOptions& options) const override;
  std::vector<Encoding> EncodeWindows(std::string_view first, const std::string_view* second,
                                      const EncodeOptions& options,
                                      const WindowOptions& windows) const override;
  std::string Decode(std::span<const TokenId> ids, bool skip_special_tokens) const override;
  std::string Join(std::vector<std::string> tokens) const override;
  std::optional<std::string_view> IdToToken(TokenId id) const override;
  std::optional<TokenId> TokenToId(std::string_view token) const override;
  std::optional<TokenId> unknown_id() const override;
  bool has_subword_prefix() const override { return !parts_.model->continuing_prefix().empty(); }
  size_t vocab_size() const override { return static_cast<size_t>(parts_.id_limit); }
  const char* type() const override { return parts_.model->type(); }
  const std::vector<std::string>& warnings() const override { return parts_.warnings; }

 private:
  // The tokens of one text, as they are made.
  struct Output {
    TokenSequence sequence;
    bool want_offsets = false;
    bool want_spaces = false;
    bool track_sources = false;
    NormalizedText normalized;
    NormalizedText rewritten;  // by the pre-tokenizer
    std::vector<AddedTokens::Piece> pieces;
    std::vector<TextSpan> words;
    std::vector<TextSpan> spans;
    uint32_t next_word = 0;
    // The last added token's match, where it is all spaces: the next may be the rest of it.
    std::string_view space_run;
    TokenSpaces run_spaces;
  };

  TokenSequence EncodeText(std::string_view text, bool want_offsets) const;
  void EncodeRawPiece(const TextView& piece, Output& out) const;
  void EncodeNormalizedPiece(const TextView& piece, Output& out) const;
  void AppendAddedToken(const AddedToken& token, const TextView& match, Output& out) const;
  static TokenSpaces SpacesOfMatch(std::string_view match, Output& out);

  const TokenizerParts parts_;
};

// The index of the code point that each byte belongs to.
std::vector<uint32_t> CodePointIndices(std::string_view text) {
  std::vector<uint32_t> indices(text.size());
  uint32_t next = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!IsUtf8Continuation(text[i])) ++next;
    indices[i] = next - 1;
  }
  return indices;
}

// REQUIRES: not empty, with sources
TokenOffset OffsetOf(const TextView& text, size_t begin, size_t end) {
  return {text.source[begin], text.source[end - 1] + 1};
}

Encoding PipelineTokenizer::Encode(std::string_view text, const EncodeOptions& options) const {
  return parts_.post_processor.Apply(EncodeText(text, options.want_offsets), nullptr, options);
}

Encoding PipelineTokenizer::EncodePair(std::string_view first, std::string_view second,
                                       const EncodeOptions& options) const {
  const TokenSequence b = EncodeText(second, options.want_offsets);
  return parts_.post_processor.Apply(EncodeText(first, options.want_offsets), &b, options);
}

std::vector<Encoding> PipelineTokenizer::EncodeWindows(std::string_view first,
                                                       const std::string_view* second,
                                                       const EncodeOptions& options,
                                                       const WindowOptions& windows) const {
  const TokenSequence a = EncodeText(first, options.want_offsets);
  if (second == nullptr) return parts_.post_processor.ApplyWindows(a, nullptr, options, windows);
  const TokenSequence b = EncodeText(*second, options.want_offsets);
  return parts_.post_processor.ApplyWindows(a, &b, options, windows);
}

TokenSequence PipelineTokenizer::EncodeText(std::string_view text, bool want_offsets) const {
  std::string repaired;
  if (!IsValidUtf8(text)) {
    repaired = RepairUtf8(text);
    text = repaired;
  }
  Output out;
  out.want_offsets = want_offsets;
  out.want_spaces = want_offsets && parts_.post_processor.trims_offsets();
  out.track_sources =
      want_offsets || (parts_.pre_tokenizer != nullptr && parts_.pre_tokenizer->needs_sources());
  out.sequence.ids.reserve(text.size() / 4 + 4);
  std::vector<uint32_t> indices;
  if (out.track_sources) indices = CodePointIndices(text);
  const TextView view{text, out.track_sources ? indices.data() : nullptr};

  std::vector<AddedTokens::Piece> pieces;
  parts_.added_tokens.Split(text, AddedTokens::Stage::kRaw, pieces);
  for (const AddedTokens::Piece& piece : pieces) {
    const TextView slice = view.Slice(piece.begin, piece.end);
    if (piece.token != nullptr) {
      AppendAddedToken(*piece.token, slice, out);
    } else {
      EncodeRawPiece(slice, out);
    }
  }
  return std::move(out.sequence);
}

void PipelineTokenizer::EncodeRawPiece(const TextView& piece, Output& out) const {
  TextView text = piece;
  out.space_run = {};
  if (parts_.normalizer != nullptr) {
    parts_.normalizer->Normalize(piece, out.normalized);
    text = out.normalized.view();
  }
  if (parts_.added_tokens.empty(AddedTokens::Stage::kNormalized))
    return EncodeNormalizedPiece(text, out);
  parts_.added_tokens.Split(text.bytes, AddedTokens::Stage::kNormalized, out.pieces);
  for (const AddedTokens::Piece& part : out.pieces) {
    const TextView slice = text.Slice(part.begin, part.end);
    if (part.token != nullptr) {
      AppendAddedToken(*part.token, slice, out);
    } else {
      EncodeNormalizedPiece(slice, out);
    }
  }
}

void PipelineTokenizer::EncodeNormalizedPiece(const TextView& piece, Output& out) const {
  out.words.clear();
  TextView text = piece;
  if (const PreTokenizer* pre_tokenizer = parts_.pre_tokenizer.get()) {
    if (pre_tokenizer->rewrites()) out.rewritten.Reset(out.track_sources, piece.bytes.size());
    pre_tokenizer->Split(piece, out.rewritten, out.words);
    if (pre_tokenizer->rewrites()) text = out.rewritten.view();
  } else if (!piece.bytes.empty()) {
    out.words.push_back({0, piece.bytes.size()});
  }
  for (const TextSpan& word : out.words) {
    out.spans.clear();
    parts_.model->Tokenize(text.bytes.substr(word.begin, word.end - word.begin), out.sequence.ids,
                           out.want_offsets ? &out.spans : nullptr);
    for (const TextSpan& span : out.spans) {
      out.sequence.offsets.push_back(
          OffsetOf(text, word.begin + span.begin, word.begin + span.end));
    }
    if (out.want_offsets) out.sequence.words.resize(out.sequence.ids.size(), out.next_word++);
    if (!out.want_spaces) continue;
    for (size_t i = out.sequence.spaces.size(); i < out.sequence.ids.size(); ++i) {
      const auto token = parts_.model->vocabulary().Token(out.sequence.ids[i]);
      out.sequence.spaces.push_back(CountSpaces(token.value_or("")));
    }
  }
}

void PipelineTokenizer::AppendAddedToken(const AddedToken& token, const TextView& match,
                                         Output& out) const {
  out.sequence.ids.push_back(token.id);
  if (out.want_offsets) {
    out.sequence.offsets.push_back(OffsetOf(match, 0, match.bytes.size()));
    out.sequence.words.push_back(out.next_word++);
  }
  if (out.want_spaces) out.sequence.spaces.push_back(SpacesOfMatch(match.bytes, out));
}

TokenSpaces PipelineTokenizer::SpacesOfMatch(std::string_view match, Output& out) {
  const std::string_view run = out.space_run;
  if (match.data() > run.data() && match.data() + match.size() == run.data() + run.size()) {
    const size_t before = CountCodePoints(run.substr(0, run.size() - match.size()));
    out.run_spaces.leading -= before;
    out.run_spaces.trailing -= before;
    out.space_run = match;
    return out.run_spaces;
  }
  out.run_spaces = CountSpaces(match);
  const bool all = out.run_spaces.leading == CountCodePoints(match);
  out.space_run = all ? match : std::string_view();
  return out.run_spaces;
}

std::string PipelineTokenizer::Decode(std::span<const TokenId> ids,
                                      bool skip_special_tokens) const {
  std::vector<std::string> tokens;
  tokens.reserve(ids.size());
  for (const TokenId id : ids) {
    const AddedToken* added = parts_.added_tokens.FindId(id);
    const std::optional<std::string_view> token = added != nullptr
                                                      ? parts_.added_tokens.DecodedText(*added)
                                                      : parts_.model->vocabulary().Token(id);
    if (!token || (skip_special_tokens && parts_.added_tokens.IsSpecial(*token))) continue;
    tokens.emplace_back(*token);
  }
  return Join(std::move(tokens));
}

std::string PipelineTokenizer::Join(std::vector<std::string> tokens) const {
  if (parts_.decoder != nullptr) parts_.decoder->Decode(tokens);
  std::string out;
  for (const std::string& token : tokens) {
    if (parts_.decoder == nullptr && &token != tokens.data()) out += ' ';
    out += token;
  }
  return out;
}

std::optional<std::string_view> PipelineTokenizer::IdToToken(TokenId id) const {
  if (const AddedToken* added = parts_.added_tokens.FindId(id)) return added->content;
  return parts_.model->vocabulary().Token(id);
}

std::optional<TokenId> PipelineTokenizer::TokenToId(std::string_view token) const {
  if (const AddedToken* added = parts_.added_tokens.FindContent(token)) return added->id;
  return parts_.model->vocabulary().Find(token);
}

std::optional<TokenId> PipelineTokenizer::unknown_id() const {
  if (const auto id = parts_.model->unknown_id()) return id;
  // A model that lacks nothing may have the token all the same.
  for (const char* name : {"<unk>", "[UNK]"}) {
    if (const auto id = TokenToId(name)) return id;
  }
  return std::nullopt;
}

Result<std::unique_ptr<const Tokenizer>> FromDocument(
    const JsonDocument& document, std::optional<ModelTables> tables = std::nullopt,
    std::vector<std::string> warnings = {}) {
  auto parts = ReadTokenizerJson(document, std::move(tables));
  if (!parts.ok()) {
    Error error = std::move(parts).error();
    // To the reader of JSON a wrong field is a wrong argument; here the file is at fault.
    if (error.code == Code::kInvalidArgument) error.code = Code::kCorrupt;
    return error;
  }
  parts->warnings.insert(parts->warnings.begin(), warnings.begin(), warnings.end());
  return std::unique_ptr<const Tokenizer>(
      std::make_unique<PipelineTokenizer>(std::move(parts).value()));
}

}  // namespace

Result<std::unique_ptr<const Tokenizer>> Tokenizer::LoadDirectory(const std::string& directory,
                                                                  bool lowercase) {
  std::vector<std::string> warnings;
  MINNOW_ASSIGN_OR_RETURN(TokenizerFiles files, ReadTokenizerFiles(directory, lowercase, warnings));
  return FromDocument(files.document, std::move(files.tables), std::move(warnings));
}

Result<std::unique_ptr<const Tokenizer>> Tokenizer::FromJson(std::string_view json,
                                                             const std::string& name) {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::Parse(json, name));
  return FromDocument(document);
}

Result<std::unique_ptr<const Tokenizer>> Tokenizer::FromPieceModel(std::string_view bytes,
                                                                   const std::string& name) {
  MINNOW_ASSIGN_OR_RETURN(TokenizerFiles files, ReadPieceBytes(bytes, name, ""));
  return FromDocument(files.document, std::move(files.tables));
}

Result<std::unique_ptr<const Tokenizer>> Tokenizer::FromPacked(
    std::shared_ptr<const PackedFile> packed) {
  const std::string name = packed->path() + ": minnow.tokenizer";
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document,
                          JsonDocument::Parse(packed->header().tokenizer_json, name));
  MINNOW_ASSIGN_OR_RETURN(ModelTables tables, ReadPackedTables(std::move(packed), document.root()));
  return FromDocument(document, std::move(tables));
}

}  // namespace minnow
