// SPDX-License-Identifier: Apache-2.0
// A normalizer that is to change is written into the JSON, so that there is one reader only.
#include "text/tokenizer_files.h"

#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "text/bpe_files.h"
#include "text/byte_files.h"
#include "text/component_json.h"

namespace minnow {
namespace {

constexpr const char* kConfigFile = "tokenizer_config.json";

std::string TokenizerJsonPath(const std::string& directory) {
  return directory + "/tokenizer.json";
}

// Without tokenizer.json.
bool HasOlderFiles(const std::string& directory) {
  std::error_code ec;
  return !std::filesystem::exists(TokenizerJsonPath(directory), ec) && HasBpeFiles(directory);
}

bool HasBytesOnly(const std::string& directory) {
  std::error_code ec;
  return !std::filesystem::exists(TokenizerJsonPath(directory), ec) && IsByteTokenizer(directory);
}

// What a BertNormalizer is told.
struct BertFlags {
  bool lowercase = false;
  bool handle_chinese_chars = true;
  std::optional<bool> strip_accents;  // nullopt: as lowercase
  bool operator==(const BertFlags&) const = default;
};

Result<BertFlags> ReadFlags(const JsonView& json, std::string_view lowercase,
                            std::string_view chinese) {
  BertFlags flags;
  MINNOW_ASSIGN_OR_RETURN(flags.lowercase, json.GetBool(lowercase));
  MINNOW_ASSIGN_OR_RETURN(flags.handle_chinese_chars, json.GetBool(chinese, true));
  if (const auto strip = json.Find("strip_accents"); strip && !strip->is_null()) {
    MINNOW_ASSIGN_OR_RETURN(flags.strip_accents, strip->Bool());
  }
  return flags;
}

// nullopt: tokenizer_config.json leaves the normalizer as it is.
Result<std::optional<BertFlags>> ReadConfig(const std::string& directory) {
  const std::string path = directory + "/" + kConfigFile;
  std::error_code ec;
  if (!std::filesystem::exists(path, ec)) return std::optional<BertFlags>();
  JsonLimits limits;
  limits.max_bytes = kMaxTokenizerConfigBytes;
  MINNOW_ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::ReadFile(path, limits));
  const JsonView root = document.root();
  const auto lower = root.Find("do_lower_case");
  MINNOW_ASSIGN_OR_RETURN(const std::string_view name, root.GetString("tokenizer_class", ""));
  if (!lower || lower->is_null() || name.starts_with("PreTrainedTokenizer") ||
      name == "TokenizersBackend") {
    return std::optional<BertFlags>();
  }
  MINNOW_ASSIGN_OR_RETURN(BertFlags flags,
                          ReadFlags(root, "do_lower_case", "tokenize_chinese_chars"));
  return std::optional<BertFlags>(flags);
}

bool IsType(const std::optional<JsonView>& component, std::string_view type) {
  if (!component) return false;
  const auto found = component->GetString("type");
  return found.ok() && *found == type;
}

bool LowersCase(const JsonView& normalizer) {
  if (IsType(normalizer, "Lowercase")) return true;
  if (IsType(normalizer, "BertNormalizer")) {
    const auto lowercase = normalizer.GetBool("lowercase", false);
    return lowercase.ok() && *lowercase;
  }
  const auto steps = normalizer.Find("normalizers");
  if (!steps || !steps->is_array()) return false;
  for (const JsonView step : steps->Items()) {
    if (LowersCase(step)) return true;
  }
  return false;
}

std::string BertNormalizerJson(const JsonView& old, const BertFlags& flags) {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  for (const std::string_view kept : {"type", "clean_text"}) {
    const auto value = old.Find(kept);
    if (!value) continue;
    json.Key(kept);
    WriteJson(*value, json);
  }
  json.Key("lowercase");
  json.Bool(flags.lowercase);
  json.Key("handle_chinese_chars");
  json.Bool(flags.handle_chinese_chars);
  json.Key("strip_accents");
  flags.strip_accents ? json.Bool(*flags.strip_accents) : json.Null();
  json.EndObject();
  return text;
}

std::string LowercaseFirstJson(const std::optional<JsonView>& old) {
  std::string text;
  JsonWriter json(&text);
  json.Raw(R"({"type":"Sequence","normalizers":[{"type":"Lowercase"})");
  if (old && !old->is_null()) {
    text += ',';
    JsonWriter rest(&text);
    WriteJson(*old, rest);
  }
  return text + "]}";
}

Result<JsonDocument> WithNormalizer(const JsonDocument& document, std::string_view normalizer) {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  for (size_t i = 0; i < document.root().size(); ++i) {
    if (document.root().key(i) == "normalizer") continue;
    json.Key(document.root().key(i));
    WriteJson(document.root().at(i), json);
  }
  json.Key("normalizer");
  json.Raw(normalizer);
  json.EndObject();
  return JsonDocument::Parse(text, document.name());
}

Result<JsonDocument> ReadTokenizerDocument(const std::string& directory,
                                           std::vector<std::string>& warnings) {
  MINNOW_ASSIGN_OR_RETURN(JsonDocument document,
                          HasOlderFiles(directory) ? ReadBpeFiles(directory)
                          : HasBytesOnly(directory)
                              ? ReadByteTokenizer(directory)
                              : JsonDocument::ReadFile(TokenizerJsonPath(directory)));
  if (!document.root().is_object()) return document;
  const auto bert = document.root().Find("normalizer");
  if (!IsType(bert, "BertNormalizer")) return document;
  MINNOW_ASSIGN_OR_RETURN(const auto wanted, ReadConfig(directory));
  MINNOW_ASSIGN_OR_RETURN(const BertFlags found,
                          ReadFlags(*bert, "lowercase", "handle_chinese_chars"));
  if (!wanted || *wanted == found) return document;
  warnings.push_back(std::string(kConfigFile) + ": do_lower_case is " +
                     (wanted->lowercase ? "true" : "false") +
                     ": taken instead of what tokenizer.json says of the normalizer");
  return WithNormalizer(document, BertNormalizerJson(*bert, *wanted));
}

// Of whichever file is there; where none is, tokenizer.json is missing.
Result<TokenizerFiles> ReadOneFile(const std::string& directory,
                                   std::vector<std::string>& warnings) {
  std::error_code ec;
  if (std::filesystem::is_regular_file(directory, ec)) return ReadPieceFile(directory, "");
  if (!std::filesystem::exists(TokenizerJsonPath(directory), ec)) {
    const std::string pieces = FindPieceFile(directory);
    if (!pieces.empty()) return ReadPieceFile(pieces, directory);
  }
  MINNOW_ASSIGN_OR_RETURN(JsonDocument document, ReadTokenizerDocument(directory, warnings));
  return TokenizerFiles{std::move(document), std::nullopt};
}

}  // namespace

