// SPDX-License-Identifier: Apache-2.0
// OpenAI's completions: POST /v1/completions.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <variant>

#include "api/generate/fields.h"
#include "api/generate/wires.h"
#include "api/request_json.h"
#include "base/utf8.h"
#include "generation/options_json.h"
#include "tasks/generate/pieces.h"

namespace minnow::api {
namespace {

constexpr size_t kCompletionsMaxStop = 4;
constexpr int32_t kCompletionsNewTokens = 16;
constexpr int64_t kMaxChoices = 16;
constexpr int64_t kMaxLogprobs = 5;
constexpr int64_t kMaxBias = 100;
constexpr size_t kMaxCopiedBytes = size_t{8} << 20;
constexpr size_t kMaxCopiedPrompts = 2048;
constexpr std::pair<std::string_view, std::string_view> kCompletionsNames[] = {
    {"max_new_tokens", "max_tokens"},
    {"num_return_sequences", "n"},
    {"top_logprobs", "logprobs"},
    {"sequence_bias", "logit_bias"}};

std::string NewId() {
  static std::atomic<uint64_t> count{std::random_device()()};
  std::mt19937_64 random(count.fetch_add(0x9E3779B97F4A7C15u));
  char text[40];
  std::snprintf(text, sizeof(text), "cmpl-%016llx", static_cast<unsigned long long>(random()));
  return text;
}

struct CompletionShape {
  std::vector<GenerateInput> echo;  // what comes before the texts of each input; empty: nothing
  size_t copies = 1;                // of each prompt among the inputs
  bool logprobs = false;
  bool top_logprobs = false;
  bool usage = false;  // a stream ends with it
};

class CompletionWriter : public AnswerWriter {
 public:
  explicit CompletionWriter(CompletionShape shape) : shape_(std::move(shape)) {}

  void WriteWhole(const Served& served, const GenerateAnswer& answer, JsonWriter& json) override {
    BeginObject(served, json);
    TextPlace place;
    for (; place.input < answer.inputs.size(); ++place.input) {
      place.sequence = 0;
      for (const GeneratedText& text : answer.inputs[place.input].sequences) {
        const auto pieces = shape_.logprobs ? PiecesOf(served.model, served.request, text)
                                            : std::vector<GeneratedPiece>();
        WriteChoice(served, place, Echo(served, place.input) + text.text, pieces,
                    OpenAiFinish(text.finish_reason), json);
        ++place.sequence, ++place.index;
      }
    }
    json.EndArray();
    WriteUsage(answer, json);
    json.EndObject();
  }

  void WritePiece(const Served& served, TextPlace place, const GeneratedPiece& piece,
                  std::string& out) override {
    if (begun_ <= place.index) {
      begun_ = place.index + 1;
      offset_ = 0;
      const std::string echo = Echo(served, place.input);
      if (!echo.empty()) WriteChunk(served, place, echo, {}, {}, out);
    }
    if (piece.text.empty() && !(shape_.logprobs && HasText(served, piece))) return;
    WriteChunk(served, place, piece.text, {&piece, 1}, {}, out);
  }
  void WriteTextEnd(const Served& served, TextPlace place, const GenerateAnswer& answer,
                    std::string& out) override {
    const auto& text = answer.inputs[place.input].sequences[place.sequence];
    WriteChunk(served, place, "", {}, OpenAiFinish(text.finish_reason), out);
  }
  void WriteEnd(const Served& served, const GenerateAnswer& answer, std::string& out) override {
    if (shape_.usage) {
      std::string chunk;
      JsonWriter json(&chunk);
      BeginObject(served, json);
      json.EndArray();
      WriteUsage(answer, json);
      json.EndObject();
      AppendEvent(chunk, out);
    }
    AppendEvent("[DONE]", out);
  }

 private:
  // Up to the choices.
  void BeginObject(const Served& served, JsonWriter& json) const {
    json.BeginObject();
    Put(json, "id", id_);
    Put(json, "object", "text_completion");
    json.Key("created");
    json.Int(created_);
    Put(json, "model", served.facts.model_id);
    json.Key("choices");
    json.BeginArray();
  }

