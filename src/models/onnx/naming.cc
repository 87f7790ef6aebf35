// SPDX-License-Identifier: Apache-2.0
// Names of pieces by the names in the file, and what the names give.
#include "models/onnx/naming.h"

#include <set>
#include <utility>

#include "formats/json.h"
#include "models/onnx/shared_weights.h"
#include "models/source.h"

namespace minnow {
namespace {

// Of an initialiser or a node: longer ones are no exporter's.
constexpr size_t kMaxName = 512;
constexpr std::string_view kMaskedSuffix = "ForMaskedLM";
constexpr const char* kNotShared = "its weights are not those that another layer shares with it";

// Names of everything that an encoder has, and of its head.
struct WantedStems {
  // And how often the graph uses each: layers that share weights are written out one by one.
  std::map<std::string, int, std::less<>> encoder;
  std::set<std::string, std::less<>> head;

  WantedStems(const EncoderConfig& config, const EncoderFamily& family) {
    const TensorNames& t = family.tensors;
    encoder = {{t.word_embeddings, 1}, {t.position_embeddings, 1}, {t.embeddings_norm, 1}};
    if (config.type_vocab_size > 0) encoder.emplace(t.token_type_embeddings, 1);
    if (config.embedding_size > 0) encoder.emplace(t.embedding_projection, 1);
    if (config.position_bias.count > 0) encoder.emplace(t.position_bias, 1);
    for (int step = 0; step < config.layer_steps(); ++step) {
      const std::string layer = t.Layer(config, config.WeightsOfStep(step));
      for (const char* part : {t.query, t.key, t.value, t.attention_output, t.attention_norm,
                               t.intermediate, t.output, t.output_norm}) {
        ++encoder[layer + part];
      }
    }
    for (const std::string_view stem : HeadStems(config, family)) head.emplace(stem);
    if (IsMasked(config)) head.emplace(family.masks.norm);
  }

