// SPDX-License-Identifier: Apache-2.0
// ModelReport: everything that can be made out about a model directory, a packed file, an ONNX file
// or a weights file, and all that is wrong with it.
//
// Made once by one thread. Nothing here runs the model.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/image/image_report.h"
#include "formats/checkpoint.h"
#include "formats/packed.h"
#include "models/bert/config.h"
#include "models/heads/classify.h"
#include "models/onnx/onnx_source.h"
#include "models/source.h"
#include "models/t5/config.h"

namespace minnow {

struct TokenizerReport {
  std::string type;
  size_t vocab_size = 0;
};

// What an ONNX file says of itself, and what was made of it.
struct OnnxReport {
  std::string path;
  std::string producer;
  int64_t ir_version = 0;
  int64_t opset = 0;
  size_t nodes = 0;
  size_t tensors = 0;                        // in the file
  std::shared_ptr<const OnnxSource> source;  // null where it was not understood
};

// What a model that makes text of text takes and gives.
struct TextToTextReport {
  std::vector<std::string> tasks;  // that its configuration names
  int start_id = 0;
  std::vector<int> end_ids;
  size_t max_input_tokens = 0;
  size_t max_new_tokens = 0;
  // Of its caches, for each token of an input, and of an answer for each beam.
  size_t input_token_bytes = 0;
  size_t answer_token_bytes = 0;
};

struct ModelReport {
  std::string path;
  bool directory = false;
  std::shared_ptr<const PackedFile> packed;  // of a packed file that could be opened
  bool verified = false;                     // the packed file's checksum was compared, and fits
  // Each is there when its files could be read.
  std::optional<EncoderConfig> config;
  std::optional<T5Config> t5;  // besides, of that family
  std::optional<TextToTextReport> text_to_text;
  std::optional<ImageReport> image;
  std::optional<SentenceTransformersLayout> layout;
  std::optional<TokenizerReport> tokenizer;
  ModelKind kind = ModelKind::kEmbedding;
  std::vector<std::string> labels;  // of a classifier of texts or of tokens
  bool fills_masks = false;         // besides embedding
  Checkpoint checkpoint;            // empty where `packed` or `onnx` is not
  std::optional<OnnxReport> onnx;   // of weights in an ONNX file that could be read
  uint64_t parameters = 0;
  uint64_t tensor_bytes = 0;
  std::vector<Error> problems;     // the model is refused for each of these
  std::vector<std::string> notes;  // it is served, but not quite as one might expect

  // Whether this is a whole model, not one file of weights.
  bool model = false;
  // The weights by name, and the files that they are in. An ONNX file's are those that its graph
  // was understood to hold.
  const std::map<std::string, TensorView, std::less<>>& tensors() const;
  const std::vector<std::unique_ptr<MappedFile>>& files() const;

  // Longest text in tokens and the file that says so; nullopt without config.
  struct LengthLimit {
    int tokens = 0;
    std::string source;
  };
  std::optional<LengthLimit> length_limit() const;
  // Numbers in one vector; 0 when not known.
  int embedding_size() const;
};

// `path` empty: the model in the running program. `verify`: compares a packed file's checksum.
// Fails only where there is nothing to report on: no such path.
Result<ModelReport> ExamineModel(const std::string& path, bool verify);

}  // namespace minnow
