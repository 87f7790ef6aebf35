// SPDX-License-Identifier: Apache-2.0
// Scores from raw scores.
#include "tasks/classify.h"

#include <algorithm>
#include <utility>

namespace minnow {
namespace {

EmbedRequest ToEmbedRequest(ClassifyRequest&& request) {
  return {.inputs = std::move(request.inputs),
          .length = request.length,
          .normalize = false,
          .field = std::move(request.field),
          .max_total_tokens = request.max_total_tokens,
          .inputs_per_item = request.inputs_per_item,
          .priority = request.priority};
}

}  // namespace

ClassifyModel::ClassifyModel(TextModel model, ClassifierSpec spec)
    : TextModel(std::move(model)), labels_(std::move(spec.labels)), function_(spec.function) {}

Result<std::unique_ptr<ClassifyModel>> ClassifyModel::Load(const ModelSource& source,
                                                           const EncoderPrecision& precision) {
  MINNOW_ASSIGN_OR_RETURN(ClassifierSpec spec, ReadClassifierSpec(source));
  MINNOW_ASSIGN_OR_RETURN(TextModel model, TextModel::Load(source, spec.layout, precision));
  return std::unique_ptr<ClassifyModel>(new ClassifyModel(std::move(model), std::move(spec)));
}

void ClassifyModel::ApplyScores(std::span<float> scores,
                                std::optional<ScoreFunction> function) const {
  for (size_t at = 0; at < scores.size(); at += labels_.size())
    ApplyScoreFunction(function.value_or(function_), scores.subspan(at, labels_.size()));
}

Status CheckReranker(const ClassifyModel& model, const std::string& name) {
  const size_t labels = model.labels().size();
  if (labels != 1) {
    return Error{Code::kUnsupported, name + ": classifies into " + std::to_string(labels) +
                                         " labels; a reranker has one"};
  }
  if (!model.has_tokenizer()) {
    return Error{Code::kUnsupported, name + ": has no tokenizer, which pairs of texts need"};
  }
  return {};
}

std::vector<LabelScore> BestFirst(std::span<const float> scores, size_t top_k) {
  std::vector<LabelScore> best;
  for (uint32_t i = 0; i < scores.size(); ++i) best.push_back({i, scores[i]});
  const size_t kept = top_k == 0 ? best.size() : std::min(top_k, best.size());
  std::partial_sort(best.begin(), best.begin() + static_cast<ptrdiff_t>(kept), best.end(),
                    [](const LabelScore& a, const LabelScore& b) {
                      // Numbers before what is none, so that the order is one for any weights.
                      if (a.score == b.score || (a.score != a.score && b.score != b.score))
                        return a.label < b.label;
                      return a.score > b.score || b.score != b.score;
                    });
  best.resize(kept);
  return best;
}

ClassifyJob::ClassifyJob(const ClassifyModel* model, ClassifyRequest request, Callback done)
    : ClassifyJob(model, request.raw_scores ? ScoreFunction::kNone : request.function,
                  std::move(request), std::move(done)) {}

ClassifyJob::ClassifyJob(const ClassifyModel* model, std::optional<ScoreFunction> function,
                         ClassifyRequest&& request, Callback done)
    : EmbedJob(model, ToEmbedRequest(std::move(request)),
               [model, function, done = std::move(done)](Result<EmbedAnswer> vectors) {
                 if (!vectors.ok()) return done(std::move(vectors).error());
                 ClassifyAnswer answer = {.scores = std::move(vectors->vectors),
                                          .tokens = std::move(vectors->tokens),
                                          .untruncated = std::move(vectors->untruncated),
                                          .truncated = vectors->truncated,
                                          .timings = vectors->timings};
                 model->ApplyScores(answer.scores, function);
                 done(std::move(answer));
               }) {}

}  // namespace minnow
