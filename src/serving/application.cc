// SPDX-License-Identifier: Apache-2.0
#include "serving/application.h"

#include <chrono>
#include <cstdio>
#include <string>
#include <utility>

#include "base/cpu.h"
#include "base/process_usage.h"

namespace minnow {
namespace {

void LogLoaded(const Log& log, const ModelFacts& facts, int threads,
               std::chrono::steady_clock::duration took) {
  log.Info("model loaded", {{"model", facts.model_id},
                            {"task", TaskName(facts.task)},
                            {"dtype", facts.dtype},
                            {"dimensions", facts.embedding_size},
                            {"max_tokens", facts.max_sequence_tokens},
                            {"threads", threads},
                            {"load_ms", Log::Value::Milliseconds(took, 1)}});
}

}  // namespace

Application::Application(const ApplicationOptions& options, const Log& log)
    : options_(options), log_(log) {}

Application::~Application() { Stop(); }

Status Application::Start() {
  MINNOW_ASSIGN_OR_RETURN(
      aside_, WorkLane::Start({.threads = TokenizationThreads(options_.compute),
                               .max_waiting = options_.compute.max_concurrent_requests}));
  const size_t limit = options_.compute.memory_limit_bytes > 0 ? options_.compute.memory_limit_bytes
                                                               : ReadUsableMemory("");
  memory_ = std::make_shared<MemoryBudget>(limit > 0 ? limit : MemoryBudget::kNoLimit);
  image_jobs_ = std::make_unique<ImageJobs>(ImageJobsOptions(), memory_);
  MINNOW_ASSIGN_OR_RETURN(
      scheduler_, Scheduler::Start({.compute_threads = ComputeThreads(options_.compute),
                                    .prepare_threads = TokenizationThreads(options_.compute),
                                    .memory = memory_}));
  MINNOW_ASSIGN_OR_RETURN(models_, ModelRegistry::Start());
  store_ = std::make_unique<ServedStore>(options_.store, log_, models_.get());
  return store_->Start();
}

Status Application::Load() {
  Status status = LoadAll();
  if (status.ok()) {
    status_.SetReady();
  } else {
    status_.Set(ServiceState::kFailed, status.error().message);
  }
  return status;
}

Status Application::LoadAll() {
  MINNOW_RETURN_IF_ERROR(store_->Open());
  std::vector<std::unique_ptr<LoadedModel>> loaded;
  for (const ModelOptions& options : options_.models) {
    const auto begin = std::chrono::steady_clock::now();
    MINNOW_ASSIGN_OR_RETURN(
        std::unique_ptr<LoadedModel> model,
        LoadModel(options, options_.compute, store_->wanted(), scheduler_.get(), &metrics_));
    MINNOW_RETURN_IF_ERROR(CountMemory());
    LogLoaded(log_, model->facts(), ComputeThreads(options_.compute),
              std::chrono::steady_clock::now() - begin);
    loaded.push_back(std::move(model));
  }
  // Requests come once all are loaded: what they hold must not count as what the models hold.
  for (std::unique_ptr<LoadedModel>& model : loaded) {
    MINNOW_RETURN_IF_ERROR(models_->Add(std::move(model)));
  }
  // Kuberian tells by itself when its vectors are there; other routes are served meanwhile.
  if (kuberian() != nullptr) status_.SetReady();
  return store_->BeginEmbedding();
}

Status Application::CountMemory() {
  memory_->SetHeld(ReadProcessUsage().private_bytes);
  if (memory_->used() < memory_->limit()) return {};
  return Error{Code::kInternal, "memory limit " + std::to_string(memory_->limit()) +
                                    " bytes: the models hold " + std::to_string(memory_->used()) +
                                    "; raise --memory-limit"};
}

void Application::BeginDrain() { status_.Set(ServiceState::kDraining); }

void Application::EndJobs() {
  for (const ModelLease& model : models_->List()) model->Stop();
}

void Application::Stop() {
  if (store_ != nullptr) store_->BeginStop();
  if (models_ != nullptr) models_->Stop();
  if (store_ != nullptr) store_->Stop();
  if (scheduler_ != nullptr) scheduler_->Stop();
  if (aside_ != nullptr) aside_->Stop();
}

}  // namespace minnow
