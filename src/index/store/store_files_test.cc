// SPDX-License-Identifier: Apache-2.0
// Files that are no stores, stores that cannot be written, and stores inside other files.
#include "index/store/store_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/index/store_testing.h"

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class StoreFilesTest : public StoreTesting {
 protected:
  // A closed store with two documents.
  void MakeStore() {
    const auto store = Open();
    const auto index = MakeIndex(store.get());
    ASSERT_TRUE(index->Add(std::vector{Make(1, "red"), Make(2, "green")}).ok());
    EmbedAll(index.get());
  }

  static Code CodeOf(const std::string& path, bool read_only) {
    StoreOptions options;
    options.read_only = read_only;
    const auto store = Store::Open(path, options);
    if (store.ok()) return Code::kUnsupported;
    EXPECT_THAT(store.error().message, HasSubstr(path));
    return store.error().code;
  }
};

// Every file of the folder but indexes of logs, which belong to open connections.
std::map<std::string, std::string> FilesOf(const std::filesystem::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().string().ends_with("-shm")) continue;
    std::ifstream file(entry.path(), std::ios::binary);
    files[entry.path().filename()] = {std::istreambuf_iterator<char>(file), {}};
  }
  return files;
}

TEST_F(StoreFilesTest, OtherDatabasesStayAsTheyAreUnlessAdopted) {
  const auto make = [&](const char* name, const char* sql) {
    auto other = Database::Open(Path(name), {.create = true}).value();
    EXPECT_TRUE(other->Execute(sql).ok()) << name;
    return other;
  };
  make("rollback.db", "CREATE TABLE own(x)");
  make("log.db", "PRAGMA journal_mode=WAL; CREATE TABLE own(x)");
  make("view.db", "CREATE VIEW own AS SELECT 1");
  // Its table is in the log alone.
  const auto open = make("open.db", "PRAGMA journal_mode=WAL; CREATE TABLE own(x)");
  for (const char* name : {"rollback.db", "log.db", "view.db", "open.db"}) {
    for (const StoreOptions& options :
         {StoreOptions{}, StoreOptions{.create = false}, StoreOptions{.read_only = true}}) {
      const auto before = FilesOf(folder_);
      const auto store = Store::Open(Path(name), options);
      ASSERT_FALSE(store.ok()) << name;
      EXPECT_EQ(store.error().code, Code::kNotFound);
      EXPECT_THAT(store.error().message, HasSubstr("holds no index of minnow"));
      EXPECT_THAT(store.error().message, HasSubstr("\"own\""));
      EXPECT_EQ(FilesOf(folder_), before) << name;
    }
  }
  EXPECT_TRUE(Store::Open(Path("rollback.db"), {.create = false, .adopt = true}).ok());
  EXPECT_TRUE(Store::Open(Path("rollback.db"), {}).ok());  // it is one now
}

TEST_F(StoreFilesTest, EmptyFilesBecomeStoresWhereTheyMay) {
  for (const StoreOptions& options :
       {StoreOptions{.create = false}, StoreOptions{.read_only = true}}) {
    WriteFile(Path("empty.db"), "");
    const auto store = Store::Open(Path("empty.db"), options);
    ASSERT_FALSE(store.ok());
    EXPECT_EQ(store.error().code, Code::kNotFound);
    EXPECT_EQ(ReadFile(Path("empty.db")), "");
  }
  ASSERT_TRUE(Database::Open(Path("header.db"), {.create = true})
                  .value()
                  ->Execute("CREATE TABLE t(x); DROP TABLE t")
                  .ok());
  EXPECT_TRUE(Store::Open(Path("empty.db"), {}).ok());
  EXPECT_TRUE(Store::Open(Path("header.db"), {}).ok());
}

TEST_F(StoreFilesTest, AStoreWhoseTablesAreInTheLogAlone) {
  const auto store = Open();
  ASSERT_NE(store, nullptr);
  for (const StoreOptions& options :
       {StoreOptions{}, StoreOptions{.create = false}, StoreOptions{.read_only = true}}) {
    EXPECT_TRUE(Store::Open(Path(), options).ok());
  }
}

