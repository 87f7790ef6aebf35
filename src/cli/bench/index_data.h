// SPDX-License-Identifier: Apache-2.0
// What minnow bench index searches, what for, and the true answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/result.h"
#include "base/thread_pool.h"

namespace minnow {

struct IndexBenchData {
  size_t dimensions = 0;
  size_t rows = 0;
  size_t queries = 0;
  AlignedBuffer<float> row_values;  // [rows, dimensions], of length 1
  std::vector<float> query_values;  // [queries, dimensions], of length 1

  const float* query(size_t i) const { return query_values.data() + i * dimensions; }
};

struct IndexBenchSource {
  std::string path;  // little-endian f32 rows
  size_t dimensions = 0;
  size_t rows = 0;  // 0: as many as the file has
  size_t queries = 0;
  double noise = 0;
  int seed = 0;
};

// The last rows of the file are the queries. Rows beyond those of the file are copies of random
// ones of them with noise: a random direction of length `noise`, then made of length 1 again.
// kInvalidArgument: the file's size does not fit; errors name the path.
Result<IndexBenchData> LoadIndexBenchData(const IndexBenchSource& source);

// The `k` rows of the largest inner products with each query, best first: [queries][k], by plain
// arithmetic over all rows of which every `every`th is allowed.
std::vector<std::vector<int64_t>> BruteForce(const IndexBenchData& data, size_t k, size_t every,
                                             ThreadPool* pool);

}  // namespace minnow
