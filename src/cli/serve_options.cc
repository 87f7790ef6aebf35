// SPDX-License-Identifier: Apache-2.0
// Options of minnow serve, and the environment that platforms give it.
#include "cli/serve_options.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "cli/model_option.h"

namespace minnow {
namespace {

constexpr int kMaxThreads = 1024;

// Kubernetes sets MINNOW_PORT=tcp://ADDRESS:PORT in every pod beside a Service named "minnow": that
// is not our option.
void ForgetServiceVariable() {
  const char* text = std::getenv("MINNOW_PORT");
  if (text != nullptr && std::strncmp(text, "tcp://", 6) == 0) ::unsetenv("MINNOW_PORT");
}

void AddModelOptions(CLI::App& serve, ServeCommand& command) {
  AddModelOption(serve, command.model);
  serve
      .add_option("--served-model-name", command.served_model_name,
                  "Name of the model in answers; without it, the directory's or packed file's own")
      ->envname("MINNOW_SERVED_MODEL_NAME");
  AddDtypeOption(serve, command.dtype);
  serve
      .add_option("--threads", command.threads, "Threads that compute; 0: as many as usable cores")
      ->check(CLI::Range(0, kMaxThreads))
      ->envname("MINNOW_THREADS");
  serve
      .add_option("--tokenization-threads", command.tokenization_threads,
                  "Threads that tokenize; 0: by cores")
      ->check(CLI::Range(0, kMaxThreads))
      ->envname("MINNOW_TOKENIZATION_THREADS");
}

void AddLimitOptions(CLI::App& serve, ServeCommand& command) {
  serve
      .add_option("--max-batch-tokens", command.max_batch_tokens,
                  "Tokens of one batch; above some thousand a batch is not faster, and the others "
                  "wait longer")
      ->check(CLI::Range(size_t{1}, size_t{1} << 20))
      ->envname("MINNOW_MAX_BATCH_TOKENS");
  serve
      .add_option("--max-client-batch-size", command.max_client_batch_size, "Texts of one request")
      ->check(CLI::Range(size_t{1}, size_t{1} << 20))
      ->envname("MINNOW_MAX_CLIENT_BATCH_SIZE");
  serve
      .add_option("--max-concurrent-requests", command.max_concurrent_requests,
                  "Requests at work or waiting; above, 429")
      ->check(CLI::Range(size_t{1}, size_t{1} << 20))
      ->envname("MINNOW_MAX_CONCURRENT_REQUESTS");
  serve
      .add_option("--payload-limit", command.payload_limit, "Bytes of a request's body; above, 413")
      ->check(CLI::Range(size_t{1}, size_t{1} << 30))
      ->envname("MINNOW_PAYLOAD_LIMIT");
  serve.add_option("--max-connections", command.max_connections, "Open connections; above, 503")
      ->check(CLI::Range(size_t{1}, size_t{1} << 20))
      ->envname("MINNOW_MAX_CONNECTIONS");
  serve
      .add_option("--drain-seconds", command.drain_seconds,
                  "How long requests under way may take after SIGTERM")
      ->check(CLI::Range(0, 3600))
      ->envname("MINNOW_DRAIN_SECONDS");
}

void AddStoreOptions(CLI::App& serve, ServeCommand& command) {
  serve
      .add_option("--index", command.index,
                  "Store to search and to add documents to: one file, made where there is none")
      ->envname("MINNOW_INDEX");
  serve
      .add_flag("--read-only", command.read_only,
                "The store is only read; several servers may share it, on a read-only disk too")
      ->envname("MINNOW_READ_ONLY");
  serve
      .add_flag("--reembed", command.reembed,
                "Make vectors anew where they are of another model than the one served")
      ->envname("MINNOW_REEMBED");
  serve
      .add_option("--documents-payload-limit", command.documents_payload_limit,
                  "Bytes of a request that adds documents; above, 413")
      ->check(CLI::Range(size_t{1}, size_t{1} << 30))
      ->envname("MINNOW_DOCUMENTS_PAYLOAD_LIMIT");
}

void AddKuberianOptions(CLI::App& serve, ServeCommand& command) {
  serve
      .add_option(
          "--kuberian", command.kuberian,
          "Answer as Kuberian does, from its database or a store of its functions; without a "
          "value $DATABASE_URL, else ./kuberian.db")
      ->expected(0, 1)
      ->envname("MINNOW_KUBERIAN")
      ->excludes(serve.get_option("--index"));
  serve.add_flag("--ci", command.ci, "Kuberian: load everything, make missing vectors, end with 0");
  serve.add_flag("--offline", command.offline,
                 "Kuberian: no download; minnow never downloads anything");
  serve.add_option("--model-id", command.model_id,
                   "Kuberian: the model in the cache below $HF_HOME, where --model is not given");
  serve.add_option("--revision", command.revision, "Kuberian: its branch or commit");
}

void AddAccessOptions(CLI::App& serve, ServeCommand& command) {
  serve
      .add_option("--api-key", command.api_keys,
                  "Key that requests must send (Authorization: Bearer KEY), probes aside; may be "
                  "repeated")
      ->check([](const std::string& key) { return key.empty() ? "must not be empty" : ""; })
      ->allow_extra_args(false)
      ->envname("MINNOW_API_KEY");
  serve
      .add_option("--cors-allow-origin", command.cors_origins,
                  "Origin whose pages may ask, as https://host[:port]; *: every; may be repeated")
      ->allow_extra_args(false)
      ->envname("MINNOW_CORS_ALLOW_ORIGIN");
}

}  // namespace

CLI::Option* AddServeOptions(CLI::App& serve, ServeCommand& command) {
  ForgetServiceVariable();
  AddModelOptions(serve, command);
  serve.add_option("--host", command.host, "Address to listen on")->envname("MINNOW_HOST");
  CLI::Option* port = serve
                          .add_option("--port", command.port,
                                      "Port, or $PORT; 0: any free one, which the log names")
                          ->check(CLI::Range(0, 65535))
                          ->envname("MINNOW_PORT");
  AddLimitOptions(serve, command);
  AddStoreOptions(serve, command);
  AddKuberianOptions(serve, command);
  AddAccessOptions(serve, command);
  serve.add_option("--log-format", command.log_format, "text or json, on standard error")
      ->check(CLI::IsMember({"text", "json"}))
      ->envname("MINNOW_LOG_FORMAT");
  serve.add_flag("--log-requests", command.log_requests, "A log line for each answered request")
      ->envname("MINNOW_LOG_REQUESTS");
  serve.footer(
      "Answers /livez at once and /readyz with 503 until the model is loaded. SIGTERM or SIGINT:\n"
      "no new connections, requests under way are answered, exit 0; a second signal ends at "
      "once.\n\n"
      "Examples:\n"
      "  minnow serve --model DIR\n"
      "  minnow serve --model DIR --index my.db\n"
      "  minnow serve --model DIR --kuberian kuberian.db\n"
      "  MINNOW_MODEL=DIR PORT=3000 minnow serve --log-format json\n"
      "  curl localhost:8080/v1/embeddings -H 'Content-Type: application/json' \\\n"
      "    -d '{\"input\": [\"a sentence\"]}'");
  return port;
}

void ReadPortVariable(const CLI::Option& option, ServeCommand& command) {
  const char* text = std::getenv("PORT");
  if (option.count() > 0 || text == nullptr || *text == '\0') return;
  constexpr int kLastPort = 65535;
  const char* end = text + std::strlen(text);
  const auto [parsed, error] = std::from_chars(text, end, command.port);
  if (error != std::errc() || parsed != end || command.port < 0 || command.port > kLastPort) {
    throw CLI::ValidationError("PORT", std::string(text) + " is not in range [0 - 65535]");
  }
}

}  // namespace minnow
