// SPDX-License-Identifier: Apache-2.0
// Safetensors files, honest and lying.
#include "formats/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace minnow {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

// A safetensors file made of this header and this many zero bytes of data.
std::string File(const std::string& header, size_t data_bytes, uint64_t lie_about_length = 0) {
  const uint64_t length = lie_about_length != 0 ? lie_about_length : header.size();
  std::string bytes(8, '\0');
  for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<char>(length >> (8 * i));
  return bytes + header + std::string(data_bytes, '\0');
}

Result<SafetensorsHeader> Parse(const std::string& bytes) {
  return ParseSafetensorsHeader(std::as_bytes(std::span(bytes)), "m.safetensors");
}

// The first thing wrong, as Checkpoint would tell it.
Error ErrorOf(const std::string& bytes) {
  const auto header = Parse(bytes);
  if (!header.ok()) return header.error();
  if (!header->problems.empty()) return header->problems.front();
  return Error{Code::kInternal, "(accepted)"};
}

std::string Tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
         ",\"data_offsets\":" + offsets + "}";
}

std::string One(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return "{" + Tensor("a.b", dtype, shape, offsets) + "}";
}

class CheckpointFiles : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    directory_ = fs::path(testing::TempDir()) / (std::string("minnow_checkpoint_") + info->name());
    fs::remove_all(directory_);
    fs::create_directories(directory_);
  }
  void TearDown() override { fs::remove_all(directory_); }

  void Write(const std::string& name, const std::string& bytes) {
    std::ofstream(directory_ / name, std::ios::binary) << bytes;
  }
  Error OpenError() {
    const auto checkpoint = Checkpoint::OpenDirectory(directory_.string());
    return checkpoint.ok() ? Error{Code::kInternal, "(accepted)"} : checkpoint.error();
  }

  fs::path directory_;
};

