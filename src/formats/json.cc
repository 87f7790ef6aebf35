// SPDX-License-Identifier: Apache-2.0
// Boost.JSON behind typed getters; see json.h.
#include "formats/json.h"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_stack.hpp>
#include <charconv>
#include <cmath>
#include <new>

#include "base/mapped_file.h"
#include "formats/json_surrogates.h"

namespace minnow {

namespace json = boost::json;

struct JsonDocumentState {
  explicit JsonDocumentState(std::string document_name)
      : name(std::move(document_name)), root(json::storage_ptr(&memory)) {}

  Code code() const { return name.empty() ? Code::kInvalidArgument : Code::kCorrupt; }

  std::string name;
  json::monotonic_resource memory;
  json::value root;
};

namespace {

const json::value& Value(const void* value) { return *static_cast<const json::value*>(value); }

// Ends a string that had a lone surrogate. UTF-8 has no such byte, so no other string ends with it.
constexpr char kRepaired = '\xFF';

std::string_view Text(const json::string& s) {
  return {s.data(), s.size() - (s.ends_with(kRepaired) ? 1 : 0)};
}

std::string Joined(const std::string& name, const std::string& path, std::string_view text) {
  std::string message = name;
  if (!path.empty()) message += (message.empty() ? "" : ": ") + path;
  if (!message.empty()) message += ": ";
  message += text;
  return message;
}

// Builds the tree as Boost's own parser does, but counts values, marks repaired strings, and reads
// decimals exactly: Boost 1.81 rounds twice.
class TreeHandler {
 public:
  static constexpr size_t max_object_size = json::object::max_size();
  static constexpr size_t max_array_size = json::array::max_size();
  static constexpr size_t max_key_size = json::string::max_size();
  static constexpr size_t max_string_size = json::string::max_size();

  // repaired: the strings to mark, by their place in the text.
  TreeHandler(size_t max_values, std::span<const size_t> repaired)
      : max_values_(max_values), repaired_(repaired) {}
  json::value_stack& stack() { return stack_; }
  size_t names() const { return names_; }
  bool over_limit() const { return over_limit_; }
  bool number_too_large() const { return number_too_large_; }
  bool name_repaired() const { return name_repaired_; }

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) { return true; }
  bool on_array_begin(json::error_code&) { return true; }
  bool on_object_end(size_t n, json::error_code& ec) {
    stack_.push_object(n);
    return Count(ec);
  }
  bool on_array_end(size_t n, json::error_code& ec) {
    stack_.push_array(n);
    return Count(ec);
  }
  bool on_key_part(json::string_view s, size_t, json::error_code&) {
    stack_.push_chars(s);
    return true;
  }
  bool on_key(json::string_view s, size_t, json::error_code& ec) {
    stack_.push_key(s);
    ++names_;
    name_repaired_ = IsRepaired();
    if (name_repaired_) ec = json::error::illegal_leading_surrogate;
    return !name_repaired_ && Count(ec);
  }
  bool on_string_part(json::string_view s, size_t, json::error_code&) {
    stack_.push_chars(s);
    return true;
  }
  bool on_string(json::string_view s, size_t, json::error_code& ec) {
    if (IsRepaired()) {
      stack_.push_chars(s);
      s = json::string_view(&kRepaired, 1);
    }
    stack_.push_string(s);
    return Count(ec);
  }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(int64_t i, json::string_view text, json::error_code& ec) {
    if (i == 0 && text.starts_with('-')) {
      stack_.push_double(
          -0.0);  // the shortest text of -0.0 is "-0", and integers have no such value
    } else {
      stack_.push_int64(i);
    }
    return Count(ec);
  }
  bool on_uint64(uint64_t u, json::string_view, json::error_code& ec) {
    stack_.push_uint64(u);
    return Count(ec);
  }
  bool on_double(double rounded_twice, json::string_view text, json::error_code& ec) {
    double value = rounded_twice;
    std::from_chars(text.data(), text.data() + text.size(),
                    value);  // leaves `value` where it underflows
    if (!std::isfinite(value)) {
      number_too_large_ = true;
      ec = json::error::not_number;
      return false;
    }
    stack_.push_double(value);
    return Count(ec);
  }
  bool on_bool(bool b, json::error_code& ec) {
    stack_.push_bool(b);
    return Count(ec);
  }
  bool on_null(json::error_code& ec) {
    stack_.push_null();
    return Count(ec);
  }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

