// SPDX-License-Identifier: Apache-2.0
// From a route to a lane and back.
#include "api/search/store_call.h"

#include <utility>

#include "api/search/parameters.h"

namespace minnow::api {

std::shared_ptr<SearchIndex> StoreCall::Index() const {
  const std::string name(call->request().Parameter("index"));
  Result<std::shared_ptr<SearchIndex>> index = store.FindIndex(name);
  if (index.ok()) return std::move(index).value();
  Fail(std::move(index).error());
  return nullptr;
}

std::optional<JsonDocument> StoreCall::Parse() const {
  if (call->request().method == "POST") return call->Parse();
  Result<JsonDocument> parameters = ParametersAsJson(call->request().query);
  if (parameters.ok()) return std::move(parameters).value();
  call->Fail(ToFailure(std::move(parameters).error()));
  return std::nullopt;
}

void OnLane(std::shared_ptr<Call> call, Access access, StoreStep step, StoreLease lease) {
  SearchService& service = *call->context().search;
  if (access != Access::kRead && service.replica() != nullptr) {
    return call->Fail({Fault::kReadOnly,
                       "this server is a replica (--index-from): what is written goes to the store "
                       "that its snapshots are made of"});
  }
  if (lease == nullptr) lease = service.lease();
  if (lease == nullptr) {
    return call->Fail({Fault::kNotReady, service.replica() != nullptr
                                             ? "there is no snapshot of the index yet"
                                             : "the store is being opened"});
  }
  call->SetIndexGeneration(lease->generation);
  if (access != Access::kRead && lease->store->read_only()) {
    return call->Fail({Fault::kReadOnly, "the store is served read-only"});
  }
  const std::string_view index = call->request().Parameter("index");
  if (access != Access::kRead && !index.empty() && index == service.mirror()) {
    return call->Fail({Fault::kReadOnly, "index " + QuoteForMessage(index) +
                                             " follows Kuberian's tables: what is written there is "
                                             "taken over at the next start"});
  }
  WorkLane& lane = access == Access::kRead      ? service.readers()
                   : access == Access::kPrepare ? service.preparer()
                                                : service.writer();
  Call& on = *call;
  on.On(lane, [&service, lease = std::move(lease), access, step = std::move(step)](Call& c) {
    step({c.shared_from_this(), service, lease, *lease->store, access});
  });
}

void AddStoreRoute(const ApiContext* context, http::Router& router, Access access,
                   UrlQuery url_query, const std::string& method, const std::string& path,
                   StoreStep step, http::RouteOptions options) {
  router.Add(
      method, path,
      [context, access, url_query, step = std::move(step)](http::Request request,
                                                           http::Responder responder) {
        auto call = std::make_shared<Call>(context, Family::kSearch, std::move(request),
                                           std::move(responder));
        if (url_query == UrlQuery::kNone) {
          Status status = CheckNoParameters(call->request().query);
          if (!status.ok()) return call->Fail(ToFailure(std::move(status).error()));
        }
        OnLane(std::move(call), access, step);
      },
      options);
}

void SendJson(Call& call, int status, const std::function<void(JsonWriter&)>& write) {
  http::Response response;
  response.status = status;
  response.content_type = "application/json";
  JsonWriter json(&response.body);
  write(json);
  call.Finish(std::move(response));
}

}  // namespace minnow::api
