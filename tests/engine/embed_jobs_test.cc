// SPDX-License-Identifier: Apache-2.0
// Embedding jobs over a made-up tokenizer and encoder: limits, ranges, order, and batches that hold
// many requests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <numeric>
#include <string>

#include "engine/engine.h"
#include "tasks/embed.h"
#include "tests/await.h"

namespace minnow {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kVocabSize = 300;
constexpr int kMaxTokens = 8;
constexpr size_t kSize = 4;

// A token for each byte, between 1 and 2; '!' gives an id that the encoder does not have, '?' token
// type 1.
class ByteTokenizer : public Tokenizer {
 public:
  Encoding Encode(std::string_view text, const EncodeOptions& options) const override {
    Encoding encoding;
    if (options.add_special_tokens && text != "nothing") encoding.ids.push_back(1);
    if (text != "nothing") {
      for (const char c : text)
        encoding.ids.push_back(c == '!' ? kVocabSize : static_cast<uint8_t>(c));
    }
    encoding.untruncated_tokens = encoding.ids.size();
    if (options.max_tokens > 0 && encoding.ids.size() > options.max_tokens) {
      if (options.truncation_direction == TruncationDirection::kLeft) {
        encoding.ids.erase(encoding.ids.begin(),
                           encoding.ids.end() - static_cast<ptrdiff_t>(options.max_tokens));
      }
      encoding.ids.resize(options.max_tokens);
    }
    for (const TokenId id : encoding.ids) encoding.type_ids.push_back(id == '?' ? 1 : 0);
    if (options.want_offsets) {
      for (const TokenId id : encoding.ids) encoding.special.push_back(id <= 2 ? 1 : 0);
    }
    return encoding;
  }
  Encoding EncodePair(std::string_view, std::string_view, const EncodeOptions&) const override {
    return {};
  }
  std::string Decode(std::span<const TokenId>, bool) const override { return {}; }
  std::optional<std::string_view> IdToToken(TokenId) const override { return {}; }
  std::optional<TokenId> TokenToId(std::string_view) const override { return {}; }
  size_t vocab_size() const override { return kVocabSize + 1; }
  const char* type() const override { return "Bytes"; }
  const std::vector<std::string>& warnings() const override { return warnings_; }

 private:
  const std::vector<std::string> warnings_;
};

// A text's vector: first id, sum of ids, number of tokens, sum of token types; negative where
// normalised.
class SumEncoder : public SentenceEncoder {
 public:
  struct Space : Workspace {
    size_t bytes() const override { return 0; }
  };
  SumEncoder() {
    info_.layout.prompts = {{{"query", "Q"}, {"passage", "PP"}, {"empty", ""}}, "", true};
    info_.config.vocab_size = kVocabSize;
    info_.config.type_vocab_size = 2;
    info_.max_sequence_tokens = kMaxTokens;
    info_.embedding_size = kSize;
  }
  const ModelInfo& info() const override { return info_; }
  std::unique_ptr<Workspace> NewWorkspace(size_t, size_t, ThreadPool*) const override {
    return std::make_unique<Space>();
  }
  void Embed(const TokenBatch& batch, bool normalize, Workspace&, float* out) const override {
    for (size_t b = 0; b < batch.texts(); ++b, out += kSize) {
      const auto begin = static_cast<size_t>(batch.starts[b]);
      const auto count = static_cast<size_t>(batch.starts[b + 1]) - begin;
      const float sign = normalize ? -1 : 1;
      const auto ids = batch.ids.subspan(begin, count);
      int types = 0;
      if (!batch.type_ids.empty()) {
        for (const uint8_t type : batch.type_ids.subspan(begin, count)) types += type;
      }
      out[0] = sign * static_cast<float>(ids[0]);
      out[1] = sign * static_cast<float>(std::accumulate(ids.begin(), ids.end(), 0));
      out[2] = sign * static_cast<float>(count);
      out[3] = sign * static_cast<float>(types);
    }
  }
  void Hidden(const TokenBatch&, Workspace&, float*) const override {}

 private:
  ModelInfo info_;
};

class EmbedTest : public ::testing::Test {
 protected:
  void Start(EngineOptions options) { engine_ = std::move(Engine::Start(options, &task_)).value(); }

