// SPDX-License-Identifier: Apache-2.0
// Normalizer: text -> the text that words are looked for in, with the way back to the original.
//
// Every byte of a normalised text remembers one code point of the original (its source). All steps
// of Hugging Face tokenizers keep that: a replaced character keeps its source, an added one takes
// that of the character before it. Const methods are thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/unicode.h"

namespace minnow {

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

class Normalizer {
 public:
  virtual ~Normalizer() = default;
  // Overwrites `out`, which is not what `in` points into.
  virtual void Normalize(const TextView& in, NormalizedText& out) const = 0;
};

std::unique_ptr<const Normalizer> MakeLowercase();
std::unique_ptr<const Normalizer> MakeDecompose(Decomposition kind);  // NFD, NFKD
std::unique_ptr<const Normalizer> MakeStripAccents();
std::unique_ptr<const Normalizer> MakeSequence(
    std::vector<std::unique_ptr<const Normalizer>> steps);

}  // namespace minnow
