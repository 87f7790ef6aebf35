// SPDX-License-Identifier: Apache-2.0
// A job a text, as the server makes them, and their items in batches.
#include "cli/tokens/token_stream.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace minnow {
namespace {

constexpr size_t kBatchTokens = 4096;
constexpr size_t kBatchTexts = 1024;

}  // namespace

TokenStream::TokenStream(const TokenHeadModel& model, ThreadPool* pool)
    : model_(model),
      task_(&model),
      batch_tokens_(std::max(kBatchTokens, model.max_tokens())),
      workspace_(task_.NewWorkspace(batch_tokens_, kBatchTexts, pool)) {}

Result<bool> TokenStream::AddNext(TextInput& input, const Read& read) {
  MINNOW_ASSIGN_OR_RETURN(const std::optional<std::string_view> text, input.Next());
  if (!text) return false;
  Result<TokenScoresRequest> request = read(*text);
  if (!request.ok()) return Annotate(std::move(request).error(), input.Where());
  request->last_field = input.Where();
  Waiting next;
  next.answer = std::make_unique<Result<TokenScoresAnswer>>(TokenScoresAnswer());
  next.job = std::make_unique<TokenScoresJob>(
      &model_, std::move(request).value(),
      [answer = next.answer.get()](Result<TokenScoresAnswer> scores) {
        *answer = std::move(scores);
      });
  MINNOW_ASSIGN_OR_RETURN(const std::vector<uint32_t> work, next.job->Prepare());
  for (uint32_t i = 0; i < work.size(); ++i) {
    items_.push_back({next.job.get(), i, work[i]});
    waiting_tokens_ += work[i];
  }
  waiting_.push_back(std::move(next));
  return true;
}

void TokenStream::Step(std::vector<BatchItem>& items) {
  std::vector<StepOutcome> outcomes(items.size());
  task_.Step(items, *workspace_, outcomes);
  items.clear();
}

Status TokenStream::Finish(bool waiting, const Take& take) {
  std::vector<BatchItem> batch;
  size_t tokens = 0;
  for (const BatchItem& item : items_) {
    if (tokens + item.work > batch_tokens_ || batch.size() == kBatchTexts) {
      Step(batch);
      tokens = 0;
    }
    batch.push_back(item);
    tokens += item.work;
  }
  if (!batch.empty()) Step(batch);
  items_.clear();
  waiting_tokens_ = 0;
  for (std::vector<Waiting> done = std::exchange(waiting_, {}); Waiting & one : done) {
    one.job->Done({}, {});
    if (!one.answer->ok()) return std::move(*one.answer).error();
    const TokenScoresAnswer& answer = **one.answer;
    if (answer.truncated > 0) {
      ++truncated_;
      longest_ = std::max<size_t>(longest_, answer.texts.front().untruncated);
    }
    wanted_ = wanted_ && take(answer, waiting && &one == &done.back());
  }
  return {};
}

Status TokenStream::Run(TextInput& input, const Read& read, const Take& take) {
  Status status;
  while (wanted_) {
    const bool waiting = !waiting_.empty() && !input.ready();
    if (waiting || waiting_tokens_ >= batch_tokens_ || waiting_.size() == kBatchTexts)
      MINNOW_RETURN_IF_ERROR(Finish(waiting, take));
    if (!wanted_) break;
    const Result<bool> added = AddNext(input, read);
    if (!added.ok()) status = added.error();
    if (!added.ok() || !*added) break;
  }
  // What came before a wrong line is still good.
  MINNOW_RETURN_IF_ERROR(Finish(/*waiting=*/false, take));
  return status;
}

}  // namespace minnow
