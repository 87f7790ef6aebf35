// SPDX-License-Identifier: Apache-2.0
// Graphs of a few nodes that would give wrong weights, or take much time or memory.
#include "models/onnx/pieces.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <memory>

#include "models/onnx/agreement.h"
#include "models/onnx/naming.h"
#include "models/registry.h"
#include "tests/cpu_time.h"
#include "tests/onnx_writer.h"

namespace minnow {
namespace {

using testing::HasSubstr;

std::string Tensor(const std::string& name, const std::vector<int64_t>& dims,
                   uint64_t type = kOnnxFloat) {
  size_t bytes = type == kOnnxInt8 ? 1 : type == kOnnxDouble ? 8 : 4;
  for (const int64_t dim : dims) bytes *= static_cast<size_t>(dim);
  return OnnxWriter::TensorBytes(name, type, dims, std::string(bytes, '\1'));
}

class OnnxPiecesTest : public testing::Test {
 protected:
  void TearDown() override { std::remove(path_.c_str()); }

  void Open() {
    std::ofstream(path_, std::ios::binary) << onnx_.File();
    auto file = OnnxFile::Open(path_);
    ASSERT_TRUE(file.ok()) << file.error().message;
    file_ = std::move(*file);
    graph_ = std::make_unique<OnnxGraph>(*file_);
  }
  std::string Refusal() {
    Open();
    const auto pieces = ReadOnnxPieces(*graph_);
    return pieces.ok() ? "" : pieces.error().message;
  }
  void Add(const std::string& name, const std::vector<int64_t>& dims, uint64_t type = kOnnxFloat) {
    onnx_.Initialiser(Tensor(name, dims, type));
  }

