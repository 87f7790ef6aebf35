// SPDX-License-Identifier: Apache-2.0
// Where diffusion models come from: folders of diffusers and their variants, single files, packed
// files, and what is none of these.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "formats/packed.h"
#include "models/diffusion/diffusion_model.h"
#include "models/diffusion/names.h"
#include "models/vae/config.h"
#include "tests/golden/diffusers_folder.h"

namespace minnow {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST_F(DiffusersFolder, Plain) {
  WriteWeights();
  const auto model = MustLoad(Load(folder_.File("")));
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->scheduler_config(), kScheduler);
  EXPECT_EQ(model->parameters(), model->unet().info().parameters +
                                     model->vae().info().part.parameters +
                                     model->text_encoder().info().parameters);
  EXPECT_LT(LargestDifference(RunUNet(model->unet(), Call()), unet_.Output("y")), 1e-4f);
  EXPECT_LT(LargestDifference(Decoded(*model), vae_.Output("pixels")), 1e-4f);
}

// Halves, shards, and a text encoder's names of before.
TEST_F(DiffusersFolder, Variants) {
  WriteSafetensors(folder_.File("unet/diffusion_pytorch_model.fp16.safetensors"), unet_.Tensors(),
                   /*halves=*/true);
  TestTensors shards[2];
  std::string map;
  for (const auto& [name, tensor] : vae_.Tensors()) {
    const bool second = name.starts_with("encoder");
    shards[second].emplace(name, tensor);
    map += (map.empty() ? "" : ",") + ("\"" + name) + "\":\"part-" + (second ? "2" : "1") +
           ".fp16.safetensors\"";
  }
  WriteSafetensors(folder_.File("vae/part-1.fp16.safetensors"), shards[0]);
  WriteSafetensors(folder_.File("vae/part-2.fp16.safetensors"), shards[1]);
  folder_.Write("vae/diffusion_pytorch_model.safetensors.index.fp16.json",
                "{\"weight_map\":{" + map + "}}");
  TestTensors text;
  for (const auto& [name, tensor] : clip_.Tensors()) text.emplace("text_model." + name, tensor);
  WriteSafetensors(folder_.File("text_encoder/model.safetensors"), text);
  const auto model = MustLoad(Load(folder_.File("")));
  ASSERT_NE(model, nullptr);
  EXPECT_LT(LargestDifference(RunUNet(model->unet(), Call()), unet_.Output("y")), 0.02f);
  EXPECT_LT(LargestDifference(Decoded(*model), vae_.Output("pixels")), 1e-4f);
  EXPECT_LT(
      LargestDifference(HiddenStates(model->text_encoder(), clip_.Ids(), 0), clip_.Output("skip0")),
      1e-4f);
}

TEST_F(DiffusersFolder, PackedFilesGiveTheSameBits) {
  WriteWeights();
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16, Dtype::kInt8}) {
    SCOPED_TRACE(DtypeName(dtype));
    const Dtype maps = dtype == Dtype::kF32 ? Dtype::kF32 : Dtype::kBF16;
    const auto model = MustLoad(Load(folder_.File(""), dtype));
    ASSERT_NE(model, nullptr);
    const std::string path = folder_.File(std::string(DtypeName(dtype)) + ".minnow");
    PackedHeader header;
    header.model_id = "tiny";
    header.packed_by = "test";
    header.dtype = DtypeName(dtype);
    header.embedding_dtype = "fp32";
    header.kind = ModelKindName(ModelKind::kTextToImage);
    header.configs = {{"unet", unet_.Config()},
                      {"vae", vae_.Config()},
                      {"text_encoder", clip_.Config()},
                      {"scheduler", kScheduler}};
    ASSERT_TRUE(WritePacked(header, model->PackedTensors(), path).ok());
    const auto packed = MustLoad(Load(path));
    ASSERT_NE(packed, nullptr);
    EXPECT_EQ(packed->dtype(), dtype);
    EXPECT_EQ(packed->scheduler_config(), kScheduler);
    EXPECT_EQ(RunUNet(packed->unet(), Call(), 1, maps), RunUNet(model->unet(), Call(), 1, maps));
    EXPECT_EQ(HiddenStates(packed->text_encoder(), clip_.Ids(), 1),
              HiddenStates(model->text_encoder(), clip_.Ids(), 1));
    header.configs.erase("vae");
    ASSERT_TRUE(WritePacked(header, model->PackedTensors(), path).ok());
    EXPECT_THAT(ErrorOf(path), HasSubstr("configuration of vae is missing"));
  }
}

