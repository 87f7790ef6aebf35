// SPDX-License-Identifier: Apache-2.0
// minnow serve: listens at once, loads the model meanwhile, and leaves in good order.
//
// Threads: this one waits for signals; http has its I/O thread; one loads the model; the engine has
// its own.
#include <pthread.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>

#include "api/engine_service.h"
#include "api/routes.h"
#include "base/cpu.h"
#include "cli/commands.h"
#include "cli/log.h"
#include "cli/model_option.h"
#include "cli/output.h"
#include "http/server.h"
#include "kernels/dispatch.h"

namespace minnow {
namespace {

constexpr int kMaxThreads = 1024;

struct ServeCommand {
  std::string model;
  std::string served_model_name;
  std::string dtype = "auto";
  std::string host = "0.0.0.0";
  int port = 8080;
  int threads = 0;
  int tokenization_threads = 0;
  size_t max_batch_tokens = 2048;
  size_t max_client_batch_size = 32;
  size_t max_concurrent_requests = 512;
  size_t payload_limit = 2'000'000;
  size_t max_connections = 4096;
  int drain_seconds = 10;
  std::string log_format = "text";
};

EngineOptions ToEngineOptions(const ServeCommand& command) {
  const int cores = Cpu().usable_cores();
  EngineOptions options;
  options.max_batch_tokens = command.max_batch_tokens;
  options.admission.jobs = command.max_concurrent_requests;
  options.compute_threads = command.threads > 0 ? command.threads : cores;
  // Tokenizing takes a hundredth of the arithmetic's time. Two, so that one long text does not hold
  // up all the others.
  options.prepare_threads =
      command.tokenization_threads > 0 ? command.tokenization_threads : std::clamp(cores / 8, 2, 8);
  return options;
}

http::ServerOptions ToServerOptions(const ServeCommand& command) {
  http::ServerOptions options;
  options.host = command.host;
  options.port = static_cast<uint16_t>(command.port);
  options.body_limit_bytes = command.payload_limit;
  options.max_connections = command.max_connections;
  options.drain_timeout = std::chrono::seconds(command.drain_seconds);
  return options;
}

sigset_t EndingSignals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

class Serving {
 public:
  Serving(const ServeCommand& command, const Log& log)
      : command_(command), log_(log), service_(&metrics_), main_thread_(::pthread_self()) {}

  Status Run(const EncoderPrecision& precision) {
    // Blocked before any thread starts, so that only the wait below sees them.
    const sigset_t ending = EndingSignals();
    ::pthread_sigmask(SIG_BLOCK, &ending, nullptr);
    context_.service = &service_;
    context_.metrics = &metrics_;
    context_.options.max_client_batch_size = command_.max_client_batch_size;
    http::Router router;
    api::AddRoutes(&context_, router);
    MINNOW_ASSIGN_OR_RETURN(server_,
                            http::Server::Start(ToServerOptions(command_), std::move(router)));
    log_.Info("listening", {{"host", command_.host}, {"port", std::to_string(server_->port())}});

    std::thread loader([this, precision] { Load(precision); });
    int signal = 0;
    ::sigwait(&ending, &signal);
    // From here on the same signal ends the program at once.
    ::signal(SIGTERM, SIG_DFL);
    ::signal(SIGINT, SIG_DFL);
    ::pthread_sigmask(SIG_UNBLOCK, &ending, nullptr);
    if (!load_failed_) Drain(signal);
    if (!load_ended_) {
      // Reading a large model cannot be cut short, and nobody waits for it any more.
      std::_Exit(kExitDone);
    }
    loader.join();
    server_.reset();
    service_.Stop();
    if (load_failed_) return load_error_;
    log_.Info("stopped");
    return {};
  }

