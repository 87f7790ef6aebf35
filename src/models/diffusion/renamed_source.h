// SPDX-License-Identifier: Apache-2.0
// RenamedSource: the tensors of checkpoints under the names that the models here list.
//
// Const after it was made; may be used from any thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "formats/checkpoint.h"
#include "formats/tensor_source.h"

namespace minnow {

class RenamedSource : public TensorSource {
 public:
  // A name in a checkpoint to the name here; empty: the tensor is left out.
  using Rule = std::function<std::string(std::string_view)>;

  // Of two tensors that get one name, the first in the checkpoint's order stays.
  void AddAll(const std::shared_ptr<const Checkpoint>& checkpoint, const Rule& rule);
  // One tensor, or a part of one, of a checkpoint that was added.
  void Add(std::string name, const TensorView& tensor);

  std::string name() const override;  // of the checkpoints
  const TensorView* Find(std::string_view name) const override;
  const std::map<std::string, TensorView, std::less<>>& tensors() const { return tensors_; }

 private:
  std::vector<std::shared_ptr<const Checkpoint>> checkpoints_;
  std::map<std::string, TensorView, std::less<>> tensors_;
};

}  // namespace minnow
