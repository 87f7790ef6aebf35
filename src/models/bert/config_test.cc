// SPDX-License-Identifier: Apache-2.0
// config.json: what is read, what is refused, and what the messages say.
#include "models/bert/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/registry.h"

namespace minnow {
namespace {

using testing::HasSubstr;

// A sound BERT config with one field replaced (or added).
std::string Config(const std::string& field = "", const std::string& value = "") {
  const std::pair<const char*, const char*> fields[] = {
      {"model_type", "\"bert\""},  {"architectures", "[\"BertModel\"]"},
      {"vocab_size", "100"},       {"hidden_size", "32"},
      {"num_hidden_layers", "2"},  {"num_attention_heads", "4"},
      {"intermediate_size", "64"}, {"max_position_embeddings", "40"}};
  std::string json = "{\"transformers_version\":\"4.8.2\"";
  for (const auto& [name, sound] : fields) {
    if (name != field) json += ",\"" + std::string(name) + "\":" + sound;
  }
  if (!value.empty()) json += ",\"" + field + "\":" + value;
  return json + "}";
}

Error ErrorOf(const std::string& field, const std::string& value) {
  const auto config = ParseEncoderConfig(Config(field, value), "config.json");
  return config.ok() ? Error{Code::kInternal, "(accepted)"} : config.error();
}

EncoderConfig Read(const std::string& field = "", const std::string& value = "") {
  const auto config = ParseEncoderConfig(Config(field, value), "config.json");
  EXPECT_TRUE(config.ok()) << config.error().message;
  return config.ok() ? *config : EncoderConfig{};
}

TEST(EncoderConfig, ReadsSizesAndDefaults) {
  const EncoderConfig config = Read();
  EXPECT_EQ(config.model_type, "bert");
  EXPECT_EQ(config.architecture, "BertModel");
  EXPECT_EQ(config.vocab_size, 100);
  EXPECT_EQ(config.head_dim(), 8);
  EXPECT_EQ(config.type_vocab_size, 2);
  EXPECT_EQ(config.layer_norm_eps, 1e-12f);
  EXPECT_EQ(config.hidden_act, EncoderActivation::kGeluErf);
  EXPECT_EQ(config.max_sequence_tokens(), 40);
}

TEST(EncoderConfig, RobertaPositionsStartAfterPadding) {
  for (const char* type : {"\"roberta\"", "\"xlm-roberta\"", "\"camembert\""}) {
    const EncoderConfig config = Read("model_type", type);
    EXPECT_EQ(config.position_ids, PositionIds::kAfterPaddingIdx);
    EXPECT_EQ(config.pad_token_id, 1);
    EXPECT_EQ(config.max_sequence_tokens(), 38);
  }
}

TEST(EncoderConfig, Activations) {
  EXPECT_EQ(Read("hidden_act", "\"gelu_new\"").hidden_act, EncoderActivation::kGeluTanh);
  EXPECT_EQ(Read("hidden_act", "\"gelu_pytorch_tanh\"").hidden_act, EncoderActivation::kGeluTanh);
  EXPECT_EQ(Read("hidden_act", "\"relu\"").hidden_act, EncoderActivation::kRelu);
  const Error error = ErrorOf("hidden_act", "\"swish\"");
  EXPECT_EQ(error.code, Code::kUnsupported);
  EXPECT_THAT(error.message,
              HasSubstr("config.json: hidden_act: \"swish\" is not supported (known: gelu, "));
}

TEST(EncoderConfig, OtherModelsAreUnsupported) {
  for (const char* type : {"\"gpt2\"", "\"t5\"", "\"\""}) {
    const Error error = ErrorOf("model_type", type);
    EXPECT_EQ(error.code, Code::kUnsupported);
    EXPECT_THAT(error.message, HasSubstr("known: bert, roberta, xlm-roberta, camembert"));
  }
  EXPECT_THAT(ErrorOf("model_type", "").message, HasSubstr("field \"model_type\" is missing"));
  for (const char* field : {"is_decoder", "add_cross_attention", "is_encoder_decoder"}) {
    EXPECT_EQ(ErrorOf(field, "true").code, Code::kUnsupported) << field;
    EXPECT_EQ(ErrorOf(field, "false").message, "(accepted)") << field;
  }
  EXPECT_EQ(ErrorOf("position_embedding_type", "\"relative_key\"").code, Code::kUnsupported);
  EXPECT_EQ(ErrorOf("quantization_config", "{}").code, Code::kUnsupported);
}

TEST(EncoderConfig, EverySizeHasLimits) {
  for (const char* field : {"vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads",
                            "intermediate_size", "max_position_embeddings"}) {
    for (const char* value :
         {"0", "-1", "1e18", "18446744073709551615", "4.5", "\"32\"", "null", "[]", "true"}) {
      const Error error = ErrorOf(field, value);
      EXPECT_EQ(error.code, Code::kCorrupt) << field << " = " << value;
      EXPECT_THAT(error.message, HasSubstr("config.json: " + std::string(field) +
                                           ": expected an integer in [1, "));
    }
    EXPECT_THAT(ErrorOf(field, "").message,
                HasSubstr("field \"" + std::string(field) + "\" is missing"));
  }
  EXPECT_THAT(ErrorOf("type_vocab_size", "-1").message, HasSubstr("type_vocab_size: expected"));
  EXPECT_EQ(Read("type_vocab_size", "0").type_vocab_size, 0);
}

TEST(EncoderConfig, SizesMustFitEachOther) {
  EXPECT_THAT(ErrorOf("num_attention_heads", "5").message,
              HasSubstr("not a multiple of num_attention_heads 5"));
  EXPECT_THAT(ErrorOf("pad_token_id", "100").message, HasSubstr("expected an integer in [0, 99]"));
  const std::string roberta =
      R"({"model_type":"roberta","vocab_size":9,"hidden_size":4,"num_hidden_layers":1,"num_attention_heads":1,)"
      R"("intermediate_size":4,"max_position_embeddings":2})";
  EXPECT_THAT(ParseEncoderConfig(roberta, "c").error().message, HasSubstr("leaves no position"));
}

TEST(EncoderConfig, Epsilon) {
  EXPECT_EQ(Read("layer_norm_eps", "1e-05").layer_norm_eps, 1e-5f);
  for (const char* value : {"0", "-1e-5", "1e-60", "2", "\"x\""}) {
    EXPECT_THAT(ErrorOf("layer_norm_eps", value).message, HasSubstr("layer_norm_eps: expected"))
        << value;
  }
}

// An encoder needs neither.
TEST(EncoderConfig, LabelsAndArchitecturesAreNotNeeded) {
  for (const char* value : {R"({"0":"a","2":"b"})", R"({"x":"a"})", R"(["a", 7])", "7", "{}"})
    EXPECT_EQ(ErrorOf("id2label", value).message, "(accepted)") << value;
  EXPECT_EQ(Read("architectures", "\"BertModel\"").architecture, "BertModel");
  EXPECT_EQ(Read("architectures", "[\"A\", \"B\"]").architecture, "A");
  for (const char* value : {"[]", "null", "7", "[7]", "{}"})
    EXPECT_EQ(Read("architectures", value).architecture, "") << value;
}

TEST(EncoderConfig, DistilBertHasNamesOfItsOwn) {
  const auto config = ParseEncoderConfig(
      R"({"model_type":"distilbert","activation":"gelu_new","dim":32,"n_layers":3,"n_heads":4,)"
      R"("hidden_dim":64,"vocab_size":100,"max_position_embeddings":40,"pad_token_id":2,)"
      R"("layer_norm_eps":0.5,"hidden_size":7,"type_vocab_size":9})",
      "c");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->hidden_size, 32);
  EXPECT_EQ(config->num_hidden_layers, 3);
  EXPECT_EQ(config->num_attention_heads, 4);
  EXPECT_EQ(config->intermediate_size, 64);
  EXPECT_EQ(config->hidden_act, EncoderActivation::kGeluTanh);
  EXPECT_EQ(config->type_vocab_size, 0);
  EXPECT_EQ(config->layer_norm_eps, 1e-12f);
  EXPECT_EQ(config->pad_token_id, 2);
  EXPECT_THAT(ErrorOf("model_type", "\"distilbert\"").message,
              HasSubstr("field \"dim\" is missing"));
}

// A config.json of that family with `more` fields.
Result<EncoderConfig> ReadFamily(const std::string& family, const std::string& more) {
  return ParseEncoderConfig(
      "{\"model_type\":\"" + family +
          R"(","vocab_size":100,"hidden_size":32,"num_hidden_layers":4,"num_attention_heads":4,)"
          R"("intermediate_size":64,"max_position_embeddings":40)" +
          more + "}",
      "config.json");
}

