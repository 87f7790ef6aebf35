// SPDX-License-Identifier: Apache-2.0
#include "api/search/search_query.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace minnow::api {
namespace {

// A search's first field is what is sought.
constexpr std::array<std::string_view, 14> kSearchFields = {
    "q",         "filter",     "limit",     "offset", "semantic_ratio", "exact",       "prefix",
    "min_score", "attributes", "highlight", "facets", "group_by",       "prompt_name", "rerank"};
constexpr std::array<std::string_view, 12> kSimilarFields = [] {
  std::array<std::string_view, 12> fields;
  std::copy_n(kSearchFields.begin(), fields.size(), fields.begin());
  fields.front() = "id";
  return fields;
}();
constexpr std::array<std::string_view, 2> kRerankFields = {"model", "top_n"};
constexpr std::array<std::string_view, 3> kPageFields = {"offset", "limit", "filter"};

constexpr int64_t kMaxOffset = std::numeric_limits<int32_t>::max();  // of a listing

Result<std::string> ReadText(const JsonView& body, std::string_view field, size_t limit) {
  MINNOW_ASSIGN_OR_RETURN(const std::string_view text, body.GetString(field, ""));
  if (text.size() > limit) {
    return Error{Code::kInvalidArgument, std::string(field) + ": " + std::to_string(text.size()) +
                                             " bytes, limit " + std::to_string(limit)};
  }
  return std::string(text);
}

Result<std::vector<std::string>> ReadNames(const JsonView& body, std::string_view field,
                                           size_t limit) {
  std::vector<std::string> names;
  const auto list = body.Find(field);
  if (!list.has_value() || list->is_null()) return names;
  MINNOW_RETURN_IF_ERROR(list->Array());
  if (list->size() > limit) {
    return Error{Code::kInvalidArgument, std::string(field) + ": " + std::to_string(list->size()) +
                                             " items, limit " + std::to_string(limit)};
  }
  for (const JsonView item : list->Items()) {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view name, item.Name());
    names.emplace_back(name);
  }
  return names;
}

Status ReadWindow(const JsonView& body, SearchRequest& request) {
  constexpr auto kMost = static_cast<int64_t>(kMaxWindow);
  MINNOW_ASSIGN_OR_RETURN(const int64_t limit, body.GetInt("limit", 0, kMost, 10));
  MINNOW_ASSIGN_OR_RETURN(const int64_t offset, body.GetInt("offset", 0, kMost, 0));
  if (limit + offset > kMost) {
    return Error{Code::kInvalidArgument, "offset: with limit " + std::to_string(limit + offset) +
                                             ", limit of both " + std::to_string(kMost)};
  }
  request.limit = static_cast<size_t>(limit);
  request.offset = static_cast<size_t>(offset);
  return {};
}

Status ReadRatio(const JsonView& body, SearchRequest& request) {
  MINNOW_ASSIGN_OR_RETURN(request.semantic_ratio,
                          body.GetNumber("semantic_ratio", request.semantic_ratio));
  if (request.semantic_ratio >= 0 && request.semantic_ratio <= 1) return {};
  return body.Find("semantic_ratio")->Expected("a number from 0 (lexical) to 1 (semantic)");
}

// What a search and a similar one share.
Result<SearchRequest> ReadRequest(const JsonView& body) {
  SearchRequest request;
  MINNOW_ASSIGN_OR_RETURN(request.filter, ReadText(body, "filter", kMaxFilterBytes));
  MINNOW_RETURN_IF_ERROR(ReadWindow(body, request));
  MINNOW_RETURN_IF_ERROR(ReadRatio(body, request));
  MINNOW_ASSIGN_OR_RETURN(request.exact, body.GetBool("exact", false));
  MINNOW_ASSIGN_OR_RETURN(request.prefix, body.GetBool("prefix", false));
  MINNOW_ASSIGN_OR_RETURN(request.highlight, body.GetBool("highlight", true));
  const auto min_score = body.Find("min_score");
  if (min_score.has_value() && !min_score->is_null()) {
    MINNOW_ASSIGN_OR_RETURN(request.min_score, min_score->Number());
  }
  const auto attributes = body.Find("attributes");
  request.attributes_given = attributes.has_value() && !attributes->is_null();
  MINNOW_ASSIGN_OR_RETURN(request.attributes, ReadNames(body, "attributes", kMaxAttributes));
  // As other servers write "all of them".
  if (std::count(request.attributes.begin(), request.attributes.end(), "*") > 0) {
    request.attributes_given = false;
    request.attributes.clear();
  }
  MINNOW_ASSIGN_OR_RETURN(request.facets, ReadNames(body, "facets", kMaxFacets));
  MINNOW_ASSIGN_OR_RETURN(request.group_by, ReadText(body, "group_by", kMaxFilterBytes));
  return request;
}

}  // namespace

