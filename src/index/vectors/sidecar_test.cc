// SPDX-License-Identifier: Apache-2.0
// Sidecar files: the same answers as from memory, and no answer from damage.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <thread>

#include "index/vectors/sidecar_layout.h"
#include "index/vectors/vector_index.h"

namespace minnow {
namespace {

constexpr size_t kDimensions = 20;
constexpr size_t kPadded = 64;

class SidecarTest : public testing::Test {
 protected:
  SidecarTest() {
    folder_ = std::filesystem::path(testing::TempDir()) /
              ("sidecar_" + std::to_string(::getpid()) +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_);
    identity_.store_id.fill(7);
    identity_.index_id = 3;
    identity_.model_checksum = "0123456789abcdef";
    identity_.dimensions = kDimensions;
    for (int i = 0; i < 40; ++i) centres_.push_back(Random());
  }
  ~SidecarTest() override { std::filesystem::remove_all(folder_); }

  std::string Path(const char* name = "sidecar") const { return (folder_ / name).string(); }

  std::vector<float> Random() {
    std::normal_distribution<float> normal;
    std::vector<float> x(kDimensions);
    for (float& v : x) v = normal(generator_);
    return x;
  }

  // Rows around some centres, two a group.
  void Add(VectorIndex* index, size_t n) {
    std::vector<int64_t> keys, groups;
    std::vector<float> vectors;
    for (size_t i = 0; i < n; ++i, ++next_) {
      keys.push_back(3 * next_);
      groups.push_back(1000 + next_ / 2);
      std::vector<float> x = Random();
      const std::vector<float>& centre = centres_[generator_() % centres_.size()];
      double square = 0;
      for (size_t d = 0; d < x.size(); ++d) square += std::pow(x[d] = x[d] / 2 + centre[d], 2);
      for (float& v : x) v = static_cast<float>(v / std::sqrt(square));
      vectors.insert(vectors.end(), x.begin(), x.end());
    }
    ASSERT_TRUE(index->Append(keys, groups, vectors).ok());
  }

  // Answers to all kinds of queries, the same ones each time; kCorrupt at the first that says so.
  static Result<std::vector<VectorHit>> Ask(const VectorIndex& index, int queries = 8) {
    std::mt19937 generator(99);
    std::normal_distribution<float> normal;
    std::vector<int64_t> groups;
    for (int64_t group = 1000; group < 4000; group += 37) groups.push_back(group);
    const RowFilter filter = RowFilter::FromGroups(groups);
    std::vector<VectorHit> all;
    for (int i = 0; i < queries; ++i) {
      std::vector<float> q(kDimensions);
      for (float& v : q) v = normal(generator);
      VectorQuery query = {.vector = q, .limit = 12};
      query.exact = i % 2 == 1;
      query.filter = i % 4 >= 2 ? &filter : nullptr;
      query.distinct_groups = i % 8 < 4;
      MINNOW_ASSIGN_OR_RETURN(const std::vector<VectorHit> hits, index.Search(query));
      all.insert(all.end(), hits.begin(), hits.end());
    }
    return all;
  }

