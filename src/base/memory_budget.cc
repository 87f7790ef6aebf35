// SPDX-License-Identifier: Apache-2.0
// Sizes as people write them.
#include "base/memory_budget.h"

#include <charconv>
#include <string>

namespace minnow {

Result<size_t> ParseByteSize(std::string_view text) {
  const Error wrong{Code::kInvalidArgument,
                    "\"" + std::string(text) + "\" is not a size such as 400M, 2G or 1073741824"};
  size_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || value == 0) return wrong;
  std::string_view unit(parsed, static_cast<size_t>(end - parsed));
  if (unit.ends_with("iB")) unit.remove_suffix(2);
  if (unit.ends_with('B')) unit.remove_suffix(1);
  if (unit.empty()) return value;
  constexpr std::string_view kUnits = "KMGT";
  constexpr int kBitsOfUnit = 10;
  const char letter = unit[0] >= 'a' ? static_cast<char>(unit[0] - 'a' + 'A') : unit[0];
  const size_t power = kUnits.find(letter);
  if (unit.size() != 1 || power == std::string_view::npos) return wrong;
  const size_t shift = kBitsOfUnit * (power + 1);
  if (value > MemoryBudget::kNoLimit >> shift) return wrong;
  return value << shift;
}

}  // namespace minnow