  // An empty `finish` is null: there is more to come.
  void WriteChunk(const Served& served, TextPlace place, std::string_view text,
                  std::span<const GeneratedPiece> pieces, std::string_view finish,
                  std::string& out) {
    std::string chunk;
    JsonWriter json(&chunk);
    BeginObject(served, json);
    WriteChoice(served, place, text, pieces, finish, json);
    json.EndArray();
    if (shape_.usage) PutNull(json, "usage");
    json.EndObject();
    AppendEvent(chunk, out);
  }

  void WriteChoice(const Served& served, TextPlace place, std::string_view text,
                   std::span<const GeneratedPiece> pieces, std::string_view finish,
                   JsonWriter& json) {
    json.BeginObject();
    Put(json, "text", text);
    PutUint(json, "index", place.index);
    json.Key("logprobs");
    if (pieces.empty() || !shape_.logprobs) {
      json.Null();
    } else {
      if (!finish.empty()) offset_ = 0;
      WriteLogprobs(served, pieces, json);
    }
    if (finish.empty()) {
      PutNull(json, "finish_reason");
    } else {
      Put(json, "finish_reason", finish);
    }
    json.EndObject();
  }

  // The end token is no part of a text.
  static bool HasText(const Served& served, const GeneratedPiece& piece) {
    return !piece.text.empty() || !served.model.IsSpecial(piece.ids.front());
  }

  void WriteLogprobs(const Served& served, std::span<const GeneratedPiece> all, JsonWriter& json) {
    std::vector<const GeneratedPiece*> pieces;
    for (const GeneratedPiece& piece : all) {
      if (HasText(served, piece)) pieces.push_back(&piece);
    }
    json.BeginObject();
    json.Key("tokens");
    json.BeginArray();
    for (const GeneratedPiece* piece : pieces) json.String(piece->text);
    json.EndArray();
    json.Key("token_logprobs");
    json.BeginArray();
    for (const GeneratedPiece* piece : pieces) json.Float(piece->logprobs.front());
    json.EndArray();
    json.Key("top_logprobs");
    if (shape_.top_logprobs) {
      json.BeginArray();
      for (const GeneratedPiece* piece : pieces) WriteTop(served, *piece, json);
      json.EndArray();
    } else {
      json.Null();
    }
    json.Key("text_offset");
    json.BeginArray();
    for (const GeneratedPiece* piece : pieces) {
      json.Uint(offset_);
      offset_ += CountCodePoints(piece->text);
    }
    json.EndArray();
    json.EndObject();
  }

  // The chosen one under the name that it has among the tokens.
  static void WriteTop(const Served& served, const GeneratedPiece& piece, JsonWriter& json) {
    json.BeginObject();
    for (const TokenLogprob& top : piece.top_logprobs.front()) {
      json.Key(top.id == piece.ids.front() ? piece.text : TokenText(served.model, top.id));
      json.Float(top.logprob);
    }
    json.EndObject();
  }

  void WriteUsage(const GenerateAnswer& answer, JsonWriter& json) const {
    const size_t prompts = answer.input_tokens / shape_.copies;
    json.Key("usage");
    json.BeginObject();
    PutUint(json, "prompt_tokens", prompts);
    PutUint(json, "completion_tokens", answer.generated_tokens);
    PutUint(json, "total_tokens", prompts + answer.generated_tokens);
    json.EndObject();
  }

  std::string Echo(const Served& served, size_t input) const {
    if (shape_.echo.empty()) return {};
    const GenerateInput& prompt = shape_.echo[input];
    if (const auto* text = std::get_if<std::string>(&prompt)) return *text;
    return served.model.Decode(std::get<std::vector<TokenId>>(prompt), true);
  }