 private:
  // Runs on the loading thread.
  void Load(const EncoderPrecision& precision) {
    const auto begin = std::chrono::steady_clock::now();
    Status status = LoadModel(precision);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    if (status.ok()) {
      const api::EmbeddingFacts& facts = *service_.facts();
      char ms[32];
      std::snprintf(ms, sizeof(ms), "%.1f", took.count());
      log_.Info("ready", {{"model", facts.model_id},
                          {"dtype", facts.dtype},
                          {"dimensions", std::to_string(facts.embedding_size)},
                          {"max_tokens", std::to_string(facts.max_sequence_tokens)},
                          {"kernels", ActiveKernels().name},
                          {"threads", std::to_string(ToEngineOptions(command_).compute_threads)},
                          {"load_ms", ms}});
      load_ended_ = true;
      return;
    }
    load_error_ = status.error();
    service_.Fail(load_error_.message);
    load_failed_ = true;
    load_ended_ = true;
    ::pthread_kill(main_thread_, SIGTERM);
  }

  Status LoadModel(const EncoderPrecision& precision) {
    MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(command_.model));
    MINNOW_ASSIGN_OR_RETURN(std::unique_ptr<EmbeddingModel> model,
                            EmbeddingModel::Load(source, precision));
    EngineOptions options = ToEngineOptions(command_);
    options.max_batch_tokens = std::max(options.max_batch_tokens, model->max_tokens());
    std::string name = command_.served_model_name.empty() ? model->encoder().info().model_id
                                                          : command_.served_model_name;
    return service_.Start(std::move(model), std::move(name), options);
  }

  void Drain(int signal) {
    log_.Info("draining", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"},
                           {"limit_s", std::to_string(command_.drain_seconds)}});
    service_.BeginDrain();
    // Answers what is under way, for which the engine goes on.
    server_->Stop();
  }

  const ServeCommand& command_;
  const Log& log_;
  api::Metrics metrics_;
  api::EngineService service_;
  api::ApiContext context_;
  std::unique_ptr<http::Server> server_;
  const pthread_t main_thread_;
  Error load_error_;  // written before load_failed_
  std::atomic<bool> load_failed_{false};
  std::atomic<bool> load_ended_{false};
};

Status Serve(const ServeCommand& command) {
  MINNOW_RETURN_IF_ERROR(CheckIsaEnvironment());
  MINNOW_ASSIGN_OR_RETURN(const EncoderPrecision precision, ParsePrecision(command.dtype));
  const Log log(command.log_format == "json" ? LogFormat::kJson : LogFormat::kText);
  return Serving(command, log).Run(precision);
}

// $PORT, which platforms set; --port and MINNOW_PORT go before it.
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

}  // namespace

void AddServeCommand(CLI::App& app, int& exit_code) {
  CLI::App* serve = app.add_subcommand("serve", "Serve embeddings over HTTP");
  auto command = std::make_shared<ServeCommand>();
  ForgetServiceVariable();
  AddModelOptions(*serve, *command);
  serve->add_option("--host", command->host, "Address to listen on")->envname("MINNOW_HOST");
  CLI::Option* port = serve
                          ->add_option("--port", command->port,
                                       "Port, or $PORT; 0: any free one, which the log names")
                          ->check(CLI::Range(0, 65535))
                          ->envname("MINNOW_PORT");
  AddLimitOptions(*serve, *command);
  serve->add_option("--log-format", command->log_format, "text or json, on standard error")
      ->check(CLI::IsMember({"text", "json"}))
      ->envname("MINNOW_LOG_FORMAT");
  serve->footer(
      "Answers /livez at once and /readyz with 503 until the model is loaded. SIGTERM or SIGINT:\n"
      "no new connections, requests under way are answered, exit 0; a second signal ends at "
      "once.\n\n"
      "Examples:\n"
      "  minnow serve --model DIR\n"
      "  MINNOW_MODEL=DIR PORT=3000 minnow serve --log-format json\n"
      "  curl localhost:8080/v1/embeddings -H 'Content-Type: application/json' \\\n"
      "    -d '{\"input\": [\"a sentence\"]}'");
  serve->callback([command, port, &exit_code] {
    RequireModel(command->model);
    ReadPortVariable(*port, *command);
    const Status status = Serve(*command);
    exit_code = status.ok() ? kExitDone : Fail(status.error());
  });
}

}  // namespace minnow
