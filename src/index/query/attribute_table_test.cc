// SPDX-License-Identifier: Apache-2.0
#include "index/query/attribute_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <random>
#include <string>
#include <thread>

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

JsonDocument Parsed(const std::string& json) {
  auto document = JsonDocument::Parse(json, "test");
  EXPECT_TRUE(document.ok()) << json;
  return std::move(document).value();
}

// Documents as a store would have them.
class Documents {
 public:
  explicit Documents(const AttributeTableLimits& limits = {}) : table(limits) {}

  int64_t Add(const std::string& json) {
    {
      const std::lock_guard lock(mutex_);
      rows_[++last_] = json;
    }
    table.Add(last_, Parsed(json).root());
    return last_;
  }
  void Remove(int64_t row) {
    {
      const std::lock_guard lock(mutex_);
      rows_.erase(row);
    }
    table.Remove(row);
  }

  AttributeTable::Scan Scan() {
    return [this](const AttributeTable::Visitor& visit) {
      ++scans;
      std::map<int64_t, std::string> snapshot;
      {
        const std::lock_guard lock(mutex_);
        snapshot = rows_;
      }
      for (const auto& [row, json] : snapshot) visit(row, json);
      return Status();
    };
  }

  std::vector<int64_t> Select(const std::string& filter) {
    const auto parsed = Filter::Parse(filter);
    EXPECT_TRUE(parsed.ok()) << filter;
    const auto set = table.Select(*parsed, filter, Scan());
    EXPECT_TRUE(set.ok());
    return (*set)->Documents();
  }
  std::vector<int64_t> SelectByTwin(const std::string& filter) {
    std::vector<int64_t> rows;
    for (const auto& [row, json] : rows_) {
      if (Filter::Parse(filter)->Matches(Parsed(json).root())) rows.push_back(row);
    }
    return rows;
  }
  std::vector<int64_t> Rows() {
    std::vector<int64_t> rows;
    for (const auto& [row, json] : rows_) rows.push_back(row);
    return rows;
  }

  AttributeTable table;
  std::atomic<int> scans = 0;

 private:
  std::mutex mutex_;
  std::map<int64_t, std::string> rows_;
  int64_t last_ = 100;
};

TEST(AttributeTable, SelectsAndKeepsUpToDate) {
  Documents documents;
  const int64_t a = documents.Add(R"({"lang": "go", "stars": 3})");
  const int64_t b = documents.Add(R"({"lang": "c", "stars": 30, "tags": ["x", "y"]})");
  EXPECT_THAT(documents.Select("lang = \"go\""), ElementsAre(a));
  EXPECT_THAT(documents.Select("stars > 2"), ElementsAre(a, b));
  const int64_t c = documents.Add(R"({"lang": "go", "stars": 1, "tags": "y"})");
  EXPECT_THAT(documents.Select("lang = \"go\""), ElementsAre(a, c));
  EXPECT_THAT(documents.Select("tags = \"y\""), ElementsAre(b, c));
  EXPECT_THAT(documents.Select("tags NOT EXISTS"), ElementsAre(a));
  documents.Remove(a);
  EXPECT_THAT(documents.Select("lang = \"go\""), ElementsAre(c));
  EXPECT_THAT(documents.Select("tags NOT EXISTS"), IsEmpty());
  EXPECT_THAT(documents.Select(""), ElementsAre(b, c));
}

TEST(AttributeTable, AColumnIsMadeOnceAndAnUnknownFieldNeedsNone) {
  Documents documents;
  documents.Add(R"({"a": 1, "b": {"c": 2}})");
  documents.Select("a = 1");
  EXPECT_EQ(documents.scans, 1);
  documents.Select("a = 2 OR missing = 3 OR b.d = 1");
  documents.Select("a = 2 OR NOT missing.too = 3");
  EXPECT_EQ(documents.scans, 1);
  documents.Select("b.c = 2");
  EXPECT_EQ(documents.scans, 2);
  documents.Add(R"({"missing": 3})");
  EXPECT_EQ(documents.Select("missing = 3").size(), 1u);
  EXPECT_EQ(documents.scans, 3);
}

TEST(AttributeTable, TheSameFilterGivesTheSameObjectUntilSomethingChanges) {
  Documents documents;
  const int64_t a = documents.Add(R"({"a": 1})");
  const auto filter = Filter::Parse("a = 1");
  const auto first = documents.table.Select(*filter, "a = 1", documents.Scan());
  EXPECT_EQ(*documents.table.Select(*filter, "a = 1", documents.Scan()), *first);
  documents.Add(R"({"a": 1})");
  const auto second = documents.table.Select(*filter, "a = 1", documents.Scan());
  EXPECT_EQ((*second)->count(), 2u);
  EXPECT_EQ((*first)->count(), 1u);
  EXPECT_TRUE((*first)->Contains(a));
  EXPECT_FALSE((*first)->Contains(a + 1));
  EXPECT_FALSE((*first)->Contains(0));
}

