// SPDX-License-Identifier: Apache-2.0
// The routes of text-embeddings-inference: POST /embed, /embed_all, /similarity, /predict,
// /tokenize, /decode and GET /info. https://github.com/huggingface/text-embeddings-inference,
// release 1.9
#include <algorithm>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <utility>

#include "api/classify/predict.h"
#include "api/embed_call.h"
#include "api/generate/named.h"
#include "api/routes.h"
#include "api/search/parameters.h"
#include "formats/json.h"
#include "tasks/fill_mask.h"

namespace minnow::api {
namespace {

void WriteVectors(const EmbeddingQuery&, const ModelFacts&, const EmbedAnswer& answer,
                  size_t dimensions, std::string& body) {
  JsonWriter json(&body);
  json.BeginArray();
  for (size_t i = 0; i < answer.tokens.size(); ++i) {
    json.Floats(std::span<const float>(answer.vectors.data() + i * dimensions, dimensions));
  }
  json.EndArray();
}

void WriteAllVectors(const EmbeddingQuery&, const ModelFacts&, const EmbedAnswer& answer, size_t,
                     std::string& body) {
  const size_t tokens = std::accumulate(answer.tokens.begin(), answer.tokens.end(), size_t{0});
  const size_t size = answer.vectors.size() / tokens;
  std::span<const float> rest = answer.vectors;
  JsonWriter json(&body);
  json.BeginArray();
  for (const uint32_t count : answer.tokens) {
    json.BeginArray();
    for (uint32_t i = 0; i < count; ++i, rest = rest.subspan(size)) json.Floats(rest.first(size));
    json.EndArray();
  }
  json.EndArray();
}

// The cosine of the source, which is the last input, with each of the others.
void WriteSimilarities(const EmbeddingQuery&, const ModelFacts&, const EmbedAnswer& answer,
                       size_t dimensions, std::string& body) {
  const size_t sentences = answer.tokens.size() - 1;
  const float* const source = answer.vectors.data() + sentences * dimensions;
  std::vector<float> cosines;
  cosines.reserve(sentences);
  for (size_t i = 0; i < sentences; ++i) {
    const float* const vector = answer.vectors.data() + i * dimensions;
    // Both have the length 1.
    cosines.push_back(
        static_cast<float>(std::inner_product(vector, vector + dimensions, source, 0.0)));
  }
  JsonWriter json(&body);
  json.Floats(cosines);
}

void WriteRoot(const EmbeddingQuery& query, const ModelFacts& facts, const EmbedAnswer& answer,
               size_t dimensions, std::string& body) {
  const auto write = query.similarity ? WriteSimilarities : WriteVectors;
  write(query, facts, answer, dimensions, body);
}

constexpr EmbedFamily kTeiEmbed{.errors = Family::kTei,
                                .read = ReadTeiEmbed,
                                .max_inputs = &ApiOptions::max_client_batch_size,
                                .limit_total_tokens = false,
                                .write = WriteVectors};
constexpr EmbedFamily kEmbedAllFamily{.errors = Family::kTei,
                                      .read = ReadTeiEmbedAll,
                                      .max_inputs = &ApiOptions::max_client_batch_size,
                                      .limit_total_tokens = false,
                                      .write = WriteAllVectors};
constexpr EmbedFamily kSimilarityFamily{.errors = Family::kTei,
                                        .read = ReadTeiSimilarity,
                                        .max_inputs = &ApiOptions::max_client_batch_size,
                                        .limit_total_tokens = false,
                                        .write = WriteSimilarities};
// Hugging Face's clients post what they want of a model to the root.
constexpr EmbedFamily kRootFamily{.errors = Family::kTei,
                                  .read = ReadTeiRoot,
                                  .max_inputs = &ApiOptions::max_client_batch_size,
                                  .limit_total_tokens = false,
                                  .write = WriteRoot};

// What clients are told to send at once where the operator sets no limit: they cut their batches by
// it, larger ones are not faster, and a body must keep below the limit of bytes.
constexpr size_t kToldBatchSize = 256;

http::Response JsonResponse() {
  http::Response response;
  response.content_type = "application/json";
  return response;
}

// Fails the call unless `count` inputs are at least one and within the limit.
bool CheckBatch(Call& call, const char* field, size_t count) {
  const size_t limit = call.context().options.max_client_batch_size;
  if (count == 0) {
    call.Fail({Fault::kEmptyInput, std::string(field) + ": must not be empty"});
  } else if (count > limit) {
    call.Fail({Fault::kBatchTooLarge, std::string(field) + ": " + std::to_string(count) +
                                          " items, limit " + std::to_string(limit)});
  }
  return count > 0 && count <= limit;
}

// Byte positions of the code points of `text`, and its end.
std::vector<size_t> CodePointStarts(const std::string& text) {
  std::vector<size_t> starts;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) starts.push_back(i);
  }
  starts.push_back(text.size());
  return starts;
}

