// SPDX-License-Identifier: Apache-2.0
#include "index/vectors/sidecar_writer.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "formats/atomic_file.h"
#include "index/vectors/sidecar_layout.h"

namespace minnow {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 20;
static_assert(kBufferBytes % kSidecarPage == 0);
// Blocks that are encoded before they are written.
constexpr size_t kBlocksAtOnce = 1024;

// Writes a section from its beginning to its end, and notes the checksums of its pages.
class SectionWriter {
 public:
  // checksums: of the section's pages; null: it has none.
  SectionWriter(AtomicFile* file, const SidecarLayout::Section& section, uint64_t* checksums)
      : file_(file), section_(section), checksums_(checksums) {
    buffer_.reserve(kBufferBytes);
  }

  Status Append(std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
      const size_t taken = std::min(bytes.size(), kBufferBytes - buffer_.size());
      buffer_.insert(buffer_.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(taken));
      bytes = bytes.subspan(taken);
      if (buffer_.size() == kBufferBytes) MINNOW_RETURN_IF_ERROR(Flush());
    }
    return {};
  }
  template <class T>
  Status AppendArray(const T* values, size_t n) {
    return Append(std::as_bytes(std::span(values, n)));
  }

  Status Finish() {
    CHECK(written_ + buffer_.size() == section_.bytes);
    if (checksums_ != nullptr) {
      buffer_.resize((buffer_.size() + kSidecarPage - 1) / kSidecarPage * kSidecarPage);
    }
    return Flush();
  }

 private:
  Status Flush() {
    for (size_t at = 0; at < buffer_.size() && checksums_ != nullptr; at += kSidecarPage)
      *checksums_++ = SidecarChecksum({buffer_.data() + at, kSidecarPage});
    MINNOW_RETURN_IF_ERROR(file_->WriteAt(section_.offset + written_, buffer_));
    written_ += buffer_.size();
    buffer_.clear();
    return {};
  }

  AtomicFile* const file_;
  const SidecarLayout::Section section_;
  uint64_t* checksums_;
  uint64_t written_ = 0;
  std::vector<std::byte> buffer_;
};

Error Unreadable(const std::string& path) {
  return Error{Code::kCorrupt, path + ": sidecar: a row of the former one is damaged"};
}

class SidecarWriter {
 public:
  SidecarWriter(const ScanKernels& kernels, const Rotation& rotation, const SidecarContent& content,
                AtomicFile* file, const std::string& path)
      : kernels_(kernels),
        rotation_(rotation),
        content_(content),
        file_(file),
        path_(path),
        placement_(PlaceRows(content.lists, content.rows.size())),
        layout_(content.rows.size(), content.lists.count, placement_.blocks, rotation.dimensions(),
                rotation.padded()),
        checksums_(layout_.pages()) {}

  Status Write(const SidecarIdentity& identity, ThreadPool* pool) {
    MINNOW_RETURN_IF_ERROR(WriteScanned(pool));
    MINNOW_RETURN_IF_ERROR(WriteTables());
    MINNOW_RETURN_IF_ERROR(WriteRows());
    return WriteHeader(identity);
  }

 private:
  // Some lists, encoded.
  struct Batch {
    explicit Batch(size_t blocks, size_t padded)
        : sketches(blocks * MINNOW_SCAN_BLOCK_BYTES(padded)),
          quantized_head(blocks * kScanBlockRows),
          quantized(blocks * kScanBlockRows * padded) {}
    std::vector<uint8_t> sketches;
    std::vector<QuantizedHead> quantized_head;
    std::vector<int8_t> quantized;
  };

  SectionWriter WriterOf(const SidecarLayout::Section& section) {
    return SectionWriter(file_, section, checksums_.data() + layout_.PageOf(section.offset));
  }

  Status WriteScanned(ThreadPool* pool);
  bool Encode(size_t first_list, size_t last_list, Batch* batch, ThreadPool* pool);
  Status WriteTables();
  Status WriteRows();
  Status WriteHeader(const SidecarIdentity& identity);
  template <class T>
  Status WriteArray(const SidecarLayout::Section& section, const T* values, size_t n) {
    SectionWriter writer = WriterOf(section);
    MINNOW_RETURN_IF_ERROR(writer.AppendArray(values, n));
    return writer.Finish();
  }

  const ScanKernels& kernels_;
  const Rotation& rotation_;
  const SidecarContent& content_;
  AtomicFile* const file_;
  const std::string& path_;
  Placement placement_;
  const SidecarLayout layout_;
  std::vector<uint64_t> checksums_;
};

// The lists [first_list, last_list).
bool SidecarWriter::Encode(size_t first_list, size_t last_list, Batch* batch, ThreadPool* pool) {
  const size_t padded = rotation_.padded();
  std::atomic<size_t> next{first_list};
  std::atomic<bool> readable{true};
  const auto encode = [&](int) {
    for (size_t list; (list = next.fetch_add(1)) < last_list;) {
      ListHead& head = placement_.heads[list];
      const size_t block = head.first_block - placement_.heads[first_list].first_block;
      const EncodedList out = {batch->sketches.data() + block * MINNOW_SCAN_BLOCK_BYTES(padded),
                               batch->quantized.data() + block * kScanBlockRows * padded,
                               batch->quantized_head.data() + block * kScanBlockRows};
      const float* centroid = content_.lists.centroids.data() + list * padded;
      const uint32_t* row_of_slot =
          placement_.row_of_slot.data() + size_t{head.first_block} * kScanBlockRows;
      if (!EncodeList(kernels_, rotation_, content_.rows.vectors, centroid, row_of_slot, &head,
                      out)) {
        readable = false;
      }
    }
  };
  RunOn(pool, encode);
  return readable;
}