TEST(AttributeTable, AddsBeforeTheFirstFilterAndRowsSeenTwiceCountOnce) {
  Documents documents;
  const int64_t a = documents.Add(R"({"a": 1})");
  documents.Select("a = 1");
  documents.table.Add(a, Parsed(R"({"a": 1})").root());
  EXPECT_THAT(documents.Select("a = 1"), ElementsAre(a));
}

TEST(AttributeTable, FewColumnsAreKept) {
  AttributeTableLimits limits;
  limits.max_columns = 2;
  Documents documents(limits);
  const int64_t a = documents.Add(R"({"a": 1, "b": 2, "c": 3})");
  documents.Select("a = 1");
  documents.Select("b = 2");
  documents.Select("a = 1 AND b = 3");
  EXPECT_EQ(documents.scans, 2);
  EXPECT_THAT(documents.Select("c = 3"), ElementsAre(a));
  EXPECT_EQ(documents.scans, 3);
  EXPECT_THAT(documents.Select("a = 1 AND b = 2 AND c = 3"), ElementsAre(a));  // slowly
  EXPECT_THAT(documents.Select("a = 1 AND c = 3"), ElementsAre(a));
}

TEST(AttributeTable, TooMuchTextIsFilteredSlowly) {
  AttributeTableLimits limits;
  limits.max_column_bytes = 50;
  Documents documents(limits);
  const int64_t a = documents.Add(R"({"text": "some long text of one document"})");
  EXPECT_THAT(documents.Select("text CONTAINS \"long\""), ElementsAre(a));
  const int64_t b = documents.Add(R"({"text": "another long text of one document"})");
  EXPECT_THAT(documents.Select("text CONTAINS \"long\""), ElementsAre(a, b));
  EXPECT_THAT(documents.Select("text CONTAINS \"another\""), ElementsAre(b));
  const auto facets =
      documents.table.CountFacets("text", std::vector<int64_t>{a}, documents.Scan());
  EXPECT_EQ(facets.error().message, "facets: field \"text\" holds too much text, limit 50 bytes");
}

