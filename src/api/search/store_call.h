// SPDX-License-Identifier: Apache-2.0
// What every handler of the documents API does: it finds its store and index, runs its work on a
// lane, and answers in JSON. Internal to api/search.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "api/call.h"
#include "formats/json.h"
#include "serving/search_service.h"

namespace minnow::api {

// kPrepare: reads what is to be written, on a lane of its own, so that it holds up no writer.
enum class Access { kRead, kPrepare, kWrite };

// What a handler works with on its lane. It answers through `call`, once, now or later.
struct StoreCall {
  std::shared_ptr<Call> call;
  SearchService& service;
  StoreLease lease;
  Store& store;  // of the lease
  Access access;

  void Fail(Error error) const {
    call->Fail(ToStoreFailure(std::move(error), access != Access::kRead));
  }
  // The index that the path names; null: there is none, and the request is answered.
  std::shared_ptr<SearchIndex> Index() const;
  // The body as JSON, or the query where the method is GET; nullopt: it was none, and the request
  // is answered.
  std::optional<JsonDocument> Parse() const;
};

using StoreStep = std::function<void(const StoreCall&)>;

// Whether a route reads the query of its URL; where it does not, there must be none.
enum class UrlQuery { kNone, kRead };

// Adds a route whose handler runs on the lane of `access`. It is refused while the store is not
// open; one that does not only read, where the store is read-only.
void AddStoreRoute(const ApiContext* context, http::Router& router, Access access,
                   UrlQuery url_query, const std::string& method, const std::string& path,
                   StoreStep step, http::RouteOptions options = {});

// Runs `step` on the lane of `access`, on the store of `lease`; null: on the present one.
void OnLane(std::shared_ptr<Call> call, Access access, StoreStep step, StoreLease lease = nullptr);

// Calls `write` with the writer of the body, and sends it.
void SendJson(Call& call, int status, const std::function<void(JsonWriter&)>& write);

}  // namespace minnow::api
