// SPDX-License-Identifier: Apache-2.0
// Any bytes as a sidecar, damaged and forged: what opens must search, and verify or say why not.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/check.h"
#include "index/vectors/sidecar_layout.h"
#include "index/vectors/vector_index.h"

namespace minnow {
namespace {

constexpr size_t kDimensions = 8;
constexpr size_t kPadded = 64;

SidecarIdentity Identity() {
  SidecarIdentity identity;
  identity.dimensions = kDimensions;
  return identity;
}

// The bytes as a file that has a path and touches no disk.
class MemoryFile {
 public:
  MemoryFile() : descriptor_(::memfd_create("sidecar", MFD_CLOEXEC)) { CHECK(descriptor_ >= 0); }
  void Fill(const std::vector<std::byte>& bytes) const {
    CHECK(::ftruncate(descriptor_, 0) == 0);
    CHECK(::pwrite(descriptor_, bytes.data(), bytes.size(), 0) ==
          static_cast<ssize_t>(bytes.size()));
  }
  std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  const int descriptor_;
};

// A sound file, which inputs change: the fuzzer cannot find checksums by itself.
std::vector<std::byte> SoundFile() {
  constexpr size_t kRows = 90;
  VectorIndex index(kDimensions);
  std::vector<int64_t> keys(kRows);
  std::vector<float> rows(kRows * kDimensions);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<float>(i * 7919 % 101) - 50;
  for (size_t i = 0; i < kRows; ++i) keys[i] = static_cast<int64_t>(3 * i);
  CHECK(index.Append(keys, keys, rows).ok());
  const std::string path =
      (std::filesystem::temp_directory_path() / ("sidecar_fuzz_" + std::to_string(::getpid())))
          .string();
  CHECK(index.Save(path, Identity(), nullptr).ok());
  std::ifstream in(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  std::filesystem::remove(path);
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

// Makes all checksums fit what is there, as far as the header's counts fit the size.
void Seal(std::vector<std::byte>* bytes) {
  SidecarHeader header;
  if (bytes->size() < sizeof header) return;
  std::memcpy(&header, bytes->data(), sizeof header);
  const SidecarLayout layout(header.rows, header.lists, header.blocks, kDimensions, kPadded);
  if (layout.file_bytes == bytes->size() && header.blocks < (1u << 27)) {
    const auto all = std::span(*bytes);
    std::vector<uint64_t> checksums;
    for (size_t page = 0; page < layout.pages(); ++page)
      checksums.push_back(
          SidecarChecksum(all.subspan(layout.lists.offset + page * kSidecarPage, kSidecarPage)));
    std::memcpy(bytes->data() + layout.checksums.offset, checksums.data(), layout.checksums.bytes);
    header.checksums_checksum = SidecarChecksum(std::as_bytes(std::span(checksums)));
    for (uint64_t row = 0; row < header.rows; ++row) {
      const auto at = all.subspan(layout.rows.offset + row * layout.row_bytes, layout.row_bytes);
      const uint64_t checksum = SidecarRowChecksum(at.first(kDimensions * sizeof(float)), row);
      std::memcpy(at.data() + kDimensions * sizeof(float), &checksum, sizeof checksum);
    }
  }
  header.checksum = SidecarHeaderChecksum(header);
  std::memcpy(bytes->data(), &header, sizeof header);
}

void Run(const std::string& path) {
  const auto index = VectorIndex::Open(path, Identity());
  if (!index.ok()) return;
  const std::vector<int64_t> groups = {3, 9, 90, 120};
  const RowFilter filter = RowFilter::FromGroups(groups);
  const std::vector<float> q = {1, -2, 3, 0, 0.5f, 1, 1, -1};
  for (const bool exact : {false, true}) {
    for (const RowFilter* each : {static_cast<const RowFilter*>(nullptr), &filter}) {
      const auto hits = (*index)->Search(
          {.vector = q, .limit = 20, .exact = exact, .filter = each, .distinct_groups = exact});
      if (hits.ok()) CHECK(hits->size() <= 20);
    }
  }
  (void)(*index)->Verify();
  const std::vector<int64_t> gone = {3, 6, 1000};
  (void)(*index)->Remove(gone);
  const std::vector<int64_t> more = {INT64_MAX - 1};
  (void)(*index)->Append(more, more, q);
  (void)(*index)->Search({.vector = q});
  (*index)->Cluster(nullptr);
  (void)(*index)->Search({.vector = q});
}

}  // namespace
}  // namespace minnow

// The first byte says how the rest is taken: as the file; or as changes of a sound one, of five
// bytes each: four say where, and a value. Then, by its second bit, checksums are made to fit.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const minnow::MemoryFile file;
  static const std::vector<std::byte> sound = minnow::SoundFile();
  if (size == 0) return 0;
  const uint8_t how = data[0];
  std::vector<std::byte> bytes;
  if ((how & 1) == 0) {
    bytes.assign(reinterpret_cast<const std::byte*>(data) + 1,
                 reinterpret_cast<const std::byte*>(data) + size);
  } else {
    bytes = sound;
    for (size_t i = 1; i + 5 <= size; i += 5) {
      uint32_t at;
      std::memcpy(&at, data + i, sizeof at);
      bytes[at % bytes.size()] = static_cast<std::byte>(data[i + 4]);
    }
  }
  if ((how & 2) != 0) minnow::Seal(&bytes);
  file.Fill(bytes);
  minnow::Run(file.path());
  return 0;
}
