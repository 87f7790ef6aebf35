// SPDX-License-Identifier: Apache-2.0
// From inputs to checked tokens, and from a batch to the jobs' own vectors.
#include "tasks/embed.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <optional>
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

Result<TokenizedText> Tokens(const TextModel& model, const EmbedInput& input,
                             const EmbedRequest& request, const Prompt& prompt) {
  const LengthPolicy& length = request.length;
  if (const auto* ids = std::get_if<std::vector<TokenId>>(&input))
    return model.CheckIds(*ids, length, request.foreign_ids);
  if (const auto* pair = std::get_if<TextPair>(&input))
    return model.TokenizePair(pair->first, pair->second, length);
  return model.Tokenize(std::get<std::string>(input), length, prompt);
}

struct EmbedWorkspace : Task::Workspace {
  EmbedWorkspace(const TextModel& model, size_t max_tokens, size_t max_items, ThreadPool* pool)
      : batch(model, max_tokens, max_items, pool) {
    const MaskHead* const head = model.encoder().mask_head();
    if (head != nullptr) masks.emplace(head, &model.encoder().kernels(), pool);
  }
  TextBatch batch;
  std::optional<MaskScorer> masks;
};

}  // namespace

void CutVector(const float* from, size_t dimensions, bool normalize, float* to) {
  std::memmove(to, from, dimensions * sizeof(float));
  if (!normalize) return;
  double sum = 0;
  for (size_t k = 0; k < dimensions; ++k) sum += static_cast<double>(to[k]) * to[k];
  if (sum == 0) return;
  const float scale = static_cast<float>(1 / std::sqrt(sum));
  for (size_t k = 0; k < dimensions; ++k) to[k] *= scale;
}

EmbedJob::EmbedJob(const TextModel* model, EmbedRequest request, Callback done)
    : EmbedJob(model, std::move(request), std::move(done), /*keeps_vectors=*/true) {}

EmbedJob::EmbedJob(const TextModel* model, EmbedRequest request, Callback done, WithoutVectors)
    : EmbedJob(model, std::move(request), std::move(done), /*keeps_vectors=*/false) {}

EmbedJob::EmbedJob(const TextModel* model, EmbedRequest&& request, Callback&& done,
                   bool keeps_vectors)
    : model_(model),
      request_(std::move(request)),
      done_(std::move(done)),
      keeps_vectors_(keeps_vectors) {
  priority = request_.priority;
  for (const EmbedInput& input : request_.inputs) {
    cost_.work += std::min(GuessTokens(input), model_->max_tokens());
    cost_.bytes += TextBytes(input);
  }
  cost_.bytes += HeldBytes(request_.inputs.size(), cost_.work);
}

size_t EmbedJob::GuessTokens(const EmbedInput& input) {
  if (const auto* ids = std::get_if<std::vector<TokenId>>(&input)) return ids->size();
  return TextBytes(input) / kBytesPerToken + 2;
}

void EmbedJob::ExpectTokens(size_t tokens) {
  if (tokens <= cost_.work) return;
  cost_.bytes += HeldBytes(/*items=*/0, tokens - cost_.work);
  cost_.work = tokens;
}

// Ids, vectors and their digits.
size_t EmbedJob::HeldBytes(size_t items, size_t tokens) const {
  constexpr size_t kBytesPerNumber = sizeof(float) + 12;
  const size_t rows = row_a_token() ? tokens : items;
  const size_t numbers = keeps_vectors_ ? rows * row_size() : 0;
  return items * sizeof(TokenizedText) + numbers * kBytesPerNumber + tokens * (sizeof(TokenId) + 1);
}

size_t EmbedJob::row_size() const {
  return request_.all_tokens ? model_->hidden_size() : model_->outputs();
}

std::string EmbedJob::NameOf(size_t input) const {
  if (input + 1 == request_.inputs.size() && !request_.last_field.empty())
    return request_.last_field;
  return request_.field + "[" + std::to_string(input / request_.inputs_per_item) + "]";
}

void EmbedJob::AddItem(TokenizedText text) {
  first_rows_.push_back(first_rows_.back() + (row_a_token() ? text.ids.size() : 1));
  answer_.tokens.push_back(static_cast<uint32_t>(text.ids.size()));
  answer_.truncated += text.truncated() ? 1 : 0;
  answer_.untruncated.push_back(static_cast<uint32_t>(text.untruncated_tokens));
  texts_.push_back(std::move(text));
}

