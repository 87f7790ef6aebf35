// SPDX-License-Identifier: Apache-2.0
// T5 from every form that its weights come in: each name of the table that has four, shards, packed
// files; and what is missing or of a wrong shape is named.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "formats/checkpoint.h"
#include "formats/packed.h"
#include "tasks/pack.h"
#include "tests/golden/t5_harness.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr const char* kNames[] = {"shared.weight", "encoder.embed_tokens.weight",
                                  "decoder.embed_tokens.weight", "lm_head.weight"};

struct Tensor {
  std::vector<int64_t> shape;
  std::vector<float> values;
};

class T5Load : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    directory_ = fs::path(testing::TempDir()) /
                 (std::string("minnow_t5_") + std::to_string(::getpid()) + info->name());
    fs::create_directories(directory_);
  }
  void TearDown() override { fs::remove_all(directory_); }

  // The tensors of a model, to be written under other names.
  void Read(const std::string& name) {
    const auto checkpoint = Checkpoint::OpenDirectory(T5Golden(name));
    ASSERT_TRUE(checkpoint.ok());
    tensors_.clear();
    for (const auto& [key, view] : checkpoint->tensors()) {
      Tensor& tensor = tensors_[key];
      tensor.shape = view.shape;
      tensor.values.resize(view.elements());
      std::memcpy(tensor.values.data(), view.data.data(), view.data.size());
    }
    config_ = ReadSmallFile(T5Golden(name) + "/config.json", 1 << 20).value();
  }
  // A packed file is a safetensors file.
  std::string WriteDirectory() {
    std::ofstream(directory_ / "config.json") << config_;
    std::vector<PackedTensor> list;
    for (const auto& [name, tensor] : tensors_) {
      list.push_back(
          {name, TensorType::kF32, tensor.shape, std::as_bytes(std::span(tensor.values))});
    }
    const Status written =
        WritePacked({.configs = {}}, list, (directory_ / "model.safetensors").string());
    EXPECT_TRUE(written.ok());
    return directory_.string();
  }
  std::string Replaced(const std::string& text, const std::string& from, const std::string& to) {
    std::string out = text;
    const size_t at = out.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return out.replace(at, from.size(), to);
  }
  std::string ErrorOf(const std::string& path, const EncoderPrecision& precision = {}) {
    const auto model = LoadT5(path, precision);
    return model.ok() ? "(loaded)" : model.error().message;
  }

  fs::path directory_;
  std::map<std::string, Tensor> tensors_;
  std::string config_;
};

const std::vector<int32_t> kText = {5, 17, 40, 3, 9, 61, 1};

std::vector<std::vector<float>> ScoresOf(const T5Model& model) {
  T5Runner runner(model, 1);
  const auto cache = runner.EncodeOne(kText);
  std::vector<std::vector<float>> scores;
  for (const int32_t token : {0, 4, 33, 2}) scores.push_back(runner.StepOne(*cache, token));
  return scores;
}

TEST_F(T5Load, AnySubsetOfTheTablesNames) {
  Read("plain_gelu");
  const Tensor table = tensors_.at("shared.weight");
  const auto expected = ScoresOf(*MustLoadT5(T5Golden("plain_gelu")));
  for (unsigned subset = 1; subset < 16; ++subset) {
    for (unsigned i = 0; i < 4; ++i) {
      tensors_.erase(kNames[i]);
      if ((subset >> i & 1) != 0) tensors_[kNames[i]] = table;
    }
    const auto model = MustLoadT5(WriteDirectory());
    ASSERT_NE(model, nullptr) << subset;
    EXPECT_EQ(ScoresOf(*model), expected) << subset;
  }
  for (const char* name : kNames) tensors_.erase(name);
  const std::string error = ErrorOf(WriteDirectory());
  for (const char* name : kNames) EXPECT_THAT(error, HasSubstr(name));
}

// The output matrix of an untied model is no embedding (MADLAD-400 has no "shared").
TEST_F(T5Load, TwoTablesAreNotTaken) {
  Read("v1_1");
  const Tensor table = tensors_.at("shared.weight");
  const auto expected = ScoresOf(*MustLoadT5(T5Golden("v1_1")));
  tensors_.erase("shared.weight");
  tensors_["decoder.embed_tokens.weight"] = table;
  EXPECT_EQ(ScoresOf(*MustLoadT5(WriteDirectory())), expected);
  // As files were before version 5: one flag for both.
  config_ = Replaced(Replaced(config_, "\"scale_decoder_outputs\": false,", ""),
                     "\"tie_word_embeddings\": true", "\"tie_word_embeddings\": false");
  EXPECT_EQ(ScoresOf(*MustLoadT5(WriteDirectory())), expected);
  tensors_.erase("decoder.embed_tokens.weight");
  const std::string error = ErrorOf(WriteDirectory());
  EXPECT_THAT(error, HasSubstr("\"shared.weight\", \"encoder.embed_tokens.weight\", "
                               "\"decoder.embed_tokens.weight\""));
  EXPECT_THAT(error, testing::Not(HasSubstr("lm_head")));
}

TEST_F(T5Load, WhatIsMissingOrWrongIsNamed) {
  Read("v1_1");
  const auto all = tensors_;
  for (const auto& [name, tensor] : all) {
    if (name == "lm_head.weight") continue;  // the embedding takes its place
    tensors_ = all;
    tensors_.erase(name);
    const std::string shown = name.substr(0, 55);  // messages cut long names
    EXPECT_THAT(ErrorOf(WriteDirectory()), HasSubstr(shown));
    tensors_ = all;
    tensors_[name].shape.push_back(1);
    EXPECT_THAT(ErrorOf(WriteDirectory()), HasSubstr(shown));
  }
  // What nobody asks for is no error.
  tensors_ = all;
  tensors_["decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"] = {{1}, {0}};
  EXPECT_EQ(ErrorOf(WriteDirectory()), "(loaded)");
}

