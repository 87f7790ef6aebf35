// SPDX-License-Identifier: Apache-2.0
// GenerationText: what a picture was made of, in the text form of the A1111 web UI:
//
//   a photo of a fish
//   Negative prompt: blurry
//   Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512
//
// Pure functions; thread-safe.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace minnow {

struct GenerationText {
  std::string prompt;
  std::string negative_prompt;
  std::vector<std::pair<std::string, std::string>> fields;  // name and value, in their order

  // The value of the first field of this name, or null.
  const std::string* Find(std::string_view name) const;
};

// Values with a comma, a colon or a new line are quoted as JSON's strings.
std::string WriteGenerationText(const GenerationText& text);

// Any text, as the web UI takes it apart: the last line holds the fields where it has three or
// more.
GenerationText ParseGenerationText(std::string_view text);

}  // namespace minnow
