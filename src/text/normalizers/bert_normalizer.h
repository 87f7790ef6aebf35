// SPDX-License-Identifier: Apache-2.0
// BertNormalizer: cleans control characters, sets spaces around CJK ideographs, strips accents,
// lowers case. One pass over the text; ASCII goes through a table. Thread-safe.
#pragma once

#include <array>
#include <cstdint>

#include "text/normalizers/canonical_order.h"
#include "text/normalizers/normalizer.h"

namespace minnow {

struct BertNormalizerOptions {
  bool clean_text = true;
  bool handle_chinese_chars = true;
  bool strip_accents = true;
  bool lowercase = true;
};

class BertNormalizer : public Normalizer {
 public:
  explicit BertNormalizer(const BertNormalizerOptions& options);
  void Normalize(const TextView& in, NormalizedText& out) const override;
  TextGrowth growth() const override { return {.unicode = true}; }

 private:
  const char* NormalizeAscii(const TextView& in, const char* p, CanonicalOrder& order,
                             NormalizedText& out) const;
  void NormalizeCodePoint(char32_t c, uint32_t source, CanonicalOrder& order,
                          NormalizedText& out) const;
  // What comes after cleaning: decomposition, accents, lower case.
  void Finish(char32_t c, uint32_t source, CanonicalOrder& order, NormalizedText& out) const;
  void Emit(char32_t c, uint32_t source, NormalizedText& out) const;

  static constexpr uint8_t kDropped = 0x80;
  const BertNormalizerOptions options_;
  std::array<uint8_t, 128> ascii_;  // what each ASCII character becomes, or kDropped
};

}  // namespace minnow
