// SPDX-License-Identifier: Apache-2.0
// Stores of older versions: read as they are, and taken to this version where they are written to.
#include "index/store/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "index/query/lexical/tokenizer.h"
#include "tests/index/faulty_vfs.h"
#include "tests/index/store_testing.h"

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

// As programs of version 1 made them. Never to be changed.
constexpr const char* kVersion1 = R"sql(
PRAGMA page_size=8192;
PRAGMA auto_vacuum=INCREMENTAL;
PRAGMA journal_mode=WAL;
CREATE TABLE minnow_meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO minnow_meta VALUES('version', 1), ('note 1', 'of mine');
CREATE TABLE minnow_indexes(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  settings TEXT NOT NULL,
  model TEXT,
  created_at INTEGER NOT NULL,
  generation INTEGER NOT NULL DEFAULT 0,
  vector_epoch INTEGER NOT NULL DEFAULT 0,
  documents INTEGER NOT NULL DEFAULT 0,
  chunks INTEGER NOT NULL DEFAULT 0,
  vectors INTEGER NOT NULL DEFAULT 0,
  removed_floor INTEGER NOT NULL DEFAULT 0,
  sidecar BLOB,
  next_sidecar BLOB);
INSERT INTO minnow_indexes(name, settings, model, created_at, documents, chunks) VALUES(
  'docs', '{"text_fields":["text"],"id_field":"id","text_version":1}',
  '{"name":"model","dtype":"f32","checksum":"1234","dimensions":4}', 1700000000000, 2, 2);
CREATE TABLE minnow_tasks(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  index_id INTEGER NOT NULL,
  index_name TEXT NOT NULL,
  kind TEXT NOT NULL,
  status TEXT NOT NULL,
  documents INTEGER NOT NULL,
  first_chunk INTEGER NOT NULL,
  last_chunk INTEGER NOT NULL,
  enqueued_at INTEGER NOT NULL,
  finished_at INTEGER,
  error TEXT);
CREATE INDEX minnow_tasks_open ON minnow_tasks(index_id, last_chunk) WHERE status = 'processing';
CREATE TABLE minnow_documents_1(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,
  hash INTEGER NOT NULL,
  json TEXT NOT NULL);
CREATE TABLE minnow_chunks_1(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  document_id INTEGER NOT NULL,
  ordinal INTEGER NOT NULL,
  "begin" INTEGER NOT NULL,
  "end" INTEGER NOT NULL,
  vector_id INTEGER);
CREATE INDEX minnow_chunks_1_of_document ON minnow_chunks_1(document_id);
CREATE INDEX minnow_chunks_1_pending ON minnow_chunks_1(id) WHERE vector_id IS NULL;
CREATE TABLE minnow_vectors_1(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  document_id INTEGER NOT NULL,
  chunk_id INTEGER NOT NULL,
  vector BLOB NOT NULL);
CREATE TABLE minnow_removed_1(
  serial INTEGER PRIMARY KEY AUTOINCREMENT,
  document_id INTEGER,
  vector_id INTEGER);
CREATE VIRTUAL TABLE minnow_lexical_1 USING fts5(
  text, content='', tokenize='porter unicode61 remove_diacritics 2');
)sql";

constexpr const char* kRed = R"({"id":"red","text":"red apples"})";
constexpr const char* kGreen = R"({"id":"green","text":"green pears"})";

class SchemaTest : public StoreTesting {
 protected:
  // Two documents, whose vectors are missing.
  void MakeVersion1() {
    const auto database = Database::Open(Path(), {.create = true}).value();
    ASSERT_TRUE(database->Execute(kVersion1).ok());
    int64_t row = 0;
    for (const char* json : {kRed, kGreen}) {
      const Document document = Make(json);
      const int64_t end = document.chunks[0].end;
      ASSERT_TRUE(
          database->Prepare("INSERT INTO minnow_documents_1(key, hash, json) VALUES(?, ?, ?)")
              ->Bind(1, document.id)
              .Bind(2, HashDocument(document.id, document.chunks, document.json))
              .Bind(3, document.json)
              .Run()
              .ok());
      ++row;
      ASSERT_TRUE(database
                      ->Prepare("INSERT INTO minnow_chunks_1(document_id, ordinal, \"begin\", "
                                "\"end\") VALUES(?, 0, 0, ?)")
                      ->Bind(1, row)
                      .Bind(2, end)
                      .Run()
                      .ok());
      ASSERT_TRUE(database->Prepare("INSERT INTO minnow_lexical_1(rowid, text) VALUES(?, ?)")
                      ->Bind(1, row)
                      .Bind(2, document.text)
                      .Run()
                      .ok());
    }
  }

