// SPDX-License-Identifier: Apache-2.0
// minnow serve: listens at once, loads the models meanwhile, and leaves in good order.
//
// Threads: this one waits for signals; http has its I/O thread; one loads; the application has its
// own.
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "api/errors.h"
#include "api/routes.h"
#include "base/temporary_folder.h"
#include "cli/command_line/command.h"
#include "cli/commands.h"
#include "cli/ending_signals.h"
#include "cli/output.h"
#include "cli/serve_options.h"
#include "formats/bundle.h"
#include "http/server.h"
#include "kernels/dispatch.h"
#include "models/hub_cache.h"
#include "serving/application.h"
#include "serving/log.h"

namespace minnow {
namespace {

// Kuberian's page asks for whole summaries, in the path.
constexpr size_t kKuberianHeaderBytes = size_t{80} * 1024;
constexpr const char* kDefaultModelId = "sentence-transformers/all-MiniLM-L6-v2";

http::ServerOptions ToServerOptions(const ServeCommand& command) {
  http::ServerOptions options;
  if (command.application.store.is_kuberian) options.header_limit_bytes = kKuberianHeaderBytes;
  options.host = command.host;
  options.port = static_cast<uint16_t>(command.port);
  options.body_limit_bytes = command.payload_limit;
  options.body_limit_flag = "--payload-limit";
  options.max_connections = command.max_connections;
  options.drain_timeout = std::chrono::seconds(command.drain_seconds);
  options.access.api_keys = command.api_keys;
  options.access.cors_origins = command.cors_origins;
  options.refuse = api::RefusalResponse;
  return options;
}

// Each connection takes a descriptor, and shells give 1,024.
void RaiseFileLimit() {
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

constexpr std::chrono::milliseconds kDrainNotice{1000};
constexpr std::chrono::milliseconds kJobsLook{20};

class Serving {
 public:
  // All outlive it.
  Serving(const ServeCommand& command, const EndingSignals& signals, const Log& log)
      : command_(command), signals_(signals), log_(log), application_(command.application, log) {}

  Status Run() {
    MINNOW_RETURN_IF_ERROR(application_.Start());
    if (command_.ci) return LoadOnly();
    MINNOW_RETURN_IF_ERROR(Listen());
    std::thread loader([this] { Load(); });
    const int signal = signals_.Wait();
    const bool failed = signal == 0;  // the loader said so
    std::thread second;
    if (!failed) {
      second = std::thread([this] { EndAtOnceOnSignal(); });
      Drain(signal);
    }
    // Reading a large model cannot be cut short, and nobody waits for it any more.
    if (!load_ended_) Exit();
    loader.join();
    server_.reset();
    application_.Stop();
    if (second.joinable()) {
      ended_ = true;
      signals_.Interrupt();
      second.join();
    }
    if (failed) return load_status_;
    log_.Info("stopped");
    return {};
  }

 private:
  Status LoadOnly() {
    // A signal ends it like any other command.
    std::thread second([this] { EndAtOnceOnSignal(); });
    Status status = application_.Load();
    application_.Stop();
    ended_ = true;
    signals_.Interrupt();
    second.join();
    if (status.ok()) log_.Info("loaded");
    return status;
  }

  Status Listen() {
    const auto counters = std::make_shared<ServerCounters>();
    context_.models = &application_.models();
    context_.status = &application_.status();
    context_.aside = &application_.aside();
    context_.metrics = &application_.metrics();
    context_.memory = application_.memory();
    context_.server = counters;
    if (command_.max_client_batch_size > 0) {
      context_.options.max_client_batch_size = command_.max_client_batch_size;
    }
    context_.options.allow_foreign_token_ids = command_.allow_foreign_token_ids;
    context_.options.max_documents_bytes = command_.documents_payload_limit;
    context_.options.max_image_bytes = command_.image_payload_limit;
    context_.options.max_image_pixels = command_.max_image_pixels;
    context_.image_jobs = &application_.image_jobs();
    context_.search = application_.search();
    context_.kuberian = application_.kuberian();
    http::Router router;
    api::AddRoutes(&context_, router);
    http::ServerOptions options = ToServerOptions(command_);
    options.counters = counters;
    options.memory = application_.memory();
    options.warn = [this](const std::string& message) { log_.Warning(message); };
    if (command_.log_requests) {
      options.on_answered = [this](const http::AnsweredRequest& request) { LogRequest(request); };
    }
    MINNOW_ASSIGN_OR_RETURN(server_, http::Server::Start(std::move(options), std::move(router)));
    log_.Info("listening", {{"host", command_.host}, {"port", server_->port()}});
    return {};
  }

  void LogRequest(const http::AnsweredRequest& request) {
    log_.Info("request", {{"method", request.method},
                          {"path", request.path},
                          {"status", request.status},
                          {"bytes", request.body_bytes},
                          {"ms", Log::Value::Milliseconds(request.took, 3)},
                          {"traceparent", request.trace}});
  }

  // Runs on the loading thread.
  void Load() {
    const auto begin = std::chrono::steady_clock::now();
    load_status_ = application_.Load();
    if (load_status_.ok()) {
      log_.Info("ready", {{"models", application_.models().List().size()},
                          {"kernels", ActiveKernels().name},
                          {"load_ms",
                           Log::Value::Milliseconds(std::chrono::steady_clock::now() - begin, 1)}});
    } else {
      log_.Error("loading failed", {{"reason", load_status_.error().message}});
    }
    load_ended_ = true;
    // Where a signal came first, nobody waits for this: the server goes on draining.
    if (!load_status_.ok() && !draining_.exchange(true)) signals_.Interrupt();
  }

  void Drain(int signal) {
    log_.Info("draining", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"},
                           {"delay_s", command_.shutdown_delay_seconds},
                           {"limit_s", command_.drain_seconds}});
    application_.BeginDrain();
    // Balancers see /readyz say no before connections are refused.
    std::this_thread::sleep_for(std::chrono::seconds(command_.shutdown_delay_seconds));
    const std::chrono::milliseconds limit(1000 * command_.drain_seconds);
    const auto end = std::chrono::steady_clock::now() + limit;
    const auto notice_at = end - std::min(limit / 2, kDrainNotice);
    // Who asks for a picture now and then is let in until it is there.
    while (std::chrono::steady_clock::now() < notice_at &&
           application_.image_jobs().AreWaitedFor()) {
      std::this_thread::sleep_for(kJobsLook);
    }
    // Answers what is under way, for which the models go on. Who would still be waiting when
    // connections are cut off is told a moment before.
    std::promise<void> drained;
    std::thread last([this, notice_at, done = drained.get_future()] {
      if (done.wait_until(notice_at) == std::future_status::timeout) application_.EndJobs();
    });
    server_->Stop(std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now()));
    drained.set_value();
    last.join();
  }

