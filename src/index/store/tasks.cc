// SPDX-License-Identifier: Apache-2.0
#include "index/store/tasks.h"

#include <chrono>

#include "index/store/schema.h"

namespace minnow {
namespace {

// Older tasks than so many are forgotten.
constexpr int64_t kKeptTasks = 10'000;

constexpr const char* kColumns =
    "SELECT id, index_id, index_name, kind, status, documents, first_chunk, last_chunk, "
    "enqueued_at, finished_at, error FROM minnow_tasks ";

TaskStatus StatusOf(std::string_view name) {
  if (name == "processing") return TaskStatus::kProcessing;
  return name == "done" ? TaskStatus::kDone : TaskStatus::kFailed;
}

Result<size_t> CountPending(Database* database, int64_t index, int64_t first, int64_t last) {
  MINNOW_ASSIGN_OR_RETURN(
      Statement count,
      database->Prepare(IndexSql(index,
                                 "SELECT count(*) FROM {chunks} WHERE vector_id IS NULL AND "
                                 "id BETWEEN ? AND ?")));
  count.Bind(1, first).Bind(2, last);
  MINNOW_ASSIGN_OR_RETURN(const bool row, count.Step());
  return row ? static_cast<size_t>(count.Int(0)) : 0;
}

Result<TaskRecord> ReadRow(Database* database, const Statement& row) {
  TaskRecord task;
  task.id = row.Int(0);
  task.index = row.Text(2);
  task.kind = row.Text(3);
  task.status = StatusOf(row.Text(4));
  task.documents = static_cast<size_t>(row.Int(5));
  if (task.status == TaskStatus::kProcessing) {
    MINNOW_ASSIGN_OR_RETURN(task.pending_chunks,
                            CountPending(database, row.Int(1), row.Int(6), row.Int(7)));
  }
  task.enqueued_at_ms = row.Int(8);
  if (!row.IsNull(9)) task.finished_at_ms = row.Int(9);
  task.error = row.Text(10);
  return task;
}

}  // namespace

const char* TaskStatusName(TaskStatus status) {
  switch (status) {
    case TaskStatus::kProcessing:
      return "processing";
    case TaskStatus::kDone:
      return "done";
    case TaskStatus::kFailed:
      break;
  }
  return "failed";
}

int64_t NowMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Result<int64_t> InsertTask(Database* database, int64_t index, const std::string& index_name,
                           const std::string& kind, size_t documents, TaskChunks chunks) {
  const int64_t now = NowMs();
  MINNOW_ASSIGN_OR_RETURN(
      Statement insert,
      database->Prepare("INSERT INTO minnow_tasks(index_id, index_name, kind, status, documents, "
                        "first_chunk, last_chunk, enqueued_at, finished_at) "
                        "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  const bool done = chunks.last < chunks.first;
  insert.Bind(1, index).Bind(2, index_name).Bind(3, kind).Bind(4, done ? "done" : "processing");
  insert.Bind(5, static_cast<int64_t>(documents)).Bind(6, chunks.first).Bind(7, chunks.last);
  insert.Bind(8, now);
  if (done) insert.Bind(9, now);
  MINNOW_RETURN_IF_ERROR(insert.Run());
  const int64_t id = database->last_insert_id();
  if (id % 100 == 0) {
    MINNOW_ASSIGN_OR_RETURN(
        Statement forget,
        database->Prepare("DELETE FROM minnow_tasks WHERE id <= ? AND status <> 'processing'"));
    MINNOW_RETURN_IF_ERROR(forget.Bind(1, id - kKeptTasks).Run());
  }
  return id;
}

Status FinishTasks(Database* database, int64_t index) {
  MINNOW_ASSIGN_OR_RETURN(
      Statement update,
      database->Prepare(IndexSql(
          index,
          "UPDATE minnow_tasks SET status = 'done', finished_at = ? "
          "WHERE index_id = ? AND status = 'processing' AND last_chunk < coalesce("
          "(SELECT min(id) FROM {chunks} WHERE vector_id IS NULL), 9223372036854775807)")));
  return update.Bind(1, NowMs()).Bind(2, index).Run();
}

Status FailTask(Database* database, int64_t task, const std::string& error) {
  MINNOW_ASSIGN_OR_RETURN(
      Statement update,
      database->Prepare("UPDATE minnow_tasks SET status = 'failed', finished_at = ?, error = ? "
                        "WHERE id = ?"));
  MINNOW_RETURN_IF_ERROR(update.Bind(1, NowMs()).Bind(2, error).Bind(3, task).Run());
  if (database->changes() == 1) return {};
  return Error{Code::kNotFound, "task " + std::to_string(task) + ": does not exist"};
}

Status FailTasksOfIndex(Database* database, int64_t index, const std::string& error) {
  MINNOW_ASSIGN_OR_RETURN(
      Statement update,
      database->Prepare("UPDATE minnow_tasks SET status = 'failed', finished_at = ?, error = ? "
                        "WHERE index_id = ? AND status = 'processing'"));
  return update.Bind(1, NowMs()).Bind(2, error).Bind(3, index).Run();
}

Result<TaskRecord> FindTask(Database* database, int64_t task) {
  MINNOW_ASSIGN_OR_RETURN(Statement find,
                          database->Prepare(std::string(kColumns) + "WHERE id = ?"));
  find.Bind(1, task);
  MINNOW_ASSIGN_OR_RETURN(const bool row, find.Step());
  if (!row) return Error{Code::kNotFound, "task " + std::to_string(task) + ": does not exist"};
  return ReadRow(database, find);
}

Result<TaskPage> ListTasks(Database* database, size_t offset, size_t limit) {
  MINNOW_ASSIGN_OR_RETURN(const Transaction transaction, Transaction::BeginRead(database));
  TaskPage page;
  MINNOW_ASSIGN_OR_RETURN(const int64_t total,
                          database->QueryInt("SELECT count(*) FROM minnow_tasks"));
  page.total = static_cast<size_t>(total);
  MINNOW_ASSIGN_OR_RETURN(Statement list, database->Prepare(std::string(kColumns) +
                                                            "ORDER BY id DESC LIMIT ? OFFSET ?"));
  list.Bind(1, SqlCount(limit)).Bind(2, SqlCount(offset));
  for (;;) {
    MINNOW_ASSIGN_OR_RETURN(const bool row, list.Step());
    if (!row) return page;
    MINNOW_ASSIGN_OR_RETURN(TaskRecord task, ReadRow(database, list));
    page.tasks.push_back(std::move(task));
  }
}

}  // namespace minnow
