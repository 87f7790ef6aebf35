// SPDX-License-Identifier: Apache-2.0
#include "models/weights/random_weights.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/thread_pool.h"
#include "models/bert/encoder.h"
#include "models/bert/family.h"
#include "models/encoder_model.h"

namespace minnow {
namespace {

// Sizes that fill no panel.
EncoderConfig OddConfig() {
  EncoderConfig config;
  config.model_type = "bert";
  config.vocab_size = 100;
  config.hidden_size = 36;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 3;
  config.intermediate_size = 50;
  config.max_position_embeddings = 20;
  config.type_vocab_size = 2;
  return config;
}

std::vector<float> Vectors(const EncoderModel& encoder) {
  const std::vector<int32_t> ids = {5, 6, 7, 8, 99}, starts = {0, 2, 5};
  ThreadPool pool(1);
  const auto workspace = encoder.NewWorkspace(ids.size(), 2, &pool);
  std::vector<float> out(2 * encoder.info().embedding_size);
  encoder.Run({.ids = ids, .starts = starts, .type_ids = {}}, /*normalize=*/true, *workspace,
              out.data());
  return out;
}

TEST(RandomWeights, MakeAnEncoderOfThatShape) {
  std::vector<float> exact;
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16, Dtype::kInt8}) {
    SCOPED_TRACE(DtypeName(dtype));
    const auto encoder = EncoderModel::Random(OddConfig(), dtype);
    ASSERT_TRUE(encoder.ok());
    EXPECT_EQ((*encoder)->info().embedding_size, 36);
    EXPECT_EQ((*encoder)->info().dtype, dtype);
    const std::vector<float> vectors = Vectors(**encoder);
    if (exact.empty()) exact = vectors;
    // The same weights in every precision: lengths are 1, and so are the cosines, nearly.
    for (size_t text = 0; text < 2; ++text) {
      double cosine = 0;
      for (size_t c = 0; c < 36; ++c) cosine += vectors[text * 36 + c] * exact[text * 36 + c];
      EXPECT_NEAR(cosine, 1, 0.01);
    }
    EXPECT_EQ(vectors, Vectors(**EncoderModel::Random(OddConfig(), dtype)));
  }
}

TEST(RandomWeights, SensitiveProductsAreNotInt8) {
  const std::string name = "product";
  for (const bool sensitive : {false, true}) {
    Linear linear;
    const auto storage = RandomWeights(Dtype::kInt8, [&](WeightVisitor& visitor) {
      return visitor.Product({.name = name,
                              .parts = {&name, 1},
                              .in_features = 36,
                              .out_features = 20,
                              .sensitive = sensitive},
                             linear);
    });
    ASSERT_TRUE(storage.ok());
    EXPECT_EQ(linear.weights().dtype, sensitive ? Dtype::kBF16 : Dtype::kInt8);
    EXPECT_EQ(linear.weights().scale == nullptr, sensitive);
  }
}

TEST(RandomWeights, AreSpreadAsTrainedOnesAre) {
  EncoderWeights weights;
  const auto storage = RandomWeights(Dtype::kF32, [&](WeightVisitor& visitor) {
    return VisitWeights(OddConfig(), TensorNames{}, weights, visitor);
  });
  ASSERT_TRUE(storage.ok());
  EXPECT_EQ(weights.layers.size(), 2u);
  const EmbeddingTable& positions = weights.position_embeddings;
  const auto* values = reinterpret_cast<const float*>(positions.data());
  const size_t count = positions.rows() * positions.columns();
  double sum = 0, squares = 0;
  for (size_t i = 0; i < count; ++i) {
    sum += values[i];
    squares += values[i] * values[i];
  }
  EXPECT_NEAR(sum / count, 0, 0.003);
  EXPECT_NEAR(std::sqrt(squares / count), 0.02, 0.002);
}

}  // namespace
}  // namespace minnow
