// SPDX-License-Identifier: Apache-2.0
// Pages, notebooks and front matter: what they say, and what hostile ones do.
#include "formats/json.h"
#include "ingest/ingest_testing.h"
#include "ingest/prose/html.h"
#include "ingest/prose/yaml.h"
#include "text/unicode.h"

namespace minnow {
namespace {

using ProseTest = IngestTest;

TEST(HtmlTest, BlocksAndSpaces) {
  const HtmlText page = ReadHtml(
      "<!DOCTYPE html><html><head><title> A &amp; B\n</title><style>p {}</style>\n"
      "<script>if (a < b) document.write(\"<p>no</p>\");</script></head>\n"
      "<body class=\"a>b\"><!-- <p>no</p> -->\n<h1>First</h1><p>One   <b>bold</b>\n "
      "word.<p>Two<br>lines"
      "<ul><li>x</li> <li>y</li></ul><table><tr><td>1</td><td>2</td></tr><tr><td>3</table>"
      "<pre>  a\n    b</pre>end</body></html>");
  EXPECT_EQ(page.title, "A & B");
  EXPECT_EQ(page.text,
            "First\n\nOne bold word.\n\nTwo\nlines\n\nx\ny\n\n1 2\n3\n\n  a\n    b\n\nend");
}

TEST(HtmlTest, Entities) {
  const auto text = [](std::string_view html) { return ReadHtml(html).text; };
  EXPECT_EQ(text("&lt;b&gt; &quot;x&quot; &copy;&eacute;&yuml;&nbsp;&alpha;&omega;&Omega;&sigma;"),
            "<b> \"x\" ©éÿ αωΩσ");
  EXPECT_EQ(text("&#233;&#xE9;&#XE9;&#x1F600;&#150;&euro;&mdash;"), "ééé😀–€—");
  EXPECT_EQ(text("&#0;&#xD800;&#x110000;&#99999999999;&#129;"), "�����");
  EXPECT_EQ(text("AT&T &unknown; &-; &; &#; &#x; &#12a; & &amp"),
            "AT&T &unknown; &-; &; &#; &#x; &#12a; & &amp");
}

TEST(HtmlTest, Titles) {
  EXPECT_EQ(ReadHtml("<h1><img></h1><h2>The <i>second</i> &amp;lt;</h2>text").title,
            "The second &lt;");
  EXPECT_EQ(ReadHtml("<p>no heading").title, "");
  EXPECT_EQ(ReadHtml("<title></title><h3>x</h3>").title, "x");
}

TEST(HtmlTest, WhatIsNoMarkup) {
  const auto text = [](std::string_view html) { return ReadHtml(html).text; };
  EXPECT_EQ(text("a < b, a <3 c, <"), "a < b, a <3 c, <");
  EXPECT_EQ(text("a<"), "a<");
  EXPECT_EQ(text("<p title='x>y' a=\"b"), "");
  EXPECT_EQ(text("x<!-- open"), "x");
  EXPECT_EQ(text("x<script>open"), "x");
  EXPECT_EQ(text("x</ y>z<![CDATA[q]]><?php a ?>"), "xz");
  EXPECT_EQ(text(""), "");
}

TEST(HtmlTest, HostilePagesTakeNoLongerThanTheirSize) {
  for (const std::string_view piece : {"<", "</", "<a b=\"", "<a b='\"", "&", "<!--", "<script>",
                                       "<title>", "</title", "<p ", "<![CDATA[", "<pre>", "<h1>"}) {
    std::string html;
    while (html.size() < 1'000'000) html += piece;
    EXPECT_TRUE(IsValidUtf8(ReadHtml(html).text)) << piece;
  }
}

TEST(HtmlTest, Charsets) {
  EXPECT_EQ(DeclaredCharset("<meta charset=\"euc-kr\">"), "euc-kr");
  EXPECT_EQ(DeclaredCharset("<META content='text/html; CHARSET=Shift_JIS'>"), "Shift_JIS");
  EXPECT_EQ(DeclaredCharset("<meta charset="), "");
  EXPECT_EQ(DeclaredCharset("<p>"), "");
}

TEST(YamlTest, Texts) {
  const auto title = [](std::string_view yaml) {
    return FindYamlText(yaml, "title").value_or("!");
  };
  EXPECT_EQ(title("a: 1\ntitle: plain text # comment\n"), "plain text");
  EXPECT_EQ(title("title: >-\n  folded\n  lines\nb: 2"), "folded lines");
  EXPECT_EQ(title("title: |\n  one\n  two\n"), "one\ntwo\n");
  EXPECT_EQ(title("title: 'it''s'"), "it's");
  EXPECT_EQ(title("title: \"a\\u00e9\\n\""), "aé\n");
  EXPECT_EQ(title("title: 1984"), "1984");
  EXPECT_EQ(title("a: &x text\ntitle: *x"), "text");
  EXPECT_EQ(title("{title: flow}"), "flow");
  for (const std::string_view none :
       {"", "title:", "title: ~", "title: [a]", "title: {a: b}", "- title", "title: a: b", "\"",
        "title: *x", "a: {title: b}", "\0"}) {
    EXPECT_EQ(title(none), "!") << none;
  }
  // References to references are not multiplied.
  std::string laughs = "a0: &a0 x\n";
  for (int i = 1; i < 50; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    laughs +=
        "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before + "," + before + "]\n";
  }
  EXPECT_EQ(title(laughs + "title: y\n"), "y");
  EXPECT_EQ(title(std::string(10'000, '[')), "!");
  EXPECT_EQ(title(std::string(200, '{')), "!");
}

TEST_F(ProseTest, Notebooks) {
  const Read read = ReadFile(Write("n.ipynb", R"j({"nbformat":4,
    "metadata":{"language_info":{"name":"julia"}},"cells":[
    {"cell_type":"code","source":"x = 1","outputs":[{"text":"not this"}]},
    {"cell_type":"markdown","source":["# Load\n","the data"]},
    {"cell_type":"code","source":[" \n"]},
    {"cell_type":"code","source":["read(\n","'é')"]},
    {"cell_type":"raw","source":"raw"}, 7, {}]})j"));
  const auto cell = [](const std::string& number, const std::string& rest) {
    return R"({"id":"n.ipynb#cell-)" + number + R"(","path":"n.ipynb","dir":".",)" + rest + "}";
  };
  EXPECT_EQ(read.documents,
            (Strings{cell("1", R"("lang":"julia","kind":"code","title":"n.ipynb","text":"x = 1")"),
                     cell("2", R"("lang":"markdown","kind":"text","title":"Load",)"
                               R"("text":"# Load\nthe data")"),
                     cell("4", R"j("lang":"julia","kind":"code","title":"Load",)j"
                               R"j("text":"read(\n'é')")j"),
                     cell("5", R"("kind":"text","title":"Load","text":"raw")")}));
  const Read old = ReadFile(
      Write("o.ipynb", R"({"worksheets":[{"cells":[{"cell_type":"code","input":["a"]}]},3]})"));
  ASSERT_EQ(old.documents.size(), 1u);
  EXPECT_NE(old.documents[0].find(R"("lang":"python","kind":"code","title":"o.ipynb","text":"a")"),
            std::string::npos);
  EXPECT_EQ(ReadFile(Write("e.ipynb", R"({"cells":{"a":1}})")).documents, Strings());
  EXPECT_NE(
      ReadFile(Write("b.ipynb", "{\"a\":1}")).error.find("b.ipynb: no notebook: it has no cells"),
      std::string::npos);
  EXPECT_NE(ReadFile(Write("c.ipynb", "{\"cells\":")).error.find("c.ipynb: "), std::string::npos);
  for (const char* json :
       {"[]", "7", R"({"cells":[{"source":7},{"source":{"a":[]}},[]],"metadata":[1]})"}) {
    EXPECT_TRUE(ReadFile(Write("d.ipynb", json)).documents.empty()) << json;
  }
}

TEST_F(ProseTest, PagesAreDocuments) {
  const auto document = [this](const std::string& html) {
    return ReadFile(Write("a.html", html), {}, false);
  };
  EXPECT_EQ(document("<title>T</title><p>café").documents,
            Strings{"{\"id\":\"a.html\",\"path\":\"a.html\",\"dir\":\".\",\"lang\":\"html\","
                    "\"kind\":\"text\",\"title\":\"T\","
                    "\"text\":\"café\"}"});
  // A page says itself what it is written in.
  const std::string korean = "<meta charset=euc-kr><p>\xC7\xD1";
  EXPECT_NE(document(korean).documents.at(0).find("\"text\":\"한\""), std::string::npos);
  EXPECT_NE(document("<meta charset=iso-8859-1>\x93x").documents.at(0).find("“x"),
            std::string::npos);
  EXPECT_NE(document("<p>\xC7\xD1").error.find("a.html: line 1: not UTF-8"), std::string::npos);
  EXPECT_NE(document("<meta charset=koi8-r>\xC7\xD1").error.find("not UTF-8"), std::string::npos);
}

TEST_F(ProseTest, FrontMatter) {
  const auto title = [this](const std::string& text) {
    const Read read = ReadFile(Write("a.md", text));
    const auto parsed = JsonDocument::Parse(read.documents.at(0), "");
    return std::string(*parsed->root().GetString("title")) + "|" +
           std::string(*parsed->root().GetString("text"));
  };
  EXPECT_EQ(title("---\ntitle: >-\n  Folded\n  title\ntags: [a]\n---\nx"), "Folded title|x");
  EXPECT_EQ(title("---\r\ntitle: |\r\n  Two\r\n  lines\r\n---\r\nx"), "Two lines|x");
  EXPECT_EQ(title("---\ntitle: \"Quoted: yes\" # no\n...\nx"), "Quoted: yes|x");
  // Not YAML, but meant as one line.
  EXPECT_EQ(title("---\ntitle: A: B\n---\nx"), "A: B|x");
  EXPECT_EQ(title("--- \nauthor: me\n--- \n# H\n"), "H|# H\n");
  EXPECT_EQ(title("---\ntitle: " + std::string(299, 'a') + "é\n---\nx"),
            std::string(299, 'a') + "|x");
}

}  // namespace
}  // namespace minnow
