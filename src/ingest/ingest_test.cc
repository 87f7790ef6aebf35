// SPDX-License-Identifier: Apache-2.0
// Files of every format to documents: what they give, what is skipped, and what is refused.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "formats/json.h"
#include "ingest/code/code_documents.h"
#include "ingest/document_source.h"
#include "ingest/file_fields.h"
#include "ingest/file_walk.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;
using Strings = std::vector<std::string>;

class IngestTest : public testing::Test {
 protected:
  IngestTest() {
    char name[] = "/tmp/minnow_ingest_XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~IngestTest() override {
    fs::permissions(folder_, fs::perms::owner_all);
    fs::remove_all(folder_);
  }

  std::string Write(const std::string& name, const std::string& bytes) {
    const fs::path path = folder_ / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << bytes;
    return path;
  }

  struct Read {
    Strings documents;
    Strings problems;  // "LINE: what"
    std::string error;
    std::string skipped;
    bool kuberian = false;
  };

  Read ReadFile(const std::string& path, const IndexSettings& settings = {}, bool named = true) {
    FoundFile file{path,
                   fs::path(path).filename(),
                   KindOf(fs::path(path).filename().string()),
                   fs::file_size(path),
                   named,
                   reading_};
    Read read;
    const auto opened = OpenSource(file, settings);
    if (!opened.ok()) {
      read.error = opened.error().message;
      return read;
    }
    if (!opened->source) {
      read.skipped = SkipReasonText(opened->skipped);
      return read;
    }
    read.kuberian = opened->kuberian;
    while (true) {
      const auto item = opened->source->Next();
      if (!item.ok()) read.error = item.error().message;
      if (!item.ok() || !*item) return read;
      if ((*item)->problem.empty()) {
        read.documents.push_back((*item)->json);
      } else {
        read.problems.push_back(std::to_string((*item)->line) + ": " + (*item)->problem);
      }
    }
  }

  fs::path folder_;
  FileReading reading_;
};

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
TEST_F(IngestTest, AColumnOfCsvHasOneType) {
  const auto documents = [this](const std::string& text) {
    return ReadFile(Write("a.csv", text)).documents;
  };
  EXPECT_EQ(
      documents("id,price,zip,new\n1,19.90,02134,true\n2,,10001,False\n3,-7,1,\n"),
      (Strings{R"({"id":"1","price":19.90,"zip":"02134","new":true})",
               R"({"id":"2","zip":"10001","new":false})", R"({"id":"3","price":-7,"zip":"1"})"}));
  EXPECT_EQ(documents("id,a,b,c,d\n1,1,true,1,0\n2,x,no,true,0.5\n"),
            (Strings{R"({"id":"1","a":"1","b":"true","c":"1","d":0})",
                     R"({"id":"2","a":"x","b":"no","c":"true","d":0.5})"}));
  for (const std::string cell : {"+1", "1e3", "1.", ".5", "-", "--1", "1.2.3", " 1", "007", "0x1",
                                 "1234567890123456", "NaN", "1-2", "-01"}) {
    EXPECT_EQ(documents("id,n\n1,5\n2," + cell + "\n").front(), R"({"id":"1","n":"5"})") << cell;
  }
  for (const std::string cell : {"0", "-0.0", "0.1234567890123456789", "123456789012345"}) {
    EXPECT_EQ(documents("id,n\n1," + cell + "\n").front(), "{\"id\":\"1\",\"n\":" + cell + "}");
  }
  // Rows that give no document decide nothing.
  EXPECT_EQ(documents("id,n\n1,5\n2,x,y\n3,\"x\n"), Strings{R"({"id":"1","n":5})"});
}

