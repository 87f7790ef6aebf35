// SPDX-License-Identifier: Apache-2.0
// Tokenizer and encoder in turns.
#include "cli/embed_stream.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace minnow {
namespace {

constexpr size_t kBatchTokens = 4096;
constexpr size_t kBatchTexts = 1024;

}  // namespace

EmbedStream::EmbedStream(const EmbeddingModel& model, Prompt prompt, ThreadPool* pool)
    : model_(model),
      prompt_(std::move(prompt)),
      batch_(model, std::max(kBatchTokens, model.max_tokens()), kBatchTexts, pool) {}

// False at the end.
Result<bool> EmbedStream::AddNext(TextInput& input, bool normalize, const Take& take) {
  MINNOW_ASSIGN_OR_RETURN(const std::optional<std::string_view> text, input.Next());
  if (!text) return false;
  Result<TokenizedText> tokens = model_.Tokenize(*text, LengthPolicy{}, prompt_);
  if (!tokens.ok()) return Annotate(std::move(tokens).error(), input.Where());
  tokens_ += tokens->ids.size();
  if (tokens->truncated()) {
    ++truncated_;
    longest_ = std::max(longest_, tokens->untruncated_tokens);
  }
  const bool wanted = batch_.Fits(*tokens) || take(batch_.Run(normalize), /*waiting=*/false);
  if (wanted) batch_.Add(*tokens);
  return wanted;
}

Status EmbedStream::Run(TextInput& input, bool normalize, const Take& take) {
  Status status;
  while (true) {
    // Whoever writes line by line gets answers line by line.
    if (batch_.texts() > 0 && !input.ready() && !take(batch_.Run(normalize), /*waiting=*/true)) {
      break;
    }
    const Result<bool> added = AddNext(input, normalize, take);
    if (!added.ok()) status = added.error();
    if (!added.ok() || !*added) break;
  }
  // What came before a wrong line is still good.
  if (batch_.texts() > 0) take(batch_.Run(normalize), /*waiting=*/false);
  return status;
}

}  // namespace minnow
