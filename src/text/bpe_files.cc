// SPDX-License-Identifier: Apache-2.0
// What transformers puts around vocab.json and merges.txt, by the tokenizer's class.
#include "text/bpe_files.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mapped_file.h"
#include "base/utf8.h"
#include "text/component_json.h"
#include "text/models/vocabulary.h"

namespace minnow {
namespace {

constexpr const char* kVocabulary = "vocab.json";
constexpr const char* kMergesFile = "merges.txt";
constexpr size_t kMaxMergesBytes = size_t{256} << 20;

struct AddedTokenSpec {
  std::string content = {};
  int64_t id = -1;  // the file's; -1: none
  bool single_word = false;
  bool lstrip = false;
  bool rstrip = false;
  bool normalized = true;
  bool special = true;
};

// What a class is made of. The roles are those that special_tokens_map.json names.
struct BpeClass {
  std::string_view name;        // without Fast
  std::string_view model_type;  // of config.json
  std::string_view begin, end, unknown, pad, mask;
  bool clip;
};

constexpr BpeClass kClasses[] = {
    {"RobertaTokenizer", "roberta", "<s>", "</s>", "<unk>", "<pad>", "<mask>", false},
    {"CLIPTokenizer", "clip", "<|startoftext|>", "<|endoftext|>", "<|endoftext|>", "<|endoftext|>",
     "", true},
    {"CLIPTokenizer", "clip_text_model", "<|startoftext|>", "<|endoftext|>", "<|endoftext|>",
     "<|endoftext|>", "", true},
};

std::string Path(const std::string& directory, const char* name) { return directory + "/" + name; }

bool Exists(const std::string& directory, const char* name) {
  std::error_code ec;
  return std::filesystem::exists(Path(directory, name), ec);
}

// nullopt: there is no such file.
Result<std::optional<JsonDocument>> ReadOptional(const std::string& directory, const char* name) {
  if (!Exists(directory, name)) return std::optional<JsonDocument>();
  JsonLimits limits;
  limits.max_bytes = kMaxTokenizerConfigBytes;
  MINNOW_ASSIGN_OR_RETURN(JsonDocument document,
                          JsonDocument::ReadFile(Path(directory, name), limits));
  MINNOW_RETURN_IF_ERROR(document.root().Object());
  return std::optional<JsonDocument>(std::move(document));
}

// The small files, each of which may be absent.
struct ConfigFiles {
  std::optional<JsonDocument> special, tokenizer, added;
};

Result<BpeClass> FindClass(const std::string& directory,
                           const std::optional<JsonDocument>& config) {
  if (config) {
    MINNOW_ASSIGN_OR_RETURN(std::string_view name, config->root().GetString("tokenizer_class", ""));
    if (name.ends_with("Fast")) name.remove_suffix(4);
    for (const BpeClass& known : kClasses) {
      if (known.name == name) return known;
    }
    if (!name.empty()) {
      return UnknownComponent(*config->root().Find("tokenizer_class"),
                              "without tokenizer.json RobertaTokenizer, CLIPTokenizer");
    }
  }
  MINNOW_ASSIGN_OR_RETURN(const auto model, ReadOptional(directory, "config.json"));
  if (model) {
    MINNOW_ASSIGN_OR_RETURN(const std::string_view type, model->root().GetString("model_type", ""));
    for (const BpeClass& known : kClasses) {
      if (known.model_type == type) return known;
    }
    if (!type.empty()) {
      return UnknownComponent(*model->root().Find("model_type"),
                              "without tokenizer.json roberta, clip, clip_text_model");
    }
  }
  return Error{Code::kUnsupported,
               Path(directory, kVocabulary) +
                   ": neither tokenizer_config.json nor config.json says what tokenizer it is of"};
}

// "<s>", or an object with its flags.
Result<AddedTokenSpec> ReadSpec(const JsonView& json, const AddedTokenSpec& fallback) {
  AddedTokenSpec spec = fallback;
  if (json.is_string()) {
    MINNOW_ASSIGN_OR_RETURN(spec.content, json.String());
    return spec;
  }
  MINNOW_RETURN_IF_ERROR(json.Object());
  MINNOW_ASSIGN_OR_RETURN(spec.content, json.GetString("content"));
  MINNOW_ASSIGN_OR_RETURN(spec.single_word, json.GetBool("single_word", false));
  MINNOW_ASSIGN_OR_RETURN(spec.lstrip, json.GetBool("lstrip", false));
  MINNOW_ASSIGN_OR_RETURN(spec.rstrip, json.GetBool("rstrip", false));
  MINNOW_ASSIGN_OR_RETURN(spec.normalized, json.GetBool("normalized", true));
  MINNOW_ASSIGN_OR_RETURN(spec.special, json.GetBool("special", fallback.special));
  return spec;
}

// The value of a role: of special_tokens_map.json, then of tokenizer_config.json.
std::optional<JsonView> FindRole(const ConfigFiles& files, std::string_view role) {
  for (const auto* document : {&files.special, &files.tokenizer}) {
    if (!*document) continue;
    const auto value = (*document)->root().Find(role);
    if (value && !value->is_null()) return value;
  }
  return std::nullopt;
}

// What tokens there are beside those of the vocabulary, by content; the first of a content counts.
class AddedTokenList {
 public:
  void Add(AddedTokenSpec spec) {
    if (spec.content.empty() || !contents_.insert(spec.content).second) return;
    specs_.push_back(std::move(spec));
  }
  // New tokens get their ids in this order.
  void SortById() {
    std::stable_sort(specs_.begin(), specs_.end(),
                     [](const AddedTokenSpec& a, const AddedTokenSpec& b) {
                       return a.id >= 0 && (b.id < 0 || a.id < b.id);
                     });
  }
  const std::vector<AddedTokenSpec>& specs() const { return specs_; }

