// SPDX-License-Identifier: Apache-2.0
// Adapters of low rank: a model that is loaded with them is the one whose weights were changed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <utility>

#include "tests/golden/diffusers_folder.h"

namespace minnow {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kQuery = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q";
constexpr const char* kConv = "down_blocks.1.resnets.0.conv1";
constexpr const char* kShortcut = "down_blocks.1.resnets.0.conv_shortcut";
constexpr const char* kText = "encoder.layers.0.self_attn.k_proj";

class LoraTest : public DiffusersFolder {
 protected:
  LoraTest() : unet_tensors_(unet_.Tensors()), text_tensors_(clip_.Tensors()) {
    DiffusersFolder::WriteWeights();
  }

  // Adds an adapter of a tensor to the file and, by hand, to the weight.
  void Add(TestTensors& model, const std::string& module, const std::string& down_name,
           const std::string& up_name, int64_t rank, float scale) {
    TestTensor& weight = model.at(module + ".weight");
    const auto rows = static_cast<size_t>(weight.shape[0]), many = static_cast<size_t>(rank);
    const size_t columns = weight.values.size() / rows;
    TestTensor down = {weight.shape, {}}, up = {weight.shape, {}};
    down.shape[0] = rank;
    up.shape[1] = rank;
    for (size_t i = 2; i < up.shape.size(); ++i) up.shape[i] = 1;
    down.values = FormulaValues("down." + module, down.shape);
    up.values = FormulaValues("up." + module, up.shape);
    for (size_t n = 0; n < rows; ++n) {
      for (size_t k = 0; k < columns; ++k) {
        double sum = 0;
        for (size_t r = 0; r < many; ++r)
          sum += double{up.values[n * many + r]} * down.values[r * columns + k];
        weight.values[n * columns + k] += static_cast<float>(scale * sum);
      }
    }
    adapter_[down_name] = std::move(down);
    adapter_[up_name] = std::move(up);
  }

  void AddKohya(TestTensors& model, const std::string& prefix, const std::string& module,
                int64_t rank, float alpha, float scale) {
    std::string name = prefix + module;
    for (char& c : name) c = c == '.' ? '_' : c;
    adapter_[name + ".alpha"] = {{}, {alpha}};
    Add(model, module, name + ".lora_down.weight", name + ".lora_up.weight", rank,
        scale * alpha / static_cast<float>(rank));
  }

  std::string AdapterFile() const {
    WriteSafetensors(folder_.File("adapter.safetensors"), adapter_);
    return folder_.File("adapter.safetensors");
  }
  std::string ErrorWith(const std::string& file) const {
    const auto model = Load(folder_.File(""), Dtype::kF32, {{file, 1}});
    return model.ok() ? "(loaded)" : model.error().message;
  }
  void WriteChanged() const {
    WriteSafetensors(folder_.File("unet/diffusion_pytorch_model.safetensors"), unet_tensors_);
    WriteSafetensors(folder_.File("text_encoder/model.safetensors"), text_tensors_);
  }

  TestTensors unet_tensors_, text_tensors_, adapter_;
};

TEST_F(LoraTest, EqualsChangedWeights) {
  AddKohya(unet_tensors_, "lora_unet_", kQuery, 4, 2, 0.75f);
  AddKohya(unet_tensors_, "lora_unet_", kConv, 3, 3, 0.75f);
  AddKohya(unet_tensors_, "lora_unet_", kShortcut, 2, 1, 0.75f);
  AddKohya(text_tensors_, "lora_te_text_model_", kText, 2, 4, 0.75f);
  const std::string file = AdapterFile();
  const auto plain = MustLoad(Load(folder_.File("")));
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16, Dtype::kInt8}) {
    SCOPED_TRACE(DtypeName(dtype));
    DiffusersFolder::WriteWeights();
    const auto adapted = MustLoad(Load(folder_.File(""), dtype, {{file, 0.75f}}));
    WriteChanged();
    const auto changed = MustLoad(Load(folder_.File(""), dtype));
    ASSERT_TRUE(plain && adapted && changed);
    const auto unet = [&](const DiffusionModel& model) { return RunUNet(model.unet(), Call()); };
    const auto text = [&](const DiffusionModel& model) {
      return HiddenStates(model.text_encoder(), clip_.Ids(), 0);
    };
    // The last bits of a weight may round to another integer: that is far less than the adapter.
    const auto expect_equal = [&](const auto& run) {
      const float change = LargestDifference(run(*adapted), run(*plain));
      const float near = dtype == Dtype::kF32 ? 1e-5f : change / 5;
      EXPECT_GT(change, 0.05f);
      EXPECT_LT(LargestDifference(run(*adapted), run(*changed)), near);
    };
    expect_equal(unet);
    expect_equal(text);
  }
}

