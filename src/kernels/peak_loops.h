// SPDX-License-Identifier: Apache-2.0
// PeakLoop: a loop of one instruction that shows what a core can do at best.
//
// This header is read by files that are compiled with -mavx...: it includes C headers only and
// defines no function.
#pragma once

#include <stddef.h>

namespace minnow {

struct PeakLoop {
  double operations;           // of one round: multiplications and additions
  void (*run)(size_t rounds);  // independent steps in registers
};

}  // namespace minnow
