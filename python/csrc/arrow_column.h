// SPDX-License-Identifier: Apache-2.0
// A column of texts that somebody else made, by the Arrow C data interface.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "csrc/arrow_abi.h"
#include "csrc/python_api.h"

namespace minnow::python {

// utf8, large_utf8 or utf8_view, in one array or many. The structures are the producer's own: their
// numbers are checked as far as they can be, their addresses are believed, as the interface has it.
// With the GIL.
class ArrowColumn {
 public:
  ArrowColumn() = default;
  ~ArrowColumn();
  ArrowColumn(const ArrowColumn&) = delete;
  ArrowColumn& operator=(const ArrowColumn&) = delete;

  // By __arrow_c_stream__ or __arrow_c_array__. False, with a TypeError (neither is there) or
  // ValueError (no texts, numbers that cannot be) set. Once; the object may go afterwards.
  bool Read(PyObject* object);

  // Of all arrays, in order; they live as long as this. A null's is empty.
  const std::vector<std::string_view>& texts() const { return texts_; }
  size_t nulls() const { return nulls_; }
  bool is_null(size_t i) const { return nulls_ > 0 && is_null_[i] != 0; }

 private:
  bool ReadStream(ArrowArrayStream& stream);
  bool ReadArray(const ArrowSchema& schema, ArrowArray& array);

  std::vector<ArrowArray> arrays_;  // released at the end
  std::vector<std::string_view> texts_;
  std::vector<uint8_t> is_null_;
  size_t nulls_ = 0;
};

}  // namespace minnow::python
