// SPDX-License-Identifier: Apache-2.0
// SentenceEncoder over a model directory or a packed file.
#include "models/sentence_encoder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <optional>
#include <utility>

#include "kernels/dispatch.h"
#include "models/batch_forward.h"
#include "models/encoder.h"
#include "models/packed_weights.h"
#include "models/pooling.h"
#include "models/random_weights.h"
#include "models/tensor_floats.h"
#include "models/weight_list.h"
#include "nn/weight_packing.h"

namespace minnow {

namespace {

struct DenseWeights {
  Linear linear;
  MatmulActivation activation = kMatmulNone;
  AlignedBuffer<float> storage;
};

class EncoderWorkspace : public SentenceEncoder::Workspace {
 public:
  EncoderWorkspace(const ModelInfo& info, size_t max_tokens, size_t max_texts, size_t widest,
                   ThreadPool* pool)
      : forward(info.config, info.dtype, info.config.max_sequence_tokens(), ActiveKernels(), pool),
        max_tokens(max_tokens),
        max_texts(max_texts) {
    for (int i = 0; i < pool->size(); ++i) {
      pooled.push_back({AlignedBuffer<float>(widest), AlignedBuffer<float>(widest)});
    }
  }

  size_t bytes() const override {
    return forward.bytes() + pooled.size() * 2 * pooled[0][0].size_bytes();
  }

  BatchForward forward;
  std::vector<std::array<AlignedBuffer<float>, 2>>
      pooled;                   // for each thread: a vector on its way through Dense modules
  LinearScratch dense_scratch;  // empty: Dense modules are fp32
  const size_t max_tokens;
  const size_t max_texts;
};

MatmulActivation KernelActivation(DenseActivation activation) {
  switch (activation) {
    case DenseActivation::kIdentity:
      return kMatmulNone;
    case DenseActivation::kTanh:
      return kMatmulTanh;
    case DenseActivation::kRelu:
      return kMatmulRelu;
    case DenseActivation::kGelu:
      return kMatmulGeluErf;
    case DenseActivation::kSigmoid:
      return kMatmulSigmoid;
  }
  return kMatmulNone;
}

class PooledEncoder : public SentenceEncoder {
 public:
  explicit PooledEncoder(ModelInfo info) : info_(std::move(info)), kernels_(ActiveKernels()) {}

  Status LoadDirectory(std::optional<TableType> embedding, const Calibration* calibration) {
    MINNOW_ASSIGN_OR_RETURN(checkpoint_,
                            Checkpoint::OpenDirectory(info_.layout.transformer_directory));
    MINNOW_ASSIGN_OR_RETURN(weights_, LoadEncoderWeights(checkpoint_, info_.config, info_.dtype,
                                                         embedding, calibration));
    info_.embedding = weights_.word_embeddings.type();
    info_.weight_bytes = weights_.storage.size_bytes();
    for (const ConvertedTable& table : weights_.tables)
      info_.weight_bytes += table.data.size_bytes() + table.scales.size_bytes();
    return LoadDenseModules(
        [&](const DenseSpec& spec, DenseWeights& dense) { return ReadDense(spec, dense); });
  }

  Status LoadRandom() {
    MINNOW_ASSIGN_OR_RETURN(weights_, RandomWeights(info_.config, info_.dtype));
    info_.embedding = weights_.word_embeddings.type();
    info_.weight_bytes = weights_.storage.size_bytes();
    return LoadDenseModules([](const DenseSpec&, DenseWeights&) { return Status(); });
  }

