// SPDX-License-Identifier: Apache-2.0
// One pass over the nodes, in their order: each adds a piece, or something to a piece before it, or
// has no weights.
#include "models/onnx/pieces.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "formats/json.h"

namespace minnow {
namespace {

constexpr std::string_view kMicrosoft = "com.microsoft";

// Operators that an encoder, its masks and positions, or what comes after it are made of, and that
// hold no weights.
constexpr std::string_view kPlain[] = {"Abs",
                                       "And",
                                       "ArgMax",
                                       "Cast",
                                       "CastLike",
                                       "Ceil",
                                       "Clip",
                                       "Concat",
                                       "Constant",
                                       "ConstantOfShape",
                                       "CumSum",
                                       "Div",
                                       "Dropout",
                                       "DynamicQuantizeLinear",
                                       "Equal",
                                       "Erf",
                                       "Exp",
                                       "Expand",
                                       "Flatten",
                                       "Floor",
                                       "GatherElements",
                                       "GatherND",
                                       "Gelu",
                                       "Greater",
                                       "GreaterOrEqual",
                                       "Identity",
                                       "IsInf",
                                       "IsNaN",
                                       "Less",
                                       "LessOrEqual",
                                       "Log",
                                       "Max",
                                       "Mean",
                                       "Min",
                                       "Mod",
                                       "Neg",
                                       "NonZero",
                                       "Not",
                                       "Or",
                                       "Pad",
                                       "Pow",
                                       "QuantizeLinear",
                                       "Range",
                                       "Reciprocal",
                                       "ReduceL2",
                                       "ReduceMax",
                                       "ReduceMean",
                                       "ReduceMin",
                                       "ReduceSum",
                                       "Relu",
                                       "Reshape",
                                       "ScatterND",
                                       "Shape",
                                       "Sigmoid",
                                       "Size",
                                       "Slice",
                                       "Softmax",
                                       "Split",
                                       "Sqrt",
                                       "Squeeze",
                                       "Sub",
                                       "Sum",
                                       "Tanh",
                                       "Tile",
                                       "Transpose",
                                       "Trilu",
                                       "Unsqueeze",
                                       "Where",
                                       "Xor"};
constexpr std::string_view kPlainMicrosoft[] = {"Gelu", "QuantizeLinear", "DequantizeLinear"};

bool IsFloat(TensorType type) {
  return type == TensorType::kF32 || type == TensorType::kF16 || type == TensorType::kBF16;
}

bool IsWeight(const OnnxConstant& constant) {
  const TensorType type = constant.view.type;
  return IsFloat(type) || !constant.view.scales.empty() || type == TensorType::kF64 ||
         type == TensorType::kI8 || type == TensorType::kU8;
}

// A constant that is a vector but for dimensions of 1, as a vector.
std::optional<TensorView> AsVector(const std::optional<OnnxConstant>& constant) {
  if (!constant || !IsWeight(*constant) || constant->view.shape.empty()) return std::nullopt;
  TensorView view = constant->view;
  const int64_t elements = view.elements();
  if (view.shape.back() != elements || constant->column_scales) return std::nullopt;
  if (view.transposed) return std::nullopt;
  view.shape = {elements};
  return view;
}

class PieceReader {
 public:
  explicit PieceReader(OnnxGraph& graph) : graph_(graph) {}

  Result<OnnxPieces> Read() {
    for (const OnnxNode& node : graph_.file().nodes()) {
      bool understood = false;
      MINNOW_RETURN_IF_ERROR(ReadNode(node, understood));
      if (!understood) return graph_.NotUnderstood(node, "an unknown operator");
    }
    for (const OnnxPiece& piece : pieces_.list) {
      if (piece.kind == OnnxPieceKind::kNorm && !piece.bias)
        return graph_.NotUnderstood(*piece.node, "a LayerNorm without a bias");
      if (!IsFloat(piece.weight.type) && piece.weight.scales.empty())
        return graph_.NotUnderstood(*piece.node, "integers without a scale");
    }
    return std::move(pieces_);
  }

 private:
  struct Handler {
    std::string_view domain;
    std::string_view op;
    Status (PieceReader::*read)(const OnnxNode&);
  };

