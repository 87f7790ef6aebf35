// SPDX-License-Identifier: Apache-2.0
// TemplateProcessing: puts special tokens around one text or a pair, and cuts what is too long.
// BertProcessing, RobertaProcessing, and no post-processor at all, are templates too. Immutable,
// thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace minnow {

// How many code points at the ends of a token's text are white space, or the letter that stands for
// a space in byte-level tokenizers.
struct TokenSpaces {
  uint32_t leading = 0;
  uint32_t trailing = 0;
};

// The tokens of one text, before special tokens.
struct TokenSequence {
  std::vector<TokenId> ids;
  std::vector<TokenOffset> offsets;  // parallel to ids, or empty
  std::vector<TokenSpaces> spaces;   // parallel to offsets, where those are trimmed; or empty
  std::vector<uint32_t> words;       // parallel to offsets (Encoding::words)
};

TokenSpaces CountSpaces(std::string_view token);

struct TemplatePiece {
  enum class Kind { kFirst, kSecond, kSpecial };
  Kind kind = Kind::kSpecial;
  uint8_t type_id = 0;
  std::vector<TokenId> ids;  // of kSpecial
};

class TemplateProcessing {
 public:
  // No special tokens: the first text has type 0, the second 1.
  TemplateProcessing();
  TemplateProcessing(std::vector<TemplatePiece> single, std::vector<TemplatePiece> pair);

  // From now on offsets leave out the spaces of tokens: trim_offsets of RobertaProcessing and
  // ByteLevel. `add_prefix_space`: the one space of a first token was put there and has no offset.
  // Each call trims once more, as each of a sequence of post-processors does.
  void AddTrimming(bool add_prefix_space) { trimmings_.push_back({add_prefix_space}); }
  bool trims_offsets() const { return !trimmings_.empty(); }

  // The final encoding. `second` is null for a single text. Never gives more than
  // options.max_tokens tokens, but where options.truncate_first_only does not suffice.
  Encoding Apply(const TokenSequence& first, const TokenSequence* second,
                 const EncodeOptions& options) const;
  // Tokenizer::EncodeWindows.
  std::vector<Encoding> ApplyWindows(const TokenSequence& first, const TokenSequence* second,
                                     const EncodeOptions& options,
                                     const WindowOptions& windows) const;

 private:
  struct Trimming {
    bool add_prefix_space;
  };
  // The part of a sequence that is kept: tokens [begin, begin + size).
  struct Kept {
    size_t begin = 0;
    size_t size = 0;
  };

  // What is kept of a first and of a second text, as `pieces` put them.
  Encoding Build(const TokenSequence& first, const Kept& keep_first, const TokenSequence* second,
                 const Kept& keep_second, const EncodeOptions& options) const;
  static Kept Keep(size_t tokens, size_t limit, TruncationDirection direction);
  void AppendSequence(const TokenSequence& sequence, const Kept& kept, bool want_offsets,
                      Encoding& out) const;

  std::vector<TemplatePiece> single_;
  std::vector<TemplatePiece> pair_;
  std::vector<Trimming> trimmings_;
};

}  // namespace minnow
