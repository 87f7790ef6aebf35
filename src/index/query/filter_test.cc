// SPDX-License-Identifier: Apache-2.0
#include "index/query/filter.h"

#include <gtest/gtest.h>

#include <string>

namespace minnow {
namespace {

constexpr char kDocument[] = R"({"id": "a", "stars": 12, "lang": "go", "path": "pkg/x/y.go",
  "tags": ["fast", "small", 7], "open": true, "closed": null, "empty": [], "nothing": {},
  "author": {"name": "Ann", "age": 41.5}, "files": [{"name": "a.go"}, {"name": "b.c", "size": 3}],
  "first name": "Bo", "größe": 3, "nested": [[1, [2]], "x"], "date": "2024-05-06"})";

bool Matches(const std::string& filter, const std::string& document = kDocument) {
  const auto parsed = Filter::Parse(filter);
  EXPECT_TRUE(parsed.ok()) << filter << ": " << parsed.error().message;
  if (!parsed.ok()) return false;
  const auto json = JsonDocument::Parse(document, "test");
  EXPECT_TRUE(json.ok());
  return parsed->Matches(json->root());
}

std::string Failure(const std::string& filter, const FilterLimits& limits = {}) {
  const auto parsed = Filter::Parse(filter, limits);
  EXPECT_FALSE(parsed.ok()) << filter;
  if (parsed.ok()) return "";
  EXPECT_EQ(parsed.error().code, Code::kInvalidArgument);
  return parsed.error().message;
}

TEST(Filter, BlankMatchesEverything) {
  EXPECT_TRUE(Matches(""));
  EXPECT_TRUE(Matches(" \t\n"));
  EXPECT_TRUE(Filter::Parse("")->all());
}

TEST(Filter, Comparisons) {
  for (const char* filter :
       {"stars = 12",         "stars == 12.0", "stars != 11",           "stars < 13",
        "stars <= 12",        "stars>11",      "stars>=1.2e1",          "stars >= -5",
        "stars = 12.",        "stars > .5",    "stars > -.5",           "stars > 1.e0",
        "lang = \"go\"",      "lang='go'",     "lang < \"gp\"",         "lang >= \"go\"",
        "date > \"2024-05\"", "open = true",   "open != false",         "closed = null",
        "author.age > 41",    "größe = 3",     "`first name` = \"Bo\"", "author.`name` = 'Ann'"}) {
    EXPECT_TRUE(Matches(filter)) << filter;
  }
  for (const char* filter : {"stars = 12.5", "stars != 12", "stars < 12", "stars > 12",
                             "lang = \"Go\"", "lang > \"go\"", "open = false", "stars = \"12\"",
                             "lang = 12", "open = 1", "closed = false", "author = \"Ann\""}) {
    EXPECT_FALSE(Matches(filter)) << filter;
  }
}

TEST(Filter, OneElementOfAnArrayIsEnough) {
  for (const char* filter :
       {"tags = \"fast\"", "tags = 7", "tags IN [\"x\", \"small\"]", "tags > 6",
        "files.name = \"a.go\"", "files.name = \"b.c\"", "files.size = 3", "nested = 2",
        "nested = \"x\"", "tags STARTS WITH \"sma\""}) {
    EXPECT_TRUE(Matches(filter)) << filter;
  }
  EXPECT_FALSE(Matches("tags = \"slow\""));
  EXPECT_FALSE(Matches("tags != \"fast\""));  // an element is
  EXPECT_TRUE(Matches("tags != \"slow\""));
  EXPECT_FALSE(Matches("empty = 1"));
}

TEST(Filter, Words) {
  for (const char* filter : {"lang IN [\"go\", \"c\"]",
                             "lang in ['go']",
                             "stars IN [1, 12, null]",
                             "closed IN [null]",
                             "open IN [true]",
                             "lang NOT IN [\"c\"]",
                             "lang NOT IN []",
                             "path STARTS WITH \"pkg/\"",
                             "path starts with ''",
                             "path CONTAINS \"/x/\"",
                             "path NOT CONTAINS \"zz\"",
                             "path NOT STARTS WITH \"x\"",
                             "stars EXISTS",
                             "closed EXISTS",
                             "empty EXISTS",
                             "nothing EXISTS",
                             "author.name EXISTS",
                             "files.size EXISTS",
                             "missing NOT EXISTS",
                             "author.missing NOT EXISTS",
                             "closed IS NULL",
                             "stars IS NOT NULL",
                             "missing IS NOT NULL",
                             "missing != 3",
                             "missing NOT IN [3]"}) {
    EXPECT_TRUE(Matches(filter)) << filter;
  }
  for (const char* filter :
       {"lang IN []", "missing EXISTS", "missing IS NULL", "stars CONTAINS \"1\"", "missing < 3",
        "path CONTAINS \"PKG\"", "lang.x EXISTS"}) {
    EXPECT_FALSE(Matches(filter)) << filter;
  }
}

TEST(Filter, PrecedenceIsNotAndOr) {
  EXPECT_TRUE(Matches("stars = 12 OR stars = 1 AND stars = 2"));
  EXPECT_FALSE(Matches("(stars = 12 OR stars = 1) AND stars = 2"));
  EXPECT_TRUE(Matches("NOT stars = 1 AND stars = 12"));
  EXPECT_FALSE(Matches("NOT (stars = 1 OR stars = 12)"));
  EXPECT_TRUE(Matches("not NOT lang = 'go' and ((stars = 12))"));
}

