// SPDX-License-Identifier: Apache-2.0
// Any bytes as the configuration files of a model directory. An input starting with '{' is a
// config.json; any other is cut at each zero byte into modules.json, a module's config.json,
// sentence_bert_config.json, tokenizer_config.json and
// config_sentence_transformers.json.
#include <unistd.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/check.h"
#include "models/clip/config.h"
#include "models/heads/classify.h"
#include "models/heads/sentence_transformers.h"
#include "models/registry.h"
#include "models/t5/config.h"
#include "models/unet/config.h"
#include "models/unet/weights.h"
#include "models/vae/config.h"
#include "models/weights/parameter_counter.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;

void FuzzT5(const std::string& text) {
  const auto config = ParseT5Config(text, "config.json");
  if (!config.ok()) {
    CHECK(config.error().message.starts_with("config.json: "));
    return;
  }
  CHECK(IsT5(config->model_type) && config->inner() >= 1 && config->d_model >= 1 &&
        config->d_ff >= 1 && config->layer_norm_epsilon > 0.0f);
  for (const DistanceBuckets& buckets : {config->encoder_buckets, config->decoder_buckets}) {
    for (const int distance : {-(1 << 30), -buckets.max_distance, -1, 0, 1, 77, 1 << 30})
      CHECK(buckets.Of(distance) >= 0 && buckets.Of(distance) < buckets.count);
  }
}

// The parsers of a diffusion model's parts.
template <class Parse, class Check>
void FuzzPart(const std::string& text, const Parse& parse, const Check& check) {
  const auto config = parse(text, "config.json");
  if (config.ok()) return check(*config);
  CHECK(config.error().message.starts_with("config.json: "));
}

void FuzzDiffusion(const std::string& text) {
  FuzzPart(text, ParseUNetConfig, [](const UNetConfig& config) {
    CHECK(config.down_attention.size() == config.levels.size() &&
          config.up_attention.size() == config.levels.size() && config.layers_per_block >= 1);
    for (const UNetLevel& level : config.levels)
      CHECK(level.channels % config.groups == 0 && level.channels % level.heads == 0);
    UNetWeights weights;
    ParameterCounter counter;
    CHECK(VisitUNetWeights(config, weights, counter).ok() && counter.count() > 0);
  });
  FuzzPart(text, ParseKlVaeConfig, [](const KlVaeConfig& config) {
    for (const size_t channels : config.block_channels) CHECK(channels % config.groups == 0);
  });
  FuzzPart(text, ParseTinyVaeConfig, [](const TinyVaeConfig& config) {
    CHECK(config.encoder_blocks.size() == config.decoder_blocks.size());
  });
  FuzzPart(text, ParseClipTextConfig, [](const ClipTextConfig& config) {
    CHECK(config.hidden_size % config.heads == 0 && config.layers >= 1);
  });
}

void FuzzConfig(const std::string& text) {
  FuzzT5(text);
  FuzzDiffusion(text);
  const auto labels = ReadLabels(text, "config.json", /*count=*/3);
  CHECK(labels.ok() ? labels->size() == 3 : labels.error().message.starts_with("config.json"));
  const auto config = ParseEncoderConfig(text, "config.json");
  if (!config.ok()) {
    CHECK(config.error().message.starts_with("config.json: "));
    return;
  }
  // T5's heads have a size of their own.
  CHECK(IsT5(config->model_type) ||
        (config->head_dim() >= 1 &&
         config->head_dim() * config->num_attention_heads == config->hidden_size));
  CHECK(config->max_sequence_tokens() >= 1 && config->vocab_size >= 1 &&
        config->layer_norm_eps > 0.0f);
  CHECK(config->pad_token_id >= 0 &&
        config->max_position_embeddings >= config->max_sequence_tokens());
}

// A directory of this process alone, in memory where the system has such a place; gone at the end.
class Scratch {
 public:
  Scratch() {
    std::error_code ec;
    const fs::path root =
        fs::exists("/dev/shm", ec) ? fs::path("/dev/shm") : fs::temp_directory_path();
    path_ = root / ("minnow_config_fuzz_" + std::to_string(getpid()));
    fs::create_directories(path_ / "m");
  }
  ~Scratch() {
    std::error_code ec;
    fs::remove_all(path_, ec);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

const fs::path& Directory() {
  static const Scratch scratch;
  return scratch.path();
}

// The model's own directory or something below it, by names alone.
bool StaysBelow(const std::string& root, const std::string& path) {
  const std::string relative = fs::path(path).lexically_normal().lexically_relative(root).string();
  return !relative.empty() && !relative.starts_with("..");
}

void FuzzLayout(const std::string& input) {
  constexpr std::array<const char*, 5> kFiles = {
      "modules.json", "m/config.json", "sentence_bert_config.json", "tokenizer_config.json",
      "config_sentence_transformers.json"};
  size_t begin = 0;
  for (const char* file : kFiles) {
    const size_t end = std::min(input.find('\0', begin), input.size());
    std::ofstream(Directory() / file, std::ios::binary) << input.substr(begin, end - begin);
    begin = std::min(end + 1, input.size());
  }
  const std::string root = Directory().string();
  const auto layout = ReadSentenceTransformersLayout(root);
  if (!layout.ok()) {
    CHECK(layout.error().message.starts_with(root));
    return;
  }
  CHECK(!layout->pooling.empty() && layout->max_seq_length.value_or(1) >= 1);
  CHECK(StaysBelow(root, layout->transformer_directory));
  for (const DenseSpec& dense : layout->dense) {
    CHECK(dense.in_features >= 1 && dense.out_features >= 1 && StaysBelow(root, dense.directory));
  }
}

}  // namespace
}  // namespace minnow

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string input(reinterpret_cast<const char*>(data), size);
  if (input.starts_with('{')) {
    minnow::FuzzConfig(input);
  } else {
    minnow::FuzzLayout(input);
  }
  return 0;
}
