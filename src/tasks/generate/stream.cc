// SPDX-License-Identifier: Apache-2.0
// A job a text, as the server makes them.
#include "tasks/generate/stream.h"

#include <string>
#include <utility>
#include <variant>

namespace minnow {
namespace {

bool IsBlank(const GenerateRequest& request) {
  const auto* text = std::get_if<std::string>(&request.inputs.front());
  return text != nullptr && text->empty();
}

// Of a blank line nothing is made, so that the lines of the output are those of the input.
GenerateAnswer BlankAnswer() {
  GenerateAnswer answer;
  answer.inputs.emplace_back().sequences.push_back({.finish_reason = FinishReason::kEnd});
  return answer;
}

}  // namespace

GenerateStream::GenerateStream(const GenerateModel& model, ThreadPool* pool, size_t side_by_side)
    : model_(model),
      task_(&model),
      side_by_side_(side_by_side),
      workspace_(task_.NewWorkspace(task_.max_item_work(), side_by_side, pool)) {}

Result<bool> GenerateStream::AddNext(GenerateSource& source) {
  MINNOW_ASSIGN_OR_RETURN(std::optional<GenerateRequest> request, source.Next());
  if (!request) return false;
  if (IsBlank(*request)) {
    texts_.emplace_back().answer = BlankAnswer();
    return true;
  }
  request->last_field = source.Where();
  Text& text = texts_.emplace_back();
  text.job = std::make_unique<GenerateJob>(
      &model_, *std::move(request),
      [&text](Result<GenerateAnswer> answer) { text.answer = std::move(answer); });
  const Result<std::vector<uint32_t>> works = text.job->Prepare();
  if (works.ok()) {
    text.work = works->front();
    return true;
  }
  Error error = works.error();
  texts_.pop_back();
  if (!error.message.starts_with(source.Where())) return Annotate(std::move(error), source.Where());
  return error;
}

void GenerateStream::Step() {
  items_.clear();
  std::vector<Text*> texts;
  for (Text& text : texts_) {
    if (text.work == 0) continue;
    items_.push_back({text.job.get(), 0, text.work});
    texts.push_back(&text);
  }
  if (items_.empty()) return;
  outcomes_.assign(items_.size(), {});
  task_.Step(items_, *workspace_, outcomes_);
  for (size_t i = 0; i < texts.size(); ++i) {
    texts[i]->work = outcomes_[i].next_work;
    if (texts[i]->work == 0) texts[i]->job->Done({}, {});
  }
}

Status GenerateStream::Give(const GenerateSource& source, const Take& take) {
  while (!texts_.empty() && texts_.front().answer && wanted_) {
    const Result<GenerateAnswer> answer = *std::move(texts_.front().answer);
    texts_.pop_front();
    if (!answer.ok()) return answer.error();
    wanted_ = take(*answer, texts_.empty() && !source.ready());
  }
  return {};
}

Status GenerateStream::Run(GenerateSource& source, const Take& take) {
  Status status;
  bool more = true;
  while (wanted_) {
    while (more && texts_.size() < side_by_side_ && (texts_.empty() || source.ready())) {
      const Result<bool> added = AddNext(source);
      if (!added.ok()) status = added.error();
      more = added.ok() && *added;
    }
    if (texts_.empty() || !source.Continue()) break;
    Step();
    MINNOW_RETURN_IF_ERROR(Give(source, take));
  }
  return status;
}

}  // namespace minnow
