// SPDX-License-Identifier: Apache-2.0
// AttributeColumn: the values of one field in all documents, typed, in memory, by ordinal.
//
// A document's first string and first number stand in arrays by ordinal; what arrays hold beyond
// that stands in lists of (ordinal, value), so that any test is one pass over both. One writer,
// with nobody beside it; or any number of readers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "index/query/bitmap.h"
#include "index/query/field_values.h"
#include "index/query/filter.h"
#include "index/query/search_request.h"
#include "index/query/string_dictionary.h"

namespace minnow {

class AttributeColumn {
 public:
  // REQUIRES: ordinal is above all before
  void Append(size_t ordinal, const FieldValues& values);

  // Bytes of distinct strings, which have no other bound.
  size_t string_bytes() const { return strings_.bytes(); }

  // Which of `rows` documents pass. REQUIRES: rows is above every ordinal; node is a test
  Bitmap Evaluate(const FilterNode& node, size_t rows) const;

  // The values of `documents`, by how many of them have each; ties by value. At most `limit`. A
  // string stands in quotes where a number or boolean is spelled like it.
  FacetCounts CountValues(const Bitmap& documents, size_t limit) const;

  // The document's first value as text, its type before it; nullopt where it has none but null.
  std::optional<std::string> FirstValue(size_t ordinal) const;

 private:
  // What stands at ordinal i, and the further values of (some) ordinals.
  template <class T>
  struct Values {
    std::vector<T> first;  // as long as the last ordinal that has one
    std::vector<uint32_t> more_ordinals;
    std::vector<T> more;

    // REQUIRES: values is not empty
    void Append(size_t ordinal, const std::vector<T>& values, T none);
    template <class Predicate>
    void Evaluate(const Predicate& holds, Bitmap& out) const;
    // Calls visit(value) for each value of each document.
    template <class Visit>
    void ForEach(const Bitmap& documents, const Visit& visit) const;
  };

  void EvaluateValue(const FilterNode& node, const FilterValue& value, Bitmap& out) const;
  void EvaluateNumbers(FilterTest test, double value, Bitmap& out) const;
  void EvaluateStrings(FilterTest test, const std::string& value, Bitmap& out) const;
  void EvaluateList(const std::vector<FilterValue>& values, Bitmap& out) const;
  void EvaluateMarks(const std::vector<uint8_t>& marks, Bitmap& out) const;

  Bitmap exists_;
  Bitmap null_;
  Bitmap true_;
  Bitmap false_;
  Values<double> numbers_;  // NaN: none
  Values<uint32_t> codes_;  // of strings_
  StringDictionary strings_;
};

}  // namespace minnow
