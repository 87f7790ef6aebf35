// SPDX-License-Identifier: Apache-2.0
// The small normalizers: lower case, decomposition, accents, and several in a row.
#include "text/component_json.h"
#include "text/normalizers/canonical_order.h"
#include "text/normalizers/normalizer.h"

namespace minnow {
namespace {

// Calls body(code point, source) for each code point.
template <class Body>
void ForEachCodePoint(const TextView& text, const Body& body) {
  const char* const begin = text.bytes.data();
  const char* const end = begin + text.bytes.size();
  for (const char* p = begin; p < end;) {
    const uint32_t source = text.source == nullptr ? 0 : text.source[p - begin];
    body(NextCodePoint(p), source);
  }
}

class Lowercase : public Normalizer {
 public:
  TextGrowth growth() const override { return {.unicode = true}; }
  void Normalize(const TextView& in, NormalizedText& out) const override {
    out.Reset(in.source != nullptr, in.bytes.size());
    ForEachCodePoint(in, [&out](char32_t c, uint32_t source) {
      char32_t lower[kMaxLowercase];
      const size_t size = ToLowercase(c, lower);
      for (size_t i = 0; i < size; ++i) out.Append(lower[i], source);
    });
  }
};

class DecomposeText : public Normalizer {
 public:
  explicit DecomposeText(Decomposition kind) : kind_(kind) {}
  TextGrowth growth() const override { return {.unicode = true}; }

  void Normalize(const TextView& in, NormalizedText& out) const override {
    out.Reset(in.source != nullptr, in.bytes.size());
    const auto emit = [&out](char32_t c, uint32_t source) { out.Append(c, source); };
    CanonicalOrder order(kind_);
    ForEachCodePoint(in, [&](char32_t c, uint32_t source) {
      if (c < 0x80) {
        order.PushStarter(c, source, emit);
      } else {
        order.Push(c, source, emit);
      }
    });
    order.Flush(emit);
  }

 private:
  const Decomposition kind_;
};

class StripAccents : public Normalizer {
 public:
  void Normalize(const TextView& in, NormalizedText& out) const override {
    out.Reset(in.source != nullptr, in.bytes.size());
    ForEachCodePoint(in, [&out](char32_t c, uint32_t source) {
      if (c < 0x80 || !IsMark(c)) out.Append(c, source);
    });
  }
};

class Sequence : public Normalizer {
 public:
  explicit Sequence(std::vector<std::unique_ptr<const Normalizer>> steps)
      : steps_(std::move(steps)) {}

  void Normalize(const TextView& in, NormalizedText& out) const override {
    out.Reset(in.source != nullptr, in.bytes.size());
    out.bytes.assign(in.bytes);
    if (in.source != nullptr) out.sources.assign(in.source, in.source + in.bytes.size());
    NormalizedText previous;
    for (const auto& step : steps_) {
      std::swap(previous, out);
      step->Normalize(previous.view(), out);
    }
  }

  TextGrowth growth() const override {
    constexpr size_t kUnicodeGrowth = 11;  // NFKC of U+FDFA
    TextGrowth all;
    for (const auto& step : steps_) {
      const TextGrowth growth = step->growth();
      all.times = GrowthOfBoth(all.times, growth.times);
      if (all.inserts && growth.unicode) all.times = GrowthOfBoth(all.times, kUnicodeGrowth);
      all.inserts = growth.inserts || (all.inserts && !growth.unicode);
      all.unicode |= growth.unicode;
    }
    return all;
  }

 private:
  const std::vector<std::unique_ptr<const Normalizer>> steps_;
};

}  // namespace

std::unique_ptr<const Normalizer> MakeLowercase() { return std::make_unique<Lowercase>(); }

std::unique_ptr<const Normalizer> MakeDecompose(Decomposition kind) {
  return std::make_unique<DecomposeText>(kind);
}

std::unique_ptr<const Normalizer> MakeStripAccents() { return std::make_unique<StripAccents>(); }

std::unique_ptr<const Normalizer> MakeNormalizerSequence(
    std::vector<std::unique_ptr<const Normalizer>> steps) {
  return std::make_unique<Sequence>(std::move(steps));
}

}  // namespace minnow
