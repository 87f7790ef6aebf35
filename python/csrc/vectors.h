// SPDX-License-Identifier: Apache-2.0
// Vectors: rows of float32 that C++ made and Python owns: by the buffer protocol as [rows,
// columns], and as Arrow's FixedSizeList<float32>[columns]. Neither copies.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/aligned_buffer.h"
#include "csrc/python_api.h"

namespace minnow::python {

// What consumers share; any thread.
struct VectorStorage {
  // Zero at first. May throw std::bad_alloc, for sizes too large to count too.
  VectorStorage(size_t rows, size_t columns);

  float* row(size_t i) { return values.data() + i * columns; }

  const size_t rows;
  const size_t columns;
  AlignedBuffer<float> values;  // [rows, columns]
  // A bit a row, 0: there is no vector, its numbers are 0; empty: there are all.
  std::vector<uint8_t> valid;
  int64_t nulls = 0;
};

// The type; a new reference.
PyObject* NewVectorsType(PyObject* module);
// A new object of that type; null with an error set where there is no memory.
PyObject* NewVectors(PyTypeObject* type, std::shared_ptr<VectorStorage> storage);

}  // namespace minnow::python
