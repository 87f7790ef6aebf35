// SPDX-License-Identifier: Apache-2.0
// The API over real sockets, with a service that computes nothing: shapes of answers, and every
// kind of bad input.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <new>
#include <string>
#include <thread>
#include <tuple>
#include <utility>

#include "api/errors.h"
#include "formats/json.h"
#include "tests/await.h"
#include "tests/failing_memory.h"
#include "tests/server/api_fixture.h"

namespace minnow {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string Repeat(const std::string& item, size_t count) {
  std::string out = "[";
  for (size_t i = 0; i < count; ++i) out += (i == 0 ? "" : ",") + item;
  return out + "]";
}

TEST_F(ApiServer, OpenAiShape) {
  const ClientResponse response = Post("/v1/embeddings", R"({"input":["ab","c"],"model":"tiny"})");
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(response.headers.at("content-type"), "application/json");
  EXPECT_EQ(response.body,
            R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[2,0,0,1]},)"
            R"({"object":"embedding","index":1,"embedding":[1,0,0,1]}],"model":"tiny",)"
            R"("usage":{"prompt_tokens":5,"total_tokens":5}})");
}

TEST_F(ApiServer, OpenAiTakesFourShapesOfInput) {
  for (const char* input : {R"("ab")", R"(["ab"])", "[5,6]", "[[5,6]]"}) {
    const std::string body = R"({"input":)" + std::string(input) + "}";
    const ClientResponse response = Post("/v1/embeddings", body);
    ASSERT_EQ(response.status, 200) << response.body;
    EXPECT_THAT(response.body, HasSubstr(R"("embedding":[2,0,0,1])")) << input;
    EXPECT_EQ(Post("/embeddings", body).body, response.body) << "TEI's name for it";
  }
}

TEST_F(ApiServer, OpenAiBase64AndDimensions) {
  EXPECT_THAT(Post("/v1/embeddings", R"({"input":"ab","encoding_format":"base64"})").body,
              HasSubstr(R"("embedding":"AAAAQAAAAAAAAAAAAACAPw==")"));
  // [2, 0] has the length 1 again.
  EXPECT_THAT(Post("/v1/embeddings", R"({"input":"ab","dimensions":2})").body,
              HasSubstr(R"("embedding":[1,0])"));
  for (const char* bad : {"0", "-1", "5", "1.5", "\"2\"", "1e30"}) {
    const ClientResponse response =
        Post("/v1/embeddings", R"({"input":"ab","dimensions":)" + std::string(bad) + "}");
    EXPECT_EQ(response.status, 400) << bad;
    EXPECT_THAT(response.body, HasSubstr(R"("param":"dimensions")")) << response.body;
  }
}

TEST_F(ApiServer, OpenAiModelNames) {
  EXPECT_EQ(Post("/v1/embeddings", R"({"input":"a","model":"org/tiny"})").status, 200);
  EXPECT_EQ(Post("/v1/embeddings", R"({"input":"a","model":null})").status, 200);
  // One model that nobody named: what clients call it is theirs to say, what it is called is told.
  const ClientResponse any =
      Post("/v1/embeddings", R"({"input":"a","model":"text-embedding-ada-002"})");
  EXPECT_EQ(any.status, 200);
  EXPECT_THAT(any.body, HasSubstr(R"("model":"tiny")"));
  EXPECT_EQ(Post("/embed", R"({"inputs":"a","model":"other"})").status, 200);
  EXPECT_EQ(Post("/v1/embeddings", R"({"input":"a","model":7})").status, 400);
}

TEST_F(ApiServer, NamesThatTheOperatorGave) {
  service_.Unload();
  ModelFacts facts = FakeModel::Facts("fishes");
  facts.named = true;
  facts.aliases = {"text-embedding-3-small"};
  ASSERT_TRUE(service_.models().Add(std::make_unique<FakeModel>(facts, nullptr)).ok());
  for (const char* name : {"fishes", "text-embedding-3-small", ""}) {
    const ClientResponse known =
        Post("/v1/embeddings", R"({"input":"a","model":")" + std::string(name) + "\"}");
    EXPECT_EQ(known.status, 200) << name;
    EXPECT_THAT(known.body, HasSubstr(R"("model":"fishes")"));
  }
  const ClientResponse unknown = Post("/v1/embeddings", R"({"input":"a","model":"org/fishes"})");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_THAT(unknown.body, HasSubstr(R"(only \"fishes\", \"text-embedding-3-small\")"));
}

