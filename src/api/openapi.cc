// SPDX-License-Identifier: Apache-2.0
// GET /openapi.json and /docs: the routes for programs and for people, of one table.
#include <iterator>
#include <string>
#include <string_view>

#include "api/routes.h"
#include "formats/json.h"

namespace minnow::api {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kEvents = "text/event-stream";
constexpr std::string_view kForm = "multipart/form-data";

struct RouteText {
  std::string_view path;
  std::string_view method;  // as OpenAPI writes it
  std::string_view summary;
  std::string_view request = {};  // an example, JSON but of a form; empty: no body is taken
  std::string_view answer = {};   // an example, JSON but of a stream; empty: plain text
  std::string_view answer_type = kJson;
  std::string_view request_type = kJson;
};

constexpr RouteText
    kRoutes[] =
        {
            {"/v1/embeddings", "post", "Vectors of texts, as OpenAI's",
             R"({"model":"all-MiniLM-L6-v2","input":["a sentence","another"]})",
             R"({"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-0.2]}],"model":"all-MiniLM-L6-v2","usage":{"prompt_tokens":9,"total_tokens":9}})"},
            {"/v1/models",
             "get",
             "The models that are served",
             {},
             R"({"object":"list","data":[]})"},
            {"/embed", "post", "Vectors of texts, as text-embeddings-inference's",
             R"({"inputs":["a sentence"],"normalize":true,"truncate":true})", "[[0.1,-0.2]]"},
            {"/embed_all", "post", "A vector for each token", R"({"inputs":"a sentence"})",
             "[[[0.1,-0.2],[0.3,0.4]]]"},
            {"/similarity", "post", "How near sentences are to one",
             R"({"inputs":{"source_sentence":"a cat","sentences":["a kitten","a car"]}})",
             "[0.8,0.2]"},
            {"/predict", "post", "Labels of a text or of a pair of texts", R"({"inputs":"a text"})",
             R"([{"score":0.9,"label":"glad"},{"score":0.1,"label":"sad"}])"},
            {"/rerank", "post",
             "Texts by how well they answer a query, as text-embeddings-inference's",
             R"({"query":"how long do cats sleep?","texts":["Cats sleep all day.","A car."]})",
             R"([{"index":0,"score":0.98},{"index":1,"score":0.01}])"},
            {"/v1/rerank", "post", "The same, as Jina's",
             R"({"query":"how long do cats sleep?","documents":["Cats sleep all day."],"top_n":1})",
             R"({"model":"cross-encoder","usage":{"total_tokens":12},"results":[{"index":0,"relevance_score":0.98,"document":{"text":"Cats sleep all day."}}]})"},
            {"/v2/rerank", "post", "The same, as Cohere's",
             R"({"query":"how long do cats sleep?","documents":["Cats sleep all day."],"top_n":1})",
             R"({"id":"07734bd2-2473-4f07-94e1-0d9f0e6843cf","results":[{"index":0,"relevance_score":0.98}],"meta":{"api_version":{"version":"2"}}})"},
            {"/v1/classify", "post",
             "Labels of texts, with the tokens before and after the model's limit",
             R"({"input":"Ciao a tutti","top_k":1,"threshold":0.5})",
             R"({"object":"list","data":[{"index":0,"classes":[{"label":"it","score":0.99}],"tokens":6,"tokens_used":6}],"model":"languages","usage":{"prompt_tokens":6,"total_tokens":6}})"},
            {"/v1/token-classify", "post", "Named entities of texts; offsets are code points",
             R"({"input":"Ada Lovelace lived in London","aggregation_strategy":"simple","ignore_labels":["O"]})",
             R"({"object":"list","data":[{"index":0,"entities":[{"entity_group":"PER","score":0.99,"word":"Ada Lovelace","start":0,"end":12}],"tokens":8,"tokens_used":8}],"model":"ner","usage":{"prompt_tokens":8,"total_tokens":8}})"},
            {"/v1/answer", "post",
             "The parts of a text that answer a question; offsets are code points",
             R"({"question":"Where did Ada live?","context":"Ada Lovelace lived in London","top_k":1})",
             R"({"object":"list","data":[{"index":0,"answers":[{"answer":"London","score":0.98,"start":22,"end":28}],"tokens":15,"tokens_used":15}],"model":"answers","usage":{"prompt_tokens":15,"total_tokens":15}})"},
            {"/v1/fill-mask", "post", "The tokens that most likely stand for a text's masks",
             R"({"input":"Paris is the [MASK] of France.","top_k":1,"targets":["capital","city"]})",
             R"({"object":"list","data":[{"index":0,"masks":[[{"score":0.99,"token":3007,"token_str":"capital","sequence":"paris is the capital of france."}]],"tokens":9,"tokens_used":9}],"model":"bert-base-uncased","usage":{"prompt_tokens":9,"total_tokens":9}})"},
            {"/v1/zero-shot", "post",
             "Labels that the request names, by a model for entailment (NLI)",
             R"({"input":"The new phone has a great camera.","labels":["technology","cooking"],"multi_label":false,"hypothesis_template":"This text is about {}."})",
             R"({"object":"list","data":[{"index":0,"classes":[{"label":"technology","score":0.98},{"label":"cooking","score":0.02}],"tokens":36,"tokens_used":36}],"model":"nli","usage":{"prompt_tokens":36,"total_tokens":36}})"},
            {"/models/{name}", "post", "A model's task, in the shape of Hugging Face's inference",
             R"({"inputs":"Ciao a tutti","parameters":{"top_k":1}})",
             R"([[{"label":"it","score":0.99}]])"},
            {"/process", "post", "The best label of a text, as CodeNLP's language detection",
             R"({"text":"Ala ma kota"})", R"("pl")"},
            {"/v1/completions", "post",
             "Texts that a model makes of prompts, as OpenAI's; with \"stream\" in pieces",
             R"({"model":"flan-t5-small","prompt":"Translate to German: The house is small.","max_tokens":40,"temperature":0})",
             R"({"id":"cmpl-0f1e2d3c4b5a6978","object":"text_completion","created":1767225600,"model":"flan-t5-small","choices":[{"text":"Das Haus ist klein.","index":0,"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18}})"},
            {"/generate", "post", "The same, as text-generation-inference's",
             R"({"inputs":"Translate to German: The house is small.","parameters":{"max_new_tokens":40,"details":false}})",
             R"({"generated_text":"Das Haus ist klein."})"},
            {"/generate_stream", "post", "The same, an event for each token",
             R"({"inputs":"Translate to German: The house is small.","parameters":{"max_new_tokens":40}})",
             R"(data:{"index":1,"token":{"id":644,"text":"Das","logprob":-0.1,"special":false},"generated_text":null,"details":null})",
             kEvents},
            {"/pipeline/{task}/{name}", "post",
             "A task of a model that makes texts: summarization, translation, text2text-generation",
             R"({"inputs":"A long text.","parameters":{"max_new_tokens":60,"num_beams":4}})",
             R"([{"summary_text":"a text","finish_reason":"eos_token"}])"},
            {"/api/generate", "post", "Texts in pieces, a line each, as Ollama's",
             R"({"model":"flan-t5-small","prompt":"Translate to German: The house is small.","options":{"num_predict":40}})",
             R"({"model":"flan-t5-small","created_at":"2026-01-01T00:00:00.000000Z","response":"Das","done":false})",
             "application/x-ndjson"},
            {"/v2/models/{name}/generate", "post",
             "A text, as KServe's; generate_stream for pieces",
             R"({"text_input":"Translate to German: The house is small.","parameters":{"max_tokens":40}})",
             R"({"text_output":"Das Haus ist klein.","model_name":"flan-t5-small","model_version":"1","finish_reason":"eos_token"})"},
            {"/v1/images/generations", "post",
             "Pictures of a prompt, as OpenAI's; with \"stream\" as events",
             R"({"prompt":"a fox in the snow","n":1,"size":"auto","output_format":"png","steps":20,"seed":7})",
             R"({"created":1767225600,"data":[{"b64_json":"iVBORw0KGgo=","seed":7}],"output_format":"png","size":"512x512"})"},
            {"/v1/images/edits", "post",
             "A picture changed, or painted anew where the mask is transparent, as OpenAI's",
             "image=@room.png mask=@sofa.png prompt=\"a red sofa\"",
             R"({"created":1767225600,"data":[{"b64_json":"iVBORw0KGgo=","seed":7}],"output_format":"png","size":"512x512"})",
             kJson, kForm},
            {"/superlabs_diffusion/v1/img2img", "post",
             "A picture changed; the answer is a PNG, or JSON",
             R"(message_json={"model":"sd","options":{"prompt":"an oil painting","strength":0.5}} file=@photo.jpg)",
             "a picture", "image/png", kForm},
            {"/indexes/{index}/search", "post",
             "The documents of an index (--index) that answer a query best", R"({"q":"how long do cats sleep?","semantic_ratio":0.5,"filter":"stars >= 3","limit":10,"rerank":{"top_n":50}})", R"({"query":"how long do cats sleep?","hits":[{"id":"a","score":0.98,"semantic_score":0.7,"lexical_score":3.1,"rerank_score":0.99,"snippet":"<em>Cats</em> <em>sleep</em> all day.","passage":{"begin":0,"end":20},"document":{"text":"Cats sleep all day."}}],"limit":10,"offset":0,"estimated_total":1,"facets":{},"rerank":{"model":"cross-encoder","top_n":50,"scored":1,"truncated":0},"timings":{"embed_ms":1.9,"search_ms":0.2,"rerank_ms":4.1}})"},
            {"/tokenize", "post", "Token ids of texts", R"({"inputs":"a sentence"})",
             R"([[{"id":101,"text":"[CLS]","special":true,"start":null,"stop":null}]])"},
            {"/decode", "post", "Texts of token ids", R"({"ids":[[101,1037,6251,102]]})",
             R"(["a sentence"])"},
            {"/info",
             "get",
             "What the first model is, or the one of ?model=NAME",
             {},
             R"({"model_id":"all-MiniLM-L6-v2","max_input_length":256})"},
            {"/health", "get", "Whether requests are taken"},
            {"/livez", "get", "Whether the process is up"},
            {"/readyz", "get", "Whether the models are loaded"},
            {"/metrics", "get", "Prometheus' text"},
};