  Status LoadPacked(std::shared_ptr<const PackedFile> packed) {
    packed_ = std::move(packed);
    const auto embedding = ParseEmbeddingDtype(packed_->header().embedding_dtype);
    if (!embedding.ok()) {
      return Error{Code::kUnsupported,
                   packed_->path() + ": minnow.embedding_dtype: " + embedding.error().message};
    }
    info_.embedding = *embedding;
    if (packed_->header().version < 2) {
      weights_.storage = AlignedBuffer<float>(
          PaddedColumns(std::max(info_.config.hidden_size, info_.config.intermediate_size)));
      std::fill_n(weights_.storage.data(), weights_.storage.size(), 1.0f);
    }
    PackedReader reader(*packed_, info_.config.hidden_size, info_.dtype, info_.embedding,
                        weights_.storage.data());
    MINNOW_RETURN_IF_ERROR(VisitWeights(info_.config, weights_, reader));
    PackedReader dense_reader(*packed_, info_.config.hidden_size, Dtype::kF32, TableType::kF32);
    MINNOW_RETURN_IF_ERROR(LoadDenseModules([&](const DenseSpec& spec, DenseWeights& dense) {
      return dense_reader.Product(DenseName(dense_.size()), {}, spec.in_features, spec.out_features,
                                  dense.linear);
    }));
    info_.weight_bytes = reader.bytes() + dense_reader.bytes();
    info_.quality = packed_->header().quality;
    return Status();
  }

  std::vector<PackedTensor> PackedTensors() const override {
    std::vector<PackedTensor> tensors;
    PackedWriter writer(info_.config.hidden_size, tensors);
    // The list fills in places as well as it reads them; here it only reads.
    auto& weights = const_cast<EncoderWeights&>(weights_);
    CHECK(VisitWeights(info_.config, weights, writer).ok());
    for (size_t i = 0; i < dense_.size(); ++i) {
      Linear linear = dense_[i].linear;
      const LinearWeights& w = linear.weights();
      CHECK(writer.Product(DenseName(i), {}, w.in_features, w.out_features, linear).ok());
    }
    return tensors;
  }

  Calibration MeasureInputs(std::span<const std::vector<int32_t>> texts) const override {
    CHECK(info_.dtype == Dtype::kF32);
    return Calibrate(info_.config, weights_, kernels_, texts);
  }

  const ModelInfo& info() const override { return info_; }

  std::unique_ptr<Workspace> NewWorkspace(size_t max_tokens, size_t max_texts,
                                          ThreadPool* pool) const override {
    return std::make_unique<EncoderWorkspace>(info_, max_tokens, max_texts, widest_, pool);
  }

  void Embed(const TokenBatch& batch, bool normalize, Workspace& workspace,
             float* out) const override {
    auto& space = static_cast<EncoderWorkspace&>(workspace);
    CHECK(batch.tokens() <= space.max_tokens && batch.texts() <= space.max_texts);
    PoolSink sink(*this, batch.unpooled, normalize, space, out);
    space.forward.Run(weights_, batch, sink);
  }

  void Hidden(const TokenBatch& batch, Workspace& workspace, float* out) const override {
    auto& space = static_cast<EncoderWorkspace&>(workspace);
    CHECK(batch.tokens() <= space.max_tokens && batch.texts() <= space.max_texts);
    CopySink sink(batch, info_.config.hidden_size, out);
    space.forward.Run(weights_, batch, sink);
  }

 private:
  static std::string DenseName(size_t i) { return "dense." + std::to_string(i); }

  // Checks that the modules fit each other; `load` fills in each one's weights.
  template <class Load>
  Status LoadDenseModules(const Load& load) {
    size_t width = info_.config.hidden_size * info_.layout.pooling.size();
    widest_ = PaddedColumns(width);
    for (const DenseSpec& spec : info_.layout.dense) {
      if (static_cast<size_t>(spec.in_features) != width) {
        const std::string name = packed_ ? packed_->path() + ": " + DenseName(dense_.size())
                                         : spec.directory + "/config.json";
        return Error{Code::kCorrupt, name + ": in_features is " + std::to_string(spec.in_features) +
                                         ", but the module before gives " + std::to_string(width)};
      }
      DenseWeights dense;
      dense.activation = KernelActivation(spec.activation);
      MINNOW_RETURN_IF_ERROR(load(spec, dense));
      dense_.push_back(std::move(dense));
      width = spec.out_features;
      widest_ = std::max(widest_, PaddedColumns(width));
    }
    info_.embedding_size = static_cast<int>(width);
    return Status();
  }

