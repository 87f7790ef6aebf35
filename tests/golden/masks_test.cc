// SPDX-License-Identifier: Apache-2.0
// Masked language models and a zero-shot classifier against transformers' pipelines
// (tools/make_masks_golden.py): token ids exactly, scores within 1e-4.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "formats/json.h"
#include "tasks/classify.h"
#include "tasks/embedding_model.h"
#include "tasks/fill_mask.h"
#include "tasks/pack.h"
#include "tasks/zero_shot.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;

constexpr float kTolerance = 1e-4f;

fs::path Golden(const std::string& model) {
  return fs::path(MINNOW_SOURCE_DIR) / "tests/golden/masks" / model;
}

std::vector<std::string> Strings(const JsonView& value) {
  std::vector<std::string> texts;
  if (value.is_string()) return {std::string(*value.String())};
  for (const JsonView item : value.Items()) texts.emplace_back(*item.String());
  return texts;
}

JsonDocument Answers(const std::string& model) {
  return JsonDocument::ReadFile((Golden(model) / "answers.json").string()).value();
}

class MaskedModel : public ::testing::TestWithParam<const char*> {
 protected:
  static std::unique_ptr<EmbeddingModel> Load(const std::string& path,
                                              std::optional<Dtype> dtype = {}) {
    auto model = EmbeddingModel::Load(ModelSource::Open(path).value(),
                                      {.dtype = dtype, .embedding = std::nullopt});
    EXPECT_TRUE(model.ok()) << model.error().message;
    return std::move(model).value();
  }
  static Result<FilledText> Fill(const TextModel& model, const std::string& text, size_t top_k,
                                 const std::vector<std::string>& targets = {}) {
    ThreadPool pool(2);
    MINNOW_RETURN_IF_ERROR(CheckFillsMasks(model));
    MINNOW_ASSIGN_OR_RETURN(const MaskChoice choice, MakeMaskChoice(model, top_k, targets));
    MINNOW_ASSIGN_OR_RETURN(const TokenizedText tokens, model.Tokenize(text, LengthPolicy{}));
    MINNOW_ASSIGN_OR_RETURN(FilledText filled, FindMasks(model, choice, tokens));
    TextBatch batch(model, model.max_tokens(), 1, &pool);
    batch.Add(tokens);
    MaskScorer scorer(model.encoder().mask_head(), &model.encoder().kernels(), &pool);
    AddMasks(model, choice, batch.Run(TextBatch::Output::kTokens).data(), filled, scorer);
    scorer.Flush();
    return filled;
  }
  // expected: a list of fillings.
  static void Compare(const TextModel& model, const FilledText& text, size_t mask,
                      const JsonView& expected) {
    ASSERT_EQ(text.per_mask(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      const Filling& found = text.fillings[mask * text.per_mask() + i];
      const JsonView one = expected.at(i);
      EXPECT_EQ(found.token, *one.GetInt("token", 0, 1 << 20)) << i;
      EXPECT_NEAR(found.score, *one.GetNumber("score"), kTolerance);
      EXPECT_EQ(model.tokenizer().Decode({&found.token, 1}, false), *one.GetString("token_str"));
      EXPECT_EQ(FillMask(model.tokenizer(), text, mask, found.token), *one.GetString("sequence"));
    }
  }
  // With all answers that were written for `golden`.
  static void CompareAll(const TextModel& model, const std::string& golden) {
    const JsonDocument document = Answers(golden);
    EXPECT_GT(document.root().size(), 15u);
    for (const JsonView item : document.root().Items()) {
      const std::string text(*item.GetString("text"));
      SCOPED_TRACE(text);
      const auto top_k = static_cast<size_t>(*item.GetInt("top_k", 1, 1 << 30, kDefaultFillings));
      const auto targets = item.Find("targets");
      const auto filled =
          Fill(model, text, top_k, targets ? Strings(*targets) : std::vector<std::string>());
      ASSERT_TRUE(filled.ok()) << filled.error().message;
      const JsonView answer = item.Get("answer").value();
      if (filled->masks.size() == 1) {
        Compare(model, *filled, 0, answer);
        continue;
      }
      ASSERT_EQ(filled->masks.size(), answer.size());
      for (size_t mask = 0; mask < answer.size(); ++mask)
        Compare(model, *filled, mask, answer.at(mask));
    }
  }
};

TEST_P(MaskedModel, AnswersAsThePipelineDoes) {
  CompareAll(*Load(Golden(GetParam()).string()), GetParam());
}

// The same from a packed file: in fp32 the same bits, in less about the same.
TEST_P(MaskedModel, IsPacked) {
  const std::string text(*Answers(GetParam()).root().at(0).GetString("text"));
  const auto model = Load(Golden(GetParam()).string());
  const auto expected = Fill(*model, text, 1'000'000);
  ASSERT_TRUE(expected.ok());
  ThreadPool pool(1);
  const std::string path =
      (fs::path(testing::TempDir()) / (std::string("minnow_masks_") + GetParam())).string();
  struct Row {
    Dtype dtype;
    TableType table;
    float tolerance;
  };
  for (const Row& row : {Row{Dtype::kF32, TableType::kF32, 0},
                         {Dtype::kBF16, TableType::kBF16, 0.1f},
                         {Dtype::kInt8, TableType::kInt8, 0.2f},
                         {Dtype::kInt8, TableType::kInt4, 0.5f}}) {
    SCOPED_TRACE(DtypeName(row.dtype));
    const auto packed = PackModel(Golden(GetParam()).string(), {row.dtype, row.table, "test"}, path,
                                  &pool, [](const std::string&) {});
    ASSERT_TRUE(packed.ok()) << packed.error().message;
    EXPECT_EQ(packed->kind, ModelKind::kEmbedding);
    const auto again = Load(path);
    const auto filled = Fill(*again, text, 1'000'000);
    ASSERT_TRUE(filled.ok()) << filled.error().message;
    ASSERT_EQ(filled->fillings.size(), expected->fillings.size());
    std::vector<float> by_token(filled->fillings.size());
    for (const Filling& one : filled->fillings)
      by_token[static_cast<size_t>(one.token)] = one.score;
    for (const Filling& one : expected->fillings)
      EXPECT_NEAR(by_token[static_cast<size_t>(one.token)], one.score, row.tolerance);
  }
  fs::remove(path);
}

TEST_P(MaskedModel, RefusesWhatHasNoMask) {
  const auto model = Load(Golden(GetParam()).string());
  const auto message = [&](const std::string& text, const std::vector<std::string>& targets) {
    const auto filled = Fill(*model, text, 5, targets);
    return filled.ok() ? std::string() : filled.error().message;
  };
  EXPECT_THAT(message("fish", {}), testing::StartsWith("no mask token ("));
  EXPECT_THAT(message("", {}), testing::StartsWith("no mask token ("));
  const std::string mask(*model->tokenizer().IdToToken(*FindMaskToken(model->tokenizer())));
  std::string longer;
  for (int i = 0; i < 60; ++i) longer += "fish ";
  EXPECT_THAT(message(longer + mask, {}), testing::HasSubstr("of which the model reads 48 of"));
  EXPECT_EQ(message(mask, {""}), "targets: the model has a token for none of them");
  EXPECT_THAT(message(mask, std::vector<std::string>(10'001, "a")), testing::HasSubstr("limit"));
}

class MaskedOnnx : public MaskedModel {};

TEST_P(MaskedOnnx, AnswersAsThePipelineDoes) {
  CompareAll(*Load((Golden("distilbert") / "onnx" / GetParam()).string()), "distilbert");
}

INSTANTIATE_TEST_SUITE_P(Files, MaskedOnnx, testing::Values("model.onnx", "nameless.onnx"),
                         [](const auto& info) { return std::to_string(info.index); });

INSTANTIATE_TEST_SUITE_P(Models, MaskedModel,
                         testing::Values("bert", "distilbert", "roberta", "electra", "albert",
                                         "mpnet"),
                         [](const auto& info) { return info.param; });

class ZeroShotModel : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = fs::path(testing::TempDir()) / "minnow_zero_shot";
    fs::remove_all(directory_);
    fs::copy(Golden("nli"), directory_);
  }
  void TearDown() override { fs::remove_all(directory_); }
  void SetLabels(const JsonView& labels) {
    const std::string path = (directory_ / "config.json").string();
    const JsonDocument config = JsonDocument::ReadFile(path).value();
    std::string text;
    JsonWriter json(&text);
    json.BeginObject();
    for (size_t i = 0; i < config.root().size(); ++i) {
      const bool replaced = config.root().key(i) == "id2label";
      json.Key(config.root().key(i));
      WriteJson(replaced ? labels : config.root().at(i), json);
    }
    json.EndObject();
    std::ofstream(path, std::ios::binary) << text;
  }
  void Compare(const JsonView& item, const std::string& sequence, const JsonView& answer) {
    const auto model =
        ClassifyModel::Load(ModelSource::Open(directory_.string()).value(), {}).value();
    const JsonView labels_field = item.Get("candidate_labels").value();
    const std::vector<std::string> labels =
        labels_field.is_string() ? SplitLabels(*labels_field.String()) : Strings(labels_field);
    const auto hypotheses = MakeHypotheses(
        *item.GetString("hypothesis_template", kHypothesisTemplate), labels, "labels");
    ASSERT_TRUE(hypotheses.ok()) << hypotheses.error().message;
    ThreadPool pool(1);
    TextBatch batch(*model, model->max_tokens(), 1, &pool);
    std::vector<float> raw;
    for (const std::string& hypothesis : *hypotheses) {
      const auto pair = model->TokenizePair(sequence, hypothesis, {.first_only = true});
      ASSERT_TRUE(pair.ok()) << pair.error().message;
      batch.Add(*pair);
      const std::span<const float> scores = batch.Run(/*normalize=*/false);
      raw.insert(raw.end(), scores.begin(), scores.end());
    }
    const auto ranked = BestFirst(
        ZeroShotScores(raw, model->labels().size(), FindEntailment(model->labels()).value(),
                       *item.GetBool("multi_label", false)),
        0);
    const JsonView expected = answer.Get("labels").value();
    ASSERT_EQ(ranked.size(), expected.size());
    for (size_t i = 0; i < ranked.size(); ++i) {
      EXPECT_EQ(labels[ranked[i].label], *expected.at(i).String());
      EXPECT_NEAR(ranked[i].score, *answer.Get("scores")->at(i).Number(), kTolerance);
    }
  }

  fs::path directory_;
};

TEST_F(ZeroShotModel, AnswersAsThePipelineDoes) {
  const JsonDocument document = Answers("nli");
  EXPECT_GT(document.root().size(), 10u);
  for (const JsonView item : document.root().Items()) {
    if (const auto labels = item.Find("id2label")) SetLabels(*labels);
    const JsonView answer = item.Get("answer").value();
    const std::vector<std::string> sequences = Strings(item.Get("sequences").value());
    for (size_t i = 0; i < sequences.size(); ++i) {
      SCOPED_TRACE(sequences[i]);
      Compare(item, sequences[i], answer.is_array() ? answer.at(i) : answer);
    }
  }
}

TEST_F(ZeroShotModel, KeepsTheHypothesisWhole) {
  const auto model =
      ClassifyModel::Load(ModelSource::Open(directory_.string()).value(), {}).value();
  std::string longer;
  for (int i = 0; i < 100; ++i) longer += "fish ";
  const auto cut = model->TokenizePair(longer, "the river", {.first_only = true});
  ASSERT_TRUE(cut.ok());
  EXPECT_EQ(cut->ids.size(), model->max_tokens());
  EXPECT_TRUE(cut->truncated());
  const auto end = model->TokenizePair("fish", "the river", {});
  EXPECT_TRUE(std::equal(end->ids.rbegin(), end->ids.rbegin() + 4, cut->ids.rbegin()));
  const auto refused = model->TokenizePair("fish", longer, {.first_only = true});
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message,
              testing::HasSubstr("leaves no room for the first: 104 tokens, limit 48"));
}

}  // namespace
}  // namespace minnow
