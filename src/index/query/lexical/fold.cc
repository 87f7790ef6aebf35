// SPDX-License-Identifier: Apache-2.0
#include "index/query/lexical/fold.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <new>
#include <vector>

#include "index/query/lexical/fold_table.h"

namespace minnow {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};
struct ScriptRange : Range {
  Script script;
};

// By the first code point of a character's folded form; ascending. Elsewhere: kOther.
constexpr ScriptRange kScripts[] = {
    {{0x0041, 0x02AF}, Script::kLatin},      {{0x0370, 0x03FF}, Script::kGreek},
    {{0x0400, 0x052F}, Script::kCyrillic},   {{0x0590, 0x05FF}, Script::kHebrew},
    {{0x0600, 0x06FF}, Script::kArabic},     {{0x0750, 0x077F}, Script::kArabic},
    {{0x0870, 0x08FF}, Script::kArabic},     {{0x0E00, 0x0E7F}, Script::kThai},
    {{0x0E80, 0x0EFF}, Script::kLao},        {{0x1000, 0x109F}, Script::kMyanmar},
    {{0x1100, 0x11FF}, Script::kHangul},     {{0x1780, 0x17FF}, Script::kKhmer},
    {{0x1950, 0x19DF}, Script::kOtherDense}, {{0x19E0, 0x19FF}, Script::kKhmer},
    {{0x1A20, 0x1AAF}, Script::kOtherDense}, {{0x1B00, 0x1B7F}, Script::kOtherDense},
    {{0x1C80, 0x1C8F}, Script::kCyrillic},   {{0x1D00, 0x1DBF}, Script::kLatin},
    {{0x1E00, 0x1EFF}, Script::kLatin},      {{0x1F00, 0x1FFF}, Script::kGreek},
    {{0x2C60, 0x2C7F}, Script::kLatin},      {{0x2DE0, 0x2DFF}, Script::kCyrillic},
    {{0x2E80, 0x312F}, Script::kHan},        {{0x3130, 0x318F}, Script::kHangul},
    {{0x31A0, 0x9FFF}, Script::kHan},        {{0xA640, 0xA69F}, Script::kCyrillic},
    {{0xA720, 0xA7FF}, Script::kLatin},      {{0xA960, 0xA97F}, Script::kHangul},
    {{0xA980, 0xA9DF}, Script::kOtherDense}, {{0xA9E0, 0xA9FF}, Script::kMyanmar},
    {{0xAA60, 0xAA7F}, Script::kMyanmar},    {{0xAA80, 0xAADF}, Script::kOtherDense},
    {{0xAB30, 0xAB6F}, Script::kLatin},      {{0xAC00, 0xD7FF}, Script::kHangul},
    {{0xF900, 0xFAFF}, Script::kHan},        {{0xFB50, 0xFDFF}, Script::kArabic},
    {{0xFE70, 0xFEFE}, Script::kArabic},     {{0xFF66, 0xFF9F}, Script::kHan},
    {{0x1AFF0, 0x1B16F}, Script::kHan},      {{0x20000, 0x3FFFF}, Script::kHan},
};

// Marks that go; ascending. Those of other scripts are part of the letter.
constexpr Range kMarks[] = {{0x0300, 0x036F}, {0x0483, 0x0489}, {0x0591, 0x05C7}, {0x0610, 0x061A},
                            {0x0640, 0x0640},  // Arabic, drawn longer
                            {0x064B, 0x065F}, {0x0670, 0x0670}, {0x06D6, 0x06ED}, {0x08D3, 0x08FF},
                            {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x20D0, 0x20FF}, {0xFE20, 0xFE2F}};

constexpr char32_t kZeroWidthSpace = 0x200B;  // stands between words
constexpr char32_t kFractionSlash = 0x2044;
constexpr char32_t kCyrillicI = 0x0438;
constexpr char32_t kBreve = 0x0306;

template <class Row, size_t n>
const Row* FindRange(const Row (&rows)[n], char32_t c) {
  const Row* const row =
      std::upper_bound(std::begin(rows), std::end(rows), c,
                       [](char32_t value, const Row& r) { return value < r.first; });
  if (row == std::begin(rows) || c > std::prev(row)->last) return nullptr;
  return std::prev(row);
}