Status SidecarWriter::WriteScanned(ThreadPool* pool) {
  SectionWriter sketches = WriterOf(layout_.blocks);
  SectionWriter quantized_head = WriterOf(layout_.quantized_head);
  SectionWriter quantized = WriterOf(layout_.quantized);
  const std::vector<ListHead>& heads = placement_.heads;
  for (size_t first = 0, last; first < heads.size(); first = last) {
    size_t blocks = 0;
    for (last = first; last < heads.size(); ++last) {
      if (last > first && blocks + heads[last].blocks > kBlocksAtOnce) break;
      blocks += heads[last].blocks;
    }
    Batch batch(blocks, rotation_.padded());
    if (!Encode(first, last, &batch, pool)) return Unreadable(path_);
    MINNOW_RETURN_IF_ERROR(sketches.AppendArray(batch.sketches.data(), batch.sketches.size()));
    MINNOW_RETURN_IF_ERROR(
        quantized_head.AppendArray(batch.quantized_head.data(), batch.quantized_head.size()));
    MINNOW_RETURN_IF_ERROR(quantized.AppendArray(batch.quantized.data(), batch.quantized.size()));
  }
  MINNOW_RETURN_IF_ERROR(sketches.Finish());
  MINNOW_RETURN_IF_ERROR(quantized_head.Finish());
  return quantized.Finish();
}

Status SidecarWriter::WriteTables() {
  const RowSet& rows = content_.rows;
  const std::vector<ListHead>& heads = placement_.heads;
  MINNOW_RETURN_IF_ERROR(WriteArray(layout_.lists, heads.data(), heads.size()));
  MINNOW_RETURN_IF_ERROR(WriteArray(layout_.centroids, content_.lists.centroids.data(),
                                    heads.size() * rotation_.padded()));
  MINNOW_RETURN_IF_ERROR(WriteArray(layout_.keys, rows.keys.data(), rows.size()));
  MINNOW_RETURN_IF_ERROR(WriteArray(layout_.groups, rows.groups.data(), rows.size()));
  return WriteArray(layout_.slots, placement_.slot_of_row.data(), rows.size());
}

Status SidecarWriter::WriteRows() {
  SectionWriter writer(file_, layout_.rows, nullptr);
  std::vector<float> scratch(rotation_.dimensions());
  for (size_t row = 0; row < content_.rows.size(); ++row) {
    const float* x = content_.rows.vectors.Get(row, scratch.data());
    if (x == nullptr) return Unreadable(path_);
    const auto bytes = std::as_bytes(std::span(x, scratch.size()));
    const uint64_t checksum = SidecarRowChecksum(bytes, row);
    MINNOW_RETURN_IF_ERROR(writer.Append(bytes));
    MINNOW_RETURN_IF_ERROR(writer.AppendArray(&checksum, 1));
  }
  return writer.Finish();
}

Status SidecarWriter::WriteHeader(const SidecarIdentity& identity) {
  const RowLists& lists = content_.lists;
  SidecarHeader header;
  MINNOW_RETURN_IF_ERROR(PutIdentity(identity, &header));
  header.file_bytes = layout_.file_bytes;
  header.last_key = content_.last_key;
  header.rows = static_cast<uint32_t>(content_.rows.size());
  header.lists = static_cast<uint32_t>(lists.count);
  header.blocks = static_cast<uint32_t>(placement_.blocks);
  header.clustered = lists.count > 1 ? 1 : 0;
  header.reach = ReachOf(lists, placement_);
  const auto checksums = std::as_bytes(std::span(checksums_));
  header.checksums_checksum = SidecarChecksum(checksums);
  header.checksum = SidecarHeaderChecksum(header);
  MINNOW_RETURN_IF_ERROR(file_->WriteAt(layout_.checksums.offset, checksums));
  return file_->WriteAt(0, std::as_bytes(std::span(&header, 1)));
}

}  // namespace

Status CheckSidecarPlace(const std::string& path) {
  MINNOW_RETURN_IF_ERROR(AtomicFile::Create(path));
  return {};
}

Status WriteSidecar(const ScanKernels& kernels, const Rotation& rotation,
                    const SidecarContent& content, const SidecarIdentity& identity,
                    const std::string& path, ThreadPool* pool) {
  if (identity.dimensions != rotation.dimensions()) {
    return Error{Code::kInvalidArgument, "sidecar: of " + std::to_string(identity.dimensions) +
                                             " dimensions, the index has " +
                                             std::to_string(rotation.dimensions())};
  }
  MINNOW_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  MINNOW_RETURN_IF_ERROR(
      SidecarWriter(kernels, rotation, content, &file, path).Write(identity, pool));
  return file.Commit();
}

}  // namespace minnow