// What an int8 model has in bf16 takes Winograd's form, too.
TEST_F(DiffusersFolder, SensitiveConvolutionsAreTheSameFromPackedFiles) {
  constexpr size_t kRoom = size_t{1} << 30;
  std::string config = ReadDiffusionFixture("vae_tiny").Config();
  for (size_t at; (at = config.find("16")) != std::string::npos;) config.replace(at, 2, "64");
  const auto direct = MustLoad(Vae::Random(config, "vae", Dtype::kInt8, 0));
  const auto winograd = MustLoad(Vae::Random(config, "vae", Dtype::kInt8, kRoom));
  ASSERT_TRUE(direct != nullptr && winograd != nullptr);
  EXPECT_TRUE(winograd->info().part.winograd);
  const std::string path = folder_.File("int8.minnow");
  PackedHeader header;
  header.dtype = DtypeName(Dtype::kInt8);
  header.embedding_dtype = "fp32";
  header.kind = ModelKindName(ModelKind::kTextToImage);
  ASSERT_TRUE(WritePacked(header, direct->PackedTensors(), path).ok());
  const auto load = [&](size_t room) -> Result<std::unique_ptr<Vae>> {
    MINNOW_ASSIGN_OR_RETURN(const auto packed, PackedFile::Open(path));
    return Vae::Load({.config = config,
                      .config_name = "vae",
                      .tensors = nullptr,
                      .packed = packed,
                      .component = "vae",
                      .embedding = std::nullopt,
                      .winograd_room_bytes = room},
                     Dtype::kInt8);
  };
  const auto decoded = [](const Vae& vae) {
    return DecodeLatents(vae, InputPlanes("input.latents", 1, 4, 9, 7), 1, 9, 7);
  };
  for (const Vae* expected : {direct.get(), winograd.get()}) {
    const auto vae = MustLoad(load(expected == winograd.get() ? kRoom : 0));
    ASSERT_NE(vae, nullptr);
    EXPECT_EQ(vae->info().part.winograd, expected->info().part.winograd);
    EXPECT_EQ(vae->info().part.bf16_products, expected->info().part.bf16_products);
    EXPECT_EQ(decoded(*vae), decoded(*expected));
  }
  // A file that was packed when such a product was in 8 bits as well.
  std::vector<PackedTensor> tensors = direct->PackedTensors();
  const auto bias = std::find_if(tensors.begin(), tensors.end(), [](const PackedTensor& tensor) {
    return tensor.name == "vae.encoder.layers.0.bias";
  });
  ASSERT_NE(bias, tensors.end());
  PackedTensor scale = *bias;
  scale.name = "vae.encoder.layers.0.scale";
  tensors.push_back(scale);
  ASSERT_TRUE(WritePacked(header, tensors, path).ok());
  EXPECT_THAT(load(0).error().message, HasSubstr("pack the model again"));
}

TEST_F(DiffusersFolder, RandomModelsNeedNoWeights) {
  const auto source = ModelSource::Open(folder_.File(""));
  ASSERT_TRUE(source.ok()) << source.error().message;
  for (const Dtype dtype : {Dtype::kF32, Dtype::kBF16, Dtype::kInt8}) {
    SCOPED_TRACE(DtypeName(dtype));
    const auto model = MustLoad(DiffusionModel::Random(*source, dtype));
    ASSERT_NE(model, nullptr);
    const Dtype maps = dtype == Dtype::kF32 ? Dtype::kF32 : Dtype::kBF16;
    for (const float value : RunUNet(model->unet(), Call(), 1, maps))
      ASSERT_TRUE(std::isfinite(value));
    for (const float value : Decoded(*model)) ASSERT_TRUE(std::isfinite(value));
  }
}

TEST_F(DiffusersFolder, WhatIsWrongIsNamed) {
  EXPECT_THAT(ErrorOf(folder_.File("")), HasSubstr("text_encoder: no model.safetensors"));
  WriteWeights();
  TestTensors fewer = unet_.Tensors();
  fewer.erase("mid_block.resnets.1.conv2.weight");
  WriteSafetensors(folder_.File("unet/diffusion_pytorch_model.safetensors"), fewer);
  EXPECT_THAT(ErrorOf(folder_.File("")), HasSubstr("mid_block.resnets.1.conv2.weight"));
  std::filesystem::remove(folder_.File("unet/diffusion_pytorch_model.safetensors"));
  folder_.Write("unet/diffusion_pytorch_model.bin", "pickle");
  EXPECT_THAT(ErrorOf(folder_.File("")), HasSubstr("pickles can run code"));
  const std::string index = kIndex;
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string text = index;
    text.replace(text.find(from), from.size(), to);
    folder_.Write("model_index.json", text);
    return ErrorOf(folder_.File(""));
  };
  EXPECT_THAT(with("StableDiffusionImg2ImgPipeline", "StableDiffusionXLPipeline"),
              HasSubstr("\"StableDiffusionXLPipeline\" is not supported"));
  EXPECT_THAT(with("AutoencoderKL", "AsymmetricAutoencoderKL"), HasSubstr("vae[1]"));
  EXPECT_THAT(with("[\"diffusers\", \"UNet2DConditionModel\"]", "[null, null]"),
              HasSubstr("unet[1]"));
  EXPECT_THAT(with("\"unet\"", "\"transformer\""), HasSubstr("unet"));
}

