// SPDX-License-Identifier: Apache-2.0
// A replica: snapshots that it takes, and refuses, while its routes are asked.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "api/errors.h"
#include "api/routes.h"
#include "formats/json.h"
#include "http/server.h"
#include "index/snapshot/publish.h"
#include "serving/replica/snapshot_follower.h"
#include "serving/search_service.h"
#include "tests/await.h"
#include "tests/index/store_testing.h"
#include "tests/server/fake_service.h"
#include "tests/server/socket_client.h"

namespace minnow {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ReplicaTest : public StoreTesting {
 protected:
  void SetUp() override {
    StoreTesting::SetUp();
    service_.set_indexing(Model(), {});
    store_ = Open();
    index_ = MakeIndex(store_.get());
  }
  void TearDown() override {
    Stop();
    index_.reset();
    store_.reset();
    StoreTesting::TearDown();
  }

  std::string Folder() const { return Path("snapshots"); }
  std::string Cache() const { return Path("cache"); }

  // The next generation: `count` documents that all say its number.
  void Publish(int count = 20) {
    ++generation_;
    std::vector<Document> documents;
    for (int i = 0; i < count; ++i) {
      documents.push_back(
          Make(i, "fish " + std::to_string(i) + " of generation" + std::to_string(generation_)));
    }
    ASSERT_TRUE(index_->Add(documents).ok());
    EmbedAll(index_.get());
    const auto published = PublishSnapshot(*store_, Folder(), 2, nullptr);
    ASSERT_TRUE(published.ok()) << published.error().message;
    ASSERT_EQ(published->manifest.generation, generation_);
  }
  SnapshotManifest Present() const { return ParseManifest(*ReadManifest(Folder()), "m").value(); }
  std::string StorePath() const { return Folder() + "/" + Present().store().name; }

  // Serves the folder, by way of `fetch` where it is given.
  void Start(SnapshotFetch fetch = nullptr) {
    options_.from = Folder();
    options_.fetch = std::move(fetch);
    options_.refresh = std::chrono::milliseconds(5);
    if (options_.fetch) options_.cache = Cache();
    SearchServiceOptions service_options;
    service_options.replica = true;
    search_ = SearchService::Start(std::move(service_options), &service_.models()).value();
    context_.search = search_.get();
    http::Router router;
    api::AddRoutes(&context_, router);
    server_ = http::Server::Start({.host = "127.0.0.1", .port = 0, .refuse = api::RefusalResponse},
                                  std::move(router))
                  .value();
    search_->StartReplica();
    follower_ =
        std::make_unique<SnapshotFollower>(options_, log_, &service_.models(), search_.get());
    const Status status = follower_->Start();
    ASSERT_TRUE(status.ok()) << status.error().message;
  }
  void Stop() {
    follower_.reset();
    server_.reset();
    search_.reset();
  }
  // What a source has that goes over a wire: the folder's files.
  SnapshotFetch Fetching() {
    return [this](const std::string& name, uint64_t max_bytes, const std::stop_token&,
                  const std::function<Status(std::string_view)>& take) -> Status {
      std::string bytes = ReadFile(Folder() + "/" + name);
      if (bytes.empty()) return Error{Code::kNotFound, "the answer is 404"};
      if (name.ends_with(".db")) ++fetched_stores_;
      {
        const std::lock_guard lock(mutex_);
        if (change_) change_(name, bytes);
      }
      if (bytes.size() > max_bytes) return Error{Code::kInvalidArgument, "too long"};
      for (size_t at = 0; at < bytes.size(); at += 1000) {
        MINNOW_RETURN_IF_ERROR(take(std::string_view(bytes).substr(at, 1000)));
      }
      return {};
    };
  }
  void Change(std::function<void(const std::string&, std::string&)> change) {
    const std::lock_guard lock(mutex_);
    change_ = std::move(change);
  }

  ClientResponse Ask(const std::string& method, const std::string& path,
                     const std::string& body = "") {
    SocketClient client(server_->port());
    return client.Call(method + " " + path + " HTTP/1.1\r\nHost: test\r\n" +
                       "Content-Type: application/json\r\nContent-Length: " +
                       std::to_string(body.size()) + "\r\n\r\n" + body);
  }
  ClientResponse Search() { return Ask("GET", "/indexes/docs/search?q=fish&limit=100"); }
  int64_t Served() const { return search_->replica()->Get().generation; }
  std::string Problem() const { return search_->replica()->Get().problem; }
  void AwaitGeneration(int64_t generation) {
    AwaitUntil([&] { return Served() == generation; }, "a generation");
  }
  void AwaitProblem(const std::string& part) {
    AwaitUntil([&] { return Problem().find(part) != std::string::npos; }, part.c_str());
  }

