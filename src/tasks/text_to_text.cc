// SPDX-License-Identifier: Apache-2.0
#include "tasks/text_to_text.h"

#include <algorithm>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "tasks/calibration_texts.h"

namespace minnow {
namespace {

// The model that is looked into is itself in int8, without calibration: in fp32 its weights would
// be four times what is needed afterwards, and what the inputs look like hardly differs. A
// tokenizer may make no tokens of some texts, or tokens that the model does not have: the others
// will do. None: no calibration.
Result<Calibration> Calibrate(const ModelSource& source, const T5Limits& limits,
                              const Tokenizer& tokenizer) {
  MINNOW_ASSIGN_OR_RETURN(
      const auto model,
      T5Model::Load(source, {.precision = {.dtype = Dtype::kInt8, .embedding = std::nullopt},
                             .limits = limits,
                             .rough = true}));
  EncodeOptions options;
  options.max_tokens = limits.max_input_tokens;
  std::vector<std::vector<int32_t>> texts;
  for (const std::string& text : CalibrationTexts()) {
    std::vector<int32_t> ids = tokenizer.Encode(text, options).ids;
    const auto known = [&](int32_t id) { return id >= 0 && id < model->config().vocab_size; };
    if (!ids.empty() && ids.size() <= limits.max_input_tokens &&
        std::all_of(ids.begin(), ids.end(), known))
      texts.push_back(std::move(ids));
  }
  if (texts.empty()) return Calibration();
  return model->MeasureInputs(texts);
}

}  // namespace

Result<std::unique_ptr<T5Model>> LoadTextToText(const ModelSource& source,
                                                const EncoderPrecision& precision,
                                                const T5Limits& limits,
                                                const Tokenizer* tokenizer) {
  Calibration calibration;
  if (precision.dtype == Dtype::kInt8 && !source.packed() && tokenizer != nullptr) {
    try {
      MINNOW_ASSIGN_OR_RETURN(calibration, Calibrate(source, limits, *tokenizer));
    } catch (const std::bad_alloc&) {
      return Error{Code::kInternal, source.name() + ": no memory to calibrate int8"};
    }
  }
  return T5Model::Load(source, {.precision = precision,
                                .limits = limits,
                                .calibration = calibration.empty() ? nullptr : &calibration});
}

}  // namespace minnow
