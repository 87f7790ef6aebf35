// SPDX-License-Identifier: Apache-2.0
#include "index/query/lexical/runs.h"

#include <algorithm>

namespace minnow {
namespace {

constexpr std::string_view kJoints = "._-/&@:+";
// Longer stretches are cut: nobody looks for them whole.
constexpr size_t kMaxSpacedUnits = 512;
constexpr size_t kMaxDenseUnits = 4'096;
// Longer words are no identifiers, and those with more changes between letters and digits are
// versions and checksums (v1beta2).
constexpr size_t kMaxIdentifierUnits = 128;
constexpr size_t kMaxDigitBounds = 2;

using Unit = LexicalRun::Unit;

bool IsAsciiWord(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

// ReadCharacter, quick for ASCII.
Character Read(std::string_view text, size_t at, std::string* folded) {
  const auto c = static_cast<unsigned char>(text[at]);
  if (c >= 0x80 || (at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) >= 0x80)) {
    return ReadCharacter(text, at, folded);
  }
  Character character;
  character.end = at + 1;
  if (!IsAsciiWord(c)) {
    character.sign = static_cast<char>(c);
    return character;
  }
  character.upper = c >= 'A' && c <= 'Z';
  character.lower = c >= 'a';
  character.script = c <= '9' ? Script::kDigit : Script::kLatin;
  folded->push_back(static_cast<char>(character.upper ? c + ('a' - 'A') : c));
  return character;
}

Character Peek(std::string_view text, size_t at) {
  std::string ignored;
  return at < text.size() ? Read(text, at, &ignored) : Character{text.size()};
}

bool IsLetter(const Unit& unit) { return !unit.digit; }

bool IsDigitBound(const std::vector<Unit>& units, size_t i) {
  return units[i].digit != units[i - 1].digit;
}

// Whether a part begins at units[i], i > 0.
bool BeginsPart(const std::vector<Unit>& units, size_t i, bool at_digits) {
  if (IsDigitBound(units, i)) return at_digits || units[i].upper;
  if (!units[i].upper) return false;
  if (!units[i - 1].upper) return true;               // createPod
  return i + 1 < units.size() && units[i + 1].lower;  // the S of HTTPServer
}

}  // namespace

std::vector<LexicalRun::Part> LexicalRun::Parts() const {
  std::vector<Part> parts;
  if (!mixed || dense() || units.size() > kMaxIdentifierUnits) return parts;
  size_t bounds = 0;
  for (size_t i = 1; i < units.size(); ++i) bounds += IsDigitBound(units, i) ? 1 : 0;
  const auto is_short = [&](const Part& part) {
    return part.last - part.first == 1 && IsLetter(units[part.first]);
  };
  Part part;
  const auto add = [&](size_t end) {
    part.last = end;
    if (!parts.empty() && end == units.size() && is_short(part)) {
      parts.back().last = end;
    } else {
      parts.push_back(part);
    }
    part.first = end;
  };
  for (size_t i = 1; i < units.size(); ++i) {
    if (BeginsPart(units, i, bounds <= kMaxDigitBounds) && !is_short({part.first, i})) {
      add(i);
    }
  }
  add(units.size());
  if (parts.size() == 1) parts.clear();
  return parts;
}

// Moves to the character that begins the next run, and appends its folded form.
bool RunReader::FindStart(Character* first) {
  bool after_word = any_before_ && at_ == last_end_;
  while (at_ < text_.size()) {
    *first = Read(text_, at_, &run_.folded);
    if (first->script != Script::kNone) return true;
    const bool dot = text_[at_] == '.';
    // The dot of "node.js" joins, of "..." is none, of "end." ends.
    dot_ = dot && !after_word && (at_ == 0 || text_[at_ - 1] != '.') ? first->end : 0;
    after_word = false;
    at_ = first->end;
  }
  return false;
}

void RunReader::Extend(const Character& character, size_t folded) {
  const bool digit = character.script == Script::kDigit;
  if (!run_.units.empty()) {
    run_.mixed = run_.mixed || character.upper || digit != run_.units.back().digit;
  }
  run_.units.push_back({static_cast<uint32_t>(at_), static_cast<uint32_t>(character.end),
                        static_cast<uint32_t>(folded), character.upper, character.lower, digit});
  at_ = character.end;
}

const LexicalRun* RunReader::Next() {
  run_.units.clear();
  run_.folded.clear();
  run_.mixed = false;
  run_.before = run_.after = {};
  run_.after_bytes = 0;
  dot_ = 0;
  Character character;
  if (!FindStart(&character)) return nullptr;

  const size_t begin = at_;
  run_.joint = LexicalRun::Joint::kNone;
  if (any_before_ && begin == last_end_) {
    run_.joint = LexicalRun::Joint::kGlued;
  } else if (any_before_ && begin == last_end_ + 1 &&
             kJoints.find(text_[last_end_]) != kJoints.npos) {
    run_.joint = LexicalRun::Joint::kSigned;
  }
  run_.script = character.script;
  Extend(character, 0);
  const size_t most = run_.dense() ? kMaxDenseUnits : kMaxSpacedUnits;
  while (at_ < text_.size() && run_.units.size() < most) {
    const size_t folded = run_.folded.size();
    character = Read(text_, at_, &run_.folded);
    // Digits go with letters of any spaced script.
    const bool goes_on = character.script == run_.script ||
                         (!run_.dense() && character.script == Script::kDigit) ||
                         (run_.script == Script::kDigit && character.script != Script::kNone &&
                          !IsDense(character.script));
    if (!goes_on) {
      run_.folded.resize(folded);
      break;
    }
    if (run_.script == Script::kDigit) run_.script = character.script;
    Extend(character, folded);
  }
  if (dot_ > 0 && dot_ == begin && run_.script == Script::kLatin && IsLetter(run_.units.front())) {
    run_.before = ".";
  }
  ReadSigns();
  last_end_ = at_;
  any_before_ = true;
  return &run_;
}

// "#", "++" and "+" behind the run: c#, c++17, disney+; not of a#b, a+b, 5+5 or c+++.
void RunReader::ReadSigns() {
  if (run_.script != Script::kLatin || at_ == text_.size()) return;
  // The most usual characters first: a sign in full width has three bytes.
  const auto c = static_cast<unsigned char>(text_[at_]);
  if (c != '#' && c != '+' && c < 0x80) return;
  const Character sign = Peek(text_, at_);
  if (sign.sign != '#' && sign.sign != '+') return;
  const Character second = Peek(text_, sign.end);
  const bool twice = second.sign == sign.sign;
  if (twice && sign.sign == '#') return;
  const size_t end = twice ? second.end : sign.end;
  const Character next = Peek(text_, end);
  if (next.script == Script::kLatin || next.sign == sign.sign) return;
  if (next.script == Script::kDigit && sign.sign == '+' && !twice) return;
  run_.after = sign.sign == '#' ? "#" : twice ? "++" : "+";
  run_.after_bytes = end - at_;
  at_ = end;
}

}  // namespace minnow