TEST_F(IngestTest, Csv) {
  const Read read = ReadFile(Write("a.csv",
                                   "id,title,stars,note\r\n007,1984,12,\"a, \"\"b\"\"\nc\"\n"
                                   "b,x,1.50,\n\nc,x\nd,\"x,1,y\n"));
  EXPECT_EQ(
      read.documents,
      (Strings{"{\"id\":\"007\",\"title\":\"1984\",\"stars\":12,\"note\":\"a, \\\"b\\\"\\nc\"}",
               "{\"id\":\"b\",\"title\":\"x\",\"stars\":1.50}"}));
  EXPECT_EQ(read.problems, (Strings{"6: 2 fields, but 4 columns", "7: no closing quote"}));
  EXPECT_NE(ReadFile(Write("b.csv", "a,b\n1,2\n")).error.find("b.csv: line 1: no column \"id\""),
            std::string::npos);
  EXPECT_NE(ReadFile(Write("c.csv", "id,a,a\n")).error.find("column \"a\" stands twice"),
            std::string::npos);
  IndexSettings settings;
  settings.id_field = "b";
  settings.text_fields = {"a"};
  EXPECT_EQ(ReadFile(Write("d.csv", "a,b\n1,2\n"), settings).documents,
            Strings{"{\"a\":\"1\",\"b\":\"2\"}"});
}

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

// Text of `name` in a folder, or "!" and the error.
TEST_F(IngestTest, TextsInOtherEncodings) {
  const auto text = [this](const std::string& name, const std::string& bytes,
                           std::string_view encoding = "") {
    reading_.encoding = FindEncoding(encoding);
    const Read read = ReadFile(Write(name, bytes), {}, /*named=*/false);
    if (!read.error.empty()) return "!" + read.error.substr(folder_.string().size() + 1);
    const auto parsed = JsonDocument::Parse(read.documents.at(0), "");
    return std::string(*parsed->root().GetString("text"));
  };
  const std::string hint =
      "not UTF-8; if it is in another encoding, name that: --encoding utf-16le, utf-16be, latin1, "
      "windows-1252, cp949, shift_jis, gb18030";
  EXPECT_EQ(text("a.txt", "one\ncaf\xE9"), "!a.txt: line 2: " + hint);
  EXPECT_EQ(text("unknown", "caf\xE9"), "!unknown: line 1: " + hint);
  EXPECT_EQ(text("a.md", "caf\xE9", "latin1"), "caf\u00e9");
  EXPECT_EQ(text("a.txt", "\xC7\xD1\xB1\xB9", "euc-kr"), "\ud55c\uad6d");
  EXPECT_EQ(text("a.txt", "\x93\xFA\x96\x7B", "sjis"), "\u65e5\u672c");
  EXPECT_EQ(text("a.txt", "a\n\x93", "shift_jis"), "!a.txt: line 2: not shift_jis");
  EXPECT_EQ(text("a.txt", std::string("\xFF\xFE"
                                      "a\0\n\0",
                                      6)),
            "a\n");
  EXPECT_EQ(text("a.txt", std::string("\0a\0\n", 4)), "a\n");
  EXPECT_EQ(text("unknown", std::string("a\0\n\0", 4)), "a\n");
  EXPECT_EQ(text("a.txt", "\xEF\xBB\xBF\xC3\xA9", "cp949"), "\u00e9");
}

TEST_F(IngestTest, DataInOtherEncodings) {
  reading_.encoding = FindEncoding("cp949");
  const std::string csv = "id,text\n1,\xC7\xD1\n2,\xFF\n3,a\n";
  const Read read = ReadFile(Write("a.csv", csv));
  EXPECT_EQ(read.documents,
            (Strings{"{\"id\":\"1\",\"text\":\"\ud55c\"}", "{\"id\":\"3\",\"text\":\"a\"}"}));
  EXPECT_EQ(read.problems, Strings{"3: not cp949"});
  reading_.encoding.reset();
  const Read plain = ReadFile(Write("a.csv", csv));
  EXPECT_EQ(plain.documents.size(), 1u);
  ASSERT_EQ(plain.problems.size(), 2u);
  EXPECT_TRUE(plain.problems[0].starts_with("2: not UTF-8; ")) << plain.problems[0];
  const std::string marked(
      "\xFE\xFF\0{\0\"\0i\0d\0\"\0:\0"
      "1\0}",
      18);
  EXPECT_EQ(ReadFile(Write("a.jsonl", marked)).documents, Strings{"{\"id\":1}"});
  EXPECT_EQ(ReadFile(Write("a.json", marked.substr(2))).documents, Strings{"{\"id\":1}"});
  EXPECT_EQ(ReadFile(Write("b.jsonl", "{\"id\":1}\n{\"id\":\"\xE9\"}\n")).problems.size(), 1u);
  EXPECT_EQ(ReadFile(Write("b.jsonl", "{\"id\":\"\xE9\"}\n"), {}, /*named=*/false).problems.size(),
            1u);
}

