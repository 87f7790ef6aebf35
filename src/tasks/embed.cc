// SPDX-License-Identifier: Apache-2.0
// From inputs to checked tokens, and from a batch to the jobs' own vectors.
#include "tasks/embed.h"

#include <algorithm>
#include <utility>

namespace minnow {
namespace {

// A guess for admission, made without tokenizing: a token of running text has about this many
// bytes.
constexpr size_t kBytesPerToken = 4;

size_t GuessTokens(const EmbedInput& input) {
  const auto* text = std::get_if<std::string>(&input);
  return text != nullptr ? text->size() / kBytesPerToken + 2
                         : std::get<std::vector<TokenId>>(input).size();
}

struct EmbedWorkspace : Task::Workspace {
  EmbedWorkspace(const EmbeddingModel& model, size_t max_tokens, size_t max_items, ThreadPool* pool)
      : batch(model, max_tokens, max_items, pool) {}
  EmbeddingBatch batch;
};

}  // namespace

EmbedJob::EmbedJob(const EmbeddingModel* model, EmbedRequest request, Callback done)
    : model_(model), request_(std::move(request)), done_(std::move(done)) {
  priority = request_.priority;
  for (const EmbedInput& input : request_.inputs) {
    expected_tokens_ += std::min(GuessTokens(input), model_->max_tokens());
  }
}

Result<std::vector<uint32_t>> EmbedJob::Prepare() {
  const size_t count = request_.inputs.size();
  texts_.reserve(count);
  answer_.tokens.reserve(count);
  MINNOW_ASSIGN_OR_RETURN(const Prompt prompt, model_->MakePrompt(request_.prompt));
  size_t total_tokens = 0;
  for (size_t i = 0; i < count; ++i) {
    EmbedInput& input = request_.inputs[i];
    const auto* text = std::get_if<std::string>(&input);
    if (text == nullptr && request_.prompt.asked_for()) {
      return Error{Code::kInvalidArgument, "prompt_name: token ids take no prompt, texts do"};
    }
    Result<TokenizedText> tokens = text != nullptr
                                       ? model_->Tokenize(*text, request_.length, prompt)
                                       : model_->CheckIds(std::get<std::vector<TokenId>>(input),
                                                          request_.length, request_.foreign_ids);
    if (!tokens.ok()) {
      const bool named = i + 1 == count && !request_.last_field.empty();
      return Annotate(std::move(tokens).error(),
                      named ? request_.last_field : request_.field + "[" + std::to_string(i) + "]");
    }
    answer_.tokens.push_back(static_cast<uint32_t>(tokens->ids.size()));
    answer_.truncated += tokens->truncated() ? 1 : 0;
    total_tokens += tokens->ids.size();
    if (request_.max_total_tokens > 0 && total_tokens > request_.max_total_tokens) {
      return Error{Code::kInvalidArgument, request_.field + ": more than " +
                                               std::to_string(request_.max_total_tokens) +
                                               " tokens together"};
    }
    texts_.push_back(std::move(tokens).value());
    // A large request waits long; its text is not needed any more.
    input = std::string();
  }
  answer_.vectors.resize(count * model_->embedding_size());
  return answer_.tokens;
}

void EmbedJob::Done(Status status, const JobTimings& timings) {
  const Callback done = std::move(done_);
  if (!status.ok()) {
    done(std::move(status).error());
    return;
  }
  answer_.timings = timings;
  done(std::move(answer_));
}

std::unique_ptr<Task::Workspace> EmbedTask::NewWorkspace(size_t max_tokens, size_t max_items,
                                                         ThreadPool* pool) const {
  return std::make_unique<EmbedWorkspace>(*model_, max_tokens, max_items, pool);
}

void EmbedTask::Run(std::span<const BatchItem> items, Workspace& workspace) const {
  EmbeddingBatch& batch = static_cast<EmbedWorkspace&>(workspace).batch;
  const size_t size = model_->embedding_size();
  for (const bool normalize : {true, false}) {
    const auto wanted = [normalize](const EmbedJob& job) {
      return job.request_.normalize == normalize;
    };
    for (const BatchItem& item : items) {
      const auto& job = static_cast<const EmbedJob&>(*item.job);
      if (wanted(job)) batch.Add(job.texts_[item.index]);
    }
    const float* vector = batch.Run(normalize).data();
    for (const BatchItem& item : items) {
      auto& job = static_cast<EmbedJob&>(*item.job);
      if (!wanted(job)) continue;
      std::copy_n(vector, size, job.answer_.vectors.data() + item.index * size);
      vector += size;
    }
  }
}

}  // namespace minnow
