// SPDX-License-Identifier: Apache-2.0
// Search: from the scores of a decoder, step by step, to the ids of a text. One for each request.
//
//   auto search = NewSearch(settings, encoder_ids);
//   while (!search->done()) {
//     // Feed search->tokens(), a row each; rows were reordered by search->parents().
//     search->Advance(logits, stride);
//   }
//   auto sequences = search->Take();
//
// What a search gives depends on its settings and on the logits alone. It allocates when it is made
// and when it is taken, not in between.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "generation/settings.h"

namespace minnow {

enum class FinishReason {
  kLength,  // max_length was reached, or EndWithNext was called
  kEnd,     // an id of eos_token_ids, which is the last one
  kStop,    // the caller stopped it
};
const char* FinishReasonName(FinishReason reason);  // "length", "end", "stop"

struct GeneratedSequence {
  std::vector<int32_t> ids;  // the start id, then the new ones
  // Beams: the sum of `logprobs` divided by (new ids)^length_penalty. Else: that sum; 0 without
  // `logprobs`.
  float score = 0;
  // Of each new id. Beams: the values that the score sums, after the processors. Else, where the
  // settings ask for it: the log-softmax of the raw logits.
  std::vector<float> logprobs;
  FinishReason finish_reason = FinishReason::kLength;
};

class Search {
 public:
  Search() = default;
  Search(const Search&) = delete;
  Search& operator=(const Search&) = delete;
  virtual ~Search() = default;

  // Rows of the next step: 1 in the first, then beams, or sequences that have not ended.
  size_t rows() const { return tokens().size(); }
  // [rows]: the id that each row feeds.
  virtual std::span<const int32_t> tokens() const = 0;
  // [rows]: which row of the step before each row goes on from. Empty before the first step, and
  // where every row stays where it was.
  virtual std::span<const uint32_t> parents() const = 0;

  // False: AdvanceBest may be called instead of Advance.
  virtual bool needs_all_logits() const = 0;
  // logits: row r is logits[r * stride, r * stride + vocab_size), overwritten. Total: NaN counts as
  // minus infinity, plus infinity as the largest float. A row with nothing above minus infinity
  // ends a greedy search or sampling with an error, see Take, and of beams the one that it is of.
  // REQUIRES: !done()
  virtual void Advance(float* logits, size_t stride) = 0;
  // ids: [rows], of each row the first of its greatest logits; -1 where none is above minus
  // infinity. REQUIRES: !done(), !needs_all_logits()
  virtual void AdvanceBest(std::span<const int32_t> ids) = 0;
  virtual bool done() const = 0;
  // What runs ends with the next Advance, as if it came to max_length then.
  virtual void EndWithNext() = 0;

  // Of a search that can stream (one beam): the ids of a sequence so far, the start id first, and
  // their log probabilities, if the settings ask for them.
  virtual bool can_stream() const = 0;
  virtual std::span<const int32_t> ids(size_t sequence) const = 0;
  virtual std::span<const float> logprobs(size_t sequence) const = 0;
  // Ends a sequence between two steps. REQUIRES: can_stream()
  virtual void Stop(size_t sequence) = 0;

  // num_return_sequences of them, the best first (samples: as numbered). Beams may give fewer where
  // the settings forbid most ids. Fails where no id was left to choose: kInternal if the logits
  // hold nothing above minus infinity, kInvalidArgument if the settings forbid all.
  // REQUIRES: done(); once
  virtual Result<std::vector<GeneratedSequence>> Take() = 0;
};

// `encoder_ids`: the input's, without padding. One of greedy search, sampling, beam search and beam
// sampling, by num_beams and do_sample.
std::unique_ptr<Search> NewSearch(const GenerationSettings& settings,
                                  std::span<const int32_t> encoder_ids);

// About how much a search allocates.
size_t SearchBytes(const GenerationSettings& settings, size_t encoder_ids);

// Makes all sequences as long as the longest, as rows of one array must be. Samples and greedy ones
// are filled with the pad id (else the first end id); beams too, but for a pad id of 0, in whose
// place transformers takes the first end id. Without either: -1.
void FillSequences(const GenerationSettings& settings, std::vector<GeneratedSequence>* sequences);

}  // namespace minnow
