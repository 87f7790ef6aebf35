// SPDX-License-Identifier: Apache-2.0
// A process that writes is killed at a random moment, again and again: what it acknowledged is
// there, and what it did not is there as a whole or not at all. Between two lives the sidecar is
// deleted, cut or flipped at random: the answers stay the same.
//
// MINNOW_KILLS: how often (default 40), MINNOW_KILL_SEED: of what.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "index/store/store_files.h"
#include "tests/index/store_model.h"

namespace minnow {
namespace {

uint64_t FromEnvironment(const char* name, uint64_t fallback) {
  const char* value = std::getenv(name);
  return value == nullptr ? fallback : std::strtoull(value, nullptr, 10);
}

class StoreKillTest : public ModelChanges {
 protected:
  static StoreOptions Options() {
    StoreOptions options;
    options.sidecar_rows = 1;
    return options;
  }

  // The life of a child: changes from `step` on, each acknowledged by a byte once it returned.
  [[noreturn]] void Live(uint64_t seed, uint64_t step, int acknowledge) {
    const auto store = Store::Open(Path(), Options());
    if (!store.ok()) _exit(1);
    const auto index = (*store)->FindIndex("docs");
    if (!index.ok()) _exit(1);
    for (;; ++step) {
      if (!ApplyToStore(Choose(seed, step), index->get()).ok()) _exit(1);
      if (::write(acknowledge, "+", 1) != 1) _exit(1);
      if (step % 5 == 0 && !(*store)->RunMaintenance(step % 10 == 0).ok()) _exit(1);
      if (step % 23 == 0 && !(*store)->Compact(nullptr).ok()) _exit(1);
    }
  }

  // Lets a child live for a while; returns how many changes it acknowledged.
  uint64_t LiveAndDie(uint64_t seed, uint64_t step, std::mt19937_64* random) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(ends[0]);
      Live(seed, step, ends[1]);
    }
    ::close(ends[1]);
    uint64_t acknowledged = 0;
    char byte = 0;
    for (uint64_t wanted = (*random)() % 12; acknowledged < wanted; ++acknowledged) {
      if (::read(ends[0], &byte, 1) != 1) break;
    }
    ::usleep(static_cast<useconds_t>((*random)() % 8'000));
    ::kill(child, SIGKILL);
    while (::read(ends[0], &byte, 1) == 1) ++acknowledged;
    ::close(ends[0]);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status)) << "the child failed by itself";
    return acknowledged;
  }

  void DamageSidecar(std::mt19937_64* random) {
    const std::string path = SidecarPath(Path(), 1);
    if (!std::filesystem::exists(path)) return;
    std::string bytes = ReadFile(path);
    switch ((*random)() % 6) {
      case 0:
        std::filesystem::remove(path);
        return;
      case 1:
        bytes.resize((*random)() % (bytes.size() + 1));
        break;
      case 2:
      case 3:
        for (uint64_t n = 1 + (*random)() % 20; n > 0 && !bytes.empty(); --n) {
          bytes[(*random)() % bytes.size()] ^= static_cast<char>(1 + (*random)() % 255);
        }
        break;
      default:
        return;
    }
    WriteFile(path, bytes);
  }

  // That a search gives the scores which the documents' vectors really have.
  static void CheckScores(const SearchIndex& index, const StoreModel& model) {
    SearchRequest request;
    request.vector = VectorOf("a question");
    request.semantic_ratio = 1;
    request.limit = 1000;
    const auto answer = index.Search(request);
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    std::vector<double> expected;
    for (const auto& [id, document] : model) {
      if (!document.embedded) continue;
      const auto made = MakeDocument({}, document.json);
      const std::vector<float> vector = VectorOf(made->text);
      expected.push_back(Cosine(vector, request.vector));
    }
    std::sort(expected.rbegin(), expected.rend());
    ASSERT_EQ(answer->hits.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_NEAR(*answer->hits[i].semantic_score, expected[i], 1e-5);
    }
  }

  static double Cosine(const std::vector<float>& a, const std::vector<float>& b) {
    double dot = 0;
    double aa = 0;
    double bb = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      dot += double{a[i]} * double{b[i]};
      aa += double{a[i]} * double{a[i]};
      bb += double{b[i]} * double{b[i]};
    }
    return dot / std::sqrt(aa * bb);
  }
};

TEST_F(StoreKillTest, NothingAcknowledgedIsLost) {
  const uint64_t kills = FromEnvironment("MINNOW_KILLS", 40);
  const uint64_t seed = FromEnvironment("MINNOW_KILL_SEED", 1);
  std::mt19937_64 random(seed);
  MakeIndex(Open(Options()).get());
  StoreModel model;
  std::vector<std::string> order;
  uint64_t step = 0;
  uint64_t unacknowledged = 0;
  for (uint64_t kill = 0; kill < kills && !HasFailure(); ++kill) {
    const uint64_t acknowledged = LiveAndDie(seed, step, &random);
    for (uint64_t i = 0; i < acknowledged; ++i) ApplyToModel(Choose(seed, step++), &model, &order);
    DamageSidecar(&random);
    const auto store = Open(Options());
    ASSERT_NE(store, nullptr);
    const auto index = *store->FindIndex("docs");
    const StoreModel now = ReadBack(*index);
    if (now != model) {
      // What was under way when the signal came is there as a whole.
      ApplyToModel(Choose(seed, step++), &model, &order);
      ++unacknowledged;
      EXPECT_TRUE(now == model) << "kill " << kill << ", step " << step;
    }
    CheckScores(*index, model);
    if (kill % 8 == 0) {
      const Status verified = store->Verify(nullptr);
      EXPECT_TRUE(verified.ok()) << verified.error().message;
    }
  }
  RecordProperty("kills", static_cast<int>(kills));
  std::cout << "kills " << kills << ", changes " << step << ", of these finished but not yet told "
            << unacknowledged << "\n";
}

}  // namespace
}  // namespace minnow
