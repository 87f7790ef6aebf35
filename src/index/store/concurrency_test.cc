// SPDX-License-Identifier: Apache-2.0
// Readers beside a writer: none waits for it, and each sees whole states only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "index/sqlite/sqlite.h"
#include "tests/index/store_testing.h"

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

class StoreConcurrencyTest : public StoreTesting {
 protected:
  // Documents come and change in pairs: 2k and 2k + 1 with the same round.
  static std::vector<Document> MakePair(int pair, int round) {
    const std::string text = "pair" + std::to_string(pair) + " round" + std::to_string(round);
    return {Make(2 * pair, text), Make(2 * pair + 1, text)};
  }

  // Both have looked at the store, most likely, before either may write.
  template <class First, class Second>
  std::pair<Status, Status> AtOnce(const First& first, const Second& second) {
    const auto writer = Database::Open(Path(), {}).value();
    auto transaction = Transaction::BeginWrite(writer.get());
    EXPECT_TRUE(transaction.ok());
    std::pair<Status, Status> outcome;
    std::thread one([&] { outcome.first = first(); });
    std::thread other([&] { outcome.second = second(); });
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    EXPECT_TRUE(transaction->Commit().ok());
    one.join();
    other.join();
    return outcome;
  }

  static void CheckWholeStates(const SearchIndex& index, uint64_t seed,
                               const std::atomic<bool>& stop) {
    std::mt19937_64 random(seed);
    while (!stop) {
      const auto page = index.List(random() % 2 == 0 ? "" : "id >= 0", 0, 1000);
      ASSERT_TRUE(page.ok()) << page.error().message;
      std::map<std::string, size_t> texts;
      for (const StoredDocument& document : page->documents) {
        ++texts[document.json.substr(document.json.find("pair"))];
      }
      for (const auto& [text, count] : texts) EXPECT_EQ(count, 2u) << text;
      EXPECT_EQ(page->total, page->documents.size());
      SearchRequest request;
      request.text = "pair" + std::to_string(random() % 10);
      request.vector = VectorOf(request.text);
      if (random() % 3 == 0) request.filter = "id > 3";
      const auto answer = index.Search(request);
      ASSERT_TRUE(answer.ok()) << answer.error().message;
      for (const SearchHit& hit : answer->hits) {
        EXPECT_NE(hit.json.find("\"id\":" + hit.id + ","), std::string::npos);
      }
      const auto stats = index.Stats();
      ASSERT_TRUE(stats.ok());
      EXPECT_EQ(stats->documents % 2, 0u);
      ASSERT_TRUE(index.Fetch(std::to_string(random() % 20)).ok());
    }
  }
};

