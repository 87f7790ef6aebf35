// SPDX-License-Identifier: Apache-2.0
// PendingEmbedder: vectors for the chunks of an index that wait for theirs, in bulk.
//
// For whoever has the machine to itself (the command line); the server embeds through its engine.
// Called by one thread; the pool does the arithmetic: each of its threads embeds batches of its
// own, since that needs no meeting between the layers, and a thread that is held up holds up no
// other. What is stored stays: whoever is stopped or killed goes on where it was by running again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "index/store/search_index.h"
#include "tasks/embedding_model.h"

namespace minnow {

struct EmbedCounts {
  size_t chunks = 0;   // that have a vector now
  size_t texts = 0;    // that went through the model: chunks of one text side by side do once
  size_t tokens = 0;   // of these texts
  size_t refused = 0;  // by the model, for want of tokens, say: they wait no more
};

class PendingEmbedder {
 public:
  // Asked after every batch; false: no more.
  using Progress = std::function<bool(const EmbedCounts&)>;

  // `model` and `pool` outlive it. `identity` is the model's, to which indexes are bound. Each of
  // the pool's threads has a workspace of its own. May throw std::bad_alloc.
  PendingEmbedder(const EmbeddingModel& model, ModelIdentity identity, ThreadPool* pool);
  ~PendingEmbedder();

  // Until no chunk waits, or `progress` answers false. Vectors are stored every second or two, and
  // at the end. Fails as SearchIndex does.
  Result<EmbedCounts> Run(SearchIndex& index, const Progress& progress);

 private:
  struct Item;
  struct Window;
  struct Worker;

  static std::vector<Item> MergeEqual(std::vector<Item> items);
  Window Tokenize(const std::vector<PendingChunk>& pending);
  // False where `progress` wants no more.
  bool Embed(Window& window, const Progress& progress);

  const EmbeddingModel& model_;
  const ModelIdentity identity_;
  ThreadPool* const pool_;
  std::vector<std::unique_ptr<Worker>> workers_;  // one for each of the pool's members
  EmbedCounts counts_;
};

}  // namespace minnow