  Status ReadNode(const OnnxNode& node, bool& understood) {
    static constexpr Handler kHandlers[] = {
        {"", "MatMul", &PieceReader::MatMul},
        {"", "Gemm", &PieceReader::Gemm},
        {"", "Gather", &PieceReader::Gather},
        {"", "Add", &PieceReader::Add},
        {"", "Mul", &PieceReader::Mul},
        {"", "LayerNormalization", &PieceReader::LayerNorm},
        {"", "DequantizeLinear", &PieceReader::Dequantize},
        {"", "MatMulInteger", &PieceReader::MatMulInteger},
        {"", "Attention", &PieceReader::InnerProduct},
        {kMicrosoft, "LayerNormalization", &PieceReader::LayerNorm},
        {kMicrosoft, "FusedMatMul", &PieceReader::InnerProduct},
        {kMicrosoft, "FusedGemm", &PieceReader::Gemm},
        {kMicrosoft, "BiasGelu", &PieceReader::BiasGelu},
        {kMicrosoft, "FastGelu", &PieceReader::BiasGelu},
        {kMicrosoft, "SkipLayerNormalization", &PieceReader::SkipLayerNorm},
        {kMicrosoft, "EmbedLayerNormalization", &PieceReader::EmbedLayerNorm},
        {kMicrosoft, "Attention", &PieceReader::Attention},
        {kMicrosoft, "QAttention", &PieceReader::QAttention},
        {kMicrosoft, "MultiHeadAttention", &PieceReader::MultiHeadAttention},
        {kMicrosoft, "MatMulIntegerToFloat", &PieceReader::MatMulIntegerToFloat},
        {kMicrosoft, "DynamicQuantizeMatMul", &PieceReader::DynamicQuantizeMatMul},
    };
    for (const Handler& handler : kHandlers) {
      if (handler.op != node.op || handler.domain != node.domain) continue;
      understood = true;
      return (this->*handler.read)(node);
    }
    const auto is_node = [&](std::string_view op) { return op == node.op; };
    understood = node.domain.empty()
                     ? std::any_of(std::begin(kPlain), std::end(kPlain), is_node)
                     : node.domain == kMicrosoft && std::any_of(std::begin(kPlainMicrosoft),
                                                                std::end(kPlainMicrosoft), is_node);
    return understood ? Plain(node) : Status();
  }

  // --- nodes without weights

  // Nodes that only change how a constant is written; whoever uses it sees through them.
  static bool RewritesConstants(const OnnxNode& node) {
    return node.op == "Identity" || node.op == "Cast" || node.op == "Transpose" ||
           node.op == "DequantizeLinear" || node.op == "Constant";
  }

  // Fails where an input from `first` on is a constant that could be a weight.
  Status NoWeights(const OnnxNode& node, size_t first = 0) {
    for (size_t i = first; i < node.inputs.size(); ++i) {
      const auto constant = graph_.Constant(node.inputs[i]);
      if (constant && IsWeight(*constant) && constant->view.elements() > 1)
        return graph_.NotUnderstood(node,
                                    "unknown use of tensor " + QuoteForMessage(node.inputs[i]));
    }
    return {};
  }

  Status Plain(const OnnxNode& node) {
    if (RewritesConstants(node)) {
      // No numbers that OnnxFile has read: they would be missed as a weight.
      const OnnxAttribute* floats = node.Attribute("value_floats");
      if (node.Attribute("sparse_value") != nullptr || (floats != nullptr && floats->floats > 1))
        return graph_.NotUnderstood(node, "its value is no tensor");
      // Rows of a table of integers may be turned around before they get their scale.
      const bool rows = PieceAt(node.input(0), OnnxPieceKind::kTable) != nullptr;
      if (node.op != "Transpose" || rows) Follow(node.input(0), node.output(0));
      return {};
    }
    if (node.op == "Dropout" || node.op == "QuantizeLinear") Follow(node.input(0), node.output(0));
    return NoWeights(node, node.op == "QuantizeLinear" ? 3 : 0);
  }

  // --- pieces

  OnnxPiece* PieceAt(std::string_view value, OnnxPieceKind kind) {
    const auto found = pieces_.by_output.find(value);
    if (found == pieces_.by_output.end()) return nullptr;
    OnnxPiece& piece = pieces_.list[found->second];
    return piece.kind == kind ? &piece : nullptr;
  }
  OnnxPiece* ProductWithoutBias(std::string_view value) {
    OnnxPiece* piece = PieceAt(value, OnnxPieceKind::kProduct);
    // What is added before the scale is no bias of the scaled product.
    const bool without = piece != nullptr && !piece->bias && piece->scale_from.empty();
    return without ? piece : nullptr;
  }
  // What was a piece's output goes on under another name.
  void Follow(std::string_view from, std::string_view to) {
    const auto found = pieces_.by_output.find(from);
    if (found != pieces_.by_output.end()) pieces_.by_output.emplace(to, found->second);
  }
  OnnxPiece& AddPiece(const OnnxNode& node, OnnxPieceKind kind, TensorView weight) {
    pieces_.by_output.emplace(node.output(0), pieces_.list.size());
    OnnxPiece& piece = pieces_.list.emplace_back();
    piece.kind = kind;
    piece.node = &node;
    piece.weight = std::move(weight);
    return piece;
  }

