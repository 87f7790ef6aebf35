// SPDX-License-Identifier: Apache-2.0
// Encoders of T5's family as embedding models: the vectors of tools/make_sentence_t5_golden.py,
// from directories and packed files; and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "formats/json.h"
#include "tasks/embed.h"
#include "tasks/embedding_model.h"
#include "tasks/pack.h"
#include "tests/golden/t5_harness.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr float kTolerance = 1e-5f;

struct SentenceCase {
  std::string text;
  std::vector<int32_t> ids;
  std::vector<float> embedding;
};

std::string Golden(const std::string& name) {
  return std::string(MINNOW_SOURCE_DIR) + "/tests/golden/sentence_t5/" + name;
}

std::vector<SentenceCase> ReadCases(const std::string& name) {
  const auto document = JsonDocument::ReadFile(Golden(name) + "/golden.json");
  EXPECT_TRUE(document.ok()) << document.error().message;
  std::vector<SentenceCase> cases;
  for (const JsonView item : document->root().Get("cases")->Items()) {
    SentenceCase& one = cases.emplace_back();
    one.text = item.GetString("text").value();
    for (const JsonView id : item.Get("ids")->Items())
      one.ids.push_back(static_cast<int32_t>(id.Int(0, 1 << 20).value()));
    for (const JsonView number : item.Get("embedding")->Items())
      one.embedding.push_back(static_cast<float>(number.Number().value()));
  }
  return cases;
}

Result<std::unique_ptr<EmbeddingModel>> Load(const std::string& path,
                                             std::optional<Dtype> dtype = std::nullopt) {
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(path));
  return EmbeddingModel::Load(source, {.dtype = dtype, .embedding = std::nullopt});
}

class SentenceT5 : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    cases_ = ReadCases(GetParam());
    ASSERT_GT(cases_.size(), 5u);
    directory_ = fs::path(testing::TempDir()) /
                 ("minnow_sentence_t5_" + std::to_string(::getpid()) + GetParam());
    fs::create_directories(directory_);
  }
  void TearDown() override { fs::remove_all(directory_); }

  // Of all texts as one batch, or of each by itself.
  std::vector<std::vector<float>> Vectors(const EmbeddingModel& model, int threads, bool alone) {
    ThreadPool pool(threads);
    EmbeddingBatch batch(model, 2048, 64, &pool);
    std::vector<std::vector<float>> vectors;
    const size_t size = model.embedding_size();
    const auto run = [&] {
      const std::span<const float> rows = batch.Run(/*normalize=*/true);
      for (size_t at = 0; at < rows.size(); at += size)
        vectors.emplace_back(rows.begin() + at, rows.begin() + at + size);
    };
    for (const SentenceCase& one : cases_) {
      const auto tokens = model.Tokenize(one.text, LengthPolicy{});
      EXPECT_TRUE(tokens.ok()) << one.text;
      EXPECT_EQ(tokens->ids, one.ids) << one.text;
      batch.Add(*tokens);
      if (alone) run();
    }
    if (!alone) run();
    return vectors;
  }
  void ExpectNear(const EmbeddingModel& model, double least_cosine) {
    const auto vectors = Vectors(model, 1, true);
    for (size_t i = 0; i < cases_.size(); ++i)
      EXPECT_GE(T5Cosine(vectors[i], cases_[i].embedding), least_cosine) << cases_[i].text;
  }

  std::vector<SentenceCase> cases_;
  fs::path directory_;
};

TEST_P(SentenceT5, VectorsAreThoseOfTransformers) {
  const auto model = Load(Golden(GetParam()));
  ASSERT_TRUE(model.ok()) << model.error().message;
  EXPECT_TRUE((*model)->info().layout.normalize);
  const auto alone = Vectors(**model, 1, true);
  for (size_t i = 0; i < cases_.size(); ++i)
    EXPECT_LE(LargestT5Difference(alone[i], cases_[i].embedding), kTolerance) << cases_[i].text;
}

TEST_P(SentenceT5, TheSameBitsInABatchAndOnAnyPool) {
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16, Dtype::kInt8}) {
    const auto model = Load(Golden(GetParam()), dtype);
    ASSERT_TRUE(model.ok()) << model.error().message;
    const auto alone = Vectors(**model, 1, true);
    for (const int threads : {1, 2, 3})
      EXPECT_EQ(Vectors(**model, threads, false), alone) << DtypeName(dtype) << threads;
  }
}

TEST_P(SentenceT5, LowerPrecisionsAreNear) {
  const std::pair<Dtype, double> precisions[] = {{Dtype::kBF16, 0.9995}, {Dtype::kInt8, 0.995}};
  for (const auto& [dtype, least] : precisions) {
    const auto model = Load(Golden(GetParam()), dtype);
    ASSERT_TRUE(model.ok()) << model.error().message;
    ExpectNear(**model, least);
  }
}

