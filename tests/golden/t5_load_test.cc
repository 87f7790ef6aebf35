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
#include "tests/golden/t5_plain.h"

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
  std::string WriteDirectory() {
    std::ofstream(directory_ / "config.json") << config_;
    std::string header, data;
    for (const auto& [name, tensor] : tensors_) {
      std::string shape;
      for (const int64_t size : tensor.shape)
        shape += (shape.empty() ? "" : ",") + std::to_string(size);
      const size_t begin = data.size();
      data.append(reinterpret_cast<const char*>(tensor.values.data()),
                  tensor.values.size() * sizeof(float));
      header += (header.empty() ? "{\"" : ",\"") + name + "\":{\"dtype\":\"F32\",\"shape\":[" +
                shape + "],\"data_offsets\":[" + std::to_string(begin) + "," +
                std::to_string(data.size()) + "]}";
    }
    header += "}";
    const uint64_t size = header.size();
    std::ofstream file(directory_ / "model.safetensors", std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(&size), sizeof size);
    file << header << data;
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

const std::vector<int32_t> kLoadText = {5, 17, 40, 3, 9, 61, 1};
const std::vector<int32_t> kFed = {0, 4, 33, 2};

std::vector<std::vector<float>> ScoresOf(const T5Model& model) {
  T5Runner runner(model, 1);
  const auto cache = runner.EncodeOne(kLoadText);
  std::vector<std::vector<float>> scores;
  for (const int32_t token : kFed) scores.push_back(runner.StepOne(*cache, token));
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

TEST_F(T5Load, Shards) {
  Read("v1_1");
  const auto all = tensors_;
  const std::string names[] = {"model-00001-of-00002.safetensors",
                               "model-00002-of-00002.safetensors"};
  std::string map;
  for (size_t shard = 0; shard < 2; ++shard) {
    tensors_.clear();
    size_t i = 0;
    for (const auto& [name, tensor] : all) {
      if (i++ % 2 != shard) continue;
      tensors_[name] = tensor;
      map += (map.empty() ? "\"" : ",\"") + name + "\":\"" + names[shard] + "\"";
    }
    WriteDirectory();
    fs::rename(directory_ / "model.safetensors", directory_ / names[shard]);
  }
  std::ofstream(directory_ / "model.safetensors.index.json") << "{\"weight_map\":{" << map << "}}";
  const auto model = MustLoadT5(directory_.string());
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(ScoresOf(*model), ScoresOf(*MustLoadT5(T5Golden("v1_1"))));
}

// Sums beyond what fp16 holds: such models are trained in bf16, and half precision gives NaN.
TEST_F(T5Load, LargeSumsStayFinite) {
  Read("v1_1");
  for (auto& [name, tensor] : tensors_) {
    if (!name.ends_with("DenseReluDense.wo.weight")) continue;
    for (float& value : tensor.values) value *= 1e5f;
  }
  const std::string path = WriteDirectory();
  const auto checkpoint = Checkpoint::OpenDirectory(path);
  ASSERT_TRUE(checkpoint.ok());
  const auto fp32 = MustLoadT5(path);
  const PlainT5 plain(fp32->config(), *checkpoint);
  const PlainT5::Matrix expected = plain.Decode(plain.Encode(kLoadText), kFed);
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16, Dtype::kInt8}) {
    const auto model = MustLoadT5(path, {.dtype = dtype, .embedding = std::nullopt});
    const auto scores = ScoresOf(*model);
    for (size_t step = 0; step < scores.size(); ++step) {
      const std::vector<float> row(expected[step].begin(), expected[step].end());
      const double least = dtype == Dtype::kF32 ? 1 - 1e-9 : 0.8;
      EXPECT_GE(T5Cosine(scores[step], row), least) << DtypeName(dtype);  // fails also of a NaN
    }
  }
}

// One channel of the products of a gated feed-forward is far larger than the others: calibration
// shares the range between inputs and weights.
TEST_F(T5Load, CalibrationTamesLargeChannels) {
  Read("v1_1");
  for (auto& [name, tensor] : tensors_) {
    const bool factor = name.ends_with("DenseReluDense.wi_1.weight");
    if (!factor && !name.ends_with("DenseReluDense.wo.weight")) continue;
    const auto rows = static_cast<size_t>(tensor.shape[0]);
    const auto columns = static_cast<size_t>(tensor.shape[1]);
    for (size_t i = 0; i < (factor ? columns : rows); ++i) {
      if (factor)
        tensor.values[7 * columns + i] *= 300;
      else
        tensor.values[i * columns + 7] /= 300;
    }
  }
  const std::string path = WriteDirectory();
  const auto source = ModelSource::Open(path);
  ASSERT_TRUE(source.ok());
  const auto fp32 = MustLoadT5(path);
  ASSERT_NE(fp32, nullptr);
  const auto expected = ScoresOf(*fp32);
  std::vector<std::vector<int32_t>> texts = {kLoadText, {3, 9, 27, 2, 31, 65, 1}, {44, 8, 19, 1}};
  const Calibration calibration = fp32->MeasureInputs(texts);
  const auto rough =
      T5Model::Load(*source, {.precision = {.dtype = Dtype::kInt8, .embedding = std::nullopt},
                              .limits = kT5Limits,
                              .rough = true});
  ASSERT_TRUE(rough.ok());
  const Calibration by_int8 = (*rough)->MeasureInputs(texts);
  const auto worst = [&](const Calibration* used) {
    const auto model =
        T5Model::Load(*source, {.precision = {.dtype = Dtype::kInt8, .embedding = std::nullopt},
                                .limits = kT5Limits,
                                .calibration = used});
    EXPECT_TRUE(model.ok());
    const auto scores = ScoresOf(**model);
    double least = 1;
    for (size_t step = 0; step < scores.size(); ++step)
      least = std::min(least, T5Cosine(scores[step], expected[step]));
    return least;
  };
  const double with = worst(&calibration), without = worst(nullptr);
  EXPECT_GT(with, 0.99);
  EXPECT_GT(worst(&by_int8), 0.99) << "it need not be fp32 that is looked into";
  EXPECT_LT(without, 0.95);
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
  EXPECT_EQ(T5Runner(**model, 1).Hidden({&kLoadText, 1}),
            T5Runner(*expected_model, 1).Hidden({&kLoadText, 1}));
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
    const auto encoder = source->ReadConfig();  // which embeds
    ASSERT_TRUE(encoder.ok()) << encoder.error().message;
    EXPECT_EQ(encoder->max_sequence_tokens(), kMostT5Tokens);
  }
}

}  // namespace
}  // namespace minnow
