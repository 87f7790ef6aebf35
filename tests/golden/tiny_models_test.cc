// SPDX-License-Identifier: Apache-2.0
// The tiny checkpoints of tests/fixtures give the vectors of an independent float64 forward pass,
// and lies told about them are refused. tools/make_tiny_model.py makes them and says what each is
// for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "base/mapped_file.h"
#include "formats/json.h"
#include "models/encoder_model.h"
#include "tasks/embedding_model.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr float kTolerance = 2e-5f;
constexpr size_t kWorkspaceTokens = 512;
constexpr size_t kWorkspaceTexts = 64;

fs::path Fixture(const std::string& name) {
  return fs::path(MINNOW_SOURCE_DIR) / "tests" / "fixtures" / name;
}

Result<std::unique_ptr<EncoderModel>> LoadEncoder(const std::string& directory) {
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(directory));
  return EncoderModel::Load(source, source.layout(), {.dtype = Dtype::kF32});
}

struct Case {
  std::vector<int32_t> ids;
  std::vector<float> embedding;
  std::vector<float> hidden;  // [T, C], of one case only
};

std::vector<float> Floats(const JsonView& array) {
  std::vector<float> values;
  for (const JsonView item : array.Items()) {
    if (item.is_array()) {
      for (const float value : Floats(item)) values.push_back(value);
    } else {
      values.push_back(static_cast<float>(item.Number().value()));
    }
  }
  return values;
}

std::vector<Case> ReadCases(const std::string& name) {
  const auto document = JsonDocument::ReadFile((Fixture(name) / "golden.json").string());
  EXPECT_TRUE(document.ok()) << document.error().message;
  std::vector<Case> cases;
  for (const JsonView item : document->root().Get("cases")->Items()) {
    Case& one = cases.emplace_back();
    for (const JsonView id : item.Get("ids")->Items()) {
      one.ids.push_back(static_cast<int32_t>(id.Int(0, 1 << 20).value()));
    }
    one.embedding = Floats(item.Get("embedding").value());
    if (const auto hidden = item.Find("hidden")) one.hidden = Floats(*hidden);
  }
  EXPECT_GT(cases.size(), 10u);
  return cases;
}

float LargestDifference(std::span<const float> a, std::span<const float> b) {
  EXPECT_EQ(a.size(), b.size());
  float largest = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    largest = std::fmax(largest, std::fabs(a[i] - b[i]));
  return largest;
}

class TinyModel : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    auto loaded = LoadEncoder(Fixture(GetParam()).string());
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    encoder_ = std::move(loaded).value();
    workspace_ = encoder_->NewWorkspace(kWorkspaceTokens, kWorkspaceTexts, &pool_);
    for (Case& one : ReadCases(GetParam())) {
      // Those for the position table alone are longer than some models' own limit.
      if (one.ids.size() <= static_cast<size_t>(encoder_->info().max_sequence_tokens)) {
        cases_.push_back(std::move(one));
      }
    }
  }

  // The vectors of `texts` as one batch.
  std::vector<float> Embed(std::span<const Case> texts) {
    std::vector<int32_t> ids;
    std::vector<int32_t> starts = {0};
    for (const Case& text : texts) {
      ids.insert(ids.end(), text.ids.begin(), text.ids.end());
      starts.push_back(static_cast<int32_t>(ids.size()));
    }
    std::vector<float> out(texts.size() * encoder_->info().embedding_size);
    encoder_->Run({ids, starts, {}}, encoder_->info().layout.normalize, *workspace_, out.data());
    return out;
  }

  ThreadPool pool_{2};
  std::unique_ptr<EncoderModel> encoder_;
  std::unique_ptr<EncoderModel::Workspace> workspace_;
  std::vector<Case> cases_;
};

TEST_P(TinyModel, GivesTheExpectedVectors) {
  for (const Case& one : cases_) {
    EXPECT_LT(LargestDifference(Embed({&one, 1}), one.embedding), kTolerance)
        << one.ids.size() << " tokens";
  }
}

TEST_P(TinyModel, GivesTheExpectedHiddenStates) {
  int compared = 0;
  for (const Case& one : cases_) {
    if (one.hidden.empty()) continue;
    const int32_t starts[] = {0, static_cast<int32_t>(one.ids.size())};
    std::vector<float> out(one.hidden.size());
    encoder_->Hidden({one.ids, starts, {}}, *workspace_, out.data());
    EXPECT_LT(LargestDifference(out, one.hidden), kTolerance);
    ++compared;
  }
  EXPECT_GT(compared, 0);
}

