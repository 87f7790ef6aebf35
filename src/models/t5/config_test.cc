// SPDX-License-Identifier: Apache-2.0
// config.json of T5's family: what is read, what is refused, and what the messages say.
#include "models/t5/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace minnow {
namespace {

using testing::HasSubstr;

T5Config Read(const std::string& fields, const std::string& model_type = "t5") {
  const auto config =
      ParseT5Config("{\"model_type\":\"" + model_type + "\"" + fields + "}", "config.json");
  EXPECT_TRUE(config.ok()) << config.error().message;
  return config.ok() ? *config : T5Config{};
}

std::string ErrorOf(const std::string& fields, const std::string& model_type = "t5") {
  const auto config =
      ParseT5Config("{\"model_type\":\"" + model_type + "\"" + fields + "}", "config.json");
  return config.ok() ? "(accepted)" : config.error().message;
}

TEST(T5Config, DefaultsAreThoseOfTheClasses) {
  const T5Config t5 = Read("");
  EXPECT_EQ(t5.vocab_size, 32128);
  EXPECT_EQ(t5.d_model, 512);
  EXPECT_EQ(t5.d_kv, 64);
  EXPECT_EQ(t5.d_ff, 2048);
  EXPECT_EQ(t5.num_layers, 6);
  EXPECT_EQ(t5.num_decoder_layers, 6);
  EXPECT_EQ(t5.num_heads, 8);
  EXPECT_EQ(t5.encoder_buckets.count, 32);
  EXPECT_EQ(t5.decoder_buckets.max_distance, 128);
  EXPECT_TRUE(t5.encoder_buckets.bidirectional);
  EXPECT_FALSE(t5.decoder_buckets.bidirectional);
  EXPECT_EQ(t5.layer_norm_epsilon, 1e-6f);
  EXPECT_FALSE(t5.gated);
  EXPECT_EQ(t5.activation, EncoderActivation::kRelu);
  EXPECT_TRUE(t5.tie_word_embeddings);
  EXPECT_TRUE(t5.scale_decoder_outputs);
  EXPECT_EQ(t5.pad_token_id, 0);
  EXPECT_FALSE(t5.decoder_start_token_id.has_value());
  EXPECT_EQ(t5.encoder_tables(), 1);
  const T5Config mt5 = Read("", "mt5");
  EXPECT_EQ(mt5.vocab_size, 250112);
  EXPECT_EQ(mt5.d_ff, 1024);
  EXPECT_EQ(mt5.num_layers, 8);
  EXPECT_EQ(mt5.num_heads, 6);
  EXPECT_EQ(mt5.inner(), 384u);
  EXPECT_TRUE(mt5.gated);
  EXPECT_EQ(mt5.feed_forward_width(), 2048u);
  EXPECT_FALSE(mt5.tie_word_embeddings);
  EXPECT_FALSE(mt5.scale_decoder_outputs);
  const T5Config umt5 = Read(",\"num_decoder_layers\":3", "umt5");
  EXPECT_EQ(umt5.encoder_tables(), 8);
  EXPECT_EQ(umt5.decoder_tables(), 3);
  EXPECT_TRUE(umt5.scale_decoder_outputs);
}

TEST(T5Config, ReadsBothSpellingsAndNull) {
  const T5Config config = Read(
      ",\"hidden_size\":48,\"head_dim\":7,\"num_attention_heads\":5,\"num_hidden_layers\":4,"
      "\"num_decoder_layers\":null,\"decoder_start_token_id\":3,\"pad_token_id\":2,"
      "\"relative_attention_max_distance\":null,\"layer_norm_epsilon\":1e-5");
  EXPECT_EQ(config.d_model, 48);
  EXPECT_EQ(config.inner(), 35u);
  EXPECT_EQ(config.num_layers, 4);
  EXPECT_EQ(config.num_decoder_layers, 4);
  EXPECT_EQ(config.decoder_start_token_id, 3);
  EXPECT_EQ(config.pad_token_id, 2);
  EXPECT_EQ(config.encoder_buckets.max_distance, 128);
  EXPECT_EQ(config.layer_norm_epsilon, 1e-5f);
  // A field's own name counts where both are there.
  EXPECT_EQ(Read(",\"hidden_size\":48,\"d_model\":32").d_model, 32);
}

TEST(T5Config, FeedForwardsByName) {
  const struct {
    const char* name;
    bool gated;
    EncoderActivation activation;
  } rows[] = {{"relu", false, EncoderActivation::kRelu},
              {"gated-relu", true, EncoderActivation::kRelu},
              {"gelu", false, EncoderActivation::kGeluErf},
              {"gated-gelu", true, EncoderActivation::kGeluTanh},
              {"gelu_new", false, EncoderActivation::kGeluTanh},
              {"gated-gelu_new", true, EncoderActivation::kGeluTanh}};
  for (const auto& row : rows) {
    const T5Config config =
        Read(std::string(",\"feed_forward_proj\":\"") + row.name + "\",\"dense_act_fn\":\"x\"");
    EXPECT_EQ(config.gated, row.gated) << row.name;
    EXPECT_EQ(config.activation, row.activation) << row.name;
  }
  for (const char* name : {"", "gated-", "gated", "gated-gated-gelu", "swish", "fancy-gelu"}) {
    const std::string error = ErrorOf(std::string(",\"feed_forward_proj\":\"") + name + "\"");
    EXPECT_THAT(error, HasSubstr("config.json: feed_forward_proj: ")) << name;
    EXPECT_THAT(error, HasSubstr("known: relu, gelu, gelu_new")) << name;
  }
}

// The flag, not the presence of a tensor; of version 5's files a flag of its own.
TEST(T5Config, OutputsAreScaledByTheFlag) {
  const char* const tied = ",\"tie_word_embeddings\":true";
  const char* const untied = ",\"tie_word_embeddings\":false";
  EXPECT_TRUE(Read(tied).scale_decoder_outputs);
  EXPECT_FALSE(Read(untied).scale_decoder_outputs);
  EXPECT_FALSE(Read(std::string(tied) + ",\"scale_decoder_outputs\":false").scale_decoder_outputs);
  EXPECT_TRUE(Read(std::string(untied) + ",\"scale_decoder_outputs\":true").scale_decoder_outputs);
  EXPECT_FALSE(Read(tied, "mt5").scale_decoder_outputs);
  EXPECT_FALSE(Read(untied, "umt5").scale_decoder_outputs);
}

TEST(T5Config, HostileValuesAreRefusedByName) {
  const std::pair<const char*, const char*> fields[] = {
      {"vocab_size", "0"},
      {"vocab_size", "4194305"},
      {"vocab_size", "\"32128\""},
      {"d_model", "16385"},
      {"d_model", "-1"},
      {"d_kv", "1025"},
      {"d_ff", "0"},
      {"d_ff", "131073"},
      {"num_heads", "1025"},
      {"num_layers", "257"},
      {"num_layers", "1.5"},
      {"num_decoder_layers", "0"},
      {"hidden_size", "0"},
      {"relative_attention_num_buckets", "3"},
      {"relative_attention_num_buckets", "257"},
      {"relative_attention_max_distance", "16"},
      {"relative_attention_max_distance", "1048577"},
      {"layer_norm_epsilon", "0"},
      {"layer_norm_epsilon", "1e-60"},
      {"layer_norm_epsilon", "2"},
      {"feed_forward_proj", "3"},
      {"tie_word_embeddings", "1"},
      {"scale_decoder_outputs", "\"no\""},
      {"pad_token_id", "32128"},
      {"pad_token_id", "-1"},
      {"decoder_start_token_id", "32128"},
      {"quantization_config", "{}"}};
  for (const auto& [name, value] : fields) {
    const std::string error = ErrorOf(std::string(",\"") + name + "\":" + value);
    EXPECT_THAT(error, HasSubstr("config.json: ")) << name << " " << value;
    EXPECT_THAT(error, HasSubstr(name)) << value;
  }
  EXPECT_THAT(ErrorOf(",\"num_heads\":1024,\"d_kv\":1024"),
              HasSubstr("num_heads 1024 times d_kv 1024 is more than 65536"));
  EXPECT_THAT(ErrorOf("", "bart"), HasSubstr("model_type: \"bart\" is not of T5's family"));
}

TEST(T5Config, ModelsThatMakeTextAreKnownByTwoFields) {
  const auto makes_text = [](const std::string& fields) {
    return IsT5TextToText("{" + fields + "}");
  };
  EXPECT_TRUE(makes_text("\"model_type\":\"t5\""));
  EXPECT_TRUE(
      makes_text("\"model_type\":\"mt5\",\"architectures\":[\"MT5ForConditionalGeneration\"]"));
  EXPECT_TRUE(
      makes_text("\"model_type\":\"t5\",\"architectures\":[\"T5WithLMHeadModel\"],\"d_ff\":-1"));
  EXPECT_FALSE(makes_text("\"model_type\":\"t5\",\"architectures\":[\"T5EncoderModel\"]"));
  EXPECT_FALSE(makes_text("\"model_type\":\"bart\""));
  EXPECT_FALSE(makes_text("\"model_type\":5"));
  EXPECT_FALSE(IsT5TextToText("[]"));
  EXPECT_FALSE(IsT5TextToText("{"));
}

}  // namespace
}  // namespace minnow
