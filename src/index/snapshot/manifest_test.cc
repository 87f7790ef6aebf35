// SPDX-License-Identifier: Apache-2.0
#include "index/snapshot/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cinttypes>
#include <cstdio>
#include <span>
#include <string>

#include "formats/xxh64.h"

namespace minnow {
namespace {

using ::testing::HasSubstr;

SnapshotManifest Sample() {
  SnapshotManifest manifest;
  manifest.generation = 7;
  manifest.created_unix_ms = 1764583200000;
  manifest.program = "minnow 1.2.3";
  manifest.files = {{"7-89abcdef01234567.db", 81920, 0x89abcdef01234567},
                    {"7-89abcdef01234567.db-vectors-3", 4096, 1}};
  manifest.indexes = {
      {1, "default", 5, 6, 7, 8, 9, std::nullopt},
      {3, "other", 15, 16, 17, 18, 0, ModelIdentity{"a model", "int8", "xxh64:1", 384, "/a/path"}}};
  return manifest;
}

// The text with its checksum set right, as a forger would.
std::string Sealed(std::string text) {
  Xxh64 checksum;
  checksum.Update(std::as_bytes(std::span(text)).subspan(28));
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016" PRIx64, checksum.Digest());
  return text.replace(10, 16, digits);
}

std::string Replaced(const std::string& from, const std::string& to) {
  std::string text = WriteManifest(Sample());
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return Sealed(text.replace(at, from.size(), to));
}

TEST(SnapshotManifest, ReadsWhatItWrites) {
  const std::string text = WriteManifest(Sample());
  EXPECT_EQ(text.find('\n'), text.size() - 1);
  EXPECT_EQ(text.find("/a/path"), std::string::npos);
  const auto read = ParseManifest(text, "m");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->generation, 7);
  EXPECT_EQ(read->created_unix_ms, 1764583200000);
  EXPECT_EQ(read->program, "minnow 1.2.3");
  ASSERT_EQ(read->files.size(), 2u);
  EXPECT_EQ(read->files[1].name, "7-89abcdef01234567.db-vectors-3");
  EXPECT_EQ(read->store().bytes, 81920u);
  EXPECT_EQ(read->store().checksum, 0x89abcdef01234567u);
  EXPECT_EQ(read->indexes, Sample().indexes);
  EXPECT_EQ(WriteManifest(*read), text);
}

TEST(SnapshotManifest, ReadsTheTextOfTheFormat) {
  // As SNAPSHOT.md has it, with a member that a later version may add.
  const std::string text = Sealed(
      R"({"xxh64":"0000000000000000","format":"minnow-snapshot","version":1,"generation":1,)"
      R"("created_unix_ms":0,"program":"","files":[{"name":"1-0123456789abcdef.db","bytes":1,)"
      R"("xxh64":"0123456789abcdef","later":[]}],"indexes":[],"later":{}})");
  const auto read = ParseManifest(text, "m");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->store().name, "1-0123456789abcdef.db");
}

TEST(SnapshotManifest, KnowsEachCutAndEachFlippedBit) {
  const std::string text = WriteManifest(Sample());
  for (size_t size = 0; size < text.size(); ++size) {
    const auto read = ParseManifest(text.substr(0, size), "m");
    ASSERT_FALSE(read.ok()) << size;
    EXPECT_EQ(read.error().code, Code::kCorrupt);
  }
  for (size_t i = 0; i < text.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = text;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      ASSERT_FALSE(ParseManifest(flipped, "m").ok()) << i << " " << bit;
    }
  }
  EXPECT_THAT(ParseManifest(text + "\n", "m").error().message, HasSubstr("cut or changed"));
}

