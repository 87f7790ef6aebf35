// SPDX-License-Identifier: Apache-2.0
// A fixed-size array of trivial values, zero at first, aligned to a cache line; the storage of
// weights and workspaces.
//
// The memory comes straight from the kernel, so that a page counts as resident only once it was
// touched: a workspace sized for the largest batch costs what the batches seen so far have used.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>
#include <utility>

namespace minnow {

enum class PageSize {
  kNormal,
  kHuge,  // asks for 2 MiB pages, for weights that every forward pass streams
};

// An anonymous mapping. Throws std::bad_alloc when the kernel refuses; unmapped when destroyed.
class Pages {
 public:
  Pages() = default;
  Pages(size_t bytes, PageSize page_size);
  Pages(Pages&& other) noexcept { Swap(other); }
  Pages& operator=(Pages&& other) noexcept {
    Swap(other);
    return *this;
  }
  ~Pages();
  std::byte* data() const { return data_; }

 private:
  void Swap(Pages& other) {
    std::swap(mapping_, other.mapping_);
    std::swap(mapping_bytes_, other.mapping_bytes_);
    std::swap(data_, other.data_);
  }
  void* mapping_ = nullptr;
  size_t mapping_bytes_ = 0;
  std::byte* data_ = nullptr;
};

template <class T>
class AlignedBuffer {
  static_assert(std::is_trivial_v<T>);

 public:
  AlignedBuffer() = default;
  // Sizes come from validated configs; whoever sizes a workspace reports std::bad_alloc as an
  // Error.
  explicit AlignedBuffer(size_t size, PageSize page_size = PageSize::kNormal)
      : pages_(size * sizeof(T), page_size), size_(size) {}
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : pages_(std::move(other.pages_)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    pages_ = std::move(other.pages_);
    std::swap(size_, other.size_);
    return *this;
  }

  T* data() { return reinterpret_cast<T*>(pages_.data()); }
  const T* data() const { return reinterpret_cast<const T*>(pages_.data()); }
  size_t size() const { return size_; }
  size_t size_bytes() const { return size_ * sizeof(T); }
  T& operator[](size_t i) { return data()[i]; }
  const T& operator[](size_t i) const { return data()[i]; }
  std::span<T> span() { return {data(), size_}; }
  std::span<const T> span() const { return {data(), size_}; }

 private:
  Pages pages_;
  size_t size_ = 0;
};

}  // namespace minnow