TEST(Filter, StringsHaveEscapes) {
  EXPECT_TRUE(Matches(R"(s = "a\"b\\c\nd\u00e9\ud83d\ude00'")", R"({"s": "a\"b\\c\ndé😀'"})"));
  EXPECT_TRUE(Matches(R"(s = 'it\'s "so"')", R"({"s": "it's \"so\""})"));
  EXPECT_TRUE(Matches("s = \"% _ * ?\"", R"({"s": "% _ * ?"})"));
  EXPECT_FALSE(Matches("s CONTAINS \"%\"", R"({"s": "abc"})"));
}

TEST(Filter, WordsOfTheLanguageCanNameFields) {
  EXPECT_TRUE(Matches("`and` = 1 AND contains = 2 AND starts STARTS WITH 'x'",
                      R"({"and": 1, "contains": 2, "starts": "xy"})"));
}

TEST(Filter, MessagesNameThePosition) {
  EXPECT_EQ(Failure("stars >"),
            "filter: position 8: expected a number or a string in quotes, got the end");
  EXPECT_EQ(Failure("lang = go"),
            "filter: position 8: expected a number, a string in quotes, true, false or null, got "
            "\"go\"");
  EXPECT_EQ(Failure("größe = "),
            "filter: position 9: expected a number, a string in quotes, true, false or null, got "
            "the end");
  EXPECT_EQ(Failure("AND x = 1"), "filter: position 1: expected the name of a field, got \"AND\"");
  EXPECT_EQ(Failure("x = 1 y = 2"), "filter: position 7: expected AND, OR or the end, got \"y\"");
  EXPECT_EQ(Failure("(x = 1"), "filter: position 7: expected AND, OR or \")\", got the end");
  EXPECT_EQ(Failure("x = \"abc"), "filter: position 5: no closing \"");
  EXPECT_EQ(Failure("x IN 3"), "filter: position 6: expected [ after IN, got \"3\"");
  EXPECT_EQ(Failure("x IN [3"), "filter: position 8: expected , or ], got the end");
  EXPECT_EQ(Failure("x = 1; DROP"), "filter: position 6: did not expect \";\"");
  EXPECT_EQ(Failure("x = 1e999"), "filter: position 5: a number out of range: \"1e999\"");
  EXPECT_EQ(Failure("x = 12abc"), "filter: position 5: not a number: \"12abc\"");
  EXPECT_EQ(Failure("x..y = 3"), "filter: position 3: expected a name after the dot, got \".\"");
  EXPECT_EQ(Failure("x STARTS \"a\""),
            "filter: position 10: expected WITH after STARTS, got \"\\\"a\\\"\"");
}

TEST(Filter, WrongTextsAreRefused) {
  for (const char* filter : {"x",
                             "x =",
                             "x = ",
                             "= 1",
                             "x = = 1",
                             "x < true",
                             "x < null",
                             "x CONTAINS 3",
                             "x STARTS WITH",
                             "x NOT",
                             "x NOT = 3",
                             "x IS",
                             "x IS NOT",
                             "x IS 3",
                             "x. = 3",
                             ".x = 3",
                             "x..y = 3",
                             "x IN [",
                             "x IN [,]",
                             "x IN [1 2]",
                             "()",
                             "x = 1)",
                             "x = 1 AND",
                             "x = 1 OR OR y = 2",
                             "NOT",
                             "x = '\\q'",
                             "x = '\\u12'",
                             "x = '\\ud800'",
                             "x = '\\ud800\\u0041'",
                             "x = '\\",
                             "x = nan",
                             "x = --1",
                             "x = 1.2.3",
                             "x = .",
                             "x = -.",
                             "x = .e1",
                             "x ! 3",
                             "x & 3",
                             "\x01",
                             "x = 0x10",
                             "`x = 3"}) {
    Failure(filter);
  }
}

TEST(Filter, Limits) {
  std::string deep;
  for (int i = 0; i < 64; ++i) deep += "NOT (";
  deep += "x = 1";
  for (int i = 0; i < 64; ++i) deep += ")";
  EXPECT_EQ(Failure(deep), "filter: position 161: nested deeper than 64");
  EXPECT_EQ(Failure(std::string(100'000, '(')), "filter: position 65: nested deeper than 64");

  std::string wide = "x = 1";
  for (int i = 1; i < 1'000; ++i) wide += " OR x = 1";
  EXPECT_TRUE(Filter::Parse(wide).ok());
  EXPECT_TRUE(Failure(wide + " OR x = 1").ends_with("more than 1000 tests"));

  FilterLimits limits;
  limits.max_values = 3;
  EXPECT_TRUE(Filter::Parse("x IN [1, 2, 3]", limits).ok());
  EXPECT_TRUE(Failure("x IN [1, 2, 3, 4]", limits).ends_with("more than 3 values"));
  limits.max_bytes = 10;
  EXPECT_EQ(Failure("xxxxx = 123", limits), "filter: 11 bytes, limit 10");
  std::string path = "a";
  for (int i = 0; i < 16; ++i) path += ".a";
  EXPECT_TRUE(Failure(path + " EXISTS").ends_with("more than 16 names in a field"));
}

TEST(Filter, FieldsAreNamedOnce) {
  const auto filter = Filter::Parse("b.c = 1 AND (a = 2 OR NOT b.c IN [3])");
  ASSERT_TRUE(filter.ok());
  EXPECT_EQ(filter->fields(), (std::vector<FieldPath>{{"a"}, {"b", "c"}}));
}

TEST(FieldPath, Parses) {
  EXPECT_EQ(*ParseFieldPath("a.b.`c d`", "facets"), (FieldPath{"a", "b", "c d"}));
  EXPECT_EQ(*ParseFieldPath("in", "facets"), (FieldPath{"in"}));
  EXPECT_EQ(ParseFieldPath("", "facets").error().message,
            "facets: position 1: expected the name of a field, got the end");
  EXPECT_FALSE(ParseFieldPath("a b", "facets").ok());
}

}  // namespace
}  // namespace minnow
