// SPDX-License-Identifier: Apache-2.0
#include "http/form/multipart.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "http/url.h"

namespace minnow::http {
namespace {

constexpr std::string_view kFormType = "multipart/form-data";
constexpr std::string_view kLineEnd = "\r\n";
constexpr size_t kMaxBoundary = 70;  // RFC 2046

Error Wrong(const std::string& what) {
  return {Code::kInvalidArgument, "multipart/form-data: " + what};
}

std::string_view Trim(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// A token, or a quoted string with its escapes undone; `text` goes on behind it. nullopt: a quoted
// string without an end.
std::optional<std::string> ReadValue(std::string_view& text) {
  std::string value;
  if (text.empty() || text.front() != '"') {
    const size_t end = std::min(text.find(';'), text.size());
    value = Trim(text.substr(0, end));
    text.remove_prefix(end);
    return value;
  }
  for (size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return value;
    }
    // Only before these is a backslash an escape: some programs send paths of Windows.
    const bool escape =
        text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == '"' || text[i + 1] == '\\');
    value += text[escape ? ++i : i];
  }
  return std::nullopt;
}

// What stands behind "; name=" in a header's value; nullopt where it does not, or is malformed.
std::optional<std::string> Parameter(std::string_view header, std::string_view name) {
  header.remove_prefix(std::min(header.find(';'), header.size()));
  while (!header.empty()) {
    header.remove_prefix(1);
    const size_t equals = header.find_first_of("=;");
    if (equals == std::string_view::npos) break;
    const std::string_view key = Trim(header.substr(0, equals));
    header.remove_prefix(equals);
    if (header.front() == ';') continue;
    header.remove_prefix(1);
    while (!header.empty() && header.front() == ' ') header.remove_prefix(1);
    auto value = ReadValue(header);
    if (!value || EqualsIgnoringCase(key, name)) return value;
    header.remove_prefix(std::min(header.find(';'), header.size()));
  }
  return std::nullopt;
}

// The lines up to an empty one, which `rest` goes on behind.
Status ReadHeaders(std::string_view& rest, const FormLimits& limits, FormPart& part) {
  const size_t begin = rest.size();
  bool named = false;
  while (true) {
    const size_t end = rest.substr(0, limits.max_header_bytes).find(kLineEnd);
    if (end == std::string_view::npos || begin - rest.size() > limits.max_header_bytes) {
      if (rest.size() <= limits.max_header_bytes) return Wrong("the body is cut off");
      return Wrong("a part's headers: limit " + std::to_string(limits.max_header_bytes) + " bytes");
    }
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + kLineEnd.size());
    if (line.empty()) break;
    const size_t colon = std::min(line.find(':'), line.size());
    const std::string_view value = Trim(line.substr(std::min(colon + 1, line.size())));
    if (EqualsIgnoringCase(line.substr(0, colon), "Content-Type")) part.type = value;
    if (EqualsIgnoringCase(line.substr(0, colon), "Content-Transfer-Encoding") &&
        !EqualsIgnoringCase(value, "binary") && !EqualsIgnoringCase(value, "8bit") &&
        !EqualsIgnoringCase(value, "7bit"))
      return Wrong("Content-Transfer-Encoding: parts are taken as they are");
    if (!EqualsIgnoringCase(line.substr(0, colon), "Content-Disposition")) continue;
    if (auto name = Parameter(value, "name")) {
      part.name = *std::move(name);
      named = true;
    }
    if (auto file_name = Parameter(value, "filename")) {
      part.file_name = *std::move(file_name);
      part.is_file = true;
    }
  }
  if (!named) return Wrong("a part without a name");
  return {};
}

}  // namespace

bool IsForm(std::string_view content_type) {
  return EqualsIgnoringCase(Trim(content_type.substr(0, content_type.find(';'))), kFormType);
}

Result<std::vector<FormPart>> ReadForm(std::string_view content_type, std::string_view body,
                                       const FormLimits& limits) {
  if (!IsForm(content_type)) return Wrong("expected as the Content-Type, which says otherwise");
  const auto boundary = Parameter(content_type, "boundary");
  if (!boundary || boundary->empty() || boundary->size() > kMaxBoundary ||
      boundary->find_first_of("\r\n") != std::string::npos)
    return Wrong("no boundary, or a malformed one, in Content-Type");
  const std::string delimiter = std::string(kLineEnd) + "--" + *boundary;
  // The first one may stand at the very begin; text before it says nothing.
  const std::string_view first = std::string_view(delimiter).substr(kLineEnd.size());
  size_t at = body.starts_with(first) ? first.size() : body.find(delimiter);
  if (at == std::string_view::npos) return Wrong("the boundary does not occur in the body");
  if (!body.starts_with(first)) at += delimiter.size();
  std::string_view rest = body.substr(at);
  std::vector<FormPart> parts;
  while (!rest.starts_with("--")) {
    const size_t end = rest.find(kLineEnd);
    if (end == std::string_view::npos || !Trim(rest.substr(0, end)).empty())
      return Wrong("the body is cut off, or a boundary is malformed");
    rest.remove_prefix(end + kLineEnd.size());
    if (parts.size() == limits.max_parts)
      return Wrong("limit " + std::to_string(limits.max_parts) + " parts");
    FormPart part;
    MINNOW_RETURN_IF_ERROR(ReadHeaders(rest, limits, part));
    // Of an empty part, the line end before the boundary is the one behind the headers.
    const std::string_view from(rest.data() - kLineEnd.size(), rest.size() + kLineEnd.size());
    const size_t size = from.find(delimiter);
    if (size == std::string_view::npos) return Wrong("the body is cut off");
    part.contents =
        size == 0 ? std::string_view() : from.substr(kLineEnd.size(), size - kLineEnd.size());
    rest = from.substr(size + delimiter.size());
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace minnow::http
