// SPDX-License-Identifier: Apache-2.0
// Tiny random models of the families that do more than BERT under other names give what
// transformers gives: MPNet's bias by distance, ALBERT's shared layers, and embeddings narrower
// than hidden states. tools/make_family_golden.py makes them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "formats/json.h"
#include "models/encoder_model.h"
#include "models/heads/classify.h"
#include "models/onnx/naming.h"
#include "models/registry.h"
#include "tasks/pack.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr float kTolerance = 1e-5f;
constexpr float kOnnxTolerance = 1e-4f;
constexpr float kRoundedTolerance = 0.1f;  // of weights in int8
constexpr size_t kMaxTokens = 512;
constexpr size_t kMaxTexts = 32;

fs::path Fixture(const std::string& name) {
  return fs::path(MINNOW_SOURCE_DIR) / "tests" / "fixtures" / name;
}

std::vector<float> Floats(const JsonView& array) {
  std::vector<float> values;
  for (const JsonView item : array.Items())
    values.push_back(static_cast<float>(item.Number().value()));
  return values;
}

struct Case {
  std::vector<int32_t> ids;
  std::vector<float> mean;  // of the hidden states, over tokens
  std::vector<float> logits;
  std::map<size_t, std::vector<float>> hidden;  // by token; of some cases
};

std::vector<Case> ReadCases(const std::string& name) {
  const auto document = JsonDocument::ReadFile((Fixture(name) / "golden.json").string());
  EXPECT_TRUE(document.ok()) << document.error().message;
  std::vector<Case> cases;
  for (const JsonView item : document->root().Get("cases")->Items()) {
    Case& one = cases.emplace_back();
    for (const JsonView id : item.Get("ids")->Items())
      one.ids.push_back(static_cast<int32_t>(id.Int(0, 1 << 20).value()));
    one.mean = Floats(item.Get("embedding").value());
    one.logits = Floats(item.Get("logits").value());
    if (const auto hidden = item.Find("hidden")) {
      for (size_t i = 0; i < hidden->size(); ++i)
        one.hidden.emplace(std::stoul(std::string(hidden->key(i))), Floats(hidden->at(i)));
    }
  }
  return cases;
}

float LargestDifference(std::span<const float> a, std::span<const float> b) {
  EXPECT_EQ(a.size(), b.size());
  float largest = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    largest = std::fmax(largest, std::fabs(a[i] - b[i]));
  return largest;
}

Result<std::unique_ptr<EncoderModel>> LoadClassifier(const std::string& path,
                                                     const EncoderPrecision& precision) {
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(path));
  MINNOW_ASSIGN_OR_RETURN(const ClassifierSpec spec, ReadClassifierSpec(source));
  return EncoderModel::Load(source, spec.layout, precision);
}

class Family : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    directory_ =
        fs::path(testing::TempDir()) / ("minnow_family_" + std::to_string(::getpid()) + GetParam());
    fs::create_directories(directory_);
    cases_ = ReadCases(GetParam());
    ASSERT_GT(cases_.size(), 10u);
    EXPECT_GT(cases_.back().ids.size(), 128u);
  }
  void TearDown() override { fs::remove_all(directory_); }

  // Raw scores of all cases as one batch.
  std::vector<float> Scores(const EncoderModel& model, std::span<const Case> cases) {
    std::vector<int32_t> ids;
    std::vector<int32_t> starts = {0};
    for (const Case& one : cases) {
      ids.insert(ids.end(), one.ids.begin(), one.ids.end());
      starts.push_back(static_cast<int32_t>(ids.size()));
    }
    const auto workspace = model.NewWorkspace(kMaxTokens, kMaxTexts, &pool_);
    std::vector<float> out(cases.size() * model.info().embedding_size);
    model.Run({.ids = ids, .starts = starts, .type_ids = {}, .unpooled = {}}, /*normalize=*/false,
              *workspace, out.data());
    return out;
  }

  ThreadPool pool_{2};
  fs::path directory_;
  std::vector<Case> cases_;
};

TEST_P(Family, HiddenStatesAreThoseOfTransformers) {
  const auto source = ModelSource::Open(Fixture(GetParam()).string());
  ASSERT_TRUE(source.ok()) << source.error().message;
  const auto model = EncoderModel::Load(*source, source->layout(), {.dtype = Dtype::kF32});
  ASSERT_TRUE(model.ok()) << model.error().message;
  const size_t channels = (*model)->info().config.hidden_size;
  const auto workspace = (*model)->NewWorkspace(kMaxTokens, kMaxTexts, &pool_);
  size_t compared = 0;
  for (const Case& one : cases_) {
    const int32_t starts[] = {0, static_cast<int32_t>(one.ids.size())};
    const TokenBatch batch = {.ids = one.ids, .starts = starts, .type_ids = {}, .unpooled = {}};
    std::vector<float> mean(channels), hidden(one.ids.size() * channels);
    (*model)->Run(batch, /*normalize=*/false, *workspace, mean.data());
    EXPECT_LE(LargestDifference(mean, one.mean), kTolerance) << one.ids.size() << " tokens";
    (*model)->Hidden(batch, *workspace, hidden.data());
    for (const auto& [token, expected] : one.hidden) {
      EXPECT_LE(LargestDifference(std::span(hidden).subspan(token * channels, channels), expected),
                kTolerance)
          << "token " << token << " of " << one.ids.size();
      ++compared;
    }
  }
  EXPECT_GT(compared, 20u);
}

TEST_P(Family, ScoresAreThoseOfTransformers) {
  const auto model = LoadClassifier(Fixture(GetParam()).string(), {.dtype = Dtype::kF32});
  ASSERT_TRUE(model.ok()) << model.error().message;
  for (const Case& one : cases_) {
    EXPECT_LE(LargestDifference(Scores(**model, {&one, 1}), one.logits), kTolerance)
        << one.ids.size() << " tokens";
  }
}

