// SPDX-License-Identifier: Apache-2.0
// Tests of the head by itself, against sums in double precision.
#include "models/masks/mask_head.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <random>
#include <string>

#include "kernels/dispatch.h"
#include "models/bert/family.h"

namespace minnow {
namespace {

using ::testing::HasSubstr;

constexpr size_t kChannels = 20, kWidth = 12, kVocabulary = 150;

// Tensors of random numbers.
class Numbers : public TensorSource {
 public:
  std::string name() const override { return "numbers"; }
  const TensorView* Find(std::string_view name) const override {
    const auto found = views_.find(name);
    return found == views_.end() ? nullptr : &found->second;
  }
  void Add(const std::string& name, std::vector<int64_t> shape) {
    size_t size = 1;
    for (const int64_t n : shape) size *= static_cast<size_t>(n);
    std::vector<float>& values = values_[name];
    for (size_t i = 0; i < size; ++i) values.push_back(normal_(random_));
    TensorView view;
    view.type = TensorType::kF32;
    view.shape = std::move(shape);
    view.data = std::as_bytes(std::span(values));
    views_[name] = view;
  }
  void Remove(const std::string& name) { views_.erase(views_.find(name)); }
  std::vector<float>& at(const std::string& name) { return values_.at(name); }

 private:
  std::mt19937 random_{1};
  std::normal_distribution<float> normal_;
  std::map<std::string, std::vector<float>> values_;
  std::map<std::string, TensorView, std::less<>> views_;
};

class MaskHeadTest : public ::testing::Test {
 protected:
  MaskHeadTest() {
    config_.hidden_size = kChannels;
    config_.vocab_size = kVocabulary;
    config_.hidden_act = Activation::kRelu;
    config_.layer_norm_eps = 1e-5f;
    source_.Add("words", {kVocabulary, kWidth});
    source_.Add(std::string(names_.dense) + ".weight", {kWidth, kChannels});
    source_.Add(std::string(names_.dense) + ".bias", {kWidth});
    source_.Add(std::string(names_.norm) + ".weight", {kWidth});
    source_.Add(std::string(names_.norm) + ".bias", {kWidth});
    source_.Add(names_.bias, {kVocabulary});
    source_.Add("hidden", {30, kChannels});
  }

  EmbeddingTable Words() {
    return {std::as_bytes(std::span(source_.at("words"))).data(), TableType::kF32, kVocabulary,
            kWidth};
  }
  Result<MaskHead> Load() {
    return MaskHead::Load(config_, names_, Words(), source_, /*embedding=*/std::nullopt);
  }
  const float* Hidden(size_t row) { return source_.at("hidden").data() + row * kChannels; }

  // Probabilities of all tokens.
  std::vector<double> Expected(const float* hidden, const std::string& table) {
    const auto at = [&](const std::string& name, size_t i) { return double{source_.at(name)[i]}; };
    std::vector<double> y(kWidth), logits(kVocabulary);
    double mean = 0, variance = 0, sum = 0;
    for (size_t n = 0; n < kWidth; ++n) {
      y[n] = at(std::string(names_.dense) + ".bias", n);
      for (size_t k = 0; k < kChannels; ++k)
        y[n] += at(std::string(names_.dense) + ".weight", n * kChannels + k) * double{hidden[k]};
      y[n] = std::max(y[n], 0.0);
      mean += y[n] / kWidth;
    }
    for (const double x : y) variance += (x - mean) * (x - mean) / kWidth;
    for (size_t n = 0; n < kWidth; ++n) {
      y[n] =
          (y[n] - mean) / std::sqrt(variance + 1e-5) * at(std::string(names_.norm) + ".weight", n) +
          at(std::string(names_.norm) + ".bias", n);
    }
    for (size_t v = 0; v < kVocabulary; ++v) {
      logits[v] = at(names_.bias, v);
      for (size_t n = 0; n < kWidth; ++n) logits[v] += y[n] * at(table, v * kWidth + n);
      sum += std::exp(logits[v]);
    }
    for (double& logit : logits) logit = std::exp(logit) / sum;
    return logits;
  }
  void ExpectBest(const std::vector<double>& expected, std::span<const Filling> found) {
    for (size_t i = 0; i < found.size(); ++i) {
      ASSERT_NEAR(found[i].score, expected[static_cast<size_t>(found[i].token)], 1e-5);
      EXPECT_GE(found[i > 0 ? i - 1 : 0].score, found[i].score);
    }
    size_t better = 0;
    for (const double score : expected) better += score > double{found.back().score} + 1e-5;
    EXPECT_LT(better, found.size());
  }