  const CompletionShape shape_;
  const std::string id_ = NewId();
  const int64_t created_ = std::time(nullptr);
  size_t begun_ = 0;   // texts of the stream
  size_t offset_ = 0;  // code points of the text before
};

Status ReadPrompts(const JsonView& body, GenerateQuery& query) {
  std::vector<EmbedInput> prompts;
  MINNOW_RETURN_IF_ERROR(ReadInputs(body, "prompt", prompts, query.batch));
  for (EmbedInput& prompt : prompts) {
    if (auto* text = std::get_if<std::string>(&prompt)) {
      query.request.inputs.emplace_back(std::move(*text));
    } else {
      query.request.inputs.emplace_back(std::get<std::vector<TokenId>>(std::move(prompt)));
    }
  }
  return {};
}

// {"id": bias}
Status ReadLogitBias(const JsonView& body, GenerationOptions& options) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView biases, ReadObject(body, "logit_bias"));
  if (biases.size() == 0) return {};
  options.sequence_bias.emplace();
  for (size_t i = 0; i < biases.size(); ++i) {
    const std::string key(biases.key(i));
    char* end = nullptr;
    const long id = std::strtol(key.c_str(), &end, 10);
    if (key.empty() || *end != '\0' || id < 0 || id > INT32_MAX)
      return biases.Wrong("expected token ids, got " + QuoteForMessage(key));
    MINNOW_ASSIGN_OR_RETURN(const double bias, biases.at(i).Number());
    if (!(bias >= -kMaxBias && bias <= kMaxBias)) return biases.at(i).Expected("-100 to 100");
    options.sequence_bias->push_back({{static_cast<int32_t>(id)}, static_cast<float>(bias)});
  }
  return {};
}

// Chance where the request asks for it: by a temperature, by top_p, or by several choices.
Status ReadChance(const JsonView& body, int64_t choices, GenerationOptions& options) {
  MINNOW_ASSIGN_OR_RETURN(const auto temperature, ReadNumber(body, "temperature"));
  if (temperature && !(*temperature >= 0 && *temperature <= 2))
    return body.Find("temperature")->Expected("0 to 2");
  const bool asks = options.top_p.value_or(1) < 1 || choices > 1 || options.top_k.value_or(0) > 0;
  const bool sample = temperature ? *temperature > 0 : asks;
  options.temperature.reset();
  if (temperature && sample) options.temperature = temperature;
  SetSampling(sample || options.do_sample.value_or(false), options);
  return {};
}

Status CheckPenalties(const JsonView& body, const GenerationOptions& options) {
  for (const auto& [name, value] : {std::pair("presence_penalty", options.presence_penalty),
                                    {"frequency_penalty", options.frequency_penalty}}) {
    if (value && !(*value >= -2 && *value <= 2)) return body.Find(name)->Expected("-2 to 2");
  }
  return {};
}

// How many texts are made of each prompt; of them the best `choices` are given.
Result<int64_t> ReadBestOf(const JsonView& body, int64_t choices, bool stream) {
  MINNOW_ASSIGN_OR_RETURN(const int64_t best_of, body.GetInt("best_of", 1, kMaxChoices, choices));
  if (best_of < choices)
    return body.Find("best_of")->Wrong("fewer than n: " + std::to_string(choices));
  if (best_of > choices && stream)
    return body.Find("best_of")->Wrong("not above n in a stream: the best is known at the end");
  return best_of;
}

Status ReadLogprobs(const JsonView& body, GenerateRequest& request, CompletionShape& shape) {
  MINNOW_ASSIGN_OR_RETURN(const auto logprobs, ReadInteger(body, "logprobs", 0, kMaxLogprobs));
  if (!logprobs) return {};
  shape.logprobs = true;
  shape.top_logprobs = *logprobs > 0;
  request.logprobs = true;
  request.top_logprobs = static_cast<size_t>(*logprobs);
  if (!shape.echo.empty())
    return body.Find("logprobs")->Wrong("not with echo: an input has no probabilities");
  return {};
}

size_t BytesOf(const std::vector<GenerateInput>& inputs) {
  size_t bytes = 0;
  for (const GenerateInput& input : inputs) {
    const auto* text = std::get_if<std::string>(&input);
    bytes += text ? text->size() : std::get<std::vector<TokenId>>(input).size() * sizeof(TokenId);
  }
  return bytes;
}

