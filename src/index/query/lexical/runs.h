// SPDX-License-Identifier: Apache-2.0
// LexicalRun: a stretch of letters and digits of one script. The tokenizer makes words of runs, and
// so does the parser of queries: what a word is stands here once.
//
// A reader belongs to one thread; the text, at most 4 GiB, outlives it. Total: any bytes give runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "index/query/lexical/fold.h"

namespace minnow {

struct LexicalRun {
  // What stands before it: another run directly, one with a sign of "." "_" "-" "/" "&" "@" ":" "+"
  // between, or anything else.
  enum class Joint { kNone, kGlued, kSigned };

  struct Unit {
    uint32_t begin = 0;  // of the character, in bytes of the text
    uint32_t end = 0;
    uint32_t folded = 0;  // where its folded form begins
    bool upper = false;
    bool lower = false;
    bool digit = false;
  };

  Script script = Script::kNone;
  Joint joint = Joint::kNone;
  bool mixed = false;       // behind the first character are capitals, or digits beside letters
  std::vector<Unit> units;  // never empty
  std::string folded;
  // Signs that belong to it: "." of .net, "#" of c#, "+" and "++" of c++ and b+.
  std::string_view before;
  std::string_view after;

  bool dense() const { return IsDense(script); }
  bool has_sign() const { return !before.empty() || !after.empty(); }
  size_t begin() const { return units.front().begin - before.size(); }
  size_t end() const { return units.back().end + after_bytes; }
  // The folded form of units [first, last).
  std::string_view Text(size_t first, size_t last) const {
    const size_t from = units[first].folded;
    return std::string_view(folded).substr(
        from, (last < units.size() ? units[last].folded : folded.size()) - from);
  }
  // The run with its signs; .net, c#.
  std::string Signed() const { return std::string(before) + folded + std::string(after); }
  // Whether the run without its signs is a word too: net, disney; not the c of c#, which would be
  // C's.
  bool BaseIsWord() const { return !has_sign() || !before.empty() || units.size() > 2; }
  // createPodSandbox2 gives create, Pod, Sandbox, 2 as [first, last) of units; empty for a word
  // that has no parts (pod, POD, v2, k8s). Parts of one letter are joined to their neighbour.
  struct Part {
    size_t first = 0;
    size_t last = 0;
  };
  std::vector<Part> Parts() const;

  size_t after_bytes = 0;  // of `after` in the text, where it may stand in full width
};

class RunReader {
 public:
  explicit RunReader(std::string_view text) : text_(text) {}

  // The next run, valid until the next call; null at the end.
  const LexicalRun* Next();

 private:
  bool FindStart(Character* first);
  void Extend(const Character& character, size_t folded);
  void ReadSigns();

  std::string_view text_;
  size_t at_ = 0;
  size_t last_end_ = 0;  // of the run before, with its signs; 0: there was none
  bool any_before_ = false;
  size_t dot_ = 0;  // behind a dot that may belong to the word that begins there
  LexicalRun run_;
};

}  // namespace minnow
