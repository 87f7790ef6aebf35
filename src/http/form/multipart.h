// SPDX-License-Identifier: Apache-2.0
// multipart/form-data (RFC 7578): the parts of a form that browsers and programs send, files among
// them. Every byte is hostile, and nothing of a body is copied. Pure; callable from any thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace minnow::http {

struct FormPart {
  std::string name;
  std::string file_name;      // as it was sent: never a path to open
  bool is_file = false;       // it has a file name, even an empty one
  std::string_view type;      // Content-Type; empty where there is none
  std::string_view contents;  // within the body

  // A file that nobody chose, as browsers send it.
  bool is_blank() const { return is_file && file_name.empty() && contents.empty(); }
};

struct FormLimits {
  size_t max_parts = 256;
  size_t max_header_bytes = 16 * 1024;  // of one part
};

// Whether a Content-Type says multipart/form-data.
bool IsForm(std::string_view content_type);

// The parts in their order; they point into both texts. kInvalidArgument: no boundary, a body that
// is cut off, a part without a name, a limit; the message says which.
Result<std::vector<FormPart>> ReadForm(std::string_view content_type, std::string_view body,
                                       const FormLimits& limits = {});

}  // namespace minnow::http
