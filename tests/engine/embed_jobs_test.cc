// SPDX-License-Identifier: Apache-2.0
// Embedding jobs over a made-up tokenizer and a tiny encoder: limits, ranges, order, and batches
// that hold many requests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <future>
#include <numeric>
#include <string>

#include "engine/scheduler.h"
#include "tasks/classify.h"
#include "tasks/embed.h"
#include "tests/await.h"

namespace minnow {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int kVocabSize = 109;  // of tests/fixtures/tiny_bert
constexpr int kMaxTokens = 8;
constexpr size_t kSize = 32;

TokenId IdOf(char c) { return c == '!' ? kVocabSize : c % kVocabSize; }

// A token for each byte, after 1; '!' gives an id that the encoder does not have, '?' token type 1.
class ByteTokenizer : public Tokenizer {
 public:
  Encoding Encode(std::string_view text, const EncodeOptions& options) const override {
    Encoding encoding;
    if (options.add_special_tokens && text != "nothing") encoding.ids.push_back(1);
    if (text != "nothing") {
      for (const char c : text) encoding.ids.push_back(IdOf(c));
    }
    encoding.untruncated_tokens = encoding.ids.size();
    if (options.max_tokens > 0 && encoding.ids.size() > options.max_tokens) {
      if (options.truncation_direction == TruncationDirection::kLeft) {
        encoding.ids.erase(encoding.ids.begin(),
                           encoding.ids.end() - static_cast<ptrdiff_t>(options.max_tokens));
      }
      encoding.ids.resize(options.max_tokens);
    }
    for (const TokenId id : encoding.ids) encoding.type_ids.push_back(id == IdOf('?') ? 1 : 0);
    if (options.want_offsets) {
      for (const TokenId id : encoding.ids) encoding.special.push_back(id == 1 ? 1 : 0);
    }
    return encoding;
  }
  Encoding EncodePair(std::string_view, std::string_view, const EncodeOptions&) const override {
    return {};
  }
  std::vector<Encoding> EncodeWindows(std::string_view first, const std::string_view*,
                                      const EncodeOptions& options,
                                      const WindowOptions&) const override {
    return {Encode(first, options)};
  }
  std::string Join(std::vector<std::string>) const override { return {}; }
  std::optional<TokenId> unknown_id() const override { return {}; }
  bool has_subword_prefix() const override { return false; }
  std::string Decode(std::span<const TokenId>, bool) const override { return {}; }
  std::optional<std::string_view> IdToToken(TokenId) const override { return {}; }
  std::optional<TokenId> TokenToId(std::string_view) const override { return {}; }
  size_t vocab_size() const override { return kVocabSize + 1; }
  const char* type() const override { return "Bytes"; }
  const std::vector<std::string>& warnings() const override { return warnings_; }

 private:
  const std::vector<std::string> warnings_;
};

std::unique_ptr<EncoderModel> TinyEncoder() {
  const auto source =
      ModelSource::Open(std::string(MINNOW_SOURCE_DIR) + "/tests/fixtures/tiny_bert").value();
  SentenceTransformersLayout layout = source.layout();
  layout.max_seq_length = kMaxTokens;
  layout.prompts = {{{"query", "Q"}, {"passage", "PP"}, {"empty", ""}}, "", true};
  return EncoderModel::Load(source, layout, {.dtype = Dtype::kF32}).value();
}

class EmbedTest : public ::testing::Test {
 protected:
  void Start(ModelQueueOptions options) {
    scheduler_ = Scheduler::Start({}).value();
    queue_ = scheduler_->AddQueue(&task_, options).value();
  }

  std::future<Result<EmbedAnswer>> Submit(EmbedRequest request) {
    auto promise = std::make_shared<std::promise<Result<EmbedAnswer>>>();
    auto future = promise->get_future();
    const Status status = queue_->Submit(std::make_shared<EmbedJob>(
        &model_, std::move(request),
        [promise](Result<EmbedAnswer> answer) { promise->set_value(std::move(answer)); }));
    EXPECT_TRUE(status.ok());
    return future;
  }
  Result<EmbedAnswer> Embed(EmbedRequest request) {
    if (queue_ == nullptr) Start({.max_batch_work = 16});
    return Await(Submit(std::move(request)), "the answer");
  }

  // What the encoder alone gives for a text of these bytes after `ids`.
  std::vector<float> Vector(std::vector<TokenId> ids, const std::string& bytes = "",
                            bool normalize = false) {
    for (const char c : bytes) ids.push_back(IdOf(c));
    std::vector<uint8_t> types;
    for (const TokenId id : ids) types.push_back(id == IdOf('?') ? 1 : 0);
    const int32_t starts[] = {0, static_cast<int32_t>(ids.size())};
    ThreadPool pool(1);
    const auto workspace = model_.encoder().NewWorkspace(ids.size(), 1, &pool);
    std::vector<float> out(kSize);
    model_.encoder().Run({.ids = ids, .starts = starts, .type_ids = types}, normalize, *workspace,
                         out.data());
    return out;
  }
  // The vector of input i.
  static std::vector<float> At(const EmbedAnswer& answer, size_t i) {
    return {answer.vectors.begin() + static_cast<ptrdiff_t>(i * kSize),
            answer.vectors.begin() + static_cast<ptrdiff_t>((i + 1) * kSize)};
  }

