// SPDX-License-Identifier: Apache-2.0
#include "index/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "index/sqlite/sqlite.h"
#include "tests/index/store_testing.h"

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class StoreTest : public StoreTesting {};

TEST_F(StoreTest, DocumentsAreKeptAndFound) {
  const auto store = Open();
  const auto index = MakeIndex(store.get());
  const std::vector<Document> documents = {Make(R"({"id":"a","text":"red apples"})"),
                                           Make(R"({"id":7,"text":"green pears"})")};
  const auto added = index->Add(documents);
  ASSERT_TRUE(added.ok()) << added.error().message;
  EXPECT_THAT(added->changes, ElementsAre(DocumentChange::kAdded, DocumentChange::kAdded));
  EXPECT_EQ(store->FindTask(added->task)->status, TaskStatus::kProcessing);
  EXPECT_EQ(store->FindTask(added->task)->pending_chunks, 2u);
  EXPECT_EQ(index->Stats()->pending_chunks, 2u);
  EXPECT_THAT(Lexical(*index, "apple"), ElementsAre("a"));

  const auto pending = index->Pending(10);
  ASSERT_TRUE(pending.ok());
  ASSERT_EQ(pending->size(), 2u);
  EXPECT_EQ((*pending)[1].text, "green pears");
  EXPECT_EQ(index->Pending(10, (*pending)[0].chunk)->size(), 1u);
  EmbedAll(index.get());
  EXPECT_EQ(store->FindTask(added->task)->status, TaskStatus::kDone);
  EXPECT_TRUE(store->FindTask(added->task)->finished_at_ms.has_value());
  EXPECT_THAT(Semantic(*index, "green pears"), ElementsAre("7", "a"));
  EXPECT_THAT(IdsOf(index->Similar("a", {})), ElementsAre("7"));
  EXPECT_EQ(index->Similar("b", {}).error().code, Code::kNotFound);

  const std::vector<std::string> ids = {"a", "nobody"};
  EXPECT_EQ(index->Delete(ids)->deleted, 1u);
  EXPECT_THAT(Lexical(*index, "apple"), IsEmpty());
  EXPECT_THAT(Semantic(*index, "x"), ElementsAre("7"));
  EXPECT_EQ(index->List("", 0, 10)->total, 1u);
  EXPECT_FALSE(index->Fetch("a")->has_value());
  EXPECT_EQ(index->Fetch("7")->value().json, R"({"id":7,"text":"green pears"})");
}

TEST_F(StoreTest, VectorsHaveUnitLength) {
  const auto store = Open();
  const auto index = MakeIndex(store.get());
  ASSERT_TRUE(index->Add(std::vector{Make(1, "x")}).ok());
  const std::vector<int64_t> chunks = {index->Pending(1)->at(0).chunk};
  ASSERT_TRUE(index->SetVectors(Model(), chunks, std::vector<float>{0, 3, 4, 0}).ok());
  SearchRequest request;
  request.vector = {0, 0, 1, 0};
  request.semantic_ratio = 1;
  EXPECT_FLOAT_EQ(static_cast<float>(*index->Search(request)->hits.at(0).semantic_score), 0.8f);
}

TEST_F(StoreTest, ReplacesSkipsAndCounts) {
  const auto store = Open();
  const auto index = MakeIndex(store.get());
  ASSERT_TRUE(index->Add(std::vector{Make(1, "one"), Make(2, "two")}).ok());
  EmbedAll(index.get());
  // Twice in one batch: the later stands.
  const auto again =
      index->Add(std::vector{Make(1, "one"), Make(2, "deux"), Make(3, "three"), Make(3, "trois")});
  ASSERT_TRUE(again.ok());
  EXPECT_THAT(again->changes, ElementsAre(DocumentChange::kUnchanged, DocumentChange::kReplaced,
                                          DocumentChange::kAdded, DocumentChange::kReplaced));
  EXPECT_THAT(Lexical(*index, "two three"), IsEmpty());
  EXPECT_THAT(Lexical(*index, "trois"), ElementsAre("3"));
  const auto stats = index->Stats();
  EXPECT_EQ(stats->documents, 3u);
  EXPECT_EQ(stats->chunks, 3u);
  EXPECT_EQ(stats->pending_chunks, 2u);
  EXPECT_THAT(Semantic(*index, "x"), ElementsAre("1"));
  // The same JSON cut otherwise is another document.
  Document cut = Make(1, "one");
  cut.chunks = {{0, 1}, {1, 3}};
  EXPECT_THAT(index->Add(std::vector{cut})->changes, ElementsAre(DocumentChange::kReplaced));
  EXPECT_EQ(index->Stats()->chunks, 4u);
}

