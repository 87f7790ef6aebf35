// SPDX-License-Identifier: Apache-2.0
// One look at each operator that has a number of config.json in it.
#include "models/onnx/agreement.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>

namespace minnow {
namespace {

constexpr float kOnnxEpsilon = 1e-5f;          // where a node of ai.onnx says none
constexpr float kOnnxruntimeEpsilon = 1e-12f;  // where one of com.microsoft says none
constexpr float kRounding = 1e-3f;             // of numbers that were written as decimals

bool IsAbout(float value, float expected) {
  return std::fabs(value - expected) <= kRounding * expected;
}

class Comparison {
 public:
  Comparison(const OnnxGraph& graph, const OnnxPieces& pieces, const OnnxStems& stems,
             const EncoderConfig& config, const EncoderFamily& family)
      : graph_(graph), pieces_(pieces), stems_(stems), config_(config), family_(family) {}

  Status Check() const {
    for (const OnnxNode* node : pieces_.inner_products) {
      if (node->op == "MultiHeadAttention" || node->op == "Attention")
        MINNOW_RETURN_IF_ERROR(CheckAttention(*node));
    }
    for (size_t i = 0; i < stems_.size(); ++i) {
      const OnnxPiece& piece = pieces_.list[i];
      if (stems_[i].empty()) continue;
      if (piece.kind == OnnxPieceKind::kNorm) MINNOW_RETURN_IF_ERROR(CheckNorm(*piece.node));
      if (piece.kind == OnnxPieceKind::kProduct) MINNOW_RETURN_IF_ERROR(CheckFusedGemm(i));
    }
    for (const OnnxNode& node : graph_.file().nodes())
      MINNOW_RETURN_IF_ERROR(CheckActivation(node));
    return {};
  }

 private:
  Status Differs(const OnnxNode& node, const std::string& what) const {
    return graph_.NotUnderstood(node, what + " is not that of config.json");
  }

  // MultiHeadAttention of onnxruntime, or Attention of ai.onnx.
  Status CheckAttention(const OnnxNode& node) const {
    const bool plain = node.domain.empty();
    const int64_t heads = config_.num_attention_heads;
    const bool same_heads =
        plain ? node.Int("q_num_heads", heads) == heads && node.Int("kv_num_heads", heads) == heads
              : node.Int("num_heads", 0) == heads;
    if (!same_heads) return Differs(node, "num_heads");
    if (node.Int(plain ? "is_causal" : "unidirectional", 0) != 0 || node.Float("softcap", 0) != 0)
      return graph_.NotUnderstood(node, "attention of another form");
    const float scale = node.Float("scale", 0.0f);
    if (scale != 0.0f && !IsAbout(scale, 1.0f / std::sqrt(static_cast<float>(config_.head_dim()))))
      return graph_.NotUnderstood(node, "its scale is not 1 / sqrt(head size)");
    return {};
  }

  Status CheckNorm(const OnnxNode& node) const {
    if (!node.op.ends_with("LayerNormalization")) return {};
    const bool plain = node.op == "LayerNormalization";
    const float epsilon = node.Float("epsilon", plain ? kOnnxEpsilon : kOnnxruntimeEpsilon);
    return IsAbout(epsilon, config_.layer_norm_eps) ? Status() : Differs(node, "epsilon");
  }

  bool IsOfALayer(size_t piece) const { return stems_[piece].starts_with(family_.tensors.layer); }
  bool IsIntermediate(size_t piece) const {
    return IsOfALayer(piece) &&
           stems_[piece].ends_with(std::string(".") + family_.tensors.intermediate);
  }
  // Whether the value is what the first product of a layer's second half gives.
  bool IsIntermediate(std::string_view value) const {
    const auto piece = pieces_.by_output.find(value);
    return piece != pieces_.by_output.end() && IsIntermediate(piece->second);
  }

  Status CheckFusedGemm(size_t i) const {
    const OnnxNode& node = *pieces_.list[i].node;
    const OnnxAttribute* activation = node.Attribute("activation");
    if (node.op != "FusedGemm" || activation == nullptr || !IsOfALayer(i)) return {};
    const bool same =
        IsIntermediate(i) && activation->text == "Relu" && config_.hidden_act == Activation::kRelu;
    return same ? Status() : Differs(node, "activation");
  }

  // What the node is, or is a part of, where it stands right behind an intermediate product.
  Status CheckActivation(const OnnxNode& node) const {
    struct Row {
      std::string_view op;
      Activation activation;
    };
    static constexpr Row kRows[] = {
        {"Relu", Activation::kRelu},         {"Gelu", Activation::kGeluErf},
        {"BiasGelu", Activation::kGeluErf},  {"Erf", Activation::kGeluErf},
        {"FastGelu", Activation::kGeluTanh}, {"Pow", Activation::kGeluTanh}};
    const Row* row = std::find_if(std::begin(kRows), std::end(kRows),
                                  [&](const Row& r) { return r.op == node.op; });
    const bool other = node.op == "Tanh" || node.op == "Sigmoid";
    if (row == std::end(kRows) && !other) return {};
    std::string_view value = node.input(0);
    if (node.op == "Erf") {
      const OnnxNode* scaled = graph_.ProducerBehindCasts(value);
      if (scaled != nullptr) value = scaled->input(IsIntermediate(scaled->input(0)) ? 0 : 1);
    }
    if (!IsIntermediate(value)) return {};
    const OnnxAttribute* approximate = node.Attribute("approximate");
    const bool tanh = node.op == "Gelu" && approximate != nullptr && approximate->text == "tanh";
    const bool same =
        !other && (tanh ? Activation::kGeluTanh : row->activation) == config_.hidden_act;
    return same ? Status() : Differs(node, "activation");
  }

  const OnnxGraph& graph_;
  const OnnxPieces& pieces_;
  const OnnxStems& stems_;
  const EncoderConfig& config_;
  const EncoderFamily& family_;
};

}  // namespace

Status CheckAgreement(const OnnxGraph& graph, const OnnxPieces& pieces, const OnnxStems& stems,
                      const EncoderConfig& config, const EncoderFamily& family) {
  return Comparison(graph, pieces, stems, config, family).Check();
}

}  // namespace minnow