  int64_t generation_ = 0;
  std::unique_ptr<Store> store_;
  std::shared_ptr<SearchIndex> index_;
  FakeService service_;
  Metrics metrics_;
  api::ApiContext context_{.models = &service_.models(),
                           .status = &service_.status(),
                           .aside = &service_.aside(),
                           .metrics = &metrics_};
  Log log_{LogFormat::kText};
  ReplicaOptions options_;
  std::atomic<int> fetched_stores_{0};
  std::mutex mutex_;
  std::function<void(const std::string&, std::string&)> change_;  // guarded by mutex_
  std::unique_ptr<SearchService> search_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<SnapshotFollower> follower_;
};

TEST_F(ReplicaTest, TellsItsGenerationAndRefusesWrites) {
  Start();
  AwaitProblem("snapshot.json");
  ClientResponse ready = Ask("GET", "/readyz");
  EXPECT_EQ(ready.status, 503);
  EXPECT_THAT(ready.body, HasSubstr("no snapshot yet"));
  EXPECT_EQ(Ask("GET", "/health").status, 503);
  EXPECT_EQ(Search().status, 503);
  EXPECT_EQ(Ask("POST", "/indexes", R"({"name":"x"})").status, 403);
  EXPECT_THAT(Ask("GET", "/metrics").body, HasSubstr("minnow_index_generation 0\n"));
  Publish();
  AwaitGeneration(1);
  ready = Ask("GET", "/readyz");
  EXPECT_EQ(ready.status, 200);
  EXPECT_THAT(ready.body, StartsWith("ready\n"));
  EXPECT_EQ(Ask("GET", "/health").status, 200);
  EXPECT_THAT(ready.body, HasSubstr("generation 1"));
  const ClientResponse found = Search();
  EXPECT_EQ(found.status, 200) << found.body;
  EXPECT_EQ(found.headers.at("x-index-generation"), "1");
  EXPECT_EQ(Ask("GET", "/indexes/docs/documents/none").headers.at("x-index-generation"), "1");
  const std::string metrics = Ask("GET", "/metrics").body;
  EXPECT_THAT(metrics, HasSubstr("minnow_index_generation 1\n"));
  EXPECT_THAT(metrics, HasSubstr("minnow_index_age_seconds "));
  EXPECT_THAT(metrics, ::testing::Not(HasSubstr("minnow_index_refresh_failures_total 0\n")));
  for (const auto& [method, path] : {std::pair("POST", "/indexes/docs/documents"),
                                     {"DELETE", "/indexes/docs"},
                                     {"DELETE", "/indexes/docs/documents/1"},
                                     {"POST", "/indexes/docs/documents/delete"}}) {
    const ClientResponse refused = Ask(method, path, method[0] == 'P' ? "{}" : "");
    EXPECT_EQ(refused.status, 403) << path;
    EXPECT_THAT(refused.body, HasSubstr("replica"));
  }
}

TEST_F(ReplicaTest, AnEmptyManifestIsWrongFromTheStart) {
  Change([](const std::string& name, std::string& bytes) {
    if (name == kManifestName) bytes.clear();
  });
  Publish();
  Start(Fetching());
  AwaitProblem("snapshot.json");
  Change(nullptr);
  AwaitGeneration(1);
}

TEST_F(ReplicaTest, ExchangesGenerationsUnderLoadAndMixesNone) {
  Publish();
  Start(Fetching());
  AwaitGeneration(1);
  std::atomic<bool> ended{false};
  std::atomic<int> answers{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back([&] {
      while (!ended) {
        const ClientResponse found = Search();
        EXPECT_EQ(found.status, 200) << found.body;
        if (found.status != 200) return;
        const std::string own = "generation" + found.headers.at("x-index-generation");
        const auto json = JsonDocument::Parse(found.body, "");
        EXPECT_TRUE(json.ok());
        const JsonView hits = *json->root().Find("hits");
        EXPECT_EQ(hits.size(), 20u);
        for (const JsonView hit : hits.Items()) {
          EXPECT_THAT(std::string(*hit.Find("document")->GetString("text")),
                      ::testing::EndsWith(" " + ("of " + own)));
        }
        ++answers;
      }
    });
  }
  for (int i = 0; i < 8; ++i) {
    Publish();
    AwaitGeneration(generation_);
    const int before = answers;
    AwaitUntil([&] { return answers > before + 3; }, "answers");
  }
  ended = true;
  for (std::thread& client : clients) client.join();
  // Of what was fetched the present generation is left.
  AwaitUntil(
      [&] {
        const auto begin = std::filesystem::directory_iterator(Cache());
        return std::count_if(begin, {}, [](const auto& entry) {
                 return entry.path().extension() == ".db";
               }) == 1;
      },
      "the cache to be tidy");
  AwaitUntil(
      [&] { return ReadFile(Cache() + "/snapshot.json") == ReadFile(Folder() + "/snapshot.json"); },
      "the cache's manifest");
}

TEST_F(ReplicaTest, KeepsWhatItServesWhereASnapshotIsWrong) {
  Publish();
  Start(Fetching());
  AwaitGeneration(1);
  const struct {
    std::function<void(const std::string&, std::string&)> change;
    const char* problem;
  } cases[] = {
      {[](const std::string& name, std::string& bytes) {
         if (name == kManifestName) bytes.resize(bytes.size() / 2);
       },
       "was cut or changed"},
      {[](const std::string& name, std::string& bytes) {
         if (name == kManifestName) bytes = "<html>a login page</html>";
       },
       "is no manifest"},
      {[](const std::string& name, std::string& bytes) {
         if (name != kManifestName) bytes.pop_back();
       },
       "bytes, where the manifest says"},
      {[](const std::string& name, std::string& bytes) {
         if (name != kManifestName) bytes += 'x';
       },
       "too long"},
      {[](const std::string& name, std::string& bytes) {
         if (name != kManifestName) bytes[bytes.size() / 2] ^= 4;
       },
       "its checksum is not the manifest's"},
  };
  for (const auto& one : cases) {
    Change(one.change);
    Publish();
    AwaitProblem(one.problem);
    EXPECT_EQ(Served(), 1);
    EXPECT_EQ(Search().headers.at("x-index-generation"), "1");
    EXPECT_EQ(Ask("GET", "/readyz").status, 200);
  }
  std::filesystem::remove(StorePath());
  AwaitProblem("404");
  Change(nullptr);  // not before: what is being fetched would come whole
  Publish();
  AwaitGeneration(generation_);
  AwaitUntil([&] { return Problem().empty(); }, "no problem");
}

TEST_F(ReplicaTest, RefusesAnotherModelBeforeItFetches) {
  service_.set_indexing(Model("another checksum"), {});
  Publish();
  Start(Fetching());
  AwaitProblem("which this server has not loaded");
  EXPECT_THAT(Problem(), HasSubstr("index \"docs\": its vectors are of model \"model\""));
  EXPECT_EQ(fetched_stores_, 0);
  EXPECT_EQ(Served(), 0);
}

TEST_F(ReplicaTest, BelievesTheStoreAboutItsModel) {
  Publish();
  // The manifest is forged to name the model that is loaded.
  service_.set_indexing(Model("another checksum"), {});
  SnapshotManifest manifest = Present();
  manifest.indexes[0].model->checksum = "another checksum";
  WriteFile(Folder() + "/snapshot.json", WriteManifest(manifest));
  Start();
  AwaitProblem("which this server has not loaded");
  EXPECT_EQ(Served(), 0);
}

TEST_F(ReplicaTest, ServesAFolderInPlace) {
  Publish();
  Start();
  AwaitGeneration(1);
  size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(Folder())) ++files;
  EXPECT_EQ(files, 2u);
  // Damage is seen before it is served.
  Publish();
  AwaitGeneration(2);
  const std::string manifest = ReadFile(Folder() + "/snapshot.json");
  std::string changed = manifest;
  changed[changed.size() / 2] ^= 1;
  WriteFile(Folder() + "/snapshot.json", changed);
  AwaitProblem("cut or changed");
  EXPECT_EQ(Search().headers.at("x-index-generation"), "2");
  WriteFile(Folder() + "/snapshot.json", manifest);
  AwaitUntil([&] { return Problem().empty(); }, "no problem");
}

