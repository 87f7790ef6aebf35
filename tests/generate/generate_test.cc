// SPDX-License-Identifier: Apache-2.0
// Generation jobs: ids as transformers gives them, whatever else runs beside; texts, streams, ends,
// and what is refused.
#include "tasks/generate/generate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <string>

#include "formats/json.h"
#include "generation/options_json.h"
#include "models/source.h"
#include "tests/generate/job_runner.h"
#include "tests/golden/t5_harness.h"

namespace minnow {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::vector<TokenId> Ids(const JsonView& array) {
  std::vector<TokenId> ids;
  for (const JsonView item : array.Items())
    ids.push_back(static_cast<TokenId>(item.Int(0, 1 << 20).value()));
  return ids;
}

GenerationOptions Options(const std::string& json) {
  const auto document = JsonDocument::Parse(json, "options");
  EXPECT_TRUE(document.ok()) << json;
  return ReadGenerationOptions(document->root()).value();
}

GenerateRequest Request(std::vector<TokenId> ids, const std::string& options) {
  GenerateRequest request;
  request.inputs = {std::move(ids)};
  request.options = Options(options);
  return request;
}

class SharedT5 : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(T5Shared())) GTEST_SKIP() << "no shared test data (MINNOW_DATA)";
    auto source = ModelSource::Open(T5Shared() + "/hf");
    ASSERT_TRUE(source.ok()) << source.error().message;
    auto model = GenerateModel::Load(*source, {});
    ASSERT_TRUE(model.ok()) << model.error().message;
    model_ = std::move(model).value();
    auto expected = JsonDocument::ReadFile(T5Shared() + "/expected.json");
    ASSERT_TRUE(expected.ok());
    expected_ = std::make_unique<JsonDocument>(std::move(expected).value());
    for (const JsonView item : expected_->root().Items()) {
      cases_.push_back(item);
      inputs_.push_back(Ids(item.Get("input_ids").value()));
    }
  }

  static constexpr std::pair<const char*, const char*> kDecodings[] = {
      {"greedy", R"({"max_new_tokens": 24})"},
      {"beam4", R"({"max_new_tokens": 24, "num_beams": 4})"},
      {"beam4_lp",
       R"({"max_new_tokens": 24, "num_beams": 4, "length_penalty": 2, "early_stopping": true})"},
      {"beam4_ngram", R"({"max_new_tokens": 24, "num_beams": 4, "no_repeat_ngram_size": 2})"},
      {"greedy_rep", R"({"max_new_tokens": 24, "repetition_penalty": 1.5})"},
      {"greedy_min", R"({"max_new_tokens": 24, "min_new_tokens": 20})"}};

  std::unique_ptr<GenerateModel> model_;
  std::unique_ptr<JsonDocument> expected_;
  std::vector<JsonView> cases_;
  std::vector<std::vector<TokenId>> inputs_;
};

TEST_F(SharedT5, GivesTheIdsOfTransformers) {
  JobRunner runner(model_.get());
  for (size_t i = 0; i < cases_.size(); ++i) {
    for (const auto& [name, options] : kDecodings) {
      const auto answer = runner.Run(Request(inputs_[i], options));
      ASSERT_TRUE(answer.ok()) << answer.error().message;
      const GeneratedText& text = answer->inputs[0].sequences[0];
      EXPECT_EQ(text.ids, Ids(cases_[i].Get(name).value())) << name << " of input " << i;
      EXPECT_EQ(text.finish_reason, FinishReason::kLength);
      EXPECT_EQ(answer->generated_tokens, 24u);
      EXPECT_EQ(answer->input_tokens, inputs_[i].size());
      EXPECT_GT(answer->timings.first_token.count(), 0);
    }
  }
}

