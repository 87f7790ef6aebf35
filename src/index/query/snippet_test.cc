// SPDX-License-Identifier: Apache-2.0
#include "index/query/snippet.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "formats/json.h"

namespace minnow {
namespace {

std::string Snippet(std::string_view text, const std::string& query, size_t max_bytes = 240,
                    std::optional<ChunkRange> passage = std::nullopt, bool prefix = false) {
  SnippetOptions options;
  options.max_bytes = max_bytes;
  return MakeSnippet(text, passage, ParseLexicalQuery(query, prefix), {}, options);
}

TEST(Snippet, MarksWordsInAnyForm) {
  EXPECT_EQ(Snippet("The Cafés are running.", "cafe run"),
            "The <em>Cafés</em> are <em>running</em>.");
  EXPECT_EQ(Snippet("nothing to mark", "cafe"), "nothing to mark");
  EXPECT_EQ(Snippet("", "cafe"), "");
  EXPECT_EQ(Snippet("text", ""), "text");
}

TEST(Snippet, FindsWhereTheWordsStand) {
  const auto find = [](const std::string& text, const std::string& query, size_t max_bytes) {
    const ChunkRange found = FindWords(text, ParseLexicalQuery(query, false), {}, max_bytes);
    return text.substr(found.begin, found.end - found.begin);
  };
  const std::string text = "a fox. " + std::string(300, '.') + " a red dog and two brown foxes";
  EXPECT_EQ(find(text, "red fox", 40), "red dog and two brown foxes");
  EXPECT_EQ(find(text, "red fox", 10), "fox");
  EXPECT_EQ(find(text, "cat", 40), "");
  EXPECT_EQ(find("", "cat", 40), "");
  EXPECT_EQ(find(text, "", 40), "");
}

TEST(Snippet, EscapesHtml) {
  EXPECT_EQ(Snippet("<script>alert(\"1 & 2\")</script> it's", "alert script"),
            "&lt;<em>script</em>&gt;<em>alert</em>(&quot;1 &amp; 2&quot;)&lt;/<em>script</em>&gt; "
            "it&#39;s");
  EXPECT_EQ(Snippet("a <em> b", "em"), "a &lt;<em>em</em>&gt; b");
}

TEST(Snippet, WhiteSpaceBecomesSingleSpaces) {
  EXPECT_EQ(Snippet("  one\n\n\ttwo  three \n", "two"), "one <em>two</em> three");
}

TEST(Snippet, PhrasesPrefixesAndIdentifiers) {
  EXPECT_EQ(Snippet("pod, pod sandbox and sandbox", "\"pod sandbox\""),
            "pod, <em>pod sandbox</em> and sandbox");
  EXPECT_EQ(Snippet("the sandboxes", "sandb", 240, std::nullopt, true), "the <em>sandboxes</em>");
  EXPECT_EQ(Snippet("call createPodSandbox()", "pod"), "call create<em>Pod</em>Sandbox()");
  EXPECT_EQ(Snippet("call createPodSandbox()", "createPodSandbox"),
            "call <em>createPodSandbox</em>()");
}

TEST(Snippet, MarksWhatTheWordsOfAnyScriptAre) {
  EXPECT_EQ(Snippet("今日は天気が良い", "天気"), "今日は<em>天気</em>が良い");
  EXPECT_EQ(Snippet("今日は天気が良い", "天気が"), "今日は<em>天気が</em>良い");
  EXPECT_EQ(Snippet("富士山に登る", "山"), "富士<em>山</em>に登る");
  EXPECT_EQ(Snippet("백두산과 산", "산"), "백두<em>산</em>과 <em>산</em>");
  EXPECT_EQ(Snippet("대한민국은 민주공화국이다", "대한민국"), "<em>대한민국</em>은 민주공화국이다");
  EXPECT_EQ(Snippet("새 iPhone은 AI를 쓴다", "iphone"), "새 <em>iPhone</em>은 AI를 쓴다");
  EXPECT_EQ(Snippet("새 iPhone은 AI를 쓴다", "ai"), "새 iPhone은 <em>AI</em>를 쓴다");
  EXPECT_EQ(Snippet("ดื่มน้ำมาก", "น้ำ"), "ดื่ม<em>น้ำ</em>มาก");
  EXPECT_EQ(Snippet("an iPhone15 here", "iphone"), "an <em>iPhone</em>15 here");
  EXPECT_EQ(Snippet("an iPhone15 here", "iphone15"), "an <em>iPhone15</em> here");
  EXPECT_EQ(Snippet("auf der Straße", "strasse"), "auf der <em>Straße</em>");
  EXPECT_EQ(Snippet("C# and C++", "c++"), "C# and <em>C++</em>");
  EXPECT_EQ(Snippet("the .NET runtime", ".net"), "the <em>.NET</em> runtime");
  EXPECT_EQ(Snippet("cafe\u0301 au lait", "café"), "<em>cafe\u0301</em> au lait");
}

TEST(Snippet, ShowsTheBestWindow) {
  std::string text = "alpha stands here alone. ";
  for (int i = 0; i < 50; ++i) text += "filler words go on and on. ";
  text += "Here are alpha and beta together. ";
  for (int i = 0; i < 50; ++i) text += "filler words go on and on. ";
  const std::string snippet = Snippet(text, "alpha beta", 80);
  EXPECT_NE(snippet.find("<em>alpha</em> and <em>beta</em> together"), std::string::npos)
      << snippet;
  EXPECT_TRUE(snippet.starts_with("…")) << snippet;
  EXPECT_TRUE(snippet.ends_with("…")) << snippet;
  EXPECT_EQ(Snippet(text, "absent", 30), "alpha stands here alone.…");
}

TEST(Snippet, CutsBetweenWords) {
  const std::string text = "one two three four five six seven eight nine ten";
  EXPECT_EQ(Snippet(text, "one", 15), "<em>one</em> two three…");
  EXPECT_EQ(Snippet(text, "ten", 15), "…eight nine <em>ten</em>");
  const std::string middle = Snippet(text, "five", 24);
  EXPECT_EQ(middle, "…four <em>five</em> six seven…");
}

TEST(Snippet, StaysInThePassageUnlessItHasNoneOfTheWords) {
  const std::string text = "first alpha part. second alpha beta part. third part.";
  EXPECT_EQ(Snippet(text, "alpha", 240, ChunkRange{18, 41}), "…second <em>alpha</em> beta part.…");
  EXPECT_EQ(Snippet(text, "first", 12, ChunkRange{18, 41}), "<em>first</em> alpha…");
  EXPECT_EQ(Snippet(text, "absent", 240, ChunkRange{18, 41}), "…second alpha beta part.…");
  EXPECT_EQ(Snippet(text, "third", 240, ChunkRange{90, 99}).substr(0, 5),
            "first");  // no such bytes
}

TEST(Snippet, TermsThatTellNothingAreNotMarked) {
  const auto query = ParseLexicalQuery("usual pod", false);
  const std::vector<double> weights = {0.05, 2};
  EXPECT_EQ(MakeSnippet("usual pod", std::nullopt, query, weights, {}), "usual <em>pod</em>");
  EXPECT_EQ(Snippet("is it in a pod", "is in pod"), "is it in a <em>pod</em>");
  EXPECT_EQ(Snippet("is it in a pod", "is in"), "<em>is</em> it <em>in</em> a pod");
  const std::vector<double> none = {0, 0};
  EXPECT_EQ(MakeSnippet("usual pod", std::nullopt, query, none, {}), "<em>usual</em> <em>pod</em>");
}

TEST(Snippet, OtherMarksAndNone) {
  SnippetOptions options;
  options.pre = "[";
  options.post = "]";
  EXPECT_EQ(MakeSnippet("a pod", std::nullopt, ParseLexicalQuery("pod", false), {}, options),
            "a [pod]");
  options.highlight = false;
  EXPECT_EQ(MakeSnippet("a pod", std::nullopt, ParseLexicalQuery("pod", false), {}, options),
            "a pod");
}

// Whatever the text: no broken UTF-8, balanced marks, bounded length.
TEST(SnippetProperty, AnyTextGivesSoundHtml) {
  std::mt19937 random(11);
  const std::vector<std::string> parts = {
      "word",        " ",   "é",    "字", "😀",         "<",  "&",
      "\n",          "pod", "Pods", ". ", "createPod", "\"", "looooooooooooong",
      "字字字字字字"};
  for (int round = 0; round < 3'000; ++round) {
    std::string text;
    for (size_t i = 0, n = random() % 60; i < n; ++i) text += parts[random() % parts.size()];
    std::optional<ChunkRange> passage;
    if (random() % 2 == 0 && !text.empty()) {
      uint32_t begin = random() % text.size();
      uint32_t end = begin + random() % (text.size() - begin + 1);
      while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) --begin;
      while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
      passage = ChunkRange{begin, end};
    }
    const size_t max_bytes = 1 + random() % 60;
    const std::string snippet =
        Snippet(text, "pod word \"字 word\" create", max_bytes, passage, true);
    std::string plain = snippet;
    std::erase_if(plain, [](char c) { return c == '\n' || c == '"'; });
    EXPECT_TRUE(JsonDocument::Parse("\"" + plain + "\"", "test").ok()) << snippet;
    size_t open = 0, marks = 0, bytes = 0;
    for (size_t i = 0; i < snippet.size();) {
      const std::string_view rest = std::string_view(snippet).substr(i);
      if (rest.starts_with("<em>")) {
        EXPECT_EQ(open++, 0u) << snippet;
        ++marks;
        i += 4;
      } else if (rest.starts_with("</em>")) {
        EXPECT_EQ(open--, 1u) << snippet;
        i += 5;
      } else if (rest.starts_with("…")) {
        i += 3;
      } else {
        EXPECT_NE(rest[0], '<');
        if (rest[0] == '&') i += rest.find(';');
        ++i, ++bytes;
      }
    }
    EXPECT_EQ(open, 0u) << snippet;
    // A single character may be longer than what was allowed.
    EXPECT_LE(bytes, std::max<size_t>(max_bytes, 4)) << snippet << " of " << text;
  }
}

TEST(Snippet, AllOfATextCanBeMarked) {
  std::string text;
  while (text.size() < 100'000) text += "a pod in a row, ";
  const std::string marked = Snippet(text, "pod", SIZE_MAX);
  EXPECT_TRUE(marked.ends_with("a <em>pod</em> in a row,")) << marked.substr(marked.size() - 40);
  EXPECT_EQ(Snippet("a pod", "pod", 0), "");
}

TEST(Snippet, AWordFarBehindIsFound) {
  std::string text;
  while (text.size() < 200'000) text += "filler words ";
  const std::string snippet = Snippet(text + "the pod stands here", "pod", 60);
  EXPECT_NE(snippet.find("the <em>pod</em> stands here"), std::string::npos) << snippet;
}

TEST(Snippet, LongTextsAreQuickEnough) {
  std::string text;
  while (text.size() < 4'000'000) text += "aB";
  EXPECT_LE(Snippet(text, "pod").size(), 300u);
  EXPECT_LE(Snippet(std::string(4'000'000, ' '), "pod").size(), 300u);
  text.clear();
  while (text.size() < 1'000'000) text += "pod ";
  EXPECT_LE(Snippet(text, "pod").size(), 3'000u);
}

}  // namespace
}  // namespace minnow
