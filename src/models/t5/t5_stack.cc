// SPDX-License-Identifier: Apache-2.0
// Batches of texts through the encoder, as many whole texts at once as the buffers hold.
#include "models/t5/t5_stack.h"

#include <algorithm>
#include <utility>

namespace minnow {
namespace {

// Enough to hide the streaming of the weights, few enough that the activations stay near the core.
constexpr size_t kTokensPerThread = 512;

size_t TokensAtOnce(const T5Model& model, int threads) {
  return std::max(model.info().limits.max_input_tokens,
                  kTokensPerThread * static_cast<size_t>(threads));
}

class Pass : public EncoderPass {
 public:
  Pass(const T5Model& model, ThreadPool* pool)
      : model_(model),
        workspace_(model.NewWorkspace(TokensAtOnce(model, pool->size()), /*max_rows=*/0, pool)),
        starts_(workspace_->max_tokens() + 1) {}

  void Run(const TokenBatch& batch, TextSink& sink) override {
    for (size_t first = 0; first < batch.texts();) {
      const int32_t begin = batch.starts[first];
      size_t texts = 0;
      while (first + texts < batch.texts() &&
             static_cast<size_t>(batch.starts[first + texts + 1] - begin) <=
                 workspace_->max_tokens()) {
        starts_[texts + 1] = batch.starts[first + texts + 1] - begin;
        ++texts;
      }
      CHECK(texts > 0);
      RunTexts(batch.ids.subspan(begin, starts_[texts]), first, texts, sink);
      first += texts;
    }
  }
  size_t bytes() const override {
    return workspace_->bytes() + starts_.size() * sizeof(starts_[0]);
  }

 private:
  void RunTexts(std::span<const int32_t> ids, size_t first, size_t texts, TextSink& sink) {
    const std::span<const int32_t> starts(starts_.data(), texts + 1);
    model_.Encode({.ids = ids, .starts = starts, .type_ids = {}, .unpooled = {}}, {}, *workspace_);
    const size_t stride = workspace_->model_stride;
    for (size_t i = 0; i < texts; ++i) {
      sink.Take(first + i, {workspace_->hidden.data() + starts_[i] * stride, stride},
                starts_[i + 1] - starts_[i], /*member=*/0);
    }
  }

  const T5Model& model_;
  std::unique_ptr<T5Workspace> workspace_;
  std::vector<int32_t> starts_;  // of the texts in progress; the first is 0 always
};

}  // namespace

Result<std::unique_ptr<T5Stack>> T5Stack::Load(const ModelSource& source,
                                               const EncoderPrecision& precision, size_t max_tokens,
                                               const Calibration* calibration) {
  MINNOW_ASSIGN_OR_RETURN(
      auto model,
      T5Model::Load(source, {.precision = precision,
                             .limits = {.max_input_tokens = max_tokens, .max_output_tokens = 1},
                             .parts = T5Parts::kEncoder,
                             .calibration = calibration}));
  return std::unique_ptr<T5Stack>(new T5Stack(std::move(model)));
}

std::unique_ptr<EncoderPass> T5Stack::NewPass(ThreadPool* pool) const {
  return std::make_unique<Pass>(*model_, pool);
}

// Hidden states, context, q, k and v of all rows, the latter twice where there are several threads;
// and of each thread the rows in its hands.
size_t T5Stack::PassBytes(int threads) const {
  const T5Config& config = model_->config();
  const auto model = static_cast<size_t>(config.d_model);
  const size_t inner = config.inner();
  const size_t row = model + inner * (threads == 1 ? 4 : 7);
  const size_t own = 2 * model + config.feed_forward_width() + 2 * inner;
  return sizeof(float) * (TokensAtOnce(*model_, threads) * row +
                          static_cast<size_t>(threads) * T5Workspace::kRowBlock * own);
}

}  // namespace minnow
