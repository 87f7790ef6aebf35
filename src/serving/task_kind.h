// SPDX-License-Identifier: Apache-2.0
// TaskKind: what a request wants a model to do. A reranker is a classifier with one label.
#pragma once

namespace minnow {

enum class TaskKind { kEmbed, kClassify, kRerank, kTokenClassify, kAnswer };

// "embed", "classify", ...: after "can" in messages.
inline const char* TaskName(TaskKind kind) {
  switch (kind) {
    case TaskKind::kEmbed:
      return "embed";
    case TaskKind::kClassify:
      return "classify";
    case TaskKind::kRerank:
      return "rerank";
    case TaskKind::kTokenClassify:
      return "classify tokens";
    case TaskKind::kAnswer:
      return "answer questions";
  }
  return "";
}

}  // namespace minnow
