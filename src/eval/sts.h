// SPDX-License-Identifier: Apache-2.0
// Semantic textual similarity: how well cosines of vectors rank pairs of sentences as people do.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "tasks/embedding_model.h"

namespace minnow {

struct SentencePair {
  std::string first;
  std::string second;
  double score = 0;
};

struct SentencePairs {
  std::vector<SentencePair> pairs;
  bool heading = false;  // the first row was one, and is left out
};

// Reads a file of sentence1, sentence2, score, separated by commas or, where its first line has
// them, by tabs. A first row whose score is no number is a heading. Fails with kCorrupt (wrong CSV,
// not three fields, no number), naming file and record; and as ReadSmallFile does.
Result<SentencePairs> ReadSentencePairs(const std::string& path);

// Spearman's rank correlation; equal values share the mean of their ranks. 0 where it is not
// defined. REQUIRES: a.size() == b.size()
double Spearman(std::span<const double> a, std::span<const double> b);

// The cosine of each pair. `progress` is told how many pairs are done.
Result<std::vector<double>> PairCosines(const EmbeddingModel& model,
                                        std::span<const SentencePair> pairs, ThreadPool* pool,
                                        const std::function<void(size_t)>& progress);

}  // namespace minnow
