// SPDX-License-Identifier: Apache-2.0
// The alphabet of byte-level tokenizers: one printable letter for each byte, as GPT-2 chose them.
// Bytes that are printable in Latin-1 stand for themselves, the others for U+0100 and on, in order.
// Pure functions; thread-safe.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace minnow {

struct ByteAlphabet {
  static constexpr char32_t kLetterLimit = 0x100 + 68;  // one more than the largest letter

  std::array<uint16_t, 256> letters;             // of each byte
  std::array<int16_t, kLetterLimit> bytes = {};  // of each letter; -1: none

  constexpr ByteAlphabet() : letters() {
    for (int16_t& byte : bytes) byte = -1;
    uint16_t next = 0x100;
    for (size_t byte = 0; byte < 256; ++byte) {
      const bool printable = (byte > 0x20 && byte < 0x7F) || (byte > 0xA0 && byte != 0xAD);
      letters[byte] = printable ? static_cast<uint16_t>(byte) : next++;
      bytes[letters[byte]] = static_cast<int16_t>(byte);
    }
  }
};

inline constexpr ByteAlphabet kByteAlphabet;

inline char32_t LetterOfByte(char byte) {
  return kByteAlphabet.letters[static_cast<unsigned char>(byte)];
}
// -1: `letter` stands for no byte.
inline int ByteOfLetter(char32_t letter) {
  return letter < ByteAlphabet::kLetterLimit ? kByteAlphabet.bytes[letter] : -1;
}

}  // namespace minnow
