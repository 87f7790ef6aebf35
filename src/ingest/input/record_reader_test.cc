// SPDX-License-Identifier: Apache-2.0
// Lines, CSV records and JSON values, whole and in pieces, good and broken.
#include "ingest/input/record_reader.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace minnow {
namespace {

struct Read {
  std::vector<std::string>
      records;  // "LINE:bytes", "LINE!" for one that is too long, "LINE?" unclosed
  std::string error;
  bool operator==(const Read&) const = default;
};

// Through a pipe, `piece` bytes at a time, so that every record is cut somewhere.
Read ReadAll(std::string_view text, RecordFormat format, size_t limit = 1000,
             size_t piece = SIZE_MAX) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  std::thread writer([&] {
    for (size_t i = 0; i < text.size(); i += std::min(piece, text.size() - i)) {
      const std::string_view part = text.substr(i, piece);
      EXPECT_EQ(::write(ends[1], part.data(), part.size()), static_cast<ssize_t>(part.size()));
    }
    ::close(ends[1]);
  });
  InputStream stream(ends[0], "input");
  EXPECT_TRUE(stream.BeginText().ok());
  RecordReader reader(std::move(stream), format, limit);
  Read read;
  while (true) {
    const auto record = reader.Next();
    if (!record.ok()) read.error = record.error().message;
    if (!record.ok() || !*record) break;
    const RawRecord& raw = **record;
    read.records.push_back(std::to_string(raw.line) +
                           (raw.unclosed   ? "?"
                            : raw.too_long ? "!"
                                           : ":") +
                           std::string(raw.bytes));
  }
  writer.join();
  ::close(ends[0]);
  return read;
}

Read Same(std::string_view text, RecordFormat format, size_t limit = 1000) {
  const Read whole = ReadAll(text, format, limit);
  EXPECT_EQ(whole, ReadAll(text, format, limit, 1)) << text;
  return whole;
}

using Strings = std::vector<std::string>;

TEST(RecordReader, Lines) {
  EXPECT_EQ(Same("a\nb\r\n\nc", RecordFormat::kLines).records,
            (Strings{"1:a", "2:b", "3:", "4:c"}));
  EXPECT_EQ(Same("", RecordFormat::kLines).records, Strings{});
  EXPECT_EQ(Same("\xEF\xBB\xBF"
                 "a\n",
                 RecordFormat::kLines)
                .records,
            Strings{"1:a"});
  EXPECT_EQ(Same("\xEF\xBB", RecordFormat::kLines).records, Strings{"1:\xEF\xBB"});
}

TEST(RecordReader, LongRecordsArePassedOver) {
  EXPECT_EQ(Same("123456789\nab\n1234567890\r\nc\n", RecordFormat::kLines, 8).records,
            (Strings{"1!", "2:ab", "3!", "4:c"}));
  EXPECT_EQ(Same("a\n123456789", RecordFormat::kLines, 8).records, (Strings{"1:a", "2!"}));
  EXPECT_EQ(Same("[\"123456789]\",\n{}]", RecordFormat::kJson, 8).records, (Strings{"1!", "2:{}"}));
}

// The limit is the record's own: what ends it does not count, wherever the input is cut.
TEST(RecordReader, TheLimitItself) {
  constexpr size_t kLimit = 8;
  const auto take = [](const std::string& text, RecordFormat format) {
    const Read read = Same(text, format, kLimit);
    EXPECT_EQ(read.error, "");
    return read.records;
  };
  for (size_t size = kLimit - 1; size <= kLimit + 1; ++size) {
    const std::string x(size, 'x');
    const std::string first = size <= kLimit ? "1:" + x : "1!";
    for (const char* end : {"", "\n", "\r\n"}) {
      EXPECT_EQ(take(x + end, RecordFormat::kLines), Strings{first}) << size;
      EXPECT_EQ(take(x + end, RecordFormat::kCsv), Strings{first}) << size;
      if (*end == '\0') continue;
      for (const RecordFormat format : {RecordFormat::kLines, RecordFormat::kCsv}) {
        EXPECT_EQ(take(x + end + "y\n", format), (Strings{first, "2:y"})) << size;
      }
    }
    const std::string open = "\"" + std::string(size - 2, 'x') + "\"";
    const std::string lines = "\"" + std::string(size - 3, 'x') + "\n\"";
    const std::string object = "{" + std::string(size - 2, ' ') + "}";
    EXPECT_EQ(take(lines + "\n", RecordFormat::kCsv).front(), size <= kLimit ? "1:" + lines : "1?");
    for (const std::string& value : {std::string(size, '7'), open, object}) {
      const std::string record = size <= kLimit ? "1:" + value : "1!";
      EXPECT_EQ(take(value, RecordFormat::kJson), Strings{record});
      EXPECT_EQ(take("[" + value + " ,1]", RecordFormat::kJson), (Strings{record, "1:1"}));
      EXPECT_EQ(take("[" + value + "]", RecordFormat::kJson), Strings{record});
    }
  }
}

