// SPDX-License-Identifier: Apache-2.0
// The reserve that large items leave, and who may use it.
#include "engine/item_memory.h"

#include <gtest/gtest.h>

#include <memory>

namespace minnow {
namespace {

// Of 1600: 100 are in reserve, an item of 12 is small, and small ones have 50.
TEST(ItemMemory, LargeItemsLeaveAReserve) {
  const auto memory = std::make_shared<MemoryBudget>(1600);
  Admission admission({}, memory);
  ItemMemory items(&admission, memory->limit());
  EXPECT_TRUE(items.Take(1000, false));
  EXPECT_FALSE(items.Take(501, false));
  EXPECT_TRUE(items.Take(500, false));
  EXPECT_FALSE(items.Take(13, false)) << "it is not small";
  const Cost request = {.bytes = 40};
  EXPECT_TRUE(admission.Admit(1, request, Priority::kInteractive, {}, {}, {}).ok());
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(items.Take(12, true)) << "waits for nobody";
  EXPECT_FALSE(items.Take(12, true));
  EXPECT_EQ(memory->used(), 1588u);
}

TEST(ItemMemory, SmallItemsDoNotKeepALargeOneWaiting) {
  const auto memory = std::make_shared<MemoryBudget>(1600);
  Admission admission({}, memory);
  ItemMemory items(&admission, memory->limit());
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(items.Take(12, false)) << "there is room";
  EXPECT_FALSE(items.Take(400, false));
  EXPECT_FALSE(items.Take(12, true)) << "the room is the large one's";
  Cost held = {.bytes = 1200};
  for (int i = 0; i < 100; ++i) {
    if (i == 97) {
      EXPECT_TRUE(items.Take(12, true));
      EXPECT_FALSE(items.Take(12, true)) << "small ones have had their part";
      held.bytes += 12;
    }
    items.GiveSmall(12);
    admission.Correct(held, {.bytes = held.bytes - 12});
    held.bytes -= 12;
  }
  EXPECT_TRUE(items.Take(1500, false)) << "beside the small one that is left";
}

TEST(ItemMemory, WhatNeverFitsIsTheRequestsFault) {
  const auto memory = std::make_shared<MemoryBudget>(1600);
  Admission admission({}, memory);
  ASSERT_TRUE(memory->TakeLasting(600));
  EXPECT_TRUE(admission.CheckMemory({.bytes = 100, .item_bytes = 800}).ok());
  const Status wrong = admission.CheckMemory({.bytes = 100, .item_bytes = 801});
  EXPECT_EQ(wrong.error().code, Code::kInvalidArgument);
  EXPECT_EQ(wrong.error().message,
            "the request needs 901 bytes of memory, more than there ever is beside the models, "
            "limit 1600");
  EXPECT_TRUE(admission.CheckMemory({.bytes = 1000}).ok());
  EXPECT_FALSE(admission.CheckMemory({.bytes = 1001}).ok());
  EXPECT_FALSE(admission.CheckMemory({.bytes = 1, .item_bytes = SIZE_MAX}).ok());
  EXPECT_FALSE(admission.CheckMemory({.bytes = 1, .item_bytes = SIZE_MAX - 1}).ok());
}

}  // namespace
}  // namespace minnow
