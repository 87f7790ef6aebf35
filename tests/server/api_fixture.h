// SPDX-License-Identifier: Apache-2.0
// ApiServer: the API over real sockets, with a service that computes nothing.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "api/errors.h"
#include "api/routes.h"
#include "http/server.h"
#include "tests/server/fake_service.h"
#include "tests/server/socket_client.h"

namespace minnow {

class ApiServer : public ::testing::Test {
 protected:
  void SetUp() override {
    http::Router router;
    api::AddRoutes(&context_, router);
    auto server = http::Server::Start(
        {.host = "127.0.0.1", .port = 0, .refuse = api::RefusalResponse}, std::move(router));
    ASSERT_TRUE(server.ok()) << server.error().message;
    server_ = std::move(server).value();
    client_ = std::make_unique<SocketClient>(server_->port());
  }

  ClientResponse Post(const std::string& path, const std::string& body) {
    return client_->Call(PostJson(path, body));
  }
  ClientResponse GetPath(const std::string& path) { return client_->Call(Get(path)); }

  FakeService service_;
  Metrics metrics_;
  api::ApiContext context_{.models = &service_.models(),
                           .status = &service_.status(),
                           .aside = &service_.aside(),
                           .metrics = &metrics_};
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<SocketClient> client_;
};

}  // namespace minnow