TEST_F(T5Load, AnEncoderNeedsNoDecoder) {
  Read("v1_1");
  std::erase_if(tensors_, [](const auto& item) {
    return item.first.starts_with("decoder.") || item.first == "lm_head.weight";
  });
  const auto source = ModelSource::Open(WriteDirectory());
  ASSERT_TRUE(source.ok());
  const auto expected_model = MustLoadT5(T5Golden("v1_1"));
  const auto model =
      T5Model::Load(*source, {.precision = {}, .limits = kT5Limits, .parts = T5Parts::kEncoder});
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_EQ(T5Runner(**model, 1).Hidden({&kText, 1}),
            T5Runner(*expected_model, 1).Hidden({&kText, 1}));
}

TEST_F(T5Load, PackedFilesGiveTheSameBits) {
  const std::pair<Dtype, TableType> precisions[] = {{Dtype::kF32, TableType::kF32},
                                                    {Dtype::kBF16, TableType::kBF16},
                                                    {Dtype::kInt8, TableType::kInt8},
                                                    {Dtype::kInt8, TableType::kInt4}};
  ThreadPool pool(1);
  const std::string path = (directory_ / "model.minnow").string();
  for (const char* name : {"v1_1", "plain_gelu", "umt5"}) {
    for (const auto& [dtype, embedding] : precisions) {
      const auto packed =
          PackModel(T5Golden(name), {.dtype = dtype, .embedding = embedding, .packed_by = "test"},
                    path, &pool, [](const std::string&) {});
      ASSERT_TRUE(packed.ok()) << packed.error().message;
      EXPECT_EQ(packed->kind, ModelKind::kTextToText);
      EXPECT_FALSE(packed->quality.has_value());
      const auto source = ModelSource::Open(path);
      ASSERT_TRUE(source.ok()) << source.error().message;
      EXPECT_EQ(source->kind(), ModelKind::kTextToText);
      const auto expected = MustLoadT5(T5Golden(name), {.dtype = dtype, .embedding = embedding});
      const auto found = MustLoadT5(path);
      ASSERT_NE(found, nullptr);
      EXPECT_EQ(ScoresOf(*found), ScoresOf(*expected)) << name << " " << DtypeName(dtype);
      EXPECT_EQ(found->info().dtype, dtype);
      EXPECT_EQ(found->info().embedding, embedding);
    }
  }
  EXPECT_THAT(ErrorOf(path, {.dtype = Dtype::kF32, .embedding = std::nullopt}),
              HasSubstr("fp32 needs another packed file"));
}

TEST_F(T5Load, GenerationConfigGoesAlong) {
  Read("mt5");
  WriteDirectory();
  std::ofstream(directory_ / "generation_config.json") << "{\"num_beams\": 3}";
  const std::string path = (directory_ / "model.minnow").string();
  ThreadPool pool(1);
  const auto packed =
      PackModel(directory_.string(),
                {.dtype = Dtype::kF32, .embedding = TableType::kF32, .packed_by = "test"}, path,
                &pool, [](const std::string&) {});
  ASSERT_TRUE(packed.ok()) << packed.error().message;
  const auto source = ModelSource::Open(path);
  ASSERT_TRUE(source.ok());
  EXPECT_TRUE(source->components().contains(kGeneration));
  EXPECT_EQ(source->ReadConfigJson(kGeneration).value(), "{\"num_beams\": 3}");
}

TEST_F(T5Load, DamagedPackedFilesAreRefused) {
  const std::string path = (directory_ / "model.minnow").string();
  ThreadPool pool(1);
  ASSERT_TRUE(
      PackModel(T5Golden("mt5"), {.packed_by = "test"}, path, &pool, [](const std::string&) {
      }).ok());
  const std::string bytes = ReadSmallFile(path, 1 << 26).value();
  const auto with = [&](const std::string& from, const std::string& to) {
    EXPECT_EQ(from.size(), to.size());
    std::ofstream(path, std::ios::binary | std::ios::trunc) << Replaced(bytes, from, to);
    return ErrorOf(path);
  };
  EXPECT_THAT(with("transformer.lm_head.weight", "transformer.ln_head.weight"),
              HasSubstr("transformer.lm_head.weight"));
  EXPECT_THAT(with("\\\"d_model\\\": 16", "\\\"d_model\\\": 32"), HasSubstr("shape"));
  EXPECT_THAT(with("\\\"num_heads\\\": 2", "\\\"num_heads\\\": 0"), HasSubstr("num_heads"));
}

TEST_F(T5Load, LongInputsAreBounded) {
  EXPECT_EQ(LoadT5(T5Golden("mt5"), {}, {.max_input_tokens = 1 << 16, .max_output_tokens = 8}).ok(),
            true);
  const auto model =
      LoadT5(T5Golden("umt5"), {}, {.max_input_tokens = size_t{1} << 40, .max_output_tokens = 8});
  ASSERT_FALSE(model.ok());
  EXPECT_THAT(model.error().message, HasSubstr("num_heads 3 times"));
}

TEST(T5Source, ADirectoryMakesText) {
  for (const char* name : {"v1_1", "mt5", "umt5"}) {
    const auto source = ModelSource::Open(T5Golden(name));
    ASSERT_TRUE(source.ok());
    EXPECT_EQ(source->kind(), ModelKind::kTextToText);
    EXPECT_STREQ(ModelKindName(source->kind()), "text2text-generation");
    EXPECT_THAT(source->ReadConfig().error().message, HasSubstr("model_type"));
  }
}

}  // namespace
}  // namespace minnow