TEST_F(IngestTest, FormatsThatAreNotRead) {
  for (const auto& [name, hint] :
       {std::pair("a.PDF", "PDF files are not read; export it as text"),
        std::pair("b.docx", "Word files are not read; export"),
        std::pair("c.xlsx", "Excel files are not read; export it as CSV"),
        std::pair("d.jsonl.gz", "archive files are not read; unpack it"),
        std::pair("e.png", "image files are not read")}) {
    const std::string path = Write(name, "%PDF-1.4 text");
    EXPECT_EQ(ReadFile(path, {}, /*named=*/false).skipped, "format not read");
    EXPECT_NE(ReadFile(path).error.find(std::string(name) + ": " + hint), std::string::npos);
  }
}

TEST_F(IngestTest, CsvWithOtherDelimiters) {
  const Strings expected{R"({"id":"1","text":"a, b"})"};
  EXPECT_EQ(ReadFile(Write("a.csv", "id;text\n1;a, b\n")).documents, expected);
  EXPECT_EQ(ReadFile(Write("a.csv", "id|text\n1|a, b\n")).documents, expected);
  EXPECT_EQ(ReadFile(Write("a.tsv", "id\ttext\n1\ta, b\n")).documents, expected);
  EXPECT_EQ(ReadFile(Write("a.csv", "\r\n\"id\"\t\"text\"\r\n1\ta, b\r\n")).documents, expected);
  EXPECT_EQ(
      ReadFile(Write("a.csv", "Id;text\n"), {}, /*named=*/false)
          .error.substr(folder_.string().size()),
      "/a.csv: line 1: no column \"id\" for the id (--id-field names another; there are \"Id\", "
      "\"text\")");
  reading_.delimiter = ':';
  EXPECT_EQ(ReadFile(Write("a.csv", "id:text\n1:a, b\n")).documents, expected);
}

