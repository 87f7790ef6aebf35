// SPDX-License-Identifier: Apache-2.0
// Python's limited API, and the little that keeps its rules in C++: references that are given back,
// the GIL, and errors.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <exception>
#include <new>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace minnow::python {

// A reference that is ours. With the GIL.
class Ref {
 public:
  Ref() = default;
  explicit Ref(PyObject* owned) : object_(owned) {}
  Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Ref& operator=(Ref&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }
  ~Ref() { Py_XDECREF(object_); }

  explicit operator bool() const { return object_ != nullptr; }
  PyObject* get() const { return object_; }
  PyObject* release() { return std::exchange(object_, nullptr); }

 private:
  PyObject* object_ = nullptr;
};

// While it lives, no error is set; then the one that was. For what may run code of Python.
class ErrorSetAside {
 public:
  ErrorSetAside() { PyErr_Fetch(&type_, &value_, &traceback_); }
  ~ErrorSetAside() { PyErr_Restore(type_, value_, traceback_); }
  ErrorSetAside(const ErrorSetAside&) = delete;
  ErrorSetAside& operator=(const ErrorSetAside&) = delete;

 private:
  PyObject* type_ = nullptr;
  PyObject* value_ = nullptr;
  PyObject* traceback_ = nullptr;
};

// While it lives, other threads of Python run.
class WithoutGil {
 public:
  WithoutGil() : state_(PyEval_SaveThread()) {}
  ~WithoutGil() { PyEval_RestoreThread(state_); }
  WithoutGil(const WithoutGil&) = delete;
  WithoutGil& operator=(const WithoutGil&) = delete;

  // Takes it back for a moment.
  template <class Body>
  auto With(const Body& body) {
    PyEval_RestoreThread(state_);
    auto result = body();
    state_ = PyEval_SaveThread();
    return result;
  }

 private:
  PyThreadState* state_;
};

// A str of UTF-8; what is none becomes U+FFFD.
Ref ToStr(std::string_view text);

// Sets the exception that stands for the error. Always null, to be returned.
PyObject* Raise(const Error& error);
PyObject* Raise(PyObject* type, std::string_view message);

// Runs a function that Python calls: no exception of C++ passes.
template <class Body>
auto Guarded(const Body& body) -> decltype(body()) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::length_error&) {
    PyErr_NoMemory();
  } catch (const std::exception& error) {
    Raise(PyExc_RuntimeError, error.what());
  }
  return decltype(body())(0);
}

}  // namespace minnow::python
