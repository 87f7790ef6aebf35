// SPDX-License-Identifier: Apache-2.0
// Files of every format to documents: what they give, and what is skipped.
#include <set>

#include "formats/json.h"
#include "ingest/code/code_documents.h"
#include "ingest/file_fields.h"
#include "ingest/ingest_testing.h"

namespace minnow {
namespace {

TEST_F(IngestTest, JsonLines) {
  const Read read =
      ReadFile(Write("a.jsonl", "\xEF\xBB\xBF{\"id\":1}\n\n  \n{broken\r\n{\"id\":2}"));
  // What is no JSON is found out where it is parsed.
  EXPECT_EQ(read.documents, (Strings{"{\"id\":1}", "{broken", "{\"id\":2}"}));
  EXPECT_EQ(ReadFile(Write("b.ndjson", "\n \n")).skipped, "empty");
  EXPECT_EQ(ReadFile(Write("c.jsonl", "")).skipped, "empty");
}

TEST_F(IngestTest, ALineAboveTheLimitIsPassedOver) {
  const std::string path =
      Write("a.jsonl", "{\"id\":1}\n\"" + std::string(kMaxDocumentBytes, 'x') + "\"\n{\"id\":2}\n");
  const Read read = ReadFile(path);
  EXPECT_EQ(read.documents, (Strings{"{\"id\":1}", "{\"id\":2}"}));
  EXPECT_EQ(read.problems, Strings{"2: longer than 33554432 bytes"});
}

TEST_F(IngestTest, JsonArraysAndObjects) {
  EXPECT_EQ(ReadFile(Write("a.json", "[{\"id\":1},\n {\"id\":2}]")).documents,
            (Strings{"{\"id\":1}", "{\"id\":2}"}));
  EXPECT_EQ(ReadFile(Write("b.json", "{\n\"id\":1}\n{\"id\":2}")).documents,
            (Strings{"{\n\"id\":1}", "{\"id\":2}"}));
  const Read cut = ReadFile(Write("c.json", "[{\"id\":1},"));
  EXPECT_EQ(cut.documents, Strings{"{\"id\":1}"});
  EXPECT_NE(cut.error.find("c.json: line 1: the file ends inside an array"), std::string::npos);
}

TEST_F(IngestTest, DataWithoutIdsInAFolderIsSkipped) {
  const std::string config = Write("config.json", "{\"name\":\"x\"}");
  EXPECT_EQ(ReadFile(config, {}, /*named=*/false).skipped, "no documents");
  EXPECT_EQ(ReadFile(config, {}, /*named=*/true).documents.size(), 1u);
  EXPECT_EQ(ReadFile(Write("x.json", "[1,2]"), {}, false).skipped, "no documents");
  EXPECT_EQ(ReadFile(Write("x.csv", "a,b\n1,2\n"), {}, false).skipped, "no documents");
  EXPECT_EQ(ReadFile(Write("y.jsonl", "{\"id\":true}\n"), {}, false).skipped, "no documents");
}

TEST_F(IngestTest, DataWhoseFirstRecordIsWrongIsReadInAFolder) {
  const std::string good = "{\"id\":\"a\"}\n{\"id\":\"b\"}\n";
  const std::string long_line = "\"" + std::string(kMaxDocumentBytes, 'x') + "\"\n";
  for (const std::string& first : {std::string("{\"title\":\"no id\"}\n"), std::string("garbage\n"),
                                   std::string("{\"id\":null}\n"), long_line}) {
    const Read read = ReadFile(Write("a.jsonl", first + good), {}, /*named=*/false);
    ASSERT_GE(read.documents.size(), 2u) << read.skipped;
    EXPECT_EQ(read.documents.back(), "{\"id\":\"b\"}");
    EXPECT_EQ(read.documents.size() + read.problems.size(), 3u);
  }
  EXPECT_EQ(ReadFile(Write("a.json", "[{\"no\":1},{\"id\":\"g\"}]"), {}, false).documents,
            (Strings{"{\"no\":1}", "{\"id\":\"g\"}"}));
  EXPECT_EQ(ReadFile(Write("b.json", "{\"no\":1} }"), {}, false).skipped, "no documents");
  EXPECT_EQ(ReadFile(Write("b.jsonl", "x\n" + long_line), {}, false).skipped, "too large");
  EXPECT_EQ(ReadFile(Write("c.jsonl", "\n"), {}, false).skipped, "empty");
  // A header that means an id is wrong, and no other data.
  for (const std::string header :
       {"Id,a", "Id;a", "\"ID\"\ta", "id,a,a", "ID,", "a, id", "id,\"a"}) {
    const Read read = ReadFile(Write("d.csv", header + "\n1,2\n"), {}, false);
    EXPECT_NE(read.error.find("d.csv: line 1: "), std::string::npos) << header << read.skipped;
  }
  EXPECT_EQ(ReadFile(Write("e.csv", "idea;grid\n1;2\n"), {}, false).skipped, "no documents");
}

TEST_F(IngestTest, TheFirstGoodLineSaysWhetherLinesAreKuberians) {
  const std::string line = R"j({"id":7,"name":"f","signature":"s","file":"x","code":"c",)j"
                           R"j("line":{"from":3,"to":9}})j";
  const Read read = ReadFile(Write("k.jsonl", "garbage\n" + line + "\n"));
  EXPECT_TRUE(read.kuberian);
  ASSERT_EQ(read.documents.size(), 2u);
  EXPECT_TRUE(read.documents[1].starts_with("{\"id\":\"7\"")) << read.documents[1];
}

// What is true of some cells only would have filters pass over the others.
TEST_F(IngestTest, Markdown) {
  const Read read = ReadFile(Write("a.md",
                                   "---\ntitle: \"Pods & more\"\nweight: 1\n---\nText.\n\n"
                                   "## What is it? ##\n```\n# no heading\n```\n"
                                   "## Named {#own}\n## What is it?\n"));
  ASSERT_EQ(read.documents.size(), 1u);
  const auto parsed = JsonDocument::Parse(read.documents[0], "");
  ASSERT_TRUE(parsed.ok());
  const JsonView document = parsed->root();
  EXPECT_EQ(*document.GetString("id"), "a.md");
  EXPECT_EQ(*document.GetString("title"), "Pods & more");
  EXPECT_TRUE(document.GetString("text")->starts_with("Text."));
  const JsonView sections = *document.Get("sections");
  ASSERT_EQ(sections.size(), 3u);
  EXPECT_EQ(*sections.at(0).GetString("anchor"), "what-is-it");
  EXPECT_EQ(*sections.at(0).GetString("title"), "What is it?");
  EXPECT_EQ(*sections.at(1).GetString("anchor"), "own");
  EXPECT_EQ(*sections.at(2).GetString("anchor"), "what-is-it-1");
  const auto begin = static_cast<size_t>(*sections.at(1).GetInt("begin", 0, 1000));
  EXPECT_TRUE(document.GetString("text")->substr(begin).starts_with("## Named"));
}

TEST_F(IngestTest, TitlesOfMarkdown) {
  const auto title = [this](const std::string& text) {
    const Read read = ReadFile(Write("a.md", text));
    const auto parsed = JsonDocument::Parse(read.documents.at(0), "");
    return std::string(*parsed->root().GetString("title"));
  };
  EXPECT_EQ(title("# First\n# Second\n"), "First");
  EXPECT_EQ(title("no heading"), "a.md");
  EXPECT_EQ(title("---\nnever closed\ntitle: x\n"), "a.md");
  EXPECT_EQ(title("+++\ntitle = 'T'\n+++\nx"), "T");
  EXPECT_EQ(title("---\r\ntitle: W\r\n---\r\nx"), "W");
}

TEST_F(IngestTest, Code) {
  std::string code = "package main\n\n// F does it.\nfunc F() {\n}\n\nfunc (t *T) F() {}\n";
  for (int i = 0; i < 130; ++i) code += "var value" + std::to_string(i) + " = 1\n";
  const Read read = ReadFile(Write("a.go", code + "func F() {}\n"));
  Strings ids;
  for (const std::string& json : read.documents) {
    const auto parsed = JsonDocument::Parse(json, "");
    ids.emplace_back(*parsed->root().GetString("id"));
    EXPECT_EQ(*parsed->root().GetString("lang"), "go");
    EXPECT_EQ(*parsed->root().GetString("path"), "a.go");
  }
  EXPECT_EQ(ids, (Strings{"a.go#F", "a.go#(*T).F", "a.go:8", "a.go:58", "a.go:108", "a.go#F-2"}));
  const auto first = JsonDocument::Parse(read.documents[0], "");
  EXPECT_EQ(*first->root().GetString("text"), "package main\n\n// F does it.\nfunc F() {\n}\n");
  EXPECT_EQ(*first->root().GetString("signature"), "func F()");
  EXPECT_EQ(*first->root().Get("line")->GetInt("start", 0, 100), 1);
  EXPECT_EQ(*first->root().Get("line")->GetInt("end", 0, 100), 5);
  EXPECT_EQ(ReadFile(Write("b.sh", "echo one\n")).documents.size(), 1u);
}

// Each document as "id|text".
Strings CodeTexts(const Strings& documents) {
  Strings texts;
  for (const std::string& json : documents) {
    const auto parsed = JsonDocument::Parse(json, "");
    texts.push_back(std::string(*parsed->root().GetString("id")) + "|" +
                    std::string(*parsed->root().GetString("text")));
  }
  return texts;
}

TEST_F(IngestTest, NoLineOfCodeWithAWordIsLost) {
  const auto texts = [this](const std::string& name, const std::string& code) {
    return CodeTexts(ReadFile(Write(name, code)).documents);
  };
  EXPECT_EQ(texts("a.go",
                  "package a\n\n// Max is it.\nconst Max = 7\n\nfunc A() {\n}\n\nvar E = 1\n\n"
                  "func B() {}\n\ntype G struct {\n\tx int\n}\n"),
            (Strings{"a.go#A|package a\n\n// Max is it.\nconst Max = 7\n\nfunc A() {\n}\n",
                     "a.go#B|var E = 1\n\nfunc B() {}\n\ntype G struct {\n\tx int\n}\n"}));
  EXPECT_EQ(texts("a.py", "def a(): pass\n\nX = 1\ndef b(): pass\nY = 2\n"),
            (Strings{"a.py#a|def a(): pass\n", "a.py#b|X = 1\ndef b(): pass\nY = 2\n"}));
  EXPECT_EQ(texts("a.ts", "function f() {\n}\nexport const plugh = (a) => a+1;\n"),
            (Strings{"a.ts#f|function f() {\n}\nexport const plugh = (a) => a+1;\n"}));
  // Brackets alone go nowhere; many lines are a passage, though none of them tells much.
  EXPECT_EQ(texts("A.java", "class A {\n  void f() {\n  }\n}\n"),
            (Strings{"A.java#A.f|class A {\n  void f() {\n  }\n"}));
  EXPECT_EQ(texts("a.cc",
                  "#include <a>\n#include <b>\n#include <c>\n#include <d>\n#include <e>\n"
                  "#include <f>\n\nint f() {\n}\n}\n\nint x;\nint g() {}\n"),
            (Strings{"a.cc:1|#include <a>\n#include <b>\n#include <c>\n#include <d>\n#include <e>\n"
                     "#include <f>",
                     "a.cc#f|int f() {\n}\n", "a.cc#g|int x;\nint g() {}\n"}));
  EXPECT_EQ(texts("b.py", "import os\n"), Strings{"b.py:1|import os"});
  EXPECT_EQ(texts("c.sh", "x=1\n" + std::string(70, '\n') + "y=2\n"),
            (Strings{"c.sh:1|x=1", "c.sh:72|y=2"}));
  // Windows that begin behind the same blank lines are one.
  EXPECT_EQ(texts("d.sh", std::string(55, '\n') + "x=1\n" + std::string(9, '\n') + "y=2\n"),
            (Strings{"d.sh:56|x=1\n\n\n\n\n\n\n\n\n\ny=2"}));
}

// Whatever the code is: ids differ, and each word stands in some document.
TEST_F(IngestTest, BrokenCodeIsAllThere) {
  const std::string pieces[] = {"{",  "}",        "(",        ")",       "\n",
                                "\n", "\n\n",     "func f()", "int g()", "/*",
                                "\"", "def h():", "class A",  ";",       "  "};
  uint64_t state = 1;
  for (int round = 0; round < 2000; ++round) {
    std::string code;
    int words = 0;
    for (int i = 0; i < 200; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      code += pieces[(state >> 33) % std::size(pieces)];
      if (state >> 61 == 0) code += " word" + std::to_string(words++) + "x ";
      if (state >> 56 == 0) code += std::string(60, '\n');
    }
    for (const char* name : {"a.go", "a.cc", "a.py", "a.js", "a.rs", "a.java", "a.sh"}) {
      std::string all;
      std::set<std::string> ids;
      const Strings documents = CodeDocuments(name, code, KindOf(name).language);
      for (const std::string& text : CodeTexts(documents)) {
        EXPECT_TRUE(ids.insert(text.substr(0, text.find('|'))).second) << name << "\n" << code;
        all += text;
      }
      for (int i = 0; i < words; ++i) {
        ASSERT_NE(all.find("word" + std::to_string(i) + "x"), all.npos) << name << "\n" << code;
      }
    }
  }
}

TEST_F(IngestTest, TextAndBytes) {
  EXPECT_EQ(ReadFile(Write("README", "hello")).documents,
            Strings{"{\"id\":\"README\",\"path\":\"README\",\"dir\":\".\",\"kind\":\"text\","
                    "\"title\":\"README\",\"text\":\"hello\"}"});
  const std::string zero = Write("b.txt", std::string("ab\0cd", 5));
  EXPECT_EQ(ReadFile(zero, {}, /*named=*/false).skipped, "binary");
  EXPECT_NE(ReadFile(zero).error.find("b.txt: not text: it has zero bytes"), std::string::npos);
  EXPECT_EQ(ReadFile(Write("unknown",
                           "\x7F"
                           "ELF\x01"),
                     {}, /*named=*/false)
                .skipped,
            "binary");
  EXPECT_EQ(ReadFile(Write("c.txt", " \n")).skipped, "empty");
  EXPECT_EQ(ReadFile(Write("x.svg", "<svg/>"), {}, false).skipped, "not prose");
  const std::string large = Write("large.txt", "");
  fs::resize_file(large, kMaxProseBytes + 1);
  EXPECT_EQ(ReadFile(large).skipped, "too large");
}

TEST_F(IngestTest, DocumentsOfFilesAreKnownAgain) {
  const Strings files = {Write("a.md", "# A\ntext"), Write("b \"\\\xC3\xA9\n.txt", "text"),
                         Write("c.go", "package c\n\nfunc F() {\n}\n"),
                         Write("d.sh", "echo one\n")};
  for (const std::string& file : files) {
    const Read read = ReadFile(file);
    EXPECT_FALSE(read.documents.empty());
    for (const std::string& json : read.documents) {
      EXPECT_EQ(FilePathOf(json), fs::path(file).filename()) << json;
    }
  }
  const std::string head = R"j({"id":"d/a","path":"d/a","dir":"d","kind":"text")j";
  EXPECT_EQ(FilePathOf(head + "}"), "d/a");
  // What others write is no file's, though it has a path.
  for (const std::string& json :
       {std::string(R"j({"id":"d/a","path":"d/a"})j"), " " + head + "}",
        std::string(R"j({"id":"d/a","path":"d/a","dir":"x","kind":"text"})j"),
        std::string(R"j({"id":"d/ab","path":"d/a","dir":"d","kind":"text"})j"),
        std::string(R"j({"id":"d/a","path":"d/a","kind":"text","dir":"d"})j"),
        std::string(R"j({"id":"x","path":"d/a","dir":"d","kind":"text"})j"),
        std::string(R"j({"id":7,"path":"d/a","dir":"d","kind":"text"})j"),
        std::string(R"j({"id":"d/a","path":7,"dir":"d","kind":"text"})j"),
        std::string(R"j({"id": "d/a", "path": "d/a", "dir": "d", "kind": "text"})j"),
        std::string(R"j({"id":"","path":"","dir":".","kind":"text"})j"), head, std::string("[]"),
        std::string("\xFF")}) {
    EXPECT_EQ(FilePathOf(json), std::nullopt) << json;
  }
}

TEST_F(IngestTest, Kuberian) {
  const std::string line =
      R"j({"id":7,"name":"f","signature":"func f()","file":"x.go","code":"func f(){}",)j"
      R"j("line":{"from":3,"to":9})j";
  const std::string result = R"j(,"result":"A. In one sentence, this is a function that runs. ",)j"
                             R"j("parsed":{"purpose":"P","tldr":"O"}})j";
  const Read read = ReadFile(Write(
      "k.jsonl", line + "}\n" + line + result + "\n" + line + R"j(,"parsed":{"purpose":"P"}})j"));
  EXPECT_TRUE(read.kuberian);
  ASSERT_EQ(read.documents.size(), 3u);
  const std::string head =
      R"j({"id":"7","name":"f","signature":"func f()","file":"x.go","line":{"start":3,"end":9},)j";
  const std::string code = R"j("code":"func f(){}","background":null,"analysis":null,)j";
  EXPECT_EQ(read.documents[0], head + R"j("summary":null,)j" + code +
                                   R"j("purpose":null,"comment":null,"opinion":null})j");
  EXPECT_EQ(read.documents[1], head + R"j("summary":"runs.",)j" + code +
                                   R"j("purpose":"P","comment":null,"opinion":"O"})j");
  EXPECT_NE(read.documents[2].find(R"j("summary":"P")j"), std::string::npos);
}

}  // namespace
}  // namespace minnow