  OnnxWriter onnx_;
  const std::string path_ =
      testing::TempDir() + "minnow_onnx_pieces_" + std::to_string(::getpid()) + ".onnx";
  std::unique_ptr<const OnnxFile> file_;
  std::unique_ptr<OnnxGraph> graph_;
};

TEST_F(OnnxPiecesTest, FusedTablesHaveNoScales) {
  Add("table", {5, 8});
  Add("scale", {8});
  Add("gamma", {8});
  Add("beta", {8});
  const std::string table = onnx_.Node("DequantizeLinear", {"table", "scale"});
  onnx_.Node("com.microsoft.EmbedLayerNormalization",
             {"input_ids", "", table, "", "", "gamma", "beta"});
  EXPECT_THAT(Refusal(), HasSubstr("a table that is no constant matrix"));
}

TEST_F(OnnxPiecesTest, ZeroPointsHaveTheAxisOfTheScales) {
  for (const int64_t columns : {4, 6}) {
    onnx_ = OnnxWriter();
    Add("weight", {4, columns}, kOnnxInt8);
    Add("scale", {});
    Add("zeros", {4}, kOnnxInt8);
    const std::string weight = onnx_.Node("DequantizeLinear", {"weight", "scale", "zeros"});
    onnx_.Node("MatMul", {"x", weight});
    Open();
    EXPECT_FALSE(graph_->Constant(weight)) << columns;
  }
}

TEST_F(OnnxPiecesTest, ScalesOfIntegerProducts) {
  const auto refusal = [&](bool both_constant, bool early_bias) {
    onnx_ = OnnxWriter();
    Add("weight", {4, 6}, kOnnxInt8);
    Add("scale", {});
    Add("bias", {6});
    if (both_constant) Add("x_scale", {});
    std::string value = onnx_.Node("Cast", {onnx_.Node("MatMulInteger", {"x", "weight"})});
    if (early_bias) value = onnx_.Node("Add", {value, "bias"});
    onnx_.Node("Mul", {value, onnx_.Node("Mul", {"x_scale", "scale"})});
    return Refusal();
  };
  EXPECT_EQ(refusal(false, false), "");
  EXPECT_THAT(refusal(true, false), HasSubstr("the scale of an integer product"));
  EXPECT_THAT(refusal(false, true), HasSubstr("unknown use of tensor \"bias\""));
}

TEST_F(OnnxPiecesTest, NumbersThatAreNoFloatTensorsAreSeen) {
  Add("wide", {8}, kOnnxDouble);
  onnx_.Node("Add", {"hidden", onnx_.Node("Cast", {"wide"})});
  EXPECT_THAT(Refusal(), HasSubstr("unknown use of tensor"));
  for (const bool sparse : {false, true}) {
    ProtoWriter value;
    value.Bytes(1, sparse ? "sparse_value" : "value_floats");
    if (sparse) value.Bytes(22, "");
    for (int i = 0; i < 8 && !sparse; ++i) value.Float(7, 1);
    onnx_ = OnnxWriter();
    onnx_.Node("Add", {"hidden", onnx_.Node("Constant", {}, "", {value.message()})});
    EXPECT_THAT(Refusal(), HasSubstr("its value is no tensor"));
  }
}

TEST_F(OnnxPiecesTest, OneWeightIsNotThatOfEveryLayer) {
  Add("weight", {64, 64});
  Open();
  OnnxPieces pieces;
  OnnxStems stems;
  EncoderConfig config;
  config.num_hidden_layers = 1;
  const OnnxNode node;
  const auto name = [&](const char* part) {
    OnnxPiece& piece = pieces.list.emplace_back();
    piece.node = &node;
    piece.weight = *file_->Find("weight");
    stems.push_back(std::string("encoder.layer.0.attention.self.") + part);
    return NameTensors(*graph_, pieces, stems, config, FamilyOf("bert"));
  };
  EXPECT_TRUE(name("query").ok());
  const auto twice = name("key");
  ASSERT_FALSE(twice.ok());
  EXPECT_THAT(twice.error().message, HasSubstr("some are used more than once"));
}

TEST_F(OnnxPiecesTest, OperatorsThatDoMoreAreCompared) {
  EncoderConfig config;
  config.num_attention_heads = 2;
  config.hidden_size = 4;
  config.hidden_act = EncoderActivation::kRelu;
  const auto refusal = [&](const char* op, const std::string& attribute, const char* stem) {
    onnx_ = OnnxWriter();
    Add("weight", {4, 4});
    const bool product = std::string_view(op) == "com.microsoft.FusedGemm";
    onnx_.Node(op, {"x", product ? "weight" : "k", product ? "" : "v"}, "", {attribute});
    Open();
    const auto pieces = ReadOnnxPieces(*graph_);
    if (!pieces.ok()) return pieces.error().message;
    const Status status = CheckAgreement(*graph_, *pieces, OnnxStems(pieces->list.size(), stem),
                                         config, FamilyOf("bert"));
    return status.ok() ? "" : status.error().message;
  };
  const auto activation = [&](const char* text, const char* stem) {
    return refusal("com.microsoft.FusedGemm",
                   ProtoWriter().Bytes(1, "activation").Bytes(4, text).message(), stem);
  };
  EXPECT_EQ(activation("Relu", "encoder.layer.0.intermediate.dense"), "");
  EXPECT_EQ(activation("Tanh", "bert.pooler.dense"), "");
  EXPECT_THAT(activation("Tanh", "encoder.layer.0.intermediate.dense"), HasSubstr("activation is"));
  EXPECT_THAT(activation("Relu", "encoder.layer.0.output.dense"), HasSubstr("activation is"));
  EXPECT_EQ(refusal("Attention", OnnxWriter::Int("q_num_heads", 2), ""), "");
  EXPECT_THAT(refusal("Attention", OnnxWriter::Int("q_num_heads", 4), ""), HasSubstr("num_heads"));
  EXPECT_THAT(refusal("Attention", OnnxWriter::Int("is_causal", 1), ""), HasSubstr("another form"));
}

TEST_F(OnnxPiecesTest, ScalesAreBoundedInTotal) {
  constexpr int64_t kRows = int64_t{1} << 20;
  Add("weight", {kRows, 1}, kOnnxInt8);
  const std::string data = path_ + "_data";
  std::ofstream(data, std::ios::binary) << std::string(4 * kRows, '\1');
  for (const char* name : {"s0", "s1", "s2", "s3", "s4"}) {
    const std::string place =
        ProtoWriter().Bytes(1, "location").Bytes(2, data.substr(data.rfind('/') + 1)).message();
    onnx_.Initialiser(ProtoWriter()
                          .Number(1, kRows)
                          .Number(2, kOnnxFloat)
                          .Bytes(8, name)
                          .Bytes(13, place)
                          .Number(14, 1)
                          .message());
  }
  Open();
  std::remove(data.c_str());
  const TensorView& weight = *file_->Find("weight");
  for (const char* name : {"s0", "s1", "s2", "s3", "s3"})
    EXPECT_TRUE(graph_->Quantised(weight, name, "")) << name;
  EXPECT_FALSE(graph_->Quantised(weight, "s4", ""));
}

TEST_F(OnnxPiecesTest, AttributesAreReadOnce) {
  ProtoWriter transpose;
  transpose.Bytes(1, "weight").Bytes(2, "turned").Bytes(4, "Transpose");
  for (int i = 0; i < 200000; ++i) transpose.Number(99, 1);
  transpose.Bytes(5, OnnxWriter::Ints("perm", {1, 0}));
  Add("weight", {1, 1});
  onnx_.RawNode(transpose.message());
  onnx_.Node("Concat", OnnxWriter::Names(20000, "turned"));
  const auto start = ThreadCpuTime();
  EXPECT_EQ(Refusal(), "");
  EXPECT_LT(ThreadCpuTime() - start, std::chrono::seconds(5));
}

TEST_F(OnnxPiecesTest, NodesAreEnteredOnceOnTheWayBack) {
  ProtoWriter circle;
  for (int i = 0; i < 100000; ++i) circle.Bytes(1, "o" + std::to_string(i % 1000));
  for (int i = 0; i < 1000; ++i) circle.Bytes(2, "o" + std::to_string(i));
  onnx_.RawNode(circle.Bytes(4, "Concat").message());
  onnx_.Node("MatMul", {"o0", "x"});
  Open();
  const auto pieces = ReadOnnxPieces(*graph_);
  ASSERT_TRUE(pieces.ok()) << pieces.error().message;
  const auto peak = [] {
    struct rusage usage;
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss / 1024;  // MiB
  };
  EncoderConfig config;
  config.num_hidden_layers = 1;
  const auto before = peak();
  EXPECT_FALSE(StemsByStructure(*graph_, *pieces, config, FamilyOf("bert")).ok());
  EXPECT_LT(peak() - before, 64);
}

}  // namespace
}  // namespace minnow