TEST(Safetensors, ReadsTensorsInTheOrderOfTheirBytes) {
  const auto header = Parse(File(
      "{\"__metadata__\":{\"format\":\"pt\"}," + Tensor("z", "F16", "[2,3]", "[4,16]") + "," +
          Tensor("y", "F32", "[]", "[0,4]") + "," + Tensor("e", "I64", "[0,7]", "[4,4]") + "}   ",
      12 + 4));
  ASSERT_TRUE(header.ok()) << header.error().message;
  EXPECT_TRUE(header->problems.empty());
  ASSERT_EQ(header->tensors.size(), 3u);
  EXPECT_EQ(header->tensors[0].name, "y");
  EXPECT_EQ(header->tensors[1].name, "e");
  EXPECT_EQ(header->tensors[2].name, "z");
  EXPECT_EQ(header->tensors[2].end - header->tensors[2].begin, 12u);
  EXPECT_EQ(header->tensors[2].shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(header->metadata.at("format"), "pt");
}

TEST(Safetensors, EveryTypeHasItsSize) {
  const std::pair<const char*, int> types[] = {
      {"F64", 8}, {"F32", 4}, {"F16", 2}, {"BF16", 2}, {"I64", 8}, {"I32", 4}, {"I16", 2},
      {"I8", 1},  {"U64", 8}, {"U32", 4}, {"U16", 2},  {"U8", 1},  {"BOOL", 1}};
  for (const auto& [name, bytes] : types) {
    const auto header = Parse(File(One(name, "[3]", "[0," + std::to_string(3 * bytes) + "]"),
                                   static_cast<size_t>(3 * bytes)));
    ASSERT_TRUE(header.ok() && header->problems.empty()) << name;
    EXPECT_STREQ(TensorTypeName(header->tensors[0].type), name);
  }
}

TEST(Safetensors, LyingHeaderLength) {
  EXPECT_THAT(ErrorOf("").message, HasSubstr("m.safetensors: 0 bytes: too short"));
  EXPECT_THAT(ErrorOf("1234567").message, HasSubstr("7 bytes: too short"));
  EXPECT_THAT(ErrorOf(File("{}", 0, 3)).message,
              HasSubstr("header of 3 bytes in a file of 10: the file was cut short"));
  EXPECT_THAT(ErrorOf(File("{}", 0, 100'000'000)).message, HasSubstr("cut short"));
  EXPECT_THAT(ErrorOf(File("{}", 0, 100'000'001)).message, HasSubstr("limit 100000000"));
  EXPECT_THAT(ErrorOf(File("{}", 0, UINT64_MAX)).message,
              HasSubstr("header of 18446744073709551615 bytes"));
  EXPECT_THAT(ErrorOf(File("{}", 0, uint64_t{1} << 63)).message, HasSubstr("limit 100000000"));
  EXPECT_THAT(ErrorOf(std::string(8, '\0')).message, HasSubstr("does not start with {"));
}

TEST(Safetensors, LyingHeaderText) {
  EXPECT_THAT(ErrorOf(File(" {}", 0)).message, HasSubstr("does not start with {"));
  EXPECT_THAT(ErrorOf(File("{\"a\":", 0)).message, HasSubstr("not valid JSON"));
  EXPECT_THAT(ErrorOf(File("{\"\xFF\":1}", 0)).message, HasSubstr("not valid JSON"));
  EXPECT_THAT(ErrorOf(File("{\"a\":1,\"a\":1}", 0)).message, HasSubstr("same name twice"));
  EXPECT_THAT(ErrorOf(File("{\"a\":" + std::string(50000, '['), 0)).message,
              HasSubstr("nested deeper"));
  EXPECT_THAT(ErrorOf(File("{\"a\":1}", 0)).message, HasSubstr("expected an object, got 1"));
  EXPECT_THAT(ErrorOf(File("{\"a\":{}}", 0)).message, HasSubstr("a: field \"dtype\" is missing"));
  EXPECT_THAT(ErrorOf(File("{\"__metadata__\":[]}", 0)).message,
              HasSubstr("__metadata__: expected an object"));
  EXPECT_THAT(ErrorOf(File("{\"__metadata__\":{\"a\":1}}", 0)).message,
              HasSubstr("expected a string, got 1"));
}

TEST(Safetensors, UnknownTypesAreUnsupportedAndNamed) {
  for (const char* dtype : {"F8_E4M3", "F8_E5M2", "F4", "C64", "f32", ""}) {
    const Error error = ErrorOf(File(One(dtype, "[1]", "[0,1]"), 1));
    EXPECT_EQ(error.code, Code::kUnsupported);
    EXPECT_THAT(error.message, HasSubstr("m.safetensors: header: \"a.b\".dtype: tensor type"));
    EXPECT_THAT(error.message, HasSubstr(dtype));
  }
}

TEST(Safetensors, LyingShapes) {
  EXPECT_THAT(ErrorOf(File(One("F32", "[-1]", "[0,4]"), 4)).message,
              HasSubstr("shape[0]: expected an integer >= 0, got -1"));
  EXPECT_THAT(ErrorOf(File(One("F32", "[1.5]", "[0,4]"), 4)).message, HasSubstr("got 1.5"));
  EXPECT_THAT(ErrorOf(File(One("F32", "7", "[0,4]"), 4)).message, HasSubstr("expected an array"));
  EXPECT_THAT(ErrorOf(File(One("F32", "[18446744073709551616]", "[0,4]"), 4)).message,
              HasSubstr("expected an integer"));
  // 2^32 * 2^32 = 0 modulo 2^64: a product that wraps must not match 0 bytes.
  EXPECT_THAT(ErrorOf(File(One("U8", "[4294967296,4294967296]", "[0,0]"), 0)).message,
              HasSubstr("overflows"));
  EXPECT_THAT(ErrorOf(File(One("F64", "[2305843009213693952]", "[0,0]"), 0)).message,
              HasSubstr("overflows"));
  EXPECT_THAT(ErrorOf(File(One("U8", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "[0,1]"), 1)).message,
              HasSubstr("17 dimensions, limit 16"));
}

TEST(Safetensors, LyingOffsets) {
  EXPECT_THAT(ErrorOf(File(One("U8", "[4]", "[0,5]"), 5)).message,
              HasSubstr("5 bytes in data_offsets, but shape and dtype need 4"));
  EXPECT_THAT(ErrorOf(File(One("U8", "[4]", "[5,4]"), 4)).message, HasSubstr("data_offsets[0]"));
  EXPECT_THAT(ErrorOf(File(One("U8", "[4]", "[4,0]"), 4)).message,
              HasSubstr("expected an integer in [4, 4], got 0"));
  EXPECT_THAT(ErrorOf(File(One("U8", "[4]", "[-4,0]"), 4)).message, HasSubstr("got -4"));
  EXPECT_THAT(ErrorOf(File(One("U8", "[4]", "[0]"), 4)).message,
              HasSubstr("expected [begin, end]"));
  EXPECT_THAT(ErrorOf(File(One("U8", "[4]", "[0,18446744073709551615]"), 4)).message,
              HasSubstr("data_offsets[1]"));
  EXPECT_THAT(ErrorOf(File(One("F32", "[4]", "[0,4]"), 4)).message,
              HasSubstr("4 bytes in data_offsets, but shape and dtype need 16"));
}

TEST(Safetensors, CutOffFilesSayHowMuchIsThere) {
  const std::string whole = File(
      "{" + Tensor("a", "U8", "[4]", "[0,4]") + "," + Tensor("b", "U8", "[4]", "[4,8]") + "}", 8);
  const auto header = Parse(whole.substr(0, whole.size() - 5));
  ASSERT_TRUE(header.ok());
  ASSERT_EQ(header->problems.size(), 1u);
  EXPECT_THAT(header->problems.front().message,
              HasSubstr("is cut off: " + std::to_string(whole.size() - 5) + " bytes of " +
                        std::to_string(whole.size())));
  EXPECT_TRUE(header->tensors.empty());
  // Offsets that no file has, neither.
  EXPECT_THAT(ErrorOf(File(One("U8", "[4]", "[0,9223372036854775807]"), 4)).message,
              HasSubstr("is cut off"));
}

TEST(Safetensors, HolesAndOverlapsAreRefused) {
  const auto two = [](const char* first, const char* second, size_t data) {
    return ErrorOf(File("{" + Tensor("a", "U8", "[4]", first) + "," +
                            Tensor("b", "U8", "[4]", second) + "}",
                        data))
        .message;
  };
  EXPECT_THAT(two("[0,4]", "[4,8]", 8), HasSubstr("(accepted)"));
  EXPECT_THAT(two("[0,4]", "[3,7]", 7), HasSubstr("\"b\" overlaps"));
  EXPECT_THAT(two("[0,4]", "[0,4]", 4), HasSubstr("\"b\" overlaps"));
  EXPECT_THAT(two("[0,4]", "[5,9]", 9), HasSubstr("\"b\" leaves a hole"));
  EXPECT_THAT(two("[1,5]", "[5,9]", 9), HasSubstr("\"a\" leaves a hole"));
  EXPECT_THAT(two("[0,4]", "[4,8]", 9), HasSubstr("1 bytes after the last tensor"));
}

TEST(Safetensors, AllProblemsAreReported) {
  const auto header = Parse(File("{" + Tensor("a", "F8_E4M3", "[4]", "[0,4]") + "," +
                                     Tensor("b", "U8", "[4]", "[4,8]") + "," +
                                     Tensor("c", "U8", "[5]", "[8,12]") + "}",
                                 12));
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(header->problems.size(), 2u);
  EXPECT_EQ(header->tensors.size(), 1u);
}

TEST_F(CheckpointFiles, OneFile) {
  Write("model.safetensors", File(One("F32", "[2,3]", "[0,24]"), 24));
  auto opened = Checkpoint::OpenDirectory(directory_.string());
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  const Checkpoint checkpoint = std::move(opened).value();  // views survive the move
  const int64_t shape[] = {2, -1};
  const auto tensor = checkpoint.Get("a.b", shape);
  ASSERT_TRUE(tensor.ok()) << tensor.error().message;
  EXPECT_EQ((*tensor)->name, "a.b");
  EXPECT_EQ((*tensor)->elements(), 6);
  EXPECT_EQ((*tensor)->data.size(), 24u);
  EXPECT_EQ((*tensor)->ShapeString(), "[2, 3]");
  const int64_t wrong[] = {3, -1};
  EXPECT_THAT(checkpoint.Get("a.b", wrong).error().message,
              HasSubstr("model.safetensors: tensor \"a.b\": shape [2, 3], expected [3, any]"));
  const auto absent = checkpoint.Get("x", shape);
  EXPECT_EQ(absent.error().code, Code::kNotFound);
  EXPECT_THAT(absent.error().message, HasSubstr("no tensor \"x\""));
}

TEST_F(CheckpointFiles, FileCutShort) {
  std::string bytes = File(One("F32", "[2,3]", "[0,24]"), 24);
  for (size_t size = 0; size < bytes.size(); ++size) {
    Write("model.safetensors", bytes.substr(0, size));
    EXPECT_EQ(OpenError().code, Code::kCorrupt) << size << " bytes";
  }
}

TEST_F(CheckpointFiles, WrongThingInItsPlace) {
  EXPECT_EQ(OpenError().code, Code::kNotFound);
  EXPECT_THAT(OpenError().message,
              HasSubstr("no model.safetensors and no model.safetensors.index.json"));
  Write("pytorch_model.bin", "x");
  EXPECT_EQ(OpenError().code, Code::kUnsupported);
  EXPECT_THAT(OpenError().message, HasSubstr("pickles"));
  fs::create_directory(directory_ / "model.safetensors");
  EXPECT_THAT(OpenError().message, HasSubstr("model.safetensors: not a regular file"));
}

TEST_F(CheckpointFiles, LfsPointer) {
  Write("model.safetensors",
        "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 90868376\n");
  EXPECT_EQ(OpenError().code, Code::kCorrupt);
  EXPECT_THAT(OpenError().message, HasSubstr("is a Git LFS pointer, not the weights"));
}

TEST(CheckpointData, LfsPointersOfARealRepository) {
  const char* data = std::getenv("MINNOW_DATA");
  const fs::path root =
      data != nullptr ? fs::path(data) : fs::path(MINNOW_SOURCE_DIR) / ".." / "shared" / "data";
  const fs::path directory = root / "hf_layout_minilm" / "lfs_pointers";
  if (!fs::exists(directory)) GTEST_SKIP() << directory << " is absent";
  EXPECT_THAT(Checkpoint::OpenDirectory(directory.string()).error().message,
              HasSubstr("is a Git LFS pointer"));
}

TEST(CheckpointData, RealFileOfAnotherModel) {
  const char* data = std::getenv("MINNOW_DATA");
  const fs::path root =
      data != nullptr ? fs::path(data) : fs::path(MINNOW_SOURCE_DIR) / ".." / "shared" / "data";
  const fs::path file = root / "w_taesd_sd" / "taesd_decoder.safetensors";
  if (!fs::exists(file)) GTEST_SKIP() << file << " is absent";
  const auto checkpoint = Checkpoint::OpenFile(file.string());
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  EXPECT_GT(checkpoint->tensors().size(), 10u);
}

TEST_F(CheckpointFiles, Shards) {
  Write("m-1.safetensors", File(One("F32", "[1]", "[0,4]"), 4));
  Write("m-2.safetensors", File("{" + Tensor("c", "U8", "[2]", "[0,2]") + "," +
                                    Tensor("unlisted", "U8", "[1]", "[2,3]") + "}",
                                3));
  const char* index = "model.safetensors.index.json";
  Write(
      index,
      R"({"metadata":{"total_size":6},"weight_map":{"a.b":"m-1.safetensors","c":"m-2.safetensors"}})");
  const auto checkpoint = Checkpoint::OpenDirectory(directory_.string());
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->tensors().size(), 2u);
  EXPECT_EQ(checkpoint->files().size(), 2u);

  Write(index, R"({"weight_map":{"a.b":"m-1.safetensors","d":"m-2.safetensors"}})");
  EXPECT_THAT(OpenError().message, HasSubstr("tensor \"d\" is not in m-2.safetensors"));
  Write(index, R"({"weight_map":{"a.b":"m-1.safetensors","c":"m-3.safetensors"}})");
  EXPECT_EQ(OpenError().code, Code::kNotFound);
  EXPECT_THAT(OpenError().message, HasSubstr("m-3.safetensors"));
}

