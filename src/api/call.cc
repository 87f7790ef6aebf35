// SPDX-License-Identifier: Apache-2.0
// Call: where each step of a request runs.
#include "api/call.h"

#include <utility>

namespace minnow::api {
namespace {

// Parsing less than this takes no longer than handing it over.
constexpr size_t kSmallBodyBytes = 64 * 1024;

}  // namespace

std::optional<Failure> NotReady(const ApiContext& context) {
  if (context.models->First() != nullptr) return std::nullopt;
  const ServiceStatus::Snapshot status = context.status->Get();
  if (status.state == ServiceState::kFailed) {
    return Failure{Fault::kNotReady, "the model could not be loaded: " + status.message};
  }
  return Failure{Fault::kNotReady, "the model is being loaded"};
}

bool Call::UseModel(std::string_view name, std::optional<TaskKind> kind) {
  Result<ModelLease> model = context_->models->Find(name, kind);
  if (model.ok()) {
    model_ = std::move(model).value();
    return true;
  }
  const bool loading = context_->status->Get().state == ServiceState::kLoading;
  const bool wrong_task = model.error().code == Code::kUnsupported;
  Failure failure = ToFailure(std::move(model).error());
  if (wrong_task) failure.fault = Fault::kWrongTask;
  // One that is loaded later may be the one.
  if (loading) failure = {Fault::kNotReady, "models are being loaded"};
  Fail(std::move(failure));
  return false;
}

std::string TypeHint(const http::Request& request) {
  const std::string_view field = request.FindHeader("Content-Type");
  const std::string_view type = field.substr(0, field.find(';'));
  if (type.empty() || type.find("json") != std::string_view::npos) return {};
  return "; Content-Type is " + std::string(type) + ", expected JSON";
}

void Call::Begin(std::shared_ptr<Call> call, Step step) {
  if (auto failure = NotReady(*call->context_)) {
    call->Fail(*std::move(failure));
  } else if (call->request_.body.size() < kSmallBodyBytes) {
    step(*call);
  } else {
    call->Aside(std::move(step));
  }
}

void Call::Aside(Step step) {
  Status status =
      context_->aside->Submit([self = shared_from_this(), step = std::move(step)] { step(*self); });
  if (!status.ok()) Fail(ToFailure(std::move(status).error()));
}

void Call::RunOffloadedOrInline(Step step) {
  const Status status = context_->aside->Submit([self = shared_from_this(), step] { step(*self); });
  if (!status.ok()) step(*this);
}

void Call::On(WorkLane& lane, Step step) {
  Status status = lane.Submit([self = shared_from_this(), step = std::move(step)] {
    if (self->request_.client != nullptr && self->request_.client->gone()) {
      return self->Fail({Fault::kClientGone, "the client left"});
    }
    step(*self);
  });
  if (!status.ok()) Fail(ToFailure(std::move(status).error()));
}

std::optional<JsonDocument> Call::Parse() {
  Result<JsonDocument> document = ParseBody(request_.body);
  DropBody();
  if (document.ok()) return std::move(document).value();
  Fail({Fault::kMalformedJson, document.error().message + TypeHint(request_)});
  return std::nullopt;
}

void Call::DropBody() {
  request_.body = std::string();
  request_.body_permit = nullptr;
}

void Call::Finish(http::Response response) {
  if (index_generation_ > 0) {
    response.headers.push_back({"X-Index-Generation", std::to_string(index_generation_)});
  }
  responder_.Send(std::move(response));
}

Failure Call::Explain(Failure failure) const {
  // The engine refuses everything once it drains: then this server is going away, and another may
  // take the request.
  if (failure.fault == Fault::kOverloaded &&
      context_->status->Get().state == ServiceState::kDraining) {
    failure = {Fault::kNotReady, "the server is shutting down"};
  }
  if (failure.fault == Fault::kOverloaded && model_ != nullptr) {
    failure.retry_after = model_->retry_after();
  }
  return failure;
}

void Call::Fail(Failure failure) {
  failure = Explain(std::move(failure));
  CountFailure(failure);
  Finish(ErrorResponse(family_, failure));
}

http::ResponseStream Call::Stream(std::string_view content_type) {
  http::Response head;
  head.content_type = content_type;
  head.headers = {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}};
  return responder_.Begin(std::move(head));
}

void Call::CountFailure(const Failure& failure) {
  context_->metrics->CountFailure(MetricsKind(failure.fault));
}

}  // namespace minnow::api
