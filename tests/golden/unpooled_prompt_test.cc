// SPDX-License-Identifier: Apache-2.0
// include_prompt: false: the prompt's tokens are read, and left out of the vector.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "tasks/embedding_model.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;

class UnpooledPrompt : public testing::Test {
 protected:
  void SetUp() override {
    fs::copy(std::string(MINNOW_SOURCE_DIR) + "/tests/fixtures/tiny_bert", directory_,
             fs::copy_options::recursive);
    std::ofstream(directory_ / "config_sentence_transformers.json")
        << R"({"prompts": {"query": "small fish "}})";
    std::ofstream(directory_ / "1_Pooling/config.json")
        << R"({"pooling_mode_mean_tokens": true, "include_prompt": false})";
    auto source = ModelSource::Open(directory_.string());
    ASSERT_TRUE(source.ok()) << source.error().message;
    auto model = EmbeddingModel::Load(*source, {.dtype = Dtype::kF32, .embedding = {}});
    ASSERT_TRUE(model.ok()) << model.error().message;
    model_ = std::move(model).value();
  }
  void TearDown() override { fs::remove_all(directory_); }

  // The mean of the last layer's rows from `first` on, of length 1.
  std::vector<float> MeanFrom(const TokenizedText& text, size_t first) {
    const EncoderModel& encoder = model_->encoder();
    const auto size = static_cast<size_t>(encoder.info().config.hidden_size);
    const std::vector<int32_t> starts = {0, static_cast<int32_t>(text.ids.size())};
    const auto workspace = encoder.NewWorkspace(text.ids.size(), 1, &pool_);
    std::vector<float> hidden(text.ids.size() * size);
    encoder.Hidden({.ids = text.ids, .starts = starts, .type_ids = {}, .unpooled = {}}, *workspace,
                   hidden.data());
    std::vector<double> sum(size);
    for (size_t i = first * size; i < hidden.size(); ++i) sum[i % size] += hidden[i];
    double squares = 0;
    for (const double value : sum) squares += value * value;
    std::vector<float> mean;
    for (const double value : sum) mean.push_back(static_cast<float>(value / std::sqrt(squares)));
    return mean;
  }

  const fs::path directory_ =
      fs::path(testing::TempDir()) / ("minnow_unpooled_" + std::to_string(::getpid()));
  ThreadPool pool_{1};
  std::unique_ptr<EmbeddingModel> model_;
};

TEST_F(UnpooledPrompt, IsLeftOutOfTheVector) {
  const auto prompt = model_->MakePrompt({PromptChoice::Kind::kQuery, {}});
  ASSERT_TRUE(prompt.ok());
  // [CLS] and two words; [SEP] comes after the text.
  EXPECT_EQ(prompt->unpooled_tokens, 3u);
  const TokenizedText with = model_->Tokenize("a fish", LengthPolicy{}, *prompt).value();
  const TokenizedText without = model_->Tokenize("a fish", LengthPolicy{}).value();
  EXPECT_EQ(with.unpooled_tokens, 3u);
  EXPECT_EQ(with.ids.size(), without.ids.size() + 2);

  EmbeddingBatch batch(*model_, 128, 3, &pool_);
  for (const TokenizedText* text : {&without, &with, &without}) batch.Add(*text);
  const std::span<const float> vectors = batch.Run(/*normalize=*/true);
  const size_t size = model_->embedding_size();
  const std::vector<float> expected[] = {MeanFrom(without, 0), MeanFrom(with, 3),
                                         MeanFrom(without, 0)};
  for (size_t i = 0; i < 3; ++i) {
    for (size_t k = 0; k < size; ++k)
      EXPECT_NEAR(vectors[i * size + k], expected[i][k], 1e-5) << i << " " << k;
  }
  // And the next batch has no prompt again.
  batch.Add(with);
  batch.Run(true);
  batch.Add(without);
  const std::span<const float> again = batch.Run(true);
  EXPECT_NEAR(again[0], expected[0][0], 1e-5);
}

TEST_F(UnpooledPrompt, CutTextsKeepTokensToPool) {
  const Prompt prompt = model_->MakePrompt({PromptChoice::Kind::kQuery, {}}).value();
  std::string text;
  for (int i = 0; i < 100; ++i) text += "fish ";
  LengthPolicy left;
  left.direction = TruncationDirection::kLeft;
  EXPECT_EQ(model_->Tokenize(text, LengthPolicy{}, prompt)->unpooled_tokens, 3u);
  EXPECT_EQ(model_->Tokenize(text, left, prompt)->unpooled_tokens, 1u);  // [CLS] alone
  std::string long_prompt;
  for (int i = 0; i < 100; ++i) long_prompt += "fish ";
  const Prompt all = model_->MakePrompt({PromptChoice::Kind::kText, long_prompt}).value();
  const TokenizedText cut = model_->Tokenize("fish", LengthPolicy{}, all).value();
  EXPECT_EQ(cut.unpooled_tokens, cut.ids.size() - 1);  // [SEP] is left
}

}  // namespace
}  // namespace minnow
