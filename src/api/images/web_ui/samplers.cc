// SPDX-License-Identifier: Apache-2.0
#include "api/images/web_ui/samplers.h"

#include <algorithm>

#include "formats/json.h"

namespace minnow::api {
namespace {

constexpr WebUiSampler kSamplers[] = {
    {"DPM++ 2M", "k_dpmpp_2m", "dpmpp_2m", "dpmpp_2m_karras", true, true},
    {"Euler a", "k_euler_a", "euler_a", {}, false, true},
    {"Euler", "k_euler", "euler", "euler_karras", false, true},
    {"LMS", "k_lms", "lms", "lms_karras", false, true},
    {"Heun", "k_heun", "heun", "heun_karras", false, true},
    {"LCM", "k_lcm", "lcm", {}, false, true},
    {"DDIM", "ddim", "ddim"},
    {"PLMS", "plms", "pndm"},
    {"UniPC", "unipc", "unipc"},
    {"DDPM", "ddpm", "ddpm"},
};

constexpr std::string_view kAutomatic = "Automatic", kKarras = "Karras";
// Normal's sigmas are those of Uniform, by another way.
constexpr WebUiScheduler kSchedulers[] = {
    {"automatic", kAutomatic}, {"uniform", "Uniform"}, {"karras", kKarras}, {"normal", "Normal"}};

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
bool Same(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, Lower, Lower);
}

const WebUiSampler* FindSampler(std::string_view name) {
  for (const WebUiSampler& sampler : kSamplers) {
    if (Same(name, sampler.name) || Same(name, sampler.alias) || Same(name, sampler.ours))
      return &sampler;
  }
  return nullptr;
}

template <class Rows>
std::string Names(const Rows& rows) {
  std::string names;
  for (const auto& row : rows) names.append(names.empty() ? "" : ", ").append(row.name);
  return names;
}

}  // namespace

std::span<const WebUiSampler> WebUiSamplers() { return kSamplers; }
std::span<const WebUiScheduler> WebUiSchedulers() { return kSchedulers; }

Result<WebUiSampling> FindWebUiSampling(std::string_view sampler, std::string_view scheduler) {
  const std::string given(sampler);
  std::string_view label = kAutomatic;
  if (!scheduler.empty()) {
    const auto found = std::ranges::find_if(kSchedulers, [&](const WebUiScheduler& row) {
      return Same(scheduler, row.name) || Same(scheduler, row.label);
    });
    if (found == std::end(kSchedulers)) {
      return Error{Code::kInvalidArgument, "scheduler: " + QuoteForMessage(scheduler) +
                                               " is not supported; known: " + Names(kSchedulers)};
    }
    label = found->label;
  }
  for (const WebUiScheduler& row : kSchedulers) {
    const size_t length = row.label.size() + 1;
    if (sampler.size() > length && sampler[sampler.size() - length] == ' ' &&
        Same(sampler.substr(sampler.size() - length + 1), row.label)) {
      sampler.remove_suffix(length);
      label = row.label;
      break;
    }
  }
  const WebUiSampler* const found = FindSampler(sampler);
  if (found == nullptr) {
    return Error{Code::kNotFound, "sampler_name: " + QuoteForMessage(given) +
                                      " was not found; known: " + Names(kSamplers)};
  }
  const bool karras = label == kKarras || (label == kAutomatic && found->karras_by_itself);
  if (!karras || !found->sigmas) return WebUiSampling{found, label, found->ours};
  if (found->karras.empty()) {
    return Error{Code::kInvalidArgument,
                 "scheduler: \"Karras\" is not supported with " + std::string(found->name)};
  }
  return WebUiSampling{found, label, found->karras};
}

}  // namespace minnow::api
