// SPDX-License-Identifier: Apache-2.0
// Encodings of text files, and their conversion to UTF-8.
//
// Pure and thread-safe; the tables of the two-byte encodings are unpacked at first use. Nothing is
// guessed: a byte order mark, zero bytes or the caller tell what a file is written in.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace minnow {

enum class TextEncoding {
  kUtf8,
  kUtf16Le,
  kUtf16Be,
  kLatin1,
  kWindows1252,
  kCp949,
  kShiftJis,
  kGb18030
};

// As people write it: "Shift_JIS", "sjis", "cp1252", "EUC-KR", "gbk". nullopt: not known.
std::optional<TextEncoding> FindEncoding(std::string_view name);
const char* EncodingName(TextEncoding encoding);  // "cp949"
// "utf-8, utf-16le, ...": those that FindEncoding knows, for messages.
std::string EncodingNames();

struct EncodedBeginning {
  TextEncoding encoding = TextEncoding::kUtf8;
  size_t mark_bytes = 0;  // of the byte order mark
};
// By the byte order mark, else as `told`, else UTF-16 where zero bytes stand as they do in it, else
// UTF-8. `beginning`: of the input, the first 64 KiB or less.
EncodedBeginning FindEncodingOf(std::string_view beginning, std::optional<TextEncoding> told);

// Stands in decoded text for what the encoding does not have. UTF-8 never has it.
inline constexpr char kUndecodable = '\xFF';

// Appends `bytes` as UTF-8 to `text` and returns how many of them that are: all but the beginning
// of a character, or all if `last`. kUtf8 is copied as it is, good or bad.
size_t DecodeText(TextEncoding encoding, std::string_view bytes, bool last, std::string* text);

// Whether there are control characters that texts do not have: zero, and all of C0 but white space,
// backspace and escape.
bool HasControls(std::string_view text);

// "not UTF-8; name the encoding with --encoding: latin1, ..." or "not cp949 everywhere".
std::string NotInEncoding(TextEncoding encoding);

}  // namespace minnow
