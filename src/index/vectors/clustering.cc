// SPDX-License-Identifier: Apache-2.0
#include "index/vectors/clustering.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>

namespace minnow {
namespace {

constexpr size_t kFewestClustered = 4096;
constexpr size_t kRowsOfList = 320;
// Training: so many rows a list, of so many bytes in all at most.
constexpr size_t kSampleRowsOfList = 32;
constexpr size_t kSampleBytes = size_t{64} << 20;
constexpr int kIterations = 6;
// Few lists need no cells above them.
constexpr size_t kFewLists = 32;
// A row's list is sought in so many of the nearest cells.
constexpr size_t kCellsOfRow = 2;
constexpr size_t kTileRows = 64;    // of one matrix product
constexpr size_t kChunkRows = 256;  // that one thread takes at a time

size_t WholePanels(size_t n) { return (n + kPanelColumns - 1) / kPanelColumns * kPanelColumns; }

// Some points, and how near rows are to each: x c - |c|^2 / 2, as one matrix product.
class Points {
 public:
  // centroids: [count, D]
  Points(const Kernels& kernels, const float* centroids, size_t count, size_t dimensions)
      : kernels_(kernels),
        count_(count),
        columns_(WholePanels(count)),
        dimensions_(dimensions),
        packed_(columns_ * dimensions),
        bias_(columns_) {
    kernels.pack_f32(centroids, count, dimensions, packed_.data());
    for (size_t i = 0; i < count; ++i) {
      const float* c = centroids + i * dimensions;
      bias_[i] = -0.5f * Dot(*kernels.scan, c, c, dimensions);
    }
  }

  size_t count() const { return count_; }
  size_t columns() const { return columns_; }

  // x: [n, D]; nearness: [n, columns()]
  void Measure(const float* x, size_t n, float* nearness) const {
    const MatmulF32 product = {.x = x,
                               .x_stride = dimensions_,
                               .w = packed_.data(),
                               .bias = bias_.data(),
                               .residual = nullptr,
                               .residual_stride = 0,
                               .y = nearness,
                               .y_stride = columns_,
                               .rows = n,
                               .inner = dimensions_,
                               .columns = columns_,
                               .activation = kMatmulNone};
    kernels_.matmul_f32(&product);
  }

