// SPDX-License-Identifier: Apache-2.0
// Texts of generated ids: pieces that join to the whole, stop strings, tasks; with T5's tokenizer
// and a model of chance.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>

#include "formats/json.h"
#include "generation/options_json.h"
#include "tasks/generate/clean_up.h"
#include "tasks/generate/generate.h"
#include "tasks/generate/growing_text.h"
#include "tests/generate/job_runner.h"
#include "tests/golden/t5_harness.h"

namespace minnow {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

std::string T5SmallLayout() { return T5Shared() + "/../../hf_layout_t5small"; }

GenerationOptions MakeOptions(const std::string& json) {
  const auto document = JsonDocument::Parse(json, "options");
  EXPECT_TRUE(document.ok()) << json;
  return ReadGenerationOptions(document->root()).value();
}

std::unique_ptr<GenerateModel> MakeModel() {
  const auto config = ParseT5Config(
      R"({"model_type": "t5", "vocab_size": 32128, "d_model": 32, "d_kv": 8, "d_ff": 64,
          "num_heads": 4, "num_layers": 2, "decoder_start_token_id": 0})",
      "config.json");
  EXPECT_TRUE(config.ok()) << config.error().message;
  TextTasks tasks;
  tasks["translation"] = {"translate English to German: ", MakeOptions(R"({"max_length": 9})")};
  return std::make_unique<GenerateModel>(
      std::move(Tokenizer::LoadDirectory(T5SmallLayout())).value(),
      std::move(T5Model::Random(*config, Dtype::kF32, {.max_input_tokens = 100})).value(),
      GenerationOptions{}, std::move(tasks));
}

class T5Text : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(T5SmallLayout() + "/tokenizer.json"))
      GTEST_SKIP() << "no shared test data (MINNOW_DATA)";
    model_ = MakeModel();
    runner_ = std::make_unique<JobRunner>(model_.get());
  }
  // Samples, so that the text has many kinds of tokens.
  GenerateRequest Request(const std::string& text, uint64_t seed = 1) {
    GenerateRequest request;
    request.inputs = {text};
    request.options = MakeOptions(R"({"max_new_tokens": 40, "do_sample": true, "top_k": 0})");
    request.options.seed = seed;
    return request;
  }
  GeneratedText Run(GenerateRequest request) {
    const auto answer = runner_->Run(std::move(request));
    EXPECT_TRUE(answer.ok()) << answer.error().message;
    return answer.ok() ? answer->inputs[0].sequences[0] : GeneratedText();
  }

  std::unique_ptr<GenerateModel> model_;
  std::unique_ptr<JobRunner> runner_;
};

TEST_F(T5Text, InputsEndWithTheEndToken) {
  const auto answer = runner_->Run(Request("Hello <extra_id_0>."));
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->inputs[0].input_ids.back(), 1);
  EXPECT_EQ(answer->inputs[0].input_ids[1], 32099);
  const GeneratedText& text = answer->inputs[0].sequences[0];
  EXPECT_EQ(text.text, model_->Decode(text.ids, false));
}

TEST_F(T5Text, PiecesJoinToTheWhole) {
  for (uint64_t seed = 0; seed < 4; ++seed) {
    GenerateRequest request = Request("Hello world", seed);
    request.skip_special_tokens = seed % 2 == 1;
    request.logprobs = true;
    const GeneratedText whole = Run(request);
    std::string joined;
    std::vector<TokenId> ids = {0};
    std::vector<float> logprobs;
    request.on_piece = [&](GeneratedPiece piece) {
      joined += piece.text;
      ids.insert(ids.end(), piece.ids.begin(), piece.ids.end());
      logprobs.insert(logprobs.end(), piece.logprobs.begin(), piece.logprobs.end());
    };
    const GeneratedText streamed = Run(request);
    EXPECT_EQ(joined, whole.text) << seed;
    EXPECT_EQ(streamed.text, whole.text) << seed;
    EXPECT_EQ(ids, whole.ids);
    EXPECT_EQ(logprobs, whole.logprobs);
  }
}

TEST_F(T5Text, AnyIdsGrowToTheirText) {
  std::mt19937 random(5);
  for (int round = 0; round < 100; ++round) {
    GrowingText growing(model_.get(), round % 2 == 1, {}, false);
    std::vector<TokenId> ids;
    std::string joined;
    for (int i = 0; i < 60; ++i) {
      // Often the lone space, the ends, sentinels and rows that stand for nothing.
      constexpr TokenId kOdd[] = {3, 0, 1, 2, 32099, 32127, 5};
      ids.push_back(random() % 3 == 0 ? kOdd[random() % 7]
                                      : static_cast<TokenId>(random() % 32128));
      growing.Append(ids.back());
      joined += growing.Take();
    }
    growing.Finish();
    joined += growing.Take();
    EXPECT_EQ(joined, model_->Decode(ids, round % 2 == 1)) << round;
  }
}

