// SPDX-License-Identifier: Apache-2.0
#include "cli/reranker.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/cpu.h"
#include "cli/model_option.h"

namespace minnow {
namespace {

constexpr size_t kPairBatchTokens = 2048;
constexpr size_t kPairBatch = 64;

}  // namespace

Reranker::Reranker(std::unique_ptr<ClassifyModel> model)
    : model_(std::move(model)),
      pool_(Cpu().usable_cores()),
      batch_(*model_, std::max(kPairBatchTokens, model_->max_tokens()), kPairBatch, &pool_) {}

Result<std::unique_ptr<Reranker>> Reranker::Load(const std::string& model,
                                                 const std::string& dtype) {
  MINNOW_ASSIGN_OR_RETURN(const EncoderPrecision precision, ParsePrecision(dtype));
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(model));
  MINNOW_ASSIGN_OR_RETURN(auto loaded, ClassifyModel::Load(source, precision));
  MINNOW_RETURN_IF_ERROR(CheckReranker(*loaded, source.name()));
  return std::unique_ptr<Reranker>(new Reranker(std::move(loaded)));
}

Result<std::vector<float>> Reranker::Score(std::span<const EmbedInput> pairs) {
  std::vector<float> scores;
  const auto run = [&] {
    if (batch_.texts() == 0) return;
    const std::span<const float> some = batch_.Run(/*normalize=*/false);
    scores.insert(scores.end(), some.begin(), some.end());
  };
  for (const EmbedInput& input : pairs) {
    const auto& pair = std::get<TextPair>(input);
    MINNOW_ASSIGN_OR_RETURN(const TokenizedText text,
                            model_->TokenizePair(pair.first, pair.second, LengthPolicy{}));
    if (!batch_.Fits(text)) run();
    batch_.Add(text);
  }
  run();
  if (!AllFinite(scores)) return Error{Code::kCorrupt, kNotFinite};
  return scores;
}

}  // namespace minnow
