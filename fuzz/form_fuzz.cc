// SPDX-License-Identifier: Apache-2.0
// Any bytes as a form: its parts lie within the body, in their order, and keep to the limits.
//
// The first line is the Content-Type, the rest is the body.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "http/form/multipart.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace minnow::http;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return 0;
  const std::string_view body = text.substr(end + 1);
  const FormLimits limits = {.max_parts = 8, .max_header_bytes = 256};
  const auto parts = ReadForm(text.substr(0, end), body, limits);
  if (!parts.ok()) {
    CHECK(!parts.error().message.empty());
    return 0;
  }
  CHECK(parts->size() <= limits.max_parts);
  const char* at = body.data();
  for (const FormPart& part : *parts) {
    if (part.contents.empty()) continue;
    CHECK(part.contents.data() >= at);
    at = part.contents.data() + part.contents.size();
    CHECK(at <= body.data() + body.size());
  }
  return 0;
}
