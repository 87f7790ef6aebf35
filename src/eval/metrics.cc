// SPDX-License-Identifier: Apache-2.0
#include "eval/metrics.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

namespace minnow {
namespace {

double Discounted(int grade, size_t place) {
  return grade / std::log2(static_cast<double>(place) + 2);
}

}  // namespace

double Ndcg(std::span<const std::string> ranking, const TestCollection::Judgements& judgements,
            size_t depth) {
  double gain = 0;
  for (size_t i = 0; i < std::min(depth, ranking.size()); ++i) {
    const auto found = judgements.find(ranking[i]);
    if (found != judgements.end()) gain += Discounted(found->second, i);
  }
  std::vector<int> grades;
  for (const auto& [document, grade] : judgements) grades.push_back(grade);
  std::sort(grades.begin(), grades.end(), std::greater<>());
  double ideal = 0;
  for (size_t i = 0; i < std::min(depth, grades.size()); ++i) ideal += Discounted(grades[i], i);
  return ideal > 0 ? gain / ideal : 0;
}

double Recall(std::span<const std::string> ranking, const TestCollection::Judgements& judgements,
              size_t depth) {
  if (judgements.empty()) return 0;
  size_t found = 0;
  for (size_t i = 0; i < std::min(depth, ranking.size()); ++i) {
    found += judgements.contains(ranking[i]) ? 1 : 0;
  }
  return static_cast<double>(found) / static_cast<double>(judgements.size());
}

}  // namespace minnow
