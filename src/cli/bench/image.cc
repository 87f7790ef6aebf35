// SPDX-License-Identifier: Apache-2.0
// minnow bench image: how long the parts of a Stable Diffusion take, on random inputs.
#include <cstdio>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/memory_budget.h"
#include "base/thread_pool.h"
#include "cli/bench/bench.h"
#include "cli/bench/timing.h"
#include "cli/command_line/command.h"
#include "cli/command_line/good_argument.h"
#include "cli/model_option.h"
#include "cli/output.h"
#include "kernels/dispatch.h"
#include "models/diffusion/diffusion_model.h"
#include "models/vae/tiling.h"
#include "tasks/image/picture.h"

namespace minnow {
namespace {

constexpr size_t kLeastRuns = 3;
constexpr float kTimestep = 501;

struct ImageBenchOptions {
  std::string model;
  std::string dtype = "auto";
  int threads = 1;
  std::string part = "unet";
  size_t size = 512;
  double seconds = 2;
  std::string winograd = "auto";
  std::string memory_limit;
};

using Floats = std::vector<float>;

// The same in every run.
Floats RandomFloats(size_t count) {
  std::mt19937 generator(0);
  std::normal_distribution<float> normal;
  Floats values(count);
  for (float& value : values) value = normal(generator);
  return values;
}

Result<Dtype> DtypeOf(const ModelSource& source, const ImageBenchOptions& options) {
  MINNOW_ASSIGN_OR_RETURN(const std::optional<Dtype> dtype, ParseDtypeOrAuto(options.dtype));
  if (dtype) return *dtype;
  return source.packed() ? ParseDtype(source.packed()->header().dtype) : Dtype::kF32;
}

DiffusionLoadOptions LoadOptionsOf(const ImageBenchOptions& options, Dtype dtype) {
  DiffusionLoadOptions load = {.dtype = dtype, .tiny_vae = ""};
  load.winograd = options.winograd == "auto"    ? WinogradUse::kAuto
                  : options.winograd == "never" ? WinogradUse::kNever
                                                : WinogradUse::kAlways;
  if (options.memory_limit.empty()) return load;
  load.memory_limit_bytes = GoodArgument("--memory-limit", ParseByteSize(options.memory_limit));
  return load;
}

// What is timed; `keep`, if there is one, is run once before, and what it takes of the arena stays.
struct Work {
  std::function<void(ImageOps&)> keep;
  std::function<void(ImageOps&)> run;
  PartInfo part;
};

Result<Work> UNetWork(const ModelSource& source, const ImageBenchOptions& options,
                      const DiffusionLoadOptions& load) {
  MINNOW_ASSIGN_OR_RETURN(PartSource part, OpenPart(source, kUNetPart));
  part.winograd_room_bytes = WinogradRoom(load, 0);
  MINNOW_ASSIGN_OR_RETURN(auto loaded, UNetModel::Load(part, *load.dtype));
  const std::shared_ptr<const UNetModel> unet = std::move(loaded);
  constexpr size_t kTokens = 77, kFactor = 8;
  const UNetConfig& config = unet->config();
  const size_t images = options.part == "unet" ? 2 : 1, side = options.size / kFactor;
  const auto latents =
      std::make_shared<Floats>(RandomFloats(images * config.in_channels * side * side));
  const auto hidden =
      std::make_shared<Floats>(RandomFloats(images * kTokens * config.cross_attention_dim));
  const auto out = std::make_shared<Floats>(images * config.out_channels * side * side);
  const auto prompt = std::make_shared<UNetPrompt>();
  const auto keep = [=](ImageOps& ops) {
    *prompt = unet->PreparePrompt(ops, hidden->data(), images, kTokens);
  };
  const auto run = [=](ImageOps& ops) {
    const std::vector<float> timesteps(images, kTimestep);
    unet->Forward(ops,
                  {.latents = latents->data(),
                   .images = images,
                   .height = side,
                   .width = side,
                   .timesteps = timesteps,
                   .guidance = {},
                   .prompt = prompt.get()},
                  out->data());
  };
  return Work{keep, run, unet->info()};
}

Result<Work> VaeWork(const ModelSource& source, const ImageBenchOptions& options,
                     const DiffusionLoadOptions& load) {
  const size_t room = WinogradRoom(load, 0);
  std::shared_ptr<const Vae> vae;
  if (options.part == "taesd_decode") {
    MINNOW_ASSIGN_OR_RETURN(vae, LoadTinyVae(source.name() + "/taesd", *load.dtype, room));
  } else {
    MINNOW_ASSIGN_OR_RETURN(PartSource part, OpenPart(source, kVaePart));
    part.winograd_room_bytes = room;
    MINNOW_ASSIGN_OR_RETURN(vae, Vae::Load(part, *load.dtype));
  }
  const VaeInfo& info = vae->info();
  const size_t side = options.size / info.factor, pixels = side * info.factor;
  const bool encodes = options.part == "vae_encode";
  const size_t in =
      encodes ? info.image_channels * pixels * pixels : info.latent_channels * side * side;
  const size_t out_size =
      encodes ? info.moment_channels() * side * side : info.image_channels * pixels * pixels;
  const auto input = std::make_shared<Floats>(RandomFloats(in));
  const auto out = std::make_shared<Floats>(out_size);
  // As for a picture of that size.
  const bool tiled = side * side > kMostUntiledLatents;
  const auto run = [=](ImageOps& ops) {
    if (tiled && encodes) {
      EncodeTiled(*vae, ops, input->data(), 1, pixels, pixels, kVaeTile, out->data());
    } else if (tiled) {
      DecodeTiled(*vae, ops, input->data(), 1, side, side, kVaeTile, out->data());
    } else if (encodes) {
      vae->Encode(ops, input->data(), 1, pixels, pixels, out->data());
    } else {
      vae->Decode(ops, input->data(), 1, side, side, out->data());
    }
  };
  return Work{nullptr, run, info.part};
}

Result<Work> ClipWork(const ModelSource& source, Dtype dtype) {
  MINNOW_ASSIGN_OR_RETURN(const PartSource part, OpenPart(source, kTextEncoderPart));
  MINNOW_ASSIGN_OR_RETURN(auto loaded, ClipTextModel::Load(part, dtype));
  const std::shared_ptr<const ClipTextModel> clip = std::move(loaded);
  const auto ids = std::make_shared<std::vector<int32_t>>(clip->config().positions);
  std::mt19937 generator(0);
  std::uniform_int_distribution<int32_t> id(0, static_cast<int32_t>(clip->config().vocab_size) - 1);
  for (int32_t& one : *ids) one = id(generator);
  const auto out = std::make_shared<Floats>(ids->size() * clip->config().hidden_size);
  return Work{nullptr, [=](ImageOps& ops) { clip->Forward(ops, *ids, 0, out->data()); },
              clip->info()};
}

// What a run holds at its highest.
struct PlanText {
  size_t weight_bytes, buffer_bytes;
  bool winograd;
};

// The least and the median of runs, in seconds.
Status TimeRuns(const ImageBenchOptions& options, const PlanText& plan,
                const std::function<Status()>& run) {
  MINNOW_RETURN_IF_ERROR(run());
  std::vector<double> times, cpu_times;
  const auto end = BenchClock::now() + std::chrono::duration<double>(options.seconds);
  while (BenchClock::now() < end || times.size() < kLeastRuns) {
    const auto begin = BenchClock::now();
    const double cpu_begin = CpuSeconds();
    MINNOW_RETURN_IF_ERROR(run());
    times.push_back(MillisecondsSince(begin) / 1000);
    cpu_times.push_back(CpuSeconds() - cpu_begin);
  }
  const TimeSummary summary = Summarize(std::move(times));
  char text[256];
  std::snprintf(text, sizeof text,
                "%s %zu min %.4g median %.4g s\ncpu %.4g s, %s, weights %.0f buffers %.0f peak RSS "
                "%.0f MB\n",
                options.part.c_str(), options.size, summary.least, summary.median,
                Summarize(std::move(cpu_times)).least, plan.winograd ? "Winograd" : "direct",
                static_cast<double>(plan.weight_bytes) / 1e6,
                static_cast<double>(plan.buffer_bytes) / 1e6, PeakMegabytes());
  Output output;
  output.Write(text);
  return output.Finish();
}

Status TimeWork(const ImageBenchOptions& options, const Work& work, Dtype dtype, ThreadPool& pool) {
  const Dtype maps = dtype == Dtype::kF32 ? Dtype::kF32 : Dtype::kBF16;
  Arena plan;
  ImageOps planner(ActiveKernels(), maps, &pool, plan, nullptr);
  if (work.keep) work.keep(planner);
  work.run(planner);
  Arena arena(plan.peak());
  ImageOps ops(ActiveKernels(), maps, &pool, arena, nullptr);
  if (work.keep) work.keep(ops);
  return TimeRuns(options, {work.part.weight_bytes, plan.peak(), work.part.winograd}, [&] {
    work.run(ops);
    return Status();
  });
}

// 20 steps of which strength 0.5 runs half, with guidance.
Status TimeImageToImage(const ImageBenchOptions& options, const ModelSource& source,
                        const DiffusionLoadOptions& load, ThreadPool& pool) {
  MINNOW_ASSIGN_OR_RETURN(
      const auto model, ImageModel::Load(source, {.dtype = load.dtype,
                                                  .tiny_vae = "",
                                                  .winograd = load.winograd,
                                                  .memory_limit_bytes = load.memory_limit_bytes}));
  const auto side = static_cast<uint32_t>(options.size);
  ImageRequest request;
  request.prompt = "a photo of an astronaut riding a horse on mars";
  request.image = NewImage(side, side, 3);
  std::mt19937 generator(0);
  for (uint8_t& value : request.image->pixels) value = static_cast<uint8_t>(generator());
  request.strength = 0.5;
  request.steps = 20;
  request.scheduler = "ddim";
  request.seeds = {0};
  MINNOW_ASSIGN_OR_RETURN(const ImageSettings settings, CheckImageRequest(*model, request));
  MINNOW_ASSIGN_OR_RETURN(const auto plan, Picture::Make(*model, settings, &pool, nullptr));
  const DiffusionModel& parts = model->parts();
  return TimeRuns(options, {parts.weight_bytes(), plan->memory_bytes(), parts.winograd()},
                  [&]() -> Status {
                    MINNOW_ASSIGN_OR_RETURN(const auto picture,
                                            Picture::Make(*model, settings, &pool, nullptr));
                    while (!picture->done()) MINNOW_RETURN_IF_ERROR(picture->Advance());
                    return {};
                  });
}

Status RunImageBench(const ImageBenchOptions& options) {
  MINNOW_RETURN_IF_ERROR(CheckIsaEnvironment());
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(options.model));
  MINNOW_ASSIGN_OR_RETURN(const Dtype dtype, DtypeOf(source, options));
  const DiffusionLoadOptions load = LoadOptionsOf(options, dtype);
  ThreadPool pool(options.threads);
  if (options.part == "img2img") return TimeImageToImage(options, source, load, pool);
  Result<Work> work = options.part.starts_with("unet") ? UNetWork(source, options, load)
                      : options.part == "clip"         ? ClipWork(source, dtype)
                                                       : VaeWork(source, options, load);
  if (!work.ok()) return std::move(work).error();
  return TimeWork(options, *work, dtype, pool);
}

}  // namespace