TEST_F(ApiServer, SeveralModels) {
  ModelFacts wide = FakeModel::Facts("wide");
  wide.embedding_size = 2;
  ASSERT_TRUE(service_.models().Add(std::make_unique<FakeModel>(wide, nullptr, false)).ok());
  EXPECT_THAT(GetPath("/v1/models").body,
              AllOf(HasSubstr(R"("id":"tiny")"), HasSubstr(R"("id":"wide")")));
  EXPECT_THAT(GetPath("/info").body, HasSubstr(R"("model_id":"tiny")"));
  EXPECT_THAT(Post("/v1/embeddings", R"({"input":[5],"model":"wide"})").body,
              HasSubstr(R"("model":"wide")"));
  EXPECT_EQ(Post("/embed", R"({"inputs":[5,6],"model":"org/wide"})").status, 200);
  const ClientResponse unknown = Post("/v1/embeddings", R"({"input":"a","model":"other"})");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_THAT(unknown.body, HasSubstr(R"(\"other\" is not served here, only \"tiny\", \"wide\")"));
  EXPECT_EQ(Post("/embed", R"({"inputs":"a","model":"other"})").status, 404);
  EXPECT_EQ(Post("/tokenize", R"({"inputs":"a","model":"other"})").status, 404);
  // While models are loaded, the one that is asked for may come yet.
  service_.set_status(ServiceState::kLoading, "");
  EXPECT_EQ(Post("/embed", R"({"inputs":"a","model":"other"})").status, 503);
  EXPECT_EQ(Post("/embed", R"({"inputs":"a","model":"tiny"})").status, 200);
}

TEST_F(ApiServer, ModelWithoutTokenizerTakesIdsOnly) {
  service_.Unload();
  ASSERT_TRUE(service_.models()
                  .Add(std::make_unique<FakeModel>(FakeModel::Facts("bare"), nullptr, false))
                  .ok());
  EXPECT_EQ(Post("/embed", R"({"inputs":[[5,6]]})").body, "[[2,0,0,1]]");
  EXPECT_EQ(Post("/v1/embeddings", R"({"input":[5,6]})").status, 200);
  for (const char* path : {"/embed", "/v1/embeddings"}) {
    const ClientResponse text = Post(path, R"({"inputs":["ab"],"input":"ab"})");
    EXPECT_EQ(text.status, 422) << path;
    EXPECT_THAT(text.body, HasSubstr("token ids only")) << path;
  }
  for (const char* path : {"/tokenize", "/decode"}) {
    const ClientResponse none = Post(path, R"({"inputs":["ab"],"ids":[5]})");
    EXPECT_EQ(none.status, 422) << path;
    EXPECT_THAT(none.body, HasSubstr(R"(model \"bare\" has no tokenizer, which this route needs)"));
  }
}

TEST_F(ApiServer, OpenAiModelNotFoundShape) {
  ModelFacts other = FakeModel::Facts("two");
  ASSERT_TRUE(service_.models().Add(std::make_unique<FakeModel>(other, nullptr)).ok());
  const ClientResponse unknown = Post("/v1/embeddings", R"({"input":"a","model":"other"})");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_THAT(unknown.body, AllOf(HasSubstr(R"("code":"model_not_found")"),
                                  HasSubstr(R"("type":"invalid_request_error")"),
                                  HasSubstr(R"("param":"model")")));
}

