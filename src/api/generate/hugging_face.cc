// SPDX-License-Identifier: Apache-2.0
// The tasks of Hugging Face's pipelines.
#include <memory>
#include <string>
#include <utility>

#include "api/generate/fields.h"
#include "api/generate/generate_call.h"
#include "api/generate/named.h"
#include "api/generate/wires.h"
#include "api/request_json.h"
#include "generation/options_json.h"

namespace minnow::api {
namespace {

constexpr int32_t kPipelineNewTokens = 256;  // the pipelines' own
constexpr std::string_view kTranslation = "translation";

class HuggingFaceWriter : public AnswerWriter {
 public:
  HuggingFaceWriter(const char* key, bool batch) : key_(key), batch_(batch) {}

  // A list for each input of a list, where each has several texts.
  void WriteWhole(const Served&, const GenerateAnswer& answer, JsonWriter& json) override {
    const bool nested = batch_ && answer.settings.num_return_sequences > 1;
    json.BeginArray();
    for (const GeneratedTexts& texts : answer.inputs) {
      if (nested) json.BeginArray();
      for (const GeneratedText& text : texts.sequences) {
        json.BeginObject();
        Put(json, key_, text.text);
        Put(json, "finish_reason", TgiFinish(text.finish_reason));
        json.EndObject();
      }
      if (nested) json.EndArray();
    }
    json.EndArray();
  }

 private:
  const char* const key_;
  const bool batch_;
};

const char* KeyOf(std::string_view task) {
  if (task.starts_with("summarization")) return "summary_text";
  return task.starts_with(kTranslation) ? "translation_text" : "generated_text";
}

std::vector<std::string_view> Translations(const TextTasks& tasks) {
  std::vector<std::string_view> names;
  for (const auto& [name, task] : tasks) {
    if (name.starts_with(kTranslation)) names.push_back(name);
  }
  return names;
}

Error NoTranslation(const std::string& why, const std::vector<std::string_view>& names) {
  std::string message = why + "; the model has";
  for (const std::string_view name : names)
    message.append(name == names.front() ? " " : ", ").append(name);
  return Error{Code::kInvalidArgument, message};
}

// The model's task for a pair of languages; empty where it has no tasks of this kind: then a
// translation is all that it does.
Result<std::string> FindTranslation(const JsonView& parameters, const TextTasks& tasks) {
  MINNOW_ASSIGN_OR_RETURN(const std::string_view from, parameters.GetString("src_lang", ""));
  MINNOW_ASSIGN_OR_RETURN(const std::string_view to, parameters.GetString("tgt_lang", ""));
  const std::vector<std::string_view> names = Translations(tasks);
  if (names.empty()) return std::string();
  if (from.empty() && to.empty() && names.size() == 1) return std::string(names.front());
  if (from.empty() || to.empty())
    return NoTranslation("parameters.src_lang: give it and tgt_lang", names);
  std::string name = std::string(kTranslation) + "_" + std::string(from) + "_to_" + std::string(to);
  if (tasks.contains(name)) return name;
  return NoTranslation("parameters.tgt_lang: no task " + QuoteForMessage(name), names);
}

// What of the model's own a task of this name is; empty: nothing.
Result<std::string> FindOwnTask(std::string_view task, const JsonView& parameters,
                                const TextTasks& tasks) {
  if (task.empty() || task == "text2text-generation" || task == "text-generation")
    return std::string();
  if (task == kTranslation) return FindTranslation(parameters, tasks);
  if (task == "summarization" && !tasks.contains(task)) return std::string();
  return std::string(task);
}

Status ReadTruncation(const JsonView& parameters, GenerateRequest& request) {
  const auto value = parameters.Find("truncation");
  if (!value || value->is_null()) return {};
  if (value->type() == JsonType::kBool) {
    if (*value->Bool()) request.truncation = InputTruncation::kKeepBeginning;
    return {};
  }
  MINNOW_ASSIGN_OR_RETURN(const std::string_view how, value->String());
  if (how == "longest_first" || how == "only_first") {
    request.truncation = InputTruncation::kKeepBeginning;
  } else if (how != "do_not_truncate") {
    return value->Expected("\"do_not_truncate\", \"longest_first\" or \"only_first\"");
  }
  return {};
}

Status ReadParameters(const JsonView& parameters, GenerateRequest& request) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView nested, ReadObject(parameters, "generate_parameters"));
  MINNOW_ASSIGN_OR_RETURN(const GenerationOptions inner, ReadGenerationOptions(nested));
  MINNOW_ASSIGN_OR_RETURN(const GenerationOptions outer, ReadGenerationOptions(parameters));
  request.options = Merge(inner, outer);
  for (const JsonView& object : {parameters, nested}) {
    MINNOW_ASSIGN_OR_RETURN(request.clean_up_spaces, object.GetBool("clean_up_tokenization_spaces",
                                                                    request.clean_up_spaces));
    MINNOW_ASSIGN_OR_RETURN(request.skip_special_tokens,
                            object.GetBool("skip_special_tokens", request.skip_special_tokens));
    for (const char* name : {"stop", "stop_sequence"}) {
      MINNOW_RETURN_IF_ERROR(
          ReadStop(object, name, GenerateRequest::kMaxStopStrings, request.stop));
    }
  }
  return ReadTruncation(parameters, request);
}

// By the fields that only its clients send.
bool AsksForTgi(const JsonView& body) {
  const auto parameters = body.Find("parameters");
  return body.Find("stream").has_value() ||
         (parameters.has_value() && parameters->Find("details").has_value());
}

}  // namespace

Result<GenerateQuery> ReadHuggingFaceText(const JsonView& body, std::string_view task,
                                          const TextTasks& tasks) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  GenerateQuery query;
  GenerateRequest& request = query.request;
  query.prefix = "parameters.";
  request.skip_special_tokens = true;
  request.limits.default_max_new_tokens = kPipelineNewTokens;
  std::vector<std::string> texts;
  MINNOW_RETURN_IF_ERROR(ReadTexts(body, "inputs", texts, query.batch));
  for (std::string& text : texts) request.inputs.emplace_back(std::move(text));
  MINNOW_ASSIGN_OR_RETURN(const JsonView parameters, ReadObject(body, "parameters"));
  MINNOW_RETURN_IF_ERROR(ReadParameters(parameters, request));
  if (task.empty()) {
    MINNOW_ASSIGN_OR_RETURN(task, parameters.GetString("task", ""));
  }
  const auto language = parameters.Find("tgt_lang");
  if (task.empty() && language && !language->is_null()) task = kTranslation;
  MINNOW_ASSIGN_OR_RETURN(request.task, FindOwnTask(task, parameters, tasks));
  query.writer = std::make_unique<HuggingFaceWriter>(KeyOf(task), query.batch);
  return query;
}

void SubmitText(Call& call, const JsonView& body, const std::string& name, std::string_view task) {
  const bool tgi = AsksForTgi(body);
  call.SetFamily(Family::kTgi);  // one client may ask in either shape
  Result<GenerateQuery> query =
      tgi ? ReadTgiRoot(body) : ReadHuggingFaceText(body, task, call.model().generator()->tasks());
  if (!query.ok()) return call.Fail(ToFailure(std::move(query).error()));
  query->model = name;
  SubmitGenerate(call, std::move(query).value());
}

}  // namespace minnow::api
