// SPDX-License-Identifier: Apache-2.0
// Publishing, opening and keeping snapshots: of a store that is written to, damaged, and what stays
// of older ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <set>
#include <string>
#include <thread>

#include "index/snapshot/publish.h"
#include "index/snapshot/snapshot_folder.h"
#include "tests/index/store_testing.h"

namespace minnow {
namespace {

using ::testing::HasSubstr;

class SnapshotTest : public StoreTesting {
 protected:
  std::string Folder() const { return Path("snapshots"); }

  PublishedSnapshot Publish(const Store& store, size_t keep = 2) {
    auto published = PublishSnapshot(store, Folder(), keep, nullptr);
    EXPECT_TRUE(published.ok()) << published.error().message;
    return published.ok() ? std::move(*published) : PublishedSnapshot();
  }
  SnapshotManifest Present() {
    const auto text = ReadManifest(Folder());
    EXPECT_TRUE(text.ok());
    auto manifest = ParseManifest(*text, "m");
    EXPECT_TRUE(manifest.ok()) << manifest.error().message;
    return std::move(*manifest);
  }
  Result<std::unique_ptr<Store>> OpenPresent() {
    const SnapshotManifest manifest = Present();
    MINNOW_RETURN_IF_ERROR(CheckSnapshot(Folder(), manifest, nullptr));
    return OpenSnapshot(Folder(), manifest);
  }
  std::set<std::string> Names() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(Folder())) {
      names.insert(entry.path().filename().string());
    }
    return names;
  }
  // `count` documents with vectors, from `first` on.
  static void Fill(SearchIndex* index, int first, int count) {
    std::vector<Document> documents;
    for (int i = first; i < first + count; ++i) {
      documents.push_back(Make(i, "fish number " + std::to_string(i)));
    }
    ASSERT_TRUE(index->Add(documents).ok());
    EmbedAll(index);
  }
};

TEST_F(SnapshotTest, GivesTheSameAnswersAsTheStore) {
  const auto store = Open();
  const auto index = MakeIndex(store.get());
  Fill(index.get(), 0, 2100);  // so many have a sidecar
  const PublishedSnapshot published = Publish(*store);
  EXPECT_FALSE(published.unchanged);
  EXPECT_EQ(published.manifest.generation, 1);
  ASSERT_EQ(published.manifest.files.size(), 2u);
  ASSERT_EQ(published.manifest.indexes.size(), 1u);
  EXPECT_EQ(published.manifest.indexes[0].documents, 2100);
  EXPECT_EQ(published.manifest.indexes[0].waiting, 0);
  const std::set<std::string> names = Names();
  EXPECT_EQ(names.size(), 3u);  // no log, no draft
  const auto opened = OpenPresent();
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_TRUE((*opened)->read_only());
  const auto copy = (*opened)->FindIndex("docs");
  ASSERT_TRUE(copy.ok());
  EXPECT_EQ(Lexical(**copy, "number 77"), Lexical(*index, "number 77"));
  EXPECT_EQ(Semantic(**copy, "fish number 12"), Semantic(*index, "fish number 12"));
  EXPECT_FALSE((*copy)->Add(std::vector{Make(1, "x")}).ok());
  EXPECT_EQ(Names(), names);  // nothing is made beside it
}

TEST_F(SnapshotTest, StaysWhereNothingHasChanged) {
  auto store = Open();
  const auto index = MakeIndex(store.get());
  Fill(index.get(), 0, 3);
  Publish(*store);
  const std::set<std::string> names = Names();
  EXPECT_TRUE(Publish(*store).unchanged);
  EXPECT_EQ(Names(), names);
  Fill(index.get(), 3, 1);
  EXPECT_EQ(Publish(*store).manifest.generation, 2);
  // A file that is gone is no present generation.
  std::filesystem::remove(Folder() + "/" + Present().store().name);
  EXPECT_EQ(Publish(*store).manifest.generation, 3);
  EXPECT_TRUE(OpenPresent().ok());
}

TEST_F(SnapshotTest, KeepsSomeOlderOnesAndWhatIsOpen) {
  const auto store = Open();
  const auto index = MakeIndex(store.get());
  Fill(index.get(), 0, 1);
  Publish(*store);
  const auto first = OpenPresent();
  ASSERT_TRUE(first.ok());
  WriteFile(Folder() + "/README.db", "not ours");
  for (int i = 1; i < 6; ++i) {
    Fill(index.get(), i, 1);
    Publish(*store, 2);
  }
  std::set<int64_t> generations;
  for (const std::string& name : Names()) generations.insert(GenerationOfName(name));
  EXPECT_EQ(generations, (std::set<int64_t>{0, 4, 5, 6}));
  EXPECT_EQ(ReadFile(Folder() + "/README.db"), "not ours");
  // What was opened before goes on without names, on new connections too.
  const auto old = (*first)->FindIndex("docs");
  ASSERT_TRUE(old.ok());
  std::vector<std::thread> readers;
  std::atomic<int> right{0};
  for (int i = 0; i < 8; ++i) {
    readers.emplace_back([&] { right += Lexical(**old, "fish").size() == 1 ? 1 : 0; });
  }
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(right, 8);
}

