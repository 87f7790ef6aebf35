// SPDX-License-Identifier: Apache-2.0
#include "cli/image/picture_file.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <span>
#include <string_view>

#include "base/mapped_file.h"
#include "cli/command_line/command.h"
#include "formats/atomic_file.h"
#include "image/read.h"
#include "image/write.h"

namespace minnow {
namespace {

constexpr int kJpegQuality = 95;
constexpr int kWebpQuality = 90;

struct Ending {
  std::string_view ending;
  ImageFormat format;
  const char* what;
  std::string_view begins;
};
constexpr std::array kEndings = {
    Ending{".png", ImageFormat::kPng, "PNG picture", "\x89PNG"},
    Ending{".jpg", ImageFormat::kJpeg, "JPEG picture", "\xFF\xD8\xFF"},
    Ending{".jpeg", ImageFormat::kJpeg, "JPEG picture", "\xFF\xD8\xFF"},
    Ending{".webp", ImageFormat::kWebp, "WebP picture", "RIFF"},
};

const Ending* FindEnding(const std::string& path) {
  std::string ending = std::filesystem::path(path).extension().string();
  std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return std::tolower(c); });
  const auto* found = std::ranges::find(kEndings, ending, &Ending::ending);
  return found == kEndings.end() ? nullptr : found;
}

}  // namespace

Result<Image> ReadPictureFile(const std::string& path) {
  const ImageLimits limits;
  MINNOW_ASSIGN_OR_RETURN(const std::string bytes, ReadSmallFile(path, limits.max_bytes));
  auto image = ReadImage(std::as_bytes(std::span(bytes)), AlphaChannel::kDrop, limits);
  if (!image.ok()) return Annotate(std::move(image).error(), path);
  return image;
}

Status CheckPictureFile(const std::string& path) {
  const Ending* ending = FindEnding(path);
  if (ending == nullptr) {
    RefuseArgument("--output", path + ": the name of a picture ends in .png, .jpg, .jpeg or .webp");
  }
  MINNOW_RETURN_IF_ERROR(CheckReplaceable(path, ending->what, /*offset=*/0, ending->begins));
  const auto file = AtomicFile::Create(path);  // a picture may take minutes
  return file.ok() ? Status() : Status(file.error());
}

std::string PictureFileName(const std::string& path, size_t i) {
  if (i == 0) return path;
  const std::filesystem::path whole(path);
  std::filesystem::path name = whole.stem();
  name += "-" + std::to_string(i + 1);
  name += whole.extension();
  return (whole.parent_path() / name).string();
}

Status WritePictureFile(const std::string& path, const Image& image, const std::string& text) {
  const Ending* ending = FindEnding(path);
  CHECK(ending != nullptr);
  Result<std::string> bytes = ending->format == ImageFormat::kPng ? WritePng(image, text)
                              : ending->format == ImageFormat::kJpeg
                                  ? WriteJpeg(image, kJpegQuality, text)
                                  : WriteWebp(image, kWebpQuality, text);
  if (!bytes.ok()) return Annotate(std::move(bytes).error(), path);
  MINNOW_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(path));
  MINNOW_RETURN_IF_ERROR(file.Write(std::as_bytes(std::span(*bytes))));
  return file.Commit();
}

}  // namespace minnow
