// SPDX-License-Identifier: Apache-2.0
#include "index/query/lexical/scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cmath>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>

#include "index/query/lexical/tokenizer.h"

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

// A full-text table in memory, as the store would have it.
class Table {
 public:
  Table() {
    EXPECT_EQ(sqlite3_open(":memory:", &connection_), SQLITE_OK);
    EXPECT_TRUE(RegisterLexicalScan(connection_).ok());
    Execute("CREATE VIRTUAL TABLE words USING fts5(text, content='', " +
            std::string(kLexicalTable) + ")");
  }
  ~Table() { sqlite3_close(connection_); }

  void Add(int64_t row, const std::string& text) {
    Write("INSERT INTO words(rowid, text) VALUES(?, ?)", row, text);
    texts_[row] = text;
  }
  void Remove(int64_t row) {
    Write("INSERT INTO words(words, rowid, text) VALUES('delete', ?, ?)", row, texts_[row]);
    texts_.erase(row);
    cache_.Remove(++removals_, row);
  }

  LexicalResult Scan(const LexicalQuery& query, LexicalScan scan = {}) {
    scan.removals = removals_;
    auto result = ScanLexical(connection_, "words", &cache_, query, scan);
    EXPECT_TRUE(result.ok()) << result.error().message;
    return result.ok() ? *result : LexicalResult();
  }
  std::vector<int64_t> Find(const std::string& text, bool prefix = false) {
    std::vector<int64_t> rows;
    for (const LexicalHit& hit : Scan(ParseLexicalQuery(text, prefix)).hits)
      rows.push_back(hit.document);
    return rows;
  }

  // The formula of scan.h, from the texts.
  std::map<int64_t, double> TrueScores(const LexicalQuery& query) {
    // By place; several may stand at one.
    std::map<int64_t, std::vector<std::set<std::string>>> words;
    double total = 0;
    for (const auto& [row, text] : texts_) {
      for (const LexicalToken& token : LexicalTokenizer::ForThisThread().TokenizeToIndex(text)) {
        words[row].resize(token.place + 1);
        words[row].back().insert(token.stem);
      }
      total += static_cast<double>(words[row].size());
    }
    const auto documents = static_cast<double>(texts_.size());
    std::map<int64_t, double> scores;
    std::map<int64_t, size_t> lacking;
    for (const LexicalTerm& term : query.terms) {
      std::map<int64_t, double> counts;
      for (const auto& [row, stems] : words) {
        for (size_t i = 0; i + term.stems.size() <= stems.size(); ++i) {
          if (std::equal(term.stems.begin(), term.stems.end(),
                         stems.begin() + static_cast<ptrdiff_t>(i),
                         [](const std::string& stem, const std::set<std::string>& place) {
                           return place.contains(stem);
                         }))
            ++counts[row];
        }
        if (term.required && counts[row] == 0) ++lacking[row];
        if (counts[row] == 0) counts.erase(row);
      }
      const auto n = static_cast<double>(counts.size());
      for (const auto& [row, f] : counts) {
        const double norm =
            1.2 * (0.25 + 0.75 * static_cast<double>(words[row].size()) / (total / documents));
        scores[row] +=
            term.weight * std::log(1 + (documents - n + 0.5) / (n + 0.5)) * f * 2.2 / (f + norm);
      }
    }
    std::erase_if(scores, [&](const auto& score) { return lacking.contains(score.first); });
    return scores;
  }

  void Forget() {
    std::destroy_at(&cache_), std::construct_at(&cache_);
    cache_.StartRemovalsAfter(removals_);
  }

  sqlite3* connection() { return connection_; }
  LexicalCache& cache() { return cache_; }
  std::map<int64_t, std::string>& texts() { return texts_; }

