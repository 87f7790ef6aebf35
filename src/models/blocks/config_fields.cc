// SPDX-License-Identifier: Apache-2.0
#include "models/blocks/config_fields.h"

#include <optional>

#include "models/registry.h"

namespace minnow {
namespace {

std::optional<JsonView> Given(const JsonView& root, std::string_view field) {
  auto found = root.Find(field);
  if (found && found->is_null()) return std::nullopt;
  return found;
}

Error Unsupported(const JsonView& field, const std::string& wanted) {
  return field.Wrong(Code::kUnsupported,
                     field.Describe() + " is not supported (known: " + wanted + ")");
}

Result<size_t> ReadOneSize(const JsonView& item, int64_t min, int64_t max) {
  MINNOW_ASSIGN_OR_RETURN(const int64_t value, item.Int(min, max));
  return static_cast<size_t>(value);
}

}  // namespace

Status RequireAbsent(const JsonView& root, std::string_view field) {
  const auto found = Given(root, field);
  if (!found) return {};
  return Unsupported(*found, "null");
}

Status RequireBool(const JsonView& root, std::string_view field, bool value) {
  const auto found = Given(root, field);
  if (!found) return {};
  const auto given = found->Bool();
  if (given.ok() && *given == value) return {};
  return Unsupported(*found, value ? "true" : "false");
}

Status RequireNumber(const JsonView& root, std::string_view field, double value) {
  const auto found = Given(root, field);
  if (!found) return {};
  const auto given = found->Number();
  if (given.ok() && *given == value) return {};
  std::string wanted = std::to_string(value);
  wanted.erase(wanted.find_last_not_of('0') + 1);
  if (wanted.back() == '.') wanted.pop_back();
  return Unsupported(*found, wanted);
}

Status RequireOneOf(const JsonView& root, std::string_view field,
                    std::initializer_list<std::string_view> values) {
  const auto found = Given(root, field);
  if (!found) return {};
  const auto given = found->String();
  std::string known;
  for (const std::string_view value : values) {
    if (given.ok() && *given == value) return {};
    known += (known.empty() ? "" : ", ") + std::string(value);
  }
  return Unsupported(*found, known);
}

Result<std::vector<size_t>> ReadSizes(const JsonView& root, std::string_view field, int64_t min,
                                      int64_t max, size_t max_count) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView found, root.Get(field));
  MINNOW_ASSIGN_OR_RETURN(const JsonView array, found.Array());
  if (array.size() == 0 || array.size() > max_count)
    return array.Expected("1 to " + std::to_string(max_count) + " numbers");
  std::vector<size_t> sizes;
  for (const JsonView item : array.Items()) {
    MINNOW_ASSIGN_OR_RETURN(const size_t size, ReadOneSize(item, min, max));
    sizes.push_back(size);
  }
  return sizes;
}

Result<std::vector<size_t>> ReadSizeOrSizes(const JsonView& root, std::string_view field,
                                            int64_t min, int64_t max, size_t count,
                                            size_t fallback) {
  const auto found = Given(root, field);
  if (!found) return std::vector<size_t>(count, fallback);
  if (!found->is_array()) {
    MINNOW_ASSIGN_OR_RETURN(const size_t size, ReadOneSize(*found, min, max));
    return std::vector<size_t>(count, size);
  }
  if (found->size() != count) return found->Expected(std::to_string(count) + " numbers, or one");
  return ReadSizes(root, field, min, max, count);
}

Result<JsonDocument> ParseModelConfig(const std::string& json, const std::string& name) {
  JsonLimits limits;
  limits.max_bytes = kMaxConfigBytes;
  MINNOW_ASSIGN_OR_RETURN(JsonDocument document, JsonDocument::Parse(json, name, limits));
  MINNOW_RETURN_IF_ERROR(document.root().Object());
  return document;
}

Status RequireClass(const JsonView& root, std::string_view wanted) {
  return RequireOneOf(root, "_class_name", {wanted});
}

}  // namespace minnow