void WriteContent(std::string_view example, std::string_view type, JsonWriter& json) {
  json.Key("content");
  json.BeginObject();
  json.Key(example.empty() ? "text/plain" : type);
  json.BeginObject();
  if (!example.empty()) {
    json.Key("example");
    if (type == kJson) {
      json.Raw(example);
    } else {
      json.String(example);
    }
  }
  json.EndObject();
  json.EndObject();
}

// {name}, each of them.
void WriteParameters(std::string_view path, JsonWriter& json) {
  size_t brace = path.find('{');
  if (brace == std::string_view::npos) return;
  json.Key("parameters");
  json.BeginArray();
  for (; brace != std::string_view::npos; brace = path.find('{', brace + 1)) {
    json.BeginObject();
    json.Key("name");
    json.String(path.substr(brace + 1, path.find('}', brace) - brace - 1));
    json.Key("in");
    json.String("path");
    json.Key("required");
    json.Bool(true);
    json.Key("schema");
    json.Raw(R"({"type":"string"})");
    json.EndObject();
  }
  json.EndArray();
}

void WriteOperation(const RouteText& route, JsonWriter& json) {
  json.Key(route.method);
  json.BeginObject();
  json.Key("summary");
  json.String(route.summary);
  WriteParameters(route.path, json);
  if (!route.request.empty()) {
    json.Key("requestBody");
    json.BeginObject();
    json.Key("required");
    json.Bool(true);
    WriteContent(route.request, route.request_type, json);
    json.EndObject();
  }
  json.Key("responses");
  json.BeginObject();
  json.Key("200");
  json.BeginObject();
  json.Key("description");
  json.String("Done");
  WriteContent(route.answer, route.answer_type, json);
  json.EndObject();
  json.EndObject();
  json.EndObject();
}

