// SPDX-License-Identifier: Apache-2.0
// One document, loaded as a tree; aliases stay references, so that nothing multiplies.
#include "ingest/prose/yaml.h"

#include <yaml.h>

#include <algorithm>
#include <cstddef>

namespace minnow {
namespace {

// libyaml's time goes with the square of open brackets and of anchors.
constexpr size_t kMaxBytes = 16 * 1024;
constexpr ptrdiff_t kMaxBrackets = 200;

// The bytes of a scalar; nullopt for other nodes and for null.
std::optional<std::string> TextOf(const yaml_node_t* node) {
  if (node == nullptr || node->type != YAML_SCALAR_NODE) return std::nullopt;
  std::string text(reinterpret_cast<const char*>(node->data.scalar.value),
                   node->data.scalar.length);
  const bool plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
  if (plain && (text.empty() || text == "~" || text == "null")) return std::nullopt;
  return text;
}

std::optional<std::string> Find(yaml_document_t* document, std::string_view member) {
  const yaml_node_t* root = ::yaml_document_get_root_node(document);
  if (root == nullptr || root->type != YAML_MAPPING_NODE) return std::nullopt;
  const auto& pairs = root->data.mapping.pairs;
  for (const yaml_node_pair_t* pair = pairs.start; pair < pairs.top; ++pair) {
    if (TextOf(::yaml_document_get_node(document, pair->key)) != member) continue;
    return TextOf(::yaml_document_get_node(document, pair->value));
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> FindYamlText(std::string_view yaml, std::string_view member) {
  const auto brackets =
      std::count_if(yaml.begin(), yaml.end(), [](char c) { return c == '[' || c == '{'; });
  if (yaml.size() > kMaxBytes || brackets > kMaxBrackets) return std::nullopt;
  yaml_parser_t parser;
  if (::yaml_parser_initialize(&parser) == 0) return std::nullopt;
  ::yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
  ::yaml_parser_set_input_string(&parser, reinterpret_cast<const unsigned char*>(yaml.data()),
                                 yaml.size());
  std::optional<std::string> found;
  yaml_document_t document;
  if (::yaml_parser_load(&parser, &document) != 0) {
    found = Find(&document, member);
    ::yaml_document_delete(&document);
  }
  ::yaml_parser_delete(&parser);
  return found;
}

}  // namespace minnow