 private:
  void Execute(const std::string& sql) {
    EXPECT_EQ(sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(connection_);
  }
  void Write(const std::string& sql, int64_t row, const std::string& text) {
    sqlite3_stmt* statement = nullptr;
    ASSERT_EQ(sqlite3_prepare_v2(connection_, sql.c_str(), -1, &statement, nullptr), SQLITE_OK);
    sqlite3_bind_int64(statement, 1, row);
    sqlite3_bind_text(statement, 2, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
    EXPECT_EQ(sqlite3_step(statement), SQLITE_DONE) << sqlite3_errmsg(connection_);
    sqlite3_finalize(statement);
  }

  sqlite3* connection_ = nullptr;
  LexicalCache cache_;
  int64_t removals_ = 0;
  std::map<int64_t, std::string> texts_;
};

TEST(LexicalScan, FindsAnyWordInAnyForm) {
  Table table;
  table.Add(1, "The kubelet runs pods");
  table.Add(2, "A Café is running");
  table.Add(3, "nothing here");
  EXPECT_THAT(table.Find("run"), UnorderedElementsAre(1, 2));
  EXPECT_THAT(table.Find("POD cafe"), UnorderedElementsAre(1, 2));
  EXPECT_THAT(table.Find("absent"), IsEmpty());
  EXPECT_THAT(table.Find(""), IsEmpty());
  EXPECT_THAT(table.Find("absent nothing"), ElementsAre(3));
}

TEST(LexicalScan, PartsOfIdentifiersAreFound) {
  Table table;
  table.Add(1, "func (m *Manager) createPodSandbox() error");
  table.Add(2, "the sandbox");
  table.Add(3, "create_pod_sandbox");
  EXPECT_THAT(table.Find("pod"), UnorderedElementsAre(1, 3));
  EXPECT_EQ(table.Find("createPodSandbox")[0], 1);
  EXPECT_EQ(table.Find("createPodSandbox").size(), 3u);
  table.Remove(1);
  EXPECT_THAT(table.Find("pod"), ElementsAre(3));
}

TEST(LexicalScan, QuotedPhrasesMustStandInOrder) {
  Table table;
  table.Add(1, "the pod sandbox of the node");
  table.Add(2, "the sandbox pod");
  table.Add(3, "the pod. Sandbox!");
  EXPECT_THAT(table.Find("\"pod sandbox\""), UnorderedElementsAre(1, 3));
  EXPECT_THAT(table.Find("node \"pod sandbox\""), ElementsAre(1, 3));
  EXPECT_THAT(table.Find("\"pod sandbox\" \"of the node\""), ElementsAre(1));
  EXPECT_THAT(table.Find("sandbox \"no such phrase\""), IsEmpty());
}

TEST(LexicalScan, BeginningsOfWords) {
  Table table;
  table.Add(1, "sandbox");
  table.Add(2, "sandboxes and sand");
  table.Add(3, "sound");
  EXPECT_THAT(table.Find("sandb", true), UnorderedElementsAre(1, 2));
  EXPECT_THAT(table.Find("sandb", false), IsEmpty());
  EXPECT_THAT(table.Find("sand", true), UnorderedElementsAre(1, 2));
  EXPECT_EQ(table.Find("sand", true)[0], 2);  // also as a word
}

TEST(LexicalScan, NothingInAQueryIsLive) {
  Table table;
  table.Add(1, "near and or not text words star");
  const std::vector<std::string> hostile = {"\"",
                                            "\"\"\"",
                                            "a\"b",
                                            "text:near",
                                            "NEAR(a b)",
                                            "{text}: x",
                                            "^near",
                                            "near*",
                                            "- near",
                                            "near + star",
                                            "'; DROP TABLE words; --",
                                            "a AND",
                                            "OR",
                                            "NOT",
                                            "(",
                                            ")",
                                            "*",
                                            "\\",
                                            std::string("near\0star", 9),
                                            "\xff\xfe near \xc3",
                                            "\" near \x80 star",
                                            std::string(100'000, '"'),
                                            std::string(100'000, 'a')};
  for (const std::string& text : hostile) {
    table.Find(text, false);
    table.Find(text, true);
  }
  EXPECT_THAT(table.Find("AND"), ElementsAre(1));
  EXPECT_THAT(table.Find("near*"), ElementsAre(1));
  EXPECT_THAT(table.Find("nea*"), IsEmpty());
}

TEST(LexicalScan, ManyTerms) {
  Table table;
  std::string text;
  for (int i = 0; i < 300; ++i) text += "w" + std::to_string(i) + " ";
  table.Add(1, text);
  table.Add(2, "w1 w2");
  EXPECT_THAT(table.Find(text), ElementsAre(1, 2));
}

TEST(LexicalScan, OnlyAllowedDocuments) {
  Table table;
  for (int64_t row = 10; row < 20; ++row) table.Add(row, "same words");
  auto ids = std::make_shared<const std::vector<int64_t>>(std::vector<int64_t>{11, 14, 30});
  Bitmap bits(3);
  bits.Not();
  const DocumentSet allowed(ids, bits);
  LexicalScan scan;
  scan.allowed = &allowed;
  scan.limit = 1;
  scan.want_documents = true;
  const auto result = table.Scan(ParseLexicalQuery("words", false), scan);
  ASSERT_EQ(result.hits.size(), 1u);
  EXPECT_EQ(result.hits[0].document, 11);
  EXPECT_EQ(result.matches, 2u);
  EXPECT_THAT(result.documents, ElementsAre(11, 14));
}

TEST(LexicalScan, ATableThatIsNotThereIsAnError) {
  Table table;
  const auto result =
      ScanLexical(table.connection(), "nowhere", &table.cache(), ParseLexicalQuery("a", false), {});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "nowhere: no such table: nowhere");
}

TEST(LexicalScan, WeightsTellRareWords) {
  Table table;
  for (int64_t row = 1; row <= 20; ++row) table.Add(row, row == 3 ? "usual rare" : "usual");
  const auto result = table.Scan(ParseLexicalQuery("usual absent rare", false));
  ASSERT_EQ(result.weights.size(), 3u);
  EXPECT_GT(result.weights[2], result.weights[0]);
  EXPECT_EQ(result.weights[1], 0);
}

TEST(LexicalScan, GrammarFindsNothingBesideOtherWords) {
  Table table;
  table.Add(1, "What is the best way to the station");
  table.Add(2, "a cat is an animal");
  table.Add(3, "the cat");
  const auto found = [&](const std::string& text) {
    std::vector<int64_t> rows;
    for (const LexicalHit& hit : table.Scan(ParseLexicalQuery(text, false)).hits)
      rows.push_back(hit.document);
    return rows;
  };
  EXPECT_THAT(found("what is a cat"), ElementsAre(3, 2));
  EXPECT_THAT(found("What is a dog"), IsEmpty()) << "whether the other word is there or not";
  EXPECT_THAT(found("what is the"), UnorderedElementsAre(1, 2, 3)) << "where there is nothing else";
  EXPECT_THAT(found("\"the station\" is"), ElementsAre(1)) << "in quotes it is meant";
}

TEST(LexicalScan, VeryFrequentTermsOfALongQueryAreLeftOut) {
  Table table;
  std::string rare = "every common ";
  for (int i = 0; i < 12; ++i) rare += "rare" + std::string(1, static_cast<char>('a' + i)) + " ";
  sqlite3_exec(table.connection(), "BEGIN", nullptr, nullptr, nullptr);
  for (int64_t row = 1; row <= 9'000; ++row)
    table.Add(row, row <= 4'200 ? "every common" : "every");
  table.Add(9'001, rare);
  // Alone, or beside one more, they are looked up.
  EXPECT_EQ(table.Scan(ParseLexicalQuery("every", false)).matches, 9'001u);
  EXPECT_EQ(table.Scan(ParseLexicalQuery("every common", false)).matches, 4'201u);
  EXPECT_EQ(table.Scan(ParseLexicalQuery(rare, false)).matches, 4'201u);
  EXPECT_EQ(table.Scan(ParseLexicalQuery(rare + " every", false)).weights[0], 0);
}

TEST(LexicalScanProperty, ScoresAreThoseOfTheFormula) {
  std::mt19937 random(5);
  const std::vector<std::string> words = {"run",  "running",   "pod",        "Pods",
                                          "node", "createPod", "é",          "the",
                                          "of",   "cafe",      "HTTPServer", "x1"};
  for (int round = 0; round < 20; ++round) {
    Table table;
    int64_t row = 0;
    const auto text = [&](size_t most) {
      std::string made;
      for (size_t i = 0, n = random() % most; i < n; ++i)
        made += words[random() % words.size()] + " ";
      return made;
    };
    for (int step = 0; step < 12; ++step) {
      for (int i = 0; i < 5; ++i) {
        // Now and then so far away that sums are not kept in an array.
        row += random() % 40 == 0 ? int64_t{1} << 40 : 1 + random() % 3;
        table.Add(row, text(20));
      }
      if (random() % 2 == 0) table.Remove(table.texts().begin()->first);
      std::string asked = text(8);
      if (random() % 3 == 0) asked += "\"" + text(3) + "\"";
      const auto query = ParseLexicalQuery(asked, false);
      const auto expected = table.TrueScores(query);
      // What the cache has from the step before, then all of it, then nothing.
      for (int again = 0; again < 3; ++again) {
        if (again == 2 && step % 3 == 0) table.Forget();
        const auto result = table.Scan(query);
        ASSERT_EQ(result.matches, expected.size()) << asked;
        double last = 1e9;
        for (const auto& [document, text] : table.texts())
          ASSERT_EQ(result.found.Contains(document), expected.contains(document)) << asked;
        EXPECT_FALSE(result.found.Contains(-1) || result.found.Contains(row + 1));
        for (const LexicalHit& hit : result.hits) {
          ASSERT_TRUE(expected.contains(hit.document)) << asked;
          EXPECT_NEAR(hit.score, expected.at(hit.document), 1e-5) << asked;
          EXPECT_LE(hit.score, last);
          last = hit.score;
        }
      }
    }
  }
}

std::shared_ptr<const Postings> Rows(std::initializer_list<int64_t> rows) {
  Postings postings;
  for (const int64_t row : rows) postings.push_back({row, 1, 1});
  return std::make_shared<const Postings>(std::move(postings));
}

TEST(LexicalCache, ForgetsTheLongestUnused) {
  LexicalCache cache(4'096);
  for (int i = 0; i < 20; ++i) cache.Put("t" + std::to_string(i), {Rows({1, 2, 3}), 3, 3}, 0);
  EXPECT_FALSE(cache.Find("t0", 0));
  EXPECT_TRUE(cache.Find("t19", 0));
  // Of what is too large only the number is kept.
  cache.Put("large", {std::make_shared<const Postings>(1'000), 1'000, 1'000}, 0);
  EXPECT_EQ(cache.Find("large", 0)->documents, 1'000u);
  EXPECT_EQ(cache.Find("large", 0)->postings, nullptr);
}

TEST(LexicalCache, KeepsWhatReachesFarthest) {
  LexicalCache cache;
  cache.Put("t", {Rows({1, 5}), 2, 7}, 0);
  cache.Put("t", {Rows({1}), 1, 4}, 0);  // of an older state
  EXPECT_EQ(cache.Find("t", 0)->documents, 2u);
  cache.Put("t", {Rows({1, 5, 9}), 3, 9}, 0);
  EXPECT_EQ(cache.Find("t", 0)->through, 9);
}

TEST(LexicalCache, TakesOutWhatHasGone) {
  LexicalCache cache;
  cache.Put("t", {Rows({1, 5, 9}), 3, 9}, 0);
  cache.Remove(7, 5);
  EXPECT_EQ(cache.Find("t", 7)->documents, 2u);
  EXPECT_EQ(cache.Find("t", 7)->postings->back().document, 9);
  cache.Put("late", {Rows({5, 9}), 2, 9}, 0);  // by a transaction that did not see the removal
  EXPECT_EQ(cache.Find("late", 7)->documents, 1u);
  for (int64_t row = 10; row < 20'000; ++row) cache.Remove(row, row);
  cache.Put("later", {Rows({5, 9}), 2, 9}, 0);
  EXPECT_FALSE(cache.Find("t", 19'999) || cache.Find("later", 19'999));
}

TEST(LexicalCache, EachTransactionSeesItsOwnState) {
  LexicalCache cache;
  cache.StartRemovalsAfter(3);
  cache.Put("t", {Rows({1, 5}), 2, 5}, 3);
  cache.Remove(4, 1);
  EXPECT_EQ(cache.Find("t", 3)->documents, 2u);  // one that began before
  EXPECT_FALSE(cache.Find("t", 6));              // one that sees what the cache is not told yet
  EXPECT_EQ(cache.Find("t", 4)->documents, 1u);
  EXPECT_FALSE(cache.Find("t", 3));  // what it sees is gone
  cache.Put("t", {Rows({1, 5}), 2, 5}, 3);
  EXPECT_EQ(cache.Find("t", 4)->documents, 1u);
  cache.Put("t", {Rows({8}), 1, 8}, 6);
  cache.Remove(6, 5);
  EXPECT_EQ(cache.Find("t", 6)->documents, 1u);
  // From before what the cache is told.
  cache.Put("old", {Rows({1, 5}), 2, 5}, 2);
  EXPECT_FALSE(cache.Find("old", 4));
}

TEST(LexicalCacheThreads, ManyReaders) {
  LexicalCache cache(20'000);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2'000; ++i) {
        const std::string term = "t" + std::to_string((i * (t + 1)) % 50);
        const auto found = cache.Find(term, i / 10);
        if (!found) cache.Put(term, {Rows({1, 2, i}), 3, i}, i / 10);
        bool is_new = false;
        cache.Page(i * 100, &is_new)[static_cast<size_t>(i % 100)].store(1,
                                                                         std::memory_order_relaxed);
        if (t == 0 && i % 10 == 0) cache.Remove(1 + i / 10, i);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace minnow
