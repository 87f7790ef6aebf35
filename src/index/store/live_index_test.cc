// SPDX-License-Identifier: Apache-2.0
// Sidecars beside other processes, dropped indexes and bundles; the answers are the store's.
#include "index/store/live_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "index/store/store_testing.h"

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
