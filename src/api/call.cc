// SPDX-License-Identifier: Apache-2.0
// Call: where each step of a request runs.
#include "api/call.h"

#include <utility>

namespace minnow::api {
namespace {

// Parsing less than this takes no longer than handing it over.
constexpr size_t kSmallBodyBytes = 64 * 1024;

}  // namespace

std::optional<Failure> NotReady(const EmbeddingService& service) {
  if (service.facts() != nullptr) return std::nullopt;
  const ServiceStatus status = service.status();
  if (status.state == ServiceState::kFailed) {
    return Failure{Fault::kNotReady, "the model could not be loaded: " + status.message};
  }
  return Failure{Fault::kNotReady, "the model is being loaded"};
}

void Call::Begin(std::shared_ptr<Call> call, Step step) {
  if (auto failure = NotReady(*call->context_->service)) {
    call->Fail(*std::move(failure));
  } else if (call->request_.body.size() < kSmallBodyBytes) {
    step(*call);
  } else {
    call->Aside(std::move(step));
  }
}

void Call::Aside(Step step) {
  Status status = context_->service->RunAside(
      [self = shared_from_this(), step = std::move(step)] { step(*self); });
  if (!status.ok()) Fail(ToFailure(std::move(status).error()));
}

void Call::AsideOrHere(Step step) {
  const Status status =
      context_->service->RunAside([self = shared_from_this(), step] { step(*self); });
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
  Fail({Fault::kMalformedJson, std::move(document).error().message});
  return std::nullopt;
}

void Call::DropBody() {
  request_.body = std::string();
  request_.body_permit = nullptr;
}

void Call::Finish(http::Response response) { responder_.Send(std::move(response)); }

void Call::Fail(Failure failure) {
  // The engine refuses everything once it drains: then this server is going away, and another may
  // take the request.
  if (failure.fault == Fault::kOverloaded &&
      context_->service->status().state == ServiceState::kDraining) {
    failure = {Fault::kNotReady, "the server is shutting down"};
  }
  context_->metrics->CountFailure(MetricsKind(failure.fault));
  Finish(ErrorResponse(family_, failure));
}

}  // namespace minnow::api