TEST(EncoderConfig, MpnetHasBucketsOfDistance) {
  const auto config = ReadFamily("mpnet", R"(,"pad_token_id":7,"type_vocab_size":2)");
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->position_bias.count, 32);
  EXPECT_EQ(config->type_vocab_size, 0);
  EXPECT_EQ(config->pad_token_id, 1);
  EXPECT_EQ(config->max_sequence_tokens(), 38);
  EXPECT_EQ(ReadFamily("mpnet", R"(,"relative_attention_num_buckets":64)")->position_bias.count,
            64);
  for (const char* value : {"3", "257", "\"x\""}) {
    EXPECT_THAT(ReadFamily("mpnet", ",\"relative_attention_num_buckets\":" + std::string(value))
                    .error()
                    .message,
                HasSubstr("relative_attention_num_buckets: expected"));
  }
  const auto large = ParseEncoderConfig(
      R"({"model_type":"mpnet","vocab_size":100,"hidden_size":1024,"num_hidden_layers":1,)"
      R"("num_attention_heads":1024,"intermediate_size":64,"max_position_embeddings":4097})",
      "config.json");
  EXPECT_THAT(large.error().message,
              HasSubstr("num_attention_heads times max_position_embeddings"));
  EXPECT_EQ(Read("relative_attention_num_buckets", "32").position_bias.count, 0);
}

