// SPDX-License-Identifier: Apache-2.0
#include "models/builtin/language_detector.h"

#include <gtest/gtest.h>

#include <cstdint>

#include "models/source.h"

namespace minnow {
namespace {

TEST(LanguageDetector, LiesInTheProgramWhole) {
  const auto packed = OpenLanguageDetector();
  ASSERT_TRUE(packed.ok()) << packed.error().message;
  EXPECT_TRUE((*packed)->Verify().ok());
  EXPECT_EQ((*packed)->path(), kLanguageDetector);
  EXPECT_LE((*packed)->bytes(), 4'000'000u);
  // Tensors are used where they lie.
  EXPECT_EQ(reinterpret_cast<uintptr_t>((*packed)->file_bytes().data()) % PackedFile::kAlignment,
            0u);
}

TEST(LanguageDetector, IsASourceByItsName) {
  const auto source = ModelSource::Open(kLanguageDetector);
  ASSERT_TRUE(source.ok()) << source.error().message;
  EXPECT_EQ(source->kind(), ModelKind::kClassification);
  EXPECT_EQ(source->model_id(), "minnow-language-detector");
  EXPECT_EQ(ModelSource::Open("builtin:another").error().code, Code::kNotFound);
}

}  // namespace
}  // namespace minnow
