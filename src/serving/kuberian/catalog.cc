// SPDX-License-Identifier: Apache-2.0
#include "serving/kuberian/catalog.h"

#include <algorithm>
#include <charconv>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "formats/json.h"

namespace minnow {
namespace {

constexpr size_t kPageDocuments = 1000;

struct Row {
  uint64_t id = 0;
  std::string file;
  bool analyzed = false;
};

Result<Row> ReadRow(const StoredDocument& document) {
  Row row;
  if (!ParseFunctionId(document.id, row.id) || std::to_string(row.id) != document.id) {
    return Error{Code::kNotFound, "the id is no number"};
  }
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument json, JsonDocument::Parse(document.json, ""));
  MINNOW_ASSIGN_OR_RETURN(row.file, json.root().GetString("file", ""));
  const auto summary = json.root().Find("summary");
  row.analyzed = summary.has_value() && summary->is_string();
  return row;
}

}  // namespace

bool ParseFunctionId(std::string_view text, uint64_t& id) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const char* const end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, id);
  return error == std::errc() && parsed == end && !text.empty();
}

Result<KuberianCatalog> KuberianCatalog::Make(const SearchIndex& index) {
  std::vector<Row> rows;
  for (size_t offset = 0;; offset += kPageDocuments) {
    MINNOW_ASSIGN_OR_RETURN(const DocumentPage page, index.List("", offset, kPageDocuments));
    for (const StoredDocument& document : page.documents) {
      Result<Row> row = ReadRow(document);
      if (row.ok()) rows.push_back(std::move(row).value());
    }
    if (page.documents.size() < kPageDocuments) break;
  }
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.id < b.id; });
  KuberianCatalog catalog;
  std::unordered_map<std::string, uint32_t> places;
  for (Row& row : rows) {
    const auto [place, is_new] =
        places.try_emplace(row.file, static_cast<uint32_t>(catalog.files_.size()));
    if (is_new) catalog.files_.push_back(row.file);
    catalog.functions_.push_back({row.id, place->second});
    if (row.analyzed) catalog.analyzed_.push_back(row.id);
  }
  return catalog;
}

std::vector<uint64_t> KuberianCatalog::InFiles(std::string_view prefix, uint64_t offset,
                                               uint64_t limit) const {
  std::vector<bool> wanted(files_.size());
  for (size_t i = 0; i < files_.size(); ++i) wanted[i] = files_[i].starts_with(prefix);
  std::vector<uint64_t> ids;
  for (const Function& function : functions_) {
    if (ids.size() >= limit) break;
    if (!wanted[function.file]) continue;
    if (offset > 0) {
      --offset;
    } else {
      ids.push_back(function.id);
    }
  }
  return ids;
}

std::vector<uint64_t> KuberianCatalog::Sample(size_t count, std::mt19937_64& random) const {
  // Floyd's algorithm: as many draws as samples.
  count = std::min(count, analyzed_.size());
  std::unordered_set<size_t> chosen;
  for (size_t last = analyzed_.size() - count; last < analyzed_.size(); ++last) {
    const size_t drawn = std::uniform_int_distribution<size_t>(0, last)(random);
    if (!chosen.insert(drawn).second) chosen.insert(last);
  }
  std::vector<uint64_t> ids;
  for (const size_t place : chosen) ids.push_back(analyzed_[place]);
  std::sort(ids.begin(), ids.end());
  return ids;
}

}  // namespace minnow
