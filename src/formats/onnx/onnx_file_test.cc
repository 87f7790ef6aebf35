// SPDX-License-Identifier: Apache-2.0
// A small ONNX file, then each of its fields wrong, and every length of it.
#include "formats/onnx/onnx_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "formats/protobuf.h"
#include "tests/onnx_writer.h"

namespace minnow {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::span<const std::byte> AsBytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

Result<std::unique_ptr<const OnnxFile>> Open(const std::string& bytes) {
  const std::string path =
      testing::TempDir() + "minnow_onnx_file_" + std::to_string(::getpid()) + ".onnx";
  std::ofstream(path, std::ios::binary) << bytes;
  auto file = OnnxFile::Open(path);
  std::remove(path.c_str());
  return file;
}

std::string Refusal(const std::string& bytes) {
  const auto file = Open(bytes);
  return file.ok() ? "" : file.error().message;
}

// The message of a file whose only tensor is that one.
std::string TensorRefusal(const ProtoWriter& tensor) {
  OnnxWriter onnx;
  onnx.Initialiser(tensor.message());
  return Refusal(onnx.File());
}

std::vector<float> Floats(const TensorView* tensor) {
  if (tensor == nullptr) return {};
  std::vector<float> floats(static_cast<size_t>(tensor->elements()));
  std::memcpy(floats.data(), tensor->data.data(), floats.size() * sizeof(float));
  return floats;
}

constexpr std::string_view kOneAndTwo("\0\0\x80\x3f\0\0\0\x40", 8);

OnnxWriter Small() {
  OnnxWriter onnx;
  onnx.Input("x");
  onnx.Input("w");  // as files of IR version 3 have it
  onnx.Initialiser(OnnxWriter::TensorBytes("w", kOnnxFloat, {2, 1}, kOneAndTwo));
  const std::string constant =
      onnx.Node("Constant", {}, "",
                {ProtoWriter()
                     .Bytes(1, "value")
                     .Bytes(5, OnnxWriter::TensorBytes("", kOnnxInt64, {1}, std::string(8, '\3')))
                     .message()});
  onnx.Node("Gemm", {"x", "w", "", constant}, "the node",
            {OnnxWriter::Int("transB", 1), OnnxWriter::Float("alpha", 0.5f),
             OnnxWriter::Ints("perm", {1, -2})});
  return onnx;
}

TEST(OnnxFile, NodesTensorsAndAttributes) {
  const auto file = Open(Small().File());
  ASSERT_TRUE(file.ok()) << file.error().message;
  const OnnxFile& onnx = **file;
  EXPECT_EQ(onnx.producer(), "writer");
  EXPECT_EQ(onnx.opset(), 17);
  EXPECT_EQ(onnx.ir_version(), 8);
  EXPECT_THAT(onnx.inputs(), ElementsAre("x"));
  EXPECT_THAT(Floats(onnx.Find("w")), ElementsAre(1, 2));
  EXPECT_EQ(onnx.Find("w")->shape, (std::vector<int64_t>{2, 1}));
  ASSERT_EQ(onnx.nodes().size(), 2u);
  EXPECT_EQ(onnx.Find("value_0")->type, TensorType::kI64);
  const OnnxNode& node = onnx.nodes()[1];
  EXPECT_EQ(node.name, "the node");
  EXPECT_EQ(node.op, "Gemm");
  EXPECT_THAT(node.inputs, ElementsAre("x", "w", "", "value_0"));
  EXPECT_EQ(node.input(7), "");
  EXPECT_EQ(node.Int("transB", 0), 1);
  EXPECT_EQ(node.Int("transA", 9), 9);
  EXPECT_EQ(node.Float("alpha", 1), 0.5f);
  EXPECT_THAT(node.Attribute("perm")->ints, ElementsAre(1, -2));
}

TEST(OnnxFile, CutAtEveryLength) {
  const std::string whole = Small().File();
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::string message = Refusal(whole.substr(0, size));
    EXPECT_FALSE(message.empty()) << size;
  }
  EXPECT_THAT(Refusal("version https://git-lfs.github.com/spec/v1\n"), HasSubstr("git lfs pull"));
  EXPECT_THAT(Refusal("{\"a\": 1}"), HasSubstr("not an ONNX file"));
}

TEST(OnnxFile, Versions) {
  EXPECT_THAT(Refusal(Small().File(10)), HasSubstr("opset 10 of ai.onnx; from 11 on"));
  EXPECT_EQ(Refusal(Small().File(11)), "");
  EXPECT_EQ(Refusal(Small().File(99)), "");
}

