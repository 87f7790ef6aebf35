// SPDX-License-Identifier: Apache-2.0
// What the readers of tokenizer.json's components share: each is an object with a "type", and some
// are a sequence of others. Pure functions.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/json.h"

namespace minnow {

// Of the smaller files: tokenizer_config.json and those of special tokens.
inline constexpr size_t kMaxTokenizerConfigBytes = size_t{16} << 20;

inline Result<std::string_view> ComponentType(const JsonView& component) {
  MINNOW_RETURN_IF_ERROR(component.Object());
  return component.GetString("type");
}

// `value` is the type, or another field that chooses.
inline Error UnknownComponent(const JsonView& value, std::string_view supported) {
  return value.Wrong(Code::kUnsupported, "not one of those supported: " + std::string(supported));
}

// How many times longer a component may make a text: files are not trusted, and steps one after the
// other multiply.
constexpr size_t kMaxGrowth = size_t{1} << 10;

// Of two steps, each at most some 2^30; kMaxGrowth + 1 stands for all that is more.
inline size_t GrowthOfBoth(size_t first, size_t second) {
  return std::min(first * second, kMaxGrowth + 1);
}

inline Status CheckGrowth(const JsonView& component, size_t growth) {
  if (growth <= kMaxGrowth) return Status();
  return component.Wrong(Code::kUnsupported, "may make a text more than " +
                                                 std::to_string(kMaxGrowth) + " times longer");
}

// The steps of a sequence, which stand in its array `field`.
template <class Component>
Result<std::vector<std::unique_ptr<const Component>>> ReadSteps(
    const JsonView& sequence, std::string_view field,
    Result<std::unique_ptr<const Component>> (*read)(const JsonView&)) {
  MINNOW_ASSIGN_OR_RETURN(const JsonView list, sequence.Get(field));
  MINNOW_RETURN_IF_ERROR(list.Array());
  std::vector<std::unique_ptr<const Component>> steps;
  for (const JsonView item : list.Items()) {
    MINNOW_ASSIGN_OR_RETURN(auto step, read(item));
    steps.push_back(std::move(step));
  }
  return steps;
}

}  // namespace minnow
