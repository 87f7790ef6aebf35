// SPDX-License-Identifier: Apache-2.0
#include "image/parameters.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "base/utf8.h"

namespace minnow {
namespace {

constexpr std::string_view kNegative = "Negative prompt:";
constexpr size_t kFewestFields = 3;

std::string Quoted(std::string_view value) {
  if (value.find_first_of(",:\n") == std::string_view::npos) return std::string(value);
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20) {
      out += {'\\', 'u', '0', '0', kDigits[byte >> 4], kDigits[byte & 15]};
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::optional<char32_t> FourDigits(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  char32_t value = 0;
  for (const char c : text.substr(0, 4)) {
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return std::nullopt;
    value = value * 16 + static_cast<char32_t>(digit);
  }
  return value;
}

bool IsHigh(char32_t unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool IsLow(char32_t unit) { return unit >= 0xDC00 && unit < 0xE000; }

// Takes \uXXXX off, both halves of a pair; `text` begins behind the "u".
std::optional<char32_t> TakeUnicode(std::string_view& text) {
  const auto first = FourDigits(text);
  if (!first) return std::nullopt;
  text.remove_prefix(4);
  if (!IsHigh(*first) && !IsLow(*first)) return first;
  if (IsHigh(*first) && text.starts_with("\\u")) {
    const auto second = FourDigits(text.substr(2));
    if (second && IsLow(*second)) {
      text.remove_prefix(6);
      return 0x10000 + ((*first - 0xD800) << 10) + (*second - 0xDC00);
    }
  }
  return kReplacementCharacter;
}

// What stands between the quotes of a JSON string; nullopt where it is none.
std::optional<std::string> FromJson(std::string_view text) {
  constexpr std::string_view kNames = "\"\\/bfnrt";
  constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
  std::string out;
  while (!text.empty()) {
    const char c = text[0];
    text.remove_prefix(1);
    if (c == '"' || static_cast<unsigned char>(c) < 0x20) return std::nullopt;
    if (c != '\\') {
      out += c;
      continue;
    }
    if (text.empty()) return std::nullopt;
    const char name = text[0];
    text.remove_prefix(1);
    if (name == 'u') {
      const auto code = TakeUnicode(text);
      if (!code) return std::nullopt;
      AppendUtf8(*code, out);
    } else if (const size_t at = kNames.find(name); at != std::string_view::npos) {
      out += kMeanings[at];
    } else {
      return std::nullopt;
    }
  }
  return out;
}

std::string Unquoted(std::string_view value) {
  const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  if (!quoted) return std::string(value);
  return FromJson(value.substr(1, value.size() - 2)).value_or(std::string(value));
}

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view Strip(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

bool IsWord(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         !IsAscii(c);
}

// The length of the value at the head of `text`: a quoted string that a comma or the end follows,
// or all up to the next comma.
size_t ValueLength(std::string_view text) {
  if (text.starts_with('"')) {
    size_t i = 1;
    while (i < text.size() && text[i] != '"') i += text[i] == '\\' ? 2 : 1;
    const size_t end = i + 1;
    if (i > 1 && (end == text.size() || (end < text.size() && text[end] == ','))) return end;
  }
  return std::min(text.find(','), text.size());
}

// The fields of a line: "\s*(\w[\w \-/]+):\s*(value)(?:,|$)", wherever the expression matches.
std::vector<std::pair<std::string, std::string>> ParseFields(std::string_view line) {
  std::vector<std::pair<std::string, std::string>> fields;
  size_t at = 0;
  while (at < line.size()) {
    if (!IsWord(line[at])) {
      ++at;
      continue;
    }
    size_t end = at + 1;
    const auto in_name = [](char c) { return IsWord(c) || c == ' ' || c == '-' || c == '/'; };
    while (end < line.size() && in_name(line[end])) ++end;
    if (end == line.size() || line[end] != ':' || end - at < 2) {
      at = end;
      continue;
    }
    size_t begin = end + 1;
    while (begin < line.size() && IsSpace(line[begin])) ++begin;
    const size_t length = ValueLength(line.substr(begin));
    fields.emplace_back(line.substr(at, end - at), Unquoted(line.substr(begin, length)));
    at = begin + length + 1;
  }
  return fields;
}

void AppendLine(std::string_view line, std::string& text) {
  if (!text.empty()) text += '\n';
  text += line;
}

}  // namespace

const std::string* GenerationText::Find(std::string_view name) const {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [name](const auto& field) { return field.first == name; });
  return found == fields.end() ? nullptr : &found->second;
}

std::string WriteGenerationText(const GenerationText& text) {
  std::string out = text.prompt;
  if (!text.negative_prompt.empty()) out += "\nNegative prompt: " + text.negative_prompt;
  std::string fields;
  for (const auto& [name, value] : text.fields) {
    if (!fields.empty()) fields += ", ";
    fields += name + ": " + Quoted(value);
  }
  if (!fields.empty()) out += "\n" + fields;
  return out;
}

GenerationText ParseGenerationText(std::string_view text) {
  GenerationText parsed;
  text = Strip(text);
  const size_t last = text.rfind('\n');
  const size_t last_begin = last == std::string_view::npos ? 0 : last + 1;
  auto fields = ParseFields(text.substr(last_begin));
  if (fields.size() >= kFewestFields) {
    parsed.fields = std::move(fields);
    text = text.substr(0, last == std::string_view::npos ? 0 : last);
  }
  bool negative = false;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = Strip(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with(kNegative)) {
      negative = true;
      line = Strip(line.substr(kNegative.size()));
    }
    AppendLine(line, negative ? parsed.negative_prompt : parsed.prompt);
  }
  return parsed;
}

}  // namespace minnow
