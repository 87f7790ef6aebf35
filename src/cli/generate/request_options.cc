// SPDX-License-Identifier: Apache-2.0
#include "cli/generate/request_options.h"

#include <functional>
#include <limits>
#include <utility>

#include "formats/json.h"
#include "generation/options_json.h"
#include "generation/settings.h"

namespace minnow {
namespace {

constexpr int kMost = std::numeric_limits<int>::max();

// A variable of the command line, and where it goes if it is given.
struct Numbers {
  int beams = 1, sequences = 1, max_new = kDefaultNewTokens, min_new = 0, top_k = 50, ngram = 0;
  double temperature = 1, top_p = 1, repetition = 1, length = 1;
  double presence = 0, frequency = 0, max_time = 0;
  size_t seed = 0;
  bool sample = false;
};

template <class From, class To>
void TakeIfGiven(const Option& option, const From& from, std::optional<To>* to) {
  if (option.given()) *to = static_cast<To>(from);
}

Result<GenerateRequest> ReadObject(std::string_view line) {
  auto parsed = JsonDocument::Parse(line, "");
  if (!parsed.ok()) return Error{Code::kInvalidArgument, parsed.error().message};
  const JsonView object = parsed->root();
  MINNOW_RETURN_IF_ERROR(object.Object());
  GenerateRequest request;
  MINNOW_ASSIGN_OR_RETURN(const JsonView list, object.Get("input_ids"));
  MINNOW_RETURN_IF_ERROR(list.Array());
  std::vector<TokenId> ids;
  for (const JsonView item : list.Items()) {
    MINNOW_ASSIGN_OR_RETURN(const int64_t id, item.Int(0, std::numeric_limits<TokenId>::max()));
    ids.push_back(static_cast<TokenId>(id));
  }
  request.inputs.emplace_back(std::move(ids));
  MINNOW_ASSIGN_OR_RETURN(request.options, ReadGenerationOptions(object));
  for (size_t i = 0; i < object.size(); ++i) {
    const std::string_view name = object.key(i);
    if (name != "input_ids" && !IsGenerationField(name))
      return Error{Code::kInvalidArgument, "unknown field " + QuoteForMessage(name)};
  }
  return request;
}

// Against repeating, and of time; the same contract.
std::function<void()> AddPenaltyOptions(Command generate,
                                        const std::shared_ptr<GenerateCommand>& command,
                                        const std::shared_ptr<Numbers>& n) {
  const Option repetition =
      generate.AddOption("--repetition-penalty", n->repetition,
                         "Above 1, tokens that are there already become less likely");
  const Option presence =
      generate.AddOption("--presence-penalty", n->presence,
                         "Above 0, tokens that are there already lose so much of their score");
  const Option frequency = generate.AddOption("--frequency-penalty", n->frequency,
                                              "The same for each time that they are there");
  const Option ngram = generate
                           .AddOption("--no-repeat-ngram-size", n->ngram,
                                      "No run of so many tokens comes twice; 0: any may")
                           .Range(0, kMost);
  const Option max_time =
      generate.AddOption("--max-time", n->max_time, "Seconds after which a text ends as it is");
  return [=] {
    GenerationOptions& options = command->options;
    TakeIfGiven(repetition, n->repetition, &options.repetition_penalty);
    TakeIfGiven(presence, n->presence, &options.presence_penalty);
    TakeIfGiven(frequency, n->frequency, &options.frequency_penalty);
    TakeIfGiven(ngram, n->ngram, &options.no_repeat_ngram_size);
    TakeIfGiven(max_time, n->max_time, &options.max_time);
  };
}

}  // namespace

std::function<void()> AddGenerationOptions(Command generate,
                                           std::shared_ptr<GenerateCommand> command) {
  const auto n = std::make_shared<Numbers>();
  const GenerationLimits limits;
  const Option max_new =
      generate.AddOption("--max-new-tokens", n->max_new, "Tokens of a text, at most")
          .Range(1, kMost);
  const Option min_new =
      generate.AddOption("--min-new-tokens", n->min_new, "Tokens of a text, at least")
          .Range(0, kMost);
  const Option beams =
      generate.AddOption("--beams", n->beams, "Beams of the search; 1: the best token each time")
          .Range(1, limits.num_beams);
  const Option sequences =
      generate
          .AddOption("--num-return-sequences", n->sequences,
                     "Texts for each input, best first; above 1 with beams or sampling")
          .Range(1, limits.num_return_sequences);
  const Option length =
      generate.AddOption("--length-penalty", n->length, "Of beams: above 0 favours long texts");
  const auto finish_penalties = AddPenaltyOptions(generate, command, n);
  const Option sample =
      generate.AddFlag("--sample", n->sample,
                       "Draw tokens by chance; --temperature, --top-k and --top-p say so too");
  const Option temperature =
      generate.AddOption("--temperature", n->temperature, "Above 1 more surprising, below 1 less");
  const Option top_k =
      generate.AddOption("--top-k", n->top_k, "Draw of the so many likeliest tokens; 0: of all")
          .Range(0, kMost);
  const Option top_p = generate
                           .AddOption("--top-p", n->top_p,
                                      "Draw of the likeliest tokens that have this probability "
                                      "together")
                           .Range(0.0, 1.0);
  const Option seed =
      generate.AddOption("--seed", n->seed, "Of chance: the same seed gives the same text");
  return [=] {
    finish_penalties();
    GenerationOptions& options = command->options;
    TakeIfGiven(max_new, n->max_new, &options.max_new_tokens);
    TakeIfGiven(min_new, n->min_new, &options.min_new_tokens);
    TakeIfGiven(beams, n->beams, &options.num_beams);
    TakeIfGiven(sequences, n->sequences, &options.num_return_sequences);
    TakeIfGiven(length, n->length, &options.length_penalty);
    TakeIfGiven(temperature, n->temperature, &options.temperature);
    TakeIfGiven(top_k, n->top_k, &options.top_k);
    TakeIfGiven(top_p, n->top_p, &options.top_p);
    TakeIfGiven(seed, n->seed, &options.seed);
    if (sample.given() || temperature.given() || top_k.given() || top_p.given())
      options.do_sample = true;
  };
}

Result<GenerateRequest> ReadGenerateRequest(const GenerateCommand& command, std::string_view line) {
  GenerateRequest request;
  if (command.input_ids) {
    MINNOW_ASSIGN_OR_RETURN(request, ReadObject(line));
  } else {
    request.inputs.emplace_back(std::string(line));
    request.limits.default_max_new_tokens = kDefaultNewTokens;
  }
  request.options = Merge(request.options, command.options);
  request.task = command.task;
  request.stop = command.stop;
  request.skip_special_tokens = command.skip_special;
  request.clean_up_spaces = command.clean_up;
  request.logprobs = command.json;
  if (command.truncate == "keep-beginning") request.truncation = InputTruncation::kKeepBeginning;
  if (command.truncate == "keep-end") request.truncation = InputTruncation::kKeepEnd;
  return request;
}

}  // namespace minnow
