// SPDX-License-Identifier: Apache-2.0
#include "ingest/added_from.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "formats/json.h"
#include "formats/xxh64.h"
#include "ingest/file_fields.h"
#include "tests/index/store_testing.h"

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Strings = std::vector<std::string>;
using Places = std::vector<std::pair<std::string, std::string>>;  // roots and prefixes

class AddedFromTest : public StoreTesting {
 protected:
  void SetUp() override {
    StoreTesting::SetUp();
    store_ = Open();
    index_ = MakeIndex(store_.get());
  }

  static Walk WalkOf(const Places& places) {
    Walk walk;
    for (const auto& [root, prefix] : places) {
      walk.roots.push_back(root);
      walk.prefixes.push_back(prefix);
    }
    return walk;
  }

  static Document FileDocument(const std::string& path, const std::string& name = "") {
    std::string json;
    JsonWriter writer(&json);
    writer.BeginObject();
    WriteFileFields({path + name, path, "", "text"}, writer);
    writer.EndObject();
    return Make(json);
  }

  // The error, if any.
  std::string Note(const Places& places, AddRule rule = AddRule::kKeep, const Strings& files = {}) {
    Walk walk = WalkOf(places);
    for (const std::string& file : files) walk.files.push_back({"", file, {}});
    const Status status = AddedFrom(index_.get(), &walk, rule).Note();
    return status.ok() ? "" : status.error().message;
  }

  // "/a docs/" for each entry, of the roots named here.
  Strings Noted(const Strings& roots) {
    const auto document = JsonDocument::Parse(*index_->Note(), "").value();
    Strings entries;
    for (const JsonView item : document.root().Items()) {
      std::string entry(*item.String());
      for (const std::string& root : roots) {
        const std::string hash = HashOf(root);
        if (entry.starts_with(hash)) entry.replace(0, hash.size(), root);
      }
      entries.push_back(entry);
    }
    return entries;
  }

  static std::string HashOf(const std::string& root) {
    Xxh64 hash;
    hash.Update(std::as_bytes(std::span(root)));
    return std::to_string(hash.Digest());
  }

  std::unique_ptr<Store> store_;
  std::shared_ptr<SearchIndex> index_;
};

TEST_F(AddedFromTest, WhatIsCoveredIsNotNoted) {
  EXPECT_EQ(Note({{"/a", "docs/f"}, {"/a", "docs/f"}, {"/a", "x"}}), "");
  EXPECT_THAT(Noted({"/a"}), ElementsAre("/a docs/f", "/a x"));
  EXPECT_EQ(Note({{"/a", "docs/f"}, {"/a", "docs/f"}, {"/a", "docs/"}, {"/a", "docs/g"}}), "");
  EXPECT_THAT(Noted({"/a"}), ElementsAre("/a x", "/a docs/"));
  EXPECT_EQ(Note({{"/a", "docs/f"}, {"/a", "docs/sub/"}, {"/b", "docs/f"}}), "");
  EXPECT_THAT(Noted({"/a", "/b"}), ElementsAre("/a x", "/a docs/", "/b docs/f"));
  EXPECT_EQ(Note({{"/a", ""}}), "");
  EXPECT_THAT(Noted({"/a", "/b"}), ElementsAre("/b docs/f", "/a "));
  // "docs" is a file, and no folder's beginning.
  EXPECT_EQ(Note({{"/b", "docs"}, {"/b", "doc/"}}), "");
  EXPECT_THAT(Noted({"/a", "/b"}), ElementsAre("/b docs/f", "/a ", "/b docs", "/b doc/"));
}

TEST_F(AddedFromTest, FormerNotesAreCleared) {
  ASSERT_TRUE(index_
                  ->ChangeNote([](const std::string&) {
                    return Result<std::string>(R"(["1 docs/f","1 docs/f","1 docs/","2 docs/f"])");
                  })
                  .ok());
  EXPECT_EQ(Note({{"/a", "x"}}), "");
  EXPECT_THAT(Noted({"/a"}), ElementsAre("1 docs/", "2 docs/f", "/a x"));
}

TEST_F(AddedFromTest, WhatIsOfAnotherRootIsNotPruned) {
  EXPECT_EQ(Note({{"/a", "docs/"}, {"/a", "x"}}), "");
  const std::string before = *index_->Note();
  for (const char* prefix : {"", "docs/", "docs/sub/", "docs/f", "x"}) {
    EXPECT_THAT(Note({{"/b", "y"}, {"/b", prefix}}, AddRule::kPrune),
                HasSubstr(std::string("files below \"") + prefix + "\" that were added"));
  }
  EXPECT_EQ(*index_->Note(), before);
  EXPECT_EQ(Note({{"/b", "docs"}, {"/b", "doc/"}, {"/b", "xx"}}, AddRule::kPrune), "");
  EXPECT_EQ(
      Note({{"/a", ""}}, AddRule::kPrune),
      "--prune: index \"docs\" has files below \"\" that were added from another folder, and "
      "cannot tell which of them are gone: give each project an index of its own (--name), or "
      "a common --root; --moved says that this is the same project in another place");
}

