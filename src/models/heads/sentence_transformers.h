// SPDX-License-Identifier: Apache-2.0
// SentenceTransformersLayout: what comes after the transformer in a sentence-transformers
// directory.
//
// Layout: modules.json lists modules by type and folder (Transformer, Pooling, Dense, Normalize);
// https://sbert.net/docs/package_reference/sentence_transformer/models.html describes each folder's
// config.json.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace minnow {

// kNone: the head is applied to each token by itself; no directory of sentence vectors asks for it.
enum class Pooling { kCls, kMean, kMax, kMeanSqrtLen, kLastToken, kNone };

// "cls", "mean", "max", "mean_sqrt_len", "last_token", "none"
const char* PoolingName(Pooling pooling);

enum class DenseActivation { kIdentity, kTanh, kRelu, kGelu, kSigmoid };

const char* DenseActivationName(DenseActivation activation);  // "identity", "tanh", ...

// A Dense module: y = activation(x W^T + b).
struct DenseSpec {
  std::string directory;  // whose tensors hold NAME.weight [out, in] and maybe NAME.bias [out]
  std::string name = "linear";  // in a packed file: dense.0, dense.1, ...
  int in_features = 0;
  int out_features = 0;
  bool bias = true;
  DenseActivation activation = DenseActivation::kTanh;
};

// Texts that the model was trained to see before its inputs (config_sentence_transformers.json).
struct PromptSet {
  std::vector<std::pair<std::string, std::string>> named;  // name, text
  std::string default_name;  // of the one that is used where none is asked for; empty: none
  bool pooled = true;        // false: a prompt's tokens are left out of pooling (include_prompt)

  // The text of that name, or null.
  const std::string* Find(std::string_view name) const;
  // As sentence-transformers' encode_query and encode_document choose; null where the model has
  // no such prompt.
  const std::string* query() const { return Find("query"); }
  const std::string* document() const;
  bool operator==(const PromptSet&) const = default;
};

struct SentenceTransformersLayout {
  std::string transformer_directory;  // holds config.json, weights and tokenizer
  // Longest input, special tokens included; the position table may allow less. Absent: only the
  // position table limits.
  std::optional<int> max_seq_length;
  std::string max_seq_length_source;  // the file it stands in, for people
  std::optional<bool> do_lower_case;
  PromptSet prompts;
  std::vector<Pooling> pooling;  // more than one: concatenated in this order
  std::vector<DenseSpec> dense;  // in order of application
  bool normalize = false;        // L2, after everything else
  bool assumed = false;          // there is no modules.json

  // The head gives something for each token, not for the text.
  bool per_token() const { return pooling.size() == 1 && pooling[0] == Pooling::kNone; }
};

// Reads `directory`. Without modules.json the directory is a plain transformer: mean pooling and no
// normalisation, as sentence-transformers itself does. Every path named in a file must stay inside
// `directory`. Fails with kNotFound, kCorrupt or kUnsupported; the message names the file and the
// field.
Result<SentenceTransformersLayout> ReadSentenceTransformersLayout(const std::string& directory);

// A layout without its directories, as a packed file holds it. `name` stands for the text in
// messages.
std::string HeadJson(const SentenceTransformersLayout& layout);
Result<SentenceTransformersLayout> ParseHeadJson(const std::string& text, const std::string& name);

}  // namespace minnow
