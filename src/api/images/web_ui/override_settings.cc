// SPDX-License-Identifier: Apache-2.0
#include "api/images/web_ui/override_settings.h"

#include <algorithm>
#include <string_view>

namespace minnow::api {
namespace {

// They say where files go, how pages look, and how a grid is drawn, which there is none of.
constexpr std::string_view kWithoutEffect[] = {"api_",
                                               "auto_launch",
                                               "directories_",
                                               "do_not_",
                                               "enable_",
                                               "export_for_4chan",
                                               "face_restoration",
                                               "filter_nsfw",
                                               "font",
                                               "gallery_",
                                               "grid_",
                                               "hide_",
                                               "infotext_",
                                               "interrogate_",
                                               "keep_",
                                               "live_preview",
                                               "localization",
                                               "memmon_",
                                               "notification_",
                                               "outdir_",
                                               "quicksettings",
                                               "return_",
                                               "samples_",
                                               "save_",
                                               "sd_checkpoint_cache",
                                               "sd_checkpoints_limit",
                                               "sd_vae_checkpoint_cache",
                                               "send_",
                                               "show_",
                                               "temp_dir",
                                               "use_original_name_batch",
                                               "use_save_to_dirs",
                                               "webp_lossless"};

// Settings that the pictures are made with, and the one value that they may have.
struct FixedSetting {
  std::string_view name;
  double value;
};
constexpr FixedSetting kFixed[] = {{"eta_ancestral", 1},
                                   {"eta_ddim", 0},
                                   {"eta_noise_seed_delta", 0},
                                   {"img2img_color_correction", 0},
                                   {"img2img_fix_steps", 0},
                                   {"initial_noise_multiplier", 1},
                                   {"inpainting_mask_weight", 1},
                                   {"s_churn", 0},
                                   {"s_noise", 1},
                                   {"s_min_uncond", 0},
                                   {"upcast_attn", 0},
                                   {"token_merging_ratio", 0},
                                   {"token_merging_ratio_img2img", 0}};

Status CheckFixed(const JsonView& value, const FixedSetting& setting) {
  double number = 0;
  if (value.type() == JsonType::kBool) {
    number = *value.Bool() ? 1 : 0;
  } else {
    MINNOW_ASSIGN_OR_RETURN(number, value.Number());
  }
  if (number == setting.value) return {};
  return value.Wrong(value.Describe() + " is not supported");
}

Status ReadVae(const JsonView& value) {
  MINNOW_ASSIGN_OR_RETURN(const std::string_view name, value.String());
  if (name.empty() || name == "Automatic" || name == "None") return {};
  return value.Wrong("only \"Automatic\" is supported");
}

Status ReadFormat(const JsonView& value, ImageFormat& format) {
  MINNOW_ASSIGN_OR_RETURN(const std::string_view name, value.String());
  if (name == "png") {
    format = ImageFormat::kPng;
  } else if (name == "jpg" || name == "jpeg") {
    format = ImageFormat::kJpeg;
  } else if (name == "webp") {
    format = ImageFormat::kWebp;
  } else {
    return value.Expected("\"png\", \"jpg\" or \"webp\"");
  }
  return {};
}

Status ReadSetting(std::string_view name, const JsonView& value, WebUiOverrides& overrides) {
  if (name == "sd_model_checkpoint") {
    MINNOW_ASSIGN_OR_RETURN(overrides.model, value.Name());
    return {};
  }
  if (name == "CLIP_stop_at_last_layers") {
    MINNOW_ASSIGN_OR_RETURN(const int64_t layers, value.Int(1, INT32_MAX));
    overrides.clip_skip = layers - 1;
    return {};
  }
  if (name == "samples_format") return ReadFormat(value, overrides.format);
  if (name == "jpeg_quality") {
    MINNOW_ASSIGN_OR_RETURN(overrides.quality, value.Int(1, 100));
    return {};
  }
  if (name == "sd_vae") return ReadVae(value);
  for (const FixedSetting& setting : kFixed) {
    if (name == setting.name) return CheckFixed(value, setting);
  }
  const bool without_effect = std::ranges::any_of(
      kWithoutEffect, [name](std::string_view prefix) { return name.starts_with(prefix); });
  return without_effect ? Status() : Status(value.Wrong("is not supported"));
}

}  // namespace

Status ReadOverrideSettings(const JsonView& settings, WebUiOverrides& overrides) {
  for (size_t i = 0; i < settings.size(); ++i) {
    const JsonView value = settings.at(i);
    if (value.is_null()) continue;
    MINNOW_RETURN_IF_ERROR(ReadSetting(settings.key(i), value, overrides));
  }
  return {};
}

}  // namespace minnow::api
