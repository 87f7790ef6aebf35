// SPDX-License-Identifier: Apache-2.0
#include "base/temporary_folder.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

namespace minnow {
namespace {

namespace fs = std::filesystem;

class TemporaryFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(testing::TempDir()) / ("temporary-folder-" + std::to_string(::getpid()));
    fs::create_directories(root_);
    ::setenv("TMPDIR", root_.c_str(), 1);
  }
  void TearDown() override {
    ::unsetenv("TMPDIR");
    fs::remove_all(root_);
  }

  size_t Folders() const {
    return static_cast<size_t>(std::distance(fs::directory_iterator(root_), {}));
  }
  // As if they were made long ago.
  void Age() const {
    const timespec times[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
    for (const auto& entry : fs::directory_iterator(root_)) {
      ASSERT_EQ(::utimensat(AT_FDCWD, entry.path().c_str(), times, 0), 0);
    }
  }
  // A process makes a folder with a file in it, and ends in that way.
  static void EndIn(const std::function<void()>& end) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::alarm(30);
      const auto folder = TemporaryFolder::Make();
      std::ofstream((*folder)->path() + "/file") << "x";
      end();
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }

  fs::path root_;
};

TEST_F(TemporaryFolderTest, GoesWithItsOwner) {
  {
    const auto folder = TemporaryFolder::Make();
    ASSERT_TRUE(folder.ok()) << folder.error().message;
    EXPECT_TRUE((*folder)->path().starts_with(root_.string()));
    std::ofstream((*folder)->path() + "/file") << "x";
    EXPECT_EQ(Folders(), 1u);
  }
  EXPECT_EQ(Folders(), 0u);
}

TEST_F(TemporaryFolderTest, GoesWithAnExitWithoutDestructors) {
  EndIn([] {
    TemporaryFolder::RemoveAll();
    ::_exit(TemporaryFolder::Make().ok() ? 1 : 0);
  });
  EXPECT_EQ(Folders(), 0u);
}

TEST_F(TemporaryFolderTest, OfAKilledProcessGoesWithTheNext) {
  EndIn([] { ::_exit(0); });
  ASSERT_EQ(Folders(), 1u);
  const auto young = TemporaryFolder::Make();  // may be about to be locked
  EXPECT_EQ(Folders(), 2u);
  fs::create_directories(root_ / "minnow-of-mine");
  Age();
  const auto next = TemporaryFolder::Make();
  EXPECT_TRUE(fs::exists((*young)->path()));
  EXPECT_TRUE(fs::exists(root_ / "minnow-of-mine"));
  EXPECT_EQ(Folders(), 3u);
}

}  // namespace
}  // namespace minnow
