// SPDX-License-Identifier: Apache-2.0
#include "index/store/search/json_cut.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "formats/json.h"

namespace minnow {
namespace {

std::string Cut(const std::string& json, const std::vector<std::string>& attributes) {
  return CutJson(json, attributes);
}

TEST(CutJson, KeepsMembersByteForByte) {
  const std::string json =
      R"( { "a" : 1.0e2 , "b\"c":[1, {"x":"]}"}], "a.b":true,"d":{"e":{"f":"}","g":null},"h":1}})";
  EXPECT_EQ(Cut(json, {"a"}), R"({"a":1.0e2})");
  EXPECT_EQ(Cut(json, {"b\"c"}), R"({"b\"c":[1, {"x":"]}"}]})");
  EXPECT_EQ(Cut(json, {"h", "nothing"}), "{}");
  EXPECT_EQ(Cut(json, {"a.b"}), R"({"a.b":true})");
  EXPECT_EQ(Cut(json, {"d.h", "a"}), R"({"a":1.0e2,"d":{"h":1}})");
  EXPECT_EQ(Cut(json, {"d.e.f", "d.e.f"}), R"({"d":{"e":{"f":"}"}}})");
  EXPECT_EQ(Cut(json, {"d", "d.h"}), R"({"d":{"e":{"f":"}","g":null},"h":1}})");
  EXPECT_EQ(Cut(json, {"a.x"}), "{}");
  EXPECT_EQ(Cut(json, {}), "{}");
  EXPECT_EQ(Cut("{}", {"a"}), "{}");
  EXPECT_EQ(Cut(R"({"\u0061":1})", {"a"}), R"({"\u0061":1})");
  const std::string slashes = R"({"a\\":"\\","b\\\"":"\"\\\"","c":"\\\\"})";
  EXPECT_EQ(Cut(slashes, {"a\\"}), R"({"a\\":"\\"})");
  EXPECT_EQ(Cut(slashes, {"b\\\""}), R"({"b\\\"":"\"\\\""})");
  EXPECT_EQ(Cut(slashes, {"c"}), R"({"c":"\\\\"})");
}

TEST(CutJson, TakesAnyBytes) {
  std::mt19937 random(1);
  const std::string alphabet = R"({}[]",:\ a1)";
  for (int round = 0; round < 20'000; ++round) {
    std::string text = "{";
    for (size_t n = random() % 24; n > 0; --n) text += alphabet[random() % alphabet.size()];
    const std::string cut = Cut(text, {"a", "a.a", "1"});
    if (JsonDocument::Parse(text, "").ok()) {
      EXPECT_TRUE(JsonDocument::Parse(cut, "").ok()) << text;
    }
  }
}

}  // namespace
}  // namespace minnow
