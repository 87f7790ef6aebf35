// SPDX-License-Identifier: Apache-2.0
// Independent chains of one instruction; included in the anonymous namespace of each *_peak.cc,
// after the vector type V and VStep(accumulator, a, b) -> accumulator.

// Enough to hide the latency of every instruction measured; fits 16 registers with the operands.
// Named one by one: an array would live in memory.
#define MINNOW_PEAK_CHAINS(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)
static const int kPeakChains = 12;

// Ordinary numbers as fp32 and bf16, and as bytes that no sum of two saturates with.
static const unsigned char kPeakOperand[64] = {
    0x11, 0x3c, 0x22, 0x3d, 0x33, 0x3c, 0x44, 0x3d, 0x15, 0x3c, 0x26, 0x3d, 0x37, 0x3c, 0x48, 0x3d,
    0x19, 0x3c, 0x2a, 0x3d, 0x3b, 0x3c, 0x4c, 0x3d, 0x1d, 0x3c, 0x2e, 0x3d, 0x3f, 0x3c, 0x41, 0x3d,
    0x12, 0x3c, 0x23, 0x3d, 0x34, 0x3c, 0x45, 0x3d, 0x16, 0x3c, 0x27, 0x3d, 0x38, 0x3c, 0x49, 0x3d,
    0x1a, 0x3c, 0x2b, 0x3d, 0x3c, 0x3c, 0x4d, 0x3d, 0x1e, 0x3c, 0x2f, 0x3d, 0x31, 0x3c, 0x42, 0x3d};

inline void RunPeak(size_t rounds) {
  V a, b;
  memcpy(&a, kPeakOperand, sizeof a);
  memcpy(&b, kPeakOperand, sizeof b);
#define X(i) V sum##i = {0};
  MINNOW_PEAK_CHAINS(X)
#undef X
  for (size_t round = 0; round < rounds; ++round) {
    // The empty statement may have changed the operand: no step is moved out of the loop.
#define X(i)                                      \
  __asm__ volatile("" : MINNOW_PEAK_REGISTER(a)); \
  sum##i = VStep(sum##i, a, b);
    MINNOW_PEAK_CHAINS(X)
#undef X
  }
#define X(i) __asm__ volatile("" : MINNOW_PEAK_REGISTER(sum##i));
  MINNOW_PEAK_CHAINS(X)
#undef X
}
