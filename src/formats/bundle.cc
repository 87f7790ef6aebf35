// SPDX-License-Identifier: Apache-2.0
// The table and trailer behind a program, and copying the program.
#include "formats/bundle.h"

#include <elf.h>

#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "base/mapped_file.h"
#include "formats/atomic_file.h"
#include "formats/xxh64.h"

namespace minnow {
namespace {

constexpr uint64_t kPartAlignment = 4096;
using Magic = std::array<char, 8>;
constexpr Magic kModelMagic = {'M', 'I', 'N', 'N', 'O', 'W', 'B', '1'};
constexpr Magic kTableMagic = {'M', 'I', 'N', 'N', 'O', 'W', 'B', '2'};

// The last bytes of a bundle, little-endian: where its table lies, or in the first version its
// model.
struct Trailer {
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint64_t checksum = 0;
  Magic magic = kTableMagic;
};

enum class PartKind : uint64_t { kModel = 1, kStore = 2, kVectors = 3 };

// An entry of the table.
struct Part {
  PartKind kind = PartKind::kModel;
  int64_t index = 0;  // of kVectors
  uint64_t offset = 0;
  uint64_t bytes = 0;
};
static_assert(sizeof(Part) == 32);
constexpr size_t kMaxParts = 4096;

// Of the trailer's first two numbers, and then the table.
uint64_t Checksum(const Trailer& trailer, std::span<const std::byte> table) {
  Xxh64 checksum;
  checksum.Update(std::as_bytes(std::span(&trailer, 1)).first(2 * sizeof(uint64_t)));
  checksum.Update(table);
  return checksum.Digest();
}

Error Damaged(const std::string& path) {
  return Error{Code::kCorrupt, path + ": the trailer of what it carries is damaged"};
}

// Where an ELF program ends by its own account: linkers write the section headers last. 0: not
// told.
uint64_t ProgramEnd(std::span<const std::byte> file) {
  Elf64_Ehdr header;
  if (file.size() < sizeof header) return 0;
  std::memcpy(&header, file.data(), sizeof header);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_shoff == 0) {
    return 0;
  }
  return header.e_shoff + uint64_t{header.e_shnum} * header.e_shentsize;
}

// What a file without a trailer carries: nothing, unless its end is gone.
Result<BundleContents> WithoutTrailer(std::span<const std::byte> file, const std::string& path) {
  BundleContents contents;
  contents.program_bytes = file.size();
  const uint64_t end = ProgramEnd(file);
  if (end == 0 || end >= file.size()) return contents;
  return Error{Code::kCorrupt, path + ": is cut off: " + std::to_string(file.size() - end) +
                                   " bytes follow the program, and the end of what it carries is "
                                   "missing; copy or bundle it again"};
}

bool IsInside(const Part& part, uint64_t begin, uint64_t end) {
  return part.offset % kPartAlignment == 0 && part.offset >= begin && part.offset <= end &&
         part.bytes <= end - part.offset;
}

// Takes one entry over; false where it is wrong.
bool TakePart(const Part& part, BundleContents& contents) {
  const BundledRange range{part.offset, part.bytes};
  switch (part.kind) {
    case PartKind::kModel:
      return !std::exchange(contents.model, range).has_value();
    case PartKind::kStore:
      return !std::exchange(contents.store, range).has_value();
    case PartKind::kVectors:
      return contents.vectors.emplace(part.index, range).second;
  }
  return true;  // of a newer version: not ours
}

Result<BundleContents> ReadTable(std::span<const std::byte> file, const Trailer& trailer,
                                 const std::string& path) {
  const uint64_t end = file.size() - sizeof trailer;
  if (trailer.offset > end || trailer.bytes != end - trailer.offset ||
      trailer.bytes % sizeof(Part) != 0 || trailer.bytes > kMaxParts * sizeof(Part)) {
    return Damaged(path);
  }
  const std::span<const std::byte> table = file.subspan(trailer.offset, trailer.bytes);
  if (trailer.checksum != Checksum(trailer, table)) return Damaged(path);
  BundleContents contents;
  contents.program_bytes = trailer.offset;
  uint64_t begin = 0;
  for (size_t at = 0; at < table.size(); at += sizeof(Part)) {
    Part part;
    std::memcpy(&part, table.data() + at, sizeof part);
    if (!IsInside(part, begin, trailer.offset) || !TakePart(part, contents)) return Damaged(path);
    if (at == 0) contents.program_bytes = part.offset;
    begin = part.offset + part.bytes;
  }
  return contents;
}

// Bytes up to the next part's start.
std::vector<std::byte> GapAfter(uint64_t bytes) {
  return std::vector<std::byte>((kPartAlignment - bytes % kPartAlignment) % kPartAlignment);
}

}  // namespace

