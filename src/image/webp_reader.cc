// SPDX-License-Identifier: Apache-2.0
// WebP to pixels, by libwebp. Of an animation the first frame, on a transparent black canvas.
#include <webp/decode.h>

#include <optional>
#include <string>
#include <utility>

#include "image/decoders.h"
#include "image/riff.h"

namespace minnow {
namespace {

constexpr size_t kExtendedBytes = 10;     // of a VP8X chunk
constexpr size_t kFrameHeaderBytes = 16;  // of an ANMF chunk
constexpr std::byte kAnimated{2};         // a flag of VP8X
constexpr size_t kWorkBytes = size_t{256} << 10;

// The picture to decode and where it lies on the canvas.
struct Frame {
  ImageBytes bytes;
  WebPBitstreamFeatures features{};
  uint32_t x = 0;
  uint32_t y = 0;
  uint32_t canvas_width = 0;
  uint32_t canvas_height = 0;
};

Error Corrupt(const std::string& message) { return {Code::kCorrupt, "image: WebP: " + message}; }

Error ErrorOf(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY:
      return {Code::kInternal, "image: WebP: no memory"};
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return {Code::kUnsupported, "image: WebP: a feature that is not supported"};
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA:
      return Corrupt("the file is cut off");
    default:
      return Corrupt("damaged");
  }
}

Result<Frame> FirstOfAnimation(ImageBytes file, ImageBytes extended) {
  Frame frame;
  frame.canvas_width = LittleEndian(extended.data() + 4, 3) + 1;
  frame.canvas_height = LittleEndian(extended.data() + 7, 3) + 1;
  RiffChunks chunks(file.subspan(kRiffHeaderBytes));
  while (chunks.Next()) {
    if (chunks.type() != "ANMF" || chunks.data().size() < kFrameHeaderBytes) continue;
    const std::byte* header = chunks.data().data();
    frame.x = LittleEndian(header, 3) * 2;
    frame.y = LittleEndian(header + 3, 3) * 2;
    frame.bytes = chunks.data().subspan(kFrameHeaderBytes);
    return frame;
  }
  return Corrupt("an animation without a frame");
}

Result<Frame> FindFrame(ImageBytes file) {
  Frame frame;
  frame.bytes = file;
  if (LittleEndian(file.data() + 4, 4) > file.size() - 8) return Corrupt("the file is cut off");
  RiffChunks chunks(file.subspan(kRiffHeaderBytes));
  const bool extended = chunks.Next() && chunks.type() == "VP8X";
  if (extended && chunks.data().size() < kExtendedBytes) return Corrupt("no header");
  if (extended && (chunks.data()[0] & kAnimated) != std::byte{0}) {
    MINNOW_ASSIGN_OR_RETURN(frame, FirstOfAnimation(file, chunks.data()));
  }
  const auto* data = reinterpret_cast<const uint8_t*>(frame.bytes.data());
  const auto status = WebPGetFeatures(data, frame.bytes.size(), &frame.features);
  if (status != VP8_STATUS_OK) return ErrorOf(status);
  if (frame.features.has_animation != 0) return Corrupt("an animation within a frame");
  const auto width = static_cast<uint32_t>(frame.features.width);
  const auto height = static_cast<uint32_t>(frame.features.height);
  if (frame.canvas_width == 0) {
    frame.canvas_width = width;
    frame.canvas_height = height;
  }
  if (width == 0 || height == 0 || frame.x + width > frame.canvas_width ||
      frame.y + height > frame.canvas_height) {
    return Corrupt("a frame that is larger than its canvas");
  }
  return frame;
}

}  // namespace

Result<ImageInfo> ReadWebpInfo(ImageBytes file, AlphaChannel alpha) {
  MINNOW_ASSIGN_OR_RETURN(const Frame frame, FindFrame(file));
  const size_t pixels = size_t{frame.canvas_width} * frame.canvas_height;
  const bool lossless = frame.features.format == 2;
  // libwebp holds all of a lossless picture, such as the alpha beside a lossy one may be, and some
  // rows.
  const size_t held = lossless ? 4 : frame.features.has_alpha != 0 ? 5 : 0;
  ImageInfo info;
  info.width = frame.canvas_width;
  info.height = frame.canvas_height;
  info.has_alpha = frame.features.has_alpha != 0;
  info.decode_bytes = pixels * ((alpha == AlphaChannel::kKeep ? 4 : 3) + held) +
                      size_t{frame.canvas_width} * 128 + kWorkBytes;
  return info;
}

Result<Image> ReadWebp(ImageBytes file, AlphaChannel alpha) {
  MINNOW_ASSIGN_OR_RETURN(const Frame frame, FindFrame(file));
  const bool keep_alpha = alpha == AlphaChannel::kKeep;
  Image image = NewImage(frame.canvas_width, frame.canvas_height, keep_alpha ? 4 : 3);
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) return Error{Code::kInternal, "image: libwebp"};
  const size_t begin = frame.y * image.row_bytes() + size_t{frame.x} * image.channels;
  config.output.colorspace = keep_alpha ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = image.pixels.data() + begin;
  config.output.u.RGBA.stride = static_cast<int>(image.row_bytes());
  config.output.u.RGBA.size = image.pixels.size() - begin;
  const auto* data = reinterpret_cast<const uint8_t*>(frame.bytes.data());
  const auto status = WebPDecode(data, frame.bytes.size(), &config);
  WebPFreeDecBuffer(&config.output);
  if (status != VP8_STATUS_OK) return ErrorOf(status);
  return image;
}

ImageBytes FindWebpExif(ImageBytes file) {
  for (RiffChunks chunks(file.subspan(kRiffHeaderBytes)); chunks.Next();) {
    if (chunks.type() != "EXIF") continue;
    const ImageBytes data = chunks.data();
    // Some writers keep JPEG's "Exif\0\0".
    const bool named = data.size() >= 6 && data[0] == std::byte{'E'};
    return named ? data.subspan(6) : data;
  }
  return {};
}

}  // namespace minnow