TEST(SnapshotManifest, RefusesWhatIsForged) {
  const struct {
    const char* from;
    const char* to;
    const char* expected;
  } cases[] = {
      {"minnow-snapshot", "other", "format: expected"},
      {"\"version\":1", "\"version\":0", "version: expected"},
      {"\"version\":1", "\"version\":1.5", "version: expected"},
      {"\"generation\":7", "\"generation\":0", "generation: expected"},
      {"\"generation\":7", "\"generation\":9007199254740992", "generation: expected"},
      {"\"generation\":7", "\"generation\":8", "files[0].name: expected"},
      {"\"generation\":7", "\"generation\":7,\"generation\":7", "the same name twice"},
      {"7-89abcdef01234567.db\"", "../etc/passwd\"", "files[0].name: expected"},
      {"7-89abcdef01234567.db\"", "/etc/passwd\"", "files[0].name: expected"},
      {"7-89abcdef01234567.db-vectors-3", "7-89abcdef01234567.db-vectors-../x", "files[1].name"},
      {"7-89abcdef01234567.db-vectors-3", "7-89abcdef01234567.db-vectors-03", "files[1].name"},
      {"7-89abcdef01234567.db-vectors-3", "7-89abcdef01234567.db-vectors-2", "files[1].name"},
      {"7-89abcdef01234567.db-vectors-3", "7-89abcdef01234567.db", "files[1].name"},
      {"\"bytes\":81920", "\"bytes\":0", "bytes: expected"},
      {"\"bytes\":81920", "\"bytes\":-1", "bytes: expected"},
      {"\"bytes\":81920", "\"bytes\":17592186044417", "bytes: expected"},
      {"\"bytes\":81920", "\"bytes\":17592186044416", "bytes together"},
      {"\"xxh64\":\"89abcdef01234567\"", "\"xxh64\":\"89ABCDEF01234567\"", "lower case"},
      {"\"xxh64\":\"89abcdef01234567\"", "\"xxh64\":\"89abcdef0123456\"", "lower case"},
      {"\"xxh64\":\"89abcdef01234567\"", "\"xxh64\":5", "xxh64"},
      {"\"files\":[", "\"files\":[],\"x\":[", "files: expected"},
      {"\"files\":[", "\"files\":3,\"x\":[", "files"},
      {"\"dtype\":\"int8\"", "\"dtype\":8", "dtype"},
      {"\"dimensions\":384", "\"dimensions\":4097", "dimensions: expected"},
      {"\"waiting\":9", "\"waiting\":-9", "waiting: expected"},
      {"\"id\":3", "\"id\":0", "id: expected"},
      {"\"indexes\":[", "\"indexes\":[[[[[[[[[[[]]]]]]]]]],", "deeper than 8"},
  };
  for (const auto& one : cases) {
    const auto read = ParseManifest(Replaced(one.from, one.to), "m");
    ASSERT_FALSE(read.ok()) << one.to;
    EXPECT_EQ(read.error().code, Code::kCorrupt) << read.error().message;
    EXPECT_THAT(read.error().message, HasSubstr(one.expected)) << one.to;
    EXPECT_THAT(read.error().message, ::testing::StartsWith("m: ")) << one.to;
  }
}

TEST(SnapshotManifest, RefusesANewerVersion) {
  const auto read = ParseManifest(Replaced("\"version\":1", "\"version\":2"), "m");
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().code, Code::kUnsupported);
  EXPECT_THAT(read.error().message, HasSubstr("version 2, this program reads up to 1"));
}

TEST(SnapshotManifest, HasLimits) {
  const std::string huge(kMaxManifestBytes + 1, ' ');
  EXPECT_THAT(ParseManifest(huge, "m").error().message, HasSubstr("1048576 bytes"));
  std::string files = "\"files\":[";
  for (int i = 0; i < 1001; ++i) files += "{},";
  EXPECT_THAT(ParseManifest(Replaced("\"files\":[", files), "m").error().message,
              HasSubstr("1 to 1000 items"));
}

TEST(SnapshotManifest, TellsItsFilesByTheirNames) {
  EXPECT_EQ(SnapshotStoreName(7, 0x89abcdef01234567), "7-89abcdef01234567.db");
  EXPECT_EQ(GenerationOfName("7-89abcdef01234567.db"), 7);
  EXPECT_EQ(GenerationOfName("123456789012-89abcdef01234567.db-vectors-12"), 123456789012);
  for (const char* name :
       {"", "7", "7-", "0-89abcdef01234567.db", "-7-89abcdef01234567.db", "7-89abcdef01234567",
        "7-89abcdef01234567.db-wal", "7-89abcdef01234567.dbx", "7-89ABCDEF01234567.db",
        "99999999999999999999-89abcdef01234567.db", "my.db", "snapshot.json"}) {
    EXPECT_EQ(GenerationOfName(name), 0) << name;
  }
}

}  // namespace
}  // namespace minnow
