// SPDX-License-Identifier: Apache-2.0
// modules.json and what it names, written by old and new versions, and by nobody good.
#include "models/heads/sentence_transformers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace minnow {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kModels = "sentence_transformers.models.";

class Layout : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    directory_ = fs::path(testing::TempDir()) / (std::string("minnow_layout_") + info->name());
    fs::remove_all(directory_);
    fs::create_directories(directory_);
  }
  void TearDown() override { fs::remove_all(directory_); }

  void Write(const std::string& name, const std::string& text) {
    fs::create_directories((directory_ / name).parent_path());
    std::ofstream(directory_ / name, std::ios::binary) << text;
  }
  // modules.json of (type, path) pairs.
  void Modules(const std::vector<std::pair<std::string, std::string>>& modules) {
    std::string json = "[";
    for (const auto& [type, path] : modules) {
      if (json.size() > 1) json += ",";
      json += "{\"idx\":0,\"name\":\"0\",\"path\":\"" + path + "\",\"type\":\"" + type + "\"}";
    }
    Write("modules.json", json + "]");
  }
  void TransformerAndPooling(const std::string& pooling) {
    Modules({{std::string(kModels) + "Transformer", ""},
             {std::string(kModels) + "Pooling", "1_Pooling"}});
    Write("1_Pooling/config.json", pooling);
  }
  void WithDense(const std::string& dense) {
    Modules({{std::string(kModels) + "Transformer", ""},
             {std::string(kModels) + "Pooling", "1_Pooling"},
             {std::string(kModels) + "Dense", "2_Dense"}});
    Write("1_Pooling/config.json", "{}");
    Write("2_Dense/config.json", dense);
  }
  SentenceTransformersLayout Read() {
    auto layout = ReadSentenceTransformersLayout(directory_.string());
    EXPECT_TRUE(layout.ok()) << layout.error().message;
    return layout.ok() ? *layout : SentenceTransformersLayout{};
  }
  Error ReadError() {
    const auto layout = ReadSentenceTransformersLayout(directory_.string());
    return layout.ok() ? Error{Code::kInternal, "(accepted)"} : layout.error();
  }

  fs::path directory_;
};

TEST_F(Layout, PlainTransformerIsPooledByMean) {
  const auto layout = Read();
  EXPECT_THAT(layout.pooling, ElementsAre(Pooling::kMean));
  EXPECT_FALSE(layout.normalize);
  EXPECT_FALSE(layout.max_seq_length);
  EXPECT_EQ(layout.transformer_directory, directory_.string());
}

TEST_F(Layout, MissingDirectory) {
  const auto layout = ReadSentenceTransformersLayout((directory_ / "none").string());
  EXPECT_EQ(layout.error().code, Code::kNotFound);
}

TEST_F(Layout, OldAndNewClassNames) {
  for (const std::string package :
       {"sentence_transformers.models.", "sentence_transformers.base.modules.transformer.",
        "sentence_transformers.sentence_transformer.modules."}) {
    Modules({{package + "Transformer", "0_Transformer"},
             {package + "Pooling", "1_Pooling"},
             {package + "Dense", "2_Dense"},
             {package + "Dropout", "3_Dropout"},
             {package + "Normalize", "4_Normalize"}});
    Write("1_Pooling/config.json", R"({"pooling_mode_cls_token": true})");
    Write(
        "2_Dense/config.json",
        R"({"in_features": 384, "out_features": 64, "bias": false, "activation_function": "torch.nn.modules.linear.Identity"})");
    const auto layout = Read();
    EXPECT_EQ(layout.transformer_directory, (directory_ / "0_Transformer").string());
    EXPECT_THAT(layout.pooling, ElementsAre(Pooling::kCls));
    ASSERT_EQ(layout.dense.size(), 1u);
    EXPECT_EQ(layout.dense[0].in_features, 384);
    EXPECT_EQ(layout.dense[0].out_features, 64);
    EXPECT_FALSE(layout.dense[0].bias);
    EXPECT_EQ(layout.dense[0].activation, DenseActivation::kIdentity);
    EXPECT_EQ(layout.dense[0].directory, (directory_ / "2_Dense").string());
    EXPECT_TRUE(layout.normalize);
  }
}