// A token's text is what it stands for in the input; a special token's is its own.
void WriteTokens(const Tokenizer& tokenizer, const std::string& text, bool add_special_tokens,
                 JsonWriter& json) {
  const Encoding encoding =
      tokenizer.Encode(text, {.add_special_tokens = add_special_tokens, .want_offsets = true});
  const std::vector<size_t> starts = CodePointStarts(text);
  json.BeginArray();
  for (size_t i = 0; i < encoding.ids.size(); ++i) {
    const bool special = encoding.special[i] != 0;
    const TokenOffset offset = encoding.offsets[i];
    const bool in_text = offset.begin <= offset.end && offset.end < starts.size();
    json.BeginObject();
    json.Key("id");
    json.Int(encoding.ids[i]);
    json.Key("text");
    if (special || !in_text) {
      json.String(tokenizer.IdToToken(encoding.ids[i]).value_or(""));
    } else {
      const size_t begin = starts[offset.begin];
      json.String(std::string_view(text).substr(begin, starts[offset.end] - begin));
    }
    json.Key("special");
    json.Bool(special);
    for (const auto& [key, position] : {std::pair("start", offset.begin), {"stop", offset.end}}) {
      json.Key(key);
      if (special) {
        json.Null();
      } else {
        json.Uint(position);
      }
    }
    json.EndObject();
  }
  json.EndArray();
}

// A finished answer of a route that has no batches of its own.
void FinishCounted(Call& call, bool batch, http::Response response) {
  call.context().metrics->CountRequest(batch);
  call.context().metrics->CountSuccess(batch);
  call.Finish(std::move(response));
}

// The tokenizer of the model that the request names, whatever it does; null: there is none, and the
// request is answered.
const Tokenizer* FindTokenizer(Call& call, const std::string& model, const char* field) {
  if (!call.UseModel(model, std::nullopt)) return nullptr;
  const Tokenizer* const tokenizer = call.model().tokenizer();
  if (tokenizer == nullptr) {
    call.Fail({Fault::kNoTokenizer, std::string(field) + ": model " +
                                        QuoteForMessage(call.facts().model_id) +
                                        " has no tokenizer, which this route needs"});
  }
  return tokenizer;
}

void Tokenize(Call& call) {
  const auto document = call.Parse();
  if (!document.has_value()) return;
  const Result<TokenizeQuery> query = ReadTokenize(document->root());
  if (!query.ok()) return call.Fail(ToFailure(query.error()));
  if (!CheckBatch(call, "inputs", query->inputs.size())) return;
  const Tokenizer* const tokenizer = FindTokenizer(call, query->model, "inputs");
  if (tokenizer == nullptr) return;
  std::string prompt;
  if (query->prompt.asked_for()) {
    Result<std::string> found = FindPrompt(call.facts().prompts, query->prompt);
    if (!found.ok()) return call.Fail(ToFailure(std::move(found).error()));
    prompt = std::move(found).value();
  }
  http::Response response = JsonResponse();
  JsonWriter json(&response.body);
  json.BeginArray();
  for (const std::string& text : query->inputs) {
    WriteTokens(*tokenizer, prompt + text, query->add_special_tokens, json);
  }
  json.EndArray();
  FinishCounted(call, query->batch, std::move(response));
}

// The tokenizer itself passes over ids that stand for nothing.
std::optional<Failure> CheckIds(const DecodeQuery& query, size_t vocab_size) {
  for (size_t i = 0; i < query.ids.size(); ++i) {
    const std::vector<TokenId>& ids = query.ids[i];
    const auto wrong = std::find_if(ids.begin(), ids.end(), [vocab_size](TokenId id) {
      return static_cast<size_t>(id) >= vocab_size;
    });
    if (wrong == ids.end()) continue;
    const std::string list = query.batch ? "[" + std::to_string(i) + "]" : "";
    return Failure{Fault::kInvalidField, "ids" + list + "[" + std::to_string(wrong - ids.begin()) +
                                             "]: token id " + std::to_string(*wrong) +
                                             " is not in [0, " + std::to_string(vocab_size) +
                                             "), the vocabulary"};
  }
  return std::nullopt;
}

