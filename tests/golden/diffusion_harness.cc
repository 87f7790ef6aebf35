// SPDX-License-Identifier: Apache-2.0
#include "tests/golden/diffusion_harness.h"

#include "models/diffusion/renamed_source.h"
#include "models/vae/tiling.h"
#include "models/weights/tensor_floats.h"

namespace minnow {

std::string DiffusionGolden(const std::string& file) {
  return std::string(MINNOW_SOURCE_DIR) + "/tests/golden/diffusion/" + file;
}

std::string DiffusionShared(const std::string& file) {
  const char* data = std::getenv("MINNOW_DATA");
  return (data != nullptr ? std::string(data)
                          : std::string(MINNOW_SOURCE_DIR) + "/../shared/data") +
         "/" + file;
}

DiffusionFixture ReadDiffusionFixture(const std::string& name) {
  auto document = JsonDocument::ReadFile(DiffusionGolden(name + ".json"));
  auto outputs = Checkpoint::OpenFile(DiffusionGolden(name + ".safetensors"));
  CHECK(document.ok() && outputs.ok());
  return {std::move(document).value(), std::move(outputs).value()};
}

std::vector<float> DiffusionFixture::Floats(const char* field) const {
  std::vector<float> out;
  for (const JsonView item : root().Get(field).value().Items())
    out.push_back(static_cast<float>(item.Number().value()));
  return out;
}

std::vector<int32_t> DiffusionFixture::Ids() const {
  std::vector<int32_t> out;
  for (const JsonView prompt : root().Get("ids").value().Items()) {
    for (const JsonView item : prompt.Items())
      out.push_back(static_cast<int32_t>(item.Int(0, 1 << 20).value()));
  }
  return out;
}

std::string DiffusionFixture::Config() const {
  std::string text;
  JsonWriter json(&text);
  WriteJson(root().Get("config").value(), json);
  return text;
}

TestTensors DiffusionFixture::Tensors() const {
  const JsonView list = root().Get("tensors").value();
  TestTensors tensors;
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string name(list.key(i));
    std::vector<std::string> parts = {name};
    JsonView sizes = list.at(i);
    if (sizes.size() == 2 && sizes.at(0).is_array()) {
      parts.clear();
      for (const JsonView part : sizes.at(0).Items()) parts.emplace_back(part.String().value());
      sizes = sizes.at(1);
    }
    TestTensor& tensor = tensors[name];
    for (const JsonView size : sizes.Items()) tensor.shape.push_back(size.Int(1, 1 << 30).value());
    std::vector<int64_t> piece = tensor.shape;
    piece[0] /= static_cast<int64_t>(parts.size());
    for (const std::string& part : parts) {
      const std::vector<float> values = FormulaValues(part, piece);
      tensor.values.insert(tensor.values.end(), values.begin(), values.end());
    }
  }
  return tensors;
}

std::vector<float> DiffusionFixture::Output(const std::string& name) const {
  const TensorView* tensor = outputs.Find(name);
  CHECK(tensor != nullptr);
  std::vector<float> out(static_cast<size_t>(tensor->elements()));
  if (tensor->type == TensorType::kU8) {
    for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(tensor->data[i]);
  } else {
    CHECK(CopyFloats(*tensor, out.data()).ok());
  }
  return out;
}

TestFolder::TestFolder() {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  std::string name =
      std::string("minnow_diffusion_") + info->test_suite_name() + "_" + info->name();
  std::replace(name.begin(), name.end(), '/', '_');
  path_ = std::filesystem::path(testing::TempDir()) / name;
  std::filesystem::remove_all(path_);
  std::filesystem::create_directories(path_);
}

void TestFolder::Write(const std::string& name, const std::string& text) const {
  std::filesystem::create_directories((path_ / name).parent_path());
  std::ofstream(path_ / name, std::ios::binary) << text;
}

PartSource FixturePart(const DiffusionFixture& fixture, const TestFolder& folder,
                       std::string (*rename)(std::string_view)) {
  const std::string path = folder.File("part.safetensors");
  WriteSafetensors(path, fixture.Tensors());
  auto checkpoint = Checkpoint::OpenFile(path);
  CHECK(checkpoint.ok());
  auto source = std::make_shared<RenamedSource>();
  source->AddAll(
      std::make_shared<const Checkpoint>(std::move(checkpoint).value()),
      [&](std::string_view name) { return rename != nullptr ? rename(name) : std::string(name); });
  return {.config = fixture.Config(),
          .config_name = "config.json",
          .tensors = std::move(source),
          .packed = nullptr,
          .component = "",
          .embedding = std::nullopt};
}

std::vector<float> RunUNet(const UNetModel& unet, const UNetCall& call, int threads, Dtype maps) {
  std::vector<float> out(call.images * unet.config().out_channels * call.height * call.width);
  PlanAndRun(maps, threads, [&](ImageOps& ops) {
    const ArenaScope scope(ops.arena());
    const bool planning = ops.planning();
    const UNetPrompt prompt =
        unet.PreparePrompt(ops, planning ? nullptr : call.prompt.data(), call.images, call.tokens);
    unet.Forward(ops,
                 {.latents = planning ? nullptr : call.latents.data(),
                  .images = call.images,
                  .height = call.height,
                  .width = call.width,
                  .timesteps = call.timesteps,
                  .guidance = call.guidance,
                  .prompt = &prompt},
                 planning ? nullptr : out.data());
  });
  return out;
}

std::vector<float> DecodeLatents(const Vae& vae, const std::vector<float>& latents, size_t images,
                                 size_t height, size_t width, size_t tile) {
  const size_t factor = vae.info().factor;
  std::vector<float> pixels(images * 3 * height * width * factor * factor);
  PlanAndRun(Dtype::kF32, 1, [&](ImageOps& ops) {
    const float* in = ops.planning() ? nullptr : latents.data();
    float* out = ops.planning() ? nullptr : pixels.data();
    tile == 0 ? vae.Decode(ops, in, images, height, width, out)
              : DecodeTiled(vae, ops, in, images, height, width, tile, out);
  });
  return pixels;
}

std::vector<float> EncodePixels(const Vae& vae, const std::vector<float>& pixels, size_t images,
                                size_t height, size_t width, size_t tile) {
  const size_t factor = vae.info().factor;
  std::vector<float> moments(images * vae.info().moment_channels() * height * width);
  PlanAndRun(Dtype::kF32, 1, [&](ImageOps& ops) {
    const float* in = ops.planning() ? nullptr : pixels.data();
    float* out = ops.planning() ? nullptr : moments.data();
    tile == 0 ? vae.Encode(ops, in, images, height * factor, width * factor, out)
              : EncodeTiled(vae, ops, in, images, height * factor, width * factor, tile, out);
  });
  return moments;
}

std::vector<float> InputPlanes(const char* name, size_t images, size_t channels, size_t height,
                               size_t width) {
  return FormulaValues(name, {static_cast<int64_t>(images), static_cast<int64_t>(channels),
                              static_cast<int64_t>(height), static_cast<int64_t>(width)});
}

std::vector<float> HiddenStates(const ClipTextModel& clip, const std::vector<int32_t>& ids,
                                size_t skip) {
  std::vector<float> out(ids.size() * clip.config().hidden_size);
  PlanAndRun(Dtype::kF32, 1, [&](ImageOps& ops) {
    clip.Forward(ops, ids, skip, ops.planning() ? nullptr : out.data());
  });
  return out;
}

}  // namespace minnow