std::vector<uint32_t> EmbedJob::FinishItems(size_t more_bytes) {
  const size_t tokens = std::accumulate(answer_.tokens.begin(), answer_.tokens.end(), size_t{0});
  if (keeps_vectors_) answer_.vectors.resize(first_rows_.back() * row_size());
  cost_ = {tokens, HeldBytes(texts_.size(), tokens) + more_bytes};
  return answer_.tokens;
}

Result<std::vector<uint32_t>> EmbedJob::Prepare() {
  const size_t count = request_.inputs.size();
  texts_.reserve(count);
  answer_.tokens.reserve(count);
  MINNOW_ASSIGN_OR_RETURN(const Prompt prompt, model_->MakePrompt(request_.prompt));
  size_t total_tokens = 0;
  for (size_t i = 0; i < count; ++i) {
    EmbedInput& input = request_.inputs[i];
    if (request_.prompt.asked_for() && !std::holds_alternative<std::string>(input)) {
      return Error{Code::kInvalidArgument, "prompt_name: only texts take a prompt"};
    }
    Result<TokenizedText> tokens = Tokens(*model_, input, request_, prompt);
    if (!tokens.ok()) return Annotate(std::move(tokens).error(), NameOf(i));
    Status accepted = Accept(*tokens);
    if (!accepted.ok()) return Annotate(std::move(accepted).error(), NameOf(i));
    total_tokens += tokens->ids.size();
    if (request_.max_total_tokens > 0 && total_tokens > request_.max_total_tokens) {
      return Error{Code::kInvalidArgument, request_.field + ": more than " +
                                               std::to_string(request_.max_total_tokens) +
                                               " tokens together"};
    }
    AddItem(std::move(tokens).value());
    // A large request waits long; its text is not needed any more.
    input = std::string();
  }
  return FinishItems();
}

TextBatch::Output EmbedJob::output() const {
  using Output = TextBatch::Output;
  if (request_.all_tokens) return Output::kTokens;
  return request_.normalize ? Output::kNormalized : Output::kPooled;
}

size_t EmbedJob::SizeOf(size_t item) const {
  return (first_rows_[item + 1] - first_rows_[item]) * row_size();
}

std::span<float> EmbedJob::PlaceOf(size_t item) {
  const std::span<float> all = answer_.vectors;
  return all.subspan(first_rows_[item] * row_size(), SizeOf(item));
}

void EmbedJob::Take(size_t item, const float* values, MaskScorer*) {
  const std::span<float> place = PlaceOf(item);
  std::copy_n(values, place.size(), place.data());
}

void EmbedJob::Done(Status status, const JobTimings& timings) {
  const Callback done = std::move(done_);
  if (status.ok() && !AllFinite(answer_.vectors)) {
    status = Error{Code::kInternal, kNotFinite};
  }
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

size_t EmbedTask::WorkspaceBytes(size_t max_tokens, size_t max_items, int threads) const {
  const size_t outputs =
      std::max((model_->per_token() ? max_tokens : max_items) * model_->outputs(),
               max_tokens * model_->hidden_size());
  const MaskHead* const head = model_->encoder().mask_head();
  return model_->encoder().stack().PassBytes(threads) + outputs * sizeof(float) +
         max_tokens * (sizeof(TokenId) + 1) +
         (head != nullptr ? MaskScorer::Bytes(*head, threads) : 0);
}

void EmbedTask::Step(std::span<const BatchItem> items, Workspace& workspace,
                     std::span<StepOutcome>) const {
  auto& [batch, masks] = static_cast<EmbedWorkspace&>(workspace);
  using Output = TextBatch::Output;
  for (const Output output : {Output::kNormalized, Output::kPooled, Output::kTokens}) {
    const auto wanted = [output](const EmbedJob& job) { return job.output() == output; };
    for (const BatchItem& item : items) {
      const auto& job = static_cast<const EmbedJob&>(*item.job);
      if (wanted(job)) batch.Add(job.texts_[item.index]);
    }
    const float* vector = batch.Run(output).data();
    for (const BatchItem& item : items) {
      auto& job = static_cast<EmbedJob&>(*item.job);
      if (!wanted(job)) continue;
      job.Take(item.index, vector, masks ? &*masks : nullptr);
      vector += job.SizeOf(item.index);
    }
  }
  if (masks) masks->Flush();
}

}  // namespace minnow
