// SPDX-License-Identifier: Apache-2.0
// Windows of chunks: tokenized together, embedded by length, equal texts once, stored at once.
#include "ingest/pending_embedder.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <utility>

namespace minnow {
namespace {

// A thread's batch: large enough that weights are read seldom, small enough for its cache (twice as
// much takes a tenth longer for a token, with 512 KiB of it).
constexpr size_t kBatchTokens = 1024;
constexpr size_t kBatchTexts = 256;
// Chunks that are read, sorted and stored together: a second or two of work.
constexpr size_t kWindowChunks = 1024;

}  // namespace

// A text, and the chunks that have it: pages repeat themselves and each other.
struct PendingEmbedder::Item {
  std::vector<int64_t> chunks;
  TokenizedText tokens;
};

// Chunks that are embedded together, longest first, cut into batches.
struct PendingEmbedder::Window {
  std::vector<Item> items;
  std::vector<int64_t> refused;  // chunks that are in no item
  std::vector<size_t> starts;    // of the batches in items, and the end of the last one
  std::vector<float> vectors;    // [items, D]
  std::vector<char> done;        // of each batch
};

struct PendingEmbedder::Worker {
  Worker(const EmbeddingModel& model, size_t max_tokens)
      : alone(1), batch(model, max_tokens, kBatchTexts, &alone) {}
  ThreadPool alone;
  EmbeddingBatch batch;
};

PendingEmbedder::PendingEmbedder(const EmbeddingModel& model, ModelIdentity identity,
                                 ThreadPool* pool)
    : model_(model), identity_(std::move(identity)), pool_(pool) {
  const size_t max_tokens = std::max(kBatchTokens, model.max_tokens());
  for (int i = 0; i < pool->size(); ++i) {
    workers_.push_back(std::make_unique<Worker>(model, max_tokens));
  }
}

PendingEmbedder::~PendingEmbedder() = default;

Result<EmbedCounts> PendingEmbedder::Run(SearchIndex& index, const Progress& progress) {
  counts_ = {};
  int64_t after = 0;
  bool wanted = true;
  while (wanted) {
    MINNOW_ASSIGN_OR_RETURN(const std::vector<PendingChunk> pending,
                            index.Pending(kWindowChunks, after));
    if (pending.empty()) break;
    after = pending.back().chunk;
    Window window = Tokenize(pending);
    counts_.refused += window.refused.size();
    wanted = Embed(window, progress);
    const size_t size = model_.embedding_size();
    std::vector<int64_t> chunks = window.refused;
    std::vector<float> vectors(chunks.size() * size);  // zeros
    for (size_t i = 0; i < window.done.size(); ++i) {
      if (!window.done[i]) continue;  // interrupted
      for (size_t j = window.starts[i]; j < window.starts[i + 1]; ++j) {
        const float* vector = window.vectors.data() + j * size;
        for (const int64_t chunk : window.items[j].chunks) {
          chunks.push_back(chunk);
          vectors.insert(vectors.end(), vector, vector + size);
        }
      }
    }
    MINNOW_RETURN_IF_ERROR(index.SetVectors(identity_, chunks, vectors));
  }
  return counts_;
}

// items: equal texts side by side. Equal tokens give equal vectors, to the bit.
std::vector<PendingEmbedder::Item> PendingEmbedder::MergeEqual(std::vector<Item> items) {
  std::vector<Item> merged;
  for (Item& item : items) {
    if (!merged.empty() && merged.back().tokens.ids == item.tokens.ids &&
        merged.back().tokens.type_ids == item.tokens.type_ids) {
      merged.back().chunks.push_back(item.chunks.front());
    } else {
      merged.push_back(std::move(item));
    }
  }
  return merged;
}

PendingEmbedder::Window PendingEmbedder::Tokenize(const std::vector<PendingChunk>& pending) {
  std::vector<std::optional<Item>> slots(pending.size());
  const auto prompt = model_.MakePrompt({PromptChoice::Kind::kDocument, {}});
  CHECK(prompt.ok());  // only names that were given can be unknown
  std::atomic<size_t> next{0};
  pool_->Run([&](int) {
    for (size_t i = next++; i < pending.size(); i = next++) {
      Result<TokenizedText> tokens = model_.Tokenize(pending[i].text, LengthPolicy{}, *prompt);
      if (tokens.ok()) slots[i] = Item{{pending[i].chunk}, std::move(tokens).value()};
    }
  });
  Window window;
  for (size_t i = 0; i < slots.size(); ++i) {
    if (slots[i]) {
      window.items.push_back(*std::move(slots[i]));
    } else {
      window.refused.push_back(pending[i].chunk);
    }
  }
  // Texts of one length share a batch best; the longest first, so that no thread begins one when
  // the others are done.
  std::stable_sort(window.items.begin(), window.items.end(), [](const Item& a, const Item& b) {
    const size_t lengths[] = {a.tokens.ids.size(), b.tokens.ids.size()};
    return lengths[0] != lengths[1] ? lengths[0] > lengths[1] : a.tokens.ids < b.tokens.ids;
  });
  window.items = MergeEqual(std::move(window.items));
  size_t tokens = 0;
  for (size_t i = 0; i < window.items.size(); ++i) {
    const size_t more = window.items[i].tokens.ids.size();
    if (i == 0 || tokens + more > kBatchTokens || i - window.starts.back() == kBatchTexts) {
      window.starts.push_back(i);
      tokens = 0;
    }
    tokens += more;
  }
  window.done.resize(window.starts.size());
  window.starts.push_back(window.items.size());
  window.vectors.resize(window.items.size() * model_.embedding_size());
  return window;
}

bool PendingEmbedder::Embed(Window& window, const Progress& progress) {
  const size_t size = model_.embedding_size();
  std::atomic<size_t> next{0};
  std::atomic<size_t> chunks{counts_.chunks};
  std::atomic<size_t> texts{counts_.texts};
  std::atomic<size_t> tokens{counts_.tokens};
  std::atomic<bool> wanted{true};
  pool_->Run([&](int member) {
    EmbeddingBatch& batch = workers_[static_cast<size_t>(member)]->batch;
    for (size_t i = next++; i < window.done.size() && wanted; i = next++) {
      size_t batch_tokens = 0, batch_chunks = 0;
      for (size_t j = window.starts[i]; j < window.starts[i + 1]; ++j) {
        batch.Add(window.items[j].tokens);
        batch_tokens += window.items[j].tokens.ids.size();
        batch_chunks += window.items[j].chunks.size();
      }
      const std::span<const float> vectors = batch.Run(/*normalize=*/true);
      std::copy(vectors.begin(), vectors.end(), window.vectors.data() + window.starts[i] * size);
      window.done[i] = 1;
      chunks += batch_chunks;
      texts += window.starts[i + 1] - window.starts[i];
      tokens += batch_tokens;
      // The caller's thread is member 0: nobody else talks to `progress`.
      if (member == 0) wanted = progress({chunks, texts, tokens, counts_.refused});
    }
  });
  counts_.chunks = chunks;
  counts_.texts = texts;
  counts_.tokens = tokens;
  return wanted;
}

}  // namespace minnow