// tools/make_generate_golden.py makes them.
TEST(GenerateGolden, SequencesAreThoseOfTransformers) {
  const auto golden = JsonDocument::ReadFile(T5Golden("../generate.json"));
  ASSERT_TRUE(golden.ok()) << golden.error().message;
  std::string name;
  std::unique_ptr<GenerateModel> model;
  size_t cases = 0;
  for (const JsonView one : golden->root().Get("cases")->Items()) {
    if (const auto wanted = one.GetString("model").value(); wanted != name) {
      name = wanted;
      model = GenerateModel::Load(ModelSource::Open(T5Golden(name)).value(), {}).value();
    }
    GenerateRequest request;
    request.inputs = {Ids(one.Get("input_ids").value())};
    request.options = ReadGenerationOptions(one.Get("options").value()).value();
    JobRunner runner(model.get());
    const auto answer = runner.Run(std::move(request));
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    std::vector<GeneratedSequence> sequences;
    for (const GeneratedText& text : answer->inputs[0].sequences)
      sequences.push_back({.ids = text.ids, .score = text.score, .logprobs = {}});
    FillSequences(answer->settings, &sequences);
    const JsonView expected = one.Get("sequences").value();
    ASSERT_EQ(sequences.size(), expected.size());
    for (size_t i = 0; i < sequences.size(); ++i)
      EXPECT_EQ(sequences[i].ids, Ids(expected.at(i))) << name << " case " << cases;
    ++cases;
  }
  EXPECT_EQ(cases, 324u);
}

