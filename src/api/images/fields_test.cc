// SPDX-License-Identifier: Apache-2.0
#include "api/images/fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace minnow::api {
namespace {

using testing::StartsWith;

// The same text as a number in JSON and as a part of a form.
std::vector<Result<std::optional<uint64_t>>> Seeds(const std::string& text) {
  const auto document = JsonDocument::Parse("{\"seed\":" + text + "}", "");
  const std::vector<http::FormPart> parts = {{.name = "seed", .contents = text}};
  return {JsonImageFields(document->root()).Seed(), FormImageFields(parts).Seed()};
}

TEST(ImageFields, SeedsAreThoseThatTorchTakes) {
  for (const uint64_t seed : {uint64_t{0}, uint64_t{7}, uint64_t{INT64_MAX},
                              uint64_t{INT64_MAX} + 1, uint64_t{UINT64_MAX}}) {
    for (const auto& read : Seeds(std::to_string(seed))) {
      ASSERT_TRUE(read.ok()) << read.error().message;
      EXPECT_EQ(*read, seed);
    }
  }
  for (const auto& read : Seeds("-1")) EXPECT_EQ(read.value(), std::nullopt);
  EXPECT_EQ(Seeds("null")[0].value(), std::nullopt);
  EXPECT_EQ(Seeds("7.0")[0].value(), 7u);
  for (const char* wrong : {"-2", "18446744073709551616", "1.5", "1e30", "-9223372036854775808",
                            "\"7\"", "[7]", "true"}) {
    for (const auto& read : Seeds(wrong)) {
      ASSERT_FALSE(read.ok()) << wrong;
      EXPECT_EQ(read.error().code, Code::kInvalidArgument);
      EXPECT_THAT(read.error().message,
                  StartsWith("seed: expected an integer in [-1, 18446744073709551615], got "));
    }
  }
}

}  // namespace
}  // namespace minnow::api
