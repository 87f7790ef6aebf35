// SPDX-License-Identifier: Apache-2.0
// Ids and texts of documents: what is one, and what a message says where there is none.
#include "index/store/document.h"

#include <gtest/gtest.h>

namespace minnow {
namespace {

std::string TextOf(const std::string& json, std::vector<std::string> fields = {}) {
  IndexSettings settings;
  settings.text_fields = std::move(fields);
  const auto document = MakeDocument(settings, json);
  return document.ok() ? document->text : "!" + document.error().message;
}

TEST(DocumentTest, NumbersAndBooleansAreText) {
  EXPECT_EQ(TextOf(R"({"id":1,"title":1984,"text":"x"})"), "1984\nx");
  EXPECT_EQ(TextOf(R"({"id":1,"title":-2.5,"text":true})"), "-2.5\ntrue");
  EXPECT_EQ(TextOf(R"({"id":1,"text":18446744073709551615})"), "18446744073709551615");
  EXPECT_EQ(TextOf(R"({"id":1,"a":{"b":[1,"x",false]}})", {"a.b"}), "1\nx\nfalse");
  EXPECT_EQ(TextOf(R"({"id":1,"title":null,"text":0})"), "0");
  // Where nothing says what the text is, it is the strings.
  EXPECT_EQ(TextOf(R"({"id":1,"n":7,"a":"x"})"), "x");
  EXPECT_EQ(TextOf(R"({"id":1,"title":{"a":1}})"),
            "!title: expected a string or an array of strings, got an object");
  EXPECT_EQ(TextOf(R"({"id":1,"title":[[1]]})"),
            "!title: expected a string or an array of strings, got an array of 1");
}

TEST(DocumentTest, WhatMayBeTheId) {
  const std::string missing =
      "!field \"id\" is missing; another can be the id (id_field, --id-field)";
  EXPECT_EQ(TextOf(R"({"_id":"x"})"), missing + "; it may be \"_id\"");
  EXPECT_EQ(TextOf(R"({"a":1,"productId":7,"URL":"u","id_":[],"uuid":"x","key":2})"),
            missing + "; it may be \"productId\", \"URL\", \"uuid\"");
  EXPECT_EQ(TextOf(R"({"text":"x","nid\n":{}})"), missing);
}

}  // namespace
}  // namespace minnow
