// SPDX-License-Identifier: Apache-2.0
// What the tests of stores share: a folder of their own, small documents, small vectors.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "index/store/store.h"
#include "index/store/store_files.h"

namespace minnow {

inline constexpr size_t kTestDimensions = 4;

class StoreTesting : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(testing::TempDir()) /
              (std::string("minnow-") + test->test_suite_name() + "-" + test->name() + "-" +
               std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name = "my.db") const { return (folder_ / name).string(); }

  std::unique_ptr<Store> Open(const StoreOptions& options = {}) {
    auto store = Store::Open(Path(), options);
    EXPECT_TRUE(store.ok()) << store.error().message;
    return store.ok() ? std::move(*store) : nullptr;
  }
  std::unique_ptr<Store> OpenReadOnly() {
    StoreOptions options;
    options.read_only = true;
    return Open(options);
  }

  static ModelIdentity Model(const std::string& checksum = "1234") {
    return {"model", "f32", checksum, kTestDimensions};
  }

  // An index that is bound to Model().
  static std::shared_ptr<SearchIndex> MakeIndex(Store* store, const std::string& name = "docs") {
    auto index = store->CreateIndex(name, {});
    EXPECT_TRUE(index.ok()) << index.error().message;
    EXPECT_TRUE((*index)->UseModel(Model(), false).ok());
    return *index;
  }

  // A document of one chunk, or none where there is no text.
  static Document Make(const std::string& json) {
    auto document = MakeDocument({}, json);
    EXPECT_TRUE(document.ok()) << document.error().message;
    if (!document.ok()) return {};
    if (!document->text.empty()) {
      document->chunks = {{0, static_cast<uint32_t>(document->text.size())}};
    }
    return std::move(*document);
  }
  static Document Make(int number, const std::string& text) {
    return Make(R"({"id":)" + std::to_string(number) + R"(,"text":")" + text + R"("})");
  }

  static std::vector<float> VectorOf(const std::string& text) {
    std::vector<float> vector(kTestDimensions);
    uint32_t state = 1;
    for (const char c : text) state = state * 31 + static_cast<unsigned char>(c);
    for (float& value : vector) {
      state = state * 1664525 + 1013904223;
      value = static_cast<float>(state >> 8) / (1 << 23) - 1;
    }
    return vector;
  }

  // Embeds whatever waits, with Model().
  static void EmbedAll(SearchIndex* index) {
    for (;;) {
      auto pending = index->Pending(100);
      ASSERT_TRUE(pending.ok()) << pending.error().message;
      if (pending->empty()) return;
      std::vector<int64_t> chunks;
      std::vector<float> vectors;
      for (const PendingChunk& chunk : *pending) {
        chunks.push_back(chunk.chunk);
        const std::vector<float> vector = VectorOf(chunk.text);
        vectors.insert(vectors.end(), vector.begin(), vector.end());
      }
      const Status status = index->SetVectors(Model(), chunks, vectors);
      ASSERT_TRUE(status.ok()) << status.error().message;
    }
  }

  static std::vector<std::string> Semantic(const SearchIndex& index, const std::string& text,
                                           size_t limit = 10) {
    SearchRequest request;
    request.vector = VectorOf(text);
    request.semantic_ratio = 1;
    request.limit = limit;
    return IdsOf(index.Search(request));
  }

  static std::vector<std::string> Lexical(const SearchIndex& index, const std::string& text) {
    SearchRequest request;
    request.text = text;
    request.semantic_ratio = 0;
    return IdsOf(index.Search(request));
  }

  static std::vector<std::string> IdsOf(const Result<SearchAnswer>& answer) {
    EXPECT_TRUE(answer.ok()) << answer.error().message;
    std::vector<std::string> ids;
    if (!answer.ok()) return ids;
    for (const SearchHit& hit : answer->hits) ids.push_back(hit.id);
    return ids;
  }

  static void WriteFile(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }
  static std::string ReadFile(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  std::filesystem::path folder_;
};

// Stores that keep a sidecar whatever their size.
class SidecarTesting : public StoreTesting {
 protected:
  static StoreOptions Saving(bool read_only = false) {
    StoreOptions options;
    options.sidecar_rows = 1;
    options.read_only = read_only;
    return options;
  }

  // Of the first index.
  std::string Sidecar() const { return SidecarPath(Path(), 1); }
};

}  // namespace minnow
