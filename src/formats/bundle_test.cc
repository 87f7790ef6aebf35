// SPDX-License-Identifier: Apache-2.0
// What a program carries: both versions of the trailer, and every kind of damage to them.
#include "formats/bundle.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "formats/xxh64.h"

namespace minnow {
namespace {

class BundleTest : public testing::Test {
 protected:
  BundleTest()
      : path_(std::filesystem::temp_directory_path() /
              ("minnow_bundle_" + std::to_string(::getpid()))) {}
  ~BundleTest() override { std::filesystem::remove(path_); }

  static std::span<const std::byte> Bytes(const std::string& text) {
    return std::as_bytes(std::span(text));
  }
  std::string Read() const {
    std::ifstream file(path_, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  void Write(const std::string& bytes) const { std::ofstream(path_, std::ios::binary) << bytes; }

  const std::filesystem::path path_;
};

TEST_F(BundleTest, PartsAreFoundWhereTheyAre) {
  const std::string model(5000, 'm');
  const std::string store(100, 's');
  const std::string vectors(7, 'v');
  ASSERT_TRUE(WriteBundle({Bytes(model), Bytes(store), {{3, Bytes(vectors)}}}, path_).ok());
  const auto contents = ReadBundle(path_);
  ASSERT_TRUE(contents.ok()) << contents.error().message;
  const std::string bytes = Read();
  const auto at = [&bytes](const BundledRange& range) {
    EXPECT_EQ(range.offset % 4096, 0u);
    return bytes.substr(range.offset, range.bytes);
  };
  EXPECT_EQ(at(*contents->model), model);
  EXPECT_EQ(at(*contents->store), store);
  ASSERT_EQ(contents->vectors.size(), 1u);
  EXPECT_EQ(at(contents->vectors.at(3)), vectors);
  const auto own = MappedFile::Open(kThisProgram);
  EXPECT_LE(own->bytes().size(), contents->program_bytes);
  EXPECT_EQ(::access(path_.c_str(), X_OK), 0);
}

TEST_F(BundleTest, NothingIsCarried) {
  for (const size_t size : {0, 1, 31, 32, 5000}) {
    Write(std::string(size, 'x'));
    const auto contents = ReadBundle(path_);
    ASSERT_TRUE(contents.ok());
    EXPECT_FALSE(contents->model || contents->store);
    EXPECT_EQ(contents->program_bytes, size);
  }
  EXPECT_EQ(ReadBundle("/nonexistent").error().code, Code::kNotFound);
}

TEST_F(BundleTest, CutOffAnywhereIsNoPlainProgram) {
  const std::string model(9000, 'm');
  ASSERT_TRUE(WriteBundle({Bytes(model), Bytes(model), {}}, path_).ok());
  const std::string whole = Read();
  const size_t program = MappedFile::Open(kThisProgram)->bytes().size();
  for (const size_t left :
       {program + 1, program + 4096, program + 12'000, whole.size() - 33, whole.size() - 1}) {
    Write(whole.substr(0, left));
    const auto contents = ReadBundle(path_);
    ASSERT_FALSE(contents.ok()) << left;
    EXPECT_EQ(contents.error().code, Code::kCorrupt);
    EXPECT_NE(contents.error().message.find(std::to_string(left - program) + " bytes follow"),
              std::string::npos)
        << contents.error().message;
  }
  Write(whole.substr(0, program));
  const auto plain = ReadBundle(path_);
  ASSERT_TRUE(plain.ok());
  EXPECT_FALSE(plain->model || plain->store);
}

TEST_F(BundleTest, TheFirstVersionIsRead) {
  const std::string model(300, 'm');
  uint64_t numbers[3] = {4096, model.size(), 0};
  Xxh64 checksum;
  checksum.Update(std::as_bytes(std::span(numbers)).first(16));
  numbers[2] = checksum.Digest();
  std::string trailer(reinterpret_cast<const char*>(numbers), sizeof numbers);
  Write(std::string(4096, 'p') + model + trailer + "MINNOWB1");
  const auto contents = ReadBundle(path_);
  ASSERT_TRUE(contents.ok()) << contents.error().message;
  EXPECT_EQ(contents->program_bytes, 4096u);
  EXPECT_EQ(contents->model->offset, 4096u);
  EXPECT_EQ(contents->model->bytes, model.size());
  EXPECT_FALSE(contents->store);
}

using Entries = std::vector<std::array<uint64_t, 4>>;

// A file of three pages with a table and trailer whose checksum is right.
std::string WithTable(const Entries& entries) {
  uint64_t trailer[3] = {3 * 4096, entries.size() * 32, 0};
  const std::string table(reinterpret_cast<const char*>(entries.data()), entries.size() * 32);
  Xxh64 checksum;
  checksum.Update(std::as_bytes(std::span(trailer)).first(16));
  checksum.Update(std::as_bytes(std::span(table)));
  trailer[2] = checksum.Digest();
  return std::string(3 * 4096, 'p') + table +
         std::string(reinterpret_cast<const char*>(trailer), sizeof trailer) + "MINNOWB2";
}

TEST_F(BundleTest, DamageIsTold) {
  const std::string whole = WithTable({{1, 0, 4096, 10}, {2, 0, 8192, 4096}});
  for (size_t i = 3 * 4096; i < whole.size() - 8; ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    Write(damaged);
    ASSERT_FALSE(ReadBundle(path_).ok()) << i;
    EXPECT_EQ(ReadBundle(path_).error().code, Code::kCorrupt);
  }
  Write(whole.substr(4096));
  EXPECT_FALSE(ReadBundle(path_).ok());
}

// Entries with a right checksum that point out of the file, or over each other.
TEST_F(BundleTest, LyingTables) {
  const auto write = [this](const Entries& entries) {
    Write(WithTable(entries));
    return ReadBundle(path_).ok();
  };
  EXPECT_TRUE(write({{1, 0, 4096, 10}, {2, 0, 8192, 4096}}));
  EXPECT_TRUE(write({}));
  EXPECT_TRUE(write({{9, 0, 4096, 10}}));  // a kind of part that is not known yet
  EXPECT_FALSE(write({{1, 0, 4097, 10}}));
  EXPECT_FALSE(write({{1, 0, 4096, 8193}}));
  EXPECT_FALSE(write({{1, 0, 4096, UINT64_MAX}}));
  EXPECT_FALSE(write({{1, 0, UINT64_MAX - 4095, 10}}));
  EXPECT_FALSE(write({{1, 0, 8192, 10}, {2, 0, 4096, 10}}));
  EXPECT_FALSE(write({{1, 0, 4096, 5000}, {2, 0, 8192, 10}}));
  EXPECT_FALSE(write({{1, 0, 4096, 10}, {1, 0, 8192, 10}}));
  EXPECT_FALSE(write({{3, 5, 4096, 10}, {3, 5, 8192, 10}}));
}

}  // namespace
}  // namespace minnow