  std::string ReadAll() const {
    std::ifstream in(Path(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void WriteAll(const std::string& bytes) const {
    std::ofstream(Path(), std::ios::binary | std::ios::trunc) << bytes;
  }
  Code CodeOfOpen() const {
    const auto opened = VectorIndex::Open(Path(), identity_);
    return opened.ok() ? Code::kUnsupported : opened.error().code;
  }
  static SidecarHeader HeaderOf(const std::string& bytes) {
    SidecarHeader header;
    std::memcpy(&header, bytes.data(), sizeof header);
    return header;
  }
  static SidecarLayout LayoutOf(const std::string& bytes) {
    const SidecarHeader header = HeaderOf(bytes);
    return {header.rows, header.lists, header.blocks, kDimensions, kPadded};
  }
  // The header changed, with a checksum that fits.
  template <class Change>
  void ChangeHeader(const Change& change) const {
    std::string bytes = ReadAll();
    SidecarHeader header = HeaderOf(bytes);
    change(header);
    header.checksum = SidecarHeaderChecksum(header);
    std::memcpy(bytes.data(), &header, sizeof header);
    WriteAll(bytes);
  }

  // One value of a section changed, with checksums that fit.
  template <class T>
  void Forge(std::string bytes, const SidecarLayout::Section& section, size_t i, T value) const {
    const SidecarLayout layout = LayoutOf(bytes);
    std::memcpy(bytes.data() + section.offset + i * sizeof(T), &value, sizeof value);
    std::vector<uint64_t> checksums;
    const auto all = std::as_bytes(std::span(bytes));
    for (size_t page = 0; page < layout.pages(); ++page) {
      checksums.push_back(
          SidecarChecksum(all.subspan(layout.lists.offset + page * kSidecarPage, kSidecarPage)));
    }
    for (size_t row = 0; row < HeaderOf(bytes).rows; ++row) {
      const size_t at = layout.rows.offset + row * layout.row_bytes, size = kDimensions * 4;
      const uint64_t checksum = SidecarRowChecksum(all.subspan(at, size), row);
      std::memcpy(bytes.data() + at + size, &checksum, sizeof checksum);
    }
    std::memcpy(bytes.data() + layout.checksums.offset, checksums.data(), layout.checksums.bytes);
    WriteAll(bytes);
    ChangeHeader([&](SidecarHeader& header) {
      header.checksums_checksum = SidecarChecksum(std::as_bytes(std::span(checksums)));
    });
  }

  std::filesystem::path folder_;
  SidecarIdentity identity_;
  std::mt19937 generator_{5};
  std::vector<std::vector<float>> centres_;
  int64_t next_ = 1;
};

TEST_F(SidecarTest, AnswersAreThoseOfMemory) {
  for (const size_t rows : {0, 1, 40, 700, 5000}) {
    VectorIndex index(kDimensions);
    if (rows > 0) Add(&index, rows);
    const std::vector<int64_t> removed = {6, 3 * (next_ - 1)};
    index.Remove(removed);
    index.Cluster(nullptr);
    ASSERT_TRUE(index.Save(Path(), identity_, nullptr).ok());
    const auto opened = VectorIndex::Open(Path(), identity_);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    EXPECT_EQ(*Ask(**opened), *Ask(index));
    EXPECT_TRUE((*opened)->Verify().ok());
    EXPECT_EQ((*opened)->last_key(), index.last_key());
    EXPECT_EQ((*opened)->stats().rows, index.stats().rows);
    EXPECT_EQ((*opened)->stats().lists, index.stats().lists);
    EXPECT_EQ((*opened)->stats().removed_rows, 0u);
    EXPECT_EQ((*opened)->Contains(9), index.Contains(9));
    EXPECT_FALSE((*opened)->Contains(6));
  }
}

TEST_F(SidecarTest, GrowsShrinksAndIsSavedAgain) {
  VectorIndex memory(kDimensions);
  Add(&memory, 4500);
  ASSERT_TRUE(memory.Save(Path(), identity_, nullptr).ok());
  auto index = VectorIndex::Open(Path(), identity_).value();
  ThreadPool pool(2);
  for (int round = 0; round < 3; ++round) {
    const int64_t first = next_;
    for (VectorIndex* each : {&memory, index.get()}) {
      next_ = first;
      generator_.seed(static_cast<unsigned>(round));
      Add(each, 300);
      const std::vector<int64_t> gone = {3 * (first - 50), 3 * (first + 10)};
      EXPECT_EQ(each->Remove(gone), 2u);
    }
    memory.Cluster(nullptr);
    ASSERT_TRUE(index->SaveAndReopen(Path(), identity_, &pool).ok());
    EXPECT_EQ(*Ask(*index), *Ask(memory));
    EXPECT_EQ(index->stats().removed_rows, 0u);
    EXPECT_EQ(index->stats().rows, memory.stats().rows);
    EXPECT_LT(index->stats().memory_bytes, 1000u);
    EXPECT_EQ(*Ask(**VectorIndex::Open(Path(), identity_)), *Ask(memory));
  }
  EXPECT_TRUE(index->Verify().ok());
}

TEST_F(SidecarTest, ChangesDuringASaveAreKept) {
  VectorIndex index(kDimensions);
  Add(&index, 6000);
  const auto rows = index.stats().rows;
  std::thread saving([&] { EXPECT_TRUE(index.SaveAndReopen(Path(), identity_, nullptr).ok()); });
  std::vector<int64_t> gone;
  for (int i = 0; i < 40; ++i) {
    Add(&index, 5);
    gone.push_back(3 * (100 + i));
    gone.push_back(3 * (next_ - 2));
    EXPECT_EQ(index.Remove(std::span(gone).last(2)), 2u);
    EXPECT_TRUE(Ask(index, 1).ok());
  }
  saving.join();
  EXPECT_EQ(index.stats().rows, rows + 40 * 5 - gone.size());
  for (const int64_t key : gone) EXPECT_FALSE(index.Contains(key));
  EXPECT_TRUE(index.Contains(3 * (next_ - 1)));
  EXPECT_TRUE(Ask(index).ok());
}

TEST_F(SidecarTest, ReadersKeepTheFileTheyOpened) {
  VectorIndex index(kDimensions);
  Add(&index, 500);
  ASSERT_TRUE(index.Save(Path(), identity_, nullptr).ok());
  const auto reader = VectorIndex::Open(Path(), identity_).value();
  const auto other = VectorIndex::Open(Path(), identity_).value();
  const auto before = *Ask(index);
  Add(&index, 500);
  ASSERT_TRUE(index.Save(Path(), identity_, nullptr).ok());
  EXPECT_EQ(*Ask(*reader), before);
  std::filesystem::remove(Path());
  EXPECT_EQ(*Ask(*other), before);
  EXPECT_TRUE(other->Verify().ok());
}

TEST_F(SidecarTest, PartOfALargerFile) {
  VectorIndex index(kDimensions);
  Add(&index, 4200);
  ASSERT_TRUE(index.Save(Path(), identity_, nullptr).ok());
  index.Cluster(nullptr);
  const std::string bytes = ReadAll();
  for (const size_t offset : {0, 64, 4096, 12352}) {
    WriteAll(std::string(offset, 'x') + bytes + "after");
    const auto opened = VectorIndex::OpenRange(Path(), offset, bytes.size(), identity_);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    EXPECT_EQ(*Ask(**opened), *Ask(index));
    EXPECT_TRUE((*opened)->Verify().ok());
  }
  EXPECT_EQ(VectorIndex::OpenRange(Path(), 12353, bytes.size(), identity_).error().code,
            Code::kCorrupt);
  EXPECT_EQ(VectorIndex::OpenRange(Path(), 12352, bytes.size() + 6, identity_).error().code,
            Code::kCorrupt);
}

TEST_F(SidecarTest, NoByteIsUnchecked) {
  VectorIndex index(kDimensions);
  Add(&index, 4200);
  index.Cluster(nullptr);
  ASSERT_TRUE(index.Save(Path(), identity_, nullptr).ok());
  const auto before = *Ask(index, 4);
  const std::string whole = ReadAll();
  std::fstream file(Path(), std::ios::binary | std::ios::in | std::ios::out);
  const auto put = [&](size_t at, char byte) {
    file.seekp(static_cast<std::streamoff>(at));
    file.put(byte);
    file.flush();
  };
  size_t refused = 0, met = 0;
  for (int round = 0; round < 2000; ++round) {
    // A tenth in the first pages, where little is spent on much.
    const size_t at = generator_() % (round % 10 == 0 ? 3 * kSidecarPage : whole.size());
    put(at, static_cast<char>(whole[at] ^ 1 << generator_() % 8));
    const auto opened = VectorIndex::Open(Path(), identity_);
    if (opened.ok()) {
      const auto answers = Ask(**opened, 4);
      if (answers.ok()) {
        EXPECT_EQ(*answers, before) << at;
      } else {
        EXPECT_EQ(answers.error().code, Code::kCorrupt);
        ++met;
      }
      const Status verified = (*opened)->Verify();
      ASSERT_FALSE(verified.ok()) << at;
      EXPECT_EQ(verified.error().code, Code::kCorrupt);
      // Only where rows themselves are damaged can they not be saved again.
      if (round % 40 == 0) {
        EXPECT_EQ((*opened)->Save(Path("other"), identity_, nullptr).ok(),
                  at < LayoutOf(whole).rows.offset);
      }
    } else {
      EXPECT_NE(opened.error().code, Code::kNotFound);
      ++refused;
    }
    put(at, whole[at]);
  }
  EXPECT_GT(refused, 200u);
  EXPECT_GT(met, 200u);
  EXPECT_EQ(*Ask(**VectorIndex::Open(Path(), identity_), 4), before);
}

// A damaged row is met when rows are sorted: a place where nothing can be made, before that.
TEST_F(SidecarTest, NothingIsSortedForAFileThatCannotBeMade) {
  VectorIndex index(kDimensions);
  Add(&index, 4200);
  ASSERT_TRUE(index.Save(Path(), identity_, nullptr).ok());
  std::string bytes = ReadAll();
  bytes[LayoutOf(bytes).rows.offset] ^= 1;
  WriteAll(bytes);
  const auto opened = VectorIndex::Open(Path(), identity_).value();
  EXPECT_EQ(opened->Save(Path("other"), identity_, nullptr).error().code, Code::kCorrupt);
  EXPECT_EQ(opened->Save(Path("none/other"), identity_, nullptr).error().code, Code::kNotFound);
}

TEST_F(SidecarTest, CutOrExtendedFilesAreRefused) {
  VectorIndex index(kDimensions);
  Add(&index, 300);
  ASSERT_TRUE(index.Save(Path(), identity_, nullptr).ok());
  const std::string whole = ReadAll();
  std::vector<size_t> sizes = {0, 1, 8, kSidecarPage - 1, kSidecarPage, whole.size() - 1};
  for (size_t size = kSidecarPage; size < whole.size(); size += kSidecarPage) {
    sizes.push_back(size);
    sizes.push_back(size + generator_() % kSidecarPage);
  }
  for (const size_t size : sizes) {
    WriteAll(whole.substr(0, size));
    EXPECT_EQ(CodeOfOpen(), Code::kCorrupt) << size;
  }
  WriteAll(whole + '\0');
  EXPECT_EQ(CodeOfOpen(), Code::kCorrupt);
  std::filesystem::remove(Path());
  EXPECT_EQ(CodeOfOpen(), Code::kNotFound);
  std::filesystem::create_directory(Path());
  EXPECT_EQ(CodeOfOpen(), Code::kInvalidArgument);
}

TEST_F(SidecarTest, OfSomethingElse) {
  VectorIndex index(kDimensions);
  Add(&index, 10);
  ASSERT_TRUE(index.Save(Path(), identity_, nullptr).ok());
  const SidecarIdentity own = identity_;
  const auto refused = [&](const auto& change) {
    identity_ = own;
    change();
    EXPECT_EQ(CodeOfOpen(), Code::kInvalidArgument);
  };
  refused([&] { identity_.store_id[15] ^= 1; });
  refused([&] { ++identity_.index_id; });
  refused([&] { identity_.model_checksum.back() = 'x'; });
  refused([&] { identity_.model_checksum.pop_back(); });
  refused([&] { identity_.model_checksum += std::string(1, '\0'); });
  refused([&] { identity_.model_checksum = std::string(65, 'x'); });
  for (const uint64_t dimensions : {0, 19, 21, 4097}) {
    refused([&] { identity_.dimensions = dimensions; });
    EXPECT_EQ(index.Save(Path("other"), identity_, nullptr).error().code, Code::kInvalidArgument);
  }
  identity_ = own;
  identity_.model_checksum = std::string(65, 'x');
  EXPECT_EQ(index.Save(Path("other"), identity_, nullptr).error().code, Code::kInvalidArgument);
  EXPECT_FALSE(std::filesystem::exists(Path("other")));
  EXPECT_EQ(index.Save(Path("no/such/folder"), own, nullptr).error().code, Code::kNotFound);
}

// Whoever changes this raises kSidecarVersion: files of before are read by programs of after, on
// every instruction set.
TEST_F(SidecarTest, BytesOfAVersionStayTheSame) {
  VectorIndex index(kDimensions);
  std::vector<int64_t> keys(100);
  std::vector<float> rows(keys.size() * kDimensions);
  for (size_t i = 0; i < keys.size(); ++i) keys[i] = static_cast<int64_t>(2 * i + 1);
  for (size_t i = 0; i < rows.size(); ++i)
    rows[i] = static_cast<float>(static_cast<int>(i * 7919 % 257) - 128) / 64;
  ASSERT_TRUE(index.Append(keys, keys, rows).ok());
  ASSERT_TRUE(index.Save(Path(), identity_, nullptr).ok());
  const std::string bytes = ReadAll();
  EXPECT_EQ(SidecarChecksum(std::as_bytes(std::span(bytes))), 6945586660986753471u);
}

TEST_F(SidecarTest, HostileHeaders) {
  VectorIndex index(kDimensions);
  Add(&index, 4200);
  ASSERT_TRUE(index.Save(Path(), identity_, nullptr).ok());
  const std::string whole = ReadAll();
  const auto refused = [&](const auto& change) {
    WriteAll(whole);
    ChangeHeader(change);
    EXPECT_EQ(CodeOfOpen(), Code::kCorrupt);
  };
  refused([](SidecarHeader& h) { h.magic[0] = 'm'; });
  refused([](SidecarHeader& h) { h.version = 0; });
  refused([](SidecarHeader& h) { h.version = kSidecarVersion + 1; });
  refused([](SidecarHeader& h) { h.file_bytes += kSidecarPage; });
  refused([](SidecarHeader& h) { h.last_key = 5; });
  refused([](SidecarHeader& h) { h.reach = -1; });
  refused([](SidecarHeader& h) { h.reach = std::nanf(""); });
  refused([](SidecarHeader& h) { h.clustered = 2; });
  refused([](SidecarHeader& h) { h.model_checksum_bytes = 65; });
  refused([](SidecarHeader& h) { ++h.checksums_checksum; });
  for (const uint32_t count : {0u, 1u, 1u << 20, 1u << 27, UINT32_MAX}) {
    refused([&](SidecarHeader& h) { h.rows = count; });
    refused([&](SidecarHeader& h) { h.lists = count; });
    refused([&](SidecarHeader& h) { h.blocks = count; });
    // The same with a size that says so too.
    refused([&](SidecarHeader& h) {
      h.rows = count;
      h.file_bytes = SidecarLayout(h.rows, h.lists, h.blocks, kDimensions, kPadded).file_bytes;
    });
  }
  WriteAll(whole);
  ChangeHeader([](SidecarHeader&) {});
  EXPECT_TRUE(VectorIndex::Open(Path(), identity_).ok());
}

TEST_F(SidecarTest, HostileTables) {
  VectorIndex index(kDimensions);
  Add(&index, 4200);
  ASSERT_TRUE(index.Save(Path(), identity_, nullptr).ok());
  const std::string whole = ReadAll();
  const SidecarLayout layout = LayoutOf(whole);
  const auto refused = [&](const SidecarLayout::Section& section, size_t i, auto value) {
    Forge(whole, section, i, value);
    EXPECT_EQ(CodeOfOpen(), Code::kCorrupt);
  };
  refused(layout.keys, 0, int64_t{1} << 62);
  refused(layout.keys, 4199, int64_t{1} << 62);
  refused(layout.keys, 7, int64_t{21});
  for (const uint32_t slot : {UINT32_MAX, HeaderOf(whole).blocks * 32, 0u, 1u})
    refused(layout.slots, slot == 0 ? 1 : 0, slot);
  for (size_t list = 0; list < 3; ++list) {
    refused(layout.lists, list * 5, UINT32_MAX);         // first_block
    refused(layout.lists, list * 5 + 1, uint32_t{999});  // blocks
    for (const float odd : {std::nanf(""), HUGE_VALF, -1.0f}) {
      for (size_t field = 2; field < 5; ++field) refused(layout.lists, list * 5 + field, odd);
    }
  }
  for (const float odd : {std::nanf(""), HUGE_VALF, -1e30f}) {
    refused(layout.centroids, 3, odd);
    // What is not read when the file is opened does no harm when it is.
    for (size_t row = 0; row < 40; ++row) {
      Forge(whole, layout.quantized_head, 2 * row, odd);
      EXPECT_TRUE(Ask(**VectorIndex::Open(Path(), identity_)).ok());
    }
    Forge(whole, layout.rows, 5, odd);
    EXPECT_EQ((*VectorIndex::Open(Path(), identity_))->Verify().error().code, Code::kCorrupt);
  }
  Forge(whole, layout.groups, 5, int64_t{-1});
  EXPECT_TRUE(Ask(**VectorIndex::Open(Path(), identity_)).ok());
}

}  // namespace
}  // namespace minnow
