// SPDX-License-Identifier: Apache-2.0
// TaskKind: what a request wants a model to do. A reranker is a classifier with one label.
#pragma once

namespace minnow {

enum class TaskKind { kEmbed, kClassify, kRerank };

// "embed", "classify", "rerank": after "can" in messages.
inline const char* TaskName(TaskKind kind) {
  if (kind == TaskKind::kEmbed) return "embed";
  return kind == TaskKind::kClassify ? "classify" : "rerank";
}

}  // namespace minnow
