// SPDX-License-Identifier: Apache-2.0
// GenerationOptions from JSON: generation_config.json, config.json, a block of
// task_specific_params, or the parameters of a request. They share names and meanings.
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "formats/json.h"
#include "generation/settings.h"

namespace minnow {

// The fields of an object that GenerationOptions has; null is absent, others are not looked at.
// A value of the wrong type is an error that names the document and the field. So is what would
// change the text and is not done here (kUnsupported): diverse beams, contrastive search,
// constraints, guidance, watermarks, DoLa, top_h, drafts from the prompt.
Result<GenerationOptions> ReadGenerationOptions(const JsonView& object);

// Whether it is one of the fields that ReadGenerationOptions looks at.
bool IsGenerationField(std::string_view name);

// What a model's files say: generation_config.json or, where there is no such file, the keys of
// config.json. Special ids that the former leaves out come from the latter; those that a family of
// models has by default (T5: pad 0, end 1) are the caller's to merge in below.
//
// In all: Merge(request, Merge(task_specific_params, Merge(model options, family's))).
Result<GenerationOptions> ReadModelOptions(const std::optional<JsonView>& generation_config,
                                           const JsonView& config);

}  // namespace minnow
