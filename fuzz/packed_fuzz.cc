// SPDX-License-Identifier: Apache-2.0
// Any bytes as a packed file: what loads must tokenize a text and run one forward pass.
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "fuzz/memory_file.h"
#include "models/t5/t5_model.h"
#include "tasks/answers.h"
#include "tasks/classify.h"
#include "tasks/embedding_model.h"
#include "tasks/entities.h"

namespace minnow {
namespace {

// Sizes that a small file can claim stay below this; larger ones only cost the fuzzer's time.
constexpr size_t kMaxTokens = 4096;

void Classify(const ModelSource& source) {
  const auto model = ClassifyModel::Load(source, {});
  if (!model.ok() || (*model)->max_tokens() > kMaxTokens) return;
  static ThreadPool pool(1);
  TextBatch batch(**model, (*model)->max_tokens(), /*max_texts=*/1, &pool);
  const auto tokens = (*model)->CheckIds(std::vector<TokenId>{0}, LengthPolicy{});
  if (!tokens.ok()) return;
  batch.Add(*tokens);
  const auto raw = batch.Run(/*normalize=*/false);
  CHECK(raw.size() == (*model)->labels().size());
  std::vector<float> scores(raw.begin(), raw.end());
  (*model)->ApplyScores(scores);
  CHECK(BestFirst(scores, 1).size() == 1);
}

void ScoreTokens(const ModelSource& source) {
  const auto model = TokenHeadModel::Load(source, source.kind(), {});
  if (!model.ok() || (*model)->max_tokens() > kMaxTokens) return;
  static ThreadPool pool(1);
  TokenScoresRequest request;
  request.stride = 1;
  request.inputs.emplace_back(TextPair{"fish", "unaffable fish [MASK] of the sea"});
  if (source.kind() == ModelKind::kTokenClassification) request.inputs[0] = "unaffable fish";
  TokenScoresJob job(model->get(), std::move(request), [&](Result<TokenScoresAnswer> scores) {
    if (!scores.ok()) return;
    const ScoredText& text = scores->texts[0];
    if (source.kind() == ModelKind::kQuestionAnswering) {
      (void)FindAnswers(text, scores->scores, {});
    } else {
      (void)FindEntities((*model)->tokenizer(), (*model)->labels(), text, scores->scores, {});
    }
  });
  const auto work = job.Prepare();
  if (!work.ok()) return job.Done(work.error(), {});
  const EmbedTask task(model->get());
  const auto workspace = task.NewWorkspace((*model)->max_tokens(), /*max_items=*/1, &pool);
  for (uint32_t i = 0; i < work->size(); ++i) {
    const BatchItem item = {&job, i, (*work)[i]};
    StepOutcome outcome;
    task.Step({&item, 1}, *workspace, {&outcome, 1});
  }
  job.Done({}, {});
}

void MakeText(const ModelSource& source) {
  constexpr size_t kMostBytes = size_t{1} << 28;
  const auto model =
      T5Model::Load(source, {.limits = {.max_input_tokens = 8, .max_output_tokens = 4}});
  if (!model.ok()) return;
  const std::vector<int32_t> ids(5, 0);
  const int32_t starts[] = {0, static_cast<int32_t>(ids.size())};
  constexpr size_t kBeams = 2;
  if (T5Cache::Bytes((*model)->config(), ids.size(), /*max_length=*/4, kBeams) > kMostBytes) return;
  static ThreadPool pool(1);
  const auto workspace = (*model)->NewWorkspace(ids.size(), kBeams, &pool);
  T5Cache cache((*model)->config(), ids.size(), /*max_length=*/4, kBeams);
  T5Cache* const caches[] = {&cache};
  (*model)->Encode({.ids = ids, .starts = starts, .type_ids = {}, .unpooled = {}}, caches,
                   *workspace);
  std::vector<float> logits(kBeams * (*model)->logits_stride());
  const uint32_t parents[] = {1, 0};
  for (int step = 0; step < 3; ++step) {
    const T5Row rows[] = {{&cache, 0, 0}, {&cache, 1, 0}};
    (*model)->Step(rows, *workspace, logits.data());
    cache.Reorder(parents);
  }
}

void Run(const std::string& path) {
  const auto packed = PackedFile::Open(path);
  if (!packed.ok()) return;
  (void)(*packed)->Verify();
  const auto source = ModelSource::FromPacked(*packed);
  if (!source.ok()) return;
  if (source->kind() == ModelKind::kTextToText) return MakeText(*source);
  if (source->kind() == ModelKind::kClassification) return Classify(*source);
  if (IsPerToken(source->kind())) return ScoreTokens(*source);
  const auto model = EmbeddingModel::Load(*source, {});
  if (!model.ok() || (*model)->max_tokens() > kMaxTokens) return;
  static ThreadPool pool(1);
  EmbeddingBatch batch(**model, (*model)->max_tokens(), /*max_texts=*/1, &pool);
  const auto tokens = (*model)->Tokenize("unaffable fish [MASK] of the sea", LengthPolicy{});
  if (!tokens.ok()) return;
  batch.Add(*tokens);
  CHECK(batch.Run(/*normalize=*/true).size() == (*model)->embedding_size());
  (void)(*model)->tokenizer().Decode(tokens->ids, /*skip_special_tokens=*/false);
}

}  // namespace
}  // namespace minnow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const minnow::MemoryFile file;
  file.Fill(data, size);
  minnow::Run(file.path());
  return 0;
}
