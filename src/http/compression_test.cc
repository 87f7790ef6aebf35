// SPDX-License-Identifier: Apache-2.0
// Tests of content codings: what Accept-Encoding asks for, and what is coded.
#include "http/compression.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>
#include <utility>

namespace minnow::http {
namespace {

CodingChoice Choose(const std::string& value) { return ChooseCoding({{"accept-encoding", value}}); }

std::string Header(const Response& response, const std::string& name) {
  for (const auto& header : response.headers) {
    if (header.name == name) return header.value;
  }
  return "";
}

std::string Inflate(const std::string& coded, int window_bits, size_t limit = size_t{1} << 24) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, window_bits), Z_OK);
  std::string out(limit, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(coded.data()));
  stream.avail_in = static_cast<uInt>(coded.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  EXPECT_EQ(stream.avail_in, 0u);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

Response Json(size_t bytes) {
  Response response;
  response.content_type = "application/json";
  for (size_t i = 0; response.body.size() < bytes; ++i) response.body += std::to_string(i) + ",";
  response.body.resize(bytes);
  return response;
}

TEST(ContentCoding, WeightsDecide) {
  constexpr auto kIdentity = ContentCoding::kIdentity;
  constexpr auto kGzip = ContentCoding::kGzip;
  constexpr auto kDeflate = ContentCoding::kDeflate;
  const std::pair<const char*, ContentCoding> cases[] = {
      {"", kIdentity},
      {"gzip", kGzip},
      {"GZIP", kGzip},
      {"x-gzip", kGzip},
      {"deflate", kDeflate},
      {"gzip, deflate, br", kGzip},
      {"deflate, gzip", kGzip},
      {"deflate;q=1, gzip;q=0.9", kDeflate},
      {"deflate;q=0.999,gzip;q=1.000", kGzip},
      {" gzip ; q=0.5 ,\tdeflate;q=0.7", kDeflate},
      {"br", kIdentity},
      {"br, *", kGzip},
      {"*", kGzip},
      {"*;q=0", kIdentity},
      {"gzip;q=0, *", kDeflate},
      {"gzip;q=0", kIdentity},
      {"gzip;q=0.000", kIdentity},
      {"identity, gzip;q=0.5", kIdentity},
      {"identity;q=0.5, gzip", kGzip},
      {"identity;q=0.5, gzip;q=0.5", kGzip},
      // A weight of 0.001 is more than nothing.
      {"gzip;q=0.001", kGzip},
      {"gzip;level=9", kGzip},
      {"deflate;q=0.5;level=9, gzip;level=9;q=0.4", kDeflate},
      // What is no weight is no element.
      {"gzip;q=2", kIdentity},
      {"gzip;q=1.001", kIdentity},
      {"gzip;q=0.1234", kIdentity},
      {"gzip;q=x", kIdentity},
      {"gzip;q=", kIdentity},
      {"gzip;q=-1", kIdentity},
      {",,;;,q=1,", kIdentity}};
  for (const auto& [value, coding] : cases) EXPECT_EQ(Choose(value).coding, coding) << value;
  EXPECT_EQ(ChooseCoding({}).coding, kIdentity);
  EXPECT_EQ(ChooseCoding({{"Accept", "gzip"}}).coding, kIdentity);
  // Several fields are one list.
  EXPECT_EQ(
      ChooseCoding({{"Accept-Encoding", "gzip;q=0.2"}, {"Accept-Encoding", "deflate"}}).coding,
      kDeflate);
}

TEST(ContentCoding, IdentityMayBeForbidden) {
  EXPECT_TRUE(Choose("gzip").identity_allowed);
  EXPECT_TRUE(Choose("").acceptable);
  EXPECT_FALSE(Choose("identity;q=0").acceptable);
  EXPECT_FALSE(Choose("identity;q=0, br").acceptable);
  EXPECT_FALSE(Choose("*;q=0").acceptable);
  EXPECT_FALSE(Choose("gzip, *;q=0").identity_allowed);
  EXPECT_TRUE(Choose("gzip, *;q=0").acceptable);
  EXPECT_EQ(Choose("identity;q=0, *").coding, ContentCoding::kGzip);
  EXPECT_TRUE(Choose("identity, *;q=0").identity_allowed);
}

TEST(ContentCoding, BothReadBack) {
  for (const size_t bytes : {size_t{860}, size_t{5000}, size_t{300'000}}) {
    const std::string text = Json(bytes).body;
    Response gzip = Json(bytes);
    ApplyCoding(Choose("gzip"), SIZE_MAX, gzip);
    EXPECT_LT(gzip.body.size(), text.size());
    EXPECT_EQ(Header(gzip, "Content-Encoding"), "gzip");
    EXPECT_EQ(Header(gzip, "Vary"), "Accept-Encoding");
    EXPECT_EQ(Inflate(gzip.body, 15 + 16), text);
    Response deflate = Json(bytes);
    ApplyCoding(Choose("deflate"), SIZE_MAX, deflate);
    EXPECT_EQ(Header(deflate, "Content-Encoding"), "deflate");
    EXPECT_EQ(Inflate(deflate.body, 15), text);  // with zlib's wrapper, as RFC 9110 says
  }
}

TEST(ContentCoding, OnlyWhereItHelps) {
  const auto coded = [](Response response, const char* accept = "gzip", size_t most = SIZE_MAX) {
    ApplyCoding(Choose(accept), most, response);
    return Header(response, "Content-Encoding") == "gzip";
  };
  EXPECT_TRUE(coded(Json(860)));
  EXPECT_FALSE(coded(Json(859)));
  EXPECT_TRUE(coded(Json(859), "gzip, identity;q=0"));
  EXPECT_FALSE(coded(Json(0), "gzip, identity;q=0"));
  EXPECT_FALSE(coded(Json(5000), "gzip", 4999));
  EXPECT_TRUE(coded(Json(5000), "gzip;q=1, identity;q=0", 4999));

  Response binary = Json(5000);
  for (const char* type : {"application/octet-stream", "image/png", "font/woff2", ""}) {
    binary.content_type = type;
    EXPECT_FALSE(coded(binary)) << type;
  }
  Response text = Json(5000);
  for (const char* type : {"text/html; charset=utf-8", "text/css", "application/javascript",
                           "image/svg+xml", "application/x-ndjson", "application/problem+json"}) {
    text.content_type = type;
    EXPECT_TRUE(coded(text)) << type;
  }
  Response before = Json(5000);
  before.headers.push_back({"content-encoding", "br"});
  EXPECT_FALSE(coded(before));
  Response excluded = Json(5000);
  excluded.codable = false;
  EXPECT_FALSE(coded(excluded));
  Response empty = Json(5000);
  empty.status = 304;
  EXPECT_FALSE(coded(empty));

  Response random = Json(0);
  uint32_t state = 1;
  for (int i = 0; i < 4000; ++i)
    random.body += static_cast<char>((state = state * 69069 + 1) >> 24);
  EXPECT_FALSE(coded(random)) << "coded bytes are not fewer";
  EXPECT_TRUE(coded(random, "gzip, identity;q=0"));
}

TEST(ContentCoding, StrongValidatorBecomesWeak) {
  Response response = Json(5000);
  response.headers.push_back({"ETag", "\"abc\""});
  ApplyCoding(Choose("gzip"), SIZE_MAX, response);
  EXPECT_EQ(Header(response, "ETag"), "W/\"abc\"");
}

}  // namespace
}  // namespace minnow::http
