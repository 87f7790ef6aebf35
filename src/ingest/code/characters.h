// SPDX-License-Identifier: Apache-2.0
// Classes of bytes in source code, whatever the locale.
#pragma once

namespace minnow {

inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }
inline bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
inline bool IsUtf8Inner(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }
// Part of a name or number; other alphabets count as letters, and $ as JavaScript has it.
inline bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || IsDigit(c) || c == '_' || c == '$' ||
         static_cast<unsigned char>(c) >= 0x80;
}

}  // namespace minnow