  const MaskNames names_;
  EncoderConfig config_;
  Numbers source_;
};

TEST_F(MaskHeadTest, GivesTheBestTokens) {
  const auto head = Load();
  ASSERT_TRUE(head.ok()) << head.error().message;
  EXPECT_EQ(head->vocab_size(), kVocabulary);
  ThreadPool pool(1);
  MaskScorer scorer(&*head, &ActiveKernels(), &pool);
  // More masks than share a pass.
  std::vector<std::vector<Filling>> found(30, std::vector<Filling>(5));
  found[3].resize(kVocabulary);
  for (size_t i = 0; i < found.size(); ++i) scorer.Add(Hidden(i), {{}, found[i]});
  scorer.Flush();
  for (size_t i = 0; i < found.size(); ++i) ExpectBest(Expected(Hidden(i), "words"), found[i]);
}

TEST_F(MaskHeadTest, AsksForTargetsOnly) {
  const auto head = Load();
  ASSERT_TRUE(head.ok());
  ThreadPool pool(2);
  MaskScorer scorer(&*head, &ActiveKernels(), &pool);
  const std::vector<int32_t> targets = {3, 64, 149};
  std::vector<Filling> found(3);
  scorer.Add(Hidden(0), {targets, found});
  scorer.Flush();
  const std::vector<double> expected = Expected(Hidden(0), "words");
  for (const Filling& one : found)
    EXPECT_NEAR(one.score, expected[static_cast<size_t>(one.token)], 1e-5);
  EXPECT_GE(found[0].score, found[1].score);
  EXPECT_NE(found[0].token, found[1].token);
}

TEST_F(MaskHeadTest, HasADecoderOfItsOwnWhereTheConfigurationSaysSo) {
  config_.tie_word_embeddings = false;
  EXPECT_THAT(Load().error().message, HasSubstr("cls.predictions.decoder.weight"));
  source_.Add("cls.predictions.decoder.weight", {kVocabulary, kWidth});
  const auto head = Load();
  ASSERT_TRUE(head.ok()) << head.error().message;
  ThreadPool pool(1);
  MaskScorer scorer(&*head, &ActiveKernels(), &pool);
  std::vector<Filling> found(9);
  scorer.Add(Hidden(1), {{}, found});
  scorer.Flush();
  ExpectBest(Expected(Hidden(1), "cls.predictions.decoder.weight"), found);
}

TEST_F(MaskHeadTest, GivesTheSameBitsBesideOthersAndOnAnyNumberOfThreads) {
  const auto head = Load();
  ASSERT_TRUE(head.ok());
  std::vector<std::vector<Filling>> first;
  for (const int threads : {1, 2, 3}) {
    ThreadPool pool(threads);
    MaskScorer scorer(&*head, &ActiveKernels(), &pool);
    EXPECT_GT(MaskScorer::Bytes(*head, threads), kVocabulary * sizeof(float));
    for (const bool alone : {true, false}) {
      std::vector<std::vector<Filling>> found(20, std::vector<Filling>(kVocabulary));
      for (size_t i = 0; i < found.size(); ++i) {
        scorer.Add(Hidden(i), {{}, found[i]});
        if (alone) scorer.Flush();
      }
      scorer.Flush();
      if (first.empty()) first = found;
      for (size_t i = 0; i < found.size(); ++i) {
        EXPECT_EQ(0,
                  std::memcmp(found[i].data(), first[i].data(), found[i].size() * sizeof(Filling)))
            << threads << " threads, mask " << i;
      }
    }
  }
}

TEST_F(MaskHeadTest, TellsWhatIsNoNumber) {
  // One of two opposite words is above all numbers with its bias.
  for (const size_t word : {size_t{77}, size_t{78}}) {
    source_.at(names_.bias)[word] = std::numeric_limits<float>::max();
    for (size_t i = 0; i < kWidth; ++i)
      source_.at("words")[word * kWidth + i] = word == 77 ? 1e37f : -1e37f;
  }
  const auto head = Load();
  ASSERT_TRUE(head.ok());
  ThreadPool pool(1);
  MaskScorer scorer(&*head, &ActiveKernels(), &pool);
  std::vector<Filling> found(4);
  scorer.Add(Hidden(0), {{}, found});
  scorer.Flush();
  for (const Filling& one : found) EXPECT_TRUE(std::isnan(one.score));
}

TEST_F(MaskHeadTest, RefusesWeightsThatAreNoNumbers) {
  source_.at(names_.bias)[77] = INFINITY;
  const auto head = Load();
  ASSERT_FALSE(head.ok());
  EXPECT_THAT(head.error().message, HasSubstr("values that are not finite"));
}

TEST_F(MaskHeadTest, NamesWhatIsMissing) {
  EXPECT_TRUE(MaskHead::IsIn(source_, names_));
  source_.Remove(names_.bias);
  EXPECT_THAT(Load().error().message, HasSubstr("cls.predictions.bias"));
  // The other name of the same.
  source_.Add("cls.predictions.decoder.bias", {kVocabulary});
  EXPECT_TRUE(Load().ok());
  source_.Remove(std::string(names_.dense) + ".weight");
  EXPECT_FALSE(MaskHead::IsIn(source_, names_));
}

}  // namespace
}  // namespace minnow
