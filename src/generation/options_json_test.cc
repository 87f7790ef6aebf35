// SPDX-License-Identifier: Apache-2.0
// Generation options in JSON: names, types, the model's two files, and what is not done here.
#include "generation/options_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Result<GenerationOptions> Read(const std::string& json, const std::string& name = "") {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::Parse(json, name));
  return ReadGenerationOptions(document.root());
}

Error ErrorOf(const std::string& json, const std::string& name = "") {
  const auto options = Read(json, name);
  return options.ok() ? Error{Code::kInternal, "(accepted)"} : options.error();
}

TEST(OptionsJson, ReadsFields) {
  const auto options = Read(R"({"max_new_tokens": 7, "early_stopping": "never", "top_p": 0.5,
      "eos_token_id": [1, 2], "forced_eos_token_id": 3, "length_penalty": -1,
      "bad_words_ids": [[4], [5, 6]], "sequence_bias": [[[7, 8], -1.5]],
      "exponential_decay_length_penalty": [9, 1.25], "min_length": null, "unknown": {}})");
  ASSERT_TRUE(options.ok()) << options.error().message;
  EXPECT_EQ(options->max_new_tokens, 7);
  EXPECT_EQ(options->early_stopping, EarlyStopping::kNever);
  EXPECT_EQ(options->top_p, 0.5);
  EXPECT_EQ(options->length_penalty, -1);
  EXPECT_THAT(*options->eos_token_id, ElementsAre(1, 2));
  EXPECT_THAT(*options->forced_eos_token_id, ElementsAre(3));
  EXPECT_THAT(options->bad_words_ids->at(1), ElementsAre(5, 6));
  EXPECT_THAT(options->sequence_bias->at(0).ids, ElementsAre(7, 8));
  EXPECT_EQ(options->sequence_bias->at(0).bias, -1.5f);
  EXPECT_EQ(options->exponential_decay_length_penalty->start, 9);
  EXPECT_EQ(options->exponential_decay_length_penalty->factor, 1.25);
  EXPECT_FALSE(options->min_length.has_value());
  EXPECT_FALSE(options->num_beams.has_value());
}

TEST(OptionsJson, EarlyStopping) {
  EXPECT_EQ(Read(R"({"early_stopping": true})")->early_stopping, EarlyStopping::kWhenFull);
  EXPECT_EQ(Read(R"({"early_stopping": false})")->early_stopping, EarlyStopping::kHeuristic);
  EXPECT_EQ(ErrorOf(R"({"early_stopping": "always"})").message,
            R"(early_stopping: expected true, false or "never", got "always")");
  EXPECT_THAT(ErrorOf(R"({"early_stopping": 1})").message, HasSubstr("early_stopping"));
}

TEST(OptionsJson, WrongTypesNameTheField) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"num_beams": "4"})", "num_beams"},
      {R"({"num_beams": 1.5})", "num_beams"},
      {R"({"max_length": 99999999999})", "max_length"},
      {R"({"do_sample": 1})", "do_sample"},
      {R"({"temperature": "hot"})", "temperature"},
      {R"({"bad_words_ids": [1]})", "bad_words_ids[0]"},
      {R"({"bad_words_ids": 1})", "bad_words_ids"},
      {R"({"sequence_bias": [[[1]]]})", "sequence_bias[0]"},
      {R"({"sequence_bias": {"1": 2}})", "sequence_bias"},
      {R"({"exponential_decay_length_penalty": [1]})", "exponential_decay_length_penalty"},
      {R"({"eos_token_id": "1"})", "eos_token_id"},
      {R"({"suppress_tokens": 5})", "suppress_tokens"},
      {R"({"seed": -1})", "seed"},
      {R"([])", "object"},
  };
  for (const auto& [json, field] : cases) {
    EXPECT_THAT(ErrorOf(json).message, HasSubstr(field)) << json;
    EXPECT_EQ(ErrorOf(json).code, Code::kInvalidArgument) << json;
  }
  const Error in_file = ErrorOf(R"({"num_beams": "4"})", "generation_config.json");
  EXPECT_EQ(in_file.code, Code::kCorrupt);
  EXPECT_THAT(in_file.message, HasSubstr("generation_config.json: num_beams"));
}

TEST(OptionsJson, WhatIsNotDoneIsRefusedUnlessItDoesNothing) {
  EXPECT_TRUE(Read(R"({"num_beam_groups": 1, "diversity_penalty": 0.0, "penalty_alpha": null,
      "guidance_scale": 1, "constraints": null, "force_words_ids": [], "dola_layers": null})")
                  .ok());
  for (const char* field :
       {R"("num_beam_groups": 2)", R"("diversity_penalty": 0.5)", R"("penalty_alpha": 0.6)",
        R"("guidance_scale": 1.5)", R"("constraints": [1])", R"("force_words_ids": [[1]])",
        R"("watermarking_config": {"bias": 2})", R"("dola_layers": "low")", R"("top_h": 0.4)",
        R"("prompt_lookup_num_tokens": 3)"}) {
    const Error error = ErrorOf("{" + std::string(field) + "}");
    EXPECT_EQ(error.code, Code::kUnsupported) << field;
    EXPECT_THAT(error.message, HasSubstr("not supported")) << field;
  }
}

TEST(OptionsJson, GenerationConfigBeforeConfig) {
  const auto config = JsonDocument::Parse(R"({"num_beams": 4, "max_length": 200, "eos_token_id": 1,
      "decoder_start_token_id": 0, "pad_token_id": 0})",
                                          "config.json");
  const auto file =
      JsonDocument::Parse(R"({"max_length": 50, "eos_token_id": 7})", "generation_config.json");
  const auto without = ReadModelOptions(std::nullopt, config->root());
  ASSERT_TRUE(without.ok());
  EXPECT_EQ(without->num_beams, 4);
  EXPECT_EQ(without->max_length, 200);
  const auto with = ReadModelOptions(file->root(), config->root());
  ASSERT_TRUE(with.ok());
  EXPECT_FALSE(with->num_beams.has_value());
  EXPECT_EQ(with->max_length, 50);
  EXPECT_THAT(*with->eos_token_id, ElementsAre(7));
  EXPECT_EQ(with->decoder_start_token_id, 0);
  EXPECT_EQ(with->pad_token_id, 0);
}

}  // namespace
}  // namespace minnow
