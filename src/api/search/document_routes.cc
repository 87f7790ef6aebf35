// SPDX-License-Identifier: Apache-2.0
// /indexes/{index}/documents: add, fetch, list, delete.
#include <array>
#include <utility>

#include "api/search/document_batch.h"
#include "api/search/parameters.h"
#include "api/search/routes.h"
#include "api/search/search_query.h"
#include "api/search/store_call.h"

namespace minnow::api {
namespace {

constexpr size_t kMaxListed = 10'000;
constexpr int64_t kMaxWaitSeconds = 3600;
constexpr int64_t kDefaultWaitSeconds = 600;

struct WaitOptions {
  bool wait = false;
  std::chrono::seconds limit{kDefaultWaitSeconds};
};

Result<WaitOptions> ReadWait(const http::Request& request) {
  WaitOptions options;
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument parameters, ParametersAsJson(request.query));
  constexpr std::array<std::string_view, 2> kFields = {"wait", "wait_seconds"};
  MINNOW_RETURN_IF_ERROR(CheckFields(parameters.root(), kFields));
  MINNOW_ASSIGN_OR_RETURN(options.wait, parameters.root().GetBool("wait", false));
  MINNOW_ASSIGN_OR_RETURN(
      const int64_t seconds,
      parameters.root().GetInt("wait_seconds", 1, kMaxWaitSeconds, kDefaultWaitSeconds));
  options.limit = std::chrono::seconds(seconds);
  return options;
}

const char* ChangeName(DocumentChange change) {
  switch (change) {
    case DocumentChange::kAdded:
      return "added";
    case DocumentChange::kReplaced:
      return "replaced";
    case DocumentChange::kUnchanged:
      break;
  }
  return "unchanged";
}

// What an addition came to, kept for an answer that may come later.
struct Addition {
  std::vector<BatchEntry> entries;
  AddOutcome outcome;
  size_t accepted = 0;
};

void WriteEntries(const Addition& addition, JsonWriter& json) {
  json.Key("accepted");
  json.Uint(addition.accepted);
  json.Key("rejected");
  json.Uint(addition.entries.size() - addition.accepted);
  json.Key("results");
  json.BeginArray();
  for (const BatchEntry& entry : addition.entries) {
    json.BeginObject();
    json.Key("line");
    json.Uint(entry.line);
    if (entry.error.empty()) {
      json.Key("id");
      json.String(entry.id);
      json.Key("status");
      json.String(ChangeName(addition.outcome.changes[entry.document]));
    } else {
      json.Key("error");
      json.String(entry.error);
    }
    json.EndObject();
  }
  json.EndArray();
}

void SendAddition(Call& call, const Addition& addition, TaskStatus status, bool waited) {
  SendJson(call, waited && status == TaskStatus::kDone ? 200 : 202, [&](JsonWriter& json) {
    json.BeginObject();
    json.Key("task");
    json.Int(addition.outcome.task);
    json.Key("status");
    json.String(TaskStatusName(status));
    WriteEntries(addition, json);
    json.EndObject();
  });
}

// No document was accepted: the first error, and all of them.
void SendNothingAccepted(Call& call, const Addition& addition) {
  SendJson(call, 400, [&](JsonWriter& json) {
    json.BeginObject();
    json.Key("error");
    json.BeginObject();
    json.Key("code");
    json.String("invalid_argument");
    json.Key("message");
    json.String(addition.entries.empty()
                    ? "the body: no document"
                    : "line " + std::to_string(addition.entries[0].line) + ": " +
                          addition.entries[0].error + TypeHint(call.request()));
    json.EndObject();
    WriteEntries(addition, json);
    json.EndObject();
  });
}

// Answers once the task has ended. The documents are stored already, whatever comes of it.
void AnswerWhenDone(const StoreCall& on, std::shared_ptr<Addition> addition,
                    std::chrono::seconds limit) {
  const int64_t task = addition->outcome.task;
  on.service.WhenTaskEnds(
      task, limit, on.call->request().client,
      [call = on.call, addition = std::move(addition)](Result<TaskRecord> record) {
        if (record.ok()) return SendAddition(*call, *addition, record->status, true);
        if (record.error().code == Code::kDeadline) {
          return SendAddition(*call, *addition, TaskStatus::kProcessing, true);
        }
        Failure failure = ToStoreFailure(std::move(record).error(), true);
        if (failure.fault == Fault::kInvalidField) failure.fault = Fault::kConflict;
        failure.message = "the documents are stored, but have no vectors: " + failure.message;
        call->Fail(std::move(failure));
      });
}

// The index that documents were read for when there was none. Another process may have made it
// meanwhile: one with the same settings will do.
Result<std::shared_ptr<SearchIndex>> MakeIndex(Store& store, const std::string& name) {
  auto made = store.CreateIndex(name, {});
  if (made.ok()) return made;
  auto found = store.FindIndex(name);
  if (found.ok() && (*found)->settings() == IndexSettings()) return found;
  return made;
}

void Add(const StoreCall& on, std::shared_ptr<SearchIndex> index, DocumentBatch batch,
         const WaitOptions& wait) {
  auto addition = std::make_shared<Addition>();
  addition->entries = std::move(batch.entries);
  addition->accepted = batch.documents.size();
  if (batch.documents.empty()) return SendNothingAccepted(*on.call, *addition);
  if (index == nullptr) {
    auto made = MakeIndex(on.store, std::string(on.call->request().Parameter("index")));
    if (!made.ok()) return on.Fail(std::move(made).error());
    index = std::move(made).value();
  }
  Result<AddOutcome> outcome = index->Add(batch.documents);
  if (!outcome.ok()) return on.Fail(std::move(outcome).error());
  batch.documents.clear();
  addition->outcome = std::move(outcome).value();
  on.service.StoreChanged();
  const Result<TaskRecord> task = on.store.FindTask(addition->outcome.task);
  if (!task.ok()) return on.Fail(task.error());
  if (wait.wait && task->status == TaskStatus::kProcessing) {
    return AnswerWhenDone(on, std::move(addition), wait.limit);
  }
  SendAddition(*on.call, *addition, task->status, wait.wait);
}

// Reads and cuts the documents, which takes as long as there are many; another step writes them.
void AddDocuments(const StoreCall& on) {
  if (auto failure = NotReady(on.call->context())) return on.call->Fail(*std::move(failure));
  const http::Request& request = on.call->request();
  const Result<WaitOptions> wait = ReadWait(request);
  if (!wait.ok()) return on.Fail(wait.error());
  auto found = on.store.FindIndex(std::string(request.Parameter("index")));
  if (!found.ok() && found.error().code != Code::kNotFound) return on.Fail(found.error());
  const std::shared_ptr<SearchIndex> index = found.ok() ? *found : nullptr;
  Result<ModelLease> model =
      index == nullptr ? on.service.ModelForNew() : on.service.ModelFor(*on.lease, *index);
  if (!model.ok() && model.error().code == Code::kOverloaded) {
    return on.call->Fail({Fault::kNotReady, "the model is being loaded"});
  }
  if (!model.ok()) return on.Fail(std::move(model).error());
  Result<DocumentBatch> batch =
      ReadDocumentBatch(request.body, FormatOf(request.FindHeader("Content-Type")),
                        index == nullptr ? IndexSettings() : index->settings(),
                        on.call->context().options.max_documents, (*model)->indexing()->chunker);
  // Until they are written the documents take as much memory as the body did.
  const auto permit = request.body_permit;
  on.call->DropBody();
  if (!batch.ok()) return on.Fail(std::move(batch).error());
  auto documents = std::make_shared<DocumentBatch>(std::move(batch).value());
  OnLane(on.call, Access::kWrite, [index, documents, permit, wait = *wait](const StoreCall& write) {
    Add(write, index, std::move(*documents), wait);
  });
}

void ListDocuments(const StoreCall& on) {
  const auto parameters = on.Parse();
  if (!parameters.has_value()) return;
  const Result<Page> page = ReadPage(parameters->root(), kMaxListed, true);
  if (!page.ok()) return on.Fail(page.error());
  const auto index = on.Index();
  if (index == nullptr) return;
  const auto documents = index->List(page->filter, page->offset, page->limit,
                                     on.call->context().options.max_answer_bytes);
  if (!documents.ok()) return on.Fail(documents.error());
  SendJson(*on.call, 200, [&](JsonWriter& json) {
    json.BeginObject();
    json.Key("results");
    json.BeginArray();
    for (const StoredDocument& document : documents->documents) json.Raw(document.json);
    json.EndArray();
    json.Key("offset");
    json.Uint(page->offset);
    json.Key("limit");
    json.Uint(page->limit);
    json.Key("total");
    json.Uint(documents->total);
    json.EndObject();
  });
}

void NoSuchDocument(const StoreCall& on, const std::string& id) {
  on.call->Fail({Fault::kNotFound, "document " + QuoteForMessage(id) + ": there is none"});
}

void FetchDocument(const StoreCall& on) {
  const auto index = on.Index();
  if (index == nullptr) return;
  const std::string id(on.call->request().Parameter("id"));
  const auto document = index->Fetch(id);
  if (!document.ok()) return on.Fail(document.error());
  if (!document->has_value()) return NoSuchDocument(on, id);
  SendJson(*on.call, 200, [&](JsonWriter& json) { json.Raw((*document)->json); });
}

void SendDeletion(const StoreCall& on, const DeleteOutcome& outcome) {
  on.service.StoreChanged();
  SendJson(*on.call, 200, [&](JsonWriter& json) {
    json.BeginObject();
    json.Key("deleted");
    json.Uint(outcome.deleted);
    json.Key("task");
    json.Int(outcome.task);
    json.EndObject();
  });
}

void DeleteDocument(const StoreCall& on) {
  const auto index = on.Index();
  if (index == nullptr) return;
  const std::string id(on.call->request().Parameter("id"));
  const auto outcome = index->Delete({&id, 1});
  if (!outcome.ok()) return on.Fail(outcome.error());
  if (outcome->deleted == 0) return NoSuchDocument(on, id);
  SendDeletion(on, *outcome);
}

Result<std::vector<std::string>> ReadIds(const JsonView& list, size_t limit) {
  MINNOW_RETURN_IF_ERROR(list.Array());
  if (list.size() > limit) {
    return Error{Code::kInvalidArgument,
                 "ids: " + std::to_string(list.size()) + " items, limit " + std::to_string(limit)};
  }
  std::vector<std::string> ids;
  for (const JsonView item : list.Items()) {
    MINNOW_ASSIGN_OR_RETURN(ids.emplace_back(), ReadId(item));
  }
  return ids;
}

Result<DeleteOutcome> Delete(SearchIndex& index, const JsonView& body, size_t limit) {
  constexpr std::array<std::string_view, 2> kFields = {"ids", "filter"};
  MINNOW_RETURN_IF_ERROR(CheckFields(body, kFields));
  const auto ids = body.Find("ids");
  const bool by_ids = ids.has_value() && !ids->is_null();
  MINNOW_ASSIGN_OR_RETURN(const std::string_view filter, body.GetString("filter", ""));
  // An empty filter would be all there is: that is said by deleting the index.
  if (by_ids == !filter.empty()) {
    return Error{Code::kInvalidArgument, "either ids or a filter that is not empty is needed"};
  }
  if (filter.size() > kMaxFilterBytes) {
    return Error{Code::kInvalidArgument, "filter: " + std::to_string(filter.size()) +
                                             " bytes, limit " + std::to_string(kMaxFilterBytes)};
  }
  if (!by_ids) return index.DeleteWhere(std::string(filter));
  MINNOW_ASSIGN_OR_RETURN(const std::vector<std::string> list, ReadIds(*ids, limit));
  return index.Delete(list);
}

void DeleteDocuments(const StoreCall& on) {
  const auto body = on.Parse();
  if (!body.has_value()) return;
  const auto index = on.Index();
  if (index == nullptr) return;
  const auto outcome = Delete(*index, body->root(), on.call->context().options.max_documents);
  if (!outcome.ok()) return on.Fail(outcome.error());
  SendDeletion(on, *outcome);
}

}  // namespace

void AddDocumentRoutes(const ApiContext* context, http::Router& router) {
  const std::string documents = "/indexes/{index}/documents";
  const size_t most = context->options.max_documents_bytes;
  AddStoreRoute(context, router, Access::kPrepare, UrlQuery::kRead, "POST", documents, AddDocuments,
                {.body_limit_bytes = most, .body_limit_flag = "--documents-payload-limit"});
  AddStoreRoute(context, router, Access::kRead, UrlQuery::kRead, "GET", documents, ListDocuments);
  AddStoreRoute(context, router, Access::kWrite, UrlQuery::kNone, "POST", documents + "/delete",
                DeleteDocuments);
  AddStoreRoute(context, router, Access::kRead, UrlQuery::kNone, "GET", documents + "/{id}",
                FetchDocument);
  AddStoreRoute(context, router, Access::kWrite, UrlQuery::kNone, "DELETE", documents + "/{id}",
                DeleteDocument);
}

}  // namespace minnow::api