  std::future<Result<EmbedAnswer>> Submit(EmbedRequest request) {
    auto promise = std::make_shared<std::promise<Result<EmbedAnswer>>>();
    auto future = promise->get_future();
    const Status status = engine_->Submit(std::make_shared<EmbedJob>(
        &model_, std::move(request),
        [promise](Result<EmbedAnswer> answer) { promise->set_value(std::move(answer)); }));
    EXPECT_TRUE(status.ok());
    return future;
  }
  Result<EmbedAnswer> Embed(EmbedRequest request) {
    if (engine_ == nullptr) Start({.max_batch_tokens = 16});
    return Await(Submit(std::move(request)), "the answer");
  }

  EmbeddingModel model_{std::make_unique<ByteTokenizer>(), std::make_unique<SumEncoder>()};
  EmbedTask task_{&model_};
  std::unique_ptr<Engine> engine_;
};

TEST_F(EmbedTest, TextsAndIdsInOrder) {
  const auto answer =
      Embed({.inputs = {"ab", std::vector<TokenId>{5, 6}, "", "?c"}, .normalize = false});
  ASSERT_TRUE(answer.ok());
  EXPECT_THAT(answer.value().vectors, ElementsAre(1, 1 + 'a' + 'b', 3, 0,  //
                                                  5, 11, 2, 0,             //
                                                  1, 1, 1, 0,              //
                                                  1, 1 + '?' + 'c', 3, 1));
  EXPECT_THAT(answer.value().tokens, ElementsAre(3, 2, 1, 3));
  EXPECT_EQ(answer.value().truncated, 0u);
}

TEST_F(EmbedTest, TruncatesOrRefuses) {
  auto answer = Embed({.inputs = {"abcdefghij"}, .normalize = false});
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.value().truncated, 1u);
  EXPECT_THAT(answer.value().tokens, ElementsAre(kMaxTokens));
  EXPECT_EQ(answer.value().vectors[0], 1);
  answer = Embed({.inputs = {"abcdefghij", std::vector<TokenId>(20, 7)},
                  .length = {.truncate = true, .direction = TruncationDirection::kLeft},
                  .normalize = false});
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.value().vectors[0], 'c');
  EXPECT_EQ(answer.value().vectors[kSize + 1], 7 * kMaxTokens);
  answer = Embed({.inputs = {"a", "abcdefghij"}, .length = {.truncate = false}, .field = "input"});
  EXPECT_EQ(answer.error().code, Code::kInvalidArgument);
  EXPECT_EQ(answer.error().message, "input[1]: 11 tokens, limit 8");
  answer = Embed({.inputs = {"a", "abcdefghij"},
                  .length = {.truncate = false},
                  .field = "inputs.sentences",
                  .last_field = "inputs.source"});
  EXPECT_EQ(answer.error().message, "inputs.source: 11 tokens, limit 8");
}

TEST_F(EmbedTest, PromptsGoBeforeTexts) {
  using Kind = PromptChoice::Kind;
  const auto sums = [this](PromptChoice prompt) {
    const auto answer = Embed({.inputs = {"a"}, .prompt = std::move(prompt), .normalize = false});
    EXPECT_TRUE(answer.ok()) << answer.error().message;
    return answer.ok() ? answer->vectors[1] - 1 - 'a' : -1;
  };
  EXPECT_EQ(sums({}), 0);
  EXPECT_EQ(sums({Kind::kQuery, ""}), 'Q');
  EXPECT_EQ(sums({Kind::kDocument, ""}), 2 * 'P');
  EXPECT_EQ(sums({Kind::kNamed, "passage"}), 2 * 'P');
  EXPECT_EQ(sums({Kind::kNamed, "empty"}), 0);
  EXPECT_EQ(sums({Kind::kText, "xy"}), 'x' + 'y');
  EXPECT_EQ(sums({Kind::kText, ""}), 0);
  const auto unknown = Embed({.inputs = {"a"}, .prompt = {Kind::kNamed, "document"}});
  EXPECT_EQ(unknown.error().code, Code::kInvalidArgument);
  EXPECT_EQ(unknown.error().message,
            R"(prompt_name: "document" is not one of this model's: "query", "passage", "empty")");
  // Token ids are whole already.
  const std::vector<TokenId> ids = {5, 6};
  EXPECT_EQ(Embed({.inputs = {ids}, .normalize = false})->vectors[1], 11);
  EXPECT_THAT(Embed({.inputs = {ids}, .prompt = {Kind::kNamed, "query"}}).error().message,
              HasSubstr("token ids take no prompt"));
}