TEST_F(Layout, PoolingOfEveryKind) {
  const std::pair<const char*, std::vector<Pooling>> cases[] = {
      {R"({"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": false})", {Pooling::kMean}},
      {R"({"pooling_mode_max_tokens": true})", {Pooling::kMax}},
      {R"({"pooling_mode_mean_sqrt_len_tokens": true})", {Pooling::kMeanSqrtLen}},
      {R"({"pooling_mode_lasttoken": true})", {Pooling::kLastToken}},
      {R"({"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": true, "pooling_mode_max_tokens": true})",
       {Pooling::kCls, Pooling::kMax, Pooling::kMean}},
      {R"({"pooling_mode_mean_tokens": false})", {Pooling::kMean}},
      {R"({"pooling_mode": "cls"})", {Pooling::kCls}},
      {R"({"pooling_mode": "mean_sqrt_len_tokens"})", {Pooling::kMeanSqrtLen}},
      {R"({"pooling_mode": ["mean", "cls"]})", {Pooling::kMean, Pooling::kCls}},
      {R"({"pooling_mode": "max", "pooling_mode_cls_token": true})", {Pooling::kMax}},
  };
  for (const auto& [json, expected] : cases) {
    TransformerAndPooling(json);
    EXPECT_EQ(Read().pooling, expected) << json;
  }
}

TEST_F(Layout, PoolingThatIsRefused) {
  const std::pair<const char*, Code> cases[] = {
      {R"({"pooling_mode_weightedmean_tokens": true})", Code::kUnsupported},
      {R"({"pooling_mode": "weightedmean"})", Code::kUnsupported},
      {R"({"pooling_mode": ["mean", "mean"]})", Code::kUnsupported},
      {R"({"pooling_mode": []})", Code::kCorrupt},
      {R"({"pooling_mode": 1})", Code::kCorrupt},
      {R"({"pooling_mode_cls_token": "yes"})", Code::kCorrupt},
      {"[]", Code::kCorrupt},
  };
  for (const auto& [json, code] : cases) {
    TransformerAndPooling(json);
    const Error error = ReadError();
    EXPECT_EQ(error.code, code) << json << error.message;
    EXPECT_THAT(error.message, HasSubstr("1_Pooling/config.json: "));
  }
}

TEST_F(Layout, DenseActivations) {
  const std::string sizes = R"({"in_features": 4, "out_features": 2)";
  WithDense(sizes + "}");
  EXPECT_EQ(Read().dense[0].activation, DenseActivation::kTanh);
  WithDense(sizes + R"(, "activation_function": "torch.nn.modules.activation.GELU"})");
  EXPECT_EQ(Read().dense[0].activation, DenseActivation::kGelu);
  for (const char* name : {"torch.nn.modules.activation.Mish", "os.system", "mine.Tanh", ""}) {
    WithDense(sizes + ", \"activation_function\": \"" + name + "\"}");
    EXPECT_EQ(ReadError().code, Code::kUnsupported) << name;
    EXPECT_THAT(ReadError().message,
                HasSubstr("2_Dense/config.json: activation_function: activation"));
  }
}

TEST_F(Layout, DenseThatIsRefused) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"out_features": 2})", "field \"in_features\" is missing"},
      {R"({"in_features": 0, "out_features": 2})",
       "in_features: expected an integer in [1, 65536], got 0"},
      {R"({"in_features": 1, "out_features": 1e15})", "out_features: expected"},
      {R"({"in_features": 1, "out_features": 1, "bias": 1})", "bias: expected true or false"},
      {R"({"in_features": 1, "out_features": 1, "use_residual": true})", "use_residual"},
      {R"({"in_features": 1, "out_features": 1, "module_input_name": "token_embeddings"})",
       "module_input_name"},
  };
  for (const auto& [json, message] : cases) {
    WithDense(json);
    EXPECT_THAT(ReadError().message, HasSubstr(message));
  }
}

