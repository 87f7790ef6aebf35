// SPDX-License-Identifier: Apache-2.0
// Peak of int8 products without VNNI: vpmaddubsw, with as many sums of 16 bits as int16-safe
// weights allow before they are widened. An ISA file defines, in its anonymous namespace before it
// includes this file there:
//   V, MINNOW_PEAK_REGISTER(x) (a constraint that keeps x in a register),
//   MINNOW_PEAK_SUMS(X) and kPeakSums (so many sums of 32 bits, and as many of 16: what fits),
//   VBytes(char), VProducts(a, b), VAddProducts(a, b, sums), VWiden(sums, accumulator).

// All first products, then all second ones: in this order the core's pipes are busiest.
void RunPeak(size_t rounds) {
  V a = VBytes(3);
  const V b = VBytes(5), zero = VBytes(0);
#define X(i) V sum##i = zero, part##i;
  MINNOW_PEAK_SUMS(X)
#undef X
  for (size_t round = 0; round < rounds; ++round) {
    // The empty statement may have changed the operand: no product is moved out of the loop.
#define X(i)                                      \
  __asm__ volatile("" : MINNOW_PEAK_REGISTER(a)); \
  part##i = VProducts(a, b);
    MINNOW_PEAK_SUMS(X)
#undef X
#define X(i)                                      \
  __asm__ volatile("" : MINNOW_PEAK_REGISTER(a)); \
  part##i = VAddProducts(a, b, part##i);
    for (int word = 1; word < kInt8GroupWords; ++word) {
      MINNOW_PEAK_SUMS(X)
    }
#undef X
#define X(i) sum##i = VWiden(part##i, sum##i);
    MINNOW_PEAK_SUMS(X)
#undef X
  }
#define X(i) __asm__ volatile("" : MINNOW_PEAK_REGISTER(sum##i));
  MINNOW_PEAK_SUMS(X)
#undef X
}