  Status ReadDense(const DenseSpec& spec, DenseWeights& dense) {
    MINNOW_ASSIGN_OR_RETURN(const Checkpoint file, Checkpoint::OpenDirectory(spec.directory));
    const size_t in_features = spec.in_features, out_features = spec.out_features;
    const size_t weight_floats =
        PackedWeightBytes(Dtype::kF32, in_features, out_features) / sizeof(float);
    dense.storage = AlignedBuffer<float>(weight_floats + PaddedColumns(out_features));
    const std::array<int64_t, 2> shape = {spec.out_features, spec.in_features};
    MINNOW_ASSIGN_OR_RETURN(const TensorView* weight, file.Get("linear.weight", shape));
    MINNOW_RETURN_IF_ERROR(PackRows({&weight, 1}, {.weight = dense.storage.data()}));
    float* bias = dense.storage.data() + weight_floats;
    if (spec.bias) {
      const std::array<int64_t, 1> bias_shape = {spec.out_features};
      MINNOW_ASSIGN_OR_RETURN(const TensorView* tensor, file.Get("linear.bias", bias_shape));
      MINNOW_RETURN_IF_ERROR(CopyFloats(*tensor, bias));
    }
    dense.linear = Linear({.in_features = in_features,
                           .out_features = out_features,
                           .weight = dense.storage.data(),
                           .bias = bias});
    info_.weight_bytes += dense.storage.size_bytes();
    return Status();
  }

  // Pools each text into its row of out: [B, D].
  class PoolSink : public TextSink {
   public:
    PoolSink(const PooledEncoder& encoder, std::span<const int32_t> unpooled, bool normalize,
             EncoderWorkspace& space, float* out)
        : encoder_(encoder), unpooled_(unpooled), normalize_(normalize), space_(space), out_(out) {}
    void Take(size_t text, ConstRows hidden, size_t tokens, int member) override {
      if (!unpooled_.empty()) {
        const auto skipped = static_cast<size_t>(unpooled_[text]);
        hidden.data += skipped * hidden.stride;
        tokens -= skipped;
      }
      encoder_.PoolText(hidden, tokens, normalize_, space_, member,
                        out_ + text * encoder_.info_.embedding_size);
    }

   private:
    const PooledEncoder& encoder_;
    const std::span<const int32_t> unpooled_;
    const bool normalize_;
    EncoderWorkspace& space_;
    float* const out_;
  };

  // Copies each text's hidden states to out: [T, C].
  class CopySink : public TextSink {
   public:
    CopySink(const TokenBatch& batch, size_t channels, float* out)
        : batch_(batch), channels_(channels), out_(out) {}
    void Take(size_t text, ConstRows hidden, size_t tokens, int) override {
      float* to = out_ + batch_.starts[text] * channels_;
      for (size_t t = 0; t < tokens; ++t) {
        std::memcpy(to + t * channels_, hidden.data + t * hidden.stride, channels_ * sizeof(float));
      }
    }

   private:
    const TokenBatch& batch_;
    const size_t channels_;
    float* const out_;
  };

  // out: [D] f32
  void PoolText(ConstRows hidden, size_t tokens, bool normalize, EncoderWorkspace& space,
                int member, float* out) const {
    const size_t channels = info_.config.hidden_size;
    float* vector = space.pooled[member][0].data();
    for (size_t i = 0; i < info_.layout.pooling.size(); ++i) {
      Pool(kernels_, info_.layout.pooling[i], hidden, tokens, channels, vector + i * channels);
    }
    for (size_t i = 0; i < dense_.size(); ++i) {
      float* next = space.pooled[member][(i + 1) % 2].data();
      dense_[i].linear.Forward(kernels_, {vector, widest_}, /*rows=*/1, dense_[i].activation,
                               /*residual=*/{}, {next, widest_}, space.dense_scratch);
      vector = next;
    }
    if (normalize) kernels_.normalize_f32(vector, info_.embedding_size);
    std::memcpy(out, vector, info_.embedding_size * sizeof(float));
  }

