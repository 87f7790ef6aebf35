// SPDX-License-Identifier: Apache-2.0
// Steps: texts that are new are encoded, rows of the others advance.
#include <algorithm>
#include <new>
#include <utility>

#include "base/aligned_buffer.h"
#include "tasks/generate/generate.h"
#include "tasks/generate/item.h"

namespace minnow {
namespace {

// Texts are encoded together up to so many tokens, a block for each of two threads: more would gain
// no speed, take memory, and let others wait.
constexpr size_t kEncodeTokens = 2 * T5Workspace::kRowBlock;

struct GenerateWorkspace : YieldingWorkspace {
  GenerateWorkspace(const GenerateModel& generate_model, size_t max_items, ThreadPool* pool)
      : model(generate_model.model()),
        max_tokens(std::max(generate_model.max_input_tokens(), kEncodeTokens)),
        max_rows(generate_model.max_rows()),
        workspace(model.NewWorkspace(max_tokens, max_rows, pool)),
        logits(max_rows * model.logits_stride()) {
    ids.reserve(max_tokens);
    starts.reserve(max_items + 1);
    caches.reserve(max_items);
    rows.reserve(max_rows);
    items.reserve(max_items);
    first_rows.reserve(max_items);
  }

  // Encodes what was added.
  void Encode() {
    if (!caches.empty()) {
      starts.push_back(static_cast<int32_t>(ids.size()));
      model.Encode({.ids = ids, .starts = starts, .type_ids = {}, .unpooled = {}}, caches,
                   *workspace);
    }
    ids.clear();
    starts.clear();
    caches.clear();
  }
  void AddText(GenerateItem* item) {
    const std::vector<TokenId>& text = item->input_ids();
    if (ids.size() + text.size() > std::max(kEncodeTokens, text.size())) Encode();
    starts.push_back(static_cast<int32_t>(ids.size()));
    ids.insert(ids.end(), text.begin(), text.end());
    caches.push_back(item->cache());
  }

  // Advances what was added: the threads share the items.
  void Advance() {
    if (rows.empty()) return;
    model.Step(rows, *workspace, logits.data());
    const size_t stride = model.logits_stride();
    workspace->pool->Run([&](int member) {
      const auto threads = static_cast<size_t>(workspace->pool->size());
      for (size_t i = static_cast<size_t>(member); i < items.size(); i += threads)
        items[i]->Advance(logits.data() + first_rows[i] * stride, stride);
    });
    rows.clear();
    items.clear();
    first_rows.clear();
  }
  // All rows of an item are of one step.
  void AddRows(GenerateItem* item) {
    if (rows.size() + item->rows() > max_rows) Advance();
    items.push_back(item);
    first_rows.push_back(rows.size());
    item->AddRows(&rows);
  }

  const T5Model& model;
  const size_t max_tokens;
  const size_t max_rows;
  std::unique_ptr<T5Model::Workspace> workspace;
  AlignedBuffer<float> logits;  // [max_rows, stride]
  std::vector<TokenId> ids;
  std::vector<int32_t> starts;
  std::vector<T5Cache*> caches;
  std::vector<T5Row> rows;
  std::vector<GenerateItem*> items;
  std::vector<size_t> first_rows;  // of each item
};

}  // namespace

size_t GenerateTask::max_item_work() const {
  return std::max(model_->max_input_tokens(), model_->max_rows() * kRowWork);
}

std::unique_ptr<Task::Workspace> GenerateTask::NewWorkspace(size_t, size_t max_items,
                                                            ThreadPool* pool) const {
  return std::make_unique<GenerateWorkspace>(*model_, max_items, pool);
}

// Hidden states, context, q, k and v of each token and of each row, what each thread needs for a
// block of rows, and the logits.
size_t GenerateTask::WorkspaceBytes(size_t, size_t, int threads) const {
  const T5Config& config = model_->info().config;
  const auto members = static_cast<size_t>(threads);
  const size_t channels = static_cast<size_t>(config.d_model), inner = config.inner();
  const size_t tokens = std::max(model_->max_input_tokens(), kEncodeTokens);
  const size_t rows = model_->max_rows();
  const size_t of_token = channels + inner + (members > 1 ? 6 : 3) * inner;
  const size_t of_row = 2 * channels + 4 * inner + config.feed_forward_width();
  const size_t of_block_row = 2 * channels + config.feed_forward_width() + 2 * inner;
  const size_t scores = 64 * std::max(tokens, model_->max_new_tokens());
  return sizeof(float) * (tokens * of_token + rows * (of_row + model_->model().logits_stride()) +
                          members * (2 * T5Workspace::kRowBlock * of_block_row + scores));
}

void GenerateTask::Step(std::span<const BatchItem> items, Workspace& workspace,
                        std::span<StepOutcome> outcomes) const {
  auto& w = static_cast<GenerateWorkspace&>(workspace);
  w.workspace->between_layers = w.yield;
  const auto item_of = [](const BatchItem& item) {
    return static_cast<GenerateJob*>(item.job)->items_[item.index].get();
  };
  // Those of a job that failed are done.
  for (const BatchItem& item : items) {
    if (item_of(item)->begun() && !item_of(item)->done()) w.AddRows(item_of(item));
  }
  w.Advance();
  for (size_t i = 0; i < items.size(); ++i) {
    GenerateItem* const item = item_of(items[i]);
    if (item->begun()) continue;
    try {
      item->Begin(static_cast<GenerateJob*>(items[i].job)->arrived_);
      w.AddText(item);
    } catch (const std::bad_alloc&) {
      item->Fail({Code::kOverloaded, "out of memory"});
    }
  }
  w.Encode();
  for (size_t i = 0; i < items.size(); ++i) {
    const GenerateItem* const item = item_of(items[i]);
    auto& job = *static_cast<GenerateJob*>(items[i].job);
    if (item->error() && !job.error_) job.Fail(*item->error());
    outcomes[i].next_work = item->done() ? 0 : static_cast<uint32_t>(item->rows()) * kRowWork;
  }
}

}  // namespace minnow
