// SPDX-License-Identifier: Apache-2.0
// Lists with weights. Beast's ext_list knows no media types, whose names have a slash.
#include "http/accept.h"

#include <algorithm>
#include <optional>

#include "http/url.h"

namespace minnow::http {
namespace {

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// Cuts `rest` behind its first `separator`, and returns what is before it.
std::string_view TakeUntil(char separator, std::string_view& rest) {
  const size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view taken = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return Trim(taken);
}

// "0.25" -> 250; nullopt when it is no weight (RFC 9110, 12.4.2).
std::optional<int> ParseWeight(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  int weight = text[0] - '0';
  for (size_t i = 2; i < 5; ++i) {
    const char digit = i < text.size() ? text[i] : '0';
    if (digit < '0' || digit > '9') return std::nullopt;
    weight = weight * 10 + (digit - '0');
  }
  return weight <= kWeightOne ? std::optional(weight) : std::nullopt;
}

// One element, as "text/html;level=1;q=0.5".
std::optional<AcceptItem> ReadItem(std::string_view element) {
  AcceptItem item{TakeUntil(';', element)};
  while (!element.empty()) {
    const std::string_view parameter = TakeUntil(';', element);
    if (!EqualsIgnoringCase(parameter.substr(0, 2), "q=")) continue;
    const std::optional<int> weight = ParseWeight(parameter.substr(2));
    if (!weight.has_value()) return std::nullopt;
    item.weight = *weight;
  }
  return item.value.empty() ? std::nullopt : std::optional(item);
}

// How much a media range of an Accept field says of `type`/`subtype`: 0 nothing, 3 all.
int Precision(std::string_view range, std::string_view type, std::string_view subtype) {
  if (range == "*/*") return 1;
  const size_t slash = range.find('/');
  if (slash == std::string_view::npos || !EqualsIgnoringCase(range.substr(0, slash), type)) {
    return 0;
  }
  const std::string_view rest = range.substr(slash + 1);
  if (rest == "*") return 2;
  return EqualsIgnoringCase(rest, subtype) ? 3 : 0;
}

}  // namespace

std::vector<AcceptItem> ReadAccept(const std::vector<Header>& headers, std::string_view name) {
  std::vector<AcceptItem> items;
  for (const Header& header : headers) {
    if (!EqualsIgnoringCase(header.name, name)) continue;
    std::string_view rest = header.value;
    while (!rest.empty()) {
      if (const auto item = ReadItem(TakeUntil(',', rest))) items.push_back(*item);
    }
  }
  return items;
}

int MediaWeight(const std::vector<AcceptItem>& accept, std::string_view type,
                std::string_view subtype) {
  int weight = 0;
  int best = 0;
  for (const AcceptItem& item : accept) {
    const int precision = Precision(item.value, type, subtype);
    if (precision > best) weight = item.weight;
    best = std::max(best, precision);
  }
  return weight;
}

}  // namespace minnow::http
