// SPDX-License-Identifier: Apache-2.0
// SentenceEncoder over a model directory.
#include "models/sentence_encoder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <filesystem>
#include <new>

#include "kernels/dispatch.h"
#include "models/batch_forward.h"
#include "models/encoder.h"
#include "models/pooling.h"
#include "models/tensor_floats.h"
#include "nn/weight_packing.h"

namespace minnow {

namespace {

struct DenseWeights {
  Linear linear;
  MatmulActivation activation = kMatmulNone;
  AlignedBuffer<float> storage;
};

class DirectoryWorkspace : public SentenceEncoder::Workspace {
 public:
  DirectoryWorkspace(const ModelInfo& info, size_t max_tokens, size_t max_texts, size_t widest,
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

class DirectoryEncoder : public SentenceEncoder {
 public:
  DirectoryEncoder(ModelInfo info, Checkpoint checkpoint)
      : info_(std::move(info)), checkpoint_(std::move(checkpoint)), kernels_(ActiveKernels()) {}

  Status LoadWeights() {
    MINNOW_ASSIGN_OR_RETURN(weights_, LoadEncoderWeights(checkpoint_, info_.config, info_.dtype));
    size_t width = info_.config.hidden_size * info_.layout.pooling.size();
    widest_ = PaddedColumns(width);
    info_.weight_bytes = weights_.storage.size_bytes();
    for (const DenseSpec& spec : info_.layout.dense) {
      if (static_cast<size_t>(spec.in_features) != width) {
        return Error{Code::kCorrupt, spec.directory + "/config.json: in_features is " +
                                         std::to_string(spec.in_features) +
                                         ", but the module before gives " + std::to_string(width)};
      }
      MINNOW_RETURN_IF_ERROR(LoadDense(spec));
      width = spec.out_features;
      widest_ = std::max(widest_, PaddedColumns(width));
    }
    info_.embedding_size = static_cast<int>(width);
    return Status();
  }

  const ModelInfo& info() const override { return info_; }

  std::unique_ptr<Workspace> NewWorkspace(size_t max_tokens, size_t max_texts,
                                          ThreadPool* pool) const override {
    return std::make_unique<DirectoryWorkspace>(info_, max_tokens, max_texts, widest_, pool);
  }

  void Embed(const TokenBatch& batch, bool normalize, Workspace& workspace,
             float* out) const override {
    auto& space = static_cast<DirectoryWorkspace&>(workspace);
    CHECK(batch.tokens() <= space.max_tokens && batch.texts() <= space.max_texts);
    PoolSink sink(*this, normalize, space, out);
    space.forward.Run(weights_, batch, sink);
  }

  void Hidden(const TokenBatch& batch, Workspace& workspace, float* out) const override {
    auto& space = static_cast<DirectoryWorkspace&>(workspace);
    CHECK(batch.tokens() <= space.max_tokens && batch.texts() <= space.max_texts);
    CopySink sink(batch, info_.config.hidden_size, out);
    space.forward.Run(weights_, batch, sink);
  }

 private:
  Status LoadDense(const DenseSpec& spec) {
    MINNOW_ASSIGN_OR_RETURN(const Checkpoint file, Checkpoint::OpenDirectory(spec.directory));
    const size_t in_features = spec.in_features, out_features = spec.out_features;
    const size_t weight_floats =
        PackedWeightBytes(Dtype::kF32, in_features, out_features) / sizeof(float);
    DenseWeights dense;
    dense.activation = KernelActivation(spec.activation);
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
    dense_.push_back(std::move(dense));
    return Status();
  }

  // Pools each text into its row of out: [B, D].
  class PoolSink : public TextSink {
   public:
    PoolSink(const DirectoryEncoder& encoder, bool normalize, DirectoryWorkspace& space, float* out)
        : encoder_(encoder), normalize_(normalize), space_(space), out_(out) {}
    void Take(size_t text, ConstRows hidden, size_t tokens, int member) override {
      encoder_.PoolText(hidden, tokens, normalize_, space_, member,
                        out_ + text * encoder_.info_.embedding_size);
    }

   private:
    const DirectoryEncoder& encoder_;
    const bool normalize_;
    DirectoryWorkspace& space_;
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
  void PoolText(ConstRows hidden, size_t tokens, bool normalize, DirectoryWorkspace& space,
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
  Checkpoint checkpoint_;
  const Kernels& kernels_;
  EncoderWeights weights_;
  std::vector<DenseWeights> dense_;
  size_t widest_ = 0;  // floats of the widest vector between pooling and the end, padded
};

}  // namespace

Result<std::unique_ptr<SentenceEncoder>> SentenceEncoder::Load(const std::string& directory,
                                                               Dtype dtype) {
  ModelInfo info;
  info.dtype = dtype;
  info.model_id = std::filesystem::path(directory + "/").parent_path().filename().string();
  MINNOW_ASSIGN_OR_RETURN(info.layout, ReadSentenceTransformersLayout(directory));
  const std::string& transformer = info.layout.transformer_directory;
  MINNOW_ASSIGN_OR_RETURN(info.config, ReadEncoderConfig(transformer + "/config.json"));
  info.max_sequence_tokens = info.config.max_sequence_tokens();
  if (info.layout.max_seq_length.has_value()) {
    info.max_sequence_tokens = std::min(info.max_sequence_tokens, *info.layout.max_seq_length);
  }
  MINNOW_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::OpenDirectory(transformer));
  auto encoder = std::make_unique<DirectoryEncoder>(std::move(info), std::move(checkpoint));
  try {
    MINNOW_RETURN_IF_ERROR(encoder->LoadWeights());
  } catch (const std::bad_alloc&) {
    return Error{Code::kInternal, directory + ": no memory for the packed weights"};
  }
  return std::unique_ptr<SentenceEncoder>(std::move(encoder));
}

}  // namespace minnow
