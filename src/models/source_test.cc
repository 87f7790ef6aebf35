// SPDX-License-Identifier: Apache-2.0
// Which of a folder's files a model is made of.
#include "models/source.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace minnow {
namespace {

namespace fs = std::filesystem;

const fs::path kTiny = MINNOW_SOURCE_DIR "/tests/fixtures/tiny_bert";

class OnnxInAFolder : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(root_);
    fs::create_directories(root_ / "1_Pooling");
    fs::copy(kTiny / "1_Pooling/config.json", root_ / "1_Pooling");
  }
  void TearDown() override { fs::remove_all(root_); }
  void Write(const fs::path& file, const char* text) {
    fs::create_directories((root_ / file).parent_path());
    std::ofstream(root_ / file) << text;
  }

  const fs::path root_ =
      fs::path(testing::TempDir()) / ("minnow_source_" + std::to_string(::getpid()));
};

// The folder above says how tokens are pooled.
TEST_F(OnnxInAFolder, ModulesAboveAreRead) {
  for (const char* file : {"modules.json", "config.json", "tokenizer.json"})
    fs::copy(kTiny / file, root_);
  Write("onnx/model.onnx", "");
  for (const char* file : {"config.json", "tokenizer.json"}) fs::copy(kTiny / file, root_ / "onnx");
  const std::string path = (root_ / "onnx/model.onnx").string();
  auto source = ModelSource::Open(path);
  ASSERT_TRUE(source.ok()) << source.error().message;
  EXPECT_FALSE(source->layout().assumed);
  EXPECT_EQ(source->onnx(), path);
  fs::remove(root_ / "modules.json");
  source = ModelSource::Open(path);
  ASSERT_TRUE(source.ok()) << source.error().message;
  EXPECT_EQ(source->layout().transformer_directory, (root_ / "onnx").string());
}

TEST_F(OnnxInAFolder, SafetensorsOfTheTransformerGoFirst) {
  Write("modules.json",
        R"([{"idx": 0, "name": "0", "path": "0_Transformer",
             "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling",
             "type": "sentence_transformers.models.Pooling"}])");
  Write("0_Transformer/config.json", "{}");
  Write("model.onnx", "");
  for (const char* file : {"model.safetensors", "model.safetensors.index.json"}) {
    auto source = ModelSource::Open(root_.string());
    ASSERT_TRUE(source.ok()) << source.error().message;
    EXPECT_EQ(source->onnx(), (root_ / "model.onnx").string());
    Write(fs::path("0_Transformer") / file, "");
    source = ModelSource::Open(root_.string());
    ASSERT_TRUE(source.ok()) << source.error().message;
    EXPECT_EQ(source->onnx(), "") << file;
    fs::remove(root_ / "0_Transformer" / file);
  }
}

}  // namespace
}  // namespace minnow
