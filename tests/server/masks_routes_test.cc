// SPDX-License-Identifier: Apache-2.0
// Tests of POST /v1/fill-mask, /v1/zero-shot and what /models/{name} makes of such models, on the
// wire.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "tests/server/api_fixture.h"

namespace minnow {
namespace {

using ::testing::HasSubstr;

class MaskRoutes : public ApiServer {
 protected:
  void Add(ModelFacts facts) {
    ASSERT_TRUE(service_.models().Add(std::make_unique<FakeModel>(facts, nullptr)).ok());
  }
  void AddMasked() {
    ModelFacts facts = FakeModel::Facts("org/masked");
    facts.fills_masks = true;
    Add(facts);
  }
  // FakeModel gives raw scores of 0.5 and 1.5.
  void AddNli() {
    ModelFacts facts = FakeModel::Facts("nli");
    facts.task = TaskKind::kClassify;
    facts.labels = {"contradiction", "ENTAILMENT"};
    Add(facts);
  }
  void ExpectRefusals(const char* path, int status,
                      std::initializer_list<std::pair<std::string, const char*>> bad) {
    for (const auto& [body, message] : bad) {
      const ClientResponse refused = Post(path, body);
      EXPECT_EQ(refused.status, status) << body;
      EXPECT_THAT(refused.body, HasSubstr(message)) << body;
    }
  }
};

TEST_F(MaskRoutes, FillMask) {
  AddMasked();
  EXPECT_EQ(
      Post("/v1/fill-mask", R"({"input":"_x","top_k":2})").body,
      R"({"object":"list","data":[{"index":0,"masks":[[{"score":0.5,"token":97,"token_str":"a","sequence":"ax"},)"
      R"({"score":0.25,"token":98,"token_str":"b","sequence":"bx"}]],"tokens":4,"tokens_used":3}],)"
      R"("model":"org/masked","usage":{"prompt_tokens":3,"total_tokens":3}})");
  const ClientResponse two = Post("/v1/fill-mask", R"({"input":["_","__"],"top_k":1})");
  // Beside another mask, special tokens stay.
  EXPECT_THAT(two.body, HasSubstr(R"("index":1,"masks":[[{"score":0.5,"token":97,"token_str":"a",)"
                                  R"("sequence":"[S]a_"}],[{"score":0.5,"token":97,)"
                                  R"("token_str":"a","sequence":"[S]_a"}]])"));
  ExpectRefusals("/v1/fill-mask", 400,
                 {{"{}", "input"},
                  {R"({"input":[1,2]})", "input[0]: expected a string"},
                  {R"({"input":{}})", "input: expected a string or a list of strings"},
                  {R"({"input":[]})", "input: must not be empty"},
                  {R"({"input":"x"})", "no mask token"},
                  {R"({"input":"_","top_k":0})", "top_k"},
                  {R"({"input":"_","targets":[]})", "targets: must not be empty"},
                  {R"({"input":"_","targets":[1]})", "targets[0]: expected a string"},
                  {R"({"input":"_","model":"tiny"})", "cannot fill masks, only embed"}});
  // It embeds all the same.
  EXPECT_EQ(Post("/v1/embeddings", R"({"input":"_x","model":"org/masked"})").status, 200);
}

TEST_F(MaskRoutes, FillMaskInHuggingFacesShape) {
  AddMasked();
  const std::string one = R"([{"score":0.5,"token":97,"token_str":"a","sequence":"ax"}])";
  const std::string path = "/models/org/masked";
  EXPECT_EQ(Post(path, R"({"inputs":"_x","parameters":{"top_k":1}})").body, one);
  EXPECT_EQ(Post(path, R"({"inputs":["_x"],"parameters":{"top_k":1}})").body, "[" + one + "]");
  EXPECT_THAT(Post(path, R"({"inputs":"_x"})").body, HasSubstr(R"("token_str":"e")"));
  ExpectRefusals("/models/org/masked", 422,
                 {{R"({"inputs":"_","parameters":[]})", "parameters: expected an object"},
                  {R"({"inputs":"_","parameters":{"targets":{}}})", "parameters.targets: expected"},
                  {R"({"inputs":null})", "inputs: expected a string or a list of strings"}});
  EXPECT_EQ(Post("/models/tiny", R"({"inputs":"_"})").status, 424) << "it only embeds";
}

TEST_F(MaskRoutes, ZeroShot) {
  AddNli();
  EXPECT_EQ(Post("/v1/zero-shot", R"({"input":"Ciao","labels":["a","b"]})").body,
            R"({"object":"list","data":[{"index":0,"classes":[{"label":"a","score":0.5},)"
            R"({"label":"b","score":0.5}],"tokens":8,"tokens_used":6}],)"
            R"("model":"nli","usage":{"prompt_tokens":6,"total_tokens":6}})");
  EXPECT_THAT(
      Post("/v1/zero-shot", R"({"input":["x","y"],"labels":"a, b","multi_label":true})").body,
      HasSubstr(R"({"index":1,"classes":[{"label":"a","score":0.7310586},{"label":"b",)"));
  std::string labels = R"("l")";
  for (int i = 1; i < 1001; ++i) labels += R"(,"l")";
  ExpectRefusals(
      "/v1/zero-shot", 400,
      {{R"({"input":"x"})", "labels"},
       {R"({"input":"x","labels":[]})", "labels: must not be empty"},
       {R"({"input":"x","labels":" , "})", "labels: must not be empty"},
       {R"({"input":"x","labels":["a",null]})", "labels[1]: expected a string"},
       {R"({"input":"","labels":"a"})", "input: must not be empty"},
       {R"({"input":["x",""],"labels":"a"})", "input[1]: must not be empty"},
       {R"({"input":[],"labels":"a"})", "input: must not be empty"},
       {R"({"input":"x","labels":"a","hypothesis_template":"no label"})",
        "hypothesis_template: no {} where the label goes"},
       {R"({"input":"x","labels":"a","hypothesis_template":"{label}"})", "hypothesis_template"},
       {R"({"input":"x","labels":"a","multi_label":"x"})", "multi_label"},
       {R"({"input":"x","labels":[)" + labels + "]}", "labels: 1001 labels, limit 1000"},
       {R"({"input":["x","y","z"],"labels":[)" + labels.substr(4) + "]}",
        "input: 3 texts with 1000 labels make 3000 pairs, limit 2048"},
       {R"({"input":"x","labels":"a","model":"tiny"})", "cannot tell entailment"}});
  const std::string long_text(100'000, 'x');
  ExpectRefusals("/v1/zero-shot", 400,
                 {{R"({"input":")" + long_text + R"(","labels":[)" + labels.substr(4) + "]}",
                   "bytes together, limit"}});
}

TEST_F(MaskRoutes, ZeroShotInHuggingFacesShape) {
  AddNli();
  const std::string one = R"([{"label":"b","score":0.5},{"label":"a","score":0.5}])";
  EXPECT_EQ(
      Post("/models/nli", R"({"inputs":"x","parameters":{"candidate_labels":["b","a"]}})").body,
      one);
  EXPECT_EQ(Post("/models/nli", R"({"inputs":["x"],"parameters":{"candidate_labels":"b,a"}})").body,
            "[" + one + "]");
  // Without labels it is the classifier that it is.
  EXPECT_THAT(Post("/models/nli", R"({"inputs":"x"})").body, HasSubstr("ENTAILMENT"));
  ExpectRefusals("/models/nli", 422,
                 {{R"({"inputs":"x","parameters":{"candidate_labels":[]}})",
                   "candidate_labels: must not be empty"},
                  {R"({"parameters":{"candidate_labels":"a"}})", "inputs"}});
  EXPECT_EQ(Post("/models/tiny", R"({"inputs":"x","parameters":{"candidate_labels":"a"}})").status,
            424);
}

}  // namespace
}  // namespace minnow