  // Runs on a thread of its own once the first signal has come.
  void EndAtOnceOnSignal() {
    int signal = 0;
    while (signal == 0 && !ended_) signal = signals_.Wait();
    if (signal == 0) return;
    TemporaryFolder::RemoveAll();
    ::signal(signal, SIG_DFL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
    ::raise(signal);
  }

  [[noreturn]] void Exit() {
    TemporaryFolder::RemoveAll();
    log_.Flush();
    std::_Exit(kExitDone);
  }

  const ServeCommand& command_;
  const EndingSignals& signals_;
  const Log& log_;
  Application application_;
  api::ApiContext context_;
  std::unique_ptr<http::Server> server_;
  Status load_status_;  // written before load_ended_
  std::atomic<bool> load_ended_{false};
  std::atomic<bool> draining_{false};
  std::atomic<bool> ended_{false};
};

// In Kuberian mode without --model: --model-id and --revision out of Hugging Face's cache, else the
// program's own model.
Status FindKuberianModel(ServeCommand& command) {
  const bool named = !command.model_id.empty() || !command.revision.empty();
  if (!named && HasBundledModel()) return {};
  MINNOW_ASSIGN_OR_RETURN(
      command.application.models.front().path,
      FindInHubCache(HubHome(), command.model_id.empty() ? kDefaultModelId : command.model_id,
                     command.revision));
  return {};
}

// glibc learns from the first large block that is freed to keep such blocks, in each thread: of 60
// requests of 2 MB at a time 170 MB stayed.
void GiveLargeBlocksBack() {
  mallopt(M_MMAP_THRESHOLD, 256 * 1024);
  mallopt(M_TRIM_THRESHOLD, 4 * 1024 * 1024);
}

Status Serve(ServeCommand& command) {
  MINNOW_RETURN_IF_ERROR(CheckIsaEnvironment());
  if (command.application.store.is_kuberian && command.models.empty()) {
    MINNOW_RETURN_IF_ERROR(FindKuberianModel(command));
  }
  RaiseFileLimit();
  GiveLargeBlocksBack();
  const EndingSignals signals;
  const Log log(command.log_format == "json" ? LogFormat::kJson : LogFormat::kText);
  return Serving(command, signals, log).Run();
}

}  // namespace

void AddServeCommand(Command app) {
  Command serve = app.AddCommand("serve", "Serve models and searches over HTTP");
  auto command = std::make_shared<ServeCommand>();
  Option port = AddServeOptions(serve, *command);
  serve.OnChosen([serve, command, port] {
    ReadServeOptions(serve, port, *command);
    return ExitCode(Serve(*command));
  });
}

}  // namespace minnow
