// SPDX-License-Identifier: Apache-2.0
// Stores whose sidecar is gone, cut, damaged, or of another state: the same answers.
#include "index/store/sidecar_files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "tests/index/store_testing.h"

namespace minnow {
namespace {

using Answers = std::vector<std::pair<std::string, double>>;

class SidecarFilesTest : public SidecarTesting {
 protected:
  static void AddDocuments(SearchIndex* index, int first, int last) {
    std::vector<Document> documents;
    for (int i = first; i < last; ++i)
      documents.push_back(Make(i, "text number " + std::to_string(i * 7919)));
    ASSERT_TRUE(index->Add(documents).ok());
    EmbedAll(index);
  }

  static Answers Ask(const Store& store) {
    const auto index = store.FindIndex("docs");
    EXPECT_TRUE(index.ok());
    Answers answers;
    for (const bool exact : {false, true}) {
      SearchRequest request;
      request.vector = VectorOf("a question");
      request.semantic_ratio = 1;
      request.limit = 50;
      request.exact = exact;
      const auto answer = (*index)->Search(request);
      EXPECT_TRUE(answer.ok()) << answer.error().message;
      if (!answer.ok()) continue;
      for (const SearchHit& hit : answer->hits) answers.emplace_back(hit.id, hit.score);
    }
    return answers;
  }

  // A closed store of 600 documents with a sidecar; returns its answers.
  Answers MakeStore() {
    const auto store = Open(Saving());
    const auto index = MakeIndex(store.get());
    AddDocuments(index.get(), 0, 600);
    EXPECT_TRUE(index->Delete(std::vector<std::string>{"3", "599"}).ok());
    EXPECT_TRUE(store->RunMaintenance(true).ok());
    return Ask(*store);
  }
};

TEST_F(SidecarFilesTest, DamageChangesNoAnswer) {
  const Answers expected = MakeStore();
  const std::string whole = ReadFile(Sidecar());
  ASSERT_GT(whole.size(), 10'000u);
  std::mt19937 random(11);
  for (int round = 0; round < 150; ++round) {
    std::string bytes = whole;
    if (round % 10 == 0) bytes.resize(random() % bytes.size());
    if (round % 10 == 1) bytes += "more";
    for (int n = 0; round % 10 > 1 && n < 1 + round % 7; ++n)
      bytes[random() % bytes.size()] ^= static_cast<char>(1 << random() % 8);
    std::filesystem::remove(Sidecar());
    if (round > 0) WriteFile(Sidecar(), bytes);
    const auto store = Open(Saving(round % 2 == 0));
    EXPECT_EQ(Ask(*store), expected);
    EXPECT_EQ(Ask(*store), expected);
  }
}

TEST_F(SidecarFilesTest, DamageIsRepairedByMaintenance) {
  const Answers expected = MakeStore();
  std::string bytes = ReadFile(Sidecar());
  for (size_t at = 0; at < bytes.size(); at += 512) bytes[at] ^= 1;
  WriteFile(Sidecar(), bytes);
  {
    const auto store = Open(Saving());
    EXPECT_EQ(Ask(*store), expected);
    ASSERT_TRUE(store->RunMaintenance(true).ok());
    EXPECT_EQ(Ask(*store), expected);
  }
  EXPECT_NE(ReadFile(Sidecar()), bytes);
  const auto store = Open(Saving(true));
  EXPECT_EQ(Ask(*store), expected);
  EXPECT_TRUE(store->Verify(nullptr).ok());
}

TEST_F(SidecarFilesTest, VerifySeesWhatNoSearchTouched) {
  MakeStore();
  std::string bytes = ReadFile(Sidecar());
  bytes[bytes.size() - 100] ^= 1;
  WriteFile(Sidecar(), bytes);
  const Status verified = Open(Saving(true))->Verify(nullptr);
  ASSERT_FALSE(verified.ok());
  EXPECT_EQ(verified.error().code, Code::kCorrupt);
}

TEST_F(SidecarFilesTest, SidecarsOfDroppedIndexesGo) {
  const Answers expected = MakeStore();
  const std::string base = Sidecar().substr(0, Sidecar().size() - 1);
  {
    const auto store = Open(Saving());
    ASSERT_TRUE(store->CreateIndex("second", {}).ok());
    ASSERT_TRUE(store->DropIndex("second").ok());
  }
  // Of the one that was dropped; of one that is not there yet; names of others.
  const std::string stray = base + "2", half = base + "2.minnow-tmp-0123456789abcdef";
  const std::string others[] = {base + "3", base + "02", base + "2.bak", base + "-2", base + "2x"};
  WriteFile(stray, "vectors");
  WriteFile(half, "vect");
  for (const std::string& other : others) WriteFile(other, "other");
  StoreOptions reading = Saving();
  reading.read_only = true;
  (void)Open(reading);
  EXPECT_TRUE(std::filesystem::exists(stray));
  const auto store = Open(Saving());
  EXPECT_FALSE(std::filesystem::exists(stray));
  EXPECT_FALSE(std::filesystem::exists(half));
  for (const std::string& other : others) EXPECT_TRUE(std::filesystem::exists(other)) << other;
  EXPECT_TRUE(std::filesystem::exists(Sidecar()));
  EXPECT_EQ(Ask(*store), expected);
}

TEST_F(SidecarFilesTest, AnOlderStateIsNotTakenForThisOne) {
  MakeStore();
  const std::string old_sidecar = ReadFile(Sidecar()), old_store = ReadFile(Path());
  Answers expected;
  {
    const auto store = Open(Saving());
    const auto index = store->FindIndex("docs").value();
    ASSERT_TRUE(index->Delete(std::vector<std::string>{"5", "6"}).ok());
    AddDocuments(index.get(), 1000, 1100);
    ASSERT_TRUE(store->RunMaintenance(true).ok());
    expected = Ask(*store);
  }
  const std::string new_sidecar = ReadFile(Sidecar()), new_store = ReadFile(Path());
  WriteFile(Sidecar(), old_sidecar);
  EXPECT_EQ(Ask(*Open(Saving(true))), expected);
  WriteFile(Path(), old_store);
  WriteFile(Sidecar(), old_sidecar);
  const Answers before = Ask(*Open(Saving(true)));
  EXPECT_NE(before, expected);
  WriteFile(Sidecar(), new_sidecar);
  EXPECT_EQ(Ask(*Open(Saving(true))), before);
}

TEST_F(SidecarFilesTest, ChangesAfterTheSaveAreTakenFromTheStore) {
  MakeStore();
  const auto reader = Open(Saving(true));
  Answers expected;
  {
    const auto store = Open(Saving());
    const auto index = store->FindIndex("docs").value();
    ASSERT_TRUE(index->Delete(std::vector<std::string>{"5", "6"}).ok());
    AddDocuments(index.get(), 1000, 1010);
    expected = Ask(*store);
    EXPECT_EQ(Ask(*reader), expected);
    EXPECT_EQ(Ask(*Open(Saving(true))), expected);
    // The reader keeps the file that it has while another takes its place.
    ASSERT_TRUE(store->RunMaintenance(true).ok());
    EXPECT_EQ(Ask(*store), expected);
  }
  EXPECT_EQ(Ask(*reader), expected);
  EXPECT_EQ(Ask(*Open(Saving(true))), expected);
}

}  // namespace
}  // namespace minnow
