// SPDX-License-Identifier: Apache-2.0
// Tags and text, one after the other; no tree is built.
#include "ingest/prose/html.h"

#include <algorithm>
#include <cstdint>

#include "ingest/input/encoding.h"
#include "text/unicode.h"

namespace minnow {
namespace {

constexpr std::string_view kSpace = " \t\r\n\f";
constexpr size_t kMaxNameBytes = 32;

// Each between spaces.
constexpr std::string_view kLeftOut = " script style template noscript iframe svg math object ";
constexpr std::string_view kParagraphs =
    " p div section article main header footer nav aside h1 h2 h3 h4 h5 h6 ul ol dl table pre "
    "blockquote figure form fieldset address details hr body ";
constexpr std::string_view kLines = " br li tr dt dd caption figcaption summary legend option ";
constexpr std::string_view kCells = " td th ";

// Named in the order of their code points, from 160 and 913 on; "-" stands for none.
constexpr std::string_view kLatin1Names =
    "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn "
    "sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave "
    "Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml "
    "ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN "
    "szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave "
    "iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute "
    "ucirc uuml yacute thorn yuml";
constexpr std::string_view kGreekNames =
    "Alpha Beta Gamma Delta Epsilon Zeta Eta Theta Iota Kappa Lambda Mu Nu Xi Omicron Pi Rho - "
    "Sigma Tau Upsilon Phi Chi Psi Omega - - - - - - - alpha beta gamma delta epsilon zeta eta "
    "theta iota kappa lambda mu nu xi omicron pi rho sigmaf sigma tau upsilon phi chi psi omega";
struct Named {
  std::string_view name;
  char32_t c;
};
constexpr Named kNamed[] = {
    {"amp", '&'},       {"lt", '<'},        {"gt", '>'},        {"quot", '"'},
    {"apos", '\''},     {"ensp", 0x2002},   {"emsp", 0x2003},   {"thinsp", 0x2009},
    {"zwnj", 0x200C},   {"zwj", 0x200D},    {"ndash", 0x2013},  {"mdash", 0x2014},
    {"lsquo", 0x2018},  {"rsquo", 0x2019},  {"sbquo", 0x201A},  {"ldquo", 0x201C},
    {"rdquo", 0x201D},  {"bdquo", 0x201E},  {"dagger", 0x2020}, {"bull", 0x2022},
    {"hellip", 0x2026}, {"permil", 0x2030}, {"prime", 0x2032},  {"lsaquo", 0x2039},
    {"rsaquo", 0x203A}, {"euro", 0x20AC},   {"trade", 0x2122},  {"larr", 0x2190},
    {"uarr", 0x2191},   {"rarr", 0x2192},   {"darr", 0x2193},   {"harr", 0x2194},
    {"rArr", 0x21D2},   {"minus", 0x2212},  {"infin", 0x221E},  {"asymp", 0x2248},
    {"ne", 0x2260},     {"le", 0x2264},     {"ge", 0x2265},     {"sum", 0x2211},
    {"radic", 0x221A},  {"part", 0x2202},   {"OElig", 0x152},   {"oelig", 0x153},
    {"Scaron", 0x160},  {"scaron", 0x161},  {"fnof", 0x192},    {"check", 0x2713},
};

bool Has(std::string_view words, std::string_view word) {
  if (word.empty()) return false;
  const std::string spaced = " " + std::string(word) + " ";
  return words.find(spaced) != words.npos;
}

bool IsSpace(char c) { return kSpace.find(c) != kSpace.npos; }
char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
bool IsLetter(char c) { return Lower(c) >= 'a' && Lower(c) <= 'z'; }
bool IsNameByte(char c) { return IsLetter(c) || (c >= '0' && c <= '9'); }

char32_t PlaceOf(std::string_view names, std::string_view name, char32_t first) {
  for (size_t at = 0; at < names.size(); ++first) {
    const size_t end = std::min(names.find(' ', at), names.size());
    if (names.substr(at, end - at) == name) return first;
    at = end + 1;
  }
  return 0;
}

char32_t NumberedCharacter(std::string_view digits) {
  const bool hexadecimal = Lower(digits.empty() ? '\0' : digits[0]) == 'x';
  if (hexadecimal) digits.remove_prefix(1);
  if (digits.empty()) return 0;
  uint32_t value = 0;
  for (const char c : digits) {
    const bool letter = hexadecimal && Lower(c) >= 'a' && Lower(c) <= 'f';
    if (!letter && (c < '0' || c > '9')) return 0;
    value = value * (hexadecimal ? 16 : 10) +
            static_cast<uint32_t>(letter ? Lower(c) - 'a' + 10 : c - '0');
    if (value > 0x10FFFF) return kReplacementCharacter;
  }
  if (value == 0 || (value >= 0xD800 && value < 0xE000)) return kReplacementCharacter;
  if (value < 0x80 || value >= 0xA0) return value;
  // Meant as Windows has it, by custom.
  std::string text;
  DecodeText(TextEncoding::kWindows1252, std::string(1, static_cast<char>(value)), true, &text);
  if (text[0] == kUndecodable) return kReplacementCharacter;
  const char* p = text.data();
  return NextCodePoint(p);
}

// 0 where there is none of that name.
char32_t CharacterOf(std::string_view name) {
  if (name.starts_with('#')) return NumberedCharacter(name.substr(1));
  const auto* named = std::find_if(std::begin(kNamed), std::end(kNamed),
                                   [&](const Named& known) { return known.name == name; });
  if (named != std::end(kNamed)) return named->c;
  if (name == "-") return 0;
  const char32_t latin = PlaceOf(kLatin1Names, name, 160);
  return latin != 0 ? latin : PlaceOf(kGreekNames, name, 913);
}

class Reader {
 public:
  explicit Reader(std::string_view html) : html_(html) {}

