// SPDX-License-Identifier: Apache-2.0
// The values that a field has in one document. Pure.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "formats/json.h"
#include "index/query/filter.h"

namespace minnow {

struct FieldValues {
  bool exists = false;
  bool has_null = false;
  bool has_true = false;
  bool has_false = false;
  std::vector<double> numbers;            // each once
  std::vector<std::string_view> strings;  // each once; they point into the document
};

// The scalars at `field`. An array on the way, or at the end, stands for all of its elements; an
// object at the end exists and has no value. REQUIRES: field is not empty
FieldValues CollectFieldValues(const JsonView& document, const FieldPath& field);

// Calls `visit` with each field that the document has, as a path key (FieldPathKey) in a buffer
// that is reused.
void VisitFieldPaths(const JsonView& document,
                     const std::function<void(const std::string&)>& visit);

// One string for a path. Different paths may share a key where names hold control characters.
std::string FieldPathKey(const FieldPath& field);

}  // namespace minnow
