// SPDX-License-Identifier: Apache-2.0
#include "index/vectors/clustering.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>

namespace minnow {
namespace {

constexpr size_t kChunkRows = 64;
constexpr int kIterations = 6;

size_t WholePanels(size_t n) { return (n + kPanelColumns - 1) / kPanelColumns * kPanelColumns; }

// Finds the nearest of some centroids to many rows, as a matrix product: the largest of
// x c - |c|^2 / 2.
class Nearest {
 public:
  // centroids: [count, D]
  Nearest(const Kernels& kernels, const float* centroids, size_t count, size_t dimensions)
      : kernels_(kernels),
        count_(count),
        columns_(WholePanels(count)),
        dimensions_(dimensions),
        packed_(columns_ * dimensions),
        bias_(columns_) {
    kernels.pack_f32(centroids, count, dimensions, packed_.data());
    for (size_t i = 0; i < columns_; ++i) {
      const float* c = centroids + i * dimensions;
      bias_[i] = i < count ? -0.5f * kernels.scan->dot_f32(c, c, dimensions)
                           : -std::numeric_limits<float>::infinity();
    }
  }

  size_t columns() const { return columns_; }

  // x: [n, D]; scores: [n, columns()]; nearest: [n]
  void Find(const float* x, size_t n, float* scores, uint32_t* nearest) const {
    const MatmulF32 product = {.x = x,
                               .x_stride = dimensions_,
                               .w = packed_.data(),
                               .bias = bias_.data(),
                               .residual = nullptr,
                               .residual_stride = 0,
                               .y = scores,
                               .y_stride = columns_,
                               .rows = n,
                               .inner = dimensions_,
                               .columns = columns_,
                               .activation = kMatmulNone};
    kernels_.matmul_f32(&product);
    for (size_t row = 0; row < n; ++row) {
      const float* score = scores + row * columns_;
      nearest[row] = static_cast<uint32_t>(std::max_element(score, score + count_) - score);
    }
  }

 private:
  const Kernels& kernels_;
  const size_t count_, columns_, dimensions_;
  AlignedBuffer<float> packed_, bias_;
};

template <class Body>
void OnEveryThread(ThreadPool* pool, const Body& body) {
  if (pool != nullptr) {
    pool->Run(body);
  } else {
    body(0);
  }
}

// nearest: [rows]. False: a row cannot be read.
bool Assign(const Nearest& centroids, const VectorRows& rows, size_t dimensions,
            const std::vector<uint32_t>* chosen, ThreadPool* pool, uint32_t* nearest) {
  const size_t n = chosen != nullptr ? chosen->size() : rows.size();
  std::atomic<size_t> next{0};
  std::atomic<bool> readable{true};
  OnEveryThread(pool, [&](int) {
    AlignedBuffer<float> x(kChunkRows * dimensions), scores(kChunkRows * centroids.columns());
    for (size_t begin; (begin = next.fetch_add(kChunkRows)) < n;) {
      const size_t count = std::min(kChunkRows, n - begin);
      for (size_t i = 0; i < count; ++i) {
        float* to = x.data() + i * dimensions;
        const float* row = rows.Get(chosen != nullptr ? (*chosen)[begin + i] : begin + i, to);
        if (row == nullptr) {
          readable = false;
        } else if (row != to) {
          std::memcpy(to, row, dimensions * sizeof(float));
        }
      }
      centroids.Find(x.data(), count, scores.data(), nearest + begin);
    }
  });
  return readable;
}

}  // namespace

size_t ListsFor(size_t rows) {
  return rows < 4096 ? 1 : static_cast<size_t>(std::sqrt(static_cast<double>(rows)) / 2);
}

bool ClusterRows(const Kernels& kernels, const Rotation& rotation, const VectorRows& rows,
                 size_t lists, ThreadPool* pool, RowLists* out) {
  const size_t dimensions = rotation.dimensions(), padded = rotation.padded();
  // Evenly spaced rows are a sample that no order of rows by size or time distorts.
  const size_t sample = std::min(rows.size(), lists * 64);
  std::vector<uint32_t> chosen(sample);
  for (size_t i = 0; i < sample; ++i) chosen[i] = static_cast<uint32_t>(i * rows.size() / sample);
  std::vector<float> centroids(lists * dimensions), scratch(dimensions);
  for (size_t list = 0; list < lists; ++list) {
    const float* row = rows.Get(chosen[list * sample / lists], scratch.data());
    if (row == nullptr) return false;
    std::memcpy(&centroids[list * dimensions], row, dimensions * sizeof(float));
  }
  std::vector<uint32_t> nearest(sample);
  for (int i = 0; i < kIterations; ++i) {
    if (!Assign(Nearest(kernels, centroids.data(), lists, dimensions), rows, dimensions, &chosen,
                pool, nearest.data()))
      return false;
    std::vector<double> sums(lists * dimensions);
    std::vector<size_t> counts(lists);
    for (size_t r = 0; r < sample; ++r) {
      const float* row = rows.Get(chosen[r], scratch.data());
      if (row == nullptr) return false;
      double* sum = &sums[nearest[r] * dimensions];
      for (size_t d = 0; d < dimensions; ++d) sum[d] += row[d];
      ++counts[nearest[r]];
    }
    for (size_t list = 0; list < lists; ++list) {
      if (counts[list] == 0) continue;
      for (size_t d = 0; d < dimensions; ++d)
        centroids[list * dimensions + d] =
            static_cast<float>(sums[list * dimensions + d] / static_cast<double>(counts[list]));
    }
  }
  out->count = lists;
  out->list_of_row.resize(rows.size());
  if (!Assign(Nearest(kernels, centroids.data(), lists, dimensions), rows, dimensions, nullptr,
              pool, out->list_of_row.data()))
    return false;
  out->centroids = AlignedBuffer<float>(lists * padded);
  for (size_t list = 0; list < lists; ++list)
    rotation.Apply(*kernels.scan, &centroids[list * dimensions],
                   out->centroids.data() + list * padded);
  return true;
}

}  // namespace minnow