// In fp32 some would become a picture: an activation may take a NaN away.
TEST_F(DiffusersFolder, ValuesThatAreNotFiniteAreNamed) {
  const auto error_with = [&](const DiffusionFixture& fixture, const std::string& file,
                              const std::string& name, float value) {
    WriteWeights();
    TestTensors tensors = fixture.Tensors();
    tensors.at(name).values.back() = value;
    WriteSafetensors(folder_.File(file), tensors);
    return ErrorOf(folder_.File(""));
  };
  const std::string unet = "unet/diffusion_pytorch_model.safetensors";
  for (const char* name : {"conv_out.bias", "conv_out.weight", "conv_norm_out.weight",
                           "mid_block.attentions.0.proj_in.weight"}) {
    for (const float value : {NAN, -INFINITY}) {
      EXPECT_THAT(error_with(unet_, unet, name, value),
                  AllOf(HasSubstr(unet), HasSubstr(name), HasSubstr("not finite")));
    }
  }
  const std::string table = "embeddings.token_embedding.weight";
  EXPECT_THAT(error_with(clip_, "text_encoder/model.safetensors", table, INFINITY),
              AllOf(HasSubstr(table), HasSubstr("not finite")));
}

// A VAE and a UNet of other kinds fit where their channels do.
TEST_F(DiffusersFolder, OtherParts) {
  WriteWeights();
  const DiffusionFixture tiny = ReadDiffusionFixture("vae_tiny");
  const DiffusionFixture inpaint = ReadDiffusionFixture("unet_inpaint");
  folder_.Write("vae/config.json", tiny.Config());
  folder_.Write("unet/config.json", inpaint.Config());
  WriteSafetensors(folder_.File("vae/diffusion_pytorch_model.safetensors"), tiny.Tensors());
  WriteSafetensors(folder_.File("unet/diffusion_pytorch_model.safetensors"), inpaint.Tensors());
  const auto model = MustLoad(Load(folder_.File("")));
  ASSERT_NE(model, nullptr);
  EXPECT_EQ(model->unet().config().in_channels, 9u);
  EXPECT_FALSE(model->vae().info().has_variance);
  // As an encoder of texts, such a folder says what it is.
  const auto source = ModelSource::Open(folder_.File(""));
  ASSERT_TRUE(source.ok());
  EXPECT_THAT(source->ReadConfig().error().message, HasSubstr("kind text-to-image"));
}

TEST_F(DiffusersFolder, PartsThatDoNotFit) {
  WriteWeights();
  TestTensors wider = clip_.Tensors();
  for (auto& [name, tensor] : wider) {
    size_t count = 1;
    for (int64_t& size : tensor.shape) count *= static_cast<size_t>(size = size == 24 ? 48 : size);
    tensor.values.assign(count, 0.0f);
  }
  WriteSafetensors(folder_.File("text_encoder/model.safetensors"), wider);
  folder_.Write("text_encoder/config.json",
                R"({"model_type": "clip_text_model", "hidden_size": 48, "num_attention_heads": 3,
                    "num_hidden_layers": 4, "intermediate_size": 44, "vocab_size": 40,
                    "max_position_embeddings": 6})");
  EXPECT_THAT(ErrorOf(folder_.File("")),
              HasSubstr("hidden_size 48 of the text encoder is not the UNet's"));
}