  HtmlText Read() {
    while (at_ < html_.size()) {
      if (html_[at_] == '<' && TakeMarkup()) continue;
      TakeCharacter(&out_.text);
    }
    while (!out_.text.empty() && IsSpace(out_.text.back())) out_.text.pop_back();
    if (out_.title.empty()) out_.title = heading_.substr(heading_.starts_with(' '));
    return std::move(out_);
  }

 private:
  // One character, entity or run of white space, into `target`.
  void TakeCharacter(std::string* target) {
    const char c = html_[at_];
    if (IsSpace(c) && !preformatted_) {
      ++at_;
      space_ = true;
      return;
    }
    const size_t begin = at_;
    char32_t entity = 0;
    if (c == '&') {
      const size_t end = html_.substr(at_ + 1, kMaxNameBytes).find(';');
      if (end != html_.npos) entity = CharacterOf(html_.substr(at_ + 1, end));
      if (entity != 0) at_ += end + 2;
    }
    if (at_ == begin) {
      ++at_;
      while (at_ < html_.size() && IsUtf8Continuation(html_[at_])) ++at_;
    }
    Flush();
    std::string piece(html_.substr(begin, at_ - begin));
    if (entity != 0) piece.clear(), AppendUtf8(entity == 0xA0 ? U' ' : entity, piece);
    *target += piece;
    if (in_heading_) heading_ += piece;
  }

  // What separates the text before from what comes.
  void Flush() {
    std::string& text = out_.text;
    if (breaks_ > 0 && !text.empty()) {
      while (!text.empty() && text.back() == ' ') text.pop_back();
      text.append(breaks_, '\n');
    } else if (space_ && !text.empty() && !IsSpace(text.back())) {
      text += ' ';
    }
    if (in_heading_ && (space_ || breaks_ > 0)) heading_ += ' ';
    breaks_ = 0;
    space_ = false;
  }

