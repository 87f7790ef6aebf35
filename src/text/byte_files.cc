// SPDX-License-Identifier: Apache-2.0
#include "text/byte_files.h"

#include <array>
#include <filesystem>
#include <string_view>

#include "base/utf8.h"
#include "text/byte_alphabet.h"
#include "text/component_json.h"

namespace minnow {
namespace {

constexpr std::array<std::string_view, 3> kSpecialTokens = {"<pad>", "</s>", "<unk>"};
constexpr int64_t kSentinels = 125;
constexpr int64_t kMostSentinels = 100'000;
constexpr int64_t kByteValues = 256;

std::string ConfigPath(const std::string& directory) {
  return directory + "/tokenizer_config.json";
}

Result<JsonDocument> ReadByteConfig(const std::string& directory) {
  JsonLimits limits;
  limits.max_bytes = kMaxTokenizerConfigBytes;
  MINNOW_ASSIGN_OR_RETURN(JsonDocument config,
                          JsonDocument::ReadFile(ConfigPath(directory), limits));
  MINNOW_RETURN_IF_ERROR(config.root().Object());
  return config;
}

void WriteAddedToken(std::string_view content, int64_t id, JsonWriter& json) {
  json.BeginObject();
  json.Key("id");
  json.Int(id);
  json.Key("content");
  json.String(content);
  for (const char* flag : {"single_word", "lstrip", "rstrip", "normalized"}) {
    json.Key(flag);
    json.Bool(false);
  }
  json.Key("special");
  json.Bool(true);
  json.EndObject();
}

void WriteVocabulary(JsonWriter& json) {
  json.BeginObject();
  int64_t id = 0;
  for (const std::string_view token : kSpecialTokens) {
    json.Key(token);
    json.Int(id++);
  }
  for (int64_t byte = 0; byte < kByteValues; ++byte) {
    std::string letter;
    AppendUtf8(LetterOfByte(static_cast<char>(byte)), letter);
    json.Key(letter);
    json.Int(id++);
  }
  json.EndObject();
}

constexpr std::string_view kSteps = R"(
"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"use_regex":false},
"post_processor":{"type":"TemplateProcessing",
  "single":[{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}}],
  "pair":[{"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}},
          {"Sequence":{"id":"B","type_id":0}},{"SpecialToken":{"id":"</s>","type_id":0}}],
  "special_tokens":{"</s>":{"id":"</s>","ids":[1],"tokens":["</s>"]}}},
"decoder":{"type":"Sequence","decoders":[{"type":"ByteLevel"},
  {"type":"Replace","pattern":{"String":"�"},"content":""}]},
"model":{"type":"BPE","merges":[],"vocab":)";

}  // namespace

bool IsByteTokenizer(const std::string& directory) {
  std::error_code ec;
  if (!std::filesystem::is_regular_file(ConfigPath(directory), ec)) return false;
  const Result<JsonDocument> config = ReadByteConfig(directory);
  if (!config.ok()) return false;
  const Result<std::string_view> name = config->root().GetString("tokenizer_class", "");
  return name.ok() && (*name == "ByT5Tokenizer" || *name == "ByT5TokenizerFast");
}

Result<JsonDocument> ReadByteTokenizer(const std::string& directory) {
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument config, ReadByteConfig(directory));
  int64_t sentinels = kSentinels;
  const auto told = config.root().Find("extra_ids");
  if (told && !told->is_null()) {
    MINNOW_ASSIGN_OR_RETURN(sentinels, told->Int(0, kMostSentinels));
  }
  std::string text = R"({"added_tokens":)";
  {
    JsonWriter json(&text);
    json.BeginArray();
    int64_t id = 0;
    for (const std::string_view token : kSpecialTokens) WriteAddedToken(token, id++, json);
    id += kByteValues;
    for (int64_t i = 0; i < sentinels; ++i)
      WriteAddedToken("<extra_id_" + std::to_string(i) + ">", id++, json);
    json.EndArray();
  }
  text += ',';
  text += kSteps;
  JsonWriter vocabulary(&text);
  WriteVocabulary(vocabulary);
  text += "}}";
  return JsonDocument::Parse(text, ConfigPath(directory));
}

}  // namespace minnow
