// SPDX-License-Identifier: Apache-2.0
// NFC and NFKC: decomposition, canonical order, then composition (UAX #15).
#include <algorithm>
#include <vector>

#include "text/normalizers/canonical_order.h"
#include "text/normalizers/normalizer.h"

namespace minnow {
namespace {

// A code point on its way, and how many code points of the input it stands for: those that are
// taken from it one after the other, whichever they were. So Hugging Face's offsets.
struct Composed {
  char32_t c;
  uint32_t taken;
};

// Composes code points that come in canonical order.
class Composition {
 public:
  template <class Emit>
  void Push(Composed next, const Emit& emit) {
    const uint8_t combining_class = CanonicalCombiningClass(next.c);
    if (!has_starter_) {
      if (combining_class != 0) return emit(next);
      starter_ = next;
      has_starter_ = true;
      return;
    }
    const bool blocked = !marks_.empty() && last_class_ >= combining_class;
    const char32_t composed = blocked ? 0 : Compose(starter_.c, next.c);
    if (composed != 0) {
      starter_ = {composed, starter_.taken + next.taken};
    } else if (combining_class == 0) {
      Flush(emit);
      starter_ = next;
      has_starter_ = true;
    } else {
      marks_.push_back(next);
      last_class_ = combining_class;
    }
  }

  template <class Emit>
  void Flush(const Emit& emit) {
    if (has_starter_) emit(starter_);
    for (const Composed& mark : marks_) emit(mark);
    has_starter_ = false;
    marks_.clear();
  }

 private:
  bool has_starter_ = false;
  Composed starter_ = {};
  std::vector<Composed> marks_;  // that did not compose with the starter
  uint8_t last_class_ = 0;       // of the last of them
};

// Writes code points with the sources of those of the input that they take.
class SourceWriter {
 public:
  SourceWriter(const TextView& in, NormalizedText& out)
      : in_(in), out_(out), next_(in.bytes.data()) {}

  void operator()(const Composed& composed) {
    if (in_.source == nullptr) return out_.Append(composed.c, 0);
    if (composed.taken > 0) last_source_ = in_.source[next_ - in_.bytes.data()];
    out_.Append(composed.c, last_source_);
    for (uint32_t i = 0; i < composed.taken; ++i) {
      // What takes nothing has the source of the last one taken.
      last_source_ = in_.source[next_ - in_.bytes.data()];
      NextCodePoint(next_);
    }
  }

 private:
  const TextView& in_;
  NormalizedText& out_;
  const char* next_;  // the first that is not taken
  uint32_t last_source_ = 0;
};

class ComposeText : public Normalizer {
 public:
  explicit ComposeText(Decomposition kind) : kind_(kind) {}

  void Normalize(const TextView& in, NormalizedText& out) const override {
    out.Reset(in.source != nullptr, in.bytes.size());
    if (std::all_of(in.bytes.begin(), in.bytes.end(), IsAscii)) {
      out.bytes = in.bytes;
      if (in.source != nullptr) out.sources.assign(in.source, in.source + in.bytes.size());
      return;
    }
    SourceWriter write(in, out);
    const auto emit = [&write](const Composed& composed) { write(composed); };
    Composition composition;
    // Numbers stand for sources: a part that has the number of the one before it takes nothing.
    uint32_t last_number = 0;
    const auto push = [&](char32_t c, uint32_t number) {
      composition.Push({c, number == last_number ? 0u : 1u}, emit);
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
    composition.Flush(emit);
  }

 private:
  const Decomposition kind_;
};

}  // namespace

std::unique_ptr<const Normalizer> MakeCompose(Decomposition kind) {
  return std::make_unique<ComposeText>(kind);
}

}  // namespace minnow
