// SPDX-License-Identifier: Apache-2.0
// A search as the index takes it, and its answer. Plain values; no thread rule.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace minnow {

// Whether a query's text looks for nothing at all. One without words in it (a sign, a picture) does
// look for something, and finds nothing.
inline bool IsBlankQuery(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == text.npos;
}

struct SearchRequest {
  std::string text;           // what the user typed; blank with an empty vector: every document
  std::vector<float> vector;  // [D] f32, unit length; empty: lexical only
  std::string filter;         // see docs/filter.md; empty: every document
  size_t limit = 10;
  size_t offset = 0;
  double semantic_ratio = 0.5;      // 0 lexical, 1 semantic, between: hybrid
  bool exact = false;               // true: the vectors' true order, at the price of a full scan
  bool prefix = false;              // the last word of `text` may be the beginning of a word
  std::optional<double> min_score;  // hits below this `score` are left out
  std::vector<std::string> attributes;  // fields of the answer's documents
  bool attributes_given = false;        // false: all fields
  bool highlight = true;
  std::string highlight_pre = "<em>";  // written as they are: the caller's duty where it is HTML
  std::string highlight_post = "</em>";
  size_t snippet_bytes = 240;       // of text, without marks and escapes
  std::vector<std::string> facets;  // fields to count
  std::string group_by;             // a field; at most one hit for each of its values
  size_t max_bytes = SIZE_MAX;      // of the answer's documents, snippets and facets
  size_t passages = 0;  // so many hits, from the first on, come with the texts of their passages
};

struct SearchHit {
  std::string id;
  // In 0..1, and never rising from one hit to the next. See fusion.h for what it is in each mode.
  double score = 0;
  std::optional<double> semantic_score;  // the best chunk's cosine
  std::optional<double> lexical_score;   // BM25; higher is better, no upper end
  std::string json;                      // the document, cut to `attributes`
  std::string snippet;                   // HTML-escaped, with marks
  // Bytes of the document's text: the best chunk; of a purely lexical hit, the first.
  uint32_t chunk_begin = 0;
  uint32_t chunk_end = 0;
  // With SearchRequest::passages: the best chunk's text; of a purely lexical hit, the one whose
  // words fit best. Empty where the document has no text.
  std::string passage;
  std::optional<double> rerank_score;  // in 0..1, see serving/rerank_stage.h
};

// Values of one field and in how many matching documents they stand, most frequent first.
using FacetCounts = std::vector<std::pair<std::string, size_t>>;

struct SearchAnswer {
  std::vector<SearchHit> hits;
  size_t estimated_total = 0;
  std::map<std::string, FacetCounts> facets;
};

}  // namespace minnow
