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

size_t TextBytes(const EmbedInput& input) {
  if (const auto* text = std::get_if<std::string>(&input)) return text->size();
  const auto* pair = std::get_if<TextPair>(&input);
  return pair != nullptr ? pair->first.size() + pair->second.size() : 0;
}

size_t GuessTokens(const EmbedInput& input) {
  if (const auto* ids = std::get_if<std::vector<TokenId>>(&input)) return ids->size();
  return TextBytes(input) / kBytesPerToken + 2;
}

Result<TokenizedText> Tokens(const TextModel& model, const EmbedInput& input,
                             const LengthPolicy& length) {
  if (const auto* ids = std::get_if<std::vector<TokenId>>(&input))
    return model.CheckIds(*ids, length);
  if (const auto* pair = std::get_if<TextPair>(&input))
    return model.TokenizePair(pair->first, pair->second, length);
  return model.Tokenize(std::get<std::string>(input), length);
}

struct EmbedWorkspace : Task::Workspace {
  EmbedWorkspace(const TextModel& model, size_t max_tokens, size_t max_items, ThreadPool* pool)
      : batch(model, max_tokens, max_items, pool) {}
  TextBatch batch;
};

}  // namespace

EmbedJob::EmbedJob(const TextModel* model, EmbedRequest request, Callback done)
    : model_(model), request_(std::move(request)), done_(std::move(done)) {
  priority = request_.priority;
  for (const EmbedInput& input : request_.inputs) {
    cost_.work += std::min(GuessTokens(input), model_->max_tokens());
    cost_.bytes += TextBytes(input);
  }
  cost_.bytes += HeldBytes(cost_.work);
}

// Ids, vectors and their digits.
size_t EmbedJob::HeldBytes(size_t tokens) const {
  constexpr size_t kBytesPerNumber = sizeof(float) + 12;
  return request_.inputs.size() *
             (sizeof(TokenizedText) + model_->outputs() * kBytesPerNumber) +
         tokens * (sizeof(TokenId) + 1);
}

Result<std::vector<uint32_t>> EmbedJob::Prepare() {
  const size_t count = request_.inputs.size();
  texts_.reserve(count);
  answer_.tokens.reserve(count);
  size_t total_tokens = 0;
  for (size_t i = 0; i < count; ++i) {
    EmbedInput& input = request_.inputs[i];
    Result<TokenizedText> tokens = Tokens(*model_, input, request_.length);
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
  answer_.vectors.resize(count * model_->outputs());
  cost_ = {total_tokens, HeldBytes(total_tokens)};
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

// Rows of activations dominate: each thread has some for whole texts, and all share some more.
size_t EmbedTask::WorkspaceBytes(size_t max_tokens, size_t max_items, int threads) const {
  constexpr size_t kRowsPerThread = 512;
  constexpr size_t kWidthsPerRow = 16;  // hidden states, context, q, k and v; twice for two threads
  const size_t width = static_cast<size_t>(model_->encoder().info().config.hidden_size);
  const size_t rows = std::max(kRowsPerThread, model_->max_tokens()) * static_cast<size_t>(threads);
  return (rows * width * kWidthsPerRow + max_items * model_->outputs()) * sizeof(float) +
         max_tokens * (sizeof(TokenId) + 1);
}

void EmbedTask::Step(std::span<const BatchItem> items, Workspace& workspace,
                     std::span<StepOutcome>) const {
  TextBatch& batch = static_cast<EmbedWorkspace&>(workspace).batch;
  const size_t size = model_->outputs();
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