TEST_F(EmbedTest, IdsOfAnotherVocabularyAreRefusedWhereAsked) {
  const auto embed = [this](std::vector<TokenId> ids) {
    return Embed({.inputs = {std::move(ids)}, .foreign_ids = false, .field = "input"});
  };
  EXPECT_TRUE(embed({1, 5}).ok());
  EXPECT_TRUE(embed({1}).ok());
  for (const std::vector<TokenId>& ids : {std::vector<TokenId>{5, 1}, {7}}) {
    const auto refused = embed(ids);
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
    EXPECT_THAT(refused.error().message, HasSubstr("input[0]: token ids of this model have the "
                                                   "form [1, ...]"));
    EXPECT_THAT(refused.error().message, HasSubstr("check_embedding_ctx_length=False"));
  }
  EXPECT_THAT(embed({1, kVocabSize}).error().message,
              HasSubstr("check_embedding_ctx_length=False"));
}

TEST_F(EmbedTest, RefusesIdsOutOfRange) {
  for (const TokenId id : {-1, kVocabSize, INT32_MAX, INT32_MIN}) {
    const auto answer = Embed({.inputs = {"a", std::vector<TokenId>{1, id}}});
    EXPECT_THAT(answer.error().message, HasSubstr("inputs[1]: token id " + std::to_string(id)))
        << id;
  }
  // A tokenizer that does not belong to the encoder.
  EXPECT_THAT(Embed({.inputs = {"!"}}).error().message,
              HasSubstr("token id 300 is not in [0, 300)"));
  EXPECT_THAT(Embed({.inputs = {std::vector<TokenId>()}}).error().message, HasSubstr("no tokens"));
  EXPECT_THAT(Embed({.inputs = {"nothing"}}).error().message, HasSubstr("no tokens"));
}

TEST_F(EmbedTest, RequestsThatDifferInNormalisationShareBatches) {
  Start({.max_batch_tokens = 64});
  std::vector<std::future<Result<EmbedAnswer>>> answers;
  for (int i = 0; i < 40; ++i) {
    answers.push_back(
        Submit({.inputs = {std::vector<TokenId>{i + 1}, std::vector<TokenId>{i + 2, 3}},
                .normalize = i % 2 == 0}));
  }
  for (int i = 0; i < 40; ++i) {
    const auto answer = Await(std::move(answers[static_cast<size_t>(i)]), "an answer");
    ASSERT_TRUE(answer.ok());
    const float sign = i % 2 == 0 ? -1 : 1;
    EXPECT_EQ(answer.value().vectors[1], sign * static_cast<float>(i + 1));
    EXPECT_EQ(answer.value().vectors[kSize + 1], sign * static_cast<float>(i + 5));
  }
}

TEST_F(EmbedTest, BatchHoldsWhatItIsSizedFor) {
  ThreadPool pool(1);
  EmbeddingBatch batch(model_, 10, 3, &pool);
  const TokenizedText five = model_.CheckIds(std::vector<TokenId>(5, 1), {}).value();
  const TokenizedText one = model_.CheckIds(std::vector<TokenId>(1, 1), {}).value();
  batch.Add(five);
  batch.Add(five);
  EXPECT_FALSE(batch.Fits(one));
  EXPECT_EQ(batch.Run(false).size(), 2 * kSize);
  EXPECT_TRUE(batch.Run(false).empty());
  for (int i = 0; i < 3; ++i) batch.Add(one);
  EXPECT_FALSE(batch.Fits(one));
  EXPECT_EQ(batch.Run(false).size(), 3 * kSize);
}

}  // namespace
}  // namespace minnow