 private:
  // Of the string that ends here.
  bool IsRepaired() {
    const bool repaired = !repaired_.empty() && repaired_.front() == strings_;
    if (repaired) repaired_ = repaired_.subspan(1);
    ++strings_;
    return repaired;
  }
  bool Count(json::error_code& ec) {
    if (++values_ <= max_values_) return true;
    over_limit_ = true;
    ec = json::error::array_too_large;
    return false;
  }

  json::value_stack stack_;
  const size_t max_values_;
  std::span<const size_t> repaired_;  // of those to come
  size_t strings_ = 0;                // names too
  size_t values_ = 0;
  size_t names_ = 0;
  bool over_limit_ = false;
  bool number_too_large_ = false;
  bool name_repaired_ = false;
};

// Of a text of one line the column alone: it may be one of many, which the caller numbers.
std::string LineAndColumn(std::string_view text, size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const size_t line_start = before.rfind('\n') + 1;
  const std::string column = "column " + std::to_string(offset - line_start + 1);
  if (text.find('\n') == std::string_view::npos) return column;
  return "line " + std::to_string(1 + std::count(before.begin(), before.end(), '\n')) + ", " +
         column;
}

// Whether the text at `offset` (which may point a few letters in) is one of the words Python writes
// for such numbers.
bool IsPythonNumberWord(std::string_view text, size_t offset) {
  for (const std::string_view word : {"NaN", "Infinity", "-Infinity"}) {
    const size_t from = offset < word.size() ? 0 : offset - word.size();
    const size_t at = text.find(word, from);
    if (at != std::string_view::npos && at <= offset && offset < at + word.size()) return true;
  }
  return false;
}

std::string ParseMessage(std::string_view text, size_t offset, const json::error_code& ec,
                         const TreeHandler& handler, const JsonLimits& limits) {
  const std::string place = LineAndColumn(text, offset);
  if (handler.over_limit())
    return "more than " + std::to_string(limits.max_values) + " JSON values";
  if (ec == json::error::too_deep) {
    return "JSON nested deeper than " + std::to_string(limits.max_depth) + " at " + place;
  }
  if (handler.name_repaired()) return "lone surrogate in the name of a member at " + place;
  if (handler.number_too_large()) return "number too large for a double at " + place;
  if (IsPythonNumberWord(text, offset)) {
    return "NaN and Infinity are not JSON, though Python may write them (" + place + ")";
  }
  return "not valid JSON at " + place + ": " + ec.message();
}

size_t CountNames(const json::value& value) {
  size_t names = 0;
  if (const auto* array = value.if_array()) {
    for (const json::value& item : *array) names += CountNames(item);
  } else if (const auto* object = value.if_object()) {
    names += object->size();
    for (const auto& member : *object) names += CountNames(member.value());
  }
  return names;
}

Status ParseInto(JsonDocumentState& state, std::string_view text, const JsonLimits& limits,
                 std::span<const size_t> repaired = {}) {
  json::parse_options options;
  options.max_depth = limits.max_depth;
  json::basic_parser<TreeHandler> parser(options, limits.max_values, repaired);
  TreeHandler& handler = parser.handler();
  handler.stack().reset(&state.memory);
  json::error_code ec;
  const size_t used = parser.write_some(/*more=*/false, text.data(), text.size(), ec);
  if (!ec && used < text.size()) ec = json::error::extra_data;
  if (ec && repaired.empty()) {
    const SurrogateRepair repair = RepairSurrogates(text);
    if (!repair.strings.empty()) return ParseInto(state, repair.text, limits, repair.strings);
  }
  if (ec) {
    return Error{state.code(),
                 Joined(state.name, "", ParseMessage(text, used, ec, handler, limits))};
  }
  // The value sits in the same memory, so this moves and does not copy.
  state.root = handler.stack().release();
  // The tree keeps one of two equal names.
  if (limits.unique_names && CountNames(state.root) != handler.names()) {
    return Error{state.code(), Joined(state.name, "", "an object has the same name twice")};
  }
  return {};
}

// Appends the way from `from` to `target`, if it is there.
bool AppendPath(const json::value& from, const json::value* target, std::string& path) {
  if (&from == target) return true;
  const size_t length = path.size();
  if (const auto* array = from.if_array()) {
    for (size_t i = 0; i < array->size(); ++i) {
      path += '[' + std::to_string(i) + ']';
      if (AppendPath((*array)[i], target, path)) return true;
      path.resize(length);
    }
  } else if (const auto* object = from.if_object()) {
    for (const auto& member : *object) {
      const std::string_view key(member.key().data(), member.key().size());
      const std::string quoted = QuoteForMessage(key);
      const bool plain = quoted.size() == key.size() + 2 && key.find_first_of(".[]: ") == key.npos;
      if (!path.empty()) path += '.';
      path += plain ? std::string(key) : quoted;
      if (AppendPath(member.value(), target, path)) return true;
      path.resize(length);
    }
  }
  return false;
}

}  // namespace