  // False where the < is a character.
  bool TakeMarkup() {
    const std::string_view rest = html_.substr(at_);
    if (rest.starts_with("<!--")) return SkipTo("-->");
    if (rest.starts_with("<![CDATA[")) return SkipTo("]]>");
    if (rest.starts_with("<!") || rest.starts_with("<?")) return SkipTo(">");
    const bool closing = rest.starts_with("</");
    const size_t begin = at_ + (closing ? 2 : 1);
    if (begin >= html_.size() || !IsLetter(html_[begin])) return closing && SkipTo(">");
    std::string name;
    size_t end = begin;
    for (; end < html_.size() && IsNameByte(html_[end]); ++end) {
      if (name.size() < kMaxNameBytes) name += Lower(html_[end]);
    }
    at_ = end;
    const bool empty = SkipAttributes();
    if (!closing && !empty && (name == "title" || Has(kLeftOut, name))) return SkipElement(name);
    Apply(name, closing);
    return true;
  }

  bool SkipTo(std::string_view end) {
    const size_t found = html_.find(end, at_);
    at_ = found == html_.npos ? html_.size() : found + end.size();
    return true;
  }

  // Behind the tag's >; true for <x/>.
  bool SkipAttributes() {
    bool slash = false;
    for (; at_ < html_.size() && html_[at_] != '>'; ++at_) {
      const char c = html_[at_];
      slash = c == '/';
      const bool value = (c == '"' || c == '\'') && html_[at_ - 1] == '=';
      // A quote that nothing closes is a character.
      const size_t close = value ? html_.find(c, at_ + 1) : html_.npos;
      if (close != html_.npos) at_ = close;
      if (value && close == html_.npos) return SkipTo(">"), false;
    }
    at_ = std::min(at_ + 1, html_.size());
    return slash;
  }

  // Text of <title> is kept; of the others nothing.
  bool SkipElement(const std::string& name) {
    const size_t begin = at_;
    size_t end = begin;
    const auto ends_here = [&] {
      if (html_[end] != '<' || end + 2 + name.size() > html_.size() || html_[end + 1] != '/')
        return false;
      return std::equal(name.begin(), name.end(), html_.begin() + static_cast<ptrdiff_t>(end + 2),
                        [](char a, char b) { return a == Lower(b); });
    };
    while (end < html_.size() && !ends_here()) ++end;
    if (name == "title" && !titled_) {
      titled_ = true;
      out_.title = Plain(html_.substr(begin, end - begin));
    }
    at_ = end;
    return SkipTo(">");
  }

  void Apply(const std::string& name, bool closing) {
    if (Has(kParagraphs, name)) {
      breaks_ = 2;
    } else if (Has(kLines, name)) {
      breaks_ = std::max<size_t>(breaks_, 1);
    } else if (Has(kCells, name)) {
      space_ = true;
    }
    if (name == "pre") preformatted_ = !closing;
    const bool is_heading = name.size() == 2 && name[0] == 'h' && name[1] >= '1' && name[1] <= '6';
    if (is_heading) in_heading_ = !closing && heading_.empty();
  }

  // Text with entities, in one line.
  static std::string Plain(std::string_view text) {
    Reader reader(text);
    while (reader.at_ < text.size()) reader.TakeCharacter(&reader.out_.text);
    return std::move(reader.out_.text);
  }

  const std::string_view html_;
  size_t at_ = 0;
  HtmlText out_;
  std::string heading_;  // the first one
  size_t breaks_ = 0;    // lines to begin before the next character
  bool space_ = false;
  bool preformatted_ = false;
  bool in_heading_ = false;
  bool titled_ = false;
};

}  // namespace

HtmlText ReadHtml(std::string_view html) { return Reader(html).Read(); }

std::string_view DeclaredCharset(std::string_view html) {
  constexpr size_t kLookedAt = 1024;  // as browsers do
  constexpr std::string_view kName = "charset=";
  html = html.substr(0, kLookedAt);
  const auto found = std::search(html.begin(), html.end(), kName.begin(), kName.end(),
                                 [](char a, char b) { return Lower(a) == b; });
  if (found == html.end()) return {};
  html.remove_prefix(static_cast<size_t>(found - html.begin()) + kName.size());
  html.remove_prefix(std::min(html.find_first_not_of("\"' "), html.size()));
  return html.substr(0, std::min(html.find_first_of("\"' ;/>"), html.size()));
}

}  // namespace minnow
