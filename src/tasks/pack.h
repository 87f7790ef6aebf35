// SPDX-License-Identifier: Apache-2.0
// PackModel: a model directory -> one packed file, measured against fp32.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/thread_pool.h"
#include "formats/packed.h"
#include "models/diffusion/lora.h"
#include "models/source.h"
#include "nn/dtype.h"
#include "nn/embedding_table.h"

namespace minnow {

struct PackOptions {
  Dtype dtype = Dtype::kInt8;
  TableType embedding = TableType::kInt8;
  std::string packed_by;                // program and version
  std::vector<LoraOptions> loras = {};  // of a model that makes pictures
};

// The mean cosine below which a packed model is worth a warning. all-MiniLM-L6-v2 has 0.9985 in
// int8, and 0.9969 with embeddings of int4.
inline double WantedCosineMean(TableType embedding) {
  return embedding == TableType::kInt4 ? 0.996 : 0.998;
}

struct PackResult {
  size_t bytes = 0;
  ModelKind kind = ModelKind::kEmbedding;
  std::optional<PackedQuality> quality;  // of a model with a tokenizer
};

// Writes `path` as a whole or not at all. `progress` is told what is being done. Fails as the
// readers of the directory do, or with kInternal where the file cannot be written.
Result<PackResult> PackModel(const std::string& directory, const PackOptions& options,
                             const std::string& path, ThreadPool* pool,
                             const std::function<void(const std::string&)>& progress);

}  // namespace minnow
