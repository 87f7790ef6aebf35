// SPDX-License-Identifier: Apache-2.0
// Which exception an error is.
#include "csrc/python_api.h"

#include <string>

namespace minnow::python {
namespace {

bool IsAboutMemory(const Error& error) {
  return error.message.find("no memory") != std::string::npos ||
         error.message.find("out of memory") != std::string::npos;
}

PyObject* ExceptionFor(const Error& error) {
  switch (error.code) {
    case Code::kNotFound:
      return PyExc_FileNotFoundError;
    case Code::kInternal:
    case Code::kOverloaded:
      return IsAboutMemory(error) ? PyExc_MemoryError : PyExc_OSError;
    default:
      return PyExc_ValueError;
  }
}

}  // namespace

Ref ToStr(std::string_view text) {
  return Ref(PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "replace"));
}

PyObject* Raise(PyObject* type, std::string_view message) {
  const Ref text = ToStr(message);
  if (text) PyErr_SetObject(type, text.get());
  return nullptr;
}

PyObject* Raise(const Error& error) { return Raise(ExceptionFor(error), error.message); }

}  // namespace minnow::python
