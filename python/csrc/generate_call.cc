// SPDX-License-Identifier: Apache-2.0
// Texts to the texts that a model makes of them.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "csrc/calls.h"
#include "csrc/python_api.h"
#include "csrc/session.h"
#include "csrc/texts.h"
#include "formats/json.h"
#include "generation/options_json.h"
#include "tasks/generate/stream.h"

namespace minnow::python {
namespace {

// As minnow generate has it.
constexpr size_t kSideBySide = 16;
// Of new texts in one step, so that no step is long; one may have more.
constexpr size_t kNewBytesAStep = 2048;

bool IsOwnField(std::string_view name) {
  for (const char* own : {"task", "stop", "truncation", "truncation_side", "skip_special_tokens",
                          "clean_up_tokenization_spaces", "details"}) {
    if (name == own) return true;
  }
  return false;
}

Status ReadStop(const JsonView& object, std::vector<std::string>& stop) {
  const auto value = object.Find("stop");
  if (!value || value->is_null()) return {};
  if (value->is_string()) {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view text, value->String());
    stop.emplace_back(text);
    return {};
  }
  MINNOW_ASSIGN_OR_RETURN(const JsonView list, value->Array());
  for (const JsonView item : list.Items()) {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view text, item.String());
    stop.emplace_back(text);
  }
  return {};
}

Status ReadTruncation(const JsonView& object, GenerateRequest& request) {
  MINNOW_ASSIGN_OR_RETURN(const bool truncate, object.GetBool("truncation", false));
  MINNOW_ASSIGN_OR_RETURN(const std::string_view side,
                          object.GetString("truncation_side", "right"));
  if (side != "right" && side != "left")
    return object.Find("truncation_side")->Expected("\"right\" or \"left\"");
  if (truncate) {
    request.truncation =
        side == "left" ? InputTruncation::kKeepEnd : InputTruncation::kKeepBeginning;
  }
  return {};
}

// What all texts share: an object of parameters by transformers' names, and what is not in them.
Result<GenerateRequest> ReadParameters(std::string_view json) {
  auto parsed = JsonDocument::Parse(json, "");
  if (!parsed.ok()) return std::move(parsed).error();
  const JsonView object = parsed->root();
  GenerateRequest request;
  request.limits.default_max_new_tokens = kDefaultNewTokens;
  MINNOW_ASSIGN_OR_RETURN(request.options, ReadGenerationOptions(object));
  for (size_t i = 0; i < object.size(); ++i) {
    const std::string_view name = object.key(i);
    if (!IsOwnField(name) && !IsGenerationField(name))
      return Error{Code::kInvalidArgument, "unknown parameter " + QuoteForMessage(name)};
  }
  MINNOW_ASSIGN_OR_RETURN(const std::string_view task, object.GetString("task", ""));
  request.task = task;
  MINNOW_RETURN_IF_ERROR(ReadStop(object, request.stop));
  MINNOW_RETURN_IF_ERROR(ReadTruncation(object, request));
  MINNOW_ASSIGN_OR_RETURN(request.skip_special_tokens,
                          object.GetBool("skip_special_tokens", false));
  MINNOW_ASSIGN_OR_RETURN(request.clean_up_spaces,
                          object.GetBool("clean_up_tokenization_spaces", false));
  MINNOW_ASSIGN_OR_RETURN(request.logprobs, object.GetBool("details", false));
  return request;
}

class TextSource : public GenerateSource {
 public:
  TextSource(const std::vector<std::string_view>& texts, const GenerateRequest& request,
             Pulse& pulse, WithoutGil& gil)
      : texts_(texts), request_(request), pulse_(pulse), gil_(gil) {}

