// SPDX-License-Identifier: Apache-2.0
// YieldingWorkspace: the workspace of a queue whose steps let others go within them
// (ModelQueueOptions::yields).
#pragma once

#include <functional>

#include "engine/task.h"

namespace minnow {

class YieldingWorkspace : public Task::Workspace {
 public:
  // Null, or called by a step between its parts, on its own thread while no Run of the pool is
  // under way: steps of other queues may go there.
  std::function<void()> yield;
};

}  // namespace minnow
