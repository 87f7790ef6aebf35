// SPDX-License-Identifier: Apache-2.0
// Any bytes as JSON: refused with a message, or a tree that can be walked and written and reads
// back the same.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "formats/json.h"

namespace minnow {
namespace {

void Write(const JsonView& value, JsonWriter& out) {
  switch (value.type()) {
    case JsonType::kNull:
      out.Null();
      break;
    case JsonType::kBool:
      out.Bool(value.Bool().value());
      break;
    case JsonType::kNumber:
      out.Double(value.Number().value());
      break;
    case JsonType::kString:
      out.String(value.String().value());
      break;
    case JsonType::kArray:
      out.BeginArray();
      for (const JsonView item : value.Items()) Write(item, out);
      out.EndArray();
      break;
    case JsonType::kObject:
      out.BeginObject();
      for (size_t i = 0; i < value.size(); ++i) {
        out.Key(value.key(i));
        Write(value.at(i), out);
      }
      out.EndObject();
      break;
  }
}

// Every getter on every value; what fails says so under the document's name.
void Ask(const JsonView& value, int& budget) {
  if (--budget < 0) return;
  for (const auto& failure : {value.Int(-5, 5).ok() ? Error{} : value.Int(-5, 5).error(),
                              value.Number().ok() ? Error{} : value.Number().error(),
                              value.GetString("a").ok() ? Error{} : value.GetString("a").error()}) {
    CHECK(failure.message.empty() || failure.message.starts_with("x.json: "));
  }
  value.Describe();
  for (size_t i = 0; i < value.size(); ++i) {
    if (value.is_object()) CHECK(value.Find(value.key(i)).has_value());
    Ask(value.at(i), budget);
  }
}

std::string Written(const JsonDocument& document) {
  std::string text;
  JsonWriter writer(&text);
  Write(document.root(), writer);
  return text;
}

}  // namespace
}  // namespace minnow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace minnow;
  JsonLimits limits;
  limits.max_values = 20'000;
  if (size > 0) limits.unique_names = data[0] == '[';
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto document = JsonDocument::Parse(text, "x.json", limits);
  if (!document.ok()) {
    CHECK(document.error().message.starts_with("x.json: ") &&
          document.error().message.size() < 500);
    return 0;
  }
  int budget = 200;
  Ask(document->root(), budget);
  const std::string once = Written(*document);
  const auto again = JsonDocument::Parse(once, "x.json", limits);
  CHECK(again.ok());
  CHECK(Written(*again) == once);
  return 0;
}
