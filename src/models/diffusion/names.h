// SPDX-License-Identifier: Apache-2.0
// From the names that other programs gave to a diffusion model's tensors to those of diffusers
// today. What has no such name gives an empty one.
//
// After convert_ldm_unet_checkpoint and its like in
// https://github.com/huggingface/diffusers/blob/v0.42.0/src/diffusers/loaders/single_file_utils.py
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace minnow {

// Of folders of diffusers: text encoders with "text_model." before each name and without; VAEs
// whose attention has the names of 2022.
std::string TextEncoderName(std::string_view stored);
std::string VaeName(std::string_view stored);

// Of the bare files taesd_encoder.safetensors and taesd_decoder.safetensors.
std::string BareTaesdEncoderName(std::string_view stored);
std::string BareTaesdDecoderName(std::string_view stored);

// What stands before the names of the parts in a single file.
inline constexpr std::string_view kSingleFileUNet = "model.diffusion_model.";
inline constexpr std::string_view kSingleFileVae = "first_stage_model.";
inline constexpr std::string_view kSingleFileClip = "cond_stage_model.transformer.";
inline constexpr std::string_view kSingleFileOpenClip = "cond_stage_model.model.";

// Of single files, without what stands before. layers: residual blocks of one resolution on the way
// down; levels: resolutions.
std::string SingleFileUNetName(std::string_view stored, size_t layers);
std::string SingleFileVaeName(std::string_view stored, size_t levels);
// Attention's joined in_proj has no such name: it is three.
std::string OpenClipName(std::string_view stored);

}  // namespace minnow
