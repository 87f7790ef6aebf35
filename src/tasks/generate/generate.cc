// SPDX-License-Identifier: Apache-2.0
// From a request to checked tokens and settings, and from items to the answer.
#include "tasks/generate/generate.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"
#include "tasks/generate/item.h"
#include "tasks/text_model.h"

namespace minnow {
namespace {

// A guess for admission, made without tokenizing: a token of running text has about this many
// bytes.
constexpr size_t kBytesPerToken = 4;

Error Wrong(const std::string& what) { return Error{Code::kInvalidArgument, what}; }

Status CheckStops(const GenerateModel& model, const std::vector<std::string>& stop) {
  if (stop.empty()) return {};
  if (!model.has_tokenizer()) return Wrong("stop: the model has no tokenizer: it gives ids only");
  if (stop.size() > GenerateRequest::kMaxStopStrings) {
    return Wrong("stop: " + std::to_string(stop.size()) + " strings, limit " +
                 std::to_string(GenerateRequest::kMaxStopStrings));
  }
  for (size_t i = 0; i < stop.size(); ++i) {
    const std::string field = "stop[" + std::to_string(i) + "]: ";
    if (stop[i].empty()) return Wrong(field + "empty");
    if (stop[i].size() > GenerateRequest::kMaxStopBytes) {
      return Wrong(field + std::to_string(stop[i].size()) + " bytes, limit " +
                   std::to_string(GenerateRequest::kMaxStopBytes));
    }
    if (!IsValidUtf8(stop[i])) return Wrong(field + "not UTF-8");
  }
  return {};
}

Status CheckTopLogprobs(const GenerateRequest& request, const GenerationSettings& settings) {
  if (request.top_logprobs > GenerateRequest::kMaxTopLogprobs) {
    return Wrong("top_logprobs: " + std::to_string(request.top_logprobs) + ", limit " +
                 std::to_string(GenerateRequest::kMaxTopLogprobs));
  }
  if (request.top_logprobs > 0 && settings.num_beams > 1)
    return Wrong("top_logprobs: not with num_beams above 1");
  return {};
}

Status CheckStreams(const GenerateRequest& request, const GenerationSettings& settings) {
  if (request.clean_up_spaces)
    return Wrong("clean_up_tokenization_spaces: true, not where the text is streamed");
  const auto single = [](const std::string& field, size_t count) -> Status {
    if (count == 1) return {};
    return Wrong(field + ": " + std::to_string(count) + ", limit 1 where the text is streamed");
  };
  MINNOW_RETURN_IF_ERROR(single(request.field, request.inputs.size()));
  MINNOW_RETURN_IF_ERROR(single("num_beams", settings.num_beams));
  return single("num_return_sequences", settings.num_return_sequences);
}

GenerationOptions AllOptions(const GenerateModel& model, const GenerateRequest& request,
                             const TextTask* task) {
  if (task == nullptr) return Merge(request.options, model.options());
  return Merge(request.options, Merge(task->options, model.options()));
}

size_t MaxInputTokens(const GenerateModel& model, const GenerateRequest& request) {
  const size_t most = model.max_input_tokens();
  return request.max_input_tokens == 0 ? most : std::min(most, request.max_input_tokens);
}

// Cuts, or refuses, what has too many tokens.
Status Fit(const GenerateRequest& request, size_t limit, std::vector<TokenId>* ids) {
  if (ids->size() <= limit) return {};
  if (request.truncation == InputTruncation::kRefuse) {
    return Wrong(std::to_string(ids->size()) + " tokens, limit " + std::to_string(limit));
  }
  const auto excess = static_cast<ptrdiff_t>(ids->size() - limit);
  if (request.truncation == InputTruncation::kKeepEnd) {
    ids->erase(ids->begin(), ids->begin() + excess);
  } else {
    ids->resize(limit);
  }
  return {};
}

Result<Encoding> Tokenize(const GenerateModel& model, const GenerateRequest& request, size_t limit,
                          const std::string& prefix, const std::string& text) {
  if (!model.has_tokenizer()) return Wrong("the model has no tokenizer: it takes token ids only");
  if (text.empty()) return Wrong("empty text");
  EncodeOptions options;
  if (request.truncation != InputTruncation::kRefuse) options.max_tokens = limit;
  if (request.truncation == InputTruncation::kKeepEnd)
    options.truncation_direction = TruncationDirection::kLeft;
  return model.tokenizer().Encode(prefix.empty() ? text : prefix + text, options);
}

Status CheckIds(const std::vector<TokenId>& ids, size_t vocab_size) {
  if (ids.empty()) return Wrong("no tokens");
  for (const TokenId id : ids) {
    if (id < 0 || static_cast<size_t>(id) >= vocab_size) {
      return Wrong("token id " + std::to_string(id) + " is not in [0, " +
                   std::to_string(vocab_size) + ")");
    }
  }
  return {};
}

}  // namespace

Result<GenerationSettings> ResolveRequest(const GenerateModel& model,
                                          const GenerateRequest& request) {
  const TextTask* task = nullptr;
  if (!request.task.empty()) {
    MINNOW_ASSIGN_OR_RETURN(task, model.FindTask(request.task));
  }
  const auto rows = static_cast<int32_t>(model.max_rows());
  GenerationLimits limits = request.limits;
  limits.num_beams = std::min(limits.num_beams, rows);
  limits.num_return_sequences = std::min(limits.num_return_sequences, rows);
  limits.max_new_tokens =
      std::min(limits.max_new_tokens, static_cast<int32_t>(model.max_new_tokens()));
  limits.default_max_new_tokens = std::min(limits.default_max_new_tokens, limits.max_new_tokens);
  MINNOW_ASSIGN_OR_RETURN(
      GenerationSettings settings,
      ResolveGeneration(AllOptions(model, request, task), model.vocab_size(), limits));
  MINNOW_RETURN_IF_ERROR(CheckStops(model, request.stop));
  MINNOW_RETURN_IF_ERROR(CheckTopLogprobs(request, settings));
  if (request.on_piece) MINNOW_RETURN_IF_ERROR(CheckStreams(request, settings));
  settings.logprobs = request.logprobs;
  return settings;
}

GenerateJob::GenerateJob(const GenerateModel* model, GenerateRequest request, Callback done,
                         GenerateLoad* load)
    : model_(model), request_(std::move(request)), done_(std::move(done)), load_(load) {
  priority = request_.priority;
  cost_ = GuessCost();
}

GenerateJob::~GenerateJob() = default;

Cost GenerateJob::GuessCost() const {
  const auto settings = ResolveRequest(*model_, request_);
  Cost cost;
  for (const GenerateInput& input : request_.inputs) {
    const auto* text = std::get_if<std::string>(&input);
    const auto* ids = std::get_if<std::vector<TokenId>>(&input);
    size_t tokens = text ? text->size() / kBytesPerToken + 2 : ids->size();
    cost.bytes += text ? text->size() : tokens * sizeof(TokenId);
    if (!settings.ok()) continue;  // Prepare will tell
    tokens = std::clamp<size_t>(tokens, 1, MaxInputTokens(*model_, request_));
    const size_t new_ids = GenerateItem::MaxRows(*settings) * settings->max_length;
    cost.item_bytes = std::max(cost.item_bytes, GenerateItem::Bytes(*model_, *settings, tokens));
    cost.work += tokens + GenerateTask::kRowWork * new_ids;
  }
  return cost;
}

Result<std::unique_ptr<GenerateItem>> GenerateJob::NewItem(const GenerateInput& input,
                                                           const std::string& prefix) const {
  const size_t limit = MaxInputTokens(*model_, request_);
  std::vector<TokenId> ids;
  size_t untruncated = 0;
  if (const auto* text = std::get_if<std::string>(&input)) {
    MINNOW_ASSIGN_OR_RETURN(Encoding encoding, Tokenize(*model_, request_, limit, prefix, *text));
    untruncated = std::max(encoding.untruncated_tokens, encoding.ids.size());
    ids = std::move(encoding.ids);
  } else {
    ids = std::get<std::vector<TokenId>>(input);
    untruncated = ids.size();
  }
  MINNOW_RETURN_IF_ERROR(Fit(request_, limit, &ids));
  MINNOW_RETURN_IF_ERROR(CheckIds(ids, model_->vocab_size()));
  return std::make_unique<GenerateItem>(model_, &request_, &settings_, std::move(ids), untruncated,
                                        load_);
}

Result<std::vector<uint32_t>> GenerateJob::Prepare() {
  MINNOW_ASSIGN_OR_RETURN(settings_, ResolveRequest(*model_, request_));
  std::string prefix;
  if (!request_.task.empty()) {
    MINNOW_ASSIGN_OR_RETURN(const TextTask* const task, model_->FindTask(request_.task));
    prefix = task->prefix;
  }
  Cost cost;
  std::vector<uint32_t> works;
  for (size_t i = 0; i < request_.inputs.size(); ++i) {
    auto item = NewItem(request_.inputs[i], prefix);
    if (!item.ok()) {
      const bool named = i + 1 == request_.inputs.size() && !request_.last_field.empty();
      return Annotate(std::move(item).error(),
                      named ? request_.last_field : request_.field + "[" + std::to_string(i) + "]");
    }
    request_.inputs[i] = std::string();  // it may wait long
    const size_t tokens = (*item)->input_ids().size();
    const size_t new_ids = GenerateItem::MaxRows(settings_) * settings_.max_length;
    cost.bytes += (tokens + 2 * new_ids) * sizeof(TokenId) + sizeof(GenerateItem);
    cost.item_bytes = std::max(cost.item_bytes, (*item)->bytes());
    cost.work += tokens + GenerateTask::kRowWork * new_ids;
    works.push_back(static_cast<uint32_t>(tokens));
    items_.push_back(std::move(item).value());
  }
  cost_ = cost;
  return works;
}

size_t GenerateJob::item_bytes(size_t item) const { return items_[item]->bytes(); }

void GenerateJob::Fail(Error error) {
  error_ = std::move(error);
  for (const auto& item : items_) {
    if (!item->done()) item->Fail(*error_);
  }
}

void GenerateJob::Done(Status status, const JobTimings& timings) {
  const Callback done = std::move(done_);
  if (status.ok() && error_) status = *error_;
  if (!status.ok()) {
    items_.clear();
    done(std::move(status).error());
    return;
  }
  GenerateAnswer answer;
  static_cast<JobTimings&>(answer.timings) = timings;
  std::optional<Clock::time_point> first_token;
  size_t steps = 0;
  for (const auto& item : items_) {
    GeneratedTexts& texts = answer.inputs.emplace_back(item->Take());
    answer.input_tokens += texts.input_ids.size();
    for (const GeneratedText& text : texts.sequences) {
      answer.generated_tokens += text.new_tokens();
      steps = std::max(steps, text.new_tokens());
    }
    if (!first_token || item->first_token() < first_token) first_token = item->first_token();
  }
  if (first_token) {
    answer.timings.first_token = *first_token - arrived_;
    if (steps > 1) answer.timings.a_token = (Clock::now() - *first_token) / (steps - 1);
  }
  answer.settings = std::move(settings_);
  done(std::move(answer));
}

}  // namespace minnow
