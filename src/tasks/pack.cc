// SPDX-License-Identifier: Apache-2.0
// Packing, and measuring what it costs.
#include "tasks/pack.h"

#include <algorithm>
#include <cmath>
#include <new>
#include <optional>
#include <utility>

#include "kernels/kernels.h"
#include "models/diffusion/diffusion_model.h"
#include "models/diffusion/part.h"
#include "tasks/classify.h"
#include "tasks/embedding_model.h"
#include "tasks/quality_texts.h"
#include "tasks/text_to_text.h"
#include "tasks/token_scores.h"
#include "text/packed_tokenizer.h"

namespace minnow {
namespace {

// What the model gives for a text: [outputs], or of a head over each token [tokens * outputs].
using Vector = std::vector<float>;

// Of each text, by itself.
Result<std::vector<Vector>> Vectors(const TextModel& model, std::span<const std::string> texts,
                                    bool normalize, ThreadPool* pool) {
  TextBatch batch(model, model.max_tokens(), /*max_texts=*/1, pool);
  std::vector<Vector> vectors;
  for (const std::string& text : texts) {
    MINNOW_ASSIGN_OR_RETURN(const TokenizedText tokens, model.Tokenize(text, LengthPolicy{}));
    batch.Add(tokens);
    const std::span<const float> vector = batch.Run(normalize);
    vectors.emplace_back(vector.begin(), vector.end());
  }
  return vectors;
}

double Dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * double{b[i]};
  return sum;
}

size_t Best(std::span<const float> scores) {
  return static_cast<size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

// Whether the label is the same, of each token where each has one.
bool SameLabels(std::span<const float> a, std::span<const float> b, size_t labels) {
  for (size_t at = 0; at < a.size(); at += labels) {
    if (Best(a.subspan(at, labels)) != Best(b.subspan(at, labels))) return false;
  }
  return true;
}

PackedQuality Compare(const std::vector<Vector>& reference, const std::vector<Vector>& packed,
                      size_t outputs, ModelKind kind) {
  PackedQuality quality;
  quality.cosine_min = 1;
  int same_label = 0;
  for (size_t i = 0; i < reference.size(); ++i) {
    const Vector &a = reference[i], &b = packed[i];
    const double length = std::sqrt(Dot(a, a) * Dot(b, b));
    double cosine = Dot(a, b) / (length > 0 ? length : 1);
    if (cosine > 1) cosine = 1;  // by rounding; what is not a number stays so
    quality.cosine_mean += cosine;
    // Also true where it is not a number.
    if (!(cosine >= quality.cosine_min)) quality.cosine_min = cosine;
    same_label += SameLabels(a, b, outputs) ? 1 : 0;
    ++quality.texts;
  }
  quality.cosine_mean /= quality.texts;
  if (kind == ModelKind::kClassification || kind == ModelKind::kTokenClassification)
    quality.same_label = same_label;
  return quality;
}

Result<std::unique_ptr<TextModel>> Load(const ModelSource& source,
                                        const EncoderPrecision& precision) {
  if (source.kind() == ModelKind::kClassification) {
    MINNOW_ASSIGN_OR_RETURN(auto model, ClassifyModel::Load(source, precision));
    return std::unique_ptr<TextModel>(std::move(model));
  }
  if (IsPerToken(source.kind())) {
    MINNOW_ASSIGN_OR_RETURN(auto model, TokenHeadModel::Load(source, source.kind(), precision));
    return std::unique_ptr<TextModel>(std::move(model));
  }
  MINNOW_ASSIGN_OR_RETURN(auto model, EmbeddingModel::Load(source, precision));
  return std::unique_ptr<TextModel>(std::move(model));
}

// Against fp32; nothing where there is no tokenizer to make tokens of the texts.
Result<std::optional<PackedQuality>> Measure(const ModelSource& source, const TextModel& model,
                                             ThreadPool* pool) {
  if (!model.has_tokenizer()) return std::optional<PackedQuality>();
  MINNOW_ASSIGN_OR_RETURN(const auto reference,
                          Load(source, {.dtype = Dtype::kF32, .embedding = std::nullopt}));
  const std::vector<std::string> texts = QualityTexts();
  const bool normalize = source.kind() == ModelKind::kEmbedding;
  MINNOW_ASSIGN_OR_RETURN(const auto expected, Vectors(*reference, texts, normalize, pool));
  MINNOW_ASSIGN_OR_RETURN(const auto found, Vectors(model, texts, normalize, pool));
  return std::optional(Compare(expected, found, model.outputs(), source.kind()));
}

// tokenizer.json's tables, where the directory has a tokenizer.
Result<std::optional<TokenizerTables>> ReadTables(const ModelSource& source, bool has_tokenizer) {
  if (!has_tokenizer) return std::optional<TokenizerTables>();
  MINNOW_ASSIGN_OR_RETURN(TokenizerTables tables,
                          ReadTokenizerTables(source.layout().transformer_directory,
                                              source.layout().do_lower_case.value_or(false)));
  return std::optional(std::move(tables));
}

Result<PackResult> Write(PackedHeader header, std::vector<PackedTensor> tensors,
                         const std::optional<TokenizerTables>& tokenizer, ModelKind kind,
                         const std::string& path) {
  if (tokenizer) {
    header.tokenizer_json = tokenizer->json;
    for (PackedTensor& tensor : tokenizer->tensors()) tensors.push_back(std::move(tensor));
  }
  MINNOW_RETURN_IF_ERROR(WritePacked(header, tensors, path));
  MINNOW_ASSIGN_OR_RETURN(const auto written, PackedFile::Open(path));
  return PackResult{written->bytes(), kind, header.quality};
}

// Configurations of all components, but of those that have none to read.
Result<std::map<std::string, std::string, std::less<>>> ReadConfigs(const ModelSource& source) {
  std::map<std::string, std::string, std::less<>> configs;
  for (const auto& [component, files] : source.components()) {
    auto json = source.ReadConfigJson(component);
    const bool optional =
        component == kTokenizerPart && !json.ok() && json.error().code == Code::kNotFound;
    if (optional) continue;
    if (!json.ok()) return std::move(json).error();
    configs[component] = std::move(json).value();
  }
  return configs;
}

// A model of which nothing is measured.
Result<PackResult> WriteUnmeasured(const ModelSource& source, const PackOptions& options,
                                   const std::string& model_id, std::vector<PackedTensor> tensors,
                                   bool has_tokenizer, const std::string& path,
                                   const std::function<void(const std::string&)>& progress) {
  MINNOW_ASSIGN_OR_RETURN(const auto tokenizer, ReadTables(source, has_tokenizer));
  PackedHeader header = {.model_id = model_id,
                         .packed_by = options.packed_by,
                         .dtype = DtypeName(options.dtype),
                         .embedding_dtype = TableTypeName(options.embedding),
                         .kind = ModelKindName(source.kind()),
                         .configs = {},
                         .tokenizer_json = "",
                         .quality = std::nullopt};
  MINNOW_ASSIGN_OR_RETURN(header.configs, ReadConfigs(source));
  progress("writing");
  return Write(std::move(header), std::move(tensors), tokenizer, source.kind(), path);
}

// What a picture loses is for the eye, and for bench image; nothing is measured here.
Result<PackResult> PackDiffusion(const ModelSource& source, const PackOptions& options,
                                 const std::string& path,
                                 const std::function<void(const std::string&)>& progress) {
  progress("packing the weights");
  MINNOW_ASSIGN_OR_RETURN(const auto reader, LoadTokenizer(source));
  MINNOW_ASSIGN_OR_RETURN(const auto model,
                          DiffusionModel::Load(source, {.dtype = options.dtype,
                                                        .tiny_vae = "",
                                                        .embedding = options.embedding,
                                                        .loras = options.loras,
                                                        .winograd = WinogradUse::kNever}));
  return WriteUnmeasured(source, options, source.model_id(), model->PackedTensors(),
                         reader != nullptr, path, progress);
}

// A model that makes text has no vector to measure.
Result<PackResult> PackT5(const ModelSource& source, const PackOptions& options,
                          const std::string& path,
                          const std::function<void(const std::string&)>& progress) {
  progress("packing the weights");
  MINNOW_ASSIGN_OR_RETURN(const auto reader, LoadTokenizer(source));
  MINNOW_ASSIGN_OR_RETURN(
      const auto model,
      LoadTextToText(source, {.dtype = options.dtype, .embedding = options.embedding}, T5Limits{},
                     reader.get()));
  return WriteUnmeasured(source, options, model->info().model_id, model->PackedTensors(),
                         reader != nullptr, path, progress);
}

Result<PackResult> Pack(const ModelSource& source, const PackOptions& options,
                        const std::string& path, ThreadPool* pool,
                        const std::function<void(const std::string&)>& progress) {
  progress("packing the weights");
  MINNOW_ASSIGN_OR_RETURN(const auto model,
                          Load(source, {.dtype = options.dtype, .embedding = options.embedding}));
  MINNOW_ASSIGN_OR_RETURN(const auto tokenizer, ReadTables(source, model->has_tokenizer()));
  progress("measuring against fp32");
  MINNOW_ASSIGN_OR_RETURN(const std::optional<PackedQuality> quality,
                          Measure(source, *model, pool));
  MINNOW_ASSIGN_OR_RETURN(const std::string config, source.ReadConfigJson(kTransformer));
  const ModelInfo& info = model->info();
  const PackedHeader header = {
      .model_id = info.model_id,
      .packed_by = options.packed_by,
      .dtype = DtypeName(options.dtype),
      .embedding_dtype = TableTypeName(options.embedding),
      .kind = ModelKindName(source.kind()),
      .configs = {{std::string(kTransformer), config}, {"head", HeadJson(info.layout)}},
      .tokenizer_json = "",
      .quality = quality};
  progress("writing");
  return Write(header, model->encoder().PackedTensors(), tokenizer, source.kind(), path);
}

}  // namespace

Result<PackResult> PackModel(const std::string& directory, const PackOptions& options,
                             const std::string& path, ThreadPool* pool,
                             const std::function<void(const std::string&)>& progress) {
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(directory));
  if (source.packed()) {
    return Error{Code::kInvalidArgument,
                 source.name() + ": is packed already; a packed file is made from a directory"};
  }
  if (!options.loras.empty() && source.kind() != ModelKind::kTextToImage) {
    return Error{Code::kInvalidArgument,
                 source.name() + ": adapters are for models that make pictures"};
  }
  try {
    if (source.kind() == ModelKind::kTextToText) return PackT5(source, options, path, progress);
    if (source.kind() == ModelKind::kTextToImage)
      return PackDiffusion(source, options, path, progress);
    return Pack(source, options, path, pool, progress);
  } catch (const std::bad_alloc&) {
    return Error{Code::kInternal, directory + ": no memory to pack it"};
  }
}

}  // namespace minnow
