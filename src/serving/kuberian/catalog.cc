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

struct Row {
  uint64_t id = 0;
  int64_t row = 0;
  std::string file;
  bool analyzed = false;
};

// False: the id is no number, or the document damaged.
bool ReadRow(std::string_view id, std::string_view text, Row& row) {
  if (!ParseFunctionId(id, row.id) || std::to_string(row.id) != id) return false;
  const auto json = JsonDocument::Parse(text, "");
  if (!json.ok()) return false;
  const auto file = json->root().GetString("file", "");
  if (!file.ok()) return false;
  row.file = *file;
  const auto summary = json->root().Find("summary");
  row.analyzed = summary.has_value() && summary->is_string();
  return true;
}

}  // namespace

bool ParseFunctionId(std::string_view text, uint64_t& id) {
  if (text.starts_with('+')) text.remove_prefix(1);
  const char* const end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, id);
  return error == std::errc() && parsed == end && !text.empty();
}

Result<KuberianCatalog> KuberianCatalog::Make(const SearchIndex& index,
                                              const KuberianCatalog* former) {
  KuberianCatalog catalog;
  std::vector<Row> rows;
  if (former != nullptr) {
    catalog.last_row_ = former->last_row_;
    MINNOW_ASSIGN_OR_RETURN(const std::vector<int64_t> there, index.Rows());
    const std::unordered_set<int64_t> kept(there.begin(), there.end());
    for (const Function& function : former->functions_) {
      if (!kept.contains(function.row)) continue;
      rows.push_back({function.id, function.row, former->files_[function.file], function.analyzed});
    }
  }
  MINNOW_RETURN_IF_ERROR(index.VisitRowsAfter(
      catalog.last_row_, [&](int64_t number, std::string_view id, std::string_view json) {
        Row row{.row = number};
        if (ReadRow(id, json, row)) rows.push_back(std::move(row));
        catalog.last_row_ = number;
      }));
  std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.id < b.id; });
  std::unordered_map<std::string, uint32_t> places;
  for (Row& row : rows) {
    const auto [place, is_new] =
        places.try_emplace(row.file, static_cast<uint32_t>(catalog.files_.size()));
    if (is_new) catalog.files_.push_back(row.file);
    catalog.functions_.push_back({row.id, row.row, place->second, row.analyzed});
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
