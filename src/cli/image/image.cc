// SPDX-License-Identifier: Apache-2.0
// minnow image: pictures of a text, from noise or from another picture.
#include <cstdio>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "base/cpu.h"
#include "base/memory_budget.h"
#include "base/thread_pool.h"
#include "cli/command_line/command.h"
#include "cli/command_line/good_argument.h"
#include "cli/commands.h"
#include "cli/image/lora_option.h"
#include "cli/image/picture_file.h"
#include "cli/image/size_option.h"
#include "cli/model_option.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "image/resize.h"
#include "kernels/dispatch.h"
#include "tasks/image/describe.h"
#include "tasks/image/picture.h"

namespace minnow {
namespace {

constexpr int kMost = std::numeric_limits<int>::max();
constexpr int kMostImages = 16;

struct ImageCommand {
  std::string model;
  std::string dtype = "auto";
  int threads = 0;
  std::string vae;
  std::vector<std::string> loras;
  std::string memory_limit;
  std::string prompt;
  std::string negative_prompt;
  std::string image;
  std::string mask;
  double strength = 0.8;
  int steps = 50;
  double guidance = 7.5;
  std::string scheduler;
  size_t seed = 0;
  bool has_seed = false;
  std::string size;
  double eta = 0;
  int images = 1;
  int clip_skip = 0;
  bool tiling = false;
  bool preview = false;
  bool quiet = false;
  std::string output;
};

Result<ImageRequest> ReadRequest(const ImageCommand& command, const PictureSize& size) {
  ImageRequest request;
  request.width = size.width;
  request.height = size.height;
  request.prompt = command.prompt;
  request.negative_prompt = command.negative_prompt;
  request.strength = command.strength;
  request.steps = command.steps;
  request.guidance = command.guidance;
  request.scheduler = command.scheduler;
  request.eta = command.eta;
  request.images = command.images;
  request.clip_skip = command.clip_skip;
  request.tiling = command.tiling ? VaeTiling::kAlways : VaeTiling::kAuto;
  if (command.has_seed) request.seeds = {command.seed};
  if (!command.image.empty()) {
    MINNOW_ASSIGN_OR_RETURN(request.image, ReadPictureFile(command.image));
  }
  if (!command.mask.empty()) {
    MINNOW_ASSIGN_OR_RETURN(request.mask, ReadPictureFile(command.mask));
  }
  return request;
}

Status CheckOutputs(const ImageCommand& command) {
  for (int i = 0; i < command.images; ++i) {
    const std::string path = PictureFileName(command.output, static_cast<size_t>(i));
    for (const std::string& input : {command.image, command.mask}) {
      if (!input.empty()) MINNOW_RETURN_IF_ERROR(RefuseSameFile(path, input, "the input"));
    }
    MINNOW_RETURN_IF_ERROR(CheckPictureFile(path));
  }
  return {};
}

// "out.png": "out.preview.png"
std::string PreviewName(const ImageCommand& command) {
  return std::filesystem::path(command.output).replace_extension(".preview.png").string();
}

Status CheckPreview(const ImageCommand& command) {
  if (!command.preview) return {};
  const std::string path = PreviewName(command);
  for (const std::string& input : {command.image, command.mask}) {
    if (!input.empty()) MINNOW_RETURN_IF_ERROR(RefuseSameFile(path, input, "the input"));
  }
  return CheckPictureFile(path);
}

// In the size of the picture, so that who looks on sees it grow sharper in its place.
Status WritePreview(const ImageCommand& command, Picture& picture) {
  const auto preview = picture.Preview();
  if (!preview) return {};
  const ImageSettings& settings = picture.settings();
  return WritePictureFile(PreviewName(command),
                          Resize(*preview, settings.width, settings.height, ResizeFilter::kBicubic),
                          "");
}

Status Paint(const ImageCommand& command, Picture& picture) {
  ProgressBar progress(command.quiet);
  while (!picture.done()) {
    const size_t before = picture.steps_done();
    progress.Show("painting", before, picture.steps(), "steps");
    MINNOW_RETURN_IF_ERROR(picture.Advance());
    const bool more = picture.steps_done() < picture.steps();
    if (command.preview && more && picture.steps_done() > before)
      MINNOW_RETURN_IF_ERROR(WritePreview(command, picture));
  }
  return {};
}

void TellDropped(const char* option, size_t tokens) {
  if (tokens == 0) return;
  PrintError(std::string(option) + ": the last " + Plural(tokens, "token") +
             " did not fit, and are left out");
}

Status Write(const ImageCommand& command, const ImageModel& model, Picture& picture) {
  const std::string version = std::string("minnow ") + MINNOW_VERSION;
  const std::vector<Image> images = picture.TakeImages();
  Output output;
  for (size_t i = 0; i < images.size(); ++i) {
    const std::string path = PictureFileName(command.output, i);
    const GenerationText text = DescribePicture(picture.settings(), i, model.model_id(), version);
    MINNOW_RETURN_IF_ERROR(WritePictureFile(path, images[i], WriteGenerationText(text)));
    output.Write(ForTerminal(path) + ": " + *text.Find("Size") + ", " +
                 Plural(picture.steps(), "step") + ", seed " + *text.Find("Seed") + "\n");
  }
  return output.Finish();
}

Status MakePicture(const ImageCommand& command) {
  const size_t limit = command.memory_limit.empty()
                           ? 0  // what the process may use
                           : GoodArgument("--memory-limit", ParseByteSize(command.memory_limit));
  const PictureSize size = command.size.empty() ? PictureSize() : ParsePictureSize(command.size);
  const std::vector<LoraOptions> loras = ParseLoras(command.loras);
  MINNOW_RETURN_IF_ERROR(CheckOutputs(command));
  MINNOW_RETURN_IF_ERROR(CheckPreview(command));
  MINNOW_RETURN_IF_ERROR(CheckIsaEnvironment());
  MINNOW_ASSIGN_OR_RETURN(const std::optional<Dtype> dtype, ParseDtypeOrAuto(command.dtype));
  MINNOW_ASSIGN_OR_RETURN(ImageRequest request, ReadRequest(command, size));
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(command.model));
  MINNOW_ASSIGN_OR_RETURN(const auto model,
                          ImageModel::Load(source, {.dtype = dtype,
                                                    .tiny_vae = command.vae,
                                                    .loras = loras,
                                                    .memory_limit_bytes = limit,
                                                    .previews = command.preview}));
  MINNOW_ASSIGN_OR_RETURN(ImageSettings settings, CheckImageRequest(*model, std::move(request)));
  if (command.eta > 0 && settings.scheduler.kind != SchedulerKind::kDdim)
    PrintError("--eta: only ddim takes it; this scheduler ignores it");
  SpreadSeeds(settings);
  ThreadPool pool(command.threads > 0 ? command.threads : Cpu().usable_cores());
  const Interruptible interruptible;
  MINNOW_ASSIGN_OR_RETURN(
      const auto picture,
      Picture::Make(*model, std::move(settings), &pool, &Interruptible::flag(), command.preview));
  TellDropped("--prompt", picture->dropped_tokens());
  TellDropped("--negative-prompt", picture->dropped_negative_tokens());
  const Status painted = Paint(command, *picture);
  std::error_code ec;
  if (command.preview) std::filesystem::remove(PreviewName(command), ec);
  MINNOW_RETURN_IF_ERROR(painted);
  return Write(command, *model, *picture);
}

void AddInputOptions(Command image, const std::shared_ptr<ImageCommand>& command) {
  image.AddOption("--prompt", command->prompt, "What the picture shows").Required();
  image.AddOption("--negative-prompt", command->negative_prompt, "What it does not show");
  Option input =
      image.AddOption("--image", command->image, "A picture to begin with: PNG, JPEG or WebP");
  input.NotEmpty();
  image
      .AddOption("--strength", command->strength,
                 "How much of it is changed: the part of the steps that is run")
      .Range(0.0, 1.0)
      .Needs(input);
  image.AddOption("--mask", command->mask, "A picture that is white where --image is painted anew")
      .NotEmpty()
      .Needs(input);
  image.AddOption("--size", command->size,
                  "WIDTHxHEIGHT; without it that of --image, or what the model was trained with");
}

void AddStepOptions(Command image, const std::shared_ptr<ImageCommand>& command) {
  image.AddOption("--steps", command->steps, "Steps from noise to picture").Range(1, kMost);
  image
      .AddOption("--guidance", command->guidance,
                 "How closely the prompt is followed; 1 and less: without --negative-prompt, in "
                 "half of the time")
      .Range(0.0, 1000.0);
  const auto names = SchedulerNames();
  image
      .AddOption("--scheduler", command->scheduler,
                 "How the steps are made; without it as the model says")
      .OneOf({names.begin(), names.end()});
  image.AddOption("--eta", command->eta, "Noise of ddim's steps, 0 to 1").Range(0.0, 1.0);
  image.AddOption("--images", command->images, "Pictures; their seeds follow each other")
      .Range(1, kMostImages);
  image
      .AddOption("--clip-skip", command->clip_skip,
                 "Layers at the end of the text encoder that the prompt does without")
      .Range(0, kMost);
}

constexpr char kFooter[] =
    "Writes PNG, JPEG or WebP by the name's ending, with what it was made of inside, and prints "
    "the\n"
    "seed. The same seed gives the same picture, bit for bit, on any number of threads, and the\n"
    "picture that diffusers gives for it on a CPU. Several pictures are out.png, out-2.png, ...\n\n"
    "With --image, steps * strength are run, so 50 steps of strength 0.8 are 40. Tokens of a "
    "prompt\n"
    "that the text encoder has no room for are left out, and standard error says how many.\n\n"
    "Examples:\n"
    "  minnow image --model DIR --prompt \"a fox in the snow\" -o fox.png\n"
    "  minnow image --model DIR --image photo.jpg --strength 0.5 --prompt \"an oil painting\" \\\n"
    "    --steps 20 --scheduler dpmpp_2m_karras --seed 7 -o painting.png\n"
    "  minnow image --model DIR --image room.png --mask sofa.png --prompt \"a red sofa\" -o "
    "red.png";

}  // namespace

