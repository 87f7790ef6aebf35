// SPDX-License-Identifier: Apache-2.0
// How documents are added: what the model refuses, and who waits for whom.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/await.h"
#include "tests/server/search_fixture.h"

namespace minnow {
namespace {

using ::testing::HasSubstr;

class SearchAdding : public SearchFixture {};

TEST_F(SearchAdding, RefusedTextsHaveNoVectorAndAreCounted) {
  const std::string refused = FakeModel::kRefused;
  AddAll("docs", R"([{"id":"a","text":"red"},{"id":"b","text":")" + refused + "\"}]");
  EXPECT_THAT(GetPath("/indexes/docs").body,
              HasSubstr(R"("chunks":2,"pending_chunks":0,"refused_chunks":1)"));
  EXPECT_EQ(Ids(GetPath("/indexes/docs/search?q=red&semantic_ratio=1")), "a");
  EXPECT_EQ(Ids(GetPath("/indexes/docs/search?semantic_ratio=0&q=" + refused)), "b");
}

TEST_F(SearchAdding, ReadingDocumentsHoldsNoWriterUp) {
  AddAll("docs", R"({"id":"a","text":"red"})");
  hold_chunker_ = true;
  SocketClient adding(server_->port());
  adding.Send(PostJson("/indexes/docs/documents", R"({"id":"b","text":"blue"})"));
  AwaitUntil([&] { return chunker_held_.load(); }, "the documents to be read");
  EXPECT_EQ(Send("DELETE", "/indexes/docs/documents/a").status, 200);
  EXPECT_TRUE(hold_chunker_);
  hold_chunker_ = false;
  EXPECT_EQ(adding.Read().status, 202);
  EXPECT_EQ(GetPath("/indexes/docs/documents/b").status, 200);
}

}  // namespace
}  // namespace minnow