  ModelInfo info_;
  // What the weights are views of: one of the two.
  Checkpoint checkpoint_;
  std::shared_ptr<const PackedFile> packed_;
  const Kernels& kernels_;
  EncoderWeights weights_;
  std::vector<DenseWeights> dense_;
  size_t widest_ = 0;  // floats of the widest vector between pooling and the end, padded
};

// A packed file has one precision; asking for another is a mistake.
Result<Dtype> PackedDtype(const PackedFile& packed, const EncoderPrecision& wanted) {
  const auto refuse = [&](const std::string& name) {
    return Error{Code::kInvalidArgument, packed.path() + ": packed as " + packed.header().dtype +
                                             " with " + packed.header().embedding_dtype +
                                             " embeddings; " + name + " needs another packed file"};
  };
  auto dtype = ParseDtype(packed.header().dtype);
  if (!dtype.ok()) {
    return Error{Code::kUnsupported, packed.path() + ": minnow.dtype: " + dtype.error().message};
  }
  if (wanted.dtype && *wanted.dtype != *dtype) return refuse(DtypeName(*wanted.dtype));
  if (wanted.embedding && packed.header().embedding_dtype != TableTypeName(*wanted.embedding))
    return refuse(std::string(TableTypeName(*wanted.embedding)) + " embeddings");
  return dtype;
}

}  // namespace

Result<std::unique_ptr<SentenceEncoder>> SentenceEncoder::Load(const ModelSource& source,
                                                               const EncoderPrecision& precision,
                                                               const Calibration* calibration) {
  ModelInfo info;
  info.model_id = source.model_id();
  info.layout = source.layout();
  MINNOW_ASSIGN_OR_RETURN(info.config, source.ReadConfig());
  info.max_sequence_tokens = MaxSequenceTokens(info.config, info.layout);
  info.dtype = precision.dtype.value_or(Dtype::kF32);
  if (source.packed()) {
    MINNOW_ASSIGN_OR_RETURN(info.dtype, PackedDtype(*source.packed(), precision));
  }
  auto encoder = std::make_unique<PooledEncoder>(std::move(info));
  try {
    MINNOW_RETURN_IF_ERROR(source.packed()
                               ? encoder->LoadPacked(source.packed())
                               : encoder->LoadDirectory(precision.embedding, calibration));
  } catch (const std::bad_alloc&) {
    return Error{Code::kInternal, source.name() + ": no memory for the packed weights"};
  }
  return std::unique_ptr<SentenceEncoder>(std::move(encoder));
}

Result<std::unique_ptr<SentenceEncoder>> SentenceEncoder::Random(const EncoderConfig& config,
                                                                 Dtype dtype) {
  ModelInfo info;
  info.model_id = "random";
  info.layout.pooling = {Pooling::kMean};
  info.config = config;
  info.max_sequence_tokens = MaxSequenceTokens(config, info.layout);
  info.dtype = dtype;
  auto encoder = std::make_unique<PooledEncoder>(std::move(info));
  MINNOW_RETURN_IF_ERROR(encoder->LoadRandom());
  return std::unique_ptr<SentenceEncoder>(std::move(encoder));
}

Result<std::unique_ptr<SentenceEncoder>> SentenceEncoder::Load(const std::string& path,
                                                               Dtype dtype) {
  MINNOW_ASSIGN_OR_RETURN(const ModelSource source, ModelSource::Open(path));
  return Load(source, {.dtype = dtype, .embedding = std::nullopt});
}

}  // namespace minnow
