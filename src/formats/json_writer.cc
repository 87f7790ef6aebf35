// SPDX-License-Identifier: Apache-2.0
// JSON text for answers: escapes, UTF-8 repair and shortest round-trip numbers.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/utf8.h"
#include "formats/json.h"

namespace minnow {
namespace {

constexpr size_t kNumberBytes = 32;  // the longest: -2.2250738585072014e-308
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
constexpr size_t kMaxQuotedBytes = 64;    // of QuoteForMessage
constexpr size_t kMaxCharacterBytes = 4;  // of UTF-8
constexpr size_t kQuotes = 2;

void AppendEscape(std::string& out, unsigned char c) {
  constexpr char kHex[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    default:
      break;
  }
  const char text[] = {'\\', 'u', '0', '0', kHex[c >> 4], kHex[c & 15]};
  out.append(text, sizeof text);
}

// True for ASCII that stands for itself.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (int c = 0x20; c < 0x80; ++c) plain[static_cast<size_t>(c)] = c != '"' && c != '\\';
  return plain;
}();

template <class Real>
char* PutReal(char* at, Real value) {
  if (!std::isfinite(value)) return std::copy_n("null", 4, at);
  return std::to_chars(at, at + kNumberBytes, value).ptr;
}

}  // namespace

void JsonWriter::Comma() {
  if (comma_) out_ += ',';
  comma_ = true;
}

void JsonWriter::Open(char bracket) {
  Comma();
  out_ += bracket;
  comma_ = false;
}

void JsonWriter::Close(char bracket) {
  out_ += bracket;
  comma_ = true;
}

void JsonWriter::Key(std::string_view name) {
  String(name);
  out_ += ':';
  comma_ = false;
}

void JsonWriter::String(std::string_view text) {
  Comma();
  out_ += '"';
  size_t i = 0;
  while (i < text.size()) {
    size_t end = i;
    while (end < text.size() && kPlain[static_cast<unsigned char>(text[end])]) ++end;
    out_.append(text, i, end - i);
    i = end;
    if (i == text.size()) break;
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      AppendEscape(out_, c);
      ++i;
      continue;
    }
    size_t bad = 0;
    const size_t length = Utf8SequenceLength(text.substr(i), bad);
    if (length == 0) {
      out_ += kReplacement;
      i += bad;
    } else {
      out_.append(text, i, length);
      i += length;
    }
  }
  out_ += '"';
}

void JsonWriter::Int(int64_t value) {
  Comma();
  char text[kNumberBytes];
  out_.append(text, std::to_chars(text, text + kNumberBytes, value).ptr);
}

void JsonWriter::Uint(uint64_t value) {
  Comma();
  char text[kNumberBytes];
  out_.append(text, std::to_chars(text, text + kNumberBytes, value).ptr);
}

void JsonWriter::Float(float value) {
  Comma();
  char text[kNumberBytes];
  out_.append(text, PutReal(text, value));
}

void JsonWriter::Double(double value) {
  Comma();
  char text[kNumberBytes];
  out_.append(text, PutReal(text, value));
}

void JsonWriter::Bool(bool value) { Raw(value ? "true" : "false"); }
void JsonWriter::Null() { Raw("null"); }

void JsonWriter::Raw(std::string_view json) {
  Comma();
  out_ += json;
}

void JsonWriter::Floats(std::span<const float> values) {
  constexpr size_t kBlock = 64;
  char text[kBlock * (kNumberBytes + 1)];
  BeginArray();
  for (size_t i = 0; i < values.size(); i += kBlock) {
    char* at = text;
    for (const float value : values.subspan(i, std::min(kBlock, values.size() - i))) {
      if (comma_) *at++ = ',';
      comma_ = true;
      at = PutReal(at, value);
    }
    out_.append(text, at);
  }
  EndArray();
}

std::string QuoteForMessage(std::string_view text) {
  std::string quoted = "\"";
  for (size_t at = 0; at < text.size();) {
    size_t end = at + 1;  // of the whole character: a half would show as a replacement
    while (end < text.size() && end < at + kMaxCharacterBytes && IsUtf8Continuation(text[end]))
      ++end;
    std::string shown;
    JsonWriter(&shown).String(text.substr(at, end - at));
    // Counted as it is shown: an escape of one byte takes six.
    if (quoted.size() + shown.size() - kQuotes > 1 + kMaxQuotedBytes) {
      quoted += "...";
      break;
    }
    quoted.append(shown, 1, shown.size() - kQuotes);
    at = end;
  }
  return quoted + '"';
}

void WriteJson(const JsonView& value, JsonWriter& json) {
  switch (value.type()) {
    case JsonType::kNull:
      return json.Null();
    case JsonType::kBool:
      return json.Bool(value.Bool().value());
    case JsonType::kNumber: {
      const auto integer =
          value.Int(std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max());
      if (integer.ok()) return json.Int(*integer);
      const auto number = value.Number();
      return number.ok() ? json.Double(*number) : json.Null();
    }
    case JsonType::kString:
      return json.String(value.String().value());
    case JsonType::kArray:
      json.BeginArray();
      for (const JsonView item : value.Items()) WriteJson(item, json);
      return json.EndArray();
    case JsonType::kObject:
      json.BeginObject();
      for (size_t i = 0; i < value.size(); ++i) {
        json.Key(value.key(i));
        WriteJson(value.at(i), json);
      }
      return json.EndObject();
  }
}

}  // namespace minnow