void AddBenchImage(Command bench) {
  auto options = std::make_shared<ImageBenchOptions>();
  Command image = bench.AddCommand(
      "image", "Time parts of a Stable Diffusion; pin it for comparisons (taskset -c 0,1 ...)");
  AddModelOption(image, options->model);
  AddDtypeOption(image, options->dtype);
  image.AddOption("--threads", options->threads, "Threads that share each operation")
      .Range(1, kMaxBenchThreads);
  image
      .AddOption("--part", options->part,
                 "unet: a step with guidance; unet1: without; taesd_decode: of DIR/taesd; img2img: "
                 "a whole picture, 10 steps")
      .OneOf({"unet", "unet1", "vae_decode", "vae_encode", "clip", "taesd_decode", "img2img"});
  image
      .AddOption("--winograd", options->winograd,
                 "Whether convolutions take Winograd's form, which is faster and larger; auto: by "
                 "--memory-limit")
      .OneOf({"auto", "never", "always"});
  image.AddOption("--memory-limit", options->memory_limit,
                  "Bytes (\"4G\") to keep to; without it what this process may use");
  image.AddOption("--size", options->size, "Sides of the picture").Range(size_t{8}, size_t{4096});
  image
      .AddOption("--seconds", options->seconds,
                 "Time for all, after the warm-up; three runs at "
                 "least")
      .Range(0.01, 3600.0);
  image.OnChosen([options] {
    RequireModel(options->model);
    return ExitCode(RunImageBench(*options));
  });
}

}  // namespace minnow
