// SPDX-License-Identifier: Apache-2.0
// Sidecars beside other processes, dropped indexes and bundles; the answers are the store's.
#include "index/store/live_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "index/sqlite/sqlite.h"
#include "index/store/sidecar_files.h"
#include "tests/index/store_testing.h"

namespace minnow {
namespace {

class StoreSidecarTest : public SidecarTesting {
 protected:
  // A closed store with `documents` and a saved sidecar.
  void MakeStore(int documents) {
    const auto store = Open(Saving());
    const auto index = MakeIndex(store.get());
    std::vector<Document> batch;
    for (int i = 0; i < documents; ++i) batch.push_back(Make(i, "text" + std::to_string(i)));
    ASSERT_TRUE(index->Add(batch).ok());
    EmbedAll(index.get());
    const Status saved = store->RunMaintenance(true);
    ASSERT_TRUE(saved.ok()) << saved.error().message;
    ASSERT_TRUE(std::filesystem::exists(Sidecar()));
  }

  // As a process has it that knows no other index.
  std::unique_ptr<Connections> Connect() {
    auto writer = OpenWriter(Path(), {});
    auto reading = FindReadMode(Path(), "");
    EXPECT_TRUE(writer.ok() && reading.ok());
    return std::make_unique<Connections>(Path(), std::move(*writer), std::move(*reading), 1);
  }
  SidecarPlace Place() const {
    SidecarPlace place;
    place.path = Sidecar();
    return place;
  }
  VectorState State() { return *ReadVectorState(Connect()->Read()->get(), 1); }
  bool SidecarFits() { return OpenSidecar(Place(), 1, State()) != nullptr; }

  void DeleteSome(int first, int last) {
    const auto store = Open(Saving());
    std::vector<std::string> ids;
    for (int i = first; i < last; ++i) ids.push_back(std::to_string(i));
    ASSERT_EQ((*store->FindIndex("docs"))->Delete(ids)->deleted, ids.size());
  }

  // Removes rows until the log is long for `place`, and keeps the index there.
  void MaintainAfterLongLog(SidecarPlace place) {
    const auto connections = Connect();
    place.long_log = 5;
    LiveIndex live(1, place);
    DeleteSome(0, 6);
    ASSERT_TRUE(live.CatchUp(connections->Read()->get()).ok());
    ASSERT_TRUE(live.Maintain(connections.get(), false, nullptr).ok());
    EXPECT_EQ(*connections->Read()->get()->QueryInt("SELECT count(*) FROM minnow_removed_1"), 0);
  }

