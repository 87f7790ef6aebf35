// SPDX-License-Identifier: Apache-2.0
// Tests of what an embedding answer is made of: cut vectors, base64; and of errors and metrics.
#include "api/embed_call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "api/errors.h"
#include "serving/metrics.h"

namespace minnow::api {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatEq;
using ::testing::HasSubstr;

TEST(CutVectors, KeepsTheFirstAndGivesLengthOne) {
  std::vector<float> vectors = {3, 4, 12, 0, 0, 5};
  CutVectors(vectors, 3, 2, true);
  EXPECT_THAT(vectors, ElementsAre(FloatEq(0.6f), FloatEq(0.8f), 0, 0));
}

TEST(CutVectors, LeavesTheLengthWhenAsked) {
  std::vector<float> vectors = {3, 4, 12, 1, 2, 3};
  CutVectors(vectors, 3, 2, false);
  EXPECT_THAT(vectors, ElementsAre(3, 4, 1, 2));
}

TEST(Base64, KnownBytes) {
  const auto encode = [](const std::vector<float>& values) {
    std::string out;
    AppendBase64(values, out);
    return out;
  };
  EXPECT_EQ(encode({}), "");
  EXPECT_EQ(encode({1.0f}), "AACAPw==");
  EXPECT_EQ(encode({1.0f, -2.0f}), "AACAPwAAAMA=");
  EXPECT_EQ(encode({1.0f, -2.0f, 0.5f}), "AACAPwAAAMAAAAA/");
}

TEST(Errors, EveryFaultHasAStatusInEachFamily) {
  const std::tuple<Fault, int, int> cases[] = {
      {Fault::kMalformedJson, 400, 400}, {Fault::kInvalidField, 422, 400},
      {Fault::kEmptyInput, 400, 400},    {Fault::kBatchTooLarge, 422, 400},
      {Fault::kNotFound, 404, 404},      {Fault::kNotReady, 503, 503},
      {Fault::kOverloaded, 429, 429},    {Fault::kClientGone, 499, 499},
      {Fault::kNoKey, 401, 401},         {Fault::kInternal, 424, 500}};
  for (const auto& [fault, tei, openai] : cases) {
    EXPECT_EQ(ErrorResponse(Family::kTei, {fault, "m"}).status, tei);
    EXPECT_EQ(ErrorResponse(Family::kOpenAi, {fault, "m"}).status, openai);
  }
}

TEST(Errors, CodesBecomeFaults) {
  EXPECT_EQ(ToFailure({Code::kInvalidArgument, ""}).fault, Fault::kInvalidField);
  EXPECT_EQ(ToFailure({Code::kNotFound, ""}).fault, Fault::kNotFound);
  EXPECT_EQ(ToFailure({Code::kOverloaded, ""}).fault, Fault::kOverloaded);
  EXPECT_EQ(ToFailure({Code::kDeadline, ""}).fault, Fault::kClientGone);
  EXPECT_EQ(ToFailure({Code::kInternal, ""}).fault, Fault::kInternal);
}

TEST(Errors, OpenAiParamIsTheFieldThatTheMessageNames) {
  const auto body = [](const char* message) {
    return ErrorResponse(Family::kOpenAi, {Fault::kInvalidField, message}).body;
  };
  EXPECT_THAT(body("input[3]: 600 tokens, limit 512"), HasSubstr("\"param\":\"input\""));
  EXPECT_THAT(body("encoding_format: expected"), HasSubstr("\"param\":\"encoding_format\""));
  EXPECT_THAT(body("expected an object"), HasSubstr("\"param\":null"));
  EXPECT_THAT(body(""), HasSubstr("\"param\":null"));
}

TEST(Metrics, HistogramBucketsAreCumulative) {
  Histogram histogram({1, 2, 4});
  for (const double value : {0.5, 1.0, 1.5, 4.0, 100.0}) histogram.Observe(value);
  std::string out;
  histogram.Render("h", out);
  EXPECT_EQ(out,
            "h_bucket{le=\"1\"} 2\nh_bucket{le=\"2\"} 3\nh_bucket{le=\"4\"} 4\n"
            "h_bucket{le=\"+Inf\"} 5\nh_sum 107\nh_count 5\n");
}

TEST(Metrics, EverySampleHasATypeBeforeIt) {
  const std::string text = Metrics().Render({});
  std::string type;
  size_t samples = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = text.find('\n', begin);
    ASSERT_NE(end, std::string::npos);
    const std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    if (line.starts_with("# TYPE ")) type = line.substr(7, line.find(' ', 7) - 7);
    if (line.starts_with("#")) continue;
    EXPECT_TRUE(line.starts_with(type)) << line;
    EXPECT_NE(line.find(' '), std::string::npos) << line;
    ++samples;
  }
  EXPECT_GT(samples, 300u);
}

}  // namespace
}  // namespace minnow::api
