// SPDX-License-Identifier: Apache-2.0
// The functions of the module: what Python asks of a model.
#pragma once

#include "csrc/python_api.h"

namespace minnow::python {

struct ModuleState {
  PyTypeObject* handle_type;
  PyTypeObject* vectors_type;
};

inline ModuleState& StateOf(PyObject* module) {
  return *static_cast<ModuleState*>(PyModule_GetState(module));
}

// Their arguments are in python/src/minnow/_core.pyi.
PyObject* OpenModelCall(PyObject* module, PyObject* args);
PyObject* InfoCall(PyObject* module, PyObject* args);
PyObject* EncodeCall(PyObject* module, PyObject* args);
PyObject* EncodeArrowCall(PyObject* module, PyObject* args);
PyObject* ClassifyCall(PyObject* module, PyObject* args);
PyObject* RerankCall(PyObject* module, PyObject* args);
PyObject* TokenizeCall(PyObject* module, PyObject* args);
PyObject* GenerateCall(PyObject* module, PyObject* args);
PyObject* Xxh64Call(PyObject* module, PyObject* args);

}  // namespace minnow::python
