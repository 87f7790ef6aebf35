// SPDX-License-Identifier: Apache-2.0
#include "http/form/multipart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

namespace minnow::http {
namespace {

using testing::HasSubstr;

constexpr char kType[] = "multipart/form-data; boundary=xYz";

std::string Refusal(const std::string& body, const std::string& type = kType) {
  const auto parts = ReadForm(type, body);
  return parts.ok() ? "" : parts.error().message;
}

std::string Part(const std::string& headers, const std::string& contents) {
  return "--xYz\r\n" + headers + "\r\n\r\n" + contents + "\r\n";
}

TEST(ReadForm, TextsAndFiles) {
  const std::string binary("a\r\n--xY\0\r\n\r\n--", 14);
  const std::string body =
      "text before it\r\n" +
      Part("Content-Disposition: form-data; name=\"prompt\"", "a fox, \"quoted\"") +
      Part(
          "content-disposition: form-data; filename=\"a \\\"b\\\"; name=no.png\"; name=image[]\r\n"
          "Content-Type: image/png",
          binary) +
      Part("Content-Disposition: form-data; name=\"\"", "") + "--xYz--\r\nafter it";
  const auto parts = ReadForm("Multipart/Form-Data; charset=utf-8; boundary=\"xYz\"", body);
  ASSERT_TRUE(parts.ok()) << parts.error().message;
  ASSERT_EQ(parts->size(), 3u);
  const auto& [prompt, image, empty] = std::tie((*parts)[0], (*parts)[1], (*parts)[2]);
  EXPECT_EQ(prompt.name, "prompt");
  EXPECT_EQ(prompt.contents, "a fox, \"quoted\"");
  EXPECT_FALSE(prompt.is_file);
  EXPECT_EQ(image.name, "image[]");
  EXPECT_EQ(image.file_name, "a \"b\"; name=no.png");
  EXPECT_EQ(image.type, "image/png");
  EXPECT_EQ(image.contents, binary);
  EXPECT_TRUE(image.is_file);
  EXPECT_EQ(empty.name, "");
  EXPECT_EQ(empty.contents, "");
}

TEST(ReadForm, NoPartsAtAll) {
  const auto parts = ReadForm(kType, "--xYz--");
  ASSERT_TRUE(parts.ok());
  EXPECT_TRUE(parts->empty());
}

TEST(ReadForm, RefusesWhatIsNotOne) {
  EXPECT_TRUE(IsForm("multipart/form-data"));
  EXPECT_FALSE(IsForm("multipart/mixed; boundary=x"));
  EXPECT_THAT(Refusal("--xYz--", "multipart/form-data"), HasSubstr("no boundary"));
  EXPECT_THAT(Refusal("--xYz--", "multipart/form-data; boundary="), HasSubstr("no boundary"));
  EXPECT_THAT(Refusal("--xYz--", "multipart/form-data; boundary=\"xYz"), HasSubstr("no boundary"));
  EXPECT_THAT(Refusal("--xYz--", "multipart/form-data; boundary=" + std::string(71, 'x')),
              HasSubstr("no boundary"));
  EXPECT_THAT(Refusal("--xYz--", "application/json"), HasSubstr("expected as the Content-Type"));
  EXPECT_THAT(Refusal(""), HasSubstr("does not occur"));
  EXPECT_THAT(Refusal("--other--"), HasSubstr("does not occur"));
  EXPECT_THAT(Refusal(Part("Content-Type: text/plain", "x") + "--xYz--"),
              HasSubstr("without a name"));
  EXPECT_THAT(Refusal(Part("Content-Disposition: form-data; name=\"a\"\r\n"
                           "Content-Transfer-Encoding: base64",
                           "x") +
                      "--xYz--"),
              HasSubstr("Content-Transfer-Encoding"));
}

TEST(ReadForm, HasLimits) {
  const std::string header = "Content-Disposition: form-data; name=\"a\"";
  EXPECT_THAT(Refusal(Part(header + "\r\nX: " + std::string(20'000, 'x'), "") + "--xYz--"),
              HasSubstr("limit 16384 bytes"));
  std::string lines = header;
  for (int i = 0; i < 10'000; ++i) lines += "\r\na: b";
  EXPECT_THAT(Refusal(Part(lines, "") + "--xYz--"), HasSubstr("limit 16384 bytes"));
  std::string many;
  for (int i = 0; i < 257; ++i) many += Part(header, "");
  EXPECT_THAT(Refusal(many + "--xYz--"), HasSubstr("limit 256 parts"));
}

// Cut anywhere, or with bytes changed: parts within the body, or a refusal.
TEST(ReadForm, BodiesThatAreDamaged) {
  const std::string whole = Part("Content-Disposition: form-data; name=\"a\"", "text") +
                            Part(
                                "Content-Disposition: form-data; name=\"b\"; filename=\"c\"\r\n"
                                "Content-Type: image/png",
                                "\r\n--xYz") +
                            "--xYz--";
  for (size_t size = 0; size < whole.size(); ++size) EXPECT_NE(Refusal(whole.substr(0, size)), "");
  std::mt19937 random(1);
  for (int i = 0; i < 20'000; ++i) {
    std::string body = whole;
    for (int k = 0; k < 3; ++k) body[random() % body.size()] = static_cast<char>(random());
    const auto parts = ReadForm(kType, body);
    if (!parts.ok()) continue;
    for (const FormPart& part : *parts) {
      if (part.contents.empty()) continue;
      EXPECT_GE(part.contents.data(), body.data());
      EXPECT_LE(part.contents.data() + part.contents.size(), body.data() + body.size());
    }
  }
}

}  // namespace
}  // namespace minnow::http