Result<BundleContents> ReadBundle(const std::string& path) {
  MINNOW_ASSIGN_OR_RETURN(const MappedFile mapped, MappedFile::Open(path));
  const std::span<const std::byte> file = mapped.bytes();
  const std::string& name = mapped.path();
  Trailer trailer;
  if (file.size() < sizeof trailer) return WithoutTrailer(file, name);
  std::memcpy(&trailer, file.data() + file.size() - sizeof trailer, sizeof trailer);
  if (trailer.magic == kTableMagic) return ReadTable(file, trailer, name);
  if (trailer.magic != kModelMagic) return WithoutTrailer(file, name);
  const uint64_t end = file.size() - sizeof trailer;
  const Part model{PartKind::kModel, 0, trailer.offset, trailer.bytes};
  if (trailer.checksum != Checksum(trailer, {}) || !IsInside(model, 0, end) ||
      trailer.bytes != end - trailer.offset) {
    return Damaged(name);
  }
  BundleContents contents;
  contents.program_bytes = trailer.offset;
  contents.model = BundledRange{trailer.offset, trailer.bytes};
  return contents;
}

Result<std::shared_ptr<const PackedFile>> OpenBundledModel() {
  MINNOW_ASSIGN_OR_RETURN(const BundleContents contents, ReadBundle(kThisProgram));
  if (!contents.model) {
    return Error{Code::kInvalidArgument,
                 "no model given, and this program carries none ('minnow bundle' makes one that "
                 "does)"};
  }
  MINNOW_ASSIGN_OR_RETURN(
      MappedFile file,
      MappedFile::OpenRange(kThisProgram, contents.model->offset, contents.model->bytes));
  return PackedFile::FromMapped(std::move(file));
}

bool HasBundledModel() {
  const auto contents = ReadBundle(kThisProgram);
  return !contents.ok() || contents->model.has_value();
}

bool HasBundledStore() {
  const auto contents = ReadBundle(kThisProgram);
  return !contents.ok() || contents->store.has_value();
}

Status WriteBundle(const BundleParts& parts, const std::string& path) {
  MINNOW_ASSIGN_OR_RETURN(const BundleContents own, ReadBundle(kThisProgram));
  MINNOW_ASSIGN_OR_RETURN(const MappedFile program, MappedFile::Open(kThisProgram));
  MINNOW_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path, AtomicFile::Mode::kProgram));
  MINNOW_RETURN_IF_ERROR(file.Write(program.bytes().first(own.program_bytes)));
  uint64_t at = own.program_bytes;
  std::vector<Part> table;
  const auto add = [&](PartKind kind, int64_t index, std::span<const std::byte> bytes) -> Status {
    const std::vector<std::byte> gap = GapAfter(at);
    MINNOW_RETURN_IF_ERROR(file.Write(gap));
    MINNOW_RETURN_IF_ERROR(file.Write(bytes));
    table.push_back({kind, index, at + gap.size(), bytes.size()});
    at += gap.size() + bytes.size();
    return {};
  };
  MINNOW_RETURN_IF_ERROR(add(PartKind::kModel, 0, parts.model));
  if (!parts.store.empty()) MINNOW_RETURN_IF_ERROR(add(PartKind::kStore, 0, parts.store));
  for (const auto& [index, bytes] : parts.vectors) {
    MINNOW_RETURN_IF_ERROR(add(PartKind::kVectors, index, bytes));
  }
  const std::span<const std::byte> table_bytes = std::as_bytes(std::span(table));
  Trailer trailer;
  trailer.offset = at;
  trailer.bytes = table_bytes.size();
  trailer.checksum = Checksum(trailer, table_bytes);
  MINNOW_RETURN_IF_ERROR(file.Write(table_bytes));
  MINNOW_RETURN_IF_ERROR(file.Write(std::as_bytes(std::span(&trailer, 1))));
  return file.Commit();
}

}  // namespace minnow
