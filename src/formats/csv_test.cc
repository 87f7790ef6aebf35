// SPDX-License-Identifier: Apache-2.0
// tests/cli/index_files_test.py compares with Python's csv module.
#include "formats/csv.h"

#include <gtest/gtest.h>

namespace minnow {
namespace {

using Fields = std::vector<std::string>;
using Records = std::vector<Fields>;

TEST(CsvTest, FieldsAndRecords) {
  EXPECT_EQ(ParseCsv(""), Records());
  EXPECT_EQ(ParseCsv("a,b\nc,\n"), (Records{{"a", "b"}, {"c", ""}}));
  EXPECT_EQ(ParseCsv("a,b\r\n,d"), (Records{{"a", "b"}, {"", "d"}}));
  EXPECT_EQ(ParseCsv("a\r\rb"), (Records{{"a"}, {"b"}}));
  EXPECT_EQ(ParseCsv("\"a, \"\"b\"\"\r\nc\",2.5\n"), (Records{{"a, \"b\"\r\nc", "2.5"}}));
  EXPECT_EQ(ParseCsv("\"\",x\n"), (Records{{"", "x"}}));
}

TEST(CsvTest, QuotesWhereNobodyExpectsThem) {
  EXPECT_EQ(ParseCsv("1,a\n2,24\" monitor\n3,b"),
            (Records{{"1", "a"}, {"2", "24\" monitor"}, {"3", "b"}}));
  EXPECT_EQ(ParseCsv("a\"b\",\"c\"d,\"e\"f\"\n"), (Records{{"a\"b\"", "cd", "ef\""}}));
  EXPECT_EQ(ParseCsv(" \"a\",\"b\" \n"), (Records{{" \"a\"", "b "}}));
  EXPECT_EQ(ParseCsv("\"open\n1"), (Records{{"open\n1"}}));
  EXPECT_EQ(ParseCsv(std::string_view("a\0b,\"\0\"", 7)),
            (Records{{std::string("a\0b", 3), std::string(1, '\0')}}));
}

TEST(CsvTest, OtherDelimiters) {
  EXPECT_EQ(SplitCsvRecord("a;\"b;c\";d,e\n", ';'), (Fields{"a", "b;c", "d,e"}));
  EXPECT_EQ(SplitCsvRecord("", ';'), Fields{""});
  EXPECT_EQ(FindCsvDelimiter("id,title\n1;2;3;4\n", "id"), ',');
  EXPECT_EQ(FindCsvDelimiter("id;\"a,b,c,d\";text\n", "id"), ';');
  EXPECT_EQ(FindCsvDelimiter("id\ttext, with commas, many", "id"), '\t');
  EXPECT_EQ(FindCsvDelimiter("id|text", "id"), '|');
  EXPECT_EQ(FindCsvDelimiter("Id;text", "id"), ';');
  EXPECT_EQ(FindCsvDelimiter("name;a,b;c", "name"), ';');
  EXPECT_EQ(FindCsvDelimiter("id", "id"), ',');
  EXPECT_EQ(FindCsvDelimiter("", "id"), ',');
}

}  // namespace
}  // namespace minnow
