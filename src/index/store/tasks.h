// SPDX-License-Identifier: Apache-2.0
// The record of what was asked of a store: each addition and deletion is a task, done once the
// vectors of its chunks are there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "index/sqlite/sqlite.h"

namespace minnow {

enum class TaskStatus { kProcessing, kDone, kFailed };
// "processing", "done", "failed"
const char* TaskStatusName(TaskStatus status);

struct TaskRecord {
  int64_t id = 0;
  std::string index;  // its name
  std::string kind;   // "add", "delete", "reembed"
  TaskStatus status = TaskStatus::kProcessing;
  size_t documents = 0;        // that the task touched
  size_t pending_chunks = 0;   // without a vector yet, of those that it waits for
  std::string error;           // why it failed
  int64_t enqueued_at_ms = 0;  // since 1970
  std::optional<int64_t> finished_at_ms;
};

struct TaskPage {
  std::vector<TaskRecord> tasks;  // newest first
  size_t total = 0;               // that are remembered
};

// Chunks [first, last] of an index are what a task waits for; last < first: for nothing. Vectors
// come in the order of chunks: what other tasks have between is there before the last.
struct TaskChunks {
  int64_t first = 0;
  int64_t last = -1;
};

// These run inside the caller's transaction.
Result<int64_t> InsertTask(Database* database, int64_t index, const std::string& index_name,
                           const std::string& kind, size_t documents, TaskChunks chunks);
// Ends the tasks of an index whose chunks all have their vectors.
Status FinishTasks(Database* database, int64_t index);
// Ends a task with an error; kNotFound where there is none.
Status FailTask(Database* database, int64_t task, const std::string& error);
Status FailTasksOfIndex(Database* database, int64_t index, const std::string& error);
Result<TaskRecord> FindTask(Database* database, int64_t task);
Result<TaskPage> ListTasks(Database* database, size_t offset, size_t limit);

// Milliseconds since 1970.
int64_t NowMs();

}  // namespace minnow
