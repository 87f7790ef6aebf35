// SPDX-License-Identifier: Apache-2.0
// The same text gives the same bits alone, in any batch and on any number of threads, in every
// precision; and a forward pass allocates nothing.
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>
#include <tuple>
#include <vector>

#include "kernels/dispatch.h"
#include "models/encoder_model.h"
#include "tests/failing_memory.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;

constexpr int kTexts = 64;
constexpr size_t kMaxTokens = 4096;

struct Texts {
  std::vector<int32_t> ids;
  std::vector<int32_t> starts = {0};

  TokenBatch Batch() const { return {.ids = ids, .starts = starts, .type_ids = {}}; }
  TokenBatch One(size_t text, std::vector<int32_t>& one_starts) const {
    one_starts = {0, starts[text + 1] - starts[text]};
    return {.ids = std::span(ids).subspan(starts[text], one_starts[1]),
            .starts = one_starts,
            .type_ids = {}};
  }
};

// Lengths from 1 to `longest`, ids of the whole vocabulary.
Texts RandomTexts(const ModelInfo& info, int count, int longest) {
  std::mt19937 generator(5);
  Texts texts;
  for (int i = 0; i < count; ++i) {
    const int length = 1 + static_cast<int>(generator() % longest);
    for (int t = 0; t < length; ++t)
      texts.ids.push_back(static_cast<int32_t>(generator() % info.config.vocab_size));
    texts.starts.push_back(static_cast<int32_t>(texts.ids.size()));
  }
  return texts;
}

class SameBits : public testing::TestWithParam<std::tuple<const char*, Dtype>> {
 protected:
  // A directory with a model to try: a fixture, or the real one where it is present.
  void SetUp() override {
    const std::string name = std::get<0>(GetParam());
    fs::path directory = fs::path(MINNOW_SOURCE_DIR) / "tests" / "fixtures" / name;
    if (name == "real") {
      const char* model = std::getenv("MINNOW_MODEL");
      directory = model != nullptr ? fs::path(model)
                                   : fs::path(MINNOW_SOURCE_DIR) / "models" / "all-MiniLM-L6-v2";
      if (std::string(ActiveKernels().name) == "scalar") {
        GTEST_SKIP()
            << "the reference kernels take minutes for the real model; the tiny ones tell as much";
      }
      if (!fs::exists(directory / "model.safetensors"))
        GTEST_SKIP() << directory << ": no model there";
    }
    const auto source = ModelSource::Open(directory.string());
    ASSERT_TRUE(source.ok()) << source.error().message;
    auto loaded = EncoderModel::Load(*source, source->layout(), {.dtype = std::get<1>(GetParam())});
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    encoder_ = std::move(loaded).value();
    // The real model costs a thousand times a tiny one's arithmetic, and emulators run this test
    // too.
    longest_ = std::min(encoder_->info().max_sequence_tokens, name == "real" ? 16 : 60);
  }

  std::vector<float> Embed(const TokenBatch& batch, int threads) const {
    ThreadPool pool(threads);
    const auto workspace = encoder_->NewWorkspace(kMaxTokens, kTexts, &pool);
    std::vector<float> out(batch.texts() * encoder_->info().embedding_size);
    encoder_->Run(batch, /*normalize=*/true, *workspace, out.data());
    return out;
  }

  std::unique_ptr<EncoderModel> encoder_;
  int longest_ = 0;  // tokens of a text
};

TEST_P(SameBits, AloneInABatchAndOnThreads) {
  const Texts texts = RandomTexts(encoder_->info(), kTexts, longest_);
  const std::vector<float> all = Embed(texts.Batch(), 1);
  for (int threads : {2, 3}) EXPECT_EQ(all, Embed(texts.Batch(), threads)) << threads << " threads";
  const size_t size = encoder_->info().embedding_size;
  std::vector<int32_t> starts;
  for (int text = 0; text < kTexts; text += 7) {
    for (int threads : {1, 2}) {
      const std::vector<float> alone = Embed(texts.One(text, starts), threads);
      EXPECT_EQ(0, std::memcmp(alone.data(), all.data() + text * size, size * sizeof(float)))
          << "text " << text << ", " << threads << " threads";
    }
  }
}

TEST_P(SameBits, ForwardAllocatesNothing) {
  if (!FailingMemory::Works())
    GTEST_SKIP() << "a sanitizer owns the allocation functions; the release build counts";
  const Texts texts = RandomTexts(encoder_->info(), kTexts, longest_);
  std::vector<int32_t> starts;
  const TokenBatch one = texts.One(3, starts);
  ThreadPool pool(2);
  const auto workspace = encoder_->NewWorkspace(kMaxTokens, kTexts, &pool);
  std::vector<float> out(kTexts * encoder_->info().embedding_size);
  const size_t before = FailingMemory::Allocations();
  encoder_->Run(texts.Batch(), /*normalize=*/true, *workspace, out.data());
  encoder_->Run(one, /*normalize=*/true, *workspace, out.data());
  EXPECT_EQ(before, FailingMemory::Allocations());
}

std::string Name(const testing::TestParamInfo<std::tuple<const char*, Dtype>>& info) {
  return std::string(std::get<0>(info.param)) + "_" + DtypeName(std::get<1>(info.param));
}
INSTANTIATE_TEST_SUITE_P(
    Models, SameBits,
    testing::Combine(testing::Values("tiny_bert", "tiny_bert_odd", "tiny_roberta", "tiny_mpnet",
                                     "tiny_albert_groups", "tiny_electra", "real"),
                     testing::Values(Dtype::kF32, Dtype::kBF16, Dtype::kInt8)),
    Name);

}  // namespace
}  // namespace minnow
