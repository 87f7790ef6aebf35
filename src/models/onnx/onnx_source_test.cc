// SPDX-License-Identifier: Apache-2.0
// The tiny BERT written as ONNX in many forms, and read back to the same weights.
#include "models/onnx/onnx_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <vector>

#include "formats/checkpoint.h"
#include "models/registry.h"
#include "models/weights/tensor_floats.h"
#include "tests/onnx_writer.h"

namespace minnow {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr int64_t kHidden = 32;

// How an exporter may write the same model.
struct Form {
  bool names = true;         // of initialisers and nodes; else the structure must do
  bool transposes = false;   // written as nodes, not folded into the weights
  bool old_norms = false;    // LayerNorms in operators of opset 11
  bool fused = false;        // onnxruntime's attention, LayerNorm and Gelu
  bool embed_norm = false;   // onnxruntime's embeddings in one node
  bool multi_head = false;   // onnxruntime's attention on separate products, biases packed
  bool value_first = false;  // the order of query, key and value
  bool rounded = false;      // sums, to integers and back
  bool pre_norm = false;     // sums are of what was not normalised, another model
  float epsilon = 1e-12f;    // of LayerNorms
  int heads = 4;             // of multi_head, as are:
  int unidirectional = 0;
  float scale = 0;
  std::string activation = "com.microsoft.Gelu";
  bool typed = false;         // float_data instead of raw_data
  std::string external = {};  // a file for all data
  std::string extra_op = {};  // one more node, before the last
};

std::vector<float> FloatsOf(const TensorView& tensor) {
  std::vector<float> floats(static_cast<size_t>(tensor.elements()));
  EXPECT_TRUE(CopyFloats(tensor, floats.data()).ok());
  return floats;
}

// [N, K] -> [K, N]
std::vector<float> Turned(const std::vector<float>& matrix, int64_t rows) {
  const size_t n = rows, k = matrix.size() / rows;
  std::vector<float> turned(matrix.size());
  for (size_t i = 0; i < matrix.size(); ++i) turned[i % k * n + i / k] = matrix[i];
  return turned;
}

std::string_view Raw(const std::vector<float>& floats) {
  return {reinterpret_cast<const char*>(floats.data()), floats.size() * sizeof(float)};
}

class TinyOnnx {
 public:
  TinyOnnx(const Checkpoint& checkpoint, Form form)
      : checkpoint_(checkpoint), form_(std::move(form)) {
    onnx_.Input("input_ids");
    onnx_.Input("attention_mask");
    onnx_.Input("token_type_ids");
    std::string x = Embeddings();
    for (int i = 0; i < 2; ++i) x = Layer("encoder.layer." + std::to_string(i) + ".", x);
  }
  std::string File() const { return onnx_.File(form_.old_norms ? 11 : 17); }
  const std::string& external_data() const { return external_; }

 private:
  std::vector<float> Weight(const std::string& name) const {
    return FloatsOf(*checkpoint_.Find(name));
  }
  std::string Named(const std::string& name) {
    return form_.names ? name : "t" + std::to_string(tensors_++);
  }
  std::string Scope(const std::string& stem, const std::string& op) {
    if (!form_.names) return "";
    std::string path = "/" + stem + "/" + op;
    for (char& c : path) {
      if (c == '.') c = '/';
    }
    // "layer.0" stays one part of a scope.
    for (size_t at = 0; (at = path.find("layer/", at)) != path.npos; ++at) path[at + 5] = '.';
    return path;
  }

  // Returns the name of the new initialiser.
  std::string Add(const std::string& name, const std::vector<int64_t>& dims,
                  const std::vector<float>& floats) {
    ProtoWriter tensor;
    for (const int64_t dim : dims) tensor.Number(1, static_cast<uint64_t>(dim));
    tensor.Number(2, kOnnxFloat).Bytes(8, name);
    if (form_.typed) {
      tensor.Bytes(4, Raw(floats));
    } else if (!form_.external.empty()) {
      const auto entry = [&](const char* key, const std::string& value) {
        tensor.Bytes(13, ProtoWriter().Bytes(1, key).Bytes(2, value).message());
      };
      entry("location", form_.external);
      entry("offset", std::to_string(external_.size()));
      entry("length", std::to_string(Raw(floats).size()));
      tensor.Number(14, 1);
      external_ += Raw(floats);
    } else {
      tensor.Bytes(9, Raw(floats));
    }
    onnx_.Initialiser(tensor.message());
    return name;
  }
  std::string Vector(const std::string& name) {
    const std::vector<float> floats = Weight(name);
    return Add(Named(name), {static_cast<int64_t>(floats.size())}, floats);
  }

