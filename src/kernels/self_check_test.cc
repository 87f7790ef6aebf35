// SPDX-License-Identifier: Apache-2.0
// The check that unproven kernels have to pass lets true tables through and stops wrong ones.
#include "kernels/self_check.h"

#include <gtest/gtest.h>

#include "kernels/dispatch.h"

namespace minnow {
namespace {

const Kernels& Scalar() { return *AvailableKernels().front(); }

TEST(SelfCheck, EveryTableAgrees) {
  for (const Kernels* kernels : AvailableKernels()) {
    EXPECT_TRUE(AgreesWithReference(*kernels->int8, *Scalar().int8, PackedPrecision::kInt8))
        << kernels->name;
    EXPECT_TRUE(AgreesWithReference(*kernels->bf16, *Scalar().bf16, PackedPrecision::kBf16))
        << kernels->name;
  }
}

// One wrong element, in the last column of the last row.
template <const PackedKernels* Kernels::*kPrecision>
void WrongMatmul(const PackedMatmul* args) {
  (Scalar().*kPrecision)->matmul(args);
  args->y[(args->rows - 1) * args->y_stride + args->columns - 1] += 0.01f;
}

TEST(SelfCheck, OneWrongElementIsFound) {
  PackedKernels wrong = *Scalar().int8;
  wrong.matmul = WrongMatmul<&Kernels::int8>;
  EXPECT_FALSE(AgreesWithReference(wrong, *Scalar().int8, PackedPrecision::kInt8));
  wrong = *Scalar().bf16;
  wrong.matmul = WrongMatmul<&Kernels::bf16>;
  EXPECT_FALSE(AgreesWithReference(wrong, *Scalar().bf16, PackedPrecision::kBf16));
}

}  // namespace
}  // namespace minnow