TEST_F(StoreConcurrencyTest, ReadersSeeWholeStates) {
  StoreOptions options;
  options.sidecar_rows = 1;
  const auto store = Open(options);
  const auto index = MakeIndex(store.get());
  const auto other = OpenReadOnly();  // as another process has it
  const auto other_index = *other->FindIndex("docs");
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (uint64_t seed = 0; seed < 2; ++seed) {
    threads.emplace_back([&, seed] { CheckWholeStates(*index, seed, stop); });
    threads.emplace_back([&, seed] { CheckWholeStates(*other_index, seed + 2, stop); });
  }
  threads.emplace_back([&] {
    while (!stop) {
      const Status status = store->RunMaintenance(true);
      EXPECT_TRUE(status.ok()) << status.error().message;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  });
  for (int round = 0; round < 60; ++round) {
    const int pair = round * 7 % 10;
    ASSERT_TRUE(index->Add(MakePair(pair, round)).ok());
    if (round % 3 == 0) EmbedAll(index.get());
    if (round % 5 == 0) {
      const int gone = round * 3 % 10;
      const std::vector<std::string> ids = {std::to_string(2 * gone), std::to_string(2 * gone + 1)};
      ASSERT_TRUE(index->Delete(ids).ok());
    }
  }
  EmbedAll(index.get());
  stop = true;
  for (std::thread& thread : threads) thread.join();
  const Status verified = store->Verify(nullptr);
  EXPECT_TRUE(verified.ok()) << verified.error().message;
}

TEST_F(StoreConcurrencyTest, ReplacedDocumentsAreFoundAllTheTime) {
  constexpr size_t kDocuments = 30;
  const auto store = Open();
  const auto index = MakeIndex(store.get());
  std::vector<Document> documents;
  for (size_t i = 0; i < kDocuments; ++i) documents.push_back(Make(static_cast<int>(i), "fish"));
  ASSERT_TRUE(index->Add(documents).ok());
  const auto check = [&](const SearchIndex& searched) {
    SearchRequest request;
    request.text = "fish";
    request.semantic_ratio = 0;
    request.limit = 2 * kDocuments;
    const auto answer = searched.Search(request);
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    EXPECT_EQ(answer->hits.size(), kDocuments);
    EXPECT_EQ(answer->estimated_total, kDocuments);
  };
  const auto other = OpenReadOnly();  // as another process has it
  const auto other_index = *other->FindIndex("docs");
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (const SearchIndex* searched : {index.get(), index.get(), other_index.get()}) {
    threads.emplace_back([&, searched] {
      while (!stop) check(*searched);
    });
  }
  for (int round = 0; round < 300; ++round) {
    const int id = round % static_cast<int>(kDocuments);
    EXPECT_TRUE(index->Add(std::vector{Make(id, "fish " + std::to_string(round))}).ok());
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  check(*index);  // nothing wrong is left behind
  check(*other_index);
}

TEST_F(StoreConcurrencyTest, SearchesDoNotWaitForAWriter) {
  const auto store = Open();
  const auto index = MakeIndex(store.get());
  ASSERT_TRUE(index->Add(std::vector{Make(1, "one")}).ok());
  EmbedAll(index.get());
  // Another process in the middle of a change.
  const auto writer = Database::Open(Path(), {}).value();
  auto transaction = Transaction::BeginWrite(writer.get());
  ASSERT_TRUE(transaction.ok());
  ASSERT_TRUE(writer->Execute("UPDATE minnow_indexes SET documents = 77").ok());
  EXPECT_THAT(Semantic(*index, "one"), ElementsAre("1"));
  EXPECT_THAT(Lexical(*index, "one"), ElementsAre("1"));
  EXPECT_EQ(index->Stats()->documents, 1u);
  EXPECT_THAT(index->Pending(1).value(), SizeIs(0));
  EXPECT_TRUE(index->Fetch("1")->has_value());
  // One that opens the store reads as well.
  EXPECT_THAT(Semantic(**OpenReadOnly()->FindIndex("docs"), "one"), ElementsAre("1"));
}

TEST_F(StoreConcurrencyTest, TwoProcessesMayWrite) {
  const auto first = Open();
  const auto index = MakeIndex(first.get());
  const auto second = Open();
  const auto same = *second->FindIndex("docs");
  ASSERT_TRUE(index->Add(std::vector{Make(1, "one")}).ok());
  ASSERT_TRUE(same->Add(std::vector{Make(2, "two")}).ok());
  EmbedAll(same.get());
  EXPECT_THAT(Semantic(*index, "two"), ElementsAre("2", "1"));
  EXPECT_EQ(index->DeleteWhere("id = 2")->deleted, 1u);
  EXPECT_THAT(Semantic(*same, "two"), ElementsAre("1"));
  EXPECT_EQ(same->Stats()->documents, 1u);
  // What one makes and drops, the other knows.
  MakeIndex(second.get(), "later");
  EXPECT_EQ(first->Indexes().size(), 2u);
  EXPECT_TRUE(first->FindIndex("later").ok());
  ASSERT_TRUE(second->DropIndex("docs").ok());
  EXPECT_EQ(first->FindIndex("docs").error().code, Code::kNotFound);
  EXPECT_EQ(index->Search({}).error().code, Code::kNotFound);
}

TEST_F(StoreConcurrencyTest, OneOfTwoModelsIsTaken) {
  const auto first = Open(), second = Open();
  const auto index = *first->CreateIndex("docs", {});
  const auto same = *second->FindIndex("docs");
  const auto [one, other] = AtOnce([&] { return index->UseModel(Model("1"), false); },
                                   [&] { return same->UseModel(Model("2"), false); });
  ASSERT_NE(one.ok(), other.ok());
  EXPECT_EQ((one.ok() ? other : one).error().code, Code::kInvalidArgument);
  EXPECT_EQ(index->Stats()->model->checksum, one.ok() ? "1" : "2");
}

TEST_F(StoreConcurrencyTest, DroppedOnceOnly) {
  const auto first = Open(), second = Open();
  MakeIndex(first.get());
  const auto [one, other] =
      AtOnce([&] { return first->DropIndex("docs"); }, [&] { return second->DropIndex("docs"); });
  ASSERT_NE(one.ok(), other.ok());
  EXPECT_EQ((one.ok() ? other : one).error().code, Code::kNotFound);
}

TEST_F(StoreConcurrencyTest, TheSameModelTwiceKeepsVectors) {
  const auto first = Open(), second = Open();
  const auto index = *first->CreateIndex("docs", {});
  const auto same = *second->FindIndex("docs");
  const auto [one, other] = AtOnce([&] { return index->UseModel(Model(), false); },
                                   [&] { return same->UseModel(Model(), false); });
  EXPECT_TRUE(one.ok());
  EXPECT_TRUE(other.ok());
  const auto database = Database::Open(Path(), {}).value();
  EXPECT_EQ(*database->QueryInt("SELECT vector_epoch FROM minnow_indexes"), 1);
}

TEST_F(StoreConcurrencyTest, IndexesComeAndGoBesideWorkInThem) {
  const auto first = Open();
  const auto second = Open();  // as another process has it
  MakeIndex(first.get());
  std::atomic<bool> stop = false;
  std::atomic<size_t> searches = 0;
  std::vector<std::thread> threads;
  for (Store* store : {first.get(), second.get()}) {
    // Whatever there is may be dropped at any moment; nothing else may go wrong.
    threads.emplace_back([&, store] {
      for (int i = 0; !stop; ++i) {
        for (const auto& index : store->Indexes()) {
          const auto added = index->Add(std::vector{Make(i % 5, "some text" + std::to_string(i))});
          if (!added.ok()) {
            EXPECT_EQ(added.error().code, Code::kNotFound) << added.error().message;
          }
        }
        // SQLite's queue of writers of several processes is not a fair one.
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    });
    threads.emplace_back([&, store] {
      SearchRequest request;
      request.text = "text";
      while (!stop) {
        for (const auto& index : store->Indexes()) {
          const auto answer = index->Search(request);
          if (!answer.ok()) {
            EXPECT_EQ(answer.error().code, Code::kNotFound) << answer.error().message;
          }
          ++searches;
        }
        EXPECT_TRUE(store->FindIndex("docs").ok());
      }
    });
  }
  for (int round = 0; round < 12 || searches < 10; ++round) {
    Store& store = round % 2 == 0 ? *first : *second;
    Store& other = round % 2 == 0 ? *second : *first;
    const std::string name = "index" + std::to_string(round);
    ASSERT_TRUE(store.CreateIndex(name, {}).ok());
    EXPECT_TRUE(other.FindIndex(name).ok());
    const Status dropped = other.DropIndex(name);
    EXPECT_TRUE(dropped.ok()) << dropped.error().message;
    EXPECT_FALSE(store.FindIndex(name).ok());
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(first->Indexes().size(), 1u);
  const Status verified = first->Verify(nullptr);
  EXPECT_TRUE(verified.ok()) << verified.error().message;
}

TEST_F(StoreConcurrencyTest, WritersOfOneProcessTakeTurns) {
  const auto store = Open();
  const auto index = MakeIndex(store.get());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10; ++i) {
        EXPECT_TRUE(index->Add(std::vector{Make(t * 100 + i, "text")}).ok());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(index->Stats()->documents, 40u);
  EXPECT_EQ(store->Tasks(0, 100)->total, 40u);
}

}  // namespace
}  // namespace minnow
