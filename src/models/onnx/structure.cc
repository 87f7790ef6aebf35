// SPDX-License-Identifier: Apache-2.0
// Names of pieces by their place in the order of computing, which is one chain but for query, key
// and value.
#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "models/onnx/naming.h"

namespace minnow {
namespace {

// Nodes between a LayerNorm's sum and what is summed, at most.
constexpr int kMaxRewrites = 8;
// Values that a way from attention's product back to its operands passes, at most.
constexpr size_t kMaxNodesSeen = 1000;

// What a value is made of: the products that are met first on every way back.
struct Origin {
  std::set<size_t> products;
  bool softmax = false;
};

Origin Trace(const OnnxGraph& graph, const OnnxPieces& pieces, std::string_view value) {
  Origin origin;
  std::vector<std::string_view> open = {value};
  std::set<std::string_view> seen = {value};
  std::set<const OnnxNode*> entered;
  while (!open.empty()) {
    const std::string_view at = open.back();
    open.pop_back();
    if (const auto piece = pieces.by_output.find(at); piece != pieces.by_output.end()) {
      if (pieces.list[piece->second].kind == OnnxPieceKind::kProduct)
        origin.products.insert(piece->second);
      continue;
    }
    const OnnxNode* node = graph.Producer(at);
    if (node == nullptr || node->op == "Shape") continue;
    if (node->op == "Softmax") {
      origin.softmax = true;
      continue;
    }
    if (!entered.insert(node).second) continue;
    for (const std::string_view input : node->inputs) {
      if (seen.size() == kMaxNodesSeen) break;
      if (!input.empty() && seen.insert(input).second) open.push_back(input);
    }
  }
  return origin;
}

// The node of a value, seen through nodes that change no number but by rounding.
const OnnxNode* Maker(const OnnxGraph& graph, std::string_view value) {
  constexpr std::string_view kRewriting[] = {"Cast",           "Identity",        "Reshape",
                                             "Squeeze",        "Unsqueeze",       "Dropout",
                                             "QuantizeLinear", "DequantizeLinear"};
  const OnnxNode* node = graph.Producer(value);
  for (int i = 0; i < kMaxRewrites && node != nullptr; ++i) {
    const auto* rewriting = std::find(std::begin(kRewriting), std::end(kRewriting), node->op);
    if (rewriting == std::end(kRewriting)) break;
    node = graph.Producer(node->input(0));
  }
  return node;
}

// What a LayerNorm is of: its input, also where it is written out and `node` is its multiplication.
std::string_view NormInput(const OnnxGraph& graph, const OnnxNode& node) {
  if (node.op != "Mul") return node.input(0);
  for (const std::string_view factor : {node.input(0), node.input(1)}) {
    const OnnxNode* division = graph.ProducerBehindCasts(factor);
    if (division == nullptr || division->op != "Div") continue;
    const OnnxNode* centred = graph.ProducerBehindCasts(division->input(0));
    if (centred != nullptr) return centred->input(0);
  }
  return "";
}

// The piece that a value is of, seen through the same.
std::optional<size_t> PieceOf(const OnnxGraph& graph, const OnnxPieces& pieces,
                              std::string_view value) {
  auto piece = pieces.by_output.find(value);
  if (piece == pieces.by_output.end()) {
    const OnnxNode* node = Maker(graph, value);
    if (node != nullptr) piece = pieces.by_output.find(node->output(0));
  }
  return piece == pieces.by_output.end() ? std::nullopt : std::optional(piece->second);
}

enum class Part { kQuery, kKey, kValue };

class StructureReader {
 public:
  StructureReader(const OnnxGraph& graph, const OnnxPieces& pieces, const EncoderConfig& config,
                  const EncoderFamily& family)
      : graph_(graph),
        pieces_(pieces),
        config_(config),
        family_(family),
        stems_(pieces.list.size()) {}

