// SPDX-License-Identifier: Apache-2.0
// Offsets and views to texts.
#include "csrc/arrow_column.h"

#include <cstring>
#include <limits>
#include <string>

namespace minnow::python {
namespace {

// What a producer may have left out.
std::string Shown(const char* text) { return text != nullptr && *text != '\0' ? text : "?"; }

Error Wrong(const std::string& what) { return Error{Code::kInvalidArgument, "column: " + what}; }

// One array's part in the column, before its numbers were looked at.
struct Texts {
  const ArrowArray& array;
  std::vector<std::string_view>& out;

  int64_t begin() const { return array.offset; }
  int64_t end() const { return array.offset + array.length; }
  bool valid(int64_t i) const {
    const auto* const bits = static_cast<const uint8_t*>(array.buffers[0]);
    return bits == nullptr || (bits[i / 8] >> (i % 8) & 1) != 0;
  }
};

template <class Offset>
Status ReadOffsets(const Texts& texts) {
  if (texts.array.n_buffers != 3) return Wrong("expected 3 buffers of strings");
  const auto* const offsets = static_cast<const Offset*>(texts.array.buffers[1]);
  const auto* const bytes = static_cast<const char*>(texts.array.buffers[2]);
  if (texts.array.length > 0 && offsets == nullptr) return Wrong("has no offsets");
  for (int64_t i = texts.begin(); i < texts.end(); ++i) {
    const Offset first = offsets[i], last = offsets[i + 1];
    if (first < 0 || last < first) {
      return Wrong("offsets of string " + std::to_string(i) + " run backwards");
    }
    const bool empty = !texts.valid(i) || first == last;
    if (!empty && bytes == nullptr) return Wrong("has no bytes");
    texts.out.push_back(empty ? std::string_view()
                              : std::string_view(bytes + first, static_cast<size_t>(last - first)));
  }
  return {};
}

// 16 bytes: the length, then the text itself, or its first 4 bytes, a buffer and a place in it.
struct StringView {
  int32_t length;
  char prefix[4];
  int32_t buffer;
  int32_t offset;
};
static_assert(sizeof(StringView) == 16);
constexpr int32_t kInlineBytes = 12;

Status ReadViews(const Texts& texts) {
  const ArrowArray& array = texts.array;
  if (array.n_buffers < 3) return Wrong("expected 3 or more buffers of string views");
  const auto* const views = static_cast<const StringView*>(array.buffers[1]);
  const int64_t data_buffers = array.n_buffers - 3;
  const auto* const sizes = static_cast<const int64_t*>(array.buffers[array.n_buffers - 1]);
  if (array.length > 0 && views == nullptr) return Wrong("has no views");
  for (int64_t i = texts.begin(); i < texts.end(); ++i) {
    const StringView& view = views[i];
    if (!texts.valid(i) || view.length == 0) {
      texts.out.emplace_back();
      continue;
    }
    if (view.length < 0) return Wrong("string " + std::to_string(i) + " has a negative length");
    const auto length = static_cast<size_t>(view.length);
    if (view.length <= kInlineBytes) {
      texts.out.emplace_back(reinterpret_cast<const char*>(&view) + sizeof view.length, length);
      continue;
    }
    const bool inside = view.buffer >= 0 && view.buffer < data_buffers && view.offset >= 0 &&
                        sizes != nullptr &&
                        int64_t{view.offset} + view.length <= sizes[view.buffer];
    if (!inside) return Wrong("string " + std::to_string(i) + " lies outside of its buffer");
    texts.out.emplace_back(static_cast<const char*>(array.buffers[2 + view.buffer]) + view.offset,
                           length);
  }
  return {};
}

Status CheckShape(const ArrowArray& array) {
  if (array.dictionary != nullptr) return Wrong("its array has a dictionary, its type has none");
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 32;
  if (array.length < 0 || array.offset < 0 || array.length > kMost || array.offset > kMost ||
      array.n_buffers < 0 || (array.n_buffers > 0 && array.buffers == nullptr))
    return Wrong("an array's numbers cannot be");
  return {};
}

bool IsNullType(const ArrowSchema& schema) { return Shown(schema.format) == "n"; }

Status CheckType(const ArrowSchema& schema) {
  if (schema.dictionary != nullptr)
    return Wrong("a dictionary (categories, enumerations): cast it to strings first");
  const std::string format = Shown(schema.format);
  if (format == "n" || format == "u" || format == "U" || format == "vu") return {};
  return Wrong("expected strings (utf8, large_utf8, utf8_view), got Arrow's format \"" + format +
               "\"" + (format == "+s" ? ", a table: give one column of it" : ""));
}

// REQUIRES: CheckType was asked.
Status ReadTexts(const ArrowSchema& schema, const Texts& texts) {
  MINNOW_RETURN_IF_ERROR(CheckShape(texts.array));
  const std::string format = Shown(schema.format);
  if (format == "u") return ReadOffsets<int32_t>(texts);
  if (format == "U") return ReadOffsets<int64_t>(texts);
  if (format == "vu") return ReadViews(texts);
  texts.out.resize(texts.out.size() + static_cast<size_t>(texts.array.length));
  return {};
}

// The struct in a capsule, which stays the capsule's; null with an error set.
template <class T>
T* InCapsule(PyObject* capsule, const char* name) {
  auto* const held = static_cast<T*>(PyCapsule_GetPointer(capsule, name));
  if (held != nullptr && held->release == nullptr) {
    Raise(PyExc_ValueError, "column: its Arrow structure was released already");
    return nullptr;
  }
  return held;
}

}  // namespace

ArrowColumn::~ArrowColumn() {
  const ErrorSetAside error;
  for (ArrowArray& array : arrays_) {
    if (array.release != nullptr) array.release(&array);
  }
}

bool ArrowColumn::ReadArray(const ArrowSchema& schema, ArrowArray& array) {
  // Moved: whoever looks at the capsule finds it released.
  arrays_.push_back(array);
  array.release = nullptr;
  const ArrowArray& ours = arrays_.back();
  const size_t first = texts_.size();
  const Texts texts{ours, texts_};
  Status read = CheckType(schema);
  if (read.ok()) read = ReadTexts(schema, texts);
  if (!read.ok()) {
    Raise(read.error());
    return false;
  }
  const bool all_null = IsNullType(schema);
  for (size_t i = first; i < texts_.size(); ++i) {
    if (!all_null && texts.valid(ours.offset + static_cast<int64_t>(i - first))) continue;
    is_null_.resize(texts_.size());
    is_null_[i] = 1;
    ++nulls_;
  }
  return true;
}

bool ArrowColumn::ReadStream(ArrowArrayStream& stream) {
  const auto fail = [&] {
    if (PyErr_Occurred() == nullptr)
      Raise(PyExc_ValueError, "column: " + Shown(stream.get_last_error(&stream)));
    return false;
  };
  struct Schema : ArrowSchema {
    ~Schema() {
      const ErrorSetAside error;
      if (release != nullptr) release(this);
    }
  } schema = {};
  if (stream.get_schema(&stream, &schema) != 0) return fail();
  // A stream of no arrays may be of the wrong type too.
  const Status type = CheckType(schema);
  if (!type.ok()) {
    Raise(type.error());
    return false;
  }
  while (true) {
    ArrowArray array = {};
    if (stream.get_next(&stream, &array) != 0) return fail();
    if (array.release == nullptr) return true;
    if (!ReadArray(schema, array)) return false;
  }
}

bool ArrowColumn::Read(PyObject* object) {
  if (PyObject_HasAttrString(object, "__arrow_c_stream__") != 0) {
    const Ref capsule(PyObject_CallMethod(object, "__arrow_c_stream__", nullptr));
    if (!capsule) return false;
    auto* const stream = InCapsule<ArrowArrayStream>(capsule.get(), kStreamCapsule);
    if (stream == nullptr || !ReadStream(*stream)) return false;
  } else if (PyObject_HasAttrString(object, "__arrow_c_array__") != 0) {
    const Ref pair(PyObject_CallMethod(object, "__arrow_c_array__", nullptr));
    if (!pair) return false;
    if (PyTuple_Check(pair.get()) == 0 || PyTuple_Size(pair.get()) != 2) {
      Raise(PyExc_TypeError, "column: __arrow_c_array__ gave no pair of capsules");
      return false;
    }
    auto* const schema = InCapsule<ArrowSchema>(PyTuple_GetItem(pair.get(), 0), kSchemaCapsule);
    if (schema == nullptr) return false;
    auto* const array = InCapsule<ArrowArray>(PyTuple_GetItem(pair.get(), 1), kArrayCapsule);
    if (array == nullptr || !ReadArray(*schema, *array)) return false;
  } else {
    Raise(PyExc_TypeError,
          "column: expected an Arrow column, which has __arrow_c_stream__ or __arrow_c_array__");
    return false;
  }
  if (nulls_ > 0) is_null_.resize(texts_.size());
  return true;
}

}  // namespace minnow::python
