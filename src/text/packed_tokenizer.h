// SPDX-License-Identifier: Apache-2.0
// A tokenizer as a packed file holds it: tokenizer.json without its vocabulary, and the
// vocabulary's tables as tensors.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/json.h"
#include "formats/packed.h"
#include "text/models/token_model.h"

namespace minnow {

// What `minnow pack` makes of a tokenizer.json. The tensors borrow from `tables`.
struct TokenizerTables {
  std::string json;
  ModelTables tables;
  ScoreUnits score_units = {};  // of the tables' scores; empty: they are written as they are

  std::vector<PackedTensor> tensors() const;
};

// Reads `directory`/tokenizer.json. Fails as Tokenizer::LoadDirectory does.
Result<TokenizerTables> ReadTokenizerTables(const std::string& directory, bool lowercase = false);

// The tables of a packed file, which they keep open. `json`: the tokenizer's, which holds the
// counts. Fails with kNotFound or kCorrupt.
Result<ModelTables> ReadPackedTables(std::shared_ptr<const PackedFile> packed,
                                     const JsonView& json);

}  // namespace minnow
