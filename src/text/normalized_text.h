// SPDX-License-Identifier: Apache-2.0
// Text on its way to tokens, with the way back to the original.
//
// Every byte remembers one code point of the original (its source). All steps of Hugging Face
// tokenizers keep that: a replaced character keeps its source, an added one takes that of the
// character before it. Values; one thread each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"

namespace minnow {

// Bytes [begin, end) of some text.
struct TextSpan {
  size_t begin = 0;
  size_t end = 0;
};

// Well-formed UTF-8 and, where offsets are wanted, the source of each byte (otherwise null). Owns
// nothing.
struct TextView {
  std::string_view bytes;
  const uint32_t* source = nullptr;

  TextView Slice(size_t begin, size_t end) const {
    return {bytes.substr(begin, end - begin), source == nullptr ? nullptr : source + begin};
  }
};

class NormalizedText {
 public:
  // Empties it; keeps the memory.
  void Reset(bool track_sources, size_t expected_bytes) {
    track_sources_ = track_sources;
    bytes.clear();
    bytes.reserve(expected_bytes);
    sources.clear();
    if (track_sources) sources.reserve(expected_bytes);
  }
  void Append(char32_t c, uint32_t source) {
    AppendUtf8(c, bytes);
    if (track_sources_) sources.resize(bytes.size(), source);
  }
  TextView view() const { return {bytes, track_sources_ ? sources.data() : nullptr}; }
  bool track_sources() const { return track_sources_; }

  std::string bytes;
  std::vector<uint32_t> sources;  // as long as `bytes`, or empty

 private:
  bool track_sources_ = false;
};

}  // namespace minnow
