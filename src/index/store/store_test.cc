// SPDX-License-Identifier: Apache-2.0
#include "index/store/store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

namespace minnow {
namespace {

class StoreTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::path(testing::TempDir()) /
        ("store-" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path(const std::string& name = "my.db") const { return (folder_ / name).string(); }

  std::unique_ptr<Store> Open(StoreOptions options = {}) {
    auto store = Store::Open(Path(), options);
    EXPECT_TRUE(store.ok()) << store.error().message;
    return store.ok() ? std::move(*store) : nullptr;
  }

  std::filesystem::path folder_;
};

Document Make(const std::string& json) {
  auto document = MakeDocument({}, json);
  EXPECT_TRUE(document.ok()) << document.error().message;
  if (!document->text.empty()) {
    document->chunks = {{0, static_cast<uint32_t>(document->text.size())}};
  }
  return std::move(*document);
}

TEST_F(StoreTest, DocumentsAreKeptAndFound) {
  const auto store = Open();
  ASSERT_NE(store, nullptr);
  auto index = store->CreateIndex("docs", {});
  ASSERT_TRUE(index.ok()) << index.error().message;
  ASSERT_TRUE((*index)->UseModel({"m", "f32", "1234", 2}, false).ok());
  const std::vector<Document> documents = {Make(R"({"id":"a","text":"red apples"})"),
                                           Make(R"({"id":7,"text":"green pears"})")};
  const auto added = (*index)->Add(documents);
  ASSERT_TRUE(added.ok()) << added.error().message;
  EXPECT_EQ(added->changes, std::vector({DocumentChange::kAdded, DocumentChange::kAdded}));
  EXPECT_EQ(store->FindTask(added->task)->status, TaskStatus::kProcessing);
  EXPECT_EQ(store->FindTask(added->task)->pending_chunks, 2u);

  SearchRequest lexical;
  lexical.text = "apple";
  auto answer = (*index)->Search(lexical);
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  ASSERT_EQ(answer->hits.size(), 1u);
  EXPECT_EQ(answer->hits[0].id, "a");

  const auto pending = (*index)->Pending(10);
  ASSERT_TRUE(pending.ok());
  ASSERT_EQ(pending->size(), 2u);
  EXPECT_EQ((*pending)[1].text, "green pears");
  const std::vector<int64_t> chunks = {(*pending)[0].chunk, (*pending)[1].chunk};
  const std::vector<float> vectors = {1, 0, 0, 2};
  ASSERT_TRUE((*index)->SetVectors(chunks, vectors).ok());
  EXPECT_EQ(store->FindTask(added->task)->status, TaskStatus::kDone);
  SearchRequest semantic;
  semantic.vector = {0, 1};
  semantic.semantic_ratio = 1;
  answer = (*index)->Search(semantic);
  ASSERT_TRUE(answer.ok());
  ASSERT_EQ(answer->hits.size(), 2u);
  EXPECT_EQ(answer->hits[0].id, "7");
  EXPECT_FLOAT_EQ(*answer->hits[0].semantic_score, 1);
  answer = (*index)->Similar("a", semantic);
  ASSERT_TRUE(answer.ok());
  ASSERT_EQ(answer->hits.size(), 1u);
  EXPECT_EQ(answer->hits[0].id, "7");

  const std::vector<std::string> ids = {"a", "nobody"};
  EXPECT_EQ((*index)->Delete(ids)->deleted, 1u);
  EXPECT_TRUE((*index)->Search(lexical)->hits.empty());
  EXPECT_EQ((*index)->Search(semantic)->hits.size(), 1u);
  EXPECT_EQ((*index)->List("", 0, 10)->total, 1u);
  EXPECT_FALSE((*index)->Fetch("a")->has_value());
}

TEST_F(StoreTest, ReopensAsItWas) {
  {
    const auto store = Open();
    const auto index = *store->CreateIndex("docs", {});
    ASSERT_TRUE(index->UseModel({"m", "f32", "1234", 2}, false).ok());
    const std::vector<Document> documents = {Make(R"({"id":"a","text":"red apples"})")};
    ASSERT_TRUE(index->Add(documents).ok());
    const std::vector<int64_t> chunks = {index->Pending(1)->at(0).chunk};
    ASSERT_TRUE(index->SetVectors(chunks, std::vector<float>{0, 1}).ok());
  }
  const auto store = Open({.read_only = true});
  ASSERT_NE(store, nullptr);
  const auto index = *store->FindIndex("docs");
  SearchRequest semantic;
  semantic.vector = {0, 1};
  semantic.semantic_ratio = 1;
  EXPECT_EQ(index->Search(semantic)->hits.size(), 1u);
  const auto refused = index->Add({});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  EXPECT_EQ(index->Stats()->model->checksum, "1234");
}

}  // namespace
}  // namespace minnow
