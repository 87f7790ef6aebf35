// SPDX-License-Identifier: Apache-2.0
// Units are counted once each, then packed greedily; the next chunk takes the last units along.
#include "index/query/chunking.h"

#include <algorithm>

#include "index/query/text_units.h"

namespace minnow {
namespace {

constexpr size_t kMinTokens = 8;
constexpr size_t kBytesPerToken = 32;
// Longer words are cut before they are counted: they are no words.
constexpr size_t kMaxWordBytes = 96;
// A heading ends a chunk that is at least this full, a blank line one that is nearly full.
constexpr double kHeadingFill = 0.5;
constexpr double kParagraphFill = 0.8;

struct Piece {
  size_t begin = 0;
  size_t end = 0;
  size_t tokens = 0;
  CutQuality cut_before = CutQuality::kSentence;
};

class Chunker {
 public:
  Chunker(std::string_view text, const ChunkOptions& options, const TokenCounter& count_tokens)
      : text_(text.substr(0, kMaxChunkedBytes)),
        max_(std::max(options.max_tokens, kMinTokens)),
        overlap_(std::min(options.overlap_tokens, max_ / 4)),
        count_tokens_(count_tokens) {}

  std::vector<ChunkRange> Run() {
    for (const TextUnit& unit : SplitIntoUnits(text_)) AddUnit(unit);
    return Pack();
  }

 private:
  size_t Tokens(const TextUnit& unit) const {
    const size_t bytes = unit.end - unit.begin;
    const size_t tokens = count_tokens_(text_.substr(unit.begin, bytes));
    return std::max({tokens, (bytes + kBytesPerToken - 1) / kBytesPerToken, size_t{1}});
  }

  // Adds the unit if it is small enough.
  bool AddWhole(const TextUnit& unit) {
    // No need to count what is too long by its bytes alone.
    if (unit.end - unit.begin > max_ * kBytesPerToken) return false;
    const size_t tokens = Tokens(unit);
    if (tokens > max_) return false;
    pieces_.push_back({unit.begin, unit.end, tokens, unit.cut_before});
    return true;
  }

  void AddUnit(const TextUnit& unit) {
    if (AddWhole(unit)) return;
    for (const TextUnit& line : SplitLines(text_, unit)) {
      if (AddWhole(line)) continue;
      for (const TextUnit& word : SplitWords(text_, line)) AddWord(word);
    }
  }

  void AddWord(const TextUnit& word) {
    if (word.end - word.begin <= kMaxWordBytes && AddWhole(word)) return;
    for (const TextUnit& part : SplitBytes(text_, word, kMaxWordBytes)) {
      if (AddWhole(part)) continue;
      // More tokens than bytes allow is a strange counter; a few bytes are taken as they are.
      for (const TextUnit& bytes : SplitBytes(text_, part, kMinTokens)) {
        pieces_.push_back(
            {bytes.begin, bytes.end, std::min(Tokens(bytes), max_), bytes.cut_before});
      }
    }
  }

  bool EndsBefore(const Piece& piece, size_t tokens) const {
    if (tokens + piece.tokens > max_) return true;
    const auto filled = [&](double share) {
      return static_cast<double>(tokens) >= share * static_cast<double>(max_);
    };
    return (piece.cut_before == CutQuality::kHeading && filled(kHeadingFill)) ||
           (piece.cut_before == CutQuality::kParagraph && filled(kParagraphFill));
  }

  // The first piece of the chunk after [first, end).
  size_t NextFirst(size_t first, size_t end) const {
    if (pieces_[end].cut_before == CutQuality::kHeading) return end;
    size_t next = end;
    size_t tokens = 0;
    while (next > first + 1) {
      const Piece& before = pieces_[next - 1];
      if (tokens + before.tokens > overlap_ || tokens + before.tokens + pieces_[end].tokens > max_)
        break;
      tokens += before.tokens;
      --next;
      if (before.cut_before == CutQuality::kHeading) break;
    }
    return next;
  }

  std::vector<ChunkRange> Pack() const {
    std::vector<ChunkRange> chunks;
    size_t first = 0;
    size_t fresh = 0;  // the first piece that no chunk has yet
    while (fresh < pieces_.size()) {
      size_t end = first;
      size_t tokens = 0;
      while (end < pieces_.size() && (end <= fresh || !EndsBefore(pieces_[end], tokens))) {
        tokens += pieces_[end++].tokens;
      }
      // A heading goes with what stands below it.
      if (end < pieces_.size()) {
        while (end - 1 > fresh && pieces_[end - 1].cut_before == CutQuality::kHeading) --end;
      }
      chunks.push_back({static_cast<uint32_t>(pieces_[first].begin),
                        static_cast<uint32_t>(pieces_[end - 1].end)});
      if (end == pieces_.size()) break;
      first = NextFirst(first, end);
      fresh = end;
    }
    return chunks;
  }

  const std::string_view text_;
  const size_t max_;
  const size_t overlap_;
  const TokenCounter& count_tokens_;
  std::vector<Piece> pieces_;
};

}  // namespace

std::vector<ChunkRange> ChunkText(std::string_view text, const ChunkOptions& options,
                                  const TokenCounter& count_tokens) {
  return Chunker(text, options, count_tokens).Run();
}

}  // namespace minnow