TEST_F(Layout, UnknownModulesAreNamed) {
  for (const char* type :
       {"sentence_transformers.models.CNN", "sentence_transformers.models.WeightedLayerPooling",
        "custom.Transformer", "Transformer", ""}) {
    Modules({{type, ""}});
    EXPECT_EQ(ReadError().code, Code::kUnsupported) << type;
  }
  Modules({{std::string(kModels) + "Transformer", ""}, {std::string(kModels) + "LSTM", "1_LSTM"}});
  EXPECT_THAT(ReadError().message, HasSubstr("module type \"LSTM\" is not supported"));
}

TEST_F(Layout, WrongOrderOfModules) {
  const std::string transformer = std::string(kModels) + "Transformer";
  const std::string pooling = std::string(kModels) + "Pooling";
  const std::string dense = std::string(kModels) + "Dense";
  const std::string normalize = std::string(kModels) + "Normalize";
  Write("p/config.json", "{}");
  Write("d/config.json", R"({"in_features": 4, "out_features": 2})");
  const std::vector<std::pair<std::string, std::string>> orders[] = {
      {{pooling, "p"}, {transformer, ""}},
      {{transformer, ""}, {transformer, ""}, {pooling, "p"}},
      {{transformer, ""}, {dense, "d"}, {pooling, "p"}},
      {{transformer, ""}, {normalize, "n"}, {pooling, "p"}},
      {{transformer, ""}, {pooling, "p"}, {pooling, "p"}},
      {{transformer, ""}, {pooling, "p"}, {normalize, "n"}, {dense, "d"}},
      {{transformer, ""}},
  };
  for (const auto& order : orders) {
    Modules(order);
    EXPECT_EQ(ReadError().code, Code::kUnsupported) << ReadError().message;
  }
}

TEST_F(Layout, PathsStayInside) {
  for (const char* path : {"..", "../x", "1_Pooling/../../x", "/etc", "a\\\\..", "a\\u0000b"}) {
    Modules({{std::string(kModels) + "Transformer", ""}, {std::string(kModels) + "Pooling", path}});
    EXPECT_EQ(ReadError().code, Code::kCorrupt) << path;
    EXPECT_THAT(ReadError().message, HasSubstr("[1].path: ")) << path;
    EXPECT_THAT(ReadError().message, HasSubstr("leaves the model's directory")) << path;
  }
}

TEST_F(Layout, BrokenModules) {
  for (const char* text : {"", "{}", "[]", "[1]", "[{}]", "[{\"type\":1}]",
                           "[{\"type\":\"sentence_transformers.models.Transformer\"}]"}) {
    Write("modules.json", text);
    EXPECT_EQ(ReadError().code, Code::kCorrupt) << text;
    EXPECT_THAT(ReadError().message, HasSubstr("modules.json: "));
  }
  TransformerAndPooling("{}");
  fs::remove(directory_ / "1_Pooling" / "config.json");
  EXPECT_EQ(ReadError().code, Code::kNotFound);
  EXPECT_THAT(ReadError().message, HasSubstr("1_Pooling/config.json"));
}

