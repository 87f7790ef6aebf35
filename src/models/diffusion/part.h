// SPDX-License-Identifier: Apache-2.0
// A part of a diffusion model (text encoder, UNet, VAE): where it is loaded from, what it is loaded
// to. Each part has a list of weights of its own; this is what they share.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/packed.h"
#include "formats/tensor_source.h"
#include "models/weights/loader.h"

namespace minnow {

// Names of components, as a folder of diffusers has them.
inline constexpr std::string_view kUNetPart = "unet";
inline constexpr std::string_view kVaePart = "vae";
inline constexpr std::string_view kTextEncoderPart = "text_encoder";
inline constexpr std::string_view kSchedulerPart = "scheduler";  // a configuration alone
inline constexpr std::string_view kTokenizerPart = "tokenizer";  // files alone

struct PartSource {
  std::string config;       // JSON text of its config.json
  std::string config_name;  // for messages
  // Of a checkpoint, under the names of diffusers; or of a packed file.
  std::shared_ptr<const TensorSource> tensors;
  std::shared_ptr<const PackedFile> packed;  // the same, where they are packed
  std::string component;                     // in a packed file
  // Of the text encoder's tables, where they are not packed; nullopt: as they are stored.
  std::optional<TableType> embedding;
  // Convolutions take Winograd's form, 16 / 9 as large and faster, if all weights fit into this.
  size_t winograd_room_bytes = 0;
};

// What a caller may want to know of a loaded part.
struct PartInfo {
  Dtype dtype = Dtype::kF32;
  size_t parameters = 0;
  size_t weight_bytes = 0;   // in memory, or in the packed file
  bool winograd = false;     // convolutions are in Winograd's form, those that it suits
  size_t bf16_products = 0;  // of an int8 model: which lose too much by 8 bits
};

// What the weights are views of.
struct PartStorage {
  std::shared_ptr<const TensorSource> tensors;  // tables are read in it
  WeightStorage weights;
  std::span<const std::byte> mapped;  // of a packed file: where the weights are in it
  const MappedFile* file = nullptr;   // that file

  // Lets mapped weights leave memory until they are needed again.
  void Release() const {
    if (file != nullptr) file->Release(mapped);
  }
};

// Fills in what `list` lists. Fails with kNotFound, kCorrupt or kUnsupported, naming the tensor,
// with kInvalidArgument for a precision that a packed file does not have, with kInternal where
// there is no memory.
Result<PartInfo> LoadPart(const PartSource& source, Dtype dtype, const WeightList& list,
                          PartStorage& storage);
// Random weights (models/weights/random_weights.h).
Result<PartInfo> RandomPart(Dtype dtype, const WeightList& list, PartStorage& storage,
                            size_t winograd_room_bytes = 0);
// The weights as a packed file holds them; they borrow from what was loaded.
std::vector<PackedTensor> PackPart(std::string_view component, const WeightList& list);

}  // namespace minnow
