// SPDX-License-Identifier: Apache-2.0
// EngineService: the EmbeddingService that loads a model and runs an engine.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>

#include "engine/engine.h"
#include "serving/embedding_service.h"
#include "serving/metrics.h"
#include "tasks/embedding_model.h"

namespace minnow {

class EngineService : public EmbeddingService {
 public:
  // `metrics` outlives the service.
  explicit EngineService(Metrics* metrics);
  ~EngineService() override;

  // Starts the engine for `model` and becomes ready. Called once, by the thread that loaded the
  // model. `model_id` is the name that clients use.
  Status Start(std::unique_ptr<EmbeddingModel> model, std::string model_id,
               const EngineOptions& options);
  // The model cannot be loaded: the state is kFailed from now on, with this message.
  void Fail(std::string message);
  // Not ready any more: /readyz says so, but requests are still taken.
  void BeginDrain();
  // Refuses what is new and waits for what was taken; false if `limit` passes first.
  bool Drain(std::chrono::nanoseconds limit);
  // Ends waiting requests and joins the engine's threads.
  void Stop();

  ServiceStatus status() const override;
  const EmbeddingFacts* facts() const override;
  const Tokenizer* tokenizer() const override;
  size_t queued_inputs() const override;
  void Embed(EmbedRequest request, const std::shared_ptr<ClientWatch>& client,
             EmbedCallback done) override;
  Status RunAside(std::function<void()> work) override;

 private:
  // All that exists once the model is loaded; never replaced.
  struct Loaded;

  Loaded* loaded() const { return loaded_.load(std::memory_order_acquire); }

  Metrics* const metrics_;
  mutable std::mutex mutex_;
  ServiceStatus status_;  // guarded by mutex_
  std::unique_ptr<Loaded> owned_;
  std::atomic<Loaded*> loaded_{nullptr};
};

}  // namespace minnow
