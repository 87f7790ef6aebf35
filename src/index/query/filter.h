// SPDX-License-Identifier: Apache-2.0
// Filter: a small expression over the fields of documents, such as
//   stars >= 10 AND lang IN ["go", "c"] AND path STARTS WITH "pkg/"
// docs/filter.md has the grammar and what each test means.
//
// A Filter is immutable and may be used from any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/json.h"

namespace minnow {

// The names that lead to a field, outermost first.
using FieldPath = std::vector<std::string>;

// What a field is compared with.
struct FilterValue {
  enum class Type { kNull, kBool, kNumber, kString };
  Type type = Type::kNull;
  bool boolean = false;
  double number = 0;
  std::string text;
};

enum class FilterTest {
  kEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kStartsWith,
  kContains,
  kExists,
  kIsNull,
};

struct FilterNode {
  enum class Kind { kAll, kAnd, kOr, kNot, kTest };
  Kind kind = Kind::kAll;
  std::vector<FilterNode> children;  // kAnd, kOr: two or more; kNot: one
  FieldPath field;                   // of kTest
  FilterTest test = FilterTest::kExists;
  std::vector<FilterValue> values;  // one; kIn: any number; kExists, kIsNull: none
};

struct FilterLimits {
  size_t max_bytes = size_t{256} << 10;
  size_t max_depth = 64;       // of parentheses and NOT
  size_t max_tests = 1'000;    // tests in the expression
  size_t max_values = 20'000;  // values in all lists together
  size_t max_path_names = 16;  // names in one field
};

class Filter {
 public:
  // Lets everything through.
  Filter() = default;

  // Blank text lets everything through. Fails with kInvalidArgument; the message begins with
  // "filter: " and tells the position, in characters from 1, and what was expected there.
  static Result<Filter> Parse(std::string_view text, const FilterLimits& limits = {});

  const FilterNode& root() const { return root_; }
  bool all() const { return root_.kind == FilterNode::Kind::kAll; }
  // The fields that the expression names, each once.
  std::vector<FieldPath> fields() const;

  // Whether the filter lets `document` through. Reads the JSON for each test: for single documents,
  // and to check the columns (attribute_table.h) against.
  bool Matches(const JsonView& document) const;

 private:
  explicit Filter(FilterNode root) : root_(std::move(root)) {}
  FilterNode root_;
};

// "author.name", or `first name`.x where a name is none of the grammar's; for facets and group_by.
// Fails with kInvalidArgument; messages begin with `what` and a colon.
Result<FieldPath> ParseFieldPath(std::string_view text, const std::string& what,
                                 const FilterLimits& limits = {});

}  // namespace minnow
