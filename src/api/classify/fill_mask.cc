// SPDX-License-Identifier: Apache-2.0
// Masks of texts: POST /v1/fill-mask, and POST /models/{name} of a masked language model.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/classify/fill_mask_json.h"
#include "api/classify/named.h"
#include "api/inference_call.h"
#include "api/request_json.h"
#include "api/routes.h"
#include "formats/json.h"

namespace minnow::api {
namespace {

// Writing more fillings than this takes long enough to leave it to another thread than the model's
// worker.
constexpr size_t kFewFillings = 50;

struct FillMaskQuery {
  FillMaskRequest request;
  bool batch = false;  // a list of texts was sent, not one
  std::string model;   // empty: the first that fills masks
};

// The text or the texts of `field`, and "top_k" and "targets" of `options`.
Status ReadQuery(const JsonView& body, const char* field, const JsonView& options,
                 FillMaskQuery& query) {
  query.request.field = field;
  std::vector<std::string> texts;
  MINNOW_RETURN_IF_ERROR(ReadTexts(body, field, texts, query.batch));
  for (std::string& text : texts) query.request.inputs.emplace_back(std::move(text));
  MINNOW_ASSIGN_OR_RETURN(const int64_t top_k,
                          options.GetInt("top_k", 1, INT32_MAX, kDefaultFillings));
  query.request.top_k = static_cast<size_t>(top_k);
  const auto targets = options.Find("targets");
  if (!targets.has_value() || targets->is_null()) return {};
  if (targets->is_array() && targets->size() > kMaxTargets) {
    return targets->Wrong(std::to_string(targets->size()) + " texts, limit " +
                          std::to_string(kMaxTargets));
  }
  bool list = false;
  MINNOW_RETURN_IF_ERROR(ReadTexts(options, "targets", query.request.targets, list));
  if (query.request.targets.empty()) return targets->Wrong("must not be empty");
  return {};
}

// {"input", "model", "top_k", "targets", "truncate", "truncation_direction"}
Result<FillMaskQuery> ReadFillMask(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  FillMaskQuery query;
  MINNOW_ASSIGN_OR_RETURN(query.model, body.GetName("model", ""));
  MINNOW_RETURN_IF_ERROR(ReadQuery(body, "input", body, query));
  MINNOW_RETURN_IF_ERROR(ReadLengthPolicy(body, query.request.length));
  return query;
}

Result<FillMaskQuery> ReadHuggingFaceFillMask(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  FillMaskQuery query;
  const auto parameters = body.Find("parameters");
  if (!parameters.has_value() || parameters->is_null()) {
    MINNOW_RETURN_IF_ERROR(ReadQuery(body, "inputs", body, query));
    return query;
  }
  MINNOW_RETURN_IF_ERROR(parameters->Object());
  MINNOW_RETURN_IF_ERROR(ReadQuery(body, "inputs", *parameters, query));
  MINNOW_ASSIGN_OR_RETURN(query.request.length.truncate, parameters->GetBool("truncation", true));
  return query;
}

void Write(const FillMaskQuery&, const Call& call, const FillMaskAnswer& answer, JsonWriter& json) {
  WriteList(call.facts(), answer.texts.size(), Sum(answer.tokens), json, [&](size_t i) {
    json.Key("masks");
    WriteFilledText(*call.model().tokenizer(), answer.texts[i], /*flat_if_one=*/false, json);
    return TextTokens{answer.untruncated[i], answer.tokens[i]};
  });
}

// What the pipeline gives: of a list of texts a list of that.
void WriteHuggingFace(const FillMaskQuery& query, const Call& call, const FillMaskAnswer& answer,
                      JsonWriter& json) {
  if (query.batch) json.BeginArray();
  for (const FilledText& text : answer.texts)
    WriteFilledText(*call.model().tokenizer(), text, /*flat_if_one=*/true, json);
  if (query.batch) json.EndArray();
}

struct FillMaskRoute {
  using Query = FillMaskQuery;
  using Answer = FillMaskAnswer;
  static constexpr TaskKind kTask = TaskKind::kFillMask;

  Family errors;
  Result<Query> (*read)(const JsonView& body);
  void (*write)(const Query& query, const Call& call, const Answer& answer, JsonWriter& json);
  size_t ApiOptions::*max_inputs = &ApiOptions::max_client_batch_size;

  std::optional<Failure> Check(Query&, const Call&) const { return std::nullopt; }
  bool IsLong(const Answer& answer) const {
    size_t fillings = 0;
    for (const FilledText& text : answer.texts) fillings += text.fillings.size();
    return fillings > kFewFillings;
  }
  void Write(const Query& query, const Call& call, const Answer& answer, std::string& body) const {
    JsonWriter json(&body);
    write(query, call, answer, json);
  }
};

constexpr FillMaskRoute kFillMask{.errors = Family::kOpenAi,
                                  .read = ReadFillMask,
                                  .write = Write,
                                  .max_inputs = &ApiOptions::max_openai_inputs};
constexpr FillMaskRoute kHuggingFaceFillMask{
    .errors = Family::kTei, .read = ReadHuggingFaceFillMask, .write = WriteHuggingFace};

}  // namespace

void SubmitFillMask(Call& call, const JsonView& body, std::string_view model) {
  SubmitInference(call, kHuggingFaceFillMask, body, model);
}

void AddFillMaskRoutes(const ApiContext* context, http::Router& router) {
  router.Add("POST", "/v1/fill-mask", [context](http::Request request, http::Responder responder) {
    HandleInference(context, kFillMask, std::move(request), std::move(responder));
  });
}

}  // namespace minnow::api