TEST(EncoderConfig, AlbertSharesLayers) {
  const auto plain = ReadFamily("albert", "");
  ASSERT_TRUE(plain.ok()) << plain.error().message;
  EXPECT_EQ(plain->hidden_act, EncoderActivation::kGeluTanh);
  EXPECT_EQ(plain->embedding_size, 128);
  EXPECT_EQ(plain->layer_weights(), 1);
  EXPECT_EQ(plain->layer_steps(), 4);
  EXPECT_EQ(plain->WeightsOfStep(3), 0);
  const auto groups =
      ReadFamily("albert", R"(,"num_hidden_groups":3,"inner_group_num":2,"embedding_size":32)");
  ASSERT_TRUE(groups.ok()) << groups.error().message;
  EXPECT_EQ(groups->embedding_size, 32);  // a product all the same
  EXPECT_EQ(groups->layer_weights(), 6);
  std::vector<int> order;
  for (int step = 0; step < groups->layer_steps(); ++step)
    order.push_back(groups->WeightsOfStep(step));
  EXPECT_THAT(order, testing::ElementsAre(0, 1, 0, 1, 2, 3, 4, 5));
  for (const char* fields :
       {R"(,"inner_group_num":65)", R"(,"num_hidden_groups":256,"inner_group_num":2)"})
    EXPECT_THAT(ReadFamily("albert", fields).error().message, HasSubstr("is more than 256"));
  for (const char* field : {"num_hidden_groups", "inner_group_num", "embedding_size"}) {
    EXPECT_THAT(ReadFamily("albert", ",\"" + std::string(field) + "\":0").error().message,
                HasSubstr(std::string(field) + ": expected"));
  }
  EXPECT_EQ(Read("num_hidden_groups", "1").num_hidden_groups, 0);
}

TEST(EncoderConfig, ElectraMayProjectItsEmbeddings) {
  EXPECT_EQ(ReadFamily("electra", R"(,"embedding_size":8)")->embedding_size, 8);
  EXPECT_EQ(ReadFamily("electra", R"(,"embedding_size":8)")->embedding_width(), 8);
  EXPECT_EQ(ReadFamily("electra", R"(,"embedding_size":32)")->embedding_size, 0);
  EXPECT_EQ(ReadFamily("electra", R"(,"embedding_size":32)")->embedding_width(), 32);
  EXPECT_THAT(ErrorOf("embedding_size", "8").message, HasSubstr("8 beside hidden_size"));
}

TEST(EncoderConfig, NotAConfig) {
  for (const char* text : {"", "[]", "null", "7", "{", "{\"model_type\":NaN}"}) {
    EXPECT_EQ(ParseEncoderConfig(text, "config.json").error().code, Code::kCorrupt) << text;
  }
  EXPECT_EQ(ReadEncoderConfig("/nonexistent/config.json").error().code, Code::kNotFound);
}

}  // namespace
}  // namespace minnow
