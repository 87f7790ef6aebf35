// SPDX-License-Identifier: Apache-2.0
// ModelReport: everything that can be made out about a model directory or a weights file, and all
// that is wrong with it.
//
// Made once by one thread. Nothing here runs the model.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "formats/checkpoint.h"
#include "formats/encoder_config.h"
#include "formats/sentence_transformers.h"

namespace minnow {

struct TokenizerReport {
  std::string type;
  size_t vocab_size = 0;
};

struct ModelReport {
  std::string path;
  bool directory = false;  // false: one file of weights
  // Each is there when its files could be read.
  std::optional<EncoderConfig> config;
  std::optional<SentenceTransformersLayout> layout;
  std::optional<TokenizerReport> tokenizer;
  bool layout_assumed = false;  // no modules.json: mean pooling
  Checkpoint checkpoint;
  uint64_t parameters = 0;
  uint64_t tensor_bytes = 0;
  std::vector<Error> problems;     // the model is refused for each of these
  std::vector<std::string> notes;  // it is served, but not quite as one might expect

  // Longest text in tokens and the file that says so; nullopt without config.
  struct LengthLimit {
    int tokens = 0;
    std::string source;
  };
  std::optional<LengthLimit> length_limit() const;
  // Numbers in one vector; 0 when not known.
  int embedding_size() const;
};

// Fails only where there is nothing to report on: no such path.
Result<ModelReport> ExamineModel(const std::string& path);

}  // namespace minnow
