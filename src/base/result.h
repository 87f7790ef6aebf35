// SPDX-License-Identifier: Apache-2.0
// Result<T>: a value, or an Error that says what is wrong with the world (a request, a file, a
// limit).
//
// A wrong program is not an Error: that is CHECK (base/check.h). Messages name the field or file
// and the limit, as in "texts[3]: 9214 tokens, limit 512". Values are moved out; a Result is looked
// at before its value is taken.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "base/check.h"

namespace minnow {

enum class Code {
  kInvalidArgument,  // the request is wrong; the same request will fail again
  kNotFound,         // a named thing does not exist
  kCorrupt,          // bytes that break their own format
  kUnsupported,      // well-formed, but not something this program does
  kOverloaded,       // refused now; the same request may succeed later
  kDeadline,         // the caller's time ran out, or the caller left
  kInternal,         // the system failed (I/O, memory)
};

// The code's stable name, as in logs and metrics: "invalid_argument", "not_found", ...
const char* CodeName(Code code);

struct Error {
  Code code = Code::kInternal;
  std::string message;
};

// Puts `prefix` before the message: Annotate(e, "config.json") gives "config.json: ...".
inline Error Annotate(Error error, const std::string& prefix) {
  error.message = prefix + ": " + error.message;
  return error;
}

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // REQUIRES: ok()
  T& value() & {
    CHECK(ok());
    return std::get<0>(state_);
  }
  const T& value() const& {
    CHECK(ok());
    return std::get<0>(state_);
  }
  T&& value() && {
    CHECK(ok());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // REQUIRES: !ok()
  const Error& error() const& {
    CHECK(!ok());
    return std::get<1>(state_);
  }
  Error&& error() && {
    CHECK(!ok());
    return std::get<1>(std::move(state_));
  }

 private:
  std::variant<T, Error> state_;
};

// Success, or an Error.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  // REQUIRES: !ok()
  const Error& error() const& {
    CHECK(!ok());
    return *error_;
  }
  Error&& error() && {
    CHECK(!ok());
    return *std::move(error_);
  }

 private:
  std::optional<Error> error_;
};

}  // namespace minnow

// Evaluates an expression that gives Status or Result; returns its error from the calling function.
#define MINNOW_RETURN_IF_ERROR(expression)                            \
  do {                                                                \
    auto minnow_status = (expression);                                \
    if (!minnow_status.ok()) return std::move(minnow_status).error(); \
  } while (false)

// MINNOW_ASSIGN_OR_RETURN(auto file, MappedFile::Open(path));
#define MINNOW_ASSIGN_OR_RETURN(target, expression) \
  MINNOW_ASSIGN_OR_RETURN_IMPL(MINNOW_CONCAT(minnow_result_, __LINE__), target, expression)
#define MINNOW_ASSIGN_OR_RETURN_IMPL(name, target, expression) \
  auto name = (expression);                                    \
  if (!name.ok()) return std::move(name).error();              \
  target = std::move(name).value()
#define MINNOW_CONCAT(a, b) MINNOW_CONCAT_IMPL(a, b)
#define MINNOW_CONCAT_IMPL(a, b) a##b