TEST_F(ApiServer, OpenAiBadInputNamesTheFieldAndTheLimit) {
  const std::pair<std::string, std::string> cases[] = {
      {R"({"model":"tiny"})", "input"},
      {R"({"input":""})", "input[0]: must not be empty"},
      {R"({"input":["a",""]})", "input[1]: must not be empty"},
      {R"({"input":[]})", "input: must not be empty"},
      {R"({"input":[[]]})", "input[0]: must not be empty"},
      {R"({"input":null})", "input"},
      {R"({"input":{"a":1}})", "input"},
      {R"({"input":["a",5]})", "input[1]"},
      {R"({"input":["a",[5]]})", "input[1]"},
      {R"({"input":[5,"a"]})", "input[1]"},
      {R"({"input":[[5],"a"]})", "input[1]"},
      {R"({"input":[[5,-1]]})", "input[0][1]"},
      {R"({"input":[4294967296]})", "input[0]"},
      {R"({"input":[true]})", "input[0]"},
      {R"({"input":"a","encoding_format":"hex"})", "encoding_format"},
      {R"({"input":)" + Repeat("\"a\"", 2049) + "}", "input: 2049 items, limit 2048"},
      {R"([1,2])", "object"},
      {"7", "object"}};
  for (const auto& [body, message] : cases) {
    const ClientResponse response = Post("/v1/embeddings", body);
    EXPECT_EQ(response.status, 400) << body.substr(0, 80) << "\n" << response.body;
    const auto document = JsonDocument::Parse(response.body, "");
    ASSERT_TRUE(document.ok()) << response.body;
    const auto error = document->root().Find("error");
    ASSERT_TRUE(error.has_value());
    EXPECT_THAT(std::string(*error->GetString("message")), HasSubstr(message));
    EXPECT_EQ(*error->GetString("type"), "invalid_request_error");
  }
  EXPECT_EQ(Post("/v1/embeddings", R"({"input":)" + Repeat("\"a\"", 2048) + "}").status, 200);
}