// The real thing without its weights: all configurations are understood.
TEST(RealLayout, StableDiffusion1) {
  const std::string directory = DiffusionShared("hf_layout_sd15");
  if (!std::filesystem::exists(directory)) GTEST_SKIP() << "no " << directory << " (MINNOW_DATA)";
  const auto source = ModelSource::Open(directory);
  ASSERT_TRUE(source.ok()) << source.error().message;
  const auto config = [&](std::string_view component) {
    return source->ReadConfigJson(component).value();
  };
  const auto unet = ParseUNetConfig(config(kUNetPart), "unet");
  ASSERT_TRUE(unet.ok()) << unet.error().message;
  EXPECT_EQ(unet->cross_attention_dim, 768u);
  const auto vae = ParseKlVaeConfig(config(kVaePart), "vae");
  ASSERT_TRUE(vae.ok()) << vae.error().message;
  EXPECT_EQ(vae->block_channels.size(), 4u);
  const auto text = ParseClipTextConfig(config(kTextEncoderPart), "text");
  ASSERT_TRUE(text.ok()) << text.error().message;
  EXPECT_EQ(text->layers, 12u);
  const auto model = DiffusionModel::Load(*source, {.dtype = std::nullopt, .tiny_vae = ""});
  EXPECT_THAT(model.error().message, HasSubstr("text_encoder: no model.safetensors"));
}

class SingleFile : public testing::TestWithParam<const char*> {};

TEST_P(SingleFile, OutputsAreThoseOfDiffusers) {
  const DiffusionFixture fixture = ReadDiffusionFixture(GetParam());
  const TestFolder folder;
  const std::string path = folder.File("model.safetensors");
  WriteSafetensors(path, fixture.Tensors());
  const auto source = ModelSource::Open(path);
  ASSERT_TRUE(source.ok()) << source.error().message;
  EXPECT_EQ(source->kind(), ModelKind::kTextToImage);
  const auto model =
      MustLoad(DiffusionModel::Load(*source, {.dtype = std::nullopt, .tiny_vae = ""}));
  ASSERT_NE(model, nullptr);
  const bool second = std::string(GetParam()) == "single_sd2";
  EXPECT_THAT(model->scheduler_config(), HasSubstr(second ? "v_prediction" : "epsilon"));
  const auto channels = static_cast<int64_t>(model->unet().config().cross_attention_dim);
  const UNetCall call = {InputPlanes("input.latents", 1, 4, 4, 6),
                         FormulaValues("input.prompt", {1, 5, channels}),
                         1,
                         4,
                         6,
                         5,
                         {321},
                         {}};
  EXPECT_LT(LargestDifference(RunUNet(model->unet(), call), fixture.Output("unet")), 1e-4f);
  EXPECT_LT(LargestDifference(
                DecodeLatents(model->vae(), InputPlanes("input.latents", 1, 4, 3, 4), 1, 3, 4),
                fixture.Output("pixels")),
            1e-4f);
  EXPECT_LT(LargestDifference(
                EncodePixels(model->vae(), InputPlanes("input.pixels", 1, 3, 6, 8), 1, 3, 4),
                fixture.Output("moments")),
            1e-4f);
  const std::vector<float> hidden = HiddenStates(model->text_encoder(), fixture.Ids(), 0);
  const std::vector<float> expected = fixture.Output("hidden");  // the first 32 channels
  const size_t width = model->text_encoder().config().hidden_size;
  std::vector<float> first;
  for (size_t i = 0; i < expected.size(); ++i) first.push_back(hidden[i / 32 * width + i % 32]);
  EXPECT_LT(LargestDifference(first, expected), 1e-4f);
}

INSTANTIATE_TEST_SUITE_P(Diffusion, SingleFile, testing::Values("single_sd1", "single_sd2"));

TEST(SingleFileErrors, WhatIsNoneIsToldSo) {
  const TestFolder folder;
  const auto error = [&](const std::string& name) {
    const auto source = ModelSource::Open(folder.File(name));
    return source.ok() ? std::string("(opened)") : source.error().message;
  };
  folder.Write("model.ckpt", "PK");
  EXPECT_THAT(error("model.ckpt"), HasSubstr("pickles can run code"));
  WriteSafetensors(folder.File("other.safetensors"), {{"a", {{2}, {1, 2}}}});
  EXPECT_THAT(error("other.safetensors"), HasSubstr("neither a packed file nor a single-file"));
  const std::string unet = "model.diffusion_model.";
  TestTensors tensors = {{unet + "input_blocks.0.0.weight", {{1}, {1}}}};
  WriteSafetensors(folder.File("short.safetensors"), tensors);
  EXPECT_THAT(error("short.safetensors"), HasSubstr("no tensor"));
  tensors.emplace(unet + "label_emb.0.0.weight", TestTensor{{1}, {1}});
  WriteSafetensors(folder.File("xl.safetensors"), tensors);
  EXPECT_THAT(error("xl.safetensors"), HasSubstr("Stable Diffusion XL"));
  folder.Write("cut.safetensors", "\x20");
  EXPECT_THAT(error("cut.safetensors"), HasSubstr("cut.safetensors"));
}

}  // namespace
}  // namespace minnow