 private:
  std::vector<AddedTokenSpec> specs_;
  std::set<std::string> contents_;
};

// added_tokens_decoder, {"5": {"content": ...}}, or else added_tokens.json, {"<x>": 5}.
Status ReadFurtherTokens(const ConfigFiles& files, AddedTokenList& tokens) {
  const auto decoder = files.tokenizer ? files.tokenizer->root().Find("added_tokens_decoder")
                                       : std::optional<JsonView>();
  if (decoder && !decoder->is_null()) {
    MINNOW_RETURN_IF_ERROR(decoder->Object());
    for (size_t i = 0; i < decoder->size(); ++i) {
      MINNOW_ASSIGN_OR_RETURN(AddedTokenSpec spec,
                              ReadSpec(decoder->at(i), AddedTokenSpec{.special = false}));
      const std::string_view id = decoder->key(i);
      if (id.empty() || id.size() > 9 || id.find_first_not_of("0123456789") != id.npos)
        return decoder->Expected("ids as names");
      spec.id = std::stoll(std::string(id));
      tokens.Add(std::move(spec));
    }
    return Status();
  }
  if (!files.added) return Status();
  const JsonView added = files.added->root();
  for (size_t i = 0; i < added.size(); ++i) {
    AddedTokenSpec spec = {.content = std::string(added.key(i)), .special = false};
    MINNOW_ASSIGN_OR_RETURN(spec.id, added.at(i).Int(0, Vocabulary::kMaxId));
    tokens.Add(std::move(spec));
  }
  return Status();
}

// The tokens that play the roles, by name.
struct Roles {
  std::string begin, end, unknown, cls, sep;
};

Result<Roles> ReadRoles(const ConfigFiles& files, const BpeClass& kind, AddedTokenList& tokens) {
  std::vector<AddedTokenSpec> plain;  // written as text only: without flags of their own
  const auto read = [&](std::string_view role, std::string_view fallback,
                        bool lstrip = false) -> Result<std::string> {
    AddedTokenSpec spec = {.content = std::string(fallback), .lstrip = lstrip};
    const auto json = FindRole(files, role);
    if (json) {
      MINNOW_ASSIGN_OR_RETURN(spec, ReadSpec(*json, spec));
    }
    std::string content = spec.content;
    if (json && json->is_object()) {
      tokens.Add(std::move(spec));
    } else {
      plain.push_back(std::move(spec));
    }
    return content;
  };
  Roles roles;
  MINNOW_ASSIGN_OR_RETURN(roles.begin, read("bos_token", kind.begin));
  MINNOW_ASSIGN_OR_RETURN(roles.end, read("eos_token", kind.end));
  MINNOW_ASSIGN_OR_RETURN(roles.unknown, read("unk_token", kind.unknown));
  MINNOW_ASSIGN_OR_RETURN(const std::string pad, read("pad_token", kind.pad));
  roles.cls = roles.begin;
  roles.sep = roles.end;
  if (!kind.clip) {
    MINNOW_ASSIGN_OR_RETURN(roles.cls, read("cls_token", kind.begin));
    MINNOW_ASSIGN_OR_RETURN(roles.sep, read("sep_token", kind.end));
    MINNOW_ASSIGN_OR_RETURN(const std::string mask, read("mask_token", kind.mask, true));
  }
  if (const auto more = FindRole(files, "additional_special_tokens")) {
    MINNOW_RETURN_IF_ERROR(more->Array());
    for (const JsonView item : more->Items()) {
      MINNOW_ASSIGN_OR_RETURN(AddedTokenSpec spec, ReadSpec(item, AddedTokenSpec()));
      plain.push_back(std::move(spec));
    }
  }
  for (AddedTokenSpec& spec : plain) tokens.Add(std::move(spec));
  return roles;
}

constexpr std::string_view kClipNormalizer =
    R"({"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Replace","pattern":{"Regex":"\\s+"},)"
    R"("content":" "},{"type":"Lowercase"}]})";
constexpr std::string_view kClipPreTokenizer =
    R"({"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":)"
    R"("'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"},"behavior":"Removed",)"
    R"("invert":true},{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true}]})";

class BpeFileWriter {
 public:
  BpeFileWriter(const JsonView& vocabulary, const BpeClass& kind)
      : vocabulary_(vocabulary), kind_(kind) {}