TEST_F(StoreTest, VerifySeesADocumentThatWasChangedBehindIt) {
  {
    const auto store = Open();
    const auto index = MakeIndex(store.get());
    ASSERT_TRUE(index->Add({{Make(1, "the limit is 100 euros"), Make(2, "boats")}}).ok());
    EmbedAll(index.get());
    EXPECT_TRUE(store->Verify(nullptr).ok());
  }
  const auto change = [this](const std::string& sql) {
    const auto database = Database::Open(Path(), {}).value();
    ASSERT_TRUE(database->Execute(sql).ok());
  };
  const char* const undone = "UPDATE minnow_documents_1 SET json = replace(json, '900', '100')";
  change("UPDATE minnow_documents_1 SET json = replace(json, '100', '900')");
  const Status verified = Open()->Verify(nullptr);
  ASSERT_FALSE(verified.ok());
  EXPECT_EQ(verified.error().code, Code::kCorrupt);
  EXPECT_TRUE(
      verified.error().message.ends_with("index docs: document \"1\": is not what was written"))
      << verified.error().message;
  change(undone);
  EXPECT_TRUE(Open()->Verify(nullptr).ok());
  // A hash as stores of before have it tells nothing of the JSON; the document is still the same.
  change("UPDATE minnow_documents_1 SET hash = " +
         std::to_string(HashChunks(Make(1, "the limit is 100 euros").chunks)) + " WHERE id = 1");
  const auto store = Open();
  EXPECT_TRUE(store->Verify(nullptr).ok());
  const auto again = store->FindIndex("docs").value()->Add({{Make(1, "the limit is 100 euros")}});
  EXPECT_EQ(again->changes.at(0), DocumentChange::kUnchanged);
}

TEST_F(StoreTest, ReopensAsItWas) {
  {
    const auto store = Open();
    const auto index = MakeIndex(store.get());
    ASSERT_TRUE(index->Add(std::vector{Make(1, "red"), Make(2, "green")}).ok());
    EmbedAll(index.get());
    ASSERT_TRUE(index->Add(std::vector{Make(3, "waits")}).ok());
  }
  const auto store = OpenReadOnly();
  ASSERT_NE(store, nullptr);
  const auto index = *store->FindIndex("docs");
  EXPECT_THAT(Semantic(*index, "green"), ElementsAre("2", "1"));
  EXPECT_EQ(index->Pending(10)->at(0).text, "waits");
  const auto refused = index->Add({});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  EXPECT_EQ(index->Stats()->model->checksum, "1234");
  EXPECT_EQ(store->Tasks(0, 10)->tasks.size(), 2u);
  EXPECT_EQ(store->Tasks(0, 10)->tasks.at(1).status, TaskStatus::kDone);
}

TEST_F(StoreTest, AnotherModelIsRefusedUnlessReembed) {
  const auto store = Open();
  const auto index = MakeIndex(store.get());
  ASSERT_TRUE(index->Add(std::vector{Make(1, "red")}).ok());
  EmbedAll(index.get());
  ModelIdentity renamed = Model();
  renamed.name = "elsewhere";
  EXPECT_TRUE(index->UseModel(renamed, false).ok());
  ModelIdentity other = Model("5678");
  other.dimensions = 2;
  const Status refused = index->UseModel(other, false);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  EXPECT_THAT(refused.error().message, HasSubstr("1234"));
  EXPECT_THAT(refused.error().message, HasSubstr("5678"));
  ASSERT_TRUE(index->UseModel(other, true).ok());
  EXPECT_EQ(index->Stats()->pending_chunks, 1u);
  SearchRequest request;
  request.vector = {1, 0};
  request.semantic_ratio = 1;
  EXPECT_THAT(IdsOf(index->Search(request)), IsEmpty());
  const std::vector<int64_t> chunks = {index->Pending(1)->at(0).chunk};
  EXPECT_FALSE(index->SetVectors(Model(), chunks, std::vector<float>(4)).ok());
  ASSERT_TRUE(index->SetVectors(other, chunks, std::vector<float>{1, 0}).ok());
  EXPECT_THAT(IdsOf(index->Search(request)), ElementsAre("1"));
  request.vector = {1, 0, 0};
  EXPECT_THAT(index->Search(request).error().message, HasSubstr("3 values, expected 2"));
}