  std::string Table(const std::string& stem, const std::string& indices) {
    const TensorView& stored = *checkpoint_.Find(stem + ".weight");
    const std::string table = Add(Named(stem + ".weight"), stored.shape, FloatsOf(stored));
    return onnx_.Node("Gather", {table, indices}, Scope(stem, "Gather"));
  }

  OnnxWriter::Names Epsilon() const { return {OnnxWriter::Float("epsilon", form_.epsilon)}; }
  std::string Norm(const std::string& stem, const std::string& x) {
    const std::string gamma = Vector(stem + ".weight"), beta = Vector(stem + ".bias");
    before_norm_ = x;
    if (!form_.old_norms) return onnx_.Node("LayerNormalization", {x, gamma, beta}, "", Epsilon());
    const std::string centred = onnx_.Node("Sub", {x, onnx_.Node("ReduceMean", {x})});
    const std::string two = Add("two" + std::to_string(tensors_++), {}, {2.0f});
    const std::string epsilon = Add("eps" + std::to_string(tensors_++), {}, {1e-12f});
    const std::string variance = onnx_.Node("ReduceMean", {onnx_.Node("Pow", {centred, two})});
    const std::string root = onnx_.Node("Sqrt", {onnx_.Node("Add", {variance, epsilon})});
    const std::string scaled =
        onnx_.Node("Mul", {onnx_.Node("Div", {centred, root}), gamma}, Scope(stem, "Mul"));
    return onnx_.Node("Add", {scaled, beta}, Scope(stem, "Add"));
  }

  // Without the bias.
  std::string Product(const std::string& stem, const std::string& x) {
    const TensorView& stored = *checkpoint_.Find(stem + ".weight");
    const std::string name =
        form_.names && form_.transposes ? stem + ".weight" : "m" + std::to_string(tensors_++);
    std::string weight;
    if (form_.transposes) {
      weight = onnx_.Node("Transpose", {Add(name, stored.shape, FloatsOf(stored))}, "",
                          {OnnxWriter::Ints("perm", {1, 0})});
    } else {
      weight =
          Add(name, {stored.shape[1], stored.shape[0]}, Turned(FloatsOf(stored), stored.shape[0]));
    }
    return onnx_.Node("MatMul", {x, weight}, Scope(stem, "MatMul"));
  }
  std::string Linear(const std::string& stem, const std::string& x) {
    return onnx_.Node("Add", {Vector(stem + ".bias"), Product(stem, x)});
  }

  std::string FusedEmbeddings() {
    OnnxWriter::Names inputs = {"input_ids", "token_type_ids"};
    for (const char* table : {"word", "position", "token_type"}) {
      const std::string name = std::string("embeddings.") + table + "_embeddings.weight";
      const TensorView& stored = *checkpoint_.Find(name);
      inputs.push_back(Add(Named(name), stored.shape, FloatsOf(stored)));
    }
    inputs.push_back(Vector("embeddings.LayerNorm.weight"));
    inputs.push_back(Vector("embeddings.LayerNorm.bias"));
    return onnx_.Node("com.microsoft.EmbedLayerNormalization", inputs, "", Epsilon());
  }
  std::string Embeddings() {
    if (form_.embed_norm) return FusedEmbeddings();
    const std::string word = Table("embeddings.word_embeddings", "input_ids");
    const std::string type = Table("embeddings.token_type_embeddings", "token_type_ids");
    const std::string positions = onnx_.Node("Shape", {"input_ids"});
    const std::string position = Table("embeddings.position_embeddings", positions);
    return Norm("embeddings.LayerNorm",
                onnx_.Node("Add", {onnx_.Node("Add", {word, type}), position}));
  }

