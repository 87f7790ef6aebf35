// SPDX-License-Identifier: Apache-2.0
#include "index/vectors/vector_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <thread>

namespace minnow {
namespace {

// Rows in memory beside the index, and the plain way to search them.
struct Model {
  explicit Model(size_t dimensions, unsigned seed = 1)
      : dimensions(dimensions), index(dimensions), generator(seed) {}

  std::vector<float> Vector() {
    std::normal_distribution<float> normal;
    std::vector<float> x(dimensions);
    double square = 0;
    for (float& v : x) square += std::pow(v = normal(generator), 2);
    for (float& v : x) v = static_cast<float>(v / std::sqrt(square));
    return x;
  }

  void Add(size_t n, size_t rows_of_group = 1) {
    std::vector<int64_t> keys, groups;
    std::vector<float> vectors;
    for (size_t i = 0; i < n; ++i, ++next) {
      keys.push_back(next);
      groups.push_back(next / static_cast<int64_t>(rows_of_group) + 1000);
      const std::vector<float> x = Vector();
      vectors.insert(vectors.end(), x.begin(), x.end());
      rows[next] = {groups.back(), x};
    }
    ASSERT_TRUE(index.Append(keys, groups, vectors).ok());
  }

  void Remove(std::vector<int64_t> keys) {
    index.Remove(keys);
    for (int64_t key : keys) rows.erase(key);
  }

  std::vector<VectorHit> Truth(const VectorQuery& query) const {
    std::vector<VectorHit> hits;
    for (const auto& [key, row] : rows) {
      if (query.filter != nullptr && !query.filter->Allows(row.first)) continue;
      double dot = 0;
      for (size_t i = 0; i < dimensions; ++i)
        dot += static_cast<double>(query.vector[i]) * row.second[i];
      hits.push_back({key, row.first, static_cast<float>(dot)});
    }
    std::sort(hits.begin(), hits.end(), [](const VectorHit& a, const VectorHit& b) {
      return a.score != b.score ? a.score > b.score : a.key < b.key;
    });
    if (query.distinct_groups) {
      std::vector<VectorHit> best;
      for (const VectorHit& hit : hits) {
        if (std::none_of(best.begin(), best.end(),
                         [&](const VectorHit& other) { return other.group == hit.group; }))
          best.push_back(hit);
        if (best.size() == query.limit) break;
      }
      hits = best;
    }
    if (hits.size() > query.limit) hits.resize(query.limit);
    return hits;
  }

