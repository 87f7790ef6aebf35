// SPDX-License-Identifier: Apache-2.0
// GET /openapi.json and /docs: every route that they name is there, and takes its own example.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "formats/json.h"
#include "tests/server/api_fixture.h"

namespace minnow {
namespace {

using ::testing::HasSubstr;

// Needs a model that generates text, or makes pictures: generate_test.py, images_api_test.py,
// image_wires_test.py.
bool Generates(const std::string& path) {
  return path.ends_with("/completions") || path.find("/generate") != std::string::npos ||
         path.starts_with("/pipeline/") || path.starts_with("/v1/images/") ||
         path.ends_with("/img2img") || path.starts_with("/sdapi/") || path.starts_with("/sdcpp/");
}

class OpenApi : public ApiServer {
 protected:
  void Add(const std::string& name, std::vector<std::string> labels,
           TaskKind task = TaskKind::kClassify) {
    ModelFacts facts = FakeModel::Facts(name);
    facts.task = task;
    facts.labels = std::move(labels);
    ASSERT_TRUE(service_.models().Add(std::make_unique<FakeModel>(facts, nullptr)).ok());
  }
};

TEST_F(OpenApi, EveryExampleIsTaken) {
  Add("languages", {"de", "it"});
  Add("cross", {"LABEL_0"});
  Add("entities", {"O"}, TaskKind::kTokenClassify);
  Add("answers", {}, TaskKind::kAnswer);
  Add("nli", {"contradiction", "entailment"});
  ModelFacts masked = FakeModel::Facts("masked");
  masked.fills_masks = true;
  ASSERT_TRUE(service_.models().Add(std::make_unique<FakeModel>(masked, nullptr)).ok());
  const ClientResponse answer = GetPath("/openapi.json");
  ASSERT_EQ(answer.status, 200);
  const auto document = JsonDocument::Parse(answer.body, "openapi.json");
  ASSERT_TRUE(document.ok());
  const JsonView paths = *document->root().Get("paths");
  EXPECT_GT(paths.size(), 15u);
  for (size_t i = 0; i < paths.size(); ++i) {
    std::string path(paths.key(i));
    // Needs a store: search_rerank_test.cc.
    if (path == "/indexes/{index}/search" || Generates(path)) continue;
    if (path == "/models/{name}") path = "/models/languages";
    const auto post = paths.at(i).Find("post");
    if (!post.has_value()) {
      EXPECT_EQ(GetPath(path).status, 200) << path;
      continue;
    }
    const JsonView content = *post->Get("requestBody")->Get("content")->Get("application/json");
    std::string body;
    JsonWriter json(&body);
    WriteJson(*content.Get("example"), json);
    // The server under test has a model of another name.
    const size_t model = body.find("all-MiniLM-L6-v2");
    if (model != std::string::npos) body.replace(model, 16, "tiny");
    const ClientResponse taken = Post(path, body);
    EXPECT_EQ(taken.status, 200) << path << " " << body << " " << taken.body;
  }
}

TEST_F(OpenApi, ForPeople) {
  const ClientResponse page = GetPath("/docs");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.headers.at("content-type"), "text/html; charset=utf-8");
  EXPECT_THAT(page.body, HasSubstr("<code>POST /process</code>"));
  EXPECT_EQ(GetPath("/docs/5").status, 404) << "Kuberian's, which is not served here";
}

}  // namespace
}  // namespace minnow
