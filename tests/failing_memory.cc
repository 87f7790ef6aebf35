// SPDX-License-Identifier: Apache-2.0
#include "tests/failing_memory.h"

#include <atomic>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MINNOW_OWN_NEW 0
#else
#define MINNOW_OWN_NEW 1
#endif

namespace {

thread_local bool fails = false;
std::atomic<size_t> allocations{0};

}  // namespace

#if MINNOW_OWN_NEW
// The other forms of the standard library call these.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  void* const memory = fails ? nullptr : std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace minnow {

bool FailingMemory::Works() { return MINNOW_OWN_NEW != 0; }
size_t FailingMemory::Allocations() { return allocations; }
FailingMemory::FailingMemory() { fails = true; }
FailingMemory::~FailingMemory() { fails = false; }

}  // namespace minnow
