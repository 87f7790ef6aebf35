// SPDX-License-Identifier: Apache-2.0
#include "tasks/generate/clean_up.h"

#include <gtest/gtest.h>

namespace minnow {
namespace {

// What transformers makes of them.
TEST(CleanUpSpaces, AsTransformersDoes) {
  EXPECT_EQ(CleanUpSpaces(""), "");
  EXPECT_EQ(CleanUpSpaces("it is n't so , he 's told . Is it ?"), "it isn't so, he's told. Is it?");
  EXPECT_EQ(CleanUpSpaces("I 'm , we 've , they 're !"), "I'm, we've, they're!");
  EXPECT_EQ(CleanUpSpaces("a ' b ' c"), "a'b'c");
  EXPECT_EQ(CleanUpSpaces("a  . b . . c"), "a . b.. c");
  EXPECT_EQ(CleanUpSpaces(" .\xC3\xA9 ,"), ".\xC3\xA9,");
}

}  // namespace
}  // namespace minnow