void AddImageCommand(Command app) {
  Command image = app.AddCommand("image", "Make pictures of a text, or of a picture and a text");
  auto command = std::make_shared<ImageCommand>();
  AddModelOption(image, command->model);
  AddDtypeOption(image, command->dtype);
  AddThreadsOption(image, command->threads);
  image.AddOption("--vae", command->vae,
                  "A folder of TAESD, a small VAE instead of the model's: fast, less detail");
  AddLoraOption(image, command->loras);
  image.AddOption("--memory-limit", command->memory_limit,
                  "Bytes (\"4G\") that it is to keep to: below what it could use it is slower; "
                  "without it what this process may use");
  AddInputOptions(image, command);
  AddStepOptions(image, command);
  const Option seed =
      image.AddOption("--seed", command->seed, "Of chance; without it one is drawn, and printed");
  image.AddFlag("--tiling", command->tiling,
                "Decode in tiles, which takes less memory and changes a little; large pictures "
                "always are");
  image.AddFlag(
      "--preview", command->preview,
      "Show the picture while it is made, in OUTPUT with the ending .preview.png, which is "
      "written anew at each step and goes at the end");
  image.AddFlag("--quiet", command->quiet, "No progress on standard error");
  image.AddOption("-o,--output", command->output, "The picture's file").Required();
  image.Footer(kFooter);
  image.OnChosen([command, seed] {
    RequireModel(command->model);
    command->has_seed = seed.given();
    return ExitCode(MakePicture(*command));
  });
}

}  // namespace minnow
