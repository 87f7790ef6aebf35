// SPDX-License-Identifier: Apache-2.0
// Tests of origins that an operator allows: their forms, wildcards, and what is no origin.
#include "http/origin.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>

namespace minnow::http {
namespace {

TEST(OriginPattern, Matches) {
  const std::tuple<const char*, const char*, bool> cases[] = {
      {"*", "https://a.test", true},
      {"*", "null", true},
      {"null", "null", true},
      {"null", "https://a.test", false},
      {"http://localhost:3000/", "http://localhost:3000", true},
      {"HTTP://LocalHost:3000", "http://localhost:3000", true},
      {"http://localhost:3000", "https://localhost:3000", false},
      {"http://localhost:3000", "http://localhost", false},
      {"http://localhost:3000", "http://localhost:30000", false},
      {"http://localhost:*", "http://localhost:5173", true},
      {"http://localhost:*", "http://localhost", true},
      {"http://localhost:*", "http://localhost.evil.test:1", false},
      {"https://a.test:443", "https://a.test", true},
      {"https://a.test", "https://a.test:443", true},
      {"http://a.test:80/", "http://a.test", true},
      {"http://a.test:443", "http://a.test", false},
      {"chrome-extension://*", "chrome-extension://abcdefgh", true},
      {"chrome-extension://*/", "chrome-extension://abcdefgh", true},
      {"chrome-extension://*", "moz-extension://abcdefgh", false},
      {"https://*", "https://a.test:8443", true},
      {"https://*:443", "https://a.test:8443", false},
      {"https://*.a.test", "https://x.a.test", true},
      {"https://*.a.test", "https://x.y.a.test", true},
      {"https://*.a.test", "https://a.test", false},
      {"https://*.a.test", "https://.a.test", false},
      {"https://*.a.test", "https://evila.test", false},
      {"https://*.a.test", "https://a.test.evil.test", false},
      {"http://[::1]:3000", "http://[::1]:3000", true},
      {"http://[::1]", "http://[::1]:3000", false},
      {"https://a.test", "", false},
      {"https://a.test", "https://a.test/", false},
      {"https://a.test", "a.test", false},
      {"https://a.test", "https://evil.test/https://a.test", false},
      {"app://obsidian.md", "app://obsidian.md", true}};
  for (const auto& [text, origin, matches] : cases) {
    const auto pattern = OriginPattern::Parse(text);
    ASSERT_TRUE(pattern.ok()) << text << ": " << pattern.error().message;
    EXPECT_EQ(pattern->Matches(origin), matches) << text << " " << origin;
  }
}

TEST(OriginPattern, WhatIsNoOriginIsRefusedWithTheReason) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "scheme://"},
      {"a.test", "scheme://"},
      {"localhost:3000", "scheme://"},
      {"//a.test", "scheme://"},
      {"https://", "host is missing"},
      {"https:///", "host is missing"},
      {"https://:80", "host is missing"},
      {"https://a.test/app", "path"},
      {"https://a.test//", "path"},
      {"https://user@a.test", "user"},
      {"https://a.test?x", "query"},
      {"*://a.test", "scheme"},
      {"https://a.*", "*"},
      {"https://*a.test", "*"},
      {"https://*.", "*"},
      {"https://a.test:0", "port"},
      {"https://a.test:", "scheme://"},
      {"https://a.test:65536", "port"},
      {"https://a.test:080", "port"},
      {"https://a.test:30*", "port"},
      {"https://a.test https://b.test", "host is ASCII"},
      {"https://b\xc3\xbc"
       "cher.test",
       "host is ASCII"}};
  for (const auto& [text, reason] : cases) {
    const auto pattern = OriginPattern::Parse(text);
    ASSERT_FALSE(pattern.ok()) << text;
    EXPECT_EQ(pattern.error().code, Code::kInvalidArgument);
    EXPECT_NE(pattern.error().message.find(reason), std::string::npos)
        << text << ": " << pattern.error().message;
  }
}

}  // namespace
}  // namespace minnow::http
