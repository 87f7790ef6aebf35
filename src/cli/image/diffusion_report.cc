// SPDX-License-Identifier: Apache-2.0
#include "cli/image/diffusion_report.h"

#include <utility>

#include "tasks/image/describe.h"
#include "tasks/image/picture.h"

namespace minnow {
namespace {

const char* PredictionName(PredictionType type) {
  switch (type) {
    case PredictionType::kEpsilon:
      return "epsilon";
    case PredictionType::kVelocity:
      return "v_prediction";
    case PredictionType::kSample:
      break;
  }
  return "sample";
}

std::string ChannelsOf(const UNetConfig& config) {
  std::string text;
  for (const UNetLevel& level : config.levels)
    text += (text.empty() ? "" : ", ") + std::to_string(level.channels);
  return text;
}

DiffusionReport::Part Describe(const char* name, std::string description, const PartInfo& info) {
  if (info.winograd) description += ", convolutions in Winograd's form";
  if (info.bf16_products != 0)
    description += ", " + std::to_string(info.bf16_products) + " products in bf16";
  return {name, std::move(description), info.parameters, info.weight_bytes, info.bf16_products};
}

std::vector<DiffusionReport::Part> DescribeParts(const DiffusionModel& model) {
  const ClipTextConfig& text = model.text_encoder().config();
  const UNetConfig& unet = model.unet().config();
  const VaeInfo& vae = model.vae().info();
  return {Describe("text_encoder",
                   std::to_string(text.layers) + " layers of " + std::to_string(text.hidden_size) +
                       ", " + std::to_string(text.positions) + " tokens",
                   model.text_encoder().info()),
          Describe("unet", "blocks of " + ChannelsOf(unet) + " channels", model.unet().info()),
          Describe("vae",
                   std::to_string(vae.latent_channels) + " channels of latents, factor " +
                       std::to_string(vae.factor),
                   vae.part)};
}

// What the plan of a picture with guidance says.
Result<size_t> PlanMemory(const ImageModel& model, bool inpaints) {
  constexpr uint32_t kSide = DiffusionReport::kPlannedSide;
  ImageRequest request;
  request.width = request.height = kSide;
  request.seeds = {0};
  if (inpaints) {
    request.image = NewImage(kSide, kSide, 3);
    request.mask = NewImage(kSide, kSide, 1);
  }
  MINNOW_ASSIGN_OR_RETURN(ImageSettings settings, CheckImageRequest(model, std::move(request)));
  MINNOW_ASSIGN_OR_RETURN(const auto picture,
                          Picture::Make(model, std::move(settings), nullptr, nullptr));
  return picture->memory_bytes();
}

}  // namespace

size_t DiffusionReport::parameters() const {
  size_t sum = 0;
  for (const Part& part : parts) sum += part.parameters;
  return sum;
}

size_t DiffusionReport::bytes() const {
  size_t sum = 0;
  for (const Part& part : parts) sum += part.bytes;
  return sum;
}

Result<DiffusionReport> ExamineDiffusion(const ModelSource& source) {
  MINNOW_ASSIGN_OR_RETURN(const std::unique_ptr<const ImageModel> model,
                          ImageModel::Load(source, {.dtype = std::nullopt, .tiny_vae = ""}));
  MINNOW_ASSIGN_OR_RETURN(const SchedulerConfig scheduler, model->Scheduler(""));
  const DiffusionModel& parts = model->parts();
  DiffusionReport report;
  report.parts = DescribeParts(parts);
  report.dtype = DtypeName(parts.dtype());
  report.sampler = SamplerName(scheduler);
  report.prediction = PredictionName(scheduler.prediction_type);
  report.inpaints = parts.unet().config().in_channels != parts.vae().info().latent_channels;
  report.size = parts.unet().config().sample_size * model->factor();
  report.multiple = model->factor();
  MINNOW_ASSIGN_OR_RETURN(report.memory_bytes, PlanMemory(*model, report.inpaints));
  return report;
}

void WriteDiffusion(JsonWriter& json, const DiffusionReport& report) {
  const auto number = [&json](std::string_view name, size_t value) {
    json.Key(name);
    json.Uint(value);
  };
  const auto text = [&json](std::string_view name, std::string_view value) {
    json.Key(name);
    json.String(value);
  };
  json.BeginObject();
  text("dtype", report.dtype);
  json.Key("parts");
  json.BeginObject();
  for (const DiffusionReport::Part& part : report.parts) {
    json.Key(part.name);
    json.BeginObject();
    text("description", part.description);
    number("parameters", part.parameters);
    number("bytes", part.bytes);
    number("bf16_products", part.bf16_products);
    json.EndObject();
  }
  json.EndObject();
  number("parameters", report.parameters());
  number("weight_bytes", report.bytes());
  text("sampler", report.sampler);
  text("prediction_type", report.prediction);
  json.Key("inpaints");
  json.Bool(report.inpaints);
  number("sample_size", report.size);
  number("size_multiple", report.multiple);
  json.Key("memory");
  json.BeginObject();
  number("width", DiffusionReport::kPlannedSide);
  number("height", DiffusionReport::kPlannedSide);
  number("bytes", report.memory_bytes);
  json.EndObject();
  json.EndObject();
}

}  // namespace minnow
