// SPDX-License-Identifier: Apache-2.0
#include "api/generate/generate_call.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <memory>
#include <random>
#include <utility>

#include "api/generate/text_stream.h"
#include "api/inference_call.h"
#include "generation/options_json.h"

namespace minnow::api {
namespace {

std::string Milliseconds(std::chrono::nanoseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

// With six digits after the point.
std::string Seconds(std::chrono::nanoseconds time) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.6f", std::chrono::duration<double>(time).count());
  return text.data();
}

std::vector<http::Header> Headers(const GenerateAnswer& answer, std::chrono::nanoseconds total) {
  std::vector<http::Header> headers = {
      {"x-compute-type", "cpu"},
      {"x-compute-time", Seconds(total)},
      {"x-total-time", Milliseconds(total)},
      {"x-tokenization-time", Milliseconds(answer.timings.prepare)},
      {"x-queue-time", Milliseconds(answer.timings.queue)},
      {"x-inference-time", Milliseconds(answer.timings.run)},
      {"x-time-per-token", Milliseconds(answer.timings.a_token)},
      {"x-prompt-tokens", std::to_string(answer.input_tokens)},
      {"x-generated-tokens", std::to_string(answer.generated_tokens)}};
  if (answer.settings.do_sample)
    headers.push_back({"x-seed", std::to_string(answer.settings.seed)});
  return headers;
}

void SendWhole(Call& call, const GenerateQuery& query, const GenerateAnswer& answer) {
  http::Response response;
  response.content_type = "application/json";
  JsonWriter json(&response.body);
  query.writer->WriteWhole({*call.model().generator(), call.facts(), query.request}, answer, json);
  const std::chrono::nanoseconds total = CountGenerated(call, query, answer);
  response.headers = Headers(answer, total);
  call.Finish(std::move(response));
}

// What no route lets pass.
std::optional<Failure> Check(const Call& call, const GenerateQuery& query) {
  const GenerateRequest& request = query.request;
  const size_t limit = call.context().options.max_openai_inputs;
  auto failure = CheckInputs(call, request.field, request.inputs.size(), limit, /*has_text=*/true);
  if (failure && failure->fault == Fault::kEmptyInput) failure->fault = Fault::kInvalidField;
  return failure;
}

// Whether each token may be sent as it comes: of several texts, and of beams, which change their
// minds, all come at the end.
bool IsLive(const GenerateRequest& request, const GenerationSettings& settings) {
  return request.inputs.size() == 1 && settings.num_beams == 1 &&
         settings.num_return_sequences == 1;
}

// Of a request, by its name in messages; its inputs are none.
bool IsSetting(std::string_view name) {
  constexpr std::string_view kOthers[] = {"stop", "top_logprobs", "task", "max_time"};
  return IsGenerationField(name) || std::ranges::count(kOthers, name) != 0;
}

// So many that JavaScript's numbers hold it.
uint64_t NewSeed() {
  std::random_device random;
  return (uint64_t{random()} << 21) ^ (random() >> 11);
}

void KeepBest(size_t count, GenerateAnswer& answer) {
  const auto mean = [](const GeneratedText& text) {
    return text.score / static_cast<float>(std::max<size_t>(text.new_tokens(), 1));
  };
  for (GeneratedTexts& texts : answer.inputs) {
    std::ranges::stable_sort(texts.sequences, std::greater(), mean);
    if (texts.sequences.size() > count) texts.sequences.resize(count);
  }
}

}  // namespace

Failure ToFailure(Error error, const GenerateQuery& query) {
  const std::string name = error.message.substr(0, error.message.find_first_of(":["));
  if (IsSetting(name)) {
    std::string_view own = name;
    for (const auto& [ours, theirs] : query.names) {
      if (ours == name) own = theirs;
    }
    error.message.replace(0, name.size(), std::string(query.prefix).append(own));
  }
  return ToFailure(std::move(error));
}

std::chrono::nanoseconds CountGenerated(const Call& call, const GenerateQuery& query,
                                        const GenerateAnswer& answer) {
  Metrics& metrics = *call.context().metrics;
  for (const GeneratedTexts& texts : answer.inputs)
    metrics.request_input_length.Observe(static_cast<double>(texts.input_ids.size()));
  const std::chrono::nanoseconds total = std::chrono::steady_clock::now() - call.request().received;
  metrics.Observe(TaskKind::kGenerate, answer.timings, total);
  metrics.CountSuccess(query.batch);
  metrics.Of(TaskKind::kGenerate).success.Add(answer.inputs.size());
  return total;
}

void SubmitGenerate(Call& call, GenerateQuery asked) {
  if (!call.UseModel(asked.model, TaskKind::kGenerate)) return;
  if (auto failure = Check(call, asked)) return call.Fail(*std::move(failure));
  if (!asked.batch && asked.request.last_field.empty())
    asked.request.last_field = asked.request.field;
  const auto settings = ResolveRequest(*call.model().generator(), asked.request);
  if (!settings.ok()) return call.Fail(ToFailure(settings.error(), asked));

  if (settings->do_sample && !asked.request.options.seed) asked.request.options.seed = NewSeed();
  const auto query = std::make_shared<GenerateQuery>(std::move(asked));
  CountTaken(call, TaskKind::kGenerate, query->request.inputs.size(), query->batch);
  const bool live = IsLive(query->request, *settings);
  auto inputs = std::exchange(query->request.inputs, {});
  GenerateRequest request = query->request;  // the rest of it is small
  request.inputs = std::move(inputs);
  const auto self = call.shared_from_this();
  if (query->stream) {
    const auto stream = std::make_shared<TextStream>(self, query);
    if (live) request.on_piece = [stream](const GeneratedPiece& piece) { stream->Add({}, piece); };
    call.model().Run(
        std::move(request), call.request().client,
        [stream](Result<GenerateAnswer> answer) { stream->Finish(std::move(answer)); });
    return;
  }
  call.model().Run(
      std::move(request), call.request().client, [self, query](Result<GenerateAnswer> result) {
        if (!result.ok()) return self->Fail(ToFailure(std::move(result).error(), *query));
        auto answer = std::make_shared<GenerateAnswer>(std::move(result).value());
        if (query->keep_best > 0) KeepBest(query->keep_best, *answer);
        self->RunOffloadedOrInline([query, answer](Call& c) { SendWhole(c, *query, *answer); });
      });
}

void HandleGenerate(const ApiContext* context, Family errors,
                    Result<GenerateQuery> (*read)(const JsonView& body), http::Request request,
                    http::Responder responder) {
  auto call = std::make_shared<Call>(context, errors, std::move(request), std::move(responder));
  Call::Begin(std::move(call), [read](Call& c) {
    const auto document = c.Parse();
    if (!document.has_value()) return;
    Result<GenerateQuery> query = read(document->root());
    if (!query.ok()) return c.Fail(ToFailure(std::move(query).error()));
    SubmitGenerate(c, std::move(query).value());
  });
}

}  // namespace minnow::api
