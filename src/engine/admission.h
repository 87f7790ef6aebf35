// SPDX-License-Identifier: Apache-2.0
// Admission: how much may wait at once, counted in jobs, items and tokens; what is above is refused
// at once.
//
// Not thread-safe: the engine's lock guards it.
#pragma once

#include <cstddef>

#include "base/result.h"

namespace minnow {

struct AdmissionLimits {
  size_t jobs = 512;
  size_t items = size_t{1} << 17;
  size_t tokens = size_t{1} << 20;
};

struct Load {
  size_t jobs = 0;
  size_t items = 0;
  size_t tokens = 0;
};

class Admission {
 public:
  explicit Admission(const AdmissionLimits& limits) : limits_(limits) {}

  // Takes a job in, or fails with kOverloaded. A job above the limit of items or tokens by itself
  // is taken in when nothing else waits: to refuse it would be to refuse it for ever.
  Status Admit(size_t items, size_t tokens);
  // The true cost of a job is known now.
  void Correct(size_t expected_tokens, size_t tokens);
  void Release(size_t items, size_t tokens);

  const Load& load() const { return load_; }

 private:
  const AdmissionLimits limits_;
  Load load_;
};

}  // namespace minnow
