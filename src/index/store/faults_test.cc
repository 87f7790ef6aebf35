// SPDX-License-Identifier: Apache-2.0
// A disk that is full or broken at the n-th write, sync or read, for many n: every failure is told,
// and what stands on the disk afterwards is a whole state: the one before the failed change, or the
// one after it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/index/faulty_vfs.h"
#include "tests/index/store_model.h"

namespace minnow {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

constexpr uint64_t kSteps = 12;

struct FaultCase {
  FaultyVfs::Fault fault;
  bool stays;
  const char* message;
};

class StoreFaultsTest : public ModelChanges, public testing::WithParamInterface<FaultCase> {
 protected:
  // Runs the changes of a seed with a fault planned at the n-th call after opening. Returns whether
  // the fault came.
  bool RunWithFault(uint64_t seed, uint64_t n) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    StoreOptions options;
    options.vfs = FaultyVfs::kName;
    FaultyVfs& vfs = FaultyVfs::Get();
    StoreModel model;
    StoreModel maybe;  // the state after the change that failed
    {
      vfs.Heal();
      const auto store = Open(options);
      const auto index = MakeIndex(store.get());
      std::vector<std::string> order;
      vfs.Plan(GetParam().fault, n, GetParam().stays);
      for (uint64_t step = 0; step < kSteps && vfs.failed() == 0; ++step) {
        const ModelChange change = Choose(seed, step);
        maybe = model;
        ApplyToModel(change, &maybe, &order);
        const Status status = ApplyToStore(change, index.get());
        if (status.ok()) {
          model = maybe;
          continue;
        }
        EXPECT_GT(vfs.failed(), 0u) << status.error().message;
        EXPECT_EQ(status.error().code, Code::kInternal);
        EXPECT_THAT(status.error().message, HasSubstr(Path()));
        EXPECT_THAT(status.error().message, HasSubstr(GetParam().message));
        break;
      }
      const bool hit = vfs.failed() > 0;
      if (!hit) return false;
      // Once the disk is well, the open store goes on.
      vfs.Heal();
      const StoreModel now = ReadBack(*index);
      EXPECT_TRUE(now == model || now == maybe) << "open, fault at " << n;
    }
    const auto store = Open(options);
    if (store == nullptr) return true;
    const auto index = *store->FindIndex("docs");
    const StoreModel now = ReadBack(*index);
    EXPECT_TRUE(now == model || now == maybe) << "reopened, fault at " << n;
    const Status verified = store->Verify(nullptr);
    EXPECT_TRUE(verified.ok()) << verified.error().message;
    EXPECT_TRUE(index->Add(std::vector{Make(1, "of and on")}).ok());
    return true;
  }
};

TEST_P(StoreFaultsTest, EveryFailureLeavesAWholeState) {
  // Every place at first, then fewer of them.
  uint64_t faults = 0;
  for (uint64_t n = 1; RunWithFault(5, n) && !HasFailure(); n += 1 + n / 16) ++faults;
  EXPECT_GE(faults, 8u);
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, StoreFaultsTest,
    testing::Values(FaultCase{FaultyVfs::Fault::kDiskFull, false, "full"},
                    FaultCase{FaultyVfs::Fault::kDiskFull, true, "full"},
                    FaultCase{FaultyVfs::Fault::kWriteFails, false, "disk I/O error"},
                    FaultCase{FaultyVfs::Fault::kWriteFails, true, "disk I/O error"},
                    FaultCase{FaultyVfs::Fault::kSyncFails, false, "disk I/O error"},
                    FaultCase{FaultyVfs::Fault::kReadFails, false, "disk I/O error"}));

}  // namespace
}  // namespace minnow
