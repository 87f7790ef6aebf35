// SPDX-License-Identifier: Apache-2.0
// minnow._core: the layers below serving, for Python, by its limited API.
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "base/cpu.h"
#include "csrc/calls.h"
#include "csrc/python_api.h"
#include "csrc/session.h"
#include "csrc/vectors.h"
#include "formats/xxh64.h"

namespace minnow::python {

PyObject* OpenModelCall(PyObject* module, PyObject* args) {
  return Guarded([&]() -> PyObject* {
    const char *path = nullptr, *dtype = nullptr;
    int threads = 0;
    if (PyArg_ParseTuple(args, "ysi", &path, &dtype, &threads) == 0) return nullptr;
    if (threads < 0) return Raise(PyExc_ValueError, "threads: below 0");
    // Copied: what they point to belongs to objects that others may drop meanwhile.
    const std::string path_copy = path, dtype_copy = dtype;
    auto model = [&] {
      const WithoutGil gil;
      return OpenModel::Open(path_copy, dtype_copy, threads);
    }();
    if (!model.ok()) return Raise(model.error());
    return NewHandle(StateOf(module).handle_type, std::move(model).value());
  });
}

PyObject* InfoCall(PyObject* module, PyObject* args) {
  return Guarded([&]() -> PyObject* {
    PyObject* handle = nullptr;
    if (PyArg_ParseTuple(args, "O!", StateOf(module).handle_type, &handle) == 0) return nullptr;
    Session session(reinterpret_cast<Handle*>(handle));
    if (!session.Begin()) return nullptr;
    return ToStr(session.model().InfoJson()).release();
  });
}

// The checksum of snapshots, for minnow.sync.
PyObject* Xxh64Call(PyObject* /*module*/, PyObject* args) {
  return Guarded([&]() -> PyObject* {
    Py_buffer bytes;
    if (PyArg_ParseTuple(args, "y*", &bytes) == 0) return nullptr;
    Xxh64 checksum;
    {
      const WithoutGil gil;
      checksum.Update({static_cast<const std::byte*>(bytes.buf), static_cast<size_t>(bytes.len)});
    }
    PyBuffer_Release(&bytes);
    return PyLong_FromUnsignedLongLong(checksum.Digest());
  });
}

namespace {

int SetUp(PyObject* module) {
  WatchForks();
  Cpu();  // what is looked up once is looked up before any thread
  ModuleState& state = StateOf(module);
  state.handle_type = reinterpret_cast<PyTypeObject*>(NewHandleType(module));
  state.vectors_type = reinterpret_cast<PyTypeObject*>(NewVectorsType(module));
  if (state.handle_type == nullptr || state.vectors_type == nullptr ||
      PyModule_AddType(module, state.handle_type) != 0 ||
      PyModule_AddType(module, state.vectors_type) != 0)
    return -1;
  return PyModule_AddStringConstant(module, "__version__", MINNOW_VERSION);
}

int Visit(PyObject* module, visitproc visit, void* arg) {
  const ModuleState& state = StateOf(module);
  Py_VISIT(state.handle_type);
  Py_VISIT(state.vectors_type);
  return 0;
}

int Clear(PyObject* module) {
  ModuleState& state = StateOf(module);
  Py_CLEAR(state.handle_type);
  Py_CLEAR(state.vectors_type);
  return 0;
}

PyMethodDef methods[] = {
    {"open_model", OpenModelCall, METH_VARARGS, "Opens a model."},
    {"info", InfoCall, METH_VARARGS, "What is known of a model, as JSON."},
    {"encode", EncodeCall, METH_VARARGS, "The vectors of texts."},
    {"encode_arrow", EncodeArrowCall, METH_VARARGS, "The vectors of an Arrow column."},
    {"classify", ClassifyCall, METH_VARARGS, "The labels of texts."},
    {"rerank", RerankCall, METH_VARARGS, "Texts by how well they answer a query."},
    {"generate", GenerateCall, METH_VARARGS, "What a model makes of texts."},
    {"tokenize", TokenizeCall, METH_VARARGS, "The tokens of texts."},
    {"xxh64", Xxh64Call, METH_VARARGS, "The XXH64 of bytes."},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef_Slot slots[] = {
    {Py_mod_exec, reinterpret_cast<void*>(SetUp)},
    {0, nullptr},
};

PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "minnow._core",
    .m_doc = "What minnow's Python package is made of.",
    .m_size = sizeof(ModuleState),
    .m_methods = methods,
    .m_slots = slots,
    .m_traverse = Visit,
    .m_clear = Clear,
    .m_free = nullptr,
};

}  // namespace
}  // namespace minnow::python

PyMODINIT_FUNC PyInit__core() { return PyModuleDef_Init(&minnow::python::definition); }

// The C library's data that the headers of libstdc++ name, and that the program's objects could not
// reach in a shared one (cmake/python.cmake): std::shared_ptr counts without atomic operations
// while this says that there is one thread. Never here: a Python process gets its threads from
// many. Hidden, so that the C library keeps its own.
extern "C" {
__attribute__((visibility("hidden"))) extern char __libc_single_threaded;
char __libc_single_threaded = 0;
}