JsonType JsonView::type() const {
  switch (Value(value_).kind()) {
    case json::kind::null:
      return JsonType::kNull;
    case json::kind::bool_:
      return JsonType::kBool;
    case json::kind::int64:
    case json::kind::uint64:
    case json::kind::double_:
      return JsonType::kNumber;
    case json::kind::string:
      return JsonType::kString;
    case json::kind::array:
      return JsonType::kArray;
    case json::kind::object:
      return JsonType::kObject;
  }
  return JsonType::kNull;
}

Result<bool> JsonView::Bool() const {
  if (const bool* value = Value(value_).if_bool()) return *value;
  return Expected("true or false");
}

Result<int64_t> JsonView::Int(int64_t min, int64_t max) const {
  const json::value& value = Value(value_);
  std::optional<int64_t> integer;
  if (const int64_t* i = value.if_int64()) integer = *i;
  if (const double* d = value.if_double()) {
    constexpr double kTwoTo63 = 9223372036854775808.0;
    if (*d >= -kTwoTo63 && *d < kTwoTo63 && std::trunc(*d) == *d)
      integer = static_cast<int64_t>(*d);
  }
  // A uint64 is above every max.
  if (integer && *integer >= min && *integer <= max) return *integer;
  std::string expected = "an integer";
  if (max == std::numeric_limits<int64_t>::max()) {
    if (min != std::numeric_limits<int64_t>::min()) expected += " >= " + std::to_string(min);
  } else {
    expected += " in [" + std::to_string(min) + ", " + std::to_string(max) + "]";
  }
  return Expected(expected);
}

Result<double> JsonView::Number() const {
  const json::value& value = Value(value_);
  if (const double* d = value.if_double()) return *d;
  if (const int64_t* i = value.if_int64()) return static_cast<double>(*i);
  if (const uint64_t* u = value.if_uint64()) return static_cast<double>(*u);
  return Expected("a number");
}

Result<std::string_view> JsonView::String() const {
  if (const json::string* s = Value(value_).if_string()) return Text(*s);
  return Expected("a string");
}

Result<std::string_view> JsonView::Name() const {
  MINNOW_ASSIGN_OR_RETURN(const std::string_view name, String());
  if (name.size() == Value(value_).get_string().size()) return name;
  return Wrong("lone surrogate in " + QuoteForMessage(name) + ": not a name");
}

Result<JsonView> JsonView::Array() const {
  if (is_array()) return *this;
  return Expected("an array");
}

Result<JsonView> JsonView::Object() const {
  if (is_object()) return *this;
  return Expected("an object");
}

size_t JsonView::size() const {
  const json::value& value = Value(value_);
  if (const auto* array = value.if_array()) return array->size();
  if (const auto* object = value.if_object()) return object->size();
  return 0;
}

JsonView JsonView::at(size_t i) const {
  CHECK(i < size());
  const json::value& value = Value(value_);
  if (const auto* array = value.if_array()) return Of(&(*array)[i]);
  return Of(&(value.if_object()->begin() + i)->value());
}

std::string_view JsonView::key(size_t i) const {
  const auto* object = Value(value_).if_object();
  CHECK(object != nullptr && i < object->size());
  const json::string_view key = (object->begin() + i)->key();
  return {key.data(), key.size()};
}

std::optional<JsonView> JsonView::Find(std::string_view name) const {
  const auto* object = Value(value_).if_object();
  if (object == nullptr) return std::nullopt;
  const json::value* found = object->if_contains(json::string_view(name.data(), name.size()));
  if (found == nullptr) return std::nullopt;
  return Of(found);
}

