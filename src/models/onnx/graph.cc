// SPDX-License-Identifier: Apache-2.0
// Look-ups in a graph.
#include "models/onnx/graph.h"

#include <algorithm>
#include <cstring>

#include "formats/json.h"

namespace minnow {
namespace {

// Nodes between a tensor of the file and its use, at most: no file is followed in a circle.
constexpr int kMaxPath = 8;
// Scales and zero points of all weights together, at most.
constexpr int64_t kMaxAllNumbers = int64_t{1} << 22;

template <class T>
T Load(std::span<const std::byte> data, size_t at) {
  T value;
  std::memcpy(&value, data.data() + at * sizeof value, sizeof value);
  return value;
}

// A vector or a scalar of the file that is short enough to be one number a row.
const TensorView* FindNumbers(const OnnxFile& file, std::string_view name) {
  constexpr int64_t kMaxNumbers = int64_t{1} << 20;
  const TensorView* tensor = file.Find(name);
  const bool fits =
      tensor != nullptr && tensor->shape.size() <= 1 && tensor->elements() <= kMaxNumbers;
  return fits ? tensor : nullptr;
}

}  // namespace

OnnxConstant OnnxConstant::Transposed() const {
  CHECK(view.shape.size() == 2 && view.stride == 0);
  OnnxConstant turned = *this;
  std::swap(turned.view.shape[0], turned.view.shape[1]);
  turned.view.transposed = !view.transposed;
  turned.column_scales = !column_scales && view.scales.size() > 1;
  return turned;
}

OnnxGraph::OnnxGraph(const OnnxFile& file) : file_(file) {
  for (const OnnxNode& node : file.nodes()) {
    for (const std::string_view output : node.outputs) {
      if (!output.empty()) producers_.emplace_back(output, &node);
    }
  }
  std::sort(producers_.begin(), producers_.end());
}

const OnnxNode* OnnxGraph::Producer(std::string_view value) const {
  const auto found =
      std::lower_bound(producers_.begin(), producers_.end(), value,
                       [](const auto& known, std::string_view name) { return known.first < name; });
  return found != producers_.end() && found->first == value ? found->second : nullptr;
}

const OnnxNode* OnnxGraph::ProducerBehindCasts(std::string_view value) const {
  const OnnxNode* node = Producer(value);
  for (int i = 0; i < kMaxPath && node != nullptr; ++i) {
    if (node->op != "Cast" && node->op != "Identity") return node;
    node = Producer(node->input(0));
  }
  return node;
}

const std::vector<float>* OnnxGraph::Scales(std::string_view name, int64_t rows) {
  const TensorView* tensor = FindNumbers(file_, name);
  if (tensor == nullptr || tensor->type != TensorType::kF32) return nullptr;
  const int64_t count = tensor->elements();
  if (count != 1 && count != rows) return nullptr;
  if (const auto known = scales_.find(name); known != scales_.end()) return &known->second;
  if (!TakeNumbers(count)) return nullptr;
  std::vector<float>& scales = scales_[name];
  scales.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) scales.push_back(Load<float>(tensor->data, i));
  return &scales;
}

const std::vector<int32_t>* OnnxGraph::ZeroPoints(std::string_view name, int64_t rows) {
  const TensorView* tensor = FindNumbers(file_, name);
  if (tensor == nullptr || (tensor->type != TensorType::kI8 && tensor->type != TensorType::kU8 &&
                            tensor->type != TensorType::kI32)) {
    return nullptr;
  }
  const int64_t count = tensor->elements();
  if (count != 1 && count != rows) return nullptr;
  if (const auto known = zero_points_.find(name); known != zero_points_.end())
    return &known->second;
  if (!TakeNumbers(count)) return nullptr;
  std::vector<int32_t>& zeros = zero_points_[name];
  zeros.reserve(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    zeros.push_back(tensor->type == TensorType::kI8   ? Load<int8_t>(tensor->data, i)
                    : tensor->type == TensorType::kU8 ? Load<uint8_t>(tensor->data, i)
                                                      : Load<int32_t>(tensor->data, i));
  }
  return &zeros;
}

bool OnnxGraph::TakeNumbers(int64_t count) {
  if (count > kMaxAllNumbers - numbers_) return false;
  numbers_ += count;
  return true;
}

std::optional<TensorView> OnnxGraph::Quantised(TensorView tensor, std::string_view scale,
                                               std::string_view zero_point) {
  if (!tensor.scales.empty()) return std::nullopt;
  const int64_t rows = tensor.shape.empty() ? 1 : tensor.shape[0];
  const std::vector<float>* scales = Scales(scale, rows);
  if (scales == nullptr) return std::nullopt;
  tensor.scales = *scales;
  if (zero_point.empty()) return tensor;
  const std::vector<int32_t>* zeros = ZeroPoints(zero_point, rows);
  // Zero points of their own axis would have no scales to tell which one it is.
  if (zeros == nullptr || (zeros->size() > 1 && zeros->size() != scales->size()))
    return std::nullopt;
  tensor.zero_points = *zeros;
  return tensor;
}

// Scales along an axis of the stored matrix are scales of rows only after the right transposition.
std::optional<OnnxConstant> OnnxGraph::Dequantised(OnnxConstant constant, const OnnxNode& node) {
  const TensorView* scales = FindNumbers(file_, node.input(1));
  const int64_t axis = node.Int("axis", 1);
  const bool columns = scales != nullptr && scales->elements() > 1 &&
                       constant.view.shape.size() == 2 && (axis == 1 || axis == -1);
  if (columns) constant = constant.Transposed();
  auto view = Quantised(std::move(constant.view), node.input(1), node.input(2));
  if (!view) return std::nullopt;
  constant.view = std::move(*view);
  return columns ? constant.Transposed() : constant;
}

std::optional<OnnxConstant> OnnxGraph::Constant(std::string_view value) {
  const OnnxNode* path[kMaxPath];
  int steps = 0;
  const TensorView* stored = file_.Find(value);
  while (stored == nullptr) {
    const OnnxNode* node = Producer(value);
    if (node == nullptr || steps == kMaxPath || !node->domain.empty()) return std::nullopt;
    if (node->op != "Identity" && node->op != "Cast" && node->op != "Transpose" &&
        node->op != "DequantizeLinear") {
      return std::nullopt;
    }
    path[steps++] = node;
    value = node->input(0);
    stored = file_.Find(value);
  }
  std::optional<OnnxConstant> constant = OnnxConstant{*stored};
  while (steps > 0 && constant) {
    const OnnxNode& node = *path[--steps];
    if (node.op == "DequantizeLinear") constant = Dequantised(std::move(*constant), node);
    if (node.op == "Transpose") {
      if (constant->view.shape.size() != 2) return std::nullopt;
      const OnnxAttribute* permutation = node.Attribute("perm");
      if (permutation == nullptr || permutation->ints != std::vector<int64_t>{0, 1})
        constant = constant->Transposed();
    }
  }
  return constant;
}

Error OnnxGraph::NotUnderstood(const OnnxNode& node, const std::string& why) const {
  const std::string op =
      (node.domain.empty() ? "" : std::string(node.domain) + ".") + std::string(node.op);
  return Error{Code::kUnsupported, file_.path() + ": node " + QuoteForMessage(node.name) + " (" +
                                       QuoteForMessage(op) + ") was not understood: " + why};
}

}  // namespace minnow
