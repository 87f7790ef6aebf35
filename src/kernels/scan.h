// SPDX-License-Identifier: Apache-2.0
// Kernels of the vector search: one table of functions for each instruction set, beside the table
// of kernels.h and under the same rules (C headers only, total, no allocation, any thread).
//
// Unlike those, all tables give the same bits: sums of floats run in 16 lanes, lane i taking
// elements i, i + 16, ..., by fused multiply-adds, and lanes are added pairwise (i with i + 8, then
// i + 4, i + 2, i + 1).
//
// Letters: D dimensions, rounded up to a multiple of 32; a block is 32 rows.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace minnow {

enum { kScanBlockRows = 32 };
// Dimensions are a multiple of this, and at least kScanMinimumDimensions.
enum { kScanDimensions = 32, kScanMinimumDimensions = 64, kScanMaximumDimensions = 4096 };
// Bytes of a block: [D/8][32] sign bytes (bit i of byte [p][j]: is element 8p + i of row j
// positive), then gain[32] f32 and lean[32] f32, which src/index/vectors/README.md explains.
#define MINNOW_SCAN_BLOCK_BYTES(dimensions) \
  ((dimensions) / 8 * kScanBlockRows + 2 * kScanBlockRows * sizeof(float))
// Entries of a lookup table are at most this, so that eight of them fit a byte.
enum { kScanTableMost = 31 };
// How entries are made: a query's elements are scaled so that four of them sum to kScanTableFull at
// most, and an entry is 2^kScanTableBits of that.
static const int kScanTableFull = 7936, kScanTableBits = 9;
// What has no larger element counts as zero: its inverse would not be a number.
#define MINNOW_SCAN_TINY 1e-30f
enum { kScanQueryMost = 4095 };  // largest magnitude of a query's element in dot_i8

// A fixed random rotation: three rounds of sign flips, a Hadamard transform of the first or the
// last power of two of the elements, and, where that is not all of them, a butterfly of the two
// halves.
enum { kScanRotationRounds = 3 };
struct ScanRotation {
  const uint32_t* flips;  // [3][D]: 0 or the sign bit
  size_t dimensions;
  size_t power;          // the largest power of two <= D
  float hadamard_scale;  // 1 / sqrt(power)
  float halves_scale;    // 1 / sqrt(2)
};

// What is stored of a rotated row x around a rotated centre c, with r = x - c.
struct ScanEncode {
  const float* row;     // [D]
  const float* centre;  // [D]
  size_t dimensions;
  uint8_t* signs;  // [D/8]: bit i of byte p: r[8p + i] >= 0
  float* sums;     // [4]: sum r r, sum |r|, sum r c, sum +-c with the signs of r
};

// Lookup tables of a query.
struct ScanTables {
  const float* query;  // [D]
  size_t dimensions;
  uint8_t* tables;  // [D/4][16]: entry e of table n: sum over i < 4 of +-q[4n + i], + where bit i
                    // of e is set, in steps
  float* step;      // sum over i of +-q[i] is about step * (sum of entries) + offset
  float* offset;
};

// One list of blocks for one query: finds the rows whose bound is not below the threshold.
// bound = gain (step S + offset) + (toward lean + base), S the sum of a row's entries.
struct ScanList {
  const uint8_t* blocks;  // may be unaligned
  size_t block_count;
  size_t dimensions;
  const uint8_t* tables;    // [D/4][16]
  const uint32_t* allowed;  // [block_count]: bit j: row j takes part
  float step, offset;
  float toward, base;
  float threshold;
  const uint8_t* next;  // blocks that are likely to be scanned next, or null
  uint32_t* survivors;  // out: rows, counted from the first block's; room for all rows
  float* bounds;        // out: their bounds (may be NaN, which is below nothing)
};

// Inner products of 8-bit rows with a query; exact.
struct ScanDots {
  const int16_t* query;  // [D], magnitudes up to kScanQueryMost
  const int8_t* rows;
  const uint32_t* slots;  // which rows, or null: the first ones
  size_t count;
  size_t dimensions;
  int32_t* dots;  // [count]
};

// Inner products in fp32, of any length. Nothing need be aligned.
struct ScanFloatDots {
  const float* query;  // [n]
  const float* rows;
  size_t stride;  // floats from row to row
  size_t count;
  size_t dimensions;  // n
  float* dots;        // [count]
};

struct ScanKernels {
  void (*rotate)(const struct ScanRotation* rotation, float* x);
  void (*encode)(const struct ScanEncode* args);
  // out[i] = x[i] / scale, rounded to even; scale = max |x| / 127, or 0 with all of out 0.
  // Returns sum (x[i] - scale out[i])^2. x: [D]
  float (*quantize)(const float* x, size_t dimensions, int8_t* out, float* scale);
  void (*tables)(const struct ScanTables* args);
  // Returns the number of survivors.
  size_t (*scan)(const struct ScanList* args);
  void (*dot_i8)(const struct ScanDots* args);
  void (*dot_f32)(const struct ScanFloatDots* args);
};

}  // namespace minnow
