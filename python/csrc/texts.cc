// SPDX-License-Identifier: Apache-2.0
#include "csrc/texts.h"

namespace minnow::python {
namespace {

std::string TypeName(PyObject* object) {
  const Ref name(PyType_GetName(Py_TYPE(object)));
  Py_ssize_t bytes = 0;
  const char* const text = name ? PyUnicode_AsUTF8AndSize(name.get(), &bytes) : nullptr;
  if (text != nullptr) return std::string(text, static_cast<size_t>(bytes));
  PyErr_Clear();
  return "?";
}

// In place of the UnicodeEncodeError that is set.
void RaiseSurrogate(const std::string& name) {
  PyObject *type = nullptr, *value = nullptr, *traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  Py_ssize_t at = 0;
  if (value != nullptr && PyUnicodeEncodeError_GetStart(value, &at) != 0) PyErr_Clear();
  Py_XDECREF(type);
  Py_XDECREF(value);
  Py_XDECREF(traceback);
  Raise(PyExc_ValueError, name + ": character " + std::to_string(at) +
                              " is half of a surrogate pair, which no text holds");
}

}  // namespace

bool ReadText(PyObject* object, const std::string& name, std::string_view* text) {
  if (!PyUnicode_Check(object)) {
    Raise(PyExc_TypeError, name + ": expected str, got " + TypeName(object));
    return false;
  }
  Py_ssize_t bytes = 0;
  const char* const begin = PyUnicode_AsUTF8AndSize(object, &bytes);
  if (begin == nullptr) {
    if (PyErr_ExceptionMatches(PyExc_UnicodeEncodeError) != 0) RaiseSurrogate(name);
    return false;
  }
  *text = {begin, static_cast<size_t>(bytes)};
  return true;
}

bool ReadTexts(PyObject* tuple, std::vector<std::string_view>* texts) {
  const Py_ssize_t count = PyTuple_Size(tuple);
  if (count < 0) return false;
  texts->resize(static_cast<size_t>(count));
  for (Py_ssize_t i = 0; i < count; ++i) {
    const auto index = static_cast<size_t>(i);
    PyObject* const object = PyTuple_GetItem(tuple, i);
    // Its name is made only where it is needed: there may be millions.
    Py_ssize_t bytes = 0;
    const char* const begin =
        PyUnicode_Check(object) ? PyUnicode_AsUTF8AndSize(object, &bytes) : nullptr;
    if (begin != nullptr) {
      (*texts)[index] = {begin, static_cast<size_t>(bytes)};
      continue;
    }
    PyErr_Clear();
    if (!ReadText(object, NameOfText(index), &(*texts)[index])) return false;
  }
  return true;
}

}  // namespace minnow::python
