// SPDX-License-Identifier: Apache-2.0
// JSON from outside, read with limits, and JSON for answers.
//
// JsonDocument owns what was parsed; JsonView points into it and must not outlive it. Both may be
// read from many threads. Getters never guess: a failure names the document and the field, as in
//   config.json: hidden_size: expected an integer in [1, 65536], got "x"
// What is wrong with a named document (a file) is kCorrupt; with a nameless one (a request),
// kInvalidArgument.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace minnow {

struct JsonLimits {
  size_t max_bytes = size_t{256} << 20;  // of text
  size_t max_depth = 64;                 // of nested arrays and objects
  size_t max_values = SIZE_MAX;          // numbers, strings, ... and names: bounds memory
  bool unique_names = false;             // refuse an object that has a name twice
};

enum class JsonType { kNull, kBool, kNumber, kString, kArray, kObject };

struct JsonDocumentState;

// A value inside a document.
class JsonView {
 public:
  JsonType type() const;
  bool is_null() const { return type() == JsonType::kNull; }
  bool is_string() const { return type() == JsonType::kString; }
  bool is_array() const { return type() == JsonType::kArray; }
  bool is_object() const { return type() == JsonType::kObject; }

  // The value as such; kInvalidArgument when it is of another type or out of range.
  Result<bool> Bool() const;
  // A number with integral value: 512 and 512.0, not 512.5 nor "512".
  Result<int64_t> Int(int64_t min, int64_t max) const;
  Result<double> Number() const;  // finite; rounded to nearest as Python does
  // Half of a surrogate pair ("\ud83d") is U+FFFD in a String; a Name (an id, an index, a model)
  // with one is refused, since two of them would be equal.
  Result<std::string_view> String() const;
  Result<std::string_view> Name() const;
  // Itself, once known to be an array or object.
  Result<JsonView> Array() const;
  Result<JsonView> Object() const;

  // Elements of an array, members of an object; 0 for everything else.
  size_t size() const;
  // The i-th element of an array, or the i-th member's value. REQUIRES: i < size()
  JsonView at(size_t i) const;
  // The i-th member's name. REQUIRES: object, i < size()
  std::string_view key(size_t i) const;

  // The member of that name; nullopt when there is none or this is no object.
  // A name given twice: the last value wins, as in Python.
  std::optional<JsonView> Find(std::string_view name) const;
  // The same, but absence is an error.
  Result<JsonView> Get(std::string_view name) const;

  // Fields of an object. The first of each pair demands the field, the second takes `fallback` for
  // absent or null.
  Result<bool> GetBool(std::string_view name) const;
  Result<bool> GetBool(std::string_view name, bool fallback) const;
  Result<int64_t> GetInt(std::string_view name, int64_t min, int64_t max) const;
  Result<int64_t> GetInt(std::string_view name, int64_t min, int64_t max, int64_t fallback) const;
  Result<double> GetNumber(std::string_view name) const;
  Result<double> GetNumber(std::string_view name, double fallback) const;
  Result<std::string_view> GetString(std::string_view name) const;
  Result<std::string_view> GetName(std::string_view name, std::string_view fallback) const;
  Result<std::string_view> GetString(std::string_view name, std::string_view fallback) const;

  // Where this value stands: "texts[3].role", or "" for the whole document. Searches the document:
  // for messages only.
  std::string Path() const;
  // What this value is, in a few words: "\"x\"", "12", "an array of 3". Safe to print.
  std::string Describe() const;
  // "config.json: hidden_act: <text>".
  Error Wrong(Code code, std::string_view text) const;
  Error Wrong(std::string_view text) const;
  // "config.json: hidden_act: expected <expected>, got 5"
  Error Expected(std::string_view expected) const;

  // for (const JsonView item : array.Items()) — of an object: its values.
  class Iterator;
  struct Range;
  Range Items() const;

 private:
  friend class JsonDocument;
  JsonView(const JsonDocumentState* document, const void* value)
      : document_(document), value_(value) {}
  JsonView Of(const void* value) const { return JsonView(document_, value); }

  const JsonDocumentState* document_;
  const void* value_;
};

class JsonView::Iterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = JsonView;
  using difference_type = ptrdiff_t;
  using pointer = void;
  using reference = JsonView;

  Iterator(const JsonView* owner, size_t index) : owner_(*owner), index_(index) {}
  JsonView operator*() const { return owner_.at(index_); }
  Iterator& operator++() {
    ++index_;
    return *this;
  }
  bool operator==(const Iterator& other) const { return index_ == other.index_; }

 private:
  JsonView owner_;
  size_t index_;
};

struct JsonView::Range {
  JsonView owner;
  Iterator begin() const { return Iterator(&owner, 0); }
  Iterator end() const { return Iterator(&owner, owner.size()); }
};

inline JsonView::Range JsonView::Items() const { return Range{*this}; }

// A parsed text. Movable; views stay valid across a move.
class JsonDocument {
 public:
  // Strict RFC 8259: no comments, trailing commas, NaN, Infinity, invalid UTF-8, or half of a
  // surrogate pair in the name of a member. `name` (a file,
  // or empty for a request) opens every message; a failure tells line and column, or the limit.
  static Result<JsonDocument> Parse(std::string_view text, std::string name,
                                    const JsonLimits& limits = {});
  // Reads and parses a file. Also fails as ReadSmallFile does.
  static Result<JsonDocument> ReadFile(const std::string& path, const JsonLimits& limits = {});

  JsonDocument(JsonDocument&&) noexcept;
  JsonDocument& operator=(JsonDocument&&) noexcept;
  ~JsonDocument();

  JsonView root() const;
  const std::string& name() const;

 private:
  explicit JsonDocument(std::unique_ptr<JsonDocumentState> state);
  std::unique_ptr<JsonDocumentState> state_;
};

// `text` in double quotes, cut to a readable length and with control characters escaped: for
// messages about hostile names.
std::string QuoteForMessage(std::string_view text);

// Appends JSON to a string: commas and escapes are put in, nesting is the caller's duty. Compact,
// no line breaks.
class JsonWriter {
 public:
  explicit JsonWriter(std::string* out) : out_(*out) {}

  void BeginObject() { Open('{'); }
  void EndObject() { Close('}'); }
  void BeginArray() { Open('['); }
  void EndArray() { Close(']'); }
  void Key(std::string_view name);  // then one value
  // Bytes that are not UTF-8 become U+FFFD.
  void String(std::string_view text);
  void Int(int64_t value);
  void Uint(uint64_t value);
  // Shortest text that reads back to the same value; null where the value is not finite.
  void Float(float value);
  void Double(double value);
  void Bool(bool value);
  void Null();
  // An array of numbers. No allocation per number.
  void Floats(std::span<const float> values);
  // Text that is JSON already.
  void Raw(std::string_view json);

 private:
  void Open(char bracket);
  void Close(char bracket);
  void Comma();

  std::string& out_;
  bool comma_ = false;  // a value stands before in this array or object
};

// A value as it was read: integers exactly, other numbers as doubles.
void WriteJson(const JsonView& value, JsonWriter& json);

}  // namespace minnow
