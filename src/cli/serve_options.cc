// SPDX-License-Identifier: Apache-2.0
// Options of minnow serve, and the environment that platforms give it.
#include "cli/serve_options.h"

#include "cli/command_line/command.h"
#include "cli/command_line/good_argument.h"
#include "cli/model_option.h"
#include "cli/port_option.h"
#include "cli/replica_options.h"
#include "formats/bundle.h"
#include "http/origin.h"
#include "models/builtin/language_detector.h"

namespace minnow {
namespace {

constexpr int kMaxThreads = 1024;

void AddModelOptions(Command serve, ServeCommand& command) {
  serve
      .AddOption("--model", command.models,
                 "[NAME=]PATH of a model: a directory, a packed file, an .onnx file or "
                 "builtin:language-detector; may be repeated; without it what was bundled with the "
                 "program, or else, without --index, the language detector")
      .OneValueEach()
      .Env("MINNOW_MODEL");
  serve
      .AddOption("--served-model-name", command.served_model_names,
                 "Name of the one model in requests and answers, where others get 404; may be "
                 "repeated, and answers tell the first; without it, the directory's or packed "
                 "file's own, and any name is taken")
      .OneValueEach()
      .NotEmpty()
      .Env("MINNOW_SERVED_MODEL_NAME");
  serve
      .AddOption(
          "--dtype", command.dtypes,
          "[NAME=]DTYPE: precision of all models or of one: fp32, bf16, int8; auto: a packed "
          "file's own, fp32 for a directory")
      .OneValueEach()
      .Env("MINNOW_DTYPE");
  ComputeOptions& compute = command.application.compute;
  serve.AddOption("--threads", compute.threads, "Threads that compute; 0: as many as usable cores")
      .Range(0, kMaxThreads)
      .Env("MINNOW_THREADS");
  serve
      .AddOption("--tokenization-threads", compute.tokenization_threads,
                 "Threads that tokenize; 0: by cores")
      .Range(0, kMaxThreads)
      .Env("MINNOW_TOKENIZATION_THREADS");
}

void AddLimitOptions(Command serve, ServeCommand& command) {
  serve
      .AddOption("--max-batch-tokens", command.application.compute.max_batch_tokens,
                 "Tokens of one batch; above some thousand a batch is not faster, and the others "
                 "wait longer")
      .Range(size_t{1}, size_t{1} << 20)
      .Env("MINNOW_MAX_BATCH_TOKENS");
  serve
      .AddFlag("--allow-foreign-token-ids", command.allow_foreign_token_ids,
               "Take token ids without the model's special tokens on /v1/embeddings")
      .Env("MINNOW_ALLOW_FOREIGN_TOKEN_IDS");
  serve
      .AddOption("--max-client-batch-size", command.max_client_batch_size,
                 "Texts of one request to TEI's routes; 0: as many as its body holds")
      .Range(size_t{0}, size_t{1} << 20)
      .Env("MINNOW_MAX_CLIENT_BATCH_SIZE");
  serve
      .AddOption("--max-concurrent-requests", command.application.compute.max_concurrent_requests,
                 "Requests at work or waiting; above, 429")
      .Range(size_t{1}, size_t{1} << 20)
      .Env("MINNOW_MAX_CONCURRENT_REQUESTS");
  serve
      .AddOption("--max-queue-ms", command.application.compute.max_queue_ms,
                 "Longest expected wait of a request; above, 429 with Retry-After")
      .Range(1, 3'600'000)
      .Env("MINNOW_MAX_QUEUE_MS");
  serve
      .AddOption("--memory-limit", command.memory_limit,
                 "Memory of models and requests, such as 400M or 2G; above, 429; without it nine "
                 "tenths of the container's limit, or 80 % of the machine's memory")
      .Env("MINNOW_MEMORY_LIMIT");
  serve.AddOption("--payload-limit", command.payload_limit, "Bytes of a request's body; above, 413")
      .Range(size_t{1}, size_t{1} << 30)
      .Env("MINNOW_PAYLOAD_LIMIT");
  serve
      .AddOption("--max-connections", command.max_connections,
                 "Open connections; above, idle ones are closed")
      .Range(size_t{1}, size_t{1} << 20)
      .Env("MINNOW_MAX_CONNECTIONS");
  serve
      .AddOption("--drain-seconds", command.drain_seconds,
                 "How long requests under way may take after SIGTERM")
      .Range(0, 3600)
      .Env("MINNOW_DRAIN_SECONDS");
  serve
      .AddOption(
          "--shutdown-delay-seconds", command.shutdown_delay_seconds,
          "How long connections are still taken after SIGTERM, with /readyz at 503, so that a "
          "balancer can turn away first")
      .Range(0, 3600)
      .Env("MINNOW_SHUTDOWN_DELAY_SECONDS");
}

void AddImageOptions(Command serve, ServeCommand& command) {
  serve
      .AddOption("--vae", command.vaes,
                 "[NAME=]DIR: a folder of TAESD, a small VAE instead of that of a model that makes "
                 "pictures: fast, less detail")
      .OneValueEach()
      .Env("MINNOW_VAE");
  serve
      .AddOption("--lora", command.loras,
                 "[NAME=]FILE or [NAME=]FILE:SCALE, an adapter (LoRA) in safetensors that is added "
                 "to the weights of a model that makes pictures; repeatable")
      .OneValueEach()
      .Env("MINNOW_LORA");
  serve
      .AddOption("--image-payload-limit", command.image_payload_limit,
                 "Bytes of a request for pictures, which may hold some; above, 413")
      .Range(size_t{1}, size_t{1} << 30)
      .Env("MINNOW_IMAGE_PAYLOAD_LIMIT");
  serve
      .AddOption("--max-image-pixels", command.max_image_pixels,
                 "Pixels of an image in a request, and of all pictures that it asks for together")
      .Range(uint64_t{1}, uint64_t{1} << 30)
      .Env("MINNOW_MAX_IMAGE_PIXELS");
}

void AddStoreOptions(Command serve, ServeCommand& command) {
  serve
      .AddOption("--index", command.application.store.index,
                 "Store to search and to add documents to: one file, made where there is none")
      .Env("MINNOW_INDEX");
  serve
      .AddFlag("--read-only", command.application.store.read_only,
               "The store is only read; several servers may share it, on a read-only disk too")
      .Env("MINNOW_READ_ONLY");
  serve
      .AddFlag("--reembed", command.application.store.reembed,
               "Make vectors anew where they are of another model than the one served")
      .Env("MINNOW_REEMBED");
  serve
      .AddOption("--documents-payload-limit", command.documents_payload_limit,
                 "Bytes of a request that adds documents; above, 413")
      .Range(size_t{1}, size_t{1} << 30)
      .Env("MINNOW_DOCUMENTS_PAYLOAD_LIMIT");
}

void AddKuberianOptions(Command serve, ServeCommand& command) {
  serve
      .AddOption(
          "--kuberian", command.application.store.kuberian,
          "Answer as Kuberian does, from its database or a store of its functions; without a "
          "value $DATABASE_URL, else ./kuberian.db")
      .Values(0, 1)
      .Env("MINNOW_KUBERIAN")
      .Excludes(serve.FindOption("--index"));
  serve.AddFlag("--ci", command.ci, "Kuberian: load everything, make missing vectors, end with 0");
  serve.AddFlag("--offline", command.offline,
                "Kuberian: no download; minnow never downloads anything");
  serve.AddOption("--model-id", command.model_id,
                  "Kuberian: the model in the cache below $HF_HOME, where --model is not given");
  serve.AddOption("--revision", command.revision, "Kuberian: its branch or commit");
}

void AddAccessOptions(Command serve, ServeCommand& command) {
  serve
      .AddOption("--api-key", command.api_keys,
                 "Key that requests must send (Authorization: Bearer KEY), probes aside; may be "
                 "repeated")
      .NotEmpty()
      .OneValueEach()
      .Env("MINNOW_API_KEY");
  serve
      .AddOption("--cors-allow-origin", command.cors_origins,
                 "Origin whose pages may ask: https://host[:port], http://localhost:*, "
                 "https://*.example.com, chrome-extension://*, or * for every one; may be repeated")
      .OneValueEach()
      .Delimiter(',')
      .Env("MINNOW_CORS_ALLOW_ORIGIN");
}

}  // namespace

Option AddServeOptions(Command serve, ServeCommand& command) {
  AddModelOptions(serve, command);
  serve.AddOption("--host", command.host, "Address to listen on; :: takes IPv6 and IPv4")
      .Env("MINNOW_HOST");
  Option port =
      AddPortOption(serve, command.port, "Port, or $PORT; 0: any free one, which the log names");
  AddLimitOptions(serve, command);
  AddImageOptions(serve, command);
  AddStoreOptions(serve, command);
  AddReplicaOptions(serve, command);
  AddKuberianOptions(serve, command);
  AddAccessOptions(serve, command);
  serve.AddOption("--log-format", command.log_format, "text or json, on standard error")
      .OneOf({"text", "json"})
      .Env("MINNOW_LOG_FORMAT");
  serve.AddFlag("--log-requests", command.log_requests, "A log line for each answered request")
      .Env("MINNOW_LOG_REQUESTS");
  serve.Footer(
      "Answers /livez at once and /readyz with 503 until the models are loaded. SIGTERM or "
      "SIGINT:\n"
      "no new connections, requests under way are answered, exit 0; a second signal ends at "
      "once.\n\n"
      "Examples:\n"
      "  minnow serve                  # detects languages: POST /process, /predict, /v1/classify\n"
      "  minnow serve --model DIR\n"
      "  minnow serve --model DIR --index my.db\n"
      "  minnow serve --model DIR --index-from http://127.0.0.1:8000/snapshots --refresh 30s\n"
      "  minnow serve --model small=DIR --model large=FILE --dtype large=int8\n"
      "  minnow serve --model DIR --kuberian kuberian.db\n"
      "  MINNOW_MODEL=DIR PORT=3000 minnow serve --log-format json\n"
      "  curl localhost:8080/v1/embeddings -H 'Content-Type: application/json' \\\n"
      "    -d '{\"input\": [\"a sentence\"]}'");
  return port;
}

void ReadServeOptions(Command serve, Option port, ServeCommand& command) {
  ServedStoreOptions& store = command.application.store;
  store.is_kuberian = serve.FindOption("--kuberian").given();
  command.application.models =
      ReadModelOptions(command.models, command.served_model_names, command.dtypes);
  ReadPictureOptions(command.vaes, command.loras, command.application.models);
  if (command.models.empty() && !store.is_kuberian && !HasBundledModel()) {
    // A store's vectors need a model that makes such.
    if (!store.index.empty() || !store.replica.from.empty()) RequireArgument("--model");
    command.application.models.front().path = kLanguageDetector;
  }
  if (!port.given()) ReadPortVariable(command.port);
  if (!command.memory_limit.empty()) {
    command.application.compute.memory_limit_bytes =
        GoodArgument("--memory-limit", ParseByteSize(command.memory_limit));
  }
  ReadReplicaOptions(command);
  const bool has_store =
      !store.index.empty() || store.is_kuberian || HasBundledStore() || !store.replica.from.empty();
  if (store.read_only && !has_store) RefuseArgument("--read-only", "there is no --index to read");
  for (const std::string& origin : command.cors_origins) {
    const auto parsed = http::OriginPattern::Parse(origin);
    if (!parsed.ok()) {
      RefuseArgument("--cors-allow-origin", "\"" + origin + "\": " + parsed.error().message);
    }
  }
}

}  // namespace minnow