  std::string Heads(const std::string& x) {
    return onnx_.Node("Transpose", {onnx_.Node("Reshape", {x, onnx_.Node("Shape", {x})})});
  }
  std::string MultiHead(const std::string& self, const std::string& x) {
    OnnxWriter::Names inputs;
    std::vector<float> biases;
    for (const char* part : {"query", "key", "value"}) {
      inputs.push_back(Product(self + part, x));
      for (const float b : Weight(self + part + ".bias")) biases.push_back(b);
    }
    inputs.push_back(Add("b" + std::to_string(tensors_++), {3 * kHidden}, biases));
    return onnx_.Node("com.microsoft.MultiHeadAttention", inputs, "",
                      {OnnxWriter::Int("num_heads", form_.heads),
                       OnnxWriter::Int("unidirectional", form_.unidirectional),
                       OnnxWriter::Float("scale", form_.scale)});
  }
  std::string Attention(const std::string& self, const std::string& x) {
    if (form_.multi_head) return MultiHead(self, x);
    std::string value;
    if (form_.value_first) value = Heads(Linear(self + "value", x));
    const std::string query = Heads(Linear(self + "query", x));
    const std::string key = Heads(Linear(self + "key", x));
    if (!form_.value_first) value = Heads(Linear(self + "value", x));
    const std::string scores = onnx_.Node("MatMul", {query, key});
    const std::string weights =
        onnx_.Node("Softmax", {onnx_.Node("Add", {scores, "attention_mask"})});
    return onnx_.Node("Reshape", {onnx_.Node("MatMul", {weights, value}), "input_ids"});
  }
  std::string FusedAttention(const std::string& self, const std::string& x) {
    std::vector<float> weight(3 * kHidden * kHidden), bias;
    for (int part = 0; part < 3; ++part) {
      const std::string name = self + (part == 0 ? "query" : part == 1 ? "key" : "value");
      const std::vector<float> turned = Turned(Weight(name + ".weight"), kHidden);
      for (int64_t i = 0; i < kHidden * kHidden; ++i)
        weight[i / kHidden * 3 * kHidden + part * kHidden + i % kHidden] = turned[i];
      for (const float b : Weight(name + ".bias")) bias.push_back(b);
    }
    const std::string number = std::to_string(tensors_++);
    const std::string w = Add("qkv" + number, {kHidden, 3 * kHidden}, weight);
    const std::string b = Add("qkv_bias" + number, {3 * kHidden}, bias);
    return onnx_.Node("com.microsoft.Attention", {x, w, b, "attention_mask"}, "Attention",
                      {OnnxWriter::Int("num_heads", 4)});
  }

  std::string Sum(const std::string& product, const std::string& x) {
    const std::string sum = onnx_.Node("Add", {product, form_.pre_norm ? before_norm_ : x});
    if (!form_.rounded) return sum;
    const std::string scale = Add("scale" + std::to_string(tensors_++), {}, {0.1f});
    return onnx_.Node("DequantizeLinear", {onnx_.Node("QuantizeLinear", {sum, scale}), scale});
  }
  std::string Layer(const std::string& layer, const std::string& x) {
    const std::string self = layer + "attention.self.", out = layer + "attention.output.";
    const std::string context = form_.fused ? FusedAttention(self, x) : Attention(self, x);
    if (!form_.extra_op.empty() && layer.find('1') != layer.npos)
      onnx_.Node(form_.extra_op, {context}, "the extra node");
    if (form_.fused) {
      const auto skip_norm = [&](const std::string& stem, const std::string& sum,
                                 const std::string& skip) {
        return onnx_.Node("com.microsoft.SkipLayerNormalization",
                          {sum, skip, Vector(stem + "LayerNorm.weight"),
                           Vector(stem + "LayerNorm.bias"), Vector(stem + "dense.bias")},
                          "", Epsilon());
      };
      const std::string y = skip_norm(out, Product(out + "dense", context), x);
      const std::string wide = onnx_.Node(
          "com.microsoft.BiasGelu",
          {Product(layer + "intermediate.dense", y), Vector(layer + "intermediate.dense.bias")});
      return skip_norm(layer + "output.", Product(layer + "output.dense", wide), y);
    }
    const std::string y = Norm(out + "LayerNorm", Sum(Linear(out + "dense", context), x));
    const std::string wide =
        onnx_.Node(form_.activation, {Linear(layer + "intermediate.dense", y)});
    return Norm(layer + "output.LayerNorm", Sum(Linear(layer + "output.dense", wide), y));
  }

