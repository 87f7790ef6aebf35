// SPDX-License-Identifier: Apache-2.0
#include "api/search/parameters.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>

#include "http/url.h"

namespace minnow::api {
namespace {

constexpr std::array<std::string_view, 6> kTexts = {"q",        "filter",      "id",
                                                    "group_by", "prompt_name", "rerank.model"};
constexpr std::array<std::string_view, 2> kLists = {"attributes", "facets"};
constexpr std::string_view kObject = "rerank";
constexpr std::string_view kMember = "rerank.";  // and its member's name

template <size_t N>
bool Contains(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// As forms encode it: '+' is a space.
std::optional<std::string> Decode(std::string_view text) {
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  return http::PercentDecode(spaced);
}

bool IsJsonNumber(const std::string& value) {
  if (value.find_first_not_of("0123456789+-.eE") != std::string::npos) return false;
  return JsonDocument::Parse(value, "").ok();
}

void WriteValue(const std::string& name, const std::string& value, JsonWriter& json) {
  if (Contains(kLists, name)) {
    json.BeginArray();
    for (size_t begin = 0; begin < value.size();) {
      const size_t end = std::min(value.find(',', begin), value.size());
      if (end > begin) json.String(std::string_view(value).substr(begin, end - begin));
      begin = end + 1;
    }
    json.EndArray();
  } else if (!Contains(kTexts, name) &&
             (value == "true" || value == "false" || IsJsonNumber(value))) {
    json.Raw(value);
  } else {
    json.String(value);
  }
}

Status WriteMembers(const std::vector<http::Header>& parameters,
                    const std::set<std::string_view>& names, JsonWriter& json) {
  if (names.contains(kObject)) {
    return Error{Code::kInvalidArgument, std::string(kObject) + ": given as a whole and by " +
                                             std::string(kMember) + "... in the URL"};
  }
  json.Key(kObject);
  json.BeginObject();
  for (const http::Header& parameter : parameters) {
    if (!parameter.name.starts_with(kMember)) continue;
    json.Key(std::string_view(parameter.name).substr(kMember.size()));
    WriteValue(parameter.name, parameter.value, json);
  }
  json.EndObject();
  return {};
}

}  // namespace

Result<std::vector<http::Header>> ReadParameters(std::string_view query) {
  std::vector<http::Header> parameters;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    const size_t equals = std::min(pair.find('='), pair.size());
    auto name = Decode(pair.substr(0, equals));
    auto value = Decode(pair.substr(std::min(equals + 1, pair.size())));
    if (!name.has_value() || !value.has_value()) {
      return Error{Code::kInvalidArgument, "the query of the URL: bad percent-encoding"};
    }
    parameters.push_back({*std::move(name), *std::move(value)});
  }
  return parameters;
}

Result<JsonDocument> ParametersAsJson(std::string_view query) {
  MINNOW_ASSIGN_OR_RETURN(const std::vector<http::Header> parameters, ReadParameters(query));
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  std::set<std::string_view> names;
  bool has_members = false;
  for (const http::Header& parameter : parameters) {
    if (!names.insert(parameter.name).second) {
      const bool list = Contains(kLists, parameter.name);
      return Error{Code::kInvalidArgument,
                   QuoteForMessage(parameter.name) + ": given twice in the URL" +
                       (list ? "; several fields are separated by commas" : "")};
    }
    if (parameter.name.starts_with(kMember)) {
      has_members = true;
      continue;
    }
    json.Key(parameter.name);
    WriteValue(parameter.name, parameter.value, json);
  }
  if (has_members) MINNOW_RETURN_IF_ERROR(WriteMembers(parameters, names, json));
  json.EndObject();
  return JsonDocument::Parse(text, "");
}

Status CheckNoParameters(std::string_view query) {
  MINNOW_ASSIGN_OR_RETURN(const std::vector<http::Header> parameters, ReadParameters(query));
  if (parameters.empty()) return {};
  return Error{Code::kInvalidArgument, QuoteForMessage(parameters.front().name) +
                                           ": this request takes no parameters in its URL"};
}

}  // namespace minnow::api
