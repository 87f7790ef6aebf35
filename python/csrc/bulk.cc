// SPDX-License-Identifier: Apache-2.0
// Blocks of texts are tokenized by all threads, then computed.
#include "csrc/bulk.h"

#include <time.h>

#include <algorithm>
#include <atomic>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace minnow::python {
namespace {

// Ctrl-C is looked for between batches, and is to be heard within 100 ms.
constexpr double kBatchSeconds = 0.025;
constexpr size_t kFirstTokens = 512;
constexpr size_t kFewestTokens = 128;
// Sorted together: sorting millions at once would take as long as many batches.
constexpr size_t kSortedTexts = size_t{1} << 16;
constexpr size_t kBlockBytes = size_t{256} << 10;

// Time that this thread worked: on a busy machine batches take longer, but would be no better for
// being smaller, as then the threads only meet more often.
double WorkedSeconds() {
  timespec time = {};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

// The texts of [begin, end).
std::vector<size_t> LongestFirst(const BulkWork& work, size_t begin, size_t end) {
  std::vector<size_t> order(end - begin);
  std::iota(order.begin(), order.end(), begin);
  if (order.size() < 2) return order;
  std::vector<size_t> bytes(order.size());
  for (size_t i = begin; i < end; ++i) bytes[i - begin] = work.bytes(i);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return bytes[a - begin] > bytes[b - begin]; });
  return order;
}

class BulkRun {
 public:
  BulkRun(const BulkWork& work, TextBatch::Output output, size_t row_size, TextBatch& batch,
          size_t max_tokens, ThreadPool& pool)
      : work_(work),
        output_(output),
        row_size_(row_size),
        batch_(batch),
        max_tokens_(max_tokens),
        pool_(pool) {}

  Status Run() {
    for (size_t begin = 0; begin < work_.count; begin += kSortedTexts) {
      order_ = LongestFirst(work_, begin, std::min(work_.count, begin + kSortedTexts));
      next_ = 0;
      MINNOW_RETURN_IF_ERROR(RunSorted());
    }
    return {};
  }

 private:
  Status RunSorted() {
    while (next_ < order_.size()) {
      const std::span<const size_t> block = NextBlock();
      const double begin = WorkedSeconds();
      MINNOW_RETURN_IF_ERROR(Read(block));
      size_t tokens = 0;
      for (size_t i = 0; i < block.size(); ++i) {
        const TokenizedText& text = **texts_[i];
        if (!batch_.Fits(text)) MINNOW_RETURN_IF_ERROR(Compute());
        batch_.Add(text);
        in_batch_.push_back(block[i]);
        tokens += text.ids.size();
      }
      MINNOW_RETURN_IF_ERROR(Compute());
      Learn(tokens, WorkedSeconds() - begin);
    }
    return {};
  }

  // At least one text; as many as will have about budget_ tokens.
  std::span<const size_t> NextBlock() {
    const size_t first = next_;
    double tokens = 0;
    size_t bytes = 0;
    do {
      const size_t of_text = work_.bytes(order_[next_]);
      tokens += std::min(static_cast<double>(of_text) * tokens_per_byte_ + 2,
                         static_cast<double>(max_tokens_));
      bytes += of_text;
      ++next_;
    } while (next_ < order_.size() && next_ - first < kBulkTexts && bytes < kBlockBytes &&
             tokens < budget_);
    return std::span(order_).subspan(first, next_ - first);
  }

  Status Read(std::span<const size_t> block) {
    texts_.assign(block.size(), std::nullopt);
    std::atomic<size_t> next{0};
    std::atomic<bool> no_memory{false};
    const auto read = [&](int) {
      try {
        for (size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < block.size();)
          texts_[i] = work_.read(block[i]);
      } catch (const std::bad_alloc&) {
        no_memory = true;
      }
    };
    block.size() == 1 ? read(0) : pool_.Run(read);
    if (no_memory) throw std::bad_alloc();
    size_t bytes = 0, tokens = 0;
    for (size_t i = 0; i < block.size(); ++i) {
      if (!texts_[i]->ok()) return texts_[i]->error();
      bytes += work_.bytes(block[i]);
      tokens += (*texts_[i])->untruncated_tokens;
    }
    if (bytes > 0) tokens_per_byte_ = static_cast<double>(tokens) / static_cast<double>(bytes);
    return {};
  }

  Status Compute() {
    if (in_batch_.empty()) return {};
    const std::span<const float> rows = batch_.Run(output_);
    if (!AllFinite(rows)) return Error{Code::kCorrupt, kNotFinite};
    for (size_t i = 0; i < in_batch_.size(); ++i)
      work_.take(in_batch_[i], rows.data() + i * row_size_);
    done_ += in_batch_.size();
    in_batch_.clear();
    if (!work_.go_on(done_)) return Error{Code::kDeadline, "ended by the caller"};
    return {};
  }

  // How many tokens are done in the time that a batch may take.
  void Learn(size_t tokens, double seconds) {
    if (seconds <= 0) return;
    const double fit = static_cast<double>(tokens) * kBatchSeconds / seconds;
    // Not by more than double: a batch may have been slow or fast by chance.
    budget_ = std::clamp(std::clamp(fit, budget_ / 2, budget_ * 2),
                         static_cast<double>(kFewestTokens), static_cast<double>(kBulkTokens));
  }

  const BulkWork& work_;
  const TextBatch::Output output_;
  const size_t row_size_;
  TextBatch& batch_;
  const size_t max_tokens_;
  ThreadPool& pool_;
  std::vector<size_t> order_;
  size_t next_ = 0;  // in order_
  size_t done_ = 0;
  double budget_ = kFirstTokens;
  double tokens_per_byte_ = 0.25;
  std::vector<std::optional<Result<TokenizedText>>> texts_;  // of the block
  std::vector<size_t> in_batch_;
};

}  // namespace

Status RunBulk(const BulkWork& work, TextBatch::Output output, size_t row_size, TextBatch& batch,
               size_t max_tokens, ThreadPool& pool) {
  return BulkRun(work, output, row_size, batch, max_tokens, pool).Run();
}

}  // namespace minnow::python
