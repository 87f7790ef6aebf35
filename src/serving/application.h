// SPDX-License-Identifier: Apache-2.0
// Application: what a server has loaded: models, store, and the lanes that work for both.
//
// Start, Load, BeginDrain and Stop come in this order, from one thread at a time; BeginDrain may
// also come while Load runs on another one. What it gives out is thread-safe and lives as long as
// the application.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/memory_budget.h"
#include "base/result.h"
#include "engine/scheduler.h"
#include "engine/work_lane.h"
#include "serving/engine_model.h"
#include "serving/image_jobs.h"
#include "serving/log.h"
#include "serving/metrics.h"
#include "serving/model_registry.h"
#include "serving/served_store.h"
#include "serving/service_status.h"

namespace minnow {

struct ApplicationOptions {
  std::vector<ModelOptions> models;  // at least one
  ComputeOptions compute;
  ServedStoreOptions store;
};

class Application {
 public:
  // Both outlive the application.
  Application(const ApplicationOptions& options, const Log& log);
  // Stops.
  ~Application();

  // Starts lanes and services: requests may come, and are told that the models are being loaded.
  Status Start();
  // Opens the store, loads the models, and, for Kuberian, makes what vectors are missing. Takes as
  // long as that takes. Sets the status to ready, or to failed.
  Status Load();
  // Not ready any more: probes say so, but requests are still taken.
  void BeginDrain();
  // Ends all jobs: who waits for one learns that the server is shutting down. After BeginDrain.
  void EndJobs();
  // Ends what waits, and closes the store in good order. Idempotent.
  void Stop();

  Metrics& metrics() { return metrics_; }
  ServiceStatus& status() { return status_; }
  // For work that computes, but for no model: large bodies of requests and answers.
  WorkLane& aside() { return *aside_; }
  ModelRegistry& models() { return *models_; }
  // The ceiling for what requests hold.
  const std::shared_ptr<MemoryBudget>& memory() const { return memory_; }
  ImageJobs& image_jobs() { return *image_jobs_; }
  SearchService* search() { return store_->search(); }        // null: no store is served
  KuberianService* kuberian() { return store_->kuberian(); }  // null: not asked for

 private:
  Status LoadAll();
  // Counts what the process holds by now. kInternal: nothing is left for requests.
  Status CountMemory();

  const ApplicationOptions& options_;
  const Log& log_;
  Metrics metrics_;
  ServiceStatus status_;
  std::unique_ptr<WorkLane> aside_;
  std::shared_ptr<MemoryBudget> memory_;
  std::unique_ptr<ImageJobs> image_jobs_;
  std::unique_ptr<Scheduler> scheduler_;
  std::unique_ptr<ModelRegistry> models_;
  std::unique_ptr<ServedStore> store_;
};

}  // namespace minnow