TEST_F(ApiServer, WhatIsNoJsonIs400) {
  std::string deep(100'000, '[');
  const std::string cases[] = {"",
                               "{",
                               "{\"input\":\"a\"} x",
                               "{'input':'a'}",
                               "{\"input\":NaN}",
                               "{\"input\":\"\xff\xfe\"}",
                               "{\"input\":\"\xed\xa0\x80\"}",
                               std::string("{\"input\":\"a\0\"}", 13),
                               deep,
                               "{\"inputs\":" + deep + "}"};
  for (const std::string& body : cases) {
    for (const char* path : {"/v1/embeddings", "/embed", "/tokenize", "/decode"}) {
      const ClientResponse response = Post(path, body);
      EXPECT_EQ(response.status, 400) << path << " " << body.substr(0, 60);
      EXPECT_TRUE(JsonDocument::Parse(response.body, "").ok()) << response.body;
    }
  }
}

TEST_F(ApiServer, BodiesOfOtherPrograms) {
  EXPECT_EQ(Post("/embed", "\xEF\xBB\xBF{\"inputs\":\"ab\"}").body, "[[2,0,0,1]]")
      << "a byte order mark";
  EXPECT_THAT(Post("/embed", "{\"inputs\":\"caf\xe9\"}").body, HasSubstr("not UTF-8"));
  EXPECT_THAT(Post("/v1/embeddings", std::string("\xff\xfe{\0\"\0", 6)).body,
              HasSubstr("not UTF-8"));
  const auto post = [this](const std::string& type, const std::string& body) {
    return client_
        ->Call("POST /embed HTTP/1.1\r\nHost: a\r\nContent-Type: " + type +
               "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body)
        .body;
  };
  // curl says this of whatever it is told to send.
  const std::string form = "application/x-www-form-urlencoded";
  EXPECT_EQ(post(form, R"({"inputs":"ab"})"), "[[2,0,0,1]]");
  EXPECT_THAT(post(form, "inputs=ab"), HasSubstr("Content-Type is " + form + ", expected JSON"));
  EXPECT_THAT(post("multipart/form-data; boundary=x", "--x--"),
              HasSubstr("Content-Type is multipart/form-data, expected JSON"));
  EXPECT_THAT(post("application/json; charset=utf-8", "inputs"), Not(HasSubstr("Content-Type")));
}

TEST_F(ApiServer, TeiEmbedShapeAndHeaders) {
  const ClientResponse response = Post("/embed", R"({"inputs":["ab","\u0142"]})");
  ASSERT_EQ(response.status, 200) << response.body;
  EXPECT_EQ(response.body, "[[2,0,0,1],[2,0,0,1]]");
  EXPECT_EQ(response.headers.at("x-compute-type"), "cpu");
  EXPECT_EQ(response.headers.at("x-compute-tokens"), "6");
  EXPECT_EQ(response.headers.at("x-compute-characters"), "3");
  for (const char* name : {"x-compute-time", "x-total-time", "x-tokenization-time", "x-queue-time",
                           "x-inference-time"}) {
    EXPECT_TRUE(response.headers.contains(name)) << name;
  }
  for (const char* inputs : {R"("ab")", "[5,6]", "[[5,6]]"}) {
    EXPECT_EQ(Post("/embed", R"({"inputs":)" + std::string(inputs) + "}").body, "[[2,0,0,1]]");
  }
  EXPECT_EQ(Post("/", R"({"inputs":"ab"})").body, "[[2,0,0,1]]");
}

TEST_F(ApiServer, TeiOptionsReachTheService) {
  Post("/embed",
       R"({"inputs":"ab","truncate":false,"truncation_direction":"Left","normalize":false,"x":1})");
  EXPECT_FALSE(service_.last_request().length.truncate);
  EXPECT_EQ(service_.last_request().length.direction, TruncationDirection::kLeft);
  EXPECT_FALSE(service_.last_request().normalize);
  Post("/embed", R"({"inputs":"ab","truncate":null,"prompt_name":null,"dimensions":null})");
  EXPECT_TRUE(service_.last_request().length.truncate);
  EXPECT_TRUE(service_.last_request().normalize);
  EXPECT_EQ(Post("/embed", R"({"inputs":"ab","dimensions":2,"normalize":false})").body, "[[2,0]]");
}

TEST_F(ApiServer, TeiErrors) {
  const std::pair<std::string, int> cases[] = {
      {R"({"inputs":[]})", 400},
      {R"({"inputs":""})", 422},
      {R"({})", 422},
      {R"({"inputs":5})", 422},
      {R"({"inputs":"a","truncate":"yes"})", 422},
      {R"({"inputs":"a","truncation_direction":"up"})", 422},
      {R"({"inputs":"a","prompt_name":"nope"})", 422},
      {R"({"inputs":"a","prompt_name":7})", 422},
      {R"({"inputs":"a","prompt_name":"query\ud83d"})", 422},
      {R"({"inputs":"a","normalize":1})", 422},
      {R"({"inputs":"a","dimensions":5})", 422}};
  for (const auto& [body, status] : cases) {
    const ClientResponse response = Post("/embed", body);
    EXPECT_EQ(response.status, status) << body << "\n" << response.body;
    EXPECT_THAT(response.body, HasSubstr(R"({"error":")"));
    EXPECT_THAT(response.body, HasSubstr(R"("error_type":")"));
  }
  context_.options.max_client_batch_size = 32;
  EXPECT_EQ(Post("/embed", R"({"inputs":)" + Repeat("\"a\"", 33) + "}").status, 422);
  EXPECT_EQ(Post("/embed", R"({"inputs":)" + Repeat("\"a\"", 32) + "}").status, 200);
  EXPECT_THAT(GetPath("/info").body, HasSubstr(R"("max_client_batch_size":32)"));
  service_.set_next_error(Error{Code::kInvalidArgument, "inputs[0]: 600 tokens, limit 256"});
  const ClientResponse too_long = Post("/embed", R"({"inputs":"a","truncate":false})");
  EXPECT_EQ(too_long.status, 422);
  EXPECT_EQ(too_long.body,
            R"({"error":"inputs[0]: 600 tokens, limit 256","error_type":"Validation"})");
}

TEST_F(ApiServer, TeiTakesAsManyInputsAsTheBodyHolds) {
  const std::string texts = Repeat("\"a\"", 5000);
  const std::string body = R"({"inputs":)" + texts + "}";
  for (const char* path : {"/embed", "/"}) {
    const ClientResponse response = Post(path, body);
    EXPECT_EQ(response.status, 200) << path;
    EXPECT_EQ(response.body, Repeat("[1,0,0,1]", 5000)) << path;
  }
  EXPECT_EQ(Post("/tokenize", body).status, 200);
  EXPECT_EQ(Post("/decode", R"({"ids":)" + Repeat("[97]", 5000) + "}").body, Repeat("\"a\"", 5000));
}

TEST_F(ApiServer, EmbedAllGivesAVectorAToken) {
  EXPECT_EQ(Post("/embed_all", R"({"inputs":["a","bc"],"truncate":false})").body,
            "[[[1,0,0,1],[1,0,0,1]],[[2,0,0,1],[2,0,0,1],[2,0,0,1]]]");
  EXPECT_FALSE(service_.last_request().length.truncate);
  EXPECT_GT(service_.last_request().max_total_tokens, 0u) << "the answer has a bound";
  EXPECT_EQ(Post("/embed_all", R"({"inputs":"a"})").body, "[[[1,0,0,1],[1,0,0,1]]]");
  EXPECT_EQ(Post("/embed_all", R"({"inputs":[]})").status, 400);
  EXPECT_EQ(Post("/embed_all", R"({"inputs":[""]})").status, 422);
  EXPECT_EQ(Post("/embed_all", R"({"inputs":5})").status, 422);
}

TEST_F(ApiServer, SimilarityByItsRouteAndAtTheRoot) {
  const std::string body = R"({"inputs":{"source_sentence":"ab","sentences":["ab","c","abc"]}})";
  for (const char* path : {"/similarity", "/"}) {
    const ClientResponse response = Post(path, body);
    ASSERT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(response.body, "[5,3,7]") << path;
    EXPECT_EQ(response.headers.at("x-compute-type"), "cpu");
  }
  Post("/similarity", R"({"inputs":{"source_sentence":"a","sentences":["b"]},)"
                      R"("parameters":{"truncate":false,"truncation_direction":"left"}})");
  EXPECT_TRUE(service_.last_request().normalize);
  EXPECT_FALSE(service_.last_request().length.truncate);
  EXPECT_EQ(service_.last_request().length.direction, TruncationDirection::kLeft);
  const std::tuple<const char*, int, const char*> cases[] = {
      {R"({"inputs":{"source_sentence":"a","sentences":[]}})", 400, "inputs.sentences"},
      {R"({"inputs":{"source_sentence":"","sentences":["a"]}})", 422, "inputs.source_sentence"},
      {R"({"inputs":{"source_sentence":"a","sentences":["a",""]}})", 422, "inputs.sentences[1]"},
      {R"({"inputs":{"source_sentence":"a","sentences":["a",5]}})", 422, "inputs.sentences[1]"},
      {R"({"inputs":{"source_sentence":"a","sentences":"a"}})", 422, "inputs.sentences"},
      {R"({"inputs":{"source_sentence":"a"}})", 422, "sentences"},
      {R"({"inputs":{"sentences":["a"]}})", 422, "source_sentence"},
      {R"({"inputs":{"source_sentence":"a","sentences":["a"]},"parameters":7})", 422, "parameters"},
      {R"({"inputs":{"source_sentence":"a","sentences":["a"]},"parameters":{"truncate":1}})", 422,
       "parameters.truncate"}};
  for (const auto& [bad, status, field] : cases) {
    for (const char* path : {"/similarity", "/"}) {
      const ClientResponse response = Post(path, bad);
      EXPECT_EQ(response.status, status) << path << bad << response.body;
      EXPECT_THAT(response.body, HasSubstr(field)) << path << bad;
    }
  }
  EXPECT_EQ(Post("/similarity", R"({"inputs":["a"]})").status, 422);
  EXPECT_EQ(Post("/embed", body).status, 422);
}

TEST_F(ApiServer, OverloadIs429WithRetryAfter) {
  for (const char* path : {"/v1/embeddings", "/embed"}) {
    service_.set_next_error(Error{Code::kOverloaded, "512 requests wait, limit 512"});
    const ClientResponse response = Post(path, R"({"input":"a","inputs":"a"})");
    EXPECT_EQ(response.status, 429) << path;
    EXPECT_EQ(response.headers.at("retry-after"), "1");
  }
  service_.set_next_error(Error{Code::kInternal, "out of memory"});
  EXPECT_EQ(Post("/v1/embeddings", R"({"input":"a"})").status, 500);
  service_.set_next_error(Error{Code::kInternal, "out of memory"});
  EXPECT_EQ(Post("/embed", R"({"inputs":"a"})").status, 424);
}

TEST_F(ApiServer, LargeBodiesAreReadAside) {
  const std::string text(200'000, 'a');
  const ClientResponse response = Post("/embed", R"({"inputs":")" + text + "\"}");
  EXPECT_EQ(response.status, 200);
  service_.aside().Stop();
  EXPECT_EQ(Post("/embed", R"({"inputs":")" + text + "\"}").status, 429);
  EXPECT_EQ(Post("/embed", R"({"inputs":"a"})").status, 200);
  EXPECT_EQ(Post("/embed", std::string(10'000'000, ' ')).status, 413);
}

TEST_F(ApiServer, TokenizeAndDecode) {
  EXPECT_EQ(Post("/tokenize", R"({"inputs":"a\u0142"})").body,
            R"([[{"id":1,"text":"[S]","special":true,"start":null,"stop":null},)"
            R"({"id":97,"text":"a","special":false,"start":0,"stop":1},)"
            R"({"id":322,"text":"ł","special":false,"start":1,"stop":2}]])");
  EXPECT_THAT(Post("/tokenize", R"({"inputs":["a"],"add_special_tokens":false})").body,
              Not(HasSubstr("[S]")));
  EXPECT_EQ(Post("/tokenize", R"({"inputs":[]})").status, 400);
  EXPECT_EQ(Post("/tokenize", R"({"inputs":[1]})").status, 422);
  EXPECT_EQ(Post("/decode", R"({"ids":[97,98]})").body, R"(["ab"])");
  EXPECT_EQ(Post("/decode", R"({"ids":[[97],[1,98]]})").body, R"(["a","b"])");
  EXPECT_EQ(Post("/decode", R"({"ids":[[97],[1,98]],"skip_special_tokens":false})").body,
            R"(["a","[S]b"])");
  EXPECT_EQ(Post("/decode", R"({"ids":"a"})").status, 422);
  EXPECT_EQ(Post("/decode", R"({"ids":[-1]})").status, 422);
  EXPECT_EQ(Post("/decode", R"({"ids":[]})").status, 400);
  const ClientResponse beyond = Post("/decode", R"({"ids":[97,1114112]})");
  EXPECT_EQ(beyond.status, 422);
  EXPECT_THAT(beyond.body, HasSubstr("ids[1]: token id 1114112 is not in [0, 1114112)"));
  EXPECT_THAT(Post("/decode", R"({"ids":[[1],[97,2000000]]})").body, HasSubstr("ids[1][1]: "));
}

TEST_F(ApiServer, InfoAndModels) {
  EXPECT_THAT(
      GetPath("/info").body,
      AllOf(HasSubstr(R"("model_id":"tiny")"), HasSubstr(R"("model_dtype":"float32")"),
            HasSubstr(R"("model_type":{"embedding":{"pooling":"mean"}})"),
            HasSubstr(R"("max_input_length":256)"), HasSubstr(R"("max_client_batch_size":256)"),
            HasSubstr(R"("embedding_dtype":"int4")"),
            HasSubstr(R"("quality":{"texts":64,"cosine_mean":0.9975,"cosine_min":0.5})")));
  for (const char* path : {"/v1/models", "/v1/models/"}) {
    EXPECT_THAT(GetPath(path).body,
                HasSubstr(R"({"object":"list","data":[{"id":"tiny","object":"model","created":)"));
  }
  for (const char* name : {"tiny", "tiny/", "org/tiny", "org%2Ftiny", "org%2ftiny", "/tiny"}) {
    EXPECT_THAT(GetPath("/v1/models/" + std::string(name)).body,
                StartsWith(R"({"id":"tiny","object":"model","created":)"))
        << name;
  }
}

TEST_F(ApiServer, ProbesFollowTheState) {
  using enum ServiceState;
  EXPECT_EQ(GetPath("/readyz").status, 200);
  EXPECT_EQ(GetPath("/ping").status, 200);
  EXPECT_EQ(GetPath("/health").status, 200);
  service_.set_status(ServiceState::kDraining, "");
  EXPECT_EQ(GetPath("/ping").status, 503);
  EXPECT_EQ(GetPath("/readyz").status, 503);
  EXPECT_EQ(GetPath("/livez").status, 200);
  service_.set_next_error(Error{Code::kOverloaded, "draining"});
  EXPECT_EQ(Post("/embed", R"({"inputs":"a"})").status, 503);
  service_.Unload();
  service_.set_status(ServiceState::kLoading, "");
  for (const char* path : {"/readyz", "/ping", "/health", "/info", "/v1/models/tiny"}) {
    EXPECT_EQ(GetPath(path).status, 503) << path;
  }
  EXPECT_EQ(GetPath("/livez").status, 200);
  EXPECT_EQ(GetPath("/metrics").status, 200);
  EXPECT_THAT(GetPath("/v1/models").body, HasSubstr(R"("data":[])"));
  for (const char* path : {"/embed", "/v1/embeddings", "/tokenize", "/decode"}) {
    EXPECT_EQ(Post(path, R"({"inputs":"a","input":"a"})").status, 503) << path;
  }
  service_.set_status(ServiceState::kFailed, "model.safetensors: cut short");
  EXPECT_THAT(GetPath("/readyz").body, HasSubstr("model.safetensors: cut short"));
}

TEST_F(ApiServer, MetricsArePresentFromTheStartAndCount) {
  const ClientResponse first = GetPath("/metrics");
  EXPECT_EQ(first.headers.at("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  for (const char* line :
       {"te_request_count{method=\"single\"} 0\n", "te_request_success{method=\"batch\"} 0\n",
        "te_request_failure{err=\"validation\"} 0\n", "te_embed_count 0\n", "te_queue_size 0\n",
        "te_request_duration_bucket{le=\"+Inf\"} 0\n", "te_batch_next_tokens_count 0\n",
        "# TYPE te_embed_inference_duration histogram\n", "process_resident_memory_bytes ",
        "process_cpu_seconds_total ", "minnow_build_info{version=\""}) {
    EXPECT_THAT(first.body, HasSubstr(line));
  }
  Post("/embed", R"({"inputs":"ab"})");
  Post("/embed", R"({"inputs":["ab","c"]})");
  Post("/embed", R"({"inputs":5})");
  EXPECT_THAT(GetPath("/metrics").body,
              AllOf(HasSubstr("te_request_count{method=\"single\"} 1\n"),
                    HasSubstr("te_request_success{method=\"batch\"} 1\n"),
                    HasSubstr("te_request_failure{err=\"validation\"} 1\n"),
                    HasSubstr("te_embed_count 3\n"), HasSubstr("te_embed_success 3\n"),
                    HasSubstr("te_request_duration_count 2\n"),
                    HasSubstr("te_request_input_length_count 3\n")));
}

TEST_F(ApiServer, NoMemoryForTheAnswerIs503) {
  if (!FailingMemory::Works()) GTEST_SKIP() << "sanitizers have their own operator new";
  service_.set_hold(true);
  SocketClient client(server_->port());
  client.Send(PostJson("/embed", R"({"inputs":"ab"})"));
  auto held = service_.TakeHeld();
  ASSERT_NE(held, nullptr);
  EmbedAnswer answer;
  answer.vectors = {1, 0, 0, 0};
  answer.tokens = {2};
  auto done = std::move(held->done);
  held = nullptr;
  {
    // As the scheduler ends a job.
    const FailingMemory failing;
    EXPECT_THROW(std::exchange(done, nullptr)(std::move(answer)), std::bad_alloc);
  }
  EXPECT_EQ(client.Read().status, 503);
  service_.set_hold(false);
  EXPECT_EQ(Post("/embed", R"({"inputs":"ab"})").status, 200);
}

TEST_F(ApiServer, ClientThatLeavesIsForgotten) {
  service_.set_hold(true);
  SocketClient leaver(server_->port());
  leaver.Send(PostJson("/embed", R"({"inputs":"ab"})"));
  auto held = service_.TakeHeld();
  ASSERT_NE(held, nullptr);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  leaver.Close();
  AwaitUntil([&] { return held->client->gone(); }, "the client to be gone");
  held->done(Error{Code::kDeadline, "the client left"});
  service_.set_hold(false);
  EXPECT_EQ(Post("/embed", R"({"inputs":"ab"})").status, 200);
  EXPECT_THAT(GetPath("/metrics").body, HasSubstr("te_request_failure{err=\"dropped\"} 1\n"));
}

}  // namespace
}  // namespace minnow