TEST_P(Family, PackedFilesGiveTheSameBits) {
  const std::pair<Dtype, TableType> precisions[] = {{Dtype::kF32, TableType::kF32},
                                                    {Dtype::kBF16, TableType::kBF16},
                                                    {Dtype::kInt8, TableType::kInt8},
                                                    {Dtype::kInt8, TableType::kInt4}};
  const std::string path = (directory_ / "model.minnow").string();
  for (const auto& [dtype, embedding] : precisions) {
    const auto packed = PackModel(Fixture(GetParam()).string(),
                                  {.dtype = dtype, .embedding = embedding, .packed_by = "test"},
                                  path, &pool_, [](const std::string&) {});
    ASSERT_TRUE(packed.ok()) << packed.error().message;
    const auto expected =
        LoadClassifier(Fixture(GetParam()).string(), {.dtype = dtype, .embedding = embedding});
    const auto found = LoadClassifier(path, {});
    ASSERT_TRUE(expected.ok()) << expected.error().message;
    ASSERT_TRUE(found.ok()) << found.error().message;
    EXPECT_EQ(Scores(**expected, std::span(cases_).first(9)),
              Scores(**found, std::span(cases_).first(9)))
        << DtypeName(dtype);
    const EncoderConfig& config = (*found)->info().config;
    const auto file = PackedFile::Open(path);
    ASSERT_TRUE(file.ok());
    const auto has_layer = [&](int i) {
      return (*file)->Find("transformer.encoder.layer." + std::to_string(i) +
                           ".output.dense.weight") != nullptr;
    };
    EXPECT_TRUE(has_layer(config.layer_weights() - 1));
    EXPECT_FALSE(has_layer(config.layer_weights()));
  }
}

// What exporters and optimisers made of it, and what each piece is, by names and by structure
// alone.
TEST_P(Family, OnnxGivesTheSame) {
  for (const char* form : {"model", "model_optimized", "model_optimized_quantized"}) {
    const std::string path = (Fixture(GetParam()) / (std::string(form) + ".onnx")).string();
    if (!fs::exists(path)) continue;
    const auto model = LoadClassifier(path, {.dtype = Dtype::kF32});
    ASSERT_TRUE(model.ok()) << model.error().message;
    const bool rounded = std::string_view(form).ends_with("quantized");
    for (const Case& one : cases_) {
      EXPECT_LE(LargestDifference(Scores(**model, {&one, 1}), one.logits),
                rounded ? kRoundedTolerance : kOnnxTolerance)
          << form << ", " << one.ids.size() << " tokens";
    }
    const auto file = OnnxFile::Open(path);
    ASSERT_TRUE(file.ok());
    OnnxGraph graph(**file);
    const auto pieces = ReadOnnxPieces(graph);
    ASSERT_TRUE(pieces.ok()) << pieces.error().message;
    const EncoderConfig& config = (*model)->info().config;
    const EncoderFamily& family = FamilyOf(config.model_type);
    const auto by_structure = StemsByStructure(graph, *pieces, config, family);
    ASSERT_TRUE(by_structure.ok()) << by_structure.error().message;
    EXPECT_EQ(StemsByName(*pieces, config, family), *by_structure) << form;
  }
}

INSTANTIATE_TEST_SUITE_P(Fixtures, Family,
                         testing::Values("tiny_mpnet", "tiny_albert", "tiny_albert_groups",
                                         "tiny_electra"),
                         [](const auto& info) { return info.param; });

TEST(FamilyLies, SizesThatTheTensorsDoNotHave) {
  const fs::path directory =
      fs::path(testing::TempDir()) / ("minnow_family_lies_" + std::to_string(::getpid()));
  const struct {
    const char* model;
    const char* honest;
    const char* lie;
    const char* tensor;
  } lies[] = {
      {"tiny_mpnet", "\"relative_attention_num_buckets\": 32",
       "\"relative_attention_num_buckets\": 30", "encoder.relative_attention_bias.weight"},
      {"tiny_mpnet", "\"num_attention_heads\": 4", "\"num_attention_heads\": 8",
       "encoder.relative_attention_bias.weight"},
      {"tiny_albert", "\"embedding_size\": 16", "\"embedding_size\": 8",
       "embeddings.word_embeddings.weight"},
      {"tiny_albert", "\"num_hidden_groups\": 1", "\"num_hidden_groups\": 2",
       "albert_layer_groups.1.albert_layers.0"},
      {"tiny_albert_groups", "\"inner_group_num\": 2", "\"inner_group_num\": 3",
       "albert_layer_groups.0.albert_layers.2"},
      {"tiny_electra", "\"embedding_size\": 20", "\"embedding_size\": 32",
       "embeddings.word_embeddings.weight"},
  };
  for (const auto& lie : lies) {
    fs::remove_all(directory);
    fs::copy(Fixture(lie.model), directory, fs::copy_options::recursive);
    const std::string path = (directory / "config.json").string();
    std::string text = ReadSmallFile(path, 1 << 20).value();
    const size_t at = text.find(lie.honest);
    ASSERT_NE(at, std::string::npos) << lie.honest;
    std::ofstream(path) << text.replace(at, std::strlen(lie.honest), lie.lie);
    const auto model = LoadClassifier(directory.string(), {.dtype = Dtype::kF32});
    ASSERT_FALSE(model.ok()) << lie.lie;
    EXPECT_TRUE(model.error().code == Code::kCorrupt || model.error().code == Code::kNotFound);
    EXPECT_THAT(model.error().message, HasSubstr(lie.tensor)) << lie.lie;
  }
  fs::remove_all(directory);
}

}  // namespace
}  // namespace minnow