TEST_F(StoreTest, VectorsOfAnotherModelAreRefused) {
  const auto store = Open();
  const auto index = *store->CreateIndex("docs", {});
  ASSERT_TRUE(index->Add(std::vector{Make(1, "red")}).ok());
  const std::vector<int64_t> chunks = {index->Pending(1)->at(0).chunk};
  const std::vector<float> vector(kTestDimensions, 1);
  EXPECT_EQ(index->SetVectors(Model(), chunks, vector).error().code, Code::kInvalidArgument);
  ASSERT_TRUE(index->UseModel(Model(), false).ok());
  // While the first model is at work, another process chooses one of the same dimensions.
  const auto elsewhere = Open();
  ASSERT_TRUE((*elsewhere->FindIndex("docs"))->UseModel(Model("5678"), true).ok());
  const Status refused = index->SetVectors(Model(), chunks, vector);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  EXPECT_THAT(refused.error().message, HasSubstr("5678"));
  EXPECT_EQ(index->Stats()->pending_chunks, 1u);
  ModelIdentity renamed = Model("5678");
  renamed.name = "elsewhere";
  ASSERT_TRUE(index->SetVectors(renamed, chunks, vector).ok());
  EXPECT_EQ(index->Stats()->pending_chunks, 0u);
}

TEST_F(StoreTest, ChunksThatTheModelRefusesWaitNoMore) {
  const auto store = Open();
  const auto index = *store->CreateIndex("docs", {});
  ASSERT_TRUE(index->Add(std::vector{Make(1, "red"), Make(2, "green")}).ok());
  ASSERT_TRUE(index->UseModel(Model(), false).ok());
  const auto pending = *index->Pending(2);
  ASSERT_EQ(pending.size(), 2u);
  std::vector<float> vectors(2 * kTestDimensions);
  vectors[0] = 1;  // the second one is zeros
  ASSERT_TRUE(
      index->SetVectors(Model(), std::vector{pending[0].chunk, pending[1].chunk}, vectors).ok());
  EXPECT_EQ(index->Stats()->pending_chunks, 0u);
  EXPECT_EQ(index->Stats()->refused_chunks, 1u);
  EXPECT_THAT(*index->Pending(2), IsEmpty());
  SearchRequest request;
  request.vector.assign(kTestDimensions, 0.0f);
  request.vector[0] = 1;
  request.semantic_ratio = 1;
  EXPECT_THAT(IdsOf(index->Search(request)), ElementsAre("1"));
  request.text = "green";
  request.semantic_ratio = 0;
  EXPECT_THAT(IdsOf(index->Search(request)), ElementsAre("2"));
  // Another model may take it; and it goes as any other.
  ASSERT_TRUE(index->UseModel(Model("5678"), true).ok());
  EXPECT_EQ(index->Stats()->pending_chunks, 2u);
  EXPECT_EQ(index->Stats()->refused_chunks, 0u);
  ASSERT_TRUE(index
                  ->SetVectors(Model("5678"), std::vector{pending[1].chunk},
                               std::vector<float>(kTestDimensions))
                  .ok());
  ASSERT_TRUE(index->Delete(std::vector<std::string>{"2"}).ok());
  EXPECT_EQ(index->Stats()->refused_chunks, 0u);
  EXPECT_EQ(index->Stats()->pending_chunks, 1u);
}

