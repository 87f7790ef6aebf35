// SPDX-License-Identifier: Apache-2.0
// minnow bench generate: how long it takes to make texts of texts, without tokenizer, queue or
// network.
#include "tasks/generate/generate.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "cli/bench/bench.h"
#include "cli/bench/timing.h"
#include "cli/command_line/command.h"
#include "cli/model_option.h"
#include "cli/output.h"
#include "kernels/dispatch.h"

namespace minnow {
namespace {

constexpr size_t kMaxBatch = 1024;

struct GenerateBenchOptions {
  std::string model;
  std::string dtype = "auto";
  int threads = 1;
  size_t input = 64;
  size_t output = 64;
  int beams = 1;
  size_t batch = 1;
  double seconds = 2;
};

// Requests of random ids, the same in every run, whose texts have exactly so many tokens.
std::vector<GenerateRequest> MakeRequests(const GenerateBenchOptions& options,
                                          const GenerateModel& model) {
  std::mt19937 generator(0);
  const auto vocab_size = static_cast<int32_t>(model.vocab_size());
  std::uniform_int_distribution<int32_t> id(std::min(1000, vocab_size - 1),
                                            std::min(20000, vocab_size) - 1);
  std::vector<GenerateRequest> requests(options.batch);
  for (GenerateRequest& request : requests) {
    std::vector<TokenId> ids(options.input);
    for (TokenId& one : ids) one = id(generator);
    request.inputs.emplace_back(std::move(ids));
    request.options.max_new_tokens = static_cast<int32_t>(options.output);
    request.options.min_new_tokens = 0;
    request.options.do_sample = false;
    request.options.num_beams = options.beams;
    request.options.eos_token_id.emplace();  // none ends early
  }
  return requests;
}

// All of the requests side by side, to their ends.
Status RunRequests(const std::vector<GenerateRequest>& requests, const GenerateModel& model,
                   const GenerateTask& task, Task::Workspace& workspace) {
  Status status;
  std::vector<std::unique_ptr<GenerateJob>> jobs;
  std::vector<BatchItem> items;
  for (const GenerateRequest& request : requests) {
    jobs.push_back(std::make_unique<GenerateJob>(&model, request, [&](auto answer) {
      if (!answer.ok()) status = answer.error();
    }));
    MINNOW_ASSIGN_OR_RETURN(const auto works, jobs.back()->Prepare());
    items.push_back({jobs.back().get(), 0, works.front()});
  }
  std::vector<StepOutcome> outcomes(items.size());
  const auto goes_on = [](const StepOutcome& outcome) { return outcome.next_work > 0; };
  do {
    task.Step(items, workspace, outcomes);
  } while (std::ranges::any_of(outcomes, goes_on));
  for (const auto& job : jobs) job->Done({}, {});
  return status;
}

Status RunGenerateBench(const GenerateBenchOptions& options) {
  MINNOW_RETURN_IF_ERROR(CheckIsaEnvironment());
  MINNOW_ASSIGN_OR_RETURN(const EncoderPrecision precision, ParsePrecision(options.dtype));
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(options.model));
  const T5Limits limits = {.max_input_tokens = std::max<size_t>(options.input, 512),
                           .max_output_tokens = std::max<size_t>(options.output + 1, 512)};
  MINNOW_ASSIGN_OR_RETURN(const auto model, GenerateModel::Load(source, precision, limits));
  ThreadPool pool(options.threads);
  const GenerateTask task(model.get());
  const auto workspace = task.NewWorkspace(task.max_item_work(), options.batch, &pool);
  const std::vector<GenerateRequest> requests = MakeRequests(options, *model);
  MINNOW_RETURN_IF_ERROR(RunRequests(requests, *model, task, *workspace));
  std::vector<double> times;
  const auto end = BenchClock::now() + std::chrono::duration<double>(options.seconds);
  while (BenchClock::now() < end || times.size() < 5) {
    const auto begin = BenchClock::now();
    MINNOW_RETURN_IF_ERROR(RunRequests(requests, *model, task, *workspace));
    times.push_back(MillisecondsSince(begin));
  }
  std::string name = std::to_string(options.input) + "->" + std::to_string(options.output) +
                     " beams " + std::to_string(options.beams);
  if (options.batch > 1) name += " batch " + std::to_string(options.batch);
  Output output;
  output.Write(TimesLine(name, times));
  const auto tokens = static_cast<double>(options.batch * options.output);
  output.Write("tokens/s " + std::to_string(std::lround(tokens * 1000 / Summarize(times).least)) +
               "\n");
  return output.Finish();
}

}  // namespace

void AddBenchGenerate(Command bench) {
  auto options = std::make_shared<GenerateBenchOptions>();
  Command generate = bench.AddCommand(
      "generate", "Time texts made of random token ids; pin it for comparisons (taskset -c 0 ...)");
  AddModelOption(generate, options->model);
  AddDtypeOption(generate, options->dtype);
  generate.AddOption("--threads", options->threads, "Threads that share each step")
      .Range(1, kMaxBenchThreads);
  generate.AddOption("--input", options->input, "Tokens of an input")
      .Range(size_t{1}, size_t{1} << 14);
  generate.AddOption("--output", options->output, "New tokens of each text, exactly")
      .Range(size_t{1}, size_t{1} << 12);
  generate.AddOption("--beams", options->beams, "Beams of the search").Range(1, 16);
  generate.AddOption("--batch", options->batch, "Texts side by side").Range(size_t{1}, kMaxBatch);
  generate.AddOption("--seconds", options->seconds, "Time for all, after the warm-up")
      .Range(0.01, 3600.0);
  generate.OnChosen([options] {
    RequireModel(options->model);
    return ExitCode(RunGenerateBench(*options));
  });
}

}  // namespace minnow
