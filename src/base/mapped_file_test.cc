// SPDX-License-Identifier: Apache-2.0
#include "base/mapped_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

namespace minnow {
namespace {

namespace fs = std::filesystem;

class MappedFileTest : public testing::Test {
 protected:
  MappedFileTest() {
    directory_ = fs::path(testing::TempDir()) /
                 ("mapped_file_" + std::to_string(::getpid()) +
                  testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(directory_);
  }
  ~MappedFileTest() override { fs::remove_all(directory_); }

  std::string Path(const char* name) const { return (directory_ / name).string(); }
  void Write(const char* name, const std::string& text) const {
    std::ofstream(Path(name), std::ios::binary) << text;
  }

  fs::path directory_;
};

TEST_F(MappedFileTest, HoldsTheBytesAcrossMovesAndRelease) {
  const std::string text(20000, 'm');
  Write("file", text);
  auto opened = MappedFile::Open(Path("file"));
  ASSERT_TRUE(opened.ok());
  const MappedFile file = std::move(opened).value();
  file.Release(file.bytes());
  ASSERT_EQ(file.bytes().size(), text.size());
  EXPECT_EQ(0, std::memcmp(file.bytes().data(), text.data(), text.size()));
}

TEST_F(MappedFileTest, ReadsCopiesInsideItsRange) {
  Write("file", "0123456789");
  const auto whole = MappedFile::OpenRange(Path("file"), 2, 6);
  ASSERT_TRUE(whole.ok());
  std::string out(3, ' ');
  EXPECT_TRUE(whole->ReadAt(1, std::as_writable_bytes(std::span(out))));
  EXPECT_EQ(out, "345");
  EXPECT_FALSE(whole->ReadAt(4, std::as_writable_bytes(std::span(out))));
  EXPECT_FALSE(whole->ReadAt(UINT64_MAX, std::as_writable_bytes(std::span(out))));
  fs::resize_file(Path("file"), 5);
  EXPECT_FALSE(whole->ReadAt(1, std::as_writable_bytes(std::span(out))));
}

TEST_F(MappedFileTest, DataOfTheProgramIsNotCopied) {
  static constexpr char kData[] = "0123456789";
  {
    const MappedFile file = MappedFile::OfProgram(std::as_bytes(std::span(kData)), "the data");
    const MappedFile moved = MappedFile(MappedFile::OfProgram(file.bytes(), "moved"));
    EXPECT_EQ(static_cast<const void*>(moved.bytes().data()), kData);
    EXPECT_EQ(file.path(), "the data");
    std::string out(3, ' ');
    EXPECT_TRUE(file.ReadAt(8, std::as_writable_bytes(std::span(out))));
    EXPECT_EQ(out, std::string("89\0", 3));
    EXPECT_FALSE(file.ReadAt(9, std::as_writable_bytes(std::span(out))));
  }
  EXPECT_EQ(kData[9], '9');
}

TEST_F(MappedFileTest, EmptyFile) {
  Write("empty", "");
  auto opened = MappedFile::Open(Path("empty"));
  ASSERT_TRUE(opened.ok());
  EXPECT_TRUE(opened->bytes().empty());
}

TEST_F(MappedFileTest, WhatIsNoFileIsNamedAndNeverWaitedFor) {
  EXPECT_EQ(MappedFile::Open(Path("absent")).error().code, Code::kNotFound);
  EXPECT_EQ(MappedFile::Open(directory_.string()).error().code, Code::kInvalidArgument);
  ASSERT_EQ(0, ::mkfifo(Path("fifo").c_str(), 0600));
  const auto fifo = MappedFile::Open(Path("fifo"));
  ASSERT_FALSE(fifo.ok());
  EXPECT_EQ(fifo.error().code, Code::kInvalidArgument);
  EXPECT_NE(fifo.error().message.find(Path("fifo")), std::string::npos);
  EXPECT_FALSE(ReadSmallFile(Path("fifo"), 100).ok());
}

TEST_F(MappedFileTest, SmallFilesHaveALimit) {
  Write("small", "0123456789");
  EXPECT_EQ(ReadSmallFile(Path("small"), 10).value(), "0123456789");
  const auto large = ReadSmallFile(Path("small"), 9);
  ASSERT_FALSE(large.ok());
  EXPECT_NE(large.error().message.find("10 bytes, limit 9"), std::string::npos);
}

}  // namespace
}  // namespace minnow
