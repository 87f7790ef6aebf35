// SPDX-License-Identifier: Apache-2.0
// Files as people have them: CSV of every kind, other encodings, and formats that are not read.
#include "formats/json.h"
#include "ingest/ingest_testing.h"

namespace minnow {
namespace {

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

}  // namespace
}  // namespace minnow
