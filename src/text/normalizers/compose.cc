// SPDX-License-Identifier: Apache-2.0
// NFC and NFKC: decomposition, canonical order, then composition (UAX #15).
#include <algorithm>
#include <vector>

#include "text/normalizers/canonical_order.h"
#include "text/normalizers/character_changes.h"
#include "text/normalizers/normalizer.h"

namespace minnow {
namespace {

// Composes code points that come in canonical order. What one stands for are those of the input
// that are taken one after the other, whichever they were. So Hugging Face's offsets.
class Composition {
 public:
  void Push(CharacterChange next) {
    const uint8_t combining_class = CanonicalCombiningClass(next.c);
    if (!has_starter_) {
      if (combining_class != 0) return done_.push_back(next);
      starter_ = next;
      has_starter_ = true;
      return;
    }
    const bool blocked = !marks_.empty() && last_class_ >= combining_class;
    const char32_t composed = blocked ? 0 : Compose(starter_.c, next.c);
    if (composed != 0) {
      starter_ = {composed, starter_.change + next.change - 1};
    } else if (combining_class == 0) {
      Flush();
      starter_ = next;
      has_starter_ = true;
    } else {
      marks_.push_back(next);
      last_class_ = combining_class;
    }
  }

  // All of them, in the end.
  const std::vector<CharacterChange>& Finish() {
    Flush();
    return done_;
  }

 private:
  void Flush() {
    if (has_starter_) done_.push_back(starter_);
    done_.insert(done_.end(), marks_.begin(), marks_.end());
    has_starter_ = false;
    marks_.clear();
  }

  std::vector<CharacterChange> done_;
  bool has_starter_ = false;
  CharacterChange starter_ = {};
  std::vector<CharacterChange> marks_;  // that did not compose with the starter
  uint8_t last_class_ = 0;              // of the last of them
};

class ComposeText : public Normalizer {
 public:
  explicit ComposeText(Decomposition kind) : kind_(kind) {}
  TextGrowth growth() const override { return {.unicode = true}; }

  void Normalize(const TextView& in, NormalizedText& out) const override {
    out.Reset(in.source != nullptr, in.bytes.size());
    if (std::all_of(in.bytes.begin(), in.bytes.end(), IsAscii)) {
      out.bytes = in.bytes;
      if (in.source != nullptr) out.sources.assign(in.source, in.source + in.bytes.size());
      return;
    }
    Composition composition;
    // Numbers stand for sources: a part that has the number of the one before it was added.
    uint32_t last_number = 0;
    const auto push = [&](char32_t c, uint32_t number) {
      composition.Push({c, number == last_number ? 1 : 0});
      last_number = number;
    };
    CanonicalOrder order(kind_);
    uint32_t number = 0;
    const char* const end = in.bytes.data() + in.bytes.size();
    for (const char* p = in.bytes.data(); p < end;) {
      const char32_t c = NextCodePoint(p);
      if (c < 0x80) {
        order.PushStarter(c, ++number, push);
      } else {
        order.Push(c, ++number, push);
      }
    }
    order.Flush(push);
    AppendChanges(in, composition.Finish(), out);
  }

 private:
  const Decomposition kind_;
};

}  // namespace

std::unique_ptr<const Normalizer> MakeCompose(Decomposition kind) {
  return std::make_unique<ComposeText>(kind);
}

}  // namespace minnow
