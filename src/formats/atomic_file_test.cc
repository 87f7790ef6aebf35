// SPDX-License-Identifier: Apache-2.0
#include "formats/atomic_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

namespace minnow {
namespace {

namespace fs = std::filesystem;

// The parameter: whether files without a name are there to be used.
class AtomicFileTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "minnow_atomic_XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }

  Result<AtomicFile> Create(AtomicFile::Mode mode = AtomicFile::Mode::kData) const {
    return AtomicFile::Create(Path(), mode, GetParam());
  }
  std::string Path() const { return folder_ / "file"; }
  static std::span<const std::byte> Bytes(const std::string& text) {
    return std::as_bytes(std::span(text));
  }
  std::string Content() const {
    std::ifstream file(Path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  size_t Entries() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(folder_), {}));
  }

  fs::path folder_;
};

TEST_P(AtomicFileTest, AppearsWholeOrNotAtAll) {
  for (const std::string text : {"first", "the second, longer"}) {
    const std::string before = Content();
    {
      auto dropped = Create();
      ASSERT_TRUE(dropped.ok()) << dropped.error().message;
      ASSERT_TRUE(dropped->Write(Bytes("never seen")).ok());
      EXPECT_EQ(Content(), before);
    }
    auto file = Create();
    ASSERT_TRUE(file.ok()) << file.error().message;
    ASSERT_TRUE(file->Write(Bytes(text)).ok());
    EXPECT_EQ(Content(), before);
    ASSERT_TRUE(file->Commit().ok());
    EXPECT_EQ(Content(), text);
    EXPECT_EQ(Entries(), 1u);
  }
}

TEST_P(AtomicFileTest, PlacesAreFilledInAnyOrder) {
  auto file = Create();
  ASSERT_TRUE(file.ok());
  ASSERT_TRUE(file->WriteAt(4, Bytes("efgh")).ok());
  ASSERT_TRUE(file->Write(Bytes("ab")).ok());
  ASSERT_TRUE(file->WriteAt(2, Bytes("cd")).ok());
  ASSERT_TRUE(file->Commit().ok());
  EXPECT_EQ(Content(), "abcdefgh");
}

TEST_P(AtomicFileTest, HasTheUsualModes) {
  const mode_t mask = ::umask(027);
  for (const auto mode : {AtomicFile::Mode::kData, AtomicFile::Mode::kProgram}) {
    auto file = Create(mode);
    ASSERT_TRUE(file.ok());
    ASSERT_TRUE(file->Commit().ok());
    struct stat info;
    ASSERT_EQ(::stat(Path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, mode == AtomicFile::Mode::kData ? 0640u : 0750u);
  }
  ::umask(mask);
}

// Such a folder cannot be synced, which is no reason to fail.
TEST_P(AtomicFileTest, FoldersThatMayBeWrittenOnly) {
  fs::permissions(folder_, fs::perms(0333));
  const bool root = ::geteuid() == 0 && ::seteuid(65534) == 0;
  {
    auto file = Create();
    EXPECT_TRUE(file.ok() && file->Write(Bytes("whole")).ok() && file->Commit().ok());
  }
  if (root) EXPECT_EQ(::seteuid(0), 0);
  fs::permissions(folder_, fs::perms(0755));
  EXPECT_EQ(Content(), "whole");
}

TEST_P(AtomicFileTest, NothingWithoutANameStaysOfAProcessThatIsKilled) {
  const int nameless = ::open(folder_.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (nameless >= 0) ::close(nameless);
  const bool named = nameless < 0 || !GetParam();
  const pid_t child = ::fork();
  if (child == 0) {
    auto file = Create();
    const bool written = file.ok() && file->Write(Bytes("half")).ok();
    ::_exit(written ? 0 : 1);  // no destructor runs, as after a kill
  }
  int state = 0;
  ASSERT_EQ(::waitpid(child, &state, 0), child);
  EXPECT_EQ(state, 0);
  EXPECT_EQ(Entries(), named ? 1u : 0u);
}

// What a killed process left goes with the next file; what another still writes, and files of other
// names, stay.
TEST_P(AtomicFileTest, LeftoversAreRemoved) {
  const std::string dead = Path() + ".minnow-tmp-0123456789abcdef";
  const std::string others[] = {Path() + ".minnow-tmp-0123456789abcdeg",
                                Path() + ".minnow-tmp-0123456789abcdef0",
                                Path() + ".minnow-tmp-0123456789ABCDEF",
                                Path() + ".minnow-20261121",
                                Path() + ".20261121",
                                folder_ / "fil.minnow-tmp-0123456789abcdef",
                                Path() + "2.minnow-tmp-0123456789abcdef"};
  auto living = Create();
  ASSERT_TRUE(living.ok());
  std::ofstream(dead) << "half";
  for (const std::string& other : others) std::ofstream(other) << "whole";
  fs::create_directory(Path() + ".minnow-tmp-0000000000000000");
  {
    const auto next = Create();
    ASSERT_TRUE(next.ok());
    EXPECT_FALSE(fs::exists(dead));
    // Those with names are there still.
    for (const AtomicFile* file : {&std::as_const(*living), &*next})
      EXPECT_TRUE(file->temporary().empty() || fs::exists(file->temporary()));
  }
  const size_t named = living->temporary().empty() ? 0 : 1;
  EXPECT_EQ(Entries(), 1 + named + std::size(others));
  EXPECT_TRUE(living->Commit().ok());
}

TEST_P(AtomicFileTest, SaysWhatIsInTheWay) {
  const auto folder = AtomicFile::Create(folder_, AtomicFile::Mode::kData, GetParam());
  ASSERT_FALSE(folder.ok());
  EXPECT_EQ(folder.error().code, Code::kInvalidArgument);
  const auto nowhere =
      AtomicFile::Create(folder_ / "none" / "file", AtomicFile::Mode::kData, GetParam());
  ASSERT_FALSE(nowhere.ok());
  EXPECT_EQ(nowhere.error().code, Code::kNotFound);
  EXPECT_NE(nowhere.error().message.find("none/file"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Nameless, AtomicFileTest, testing::Bool());

}  // namespace
}  // namespace minnow