  EmbeddingModel model_{std::make_unique<ByteTokenizer>(), TinyEncoder()};
  EmbedTask task_{&model_};
  std::unique_ptr<Scheduler> scheduler_;
  std::shared_ptr<ModelQueue> queue_;
};

TEST_F(EmbedTest, TextsAndIdsInOrder) {
  const auto answer =
      Embed({.inputs = {"ab", std::vector<TokenId>{5, 6}, "", "?c"}, .normalize = false});
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(At(*answer, 0), Vector({1}, "ab"));
  EXPECT_EQ(At(*answer, 1), Vector({5, 6}));
  EXPECT_EQ(At(*answer, 2), Vector({1}));
  EXPECT_EQ(At(*answer, 3), Vector({1}, "?c"));
  EXPECT_THAT(answer.value().tokens, ElementsAre(3, 2, 1, 3));
  EXPECT_EQ(answer.value().truncated, 0u);
}

TEST_F(EmbedTest, TruncatesOrRefuses) {
  auto answer = Embed({.inputs = {"abcdefghij"}, .normalize = false});
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.value().truncated, 1u);
  EXPECT_THAT(answer.value().tokens, ElementsAre(kMaxTokens));
  EXPECT_EQ(At(*answer, 0), Vector({1}, "abcdefg"));
  answer = Embed({.inputs = {"abcdefghij", std::vector<TokenId>(20, 7)},
                  .length = {.truncate = true, .direction = TruncationDirection::kLeft},
                  .normalize = false});
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(At(*answer, 0), Vector({}, "cdefghij"));
  EXPECT_EQ(At(*answer, 1), Vector(std::vector<TokenId>(kMaxTokens, 7)));
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
  const auto embed = [this](PromptChoice prompt) {
    const auto answer = Embed({.inputs = {"a"}, .prompt = std::move(prompt), .normalize = false});
    EXPECT_TRUE(answer.ok()) << answer.error().message;
    return answer.ok() ? At(*answer, 0) : std::vector<float>();
  };
  EXPECT_EQ(embed({}), Vector({1}, "a"));
  EXPECT_EQ(embed({Kind::kQuery, ""}), Vector({1}, "Qa"));
  EXPECT_EQ(embed({Kind::kDocument, ""}), Vector({1}, "PPa"));
  EXPECT_EQ(embed({Kind::kNamed, "passage"}), Vector({1}, "PPa"));
  EXPECT_EQ(embed({Kind::kNamed, "empty"}), Vector({1}, "a"));
  EXPECT_EQ(embed({Kind::kText, "xy"}), Vector({1}, "xya"));
  EXPECT_EQ(embed({Kind::kText, ""}), Vector({1}, "a"));
  const auto unknown = Embed({.inputs = {"a"}, .prompt = {Kind::kNamed, "document"}});
  EXPECT_EQ(unknown.error().code, Code::kInvalidArgument);
  EXPECT_EQ(unknown.error().message,
            R"(prompt_name: "document" is not one of this model's: "query", "passage", "empty")");
  // Token ids are whole already.
  const std::vector<TokenId> ids = {5, 6};
  EXPECT_EQ(At(*Embed({.inputs = {ids}, .normalize = false}), 0), Vector(ids));
  EXPECT_THAT(Embed({.inputs = {ids}, .prompt = {Kind::kNamed, "query"}}).error().message,
              HasSubstr("only texts take a prompt"));
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
              HasSubstr("token id 109 is not in [0, 109)"));
  EXPECT_THAT(Embed({.inputs = {std::vector<TokenId>()}}).error().message, HasSubstr("no tokens"));
  EXPECT_THAT(Embed({.inputs = {"nothing"}}).error().message, HasSubstr("no tokens"));
}

TEST_F(EmbedTest, RequestsThatDifferInNormalisationShareBatches) {
  Start({.max_batch_work = 64});
  std::vector<std::future<Result<EmbedAnswer>>> answers;
  for (int i = 0; i < 40; ++i) {
    answers.push_back(
        Submit({.inputs = {std::vector<TokenId>{i + 1}, std::vector<TokenId>{i + 2, 3}},
                .normalize = i % 2 == 0}));
  }
  for (int i = 0; i < 40; ++i) {
    const auto answer = Await(std::move(answers[static_cast<size_t>(i)]), "an answer");
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(At(*answer, 0), Vector({i + 1}, "", /*normalize=*/i % 2 == 0));
    EXPECT_EQ(At(*answer, 1), Vector({i + 2, 3}, "", /*normalize=*/i % 2 == 0));
  }
}