std::string OpenApiText() {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  json.Key("openapi");
  json.String("3.1.0");
  json.Key("info");
  json.BeginObject();
  json.Key("title");
  json.String("minnow");
  json.Key("version");
  json.String(MINNOW_VERSION);
  json.EndObject();
  json.Key("paths");
  json.BeginObject();
  for (const RouteText& route : kRoutes) {
    json.Key(route.path);
    json.BeginObject();
    WriteOperation(route, json);
    json.EndObject();
  }
  json.EndObject();
  json.EndObject();
  return text;
}

// The table holds no character that HTML would take for markup but for those in examples.
std::string Escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out += c;
    }
  }
  return out;
}

std::string DocsText() {
  std::string html =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>minnow: "
      "routes</title>\n<meta name=\"viewport\" content=\"width=device-width\">\n<style>"
      "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem}"
      "pre{background:#8881;padding:.6rem;border-radius:.4rem;white-space:pre-wrap;"
      "overflow-wrap:anywhere}h2{font-size:1.05rem;margin:1.6rem 0 .2rem}p{margin:.2rem 0}"
      ":root{color-scheme:light dark}</style></head>\n<body><h1>Routes</h1>\n"
      "<p>For programs: <a href=\"openapi.json\">openapi.json</a></p>\n";
  for (const RouteText& route : kRoutes) {
    const std::string method = route.method == "get" ? "GET" : "POST";
    html += "<h2><code>" + method + " " + std::string(route.path) + "</code></h2>\n<p>" +
            Escaped(route.summary) + "</p>\n";
    if (!route.request.empty()) html += "<pre>" + Escaped(route.request) + "</pre>\n";
    if (!route.answer.empty()) html += "<pre>" + Escaped(route.answer) + "</pre>\n";
  }
  return html + "</body></html>\n";
}

http::Handler Constant(std::string body, const char* content_type) {
  return [body = std::move(body), content_type](http::Request, http::Responder responder) {
    http::Response response;
    response.content_type = content_type;
    response.body = body;
    response.headers = {
        {"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"},
        {"X-Content-Type-Options", "nosniff"}};
    responder.Send(std::move(response));
  };
}

}  // namespace

void AddApiDescription(bool with_docs, http::Router& router) {
  constexpr http::RouteOptions kOpen = {.open = true};
  router.Add("GET", "/openapi.json", Constant(OpenApiText(), "application/json"), kOpen);
  if (with_docs)
    router.Add("GET", "/docs", Constant(DocsText(), "text/html; charset=utf-8"), kOpen);
}

}  // namespace minnow::api
