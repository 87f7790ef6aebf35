// SPDX-License-Identifier: Apache-2.0
// Token classifiers and question answering models give what transformers' pipelines give
// (tests/golden/token_heads, tools/make_token_heads.py), alone and in any batch, from directories
// and packed files; and lies told about them are refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include "base/temporary_folder.h"
#include "formats/json.h"
#include "tasks/answers.h"
#include "tasks/entities.h"
#include "tasks/pack.h"
#include "tasks/token_scores.h"

namespace minnow {
namespace {

using testing::HasSubstr;

constexpr float kLogitTolerance = 2e-5f;
constexpr float kScoreTolerance = 2e-4f;

std::string Folder(const std::string& name) {
  return std::string(MINNOW_SOURCE_DIR) + "/tests/golden/token_heads/" + name;
}

ModelKind KindOf(const std::string& name) {
  return name.find("ner_") != std::string::npos ? ModelKind::kTokenClassification
                                                : ModelKind::kQuestionAnswering;
}

Result<std::unique_ptr<TokenHeadModel>> Load(const std::string& path, ModelKind kind) {
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(path));
  return TokenHeadModel::Load(
      source, kind,
      {.dtype = source.packed() ? std::nullopt : std::optional(Dtype::kF32), .embedding = {}});
}

// The models of the golden files, loaded once.
const TokenHeadModel& Model(const std::string& name) {
  static std::map<std::string, std::unique_ptr<TokenHeadModel>> models;
  auto& model = models[name];
  if (model == nullptr) {
    auto loaded = Load(Folder(name), KindOf(name));
    EXPECT_TRUE(loaded.ok()) << loaded.error().message;
    model = std::move(loaded).value();
  }
  return *model;
}

// `together`: all items in one batch, not one by one.
Result<TokenScoresAnswer> ScoresOf(const TokenHeadModel& model, TokenScoresRequest request,
                                   bool together = false) {
  constexpr size_t kTokens = 8192, kItems = 512;
  Result<TokenScoresAnswer> answer = Error{Code::kInternal, "not done"};
  TokenScoresJob job(&model, std::move(request),
                     [&answer](Result<TokenScoresAnswer> scores) { answer = std::move(scores); });
  MINNOW_ASSIGN_OR_RETURN(const std::vector<uint32_t> work, job.Prepare());
  const EmbedTask task(&model);
  ThreadPool pool(together ? 2 : 1);
  const auto workspace = task.NewWorkspace(kTokens, kItems, &pool);
  std::vector<BatchItem> items;
  for (uint32_t i = 0; i < work.size(); ++i) items.push_back({&job, i, work[i]});
  std::vector<StepOutcome> outcomes(items.size());
  for (size_t i = 0; i < items.size(); i += together ? items.size() : 1) {
    task.Step(std::span(items).subspan(i, together ? items.size() : 1), *workspace,
              std::span(outcomes).subspan(i, together ? items.size() : 1));
  }
  job.Done({}, {});
  return answer;
}

JsonDocument Golden(const char* file) {
  auto document = JsonDocument::ReadFile(Folder(file));
  EXPECT_TRUE(document.ok()) << document.error().message;
  return std::move(document).value();
}

std::string Text(const JsonView& object, const char* name) {
  return std::string(object.Get(name)->String().value());
}

void ExpectNear(float found, const JsonView& object) {
  EXPECT_NEAR(found, object.Get("score")->Number().value(), kScoreTolerance);
}

void ExpectPlace(uint32_t start, uint32_t end, const JsonView& object) {
  EXPECT_EQ(start, object.Get("start")->Int(0, INT32_MAX).value());
  EXPECT_EQ(end, object.Get("end")->Int(0, INT32_MAX).value());
}

TEST(TokenHeads, LogitsOfEveryFamily) {
  const JsonDocument document = Golden("logits.json");
  size_t cases = 0;
  for (const JsonView item : document.root().Items()) {
    const std::string name = Text(item, "model");
    std::vector<TokenId> ids;
    for (const JsonView id : item.Get("ids")->Items())
      ids.push_back(static_cast<TokenId>(id.Int(0, 1000).value()));
    TokenScoresRequest request;
    request.inputs.emplace_back(ids);
    const auto answer = ScoresOf(Model(name), std::move(request));
    ASSERT_TRUE(answer.ok()) << name << answer.error().message;
    size_t at = 0;
    for (const JsonView row : item.Get("logits")->Items()) {
      for (const JsonView number : row.Items()) {
        ASSERT_LT(at, answer->scores.size()) << name;
        EXPECT_NEAR(answer->scores[at++], number.Number().value(), kLogitTolerance) << name;
      }
    }
    EXPECT_EQ(at, answer->scores.size()) << name;
    ++cases;
  }
  EXPECT_EQ(cases, 6u * 2 * 3);
}

EntityOptions ReadEntityOptions(const JsonView& json, TokenScoresRequest& request) {
  EntityOptions options;
  options.aggregation = *ParseAggregation(Text(json, "aggregation_strategy"));
  if (const auto ignored = json.Find("ignore_labels")) {
    options.ignore_labels.clear();
    for (const JsonView label : ignored->Items())
      options.ignore_labels.emplace_back(label.String().value());
  }
  if (const auto stride = json.Find("stride"))
    request.stride = static_cast<size_t>(stride->Int(0, 100).value());
  return options;
}

TEST(TokenHeads, EntitiesOfThePipeline) {
  const JsonDocument document = Golden("entities.json");
  for (const JsonView item : document.root().Items()) {
    const std::string name = Text(item, "model"), text = Text(item, "text");
    SCOPED_TRACE(name + " " + text.substr(0, 40) + " " +
                 Text(*item.Get("options"), "aggregation_strategy"));
    const TokenHeadModel& model = Model(name);
    TokenScoresRequest request;
    request.inputs.emplace_back(text);
    const EntityOptions options = ReadEntityOptions(*item.Get("options"), request);
    const auto answer = ScoresOf(model, request);
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    const auto found = FindEntities(model.tokenizer(), model.labels(), answer->texts.front(),
                                    answer->scores, options);
    const JsonView expected = *item.Get("entities");
    ASSERT_EQ(found.size(), expected.size());
    const bool tokens = options.aggregation == Aggregation::kNone;
    for (size_t i = 0; i < found.size(); ++i) {
      const JsonView one = expected.at(i);
      EXPECT_EQ(found[i].label, Text(one, tokens ? "entity" : "entity_group")) << i;
      EXPECT_EQ(found[i].word, Text(one, "word")) << i;
      if (tokens) {
        EXPECT_EQ(found[i].index, one.Get("index")->Int(0, 1000).value());
      }
      ExpectPlace(found[i].start, found[i].end, one);
      ExpectNear(found[i].score, one);
    }
  }
  EXPECT_GT(document.root().size(), 500u);
}

std::optional<size_t> Size(const JsonView& json, const char* name) {
  const auto field = json.Find(name);
  if (!field) return std::nullopt;
  return static_cast<size_t>(field->Int(0, 10000).value());
}

AnswerOptions ReadAnswerOptions(const JsonView& json) {
  AnswerOptions options;
  options.top_k = Size(json, "top_k").value_or(options.top_k);
  options.max_answer_len = Size(json, "max_answer_len").value_or(options.max_answer_len);
  options.max_seq_len = Size(json, "max_seq_len");
  options.doc_stride = Size(json, "doc_stride");
  options.handle_impossible_answer = json.GetBool("handle_impossible_answer", false).value();
  options.align_to_words = json.GetBool("align_to_words", true).value();
  return options;
}

TEST(TokenHeads, AnswersOfThePipeline) {
  const JsonDocument document = Golden("answers.json");
  for (const JsonView item : document.root().Items()) {
    const std::string name = Text(item, "model"), context = Text(item, "context");
    std::string shown;
    JsonWriter writer(&shown);
    WriteJson(*item.Get("options"), writer);
    SCOPED_TRACE(name + " " + context.substr(0, 40) + " " + shown);
    const TokenHeadModel& model = Model(name);
    const AnswerOptions options = ReadAnswerOptions(*item.Get("options"));
    TokenScoresRequest request;
    request.inputs.emplace_back(TextPair{Text(item, "question"), context});
    SetAnswerWindows(options, model.max_tokens(), request);
    const auto answer = ScoresOf(model, request);
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    EXPECT_EQ(answer->texts.front().read, answer->texts.front().untruncated);
    const auto found = FindAnswers(answer->texts.front(), answer->scores, options);
    const JsonView expected = *item.Get("answers");
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i) {
      const JsonView one = expected.at(i);
      EXPECT_EQ(found[i].text, Text(one, "answer")) << i;
      ExpectPlace(found[i].start, found[i].end, one);
      ExpectNear(static_cast<float>(found[i].score), one);
    }
  }
  EXPECT_GT(document.root().size(), 150u);
}