  // The right operand of a product, [K, N], as [N, K]; nullopt where it is no weight.
  Result<std::optional<TensorView>> RightOperand(const OnnxNode& node, std::string_view value,
                                                 bool turned = false) {
    const auto constant = graph_.Constant(value);
    if (!constant || !IsWeight(*constant)) return std::optional<TensorView>();
    if (constant->view.shape.size() != 2)
      return graph_.NotUnderstood(node, "a weight that is no matrix");
    const OnnxConstant weight = turned ? *constant : constant->Transposed();
    if (weight.column_scales) return graph_.NotUnderstood(node, "scales that are not one a row");
    return std::optional(weight.view);
  }

  Status SetBias(const OnnxNode& node, OnnxPiece& piece, std::string_view value) {
    const auto bias = AsVector(graph_.Constant(value));
    if (!bias || bias->shape[0] != piece.weight.shape[0])
      return graph_.NotUnderstood(node, "a bias that does not fit its product");
    piece.bias = *bias;
    return {};
  }

  Status MatMul(const OnnxNode& node) {
    MINNOW_ASSIGN_OR_RETURN(auto weight, RightOperand(node, node.input(1)));
    if (!weight) return InnerProduct(node);
    AddPiece(node, OnnxPieceKind::kProduct, std::move(*weight));
    return NoWeights(node, /*first=*/2);
  }

  // Of queries with keys, or weights with values.
  Status InnerProduct(const OnnxNode& node) {
    pieces_.inner_products.push_back(&node);
    return NoWeights(node);
  }

  Status Gemm(const OnnxNode& node) {
    const bool plain = node.Float("alpha", 1.0f) == 1.0f && node.Float("beta", 1.0f) == 1.0f &&
                       node.Int("transA", 0) == 0;
    if (!plain) return graph_.NotUnderstood(node, "alpha, beta or transA");
    MINNOW_ASSIGN_OR_RETURN(auto weight,
                            RightOperand(node, node.input(1), node.Int("transB", 0) != 0));
    if (!weight) return graph_.NotUnderstood(node, "its B is no constant matrix");
    OnnxPiece& piece = AddPiece(node, OnnxPieceKind::kProduct, std::move(*weight));
    return node.input(2).empty() ? Status() : SetBias(node, piece, node.input(2));
  }

  // The scale comes with the multiplication after it (see Mul).
  Status MatMulInteger(const OnnxNode& node) {
    MINNOW_ASSIGN_OR_RETURN(auto weight, RightOperand(node, node.input(1)));
    if (!weight) return InnerProduct(node);
    OnnxPiece& piece = AddPiece(node, OnnxPieceKind::kProduct, std::move(*weight));
    piece.scale_from = node.input(1);
    return {};
  }

  // a: activations, scale and zero point of the weight, and a bias
  Status ScaledProduct(const OnnxNode& node, size_t scale, size_t zero_point, size_t bias) {
    MINNOW_ASSIGN_OR_RETURN(auto weight, RightOperand(node, node.input(1)));
    if (!weight) return InnerProduct(node);
    auto scaled = graph_.Quantised(std::move(*weight), node.input(scale), node.input(zero_point));
    if (!scaled) return graph_.NotUnderstood(node, "its scale or zero point");
    OnnxPiece& piece = AddPiece(node, OnnxPieceKind::kProduct, std::move(*scaled));
    return node.input(bias).empty() ? Status() : SetBias(node, piece, node.input(bias));
  }
  Status MatMulIntegerToFloat(const OnnxNode& node) { return ScaledProduct(node, 3, 5, 6); }
  Status DynamicQuantizeMatMul(const OnnxNode& node) { return ScaledProduct(node, 2, 3, 4); }