TEST(AttributeTable, ManyRemovalsMakeEverythingAnew) {
  Documents documents;
  for (int i = 0; i < 3'000; ++i) documents.Add("{\"n\": " + std::to_string(i % 7) + "}");
  EXPECT_EQ(documents.Select("n = 3"), documents.SelectByTwin("n = 3"));
  const auto kept = documents.table.Select(*Filter::Parse("n = 3"), "n = 3", documents.Scan());
  for (int64_t row = 101; row < 2'901; ++row) documents.Remove(row);
  EXPECT_EQ(documents.Select("n = 3"), documents.SelectByTwin("n = 3"));
  EXPECT_EQ(documents.scans, 2);
  // A set from before still reads, and counts what is left of it.
  const auto facets = documents.table.CountFacets("n", **kept, documents.Scan());
  EXPECT_THAT(*facets, ElementsAre(Pair("3", documents.Select("n = 3").size())));
}

TEST(AttributeTable, AFailingScanAndADamagedDocumentAreTold) {
  AttributeTable table;
  const auto failing = [](const AttributeTable::Visitor&) {
    return Status(Error{Code::kInternal, "disk"});
  };
  EXPECT_EQ(table.Select(*Filter::Parse("a = 1"), "a = 1", failing).error().message, "disk");
  const auto damaged = [](const AttributeTable::Visitor& visit) {
    visit(7, "{\"a\":");
    return Status();
  };
  const auto result = table.Select(*Filter::Parse("a = 1"), "a = 1", damaged);
  EXPECT_EQ(result.error().code, Code::kCorrupt);
  EXPECT_TRUE(result.error().message.starts_with("document in row 7: ")) << result.error().message;
}

TEST(AttributeTable, FacetsCountDocuments) {
  Documents documents;
  const int64_t a = documents.Add(R"({"tags": ["x", "y", "x", 3, true]})");
  const int64_t b = documents.Add(R"({"tags": ["y", 3.5, false, null]})");
  const int64_t c = documents.Add(R"({"tags": {"x": 1}})");
  const std::vector<int64_t> all = {a, b, c, 999};
  const auto count = [&](const std::vector<int64_t>& rows) {
    return documents.table.CountFacets("tags", rows, documents.Scan()).value();
  };
  EXPECT_THAT(count(all), ElementsAre(Pair("y", 2), Pair("3", 1), Pair("3.5", 1), Pair("false", 1),
                                      Pair("true", 1), Pair("x", 1)));
  EXPECT_THAT(count({b}), ElementsAre(Pair("3.5", 1), Pair("false", 1), Pair("y", 1)));
  const auto set = documents.table.Select(*Filter::Parse(""), "", documents.Scan());
  EXPECT_EQ(documents.table.CountFacets("tags", **set, documents.Scan()).value(), count(all));
  EXPECT_THAT(count({}), IsEmpty());
  EXPECT_FALSE(documents.table.CountFacets("a b", all, documents.Scan()).ok());
}

TEST(AttributeTable, FacetsGiveTheMostFrequentValues) {
  Documents documents;
  std::vector<int64_t> rows;
  for (int i = 0; i < 300; ++i)
    rows.push_back(documents.Add("{\"n\": \"v" + std::to_string(i) + "\"}"));
  rows.push_back(documents.Add(R"({"n": "v77"})"));
  const auto facets = documents.table.CountFacets("n", rows, documents.Scan()).value();
  EXPECT_EQ(facets.size(), kMaxFacetValues);
  EXPECT_THAT(facets[0], Pair("v77", 2));
  EXPECT_THAT(facets[1], Pair("v0", 1));
}

TEST(AttributeTable, GroupKeysTellTypesApart) {
  Documents documents;
  const std::vector<int64_t> rows = {documents.Add(R"({"g": "1"})"),
                                     documents.Add(R"({"g": 1})"),
                                     documents.Add(R"({"g": true})"),
                                     documents.Add(R"({"g": [null, 1.0, 2]})"),
                                     documents.Add(R"({"g": null})"),
                                     documents.Add(R"({})"),
                                     12345};
  const auto keys = documents.table.GroupKeys("g", rows, documents.Scan()).value();
  ASSERT_EQ(keys.size(), rows.size());
  EXPECT_NE(keys[0], keys[1]);
  EXPECT_NE(keys[1], keys[2]);
  EXPECT_EQ(keys[1], keys[3]);
  EXPECT_FALSE(keys[4] || keys[5] || keys[6]);
}

// --- columns against the twin --------------------------------------------------------------------

class RandomFilters {
 public:
  explicit RandomFilters(unsigned seed) : random_(seed) {}

  size_t Below(size_t n) { return random_() % n; }
  template <class... T>
  std::string Pick(const T&... choices) {
    const std::vector<std::string> all = {choices...};
    return all[Below(all.size())];
  }

  std::string Scalar() {
    switch (Below(8)) {
      case 0:
        return "null";
      case 1:
        return Pick("true", "false");
      case 2:
        return Pick("0", "-0", "-1", "2.5", "1e300", "12345678901234567890", "3", "7");
      case 3:
        return "\"" + std::string(1 + Below(3), static_cast<char>('a' + Below(3))) + "\"";
      case 4:
        return Pick("\"\"", "\"ab\"", "\"abc\"", "\"b\xC3\xA9\"", "\"\xF4\x8F\xBF\xBF\"",
                    "\"a\\u0000\"");
      default:
        return Below(2) == 0 ? std::to_string(Below(10)) : "\"v" + std::to_string(Below(20)) + "\"";
    }
  }
  std::string Value(int depth) {
    if (depth > 0 && Below(4) == 0) {
      std::string array = "[";
      for (size_t i = 0, n = Below(4) * Below(8); i < n; ++i) {
        array += (i > 0 ? "," : "") + Value(depth - 1);
      }
      return array + "]";
    }
    if (depth > 0 && Below(4) == 0) return Object(depth - 1);
    return Scalar();
  }
  std::string Object(int depth) {
    std::string object = "{";
    for (const char* name : {"a", "b", "c", "d"}) {
      if (Below(3) == 0) continue;
      if (object.size() > 1) object += ",";
      object += "\"" + std::string(name) + "\":" + Value(depth);
    }
    return object + "}";
  }

  std::string Field() {
    std::string field = Pick("a", "b", "c", "d", "missing");
    while (Below(3) == 0) field += "." + Pick("a", "b", "c", "d");
    return field;
  }
  std::string Test() {
    std::string string = Scalar();
    while (string[0] != '"') string = Scalar();
    std::string ordered = Scalar();
    while (ordered[0] != '"' && (ordered[0] == 'n' || ordered[0] == 't' || ordered[0] == 'f')) {
      ordered = Scalar();
    }
    switch (Below(7)) {
      case 0:
        return Field() + Pick(" = ", " != ") + Scalar();
      case 1:
        return Field() + Pick(" < ", " <= ", " > ", " >= ") + ordered;
      case 2:
        return Field() + Pick(" STARTS WITH ", " CONTAINS ", " NOT CONTAINS ") + string;
      case 3:
        return Field() + Pick(" EXISTS", " NOT EXISTS", " IS NULL", " IS NOT NULL");
      default: {
        std::string list = Field() + Pick(" IN [", " NOT IN [");
        for (size_t i = 0, n = Below(9); i < n; ++i) list += (i > 0 ? "," : "") + Scalar();
        return list + "]";
      }
    }
  }
  std::string Expression(int depth) {
    if (depth == 0 || Below(3) == 0) return Test();
    if (Below(4) == 0) return "NOT (" + Expression(depth - 1) + ")";
    std::string all = "(" + Expression(depth - 1) + ")";
    const std::string chain = Pick(" AND ", " OR ");
    for (size_t i = 0, n = 1 + Below(2); i < n; ++i)
      all += chain + "(" + Expression(depth - 1) + ")";
    return all;
  }

 private:
  std::mt19937 random_;
};

TEST(AttributeTableProperty, ColumnsAgreeWithTheTwin) {
  for (unsigned seed = 0; seed < 15; ++seed) {
    RandomFilters random(seed);
    Documents documents;
    std::vector<int64_t> rows;
    for (int step = 0; step < 40; ++step) {
      for (size_t i = 0, n = random.Below(6); i < n; ++i)
        rows.push_back(documents.Add(random.Object(3)));
      if (!rows.empty() && random.Below(3) == 0) {
        const size_t victim = random.Below(rows.size());
        documents.Remove(rows[victim]);
        rows.erase(rows.begin() + static_cast<ptrdiff_t>(victim));
      }
      const std::string filter = random.Expression(3);
      EXPECT_EQ(documents.Select(filter), documents.SelectByTwin(filter)) << seed << ": " << filter;
    }
  }
}

TEST(AttributeTableProperty, ManyDistinctStringsAgreeWithTheTwin) {
  RandomFilters random(3);
  Documents documents;
  for (int step = 0; step < 6; ++step) {
    for (int i = 0; i < 500; ++i) {
      documents.Add("{\"a\": \"" + random.Pick("a", "b", "\xC3\xBF", "") +
                    std::to_string(random.Below(5'000)) + "\"}");
    }
    for (const std::string op : {"<", "<=", ">", ">=", "STARTS WITH", "CONTAINS", "="}) {
      const std::string filter =
          "a " + op + " \"" +
          random.Pick("a", "b", "\xC3", "", "9", "a1", "\xC3\xBF\"  OR a < \"0") + "\"";
      EXPECT_EQ(documents.Select(filter), documents.SelectByTwin(filter)) << filter;
    }
  }
}

TEST(AttributeTableThreads, SearchesBesideAWriter) {
  Documents documents;
  for (int i = 0; i < 200; ++i) documents.Add("{\"n\": " + std::to_string(i % 5) + "}");
  std::atomic<bool> stop = false;
  std::vector<std::thread> readers;
  for (int reader = 0; reader < 3; ++reader) {
    readers.emplace_back([&, reader] {
      for (int round = 0; !stop; ++round) {
        // Another field each time, so that columns are made beside the writer.
        const std::string field =
            round % 3 == 0 ? "f" + std::to_string((round + reader) % 80) : "n";
        const std::string filter = field + " >= 2 OR n = 9";
        const auto set = documents.table.Select(*Filter::Parse(filter), filter, documents.Scan());
        ASSERT_TRUE(set.ok());
        ASSERT_TRUE(documents.table.CountFacets(field, **set, documents.Scan()).ok());
      }
    });
  }
  for (int i = 0; i < 200; ++i) {
    const int64_t row = documents.Add("{\"n\": 3, \"f" + std::to_string(i % 80) + "\": 2}");
    EXPECT_THAT(documents.Select("n = 3"), testing::Contains(row));
    if (i % 3 == 0) documents.Remove(row - 50);
  }
  stop = true;
  for (std::thread& reader : readers) reader.join();
  for (const std::string filter : {"n >= 2", "f7 = 2", "f8 EXISTS"}) {
    EXPECT_EQ(documents.Select(filter), documents.SelectByTwin(filter));
  }
}

}  // namespace
}  // namespace minnow
