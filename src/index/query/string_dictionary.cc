// SPDX-License-Identifier: Apache-2.0
#include "index/query/string_dictionary.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace minnow {
namespace {

constexpr size_t kFirstSlots = 16;
// So many strings are compared one by one before the order is made anew.
constexpr size_t kUnordered = 1'024;

size_t Hash(std::string_view text) { return std::hash<std::string_view>()(text); }

}  // namespace

void StringDictionary::Rehash(size_t slots) {
  slots_.assign(slots, kNone);
  for (uint32_t code = 1; code <= size(); ++code) {
    size_t slot = Hash(Text(code)) & (slots - 1);
    while (slots_[slot] != kNone) slot = (slot + 1) & (slots - 1);
    slots_[slot] = code;
  }
}

uint32_t StringDictionary::Add(std::string_view text) {
  // At most half full.
  if (2 * (size() + 1) > slots_.size()) Rehash(std::max(kFirstSlots, 2 * slots_.size()));
  size_t slot = Hash(text) & (slots_.size() - 1);
  for (; slots_[slot] != kNone; slot = (slot + 1) & (slots_.size() - 1)) {
    if (Text(slots_[slot]) == text) return slots_[slot];
  }
  bytes_ += text;
  ends_.push_back(bytes_.size());
  slots_[slot] = static_cast<uint32_t>(size());
  return slots_[slot];
}

uint32_t StringDictionary::Find(std::string_view text) const {
  if (slots_.empty()) return kNone;
  size_t slot = Hash(text) & (slots_.size() - 1);
  for (; slots_[slot] != kNone; slot = (slot + 1) & (slots_.size() - 1)) {
    if (Text(slots_[slot]) == text) return slots_[slot];
  }
  return kNone;
}

std::shared_ptr<const StringDictionary::Order> StringDictionary::CurrentOrder() const {
  const std::lock_guard lock(order_mutex_);
  const size_t ordered = order_ ? order_->size() : 0;
  if (order_ && size() - ordered <= kUnordered + ordered / 16) return order_;
  auto order = std::make_shared<Order>(size());
  std::iota(order->begin(), order->end(), 1);
  std::sort(order->begin(), order->end(),
            [&](uint32_t a, uint32_t b) { return Text(a) < Text(b); });
  order_ = order;
  return order_;
}

void StringDictionary::MarkRange(std::string_view low, std::string_view high, bool bounded_above,
                                 std::vector<uint8_t>& marks) const {
  const auto inside = [&](uint32_t code) {
    const std::string_view text = Text(code);
    return text >= low && (!bounded_above || text < high);
  };
  size_t ordered = 0;
  if (size() > kUnordered) {
    const auto order = CurrentOrder();
    ordered = order->size();
    const auto before = [&](uint32_t code, std::string_view text) { return Text(code) < text; };
    const auto begin = std::lower_bound(order->begin(), order->end(), low, before);
    const auto end =
        bounded_above ? std::lower_bound(begin, order->end(), high, before) : order->end();
    for (auto code = begin; code < end; ++code) marks[*code] = 1;
  }
  for (size_t code = ordered + 1; code <= size(); ++code) {
    if (inside(static_cast<uint32_t>(code))) marks[code] = 1;
  }
}

}  // namespace minnow