  Result<OnnxStems> Read() {
    MINNOW_RETURN_IF_ERROR(FindParts());
    for (size_t i = 0; i < pieces_.list.size(); ++i) {
      const OnnxPiece& piece = pieces_.list[i];
      switch (piece.kind) {
        case OnnxPieceKind::kTable:
          MINNOW_RETURN_IF_ERROR(PlaceTable(i));
          break;
        case OnnxPieceKind::kNorm:
          // One after the last layer may be a head's; a layer has two.
          if (norms_ > AllNorms())
            return Misfit(i, "more LayerNorms than config.json has layers for");
          if (norms_ == AllNorms()) {
            ++norms_;
            last_norm_ = i;
          } else {
            MINNOW_RETURN_IF_ERROR(PlaceNorm(i));
          }
          break;
        case OnnxPieceKind::kAttention:
          attention_.push_back(i);
          break;
        case OnnxPieceKind::kProduct:
          products_.push_back(i);
          break;
      }
    }
    if (norms_ < AllNorms()) {
      return Error{Code::kUnsupported, graph_.file().path() + ": " + std::to_string(norms_) +
                                           " LayerNorms, but config.json needs " +
                                           std::to_string(AllNorms())};
    }
    PlaceHead();
    return std::move(stems_);
  }

 private:
  size_t AllNorms() const { return 1 + 2 * static_cast<size_t>(config_.layer_steps()); }
  Error Misfit(size_t piece, const std::string& why) const {
    return graph_.NotUnderstood(*pieces_.list[piece].node, why);
  }

  // Which products make queries, keys and values.
  Status FindParts() {
    constexpr size_t kInHeads = 8;
    const size_t most = 2 * static_cast<size_t>(config_.layer_steps()) + kInHeads;
    if (pieces_.inner_products.size() > most) {
      return graph_.NotUnderstood(*pieces_.inner_products[most],
                                  "more products of attention than config.json has layers for");
    }
    for (const OnnxNode* node : pieces_.inner_products) {
      if (node->op == "MultiHeadAttention" || node->op == "Attention") {
        SetPart(Trace(graph_, pieces_, node->input(0)), Part::kQuery);
        SetPart(Trace(graph_, pieces_, node->input(1)), Part::kKey);
        SetPart(Trace(graph_, pieces_, node->input(2)), Part::kValue);
        continue;
      }
      const Origin left = Trace(graph_, pieces_, node->input(0));
      const Origin right = Trace(graph_, pieces_, node->input(1));
      SetPart(right, left.softmax ? Part::kValue : Part::kKey);
      if (!left.softmax) SetPart(left, Part::kQuery);
    }
    return {};
  }
  void SetPart(const Origin& origin, Part part) {
    if (origin.products.size() == 1) parts_.emplace(*origin.products.begin(), part);
  }

  bool IsPositionBias(const OnnxPiece& piece) const {
    const int64_t heads = config_.num_attention_heads, width = config_.embedding_width();
    return config_.position_bias.count > 0 && heads != width && piece.weight.shape[1] == heads &&
           piece.weight.shape[0] == config_.position_bias.count;
  }

  Status PlaceTable(size_t i) {
    const OnnxPiece& piece = pieces_.list[i];
    const int64_t rows = piece.weight.shape[0];
    const auto& inputs = graph_.file().inputs();
    const bool from_input = std::find(inputs.begin(), inputs.end(), piece.indices) != inputs.end();
    TableKind kind = TableKind::kPosition;
    if (IsPositionBias(piece)) {
      kind = TableKind::kPositionBias;
    } else if (piece.table) {
      kind = *piece.table;
    } else if (piece.indices == "input_ids" || (from_input && rows == config_.vocab_size)) {
      kind = TableKind::kWord;
    } else if (piece.indices == "token_type_ids" ||
               (rows == config_.type_vocab_size && rows != config_.max_position_embeddings)) {
      kind = TableKind::kTokenType;
    }
    const TensorNames& t = family_.tensors;
    const char* stem = kind == TableKind::kWord        ? t.word_embeddings
                       : kind == TableKind::kTokenType ? t.token_type_embeddings
                       : kind == TableKind::kPosition  ? t.position_embeddings
                                                       : t.position_bias;
    if ((norms_ > 0 && kind != TableKind::kPositionBias) || !tables_.insert(kind).second)
      return Misfit(i, "one table too many");
    stems_[i] = stem;
    return {};
  }

