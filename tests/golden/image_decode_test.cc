// SPDX-License-Identifier: Apache-2.0
// Picture files against what Pillow makes of them (tools/make_image_golden.py), pixel by pixel.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "formats/json.h"
#include "image/read.h"
#include "image/transform.h"
#include "tests/golden/image_files.h"

namespace minnow {
namespace {

JsonDocument Golden(const std::string& name) {
  return JsonDocument::ReadFile(ImageGolden(name).string()).value();
}

TEST(ImageGolden, FilesHavePillowsPixels) {
  const JsonDocument golden = Golden("decoded.json");
  for (size_t i = 0; i < golden.root().size(); ++i) {
    const std::string name(golden.root().key(i));
    const JsonView expected = golden.root().at(i);
    const auto file = ImageFile(name);
    if (!file) continue;
    const auto rgb = ReadImage(AsBytes(*file), AlphaChannel::kDrop, {});
    const auto rgba = ReadImage(AsBytes(*file), AlphaChannel::kKeep, {});
    if (expected.Find("error")) {
      printf("%s %s PILLOW %s\n", rgb.ok() ? "OURS-OK " : "both err", name.c_str(), std::string(*expected.GetString("error")).c_str());
      if (!rgb.ok()) printf("         %s\n", rgb.error().message.c_str());
      continue;
    }
    if (!rgb.ok()) { printf("OURS-ERR %s %s\n", name.c_str(), rgb.error().message.c_str()); continue; }
    if (HashOf(*rgb) != *expected.GetString("rgb")) printf("RGB-DIFF %s %s %ux%u\n", name.c_str(), std::string(*expected.GetString("mode")).c_str(), rgb->width, rgb->height);
    else if (HashOf(*rgba) != *expected.GetString("rgba")) printf("RGBA-DIFF %s %s\n", name.c_str(), std::string(*expected.GetString("mode")).c_str());
    if (HashOf(ToGrey(*rgb)) != *expected.GetString("grey")) printf("GREY-DIFF %s %s\n", name.c_str(), std::string(*expected.GetString("mode")).c_str());
  }
}

TEST(ImageGolden, CutOff) {
  const JsonDocument golden = Golden("cut.json");
  for (size_t i = 0; i < golden.root().size(); ++i) {
    const std::string name(golden.root().key(i));
    const JsonView cuts = golden.root().at(i);
    const auto file = ImageFile(name);
    if (!file) continue;
    for (size_t k = 0; k < cuts.size(); ++k) {
      const std::string part = file->substr(0, std::stoul(std::string(cuts.key(k))));
      const auto rgb = ReadImage(AsBytes(part), AlphaChannel::kDrop, {});
      const bool pillow = cuts.at(k).is_string();
      if (rgb.ok() != pillow) printf("CUT %s %s of %zu pillow %d ours %s\n", name.c_str(), std::string(cuts.key(k)).c_str(), file->size(), pillow, rgb.ok() ? "ok" : rgb.error().message.c_str());
      else if (pillow && HashOf(*rgb) != *cuts.at(k).String()) printf("CUT HASH %s\n", name.c_str());
    }
  }
}

}  // namespace
}  // namespace minnow