TEST_F(SnapshotTest, CopiesOneStateOfAStoreThatIsWrittenTo) {
  const auto store = Open();
  const auto index = MakeIndex(store.get());
  Fill(index.get(), 0, 1);
  std::atomic<bool> ended{false};
  // Each addition is two documents, in one transaction.
  std::thread writer([&] {
    for (int i = 1; !ended; i += 2) {
      EXPECT_TRUE(index->Add(std::vector{Make(i, "left hand"), Make(i + 1, "right hand")}).ok());
    }
  });
  for (int i = 0; i < 5; ++i) {
    Publish(*store);
    const auto opened = OpenPresent();
    EXPECT_TRUE(opened.ok());
    if (!opened.ok()) break;
    const auto stats = (*(*opened)->FindIndex("docs"))->Stats();
    EXPECT_TRUE(stats.ok());
    EXPECT_EQ(stats->documents % 2, 1u);
    EXPECT_EQ(static_cast<int64_t>(stats->documents), Present().indexes[0].documents);
    EXPECT_TRUE((*opened)->Verify(nullptr).ok());
  }
  ended = true;
  writer.join();
}

TEST_F(SnapshotTest, RefusesWhatIsDamaged) {
  const auto store = Open();
  Fill(MakeIndex(store.get()).get(), 0, 2100);
  Publish(*store);
  const SnapshotManifest manifest = Present();
  for (const SnapshotFile& file : manifest.files) {
    const std::string path = Folder() + "/" + file.name;
    const std::string whole = ReadFile(path);
    std::string flipped = whole;
    flipped[whole.size() / 2] ^= 1;
    for (const std::string& bytes :
         {flipped, whole.substr(0, whole.size() - 1), whole + "x", std::string()}) {
      WriteFile(path, bytes);
      const Status status = CheckSnapshot(Folder(), manifest, nullptr);
      ASSERT_FALSE(status.ok());
      EXPECT_EQ(status.error().code, Code::kCorrupt);
      EXPECT_THAT(status.error().message, HasSubstr(file.name));
    }
    std::filesystem::remove(path);
    EXPECT_EQ(CheckSnapshot(Folder(), manifest, nullptr).error().code, Code::kNotFound);
    WriteFile(path, whole);
  }
  EXPECT_TRUE(CheckSnapshot(Folder(), manifest, nullptr).ok());
  EXPECT_EQ(
      CheckSnapshot(Folder(), manifest, [](uint64_t, uint64_t) { return false; }).error().code,
      Code::kDeadline);
}

TEST_F(SnapshotTest, GoesOnBehindADamagedManifest) {
  const auto store = Open();
  Fill(MakeIndex(store.get()).get(), 0, 1);
  Publish(*store);
  const std::string path = Folder() + "/snapshot.json";
  WriteFile(path, ReadFile(path).substr(0, 100));
  EXPECT_EQ(Publish(*store).manifest.generation, 2);  // no number is used twice
}

TEST_F(SnapshotTest, LeavesOtherFoldersAlone) {
  const auto store = Open();
  Fill(MakeIndex(store.get()).get(), 0, 1);
  const auto refuse = [&](const std::string& where) {
    const auto published = PublishSnapshot(*store, where, 2, nullptr);
    EXPECT_FALSE(published.ok());
    return published.ok() ? Error() : published.error();
  };
  WriteFile(Path("a file"), "x");
  EXPECT_THAT(refuse(Path("a file")).message, HasSubstr("is a file"));
  std::filesystem::create_directory(Path("other"));
  WriteFile(Path("other/snapshot.json"), "{\"name\": \"theirs\"}");
  EXPECT_EQ(refuse(Path("other")).code, Code::kInvalidArgument);
  EXPECT_EQ(ReadFile(Path("other/snapshot.json")), "{\"name\": \"theirs\"}");
}

TEST_F(SnapshotTest, HasOneWriterAtATime) {
  const auto store = Open();
  Fill(MakeIndex(store.get()).get(), 0, 1);
  {
    const auto held = SnapshotFolder::Open(Folder());
    ASSERT_TRUE(held.ok());
    WriteFile(held->Draft("half"), "x");
    const auto published = PublishSnapshot(*store, Folder(), 2, nullptr);
    ASSERT_FALSE(published.ok());
    EXPECT_EQ(published.error().code, Code::kOverloaded);
    EXPECT_EQ(ReadFile(held->Draft("half")), "x");
  }
  EXPECT_EQ(Publish(*store).manifest.generation, 1);
}

TEST_F(SnapshotTest, RemovesWhatAKilledWriterLeft) {
  std::filesystem::create_directories(Folder() + "/.writing");
  WriteFile(Folder() + "/.writing/store.db", "half a copy");
  WriteFile(Folder() + "/.writing/store.db-wal", "and its log");
  const auto store = Open();
  Fill(MakeIndex(store.get()).get(), 0, 1);
  Publish(*store);
  EXPECT_TRUE(OpenPresent().ok());
  EXPECT_FALSE(std::filesystem::exists(Folder() + "/.writing"));
}

TEST_F(SnapshotTest, StaysWhereItWasStopped) {
  const auto store = Open();
  const auto index = MakeIndex(store.get());
  Fill(index.get(), 0, 1);
  Publish(*store);
  Fill(index.get(), 1, 1);
  const std::set<std::string> names = Names();
  const auto published =
      PublishSnapshot(*store, Folder(), 2, [](uint64_t, uint64_t) { return false; });
  ASSERT_FALSE(published.ok());
  EXPECT_EQ(published.error().code, Code::kDeadline);
  EXPECT_EQ(Names(), names);
  EXPECT_EQ(Present().generation, 1);
}

}  // namespace
}  // namespace minnow
