// SPDX-License-Identifier: Apache-2.0
#include "tasks/image/describe.h"

#include <cstdio>

namespace minnow {
namespace {

const char* KindName(SchedulerKind kind) {
  switch (kind) {
    case SchedulerKind::kDdim:
      return "DDIM";
    case SchedulerKind::kPndm:
      return "PLMS";
    case SchedulerKind::kEuler:
      return "Euler";
    case SchedulerKind::kEulerAncestral:
      return "Euler a";
    case SchedulerKind::kHeun:
      return "Heun";
    case SchedulerKind::kLms:
      return "LMS";
    case SchedulerKind::kDpmSolver:
      return "DPM++ 2M";
    case SchedulerKind::kUniPc:
      return "UniPC";
    case SchedulerKind::kLcm:
      return "LCM";
    case SchedulerKind::kDdpm:
      break;
  }
  return "DDPM";
}

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.15g", value);
  return text;
}

}  // namespace

std::string SamplerName(const SchedulerConfig& config) {
  return std::string(KindName(config.kind)) + (config.use_karras_sigmas ? " Karras" : "");
}

GenerationText DescribePicture(const ImageSettings& settings, size_t i, const std::string& model,
                               const std::string& version) {
  GenerationText text = {settings.prompt, settings.negative_prompt, {}};
  const auto add = [&](const char* name, std::string value) {
    text.fields.emplace_back(name, std::move(value));
  };
  const bool shared = settings.seeds.size() == 1;
  add("Steps", std::to_string(settings.run.steps));
  add("Sampler", SamplerName(settings.scheduler));
  add("CFG scale", Number(settings.guidance));
  add("Seed", std::to_string(settings.seeds[shared ? 0 : i]));
  add("Size", std::to_string(settings.width) + "x" + std::to_string(settings.height));
  add("Model", model);
  if (settings.image) add("Denoising strength", Number(settings.strength));
  if (settings.clip_skip > 0) add("Clip skip", std::to_string(settings.clip_skip + 1));
  if (settings.run.eta > 0) add("Eta", Number(settings.run.eta));
  if (shared && settings.images > 1) {
    add("Batch size", std::to_string(settings.images));
    add("Batch pos", std::to_string(i));
  }
  add("Version", version);
  return text;
}

}  // namespace minnow
