// SPDX-License-Identifier: Apache-2.0
#include "formats/xxh64.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace minnow {
namespace {

uint64_t Sum(std::string_view text) {
  Xxh64 sum;
  sum.Update(std::as_bytes(std::span(text.data(), text.size())));
  return sum.Digest();
}

// Values of the reference implementation (xxhsum -H1).
TEST(Xxh64Test, GivesTheReferencesValues) {
  EXPECT_EQ(Sum(""), 0xef46db3751d8e999u);
  EXPECT_EQ(Sum("a"), 0xd24ec4f1a98c6e5bu);
  EXPECT_EQ(Sum("abc"), 0x44bc2cf5ad770999u);
  EXPECT_EQ(Sum("The quick brown fox jumps over the lazy dog"), 0x0b242d361fda71bcu);
}

TEST(Xxh64Test, PiecesDoNotMatter) {
  std::string text;
  for (int i = 0; i < 300; ++i) text += static_cast<char>(i * 7);
  const uint64_t whole = Sum(text);
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    Xxh64 sum;
    const auto bytes = std::as_bytes(std::span(text.data(), text.size()));
    sum.Update(bytes.first(cut));
    sum.Update(bytes.subspan(cut));
    EXPECT_EQ(sum.Digest(), whole) << cut;
  }
}

}  // namespace
}  // namespace minnow
