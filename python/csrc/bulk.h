// SPDX-License-Identifier: Apache-2.0
// Texts to rows of numbers, longest first, in batches that take a fraction of a tenth of a second.
// Knows nothing of Python.
#pragma once

#include <cstddef>
#include <functional>

#include "base/result.h"
#include "base/thread_pool.h"
#include "tasks/text_model.h"

namespace minnow::python {

// Of a batch for RunBulk: what the room for more would cost in memory it does not give in speed.
inline constexpr size_t kBulkTokens = 4096;
inline constexpr size_t kBulkTexts = 2048;

struct BulkWork {
  size_t count = 0;                          // of texts
  std::function<size_t(size_t text)> bytes;  // how long a text is
  // The tokens of a text. Called by any thread of the pool; its errors name the text.
  std::function<Result<TokenizedText>(size_t text)> read;
  // Takes the row of a text, [outputs].
  std::function<void(size_t text, const float* row)> take;
  // Called after each batch, with the number of texts that are done; false ends the work.
  std::function<bool(size_t done)> go_on;
};

// Fails with the error of a text; kCorrupt where the model gives what is no number; kDeadline where
// go_on ended it. `batch` is empty before and after. May throw std::bad_alloc.
Status RunBulk(const BulkWork& work, TextBatch::Output output, size_t row_size, TextBatch& batch,
               size_t max_tokens, ThreadPool& pool);

}  // namespace minnow::python
