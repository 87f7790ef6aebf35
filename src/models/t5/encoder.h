// SPDX-License-Identifier: Apache-2.0
// T5's encoder over packed texts.
//
// Forward pass after T5Stack in
// https://github.com/huggingface/transformers/blob/v5.23.0/src/transformers/models/t5/modeling_t5.py
#pragma once

#include <span>

#include "models/t5/cache.h"
#include "models/t5/config.h"
#include "models/t5/weights.h"
#include "models/t5/workspace.h"
#include "models/token_batch.h"

namespace minnow {

// Leaves the final norm's hidden states in workspace.hidden, and fills in the cross keys and values
// of each text's cache where `caches` has one for each text; it may be empty. Allocates nothing.
// REQUIRES: the batch fits the workspace; a cache is as long as its text.
void T5Encode(const T5Config& config, const T5Weights& weights, const Kernels& kernels,
              const TokenBatch& batch, std::span<T5Cache* const> caches, T5Workspace& workspace);

}  // namespace minnow
