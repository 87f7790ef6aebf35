// SPDX-License-Identifier: Apache-2.0
// POST /predict of text-embeddings-inference: texts, pairs of texts or token ids to the scores of a
// classifier's labels. https://github.com/huggingface/text-embeddings-inference, release 1.9
#include "api/classify/predict.h"

#include <span>
#include <utility>

#include "api/inference_call.h"
#include "api/request_json.h"
#include "formats/json.h"

namespace minnow::api {
namespace {

// Writing more scores than this takes long enough to leave it to another thread than the model's
// worker.
constexpr size_t kFewScores = 4 * 1024;

// A Route of api/inference_call.h.
struct PredictRoute {
  using Query = PredictQuery;
  using Answer = ClassifyAnswer;
  static constexpr TaskKind kTask = TaskKind::kClassify;

  Family errors = Family::kTei;
  Result<PredictQuery> (*read)(const JsonView& body) = ReadTeiPredict;
  size_t ApiOptions::*max_inputs = &ApiOptions::max_client_batch_size;

  std::optional<Failure> Check(PredictQuery&, const Call&) const { return std::nullopt; }
  bool IsLong(const ClassifyAnswer& answer) const { return answer.scores.size() > kFewScores; }
  void Write(const PredictQuery& query, const Call& call, ClassifyAnswer answer,
             std::string& body) const;
};

void WriteScores(const std::vector<std::string>& labels, std::span<const float> scores,
                 JsonWriter& json) {
  json.BeginArray();
  for (const LabelScore& best : BestFirst(scores, /*top_k=*/0)) {
    json.BeginObject();
    json.Key("score");
    json.Float(best.score);
    json.Key("label");
    json.String(labels[best.label]);
    json.EndObject();
  }
  json.EndArray();
}

void PredictRoute::Write(const PredictQuery& query, const Call& call, ClassifyAnswer answer,
                         std::string& body) const {
  const std::vector<std::string>& labels = call.facts().labels;
  JsonWriter json(&body);
  if (query.batch) json.BeginArray();
  for (size_t at = 0; at < answer.scores.size(); at += labels.size()) {
    WriteScores(labels, std::span<const float>(answer.scores).subspan(at, labels.size()), json);
  }
  if (query.batch) json.EndArray();
}

constexpr PredictRoute kPredict;

}  // namespace

void HandlePredict(const ApiContext* context, http::Request request, http::Responder responder) {
  HandleInference(context, kPredict, std::move(request), std::move(responder));
}

}  // namespace minnow::api
