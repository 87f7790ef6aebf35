// SPDX-License-Identifier: Apache-2.0
// Texts of Python as C++ reads them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "csrc/python_api.h"

namespace minnow::python {

// The UTF-8 of each str of a tuple; it lives as long as the tuple does. False, with TypeError or
// ValueError that names the text, where one is no str or has a lone surrogate. With the GIL.
bool ReadTexts(PyObject* tuple, std::vector<std::string_view>* texts);

// The same of one str, which messages call `name`.
bool ReadText(PyObject* object, const std::string& name, std::string_view* text);

// "texts[3]"
inline std::string NameOfText(size_t index) { return "texts[" + std::to_string(index) + "]"; }

}  // namespace minnow::python