void Decode(Call& call) {
  const auto document = call.Parse();
  if (!document.has_value()) return;
  const Result<DecodeQuery> query = ReadDecode(document->root());
  if (!query.ok()) return call.Fail(ToFailure(query.error()));
  if (!CheckBatch(call, "ids", query->ids.size())) return;
  const Tokenizer* const tokenizer = FindTokenizer(call, query->model, "ids");
  if (tokenizer == nullptr) return;
  if (auto failure = CheckIds(*query, tokenizer->vocab_size())) {
    return call.Fail(*std::move(failure));
  }
  http::Response response = JsonResponse();
  JsonWriter json(&response.body);
  json.BeginArray();
  for (const std::vector<TokenId>& ids : query->ids) {
    json.String(tokenizer->Decode(ids, query->skip_special_tokens));
  }
  json.EndArray();
  FinishCounted(call, query->batch, std::move(response));
}

// TEI's names of number formats.
std::string_view TeiDtype(const std::string& dtype) {
  if (dtype == "fp32") return "float32";
  if (dtype == "bf16") return "bfloat16";
  return dtype;
}

// A classifier of one label is what TEI calls a reranker.
void WriteLabels(const char* kind, const std::vector<std::string>& labels, JsonWriter& json) {
  json.Key(kind);
  json.BeginObject();
  json.Key("id2label");
  json.BeginObject();
  for (size_t i = 0; i < labels.size(); ++i) {
    json.Key(std::to_string(i));
    json.String(labels[i]);
  }
  json.EndObject();
  json.Key("label2id");
  json.BeginObject();
  for (size_t i = 0; i < labels.size(); ++i) {
    json.Key(labels[i]);
    json.Uint(i);
  }
  json.EndObject();
  json.EndObject();
}

// "[MASK]" or "<mask>" of a model that fills masks; else empty.
std::string_view MaskToken(const LoadedModel& model) {
  if (!model.facts().fills_masks) return {};
  const auto mask = FindMaskToken(*model.tokenizer());
  return mask ? model.tokenizer()->IdToToken(*mask).value_or("") : "";
}

// Beyond TEI's fields, whose clients ignore what they do not know.
void WriteOwnFields(const LoadedModel& model, JsonWriter& json) {
  const ModelFacts& facts = model.facts();
  if (!facts.embedding_dtype.empty()) {
    json.Key("embedding_dtype");
    json.String(facts.embedding_dtype);
  }
  if (const auto mask = MaskToken(model); !mask.empty()) {
    json.Key("mask_token");
    json.String(mask);
  }
  if (!facts.quality) return;
  json.Key("quality");
  json.BeginObject();
  json.Key("texts");
  json.Uint(static_cast<size_t>(facts.quality->texts));
  json.Key("cosine_mean");
  json.Double(facts.quality->cosine_mean);
  json.Key("cosine_min");
  json.Double(facts.quality->cosine_min);
  json.EndObject();
}

// {"summarization": {"prefix": "summarize: "}}
void WriteTasks(const TextTasks& tasks, JsonWriter& json) {
  json.BeginObject();
  for (const auto& [name, task] : tasks) {
    json.Key(name);
    json.BeginObject();
    json.Key("prefix");
    json.String(task.prefix);
    json.EndObject();
  }
  json.EndObject();
}

// "model_type": {"embedding": {"pooling": "mean"}}
void WriteModelType(const LoadedModel& model, JsonWriter& json) {
  const ModelFacts& facts = model.facts();
  json.Key("model_type");
  json.BeginObject();
  if (facts.task == TaskKind::kClassify) {
    WriteLabels(facts.labels.size() == 1 ? "reranker" : "classifier", facts.labels, json);
  } else if (facts.task == TaskKind::kTokenClassify) {
    WriteLabels("token_classifier", facts.labels, json);
  } else if (facts.task == TaskKind::kAnswer) {
    json.Key("question_answering");
    json.Raw("{}");
  } else if (facts.task == TaskKind::kGenerate) {
    json.Key("text2text");
    json.BeginObject();
    json.Key("tasks");
    WriteTasks(model.generator()->tasks(), json);
    json.EndObject();
  } else if (facts.task == TaskKind::kImage) {
    json.Key("text_to_image");
    json.Raw("{}");
  } else {
    json.Key("embedding");
    json.BeginObject();
    json.Key("pooling");
    json.String(facts.pooling);
    json.EndObject();
  }
  json.EndObject();
}

