// SPDX-License-Identifier: Apache-2.0
// What the model refuses waits no more.
#include "ingest/pending_embedder.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/temporary_folder.h"
#include "index/store/store.h"
#include "ingest/prepare.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;

TEST(PendingEmbedder, RefusedChunksWaitNoMore) {
  const auto folder = TemporaryFolder::Make().value();
  // Without a tokenizer the model refuses every text.
  const fs::path directory = fs::path(folder->path()) / "model";
  fs::copy(fs::path(MINNOW_SOURCE_DIR) / "tests/fixtures/tiny_bert", directory,
           fs::copy_options::recursive);
  for (const char* name : {"tokenizer.json", "tokenizer_config.json"}) fs::remove(directory / name);
  const ModelSource source = ModelSource::Open(directory.string()).value();
  const auto model = EmbeddingModel::Load(source, {}).value();
  const ModelIdentity identity{"tiny", "fp32", "xxh64:1", model->embedding_size()};

  const auto store = Store::Open(folder->path() + "/my.db", {}).value();
  const auto index = store->CreateIndex("docs", {}).value();
  Chunker chunker;
  chunker.count_tokens = [](std::string_view text) { return text.size(); };
  std::vector<Document> documents;
  documents.push_back(PrepareDocument({}, chunker, R"({"id":"a","text":"red"})").value());
  ASSERT_TRUE(index->Add(documents).ok());
  ASSERT_TRUE(index->UseModel(identity, false).ok());

  ThreadPool pool(1);
  PendingEmbedder embedder(*model, identity, &pool);
  const auto counts = embedder.Run(*index, [](const EmbedCounts&) { return true; });
  ASSERT_TRUE(counts.ok()) << counts.error().message;
  EXPECT_EQ(counts->refused, 1u);
  EXPECT_EQ(counts->chunks, 0u);
  EXPECT_EQ(index->Stats()->pending_chunks, 0u);
  EXPECT_EQ(index->Stats()->refused_chunks, 1u);
}

}  // namespace
}  // namespace minnow