// `n` texts of each prompt: drawn together, or where there is no chance, the same one again.
Status AddChoices(size_t n, GenerateRequest& request, CompletionShape& shape) {
  if (*request.options.do_sample || *request.options.num_beams > 1) {
    request.options.num_return_sequences = static_cast<int32_t>(n);
    return {};
  }
  if (n == 1) return {};
  const size_t bytes = BytesOf(request.inputs);
  if (bytes > kMaxCopiedBytes / n || request.inputs.size() > kMaxCopiedPrompts / n) {
    return Error{Code::kInvalidArgument,
                 "n: " + std::to_string(n) + " choices of " +
                     std::to_string(request.inputs.size()) + " prompts and " +
                     std::to_string(bytes) + " bytes, limit " + std::to_string(kMaxCopiedPrompts) +
                     " and " + std::to_string(kMaxCopiedBytes) + " together"};
  }
  shape.copies = n;
  for (std::vector<GenerateInput>* inputs : {&request.inputs, &shape.echo}) {
    std::vector<GenerateInput> all;
    for (const GenerateInput& input : *inputs) all.insert(all.end(), n, input);
    *inputs = std::move(all);
  }
  return {};
}

}  // namespace

Result<GenerateQuery> ReadCompletion(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  GenerateQuery query;
  GenerateRequest& request = query.request;
  query.names = kCompletionsNames;
  request.field = "prompt";
  MINNOW_ASSIGN_OR_RETURN(query.model, body.GetName("model", ""));
  MINNOW_RETURN_IF_ERROR(ReadPrompts(body, query));
  MINNOW_ASSIGN_OR_RETURN(const int64_t n, body.GetInt("n", 1, kMaxChoices, 1));
  MINNOW_RETURN_IF_ERROR(Refuse(body, "suffix", "not supported"));
  MINNOW_ASSIGN_OR_RETURN(query.stream, body.GetBool("stream", false));
  MINNOW_ASSIGN_OR_RETURN(const int64_t best_of, ReadBestOf(body, n, query.stream));
  MINNOW_ASSIGN_OR_RETURN(request.options, ReadGenerationOptions(body));
  MINNOW_RETURN_IF_ERROR(CheckPenalties(body, request.options));
  request.limits.default_max_new_tokens = kCompletionsNewTokens;
  MINNOW_ASSIGN_OR_RETURN(request.options.max_new_tokens,
                          ReadInteger(body, "max_tokens", 1, INT32_MAX));
  if (!request.options.max_new_tokens) request.options.max_new_tokens = kCompletionsNewTokens;
  MINNOW_RETURN_IF_ERROR(ReadLogitBias(body, request.options));
  MINNOW_RETURN_IF_ERROR(ReadChance(body, best_of, request.options));
  MINNOW_RETURN_IF_ERROR(ReadStop(body, "stop", kCompletionsMaxStop, request.stop));
  MINNOW_ASSIGN_OR_RETURN(request.skip_special_tokens, body.GetBool("skip_special_tokens", true));
  CompletionShape shape;
  MINNOW_ASSIGN_OR_RETURN(const bool echo, body.GetBool("echo", false));
  if (echo) shape.echo = request.inputs;
  MINNOW_RETURN_IF_ERROR(ReadLogprobs(body, request, shape));
  // Without chance all would be the same, and beams give their best in any case.
  const bool chooses = best_of > n && *request.options.do_sample && *request.options.num_beams == 1;
  if (chooses) {
    query.keep_best = static_cast<size_t>(n);
    request.logprobs = true;
  }
  MINNOW_RETURN_IF_ERROR(AddChoices(static_cast<size_t>(chooses ? best_of : n), request, shape));
  MINNOW_ASSIGN_OR_RETURN(const JsonView stream, ReadObject(body, "stream_options"));
  MINNOW_ASSIGN_OR_RETURN(shape.usage, stream.GetBool("include_usage", false));
  query.writer = std::make_unique<CompletionWriter>(std::move(shape));
  return query;
}

}  // namespace minnow::api
