// SPDX-License-Identifier: Apache-2.0
// KServe's extension of the open inference protocol: POST /v2/models/{name}/generate and
// generate_stream.
#include <memory>
#include <string>
#include <utility>

#include "api/generate/fields.h"
#include "api/generate/wires.h"
#include "generation/options_json.h"

namespace minnow::api {
namespace {

constexpr int32_t kKserveNewTokens = 20;
constexpr std::pair<std::string_view, std::string_view> kKserveNames[] = {
    {"max_new_tokens", "max_tokens"}};

class KserveWriter : public AnswerWriter {
 public:
  KserveWriter(std::string id, std::string_view version)
      : id_(std::move(id)), version_(version.empty() ? "1" : version) {}

  void WriteWhole(const Served& served, const GenerateAnswer& answer, JsonWriter& json) override {
    const GeneratedText& text = answer.inputs.front().sequences.front();
    Write(served, text.text, TgiFinish(text.finish_reason), json);
  }
  void WritePiece(const Served& served, TextPlace, const GeneratedPiece& piece,
                  std::string& out) override {
    if (!piece.text.empty()) AppendPiece(served, piece.text, {}, out);
  }
  void WriteTextEnd(const Served& served, TextPlace place, const GenerateAnswer& answer,
                    std::string& out) override {
    const auto& text = answer.inputs[place.input].sequences[place.sequence];
    AppendPiece(served, "", TgiFinish(text.finish_reason), out);
  }

 private:
  void Write(const Served& served, std::string_view text, std::string_view finish,
             JsonWriter& json) const {
    json.BeginObject();
    if (!id_.empty()) Put(json, "id", id_);
    Put(json, "text_output", text);
    Put(json, "model_name", served.facts.model_id);
    Put(json, "model_version", version_);
    if (!finish.empty()) Put(json, "finish_reason", finish);
    json.EndObject();
  }
  void AppendPiece(const Served& served, std::string_view text, std::string_view finish,
                   std::string& out) const {
    std::string event;
    JsonWriter json(&event);
    Write(served, text, finish, json);
    AppendEvent(event, out);
  }

  const std::string id_;
  const std::string version_;
};

}  // namespace

Result<GenerateQuery> ReadKserve(const JsonView& body, std::string_view model,
                                 std::string_view version, bool stream) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  GenerateQuery query;
  GenerateRequest& request = query.request;
  query.model = model;
  query.stream = stream;
  query.names = kKserveNames;
  query.prefix = "parameters.";
  request.field = "text_input";
  request.skip_special_tokens = true;
  request.limits.default_max_new_tokens = kKserveNewTokens;
  MINNOW_ASSIGN_OR_RETURN(const std::string_view text, body.GetString("text_input"));
  request.inputs.emplace_back(std::string(text));
  MINNOW_ASSIGN_OR_RETURN(const std::string_view id, body.GetString("id", ""));
  MINNOW_ASSIGN_OR_RETURN(const JsonView parameters, ReadObject(body, "parameters"));
  GenerationOptions& options = request.options;
  MINNOW_ASSIGN_OR_RETURN(options, ReadGenerationOptions(parameters));
  MINNOW_ASSIGN_OR_RETURN(const auto tokens, ReadInteger(parameters, "max_tokens", 1, INT32_MAX));
  if (tokens) options.max_new_tokens = tokens;
  // A temperature of 0 is no chance.
  if (options.temperature == 0.0) options.temperature.reset();
  SetSampling(options.do_sample.value_or(options.temperature || options.top_p || options.top_k),
              options);
  MINNOW_RETURN_IF_ERROR(
      ReadStop(parameters, "stop", GenerateRequest::kMaxStopStrings, request.stop));
  query.writer = std::make_unique<KserveWriter>(std::string(id), version);
  return query;
}

}  // namespace minnow::api