  Result<std::optional<GenerateRequest>> Next() override {
    if (next_ == texts_.size()) return std::optional<GenerateRequest>();
    const std::string_view text = texts_[next_++];
    new_bytes_ += text.size();
    GenerateRequest request = request_;
    request.inputs.emplace_back(std::string(text));
    return std::optional<GenerateRequest>(std::move(request));
  }
  bool ready() const override { return new_bytes_ < kNewBytesAStep; }
  std::string Where() const override { return NameOfText(next_ - 1); }
  bool Continue() override {
    new_bytes_ = 0;
    return pulse_.Beat(gil_, done);
  }

  size_t done = 0;  // of the texts

 private:
  const std::vector<std::string_view>& texts_;
  const GenerateRequest& request_;
  Pulse& pulse_;
  WithoutGil& gil_;
  size_t next_ = 0;
  size_t new_bytes_ = 0;
};

using Answers = std::vector<std::vector<GeneratedText>>;

// Without the GIL.
Result<Answers> Generate(const std::vector<std::string_view>& texts, std::string_view parameters,
                         Session& session, Pulse& pulse, WithoutGil& gil) {
  MINNOW_ASSIGN_OR_RETURN(const GenerateModel* const model, session.model().Generator());
  MINNOW_ASSIGN_OR_RETURN(const GenerateRequest request, ReadParameters(parameters));
  // So that it is told what is wrong of no texts too.
  MINNOW_RETURN_IF_ERROR(ResolveRequest(*model, request));
  GenerateStream stream(*model, &session.Pool(), kSideBySide);
  TextSource source(texts, request, pulse, gil);
  Answers answers;
  MINNOW_RETURN_IF_ERROR(stream.Run(source, [&](const GenerateAnswer& answer, bool) {
    answers.push_back(answer.inputs.front().sequences);
    ++source.done;
    return true;
  }));
  return answers;
}

Ref TextDict(const GeneratedText& text) {
  Ref ids(PyList_New(0));
  for (const TokenId id : text.ids) {
    const Ref number(PyLong_FromLong(id));
    if (!ids || !number || PyList_Append(ids.get(), number.get()) != 0) return {};
  }
  const Ref string = ToStr(text.text);
  if (!ids || !string) return {};
  return Ref(Py_BuildValue("{sOsOsdss}", "text", string.get(), "ids", ids.get(), "score",
                           static_cast<double>(text.score), "finish_reason",
                           FinishReasonName(text.finish_reason)));
}

PyObject* AnswerLists(const Answers& answers) {
  Ref lists(PyList_New(0));
  for (const auto& sequences : answers) {
    Ref list(PyList_New(0));
    if (!lists || !list) return nullptr;
    for (const GeneratedText& text : sequences) {
      const Ref dict = TextDict(text);
      if (!dict || PyList_Append(list.get(), dict.get()) != 0) return nullptr;
    }
    if (PyList_Append(lists.get(), list.get()) != 0) return nullptr;
  }
  return lists.release();
}

}  // namespace

PyObject* GenerateCall(PyObject* module, PyObject* args) {
  return Guarded([&]() -> PyObject* {
    PyObject *handle = nullptr, *tuple = nullptr, *progress = nullptr;
    const char* json = nullptr;
    Py_ssize_t bytes = 0;
    std::vector<std::string_view> texts;
    if (PyArg_ParseTuple(args, "O!O!s#O", StateOf(module).handle_type, &handle, &PyTuple_Type,
                         &tuple, &json, &bytes, &progress) == 0 ||
        !ReadTexts(tuple, &texts))
      return nullptr;
    Session session(reinterpret_cast<Handle*>(handle));
    if (!session.Begin()) return nullptr;
    Pulse pulse(session, progress);
    const Result<Answers> answers = [&] {
      WithoutGil gil;
      return Generate(texts, {json, static_cast<size_t>(bytes)}, session, pulse, gil);
    }();
    if (pulse.failed()) return nullptr;
    if (!answers.ok()) return Raise(answers.error());
    if (!pulse.Finish(texts.size())) return nullptr;
    return AnswerLists(*answers);
  });
}

}  // namespace minnow::python
