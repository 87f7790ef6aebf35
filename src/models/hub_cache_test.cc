// SPDX-License-Identifier: Apache-2.0
// Tests of finding a model in Hugging Face's cache.
#include "models/hub_cache.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace minnow {
namespace {

namespace fs = std::filesystem;

class HubCache : public ::testing::Test {
 protected:
  void SetUp() override {
    home_ = fs::path(::testing::TempDir()) / ("hub-cache-test" + std::to_string(::getpid()));
    fs::remove_all(home_);
    model_ = home_ / "hub/models--org--name";
    Write(model_ / "snapshots/aaaa/config.json", "{}");
    Write(model_ / "refs/main", "aaaa\n");
  }
  void TearDown() override { fs::remove_all(home_); }
  static void Write(const fs::path& path, const std::string& text) {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  std::string Find(const std::string& id, const std::string& revision) {
    const auto found = FindInHubCache(home_.string(), id, revision);
    return found.ok() ? fs::path(*found).filename().string() : CodeName(found.error().code);
  }

  fs::path home_;
  fs::path model_;
};

TEST_F(HubCache, RevisionsAndCommits) {
  Write(model_ / "snapshots/bbbb/config.json", "{}");
  Write(model_ / "refs/refs/pr/21", "bbbb");
  EXPECT_EQ(Find("org/name", ""), "aaaa");
  EXPECT_EQ(Find("org/name", "main"), "aaaa");
  EXPECT_EQ(Find("org/name", "refs/pr/21"), "bbbb");
  EXPECT_EQ(Find("org/name", "bbbb"), "bbbb");
  EXPECT_EQ(Find("org/name", "cccc"), "not_found");
  EXPECT_EQ(Find("org/other", ""), "not_found");
  EXPECT_NE(
      FindInHubCache(home_.string(), "org/other", "").error().message.find("models--org--other"),
      std::string::npos);
}

TEST_F(HubCache, WithoutMainTheOnlySnapshot) {
  fs::remove_all(model_ / "refs");
  EXPECT_EQ(Find("org/name", ""), "aaaa");
  EXPECT_EQ(Find("org/name", "main"), "not_found");
  Write(model_ / "snapshots/bbbb/config.json", "{}");
  EXPECT_EQ(Find("org/name", ""), "not_found");
}

TEST_F(HubCache, NamesStayInTheCache) {
  Write(home_ / "elsewhere/config.json", "{}");
  Write(model_ / "refs/evil", "../../../../elsewhere");
  for (const char* bad : {"", "/etc", "../x", "a/../b", "a b", "org/", "a//b"}) {
    EXPECT_EQ(Find(bad, ""), "invalid_argument") << bad;
  }
  EXPECT_EQ(Find("org/name", "../../x"), "invalid_argument");
  EXPECT_EQ(Find("org/name", "evil"), "not_found");
}

TEST_F(HubCache, NameOfADirectory) {
  for (const char* end : {"", "/", "/.", "//"}) {
    EXPECT_EQ(ModelNameOf((model_ / "snapshots/aaaa").string() + end), "org/name") << end;
  }
  EXPECT_EQ(ModelNameOf("/x/models--org--name--small/snapshots/a"), "org/name--small");
  EXPECT_EQ(ModelNameOf("/x/models--alone/snapshots/a"), "alone");
  EXPECT_EQ(ModelNameOf("/x/snapshots/abc"), "abc");
  EXPECT_EQ(ModelNameOf("/x/models--org--name/other/a"), "a");
  EXPECT_EQ(ModelNameOf("some/tiny"), "tiny");
  EXPECT_EQ(ModelNameOf("some/tiny/"), "tiny");
  const fs::path before = fs::current_path();
  fs::create_directories(home_ / "minilm/below");
  fs::current_path(home_ / "minilm");
  EXPECT_EQ(ModelNameOf("."), "minilm");
  EXPECT_EQ(ModelNameOf("./"), "minilm");
  EXPECT_EQ(ModelNameOf("below/.."), "minilm");
  fs::current_path(home_ / "minilm/below");
  EXPECT_EQ(ModelNameOf(".."), "minilm");
  fs::current_path(model_ / "snapshots/aaaa");
  EXPECT_EQ(ModelNameOf("."), "org/name");
  fs::current_path(before);
}

}  // namespace
}  // namespace minnow
