// SPDX-License-Identifier: Apache-2.0
// WebP to pixels, by libwebp. Of an animation the first frame, on a transparent black canvas.
#include <webp/decode.h>

#include <algorithm>
#include <cstdint>
#include <limits>
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
constexpr size_t kWebpWorkBytes = size_t{256} << 10;
// Sets of Huffman codes that a lossless picture may have: as many as libwebp's encoder makes at the
// most, of 4x4 pixels or more each; and what libwebp takes for each at the most.
constexpr size_t kMostCodeSets = 2600;
constexpr size_t kCodeSetSide = 4;
constexpr size_t kCodeSetBytes = 20'640;

// A lossless picture names up to 65,536 sets of Huffman codes, whatever its size, and libwebp makes
// 20 kB of tables of each. So what it takes in the course of one picture is bounded: its own
// functions for memory are led here by the linker (cmake/dependencies.cmake).
constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();
thread_local size_t bytes_left = kNoLimit;
thread_local bool wanted_more = false;

// While it lives, this thread gets so much all in all; what libwebp frees does not count back. Then
// libwebp ends with VP8_STATUS_OUT_OF_MEMORY.
class MemoryLimit {
 public:
  explicit MemoryLimit(size_t bytes) {
    bytes_left = bytes;
    wanted_more = false;
  }
  ~MemoryLimit() { bytes_left = kNoLimit; }
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;

  bool exceeded() const { return wanted_more; }
};

bool TakeBytes(uint64_t count, size_t size) {
  if (bytes_left == kNoLimit) return true;
  if (size != 0 && count > bytes_left / size) {
    wanted_more = true;
    return false;
  }
  bytes_left -= static_cast<size_t>(count) * size;
  return true;
}

// The picture to decode and where it lies on the canvas.
struct Frame {
  ImageBytes bytes;
  WebPBitstreamFeatures features{};
  uint32_t x = 0;
  uint32_t y = 0;
  uint32_t canvas_width = 0;
  uint32_t canvas_height = 0;

  size_t pixels() const { return size_t{canvas_width} * canvas_height; }
  // libwebp holds all of a lossless picture, such as the alpha beside a lossy one may be; else some
  // rows.
  bool lossless() const { return features.format == 2; }
  size_t held_bytes() const {
    const size_t each = lossless() ? 4 : features.has_alpha != 0 ? 5 : 0;
    return pixels() * each + size_t{canvas_width} * 128 + kWebpWorkBytes;
  }
  size_t table_bytes() const {
    if (!lossless() && features.has_alpha == 0) return 0;
    const auto sets = [](int side) {
      return (static_cast<size_t>(side) + kCodeSetSide - 1) / kCodeSetSide;
    };
    return std::min(sets(features.width) * sets(features.height), kMostCodeSets) * kCodeSetBytes;
  }
};

Error CorruptWebp(const std::string& message) {
  return {Code::kCorrupt, "image: WebP: " + message};
}

Error ErrorOf(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_OUT_OF_MEMORY:
      return {Code::kInternal, "image: WebP: no memory"};
    case VP8_STATUS_UNSUPPORTED_FEATURE:
      return {Code::kUnsupported, "image: WebP: a feature that is not supported"};
    case VP8_STATUS_SUSPENDED:
    case VP8_STATUS_NOT_ENOUGH_DATA:
      return CorruptWebp("the file is cut off");
    default:
      return CorruptWebp("damaged");
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
  return CorruptWebp("an animation without a frame");
}

Result<Frame> FindFrame(ImageBytes file) {
  Frame frame;
  frame.bytes = file;
  if (LittleEndian(file.data() + 4, 4) > file.size() - 8) return CorruptWebp("the file is cut off");
  RiffChunks chunks(file.subspan(kRiffHeaderBytes));
  const bool extended = chunks.Next() && chunks.type() == "VP8X";
  if (extended && chunks.data().size() < kExtendedBytes) return CorruptWebp("no header");
  if (extended && (chunks.data()[0] & kAnimated) != std::byte{0}) {
    MINNOW_ASSIGN_OR_RETURN(frame, FirstOfAnimation(file, chunks.data()));
  }
  const auto* data = reinterpret_cast<const uint8_t*>(frame.bytes.data());
  const auto status = WebPGetFeatures(data, frame.bytes.size(), &frame.features);
  if (status != VP8_STATUS_OK) return ErrorOf(status);
  if (frame.features.has_animation != 0) return CorruptWebp("an animation within a frame");
  const auto width = static_cast<uint32_t>(frame.features.width);
  const auto height = static_cast<uint32_t>(frame.features.height);
  if (frame.canvas_width == 0) {
    frame.canvas_width = width;
    frame.canvas_height = height;
  }
  if (width == 0 || height == 0 || frame.x + width > frame.canvas_width ||
      frame.y + height > frame.canvas_height) {
    return CorruptWebp("a frame that is larger than its canvas");
  }
  return frame;
}

}  // namespace

Result<ImageInfo> ReadWebpInfo(ImageBytes file, AlphaChannel alpha) {
  MINNOW_ASSIGN_OR_RETURN(const Frame frame, FindFrame(file));
  ImageInfo info;
  info.width = frame.canvas_width;
  info.height = frame.canvas_height;
  info.has_alpha = frame.features.has_alpha != 0;
  info.decode_bytes = frame.pixels() * (alpha == AlphaChannel::kKeep ? 4 : 3) + frame.held_bytes() +
                      frame.table_bytes();
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
  // Beside what is held, transforms of a lossless picture come and go, in less than two bytes a
  // pixel.
  const MemoryLimit limit(frame.held_bytes() + 2 * frame.pixels() + frame.table_bytes());
  const auto status = WebPDecode(data, frame.bytes.size(), &config);
  WebPFreeDecBuffer(&config.output);
  if (limit.exceeded()) {
    return Error{Code::kUnsupported,
                 "image: WebP: more Huffman codes than its size is worth, limit " +
                     std::to_string(frame.table_bytes()) + " bytes of tables"};
  }
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

extern "C" {
// NOLINTBEGIN(bugprone-reserved-identifier): the linker's names (--wrap)
void* __real_WebPSafeMalloc(uint64_t count, size_t size);
void* __real_WebPSafeCalloc(uint64_t count, size_t size);

void* __wrap_WebPSafeMalloc(uint64_t count, size_t size) {
  return minnow::TakeBytes(count, size) ? __real_WebPSafeMalloc(count, size) : nullptr;
}
void* __wrap_WebPSafeCalloc(uint64_t count, size_t size) {
  return minnow::TakeBytes(count, size) ? __real_WebPSafeCalloc(count, size) : nullptr;
}
// NOLINTEND(bugprone-reserved-identifier)
}
