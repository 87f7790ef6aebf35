// SPDX-License-Identifier: Apache-2.0
#include "index/query/attribute_column.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>
#include <unordered_set>

#include "formats/json.h"

namespace minnow {
namespace {

constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();
constexpr uint32_t kNoString = StringDictionary::kNone;

void SetGrowing(Bitmap& bits, size_t i) {
  if (i >= bits.size()) bits.Resize(i + 1);
  bits.Set(i);
}

std::string NumberText(double value) {
  std::string text;
  JsonWriter(&text).Double(value);
  return text;
}

// A string as it stands, but in quotes where a number or boolean of the field is spelled like it,
// or where it begins with a quote itself.
std::string StringKey(std::string_view text, const std::unordered_set<std::string>& others) {
  std::string key(text);
  if (!text.starts_with('"') && !others.contains(key)) return key;
  key.clear();
  JsonWriter(&key).String(text);
  return key;
}

// The least string above all that begin with `prefix`; nullopt where there is none.
std::optional<std::string> AfterPrefix(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xFF) prefix.pop_back();
  if (prefix.empty()) return std::nullopt;
  prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

bool IsNone(double value) { return std::isnan(value); }
bool IsNone(uint32_t code) { return code == kNoString; }

}  // namespace

template <class T>
void AttributeColumn::Values<T>::Append(size_t ordinal, const std::vector<T>& values, T none) {
  if (ordinal >= first.size()) first.resize(ordinal + 1, none);
  first[ordinal] = values.front();
  for (size_t i = 1; i < values.size(); ++i) {
    more_ordinals.push_back(static_cast<uint32_t>(ordinal));
    more.push_back(values[i]);
  }
}

template <class T>
template <class Predicate>
void AttributeColumn::Values<T>::Evaluate(const Predicate& holds, Bitmap& out) const {
  out.OrWhere(first.size(), [&](size_t i) { return holds(first[i]); });
  for (size_t i = 0; i < more.size(); ++i) {
    if (holds(more[i])) out.Set(more_ordinals[i]);
  }
}

template <class T>
template <class Visit>
void AttributeColumn::Values<T>::ForEach(const Bitmap& documents, const Visit& visit) const {
  documents.ForEach([&](size_t i) {
    if (i < first.size() && !IsNone(first[i])) visit(first[i]);
  });
  for (size_t i = 0; i < more.size(); ++i) {
    if (documents.Get(more_ordinals[i])) visit(more[i]);
  }
}

void AttributeColumn::Append(size_t ordinal, const FieldValues& values) {
  if (values.exists) SetGrowing(exists_, ordinal);
  if (values.has_null) SetGrowing(null_, ordinal);
  if (values.has_true) SetGrowing(true_, ordinal);
  if (values.has_false) SetGrowing(false_, ordinal);
  if (!values.numbers.empty()) numbers_.Append(ordinal, values.numbers, kNoNumber);
  if (values.strings.empty()) return;
  std::vector<uint32_t> codes;
  codes.reserve(values.strings.size());
  for (const std::string_view text : values.strings) codes.push_back(strings_.Add(text));
  codes_.Append(ordinal, codes, kNoString);
}

Bitmap AttributeColumn::Evaluate(const FilterNode& node, size_t rows) const {
  Bitmap out(rows);
  if (node.test == FilterTest::kExists) {
    out.Or(exists_);
  } else if (node.test == FilterTest::kIsNull) {
    out.Or(null_);
  } else if (node.test == FilterTest::kIn) {
    EvaluateList(node.values, out);
  } else {
    EvaluateValue(node, node.values.front(), out);
  }
  return out;
}

void AttributeColumn::EvaluateValue(const FilterNode& node, const FilterValue& value,
                                    Bitmap& out) const {
  switch (value.type) {
    case FilterValue::Type::kNull:
      out.Or(null_);
      break;
    case FilterValue::Type::kBool:
      out.Or(value.boolean ? true_ : false_);
      break;
    case FilterValue::Type::kNumber:
      EvaluateNumbers(node.test, value.number, out);
      break;
    case FilterValue::Type::kString:
      EvaluateStrings(node.test, value.text, out);
      break;
  }
}

void AttributeColumn::EvaluateNumbers(FilterTest test, double value, Bitmap& out) const {
  switch (test) {
    case FilterTest::kLess:
      return numbers_.Evaluate([=](double number) { return number < value; }, out);
    case FilterTest::kLessEqual:
      return numbers_.Evaluate([=](double number) { return number <= value; }, out);
    case FilterTest::kGreater:
      return numbers_.Evaluate([=](double number) { return number > value; }, out);
    case FilterTest::kGreaterEqual:
      return numbers_.Evaluate([=](double number) { return number >= value; }, out);
    default:
      return numbers_.Evaluate([=](double number) { return number == value; }, out);
  }
}

void AttributeColumn::EvaluateMarks(const std::vector<uint8_t>& marks, Bitmap& out) const {
  const uint8_t* const table = marks.data();
  codes_.Evaluate([=](uint32_t code) { return table[code] != 0; }, out);
}

void AttributeColumn::EvaluateStrings(FilterTest test, const std::string& value,
                                      Bitmap& out) const {
  if (test == FilterTest::kEqual) {
    const uint32_t wanted = strings_.Find(value);
    if (wanted == kNoString) return;
    return codes_.Evaluate([=](uint32_t code) { return code == wanted; }, out);
  }
  std::vector<uint8_t> marks(strings_.size() + 1);
  // The least string above `value` has a zero byte more.
  const std::string above = value + '\0';
  switch (test) {
    case FilterTest::kLess:
      strings_.MarkRange({}, value, true, marks);
      break;
    case FilterTest::kLessEqual:
      strings_.MarkRange({}, above, true, marks);
      break;
    case FilterTest::kGreater:
      strings_.MarkRange(above, {}, false, marks);
      break;
    case FilterTest::kGreaterEqual:
      strings_.MarkRange(value, {}, false, marks);
      break;
    case FilterTest::kStartsWith: {
      const auto after = AfterPrefix(value);
      strings_.MarkRange(value, after.value_or(""), after.has_value(), marks);
      break;
    }
    default:  // kContains
      for (uint32_t code = 1; code <= strings_.size(); ++code) {
        marks[code] = strings_.Text(code).find(value) != std::string_view::npos;
      }
  }
  EvaluateMarks(marks, out);
}

void AttributeColumn::EvaluateList(const std::vector<FilterValue>& values, Bitmap& out) const {
  std::vector<uint8_t> marks(strings_.size() + 1);
  std::vector<double> numbers;
  bool any_string = false;
  for (const FilterValue& value : values) {
    if (value.type == FilterValue::Type::kNull) out.Or(null_);
    if (value.type == FilterValue::Type::kBool) out.Or(value.boolean ? true_ : false_);
    if (value.type == FilterValue::Type::kNumber) numbers.push_back(value.number);
    if (value.type != FilterValue::Type::kString) continue;
    const uint32_t code = strings_.Find(value.text);
    if (code != kNoString) marks[code] = 1, any_string = true;
  }
  if (any_string) EvaluateMarks(marks, out);
  constexpr size_t kFewNumbers = 4;
  if (numbers.size() <= kFewNumbers) {
    for (const double number : numbers) EvaluateNumbers(FilterTest::kEqual, number, out);
    return;
  }
  std::sort(numbers.begin(), numbers.end());
  const auto listed = [&](double number) {
    // NaN, which is no number, has no place in an order.
    return !IsNone(number) && std::binary_search(numbers.begin(), numbers.end(), number);
  };
  numbers_.Evaluate(listed, out);
}

FacetCounts AttributeColumn::CountValues(const Bitmap& documents, size_t limit) const {
  std::vector<size_t> by_code(strings_.size() + 1);
  codes_.ForEach(documents, [&](uint32_t code) { ++by_code[code]; });
  std::unordered_map<double, size_t> by_number;
  numbers_.ForEach(documents, [&](double number) { ++by_number[number]; });

  FacetCounts counts;
  std::unordered_set<std::string> not_strings;
  for (const auto& [number, count] : by_number) counts.emplace_back(NumberText(number), count);
  for (const bool value : {true, false}) {
    Bitmap with(documents.size());
    with.Or(documents);
    with.And(value ? true_ : false_);
    const size_t count = with.Count();
    if (count > 0) counts.emplace_back(value ? "true" : "false", count);
  }
  for (const auto& [text, count] : counts) not_strings.insert(text);
  for (uint32_t code = 1; code < by_code.size(); ++code) {
    if (by_code[code] > 0)
      counts.emplace_back(StringKey(strings_.Text(code), not_strings), by_code[code]);
  }
  const auto before = [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  };
  const size_t kept = std::min(limit, counts.size());
  std::partial_sort(counts.begin(), counts.begin() + static_cast<ptrdiff_t>(kept), counts.end(),
                    before);
  counts.resize(kept);
  return counts;
}

std::optional<std::string> AttributeColumn::FirstValue(size_t ordinal) const {
  if (ordinal < codes_.first.size() && !IsNone(codes_.first[ordinal])) {
    return "s" + std::string(strings_.Text(codes_.first[ordinal]));
  }
  if (ordinal < numbers_.first.size() && !IsNone(numbers_.first[ordinal])) {
    return "n" + NumberText(numbers_.first[ordinal]);
  }
  if (true_.Get(ordinal)) return "b1";
  if (false_.Get(ordinal)) return "b0";
  return std::nullopt;
}

}  // namespace minnow
