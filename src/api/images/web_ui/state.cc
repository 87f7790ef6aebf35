// SPDX-License-Identifier: Apache-2.0
#include "api/images/web_ui/state.h"

#include <algorithm>
#include <ctime>
#include <utility>

namespace minnow::api {
namespace {

std::string Timestamp() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%d%H%M%S", &utc);
  return text;
}

}  // namespace

double WebUiState::Progress::share() const {
  if (rounds == 0) return 0;
  const double of_round = steps == 0 ? 0 : static_cast<double>(step) / static_cast<double>(steps);
  const double done = (static_cast<double>(round) + of_round) / static_cast<double>(rounds);
  return std::min(0.01 + done, 1.0);
}

double WebUiState::Progress::eta_seconds() const {
  if (rounds == 0) return 0;
  return elapsed.count() / share() - elapsed.count();
}

WebUiState::Work::~Work() { End(); }

void WebUiState::Work::End() {
  const std::lock_guard lock(state_->mutex_);
  if (place_ != state_->works_.end()) state_->works_.erase(place_);
  place_ = state_->works_.end();
}

std::shared_ptr<ClientWatch> WebUiState::Work::BeginRound() {
  const std::lock_guard lock(state_->mutex_);
  if (left_ || progress_.interrupted) return nullptr;
  progress_.skipped = false;
  progress_.step = progress_.steps = 0;
  progress_.preview = nullptr;
  watch_ = std::make_shared<ClientWatch>();
  return watch_;
}

bool WebUiState::Work::EndRound() {
  const std::lock_guard lock(state_->mutex_);
  watch_ = nullptr;
  ++progress_.round;
  return !progress_.skipped;
}

void WebUiState::Work::Report(ImageProgress progress) {
  std::shared_ptr<const Image> preview;
  if (progress.preview) preview = std::make_shared<const Image>(*std::move(progress.preview));
  const std::lock_guard lock(state_->mutex_);
  progress_.step = progress.steps_done;
  progress_.steps = progress.steps;
  if (preview != nullptr) progress_.preview = std::move(preview);
}

void WebUiState::Work::ClientLeft() {
  std::shared_ptr<ClientWatch> watch;
  {
    const std::lock_guard lock(state_->mutex_);
    left_ = true;
    watch = watch_;
  }
  if (watch != nullptr) watch->MarkGone();
}

bool WebUiState::Work::interrupted() const {
  const std::lock_guard lock(state_->mutex_);
  return progress_.interrupted;
}

std::shared_ptr<WebUiState::Work> WebUiState::Begin(const std::shared_ptr<WebUiState>& state,
                                                    std::string job, size_t rounds) {
  std::shared_ptr<Work> work(new Work(state));
  work->progress_.job = std::move(job);
  work->progress_.rounds = rounds;
  const std::lock_guard lock(state->mutex_);
  state->timestamp_ = Timestamp();
  work->progress_.timestamp = state->timestamp_;
  work->place_ = state->works_.insert(state->works_.end(), work.get());
  return work;
}

WebUiState::Work* WebUiState::Front() const {
  if (works_.empty()) return nullptr;
  const auto at_work = [](const Work* work) {
    return work->progress_.steps > 0 || work->progress_.round > 0;
  };
  const auto found = std::ranges::find_if(works_, at_work);
  return found == works_.end() ? works_.front() : *found;
}

WebUiState::Progress WebUiState::Current() const {
  const std::lock_guard lock(mutex_);
  const Work* const work = Front();
  if (work == nullptr) {
    Progress idle;
    idle.timestamp = timestamp_;
    return idle;
  }
  Progress progress = work->progress_;
  progress.elapsed = Clock::now() - work->began_;
  return progress;
}

void WebUiState::Stop(bool all) {
  std::shared_ptr<ClientWatch> watch;
  {
    const std::lock_guard lock(mutex_);
    Work* const work = Front();
    if (work == nullptr) return;
    (all ? work->progress_.interrupted : work->progress_.skipped) = true;
    watch = work->watch_;
  }
  if (watch != nullptr) watch->MarkGone();
}

std::string WebUiState::model() const {
  const std::lock_guard lock(mutex_);
  return model_;
}

void WebUiState::SetModel(std::string name) {
  const std::lock_guard lock(mutex_);
  model_ = std::move(name);
}

}  // namespace minnow::api