utf8proc_category_t CategoryOf(char32_t c) {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}

// Whether it belongs to the letter before it.
bool Continues(char32_t c) {
  switch (CategoryOf(c)) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
      return true;
    case UTF8PROC_CATEGORY_CF:
      return c != kZeroWidthSpace;
    default:
      // Vowels and finals of Hangul; voicing marks of half-width kana; the drawn-out Arabic line.
      return (c >= 0x1160 && c <= 0x11FF) || (c >= 0xD7B0 && c <= 0xD7FB) || c == 0xFF9E ||
             c == 0xFF9F || c == 0x0640;
  }
}

bool IsWordCategory(utf8proc_category_t category) {
  return (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) ||
         (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO) ||
         category == UTF8PROC_CATEGORY_CO;
}

Script ScriptOf(char32_t c) {
  const utf8proc_category_t category = CategoryOf(c);
  const ScriptRange* const range = FindRange(kScripts, c);
  const bool number = category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
  if (number && !(range != nullptr && range->script == Script::kHan)) return Script::kDigit;
  if (c >= 0x0900 && c < 0x0E00) {
    return static_cast<Script>(static_cast<uint8_t>(Script::kIndic) + (c - 0x0900) / 0x80);
  }
  return range == nullptr ? Script::kOther : range->script;
}

char32_t Decode(std::string_view text, size_t at, size_t* bytes) {
  utf8proc_int32_t c = 0;
  const utf8proc_ssize_t read =
      utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()) + at,
                       static_cast<utf8proc_ssize_t>(text.size() - at), &c);
  *bytes = read > 0 ? static_cast<size_t>(read) : 1;
  return read > 0 ? static_cast<char32_t>(c) : 0xFFFD;
}

// Appends the plain spelling of what is decomposed to `out`.
void AppendPlain(const utf8proc_int32_t* decomposed, size_t count,
                 std::vector<utf8proc_int32_t>* out) {
  for (size_t i = 0; i < count; ++i) {
    const auto c = static_cast<char32_t>(decomposed[i]);
    const bool short_i =
        c == kBreve && !out->empty() && static_cast<char32_t>(out->back()) == kCyrillicI;
    if (FindRange(kMarks, c) != nullptr && !short_i) continue;
    const FoldedLetter* const found = std::lower_bound(
        std::begin(kFoldedLetters), std::end(kFoldedLetters), c,
        [](const FoldedLetter& row, char32_t value) { return row.letter < value; });
    if (found == std::end(kFoldedLetters) || found->letter != c) {
      out->push_back(decomposed[i]);
      continue;
    }
    for (const char32_t* p = found->plain; *p != 0; ++p) {
      out->push_back(static_cast<utf8proc_int32_t>(*p));
    }
  }
}

