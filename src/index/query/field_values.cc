// SPDX-License-Identifier: Apache-2.0
// Walks JSON by a path; the depth is bounded by the reader of JSON.
#include "index/query/field_values.h"

#include <algorithm>

namespace minnow {
namespace {

constexpr char kSeparator = '\x1f';

// Arrays with more distinct values than this are deduplicated by sorting.
constexpr size_t kFewValues = 16;

void AddScalar(const JsonView& value, FieldValues& out) {
  switch (value.type()) {
    case JsonType::kNull:
      out.has_null = true;
      break;
    case JsonType::kBool:
      (value.Bool().value() ? out.has_true : out.has_false) = true;
      break;
    case JsonType::kNumber:
      out.numbers.push_back(value.Number().value() + 0.0);  // -0 is 0
      break;
    case JsonType::kString:
      out.strings.push_back(value.String().value());
      break;
    case JsonType::kArray:
    case JsonType::kObject:
      break;
  }
}

void Collect(const JsonView& value, const FieldPath& field, size_t depth, FieldValues& out) {
  if (value.is_array()) {
    out.exists = out.exists || depth == field.size();
    for (const JsonView element : value.Items()) Collect(element, field, depth, out);
    return;
  }
  if (depth == field.size()) {
    out.exists = true;
    AddScalar(value, out);
    return;
  }
  if (const auto member = value.Find(field[depth])) Collect(*member, field, depth + 1, out);
}

// Keeps the first of equal values, in order.
template <class T>
void Deduplicate(std::vector<T>& values) {
  if (values.size() < 2) return;
  if (values.size() > kFewValues) {
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    return;
  }
  auto end = values.begin();
  for (const T& value : values) {
    if (std::find(values.begin(), end, value) == end) *end++ = value;
  }
  values.erase(end, values.end());
}

void VisitPaths(const JsonView& value, std::string& path,
                const std::function<void(const std::string&)>& visit) {
  if (value.is_array()) {
    for (const JsonView element : value.Items()) VisitPaths(element, path, visit);
    return;
  }
  if (!value.is_object()) return;
  const size_t length = path.size();
  for (size_t i = 0; i < value.size(); ++i) {
    path += kSeparator;
    path += value.key(i);
    visit(path);
    VisitPaths(value.at(i), path, visit);
    path.resize(length);
  }
}

}  // namespace

FieldValues CollectFieldValues(const JsonView& document, const FieldPath& field) {
  FieldValues values;
  // A document is an object; an array would stand for its elements.
  if (document.is_object()) Collect(document, field, 0, values);
  Deduplicate(values.numbers);
  Deduplicate(values.strings);
  return values;
}

void VisitFieldPaths(const JsonView& document,
                     const std::function<void(const std::string&)>& visit) {
  std::string path;
  if (document.is_object()) VisitPaths(document, path, visit);
}

std::string FieldPathKey(const FieldPath& field) {
  std::string key;
  for (const std::string& name : field) {
    key += kSeparator;
    key += name;
  }
  return key;
}

}  // namespace minnow
