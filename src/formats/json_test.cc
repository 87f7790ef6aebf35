// SPDX-License-Identifier: Apache-2.0
// JSON reading and writing: the public test suite of nasty texts, limits, messages, escapes and
// numbers.
#include "formats/json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <random>

#include "base/mapped_file.h"

namespace minnow {
namespace {

using testing::HasSubstr;

JsonDocument MustParse(std::string_view text) {
  auto document = JsonDocument::Parse(text, "config.json");
  EXPECT_TRUE(document.ok()) << text << ": " << document.error().message;
  return std::move(document).value();
}

std::string ErrorOf(std::string_view text, const JsonLimits& limits = {}) {
  const auto document = JsonDocument::Parse(text, "config.json", limits);
  return document.ok() ? "(parsed)" : document.error().message;
}

std::filesystem::path DataDirectory() {
  if (const char* data = std::getenv("MINNOW_DATA")) return data;
  return std::filesystem::path(MINNOW_SOURCE_DIR) / ".." / "shared" / "data";
}

TEST(JsonSuite, AcceptsAndRefusesAsTheSuiteDemands) {
  const auto directory = DataDirectory() / "nasty_json" / "test_parsing";
  if (!std::filesystem::exists(directory)) GTEST_SKIP() << directory << " is absent";
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    const std::string file = entry.path().filename().string();
    const auto text = ReadSmallFile(entry.path().string(), 1 << 20);
    ASSERT_TRUE(text.ok()) << text.error().message;
    const auto document = JsonDocument::Parse(*text, file);
    if (file.starts_with("y_")) {
      EXPECT_TRUE(document.ok()) << document.error().message;
    }
    if (file.starts_with("n_")) {
      EXPECT_FALSE(document.ok()) << file;
    }
    ++files;
  }
  EXPECT_GT(files, 300);
}

TEST(Json, FieldsOfTheRightType) {
  const auto document = MustParse(
      R"({"n": 12, "f": 512.0, "x": 1e-12, "s": "a\u00e9\ud83d\ude00", "b": true, "z": null, "a": [1, 2, 3]})");
  const JsonView root = document.root();
  EXPECT_EQ(root.GetInt("n", 0, 12).value(), 12);
  EXPECT_EQ(root.GetInt("f", 0, 1000).value(), 512);
  EXPECT_EQ(root.GetNumber("x").value(), 1e-12);
  EXPECT_EQ(root.GetNumber("n").value(), 12.0);
  EXPECT_EQ(root.GetString("s").value(), "a\xC3\xA9\xF0\x9F\x98\x80");
  EXPECT_TRUE(root.GetBool("b").value());
  EXPECT_EQ(root.GetInt("z", 0, 9, 7).value(), 7);
  EXPECT_EQ(root.GetInt("absent", 0, 9, 7).value(), 7);
  EXPECT_EQ(root.size(), 7u);
  EXPECT_EQ(root.key(0), "n");
  int64_t sum = 0;
  for (const JsonView item : root.Get("a")->Items()) sum += item.Int(0, 10).value();
  EXPECT_EQ(sum, 6);
}

TEST(Json, MessagesNameFileFieldAndValue) {
  const auto document = MustParse(
      R"({"hidden_size": "x", "big": 70000, "half": 1.5, "huge": 18446744073709551615, "list": [{"a b": [true]}]})");
  const JsonView root = document.root();
  EXPECT_EQ(root.GetInt("hidden_size", 1, 65536).error().message,
            R"(config.json: hidden_size: expected an integer in [1, 65536], got "x")");
  EXPECT_EQ(root.GetInt("big", 1, 65536).error().message,
            "config.json: big: expected an integer in [1, 65536], got 70000");
  EXPECT_THAT(root.GetInt("half", 1, 9).error().message, HasSubstr("got 1.5"));
  EXPECT_FALSE(root.GetInt("huge", INT64_MIN, INT64_MAX).ok());
  EXPECT_EQ(root.GetString("absent").error().message, R"(config.json: field "absent" is missing)");
  const JsonView deep = root.Get("list")->at(0).Get("a b")->at(0);
  EXPECT_EQ(deep.String().error().message,
            R"(config.json: list[0]."a b"[0]: expected a string, got true)");
  EXPECT_EQ(root.Array().error().message, "config.json: expected an array, got an object");
  const auto request = JsonDocument::Parse(R"({"texts": [1]})", "");
  EXPECT_EQ(request->root().Get("texts")->at(0).String().error().message,
            "texts[0]: expected a string, got 1");
}

TEST(Json, LoneSurrogatesAreReplacementCharacters) {
  const std::string r = "\xEF\xBF\xBD";
  const std::pair<const char*, std::string> cases[] = {
      {R"(abc \ud83d)", "abc " + r},
      {R"(\ud83dx)", r + "x"},
      {R"(\ude00)", r},
      {R"(\uDE00\uD83D)", r + r},
      {R"(\ud83d\ud83d\ude00)", r + "\xF0\x9F\x98\x80"},
      {R"(\ud83d\n)", r + "\n"},
      {R"(\ud83d\u0041)", r + "A"},
      {R"(\ud83d\\ude00)", r + "\\ude00"},
      {R"(\\\ud83d\"\ud83d)", "\\" + r + "\"" + r},
      {R"(\\ud83d)", "\\ud83d"},  // an escaped backslash, and letters
  };
  for (const auto& [written, text] : cases) {
    const auto document =
        MustParse(std::string(R"({"a\"": "b", "t": [")") + written + R"(", "z"]})");
    const JsonView list = document.root().Get("t").value();
    EXPECT_EQ(list.at(0).String().value(), text) << written;
    EXPECT_EQ(list.at(1).Name().value(), "z");
    EXPECT_EQ(list.at(0).Describe(), QuoteForMessage(text));
    const auto name = list.at(0).Name();
    EXPECT_EQ(name.ok(), text.find(r) == text.npos) << written;
    if (!name.ok()) EXPECT_THAT(name.error().message, HasSubstr("t[0]: lone surrogate in "));
  }
  // The character itself is a name like others.
  EXPECT_EQ(MustParse("\"" + r + "\"").root().Name().value(), r);
  EXPECT_EQ(MustParse(R"("\ufffd")").root().Name().value(), r);
}