  static int64_t VersionOf(const std::string& path) {
    const auto database = Database::Open(path, {.read_only = true}).value();
    return *database->QueryInt("SELECT value FROM minnow_meta WHERE key = 'version'");
  }

  static void ExpectAllThere(const Store& store) {
    const auto index = store.FindIndex("docs");
    ASSERT_TRUE(index.ok()) << index.error().message;
    EXPECT_THAT(Lexical(**index, "apple"), ElementsAre("red"));
    EXPECT_THAT(Lexical(**index, "pears"), ElementsAre("green"));
    EXPECT_EQ((*index)->Stats()->pending_chunks, 2u);
    EXPECT_EQ(*(*index)->Note(), "of mine");
    const Status verified = store.Verify(nullptr);
    EXPECT_TRUE(verified.ok()) << verified.error().message;
  }
};

TEST_F(SchemaTest, OlderVersionsAreReadAsTheyAre) {
  MakeVersion1();
  const std::string before = ReadFile(Path());
  {
    const auto store = OpenReadOnly();
    ASSERT_NE(store, nullptr);
    ExpectAllThere(*store);
  }
  EXPECT_EQ(VersionOf(Path()), 1);
  EXPECT_EQ(ReadFile(Path()), before);
}

TEST_F(SchemaTest, OlderVersionsAreTakenToThisOne) {
  MakeVersion1();
  {
    const auto store = Open();
    ASSERT_NE(store, nullptr);
    ExpectAllThere(*store);
    const auto index = *store->FindIndex("docs");
    EmbedAll(index.get());
    ASSERT_TRUE(index->Add(std::vector{Make(3, "blue plums")}).ok());
    ASSERT_TRUE(index->Delete(std::vector<std::string>{"red"}).ok());
    MakeIndex(store.get(), "other");
  }
  EXPECT_EQ(VersionOf(Path()), kStoreVersion);
  const auto store = Open();
  EXPECT_THAT(Lexical(**store->FindIndex("docs"), "pears plums apples"),
              UnorderedElementsAre("green", "3"));
  EXPECT_TRUE(store->Verify(nullptr).ok());
}

TEST_F(SchemaTest, AFailureLeavesTheOldVersionOrTheNew) {
  StoreOptions options;
  options.vfs = FaultyVfs::kName;
  FaultyVfs& vfs = FaultyVfs::Get();
  uint64_t faults = 0;
  for (uint64_t n = 1; !HasFailure(); ++n) {
    for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(Path() + end);
    MakeVersion1();
    vfs.Plan(FaultyVfs::Fault::kWriteFails, n, /*stays=*/true);
    const bool opened = Store::Open(Path(), options).ok();
    const bool hit = vfs.failed() > 0;
    vfs.Heal();
    if (!hit) {
      EXPECT_TRUE(opened);
      break;
    }
    ++faults;
    const int64_t version = VersionOf(Path());
    EXPECT_TRUE(version == 1 || version == kStoreVersion) << version;
    const auto store = Open();
    ASSERT_NE(store, nullptr);
    ExpectAllThere(*store);
  }
  EXPECT_GE(faults, 4u);
}

TEST_F(SchemaTest, FullTextOfOtherWordsIsMadeAgain) {
  {
    const auto store = Open();
    const auto index = MakeIndex(store.get());
    ASSERT_TRUE(index->Add(std::vector{Make(1, "red"), Make(2, "green")}).ok());
  }
  {
    const auto database = Database::Open(Path(), {}).value();
    ASSERT_TRUE(RegisterLexicalTokenizer(database->handle()).ok());
    ASSERT_TRUE(database
                    ->Execute("UPDATE minnow_indexes SET tokenizer_version = 99;"
                              "INSERT INTO minnow_lexical_1(minnow_lexical_1) VALUES('delete-all')")
                    .ok());
  }
  // Who only reads finds what there is.
  EXPECT_THAT(Lexical(**OpenReadOnly()->FindIndex("docs"), "red"), ElementsAre());
  const auto store = Open();
  EXPECT_THAT(Lexical(**store->FindIndex("docs"), "red"), ElementsAre("1"));
  EXPECT_TRUE(store->Verify(nullptr).ok());
  const auto database = Database::Open(Path(), {}).value();
  EXPECT_EQ(*database->QueryInt("SELECT tokenizer_version FROM minnow_indexes"), kLexicalVersion);
}

}  // namespace
}  // namespace minnow
