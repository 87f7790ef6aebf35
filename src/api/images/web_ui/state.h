// SPDX-License-Identifier: Apache-2.0
// WebUiState: what the A1111 web UI has one of for all its clients: the request under way, which
// they ask for and interrupt, and the model that they chose.
//
// Any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/client_watch.h"
#include "image/image.h"
#include "tasks/image/job.h"

namespace minnow::api {

class WebUiState {
 public:
  using Clock = std::chrono::steady_clock;

  struct Progress {
    std::string job;        // "scripts_txt2img"; empty: nothing is under way
    std::string timestamp;  // "20260131120000", of the last one that began
    bool skipped = false, interrupted = false;
    size_t rounds = 0, round = 0;  // in all, and those done
    size_t step = 0, steps = 0;    // of this round
    std::chrono::duration<double> elapsed{0};
    std::shared_ptr<const Image> preview;

    double share() const;        // from 0 to 1, as the web UI counts
    double eta_seconds() const;  // 0: not known
  };

  // A request, from Begin until End, or until it is destroyed. Its methods may be called from any
  // thread.
  class Work {
   public:
    ~Work();
    // The next round may run: its job ends once the watch says that the client has left. Null: none
    // is to come, as the work was interrupted or its client left.
    std::shared_ptr<ClientWatch> BeginRound();
    // True: it was not skipped.
    bool EndRound();
    void Report(ImageProgress progress);
    void ClientLeft();
    bool interrupted() const;
    const std::string& timestamp() const { return progress_.timestamp; }
    void End();

   private:
    friend class WebUiState;
    explicit Work(std::shared_ptr<WebUiState> state)
        : state_(std::move(state)), place_(state_->works_.end()) {}

    const std::shared_ptr<WebUiState> state_;
    // Guarded by state_->mutex_.
    Progress progress_;
    Clock::time_point began_ = Clock::now();
    std::shared_ptr<ClientWatch> watch_;
    bool left_ = false;
    std::list<Work*>::iterator place_;
  };

  static std::shared_ptr<Work> Begin(const std::shared_ptr<WebUiState>& state, std::string job,
                                     size_t rounds);
  Progress Current() const;
  // The round under way ends; with Interrupt the request too.
  void Interrupt() { Stop(/*all=*/true); }
  void Skip() { Stop(/*all=*/false); }

  // The model that requests without one get; empty: the first that makes pictures.
  std::string model() const;
  void SetModel(std::string name);

 private:
  // The one that has been at work for longest, else the one that came first. REQUIRES: mutex_.
  Work* Front() const;
  void Stop(bool all);

  mutable std::mutex mutex_;
  std::list<Work*> works_;  // guarded by mutex_, as all below
  std::string timestamp_ = "0";
  std::string model_;
};

}  // namespace minnow::api
