// SPDX-License-Identifier: Apache-2.0
// TaskKind: what a request wants a model to do. A reranker is a classifier with one label, and a
// model for zero-shot classification one whose labels tell what follows from a text.
#pragma once

namespace minnow {

enum class TaskKind {
  kEmbed,
  kClassify,
  kRerank,
  kTokenClassify,
  kAnswer,
  kFillMask,
  kZeroShot,
  kGenerate,
  kImage
};

// "embed", "classify", "rerank", ...: after "can" in messages.
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
    case TaskKind::kFillMask:
      return "fill masks";
    case TaskKind::kZeroShot:
      return "tell entailment, which labels of a request need";
    case TaskKind::kGenerate:
      return "generate text";
    case TaskKind::kImage:
      return "make pictures";
  }
  return "";
}

}  // namespace minnow
