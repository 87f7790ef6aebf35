// SPDX-License-Identifier: Apache-2.0
// The trailer behind a bundled model, and copying the program.
#include "formats/bundle.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "formats/atomic_file.h"
#include "formats/xxh64.h"

namespace minnow {
namespace {

constexpr uint64_t kModelAlignment = 4096;
constexpr std::array<char, 8> kMagic = {'M', 'I', 'N', 'N', 'O', 'W', 'B', '1'};

// The last bytes of a bundle, little-endian.
struct Trailer {
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint64_t checksum = 0;  // XXH64 of the two before
  std::array<char, 8> magic = kMagic;
};

uint64_t TrailerChecksum(const Trailer& trailer) {
  Xxh64 checksum;
  checksum.Update(std::as_bytes(std::span(&trailer, 1)).first(2 * sizeof(uint64_t)));
  return checksum.Digest();
}

Error SystemError(const std::string& path, const char* what) {
  const Code code = errno == ENOENT || errno == ENOTDIR ? Code::kNotFound : Code::kInternal;
  return Error{code, path + ": " + what + ": " + std::strerror(errno)};
}

}  // namespace

Result<std::optional<BundledRange>> FindBundledModel(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return SystemError(path, "cannot open");
  struct stat info = {};
  Trailer trailer;
  const bool stated = ::fstat(descriptor, &info) == 0;
  const auto size = static_cast<uint64_t>(info.st_size);
  const bool read = stated && size >= sizeof trailer &&
                    ::pread(descriptor, &trailer, sizeof trailer,
                            static_cast<off_t>(size - sizeof trailer)) == sizeof trailer;
  ::close(descriptor);
  if (!read || trailer.magic != kMagic) return std::optional<BundledRange>();
  if (trailer.checksum != TrailerChecksum(trailer) || trailer.offset % kModelAlignment != 0 ||
      trailer.offset > size || trailer.bytes != size - sizeof trailer - trailer.offset) {
    return Error{Code::kCorrupt, path + ": the trailer of its model is damaged"};
  }
  return std::optional<BundledRange>({trailer.offset, trailer.bytes});
}

Result<std::shared_ptr<const PackedFile>> OpenBundledModel() {
  MINNOW_ASSIGN_OR_RETURN(const auto range, FindBundledModel(kThisProgram));
  if (!range) {
    return Error{Code::kInvalidArgument,
                 "no model given, and this program carries none ('minnow bundle' makes one that "
                 "does)"};
  }
  MINNOW_ASSIGN_OR_RETURN(MappedFile file,
                          MappedFile::OpenRange(kThisProgram, range->offset, range->bytes));
  return PackedFile::FromMapped(std::move(file));
}

bool HasBundledModel() {
  const auto range = FindBundledModel(kThisProgram);
  return !range.ok() || range->has_value();
}

Status WriteBundle(const PackedFile& model, const std::string& path) {
  MINNOW_ASSIGN_OR_RETURN(const auto range, FindBundledModel(kThisProgram));
  MINNOW_ASSIGN_OR_RETURN(const MappedFile program, MappedFile::Open(kThisProgram));
  const std::span<const std::byte> code =
      range ? program.bytes().first(range->offset) : program.bytes();
  MINNOW_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path, AtomicFile::Mode::kProgram));
  MINNOW_RETURN_IF_ERROR(file.Write(code));
  const std::vector<std::byte> gap((kModelAlignment - code.size() % kModelAlignment) %
                                   kModelAlignment);
  MINNOW_RETURN_IF_ERROR(file.Write(gap));
  MINNOW_RETURN_IF_ERROR(file.Write(model.file_bytes()));
  Trailer trailer;
  trailer.offset = code.size() + gap.size();
  trailer.bytes = model.bytes();
  trailer.checksum = TrailerChecksum(trailer);
  MINNOW_RETURN_IF_ERROR(file.Write(std::as_bytes(std::span(&trailer, 1))));
  return file.Commit();
}

}  // namespace minnow
