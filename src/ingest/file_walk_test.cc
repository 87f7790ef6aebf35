// SPDX-License-Identifier: Apache-2.0
// Which files folders and arguments stand for.
#include <sys/stat.h>

#include "ingest/ingest_testing.h"

namespace minnow {
namespace {

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
