// SPDX-License-Identifier: Apache-2.0
// The buffer protocol; Arrow's side is arrow_export.cc.
#include "csrc/vectors.h"

#include <limits>

#include "csrc/arrow_export.h"

namespace minnow::python {
namespace {

struct Vectors {
  PyObject_HEAD std::shared_ptr<VectorStorage>* storage;
  Py_ssize_t shape[2];
  Py_ssize_t strides[2];
};

Vectors* Self(PyObject* self) { return reinterpret_cast<Vectors*>(self); }

void Free(PyObject* self) {
  delete Self(self)->storage;
  PyTypeObject* const type = Py_TYPE(self);
  reinterpret_cast<freefunc>(PyType_GetSlot(type, Py_tp_free))(self);
  Py_DECREF(type);
}

int GetBuffer(PyObject* self, Py_buffer* view, int flags) {
  Vectors* const vectors = Self(self);
  VectorStorage& storage = **vectors->storage;
  if ((flags & PyBUF_F_CONTIGUOUS) == PyBUF_F_CONTIGUOUS && storage.rows > 1 &&
      storage.columns > 1) {
    view->obj = nullptr;
    PyErr_SetString(PyExc_BufferError, "rows lie one after the other");
    return -1;
  }
  static char format[] = "f";
  static float nothing = 0;  // an empty array has an address too
  view->buf = storage.values.size() > 0 ? storage.values.data() : &nothing;
  view->obj = self;
  Py_INCREF(self);
  view->len = static_cast<Py_ssize_t>(storage.values.size_bytes());
  view->readonly = 0;
  view->itemsize = sizeof(float);
  view->format = (flags & PyBUF_FORMAT) == PyBUF_FORMAT ? format : nullptr;
  view->ndim = 2;
  view->shape = (flags & PyBUF_ND) == PyBUF_ND ? vectors->shape : nullptr;
  view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? vectors->strides : nullptr;
  view->suboffsets = nullptr;
  view->internal = nullptr;
  if (view->shape == nullptr) view->ndim = 1;
  return 0;
}

PyObject* ExportSchema(PyObject* self, PyObject*) {
  return Guarded([&] { return SchemaCapsule(**Self(self)->storage).release(); });
}

PyObject* ExportArray(PyObject* self, PyObject* args, PyObject* kwargs) {
  // What the consumer would rather have is not looked at: the protocol lets a producer do so.
  static const char* names[] = {"requested_schema", nullptr};
  PyObject* requested = nullptr;
  if (PyArg_ParseTupleAndKeywords(args, kwargs, "|O", const_cast<char**>(names), &requested) == 0)
    return nullptr;
  return Guarded([&]() -> PyObject* {
    const Ref schema = SchemaCapsule(**Self(self)->storage);
    if (!schema) return nullptr;
    const Ref array = ArrayCapsule(*Self(self)->storage);
    if (!array) return nullptr;
    return PyTuple_Pack(2, schema.get(), array.get());
  });
}

}  // namespace

VectorStorage::VectorStorage(size_t row_count, size_t column_count)
    : rows(row_count), columns(column_count) {
  constexpr size_t kMost = std::numeric_limits<Py_ssize_t>::max() / sizeof(float);
  if (columns > 0 && rows > kMost / columns) throw std::bad_alloc();
  if (rows * columns > 0) values = AlignedBuffer<float>(rows * columns);
}

PyObject* NewVectorsType(PyObject* module) {
  static PyMethodDef methods[] = {
      {"__arrow_c_schema__", ExportSchema, METH_NOARGS, "The Arrow type, as a capsule."},
      {"__arrow_c_array__", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(ExportArray)),
       METH_VARARGS | METH_KEYWORDS, "The Arrow type and array, as capsules."},
      {nullptr, nullptr, 0, nullptr},
  };
  static PyType_Slot slots[] = {
      {Py_tp_doc,
       const_cast<char*>("Rows of float32, [n, D]: numpy.asarray(vectors) copies none.")},
      {Py_tp_dealloc, reinterpret_cast<void*>(Free)},
      {Py_bf_getbuffer, reinterpret_cast<void*>(GetBuffer)},
      {Py_tp_methods, methods},
      {0, nullptr},
  };
  static PyType_Spec spec = {"minnow._core.Vectors", sizeof(Vectors), 0,
                             Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  return PyType_FromModuleAndSpec(module, &spec, nullptr);
}

PyObject* NewVectors(PyTypeObject* type, std::shared_ptr<VectorStorage> storage) {
  Ref self(PyType_GenericAlloc(type, 0));
  if (!self) return nullptr;
  Vectors* const vectors = Self(self.get());
  vectors->shape[0] = static_cast<Py_ssize_t>(storage->rows);
  vectors->shape[1] = static_cast<Py_ssize_t>(storage->columns);
  vectors->strides[0] = static_cast<Py_ssize_t>(storage->columns * sizeof(float));
  vectors->strides[1] = sizeof(float);
  vectors->storage = new std::shared_ptr<VectorStorage>(std::move(storage));
  return self.release();
}

}  // namespace minnow::python