 private:
  const Kernels& kernels_;
  const size_t count_, columns_, dimensions_;
  AlignedBuffer<float> packed_, bias_;
};

// Rows of a matrix, copied side by side for a product.
void GatherRows(const float* x, std::span<const uint32_t> chosen, size_t dimensions,
                AlignedBuffer<float>* rows) {
  if (rows->size() < chosen.size() * dimensions)
    *rows = AlignedBuffer<float>(chosen.size() * dimensions);
  for (size_t i = 0; i < chosen.size(); ++i) {
    std::memcpy(rows->data() + i * dimensions, x + chosen[i] * dimensions,
                dimensions * sizeof(float));
  }
}

// The nearest of `points` to each row of x ([n, D]): calls found(i, point, nearness).
template <class Found>
void FindNearest(const Points& points, const float* x, size_t n, size_t dimensions,
                 AlignedBuffer<float>* nearness, const Found& found) {
  const size_t needed = kTileRows * points.columns();
  if (nearness->size() < needed) *nearness = AlignedBuffer<float>(needed);
  for (size_t begin = 0; begin < n; begin += kTileRows) {
    const size_t count = std::min(kTileRows, n - begin);
    points.Measure(x + begin * dimensions, count, nearness->data());
    for (size_t i = 0; i < count; ++i) {
      const float* row = nearness->data() + i * points.columns();
      const float* best = std::max_element(row, row + points.count());
      found(begin + i, static_cast<uint32_t>(best - row), *best);
    }
  }
}

// Lloyd's iterations over x ([n, D]). Returns [count, D].
std::vector<float> KMeans(const Kernels& kernels, const float* x, size_t n, size_t count,
                          size_t dimensions, ThreadPool* pool) {
  std::vector<float> centroids(count * dimensions);
  for (size_t i = 0; i < count; ++i) {
    // Where rows are fewer than points, some points stay at zero and empty.
    if (i >= n) break;
    const size_t row = n > count ? i * n / count : i;
    std::memcpy(&centroids[i * dimensions], x + row * dimensions, dimensions * sizeof(float));
  }
  std::vector<uint32_t> nearest(n);
  for (int iteration = 0; iteration < kIterations; ++iteration) {
    const Points points(kernels, centroids.data(), count, dimensions);
    std::atomic<size_t> next{0};
    RunOn(pool, [&](int) {
      AlignedBuffer<float> nearness;
      for (size_t begin; (begin = next.fetch_add(kChunkRows)) < n;) {
        FindNearest(points, x + begin * dimensions, std::min(kChunkRows, n - begin), dimensions,
                    &nearness,
                    [&](size_t i, uint32_t point, float) { nearest[begin + i] = point; });
      }
    });
    std::vector<float> sums(count * dimensions);
    std::vector<size_t> sizes(count);
    for (size_t i = 0; i < n; ++i) {
      float* sum = &sums[nearest[i] * dimensions];
      const float* row = x + i * dimensions;
      for (size_t d = 0; d < dimensions; ++d) sum[d] += row[d];
      ++sizes[nearest[i]];
    }
    for (size_t c = 0; c < count; ++c) {
      if (sizes[c] == 0) continue;
      const float inverse = 1 / static_cast<float>(sizes[c]);
      for (size_t d = 0; d < dimensions; ++d)
        centroids[c * dimensions + d] = sums[c * dimensions + d] * inverse;
    }
  }
  return centroids;
}

// Cells, and lists within each.
struct Tree {
  std::vector<float> cells;               // [cells, D]
  std::vector<std::vector<float>> lists;  // of each cell: [lists, D]
  std::vector<uint32_t> first_list;       // [cells]
  size_t list_count = 0;
};

std::vector<uint32_t> UpTo(size_t n) {
  std::vector<uint32_t> numbers(n);
  for (size_t i = 0; i < n; ++i) numbers[i] = static_cast<uint32_t>(i);
  return numbers;
}

// x: [n, D]
Tree Train(const Kernels& kernels, const float* x, size_t n, size_t lists, size_t dimensions,
           ThreadPool* pool) {
  Tree tree;
  const size_t cells =
      lists <= kFewLists ? 1 : static_cast<size_t>(std::sqrt(static_cast<double>(lists)));
  std::vector<std::vector<uint32_t>> members(cells);
  if (cells == 1) {
    tree.cells.resize(dimensions);
    members[0] = UpTo(n);
  } else {
    tree.cells = KMeans(kernels, x, n, cells, dimensions, pool);
    AlignedBuffer<float> nearness;
    FindNearest(
        Points(kernels, tree.cells.data(), cells, dimensions), x, n, dimensions, &nearness,
        [&](size_t i, uint32_t cell, float) { members[cell].push_back(static_cast<uint32_t>(i)); });
  }
  AlignedBuffer<float> rows;
  for (size_t cell = 0; cell < cells; ++cell) {
    const size_t share = std::max<size_t>((members[cell].size() * lists + n / 2) / n, 1);
    // Side by side, for as many products as there are iterations.
    GatherRows(x, members[cell], dimensions, &rows);
    tree.lists.push_back(
        KMeans(kernels, rows.data(), members[cell].size(), share, dimensions, pool));
    tree.first_list.push_back(static_cast<uint32_t>(tree.list_count));
    tree.list_count += share;
  }
  return tree;
}

// Finds the lists of rows.
class Assigner {
 public:
  Assigner(const Kernels& kernels, const Tree& tree, size_t dimensions)
      : tree_(tree),
        dimensions_(dimensions),
        cells_(kernels, tree.cells.data(), tree.lists.size(), dimensions) {
    for (const std::vector<float>& lists : tree.lists)
      lists_.emplace_back(kernels, lists.data(), lists.size() / dimensions, dimensions);
  }

  // One thread's buffers.
  struct Scratch {
    AlignedBuffer<float> rows, nearness;
    std::vector<std::vector<uint32_t>> members;
    std::vector<float> best;
  };