TEST_F(IngestTest, ColumnsWithoutANameAreLeftOut) {
  std::string notes;
  reading_.note = [&](const std::string& note) {
    notes += note.substr(folder_.string().size() + 1);
  };
  EXPECT_EQ(ReadFile(Write("a.csv", ",id,text\n0,1,a\n1,2,b\n")).documents,
            (Strings{R"({"id":"1","text":"a"})", R"({"id":"2","text":"b"})"}));
  EXPECT_EQ(notes, "a.csv: line 1: 1 column without a name left out");
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

class WalkTest : public IngestTest {
 protected:
  Strings Ids(const Strings& arguments, WalkOptions options = {}) {
    skipped_.clear();
    options.skipped = [this](const std::string& path, SkipReason reason) {
      skipped_.push_back(fs::path(path).filename().string() + ": " + SkipReasonText(reason));
    };
    const auto walk = WalkFiles(arguments, options);
    if (!walk.ok()) return {"error: " + walk.error().message};
    prefixes_ = walk->prefixes;
    problems_.clear();
    for (const WalkProblem& problem : walk->problems) {
      problems_.push_back(problem.id + " | " + problem.message);
    }
    Strings ids;
    for (const FoundFile& file : walk->files) ids.push_back(file.id);
    return ids;
  }
  Strings skipped_;
  Strings prefixes_;
  Strings problems_;
};

TEST_F(WalkTest, SortedAndSafe) {
  Write("docs/b.md", "b");
  Write("docs/a/z.md", "z");
  Write("docs/a/y.md", "y");
  Write("docs/.git/config", "");
  Write("docs/node_modules/x.js", "");
  fs::create_symlink("..", folder_ / "docs/loop");
  ASSERT_EQ(::mkfifo((folder_ / "docs/pipe").c_str(), 0600), 0);
  Write("docs/bad\xFF.md", "");
  EXPECT_EQ(Ids({folder_ / "docs"}), (Strings{"docs/a/y.md", "docs/a/z.md", "docs/b.md"}));
  EXPECT_EQ(prefixes_, Strings{"docs/"});
  EXPECT_EQ(skipped_,
            (Strings{".git: hidden", "bad\xFF.md: name not UTF-8", "loop: not a regular file",
                     "node_modules: node_modules or __pycache__", "pipe: not a regular file"}));
  EXPECT_EQ(Ids({folder_ / "docs/"}).size(), 3u);
  EXPECT_EQ(Ids({folder_ / "docs/../docs/a", folder_ / "docs/a"}), (Strings{"a/y.md", "a/z.md"}));
  EXPECT_EQ(Ids({folder_ / "docs/b.md"}), Strings{"b.md"});
  EXPECT_TRUE(Ids({folder_ / "none"})[0].starts_with("error: "));
  EXPECT_NE(Ids({folder_ / "docs/pipe"})[0].find("neither a file nor a folder"), std::string::npos);
  // A link that is named is followed.
  EXPECT_EQ(Ids({folder_ / "docs/loop"}).size(), 3u);
}

TEST_F(WalkTest, RootsAndPatterns) {
  Write("p/docs/a.md", "");
  Write("p/docs/b.txt", "");
  Write("p/src/c.md", "");
  WalkOptions options;
  options.root = folder_;
  EXPECT_EQ(Ids({folder_ / "p/docs"}, options), (Strings{"p/docs/a.md", "p/docs/b.txt"}));
  EXPECT_EQ(Ids({folder_}, options).size(), 3u);
  EXPECT_EQ(prefixes_, Strings{""});
  options.root = folder_ / "p/docs";
  EXPECT_NE(Ids({folder_ / "p/src"}, options)[0].find("not inside"), std::string::npos);
  options.root = folder_;
  options.exclude = {"*.txt", "p/src*"};
  EXPECT_EQ(Ids({folder_ / "p"}, options), Strings{"p/docs/a.md"});
  EXPECT_EQ(skipped_, (Strings{"b.txt: excluded", "src: excluded"}));
}

TEST_F(WalkTest, IdsDoNotDependOnHowTheFolderIsNamed) {
  Write("p/docs/a.md", "");
  const fs::path before = fs::current_path();
  fs::current_path(folder_ / "p");
  EXPECT_EQ(Ids({"docs"}), Strings{"docs/a.md"});
  EXPECT_EQ(Ids({"./docs/"}), Strings{"docs/a.md"});
  EXPECT_EQ(Ids({folder_ / "p/docs"}), Strings{"docs/a.md"});
  EXPECT_EQ(Ids({"."}), Strings{"docs/a.md"});
  fs::current_path(folder_ / "p/docs");
  EXPECT_EQ(Ids({"."}), Strings{"a.md"});
  EXPECT_EQ(Ids({"../docs"}), Strings{"a.md"});
  fs::current_path(before);
}

TEST_F(WalkTest, DifferentFilesWithOneIdAreTold) {
  Write("one/docs/readme.md", "one");
  Write("two/docs/readme.md", "two");
  Write("two/docs/other.md", "two");
  EXPECT_EQ(Ids({folder_ / "one/docs", folder_ / "two/docs"}),
            (Strings{"docs/readme.md", "docs/other.md"}));
  ASSERT_EQ(problems_.size(), 1u);
  EXPECT_TRUE(problems_[0].starts_with("docs/readme.md | ")) << problems_[0];
  EXPECT_NE(problems_[0].find("two/docs/readme.md: has the id"), std::string::npos);
  EXPECT_NE(problems_[0].find("one/docs/readme.md has"), std::string::npos);
  WalkOptions options;
  options.root = folder_;
  EXPECT_EQ(Ids({folder_ / "one/docs", folder_ / "two/docs"}, options).size(), 3u);
  EXPECT_EQ(problems_, Strings{});
  // The same file by two names is no problem.
  EXPECT_EQ(Ids({folder_ / "one", folder_ / "one/../one"}), Strings{"one/docs/readme.md"});
  EXPECT_EQ(problems_, Strings{});
}

TEST_F(WalkTest, AFolderThatCannotBeRead) {
  if (::geteuid() == 0) GTEST_SKIP() << "skipped: root reads every folder";
  Write("locked/a.md", "");
  fs::permissions(folder_ / "locked", fs::perms::none);
  EXPECT_TRUE(Ids({folder_ / "locked"})[0].starts_with("error: "));
  EXPECT_EQ(Ids({folder_}), Strings{});
  ASSERT_EQ(problems_.size(), 1u);
  EXPECT_TRUE(problems_[0].starts_with(folder_.filename().string() + "/locked | "));
  fs::permissions(folder_ / "locked", fs::perms::owner_all);
}

}  // namespace
}  // namespace minnow
