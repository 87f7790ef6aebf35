// SPDX-License-Identifier: Apache-2.0
// The checksum of snapshots, for minnow.sync.
#include <cstddef>

#include "csrc/calls.h"
#include "csrc/python_api.h"
#include "formats/xxh64.h"

namespace minnow::python {

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

}  // namespace minnow::python
