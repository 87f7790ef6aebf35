// SPDX-License-Identifier: Apache-2.0
// NotebookDocuments: a Jupyter notebook as documents, one for each cell; outputs are left out.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace minnow {

// Each as JSON text: {"id":"path#cell-3","path","dir","lang","kind","title","text"}, `kind` "code"
// or "text"; the title is the last heading above or in the cell, else the file's name. Empty cells
// count but give none. Formats 3 and 4. Fails with kInvalidArgument: no notebook.
Result<std::vector<std::string>> NotebookDocuments(const std::string& path, std::string_view json);

}  // namespace minnow
