// SPDX-License-Identifier: Apache-2.0
// POST /predict over a real socket, with models that compute nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "tests/server/api_fixture.h"

namespace minnow {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class PredictTest : public ApiServer {
 protected:
  void AddClassifier() {
    ModelFacts facts = FakeModel::Facts("mood");
    facts.task = TaskKind::kClassify;
    facts.labels = {"sad", "glad"};
    ASSERT_TRUE(service_.models().Add(std::make_unique<FakeModel>(facts, nullptr)).ok());
  }

  static constexpr const char* kOne =
      R"([{"score":0.75,"label":"glad"},{"score":0.25,"label":"sad"}])";
};

TEST_F(PredictTest, ShapesOfInput) {
  AddClassifier();
  const std::string one = kOne;
  for (const char* inputs : {R"("a")", R"(["a"])", R"(["a","b"])", "[5,6]"}) {
    const ClientResponse answer = Post("/predict", R"({"inputs":)" + std::string(inputs) + "}");
    EXPECT_EQ(answer.body, one) << inputs;
    EXPECT_EQ(answer.headers.at("x-compute-tokens"), "3");
  }
  EXPECT_EQ(Post("/predict", R"({"inputs":[["a"],["a","b"],[5]]})").body,
            "[" + one + "," + one + "," + one + "]");
  EXPECT_EQ(Post("/predict", R"({"inputs":[["a"]],"model":"mood","raw_scores":true})").body,
            R"([[{"score":1.5,"label":"glad"},{"score":0.5,"label":"sad"}]])");
  EXPECT_THAT(GetPath("/metrics").body,
              AllOf(HasSubstr("te_predict_count 8\n"), HasSubstr("te_predict_success 8\n"),
                    HasSubstr("te_request_count{method=\"single\"} 4\n"),
                    HasSubstr("te_request_success{method=\"single\"} 4\n")));
}

TEST_F(PredictTest, BadInput) {
  AddClassifier();
  const std::pair<const char*, const char*> bad[] = {
      {R"({"inputs":["a","b","c"]})", "inputs: 3 texts, limit 2"},
      {R"({"inputs":[["a"],"b"]})", "inputs[1]"},
      {R"({"inputs":[["a",5]]})", "inputs[0][1]"},
      {R"({"inputs":[[]]})", "inputs[0]: must not be empty"},
      {R"({"inputs":""})", "inputs: must not be empty"},
      {R"({"inputs":{}})", "inputs: expected"},
      {R"({"inputs":"a","raw_scores":1})", "raw_scores"},
      {R"({})", "inputs"}};
  for (const auto& [body, message] : bad) {
    const ClientResponse refused = Post("/predict", body);
    EXPECT_EQ(refused.status, 422) << body;
    EXPECT_THAT(refused.body, HasSubstr(message)) << body;
  }
  EXPECT_EQ(Post("/predict", R"({"inputs":[]})").status, 400);
}

TEST_F(PredictTest, ModelsDoTheirOwnTaskOnly) {
  const ClientResponse wrong = Post("/predict", R"({"inputs":"a"})");
  EXPECT_EQ(wrong.status, 424);
  EXPECT_EQ(wrong.body,
            R"({"error":"model \"tiny\": cannot classify, only embed","error_type":"Backend"})");
  AddClassifier();
  EXPECT_EQ(Post("/predict", R"({"inputs":"a","model":"tiny"})").status, 424);
  EXPECT_EQ(Post("/embed", R"({"inputs":"a","model":"mood"})").status, 424);
  EXPECT_EQ(Post("/v1/embeddings", R"({"input":"a","model":"mood"})").status, 400);
}

TEST_F(PredictTest, TheRootDoesWhatTheFirstModelDoes) {
  AddClassifier();
  EXPECT_EQ(Post("/", R"({"inputs":"ab"})").body, "[[2,0,0,1]]");
  service_.Unload();
  EXPECT_EQ(Post("/", R"({"inputs":"ab"})").body, kOne);
  EXPECT_THAT(GetPath("/info").body,
              HasSubstr(R"("model_type":{"classifier":{"id2label":{"0":"sad","1":"glad"},)"
                        R"("label2id":{"sad":0,"glad":1}}})"));
}

}  // namespace
}  // namespace minnow
