// SPDX-License-Identifier: Apache-2.0
// Call: one request of a computing route on its way from the I/O thread to a model and back.
//
// A Call is shared by the functions that carry it along; exactly one of Finish, Fail and Stream
// answers it. If all let go of it before, its Responder answers 503. It holds the lease of its
// model.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "api/errors.h"
#include "api/request_json.h"
#include "api/routes.h"
#include "engine/work_lane.h"
#include "http/message.h"
#include "http/responder.h"

namespace minnow::api {

class Call : public std::enable_shared_from_this<Call> {
 public:
  using Step = std::function<void(Call&)>;

  Call(const ApiContext* context, Family family, http::Request request, http::Responder responder)
      : context_(context),
        family_(family),
        request_(std::move(request)),
        responder_(std::move(responder)) {}

  // Refuses while no model is loaded; otherwise runs `step`: at once for a small body, else off the
  // I/O thread.
  static void Begin(std::shared_ptr<Call> call, Step step);
  // Runs `step` on the aside lane; answers kOverloaded when it is refused.
  void Aside(Step step);
  // The same, but where the lane refuses, `step` runs here: for work that is nearly done.
  void RunOffloadedOrInline(Step step);
  // Runs `step` on the lane, unless the client has left by then; answers kOverloaded when it is
  // refused.
  void On(WorkLane& lane, Step step);

  // Takes the lease of the model that the request names (ModelRegistry::Find). False: there is
  // none, and the request is answered.
  bool UseModel(std::string_view name, std::optional<TaskKind> kind);
  // Of a model that was found otherwise.
  void UseModel(ModelLease model) { model_ = std::move(model); }

  // The body as JSON; nullopt: it was none, and the request is answered.
  std::optional<JsonDocument> Parse();
  // Gives the body's memory back, once it was read otherwise.
  void DropBody();

  void Finish(http::Response response);
  void Fail(Failure failure);
  // What a client is told of it, as the server is now.
  Failure Explain(Failure failure) const;
  // The answer comes in pieces (http::Responder::Begin): no cache keeps it, no proxy collects it.
  http::ResponseStream Stream(std::string_view content_type);
  // A stream that has begun ends with this.
  void CountFailure(const Failure& failure);

  // The answer's head tells it, where it is of a snapshot (not 0).
  void SetIndexGeneration(int64_t generation) { index_generation_ = generation; }

  // In whose shape errors are told, where the body says more than the path.
  void SetFamily(Family family) { family_ = family; }

  const ApiContext& context() const { return *context_; }
  Family family() const { return family_; }
  // REQUIRES, both: UseModel succeeded.
  LoadedModel& model() const { return *model_; }
  const ModelFacts& facts() const { return model_->facts(); }
  const http::Request& request() const { return request_; }

 private:
  const ApiContext* context_;
  Family family_;
  http::Request request_;
  http::Responder responder_;
  ModelLease model_;
  int64_t index_generation_ = 0;
};

// "; Content-Type is text/csv, not JSON" for what could not be read as JSON; empty where the
// request says that it is, or says nothing.
std::string TypeHint(const http::Request& request);

// The failure that answers while no model is loaded; nullopt when one is, also while the server
// drains: what arrived before the end is served.
std::optional<Failure> NotReady(const ApiContext& context);

}  // namespace minnow::api