TEST_F(EmbedTest, KnowsAboutHowLargeAWorkspaceWillBe) {
  EncoderConfig config;
  config.vocab_size = kVocabSize;
  config.type_vocab_size = 2;
  config.num_hidden_layers = 1;
  config.max_position_embeddings = 512;
  for (const int width : {384, 768}) {
    config.hidden_size = width;
    config.num_attention_heads = width / 64;
    config.intermediate_size = 4 * width;
    const EmbeddingModel model(std::make_unique<ByteTokenizer>(),
                               EncoderModel::Random(config, Dtype::kF32).value());
    for (const int threads : {1, 2, 8}) {
      ThreadPool pool(threads);
      const auto bytes =
          static_cast<double>(model.encoder().NewWorkspace(2048, 512, &pool)->bytes());
      const auto told = static_cast<double>(EmbedTask(&model).WorkspaceBytes(2048, 512, threads));
      EXPECT_GT(told / bytes, 0.7) << width << " " << threads;
      EXPECT_LT(told / bytes, 3.0) << width << " " << threads;
    }
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

// The scores of a classifier, through the same engine: ids of another implementation's fixture.
TEST(ClassifyJob, GivesScoresInLabelOrder) {
  const char* data = std::getenv("MINNOW_DATA");
  const std::string path =
      (data != nullptr ? std::string(data) : MINNOW_SOURCE_DIR "/../shared/data") +
      "/onnx_fixtures/distilbert_cls/hf";
  const auto source = ModelSource::Open(path);
  if (!source.ok()) GTEST_SKIP() << source.error().message;
  const auto model = ClassifyModel::Load(*source, {});
  ASSERT_TRUE(model.ok()) << model.error().message;
  const EmbedTask task(model->get());
  const auto scheduler = Scheduler::Start({}).value();
  const auto queue = scheduler->AddQueue(&task, {.max_batch_work = 256}).value();
  const auto classify = [&](ClassifyRequest request) {
    auto promise = std::make_shared<std::promise<Result<ClassifyAnswer>>>();
    auto future = promise->get_future();
    EXPECT_TRUE(queue
                    ->Submit(std::make_shared<ClassifyJob>(
                        model->get(), std::move(request),
                        [promise](Result<ClassifyAnswer> a) { promise->set_value(std::move(a)); }))
                    .ok());
    return Await(std::move(future), "the scores");
  };
  const std::vector<TokenId> ids = {812, 90, 183};
  const float expected[] = {0.27183f, 1.187165f, -1.103006f, -0.730166f, -1.816088f};
  const auto raw = classify({.inputs = {ids, ids}, .raw_scores = true});
  ASSERT_TRUE(raw.ok());
  ASSERT_EQ(raw->scores.size(), 10u);
  for (size_t i = 0; i < 10; ++i) EXPECT_NEAR(raw->scores[i], expected[i % 5], 1e-4);
  EXPECT_THAT(raw->tokens, ElementsAre(3, 3));
  const auto scores = classify({.inputs = {ids}});
  ASSERT_TRUE(scores.ok());
  EXPECT_NEAR(std::accumulate(scores->scores.begin(), scores->scores.end(), 0.0f), 1, 1e-5);
  EXPECT_EQ(BestFirst(scores->scores, 1)[0].label, 1u);
  const auto alone = classify({.inputs = {ids}, .function = ScoreFunction::kSigmoid});
  ASSERT_TRUE(alone.ok());
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(alone->scores[i], 1 / (1 + std::exp(-expected[i])), 1e-4) << i;
  }
  for (const EmbedInput& text : {EmbedInput("text"), EmbedInput(TextPair{"a", "b"})}) {
    const auto refused = classify({.inputs = {text}});
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(refused.error().code, Code::kInvalidArgument);
    EXPECT_THAT(refused.error().message, HasSubstr("inputs[0]: the model has no tokenizer"));
  }
}

TEST(BestFirst, IsOneOrderForAnyScores) {
  const auto order = [](const std::vector<float>& scores, size_t top_k) {
    std::vector<uint32_t> labels;
    for (const LabelScore& one : BestFirst(scores, top_k)) labels.push_back(one.label);
    return labels;
  };
  EXPECT_THAT(order({0.1f, 0.7f, 0.2f}, 0), ElementsAre(1, 2, 0));
  EXPECT_THAT(order({0.1f, 0.7f, 0.2f}, 2), ElementsAre(1, 2));
  EXPECT_THAT(order({0.5f, 0.5f, 0.5f}, 9), ElementsAre(0, 1, 2));
  EXPECT_THAT(order({NAN, 1, NAN, 2}, 0), ElementsAre(3, 1, 0, 2));
  EXPECT_THAT(order({}, 1), ElementsAre());
}

}  // namespace
}  // namespace minnow
