// SPDX-License-Identifier: Apache-2.0
// Pairs of sentences, their cosines, and ranks.
#include "eval/sts.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>
#include <optional>

#include "base/mapped_file.h"
#include "formats/csv.h"
#include "formats/json.h"

namespace minnow {
namespace {

constexpr size_t kMaxPairsBytes = size_t{1} << 28;
constexpr size_t kFields = 3;
constexpr size_t kBatchTokens = 2048;
constexpr size_t kBatchTexts = 256;

// Ranks from 1; equal values share the mean of their ranks.
std::vector<double> Ranks(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const double rank = (static_cast<double>(begin + end) + 1) / 2;
    for (; begin < end; ++begin) ranks[order[begin]] = rank;
  }
  return ranks;
}

double Pearson(std::span<const double> a, std::span<const double> b) {
  const double n = static_cast<double>(a.size());
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n;
  const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

double Dot(const float* a, const float* b, size_t size) {
  double sum = 0;
  for (size_t i = 0; i < size; ++i) sum += double{a[i]} * double{b[i]};
  return sum;
}

std::optional<double> Number(const std::string& text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || parsed != end || !std::isfinite(number)) return std::nullopt;
  return number;
}

}  // namespace

Result<SentencePairs> ReadSentencePairs(const std::string& path) {
  MINNOW_ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(path, kMaxPairsBytes));
  const bool tabs = SplitCsvRecord(text, '\t', kFields).size() == kFields;
  const std::vector<std::vector<std::string>> records = ParseCsv(text, tabs ? '\t' : ',');
  SentencePairs read;
  for (size_t i = 0; i < records.size(); ++i) {
    const std::vector<std::string>& record = records[i];
    const std::string where = path + ": record " + std::to_string(i + 1) + ": ";
    if (record.size() != kFields) {
      return Error{Code::kCorrupt, where + std::to_string(record.size()) +
                                       " fields, expected sentence1, sentence2, score"};
    }
    const std::optional<double> score = Number(record[2]);
    if (score) {
      read.pairs.push_back({record[0], record[1], *score});
    } else if (i == 0) {
      read.heading = true;
    } else {
      return Error{Code::kCorrupt, where + "score " + QuoteForMessage(record[2]) + " is no number"};
    }
  }
  if (read.pairs.empty()) return Error{Code::kCorrupt, path + ": no pairs"};
  return read;
}

double Spearman(std::span<const double> a, std::span<const double> b) {
  CHECK(a.size() == b.size());
  return Pearson(Ranks(a), Ranks(b));
}

Result<std::vector<double>> PairCosines(const EmbeddingModel& model,
                                        std::span<const SentencePair> pairs, ThreadPool* pool,
                                        const std::function<void(size_t)>& progress) {
  EmbeddingBatch batch(model, std::max(kBatchTokens, 2 * model.max_tokens()), kBatchTexts, pool);
  std::vector<double> cosines;
  const size_t size = model.embedding_size();
  const auto run = [&] {
    const std::span<const float> vectors = batch.Run(/*normalize=*/true);
    for (const float* v = vectors.data(); v < vectors.data() + vectors.size(); v += 2 * size)
      cosines.push_back(Dot(v, v + size, size));
    progress(cosines.size());
  };
  MINNOW_ASSIGN_OR_RETURN(const Prompt prompt, model.MakePrompt(PromptChoice()));
  for (const SentencePair& pair : pairs) {
    MINNOW_ASSIGN_OR_RETURN(const TokenizedText first,
                            model.Tokenize(pair.first, LengthPolicy{}, prompt));
    MINNOW_ASSIGN_OR_RETURN(const TokenizedText second,
                            model.Tokenize(pair.second, LengthPolicy{}, prompt));
    // Both of a pair go into the same batch.
    if (!batch.FitsBoth(first, second)) run();
    batch.Add(first);
    batch.Add(second);
  }
  run();
  return cosines;
}

}  // namespace minnow