  Result<std::string> Write(const Roles& roles, const AddedTokenList& tokens, bool prefix_space,
                            std::string_view merges) {
    json_.BeginObject();
    json_.Key("added_tokens");
    json_.BeginArray();
    for (const AddedTokenSpec& spec : tokens.specs()) WriteToken(spec);
    json_.EndArray();
    WriteSteps(prefix_space);
    json_.Key("post_processor");
    json_.BeginObject();
    Text("type", "RobertaProcessing");
    MINNOW_RETURN_IF_ERROR(WriteRole("cls", roles.cls));
    MINNOW_RETURN_IF_ERROR(WriteRole("sep", roles.sep));
    Flag("trim_offsets", !kind_.clip);
    Flag("add_prefix_space", prefix_space);
    json_.EndObject();
    json_.Key("decoder");
    json_.Raw(R"({"type":"ByteLevel"})");
    json_.Key("model");
    json_.BeginObject();
    Text("type", "BPE");
    if (kind_.clip) Text("unk_token", roles.unknown);
    Text("end_of_word_suffix", kind_.clip ? "</w>" : "");
    json_.Key("vocab");
    WriteJson(vocabulary_, json_);
    json_.Key("merges");
    text_.reserve(text_.size() + merges.size() + merges.size() / 4);
    json_.String(merges);  // one text: the reader of the model takes it apart
    json_.EndObject();
    json_.EndObject();
    return std::move(text_);
  }

 private:
  void Text(std::string_view name, std::string_view value) {
    json_.Key(name);
    json_.String(value);
  }
  void Flag(std::string_view name, bool value) {
    json_.Key(name);
    json_.Bool(value);
  }

