// SPDX-License-Identifier: Apache-2.0
// Chunks, and the checksum of a model.
#include "ingest/prepare.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <span>
#include <utility>

#include "base/mapped_file.h"
#include "formats/bundle.h"
#include "formats/checkpoint.h"
#include "formats/onnx/onnx_file.h"
#include "formats/packed_header.h"
#include "formats/xxh64.h"
#include "nn/dtype.h"
#include "text/tokenizer_files.h"

namespace minnow {
namespace {

constexpr size_t kMaxTokenizerBytes = size_t{256} << 20;
constexpr size_t kMinChunkTokens = 8;

std::string Hexadecimal(uint64_t value) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(value));
  return text;
}

// What a layout does with the hidden states, and how much of a text it reads.
std::string LayoutText(const SentenceTransformersLayout& layout, const EncoderConfig& config) {
  std::string text = std::to_string(MaxSequenceTokens(config, layout));
  for (const Pooling pooling : layout.pooling) text += std::string(" ") + PoolingName(pooling);
  for (const DenseSpec& dense : layout.dense) {
    text += std::string(" dense ") + DenseActivationName(dense.activation);
  }
  if (layout.normalize) text += " normalize";
  if (const std::string* prompt = layout.prompts.document();
      prompt != nullptr && !prompt->empty()) {
    text += (layout.prompts.pooled ? " prompt " : " unpooled prompt ") + *prompt;
  }
  return text;
}

// Of weights, tokenizer and layout: what decides over vectors.
Result<std::string> DirectoryChecksum(const ModelSource& source, const EncoderConfig& config) {
  const std::string& directory = source.layout().transformer_directory;
  std::string tokenizer;
  for (const std::string& path : VocabularyFiles(directory)) {
    MINNOW_ASSIGN_OR_RETURN(const std::string file, ReadSmallFile(path, kMaxTokenizerBytes));
    tokenizer += file;
  }
  Xxh64 checksum;
  const auto update = [&checksum](const auto& files) {
    for (const auto& file : files) {
      checksum.Update(file->bytes());
      file->Release(file->bytes());
    }
  };
  if (source.onnx().empty()) {
    MINNOW_ASSIGN_OR_RETURN(const Checkpoint weights, Checkpoint::OpenDirectory(directory));
    update(weights.files());
  } else {
    MINNOW_ASSIGN_OR_RETURN(const auto weights, OnnxFile::Open(source.onnx()));
    update(weights->files());
  }
  checksum.Update(std::as_bytes(std::span(tokenizer)));
  for (const DenseSpec& dense : source.layout().dense) {
    MINNOW_ASSIGN_OR_RETURN(const MappedFile file,
                            MappedFile::Open(dense.directory + "/model.safetensors"));
    checksum.Update(file.bytes());
  }
  const std::string how = LayoutText(source.layout(), config);
  checksum.Update(std::as_bytes(std::span(how)));
  return Hexadecimal(checksum.Digest());
}

}  // namespace

Chunker ChunkerOf(const EmbeddingModel& model) {
  const Tokenizer& tokenizer = model.tokenizer();
  const std::string* prompt = model.info().layout.prompts.document();
  const size_t special =
      tokenizer.Encode(prompt == nullptr ? "" : *prompt, EncodeOptions()).ids.size();
  Chunker chunker;
  const size_t room = model.max_tokens() - std::min(special, model.max_tokens());
  chunker.options.max_tokens = std::clamp(room, kMinChunkTokens, chunker.options.max_tokens);
  chunker.options.overlap_tokens =
      std::min(chunker.options.overlap_tokens, chunker.options.max_tokens / 4);
  chunker.count_tokens = [&tokenizer](std::string_view text) {
    EncodeOptions options;
    options.add_special_tokens = false;
    return tokenizer.Encode(text, options).ids.size();
  };
  return chunker;
}

Result<Document> PrepareDocument(const IndexSettings& settings, const Chunker& chunker,
                                 std::string_view json) {
  MINNOW_ASSIGN_OR_RETURN(Document document, MakeDocument(settings, json));
  document.chunks = ChunkText(document.text, chunker.options, chunker.count_tokens);
  return document;
}

Result<ModelIdentity> IdentifyModel(const ModelSource& source, const EmbeddingModel& model) {
  if (!model.has_tokenizer()) {
    return Error{Code::kInvalidArgument,
                 source.name() + ": no tokenizer.json: an index needs a model that takes text"};
  }
  const ModelInfo& info = model.info();
  ModelIdentity identity;
  identity.name = source.model_id();
  identity.dtype = DtypeName(info.dtype);
  identity.dimensions = model.embedding_size();
  // The program's own model is found without a path.
  if (!source.packed() || source.name() != ShownPath(kThisProgram)) {
    identity.path = std::filesystem::absolute(source.name()).lexically_normal().string();
  }
  if (source.packed()) {
    const auto& metadata = source.packed()->checkpoint().metadata();
    const auto checksum = metadata.find(kPackedChecksumKey);
    if (checksum != metadata.end()) {
      identity.checksum = checksum->second;
      return identity;
    }
    return Error{Code::kCorrupt, source.name() + ": no checksum"};
  }
  MINNOW_ASSIGN_OR_RETURN(const std::string checksum, DirectoryChecksum(source, info.config));
  identity.checksum = "xxh64:" + checksum;
  return identity;
}

}  // namespace minnow
