// SPDX-License-Identifier: Apache-2.0
// POST /predict of text-embeddings-inference: texts, pairs of texts or token ids to the scores of a
// classifier's labels. https://github.com/huggingface/text-embeddings-inference, release 1.9
#include "api/classify/predict.h"

#include <span>
#include <utility>

#include "api/classify/score_route.h"
#include "api/request_json.h"
#include "formats/json.h"

namespace minnow::api {
namespace {

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

void WritePredict(const PredictQuery& query, const ModelFacts& facts, const ClassifyAnswer& answer,
                  JsonWriter& json) {
  const std::vector<std::string>& labels = facts.labels;
  if (query.batch) json.BeginArray();
  for (size_t at = 0; at < answer.scores.size(); at += labels.size()) {
    WriteScores(labels, std::span<const float>(answer.scores).subspan(at, labels.size()), json);
  }
  if (query.batch) json.EndArray();
}

constexpr ScoreRoute<PredictQuery, TaskKind::kClassify> kPredict{
    .errors = Family::kTei, .read = ReadTeiPredict, .write = WritePredict};

}  // namespace

void HandlePredict(const ApiContext* context, http::Request request, http::Responder responder) {
  HandleInference(context, kPredict, std::move(request), std::move(responder));
}

}  // namespace minnow::api
