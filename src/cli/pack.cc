// SPDX-License-Identifier: Apache-2.0
// minnow pack: a model in one file.
#include "tasks/pack.h"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/cpu.h"
#include "cli/command_line/command.h"
#include "cli/commands.h"
#include "cli/image/lora_option.h"
#include "cli/output.h"
#include "formats/atomic_file.h"
#include "formats/packed.h"
#include "kernels/dispatch.h"
#include "models/weights/precision.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;

struct PackCommand {
  std::string model;
  std::string dtype = "int8";
  std::string embedding_dtype;
  std::vector<std::string> loras;
  std::string output;
};

Result<PackOptions> ToOptions(const PackCommand& command) {
  PackOptions options;
  options.packed_by = std::string("minnow ") + MINNOW_VERSION;
  MINNOW_ASSIGN_OR_RETURN(options.dtype, ParseDtype(command.dtype));
  const std::string embedding =
      command.embedding_dtype.empty() ? DtypeName(options.dtype) : command.embedding_dtype;
  MINNOW_ASSIGN_OR_RETURN(options.embedding, ParseEmbeddingDtype(embedding));
  options.loras = ParseLoras(command.loras);
  return options;
}

// None of the model's files may be what is written; one that was packed before may.
Status CheckOutput(const PackCommand& command) {
  if (PackedFile::Open(command.output).ok()) return {};
  std::error_code error;
  if (fs::is_regular_file(command.model, error))
    MINNOW_RETURN_IF_ERROR(RefuseSameFile(command.output, command.model, "the model"));
  fs::recursive_directory_iterator it(command.model, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    MINNOW_RETURN_IF_ERROR(
        RefuseSameFile(command.output, it->path(), "a file of the model's directory"));
  }
  return CheckReplaceable(command.output, "packed model", /*offset=*/8, "{");
}

std::string QualityText(const std::optional<PackedQuality>& quality) {
  if (!quality) return "not compared to fp32: no tokenizer, or no vectors";
  char text[160];
  std::snprintf(text, sizeof text, "cosine to fp32 over %d texts: mean %.5f, min %.5f",
                quality->texts, quality->cosine_mean, quality->cosine_min);
  std::string all = text;
  if (quality->same_label) all += ", same label " + std::to_string(*quality->same_label);
  return all;
}

Status Pack(const PackCommand& command) {
  MINNOW_RETURN_IF_ERROR(CheckOutput(command));
  MINNOW_RETURN_IF_ERROR(CheckIsaEnvironment());
  MINNOW_ASSIGN_OR_RETURN(const PackOptions options, ToOptions(command));
  ThreadPool pool(Cpu().usable_cores());
  const bool terminal = ::isatty(STDERR_FILENO) != 0;
  const auto progress = [terminal](const std::string& step) {
    if (terminal) std::fprintf(stderr, "\r\033[K%s", step.c_str());
  };
  const auto packed = PackModel(command.model, options, command.output, &pool, progress);
  progress("");
  if (!packed.ok()) return packed.error();
  const std::string quality = QualityText(packed->quality);
  const std::string precision =
      command.dtype + ", " + TableTypeName(options.embedding) + " embeddings";
  if (packed->quality && !(packed->quality->cosine_mean >= WantedCosineMean(options.embedding))) {
    PrintError("warning: this model loses more than usual in " + precision + " (" + quality + ")");
  }
  Output output;
  output.Write(command.output + ": " + ModelKindName(packed->kind) + ", " +
               Megabytes(packed->bytes) + ", " + precision + "; " + quality + "\n");
  return output.Finish();
}

}  // namespace

void AddPackCommand(Command app) {
  Command pack = app.AddCommand("pack", "Turn a model directory into one packed file");
  auto command = std::make_shared<PackCommand>();
  pack.AddOption("--model", command->model, "Model directory or .onnx file")
      .Required()
      .Env("MINNOW_MODEL");
  pack.AddOption("--dtype", command->dtype, "Precision: int8, bf16, fp32")
      .OneOf({"int8", "bf16", "fp32", "float32", "bfloat16"});
  pack.AddOption("--embedding-dtype", command->embedding_dtype,
                 "Precision of the embedding tables: int8, int4, bf16, fp32; default: --dtype")
      .OneOf({"int8", "int4", "bf16", "fp32"});
  AddLoraOption(pack, command->loras);
  pack.AddOption("-o,--output", command->output, "The packed file").Required();
  pack.Footer(
      "Measures the packed model against fp32 and keeps the figures in the file.\n\n"
      "Examples:\n"
      "  minnow pack --model DIR -o model.minnow\n"
      "  minnow pack --model DIR --dtype int8 --embedding-dtype int4 -o small.minnow");
  pack.OnChosen([command] { return ExitCode(Pack(*command)); });
}

}  // namespace minnow
