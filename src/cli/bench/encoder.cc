// SPDX-License-Identifier: Apache-2.0
// minnow bench encoder: how long the arithmetic takes, without tokenizer, queue or network.

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "cli/bench/bench.h"
#include "cli/bench/timing.h"
#include "cli/command_line/command.h"
#include "cli/model_option.h"
#include "cli/output.h"
#include "kernels/dispatch.h"
#include "models/encoder_model.h"
#include "models/registry.h"

namespace minnow {
namespace {

constexpr size_t kMaxTexts = 4096;

struct EncoderBenchOptions {
  std::string model;
  std::string config;
  std::string dtype = "auto";
  int threads = 1;
  double seconds = 1.5;  // for each shape, after the warm-up
  std::vector<std::string> shapes = {"1x16", "1x27", "1x150", "1x512", "32x128"};
  std::vector<int> lengths;
};

// One batch to time: its name and the number of tokens of each text.
struct Shape {
  std::string name;
  std::vector<int> lengths;
};

// "32x128": 32 texts of 128 tokens.
Result<Shape> ParseShape(const std::string& text, int longest) {
  const size_t cross = text.find('x');
  int texts = 0, tokens = 0;
  const char* end = text.data() + text.size();
  if (cross == std::string::npos ||
      std::from_chars(text.data(), end, texts).ptr != text.data() + cross ||
      std::from_chars(text.data() + cross + 1, end, tokens).ptr != end || texts < 1 || tokens < 1) {
    return Error{Code::kInvalidArgument,
                 "--shape " + text + ": expected TEXTSxTOKENS, as in 32x128"};
  }
  if (static_cast<size_t>(texts) > kMaxTexts) {
    return Error{Code::kInvalidArgument, "--shape " + text + ": " + std::to_string(texts) +
                                             " texts, limit " + std::to_string(kMaxTexts)};
  }
  if (tokens > longest) {
    return Error{Code::kInvalidArgument, "--shape " + text + ": " + std::to_string(tokens) +
                                             " tokens, but the position table ends at " +
                                             std::to_string(longest)};
  }
  return Shape{text, std::vector<int>(texts, tokens)};
}

Result<std::vector<Shape>> Shapes(const EncoderBenchOptions& options, int longest) {
  std::vector<Shape> shapes;
  if (!options.lengths.empty()) {
    for (int length : options.lengths) {
      if (length < 1 || length > longest) {
        return Error{Code::kInvalidArgument, "--lengths: " + std::to_string(length) +
                                                 " is not in [1, " + std::to_string(longest) + "]"};
      }
    }
    shapes.push_back({"mixed" + std::to_string(options.lengths.size()), options.lengths});
    return shapes;
  }
  for (const std::string& text : options.shapes) {
    MINNOW_ASSIGN_OR_RETURN(Shape shape, ParseShape(text, longest));
    shapes.push_back(std::move(shape));
  }
  return shapes;
}

// Times in ms, sorted.
std::vector<double> Time(const EncoderModel& encoder, const Shape& shape, ThreadPool& pool,
                         double seconds) {
  std::vector<int32_t> ids, starts = {0};
  // Ids of ordinary words, the same in every run.
  std::mt19937 generator(0);
  const int vocab_size = encoder.info().config.vocab_size;
  std::uniform_int_distribution<int32_t> id(std::min(1000, vocab_size - 1),
                                            std::min(20000, vocab_size) - 1);
  for (int length : shape.lengths) {
    for (int i = 0; i < length; ++i) ids.push_back(id(generator));
    starts.push_back(static_cast<int32_t>(ids.size()));
  }
  const TokenBatch batch = {.ids = ids, .starts = starts, .type_ids = {}};
  const auto workspace = encoder.NewWorkspace(ids.size(), shape.lengths.size(), &pool);
  std::vector<float> out(shape.lengths.size() * encoder.info().embedding_size);
  for (int i = 0; i < 3; ++i) encoder.Run(batch, /*normalize=*/true, *workspace, out.data());
  std::vector<double> times;
  const auto end = BenchClock::now() + std::chrono::duration<double>(seconds);
  while (BenchClock::now() < end || times.size() < 5) {
    const auto begin = BenchClock::now();
    encoder.Run(batch, /*normalize=*/true, *workspace, out.data());
    times.push_back(MillisecondsSince(begin));
  }
  return times;
}

Result<std::unique_ptr<EncoderModel>> LoadEncoder(const EncoderBenchOptions& options) {
  MINNOW_ASSIGN_OR_RETURN(const EncoderPrecision precision, ParsePrecision(options.dtype));
  if (!options.config.empty()) {
    MINNOW_ASSIGN_OR_RETURN(const EncoderConfig config, ReadEncoderConfig(options.config));
    return EncoderModel::Random(config, precision.dtype.value_or(Dtype::kF32));
  }
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(options.model));
  return EncoderModel::Load(source, source.layout(), precision);
}

Status RunEncoderBench(const EncoderBenchOptions& options) {
  MINNOW_RETURN_IF_ERROR(CheckIsaEnvironment());
  MINNOW_ASSIGN_OR_RETURN(const auto encoder, LoadEncoder(options));
  MINNOW_ASSIGN_OR_RETURN(const std::vector<Shape> shapes,
                          Shapes(options, encoder->info().config.max_sequence_tokens()));
  ThreadPool pool(options.threads);
  Output output;
  for (const Shape& shape : shapes) {
    output.Write(TimesLine(shape.name, Time(*encoder, shape, pool, options.seconds)));
    output.Flush();
  }
  char line[64];
  std::snprintf(line, sizeof line, "memory peak %.1f MB\n", PeakMegabytes());
  output.Write(line);
  return output.Finish();
}

}  // namespace

void AddBenchEncoder(Command bench) {
  auto options = std::make_shared<EncoderBenchOptions>();
  Command encoder = bench.AddCommand(
      "encoder",
      "Time forward passes over random token ids; pin it for comparisons (taskset -c 0 ...)");
  AddModelOption(encoder, options->model);
  encoder.AddOption("--config", options->config,
                    "In place of a model: a config.json, whose shape gets random weights");
  AddDtypeOption(encoder, options->dtype);
  encoder.AddOption("--threads", options->threads, "Threads that share one batch")
      .Range(1, kMaxBenchThreads);
  encoder.AddOption("--seconds", options->seconds, "Time for each shape").Range(0.01, 3600.0);
  encoder.AddOption("--shape", options->shapes, "TEXTSxTOKENS, as in 1x150 32x128").Values(1, 64);
  encoder
      .AddOption("--lengths", options->lengths,
                 "One batch of texts with these numbers of tokens: 12,45,7")
      .Delimiter(',');
  encoder.OnChosen([options] {
    if (options->config.empty()) RequireModel(options->model);
    return ExitCode(RunEncoderBench(*options));
  });
}

}  // namespace minnow