TEST_F(CheckpointFiles, ExamineGoesOnAfterAProblem) {
  Write("m-1.safetensors",
        File("{" + Tensor("a", "F8_E4M3", "[1]", "[0,1]") + "," +
                 Tensor("b", "U8", "[1]", "[1,2]") + "," + Tensor("c", "U8", "[3]", "[2,3]") + "}",
             3));
  Write(
      "model.safetensors.index.json",
      R"({"weight_map":{"a":"m-1.safetensors","b":"m-1.safetensors","c":"m-1.safetensors","d":"m-2.safetensors"}})");
  std::vector<Error> problems;
  const Checkpoint checkpoint = Checkpoint::Examine(directory_.string(), problems);
  EXPECT_EQ(checkpoint.tensors().size(), 1u);
  ASSERT_EQ(problems.size(), 3u);
  EXPECT_THAT(problems[0].message, HasSubstr("F8_E4M3"));
  EXPECT_THAT(problems[1].message, HasSubstr("shape and dtype need 3"));
  EXPECT_THAT(problems[2].message, HasSubstr("m-2.safetensors"));
  EXPECT_EQ(OpenError().message, problems[0].message);
}

TEST_F(CheckpointFiles, ShardNamesStayInTheDirectory) {
  for (const char* name :
       {"../m-1.safetensors", "/etc/passwd", "..", ".", "", "a/b", "a\\\\b", "a\\u0000b"}) {
    Write("model.safetensors.index.json", std::string(R"({"weight_map":{"a":")") + name + "\"}}");
    EXPECT_THAT(OpenError().message, HasSubstr("weight_map.a: shard")) << name;
    EXPECT_EQ(OpenError().code, Code::kCorrupt);
  }
}

TEST_F(CheckpointFiles, BrokenIndex) {
  const char* index = "model.safetensors.index.json";
  Write(index, "{}");
  EXPECT_THAT(OpenError().message, HasSubstr("field \"weight_map\" is missing"));
  Write(index, R"({"weight_map":[]})");
  EXPECT_THAT(OpenError().message, HasSubstr("expected an object"));
  Write(index, R"({"weight_map":{}})");
  EXPECT_THAT(OpenError().message, HasSubstr("names no tensor"));
  Write(index, R"({"weight_map":{"a":1}})");
  EXPECT_THAT(OpenError().message, HasSubstr("weight_map.a: expected a string"));
  std::string many = R"({"weight_map":{"t":"s")";
  for (int i = 0; i < 1001; ++i)
    many += ",\"t" + std::to_string(i) + "\":\"s" + std::to_string(i) + "\"";
  Write(index, many + "}}");
  EXPECT_THAT(OpenError().message, HasSubstr("more than 1000 shards"));
}

}  // namespace
}  // namespace minnow
