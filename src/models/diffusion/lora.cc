// SPDX-License-Identifier: Apache-2.0
#include "models/diffusion/lora.h"

#include <cmath>
#include <cstdlib>
#include <optional>
#include <utility>

#include "formats/checkpoint.h"
#include "formats/json.h"
#include "models/diffusion/part.h"
#include "models/weights/tensor_floats.h"

namespace minnow {

// The tensors of one file, until each change has both of its halves.
class LoraReader {
 public:
  LoraReader(const LoraOptions& options, const Checkpoint& file) : options_(options), file_(file) {}

  Status ReadInto(Loras& loras) {
    for (const auto& [stored, tensor] : file_.tensors()) {
      const Result<LoraName> name = ParseLoraName(stored);
      if (!name.ok()) return Annotate(name.error(), options_.path);
      Halves& halves = found_[{name->component, name->tensor}];
      switch (name->role) {
        case LoraName::Role::kDown:
          halves.down = &tensor;
          break;
        case LoraName::Role::kUp:
          halves.up = &tensor;
          break;
        case LoraName::Role::kAlpha:
          halves.alpha = &tensor;
          break;
      }
    }
    if (found_.empty()) return Error{Code::kUnsupported, options_.path + ": no adapter in it"};
    for (const auto& [key, halves] : found_) {
      MINNOW_ASSIGN_OR_RETURN(Loras::Change change, Join(key.second, halves));
      loras.components_[key.first][key.second].push_back(std::move(change));
    }
    return {};
  }

 private:
  struct Halves {
    const TensorView* down = nullptr;
    const TensorView* up = nullptr;
    const TensorView* alpha = nullptr;
  };

  Error Wrong(const std::string& tensor, const std::string& what) const {
    return Error{Code::kCorrupt, options_.path + ": " + QuoteForMessage(tensor) + ": " + what};
  }

  // [rank, in, ...] and [out, rank, 1, ...]
  Result<Loras::Change> Join(const std::string& tensor, const Halves& halves) const {
    if (halves.down == nullptr || halves.up == nullptr)
      return Wrong(tensor, "one of the two factors is not there");
    const auto& down = halves.down->shape;
    const auto& up = halves.up->shape;
    if (down.size() < 2 || up.size() < 2 || down[0] < 1 || up[1] != down[0] ||
        halves.up->elements() != up[0] * up[1]) {
      return Wrong(tensor, "factors " + halves.up->ShapeString() + " and " +
                               halves.down->ShapeString() + " do not fit each other");
    }
    Loras::Change change;
    change.file = options_.path;
    change.rank = static_cast<size_t>(down[0]);
    change.rows = static_cast<size_t>(up[0]);
    change.columns = static_cast<size_t>(halves.down->elements() / down[0]);
    change.down.resize(static_cast<size_t>(halves.down->elements()));
    change.up.resize(static_cast<size_t>(halves.up->elements()));
    MINNOW_RETURN_IF_ERROR(CopyFloats(*halves.down, change.down.data()));
    MINNOW_RETURN_IF_ERROR(CopyFloats(*halves.up, change.up.data()));
    float alpha = static_cast<float>(change.rank);
    if (halves.alpha != nullptr) {
      if (halves.alpha->elements() != 1) return Wrong(tensor, "alpha is not one number");
      MINNOW_RETURN_IF_ERROR(CopyFloats(*halves.alpha, &alpha));
    }
    change.scale = options_.scale * alpha / static_cast<float>(change.rank);
    if (!std::isfinite(change.scale)) return Wrong(tensor, "alpha is not finite");
    return change;
  }

  const LoraOptions& options_;
  const Checkpoint& file_;
  std::map<std::pair<std::string, std::string>, Halves> found_;
};

namespace {

// A part's tensors, some of them changed.
class ChangedSource : public TensorSource {
 public:
  explicit ChangedSource(std::shared_ptr<const TensorSource> source) : source_(std::move(source)) {}

  void Change(const std::string& name, const TensorView& tensor,
              std::vector<LowRankChange> changes) {
    Changed& changed = changed_[name];
    changed.changes = std::move(changes);
    changed.view = tensor;
    changed.view.changes = changed.changes;
    changed.view.first_row = 0;  // it may be a part of a tensor in the file
  }

  std::string name() const override { return source_->name(); }
  const TensorView* Find(std::string_view name) const override {
    const auto found = changed_.find(name);
    return found == changed_.end() ? source_->Find(name) : &found->second.view;
  }

 private:
  struct Changed {
    TensorView view;
    std::vector<LowRankChange> changes;
  };
  const std::shared_ptr<const TensorSource> source_;
  std::map<std::string, Changed, std::less<>> changed_;
};

}  // namespace

Result<LoraOptions> ParseLora(std::string_view text) {
  LoraOptions options = {.path = std::string(text)};
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return options;
  const std::string number(text.substr(colon + 1));
  char* end = nullptr;
  const float scale = std::strtof(number.c_str(), &end);
  // What no number follows is a part of the name.
  if (number.empty() || *end != '\0') return options;
  if (!std::isfinite(scale))
    return Error{Code::kInvalidArgument, "scale of an adapter: " + number + " is not finite"};
  options.path = std::string(text.substr(0, colon));
  options.scale = scale;
  return options;
}

Result<std::shared_ptr<const Loras>> Loras::Read(const std::vector<LoraOptions>& options) {
  auto loras = std::make_shared<Loras>();
  for (const LoraOptions& one : options) {
    MINNOW_ASSIGN_OR_RETURN(const Checkpoint file, Checkpoint::OpenFile(one.path));
    MINNOW_RETURN_IF_ERROR(LoraReader(one, file).ReadInto(*loras));
  }
  return std::shared_ptr<const Loras>(std::move(loras));
}

Result<std::shared_ptr<const TensorSource>> Loras::Apply(
    std::string_view component, std::shared_ptr<const TensorSource> source) const {
  const auto changes = components_.find(component);
  if (changes == components_.end()) return source;
  auto changed = std::make_shared<ChangedSource>(source);
  for (const auto& [name, list] : changes->second) {
    const TensorView* tensor = source->Find(name);
    std::vector<LowRankChange> views;
    for (const Change& change : list) {
      const auto refuse = [&](const std::string& what) {
        return Error{Code::kUnsupported, change.file + ": an adapter for another model: " +
                                             std::string(component) + " " + what};
      };
      if (tensor == nullptr) return refuse("has no tensor " + QuoteForMessage(name));
      const auto rows = static_cast<int64_t>(change.rows);
      if (tensor->shape.size() < 2 || tensor->shape[0] != rows ||
          tensor->elements() != rows * static_cast<int64_t>(change.columns)) {
        return refuse("has " + QuoteForMessage(name) + " as " + tensor->ShapeString() +
                      ", the adapter as [" + std::to_string(change.rows) + ", " +
                      std::to_string(change.columns) + "]");
      }
      views.push_back({change.up, change.down, change.rank, change.scale});
    }
    changed->Change(name, *tensor, std::move(views));
  }
  return std::shared_ptr<const TensorSource>(std::move(changed));
}

}  // namespace minnow
