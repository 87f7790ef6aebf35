// SPDX-License-Identifier: Apache-2.0
// A server with a store in a folder of its own and a service that computes nothing, for tests of
// the documents API.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "api/errors.h"
#include "api/routes.h"
#include "formats/json.h"
#include "http/server.h"
#include "serving/search_service.h"
#include "tests/server/fake_service.h"
#include "tests/server/socket_client.h"

namespace minnow {

class SearchFixture : public ::testing::Test {
 protected:
  static constexpr size_t kFakeDimensions = 4;

  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(::testing::TempDir()) /
              (std::string(info->test_suite_name()) + "-" + info->name() + "-" +
               std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    Start();
  }
  void TearDown() override {
    Stop();
    std::filesystem::remove_all(folder_);
  }

  std::string Path() const { return (folder_ / "my.db").string(); }

  // `model`: the checksum of the model that the server runs.
  void Start(StoreOptions options = {}, const std::string& model = "xxh64:1",
             SearchServiceOptions service_options = {}) {
    service_options.warn = [this](const std::string& message) {
      const std::lock_guard lock(warnings_mutex_);
      warnings_.push_back(message);
    };
    auto search = SearchService::Start(std::move(service_options), &service_.models());
    ASSERT_TRUE(search.ok());
    search_ = std::move(search).value();
    context_.search = search_.get();
    http::Router router;
    api::AddRoutes(&context_, router);
    auto server = http::Server::Start(
        {.host = "127.0.0.1", .port = 0, .refuse = api::RefusalResponse}, std::move(router));
    ASSERT_TRUE(server.ok()) << server.error().message;
    server_ = std::move(server).value();
    client_ = std::make_unique<SocketClient>(server_->port());
    if (!open_) return;
    auto store = Store::Open(Path(), options);
    ASSERT_TRUE(store.ok()) << store.error().message;
    search_->Open(std::move(store).value());
    if (!embed_) return;
    Chunker chunker;
    chunker.count_tokens = [this](std::string_view text) {
      const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
      while (hold_chunker_ && std::chrono::steady_clock::now() < end) {
        chunker_held_ = true;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      return text.size();
    };
    service_.set_indexing({"fake", "fp32", model, kFakeDimensions}, chunker);
    search_->StartEmbedding();
  }
  void Stop() {
    client_.reset();
    server_.reset();
    search_.reset();
  }

  ClientResponse Send(const std::string& method, const std::string& path,
                      const std::string& body = "", const std::string& type = "application/json") {
    return client_->Call(method + " " + path + " HTTP/1.1\r\nHost: test\r\nContent-Type: " + type +
                         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  ClientResponse Post(const std::string& path, const std::string& body) {
    return Send("POST", path, body);
  }
  ClientResponse GetPath(const std::string& path) { return client_->Call(Get(path)); }
  // Adds, and waits for the vectors.
  void AddAll(const std::string& index, const std::string& body) {
    const ClientResponse added = Post("/indexes/" + index + "/documents?wait=true", body);
    ASSERT_EQ(added.status, 200) << added.body;
  }
  // The ids of a search's hits or of a listing's documents, separated by spaces.
  static std::string Ids(const ClientResponse& response) {
    const auto document = JsonDocument::Parse(response.body, "");
    EXPECT_TRUE(document.ok()) << response.body;
    if (!document.ok()) return "";
    auto list = document->root().Find("hits");
    if (!list.has_value()) list = document->root().Find("results");
    EXPECT_TRUE(list.has_value()) << response.body;
    std::string ids;
    for (size_t i = 0; list.has_value() && i < list->size(); ++i) {
      const auto id = list->at(i).Get("id");
      if (i > 0) ids += ' ';
      ids += id.ok() && id->is_string() ? std::string(*id->String()) : "?";
    }
    return ids;
  }

  std::filesystem::path folder_;
  bool open_ = true;   // the store is opened
  bool embed_ = true;  // the model is ready
  std::atomic<bool> hold_chunker_{
      false};  // documents that are added are not cut before it is false
  std::atomic<bool> chunker_held_{false};  // some wait for that
  FakeService service_;
  Metrics metrics_;
  api::ApiContext context_{.models = &service_.models(),
                           .status = &service_.status(),
                           .aside = &service_.aside(),
                           .metrics = &metrics_};
  std::unique_ptr<SearchService> search_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<SocketClient> client_;
  std::mutex warnings_mutex_;
  std::vector<std::string> warnings_;  // look at it after Stop
};

}  // namespace minnow
