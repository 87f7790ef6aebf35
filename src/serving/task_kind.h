// SPDX-License-Identifier: Apache-2.0
// TaskKind: what a model does with its inputs.
#pragma once

namespace minnow {

enum class TaskKind { kEmbed, kClassify };

// "embed", "classify": after "can" in messages.
inline const char* TaskName(TaskKind kind) {
  return kind == TaskKind::kEmbed ? "embed" : "classify";
}

}  // namespace minnow
