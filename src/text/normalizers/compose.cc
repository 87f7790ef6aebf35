// SPDX-License-Identifier: Apache-2.0
// NFC and NFKC: decomposition, canonical order, then composition (UAX #15).
#include <algorithm>
#include <optional>
#include <vector>

#include "text/normalizers/character_changes.h"
#include "text/normalizers/normalizer.h"

namespace minnow {
namespace {

struct Part {
  CharacterChange character;
  uint8_t combining_class;
};

// Decomposed, marks in canonical order. The first part of a character stands for it, the others
// were added; that stays so where marks change places.
std::vector<Part> DecomposeInOrder(std::string_view text, Decomposition kind) {
  std::vector<Part> parts;
  parts.reserve(text.size());
  size_t run = 0;  // where the marks at the end of `parts` begin
  const auto sort_run = [&] {
    std::stable_sort(
        parts.begin() + static_cast<ptrdiff_t>(run), parts.end(),
        [](const Part& a, const Part& b) { return a.combining_class < b.combining_class; });
  };
  const char* const end = text.data() + text.size();
  for (const char* p = text.data(); p < end;) {
    char32_t pieces[kMaxDecomposition];
    const size_t size = Decompose(NextCodePoint(p), kind, pieces);
    for (size_t i = 0; i < size; ++i) {
      const Part part{{pieces[i], i == 0 ? 0 : 1}, CanonicalCombiningClass(pieces[i])};
      if (part.combining_class == 0) {
        sort_run();
        run = parts.size() + 1;
      }
      parts.push_back(part);
    }
  }
  sort_run();
  return parts;
}

std::vector<CharacterChange> ComposeParts(const std::vector<Part>& parts) {
  std::vector<CharacterChange> out;
  out.reserve(parts.size());
  std::optional<CharacterChange> starter;
  std::vector<Part> blocked;  // marks behind the starter that did not compose with it
  const auto flush = [&] {
    if (starter) out.push_back(*starter);
    for (const Part& mark : blocked) out.push_back(mark.character);
    blocked.clear();
  };
  for (const Part& part : parts) {
    if (!starter) {
      if (part.combining_class == 0) {
        starter = part.character;
      } else {
        out.push_back(part.character);
      }
      continue;
    }
    const bool reaches = blocked.empty() || blocked.back().combining_class < part.combining_class;
    if (const char32_t both = reaches ? Compose(starter->c, part.character.c) : 0; both != 0) {
      starter = CharacterChange{both, starter->change + part.character.change - 1};
    } else if (part.combining_class == 0) {
      flush();
      starter = part.character;
    } else {
      blocked.push_back(part);
    }
  }
  flush();
  return out;
}

class ComposeText : public Normalizer {
 public:
  explicit ComposeText(Decomposition kind) : kind_(kind) {}

  void Normalize(const TextView& in, NormalizedText& out) const override {
    out.Reset(in.source != nullptr, in.bytes.size());
    if (std::all_of(in.bytes.begin(), in.bytes.end(), IsAscii)) {
      out.bytes = in.bytes;
      if (in.source != nullptr) out.sources.assign(in.source, in.source + in.bytes.size());
      return;
    }
    AppendChanges(in, ComposeParts(DecomposeInOrder(in.bytes, kind_)), out);
  }

 private:
  const Decomposition kind_;
};

}  // namespace

std::unique_ptr<const Normalizer> MakeCompose(Decomposition kind) {
  return std::make_unique<ComposeText>(kind);
}

}  // namespace minnow
