// SPDX-License-Identifier: Apache-2.0
#include "models/vae/vae.h"

#include "models/vae/config.h"
#include "models/vae/kl_vae.h"
#include "models/vae/tiny_vae.h"

namespace minnow {

Result<std::unique_ptr<Vae>> Vae::Load(const PartSource& source, Dtype dtype) {
  if (IsTinyVaeConfig(source.config)) {
    MINNOW_ASSIGN_OR_RETURN(auto tiny, TinyVae::Load(source, dtype));
    return std::unique_ptr<Vae>(std::move(tiny));
  }
  MINNOW_ASSIGN_OR_RETURN(auto kl, KlVae::Load(source, dtype));
  return std::unique_ptr<Vae>(std::move(kl));
}

Result<std::unique_ptr<Vae>> Vae::Random(const std::string& config, const std::string& name,
                                         Dtype dtype, size_t winograd_room_bytes) {
  if (IsTinyVaeConfig(config)) {
    MINNOW_ASSIGN_OR_RETURN(const TinyVaeConfig shape, ParseTinyVaeConfig(config, name));
    MINNOW_ASSIGN_OR_RETURN(auto tiny, TinyVae::Random(shape, dtype, winograd_room_bytes));
    return std::unique_ptr<Vae>(std::move(tiny));
  }
  MINNOW_ASSIGN_OR_RETURN(const KlVaeConfig shape, ParseKlVaeConfig(config, name));
  MINNOW_ASSIGN_OR_RETURN(auto kl, KlVae::Random(shape, dtype, winograd_room_bytes));
  return std::unique_ptr<Vae>(std::move(kl));
}

}  // namespace minnow