void WriteInfo(const LoadedModel& model, const ApiOptions& options, JsonWriter& json) {
  const ModelFacts& facts = model.facts();
  const auto number = [&json](const char* key, size_t value) {
    json.Key(key);
    json.Uint(value);
  };
  const auto text = [&json](const char* key, std::string_view value) {
    json.Key(key);
    json.String(value);
  };
  const auto null = [&json](const char* key) {
    json.Key(key);
    json.Null();
  };
  json.BeginObject();
  text("model_id", facts.model_id);
  null("model_sha");
  text("model_dtype", TeiDtype(facts.dtype));
  text("served_model_name", facts.model_id);
  WriteModelType(model, json);
  if (facts.task == TaskKind::kGenerate) text("model_pipeline_tag", "text2text-generation");
  if (facts.task == TaskKind::kImage) text("model_pipeline_tag", "text-to-image");
  number("max_concurrent_requests", facts.max_concurrent_requests);
  number("max_input_length", facts.max_sequence_tokens);
  number("max_batch_tokens", facts.max_batch_tokens);
  null("max_batch_requests");
  const bool limited = options.max_client_batch_size != SIZE_MAX;
  number("max_client_batch_size", limited ? options.max_client_batch_size : kToldBatchSize);
  json.Key("auto_truncate");
  json.Bool(true);
  number("tokenization_workers", facts.prepare_threads);
  text("version", MINNOW_VERSION);
  null("sha");
  null("docker_label");
  WriteOwnFields(model, json);
  json.EndObject();
}

// Of the first model, as TEI serves one, or of ?model=NAME.
http::Response Info(const ApiContext& context, std::string_view query) {
  const auto fail = [](const Failure& failure) { return ErrorResponse(Family::kTei, failure); };
  const Result<std::vector<http::Header>> parameters = ReadParameters(query);
  if (!parameters.ok()) return fail(ToFailure(parameters.error()));
  ModelLease model = context.models->First();
  if (model == nullptr) return fail(NotReady(context).value_or(Failure{Fault::kNotReady, ""}));
  for (const http::Header& parameter : *parameters) {
    if (parameter.name != "model") continue;
    Result<ModelLease> found = context.models->FindByName(parameter.value);
    if (!found.ok()) return fail(ToFailure(std::move(found).error()));
    model = std::move(found).value();
  }
  http::Response response = JsonResponse();
  JsonWriter json(&response.body);
  WriteInfo(*model, context.options, json);
  return response;
}

// A handler whose whole work is done on the aside lane.
http::Handler AsideHandler(const ApiContext* context, void (*work)(Call&)) {
  return [context, work](http::Request request, http::Responder responder) {
    auto call =
        std::make_shared<Call>(context, Family::kTei, std::move(request), std::move(responder));
    if (auto failure = NotReady(*context)) return call->Fail(*std::move(failure));
    call->Aside(work);
  };
}

}  // namespace

void AddTeiRoutes(const ApiContext* context, http::Router& router) {
  const auto add = [&](const char* path, const EmbedFamily& family) {
    router.Add("POST", path, [context, &family](http::Request request, http::Responder responder) {
      HandleInference(context, family, std::move(request), std::move(responder));
    });
  };
  add("/embed", kTeiEmbed);
  add("/embed_all", kEmbedAllFamily);
  add("/similarity", kSimilarityFamily);
  router.Add("POST", "/predict", [context](http::Request request, http::Responder responder) {
    HandlePredict(context, std::move(request), std::move(responder));
  });
  // The root is what the first model does.
  router.Add("POST", "/", [context](http::Request request, http::Responder responder) {
    const ModelLease first = context->models->First();
    if (first != nullptr && first->facts().task == TaskKind::kClassify) {
      return HandlePredict(context, std::move(request), std::move(responder));
    }
    if (first != nullptr && first->facts().task == TaskKind::kGenerate) {
      return HandleTextRoot(context, std::move(request), std::move(responder));
    }
    HandleInference(context, kRootFamily, std::move(request), std::move(responder));
  });
  router.Add("POST", "/tokenize", AsideHandler(context, Tokenize));
  router.Add("POST", "/decode", AsideHandler(context, Decode));
  router.Add("GET", "/info", [context](http::Request request, http::Responder responder) {
    responder.Send(Info(*context, request.query));
  });
}

}  // namespace minnow::api