  const Checkpoint& checkpoint_;
  const Form form_;
  OnnxWriter onnx_;
  std::string external_;
  std::string before_norm_;
  int tensors_ = 0;
};

class OnnxForms : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(testing::TempDir()) / (std::string("minnow_onnx_") + info->name());
    fs::create_directories(folder_);
    const std::string tiny = MINNOW_SOURCE_DIR "/tests/fixtures/tiny_bert";
    auto checkpoint = Checkpoint::OpenDirectory(tiny);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
    checkpoint_ = std::move(*checkpoint);
    config_ = ReadEncoderConfig(tiny + "/config.json").value();
  }
  void TearDown() override { fs::remove_all(folder_); }

  Result<std::shared_ptr<const OnnxSource>> Open(const std::string& bytes) {
    const std::string path = (folder_ / "model.onnx").string();
    std::ofstream(path, std::ios::binary) << bytes;
    MINNOW_ASSIGN_OR_RETURN(auto file, OnnxFile::Open(path));
    return OnnxSource::Make(std::move(file), config_, FamilyOf("bert"));
  }
  Result<std::shared_ptr<const OnnxSource>> Write(const Form& form) {
    const TinyOnnx onnx(checkpoint_, form);
    if (!form.external.empty()) {
      fs::create_directories((folder_ / form.external).parent_path());
      std::ofstream(folder_ / form.external, std::ios::binary) << onnx.external_data();
    }
    return Open(onnx.File());
  }
  void ExpectTheSameWeights(const Form& form, const char* understood_by) {
    const auto source = Write(form);
    ASSERT_TRUE(source.ok()) << source.error().message;
    EXPECT_STREQ((*source)->understood_by(), understood_by);
    EXPECT_EQ((*source)->tensors().size(), checkpoint_.tensors().size());
    for (const auto& [name, tensor] : checkpoint_.tensors()) {
      const auto found = (*source)->Get(name, tensor.shape);
      ASSERT_TRUE(found.ok()) << found.error().message;
      EXPECT_EQ(FloatsOf(**found), FloatsOf(tensor)) << name;
    }
  }
  std::string Refusal(const Form& form) {
    const auto source = Write(form);
    return source.ok() ? "" : source.error().message;
  }

  fs::path folder_;
  Checkpoint checkpoint_;
  EncoderConfig config_;
};

TEST_F(OnnxForms, ByNames) {
  ExpectTheSameWeights({}, "names");
  ExpectTheSameWeights({.transposes = true}, "names");
  ExpectTheSameWeights({.old_norms = true}, "names");
  ExpectTheSameWeights({.fused = true}, "names");
  ExpectTheSameWeights({.fused = true, .embed_norm = true}, "names");
  ExpectTheSameWeights({.multi_head = true}, "names");
}

TEST_F(OnnxForms, ByStructure) {
  ExpectTheSameWeights({.names = false}, "structure");
  ExpectTheSameWeights({.names = false, .transposes = true}, "structure");
  ExpectTheSameWeights({.names = false, .old_norms = true}, "structure");
  ExpectTheSameWeights({.names = false, .fused = true}, "structure");
  ExpectTheSameWeights({.names = false, .fused = true, .embed_norm = true}, "structure");
  ExpectTheSameWeights({.names = false, .multi_head = true}, "structure");
  ExpectTheSameWeights({.names = false, .value_first = true}, "structure");
  ExpectTheSameWeights({.names = false, .rounded = true}, "structure");
}

TEST_F(OnnxForms, DataOutsideRawData) {
  ExpectTheSameWeights({.typed = true}, "names");
  ExpectTheSameWeights({.external = "model.onnx_data"}, "names");
  ExpectTheSameWeights({.external = "below/data.bin"}, "names");
}

TEST_F(OnnxForms, ExternalDataAreMappedOnce) {
  OnnxWriter onnx;
  const std::string places[] = {"w", "./w", "a/./w", "a//w"};
  for (const std::string& place : places) {
    onnx.Initialiser(ProtoWriter()
                         .Number(2, kOnnxFloat)
                         .Bytes(8, place)
                         .Bytes(13, ProtoWriter().Bytes(1, "location").Bytes(2, place).message())
                         .Number(14, 1)
                         .message());
  }
  fs::create_directories(folder_ / "a");
  for (const char* file : {"w", "a/w"}) std::ofstream(folder_ / file) << "1234";
  const std::string path = (folder_ / "model.onnx").string();
  std::ofstream(path, std::ios::binary) << onnx.File();
  const auto file = OnnxFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ((*file)->files().size(), 3u);
}