  Status Gather(const OnnxNode& node) {
    const auto constant = graph_.Constant(node.input(0));
    if (!constant || !IsWeight(*constant)) return {};
    if (node.Int("axis", 0) != 0 || constant->view.shape.size() != 2 || constant->column_scales)
      return NoWeights(node);
    AddPiece(node, OnnxPieceKind::kTable, constant->view).indices = node.input(1);
    return {};
  }

  // Of a table's integer rows, or of activations.
  Status Dequantize(const OnnxNode& node) {
    OnnxPiece* table = PieceAt(node.input(0), OnnxPieceKind::kTable);
    if (table != nullptr && table->weight.scales.empty()) {
      auto scaled = graph_.Quantised(table->weight, node.input(1), node.input(2));
      if (!scaled || scaled->scales.size() != 1)
        return graph_.NotUnderstood(node, "a table's scale is not one number");
      table->weight = std::move(*scaled);
    }
    Follow(node.input(0), node.output(0));
    return {};
  }

  Status Add(const OnnxNode& node) {
    for (size_t i = 0; i < 2; ++i) {
      const std::string_view value = node.input(i), other = node.input(1 - i);
      if (!AsVector(graph_.Constant(other))) continue;
      OnnxPiece* piece = ProductWithoutBias(value);
      if (piece == nullptr) piece = PieceAt(value, OnnxPieceKind::kNorm);
      if (piece == nullptr || piece->bias) continue;
      MINNOW_RETURN_IF_ERROR(SetBias(node, *piece, other));
      Follow(value, node.output(0));
      return {};
    }
    return NoWeights(node);
  }

  // (x - mean) / sqrt(variance + epsilon), written out
  bool IsNormalised(std::string_view value) const {
    const OnnxNode* division = graph_.ProducerBehindCasts(value);
    if (division == nullptr || division->op != "Div") return false;
    const OnnxNode* above = graph_.ProducerBehindCasts(division->input(0));
    const OnnxNode* below = graph_.ProducerBehindCasts(division->input(1));
    return above != nullptr && above->op == "Sub" && below != nullptr && below->op == "Sqrt";
  }

  // The scale of an activation times that of a weight: the latter, or empty where it is not clear
  // which that is.
  std::string_view WeightScale(std::string_view value) const {
    const OnnxNode* product = graph_.Producer(value);
    if (product == nullptr || product->op != "Mul") return "";
    std::string_view scale;
    for (const std::string_view input : product->inputs) {
      if (graph_.file().Find(input) == nullptr) continue;
      if (!scale.empty()) return "";
      scale = input;
    }
    return scale;
  }

  Status Mul(const OnnxNode& node) {
    for (size_t i = 0; i < 2; ++i) {
      const std::string_view value = node.input(i), other = node.input(1 - i);
      OnnxPiece* piece = PieceAt(value, OnnxPieceKind::kProduct);
      if (piece != nullptr && !piece->scale_from.empty()) {
        auto scaled = graph_.Quantised(piece->weight, WeightScale(other), piece->node->input(3));
        if (!scaled) return graph_.NotUnderstood(node, "the scale of an integer product");
        piece->weight = std::move(*scaled);
        piece->scale_from = "";
        Follow(value, node.output(0));
        return {};
      }
      const auto gamma = AsVector(graph_.Constant(other));
      if (gamma && gamma->elements() > 1 && IsNormalised(value)) {
        AddPiece(node, OnnxPieceKind::kNorm, *gamma);
        return {};
      }
      // Scales of a weight's rows, which the product's own Mul will look for.
      const OnnxNode* producer = graph_.Producer(value);
      if (producer != nullptr && producer->op == "DynamicQuantizeLinear") return {};
    }
    return NoWeights(node);
  }

  // --- LayerNorms

  Status AddNorm(const OnnxNode& node, std::string_view gamma, std::string_view beta) {
    const auto weight = AsVector(graph_.Constant(gamma));
    if (!weight) return graph_.NotUnderstood(node, "a LayerNorm without a constant weight");
    return SetBias(node, AddPiece(node, OnnxPieceKind::kNorm, *weight), beta);
  }

  Status LayerNorm(const OnnxNode& node) {
    if (node.Int("axis", -1) != -1 && node.Int("axis", -1) != 2)
      return graph_.NotUnderstood(node, "its axis is not the last one");
    return AddNorm(node, node.input(1), node.input(2));
  }