TEST_F(Layout, LengthLimitFallsBackToTheTokenizer) {
  TransformerAndPooling("{}");
  EXPECT_FALSE(Read().max_seq_length);
  Write("tokenizer_config.json", R"({"model_max_length": 1000000000000000019884624838656})");
  EXPECT_FALSE(Read().max_seq_length);
  Write("tokenizer_config.json", R"({"model_max_length": 512})");
  EXPECT_EQ(Read().max_seq_length, 512);
  EXPECT_EQ(Read().max_seq_length_source, "tokenizer_config.json");
  Write("sentence_bert_config.json", R"({"max_seq_length": null, "do_lower_case": false})");
  EXPECT_EQ(Read().max_seq_length, 512);
  EXPECT_EQ(Read().do_lower_case, false);
  Write("sentence_bert_config.json", R"({"max_seq_length": 256})");
  EXPECT_EQ(Read().max_seq_length, 256);
  EXPECT_EQ(Read().max_seq_length_source, "sentence_bert_config.json");
  Write("sentence_bert_config.json",
        R"({"max_seq_length": 256, "tokenizer_args": {"model_max_length": 99}})");
  EXPECT_EQ(Read().max_seq_length, 99);
  for (const char* value : {"0", "-1", "\"256\"", "2.5", "1e12"}) {
    Write("sentence_bert_config.json", std::string("{\"max_seq_length\": ") + value + "}");
    EXPECT_THAT(ReadError().message,
                HasSubstr("sentence_bert_config.json: max_seq_length: expected"))
        << value;
  }
  fs::remove(directory_ / "sentence_bert_config.json");
  for (const char* value : {"0", "-5", "\"x\"", "2.5"}) {
    Write("tokenizer_config.json", std::string("{\"model_max_length\": ") + value + "}");
    EXPECT_THAT(ReadError().message, HasSubstr("tokenizer_config.json: model_max_length: expected"))
        << value;
  }
}

TEST_F(Layout, Prompts) {
  TransformerAndPooling("{}");
  EXPECT_EQ(Read().prompts, PromptSet());
  const auto read = [this](const std::string& json) {
    Write("config_sentence_transformers.json", json);
    return Read().prompts;
  };
  EXPECT_EQ(read("{}"), PromptSet());
  EXPECT_EQ(read(R"({"prompts": null, "default_prompt_name": null})"), PromptSet());
  const PromptSet both = {{{"query", "query: "}, {"document", ""}}, "", true};
  EXPECT_EQ(read(R"({"prompts": {"query": "query: ", "document": "", "odd": null}})"), both);
  EXPECT_EQ(read(R"({"prompts": {}, "default_prompt_name": "query"})"), PromptSet());
  const PromptSet q = {{{"q", "query: "}}, "q", true};
  EXPECT_EQ(read(R"({"prompts": {"q": "query: "}, "default_prompt_name": "q"})"), q);
  Write("1_Pooling/config.json", R"({"pooling_mode_mean_tokens": true, "include_prompt": false})");
  EXPECT_FALSE(Read().prompts.pooled);
  const std::pair<const char*, const char*> wrong[] = {
      {R"({"prompts": {}, "default_prompt_name": "q"})",
       R"(default_prompt_name: "q" is not in prompts)"},
      {R"({"default_prompt_name": "q"})", R"("q" is not in prompts)"},
      {R"({"prompts": ["q"]})", "prompts: expected an object"},
      {R"({"prompts": {"q": 5}})", "prompts.q: expected a string"},
      {R"({"prompts": {"q": "x"}, "default_prompt_name": 1})",
       "default_prompt_name: expected a string"},
  };
  for (const auto& [json, message] : wrong) {
    Write("config_sentence_transformers.json", json);
    EXPECT_THAT(ReadError().message, HasSubstr(message)) << json;
  }
}

TEST(LayoutData, RealDirectory) {
  const char* data = std::getenv("MINNOW_DATA");
  const fs::path root =
      data != nullptr ? fs::path(data) : fs::path(MINNOW_SOURCE_DIR) / ".." / "shared" / "data";
  const fs::path directory = root / "hf_layout_minilm";
  if (!fs::exists(directory)) GTEST_SKIP() << directory << " is absent";
  const auto layout = ReadSentenceTransformersLayout(directory.string());
  ASSERT_TRUE(layout.ok()) << layout.error().message;
  EXPECT_THAT(layout->pooling, ElementsAre(Pooling::kMean));
  EXPECT_TRUE(layout->normalize);
  EXPECT_EQ(layout->max_seq_length, 256);
}

}  // namespace
}  // namespace minnow