  bool Has(std::string_view stem) const { return encoder.contains(stem) || head.contains(stem); }
  // The wanted name that `name` ends with, after whatever prefix the model had; or empty.
  std::string Find(std::string_view name) const {
    constexpr int kMaxPrefixParts = 8;
    for (int i = 0; i <= kMaxPrefixParts; ++i) {
      if (Has(name)) return std::string(name);
      const size_t dot = name.find('.');
      if (dot == name.npos) break;
      name.remove_prefix(dot + 1);
    }
    return "";
  }
};

// "bert.pooler.dense.weight_quantized" -> "bert.pooler.dense"; empty where it has no such end.
std::string_view WithoutEnd(std::string_view name, std::string_view end) {
  constexpr std::string_view kQuantised = "_quantized";
  if (name.ends_with(kQuantised)) name.remove_suffix(kQuantised.size());
  if (!name.ends_with(end)) return "";
  name.remove_suffix(end.size());
  return name;
}

// "/bert/encoder/layer.0/output/dense/MatMul" -> "bert.encoder.layer.0.output.dense"
std::string Scope(std::string_view node) {
  const size_t last = node.substr(0, kMaxName).rfind('/');
  if (last == node.npos || last == 0) return "";
  std::string scope(node.substr(node.front() == '/' ? 1 : 0, last));
  if (scope.ends_with('/')) scope.pop_back();
  for (char& c : scope) {
    if (c == '/') c = '.';
  }
  return scope;
}

std::string StemOf(const OnnxPiece& piece, const WantedStems& wanted) {
  if (piece.weight.name.size() > kMaxName || piece.node->name.size() > kMaxName) return "";
  std::string stem;
  if (piece.bias && piece.bias->name.size() <= kMaxName)
    stem = wanted.Find(WithoutEnd(piece.bias->name, ".bias"));
  if (stem.empty()) stem = wanted.Find(WithoutEnd(piece.weight.name, ".weight"));
  if (stem.empty()) stem = wanted.Find(Scope(piece.node->name));
  return stem;
}

// Whether a piece that has no place would have one in a model of more layers.
bool IsOfALayer(const OnnxPiece& piece, const EncoderFamily& family) {
  const auto has_layer = [&](std::string_view name) {
    return name.substr(0, kMaxName).find(family.tensors.layer) != name.npos;
  };
  return piece.kind == OnnxPieceKind::kAttention || has_layer(piece.weight.name) ||
         (piece.bias && has_layer(piece.bias->name)) || has_layer(Scope(piece.node->name));
}

using TensorMap = std::map<std::string, TensorView, std::less<>>;

// False where there is another tensor of that name: layers that share weights have the same.
bool AddTensor(const std::string& name, const TensorView& view, TensorMap& tensors) {
  const auto [place, added] = tensors.emplace(name, view);
  if (added) return true;
  if (!SameWeight(place->second, view)) return false;
  // Of copies in several precisions, one that is not rounded.
  if (view.scales.empty()) place->second = view;
  return true;
}

// Query, key and value of a fused attention, each a third of its rows.
Status CutAttention(const OnnxGraph& graph, const OnnxPiece& piece, const std::string& layer,
                    const EncoderConfig& config, const EncoderFamily& family, TensorMap& tensors) {
  const int64_t channels = config.hidden_size;
  if (piece.weight.shape[0] != 3 * channels || !piece.bias)
    return graph.NotUnderstood(*piece.node, "its size is not that of config.json");
  if (piece.node->Int("num_heads", 0) != config.num_attention_heads)
    return graph.NotUnderstood(*piece.node, "num_heads is not that of config.json");
  int64_t at = 0;
  for (const char* part : {family.tensors.query, family.tensors.key, family.tensors.value}) {
    if (!AddTensor(layer + part + ".weight", piece.weight.Rows(at, channels), tensors) ||
        !AddTensor(layer + part + ".bias", piece.bias->Rows(at, channels), tensors))
      return graph.NotUnderstood(*piece.node, kNotShared);
    at += channels;
  }
  return {};
}

// Those who read the tensors rely on their scales; and what is loaded is bounded by the files.
Status CheckTensors(const OnnxFile& file, const TensorMap& tensors) {
  uint64_t room = 0, bytes = 0;
  for (const auto& mapped : file.files()) room += mapped->bytes().size();
  for (const auto& [name, view] : tensors) {
    if (!HasScalesOfRows(view)) {
      return Error{Code::kUnsupported, file.path() + ": tensor " + QuoteForMessage(name) +
                                           ": scales or zero points that are not one a row"};
    }
    if (view.shape.size() < 2) continue;
    bytes += static_cast<uint64_t>(view.elements()) * TensorTypeBytes(view.type);
  }
  if (bytes > room) {
    return Error{Code::kUnsupported, file.path() + ": weights of " + std::to_string(bytes) +
                                         " bytes in files of " + std::to_string(room) +
                                         ": some are used more than once"};
  }
  return {};
}

}  // namespace

std::vector<std::string_view> HeadStems(const EncoderConfig& config, const EncoderFamily& family) {
  if (IsMasked(config)) return {family.masks.dense, family.masks.decoder};
  switch (KindOfArchitecture(config.architecture)) {
    case ModelKind::kTokenClassification:
      return {family.token_heads.classifier};
    case ModelKind::kQuestionAnswering:
      return {family.token_heads.answer};
    case ModelKind::kEmbedding:
    case ModelKind::kClassification:
    case ModelKind::kTextToText:
    case ModelKind::kTextToImage:
      break;
  }
  return {family.classifier.dense, family.classifier.out};
}

bool IsMasked(const EncoderConfig& config) { return config.architecture.ends_with(kMaskedSuffix); }

OnnxStems StemsByName(const OnnxPieces& pieces, const EncoderConfig& config,
                      const EncoderFamily& family) {
  const WantedStems wanted(config, family);
  const TensorNames& t = family.tensors;
  OnnxStems stems(pieces.list.size());
  std::map<std::string, int> found;
  int step = 0;  // as many as LayerNorms that end a layer
  for (size_t i = 0; i < pieces.list.size(); ++i) {
    if (pieces.list[i].kind == OnnxPieceKind::kAttention) {
      stems[i] = t.Layer(config, config.WeightsOfStep(step));
      for (const char* part : {t.query, t.key, t.value}) ++found[stems[i] + part];
      continue;
    }
    stems[i] = StemOf(pieces.list[i], wanted);
    if (wanted.head.contains(stems[i]) && ++found[stems[i]] > 1) return {};
    if (wanted.encoder.contains(stems[i])) ++found[stems[i]];
    if (step < config.layer_steps() &&
        stems[i] == t.Layer(config, config.WeightsOfStep(step)) + t.output_norm)
      ++step;
  }
  for (const auto& [stem, uses] : wanted.encoder) {
    if (found[stem] != uses) return {};
  }
  return stems;
}

Result<TensorMap> NameTensors(const OnnxGraph& graph, const OnnxPieces& pieces,
                              const OnnxStems& stems, const EncoderConfig& config,
                              const EncoderFamily& family) {
  const WantedStems wanted(config, family);
  const bool needs_head = KindOfArchitecture(config.architecture) != ModelKind::kEmbedding;
  size_t encoder_end = 0;
  for (size_t i = 0; i < stems.size(); ++i) {
    if (!stems[i].empty() && !wanted.head.contains(stems[i])) encoder_end = i + 1;
  }
  TensorMap tensors;
  for (size_t i = 0; i < stems.size(); ++i) {
    const OnnxPiece& piece = pieces.list[i];
    if (stems[i].empty()) {
      const bool head = i >= encoder_end && !IsOfALayer(piece, family);
      if (head && !needs_head) continue;  // nobody asks for it
      return graph.NotUnderstood(*piece.node, "its weight " + QuoteForMessage(piece.weight.name) +
                                                  " has no place in a model of type " +
                                                  std::string(family.model_type));
    }
    if (piece.kind == OnnxPieceKind::kAttention) {
      MINNOW_RETURN_IF_ERROR(CutAttention(graph, piece, stems[i], config, family, tensors));
      continue;
    }
    // The word table under another name, and maybe the same bytes.
    const bool table =
        IsMasked(config) && config.tie_word_embeddings && stems[i] == family.masks.decoder;
    if ((!table && !AddTensor(stems[i] + ".weight", piece.weight, tensors)) ||
        (piece.bias && !AddTensor(stems[i] + ".bias", *piece.bias, tensors)))
      return graph.NotUnderstood(*piece.node, kNotShared);
  }
  MINNOW_RETURN_IF_ERROR(CheckTensors(graph.file(), tensors));
  for (auto& [name, view] : tensors) view.name = name;
  return tensors;
}

}  // namespace minnow