TEST_F(T5Text, StopStringsCutTheText) {
  const GeneratedText whole = Run(Request("Hello world"));
  ASSERT_GT(whole.text.size(), 40u);
  // From within one token to within another.
  size_t begin = 17, end = 29;
  while ((static_cast<uint8_t>(whole.text[begin]) & 0xC0) == 0x80) ++begin;
  while ((static_cast<uint8_t>(whole.text[end]) & 0xC0) == 0x80) ++end;
  const std::string stop = whole.text.substr(begin, end - begin);
  for (const bool keep : {false, true}) {
    for (const bool streams : {false, true}) {
      GenerateRequest request = Request("Hello world");
      request.stop = {"never there", stop};
      request.keep_stop = keep;
      std::string joined;
      if (streams) request.on_piece = [&](const GeneratedPiece& piece) { joined += piece.text; };
      const GeneratedText cut = Run(request);
      EXPECT_EQ(cut.text, whole.text.substr(0, keep ? end : begin));
      EXPECT_EQ(cut.finish_reason, FinishReason::kStop);
      EXPECT_LT(cut.ids.size(), whole.ids.size());
      if (streams) EXPECT_EQ(joined, cut.text);
    }
  }
  // Beams are cut at the end.
  GenerateRequest beams = Request("Hello world");
  beams.options = MakeOptions(R"({"max_new_tokens": 20, "num_beams": 3})");
  const GeneratedText best = Run(beams);
  beams.stop = {best.text.substr(best.text.size() / 2)};
  const GeneratedText cut = Run(beams);
  EXPECT_EQ(cut.text, best.text.substr(0, best.text.find(beams.stop[0])));
  EXPECT_EQ(cut.finish_reason, FinishReason::kStop);
}

TEST_F(T5Text, SpacesAreCleanedUpWhereAskedFor) {
  GenerateRequest request = Request("Hello world");
  // A space and a full stop, time and again.
  request.options =
      MakeOptions(R"({"max_new_tokens": 8, "sequence_bias": [[[3], 1000.0], [[3, 5], 2000.0]]})");
  const std::string plain = Run(request).text;
  request.clean_up_spaces = true;
  const std::string clean = Run(request).text;
  EXPECT_EQ(clean, CleanUpSpaces(plain));
  EXPECT_NE(clean, plain);
}

TEST_F(T5Text, SequencesStopByThemselves) {
  GenerateRequest request = Request("Hello world");
  request.options.num_return_sequences = 4;
  const auto whole = runner_->Run(request);
  ASSERT_TRUE(whole.ok());
  const auto& texts = whole->inputs[0].sequences;
  ASSERT_THAT(texts, SizeIs(4));
  request.stop = {texts[2].text.substr(0, 12)};
  const auto cut = runner_->Run(request);
  ASSERT_TRUE(cut.ok());
  for (size_t i = 0; i < 4; ++i) {
    const GeneratedText& text = cut->inputs[0].sequences[i];
    EXPECT_EQ(text.finish_reason, i == 2 ? FinishReason::kStop : texts[i].finish_reason);
    EXPECT_EQ(text.text, i == 2 ? "" : texts[i].text);
  }
}

TEST_F(T5Text, TextIsHeldBackWhileItMayBecomeAStop) {
  const std::vector<std::string> stop = {"abcab"};
  const auto ids = model_->tokenizer().Encode("abcabx abcaab abcab", {}).ids;
  GrowingText growing(model_.get(), false, stop, false);
  std::string sent;
  for (const TokenId id : ids) {
    growing.Append(id);
    sent += growing.Take();
    for (size_t size = 1; size < stop[0].size(); ++size)
      EXPECT_FALSE(!growing.stopped() && sent.ends_with(stop[0].substr(0, size))) << sent;
  }
  growing.Finish();
  sent += growing.Take();
  EXPECT_EQ(sent, growing.text());
}

TEST_F(T5Text, ATaskHasItsPrefixAndItsSettings) {
  GenerateRequest request = Request("Hello");
  request.options = {};
  request.task = "translation";
  const auto answer = runner_->Run(request);
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer->inputs[0].input_ids,
            model_->tokenizer().Encode("translate English to German: Hello", {}).ids);
  EXPECT_EQ(answer->inputs[0].sequences[0].ids.size(), 9u);
  request.options.max_new_tokens = 4;
  EXPECT_EQ(Run(request).new_tokens(), 4u);
  request.task = "nothing";
  EXPECT_EQ(runner_->Run(request).error().message,
            "task: the model has none named \"nothing\"; it has translation");
}

TEST_F(T5Text, OddTextsAreRefusedOrRead) {
  const auto why = [&](const std::string& text) {
    const auto answer = runner_->Run(Request(text));
    return answer.ok() ? "" : answer.error().message;
  };
  EXPECT_EQ(why(""), "inputs[0]: empty text");
  EXPECT_EQ(why("\xFF\xC0 \xE2"), "");
  EXPECT_EQ(why(" \n\t"), "");
  std::string hostile;
  for (int i = 0; i < 100000; ++i) hostile += " a";
  EXPECT_THAT(why(hostile), HasSubstr("tokens, limit 100"));
  GenerateRequest request = Request(hostile);
  request.truncation = InputTruncation::kKeepEnd;
  const auto answer = runner_->Run(request);
  ASSERT_TRUE(answer.ok());
  EXPECT_THAT(answer->inputs[0].input_ids, SizeIs(100));
  EXPECT_EQ(answer->inputs[0].input_ids.back(), 1);
  request = Request("x");
  request.stop = {""};
  EXPECT_EQ(runner_->Run(request).error().message, "stop[0]: empty");
  request.stop = {"\xFF"};
  EXPECT_EQ(runner_->Run(request).error().message, "stop[0]: not UTF-8");
  request.stop.assign(17, "x");
  EXPECT_EQ(runner_->Run(request).error().message, "stop: 17 strings, limit 16");
}

}  // namespace
}  // namespace minnow
