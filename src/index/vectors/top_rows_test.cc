// SPDX-License-Identifier: Apache-2.0
#include "index/vectors/top_rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <set>
#include <vector>

namespace minnow {
namespace {

// The slow true twin.
std::vector<int64_t> BestKeys(std::vector<TopRow> rows, size_t limit, bool distinct) {
  std::erase_if(rows, [](const TopRow& row) { return std::isnan(row.value); });
  std::sort(rows.begin(), rows.end(), [](const TopRow& a, const TopRow& b) { return a.Before(b); });
  std::vector<int64_t> keys;
  std::set<int64_t> groups;
  for (const TopRow& row : rows) {
    if (keys.size() == limit) break;
    if (distinct && !groups.insert(row.group).second) continue;
    keys.push_back(row.key);
  }
  return keys;
}

std::vector<int64_t> KeysOf(TopRows& top) {
  std::vector<int64_t> keys;
  for (const TopRow& row : top.Sorted()) keys.push_back(row.key);
  return keys;
}

class TopRowsOf : public testing::TestWithParam<std::tuple<size_t, bool>> {};

TEST_P(TopRowsOf, AreTheBestInAnyOrderOfOffers) {
  const auto [limit, distinct] = GetParam();
  std::mt19937 random(5);
  for (const size_t offers : {size_t{0}, size_t{1}, limit, limit + 1, 3 * limit, 20 * limit}) {
    std::vector<TopRow> rows;
    for (size_t i = 0; i < offers; ++i) {
      // Few values and few groups: ties, and groups that come again better and worse.
      TopRow row;
      row.value = i % 97 == 3 ? NAN : static_cast<float>(random() % 500);
      row.key = static_cast<int64_t>(i);
      row.group = static_cast<int64_t>(random() % (2 * limit + 1)) - 7;
      rows.push_back(row);
    }
    const std::vector<int64_t> expected = BestKeys(rows, limit, distinct);
    for (int order = 0; order < 3; ++order) {
      std::shuffle(rows.begin(), rows.end(), random);
      TopRows whole(limit, distinct), first(limit, distinct), second(limit, distinct);
      for (const TopRow& row : rows) {
        whole.Offer(row);
        (row.key % 3 == 0 ? first : second).Offer(row);
      }
      EXPECT_EQ(KeysOf(whole), expected) << offers;
      // What came in two parts, one of them sorted in between.
      (void)first.Sorted();
      first.Absorb(second);
      EXPECT_EQ(KeysOf(first), expected) << offers;
      EXPECT_EQ(KeysOf(first), expected) << "asked again";
      if (expected.size() == limit) {
        for (const TopRow& row : first.Sorted()) EXPECT_GE(row.value, first.threshold());
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Any, TopRowsOf,
                         testing::Combine(testing::Values(1, 30, 128, 129, 301, 1000),
                                          testing::Bool()));

}  // namespace
}  // namespace minnow
