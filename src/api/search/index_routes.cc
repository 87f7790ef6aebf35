// SPDX-License-Identifier: Apache-2.0
// /indexes and /tasks: what a store holds, and what it was asked for.
#include <array>
#include <charconv>
#include <string>

#include "api/search/index_json.h"
#include "api/search/parameters.h"
#include "api/search/routes.h"
#include "api/search/search_query.h"
#include "api/search/store_call.h"
#include "serving/kuberian/kuberian_service.h"

namespace minnow::api {
namespace {

constexpr size_t kMaxTextFields = 256;
constexpr size_t kMaxFieldBytes = 1000;
constexpr size_t kMaxTasksListed = 1000;

Result<IndexSettings> ReadSettings(const JsonView& body) {
  IndexSettings settings;
  const auto check = [](std::string_view name, const char* field) -> Status {
    if (!name.empty() && name.size() <= kMaxFieldBytes) return {};
    return Error{Code::kInvalidArgument, std::string(field) + ": a field's name has 1 to " +
                                             std::to_string(kMaxFieldBytes) + " bytes"};
  };
  MINNOW_ASSIGN_OR_RETURN(settings.id_field, body.GetName("id_field", settings.id_field));
  MINNOW_RETURN_IF_ERROR(check(settings.id_field, "id_field"));
  const auto fields = body.Find("text_fields");
  if (!fields.has_value() || fields->is_null()) return settings;
  MINNOW_RETURN_IF_ERROR(fields->Array());
  if (fields->size() > kMaxTextFields) {
    return Error{Code::kInvalidArgument, "text_fields: " + std::to_string(fields->size()) +
                                             " items, limit " + std::to_string(kMaxTextFields)};
  }
  for (const JsonView item : fields->Items()) {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view name, item.Name());
    MINNOW_RETURN_IF_ERROR(check(name, "text_fields"));
    settings.text_fields.emplace_back(name);
  }
  return settings;
}

bool HoldsFunctions(const StoreCall& on, const SearchIndex& index) {
  const KuberianService* const kuberian = on.call->context().kuberian;
  return kuberian != nullptr && kuberian->Serves(index);
}

// The index as JSON, or the failure that was sent.
void SendIndex(const StoreCall& on, int status, const SearchIndex& index) {
  const Result<IndexStats> stats = index.Stats();
  if (!stats.ok()) return on.Fail(stats.error());
  SendJson(*on.call, status,
           [&](JsonWriter& json) { WriteIndex(index, *stats, HoldsFunctions(on, index), json); });
}

void CreateIndex(const StoreCall& on) {
  const auto body = on.Parse();
  if (!body.has_value()) return;
  const auto read = [&]() -> Result<std::pair<std::string, IndexSettings>> {
    constexpr std::array<std::string_view, 3> kFields = {"name", "text_fields", "id_field"};
    MINNOW_RETURN_IF_ERROR(CheckFields(body->root(), kFields));
    MINNOW_ASSIGN_OR_RETURN(const JsonView field, body->root().Get("name"));
    MINNOW_ASSIGN_OR_RETURN(const std::string_view name, field.Name());
    MINNOW_ASSIGN_OR_RETURN(IndexSettings settings, ReadSettings(body->root()));
    return std::pair(std::string(name), std::move(settings));
  }();
  if (!read.ok()) return on.Fail(read.error());
  const auto& [name, settings] = *read;
  if (on.store.FindIndex(name).ok()) {
    return on.call->Fail({Fault::kConflict, "name: index " + QuoteForMessage(name) + " exists"});
  }
  const auto index = on.store.CreateIndex(name, settings);
  if (!index.ok()) return on.Fail(index.error());
  SendIndex(on, 201, **index);
}

void ListIndexes(const StoreCall& on) {
  SendJson(*on.call, 200, [&](JsonWriter& json) {
    size_t total = 0;
    json.BeginObject();
    json.Key("results");
    json.BeginArray();
    for (const std::shared_ptr<SearchIndex>& index : on.store.Indexes()) {
      // One that was dropped meanwhile is left out.
      const Result<IndexStats> stats = index->Stats();
      if (!stats.ok()) continue;
      WriteIndex(*index, *stats, HoldsFunctions(on, *index), json);
      ++total;
    }
    json.EndArray();
    json.Key("total");
    json.Uint(total);
    json.EndObject();
  });
}

void ShowIndex(const StoreCall& on) {
  if (const auto index = on.Index()) SendIndex(on, 200, *index);
}

void DropIndex(const StoreCall& on) {
  const auto index = on.Index();
  if (index == nullptr) return;
  const Status status = on.store.DropIndex(index->name());
  if (!status.ok()) return on.Fail(status.error());
  on.service.StoreChanged();
  SendJson(*on.call, 200, [&](JsonWriter& json) {
    json.BeginObject();
    json.Key("name");
    json.String(index->name());
    json.Key("deleted");
    json.Bool(true);
    json.EndObject();
  });
}

void ListTasks(const StoreCall& on) {
  const auto parameters = on.Parse();
  if (!parameters.has_value()) return;
  const Result<Page> page = ReadPage(parameters->root(), kMaxTasksListed, false);
  if (!page.ok()) return on.Fail(page.error());
  const auto tasks = on.store.Tasks(page->offset, page->limit);
  if (!tasks.ok()) return on.Fail(tasks.error());
  SendJson(*on.call, 200, [&](JsonWriter& json) {
    json.BeginObject();
    json.Key("results");
    json.BeginArray();
    for (const TaskRecord& task : tasks->tasks) WriteTask(task, json);
    json.EndArray();
    json.Key("offset");
    json.Uint(page->offset);
    json.Key("limit");
    json.Uint(page->limit);
    json.Key("total");
    json.Uint(tasks->total);
    json.EndObject();
  });
}

void ShowTask(const StoreCall& on) {
  const std::string text(on.call->request().Parameter("task"));
  int64_t id = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), id);
  // Only as answers write it: "01" and "1e0" name no task.
  if (problem != std::errc() || end != text.data() + text.size() || std::to_string(id) != text) {
    return on.call->Fail({Fault::kNotFound, "task " + QuoteForMessage(text) + ": there is none"});
  }
  const Result<TaskRecord> task = on.store.FindTask(id);
  if (!task.ok()) return on.Fail(task.error());
  SendJson(*on.call, 200, [&](JsonWriter& json) { WriteTask(*task, json); });
}

}  // namespace

void AddIndexRoutes(const ApiContext* context, http::Router& router) {
  AddStoreRoute(context, router, Access::kRead, UrlQuery::kNone, "GET", "/indexes", ListIndexes);
  AddStoreRoute(context, router, Access::kWrite, UrlQuery::kNone, "POST", "/indexes", CreateIndex);
  AddStoreRoute(context, router, Access::kRead, UrlQuery::kNone, "GET", "/indexes/{index}",
                ShowIndex);
  AddStoreRoute(context, router, Access::kWrite, UrlQuery::kNone, "DELETE", "/indexes/{index}",
                DropIndex);
  AddStoreRoute(context, router, Access::kRead, UrlQuery::kRead, "GET", "/tasks", ListTasks);
  AddStoreRoute(context, router, Access::kRead, UrlQuery::kNone, "GET", "/tasks/{task}", ShowTask);
}

void AddSearchRoutes(const ApiContext* context, http::Router& router) {
  AddIndexRoutes(context, router);
  AddDocumentRoutes(context, router);
  AddQueryRoutes(context, router);
}

}  // namespace minnow::api
