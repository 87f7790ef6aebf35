// SPDX-License-Identifier: Apache-2.0
// Tokenizer: UTF-8 text -> token ids and back, as a Hugging Face tokenizer.json describes it.
//
// Results equal Hugging Face tokenizers' bit for bit, on any bytes: invalid UTF-8 is read as U+FFFD
// (one for each maximal ill-formed subpart, as in the Unicode standard, chapter 3), never an error.
// Padding in the file is ignored (nothing here is padded); truncation is the caller's choice, not
// the file's. All const methods may be called from any thread at the same time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace minnow {

class PackedFile;

using TokenId = int32_t;

// Half-open range of Unicode code points of the input text, as Hugging Face's Python API counts
// offsets. Tokens that come from no text (special tokens that a template adds) have {0, 0}.
struct TokenOffset {
  uint32_t begin = 0;
  uint32_t end = 0;
  bool operator==(const TokenOffset&) const = default;
};

// Parallel arrays, one entry a token. Only ids and type_ids are always filled.
struct Encoding {
  std::vector<TokenId> ids;
  std::vector<uint8_t>
      type_ids;  // token type ids (0 for a single text; 1 for the second of a pair)
  std::vector<uint8_t>
      special;  // 1 where the template added the token; with EncodeOptions::want_offsets
  std::vector<TokenOffset> offsets;  // with EncodeOptions::want_offsets
  // With EncodeOptions::want_offsets: which of its text's words, as the pre-tokenizer cuts them,
  // the token is of; equal numbers stand side by side. 0 of special tokens that a template adds.
  std::vector<uint32_t> words;
  // Tokens [second_begin, second_end) are the second text's of a pair.
  size_t second_begin = 0;
  size_t second_end = 0;
  // Of a window (Tokenizer::EncodeWindows): tokens of the text that is cut that come before it.
  size_t window_begin = 0;
  size_t untruncated_tokens = 0;  // number of ids, special ones too, had there been no truncation
};

enum class TruncationDirection { kRight, kLeft };

struct EncodeOptions {
  bool add_special_tokens = true;
  bool want_offsets = false;
  size_t max_tokens = 0;  // special tokens included; 0 means no truncation
  TruncationDirection truncation_direction = TruncationDirection::kRight;
  // Of a pair, cut the first text only; where even all of it would not do, nothing is cut.
  bool truncate_first_only = false;
};

// How a text that is longer than a model reads is cut into windows, each as long as fits, that
// share `stride` tokens with the one before.
struct WindowOptions {
  size_t stride = 0;
  size_t max_total_tokens = 0;  // of all windows: what would be beyond is left out; 0: no limit
};

class Tokenizer {
 public:
  // Reads `directory`/tokenizer.json, and tokenizer_config.json beside it, or where there is none a
  // sentencepiece .model file; `directory` may be that file itself (tokenizer_files.h).
  // `lowercase`: texts are put in lower case before all else. Fails with kNotFound, kCorrupt or
  // kUnsupported; the message names the file and the JSON field.
  static Result<std::unique_ptr<const Tokenizer>> LoadDirectory(const std::string& directory,
                                                                bool lowercase = false);
  // `json` is the text of a tokenizer.json; `name` stands for it in messages.
  static Result<std::unique_ptr<const Tokenizer>> FromJson(std::string_view json,
                                                           const std::string& name);
  // `bytes` are those of a sentencepiece .model file; `name` stands for it in messages, and ids go
  // by it (sentencepiece/piece_files.h).
  static Result<std::unique_ptr<const Tokenizer>> FromPieceModel(std::string_view bytes,
                                                                 const std::string& name);

  // The tokenizer of a packed file, whose tables are used where they lie.
  static Result<std::unique_ptr<const Tokenizer>> FromPacked(
      std::shared_ptr<const PackedFile> packed);

  virtual ~Tokenizer() = default;

  // Total: any bytes give an encoding.
  virtual Encoding Encode(std::string_view text, const EncodeOptions& options) const = 0;
  // A pair of texts, for rerankers and classifiers; truncation is "longest first" where the
  // options say nothing else.
  virtual Encoding EncodePair(std::string_view first, std::string_view second,
                              const EncodeOptions& options) const = 0;
  // The windows of one text, or where `second` is not null of a pair, whose second text is cut and
  // whose first stands in each window; at least one. What `options.max_tokens` leaves room for is
  // as Hugging Face's "only_second" truncation has it; where that refuses, a first text without
  // room for a second is cut to half of the room, and a stride that fills it to half of it.
  // `options.truncation_direction` does not matter. REQUIRES: options.max_tokens > 0.
  virtual std::vector<Encoding> EncodeWindows(std::string_view first,
                                              const std::string_view* second,
                                              const EncodeOptions& options,
                                              const WindowOptions& windows) const = 0;

  // Ids outside the vocabulary are skipped, as Hugging Face does.
  virtual std::string Decode(std::span<const TokenId> ids, bool skip_special_tokens) const = 0;

  // The text of tokens that are given by their own texts ("em", "##bed" -> "embed").
  virtual std::string Join(std::vector<std::string> tokens) const = 0;

  // The token's text ("##ing"), or nullopt for an id outside the vocabulary.
  virtual std::optional<std::string_view> IdToToken(TokenId id) const = 0;
  virtual std::optional<TokenId> TokenToId(std::string_view token) const = 0;
  // The token that stands for what the vocabulary lacks; nullopt: there is none.
  virtual std::optional<TokenId> unknown_id() const = 0;
  // Whether tokens that go on with a word say so by a prefix ("##").
  virtual bool has_subword_prefix() const = 0;

  // One more than the largest id, added tokens included.
  virtual size_t vocab_size() const = 0;
  // "WordPiece", "Unigram", "BPE": the model's type in tokenizer.json.
  virtual const char* type() const = 0;
  // What the files say that was read in another way, a sentence each.
  virtual const std::vector<std::string>& warnings() const = 0;
};

}  // namespace minnow
