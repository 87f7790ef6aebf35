// SPDX-License-Identifier: Apache-2.0
// minnow bench bulk: texts and tokens a second over the lines of a file, tokenizer and encoder
// together.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>

#include "base/cpu.h"
#include "cli/bench/bench.h"
#include "cli/command_line/command.h"
#include "cli/embed_stream.h"
#include "cli/model_option.h"
#include "cli/output.h"
#include "kernels/dispatch.h"
#include "tasks/embedding_model.h"

namespace minnow {
namespace {

struct BulkOptions {
  std::string file;
  std::string model;
  std::string dtype = "auto";
  int threads = 0;
};

class Descriptor {
 public:
  explicit Descriptor(const std::string& path)
      : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  const int number_;
};

Status RunBulk(const BulkOptions& options) {
  MINNOW_RETURN_IF_ERROR(CheckIsaEnvironment());
  MINNOW_ASSIGN_OR_RETURN(const EncoderPrecision precision, ParsePrecision(options.dtype));
  const Descriptor file(options.file);
  if (file.number() < 0) return Error{Code::kNotFound, options.file + ": " + std::strerror(errno)};
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(options.model));
  MINNOW_ASSIGN_OR_RETURN(const auto model, EmbeddingModel::Load(source, precision));
  ThreadPool pool(options.threads > 0 ? options.threads : Cpu().usable_cores());
  TextInput input({}, /*json=*/false, file.number());
  EmbedStream stream(*model, &pool);
  const auto begin = std::chrono::steady_clock::now();
  const Status read =
      stream.Run(input, /*normalize=*/true, [](std::span<const float>, bool) { return true; });
  if (!read.ok()) return Annotate(read.error(), options.file);
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin;
  if (input.texts() == 0) return Error{Code::kInvalidArgument, options.file + ": no lines"};
  char line[160];
  std::snprintf(line, sizeof line,
                "%zu texts %zu tokens %.3f s: %.0f texts/s %.0f tokens/s (%s, %d threads)\n",
                input.texts(), stream.tokens(), passed.count(),
                static_cast<double>(input.texts()) / passed.count(),
                static_cast<double>(stream.tokens()) / passed.count(),
                DtypeName(model->info().dtype), pool.size());
  Output output;
  output.Write(line);
  return output.Finish();
}

}  // namespace

void AddBenchBulk(Command bench) {
  auto options = std::make_shared<BulkOptions>();
  Command bulk = bench.AddCommand(
      "bulk", "Texts and tokens a second over the lines of a file, as minnow embed works on them");
  bulk.AddOption("FILE", options->file, "Texts, a line each").Required();
  AddModelOption(bulk, options->model);
  AddDtypeOption(bulk, options->dtype);
  bulk.AddOption("--threads", options->threads, "Threads; 0: as many as there are usable cores")
      .Range(0, kMaxBenchThreads);
  bulk.OnChosen([options] {
    RequireModel(options->model);
    return ExitCode(RunBulk(*options));
  });
}

}  // namespace minnow
