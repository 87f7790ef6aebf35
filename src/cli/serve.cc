// SPDX-License-Identifier: Apache-2.0
// minnow serve: listens at once, loads the model meanwhile, and leaves in good order.
//
// Threads: this one waits for signals; http has its I/O thread; one loads the model; the engine has
// its own.
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include "api/errors.h"
#include "api/routes.h"
#include "base/cpu.h"
#include "cli/command_line/command.h"
#include "cli/commands.h"
#include "cli/model_option.h"
#include "cli/output.h"
#include "cli/serve_options.h"
#include "formats/bundle.h"
#include "http/origin.h"
#include "http/server.h"
#include "ingest/prepare.h"
#include "kernels/dispatch.h"
#include "models/hub_cache.h"
#include "serving/engine_service.h"
#include "serving/log.h"
#include "serving/served_store.h"

namespace minnow {
namespace {

// A query that comes while documents are embedded waits for one batch of this size at most.
constexpr size_t kBulkBatchTokens = 64;
constexpr const char* kDefaultModelId = "sentence-transformers/all-MiniLM-L6-v2";

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
  options.access.api_keys = command.api_keys;
  options.access.cors_origins = command.cors_origins;
  options.refuse = api::RefusalResponse;
  return options;
}

// The model of the command line: --model, or in Kuberian mode --model-id and --revision out of
// Hugging Face's cache; empty: the program's own. Fails as FindInHubCache does.
Result<std::string> ServedModelPath(const ServeCommand& command) {
  if (!command.model.empty() || !command.store.is_kuberian) return command.model;
  const bool named = !command.model_id.empty() || !command.revision.empty();
  if (!named && HasBundledModel()) return std::string();
  return FindInHubCache(HubHome(), command.model_id.empty() ? kDefaultModelId : command.model_id,
                        command.revision);
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
      : command_(command),
        log_(log),
        service_(&metrics_),
        store_(command.store, log, &service_),
        main_thread_(::pthread_self()) {}

  Status Run(const EncoderPrecision& precision) {
    // Blocked before any thread starts, so that only the wait below sees them.
    const sigset_t ending = EndingSignals();
    ::pthread_sigmask(SIG_BLOCK, &ending, nullptr);
    context_.service = &service_;
    context_.metrics = &metrics_;
    const auto counters = std::make_shared<ServerCounters>();
    context_.server = counters;
    if (command_.max_client_batch_size > 0) {
      context_.options.max_client_batch_size = command_.max_client_batch_size;
    }
    context_.options.max_documents_bytes = command_.documents_payload_limit;
    MINNOW_RETURN_IF_ERROR(store_.Start());
    context_.search = store_.search();
    context_.kuberian = store_.kuberian();
    if (command_.ci) return LoadOnly(precision);
    http::Router router;
    api::AddRoutes(&context_, router);
    http::ServerOptions options = ToServerOptions(command_);
    options.counters = counters;
    options.warn = [this](const std::string& message) { log_.Warning(message); };
    if (command_.log_requests) {
      options.on_answered = [this](const http::AnsweredRequest& request) { LogRequest(request); };
    }
    MINNOW_ASSIGN_OR_RETURN(server_, http::Server::Start(std::move(options), std::move(router)));
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
    Stop();
    if (load_failed_) return load_error_;
    log_.Info("stopped");
    return {};
  }

 private:
  Status LoadOnly(const EncoderPrecision& precision) {
    const sigset_t ending = EndingSignals();
    ::pthread_sigmask(SIG_UNBLOCK, &ending, nullptr);
    Status status = LoadModel(precision);
    Stop();
    if (status.ok()) log_.Info("loaded");
    return status;
  }

  void Stop() {
    store_.BeginStop();
    service_.Stop();
    store_.Stop();
  }

  void LogRequest(const http::AnsweredRequest& request) {
    const std::chrono::duration<double, std::milli> took = request.took;
    char ms[32];
    std::snprintf(ms, sizeof(ms), "%.3f", took.count());
    log_.Info("request", {{"method", request.method},
                          {"path", request.path},
                          {"status", std::to_string(request.status)},
                          {"bytes", std::to_string(request.body_bytes)},
                          {"ms", ms},
                          {"traceparent", request.trace}});
  }

  // Runs on the loading thread.
  void Load(const EncoderPrecision& precision) {
    const auto begin = std::chrono::steady_clock::now();
    Status status = LoadModel(precision);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    if (status.ok()) {
      const EmbeddingFacts& facts = *service_.facts();
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
    MINNOW_RETURN_IF_ERROR(store_.Open());
    MINNOW_ASSIGN_OR_RETURN(const std::string path, ServedModelPath(command_));
    MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(path));
    MINNOW_ASSIGN_OR_RETURN(std::unique_ptr<EmbeddingModel> model,
                            EmbeddingModel::Load(source, precision));
    EngineOptions options = ToEngineOptions(command_);
    options.max_batch_tokens = std::max(options.max_batch_tokens, model->max_tokens());
    std::string name = command_.served_model_name.empty() ? model->encoder().info().model_id
                                                          : command_.served_model_name;
    ModelIdentity identity;
    Chunker chunker;
    if (store_.wanted()) {
      options.max_bulk_batch_tokens = kBulkBatchTokens;
      MINNOW_ASSIGN_OR_RETURN(identity, IdentifyModel(source, *model));
      chunker = ChunkerOf(*model);
    }
    MINNOW_RETURN_IF_ERROR(service_.Start(std::move(model), std::move(name), options));
    return store_.BeginEmbedding(identity, chunker);
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
  Metrics metrics_;
  EngineService service_;
  api::ApiContext context_;
  ServedStore store_;
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

}  // namespace

void AddServeCommand(Command app) {
  Command serve = app.AddCommand("serve", "Serve embeddings and searches over HTTP");
  auto command = std::make_shared<ServeCommand>();
  Option port = AddServeOptions(serve, *command);
  serve.OnChosen([serve, command, port] {
    command->store.is_kuberian = serve.FindOption("--kuberian").given();
    if (!command->store.is_kuberian) RequireModel(command->model);
    ReadPortVariable(port, *command);
    const bool store =
        !command->store.index.empty() || command->store.is_kuberian || HasBundledStore();
    if (command->store.read_only && !store)
      RefuseArgument("--read-only", "there is no --index to read");
    for (const std::string& origin : command->cors_origins) {
      const auto parsed = http::OriginPattern::Parse(origin);
      if (!parsed.ok()) {
        RefuseArgument("--cors-allow-origin", "\"" + origin + "\": " + parsed.error().message);
      }
    }
    return ExitCode(Serve(*command));
  });
}

}  // namespace minnow
