// SPDX-License-Identifier: Apache-2.0
#include "generation/search.h"

#include <algorithm>

#include "generation/beam_search.h"
#include "generation/token_search.h"
#include "generation/warpers.h"

namespace minnow {

const char* FinishReasonName(FinishReason reason) {
  switch (reason) {
    case FinishReason::kLength:
      return "length";
    case FinishReason::kEnd:
      return "end";
    case FinishReason::kStop:
      return "stop";
  }
  return "";
}

std::unique_ptr<Search> NewSearch(const GenerationSettings& settings,
                                  std::span<const int32_t> encoder_ids) {
  if (settings.num_beams > 1) return std::make_unique<BeamSearch>(settings, encoder_ids);
  return std::make_unique<TokenSearch>(settings, encoder_ids);
}

size_t SearchBytes(const GenerationSettings& settings, size_t encoder_ids) {
  constexpr size_t kId = sizeof(int32_t), kScore = sizeof(float);
  // Beams: those that run, those of the next step, those that ended.
  const size_t rows =
      settings.num_beams > 1 ? 3 * settings.num_beams : settings.num_return_sequences;
  size_t bytes = sizeof(BeamSearch) + rows * settings.max_length * (kId + kScore);
  bytes += 2 * encoder_ids * kId;
  bytes += settings.vocab_size * (kScore + 2 * kId);  // raw scores, ids seen, their counts
  if (settings.do_sample) bytes += SamplingWarpers::Bytes(settings);
  for (const auto& word : settings.bad_words_ids) bytes += 2 * (sizeof(word) + word.size() * kId);
  for (const auto& item : settings.sequence_bias) {
    bytes += 2 * (sizeof(item) + item.ids.size() * kId);
  }
  return bytes;
}

void FillSequences(const GenerationSettings& settings, std::vector<GeneratedSequence>* sequences) {
  const std::optional<int32_t> pad = settings.pad_token_id;
  const bool pads = pad && (settings.num_beams == 1 || *pad != 0);
  int32_t fill = -1;
  if (!settings.eos_token_ids.empty()) fill = pads ? *pad : settings.eos_token_ids.front();
  size_t longest = 0;
  for (const GeneratedSequence& sequence : *sequences) {
    longest = std::max(longest, sequence.ids.size());
  }
  for (GeneratedSequence& sequence : *sequences) sequence.ids.resize(longest, fill);
}

}  // namespace minnow