TEST_F(ReplicaTest, GoesOnFromItsCacheWhereTheSourceIsAway) {
  Publish();
  Start(Fetching());
  AwaitGeneration(1);
  AwaitUntil([&] { return std::filesystem::exists(Cache() + "/snapshot.json"); }, "the cache");
  Stop();
  std::filesystem::rename(Folder(), Path("away"));
  Start(Fetching());
  AwaitGeneration(1);
  AwaitProblem("404");
  EXPECT_EQ(Search().status, 200);
  // What lies there is fetched no second time.
  std::filesystem::rename(Path("away"), Folder());
  AwaitUntil([&] { return Problem().empty(); }, "no problem");
  EXPECT_EQ(fetched_stores_, 1);
}

TEST_F(ReplicaTest, TakesADamagedFileInItsCacheForNone) {
  Publish();
  std::filesystem::create_directories(Cache());
  WriteFile(Cache() + "/" + Present().store().name, "damaged");
  Start(Fetching());
  AwaitGeneration(1);
  EXPECT_EQ(fetched_stores_, 1);
}

TEST_F(ReplicaTest, EndsWhileItFetches) {
  Publish();
  std::atomic<bool> fetching{false};
  Start([&](const std::string&, uint64_t, const std::stop_token& stop,
            const std::function<Status(std::string_view)>&) -> Status {
    fetching = true;
    while (!stop.stop_requested()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return Error{Code::kDeadline, "stopped"};
  });
  AwaitUntil([&] { return fetching.load(); }, "a request");
  Stop();
}

}  // namespace
}  // namespace minnow
