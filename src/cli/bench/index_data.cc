// SPDX-License-Identifier: Apache-2.0
// Rows from a file, more of them by resampling, and brute force.
#include "cli/bench/index_data.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <random>

#include "base/mapped_file.h"
#include "kernels/dispatch.h"

namespace minnow {
namespace {

// Rows that stay near the processor while all queries look at them.
constexpr size_t kTileRows = 128;

void Normalize(float* x, size_t n) {
  double square = 0;
  for (size_t i = 0; i < n; ++i) square += static_cast<double>(x[i]) * x[i];
  const double length = std::sqrt(square);
  for (size_t i = 0; i < n && length > 0; ++i) x[i] = static_cast<float>(x[i] / length);
}

struct Found {
  float score;
  int64_t row;
  bool operator<(const Found& other) const {
    return score != other.score ? score > other.score : row < other.row;
  }
};

void Keep(std::vector<Found>& best, size_t k, Found found) {
  if (best.size() == k && !(found < best.back())) return;
  best.insert(std::upper_bound(best.begin(), best.end(), found), found);
  if (best.size() > k) best.pop_back();
}

// One thread's part: the tiles that it takes.
void LookThrough(const IndexBenchData& data, size_t k, size_t every, std::atomic<size_t>* next,
                 std::vector<std::vector<Found>>* best) {
  float scores[kTileRows];
  best->resize(data.queries);
  for (size_t begin; (begin = next->fetch_add(kTileRows)) < data.rows;) {
    const size_t first = (begin + every - 1) / every * every;
    const size_t end = std::min(begin + kTileRows, data.rows);
    if (first >= end) continue;
    const size_t count = (end - first + every - 1) / every;
    for (size_t q = 0; q < data.queries; ++q) {
      const ScanFloatDots dots = {
          data.query(q),           data.row_values.data() + first * data.dimensions,
          every * data.dimensions, count,
          data.dimensions,         scores};
      ActiveKernels().scan->dot_f32(&dots);
      for (size_t i = 0; i < count; ++i)
        Keep((*best)[q], k, {scores[i], static_cast<int64_t>(first + i * every)});
    }
  }
}

}  // namespace

Result<IndexBenchData> LoadIndexBenchData(const IndexBenchSource& source) {
  MINNOW_ASSIGN_OR_RETURN(const MappedFile file, MappedFile::Open(source.path));
  const size_t row_bytes = source.dimensions * sizeof(float);
  const size_t in_file = file.bytes().size() / row_bytes;
  if (file.bytes().size() % row_bytes != 0 || in_file <= source.queries) {
    return Error{Code::kInvalidArgument, source.path + ": " + std::to_string(file.bytes().size()) +
                                             " bytes, expected rows of " +
                                             std::to_string(row_bytes) + ", more than " +
                                             std::to_string(source.queries) + " of them"};
  }
  const size_t given = in_file - source.queries;
  IndexBenchData data;
  data.dimensions = source.dimensions;
  data.queries = source.queries;
  data.rows = source.rows == 0 ? given : source.rows;
  data.row_values = AlignedBuffer<float>(data.rows * data.dimensions, PageSize::kHuge);
  data.query_values.resize(data.queries * data.dimensions);
  std::memcpy(data.query_values.data(), file.bytes().data() + given * row_bytes,
              data.queries * row_bytes);
  std::memcpy(data.row_values.data(), file.bytes().data(), std::min(given, data.rows) * row_bytes);
  std::mt19937_64 random(static_cast<uint64_t>(source.seed));
  std::normal_distribution<float> normal;
  const auto noise =
      static_cast<float>(source.noise / std::sqrt(static_cast<double>(data.dimensions)));
  for (size_t row = 0; row < data.rows; ++row) {
    float* x = data.row_values.data() + row * data.dimensions;
    if (row >= given) {
      std::memcpy(x, file.bytes().data() + random() % given * row_bytes, row_bytes);
      for (size_t d = 0; d < data.dimensions; ++d) x[d] += noise * normal(random);
    }
    Normalize(x, data.dimensions);
  }
  for (size_t q = 0; q < data.queries; ++q)
    Normalize(data.query_values.data() + q * data.dimensions, data.dimensions);
  return data;
}

std::vector<std::vector<int64_t>> BruteForce(const IndexBenchData& data, size_t k, size_t every,
                                             ThreadPool* pool) {
  std::vector<std::vector<std::vector<Found>>> parts(static_cast<size_t>(pool->size()));
  std::atomic<size_t> next{0};
  pool->Run(
      [&](int member) { LookThrough(data, k, every, &next, &parts[static_cast<size_t>(member)]); });
  std::vector<std::vector<int64_t>> truth(data.queries);
  for (size_t q = 0; q < data.queries; ++q) {
    std::vector<Found> best;
    for (const auto& part : parts) {
      for (const Found& found : part[q]) Keep(best, k, found);
    }
    for (const Found& found : best) truth[q].push_back(found.row);
  }
  return truth;
}

}  // namespace minnow