TEST_F(AddedFromTest, SeveralRootsThatAreAllWalked) {
  const Places both = {{"/a", "docs/"}, {"/b", "docs/"}};
  EXPECT_EQ(Note(both, AddRule::kPrune), "");
  EXPECT_EQ(Note(both, AddRule::kPrune), "");
  EXPECT_THAT(Note({both[0]}, AddRule::kPrune), HasSubstr("another folder"));
  EXPECT_THAT(Note({{"/a", "docs/sub/"}, {"/b", "docs/"}}, AddRule::kPrune),
              HasSubstr("below \"docs/\""));
  EXPECT_EQ(Note({{"/a", "docs/sub/"}, {"/b", "docs/sub/"}}, AddRule::kPrune), "");
  EXPECT_THAT(Noted({"/a", "/b"}), ElementsAre("/a docs/", "/b docs/"));
}

TEST_F(AddedFromTest, OnlyWhatWasMovedIsTaken) {
  EXPECT_EQ(Note({{"/a", "docs/"}}), "");
  EXPECT_EQ(Note({{"/c", "docs/sub/deep/"}, {"/c", "x"}}), "");
  EXPECT_EQ(Note({{"/b", "docs/sub/"}}, AddRule::kMoved), "");
  EXPECT_THAT(Noted({"/a", "/b", "/c"}), ElementsAre("/a docs/", "/c x", "/b docs/sub/"));
  EXPECT_THAT(Note({{"/b", "docs/"}}, AddRule::kPrune), HasSubstr("another folder"));
  EXPECT_EQ(Note({{"/b", "docs/"}}, AddRule::kMoved), "");
  EXPECT_THAT(Noted({"/a", "/b", "/c"}), ElementsAre("/c x", "/b docs/"));
  EXPECT_EQ(Note({{"/b", "docs/"}}, AddRule::kPrune), "");
}

TEST_F(AddedFromTest, WhoComesMeanwhileIsSeenBeforeDeletions) {
  const Walk walk = WalkOf({{"/b", "docs/sub/"}});
  AddedFrom pruning(index_.get(), &walk, AddRule::kPrune);
  ASSERT_TRUE(pruning.Note().ok());
  EXPECT_TRUE(pruning.CheckPrune(*index_->Note()).ok());
  ASSERT_TRUE(index_->Add(std::vector{Make(1, "one")}).ok());
  const auto remove = [&] {
    const Strings ids = {"1"};
    return index_->Delete(ids, [&](const std::string& note) { return pruning.CheckPrune(note); });
  };
  EXPECT_EQ(Note({{"/a", "docs/"}}), "");
  EXPECT_THAT(remove().error().message, HasSubstr("--prune: index \"docs\" has files below"));
  EXPECT_EQ(index_->Stats()->documents, 1u);
  // Said to be moved: what was there then is known, what came later is not.
  AddedFrom moving(index_.get(), &walk, AddRule::kMoved);
  EXPECT_EQ(Note({{"/c", "docs/sub/x"}}), "");
  ASSERT_TRUE(moving.Note().ok());
  EXPECT_TRUE(moving.CheckPrune(*index_->Note()).ok());
  EXPECT_EQ(Note({{"/c", "docs/sub/x"}}), "");
  EXPECT_FALSE(moving.CheckPrune(*index_->Note()).ok());
}

TEST_F(AddedFromTest, DocumentsOfAnotherRootAreNotReplaced) {
  const Strings files = {"docs/a", "docs/b", "docs/c", "x"};
  const Places here = {{"/b", "docs/"}, {"/b", "x"}};
  ASSERT_TRUE(index_
                  ->Add(std::vector{FileDocument("docs/a", "#f"), FileDocument("docs/a", "#g"),
                                    FileDocument("docs/b"), FileDocument("x"),
                                    Make(R"({"id":"docs/c","path":"docs/c"})")})
                  .ok());
  // Nobody knows of whom they are.
  const Places there = {{"/a", "docs/"}};
  EXPECT_EQ(Note(there, AddRule::kKeep, files), "");
  const std::string before = *index_->Note();
  EXPECT_EQ(Note(here, AddRule::kKeep, files),
            "index \"docs\" has documents of \"docs/a\" and 1 more of these files that were added "
            "from another folder, and would be replaced: give each project an index of its own "
            "(--name), or a common --root; --moved says that this is the same project in another "
            "place");
  EXPECT_THAT(Note(here, AddRule::kKeep, {"docs/b"}), HasSubstr("documents of \"docs/b\" that"));
  EXPECT_EQ(*index_->Note(), before);
  EXPECT_EQ(Note(there, AddRule::kKeep, files), "");
  // What would be replaced is no file's, or was not noted.
  EXPECT_EQ(Note(here, AddRule::kKeep, {"docs/c", "docs/d", "x"}), "");
  // From now on it may be of either.
  EXPECT_EQ(Note(here, AddRule::kKeep, files), "");
  const Walk walk = WalkOf(here);
  AddedFrom from(index_.get(), &walk, AddRule::kKeep);
  ASSERT_TRUE(from.Note().ok());
  EXPECT_EQ(*from.CountContested({"docs/a", "docs/b", "x", "y"}), 2u);
  EXPECT_EQ(*from.CountContested({}), 0u);
  EXPECT_EQ(Note(here, AddRule::kMoved, files), "");
  EXPECT_EQ(*from.CountContested({"docs/a", "docs/b"}), 0u);
  EXPECT_THAT(Note(there, AddRule::kKeep, files), HasSubstr("would be replaced"));
}

}  // namespace
}  // namespace minnow