// An input of many more tokens than are read, from a client who then is told why.
TEST_F(SharedT5, AHugeInputIsRefused) {
  JobRunner runner(model_.get());
  const auto answer = runner.Run(Request(std::vector<TokenId>(100'000, 7), "{}"));
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().message, "inputs[0]: 100000 tokens, limit 4096");
}

struct Outcome {
  std::vector<TokenId> ids;
  float score;
  std::vector<float> logprobs;
  bool operator==(const Outcome&) const = default;
};

std::vector<Outcome> OutcomesOf(const Result<GenerateAnswer>& answer) {
  EXPECT_TRUE(answer.ok());
  std::vector<Outcome> outcomes;
  for (const GeneratedTexts& input : answer->inputs) {
    for (const GeneratedText& text : input.sequences)
      outcomes.push_back({text.ids, text.score, text.logprobs});
  }
  return outcomes;
}

TEST_F(SharedT5, AloneIsWhatItIsInCompanyBitForBit) {
  std::vector<GenerateRequest> requests;
  for (const auto& ids : inputs_) {
    for (const char* options :
         {R"({"max_new_tokens": 9})", R"({"max_new_tokens": 24, "num_beams": 4})",
          R"({"max_new_tokens": 20, "do_sample": true, "seed": 7, "num_return_sequences": 3})",
          R"({"max_new_tokens": 16, "num_beams": 3, "do_sample": true, "seed": 3,
              "num_return_sequences": 2})"}) {
      requests.push_back(Request(ids, options));
      requests.back().logprobs = true;
    }
  }
  requests.push_back(Request(inputs_[0], R"({"max_new_tokens": 12})"));
  requests.back().inputs = {inputs_[2], inputs_[0], inputs_[1]};
  std::vector<std::vector<Outcome>> alone;
  for (const GenerateRequest& request : requests) {
    JobRunner runner(model_.get(), /*threads=*/1);
    alone.push_back(OutcomesOf(runner.Run(request)));
  }
  // They join one by one and leave when they are done.
  JobRunner runner(model_.get(), /*threads=*/3);
  std::vector<JobRunner::Running*> running;
  for (const GenerateRequest& request : requests) {
    running.push_back(runner.Add(request));
    runner.Step();
    runner.Step();
  }
  runner.Finish();
  for (size_t i = 0; i < requests.size(); ++i)
    EXPECT_EQ(OutcomesOf(*running[i]->answer), alone[i]) << i;
}

TEST_F(SharedT5, MoreRowsThanGoTogetherAreNoTrouble) {
  JobRunner runner(model_.get());
  std::vector<JobRunner::Running*> running;
  for (int i = 0; i < 30; ++i) {
    running.push_back(
        runner.Add(Request(inputs_[i % 3], R"({"max_new_tokens": 24, "num_beams": 4})")));
  }
  runner.Finish();
  for (size_t i = 0; i < running.size(); ++i) {
    ASSERT_TRUE(running[i]->answer->ok());
    EXPECT_EQ((**running[i]->answer).inputs[0].sequences[0].ids,
              Ids(cases_[i % 3].Get("beam4").value()));
  }
}

TEST_F(SharedT5, AnEndTokenEndsASequence) {
  JobRunner runner(model_.get());
  const auto answer = runner.Run(Request(inputs_[0], R"({"max_new_tokens": 24,
                                                        "eos_token_id": 478})"));
  const GeneratedText& text = answer->inputs[0].sequences[0];
  EXPECT_THAT(text.ids, ElementsAre(0, 432, 664, 478));
  EXPECT_EQ(text.finish_reason, FinishReason::kEnd);
}

TEST_F(SharedT5, AJobThatLeavesDisturbsNobody) {
  JobRunner runner(model_.get());
  auto* const gone = runner.Add(Request(inputs_[2], R"({"max_new_tokens": 500})"));
  auto* const stays = runner.Add(Request(inputs_[0], R"({"max_new_tokens": 24})"));
  for (int i = 0; i < 5; ++i) runner.Step();
  runner.Drop(gone);
  EXPECT_EQ(gone->answer->error().code, Code::kDeadline);
  runner.Finish();
  EXPECT_EQ((**stays->answer).inputs[0].sequences[0].ids, Ids(cases_[0].Get("greedy").value()));
}

TEST_F(SharedT5, LogprobsAreThoseOfTheLogits) {
  JobRunner runner(model_.get());
  GenerateRequest request = Request(inputs_[1], R"({"max_new_tokens": 5})");
  request.logprobs = true;
  request.top_logprobs = 3;
  const auto answer = runner.Run(request);
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  const GeneratedText& text = answer->inputs[0].sequences[0];
  ASSERT_THAT(text.logprobs, SizeIs(5));
  ASSERT_THAT(text.top_logprobs, SizeIs(5));
  float sum = 0;
  for (size_t i = 0; i < 5; ++i) {
    ASSERT_THAT(text.top_logprobs[i], SizeIs(3));
    EXPECT_EQ(text.top_logprobs[i][0].id, text.ids[i + 1]);
    EXPECT_EQ(text.top_logprobs[i][0].logprob, text.logprobs[i]);
    EXPECT_GE(text.top_logprobs[i][0].logprob, text.top_logprobs[i][1].logprob);
    sum += text.logprobs[i];
  }
  EXPECT_EQ(text.score, sum);
}

TEST_F(SharedT5, WhatIsWrongIsRefusedByName) {
  JobRunner runner(model_.get());
  const auto why = [&](const GenerateRequest& request) {
    const auto answer = runner.Run(request);
    EXPECT_FALSE(answer.ok());
    return answer.ok() ? "" : answer.error().message;
  };
  const auto options = [&](const std::string& json) { return why(Request(inputs_[0], json)); };
  EXPECT_EQ(options(R"({"num_beams": 17})"), "num_beams: 17, expected 1 to 16");
  EXPECT_EQ(options(R"({"max_new_tokens": 100000})"), "max_new_tokens: 100000, expected 1 to 1023");
  EXPECT_EQ(options(R"({"max_new_tokens": 0})"), "max_new_tokens: 0, expected 1 to 1023");
  EXPECT_THAT(options(R"({"max_length": 2000})"), HasSubstr("max_length: 2000"));
  EXPECT_THAT(options(R"({"num_return_sequences": 2})"), HasSubstr("num_return_sequences: 2"));
  EXPECT_THAT(options(R"({"temperature": 0, "do_sample": true})"), HasSubstr("temperature"));
  GenerateRequest request = Request(inputs_[0], R"({"num_beams": 16, "max_new_tokens": 1000})");
  request.limits.new_tokens_of_all_rows = 10000;
  EXPECT_THAT(why(request), HasSubstr("16 beams or sequences: 16000, limit 10000"));
  EXPECT_EQ(why(Request({}, "{}")), "inputs[0]: no tokens");
  EXPECT_EQ(why(Request({5, 1000}, "{}")), "inputs[0]: token id 1000 is not in [0, 1000)");
  EXPECT_EQ(why(Request({-1}, "{}")), "inputs[0]: token id -1 is not in [0, 1000)");
  EXPECT_EQ(why(Request(std::vector<TokenId>(100000, 5), "{}")),
            "inputs[0]: 100000 tokens, limit 4096");
  request = Request(inputs_[0], "{}");
  request.inputs = {std::string("text")};
  request.last_field = "prompt";
  EXPECT_EQ(why(request), "prompt: the model has no tokenizer: it takes token ids only");
  request = Request(inputs_[0], "{}");
  request.task = "summarization";
  EXPECT_EQ(why(request), "task: the model has none named \"summarization\"");
  request.task = "";
  request.stop = {"."};
  EXPECT_THAT(why(request), HasSubstr("stop: the model has no tokenizer"));
  request.stop = {};
  request.top_logprobs = 21;
  EXPECT_EQ(why(request), "top_logprobs: 21, limit 20");
  request.top_logprobs = 0;
  request.on_piece = [](GeneratedPiece) {};
  request.clean_up_spaces = true;
  EXPECT_EQ(why(request), "clean_up_tokenization_spaces: true, not where the text is streamed");
  request.clean_up_spaces = false;
  request.options = Options(R"({"num_beams": 2})");
  EXPECT_EQ(why(request), "num_beams: 2, limit 1 where the text is streamed");
  request.options = {};
  request.inputs.push_back(inputs_[1]);
  EXPECT_EQ(why(request), "inputs: 2, limit 1 where the text is streamed");
}

TEST_F(SharedT5, TimeEndsTexts) {
  JobRunner runner(model_.get());
  for (const char* beams : {"1", "3"}) {
    const auto options = [&](const char* seconds) {
      return std::string(R"({"max_new_tokens": 20, "num_beams": )") + beams +
             ", \"max_time\": " + seconds + "}";
    };
    const auto cut = runner.Run(Request(inputs_[1], options("0")));
    ASSERT_TRUE(cut.ok()) << cut.error().message;
    EXPECT_THAT(cut->inputs[0].sequences[0].ids, SizeIs(2));
    EXPECT_EQ(cut->inputs[0].sequences[0].finish_reason, FinishReason::kLength);
    const auto whole = runner.Run(Request(inputs_[1], options("1e300")));
    ASSERT_TRUE(whole.ok()) << whole.error().message;
    EXPECT_THAT(whole->inputs[0].sequences[0].ids, SizeIs(21));
  }
}

TEST_F(SharedT5, LongInputsAreCutWhereAskedFor) {
  JobRunner runner(model_.get());
  GenerateRequest request = Request(inputs_[2], R"({"max_new_tokens": 3})");
  request.max_input_tokens = 17;
  request.truncation = InputTruncation::kKeepEnd;
  const auto answer = runner.Run(request);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->inputs[0].input_ids,
            std::vector<TokenId>(inputs_[2].end() - 17, inputs_[2].end()));
  EXPECT_EQ(answer->inputs[0].untruncated_tokens, 60u);
  request.truncation = InputTruncation::kKeepBeginning;
  EXPECT_EQ(runner.Run(request)->inputs[0].input_ids,
            std::vector<TokenId>(inputs_[2].begin(), inputs_[2].begin() + 17));
}

TEST_F(SharedT5, NothingToDoIsDone) {
  JobRunner runner(model_.get());
  const auto answer = runner.Run({});
  ASSERT_TRUE(answer.ok());
  EXPECT_THAT(answer->inputs, SizeIs(0));
}

TEST_F(SharedT5, WhatAStreamThrowsEndsItsJobAlone) {
  JobRunner runner(model_.get());
  GenerateRequest request = Request(inputs_[0], R"({"max_new_tokens": 24})");
  auto* const good = runner.Add(request);
  request.on_piece = [](GeneratedPiece) { throw std::bad_alloc(); };
  auto* const bad = runner.Add(request);
  runner.Finish();
  EXPECT_EQ(bad->answer->error().message, "out of memory");
  EXPECT_TRUE(good->answer->ok());
}

}  // namespace
}  // namespace minnow