Status CheckFields(const JsonView& body, std::span<const std::string_view> known) {
  MINNOW_RETURN_IF_ERROR(body.Object());
  for (size_t i = 0; i < body.size(); ++i) {
    if (std::find(known.begin(), known.end(), body.key(i)) != known.end()) continue;
    std::string list;
    for (const std::string_view name : known) {
      list += list.empty() ? "" : ", ";
      list += name;
    }
    const std::string path = body.Path();
    return Error{Code::kInvalidArgument, path + (path.empty() ? "" : ": ") +
                                             QuoteForMessage(body.key(i)) +
                                             ": no such field; there are " + list};
  }
  return {};
}

Result<SearchRequest> ReadSearchRequest(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(CheckFields(body, kSearchFields));
  MINNOW_ASSIGN_OR_RETURN(SearchRequest request, ReadRequest(body));
  MINNOW_ASSIGN_OR_RETURN(request.text, ReadText(body, "q", kMaxQueryBytes));
  return request;
}

Result<std::optional<RerankChoice>> ReadRerank(const JsonView& body) {
  const auto field = body.Find("rerank");
  if (!field.has_value() || field->is_null()) return std::optional<RerankChoice>();
  RerankChoice choice;
  if (field->type() == JsonType::kBool) {
    MINNOW_ASSIGN_OR_RETURN(const bool wanted, field->Bool());
    return wanted ? std::optional(choice) : std::nullopt;
  }
  if (!field->is_object()) return field->Expected("true, or an object of model and top_n");
  MINNOW_RETURN_IF_ERROR(CheckFields(*field, kRerankFields));
  MINNOW_ASSIGN_OR_RETURN(choice.model, field->GetName("model", ""));
  MINNOW_ASSIGN_OR_RETURN(const int64_t top_n,
                          field->GetInt("top_n", 1, int64_t{kMaxReranked}, kDefaultReranked));
  choice.top_n = static_cast<size_t>(top_n);
  return std::optional(std::move(choice));
}

Result<std::string> ReadId(const JsonView& value) {
  if (value.is_string()) {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view id, value.Name());
    return std::string(id);
  }
  const Result<int64_t> number =
      value.Int(std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max());
  if (!number.ok()) return value.Expected("a string or an integer");
  return std::to_string(*number);
}

Result<SimilarQuery> ReadSimilarQuery(const JsonView& body) {
  MINNOW_RETURN_IF_ERROR(CheckFields(body, kSimilarFields));
  SimilarQuery query;
  MINNOW_ASSIGN_OR_RETURN(const JsonView id, body.Get("id"));
  MINNOW_ASSIGN_OR_RETURN(query.id, ReadId(id));
  MINNOW_ASSIGN_OR_RETURN(query.request, ReadRequest(body));
  return query;
}

Result<Page> ReadPage(const JsonView& body, size_t most, bool filters) {
  MINNOW_RETURN_IF_ERROR(
      CheckFields(body, std::span(kPageFields).first(kPageFields.size() - (filters ? 0 : 1))));
  Page page;
  MINNOW_ASSIGN_OR_RETURN(const int64_t limit, body.GetInt("limit", 0, static_cast<int64_t>(most),
                                                           static_cast<int64_t>(page.limit)));
  MINNOW_ASSIGN_OR_RETURN(const int64_t offset, body.GetInt("offset", 0, kMaxOffset, 0));
  MINNOW_ASSIGN_OR_RETURN(page.filter, ReadText(body, "filter", kMaxFilterBytes));
  page.limit = static_cast<size_t>(limit);
  page.offset = static_cast<size_t>(offset);
  return page;
}

}  // namespace minnow::api