TEST(Json, LoneSurrogatesDoNotHideOtherFaults) {
  EXPECT_EQ(ErrorOf(R"({"a": 1, "b\ud83d": 2})"),
            "config.json: lone surrogate in the name of a member at column 18");
  EXPECT_THAT(ErrorOf(R"(["\ud83d", nope])"), HasSubstr("not valid JSON at column 12"));
  EXPECT_THAT(ErrorOf(R"(["\ud83d)"), HasSubstr("not valid JSON"));
  EXPECT_THAT(ErrorOf(R"(["\ud8", 1])"), HasSubstr("not valid JSON"));
  EXPECT_THAT(ErrorOf("[\"\\ud83d\", \"\xff\"]"), HasSubstr("not valid JSON"));
  EXPECT_THAT(ErrorOf(R"(["\ud83d", 1, 2])", {.max_values = 2}), HasSubstr("more than 2"));
}

TEST(Json, HostileNamesAreCutAndEscapedInMessages) {
  const auto document = MustParse("{\"" + std::string(5000, 'k') + "\": 1, \"a\\u001b[2J\": 2}");
  EXPECT_LT(document.root().at(0).Bool().error().message.size(), 200u);
  const std::string message = document.root().at(1).Bool().error().message;
  EXPECT_EQ(message.find('\x1b'), std::string::npos) << message;
}

TEST(Json, QuotedTextIsCutByWhatIsShown) {
  EXPECT_EQ(QuoteForMessage(std::string(64, 'x')), '"' + std::string(64, 'x') + '"');
  EXPECT_EQ(QuoteForMessage(std::string(65, 'x')), '"' + std::string(64, 'x') + "...\"");
  const std::string control = QuoteForMessage(std::string(100, '\0'));
  EXPECT_LE(control.size(), 69u) << control;
  EXPECT_TRUE(control.ends_with("\\u0000...\"")) << control;
  const std::string wide = QuoteForMessage(std::string(63, 'x') + "\u00e9");
  EXPECT_EQ(wide, '"' + std::string(63, 'x') + "...\"");
  for (const char byte : {'\x80', '\xe2', '\xff'})  // no UTF-8: each is a replacement of 3 bytes
    EXPECT_LE(QuoteForMessage(std::string(100, byte)).size(), 69u);
}

TEST(Json, LastOfEqualNamesWins) {
  const auto small = MustParse(R"({"a": 1, "b": 5, "a": 2})");
  EXPECT_EQ(small.root().GetInt("a", 0, 9).value(), 2);
  std::string text = "{\"a\": 1";
  for (int i = 0; i < 1000; ++i)
    text += ", \"k" + std::to_string(i) + "\": 0";  // past the size where lookup hashes
  EXPECT_EQ(MustParse(text + ", \"a\": 2}").root().GetInt("a", 0, 9).value(), 2);
}

TEST(Json, UniqueNamesOnDemand) {
  JsonLimits limits;
  limits.unique_names = true;
  EXPECT_EQ(ErrorOf(R"({"a": {"a": 1}, "b": [{"a": 2}]})", limits), "(parsed)");
  EXPECT_THAT(ErrorOf(R"([{"b": {"a": 1, "a": 1}}])", limits), HasSubstr("same name twice"));
}

TEST(Json, FilesAreCorruptAndRequestsInvalid) {
  for (const char* text : {"[", "[[[["}) {
    EXPECT_EQ(JsonDocument::Parse(text, "x.json").error().code, Code::kCorrupt);
    EXPECT_EQ(JsonDocument::Parse(text, "").error().code, Code::kInvalidArgument);
  }
  EXPECT_EQ(JsonDocument::Parse("[]", "x.json")->root().GetInt("a", 0, 1).error().code,
            Code::kCorrupt);
  EXPECT_EQ(JsonDocument::Parse("{}", "")->root().GetInt("a", 0, 1).error().code,
            Code::kInvalidArgument);
}

TEST(Json, ErrorsSayWhere) {
  EXPECT_THAT(ErrorOf("{\n  \"a\": 1,\n  \"b\" 2\n}"),
              HasSubstr("config.json: not valid JSON at line 3, column 7"));
  EXPECT_THAT(ErrorOf(""), HasSubstr("not valid JSON at column 1"));
  for (const char* text : {"{\"a\": NaN}", "[Infinity]", "[-Infinity]", "NaN"}) {
    EXPECT_THAT(ErrorOf(text), HasSubstr("NaN and Infinity are not JSON")) << text;
  }
  EXPECT_THAT(ErrorOf("[1e400]"), HasSubstr("too large for a double"));
  EXPECT_THAT(ErrorOf("{} x"), HasSubstr("not valid JSON at column 4"));
}

TEST(Json, Limits) {
  JsonLimits limits;
  limits.max_depth = 3;
  limits.max_bytes = 20;
  limits.max_values = 5;
  EXPECT_EQ(ErrorOf("[[[1]]]", limits), "(parsed)");
  EXPECT_THAT(ErrorOf("[[[[1]]]]", limits), HasSubstr("nested deeper than 3"));
  EXPECT_THAT(ErrorOf("[                     ]", limits), HasSubstr("23 bytes of JSON, limit 20"));
  EXPECT_EQ(ErrorOf("[1,2,3,4]", limits), "(parsed)");
  EXPECT_THAT(ErrorOf("[1,2,3,4,5]", limits), HasSubstr("more than 5 JSON values"));
  EXPECT_THAT(ErrorOf(std::string(100000, '[')), HasSubstr("nested deeper than 64"));
}

TEST(Json, NumbersAreRoundedToNearest) {
  // Each of these comes out wrong where mantissa and power of ten are rounded apart.
  for (const char* text :
       {"-3.4635426998138428", "0.30000000000000004", "1.7976931348623157e308", "5e-324", "1e23",
        "9007199254740993.0", "123456789012345678901234567890", "2.2250738585072014e-308"}) {
    const auto document = MustParse(text);
    EXPECT_EQ(document.root().Number().value(), std::strtod(text, nullptr)) << text;
  }
  std::mt19937_64 random(1);
  for (int i = 0; i < 20000; ++i) {
    const double value = std::bit_cast<double>(random());
    if (!std::isfinite(value)) continue;
    std::string text;
    JsonWriter(&text).Double(value);
    EXPECT_EQ(MustParse(text).root().Number().value(), value) << text;
  }
}

TEST(Json, NegativeZeroKeepsItsSign) {
  for (const char* text : {"-0", "-0.0", "-0e5"}) {
    const auto document = MustParse(text);
    EXPECT_TRUE(std::signbit(document.root().Number().value())) << text;
    EXPECT_EQ(document.root().Int(0, 1).value(), 0) << text;
  }
  EXPECT_FALSE(std::signbit(MustParse("0").root().Number().value()));
  std::string out;
  JsonWriter(&out).Float(-0.0f);
  EXPECT_EQ(out, "-0");
}

TEST(Json, UnderflowIsZero) { EXPECT_EQ(MustParse("1e-400").root().Number().value(), 0.0); }

TEST(JsonWriter, NestsAndEscapes) {
  std::string out;
  JsonWriter writer(&out);
  writer.BeginObject();
  writer.Key("a\"\n");
  writer.BeginArray();
  writer.Int(-1);
  writer.Uint(UINT64_MAX);
  writer.BeginObject();
  writer.EndObject();
  writer.Null();
  writer.Bool(true);
  writer.EndArray();
  writer.Key("s");
  writer.String(std::string_view("\0\x1f/\xC3\xA9\x7f\\", 7));
  writer.Key("r");
  writer.Raw("[0]");
  writer.EndObject();
  EXPECT_EQ(out,
            "{\"a\\\"\\n\":[-1,18446744073709551615,{},null,true],\"s\":\"\\u0000\\u001f/"
            "\xC3\xA9\x7f\\\\\",\"r\":[0]}");
  EXPECT_TRUE(JsonDocument::Parse(out, "").ok());
}

TEST(JsonWriter, RepairsUtf8) {
  const auto written = [](std::string_view text) {
    std::string out;
    JsonWriter(&out).String(text);
    return out;
  };
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(written("a\xFFz"), "\"a" + r + "z\"");
  EXPECT_EQ(written("\xE2\x82"), "\"" + r + "\"");              // cut: one replacement
  EXPECT_EQ(written("\xC0\x80"), "\"" + r + r + "\"");          // overlong
  EXPECT_EQ(written("\xED\xA0\x80"), "\"" + r + r + r + "\"");  // surrogate
  EXPECT_EQ(written("\xF4\x90\x80\x80"), "\"" + r + r + r + r + "\"");
  EXPECT_EQ(written("\xE2\x82\xAC\xF0\x9F\x98\x80"), "\"\xE2\x82\xAC\xF0\x9F\x98\x80\"");
  // Whatever the bytes, a strict parser takes the outcome.
  std::mt19937 random(2);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(random() % 12, '\0');
    for (char& c : bytes)
      c = static_cast<char>(random() % 3 == 0 ? random() : 0xE0 + random() % 32);
    EXPECT_EQ(ErrorOf(written(bytes)), "(parsed)");
  }
}

TEST(JsonWriter, FloatsReadBackToTheSameBits) {
  std::vector<float> values = {0.0f, -0.0f, 1.0f, 0.1f, -1e-12f, 3.4028235e38f, 1e-45f};
  std::mt19937 random(3);
  for (int i = 0; i < 1000; ++i)
    values.push_back(std::bit_cast<float>(static_cast<uint32_t>(random())));
  for (float& value : values) value = std::isfinite(value) ? value : 0.5f;
  std::string out;
  JsonWriter(&out).Floats(values);
  const auto document = MustParse(out);
  ASSERT_EQ(document.root().size(), values.size());
  for (size_t i = 0; i < values.size(); ++i) {
    const auto read = static_cast<float>(document.root().at(i).Number().value());
    EXPECT_EQ(std::bit_cast<uint32_t>(read), std::bit_cast<uint32_t>(values[i])) << values[i];
  }
}

TEST(JsonWriter, NonFiniteIsNull) {
  std::string out;
  const float values[] = {1.5f, NAN, INFINITY};
  JsonWriter(&out).Floats(values);
  EXPECT_EQ(out, "[1.5,null,null]");
}

}  // namespace
}  // namespace minnow