  Status SkipLayerNorm(const OnnxNode& node) {
    if (!node.input(4).empty()) {
      OnnxPiece* product = ProductWithoutBias(node.input(0));
      if (product == nullptr) product = ProductWithoutBias(node.input(1));
      if (product == nullptr) return graph_.NotUnderstood(node, "a bias of no product");
      MINNOW_RETURN_IF_ERROR(SetBias(node, *product, node.input(4)));
    }
    return AddNorm(node, node.input(2), node.input(3));
  }

  Status EmbedLayerNorm(const OnnxNode& node) {
    const std::pair<size_t, TableKind> tables[] = {
        {2, TableKind::kWord}, {3, TableKind::kPosition}, {4, TableKind::kTokenType}};
    for (const auto& [input, kind] : tables) {
      if (node.input(input).empty()) continue;
      const auto constant = graph_.Constant(node.input(input));
      if (!constant || !IsFloat(constant->view.type) || constant->view.shape.size() != 2 ||
          constant->column_scales || !constant->view.scales.empty())
        return graph_.NotUnderstood(node, "a table that is no constant matrix");
      // Not under the node's output: that is the norm's.
      OnnxPiece& piece = pieces_.list.emplace_back();
      piece.kind = OnnxPieceKind::kTable;
      piece.node = &node;
      piece.weight = constant->view;
      piece.table = kind;
    }
    return AddNorm(node, node.input(5), node.input(6));
  }

  Status BiasGelu(const OnnxNode& node) {
    if (node.input(1).empty()) return {};
    OnnxPiece* product = ProductWithoutBias(node.input(0));
    if (product == nullptr) return graph_.NotUnderstood(node, "a bias of no product");
    return SetBias(node, *product, node.input(1));
  }

  // --- attention

  Status AddAttention(const OnnxNode& node, TensorView weight) {
    const int64_t heads = node.Int("num_heads", 0);
    const int64_t channels = weight.shape[0] / 3;
    if (heads < 1 || channels % heads != 0 || node.Attribute("qkv_hidden_sizes") ||
        node.Int("unidirectional", 0) != 0 || node.Int("do_rotary", 0) != 0)
      return graph_.NotUnderstood(node, "attention of another form");
    const float scale = node.Float("scale", 0.0f);
    const int64_t head_size = channels / heads;
    const float usual = 1.0f / std::sqrt(static_cast<float>(head_size));
    if (scale != 0.0f && std::fabs(scale - usual) > 1e-4f * usual)
      return graph_.NotUnderstood(node, "its scale is not 1 / sqrt(head size)");
    OnnxPiece& piece = AddPiece(node, OnnxPieceKind::kAttention, std::move(weight));
    MINNOW_RETURN_IF_ERROR(SetBias(node, piece, node.input(2)));
    return NoWeights(node, 5);
  }

  Status Attention(const OnnxNode& node) {
    MINNOW_ASSIGN_OR_RETURN(auto weight, RightOperand(node, node.input(1)));
    if (!weight) return graph_.NotUnderstood(node, "its weight is no constant matrix");
    return AddAttention(node, std::move(*weight));
  }

  Status QAttention(const OnnxNode& node) {
    MINNOW_ASSIGN_OR_RETURN(auto weight, RightOperand(node, node.input(1)));
    if (!weight) return graph_.NotUnderstood(node, "its weight is no constant matrix");
    auto scaled = graph_.Quantised(std::move(*weight), node.input(4), node.input(7));
    if (!scaled) return graph_.NotUnderstood(node, "its scale or zero point");
    return AddAttention(node, std::move(*scaled));
  }

  // Products of their own, whose biases may have been packed into one.
  Status MultiHeadAttention(const OnnxNode& node) {
    pieces_.inner_products.push_back(&node);
    if (node.input(3).empty()) return NoWeights(node);
    const auto bias = AsVector(graph_.Constant(node.input(3)));
    int64_t at = 0;
    for (size_t i = 0; i < 3; ++i) {
      OnnxPiece* product = ProductWithoutBias(node.input(i));
      const int64_t size = product == nullptr ? 0 : product->weight.shape[0];
      if (product == nullptr || !bias || bias->shape[0] - at < size)
        return graph_.NotUnderstood(node, "a bias that does not fit its products");
      product->bias = bias->Rows(at, size);
      at += size;
    }
    return NoWeights(node, 4);
  }

  OnnxGraph& graph_;
  OnnxPieces pieces_;
};

}  // namespace

Result<OnnxPieces> ReadOnnxPieces(OnnxGraph& graph) { return PieceReader(graph).Read(); }

}  // namespace minnow
