// SPDX-License-Identifier: Apache-2.0
// text-generation-inference: POST /generate, /generate_stream and /.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "api/generate/fields.h"
#include "api/generate/wires.h"
#include "generation/options_json.h"
#include "tasks/generate/pieces.h"

namespace minnow::api {
namespace {

constexpr size_t kTgiMaxStop = 4;
constexpr int64_t kMaxTopTokens = 5;
constexpr int32_t kTgiNewTokens = 100;
constexpr std::pair<std::string_view, std::string_view> kTgiNames[] = {
    {"top_logprobs", "top_n_tokens"}, {"relative_frequency_penalty", "frequency_penalty"}};

struct TgiShape {
  bool listed = false;   // the answer stands in a list
  bool details = false;  // of an answer at once
  bool prefill = false;
  bool top_tokens = false;
};

// What a token adds to the text. Text that a special token sets free is no part of its name: then
// it is an ordinary one, as clients leave out special ones. `named`: a special one has its name as
// its text; not in a stream, whose texts some clients join without a look at "special".
void WriteToken(const GenerateModel& model, TokenId id, std::string_view text,
                std::optional<float> logprob, bool named, JsonWriter& json) {
  const bool special = text.empty() && model.IsSpecial(id);
  json.BeginObject();
  PutUint(json, "id", static_cast<uint64_t>(id));
  Put(json, "text", special && named ? TokenText(model, id) : text);
  json.Key("logprob");
  if (logprob) {
    json.Float(*logprob);
  } else {
    json.Null();
  }
  json.Key("special");
  json.Bool(special);
  json.EndObject();
}

void WriteToken(const GenerateModel& model, const GeneratedPiece& piece, bool named,
                JsonWriter& json) {
  std::optional<float> logprob;
  if (!piece.logprobs.empty()) logprob = piece.logprobs.front();
  WriteToken(model, piece.ids.front(), piece.text, logprob, named, json);
}

void WriteTopTokens(const GenerateModel& model, const GeneratedPiece& piece, JsonWriter& json) {
  json.BeginArray();
  if (!piece.top_logprobs.empty()) {
    for (const TokenLogprob& top : piece.top_logprobs.front()) {
      const std::string text = model.IsSpecial(top.id) ? "" : TokenText(model, top.id);
      WriteToken(model, top.id, text, top.logprob, /*named=*/true, json);
    }
  }
  json.EndArray();
}

void WriteFinish(const GeneratedText& text, const GenerationSettings& settings, JsonWriter& json) {
  Put(json, "finish_reason", TgiFinish(text.finish_reason));
  PutUint(json, "generated_tokens", text.new_tokens());
  if (settings.do_sample) {
    PutUint(json, "seed", settings.seed);
  } else {
    PutNull(json, "seed");
  }
}

class TgiWriter : public AnswerWriter {
 public:
  explicit TgiWriter(const TgiShape& shape) : shape_(shape) {}

  void WriteWhole(const Served& served, const GenerateAnswer& answer, JsonWriter& json) override {
    const GeneratedText& text = answer.inputs.front().sequences.front();
    if (shape_.listed) json.BeginArray();
    json.BeginObject();
    Put(json, "generated_text", text.text);
    if (shape_.details) WriteDetails(served, answer, text, json);
    json.EndObject();
    if (shape_.listed) json.EndArray();
  }

  // The last one waits for the text that its event tells.
  void WritePiece(const Served& served, TextPlace, const GeneratedPiece& piece,
                  std::string& out) override {
    if (piece.last) {
      last_ = piece;
    } else {
      WriteEvent(served, piece, nullptr, {}, out);
    }
  }
  void WriteTextEnd(const Served& served, TextPlace place, const GenerateAnswer& answer,
                    std::string& out) override {
    WriteEvent(served, last_, &answer, place, out);
  }
  void WriteError(Family family, const Failure& failure, std::string& out) override {
    out += "data:" + ErrorBody(family, failure) + "\n\n";
  }

 private:
  // `answer`: null but of the last one.
  void WriteEvent(const Served& served, const GeneratedPiece& piece, const GenerateAnswer* answer,
                  TextPlace place, std::string& out) {
    out += "data:";
    JsonWriter json(&out);
    json.BeginObject();
    PutUint(json, "index", ++tokens_);
    json.Key("token");
    WriteToken(served.model, piece, /*named=*/false, json);
    if (shape_.top_tokens) {
      json.Key("top_tokens");
      WriteTopTokens(served.model, piece, json);
    }
    if (answer != nullptr) {
      const GeneratedTexts& texts = answer->inputs[place.input];
      const GeneratedText& text = texts.sequences[place.sequence];
      Put(json, "generated_text", text.text);
      json.Key("details");
      json.BeginObject();
      WriteFinish(text, answer->settings, json);
      PutUint(json, "input_length", texts.input_ids.size());
      json.EndObject();
    } else {
      PutNull(json, "generated_text");
      PutNull(json, "details");
    }
    json.EndObject();
    out += "\n\n";
  }

