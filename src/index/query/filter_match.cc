// SPDX-License-Identifier: Apache-2.0
// The slow true twin of the columns: a filter over one document's JSON.
#include <algorithm>

#include "index/query/field_values.h"
#include "index/query/filter.h"

namespace minnow {
namespace {

// a < b and so on, of two numbers or two strings.
template <class T>
bool Compare(FilterTest test, const T& a, const T& b) {
  switch (test) {
    case FilterTest::kLess:
      return a < b;
    case FilterTest::kLessEqual:
      return a <= b;
    case FilterTest::kGreater:
      return a > b;
    case FilterTest::kGreaterEqual:
      return a >= b;
    default:
      return a == b;
  }
}

bool MatchesValue(const FieldValues& field, FilterTest test, const FilterValue& value) {
  switch (value.type) {
    case FilterValue::Type::kNull:
      return field.has_null;
    case FilterValue::Type::kBool:
      return value.boolean ? field.has_true : field.has_false;
    case FilterValue::Type::kNumber:
      return std::any_of(field.numbers.begin(), field.numbers.end(),
                         [&](double number) { return Compare(test, number, value.number); });
    case FilterValue::Type::kString:
      break;
  }
  return std::any_of(field.strings.begin(), field.strings.end(), [&](std::string_view text) {
    if (test == FilterTest::kStartsWith) return text.starts_with(value.text);
    if (test == FilterTest::kContains) return text.find(value.text) != std::string_view::npos;
    return Compare(test, text, std::string_view(value.text));
  });
}

bool MatchesTest(const JsonView& document, const FilterNode& node) {
  const FieldValues field = CollectFieldValues(document, node.field);
  if (node.test == FilterTest::kExists) return field.exists;
  if (node.test == FilterTest::kIsNull) return field.has_null;
  return std::any_of(node.values.begin(), node.values.end(), [&](const FilterValue& value) {
    return MatchesValue(field, node.test, value);
  });
}

bool MatchesNode(const JsonView& document, const FilterNode& node) {
  const auto matches = [&](const FilterNode& child) { return MatchesNode(document, child); };
  switch (node.kind) {
    case FilterNode::Kind::kAll:
      return true;
    case FilterNode::Kind::kAnd:
      return std::all_of(node.children.begin(), node.children.end(), matches);
    case FilterNode::Kind::kOr:
      return std::any_of(node.children.begin(), node.children.end(), matches);
    case FilterNode::Kind::kNot:
      return !matches(node.children.front());
    case FilterNode::Kind::kTest:
      return MatchesTest(document, node);
  }
  return false;
}

}  // namespace

bool Filter::Matches(const JsonView& document) const { return MatchesNode(document, root_); }

}  // namespace minnow
