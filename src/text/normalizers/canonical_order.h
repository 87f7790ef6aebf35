// SPDX-License-Identifier: Apache-2.0
// CanonicalOrder: decomposes code points one after the other and puts combining marks into
// canonical order (UAX #15).
//
// Marks wait until the next starter, so time and memory are linear (n log n in one run of marks)
// whatever the text. One thread; reusable after Flush.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "text/unicode.h"

namespace minnow {

class CanonicalOrder {
 public:
  explicit CanonicalOrder(Decomposition kind) : kind_(kind) {}

  bool empty() const { return marks_.empty(); }

  // Takes a code point that decomposes to itself and has class 0. `emit(c, source)` gets what is
  // now in order.
  template <class Emit>
  void PushStarter(char32_t c, uint32_t source, const Emit& emit) {
    Flush(emit);
    last_source_ = source;
    emit(c, source);
  }

  // Takes any code point.
  template <class Emit>
  void Push(char32_t c, uint32_t source, const Emit& emit) {
    char32_t parts[kMaxDecomposition];
    const size_t size = Decompose(c, kind_, parts);
    for (size_t i = 0; i < size; ++i) {
      const bool first = i == 0;
      const uint8_t combining_class = CanonicalCombiningClass(parts[i]);
      if (combining_class == 0) {
        Flush(emit);
        if (first) last_source_ = source;
        emit(parts[i], last_source_);
      } else {
        marks_.push_back({parts[i], combining_class, first});
        if (first) sources_.push_back(source);
      }
    }
  }

  // The end of the text.
  template <class Emit>
  void Flush(const Emit& emit) {
    if (marks_.empty()) return;
    if (marks_.size() > 1) {
      std::stable_sort(marks_.begin(), marks_.end(), [](const Mark& a, const Mark& b) {
        return a.combining_class < b.combining_class;
      });
    }
    // Sources stay in the order of the text though marks move: the first part of a decomposition
    // takes the next source, whichever character that is, and the other parts take the last one
    // taken. So Hugging Face's offsets.
    size_t next = 0;
    for (const Mark& mark : marks_) {
      if (mark.first) last_source_ = sources_[next++];
      emit(mark.c, last_source_);
    }
    marks_.clear();
    sources_.clear();
  }

 private:
  struct Mark {
    char32_t c;
    uint8_t combining_class;
    bool first;  // of its decomposition
  };

  const Decomposition kind_;
  std::vector<Mark> marks_;
  std::vector<uint32_t> sources_;  // of the characters whose first part waits in marks_
  uint32_t last_source_ = 0;
};

}  // namespace minnow
