// SPDX-License-Identifier: Apache-2.0
// What the wires of text generation have in common, field by field.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/json.h"
#include "tasks/generate/generate.h"
#include "tasks/generate/model.h"

namespace minnow::api {

// Reading. Absent and null are the same; errors name the field.

// The object of that name; an empty one where there is none.
Result<JsonView> ReadObject(const JsonView& body, std::string_view name);
Result<std::optional<double>> ReadNumber(const JsonView& object, std::string_view name);
Result<std::optional<int32_t>> ReadInteger(const JsonView& object, std::string_view name,
                                           int64_t least, int64_t most);
// A string or a list of at most `most`, appended.
Status ReadStop(const JsonView& object, std::string_view name, size_t most,
                std::vector<std::string>& stop);
// kInvalidArgument where the field asks for something: it is not null, false, 0, "" or empty.
Status Refuse(const JsonView& object, std::string_view name, std::string_view why);

// One text: its ids are drawn where `sample`, of all unless the request says less; else the best
// one is taken each time. A request's own beams stay.
void SetSampling(bool sample, GenerationOptions& options);

// Writing.
void Put(JsonWriter& json, std::string_view name, std::string_view text);
void PutUint(JsonWriter& json, std::string_view name, uint64_t number);
void PutNull(JsonWriter& json, std::string_view name);
// "data: {...}" and an empty line.
void AppendEvent(std::string_view json, std::string& out);

// text-generation-inference's "length", "eos_token" and "stop_sequence"; OpenAI's "length" and
// "stop".
std::string_view TgiFinish(FinishReason reason);
std::string_view OpenAiFinish(FinishReason reason);

// A token as it stands in a text, with its space; of a special one its name.
std::string TokenText(const GenerateModel& model, TokenId id);

}  // namespace minnow::api
