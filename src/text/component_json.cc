// SPDX-License-Identifier: Apache-2.0
// JSON that is handed on as it is.
#include "text/component_json.h"

#include <limits>

namespace minnow {

void WriteJson(const JsonView& value, JsonWriter& json) {
  switch (value.type()) {
    case JsonType::kNull:
      return json.Null();
    case JsonType::kBool:
      return json.Bool(value.Bool().value());
    case JsonType::kNumber: {
      const auto integer =
          value.Int(std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max());
      if (integer.ok()) return json.Int(*integer);
      const auto number = value.Number();
      return number.ok() ? json.Double(*number) : json.Null();
    }
    case JsonType::kString:
      return json.String(value.String().value());
    case JsonType::kArray:
      json.BeginArray();
      for (const JsonView item : value.Items()) WriteJson(item, json);
      return json.EndArray();
    case JsonType::kObject:
      json.BeginObject();
      for (size_t i = 0; i < value.size(); ++i) {
        json.Key(value.key(i));
        WriteJson(value.at(i), json);
      }
      return json.EndObject();
  }
}

}  // namespace minnow