TEST(OnnxFile, DataOfTheirType) {
  OnnxWriter onnx;
  onnx.Initialiser(
      ProtoWriter().Number(1, 2).Number(2, 1).Bytes(8, "packed").Bytes(4, kOneAndTwo).message());
  onnx.Initialiser(
      ProtoWriter().Number(1, 2).Number(2, 1).Bytes(8, "single").Float(4, 1).Float(4, 2).message());
  onnx.Initialiser(ProtoWriter()
                       .Bytes(1, "\2\1")
                       .Number(2, 3)
                       .Bytes(8, "int8")
                       .Number(5, static_cast<uint64_t>(-1))
                       .Bytes(5, "\7")
                       .message());
  onnx.Initialiser(ProtoWriter().Number(2, 10).Bytes(8, "half").Number(5, 0x3c00).message());
  onnx.Initialiser(ProtoWriter()
                       .Number(1, 1)
                       .Number(2, 7)
                       .Bytes(8, "long")
                       .Number(7, static_cast<uint64_t>(-3))
                       .message());
  onnx.Initialiser(ProtoWriter().Number(1, 0).Number(2, 7).Bytes(8, "none").message());
  const auto file = Open(onnx.File());
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_THAT(Floats((*file)->Find("packed")), ElementsAre(1, 2));
  EXPECT_THAT(Floats((*file)->Find("single")), ElementsAre(1, 2));
  const auto bytes = [&](const char* name) {
    const auto data = (*file)->Find(name)->data;
    return std::string(reinterpret_cast<const char*>(data.data()), data.size());
  };
  EXPECT_EQ(bytes("int8"), "\xff\7");
  EXPECT_EQ((*file)->Find("int8")->shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(bytes("half"), std::string("\0\x3c", 2));
  EXPECT_EQ(bytes("long"), "\xfd" + std::string(7, '\xff'));
  EXPECT_EQ(bytes("none"), "");
}

TEST(OnnxFile, TensorsThatContradictThemselves) {
  const auto named = [] { return ProtoWriter().Bytes(8, "w"); };
  EXPECT_THAT(TensorRefusal(named().Number(2, 8)), HasSubstr("\"w\": data type 8"));
  EXPECT_THAT(TensorRefusal(named().Number(2, 1).Number(1, 2).Bytes(9, "1234567")),
              HasSubstr("7 bytes, but [2] of F32 needs 8"));
  EXPECT_THAT(TensorRefusal(named().Number(2, 1).Number(1, static_cast<uint64_t>(-2))),
              HasSubstr("a dimension of -2"));
  EXPECT_THAT(TensorRefusal(named().Number(2, 1).Number(1, 1ull << 40).Number(1, 1ull << 40)),
              HasSubstr("overflows"));
  EXPECT_THAT(TensorRefusal(named().Number(2, 1).Bytes(1, std::string(9, '\1')).Float(4, 1)),
              HasSubstr("more than 8 dimensions"));
  EXPECT_THAT(TensorRefusal(named().Number(2, 1).Number(1, 3).Float(4, 1)),
              HasSubstr("not the 12 bytes"));
  EXPECT_THAT(TensorRefusal(named().Number(2, 1).Number(1, 1).Float(4, 1).Float(4, 1)),
              HasSubstr("not the 4 bytes"));
  // Nothing is allocated by a number that the file merely claims.
  EXPECT_THAT(TensorRefusal(named().Number(2, 7).Number(1, 1ull << 50).Number(7, 1)),
              HasSubstr("its data are not"));
  OnnxWriter twice;
  for (int i = 0; i < 2; ++i)
    twice.Initialiser(OnnxWriter::TensorBytes("w", kOnnxFloat, {2}, kOneAndTwo));
  EXPECT_THAT(Refusal(twice.File()), HasSubstr("\"w\" is there twice"));
}

// An attribute that cannot be read must not count as one that is not there.
TEST(OnnxFile, AttributesThatCannotBeRead) {
  const auto refusal = [](const OnnxWriter::Names& attributes) {
    OnnxWriter onnx;
    onnx.Node("Gemm", {"x", "w"}, "the node", attributes);
    return Refusal(onnx.File());
  };
  const std::string good = OnnxWriter::Int("transB", 1);
  const auto named = [](const char* name) { return ProtoWriter().Bytes(1, name); };
  EXPECT_EQ(refusal({good, OnnxWriter::Ints("pads", std::vector<int64_t>(1000))}), "");
  EXPECT_EQ(refusal({named("transB").Number(3, 1).Number(20, 2).message()}), "");
  for (const OnnxWriter::Names& bad : {OnnxWriter::Names{good + "\x0b"},
                                       {good, good},
                                       {named("transB").Bytes(3, "1").message()},
                                       {named("transB").Float(2, 1).Number(20, 1).message()},
                                       {named("alpha").Number(2, 1).message()},
                                       {named("perm").Bytes(8, "\x80").message()},
                                       {OnnxWriter::Ints("perm", std::vector<int64_t>(65))}}) {
    EXPECT_THAT(refusal(bad), HasSubstr("node \"the node\": attribute "));
  }
}

TEST(ProtoReader, RefusesWhatIsNoProtobuf) {
  const auto sound = [](std::string_view message) {
    ProtoReader reader(AsBytes(message));
    while (reader.Next()) {
    }
    return reader.ok();
  };
  EXPECT_TRUE(sound(""));
  EXPECT_TRUE(sound("\x08\x96\x01"));                                   // field 1: 150
  EXPECT_FALSE(sound("\x08"));                                          // no value
  EXPECT_FALSE(sound("\x08\x96"));                                      // a varint without an end
  EXPECT_FALSE(sound("\x0a\x05ab"));                                    // bytes that are not there
  EXPECT_FALSE(sound("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));  // nor are so many
  EXPECT_FALSE(sound("\x0b"));                                          // a group
  EXPECT_FALSE(sound("\x0d\1\2\3"));                                    // a fixed number cut short
  EXPECT_FALSE(sound(std::string_view("\0\1", 2)));                     // field 0
  EXPECT_FALSE(sound("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"));  // a 65th bit
}

}  // namespace
}  // namespace minnow