// Appends the folded form; returns its first code point, 0 for none.
char32_t Fold(std::string_view bytes, std::string* folded) {
  constexpr auto kOptions = static_cast<utf8proc_option_t>(
      UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD | UTF8PROC_IGNORE | UTF8PROC_STABLE);
  constexpr size_t kMaxFactor = 18;  // code points that one becomes
  std::vector<utf8proc_int32_t> decomposed(bytes.size() * kMaxFactor);
  const utf8proc_ssize_t count =
      utf8proc_decompose(reinterpret_cast<const utf8proc_uint8_t*>(bytes.data()),
                         static_cast<utf8proc_ssize_t>(bytes.size()), decomposed.data(),
                         static_cast<utf8proc_ssize_t>(decomposed.size()), kOptions);
  if (count <= 0) return 0;
  std::vector<utf8proc_int32_t> plain;
  AppendPlain(decomposed.data(), std::min(static_cast<size_t>(count), decomposed.size()), &plain);
  const utf8proc_ssize_t left =
      utf8proc_normalize_utf32(plain.data(), static_cast<utf8proc_ssize_t>(plain.size()),
                               static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
  char32_t first = 0;
  for (utf8proc_ssize_t i = 0; i < left; ++i) {
    const auto c = static_cast<char32_t>(plain[static_cast<size_t>(i)]);
    if (c == kFractionSlash) return 0;  // one half is no twelve
    // Compatibility forms may bring signs with them.
    if (!IsWordCategory(CategoryOf(c)) && !Continues(c)) continue;
    if (first == 0) first = c;
    utf8proc_uint8_t encoded[4];
    const utf8proc_ssize_t size = utf8proc_encode_char(plain[static_cast<size_t>(i)], encoded);
    folded->append(reinterpret_cast<const char*>(encoded), static_cast<size_t>(size));
  }
  return first;
}

// Of a code point without marks behind it.
struct Known {
  Script script = Script::kNone;
  bool upper = false;
  bool lower = false;
  bool continues = false;
  uint8_t bytes = 0;
  char folded[11] = {};
};

Known Look(char32_t c, std::string* folded) {
  Known known;
  const utf8proc_category_t category = CategoryOf(c);
  known.continues = Continues(c);
  if (!IsWordCategory(category)) return known;
  known.upper = category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LT;
  known.lower = category == UTF8PROC_CATEGORY_LL;
  utf8proc_uint8_t encoded[4];
  const utf8proc_ssize_t size = utf8proc_encode_char(static_cast<utf8proc_int32_t>(c), encoded);
  const char32_t first =
      Fold({reinterpret_cast<const char*>(encoded), static_cast<size_t>(size)}, folded);
  if (first != 0) known.script = ScriptOf(first);
  return known;
}

// Most alphabets lie here.
constexpr size_t kTableSize = 0x2000;
using Table = std::array<Known, kTableSize>;

const Table& KnownCharacters() {
  static const Table* const table = [] {
    auto* const made = new Table();
    for (char32_t c = 0; c < kTableSize; ++c) {
      std::string folded;
      Known& known = (*made)[c];
      known = Look(c, &folded);
      known.bytes = static_cast<uint8_t>(std::min(folded.size(), sizeof(known.folded)));
      std::copy_n(folded.begin(), known.bytes, known.folded);
    }
    return made;
  }();
  return *table;
}

// Neither case nor another spelling.
bool IsItself(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0xAC00 && c <= 0xD7A3) ||
         (c >= 0x3041 && c <= 0x3096) || (c >= 0x30A1 && c <= 0x30FA) ||
         (c >= 0x3400 && c <= 0x4DBF);
}

// The end of the marks that begin at `at`.
size_t MarksEnd(std::string_view text, size_t at) {
  // A letter has a few marks; a longer chain is cut.
  constexpr int kMaxMarks = 16;
  for (int i = 0; i < kMaxMarks && at < text.size(); ++i) {
    if (static_cast<unsigned char>(text[at]) < 0x80) break;
    size_t bytes = 0;
    const char32_t c = Decode(text, at, &bytes);
    if (IsItself(c) || !(c < kTableSize ? KnownCharacters()[c].continues : Continues(c))) break;
    at += bytes;
  }
  return at;
}

Known LookAt(char32_t c, std::string_view bytes, std::string* folded) {
  Known known;
  if (c < kTableSize) {
    known = KnownCharacters()[c];
    folded->append(known.folded, known.bytes);
  } else if (IsItself(c)) {
    folded->append(bytes);
    known.script = c >= 0xAC00 ? Script::kHangul : Script::kHan;
  } else {
    known = Look(c, folded);
  }
  return known;
}

}  // namespace

Character ReadCharacter(std::string_view text, size_t at, std::string* folded) {
  size_t bytes = 0;
  const char32_t c = Decode(text, at, &bytes);
  Character character;
  character.end = at + bytes;
  const size_t before = folded->size();
  const Known known = LookAt(c, text.substr(at, bytes), folded);
  if (known.script == Script::kNone) {
    folded->resize(before);
    if (c < 0x80) character.sign = static_cast<char>(c);
    if (c > 0xFF00 && c < 0xFF5F) character.sign = static_cast<char>(c - 0xFEE0);
    return character;
  }
  character.script = known.script;
  character.upper = known.upper;
  character.lower = known.lower;
  character.end = MarksEnd(text, at + bytes);
  if (character.end != at + bytes) {
    folded->resize(before);
    Fold(text.substr(at, character.end - at), folded);
  }
  return character;
}

}  // namespace minnow
