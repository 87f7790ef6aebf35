// SPDX-License-Identifier: Apache-2.0
#include "formats/csv.h"

#include <gtest/gtest.h>

namespace minnow {
namespace {

using Records = std::vector<std::vector<std::string>>;

TEST(CsvTest, FieldsAndRecords) {
  EXPECT_EQ(ParseCsv("", "x").value(), Records());
  EXPECT_EQ(ParseCsv("a,b\nc,\n", "x").value(), (Records{{"a", "b"}, {"c", ""}}));
  EXPECT_EQ(ParseCsv("a,b\r\n,d", "x").value(), (Records{{"a", "b"}, {"", "d"}}));
  EXPECT_EQ(ParseCsv("\"a, \"\"b\"\"\nc\",2.5\n", "x").value(), (Records{{"a, \"b\"\nc", "2.5"}}));
  EXPECT_EQ(ParseCsv("\"\",x\n", "x").value(), (Records{{"", "x"}}));
}

TEST(CsvTest, WhatIsWrongIsNamed) {
  for (const char* text : {"a\nb\"c", "a\n\"b", "a\n\"b\"c", "a\nb\rc"}) {
    const auto records = ParseCsv(text, "file.csv");
    ASSERT_FALSE(records.ok()) << text;
    EXPECT_EQ(records.error().code, Code::kCorrupt);
    EXPECT_NE(records.error().message.find("file.csv: line 2: "), std::string::npos)
        << records.error().message;
  }
}

}  // namespace
}  // namespace minnow
