// SPDX-License-Identifier: Apache-2.0
#include "models/diffusion/renamed_source.h"

#include <utility>

namespace minnow {

void RenamedSource::AddAll(const std::shared_ptr<const Checkpoint>& checkpoint, const Rule& rule) {
  checkpoints_.push_back(checkpoint);
  for (const auto& [stored, tensor] : checkpoint->tensors()) {
    std::string name = rule(stored);
    if (!name.empty()) Add(std::move(name), tensor);
  }
}

void RenamedSource::Add(std::string name, const TensorView& tensor) {
  tensors_.emplace(std::move(name), tensor);
}

std::string RenamedSource::name() const {
  std::string names;
  for (const auto& checkpoint : checkpoints_)
    names += (names.empty() ? "" : " and ") + checkpoint->name();
  return names;
}

const TensorView* RenamedSource::Find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

}  // namespace minnow
