// SPDX-License-Identifier: Apache-2.0
// LoadedModel: a model that answers: what it is, its tokenizer, and the tasks that it does.
//
// Held by leases (std::shared_ptr, serving/model_registry.h): whoever holds one may use it, also
// after it was swapped or unloaded. Every method may be called from any thread, never blocks and
// never computes on the caller's thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/client_watch.h"
#include "base/result.h"
#include "engine/admission.h"
#include "index/store/document.h"
#include "ingest/prepare.h"
#include "serving/task_kind.h"
#include "tasks/classify.h"
#include "tasks/embed.h"
#include "tasks/fill_mask.h"
#include "tasks/generate/generate.h"
#include "tasks/image/job.h"
#include "tasks/token_scores.h"

namespace minnow {

// How near a packed model's vectors are to those in fp32, as measured when it was packed.
struct QualityFacts {
  int texts = 0;
  double cosine_mean = 0;
  double cosine_min = 0;
};

struct ModelFacts {
  std::string model_id;              // the name that answers tell
  std::vector<std::string> aliases;  // other names that requests may use
  bool named = false;                // the operator gave the names: no other one will do
  TaskKind task = TaskKind::kEmbed;
  std::string dtype;                // "fp32", "bf16", "int8"
  std::string pooling;              // "mean", "cls", ...
  std::vector<std::string> labels;  // of a classifier of texts or of tokens, [N]
  bool fills_masks = false;         // besides
  size_t embedding_size = 0;        // D
  size_t max_sequence_tokens = 0;   // special tokens included
  size_t max_batch_tokens = 0;
  size_t max_concurrent_requests = 0;
  size_t prepare_threads = 0;
  int64_t loaded_unix_seconds = 0;
  std::string embedding_dtype;          // of the word table: "fp32", "int8", "int4", ...
  std::optional<QualityFacts> quality;  // of a packed model
  PromptSet prompts;
};

struct ModelLoad {
  size_t inputs = 0;  // waiting, or being computed
  std::chrono::nanoseconds expected_wait{0};
  Refusals refusals = {};
};

// What an index needs of the model that makes its vectors.
struct IndexingFacts {
  ModelIdentity identity;
  Chunker chunker;  // borrows the model's tokenizer
};

class LoadedModel {
 public:
  template <class Answer>
  using Callback = std::function<void(Result<Answer>)>;

  virtual ~LoadedModel() = default;
  LoadedModel(const LoadedModel&) = delete;
  LoadedModel& operator=(const LoadedModel&) = delete;

  const ModelFacts& facts() const { return facts_; }
  // Null where the model came without one: it takes token ids only.
  virtual const Tokenizer* tokenizer() const = 0;
  // Null where no store is served, and where the model makes no vectors of texts.
  const IndexingFacts* indexing() const { return indexing_.has_value() ? &*indexing_ : nullptr; }
  // Null where it generates no text.
  virtual const GenerateModel* generator() const { return nullptr; }
  // Null where it makes no pictures.
  virtual const ImageModel* image_model() const { return nullptr; }
  virtual ModelLoad load() const = 0;
  // When a client that was just refused should come again.
  virtual std::chrono::seconds retry_after() const { return std::chrono::seconds(1); }

  // `done` is called once: on one of the model's threads, or on the caller's when the request is
  // refused at once (kOverloaded). A client that leaves ends its request early, with kDeadline.
  // `done` holds a lease. REQUIRES: facts().task is the request's.
  virtual void Run(EmbedRequest, const std::shared_ptr<ClientWatch>&, Callback<EmbedAnswer>) {
    CHECK(false);
  }
  virtual void Run(ClassifyRequest, const std::shared_ptr<ClientWatch>&, Callback<ClassifyAnswer>) {
    CHECK(false);
  }
  // Of kTokenClassify and kAnswer.
  virtual void Run(TokenScoresRequest, const std::shared_ptr<ClientWatch>&,
                   Callback<TokenScoresAnswer>) {
    CHECK(false);
  }
  // REQUIRES: facts().fills_masks.
  virtual void Run(FillMaskRequest, const std::shared_ptr<ClientWatch>&, Callback<FillMaskAnswer>) {
    CHECK(false);
  }
  // The request's on_piece is called on the model's threads, before `done`.
  virtual void Run(GenerateRequest, const std::shared_ptr<ClientWatch>&, Callback<GenerateAnswer>) {
    CHECK(false);
  }
  // The request's on_progress is called on the model's threads, before `done`.
  virtual void Run(ImageJobRequest, const std::shared_ptr<ClientWatch>&, Callback<ImageAnswer>) {
    CHECK(false);
  }
  // Ends what waits and refuses what comes, with kOverloaded. Blocks for one batch. Idempotent.
  virtual void Stop() = 0;

 protected:
  explicit LoadedModel(ModelFacts facts) : facts_(std::move(facts)) {}

  ModelFacts facts_;
  std::optional<IndexingFacts> indexing_;
};

// A model stays loaded as long as somebody holds it.
using ModelLease = std::shared_ptr<LoadedModel>;

}  // namespace minnow