TEST_P(SentenceT5, PackedIsTheSame) {
  ThreadPool pool(1);
  const std::string path = (directory_ / "packed.minnow").string();
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16, Dtype::kInt8}) {
    const auto packed =
        PackModel(Golden(GetParam()), {.dtype = dtype, .embedding = TableType::kF32}, path, &pool,
                  [](const std::string&) {});
    ASSERT_TRUE(packed.ok()) << packed.error().message;
    EXPECT_EQ(packed->kind, ModelKind::kEmbedding);
    ASSERT_TRUE(packed->quality.has_value());
    EXPECT_GE(packed->quality->cosine_min, dtype == Dtype::kInt8 ? 0.99 : 0.999);
    const auto from_file = Load(path);
    ASSERT_TRUE(from_file.ok()) << from_file.error().message;
    EXPECT_EQ((*from_file)->info().dtype, dtype);
    const auto from_directory = Load(Golden(GetParam()), dtype);
    EXPECT_EQ(Vectors(**from_file, 1, true), Vectors(**from_directory, 1, true))
        << DtypeName(dtype);
  }
}

// Whether the estimate of admission is near what is allocated.
TEST_P(SentenceT5, MemoryIsCounted) {
  const auto model = Load(Golden(GetParam()));
  ASSERT_TRUE(model.ok()) << model.error().message;
  for (const int threads : {1, 3}) {
    ThreadPool pool(threads);
    const auto pass = (*model)->encoder().stack().NewPass(&pool);
    const auto told = static_cast<double>((*model)->encoder().stack().PassBytes(threads));
    // Rows of such a tiny model are half padding.
    EXPECT_GE(told, 0.4 * static_cast<double>(pass->bytes())) << threads;
    EXPECT_LE(told, 1.2 * static_cast<double>(pass->bytes())) << threads;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, SentenceT5, testing::Values("sentence_t5", "gtr_t5"),
                         [](const auto& info) { return std::string(info.param); });

// A model that makes text embeds too, by the mean of its encoder's hidden states.
TEST(T5Embeds, AnyEncoderOfTheFamily) {
  for (const char* name : {"v1_1", "umt5", "plain_gelu"}) {
    const auto model = Load(T5Golden(name));
    ASSERT_TRUE(model.ok()) << model.error().message;
    EXPECT_EQ((*model)->max_tokens(), static_cast<size_t>(kMostT5Tokens));
    const auto document = JsonDocument::ReadFile(T5Golden(name) + "/golden.json");
    ASSERT_TRUE(document.ok());
    ThreadPool pool(2);
    EmbeddingBatch batch(**model, kMostT5Tokens, 8, &pool);
    for (const T5Case& one : ReadT5Cases(document->root().Get("cases").value(), "ids")) {
      const auto tokens = (*model)->CheckIds(one.ids, LengthPolicy{});
      ASSERT_TRUE(tokens.ok());
      batch.Add(*tokens);
      EXPECT_LE(LargestT5Difference(batch.Run(/*normalize=*/false), one.encoder_mean), 2e-5f);
    }
  }
}

class T5EmbedsNot : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    directory_ = fs::path(testing::TempDir()) /
                 (std::string("minnow_t5_not_") + std::to_string(::getpid()) + info->name());
    fs::copy(Golden("sentence_t5"), directory_, fs::copy_options::recursive);
  }
  void TearDown() override { fs::remove_all(directory_); }
  void Replace(const std::string& file, const std::string& from, const std::string& to) {
    const std::string path = (directory_ / file).string();
    std::string text = ReadSmallFile(path, 1 << 20).value();
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    fs::permissions(path, fs::perms::owner_write, fs::perm_options::add);
    std::ofstream(path) << text.replace(at, from.size(), to);
  }
  std::string ErrorOf() {
    const auto model = Load(directory_.string());
    return model.ok() ? "(loaded)" : model.error().message;
  }
  fs::path directory_;
};

TEST_F(T5EmbedsNot, OtherHeads) {
  Replace("config.json", "T5EncoderModel", "T5ForTokenClassification");
  EXPECT_THAT(ErrorOf(), HasSubstr("config.json: architectures: \"T5ForTokenClassification\" is "
                                   "not supported"));
}

TEST_F(T5EmbedsNot, SizesThatDoNotFit) {
  Replace("2_Dense/config.json", "\"in_features\": 24", "\"in_features\": 25");
  EXPECT_THAT(ErrorOf(), HasSubstr("in_features is 25, but the module before gives 24"));
}

TEST_F(T5EmbedsNot, MissingWeights) {
  Replace("config.json", "\"num_layers\": 3", "\"num_layers\": 4");
  EXPECT_THAT(ErrorOf(), HasSubstr("encoder.block.3.layer.0"));
}

TEST_F(T5EmbedsNot, DamagedWeights) {
  const std::string path = (directory_ / "model.safetensors").string();
  fs::permissions(path, fs::perms::owner_write, fs::perm_options::add);
  fs::resize_file(path, fs::file_size(path) / 2);
  EXPECT_THAT(ErrorOf(), HasSubstr("model.safetensors"));
}

}  // namespace
}  // namespace minnow
