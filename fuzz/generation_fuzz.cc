// SPDX-License-Identifier: Apache-2.0
// Any bytes as generation options: refused with a message, or a search that ends, on logits of all
// kinds, with ids of the vocabulary, in the memory that it announced.
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "generation/options_json.h"
#include "generation/search.h"

namespace minnow {
namespace {

constexpr size_t kVocabSize = 12;

float LogitOf(uint32_t bits) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  switch (bits >> 27) {
    case 0:
      return kInfinity;
    case 1:
    case 2:
      return -kInfinity;
    case 3:
      return std::numeric_limits<float>::quiet_NaN();
    case 4:
      return -std::numeric_limits<float>::max();
    default:
      return static_cast<float>(bits % 64) / 8 - 4;  // with many equals
  }
}

void Run(GenerationSettings settings, uint32_t state) {
  settings.logprobs = (state & 1) != 0;
  const std::vector<int32_t> input{2, 3, 3, 4, 1, -7, 99};
  const auto search = NewSearch(settings, input);
  CHECK(SearchBytes(settings, input.size()) > 0);
  std::vector<float> logits;
  size_t steps = 0;
  while (!search->done()) {
    CHECK(++steps < settings.max_length);
    const size_t rows = search->rows();
    CHECK(rows > 0 && (search->parents().empty() || search->parents().size() == rows));
    logits.resize(rows * kVocabSize);
    for (float& logit : logits) {
      state = state * 1664525 + 1013904223;
      logit = LogitOf(state);
    }
    search->Advance(logits.data(), kVocabSize);
  }
  auto sequences = search->Take();
  if (!sequences.ok()) return;
  CHECK(!sequences->empty() && sequences->size() <= settings.num_return_sequences);
  for (const GeneratedSequence& sequence : *sequences) {
    CHECK(sequence.ids.size() <= settings.max_length);
    for (const int32_t id : sequence.ids) CHECK(id >= 0 && id < static_cast<int32_t>(kVocabSize));
    CHECK(sequence.score == sequence.score);
  }
  FillSequences(settings, &*sequences);
}

}  // namespace
}  // namespace minnow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace minnow;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto document = JsonDocument::Parse(text, "", {.max_bytes = 1 << 16});
  if (!document.ok()) return 0;
  const auto options = ReadGenerationOptions(document->root());
  if (!options.ok()) {
    CHECK(!options.error().message.empty());
    return 0;
  }
  GenerationOptions start;
  start.decoder_start_token_id = 0;
  const auto settings =
      ResolveGeneration(Merge(*options, start), kVocabSize,
                        {.num_beams = 5, .num_return_sequences = 5, .max_new_tokens = 20});
  if (!settings.ok()) {
    CHECK(!settings.error().message.empty());
    return 0;
  }
  for (uint32_t state = 1; state < 5; ++state) Run(*settings, state * 77777u);
  return 0;
}
