// SPDX-License-Identifier: Apache-2.0
// Bytes of UTF-8 text, told apart.
#pragma once

namespace minnow {

inline bool IsSpace(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}
inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }
// Whether the byte goes on with a character that began before it.
inline bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace minnow