  // x: [n, D]; list_of_row: [n]
  void Assign(const float* x, size_t n, Scratch* scratch, uint32_t* list_of_row) const {
    const size_t cells = lists_.size(), columns = cells_.columns();
    scratch->members.assign(cells, {});
    scratch->best.assign(n, -std::numeric_limits<float>::infinity());
    if (cells == 1) {
      scratch->members[0] = UpTo(n);
    } else {
      if (scratch->nearness.size() < n * columns)
        scratch->nearness = AlignedBuffer<float>(n * columns);
      cells_.Measure(x, n, scratch->nearness.data());
      for (size_t row = 0; row < n; ++row) {
        float* nearness = scratch->nearness.data() + row * columns;
        for (size_t k = 0; k < std::min(kCellsOfRow, cells); ++k) {
          float* nearest = std::max_element(nearness, nearness + cells);
          *nearest = -std::numeric_limits<float>::infinity();
          scratch->members[static_cast<size_t>(nearest - nearness)].push_back(
              static_cast<uint32_t>(row));
        }
      }
    }
    for (size_t cell = 0; cell < cells; ++cell) {
      const std::vector<uint32_t>& members = scratch->members[cell];
      GatherRows(x, members, dimensions_, &scratch->rows);
      FindNearest(lists_[cell], scratch->rows.data(), members.size(), dimensions_,
                  &scratch->nearness, [&](size_t i, uint32_t list, float nearness) {
                    const uint32_t row = members[i];
                    if (nearness <= scratch->best[row]) return;
                    scratch->best[row] = nearness;
                    list_of_row[row] = tree_.first_list[cell] + list;
                  });
    }
  }

 private:
  const Tree& tree_;
  const size_t dimensions_;
  const Points cells_;
  std::vector<Points> lists_;
};

bool CopyRow(const VectorRows& rows, size_t row, size_t dimensions, float* to) {
  const float* from = rows.Get(row, to);
  if (from != nullptr && from != to) std::memcpy(to, from, dimensions * sizeof(float));
  return from != nullptr;
}

}  // namespace

size_t ListsFor(size_t rows) {
  return rows < kFewestClustered ? 1 : std::max<size_t>(rows / kRowsOfList, 16);
}

bool ClusterRows(const Kernels& kernels, const Rotation& rotation, const VectorRows& rows,
                 size_t lists, ThreadPool* pool, RowLists* out) {
  const size_t dimensions = rotation.dimensions(), padded = rotation.padded();
  // Evenly spaced rows: a sample that no order of rows by size or time distorts.
  const size_t sample = std::min(
      {rows.size(), lists * kSampleRowsOfList, kSampleBytes / (dimensions * sizeof(float))});
  AlignedBuffer<float> x(sample * dimensions, PageSize::kHuge);
  for (size_t i = 0; i < sample; ++i) {
    if (!CopyRow(rows, i * rows.size() / sample, dimensions, x.data() + i * dimensions))
      return false;
  }
  const Tree tree = Train(kernels, x.data(), sample, lists, dimensions, pool);
  x = AlignedBuffer<float>();

  const Assigner assigner(kernels, tree, dimensions);
  out->list_of_row.resize(rows.size());
  if (!out->reach.Choose(kernels, rotation, rows)) return false;
  out->reach_parts.resize(MembersOf(pool));
  std::atomic<size_t> next{0};
  std::atomic<bool> readable{true};
  RunOn(pool, [&](int member) {
    AlignedBuffer<float> chunk(kChunkRows * dimensions);
    Assigner::Scratch scratch;
    for (size_t begin; (begin = next.fetch_add(kChunkRows)) < rows.size();) {
      const size_t count = std::min(kChunkRows, rows.size() - begin);
      const float* x = rows.GetTogether(begin, count);
      for (size_t i = 0; i < count && x == nullptr; ++i) {
        if (!CopyRow(rows, begin + i, dimensions, chunk.data() + i * dimensions)) readable = false;
      }
      if (x == nullptr) x = chunk.data();
      uint32_t* lists_of_chunk = out->list_of_row.data() + begin;
      assigner.Assign(x, count, &scratch, lists_of_chunk);
      out->reach.Look(x, begin, {lists_of_chunk, count},
                      &out->reach_parts[static_cast<size_t>(member)]);
    }
  });
  if (!readable) return false;
  out->count = tree.list_count;
  out->centroids = AlignedBuffer<float>(tree.list_count * padded);
  for (size_t cell = 0; cell < tree.lists.size(); ++cell) {
    for (size_t i = 0; i < tree.lists[cell].size() / dimensions; ++i) {
      rotation.Apply(*kernels.scan, &tree.lists[cell][i * dimensions],
                     out->centroids.data() + (tree.first_list[cell] + i) * padded);
    }
  }
  return true;
}

}  // namespace minnow
