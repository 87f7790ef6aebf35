// SPDX-License-Identifier: Apache-2.0
#include "models/clip/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace minnow {
namespace {

using testing::HasSubstr;

std::string ErrorOf(const std::string& fields) {
  const auto config = ParseClipTextConfig("{" + fields + "}", "config.json");
  return config.ok() ? "(accepted)" : config.error().message;
}

TEST(ClipTextConfig, TakesBothActivationsAndNestedFields) {
  const auto own = ParseClipTextConfig(R"({"model_type": "clip_text_model", "hidden_size": 1024,
      "num_attention_heads": 16, "num_hidden_layers": 23, "hidden_act": "gelu"})",
                                       "config.json");
  ASSERT_TRUE(own.ok()) << own.error().message;
  EXPECT_EQ(own->layers, 23u);
  EXPECT_EQ(own->activation, Activation::kGeluErf);
  const auto nested = ParseClipTextConfig(
      R"({"model_type": "clip", "text_config": {"hidden_size": 768, "num_attention_heads": 12}})",
      "config.json");
  ASSERT_TRUE(nested.ok()) << nested.error().message;
  EXPECT_EQ(nested->hidden_size, 768u);
  EXPECT_EQ(nested->activation, Activation::kQuickGelu);
}

TEST(ClipTextConfig, HostileValues) {
  EXPECT_THAT(ErrorOf(R"("model_type": "bert")"), HasSubstr("config.json: model_type: \"bert\""));
  EXPECT_THAT(ErrorOf(R"("hidden_act": "gelu_new")"), HasSubstr("known: quick_gelu, gelu"));
  EXPECT_THAT(ErrorOf(R"("num_attention_heads": 5)"), HasSubstr("not divisible"));
  EXPECT_THAT(ErrorOf(R"("num_attention_heads": 0)"), HasSubstr("num_attention_heads"));
  EXPECT_THAT(ErrorOf(R"("num_hidden_layers": 100000)"), HasSubstr("num_hidden_layers"));
  EXPECT_THAT(ErrorOf(R"("layer_norm_eps": -1)"), HasSubstr("layer_norm_eps"));
  EXPECT_THAT(ErrorOf(R"("max_position_embeddings": 0)"), HasSubstr("max_position_embeddings"));
}

}  // namespace
}  // namespace minnow
