// SPDX-License-Identifier: Apache-2.0
#include "index/query/lexical/query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "index/query/lexical/runs.h"
#include "index/query/lexical/tokenizer.h"

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> Expressions(std::string_view text, bool prefix = false) {
  std::vector<std::string> expressions;
  for (const LexicalTerm& term : ParseLexicalQuery(text, prefix).terms) {
    expressions.push_back(term.MatchExpression() + (term.required ? "!" : ""));
  }
  return expressions;
}

TEST(LexicalTokenizer, GivesStemsAndPlaces) {
  const auto tokens = LexicalTokenizer::ForThisThread().Tokenize("The Cafés, running!");
  ASSERT_EQ(tokens.size(), 3u);
  EXPECT_EQ(tokens[1].stem, "cafe");
  EXPECT_EQ(tokens[1].begin, 4u);
  EXPECT_EQ(tokens[1].end, 10u);
  EXPECT_EQ(tokens[2].stem, "run");
  EXPECT_TRUE(LexicalTokenizer::ForThisThread().Tokenize("").empty());
  EXPECT_TRUE(LexicalTokenizer::ForThisThread().Tokenize({}).empty());
}

TEST(LexicalTokenizer, AnyBytesGiveWordsInOrder) {
  std::string bytes;
  for (int i = 0; i < 5'000; ++i) bytes += static_cast<char>(i * 7919 >> 3);
  size_t last = 0;
  for (const LexicalToken& token : LexicalTokenizer::ForThisThread().Tokenize(bytes)) {
    EXPECT_GE(token.begin, last);
    EXPECT_GT(token.end, token.begin);
    EXPECT_LE(token.end, bytes.size());
    last = token.begin;
  }
}

std::vector<std::string> Parts(std::string_view word) {
  std::vector<std::string> parts;
  RunReader reader(word);
  const LexicalRun* const run = reader.Next();
  if (run == nullptr) return parts;
  for (const auto& part : run->Parts()) parts.emplace_back(run->Text(part.first, part.last));
  return parts;
}

TEST(LexicalRun, HumpsAndDigitsMakeParts) {
  EXPECT_THAT(Parts("createPodSandbox"), ElementsAre("create", "pod", "sandbox"));
  EXPECT_THAT(Parts("HTTPServer2"), ElementsAre("http", "server", "2"));
  EXPECT_THAT(Parts("iPhone15Pro"), ElementsAre("iphone", "15", "pro"));
  EXPECT_THAT(Parts("getHTTPResponseCode2"), ElementsAre("get", "http", "response", "code", "2"));
  EXPECT_THAT(Parts("v1Pod"), ElementsAre("v1", "pod"));
  EXPECT_THAT(Parts("utf8"), ElementsAre("utf", "8"));
  EXPECT_THAT(Parts("vCPUCount"), ElementsAre("vcpu", "count"));
  EXPECT_THAT(Parts("ГлавныйСервер"), ElementsAre("главный", "сервер"));
  for (const char* word : {"", "a", "aB", "pod", "Pod", "POD", "v2", "v1beta2", "k8s", "i18n",
                           "größe", "2024", "a3f9c2e1b7", "민국", "天気"}) {
    EXPECT_THAT(Parts(word), IsEmpty()) << word;
  }
  EXPECT_THAT(Parts(std::string(200, 'a') + "Bc"), IsEmpty());
}

// The words of a text with a bar between, those at one place with a slash.
std::string Words(std::string_view text) {
  std::string words;
  size_t place = 0;
  for (const LexicalToken& token : LexicalTokenizer::ForThisThread().Tokenize(text)) {
    if (!words.empty()) words += token.place == place ? "/" : "|";
    place = token.place;
    words += token.stem;
  }
  return words;
}

TEST(LexicalTokenizer, ScriptsWithoutSpacesGivePairs) {
  EXPECT_EQ(Words("山"), "山");
  EXPECT_EQ(Words("天気が"), "天気|気が|が");
  EXPECT_EQ(Words("대한민국은"), "대한/_대한민국은|한민|민국|국은|은");
  EXPECT_EQ(Words("ไปไทย"), "ไป|ปไ|ไท|ทย|ย");
  EXPECT_EQ(Words("น้ำ"), "น\u0e49\u0e4dา|\u0e4dา") << "marks stay with their letter";
  EXPECT_EQ(Words("ສະບາຍ"), "ສະ|ະບ|ບາ|າຍ|ຍ");
  EXPECT_EQ(Words("ខ្មែរ"), "ខ្មែ|មែរ|រ");
  EXPECT_EQ(Words("မြန်မာ"), "မြန်|န်မာ|မာ");
}

TEST(LexicalTokenizer, AChangeOfScriptEndsAWord) {
  EXPECT_EQ(Words("AI를"), "ai|를/_를");
  EXPECT_EQ(Words("iPhone은"), "iphon|은/_은");
  EXPECT_EQ(Words("第3章"), "第|3|章");
  EXPECT_EQ(Words("הGoogle"), "ה|googl");
  EXPECT_EQ(Words("東京Towerへ"), "東京|京|tower|へ");
}

TEST(LexicalTokenizer, SignsBelongToSomeWords) {
  EXPECT_EQ(Words("C, C# and C++; F#을"), "c|c#|and|c++|f#|을/_을");
  EXPECT_EQ(Words("C++17"), "c++|17");
  EXPECT_EQ(Words(".NET 8, ASP.NET"), ".net/net|8|asp|net");
  EXPECT_EQ(Words("Disney+ (Notepad++)"), "disney+/disnei|notepad++/notepad");
  EXPECT_EQ(Words("Ｃ＃"), "c#");
  EXPECT_EQ(Words("a+b 5+5 end. Next ...dots x+++ 3# c##"), "a|b|5|5|end|next|dot|x|3|c");
}

TEST(LexicalTokenizer, OneFoldingForAll) {
  const std::pair<const char*, const char*> same[] = {
      {"Straße", "STRASSE"},    {"Økland", "okland"},
      {"Paweł", "pawel"},       {"κόσμος", "ΚΟΣΜΟΣ"},
      {"İstanbul", "istanbul"}, {"ısı", "isi"},
      {"ﬁnd", "find"},          {"ＡＢＣ１", "abc1"},
      {"ｶﾞｷﾞ", "ガギ"},         {"ёлка", "елка"},
      {"Þór Ðæ", "thor dae"},   {"Œuvre", "oeuvre"},
      {"مُحَمَّد", "محمد"},         {"شَلْوם", "شلوם"},
      {"שָׁלוֹם", "שלום"},         {"cafe\u0301", "café"},
      {"ǿre", "ore"},           {"한글", "\u1112\u1161\u11ab\u1100\u1173\u11af"},
      {"Đặng", "dang"},         {"soft\u00adware", "software"},
      {"٢٠٢٤", "2024"},         {"Ⅷ", "viii"},
      {"ｶﾀｶﾅ", "カタカナ"},     {"أحمد", "احمد"},
  };
  for (const auto& [one, other] : same) EXPECT_EQ(Words(one), Words(other)) << one;
  const std::pair<const char*, const char*> different[] = {
      {"かき", "がき"}, {"бой", "бои"}, {"की", "का"}, {"ก่า", "ก้า"}, {"한", "하"}};
  for (const auto& [one, other] : different) EXPECT_NE(Words(one), Words(other)) << one;
}

TEST(LexicalQuery, WordsAreQuoted) {
  EXPECT_THAT(Expressions("pod sandbox"), ElementsAre("\"pod\"", "\"sandbox\""));
  EXPECT_THAT(Expressions("a AND b OR NOT c NEAR(d, 2) text:e ^f -g * (h)"),
              ElementsAre("\"b\"", "\"c\"", "\"near\"", "\"d\"", "\"2\"", "\"text\"", "\"e\"",
                          "\"f\"", "\"g\"", "\"h\""));
  EXPECT_THAT(Expressions("a AND OR NOT"), ElementsAre("\"a\"", "\"and\"", "\"or\"", "\"not\""));
  EXPECT_THAT(Expressions("kube-apiserver's"),
              ElementsAre("\"kube\"", "\"apiserver\"", "\"s\"", "\"kube apiserver\""));
  EXPECT_THAT(Expressions("file_name.go"),
              ElementsAre("\"file\"", "\"name\"", "\"go\"", "\"file name go\""));
  EXPECT_THAT(Expressions("open file_name.go"),
              ElementsAre("\"open\"", "\"file\"", "\"name\"", "\"go\""));
  EXPECT_THAT(Expressions(" \t?!*\"'%_;--"), IsEmpty());
}

TEST(LexicalQuery, EqualStemsAreOneTermWithWeight) {
  const auto query = ParseLexicalQuery("Run runs RUNNING pod pod", false);
  ASSERT_EQ(query.terms.size(), 2u);
  EXPECT_EQ(query.terms[0].weight, 3);
  EXPECT_EQ(query.terms[1].weight, 2);
  EXPECT_THAT(query.terms[0].stems, ElementsAre("run"));
}

TEST(LexicalQuery, QuotedPhrasesAreRequired) {
  EXPECT_THAT(Expressions("find \"pod  sandbox!\" now"),
              ElementsAre("\"find\"", "\"pod sandbox\"!", "\"now\""));
  EXPECT_THAT(Expressions("\"\" \"  \" x"), ElementsAre("\"x\""));
  EXPECT_THAT(Expressions("x \"b c"), ElementsAre("\"x\"", "\"b\"", "\"c\""));
  EXPECT_THAT(Expressions("pod \"pod\""), ElementsAre("\"pod\"!"));
}

TEST(LexicalQuery, GrammarIsLookedUpWhereThereIsNothingElse) {
  EXPECT_THAT(Expressions("What is a Cat"), ElementsAre("\"cat\""));
  EXPECT_THAT(Expressions("to be or not to be"),
              ElementsAre("\"to\"", "\"be\"", "\"or\"", "\"not\""));
  EXPECT_THAT(Expressions("\"the who\" of the"), ElementsAre("\"the who\"!"));
  EXPECT_THAT(Expressions("what is the", true),
              ElementsAre("\"what\"", "\"is\"", "\"the\"", "\"the\" *"));
  EXPECT_THAT(Expressions("what pod the", true), ElementsAre("\"pod\"", "\"the\" *"))
      << "theory, perhaps";
  EXPECT_THAT(Expressions("getByName"),
              ElementsAre("\"getbyname\"", "\"get\"", "\"by\"", "\"name\""));
}

TEST(LexicalQuery, QuotesOfALongTextMeanNothing) {
  const std::string words = "one two three four five six seven eight nine ten eleven";
  EXPECT_TRUE(ParseLexicalQuery(words + " \"odd phrase\" twelve", false).terms.at(11).required);
  const auto pasted = ParseLexicalQuery(words + " \"odd phrase\" twelve thirteen", false);
  EXPECT_EQ(pasted.terms.size(), 15u);
  for (const LexicalTerm& term : pasted.terms) EXPECT_FALSE(term.required);
}

TEST(LexicalQuery, TheLastWordMayBeABeginning) {
  EXPECT_THAT(Expressions("pod sandb", true), ElementsAre("\"pod\"", "\"sandb\"", "\"sandb\" *"));
  EXPECT_THAT(Expressions("pod sandb ", true), ElementsAre("\"pod\"", "\"sandb\""));
  EXPECT_THAT(Expressions("pod sandb", false), ElementsAre("\"pod\"", "\"sandb\""));
  EXPECT_THAT(Expressions("pod s", true), ElementsAre("\"pod\"", "\"s\"", "\"s\" *"));
  EXPECT_THAT(Expressions("\"pod sandb\"", true), ElementsAre("\"pod sandb\"!"));
}

TEST(LexicalQuery, WordsWithHumpsAreAlsoLookedUpInParts) {
  EXPECT_THAT(Expressions("createPodSandbox"),
              ElementsAre("\"createpodsandbox\"", "\"create\"", "\"pod\"", "\"sandbox\""));
}

TEST(LexicalQuery, RunsOfScriptsWithoutSpaces) {
  EXPECT_THAT(Expressions("天気"), ElementsAre("\"天気\""));
  EXPECT_THAT(Expressions("山"), ElementsAre("\"山\" *"));
  EXPECT_THAT(Expressions("東京都"), ElementsAre("\"東京\"", "\"京都\"", "\"東京 京都\""));
  EXPECT_THAT(Expressions("민국"), ElementsAre("\"_민국\"", "\"민국\""));
  EXPECT_THAT(Expressions("\"대한 민국\""), ElementsAre("\"대한 한 민국\"!"));
  EXPECT_THAT(Expressions("AI를"), ElementsAre("\"ai\"", "\"_를\"")) << "a particle";
}

TEST(LexicalQuery, SignsTellWordsApart) {
  EXPECT_THAT(Expressions("c#"), ElementsAre("\"c#\""));
  EXPECT_THAT(Expressions("c"), ElementsAre("\"c\""));
  EXPECT_THAT(Expressions("c++17"), ElementsAre("\"c++\"", "\"17\"", "\"c++ 17\""));
  EXPECT_THAT(Expressions(".net"), ElementsAre("\".net\"", "\"net\""));
  EXPECT_THAT(Expressions("node.js"), ElementsAre("\"node\"", "\"js\"", "\"node js\""));
  EXPECT_THAT(Expressions("at&t"), ElementsAre("\"t\"", "\"at t\""));
  EXPECT_THAT(Expressions("c+", true), ElementsAre("\"c+\"", "\"c+\" *"));
}

TEST(LexicalQuery, ManyWordsAreCut) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += "w" + std::to_string(i) + " ";
  EXPECT_EQ(ParseLexicalQuery(text, false).terms.size(), kMaxLexicalTerms);
}

}  // namespace
}  // namespace minnow