// All texts of a request in one batch on two threads give the bits that each gives alone.
TEST(TokenHeads, SameBitsInAnyBatch) {
  const JsonDocument document = Golden("entities.json");
  const TokenHeadModel& model = Model("ner_bert");
  TokenScoresRequest all;
  all.stride = 5;
  for (const JsonView item : document.root().Items()) {
    if (all.inputs.size() < 100) all.inputs.emplace_back(Text(item, "text"));
  }
  const auto together = ScoresOf(model, all, /*together=*/true);
  ASSERT_TRUE(together.ok()) << together.error().message;
  std::vector<float> alone;
  for (const EmbedInput& input : all.inputs) {
    TokenScoresRequest one;
    one.stride = all.stride;
    one.inputs.push_back(input);
    const auto answer = ScoresOf(model, one);
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    alone.insert(alone.end(), answer->scores.begin(), answer->scores.end());
  }
  EXPECT_EQ(together->scores, alone);
}

TEST(TokenHeads, PackedFilesGiveTheSame) {
  auto folder = TemporaryFolder::Make();
  ASSERT_TRUE(folder.ok());
  ThreadPool pool(1);
  for (const std::string name : {"ner_bert", "qa_xlm_roberta", "ids_ner_electra"}) {
    const std::string path = (*folder)->path() + "/" + name;
    const auto packed = PackModel(
        Folder(name), {.dtype = Dtype::kF32, .embedding = TableType::kF32, .packed_by = "test"},
        path, &pool, [](const std::string&) {});
    ASSERT_TRUE(packed.ok()) << packed.error().message;
    EXPECT_EQ(packed->kind, KindOf(name));
    const auto model = Load(path, KindOf(name));
    ASSERT_TRUE(model.ok()) << model.error().message;
    EXPECT_EQ((*model)->labels(), Model(name).labels());
    TokenScoresRequest request;
    request.inputs.emplace_back(std::vector<TokenId>{3, 4, 5, 6});
    EXPECT_EQ(ScoresOf(**model, request)->scores, ScoresOf(Model(name), request)->scores);
    // Nor does it do anything else.
    EXPECT_FALSE(Load(path, KindOf(name) == ModelKind::kQuestionAnswering
                                ? ModelKind::kTokenClassification
                                : ModelKind::kQuestionAnswering)
                     .ok());
  }
}

