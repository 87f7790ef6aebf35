// SPDX-License-Identifier: Apache-2.0
// Documents with their chunks, and what identifies a model.
#include "ingest/prepare.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace minnow {
namespace {

std::string Tiny() { return std::string(MINNOW_SOURCE_DIR) + "/tests/fixtures/tiny_bert"; }

struct Loaded {
  ModelSource source;
  std::unique_ptr<EmbeddingModel> model;
};

Loaded Load(const std::string& path, const EncoderPrecision& precision = {}) {
  Loaded loaded{*ModelSource::Open(path), nullptr};
  loaded.model = EmbeddingModel::Load(loaded.source, precision).value();
  return loaded;
}

TEST(Prepare, ChunksFitTheModel) {
  const Loaded tiny = Load(Tiny());
  const Chunker chunker = ChunkerOf(*tiny.model);
  std::string text;
  for (int i = 0; i < 60; ++i)
    text += "The small fish swims in the river number " + std::to_string(i) + ". ";
  const auto document = PrepareDocument({}, chunker, R"({"id":12,"text":")" + text + R"("})");
  ASSERT_TRUE(document.ok()) << document.error().message;
  EXPECT_EQ(document->id, "12");
  EXPECT_EQ(document->text, text);
  ASSERT_GT(document->chunks.size(), 2u);
  EXPECT_EQ(document->chunks.front().begin, 0u);
  EXPECT_EQ(document->chunks.back().end, text.size() - 1);  // without the last space
  for (const ChunkRange& chunk : document->chunks) {
    const auto tokens =
        tiny.model->Tokenize(text.substr(chunk.begin, chunk.end - chunk.begin), LengthPolicy{});
    ASSERT_TRUE(tokens.ok());
    EXPECT_FALSE(tokens->truncated());
  }
}

TEST(Prepare, WrongDocuments) {
  const Loaded tiny = Load(Tiny());
  const Chunker chunker = ChunkerOf(*tiny.model);
  const auto message = [&](const std::string& json) {
    const auto document = PrepareDocument({}, chunker, json);
    return document.ok() ? std::string("ok") : document.error().message;
  };
  EXPECT_EQ(message(R"({"id":"a"})"), "ok");
  EXPECT_NE(message(R"({"text":"a"})").find("id"), std::string::npos);
  EXPECT_NE(message(R"({"id":1.5,"text":"a"})").find("id"), std::string::npos);
  EXPECT_NE(message(R"({"id":"","text":"a"})").find("id"), std::string::npos);
  EXPECT_NE(message(R"({"id":"a","text":{}})").find("text"), std::string::npos);
  EXPECT_NE(message("[1]"), "ok");
  EXPECT_NE(message("{\"id\":\"\xFF\"}"), "ok");
}

TEST(IdentifyModel, TellsModelsApart) {
  const Loaded tiny = Load(Tiny());
  const auto identity = IdentifyModel(tiny.source, *tiny.model);
  ASSERT_TRUE(identity.ok());
  EXPECT_EQ(identity->name, "tiny_bert");
  EXPECT_EQ(identity->dtype, "fp32");
  EXPECT_EQ(identity->dimensions, tiny.model->embedding_size());
  EXPECT_EQ(identity->checksum.size(), 6u + 16u);

  namespace fs = std::filesystem;
  const fs::path copy =
      fs::temp_directory_path() / ("minnow_identify_" + std::to_string(::getpid()));
  fs::copy(Tiny(), copy, fs::copy_options::recursive);
  const auto checksum = [&copy] {
    const Loaded loaded = Load(copy);
    return IdentifyModel(loaded.source, *loaded.model)->checksum;
  };
  EXPECT_EQ(checksum(), identity->checksum);  // whatever the folder is called
  std::ofstream(copy / "1_Pooling/config.json")
      << R"({"word_embedding_dimension": 32, "pooling_mode_cls_token": true, "pooling_mode_mean_tokens": false})";
  EXPECT_NE(checksum(), identity->checksum);
  fs::remove_all(copy);

  const std::string packed =
      std::string(MINNOW_SOURCE_DIR) + "/tests/fixtures/packed_v1/tiny_bert_int8_int8.minnow";
  const Loaded int8 = Load(packed);
  const auto other = IdentifyModel(int8.source, *int8.model);
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(other->dtype, "int8");
  EXPECT_NE(other->checksum, identity->checksum);
  EXPECT_TRUE(other->checksum.starts_with("xxh64:"));
}

}  // namespace
}  // namespace minnow
