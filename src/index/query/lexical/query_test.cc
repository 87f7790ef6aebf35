// SPDX-License-Identifier: Apache-2.0
#include "index/query/lexical/query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "index/query/lexical/identifiers.h"
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
    last = token.end;
  }
}

TEST(Identifiers, HumpsMakeParts) {
  EXPECT_THAT(IdentifierParts("createPodSandbox"), ElementsAre("create", "Pod", "Sandbox"));
  EXPECT_THAT(IdentifierParts("HTTPServer"), ElementsAre("HTTP", "Server"));
  EXPECT_THAT(IdentifierParts("getHTTPResponseCode2"),
              ElementsAre("get", "HTTP", "Response", "Code2"));
  EXPECT_THAT(IdentifierParts("v1Pod"), ElementsAre("v1", "Pod"));
  EXPECT_THAT(IdentifierParts("aB"), IsEmpty());
  EXPECT_THAT(IdentifierParts("vCPUCount"), ElementsAre("vCPU", "Count"));
  for (const char* word : {"", "a", "pod", "Pod", "POD", "v2", "größe"}) {
    EXPECT_THAT(IdentifierParts(word), IsEmpty()) << word;
  }
  EXPECT_THAT(IdentifierParts(std::string(200, 'a') + "Bc"), IsEmpty());
}

TEST(Identifiers, LexicalTextAddsPartsOnce) {
  EXPECT_EQ(LexicalText("func createPod() { createPod(); HTTPServer }"),
            "func createPod() { createPod(); HTTPServer }\ncreate Pod HTTP Server");
  EXPECT_EQ(LexicalText("plain text, snake_case"), "plain text, snake_case");
  EXPECT_EQ(LexicalText(""), "");
  std::string humps;
  while (humps.size() < 1'000'000) humps += "aaBb";
  EXPECT_EQ(LexicalText(humps), humps);
}

TEST(LexicalQuery, WordsAreQuoted) {
  EXPECT_THAT(Expressions("pod sandbox"), ElementsAre("\"pod\"", "\"sandbox\""));
  EXPECT_THAT(Expressions("a AND b OR NOT c NEAR(d, 2) text:e ^f -g * (h)"),
              ElementsAre("\"b\"", "\"c\"", "\"NEAR\"", "\"d\"", "\"2\"", "\"text\"", "\"e\"",
                          "\"f\"", "\"g\"", "\"h\""));
  EXPECT_THAT(Expressions("a AND OR NOT"), ElementsAre("\"a\"", "\"AND\"", "\"OR\"", "\"NOT\""));
  EXPECT_THAT(Expressions("kube-apiserver's file_name.go"),
              ElementsAre("\"kube\"", "\"apiserver\"", "\"s\"", "\"file\"", "\"name\"", "\"go\""));
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
  EXPECT_THAT(Expressions("What is a Cat"), ElementsAre("\"Cat\""));
  EXPECT_THAT(Expressions("to be or not to be"),
              ElementsAre("\"to\"", "\"be\"", "\"or\"", "\"not\""));
  EXPECT_THAT(Expressions("\"the who\" of the"), ElementsAre("\"the who\"!"));
  EXPECT_THAT(Expressions("what is the", true),
              ElementsAre("\"what\"", "\"is\"", "\"the\"", "\"the\" *"));
  EXPECT_THAT(Expressions("what pod the", true), ElementsAre("\"pod\"", "\"the\" *"))
      << "theory, perhaps";
  EXPECT_THAT(Expressions("getByName"),
              ElementsAre("\"getByName\"", "\"get\"", "\"By\"", "\"Name\""));
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
  EXPECT_THAT(Expressions("pod sa", true), ElementsAre("\"pod\"", "\"sa\""));
  EXPECT_THAT(Expressions("\"pod sandb\"", true), ElementsAre("\"pod sandb\"!"));
}

TEST(LexicalQuery, WordsWithHumpsAreAlsoLookedUpInParts) {
  EXPECT_THAT(Expressions("createPodSandbox"),
              ElementsAre("\"createPodSandbox\"", "\"create\"", "\"Pod\"", "\"Sandbox\""));
}

TEST(LexicalQuery, ManyWordsAreCut) {
  std::string text;
  for (int i = 0; i < 10'000; ++i) text += "w" + std::to_string(i) + " ";
  EXPECT_EQ(ParseLexicalQuery(text, false).terms.size(), kMaxLexicalTerms);
}

}  // namespace
}  // namespace minnow