  void WriteToken(const AddedTokenSpec& spec) {
    const auto known = vocabulary_.Find(spec.content);
    const auto id = known ? known->Int(0, Vocabulary::kMaxId) : Result<int64_t>(spec.id);
    // New ones are numbered on from the vocabulary, as the reader of tokenizer.json does.
    const auto next = static_cast<int64_t>(vocabulary_.size()) + new_tokens_;
    if (!known) ++new_tokens_;
    json_.BeginObject();
    json_.Key("id");
    json_.Int(id.ok() && *id >= 0 ? *id : next);
    Text("content", spec.content);
    Flag("single_word", spec.single_word);
    Flag("lstrip", spec.lstrip);
    Flag("rstrip", spec.rstrip);
    Flag("normalized", spec.normalized);
    Flag("special", spec.special);
    json_.EndObject();
    ids_.emplace_back(spec.content, id.ok() && known ? *id : next);
  }

  void WriteSteps(bool prefix_space) {
    if (kind_.clip) {
      json_.Key("normalizer");
      json_.Raw(kClipNormalizer);
      json_.Key("pre_tokenizer");
      json_.Raw(kClipPreTokenizer);
      return;
    }
    json_.Key("pre_tokenizer");
    json_.BeginObject();
    Text("type", "ByteLevel");
    Flag("add_prefix_space", prefix_space);
    Flag("trim_offsets", true);
    json_.EndObject();
  }

  Status WriteRole(std::string_view name, const std::string& content) {
    for (const auto& [token, id] : ids_) {
      if (token != content) continue;
      json_.Key(name);
      json_.BeginArray();
      json_.String(content);
      json_.Int(id);
      json_.EndArray();
      return Status();
    }
    return vocabulary_.Wrong(
        Code::kCorrupt, std::string(name) + "_token " + QuoteForMessage(content) + " has no id");
  }

  const JsonView vocabulary_;
  const BpeClass& kind_;
  std::string text_;
  JsonWriter json_{&text_};
  std::vector<std::pair<std::string, int64_t>> ids_;
  int64_t new_tokens_ = 0;
};

// Other bytes would take six each as JSON.
Result<std::string> ReadMerges(const std::string& path) {
  MINNOW_ASSIGN_OR_RETURN(std::string merges, ReadSmallFile(path, kMaxMergesBytes));
  const bool control = std::any_of(merges.begin(), merges.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 && c != '\r' && c != '\n';
  });
  if (control || !IsValidUtf8(merges))
    return Error{Code::kCorrupt, path + ": control characters, or no UTF-8"};
  return merges;
}

}  // namespace

bool HasBpeFiles(const std::string& directory) {
  return Exists(directory, kVocabulary) && Exists(directory, kMergesFile);
}

Result<JsonDocument> ReadBpeFiles(const std::string& directory) {
  ConfigFiles files;
  MINNOW_ASSIGN_OR_RETURN(files.special, ReadOptional(directory, "special_tokens_map.json"));
  MINNOW_ASSIGN_OR_RETURN(files.tokenizer, ReadOptional(directory, "tokenizer_config.json"));
  MINNOW_ASSIGN_OR_RETURN(files.added, ReadOptional(directory, "added_tokens.json"));
  MINNOW_ASSIGN_OR_RETURN(const BpeClass kind, FindClass(directory, files.tokenizer));
  AddedTokenList tokens;
  MINNOW_RETURN_IF_ERROR(ReadFurtherTokens(files, tokens));
  MINNOW_ASSIGN_OR_RETURN(const Roles roles, ReadRoles(files, kind, tokens));
  tokens.SortById();
  bool prefix_space = false;
  if (files.tokenizer && !kind.clip) {
    MINNOW_ASSIGN_OR_RETURN(prefix_space,
                            files.tokenizer->root().GetBool("add_prefix_space", false));
  }
  std::string text;
  {
    MINNOW_ASSIGN_OR_RETURN(const JsonDocument vocabulary,
                            JsonDocument::ReadFile(Path(directory, kVocabulary)));
    MINNOW_RETURN_IF_ERROR(vocabulary.root().Object());
    MINNOW_ASSIGN_OR_RETURN(const std::string merges, ReadMerges(Path(directory, kMergesFile)));
    MINNOW_ASSIGN_OR_RETURN(
        text, BpeFileWriter(vocabulary.root(), kind).Write(roles, tokens, prefix_space, merges));
  }
  return JsonDocument::Parse(text, Path(directory, kVocabulary) + " and merges.txt");
}

}  // namespace minnow