Result<TokenizerFiles> ReadTokenizerFiles(const std::string& directory, bool lowercase,
                                          std::vector<std::string>& warnings) {
  MINNOW_ASSIGN_OR_RETURN(TokenizerFiles files, ReadOneFile(directory, warnings));
  const JsonView root = files.document.root();
  const auto normalizer = root.Find("normalizer");
  if (root.is_object() && lowercase && !(normalizer && LowersCase(*normalizer))) {
    warnings.push_back("do_lower_case: texts are put in lower case before tokenizer.json's steps");
    MINNOW_ASSIGN_OR_RETURN(files.document,
                            WithNormalizer(files.document, LowercaseFirstJson(normalizer)));
  }
  return files;
}

std::vector<std::string> VocabularyFiles(const std::string& directory) {
  std::error_code ec;
  if (std::filesystem::is_regular_file(directory, ec)) return {directory};
  const std::string pieces = FindPieceFile(directory);
  if (!pieces.empty() && !std::filesystem::exists(TokenizerJsonPath(directory), ec))
    return {pieces};
  if (HasOlderFiles(directory)) return {directory + "/vocab.json", directory + "/merges.txt"};
  if (HasBytesOnly(directory)) return {directory + "/tokenizer_config.json"};
  return {TokenizerJsonPath(directory)};
}

}  // namespace minnow