// What is passed over may end where a piece of the input ends.
TEST(RecordReader, LongRecordsEndWithAPiece) {
  const std::string path =
      testing::TempDir() + "minnow_records_" + std::to_string(::getpid()) + ".json";
  constexpr size_t kPiece = 64 * 1024;
  for (size_t length = kPiece - 6; length <= kPiece + 2; ++length) {
    std::ofstream(path) << "[\"" << std::string(length, 'x') << "\",{},1]";
    auto stream = InputStream::OpenFile(path);
    ASSERT_TRUE(stream.ok());
    RecordReader reader(std::move(*stream), RecordFormat::kJson, 8);
    for (const std::string_view expected : {"", "{}", "1"}) {
      const auto record = reader.Next();
      ASSERT_TRUE(record.ok() && *record) << length;
      EXPECT_EQ((*record)->too_long, expected.empty());
      EXPECT_EQ((*record)->bytes, expected) << length;
    }
    const auto end = reader.Next();
    EXPECT_TRUE(end.ok() && !*end) << length;
  }
  std::filesystem::remove(path);
}

TEST(RecordReader, Csv) {
  EXPECT_EQ(Same("a,b\n\"x\ny\",\"q\"\"\n\"\nlast,1", RecordFormat::kCsv).records,
            (Strings{"1:a,b", "2:\"x\ny\",\"q\"\"\n\"", "5:last,1"}));
  EXPECT_EQ(Same("a,5\"\nb,\"c\"d\"\ne", RecordFormat::kCsv).records,
            (Strings{"1:a,5\"", "2:b,\"c\"d\"", "3:e"}));
  EXPECT_EQ(Same("a\rb\r\n\"\r\n\"\r\r\n", RecordFormat::kCsv).records,
            (Strings{"1:a", "1:b", "2:\"\r\n\"", "3:"}));
}

TEST(RecordReader, AQuoteThatIsNeverClosedCostsItsLine) {
  EXPECT_EQ(Same("\"open\n1\n2\n", RecordFormat::kCsv).records, (Strings{"1?", "2:1", "3:2"}));
  EXPECT_EQ(Same("a\nb,\"open\r\nc,\"d\"\ne,\"f", RecordFormat::kCsv).records,
            (Strings{"1:a", "2:b,\"open\r\nc,\"d\"", "4?"}));
  // Nor is it looked for beyond the limit of a record.
  EXPECT_EQ(Same("a,\"open\n1234567\n7654321\nx\n", RecordFormat::kCsv, 8).records,
            (Strings{"1?", "2:1234567", "3:7654321", "4:x"}));
  // Each line of such a file opens a quote that no later line closes.
  std::string hostile;
  for (int i = 0; i < 1000; ++i) hostile += "a\",\"\n";
  const Read read = Same(hostile, RecordFormat::kCsv);
  EXPECT_EQ(read.records.size(), 100u);
  EXPECT_NE(read.error.find("line 101: no closing quote"), std::string::npos) << read.error;
}

TEST(RecordReader, JsonArray) {
  const Read read =
      Same(" [ {\"a\":[1,\"]}\\\"\"]} ,\n\n {\"b\":{}},3 , \"x,y\",[]\n] \n", RecordFormat::kJson);
  EXPECT_EQ(read.records,
            (Strings{"1:{\"a\":[1,\"]}\\\"\"]}", "3:{\"b\":{}}", "3:3", "3:\"x,y\"", "3:[]"}));
  EXPECT_EQ(read.error, "");
  EXPECT_EQ(Same("[]", RecordFormat::kJson).records, Strings{});
  EXPECT_EQ(Same("[]", RecordFormat::kJson).error, "");
}

TEST(RecordReader, JsonValuesOneAfterAnother) {
  EXPECT_EQ(Same("{\"a\":\n1}\n{\"b\":2}{}\n7 8", RecordFormat::kJson).records,
            (Strings{"1:{\"a\":\n1}", "3:{\"b\":2}", "3:{}", "4:7", "4:8"}));
  EXPECT_EQ(Same(" \n ", RecordFormat::kJson).records, Strings{});
}

TEST(RecordReader, BrokenJson) {
  EXPECT_EQ(Same("[{}\n{}]", RecordFormat::kJson).error, "input: line 2: expected a comma or ]");
  EXPECT_EQ(Same("[{}", RecordFormat::kJson).error, "input: line 1: the file ends inside an array");
  EXPECT_EQ(Same("[{},\n", RecordFormat::kJson).error,
            "input: line 2: the file ends inside an array");
  EXPECT_EQ(Same("[]\n[]", RecordFormat::kJson).error,
            "input: line 2: something follows the array");
  // What is no JSON value is cut out all the same; the parser refuses it.
  EXPECT_EQ(Same("[{\"a\":1", RecordFormat::kJson).records, Strings{"1:{\"a\":1"});
  EXPECT_EQ(Same("[,{}]", RecordFormat::kJson).records.front(), "1:,{}");
  EXPECT_EQ(Same("} ]", RecordFormat::kJson).records, (Strings{"1:}", "1:]"}));
}

TEST(InputStream, Files) {
  EXPECT_EQ(InputStream::OpenFile("/nonexistent").error().code, Code::kNotFound);
  EXPECT_EQ(InputStream::OpenFile("/").error().code, Code::kInvalidArgument);
  EXPECT_EQ(InputStream::OpenFile("/dev/zero").error().code, Code::kInvalidArgument);
}

TEST(InputStream, ALineWithoutEndIsToldAtOnce) {
  const int zeros = ::open("/dev/zero", O_RDONLY);
  RecordReader reader(InputStream(zeros, "zeros"), RecordFormat::kLines, 1 << 20);
  const auto record = reader.Next();
  ::close(zeros);
  ASSERT_TRUE(record.ok() && record->has_value());
  EXPECT_TRUE((*record)->too_long);
}

}  // namespace
}  // namespace minnow