  void WriteDetails(const Served& served, const GenerateAnswer& answer, const GeneratedText& text,
                    JsonWriter& json) const {
    const auto pieces = PiecesOf(served.model, served.request, text);
    json.Key("details");
    json.BeginObject();
    WriteFinish(text, answer.settings, json);
    json.Key("prefill");
    json.BeginArray();
    if (shape_.prefill) {
      const TokenId start = text.ids.front();
      json.BeginObject();
      PutUint(json, "id", static_cast<uint64_t>(start));
      Put(json, "text", TokenText(served.model, start));
      PutNull(json, "logprob");
      json.EndObject();
    }
    json.EndArray();
    json.Key("tokens");
    json.BeginArray();
    for (const GeneratedPiece& piece : pieces)
      WriteToken(served.model, piece, /*named=*/true, json);
    json.EndArray();
    if (shape_.top_tokens) {
      json.Key("top_tokens");
      json.BeginArray();
      for (const GeneratedPiece& piece : pieces) WriteTopTokens(served.model, piece, json);
      json.EndArray();
    }
    json.EndObject();
  }

  const TgiShape shape_;
  size_t tokens_ = 0;    // of the stream so far
  GeneratedPiece last_;  // of the stream
};

Status RefuseUnknownSearches(const JsonView& parameters) {
  MINNOW_ASSIGN_OR_RETURN(const int64_t best_of, parameters.GetInt("best_of", 1, INT32_MAX, 1));
  if (best_of > 1)
    return parameters.Find("best_of")->Wrong("limit 1 here; /v1/completions takes more");
  for (const auto& [name, why] : {std::pair("watermark", "watermarks are not supported"),
                                  {"grammar", "grammars are not supported"},
                                  {"adapter_id", "adapters are not supported"}})
    MINNOW_RETURN_IF_ERROR(Refuse(parameters, name, why));
  return {};
}

Status ReadParameters(const JsonView& parameters, GenerateQuery& query, TgiShape& shape) {
  GenerateRequest& request = query.request;
  MINNOW_RETURN_IF_ERROR(RefuseUnknownSearches(parameters));
  MINNOW_ASSIGN_OR_RETURN(request.options, ReadGenerationOptions(parameters));
  GenerationOptions& options = request.options;
  // By shares of the text here, not by counts as OpenAI's.
  if (options.frequency_penalty)
    options.relative_frequency_penalty = std::exchange(options.frequency_penalty, {});
  SetSampling(options.do_sample.value_or(false) || options.temperature || options.top_k ||
                  options.top_p || options.typical_p,
              request.options);
  for (const char* name : {"stop", "stop_sequences"})
    MINNOW_RETURN_IF_ERROR(ReadStop(parameters, name, kTgiMaxStop, request.stop));
  MINNOW_ASSIGN_OR_RETURN(const auto truncate, ReadInteger(parameters, "truncate", 1, INT32_MAX));
  if (truncate) {
    request.truncation = InputTruncation::kKeepEnd;
    request.max_input_tokens = static_cast<size_t>(*truncate);
  }
  MINNOW_ASSIGN_OR_RETURN(shape.details, parameters.GetBool("details", false));
  MINNOW_ASSIGN_OR_RETURN(shape.prefill, parameters.GetBool("decoder_input_details", false));
  MINNOW_ASSIGN_OR_RETURN(const int64_t top,
                          parameters.GetInt("top_n_tokens", 0, kMaxTopTokens, 0));
  shape.top_tokens = top > 0;
  request.logprobs = shape.details || query.stream;
  if (request.logprobs) request.top_logprobs = static_cast<size_t>(top);
  if (query.stream && shape.prefill)
    return parameters.Find("decoder_input_details")->Wrong("not of a stream");
  return {};
}

Result<GenerateQuery> ReadTgi(const JsonView& body, bool stream, bool listed) {
  GenerateQuery query;
  query.stream = stream;
  query.names = kTgiNames;
  query.prefix = "parameters.";
  GenerateRequest& request = query.request;
  request.field = "inputs";
  request.keep_stop = true;
  request.skip_special_tokens = true;
  request.limits.default_max_new_tokens = kTgiNewTokens;
  MINNOW_ASSIGN_OR_RETURN(query.model, body.GetName("model", ""));
  MINNOW_ASSIGN_OR_RETURN(const std::string_view text, body.GetString("inputs"));
  request.inputs.emplace_back(std::string(text));
  MINNOW_ASSIGN_OR_RETURN(const JsonView parameters, ReadObject(body, "parameters"));
  TgiShape shape{.listed = listed};
  MINNOW_RETURN_IF_ERROR(ReadParameters(parameters, query, shape));
  query.writer = std::make_unique<TgiWriter>(shape);
  return query;
}

}  // namespace

Result<GenerateQuery> ReadTgiGenerate(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  return ReadTgi(body, /*stream=*/false, /*listed=*/false);
}

Result<GenerateQuery> ReadTgiGenerateStream(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  return ReadTgi(body, /*stream=*/true, /*listed=*/false);
}

Result<GenerateQuery> ReadTgiRoot(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  MINNOW_ASSIGN_OR_RETURN(const bool stream, body.GetBool("stream", false));
  return ReadTgi(body, stream, /*listed=*/true);
}

}  // namespace minnow::api
