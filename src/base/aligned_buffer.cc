// SPDX-License-Identifier: Apache-2.0
// Anonymous mappings.
#include "base/aligned_buffer.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

namespace minnow {
namespace {
constexpr size_t kHugePageBytes = size_t{2} << 20;
}  // namespace

Pages::Pages(size_t bytes, PageSize page_size) {
  if (bytes == 0) return;
  const bool huge = page_size == PageSize::kHuge && bytes >= kHugePageBytes;
  // A huge page must begin at a multiple of its size, which mmap does not promise.
  mapping_bytes_ = bytes + (huge ? kHugePageBytes : 0);
  if (mapping_bytes_ < bytes) throw std::bad_alloc();
  mapping_ = ::mmap(nullptr, mapping_bytes_, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping_ == MAP_FAILED) {
    mapping_ = nullptr;
    throw std::bad_alloc();
  }
  uintptr_t begin = reinterpret_cast<uintptr_t>(mapping_);
  if (huge) {
    begin = (begin + kHugePageBytes - 1) / kHugePageBytes * kHugePageBytes;
    // Only a hint: with huge pages disabled the buffer works as well, a little slower.
    ::madvise(reinterpret_cast<void*>(begin), bytes, MADV_HUGEPAGE);
  }
  data_ = reinterpret_cast<std::byte*>(begin);
}

Pages::~Pages() {
  if (mapping_ != nullptr) ::munmap(mapping_, mapping_bytes_);
}

}  // namespace minnow
