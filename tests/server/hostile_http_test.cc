// SPDX-License-Identifier: Apache-2.0
// Hostile request bytes from llhttp's test suite and go-fuzz's corpus: after each, the server must
// answer the next client.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "http/server.h"
#include "tests/server/socket_client.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;

fs::path DataDirectory() {
  const char* data = std::getenv("MINNOW_DATA");
  return data != nullptr ? fs::path(data) : fs::path(MINNOW_SOURCE_DIR) / ".." / "shared" / "data";
}

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// The bytes that one ```http block of llhttp's markdown stands for: escapes are spelled out, and a
// line's end is CRLF.
std::string Unescape(const std::string& block) {
  std::string out;
  for (size_t i = 0; i < block.size(); ++i) {
    const std::string_view pair = std::string_view(block).substr(i, 2);
    if (pair == "\\r" || pair == "\\n" || pair == "\\f" || pair == "\\t") {
      out += pair[1] == 'r' ? '\r' : pair[1] == 'n' ? '\n' : pair[1] == 'f' ? '\f' : '\t';
      ++i;
    } else if (block[i] == '\n') {
      out += "\r\n";
    } else {
      out += block[i];
    }
  }
  return out;
}

std::vector<std::string> LlhttpInputs(const fs::path& directory) {
  std::vector<std::string> inputs;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (entry.path().extension() != ".md") continue;
    const std::string text = ReadFile(entry.path());
    const std::string open = "```http\n";
    for (size_t begin = text.find(open); begin != std::string::npos;
         begin = text.find(open, begin)) {
      begin += open.size();
      const size_t end = text.find("```", begin);
      if (end == std::string::npos) break;
      inputs.push_back(Unescape(text.substr(begin, end - begin)));
      begin = end;
    }
  }
  return inputs;
}

class HostileHttp : public ::testing::Test {
 protected:
  void SetUp() override {
    http::Router router;
    const http::Handler echo = [](http::Request request, http::Responder responder) {
      http::Response response;
      response.body = std::move(request.body);
      responder.Send(std::move(response));
    };
    router.Add("GET", "/", echo);
    router.Add("POST", "/", echo);
    router.Add("GET", "/{a}", echo);
    router.Add("POST", "/{a}", echo);
    auto server = http::Server::Start({.host = "127.0.0.1", .port = 0}, std::move(router));
    ASSERT_TRUE(server.ok());
    server_ = std::move(server).value();
  }

  // Sends `bytes`, whole and again cut in the middle, and reads what comes until the server closes.
  void Throw(const std::string& bytes) {
    for (const size_t size : {bytes.size(), bytes.size() / 2}) {
      SocketClient client(server_->port());
      ASSERT_TRUE(client.connected());
      client.Send(std::string_view(bytes).substr(0, size));
      client.CloseSending();
      bool closed = false;
      const std::string answer = client.ReadToEnd(&closed);
      EXPECT_TRUE(closed) << bytes;
      if (!answer.empty()) {
        EXPECT_EQ(answer.substr(0, 9), "HTTP/1.1 ") << bytes;
      }
    }
  }

  void ExpectAlive() {
    SocketClient client(server_->port());
    ASSERT_EQ(client.Call(PostJson("/", "still here")).body, "still here");
  }

  std::unique_ptr<http::Server> server_;
};

TEST_F(HostileHttp, LlhttpSuite) {
  const fs::path directory = DataDirectory() / "nasty_http_llhttp";
  if (!fs::exists(directory)) GTEST_SKIP() << "no " << directory;
  const std::vector<std::string> inputs = LlhttpInputs(directory);
  ASSERT_GT(inputs.size(), 100u);
  for (const std::string& input : inputs) {
    Throw(input);
    ExpectAlive();
  }
}

TEST_F(HostileHttp, FuzzCorpus) {
  const fs::path archive = DataDirectory() / "fuzz_seeds" / "corpus.tar.gz";
  if (!fs::exists(archive)) GTEST_SKIP() << "no " << archive;
  const fs::path directory = fs::path(testing::TempDir()) / "minnow_http_corpus";
  fs::create_directories(directory);
  const std::string command = "tar -xzf '" + archive.string() + "' -C '" + directory.string() +
                              "' --wildcards '*httpreq/*'";
  if (std::system(command.c_str()) != 0) GTEST_SKIP() << "tar cannot read " << archive;
  size_t count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    Throw(ReadFile(entry.path()));
    if (++count % 50 == 0) ExpectAlive();
  }
  ExpectAlive();
  fs::remove_all(directory);
  EXPECT_GT(count, 1000u);
}

}  // namespace
}  // namespace minnow