TEST_F(StoreFilesTest, WhatIsNoStore) {
  WriteFile(Path("text"), std::string(10'000, 'x'));
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  for (const bool read_only : {true, false}) {
    EXPECT_EQ(CodeOf(Path("text"), read_only), Code::kCorrupt);
    EXPECT_EQ(CodeOf(folder_.string(), read_only), Code::kInvalidArgument);
    EXPECT_EQ(CodeOf(Path("pipe"), read_only), Code::kInvalidArgument);
    EXPECT_EQ(CodeOf(Path("none/my.db"), read_only), read_only ? Code::kNotFound : Code::kInternal);
    EXPECT_EQ(CodeOf(Path("text") + "/my.db", read_only), Code::kNotFound);
  }
  EXPECT_EQ(CodeOf(Path("none.db"), true), Code::kNotFound);
  StoreOptions options;
  options.create = false;
  EXPECT_EQ(Store::Open(Path("none.db"), options).error().code, Code::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(Path("none.db")));
  EXPECT_EQ(ReadFile(Path("text")), std::string(10'000, 'x'));
}

TEST_F(StoreFilesTest, OddNamesArePaths) {
  for (const std::string name : {"a b?mode=memory#x.db", "100%41.db", ":memory:", "\xc3\xa4.db"}) {
    {
      const auto store = Store::Open(Path(name), {});
      ASSERT_TRUE(store.ok()) << store.error().message;
      MakeIndex(store->get());
    }
    EXPECT_TRUE(std::filesystem::exists(Path(name)));
  }
}

TEST_F(StoreFilesTest, NewerVersionsAreRefused) {
  MakeStore();
  {
    const auto database = Database::Open(Path(), {}).value();
    ASSERT_TRUE(database->Execute("UPDATE minnow_meta SET value = 99 WHERE key = 'version'").ok());
  }
  for (const bool read_only : {true, false}) {
    StoreOptions options;
    options.read_only = read_only;
    const auto store = Store::Open(Path(), options);
    ASSERT_FALSE(store.ok());
    EXPECT_EQ(store.error().code, Code::kUnsupported);
    EXPECT_THAT(store.error().message, HasSubstr("version 99"));
  }
}

TEST_F(StoreFilesTest, CutAndFlippedFilesNeverCrash) {
  MakeStore();
  const std::string whole = ReadFile(Path());
  std::mt19937 random(7);
  for (int round = 0; round < 60; ++round) {
    std::string damaged = whole;
    if (round % 2 == 0) {
      damaged.resize(random() % whole.size());
    } else {
      for (int i = 0; i < 40; ++i) damaged[random() % damaged.size()] ^= 1 << random() % 8;
    }
    std::filesystem::remove(Path() + "-wal");
    std::filesystem::remove(Path() + "-shm");
    WriteFile(Path(), damaged);
    const auto store = Store::Open(Path(), {});
    if (!store.ok()) {
      EXPECT_FALSE(store.error().message.empty());
      continue;
    }
    const auto index = (*store)->FindIndex("docs");
    if (!index.ok()) continue;
    SearchRequest request;
    request.text = "red green";
    request.vector = VectorOf("red");
    (void)(*index)->Search(request);
    (void)(*index)->List("", 0, 100);
    (void)(*index)->Pending(10);
    (void)(*index)->Add(std::vector{Make(1, "blue"), Make(3, "black")});
    (void)(*index)->Delete(std::vector<std::string>{"2"});
    (void)(*store)->Verify(nullptr);
  }
}

// Nobody, for whom the folder is read-only; root may write anywhere.
class AsNobody {
 public:
  explicit AsNobody(const std::filesystem::path& folder) : folder_(folder) {
    std::filesystem::permissions(folder_, std::filesystem::perms(0555));
    if (geteuid() == 0) was_root_ = seteuid(65534) == 0;
  }
  ~AsNobody() {
    if (was_root_) EXPECT_EQ(seteuid(0), 0);
    std::filesystem::permissions(folder_, std::filesystem::perms(0755));
  }

 private:
  const std::filesystem::path folder_;
  bool was_root_ = false;
};

TEST_F(StoreFilesTest, ReadOnlyFolders) {
  MakeStore();
  const AsNobody nobody(folder_);
  const auto store = OpenReadOnly();
  ASSERT_NE(store, nullptr);
  EXPECT_THAT(Semantic(**store->FindIndex("docs"), "green"), ElementsAre("2", "1"));
  EXPECT_FALSE(std::filesystem::exists(Path() + "-shm"));
  const auto written = Store::Open(Path(), {});
  ASSERT_FALSE(written.ok());
  EXPECT_THAT(written.error().message, HasSubstr(Path()));
}

// As it is copied into an image while it is open, or after a crash.
TEST_F(StoreFilesTest, ReadOnlyFoldersWithALog) {
  {
    const auto store = Open();
    const auto index = MakeIndex(store.get());
    ASSERT_TRUE(index->Add(std::vector{Make(1, "red"), Make(2, "green")}).ok());
    EmbedAll(index.get());
    std::filesystem::copy_file(Path(), Path("copy.db"));
    std::filesystem::copy_file(Path() + "-wal", Path("copy.db-wal"));
  }
  const AsNobody nobody(folder_);
  StoreOptions options;
  options.read_only = true;
  const auto store = Store::Open(Path("copy.db"), options);
  ASSERT_TRUE(store.ok()) << store.error().message;
  EXPECT_THAT(Semantic(**(*store)->FindIndex("docs"), "green"), ElementsAre("2", "1"));
  EXPECT_THAT(Lexical(**(*store)->FindIndex("docs"), "red"), ElementsAre("1"));
}

// The log lies beside the file that the link names.
TEST_F(StoreFilesTest, ReadOnlyFoldersBehindALink) {
  std::filesystem::create_directory(Path("real"));
  {
    const auto store = Open();
    const auto index = MakeIndex(store.get());
    ASSERT_TRUE(index->Add(std::vector{Make(1, "red"), Make(2, "green")}).ok());
    std::filesystem::copy_file(Path(), Path("real/copy.db"));
    std::filesystem::copy_file(Path() + "-wal", Path("real/copy.db-wal"));
  }
  std::filesystem::create_symlink("real/copy.db", Path("link.db"));
  const AsNobody nobody(Path("real"));
  StoreOptions options;
  options.read_only = true;
  const auto store = Store::Open(Path("link.db"), options);
  ASSERT_TRUE(store.ok()) << store.error().message;
  EXPECT_THAT(Lexical(**(*store)->FindIndex("docs"), "red"), ElementsAre("1"));
}

// It may be written to as soon as the other lets go: it is not for reading without locks.
TEST_F(StoreFilesTest, AnotherHoldsTheStoreForItself) {
  MakeStore();
  {
    DatabaseOptions options;
    options.exclusive = true;
    const auto holder = Database::Open(Path(), options).value();
    ASSERT_TRUE(holder->Execute("CREATE TABLE others(x)").ok());
    ASSERT_GT(std::filesystem::file_size(Path() + "-wal"), 0u);
    const auto refused = FindReadMode(Path(), "", /*busy_timeout_ms=*/20);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::kOverloaded);
    EXPECT_THAT(refused.error().message, HasSubstr(Path()));
  }
  EXPECT_TRUE(FindReadMode(Path(), "").ok());
}

TEST_F(StoreFilesTest, TooManyOpenFilesIsNoReadOnlyPlace) {
  MakeStore();
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  const int first = open("/dev/null", O_RDONLY);
  ASSERT_GE(first, 0);
  close(first);
  bool opened = false;
  for (int more = 1; more < 20 && !opened; ++more) {
    const rlimit few = {static_cast<rlim_t>(first + more), limit.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
    const auto mode = FindReadMode(Path(), "");
    opened = mode.ok();
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (!opened) {
      EXPECT_EQ(mode.error().code, Code::kInternal);
      continue;
    }
    // With the index of the log that all share.
    const auto reader = (*mode)();
    EXPECT_TRUE(std::filesystem::exists(Path() + "-shm"));
  }
  EXPECT_TRUE(opened);
}

TEST_F(StoreFilesTest, TwoProcessesReadBesideEachOther) {
  MakeStore();
  const auto first = OpenReadOnly();
  const auto second = OpenReadOnly();
  EXPECT_THAT(Semantic(**first->FindIndex("docs"), "green"), ElementsAre("2", "1"));
  EXPECT_THAT(Semantic(**second->FindIndex("docs"), "green"), ElementsAre("2", "1"));
}

TEST_F(StoreFilesTest, InsideAnotherFile) {
  MakeStore();
  const std::string store_bytes = ReadFile(Path());
  WriteFile(Path("bundle"), std::string(4096, 'p') + store_bytes + "the end");
  BundledStore bundle;
  bundle.path = Path("bundle");
  bundle.store = {4096, store_bytes.size()};
  auto store = Store::OpenBundled(bundle);
  ASSERT_TRUE(store.ok()) << store.error().message;
  const auto index = *(*store)->FindIndex("docs");
  EXPECT_THAT(Semantic(*index, "green"), ElementsAre("2", "1"));
  EXPECT_THAT(Lexical(*index, "red"), ElementsAre("1"));
  EXPECT_TRUE((*store)->read_only());
  EXPECT_FALSE(index->Add(std::vector{Make(1, "x")}).ok());
  bundle.store = {4096, store_bytes.size() * 2};
  EXPECT_EQ(Store::OpenBundled(bundle).error().code, Code::kCorrupt);
  bundle.store = {0, 4096};
  EXPECT_EQ(Store::OpenBundled(bundle).error().code, Code::kCorrupt);
}

TEST_F(StoreFilesTest, BackupOfALiveStore) {
  const auto store = Open();
  const auto index = MakeIndex(store.get());
  ASSERT_TRUE(index->Add(std::vector{Make(1, "red")}).ok());
  EmbedAll(index.get());
  uint64_t last = 0;
  uint64_t total = 0;
  const Status status = store->Backup(Path("copy.db"), [&](uint64_t done, uint64_t of) {
    last = done;
    total = of;
    return true;
  });
  ASSERT_TRUE(status.ok()) << status.error().message;
  EXPECT_EQ(last, total);
  EXPECT_GT(total, 0u);
  ASSERT_TRUE(index->Add(std::vector{Make(2, "later")}).ok());
  {
    const auto copy = Store::Open(Path("copy.db"), {});
    ASSERT_TRUE(copy.ok()) << copy.error().message;
    EXPECT_EQ((*(*copy)->FindIndex("docs"))->Stats()->documents, 1u);
    EXPECT_THAT(Semantic(**(*copy)->FindIndex("docs"), "red"), ElementsAre("1"));
  }
  // Stopped, or asked for what would harm: nothing is left behind.
  EXPECT_EQ(store->Backup(Path("other.db"), [](uint64_t, uint64_t) { return false; }).error().code,
            Code::kDeadline);
  EXPECT_FALSE(std::filesystem::exists(Path("other.db")));
  EXPECT_EQ(store->Backup(Path(), nullptr).error().code, Code::kInvalidArgument);
  std::filesystem::create_hard_link(Path(), Path("link.db"));
  EXPECT_EQ(store->Backup(Path("link.db"), nullptr).error().code, Code::kInvalidArgument);
  EXPECT_EQ(store->Backup(folder_.string(), nullptr).error().code, Code::kInvalidArgument);
  WriteFile(Path("open.db-wal"), "log");
  EXPECT_EQ(store->Backup(Path("open.db"), nullptr).error().code, Code::kInvalidArgument);
  EXPECT_FALSE(store->Backup(Path("none/copy.db"), nullptr).ok());
}

// In containers, processes have equal numbers: names that are made of those are not their own.
TEST_F(StoreFilesTest, TwoBackupsToOnePath) {
  MakeStore();
  const auto store = OpenReadOnly();
  bool nested = false;
  const Status status = store->Backup(Path("copy.db"), [&](uint64_t, uint64_t) {
    if (nested) return true;
    nested = true;
    EXPECT_TRUE(store->Backup(Path("copy.db"), nullptr).ok());
    const Status stopped = store->Backup(Path("copy.db"), [](uint64_t, uint64_t) { return false; });
    EXPECT_EQ(stopped.error().code, Code::kDeadline);
    return true;
  });
  ASSERT_TRUE(status.ok()) << status.error().message;
  EXPECT_TRUE(nested);
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    EXPECT_TRUE(name == "copy.db" || name.starts_with("my.db")) << name;
  }
  const auto copy = Store::Open(Path("copy.db"), {});
  ASSERT_TRUE(copy.ok()) << copy.error().message;
  EXPECT_TRUE((*copy)->Verify(nullptr).ok());
  EXPECT_THAT(Semantic(**(*copy)->FindIndex("docs"), "green"), ElementsAre("2", "1"));
}

TEST_F(StoreFilesTest, DeletedSpaceIsGivenBack) {
  const auto store = Open();
  const auto index = MakeIndex(store.get());
  std::vector<Document> documents;
  std::vector<std::string> ids;
  for (int i = 0; i < 1000; ++i) {
    documents.push_back(Make(i, std::string(4000, static_cast<char>('a' + i % 26))));
    ids.push_back(std::to_string(i));
  }
  ASSERT_TRUE(index->Add(documents).ok());
  const uint64_t full = index->Stats()->bytes;
  ASSERT_TRUE(index->Delete(ids).ok());
  uint64_t steps = 0;
  ASSERT_TRUE(store->Compact([&](uint64_t, uint64_t) { return ++steps > 0; }).ok());
  EXPECT_GT(steps, 1u);
  EXPECT_LT(index->Stats()->bytes, full / 4);
  EXPECT_LT(std::filesystem::file_size(Path()), full / 4);
}

}  // namespace
}  // namespace minnow