TEST(TokenHeads, LongTextsAreCutAndTold) {
  const JsonDocument document = Golden("entities.json");
  const std::string text = Text(document.root().at(document.root().size() - 1), "text");
  const TokenHeadModel& model = Model("ner_bert");
  TokenScoresRequest request;
  request.inputs.emplace_back(text);
  auto answer = ScoresOf(model, request);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->texts[0].read, model.max_tokens());
  EXPECT_GT(answer->texts[0].untruncated, model.max_tokens());
  EXPECT_EQ(answer->truncated, 1u);
  request.stride = 0;
  answer = ScoresOf(model, request);
  EXPECT_EQ(answer->texts[0].read, answer->texts[0].untruncated);
  EXPECT_EQ(answer->truncated, 0u);
  request.stride.reset();
  request.length.truncate = false;
  EXPECT_THAT(ScoresOf(model, request).error().message, HasSubstr("tokens, limit 40"));
}

// A question that leaves no room for a context is cut; the answer says so.
TEST(TokenHeads, LongQuestions) {
  const TokenHeadModel& model = Model("qa_distilbert");
  std::string question, context;
  for (int i = 0; i < 100; ++i) question += "fox ", context += "dog ";
  const AnswerOptions options;
  for (const size_t stride : {size_t{0}, size_t{12}, size_t{23}}) {
    TokenScoresRequest request;
    request.inputs.emplace_back(TextPair{question, context});
    SetAnswerWindows(options, model.max_tokens(), request);
    request.stride = stride;
    const auto answer = ScoresOf(model, request);
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    EXPECT_EQ(answer->texts[0].untruncated, 203u);
    EXPECT_EQ(answer->texts[0].read, 3u + 18 + 100);
    EXPECT_FALSE(FindAnswers(answer->texts[0], answer->scores, options).empty());
  }
}

