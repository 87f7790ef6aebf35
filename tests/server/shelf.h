// SPDX-License-Identifier: Apache-2.0
// Shelf: requests that a handler keeps until the test answers them.
//
// Thread-safe.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "http/message.h"
#include "http/responder.h"

namespace minnow {

class Shelf {
 public:
  struct Item {
    http::Request request;
    http::Responder responder;
  };

  void Put(http::Request request, http::Responder responder) {
    const std::lock_guard lock(mutex_);
    items_.push_back(std::make_unique<Item>(Item{std::move(request), std::move(responder)}));
    changed_.notify_all();
  }

  // The oldest; null when none comes within a minute.
  std::unique_ptr<Item> Take() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(60), [this] { return !items_.empty(); })) {
      return nullptr;
    }
    auto item = std::move(items_.front());
    items_.erase(items_.begin());
    return item;
  }

  size_t size() {
    const std::lock_guard lock(mutex_);
    return items_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Item>> items_;
};

}  // namespace minnow