Result<JsonView> JsonView::Get(std::string_view name) const {
  if (!is_object()) return Expected("an object");
  if (const auto found = Find(name)) return *found;
  return Wrong("field " + QuoteForMessage(name) + " is missing");
}

Result<bool> JsonView::GetBool(std::string_view name) const {
  MINNOW_ASSIGN_OR_RETURN(const JsonView field, Get(name));
  return field.Bool();
}

Result<bool> JsonView::GetBool(std::string_view name, bool fallback) const {
  const auto field = Find(name);
  if (!field || field->is_null()) return fallback;
  return field->Bool();
}

Result<int64_t> JsonView::GetInt(std::string_view name, int64_t min, int64_t max) const {
  MINNOW_ASSIGN_OR_RETURN(const JsonView field, Get(name));
  return field.Int(min, max);
}

Result<int64_t> JsonView::GetInt(std::string_view name, int64_t min, int64_t max,
                                 int64_t fallback) const {
  const auto field = Find(name);
  if (!field || field->is_null()) return fallback;
  return field->Int(min, max);
}

Result<double> JsonView::GetNumber(std::string_view name) const {
  MINNOW_ASSIGN_OR_RETURN(const JsonView field, Get(name));
  return field.Number();
}

Result<double> JsonView::GetNumber(std::string_view name, double fallback) const {
  const auto field = Find(name);
  if (!field || field->is_null()) return fallback;
  return field->Number();
}

Result<std::string_view> JsonView::GetString(std::string_view name) const {
  MINNOW_ASSIGN_OR_RETURN(const JsonView field, Get(name));
  return field.String();
}

Result<std::string_view> JsonView::GetString(std::string_view name,
                                             std::string_view fallback) const {
  const auto field = Find(name);
  if (!field || field->is_null()) return fallback;
  return field->String();
}

Result<std::string_view> JsonView::GetName(std::string_view name, std::string_view fallback) const {
  const auto field = Find(name);
  if (!field || field->is_null()) return fallback;
  return field->Name();
}

std::string JsonView::Path() const {
  std::string path;
  AppendPath(document_->root, &Value(value_), path);
  return path;
}

std::string JsonView::Describe() const {
  const json::value& value = Value(value_);
  std::string text;
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return value.get_bool() ? "true" : "false";
    case json::kind::int64:
      return std::to_string(value.get_int64());
    case json::kind::uint64:
      return std::to_string(value.get_uint64());
    case json::kind::double_:
      JsonWriter(&text).Double(value.get_double());
      return text;
    case json::kind::string:
      return QuoteForMessage(Text(value.get_string()));
    case json::kind::array:
      return "an array of " + std::to_string(size());
    case json::kind::object:
      return "an object";
  }
  return text;
}

Error JsonView::Wrong(Code code, std::string_view text) const {
  return Error{code, Joined(document_->name, Path(), text)};
}

Error JsonView::Wrong(std::string_view text) const { return Wrong(document_->code(), text); }

Error JsonView::Expected(std::string_view expected) const {
  return Wrong("expected " + std::string(expected) + ", got " + Describe());
}

JsonDocument::JsonDocument(std::unique_ptr<JsonDocumentState> state) : state_(std::move(state)) {}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;

Result<JsonDocument> JsonDocument::Parse(std::string_view text, std::string name,
                                         const JsonLimits& limits) {
  auto state = std::make_unique<JsonDocumentState>(std::move(name));
  if (text.size() > limits.max_bytes) {
    return Error{state->code(), Joined(state->name, "",
                                       std::to_string(text.size()) + " bytes of JSON, limit " +
                                           std::to_string(limits.max_bytes))};
  }
  try {
    MINNOW_RETURN_IF_ERROR(ParseInto(*state, text, limits));
  } catch (const std::bad_alloc&) {
    return Error{Code::kInternal, Joined(state->name, "", "out of memory while reading JSON")};
  }
  return JsonDocument(std::move(state));
}

Result<JsonDocument> JsonDocument::ReadFile(const std::string& path, const JsonLimits& limits) {
  MINNOW_ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(path, limits.max_bytes));
  return Parse(text, path, limits);
}

JsonView JsonDocument::root() const { return JsonView(state_.get(), &state_->root); }
const std::string& JsonDocument::name() const { return state_->name; }

}  // namespace minnow