  Status PlaceNorm(size_t i) {
    const TensorNames& t = family_.tensors;
    const size_t n = norms_++;
    size_t before = std::exchange(last_norm_, i);
    if (n == 0) {
      if (!products_.empty() || !attention_.empty())
        return Misfit(products_.empty() ? attention_[0] : products_[0],
                      "it comes before the embeddings' LayerNorm");
      stems_[i] = t.embeddings_norm;
      return {};
    }
    const std::string layer =
        t.Layer(config_, config_.WeightsOfStep(static_cast<int>((n - 1) / 2)));
    if (n == 1 && config_.embedding_size > 0 && !products_.empty()) {
      before = products_[0];
      stems_[before] = t.embedding_projection;
      products_.erase(products_.begin());
    }
    if (n % 2 == 1) {
      stems_[i] = layer + t.attention_norm;
      return PlaceAttention(i, before, layer);
    }
    stems_[i] = layer + t.output_norm;
    if (products_.size() != 2 || !attention_.empty())
      return Misfit(i, "not two products between the LayerNorms of a layer");
    MINNOW_RETURN_IF_ERROR(CheckSum(i, before));
    stems_[products_[0]] = layer + t.intermediate;
    stems_[products_[1]] = layer + t.output;
    products_.clear();
    return {};
  }

  // That a LayerNorm is of the last product and the LayerNorm before (of the first layer, of the
  // embeddings' projection where there is one): where it is of what that one
  // is of, the model normalises before its products, and has the same pieces in the same order.
  Status CheckSum(size_t norm, size_t before) const {
    const OnnxNode* sum = pieces_.list[norm].node;
    if (sum->op != "SkipLayerNormalization") sum = Maker(graph_, NormInput(graph_, *sum));
    if (sum != nullptr && (sum->op == "Add" || sum->op == "SkipLayerNormalization")) {
      const auto left = PieceOf(graph_, pieces_, sum->input(0));
      const auto right = PieceOf(graph_, pieces_, sum->input(1));
      const size_t product = products_.back();
      if ((left == product && right == before) || (left == before && right == product)) return {};
    }
    return Misfit(norm, "not of the sum of the product and the LayerNorm before it");
  }

  // What lies before the first LayerNorm of a layer; `norm` is its piece.
  Status PlaceAttention(size_t norm, size_t before, const std::string& layer) {
    const TensorNames& t = family_.tensors;
    if (products_.size() + 3 * attention_.size() != 4 || attention_.size() > 1)
      return Misfit(norm, "not query, key, value and output before the LayerNorm of a layer");
    MINNOW_RETURN_IF_ERROR(CheckSum(norm, before));
    if (!attention_.empty()) stems_[attention_[0]] = layer;
    std::set<Part> placed;
    for (size_t i = 0; attention_.empty() && i < 3; ++i) {
      const auto part = parts_.find(products_[i]);
      if (part == parts_.end() || !placed.insert(part->second).second)
        return Misfit(products_[i], "neither query, key nor value of attention");
      stems_[products_[i]] = layer + (part->second == Part::kQuery ? t.query
                                      : part->second == Part::kKey ? t.key
                                                                   : t.value);
    }
    stems_[products_.back()] = layer + t.attention_output;
    products_.clear();
    attention_.clear();
    return {};
  }

  // Products after the last layer: those of the head, in their order.
  void PlaceHead() {
    const std::vector<std::string_view> head = HeadStems(config_, family_);
    if (products_.size() != head.size()) return;
    if (IsMasked(config_)) {
      if (norms_ == AllNorms()) return;
      stems_[last_norm_] = family_.masks.norm;
    }
    for (size_t i = 0; i < head.size(); ++i) stems_[products_[i]] = head[i];
  }

  const OnnxGraph& graph_;
  const OnnxPieces& pieces_;
  const EncoderConfig& config_;
  const EncoderFamily& family_;
  OnnxStems stems_;
  std::map<size_t, Part> parts_;  // by product
  std::set<TableKind> tables_;
  size_t norms_ = 0;
  size_t last_norm_ = 0;
  std::vector<size_t> products_;   // since the last LayerNorm
  std::vector<size_t> attention_;  // likewise
};

}  // namespace

Result<OnnxStems> StemsByStructure(const OnnxGraph& graph, const OnnxPieces& pieces,
                                   const EncoderConfig& config, const EncoderFamily& family) {
  return StructureReader(graph, pieces, config, family).Read();
}

}  // namespace minnow