TEST_F(LoraTest, SeveralAddUpAndZeroIsNone) {
  const std::string prefix = "unet.";
  Add(unet_tensors_, kQuery, prefix + kQuery + ".lora_A.weight", prefix + kQuery + ".lora_B.weight",
      4, 1);
  const std::string file = AdapterFile();
  const auto run = [&](const std::vector<LoraOptions>& loras) {
    const auto model = MustLoad(Load(folder_.File(""), Dtype::kF32, loras));
    return model ? RunUNet(model->unet(), Call()) : std::vector<float>();
  };
  EXPECT_EQ(run({{file, 0}}), run({}));
  EXPECT_LT(LargestDifference(run({{file, 0.5f}, {file, 0.25f}}), run({{file, 0.75f}})), 1e-5f);
  EXPECT_NE(run({{file, 0.5f}}), run({}));
}

TEST_F(LoraTest, WhatIsWrongIsNamed) {
  EXPECT_THAT(ErrorWith(folder_.File("none.safetensors")), HasSubstr("none.safetensors"));
  EXPECT_THAT(ErrorWith(AdapterFile()), HasSubstr("no adapter in it"));
  const std::string name = "lora_unet_mid_block_attentions_0_proj_in";
  const auto with = [&](const std::vector<std::pair<std::string, std::vector<int64_t>>>& tensors) {
    adapter_.clear();
    for (const auto& [tensor, shape] : tensors)
      adapter_[tensor] = {shape, FormulaValues(tensor, shape)};
    return ErrorWith(AdapterFile());
  };
  const std::string down = name + ".lora_down.weight", up = name + ".lora_up.weight";
  EXPECT_THAT(with({{down, {2, 32}}}), HasSubstr("one of the two factors is not there"));
  EXPECT_THAT(with({{name + ".alpha", {}}}), HasSubstr("one of the two factors is not there"));
  EXPECT_THAT(with({{down, {2, 32}}, {up, {32, 3}}}), HasSubstr("do not fit each other"));
  EXPECT_THAT(with({{down, {2, 32}}, {up, {32, 2}}, {name + ".alpha", {2}}}),
              HasSubstr("alpha is not one number"));
  EXPECT_THAT(with({{down, {2, 16}}, {up, {32, 2}}}),
              AllOf(HasSubstr("for another model"), HasSubstr("[32, 32]"), HasSubstr("[32, 16]")));
  EXPECT_THAT(with({{down, {2}}, {up, {32, 2}}}), HasSubstr("do not fit each other"));
  EXPECT_THAT(with({{"lora_unet_down_blocks_9_attentions_0_proj_in.lora_down.weight", {2, 32}},
                    {"lora_unet_down_blocks_9_attentions_0_proj_in.lora_up.weight", {32, 2}}}),
              HasSubstr("has no tensor \"down_blocks.9.attentions.0.proj_in.weight\""));
  EXPECT_THAT(with({{"lora_unet_conv_in.hada_w1_a", {2, 32}}}), HasSubstr("hada_w1_a"));
  EXPECT_EQ(with({{down, {2, 32}}, {up, {32, 2}}}), "(loaded)");
  adapter_[up].values[5] = NAN;
  EXPECT_THAT(ErrorWith(AdapterFile()), HasSubstr("values that are not finite"));
}

}  // namespace
}  // namespace minnow