  const size_t dimensions;
  VectorIndex index;
  std::mt19937 generator;
  int64_t next = 1;
  std::map<int64_t, std::pair<int64_t, std::vector<float>>> rows;
};

std::vector<int64_t> Keys(const std::vector<VectorHit>& hits) {
  std::vector<int64_t> keys;
  for (const VectorHit& hit : hits) keys.push_back(hit.key);
  return keys;
}

double Recall(const std::vector<VectorHit>& hits, const std::vector<VectorHit>& truth) {
  size_t found = 0;
  const std::vector<int64_t> keys = Keys(hits);
  for (const VectorHit& hit : truth)
    found += std::find(keys.begin(), keys.end(), hit.key) != keys.end();
  return truth.empty() ? 1 : static_cast<double>(found) / static_cast<double>(truth.size());
}

class VectorIndexDimensions : public testing::TestWithParam<size_t> {};

TEST_P(VectorIndexDimensions, ExactSearchGivesTheTrueOrder) {
  Model model(GetParam());
  for (size_t n : {1, 31, 64, 200, 5}) model.Add(n);
  for (int i = 0; i < 20; ++i) {
    const std::vector<float> q = model.Vector();
    const VectorQuery query = {.vector = q, .limit = 10, .exact = true};
    const auto hits = model.index.Search(query);
    ASSERT_TRUE(hits.ok());
    const auto truth = model.Truth(query);
    ASSERT_EQ(hits->size(), truth.size());
    for (size_t k = 0; k < truth.size(); ++k) {
      EXPECT_NEAR((*hits)[k].score, truth[k].score, 1e-5f);
      EXPECT_EQ((*hits)[k].group, (*hits)[k].key + 1000);
    }
    if (GetParam() > 8) {
      EXPECT_EQ(Keys(*hits), Keys(truth));
    }
  }
}

TEST_P(VectorIndexDimensions, SketchesFindNearlyAll) {
  Model model(GetParam());
  model.Add(3000);
  double recall = 0;
  constexpr int kQueries = 20;
  for (int i = 0; i < kQueries; ++i) {
    const std::vector<float> q = model.Vector();
    const VectorQuery query = {.vector = q, .limit = 10};
    const auto hits = model.index.Search(query);
    ASSERT_TRUE(hits.ok());
    recall += Recall(*hits, model.Truth(query)) / kQueries;
  }
  if (GetParam() > 2) {
    EXPECT_GE(recall, 0.97);
  }
}

INSTANTIATE_TEST_SUITE_P(Any, VectorIndexDimensions,
                         testing::Values(1, 2, 3, 16, 63, 64, 65, 100, 384, 1000, 4096));

TEST(VectorIndexTest, EmptyAndLimits) {
  VectorIndex index(4);
  const std::vector<float> q = {1, 0, 0, 0};
  EXPECT_TRUE(index.Search({.vector = q})->empty());
  EXPECT_EQ(index.last_key(), std::numeric_limits<int64_t>::min());
  const std::vector<float> shorter = {1, 0, 0};
  EXPECT_EQ(index.Search({.vector = shorter}).error().code, Code::kInvalidArgument);
  const std::vector<int64_t> keys = {5, 9}, groups = {1, 2};
  const std::vector<float> rows = {0, 1, 0, 0, 0.5, 0.5, 0.5, 0.5};
  ASSERT_TRUE(index.Append(keys, groups, rows).ok());
  EXPECT_EQ(index.last_key(), 9);
  EXPECT_EQ(index.Append(keys, groups, rows).error().code, Code::kInvalidArgument);
  EXPECT_TRUE(index.Search({.vector = q, .limit = 0})->empty());
  const auto hits = index.Search({.vector = q, .limit = 100});
  ASSERT_EQ(hits->size(), 2u);
  EXPECT_EQ((*hits)[0], (VectorHit{9, 2, 0.5f}));
  EXPECT_EQ((*hits)[1], (VectorHit{5, 1, 0.0f}));
}

TEST(VectorIndexTest, RemovedRowsAreNotFound) {
  Model model(48);
  for (int i = 0; i < 40; ++i) model.Add(static_cast<size_t>(1 + i * 7 % 50));
  std::vector<int64_t> gone;
  for (int64_t key = 3; key < model.next; key += 3) gone.push_back(key);
  model.Remove(gone);
  EXPECT_EQ(model.index.Remove(gone), 0u);
  EXPECT_FALSE(model.index.Contains(3));
  EXPECT_TRUE(model.index.Contains(4));
  model.Add(100);
  EXPECT_EQ(model.index.stats().rows, model.rows.size());
  for (int i = 0; i < 20; ++i) {
    const std::vector<float> q = model.Vector();
    const VectorQuery query = {.vector = q, .limit = 15, .exact = true};
    EXPECT_EQ(Keys(*model.index.Search(query)), Keys(model.Truth(query)));
  }
}

TEST(VectorIndexTest, OneRowAGroup) {
  Model model(64);
  for (int i = 0; i < 20; ++i) model.Add(60, /*rows_of_group=*/7);
  for (const bool exact : {false, true}) {
    double recall = 0;
    for (int i = 0; i < 20; ++i) {
      const std::vector<float> q = model.Vector();
      for (const bool distinct : {false, true}) {
        const VectorQuery query = {
            .vector = q, .limit = 20, .exact = exact, .distinct_groups = distinct};
        recall += Recall(*model.index.Search(query), model.Truth(query)) / 40;
      }
    }
    EXPECT_GE(recall, exact ? 1 : 0.97);
  }
}

TEST(VectorIndexTest, FiltersLoseNothing) {
  Model model(96);
  model.Add(2000);
  model.Add(300);
  for (const int64_t every : {1, 2, 10, 100, 1000}) {
    std::vector<int64_t> groups;
    std::vector<uint64_t> bits(40);
    for (int64_t g = 1001; g < 1001 + 2300; g += every) {
      groups.push_back(g);
      const auto bit = static_cast<size_t>(g - 1001);
      if (bit / 64 < bits.size()) bits[bit / 64] |= uint64_t{1} << bit % 64;
    }
    const RowFilter list = RowFilter::FromGroups(groups);
    const RowFilter bitmap = RowFilter::FromBitmap(1001, bits);
    EXPECT_EQ(list.allowed(), groups.size());
    EXPECT_EQ(bitmap.allowed(), groups.size());
    for (int i = 0; i < 10; ++i) {
      const std::vector<float> q = model.Vector();
      VectorQuery query = {.vector = q, .limit = 10, .exact = true, .filter = &list};
      const auto truth = Keys(model.Truth(query));
      EXPECT_EQ(Keys(*model.index.Search(query)), truth);
      query.filter = &bitmap;
      EXPECT_EQ(Keys(*model.index.Search(query)), truth);
      query.exact = false;
      EXPECT_GE(Recall(*model.index.Search(query), model.Truth(query)), 0.9);
    }
  }
  const RowFilter none = RowFilter::FromGroups({});
  const std::vector<float> q = model.Vector();
  EXPECT_TRUE(model.index.Search({.vector = q, .filter = &none})->empty());
}

TEST(VectorIndexTest, FewGroupsOfManyRows) {
  Model model(64);
  for (int i = 0; i < 10; ++i) model.Add(200, /*rows_of_group=*/1 + i);
  // Groups do not ascend: rows with the groups of the first.
  Model mixed(64);
  for (int i = 0; i < 10; ++i) {
    mixed.next = 1 + 3000 * (i % 3) + 300 * i;
    if (i % 3 == 0) mixed.Add(250, 2);
  }
  for (Model* each : {&model, &mixed}) {
    std::vector<int64_t> all;
    for (const auto& [key, row] : each->rows) all.push_back(row.first);
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    for (const size_t count : {1, 2, 3, 20, 100}) {
      std::vector<int64_t> groups = {5, 900};  // that no row has
      for (size_t i = 0; i < count; ++i) groups.push_back(all[i * all.size() / count]);
      groups.push_back(all.back());
      groups.push_back(all.back() + 70);
      groups.erase(std::unique(groups.begin(), groups.end()), groups.end());
      const RowFilter filter = RowFilter::FromGroups(groups);
      const std::vector<float> q = each->Vector();
      VectorQuery query = {.vector = q, .limit = 300, .filter = &filter, .distinct_groups = false};
      EXPECT_GE(Recall(*each->index.Search(query), each->Truth(query)), 0.97);
      query.exact = true;
      EXPECT_EQ(Keys(*each->index.Search(query)), Keys(each->Truth(query)));
    }
  }
}

TEST(VectorIndexTest, SparseGroupsAreAList) {
  const std::vector<int64_t> groups = {std::numeric_limits<int64_t>::min(), -7, 0, 1'000'000'007,
                                       std::numeric_limits<int64_t>::max()};
  const RowFilter filter = RowFilter::FromGroups(groups);
  for (const int64_t group : groups) EXPECT_TRUE(filter.Allows(group));
  EXPECT_FALSE(filter.Allows(1));
}

TEST(VectorIndexTest, TiesGoToTheSmallerKeyOnAnyNumberOfThreads) {
  VectorIndex index(32);
  std::vector<int64_t> keys(5000), groups(5000);
  std::vector<float> rows(5000 * 32);
  for (size_t i = 0; i < keys.size(); ++i) {
    keys[i] = static_cast<int64_t>(2 * i);
    groups[i] = keys[i];
    rows[i * 32 + i % 3] = 1;
  }
  ASSERT_TRUE(index.Append(keys, groups, rows).ok());
  std::vector<float> q(32);
  q[1] = 1;
  ThreadPool pool(3);
  for (const bool exact : {false, true}) {
    for (ThreadPool* threads : {static_cast<ThreadPool*>(nullptr), &pool}) {
      const auto hits = index.Search({.vector = q, .limit = 40, .exact = exact, .pool = threads});
      ASSERT_EQ(hits->size(), 40u);
      for (size_t i = 0; i < hits->size(); ++i)
        EXPECT_EQ((*hits)[i].key, static_cast<int64_t>(2 + 6 * i));
    }
  }
}

TEST(VectorIndexTest, OddVectorsBreakNothing) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInf = std::numeric_limits<float>::infinity();
  VectorIndex index(3);
  const std::vector<float> rows = {0, 0, 0,     kNan, 1,      1, 1, 0,  0, kInf, 0,
                                   0, 0, 1e14f, 0,    1e-40f, 0, 0, -1, 0, 0};
  const std::vector<int64_t> keys = {1, 2, 3, 4, 5, 6, 7}, groups = {1, 2, 3, 4, 5, 6, 7};
  ASSERT_TRUE(index.Append(keys, groups, rows).ok());
  const std::vector<float> q = {1, 0, 0};
  for (const bool exact : {false, true}) {
    const auto hits = index.Search({.vector = q, .exact = exact});
    ASSERT_EQ(hits->size(), 7u);
    EXPECT_EQ(Keys(*hits), (std::vector<int64_t>{3, 6, 1, 2, 4, 5, 7}));
    for (const std::vector<float>& odd : {std::vector<float>{kNan, 0, 0}, {kInf, 1, 1}, {0, 0, 0}})
      EXPECT_EQ(index.Search({.vector = odd, .exact = exact})->size(), 7u);
  }
}

// Rows around some centres, enough of them for lists.
struct Crowd : Model {
  Crowd(size_t n, size_t dimensions, size_t centres) : Model(dimensions, 5) {
    std::vector<std::vector<float>> points;
    for (size_t i = 0; i < centres; ++i) points.push_back(Vector());
    std::vector<int64_t> keys, groups;
    std::vector<float> vectors;
    for (size_t i = 0; i < n; ++i, ++next) {
      std::vector<float> x = Vector();
      for (size_t d = 0; d < dimensions; ++d)
        x[d] = 0.6f * x[d] + 0.8f * points[generator() % centres][d];
      keys.push_back(next);
      groups.push_back(next + 1000);
      vectors.insert(vectors.end(), x.begin(), x.end());
      rows[next] = {groups.back(), x};
    }
    EXPECT_TRUE(index.Append(keys, groups, vectors).ok());
  }
};

TEST(VectorIndexLists, FindNearlyAllOnAnyNumberOfThreads) {
  Crowd crowd(20000, 40, 300);
  EXPECT_GT(crowd.index.stats().lists, 10u);
  EXPECT_FALSE(crowd.index.WantsClustering());
  std::vector<int64_t> few;
  for (int64_t g = 1001; g < 21001; g += 97) few.push_back(g);
  const RowFilter filter = RowFilter::FromGroups(few);
  ThreadPool pool(3);
  double recall = 0, filtered = 0;
  constexpr int kQueries = 20;
  for (int i = 0; i < kQueries; ++i) {
    const std::vector<float> q =
        i % 2 == 0 ? crowd.Vector() : crowd.rows[1 + 700 * static_cast<int64_t>(i)].second;
    VectorQuery query = {.vector = q, .limit = 10};
    const auto hits = *crowd.index.Search(query);
    recall += Recall(hits, crowd.Truth(query)) / kQueries;
    query.pool = &pool;
    EXPECT_EQ(*crowd.index.Search(query), hits);
    query.exact = true;
    EXPECT_EQ(Keys(*crowd.index.Search(query)), Keys(crowd.Truth(query)));
    query.exact = false;
    query.filter = &filter;
    filtered += Recall(*crowd.index.Search(query), crowd.Truth(query)) / kQueries;
  }
  EXPECT_GE(recall, 0.98);
  EXPECT_GE(filtered, 0.98);
}

TEST(VectorIndexLists, ClusterWhileRowsComeAndGo) {
  Crowd crowd(6000, 24, 50);
  for (int i = 0; i < 30; ++i) crowd.Add(500);
  EXPECT_TRUE(crowd.index.WantsClustering());
  crowd.Remove({1, 2, 3, 10000});
  std::thread maintenance([&] { crowd.index.Cluster(nullptr); });
  for (int i = 0; i < 50; ++i) {
    crowd.Add(10);
    crowd.Remove({100 + i, crowd.next - 3});
  }
  maintenance.join();
  EXPECT_FALSE(crowd.index.WantsClustering());
  EXPECT_EQ(crowd.index.stats().rows, crowd.rows.size());
  EXPECT_GT(crowd.index.stats().lists, 10u);
  for (int i = 0; i < 10; ++i) {
    const std::vector<float> q = crowd.Vector();
    const VectorQuery query = {.vector = q, .limit = 10, .exact = true};
    EXPECT_EQ(Keys(*crowd.index.Search(query)), Keys(crowd.Truth(query)));
  }
  EXPECT_FALSE(crowd.index.Contains(100));
  EXPECT_FALSE(crowd.index.Contains(2));
}

TEST(VectorIndexLists, EqualRows) {
  VectorIndex index(16);
  std::vector<int64_t> keys(20000);
  std::vector<float> rows(keys.size() * 16);
  for (size_t i = 0; i < keys.size(); ++i) {
    keys[i] = static_cast<int64_t>(i);
    rows[i * 16] = 1;
  }
  ASSERT_TRUE(index.Append(keys, keys, rows).ok());
  const std::vector<float> q(rows.begin(), rows.begin() + 16);
  const auto hits = *index.Search({.vector = q, .limit = 5});
  EXPECT_EQ(Keys(hits), (std::vector<int64_t>{0, 1, 2, 3, 4}));
}

TEST(VectorIndexTest, SearchesBesideAWriter) {
  Model model(32);
  model.Add(100);
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  for (unsigned t = 0; t < 3; ++t) {
    readers.emplace_back([&, t] {
      Model other(32, 77 + t);
      while (!done) {
        const std::vector<float> q = other.Vector();
        const auto hits = model.index.Search({.vector = q, .exact = t == 0});
        ASSERT_TRUE(hits.ok());
        ASSERT_EQ(hits->size(), 10u);
      }
    });
  }
  for (int i = 0; i < 100; ++i) {
    model.Add(20);
    model.Remove({model.next - 5, model.next - 100});
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(model.index.stats().rows, model.rows.size());
}

}  // namespace
}  // namespace minnow
