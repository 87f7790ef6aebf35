// SPDX-License-Identifier: Apache-2.0
// BertNormalizer, one pass for all four steps.
#include "text/normalizers/bert_normalizer.h"

namespace minnow {
namespace {

// The blocks that BERT calls Chinese characters. Hugging Face's list starts the last-but-two block
// at U+2B920, where BERT's own starts it at U+2B820; parity is with the former.
bool IsChineseCharacter(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

// Ideographs, kana and the like, which most of a CJK text consists of: assigned, no decomposition,
// no class, no case.
bool IsPlainIdeograph(char32_t c) { return c >= 0x4E00 && c <= 0x9FFF; }

}  // namespace

BertNormalizer::BertNormalizer(const BertNormalizerOptions& options) : options_(options) {
  for (size_t i = 0; i < ascii_.size(); ++i) {
    const auto c = static_cast<char32_t>(i);
    ascii_[i] = static_cast<uint8_t>(i);
    if (options.clean_text && IsWhiteSpace(c) && c != 0x0B && c != 0x0C) {
      ascii_[i] = ' ';
    } else if (options.clean_text && IsOther(c)) {
      ascii_[i] = kDropped;
    } else if (options.lowercase && c >= 'A' && c <= 'Z') {
      ascii_[i] = static_cast<uint8_t>(c - 'A' + 'a');
    }
  }
}

void BertNormalizer::Normalize(const TextView& in, NormalizedText& out) const {
  out.Reset(in.source != nullptr, in.bytes.size() + in.bytes.size() / 8);
  CanonicalOrder order(Decomposition::kCanonical);
  const char* const begin = in.bytes.data();
  const char* const end = begin + in.bytes.size();
  for (const char* p = begin; p < end;) {
    if (IsAscii(*p)) {
      p = NormalizeAscii(in, p, order, out);
    } else {
      const uint32_t source = in.source == nullptr ? 0 : in.source[p - begin];
      NormalizeCodePoint(NextCodePoint(p), source, order, out);
    }
  }
  order.Flush([&](char32_t c, uint32_t source) {
    if (!IsNonspacingMark(c)) Emit(c, source, out);
  });
}

const char* BertNormalizer::NormalizeAscii(const TextView& in, const char* p, CanonicalOrder& order,
                                           NormalizedText& out) const {
  const char* const end = in.bytes.data() + in.bytes.size();
  const char* stop = p;
  while (stop < end && IsAscii(*stop)) ++stop;
  // A dropped character does not part the marks around it.
  while (!order.empty() && p < stop) {
    const uint8_t byte = ascii_[static_cast<uint8_t>(*p)];
    if (byte != kDropped) break;
    ++p;
  }
  if (p == stop) return p;
  order.Flush([&](char32_t c, uint32_t source) {
    if (!IsNonspacingMark(c)) Emit(c, source, out);
  });

  const size_t before = out.bytes.size();
  out.bytes.resize(before + static_cast<size_t>(stop - p));
  char* to = out.bytes.data() + before;
  if (!out.track_sources()) {
    for (; p < stop; ++p) {
      const uint8_t byte = ascii_[static_cast<uint8_t>(*p)];
      *to = static_cast<char>(byte);
      to += byte != kDropped;
    }
  } else {
    const uint32_t* source = in.source + (p - in.bytes.data());
    for (; p < stop; ++p, ++source) {
      const uint8_t byte = ascii_[static_cast<uint8_t>(*p)];
      if (byte == kDropped) continue;
      *to++ = static_cast<char>(byte);
      out.sources.push_back(*source);
    }
  }
  out.bytes.resize(static_cast<size_t>(to - out.bytes.data()));
  return p;
}

void BertNormalizer::NormalizeCodePoint(char32_t c, uint32_t source, CanonicalOrder& order,
                                        NormalizedText& out) const {
  if (!IsPlainIdeograph(c) && options_.clean_text) {
    if (c == kReplacementCharacter || IsOther(c)) return;
    if (IsWhiteSpace(c)) c = ' ';
  }
  if (options_.handle_chinese_chars && IsChineseCharacter(c)) {
    Finish(' ', source, order, out);
    Finish(c, source, order, out);
    Finish(' ', source, order, out);
  } else {
    Finish(c, source, order, out);
  }
}

void BertNormalizer::Finish(char32_t c, uint32_t source, CanonicalOrder& order,
                            NormalizedText& out) const {
  if (!options_.strip_accents) return Emit(c, source, out);
  if (c == ' ' || IsPlainIdeograph(c)) {
    order.PushStarter(c, source, [&](char32_t part, uint32_t part_source) {
      if (!IsNonspacingMark(part)) Emit(part, part_source, out);
    });
  } else {
    order.Push(c, source, [&](char32_t part, uint32_t part_source) {
      if (!IsNonspacingMark(part)) Emit(part, part_source, out);
    });
  }
}

void BertNormalizer::Emit(char32_t c, uint32_t source, NormalizedText& out) const {
  if (!options_.lowercase || IsPlainIdeograph(c)) return out.Append(c, source);
  char32_t lower[kMaxLowercase];
  const size_t size = ToLowercase(c, lower);
  for (size_t i = 0; i < size; ++i) out.Append(lower[i], source);
}

}  // namespace minnow