TEST_F(StoreTest, IndexesAreNamedAndDropped) {
  const auto store = Open();
  const auto first = MakeIndex(store.get(), "first");
  const auto second = MakeIndex(store.get(), "second");
  EXPECT_FALSE(store->CreateIndex("first", {}).ok());
  for (const std::string& bad :
       {std::string(), std::string("a b"), std::string("a'b"), std::string(65, 'a'),
        std::string("a\0b", 3), std::string("\xc3\xa4")}) {
    const auto refused = store->CreateIndex(bad, {});
    ASSERT_FALSE(refused.ok()) << bad;
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
  }
  const auto added = first->Add(std::vector{Make(1, "in the first")});
  ASSERT_TRUE(added.ok());
  ASSERT_TRUE(store->DropIndex("first").ok());
  EXPECT_EQ(store->DropIndex("first").error().code, Code::kNotFound);
  EXPECT_EQ(store->FindIndex("first").error().code, Code::kNotFound);
  EXPECT_EQ(store->Indexes().size(), 1u);
  EXPECT_EQ(store->FindTask(added->task)->status, TaskStatus::kFailed);
  // Who holds the dropped index is told so.
  EXPECT_EQ(first->Add({}).error().code, Code::kNotFound);
  EXPECT_EQ(first->Search({}).error().code, Code::kNotFound);
  EXPECT_EQ(first->Fetch("1").error().code, Code::kNotFound);
  // A new one of that name begins empty.
  const auto anew = MakeIndex(store.get(), "first");
  EXPECT_EQ(anew->Stats()->documents, 0u);
}

TEST_F(StoreTest, HostileIdsAndTexts) {
  const auto store = Open();
  const auto index = MakeIndex(store.get());
  const std::string nul("a\0b", 3);
  std::vector<Document> documents;
  for (const std::string& id :
       {std::string("it's \"quoted\"; DROP TABLE minnow_documents_1"), nul, std::string("a"),
        std::string(kMaxIdBytes, 'x'), std::string("%_*")}) {
    Document document = Make(R"({"id":"any","text":"hay ' \" ; -- stack"})");
    document.id = id;
    documents.push_back(document);
  }
  ASSERT_TRUE(index->Add(documents).ok());
  for (const Document& document : documents) {
    EXPECT_EQ(index->Fetch(document.id)->value().id, document.id);
  }
  EXPECT_EQ(index->Stats()->documents, documents.size());
  EXPECT_EQ(index->Delete(std::vector{nul})->deleted, 1u);
  EXPECT_TRUE(index->Fetch("a")->has_value());

  std::vector<Document> bad(4, Make(1, "x"));
  bad[0].id = "";
  bad[1].id = std::string(kMaxIdBytes + 1, 'x');
  bad[2].text = "y";
  bad[3].chunks = {{0, 2}};
  for (const Document& document : bad) {
    const auto refused = index->Add(std::vector{Make(9, "good"), document});
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
    EXPECT_THAT(refused.error().message, HasSubstr("documents[1]."));
  }
  EXPECT_FALSE(index->Fetch("9")->has_value());
}

TEST_F(StoreTest, LargeAndEmptyDocuments) {
  const auto store = Open();
  const auto index = MakeIndex(store.get());
  std::string text;
  while (text.size() < (size_t{1} << 20)) text += "word" + std::to_string(text.size()) + " ";
  Document large = Make(1, text);
  large.chunks.clear();
  for (uint32_t at = 0; at + 500 < large.text.size(); at += 500) {
    large.chunks.push_back({at, at + 500});
  }
  const Document empty = Make(R"({"id":2})");
  const auto added = index->Add(std::vector{empty});
  ASSERT_TRUE(added.ok());
  EXPECT_EQ(store->FindTask(added->task)->status, TaskStatus::kDone);
  ASSERT_TRUE(index->Add(std::vector{large}).ok());
  EmbedAll(index.get());
  EXPECT_EQ(index->Stats()->pending_chunks, 0u);
  // One hit a document, whatever its chunks.
  EXPECT_THAT(Semantic(*index, "x"), ElementsAre("1"));
  EXPECT_THAT(Lexical(*index, "word0"), ElementsAre("1"));
  EXPECT_EQ(index->Delete(std::vector<std::string>{"1", "2"})->deleted, 2u);
  EXPECT_EQ(index->Stats()->chunks, 0u);
}

TEST_F(StoreTest, VectorsOfChunksThatWentAreIgnored) {
  const auto store = Open();
  const auto index = MakeIndex(store.get());
  const auto added = index->Add(std::vector{Make(1, "one"), Make(2, "two")});
  const auto pending = index->Pending(10);
  ASSERT_EQ(pending->size(), 2u);
  const std::vector<int64_t> chunks = {(*pending)[0].chunk, (*pending)[1].chunk};
  ASSERT_TRUE(index->Delete(std::vector<std::string>{"1"}).ok());
  ASSERT_TRUE(index->SetVectors(Model(), chunks, std::vector<float>(8, 1)).ok());
  ASSERT_TRUE(index->SetVectors(Model(), chunks, std::vector<float>(8, 2)).ok());
  EXPECT_EQ(index->Stats()->chunks, 1u);
  EXPECT_EQ(index->Stats()->pending_chunks, 0u);
  EXPECT_EQ(store->FindTask(added->task)->status, TaskStatus::kDone);
  EXPECT_THAT(Semantic(*index, "x"), ElementsAre("2"));
  EXPECT_FALSE(index->SetVectors(Model(), chunks, std::vector<float>(7)).ok());
  ASSERT_TRUE(index->Add(std::vector{Make(3, "three")}).ok());
  const std::vector<int64_t> third = {index->Pending(1)->at(0).chunk};
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(index->SetVectors(Model(), third, std::vector<float>{0, nan, 0, 0}).error().code,
            Code::kInvalidArgument);
}

TEST_F(StoreTest, ListsPages) {
  const auto store = Open();
  const auto index = MakeIndex(store.get());
  ASSERT_TRUE(index->Add(std::vector{Make(3, "c"), Make(1, "a"), Make(2, "b")}).ok());
  const auto page = index->List("", 1, 1);
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->total, 3u);
  ASSERT_EQ(page->documents.size(), 1u);
  EXPECT_EQ(page->documents[0].id, "1");
  const size_t huge = std::numeric_limits<size_t>::max();
  EXPECT_TRUE(index->List("", huge, huge)->documents.empty());
  EXPECT_EQ(index->List("", 0, huge)->documents.size(), 3u);
  EXPECT_TRUE(index->List("", 0, 0)->documents.empty());
}