TEST_F(OnnxForms, ExternalDataStaysInTheFolder) {
  const std::vector<std::string> outside_or_odd = {
      "../model.bin", "a/../../model.bin",   "a/..", "/etc/passwd", "a\nb",
      "a\x1b[2J",     std::string(4097, 'a')};
  for (const std::string& place : outside_or_odd) {
    const TinyOnnx outside(checkpoint_, {.external = place});
    EXPECT_THAT(Open(outside.File()).error().message,
                HasSubstr("not a place in the model's folder"));
  }
  const TinyOnnx missing(checkpoint_, {.external = "none.bin"});
  EXPECT_THAT(Open(missing.File()).error().message, HasSubstr("none.bin"));
  std::ofstream(folder_ / "none.bin") << "short";
  EXPECT_THAT(Open(missing.File()).error().message, HasSubstr("beyond the end of"));
}

TEST_F(OnnxForms, WhatIsNotUnderstoodIsNamed) {
  EXPECT_THAT(Refusal({.extra_op = "RotaryEmbedding"}),
              HasSubstr("node \"the extra node\" (\"RotaryEmbedding\") was not understood"));
  EXPECT_THAT(Refusal({.extra_op = "com.microsoft.MatMulNBits"}),
              HasSubstr("(\"com.microsoft.MatMulNBits\") was not understood"));
  config_.num_attention_heads = 8;
  EXPECT_THAT(Refusal({.fused = true}), HasSubstr("num_heads is not that of config.json"));
  config_.num_attention_heads = 4;
  for (const bool names : {true, false}) {
    for (const bool fused : {true, false}) {
      config_.num_hidden_layers = 1;
      EXPECT_THAT(Refusal({.names = names, .fused = fused}), HasSubstr("was not understood"));
    }
  }
  config_.num_hidden_layers = 3;
  EXPECT_THAT(Refusal({}), HasSubstr("5 LayerNorms, but config.json needs 7"));
}

TEST_F(OnnxForms, NumbersAreThoseOfTheConfiguration) {
  for (const Form& form : {Form{.epsilon = 1e-5f},
                           {.fused = true, .epsilon = 1e-5f},
                           {.fused = true, .embed_norm = true, .epsilon = 1e-5f}})
    EXPECT_THAT(Refusal(form), HasSubstr("epsilon is not that of config.json"));
  EXPECT_EQ(Refusal({.multi_head = true, .scale = 0.35355338f}), "");
  EXPECT_THAT(Refusal({.multi_head = true, .heads = 8}), HasSubstr("num_heads is not that of"));
  EXPECT_THAT(Refusal({.multi_head = true, .unidirectional = 1}), HasSubstr("of another form"));
  EXPECT_THAT(Refusal({.multi_head = true, .scale = 0.25f}), HasSubstr("its scale is not"));
  for (const char* op : {"Relu", "com.microsoft.FastGelu", "Tanh"})
    EXPECT_THAT(Refusal({.activation = op}), HasSubstr("activation is not that of config.json"));
  config_.hidden_act = EncoderActivation::kRelu;
  EXPECT_EQ(Refusal({.activation = "Relu"}), "");
  for (const bool fused : {false, true})
    EXPECT_THAT(Refusal({.fused = fused}), HasSubstr("activation is not that of config.json"));
}

TEST_F(OnnxForms, NormsBeforeProductsAreAnotherModel) {
  for (const bool old_norms : {false, true}) {
    EXPECT_THAT(Refusal({.names = false, .old_norms = old_norms, .pre_norm = true}),
                HasSubstr("not of the sum of the product and the LayerNorm before it"));
  }
}

// tests/golden/onnx_hostile_test.cc does the same to a real file, and runs what is left of it.
TEST_F(OnnxForms, OneByteChangedIsAnErrorOrAModel) {
  const std::string whole = TinyOnnx(checkpoint_, {.fused = true}).File();
  std::mt19937 random(7);
  int understood = 0;
  for (int i = 0; i < 1000; ++i) {
    std::string bytes = whole;
    bytes[random() % bytes.size()] ^= static_cast<char>(1 + random() % 255);
    understood += Open(bytes).ok() ? 1 : 0;
  }
  EXPECT_GT(understood, 0);
  EXPECT_LT(understood, 1000);
}

}  // namespace
}  // namespace minnow
