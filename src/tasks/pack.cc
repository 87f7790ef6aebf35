// SPDX-License-Identifier: Apache-2.0
// Packing, and measuring what it costs.
#include "tasks/pack.h"

#include <algorithm>
#include <new>
#include <utility>

#include "kernels/kernels.h"
#include "models/weight_list.h"
#include "tasks/embedding_model.h"
#include "tasks/quality_texts.h"
#include "text/packed_tokenizer.h"

namespace minnow {
namespace {

// Vectors of the texts, each by itself: [texts, D].
Result<std::vector<float>> Embed(const EmbeddingModel& model, std::span<const std::string> texts,
                                 ThreadPool* pool) {
  EmbeddingBatch batch(model, model.max_tokens(), /*max_texts=*/1, pool);
  std::vector<float> vectors;
  for (const std::string& text : texts) {
    MINNOW_ASSIGN_OR_RETURN(const TokenizedText tokens, model.Tokenize(text, LengthPolicy{}));
    batch.Add(tokens);
    const std::span<const float> vector = batch.Run(/*normalize=*/true);
    vectors.insert(vectors.end(), vector.begin(), vector.end());
  }
  return vectors;
}

double Dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * double{b[i]};
  return sum;
}

PackedQuality Compare(std::span<const float> reference, std::span<const float> packed,
                      size_t size) {
  PackedQuality quality;
  quality.cosine_min = 1;
  for (size_t at = 0; at < reference.size(); at += size) {
    // Both have length 1 up to rounding, which must not make a cosine above 1.
    const double cosine = std::min(1.0, Dot(reference.subspan(at, size), packed.subspan(at, size)));
    quality.cosine_mean += cosine;
    // Also true where it is not a number.
    if (!(cosine >= quality.cosine_min)) quality.cosine_min = cosine;
    ++quality.texts;
  }
  quality.cosine_mean /= quality.texts;
  return quality;
}

Result<PackResult> Pack(const ModelSource& source, const PackOptions& options,
                        const std::string& path, ThreadPool* pool,
                        const std::function<void(const std::string&)>& progress) {
  progress("reading the tokenizer");
  MINNOW_ASSIGN_OR_RETURN(const TokenizerTables tokenizer,
                          ReadTokenizerTables(source.layout().transformer_directory,
                                              source.layout().do_lower_case.value_or(false)));
  progress("packing the weights");
  MINNOW_ASSIGN_OR_RETURN(
      const auto model,
      EmbeddingModel::Load(source, {.dtype = options.dtype, .embedding = options.embedding}));
  progress("measuring against fp32");
  MINNOW_ASSIGN_OR_RETURN(
      const auto reference,
      EmbeddingModel::Load(source, {.dtype = Dtype::kF32, .embedding = std::nullopt}));
  const std::vector<std::string> texts = QualityTexts();
  MINNOW_ASSIGN_OR_RETURN(const std::vector<float> expected, Embed(*reference, texts, pool));
  MINNOW_ASSIGN_OR_RETURN(const std::vector<float> found, Embed(*model, texts, pool));

  const ModelInfo& info = model->encoder().info();
  PackedHeader header = {.model_id = info.model_id,
                         .packed_by = options.packed_by,
                         .dtype = DtypeName(options.dtype),
                         .embedding_dtype = TableTypeName(options.embedding),
                         .config = info.config,
                         .layout = info.layout,
                         .tokenizer_json = tokenizer.json,
                         .quality = Compare(expected, found, model->embedding_size())};
  progress("writing");
  std::vector<PackedTensor> tensors = model->encoder().PackedTensors();
  for (PackedTensor& tensor : tokenizer.tensors()) tensors.push_back(std::move(tensor));
  MINNOW_RETURN_IF_ERROR(WritePacked(header, tensors, path));
  MINNOW_ASSIGN_OR_RETURN(const auto written, PackedFile::Open(path));
  return PackResult{written->bytes(), *header.quality};
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
  try {
    return Pack(source, options, path, pool, progress);
  } catch (const std::bad_alloc&) {
    return Error{Code::kInternal, directory + ": no memory to pack it"};
  }
}

}  // namespace minnow