TEST_F(StoreTest, ADeletionLooksAtTheNoteFirst) {
  const auto store = Open();
  const auto index = MakeIndex(store.get());
  ASSERT_TRUE(index->Add(std::vector{Make(1, "one"), Make(2, "two")}).ok());
  EXPECT_EQ(*index->Note(), "");
  // Another process writes it.
  const auto other = Open();
  ASSERT_TRUE(
      (*other->FindIndex("docs"))
          ->ChangeNote([](const std::string& note) { return Result<std::string>(note + "x"); })
          .ok());
  EXPECT_EQ(*index->Note(), "x");
  const std::vector<std::string> ids = {"1", "2"};
  const auto refused = index->Delete(ids, [](const std::string& note) {
    return note == "x" ? Status(Error{Code::kInvalidArgument, "no"}) : Status();
  });
  EXPECT_EQ(refused.error().message, "no");
  EXPECT_EQ(index->Stats()->documents, 2u);
  EXPECT_EQ(index->Delete(ids, [](const std::string&) { return Status(); })->deleted, 2u);
  // It goes with the index.
  ASSERT_TRUE(store->DropIndex("docs").ok());
  EXPECT_EQ(index->Note().error().code, Code::kNotFound);
  EXPECT_EQ(*MakeIndex(store.get())->Note(), "");
}

TEST_F(StoreTest, FailedTasksKeepTheirReason) {
  const auto store = Open();
  const auto index = MakeIndex(store.get());
  const auto added = index->Add(std::vector{Make(1, "one")});
  ASSERT_TRUE(store->FailTask(added->task, "no model").ok());
  EXPECT_EQ(store->FindTask(added->task)->status, TaskStatus::kFailed);
  EXPECT_EQ(store->FindTask(added->task)->error, "no model");
  EXPECT_EQ(store->FailTask(77, "x").error().code, Code::kNotFound);
  EXPECT_EQ(store->FindTask(77).error().code, Code::kNotFound);
}