// Windows are bounded, whatever the text and the stride.
TEST(TokenHeads, WindowsOfHugeTexts) {
  const TokenHeadModel& model = Model("ner_bert");
  std::string text;
  for (int i = 0; i < 40000; ++i) text += "fox ";
  TokenScoresRequest request;
  request.stride = 36;  // of 38
  request.inputs.emplace_back(text);
  TokenScoresJob job(&model, request, [](Result<TokenScoresAnswer>) {});
  const auto work = job.Prepare();
  ASSERT_TRUE(work.ok()) << work.error().message;
  EXPECT_LE(work->size() * 40, TokenScoresJob::kMaxInputTokens);
  EXPECT_GT(work->size() * 40, TokenScoresJob::kMaxInputTokens - 40);
  request.inputs.assign(9, text);
  TokenScoresJob more(&model, request, [](Result<TokenScoresAnswer>) {});
  EXPECT_THAT(more.Prepare().error().message,
              HasSubstr("inputs: more than 1048576 tokens together"));
}

TEST(TokenHeads, OtherModelsAreRefused) {
  const std::string embedder = std::string(MINNOW_SOURCE_DIR) + "/tests/fixtures/tiny_bert";
  EXPECT_THAT(Load(embedder, ModelKind::kTokenClassification).error().message,
              HasSubstr("not a token classifier"));
  EXPECT_THAT(Load(Folder("ner_bert"), ModelKind::kQuestionAnswering).error().message,
              HasSubstr("architectures is \"BertForTokenClassification\", not NAMEForQuestion"));
}

TEST(TokenHeads, WrongWeights) {
  namespace fs = std::filesystem;
  auto folder = TemporaryFolder::Make();
  ASSERT_TRUE(folder.ok());
  const std::pair<std::string, std::string> renamed[] = {{"ids_ner_bert", "classifier.weight"},
                                                         {"ids_qa_bert", "qa_outputs.bias"}};
  for (const auto& [name, tensor] : renamed) {
    const fs::path copy = fs::path((*folder)->path()) / name;
    fs::copy(Folder(name), copy);
    std::ifstream in(copy / "model.safetensors", std::ios::binary);
    std::string bytes((std::istreambuf_iterator<char>(in)), {});
    in.close();
    const size_t at = bytes.find(tensor);
    ASSERT_NE(at, std::string::npos);
    bytes[at] = 'x';
    std::ofstream(copy / "model.safetensors", std::ios::binary) << bytes;
    const auto loaded = Load(copy.string(), KindOf(name));
    ASSERT_FALSE(loaded.ok());
    EXPECT_THAT(loaded.error().message, HasSubstr(tensor));
  }
  // A question answering model whose head has other numbers than two.
  const fs::path copy = fs::path((*folder)->path()) / "three";
  fs::copy(Folder("ids_ner_bert"), copy);
  std::ifstream in(copy / "config.json");
  std::string config((std::istreambuf_iterator<char>(in)), {});
  in.close();
  config.replace(config.find("ForTokenClassification"), 22, "ForQuestionAnswering");
  std::ofstream(copy / "config.json") << config;
  EXPECT_THAT(Load(copy.string(), ModelKind::kQuestionAnswering).error().message,
              HasSubstr("qa_outputs"));
}

}  // namespace
}  // namespace minnow
