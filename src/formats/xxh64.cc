// SPDX-License-Identifier: Apache-2.0
// XXH64.
#include "formats/xxh64.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace minnow {
namespace {

constexpr uint64_t kPrime1 = 0x9E3779B185EBCA87u;
constexpr uint64_t kPrime2 = 0xC2B2AE3D27D4EB4Fu;
constexpr uint64_t kPrime3 = 0x165667B19E3779F9u;
constexpr uint64_t kPrime4 = 0x85EBCA77C2B2AE63u;
constexpr uint64_t kPrime5 = 0x27D4EB2F165667C5u;

template <class T>
uint64_t Load(const std::byte* bytes) {
  static_assert(std::endian::native == std::endian::little);
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

uint64_t Round(uint64_t lane, uint64_t input) {
  return std::rotl(lane + input * kPrime2, 31) * kPrime1;
}

}  // namespace

void Xxh64::Stripe(const std::byte* bytes) {
  for (size_t i = 0; i < lanes_.size(); ++i)
    lanes_[i] = Round(lanes_[i], Load<uint64_t>(bytes + 8 * i));
}

void Xxh64::Update(std::span<const std::byte> bytes) {
  total_bytes_ += bytes.size();
  if (pending_bytes_ > 0) {
    const size_t taken = std::min(bytes.size(), kStripe - pending_bytes_);
    std::copy_n(bytes.begin(), taken, pending_.begin() + pending_bytes_);
    pending_bytes_ += taken;
    bytes = bytes.subspan(taken);
    if (pending_bytes_ < kStripe) return;
    Stripe(pending_.data());
    pending_bytes_ = 0;
  }
  for (; bytes.size() >= kStripe; bytes = bytes.subspan(kStripe)) Stripe(bytes.data());
  std::copy(bytes.begin(), bytes.end(), pending_.begin());
  pending_bytes_ = bytes.size();
}

uint64_t Xxh64::Digest() const {
  uint64_t hash = kPrime5;
  if (total_bytes_ >= kStripe) {
    hash = std::rotl(lanes_[0], 1) + std::rotl(lanes_[1], 7) + std::rotl(lanes_[2], 12) +
           std::rotl(lanes_[3], 18);
    for (const uint64_t lane : lanes_) hash = (hash ^ Round(0, lane)) * kPrime1 + kPrime4;
  }
  hash += total_bytes_;
  const std::byte* p = pending_.data();
  size_t rest = pending_bytes_;
  for (; rest >= 8; rest -= 8, p += 8)
    hash = std::rotl(hash ^ Round(0, Load<uint64_t>(p)), 27) * kPrime1 + kPrime4;
  if (rest >= 4) {
    hash = std::rotl(hash ^ Load<uint32_t>(p) * kPrime1, 23) * kPrime2 + kPrime3;
    rest -= 4;
    p += 4;
  }
  for (; rest > 0; --rest, ++p) hash = std::rotl(hash ^ Load<uint8_t>(p) * kPrime5, 11) * kPrime1;
  hash = (hash ^ hash >> 33) * kPrime2;
  hash = (hash ^ hash >> 29) * kPrime3;
  return hash ^ hash >> 32;
}

}  // namespace minnow
