// SPDX-License-Identifier: Apache-2.0
// How good a ranking is, by people's judgements. Pure.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "eval/collection.h"

namespace minnow {

// Normalised discounted cumulative gain of the first `depth` documents: gains are grades,
// discounts log2(place + 1), as in trec_eval's ndcg_cut. In 0..1; 0 without judgements.
// ranking: document ids, best first, each once.
double Ndcg(std::span<const std::string> ranking, const TestCollection::Judgements& judgements,
            size_t depth);

// The share of the judged documents that are among the first `depth`.
double Recall(std::span<const std::string> ranking, const TestCollection::Judgements& judgements,
              size_t depth);

}  // namespace minnow
