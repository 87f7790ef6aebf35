// SPDX-License-Identifier: Apache-2.0
// Several models in one registry: the bits of each are those it has alone, and loading, unloading
// and swapping under load fail no request.
#include "serving/model_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "serving/engine_model.h"
#include "tests/server/fake_service.h"

namespace minnow {
namespace {

using ::testing::HasSubstr;

constexpr std::chrono::seconds kLimit{60};
const std::vector<std::string> kTexts = {"a small fish", "two of them, and a longer text"};

std::unique_ptr<LoadedModel> Load(const std::string& fixture, const std::string& name,
                                  Scheduler* scheduler, Metrics* metrics) {
  const auto path = std::filesystem::path(MINNOW_SOURCE_DIR) / "tests" / "fixtures" / fixture;
  ModelOptions options{.path = path.string(), .names = {}, .dtype = "auto"};
  if (!name.empty()) options.names = {name};
  auto model =
      LoadModel(options, {.threads = 1, .tokenization_threads = 1}, true, scheduler, metrics);
  EXPECT_TRUE(model.ok()) << model.error().message;
  return std::move(model).value();
}

Result<std::vector<float>> Embed(const ModelLease& model) {
  EmbedRequest request;
  for (const std::string& text : kTexts) request.inputs.emplace_back(text);
  auto promise = std::make_shared<std::promise<Result<EmbedAnswer>>>();
  auto answer = promise->get_future();
  model->Run(std::move(request), nullptr, [promise, model](Result<EmbedAnswer> result) {
    promise->set_value(std::move(result));
  });
  if (answer.wait_for(kLimit) != std::future_status::ready) {
    return Error{Code::kInternal, "no answer within a minute"};
  }
  Result<EmbedAnswer> result = answer.get();
  if (!result.ok()) return std::move(result).error();
  return std::move(result->vectors);
}

// Fails after a minute.
void AwaitMore(const std::atomic<int>& answers) {
  const auto end = std::chrono::steady_clock::now() + kLimit;
  const int wanted = answers + 50;
  while (answers < wanted && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_GE(answers, wanted) << "too few answers within a minute";
}

class ModelRegistryTest : public ::testing::Test {
 protected:
  ModelRegistryTest() : registry_(ModelRegistry::Start().value()) {}

  // The vectors of a model that is the only one.
  std::vector<float> Alone(const std::string& fixture) {
    auto registry = ModelRegistry::Start().value();
    EXPECT_TRUE(registry->Add(Load(fixture, "", scheduler_.get(), &metrics_)).ok());
    return Embed(registry->First()).value();
  }
  void Add(const std::string& fixture, const std::string& name) {
    ASSERT_TRUE(registry_->Add(Load(fixture, name, scheduler_.get(), &metrics_)).ok());
  }
  Result<std::vector<float>> Ask(const std::string& name) {
    MINNOW_ASSIGN_OR_RETURN(const ModelLease model, registry_->Find(name, TaskKind::kEmbed));
    return Embed(model);
  }

  Metrics metrics_;
  std::unique_ptr<Scheduler> scheduler_ =
      Scheduler::Start({.compute_threads = 2, .prepare_threads = 2}).value();
  std::unique_ptr<ModelRegistry> registry_;
};

TEST_F(ModelRegistryTest, EachModelHasTheBitsThatItHasAlone) {
  Add("tiny_bert", "one");
  Add("tiny_roberta", "two");
  ASSERT_EQ(registry_->List().size(), 2u);
  EXPECT_EQ(registry_->List()[0]->facts().model_id, "one");
  EXPECT_EQ(registry_->List()[1]->facts().model_id, "two");
  EXPECT_EQ(Ask("one").value(), Alone("tiny_bert"));
  EXPECT_EQ(Ask("two").value(), Alone("tiny_roberta"));
  EXPECT_EQ(Ask("").value(), Alone("tiny_bert"));
  EXPECT_EQ(Ask("three").error().code, Code::kNotFound);
  EXPECT_THAT(Ask("three").error().message, HasSubstr("only \"one\", \"two\""));
  const Status again = registry_->Add(Load("tiny_bert", "two", scheduler_.get(), &metrics_));
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, Code::kInvalidArgument);
}

TEST_F(ModelRegistryTest, AnIndexFindsItsModelByIdentity) {
  Add("tiny_bert", "one");
  Add("tiny_roberta", "two");
  for (const ModelLease& model : registry_->List()) {
    ModelIdentity identity = model->indexing()->identity;
    identity.name = "of another name";
    EXPECT_EQ(registry_->FindForIndex(&identity), model);
    identity.checksum += "0";
    EXPECT_EQ(registry_->FindForIndex(&identity), nullptr);
  }
  EXPECT_EQ(registry_->FindForIndex(nullptr), registry_->First());
}

TEST_F(ModelRegistryTest, LoadingUnloadingAndSwappingUnderLoadFailNoRequest) {
  const std::vector<float> bert = Alone("tiny_bert"), roberta = Alone("tiny_roberta"),
                           odd = Alone("tiny_bert_odd");
  Add("tiny_bert", "swapped");
  Add("tiny_roberta", "unloaded");
  std::atomic<bool> unloading{false}, swapping{false}, ending{false};
  std::atomic<int> answers{0}, failures{0}, wrong{0};
  const auto ask = [&](const std::string& name) {
    const Result<ModelLease> model = registry_->Find(name, TaskKind::kEmbed);
    if (!model.ok()) {
      failures += name == "unloaded" && unloading ? 0 : 1;
      return;
    }
    const Result<std::vector<float>> vectors = Embed(*model);
    if (!vectors.ok()) {
      ++failures;
      return;
    }
    ++answers;
    const bool right = name == "unloaded" ? *vectors == roberta
                                          : *vectors == bert || (swapping && *vectors == odd);
    wrong += right ? 0 : 1;
  };
  std::vector<std::thread> clients;
  for (const char* name : {"swapped", "unloaded", "swapped", "unloaded"}) {
    clients.emplace_back([&, name] {
      while (!ending) ask(name);
    });
  }
  AwaitMore(answers);
  Add("tiny_bert_odd", "third");
  EXPECT_EQ(Ask("third").value(), odd);
  AwaitMore(answers);
  const std::weak_ptr<LoadedModel> removed = *registry_->Find("unloaded", TaskKind::kEmbed);
  unloading = true;
  ASSERT_TRUE(registry_->Remove("unloaded").ok());
  AwaitMore(answers);
  swapping = true;
  const std::weak_ptr<LoadedModel> replaced = *registry_->Find("swapped", TaskKind::kEmbed);
  ASSERT_TRUE(
      registry_->Replace(Load("tiny_bert_odd", "swapped", scheduler_.get(), &metrics_)).ok());
  AwaitMore(answers);
  EXPECT_EQ(Ask("swapped").value(), odd);
  ending = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(wrong, 0);
  // The last lease is that of a callback, which an engine's thread may still be at.
  for (const auto& gone : {removed, replaced}) {
    const auto end = std::chrono::steady_clock::now() + kLimit;
    while (!gone.expired() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    EXPECT_TRUE(gone.expired()) << "not destroyed within a minute";
  }
  EXPECT_EQ(Ask("unloaded").error().code, Code::kNotFound);
}

// The last lease may be let go by the model's own thread, which cannot wait for itself.
TEST_F(ModelRegistryTest, LeaseThatOutlivesItsModelIsLetGoByTheModelsOwnThread) {
  Add("tiny_bert", "one");
  std::vector<std::future<void>> done;
  for (int i = 0; i < 20; ++i) {
    auto promise = std::make_shared<std::promise<void>>();
    done.push_back(promise->get_future());
    ModelLease model = *registry_->Find("one", TaskKind::kEmbed);
    EmbedRequest request;
    request.inputs.emplace_back(kTexts[1]);
    LoadedModel& bare = *model;
    bare.Run(std::move(request), nullptr,
             [promise, lease = std::move(model)](Result<EmbedAnswer> answer) {
               EXPECT_TRUE(answer.ok());
               promise->set_value();
             });
  }
  ASSERT_TRUE(registry_->Remove("one").ok());
  for (auto& each : done) ASSERT_EQ(each.wait_for(kLimit), std::future_status::ready);
}

TEST_F(ModelRegistryTest, StopEndsWhatIsInUse) {
  Add("tiny_bert", "one");
  const ModelLease lease = registry_->First();
  ASSERT_TRUE(registry_->Remove("one").ok());
  registry_->Stop();
  EXPECT_EQ(Embed(lease).error().code, Code::kOverloaded);
}

TEST(ModelNames, OneModelThatNobodyNamedTakesAnyName) {
  auto registry = ModelRegistry::Start().value();
  EXPECT_EQ(registry->Find("", std::nullopt).error().code, Code::kNotFound);
  ASSERT_TRUE(registry->Add(std::make_unique<FakeModel>(FakeModel::Facts("a"), nullptr)).ok());
  for (const char* name : {"", "a", "org/a", "whatever"}) {
    EXPECT_TRUE(registry->Find(name, TaskKind::kEmbed).ok()) << name;
  }
  const auto wrong = registry->Find("", TaskKind::kClassify);
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().code, Code::kUnsupported);
  EXPECT_THAT(wrong.error().message, HasSubstr("cannot classify, only embed"));

  ModelFacts second = FakeModel::Facts("b");
  second.task = TaskKind::kClassify;
  second.named = true;
  ASSERT_TRUE(registry->Add(std::make_unique<FakeModel>(second, nullptr)).ok());
  EXPECT_FALSE(registry->Find("whatever", TaskKind::kEmbed).ok());
  EXPECT_FALSE(registry->Find("org/b", TaskKind::kClassify).ok());
  EXPECT_TRUE(registry->Find("org/a", TaskKind::kEmbed).ok());
  EXPECT_EQ((*registry->Find("", TaskKind::kClassify))->facts().model_id, "b");
  EXPECT_EQ((*registry->Find("", std::nullopt))->facts().model_id, "a");
  ASSERT_TRUE(registry->Remove("a").ok());
  EXPECT_EQ((*registry->Find("", std::nullopt))->facts().model_id, "b");
  EXPECT_EQ(registry->Remove("a").error().code, Code::kNotFound);
}

}  // namespace
}  // namespace minnow