  // What the store answers, with whatever sidecar there is.
  std::vector<std::string> Answer(bool read_only = true) {
    const auto store = Open(Saving(read_only));
    EXPECT_NE(store, nullptr);
    if (store == nullptr) return {};
    return Semantic(**store->FindIndex("docs"), "a question", 25);
  }
};

TEST_F(StoreSidecarTest, AnotherProcessFollowsASave) {
  MakeStore(20);
  const auto writing = Open(Saving());
  const auto index = *writing->FindIndex("docs");
  const auto reading = Open(Saving(true));
  const auto read = *reading->FindIndex("docs");
  for (int round = 0; round < 4; ++round) {
    // The removal log is cut at each save: the reader has to begin anew.
    ASSERT_TRUE(index->Delete(std::vector{std::to_string(round)}).ok());
    ASSERT_TRUE(index->Add(std::vector{Make(100 + round, "new" + std::to_string(round))}).ok());
    EmbedAll(index.get());
    ASSERT_TRUE(writing->RunMaintenance(true).ok());
    EXPECT_EQ(Semantic(*read, "new" + std::to_string(round), 1),
              std::vector{std::to_string(100 + round)});
    EXPECT_EQ(Semantic(*read, "any", 100), Semantic(*index, "any", 100));
  }
}

TEST_F(StoreSidecarTest, DroppedIndexesTakeTheirSidecarAlong) {
  MakeStore(10);
  const auto store = Open(Saving());
  ASSERT_TRUE(store->DropIndex("docs").ok());
  EXPECT_FALSE(std::filesystem::exists(Sidecar()));
}

TEST_F(StoreSidecarTest, AnOlderStateReplacesNoSidecar) {
  MakeStore(20);
  const auto store = Open(Saving());
  const auto index = *store->FindIndex("docs");
  ASSERT_TRUE(index->Add(std::vector{Make(100, "to be saved")}).ok());
  EmbedAll(index.get());
  {
    // Another process deletes and saves, of which this one's memory does not know yet.
    const auto other = Open(Saving());
    ASSERT_TRUE((*other->FindIndex("docs"))->Delete(std::vector<std::string>{"1", "2"}).ok());
    ASSERT_TRUE(other->RunMaintenance(true).ok());
  }
  ASSERT_TRUE(SidecarFits());
  const Status maintained = store->RunMaintenance(true);
  ASSERT_TRUE(maintained.ok()) << maintained.error().message;
  EXPECT_TRUE(SidecarFits());
  EXPECT_EQ(Answer(), Semantic(*index, "a question", 25));
}

TEST_F(StoreSidecarTest, ALongRemovalLogIsCutByASave) {
  MakeStore(20);
  MaintainAfterLongLog(Place());
  EXPECT_TRUE(SidecarFits());
}

TEST_F(StoreSidecarTest, ALongRemovalLogIsCutWithoutASidecarToo) {
  MakeStore(20);
  SidecarPlace place = Place();
  place.min_rows = 100;
  MaintainAfterLongLog(place);
  EXPECT_FALSE(SidecarFits());
  EXPECT_EQ(Answer().size(), 14u);
}

TEST_F(StoreSidecarTest, OneThatBecameSmallHasNoSidecar) {
  MakeStore(20);
  DeleteSome(0, 6);
  const auto connections = Connect();
  SidecarPlace place = Place();
  place.min_rows = 14;
  LiveIndex live(1, place);
  ASSERT_TRUE(live.CatchUp(connections->Read()->get()).ok());
  ASSERT_TRUE(live.Maintain(connections.get(), true, nullptr).ok());
  EXPECT_TRUE(SidecarFits());
  DeleteSome(6, 7);
  ASSERT_TRUE(live.CatchUp(connections->Read()->get()).ok());
  ASSERT_TRUE(live.Maintain(connections.get(), false, nullptr).ok());
  EXPECT_FALSE(State().saved || State().next);
  EXPECT_FALSE(std::filesystem::exists(Sidecar()));
  EXPECT_EQ(Answer().size(), 13u);
}

TEST_F(StoreSidecarTest, ASaveThatCameAfterTheDropLeavesNothing) {
  MakeStore(20);
  const auto connections = Connect();
  LiveIndex live(1, Place());
  DeleteSome(0, 6);
  ASSERT_TRUE(live.CatchUp(connections->Read()->get()).ok());
  ASSERT_TRUE(Open(Saving())->DropIndex("docs").ok());
  WriteFile(Sidecar(), "took its name late");
  const Status maintained = live.Maintain(connections.get(), true, nullptr);
  EXPECT_TRUE(maintained.ok()) << maintained.error().message;
  EXPECT_FALSE(std::filesystem::exists(Sidecar()));
}

TEST_F(StoreSidecarTest, DroppedBesideASave) {
  const auto saving = Open(Saving()), dropping = Open(Saving());
  std::vector<Document> documents;
  for (int i = 0; i < 300; ++i) documents.push_back(Make(i, "text" + std::to_string(i)));
  for (int round = 0; round < 16; ++round) {
    const auto index = MakeIndex(saving.get());
    ASSERT_TRUE(index->Add(documents).ok());
    EmbedAll(index.get());
    std::thread save([&] {
      const Status saved = saving->RunMaintenance(true);
      EXPECT_TRUE(saved.ok()) << saved.error().message;
    });
    std::this_thread::sleep_for(std::chrono::microseconds(250 * round));
    const Status dropped = dropping->DropIndex("docs");
    EXPECT_TRUE(dropped.ok()) << dropped.error().message;
    save.join();
    EXPECT_FALSE(std::filesystem::exists(SidecarPath(Path(), index->id())));
  }
}

TEST_F(StoreSidecarTest, OneThatCannotBeSavedHoldsUpNoOther) {
  const auto store = Open(Saving());
  for (const char* name : {"docs", "more"}) {
    const auto index = MakeIndex(store.get(), name);
    ASSERT_TRUE(index->Add(std::vector{Make(1, "one")}).ok());
    EmbedAll(index.get());
  }
  std::filesystem::create_directory(Sidecar());
  EXPECT_FALSE(store->RunMaintenance(true).ok());
  EXPECT_TRUE(std::filesystem::exists(SidecarPath(Path(), 2)));
}

TEST_F(StoreSidecarTest, LiesInBundlesToo) {
  MakeStore(60);
  const std::vector<std::string> right = Answer();
  const std::string store_bytes = ReadFile(Path());
  std::string sidecar_bytes = ReadFile(Sidecar());
  const auto bundled = [&] {
    const std::string head(4096, 'p');
    const std::string gap((4096 - store_bytes.size() % 4096) % 4096, 'g');
    WriteFile(Path("bundle"), head + store_bytes + gap + sidecar_bytes + "end");
    BundledStore bundle;
    bundle.path = Path("bundle");
    bundle.store = {head.size(), store_bytes.size()};
    bundle.sidecars[1] = {head.size() + store_bytes.size() + gap.size(), sidecar_bytes.size()};
    const auto store = Store::OpenBundled(bundle);
    EXPECT_TRUE(store.ok()) << store.error().message;
    return Semantic(**(*store)->FindIndex("docs"), "a question", 25);
  };
  EXPECT_EQ(bundled(), right);
  sidecar_bytes[sidecar_bytes.size() / 2] ^= 1;
  EXPECT_EQ(bundled(), right);
}

}  // namespace
}  // namespace minnow