TEST_P(TinyModel, GivesTheSameBitsInABatch) {
  const std::vector<float> together = Embed(cases_);
  const size_t size = encoder_->info().embedding_size;
  for (size_t i = 0; i < cases_.size(); ++i) {
    const std::vector<float> alone = Embed({&cases_[i], 1});
    EXPECT_EQ(0, std::memcmp(alone.data(), together.data() + i * size, size * sizeof(float)))
        << "text " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Fixtures, TinyModel,
                         testing::Values("tiny_bert", "tiny_bert_prefixed", "tiny_bert_sharded",
                                         "tiny_roberta", "tiny_bert_odd"),
                         [](const auto& info) { return info.param; });

// --- lies
// -------------------------------------------------------------------------------------------------------

class LyingModel : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    directory_ = fs::path(testing::TempDir()) / (std::string("minnow_lying_") + info->name());
    fs::remove_all(directory_);
  }
  void TearDown() override { fs::remove_all(directory_); }

  void Copy(const std::string& fixture) {
    fs::remove_all(directory_);
    fs::copy(Fixture(fixture), directory_, fs::copy_options::recursive);
  }
  void Replace(const std::string& file, const std::string& old_text, const std::string& new_text) {
    const std::string path = (directory_ / file).string();
    std::string text = ReadSmallFile(path, 1 << 24).value();
    const size_t at = text.find(old_text);
    ASSERT_NE(at, std::string::npos) << file << " has no " << old_text;
    text.replace(at, old_text.size(), new_text);
    std::ofstream(path, std::ios::binary) << text;
  }
  Error LoadError() {
    const auto loaded = LoadEncoder(directory_.string());
    return loaded.ok() ? Error{Code::kInternal, "(loaded)"} : loaded.error();
  }

  fs::path directory_;
};

TEST_F(LyingModel, SizesThatTheTensorsDoNotHave) {
  const std::pair<const char*, const char*> lies[] = {
      {"\"hidden_size\": 32", "\"hidden_size\": 64"},
      {"\"intermediate_size\": 64", "\"intermediate_size\": 65"},
      {"\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3"},
      {"\"max_position_embeddings\": 40", "\"max_position_embeddings\": 41"},
      {"\"type_vocab_size\": 2", "\"type_vocab_size\": 3"},
      {"\"vocab_size\": 109", "\"vocab_size\": 110"},
  };
  for (const auto& [honest, lie] : lies) {
    Copy("tiny_bert");
    Replace("config.json", honest, lie);
    const Error error = LoadError();
    EXPECT_TRUE(error.code == Code::kCorrupt || error.code == Code::kNotFound)
        << lie << ": " << error.message;
    EXPECT_THAT(error.message, HasSubstr("model.safetensors")) << lie;
  }
}

// int8 is calibrated with texts that such a tokenizer makes nothing of; that is no reason to fail.
TEST_F(LyingModel, TokensThatTheEncoderDoesNotHave) {
  const auto message = [&](const std::string& text) -> std::string {
    const auto source = ModelSource::Open(directory_.string());
    if (!source.ok()) return source.error().message;
    const auto model =
        EmbeddingModel::Load(*source, {.dtype = Dtype::kInt8, .embedding = std::nullopt});
    if (!model.ok()) return "not loaded: " + model.error().message;
    const auto tokens = (*model)->Tokenize(text, LengthPolicy{});
    return tokens.ok() ? "" : tokens.error().message;
  };
  // A character of some of the texts.
  Copy("tiny_bert");
  Replace("tokenizer.json", "\"[PAD]\":0", "\"[PAD]\":0,\"窗\":109");
  EXPECT_EQ(message("fish"), "");
  EXPECT_EQ(message("窗"), "token id 109 is not in [0, 109)");
  // And what stands before every text.
  Replace("tokenizer.json", "\"ids\":[2]", "\"ids\":[109]");
  EXPECT_EQ(message("fish"), "token id 109 is not in [0, 109)");
}

// Weights of this size fit no machine. The system may refuse the memory at once, or give it out
// untouched; then the first tensor ends it.
TEST_F(LyingModel, SizesBeyondAllMemory) {
  Copy("tiny_bert");
  Replace("config.json", "\"hidden_size\": 32", "\"hidden_size\": 16384");
  Replace("config.json", "\"intermediate_size\": 64", "\"intermediate_size\": 65536");
  Replace("config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 256");
  const Error error = LoadError();
  EXPECT_TRUE(error.code == Code::kCorrupt || error.code == Code::kInternal) << error.message;
}

TEST_F(LyingModel, DenseThatDoesNotFit) {
  Copy("tiny_bert_sharded");
  Replace("2_Dense/config.json", "\"in_features\": 80", "\"in_features\": 40");
  EXPECT_EQ(LoadError().code, Code::kCorrupt) << LoadError().message;
  EXPECT_THAT(LoadError().message, HasSubstr("2_Dense"));
  Copy("tiny_bert_sharded");
  Replace("3_Dense/config.json", "\"bias\": false", "\"bias\": true");
  EXPECT_THAT(LoadError().message, HasSubstr("3_Dense/model.safetensors"));
}

TEST_F(LyingModel, MissingFiles) {
  for (const char* file :
       {"config.json", "1_Pooling/config.json", "2_Dense/config.json", "2_Dense/model.safetensors",
        "model-00002-of-00002.safetensors", "model.safetensors.index.json"}) {
    Copy("tiny_bert_sharded");
    fs::remove(directory_ / file);
    EXPECT_EQ(LoadError().code, Code::kNotFound) << file;
    EXPECT_THAT(LoadError().message, HasSubstr(fs::path(file).filename().string()));
  }
}

}  // namespace
}  // namespace minnow