TEST_F(StoreTest, AnotherProcessSeesWhatIsWritten) {
  const auto writing = Open();
  const auto written = MakeIndex(writing.get());
  const auto reading = OpenReadOnly();
  const auto read = *reading->FindIndex("docs");
  EXPECT_THAT(Semantic(*read, "x"), IsEmpty());
  ASSERT_TRUE(written->Add(std::vector{Make(1, "one"), Make(2, "two")}).ok());
  EmbedAll(written.get());
  EXPECT_THAT(Semantic(*read, "two"), ElementsAre("2", "1"));
  ASSERT_TRUE(written->Delete(std::vector<std::string>{"2"}).ok());
  EXPECT_THAT(Semantic(*read, "two"), ElementsAre("1"));
  ASSERT_TRUE(written->UseModel(Model("new"), true).ok());
  EXPECT_THAT(Semantic(*read, "two"), IsEmpty());
}

TEST_F(StoreTest, ForeignTablesAreLeftAlone) {
  {
    DatabaseOptions options;
    options.create = true;
    const auto database = Database::Open(Path(), options).value();
    ASSERT_TRUE(database
                    ->Execute("CREATE TABLE functions(id INTEGER PRIMARY KEY, name TEXT);"
                              "INSERT INTO functions VALUES(100000000, 'f')")
                    .ok());
  }
  StoreOptions reading;
  reading.read_only = true;
  EXPECT_EQ(Store::Open(Path(), reading).error().code, Code::kNotFound);
  {
    const auto store = Open({.adopt = true});
    const auto index = MakeIndex(store.get());
    ASSERT_TRUE(index->Add(std::vector{Make(1, "one")}).ok());
    ASSERT_TRUE(store->Compact(nullptr).ok());
    EXPECT_THAT(Lexical(*index, "one"), ElementsAre("1"));
  }
  const auto database = Database::Open(Path(), {}).value();
  EXPECT_EQ(*database->QueryText("SELECT name FROM functions WHERE id = 100000000"), "f");
}

// Snapshots are published, and replicas fetch, where the generation is another.
TEST_F(StoreTest, AGenerationIsAChange) {
  const auto store = Open();
  const auto index = MakeIndex(store.get());
  const std::vector<Document> documents = {Make(1, "one"), Make(2, "two")};
  ASSERT_TRUE(index->Add(documents).ok());
  const int64_t added = *index->Generation();
  EmbedAll(index.get());
  const int64_t embedded = *index->Generation();
  EXPECT_GT(embedded, added);
  ASSERT_TRUE(index->Add(documents).ok());
  ASSERT_TRUE(index->Delete(std::vector<std::string>{"nobody"}).ok());
  EXPECT_EQ(*index->Generation(), embedded);
  ASSERT_TRUE(index->Add(std::vector{Make(1, "uno")}).ok());
  const int64_t replaced = *index->Generation();
  EXPECT_GT(replaced, embedded);
  ASSERT_TRUE(index->Delete(std::vector<std::string>{"2"}).ok());
  EXPECT_GT(*index->Generation(), replaced);
}

TEST_F(StoreTest, UnchangedDocumentsAreWaitedForAsWell) {
  const auto store = Open();
  const auto index = MakeIndex(store.get());
  const std::vector<Document> documents = {Make(1, "one"), Make(2, "two"), Make(3, "three")};
  ASSERT_TRUE(index->Add(documents).ok());
  const auto again = index->Add(std::vector{documents[2], documents[0]});
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->changes[0], DocumentChange::kUnchanged);
  EXPECT_EQ(store->FindTask(again->task)->status, TaskStatus::kProcessing);
  EXPECT_EQ(store->FindTask(again->task)->pending_chunks, 3u);
  EmbedAll(index.get());
  EXPECT_EQ(store->FindTask(again->task)->status, TaskStatus::kDone);
  const auto later = index->Add(documents);
  ASSERT_TRUE(later.ok());
  EXPECT_EQ(store->FindTask(later->task)->status, TaskStatus::kDone);
  // One of two waits.
  ASSERT_TRUE(index->Add(std::vector{Make(4, "four")}).ok());
  const auto both = index->Add(std::vector{documents[0], Make(4, "four")});
  ASSERT_TRUE(both.ok());
  EXPECT_EQ(store->FindTask(both->task)->pending_chunks, 1u);
}

}  // namespace
}  // namespace minnow
