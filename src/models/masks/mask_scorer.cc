// SPDX-License-Identifier: Apache-2.0
// The head's arithmetic: a few masks against a block of the vocabulary at a time.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "models/masks/mask_head.h"

namespace minnow {
namespace {

// Masks that share a pass over the word table. Their logits are all that exists: 8 MB for a
// vocabulary of 250,002.
constexpr size_t kRows = 8;
// Rows of the table that a thread takes at once: they and the same for the kernels stay in the
// second-level cache.
constexpr size_t kBlock = 64;

struct Better {
  bool operator()(const Filling& a, const Filling& b) const {
    return a.score > b.score || (a.score == b.score && a.token < b.token);
  }
};

// The best of `count` candidates into `out`, best first; token_of(i) is the i-th.
template <class TokenOf>
void SelectBest(std::span<const float> logits, size_t count, const TokenOf& token_of,
                std::span<Filling> out) {
  if (out.empty()) return;
  // A heap with the worst on top.
  for (size_t i = 0; i < count; ++i) {
    const int32_t token = token_of(i);
    const Filling one = {token, logits[static_cast<size_t>(token)]};
    if (i < out.size()) {
      out[i] = one;
      std::push_heap(out.begin(), out.begin() + static_cast<ptrdiff_t>(i) + 1, Better());
    } else if (Better()(one, out.front())) {
      std::pop_heap(out.begin(), out.end(), Better());
      out.back() = one;
      std::push_heap(out.begin(), out.end(), Better());
    }
  }
  std::sort_heap(out.begin(), out.end(), Better());
}

// The logarithm of the sum of exponentials, in order of the ids; NaN where a logit is no number.
double LogSumExp(std::span<const float> logits) {
  float most = logits[0];
  float check = 0;  // of zeros; infinity and NaN times zero are NaN
  for (const float logit : logits) {
    most = std::max(most, logit);
    check += logit * 0.0f;
  }
  if (check != 0) return std::numeric_limits<double>::quiet_NaN();
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit} - double{most});
  return double{most} + std::log(sum);
}

}  // namespace

MaskScorer::MaskScorer(const MaskHead* head, const Kernels* kernels, ThreadPool* pool)
    : head_(*head),
      kernels_(*kernels),
      pool_(pool),
      hidden_(kRows * PaddedColumns(head->channels_)),
      transformed_(kRows * PaddedColumns(head->decoder().columns())),
      logits_(kRows * PaddedColumns(head->vocab_size())) {
  const size_t block = kBlock * head->decoder().columns();
  for (int i = 0; i < pool->size(); ++i)
    members_.push_back({AlignedBuffer<float>(block), AlignedBuffer<float>(block)});
  questions_.reserve(kRows);
}

size_t MaskScorer::Bytes(const MaskHead& head, int threads) {
  const size_t width = head.decoder().columns();
  const size_t rows = kRows * (PaddedColumns(head.channels_) + PaddedColumns(width) +
                               PaddedColumns(head.vocab_size()));
  return (rows + static_cast<size_t>(threads) * 2 * kBlock * width) * sizeof(float);
}

void MaskScorer::Add(const float* hidden, const MaskQuestion& question) {
  std::memcpy(hidden_.data() + questions_.size() * PaddedColumns(head_.channels_), hidden,
              head_.channels_ * sizeof(float));
  questions_.push_back(question);
  if (questions_.size() == kRows) Flush();
}

void MaskScorer::Flush() {
  if (questions_.empty()) return;
  const size_t rows = questions_.size(), stride = PaddedColumns(head_.decoder().columns());
  LinearScratch none;  // fp32 needs none
  head_.dense_.Forward(kernels_, {hidden_.data(), PaddedColumns(head_.channels_)}, rows,
                       head_.activation_,
                       /*residual=*/{}, {transformed_.data(), stride}, none);
  const LayerNormF32 norm = {.x = transformed_.data(),
                             .x_stride = stride,
                             .gamma = head_.norm_.gamma,
                             .beta = head_.norm_.beta,
                             .epsilon = head_.epsilon_,
                             .y = transformed_.data(),
                             .y_stride = stride,
                             .rows = rows,
                             .channels = head_.decoder().columns()};
  kernels_.layer_norm_f32(&norm);
  pool_->Run([&](int member) {
    ScoreTokens(member);
    pool_->barrier().Wait();
    for (size_t row = static_cast<size_t>(member); row < rows; row += members_.size()) Answer(row);
  });
  questions_.clear();
}

// This thread's blocks of the vocabulary.
void MaskScorer::ScoreTokens(int member) {
  const EmbeddingTable& table = head_.decoder();
  const size_t width = table.columns(), vocabulary = table.rows();
  Member& own = members_[static_cast<size_t>(member)];
  for (size_t first = static_cast<size_t>(member) * kBlock; first < vocabulary;
       first += members_.size() * kBlock) {
    const size_t count = std::min(kBlock, vocabulary - first);
    const float* rows = own.rows.data();
    if (table.type() == TableType::kF32) {
      rows = reinterpret_cast<const float*>(table.data()) + first * width;
    } else {
      std::fill_n(own.rows.data(), count * width, 0.0f);
      for (size_t i = 0; i < count; ++i)
        table.Add(kernels_, first + i, own.rows.data() + i * width);
    }
    kernels_.pack_f32(rows, count, width, own.packed.data());
    const MatmulF32 product = {.x = transformed_.data(),
                               .x_stride = PaddedColumns(width),
                               .w = own.packed.data(),
                               .bias = head_.bias_ + first,
                               .residual = nullptr,
                               .residual_stride = 0,
                               .y = logits_.data() + first,
                               .y_stride = PaddedColumns(vocabulary),
                               .rows = questions_.size(),
                               .inner = width,
                               .columns = PaddedColumns(count),
                               .activation = kMatmulNone};
    kernels_.matmul_f32(&product);
  }
}

void MaskScorer::Answer(size_t row) const {
  const MaskQuestion& question = questions_[row];
  const size_t vocabulary = head_.vocab_size();
  const std::span<const float> logits(logits_.data() + row * PaddedColumns(vocabulary), vocabulary);
  const size_t count = question.targets.empty() ? vocabulary : question.targets.size();
  const std::span<Filling> out = question.out.first(std::min(question.out.size(), count));
  const double sum = LogSumExp(logits);
  if (std::isnan(sum)) {
    for (Filling& one : out) one = {0, std::numeric_limits<float>::quiet_NaN()};
    return;
  }
  if (question.targets.empty()) {
    SelectBest(
        logits, count, [](size_t i) { return static_cast<int32_t>(i); }, out);
  } else {
    SelectBest(
        logits, count, [&](size_t i) { return question.targets[i]; }, out);
  }
  for (Filling& one : out) one.score = static_cast<float>(std::exp(double{one.score} - sum));
}

}  // namespace minnow
