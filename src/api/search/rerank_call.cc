// SPDX-License-Identifier: Apache-2.0
#include "api/search/rerank_call.h"

#include <string>
#include <utility>

#include "serving/rerank_stage.h"

namespace minnow::api {
namespace {

using Clock = std::chrono::steady_clock;

// A search that waits for the model.
struct Waiting {
  SearchRequest page;
  size_t top_n = 0;
  Reranked reranked;
  std::shared_ptr<void> memory;  // of the hits; null: none is counted
  std::function<void(Call&, const Reranked&)> done;
  Clock::time_point begin = Clock::now();
};

size_t BytesOf(const SearchAnswer& answer) {
  size_t bytes = 0;
  for (const SearchHit& hit : answer.hits) {
    bytes += sizeof hit + hit.id.size() + hit.json.size() + hit.snippet.size() + hit.passage.size();
  }
  return bytes;
}

// False: there is no memory for the hits.
bool TakeMemory(const ApiContext& context, Waiting& waiting) {
  if (context.memory == nullptr) return true;
  const size_t bytes = BytesOf(waiting.reranked.answer);
  if (!context.memory->Take(bytes)) return false;
  waiting.memory = std::shared_ptr<void>(
      nullptr, [memory = context.memory, bytes](void*) { memory->Give(bytes); });
  return true;
}

void Finish(Call& call, Waiting& waiting, std::span<const float> scores) {
  ApplyRerank(waiting.page, waiting.top_n, scores, waiting.reranked.answer);
  waiting.reranked.took = Clock::now() - waiting.begin;
  call.context().metrics->search_rerank_duration.Observe(
      std::chrono::duration<double>(waiting.reranked.took).count());
  waiting.done(call, waiting.reranked);
}

}  // namespace

ModelLease FindReranker(Call& call, const RerankChoice& choice) {
  const ApiContext& context = call.context();
  if (auto failure = NotReady(context)) {
    call.Fail(*std::move(failure));
    return nullptr;
  }
  Result<ModelLease> model = context.models->Find(choice.model, TaskKind::kRerank);
  if (!model.ok()) {
    Failure failure = ToFailure(std::move(model).error());
    failure.message = failure.fault != Fault::kNotFound && choice.model.empty()
                          ? "rerank: no model here reranks: it would be a classifier with one label"
                          : "rerank." + failure.message;
    // One that is loaded later may be the one.
    if (context.status->Get().state == ServiceState::kLoading) {
      failure = {Fault::kNotReady, "models are being loaded"};
    }
    call.Fail(std::move(failure));
    return nullptr;
  }
  if ((*model)->tokenizer() == nullptr) {
    call.Fail({Fault::kInvalidField, "rerank.model " + QuoteForMessage((*model)->facts().model_id) +
                                         ": has no tokenizer, which texts need"});
    return nullptr;
  }
  return std::move(model).value();
}

void Rerank(const std::shared_ptr<Call>& call, ModelLease model, const SearchRequest& page,
            size_t top_n, SearchAnswer answer, std::function<void(Call&, const Reranked&)> done) {
  auto waiting = std::make_shared<Waiting>();
  waiting->page = page;
  waiting->top_n = top_n;
  waiting->reranked.answer = std::move(answer);
  waiting->done = std::move(done);
  ClassifyRequest request;
  request.inputs = RerankPairs(page, waiting->reranked.answer);
  request.raw_scores = true;
  request.field = "rerank";
  if (request.inputs.empty()) return Finish(*call, *waiting, {});
  call->UseModel(std::move(model));
  if (!TakeMemory(call->context(), *waiting)) {
    return call->Fail({Fault::kOverloaded, "memory full: there is none for what is reranked"});
  }
  waiting->reranked.scored = request.inputs.size();
  call->model().Run(
      std::move(request), call->request().client, [call, waiting](Result<ClassifyAnswer> result) {
        if (!result.ok()) return call->Fail(ToFailure(std::move(result).error()));
        waiting->reranked.truncated = result->truncated;
        call->RunOffloadedOrInline([waiting, scores = std::move(result->scores)](Call& c) {
          Finish(c, *waiting, scores);
        });
      });
}

}  // namespace minnow::api
