// SPDX-License-Identifier: Apache-2.0
// JPEG to pixels, by libjpeg-turbo, with the settings and the leniency of Pillow: warnings of
// damaged data are passed over, the end of the file before the last row is an error.
//
// libjpeg's errors are longjmp's; so nothing that a call of libjpeg could jump over has a
// destructor.

#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "base/round_up.h"
#include "image/decoders.h"
#include "image/libjpeg.h"

namespace minnow {
namespace {

// Each scan of a progressive file costs a pass over all coefficients.
constexpr int kMaxScans = 100;
constexpr size_t kJpegWorkBytes = size_t{128} << 10;

Error CorruptJpeg(const std::string& message) {
  return {Code::kCorrupt, "image: JPEG: " + message};
}

class JpegDecoder {
 public:
  explicit JpegDecoder(ImageBytes file) {
    jpeg_.err = jpeg_std_error(&errors_);
    errors_.error_exit = OnError;
    errors_.output_message = [](j_common_ptr) {};
    errors_.emit_message = [](j_common_ptr jpeg, int level) {
      if (level < 0) ++jpeg->err->num_warnings;
    };
    progress_.progress_monitor = OnProgress;
    source_.next_input_byte = reinterpret_cast<const JOCTET*>(file.data());
    source_.bytes_in_buffer = file.size();
    source_.init_source = [](j_decompress_ptr) {};
    source_.fill_input_buffer = [](j_decompress_ptr) -> boolean { return FALSE; };
    source_.skip_input_data = SkipInput;
    source_.resync_to_restart = jpeg_resync_to_restart;
    source_.term_source = [](j_decompress_ptr) {};
    jpeg_.client_data = this;
  }
  ~JpegDecoder() { jpeg_destroy_decompress(&jpeg_); }
  JpegDecoder(const JpegDecoder&) = delete;
  JpegDecoder& operator=(const JpegDecoder&) = delete;

  bool ReadHeader() {
    if (setjmp(jump_) != 0) return false;
    jpeg_create_decompress(&jpeg_);
    jpeg_.client_data = this;
    jpeg_.progress = &progress_;
    jpeg_.src = &source_;
    if (jpeg_read_header(&jpeg_, TRUE) != JPEG_HEADER_OK) return CutOff();
    const int components = jpeg_.num_components;
    if (components == 1 || components == 3 || components == 4) return true;
    std::snprintf(message_, sizeof message_, "%d components", components);
    return false;
  }

  // Rows come as RGB, RGBA with 255, or CMYK. REQUIRES: ReadHeader was true.
  bool Start(bool keep_alpha) {
    if (setjmp(jump_) != 0) return false;
    jpeg_.out_color_space = is_cmyk() ? JCS_CMYK : keep_alpha ? JCS_EXT_RGBA : JCS_RGB;
    return jpeg_start_decompress(&jpeg_) == TRUE || CutOff();
  }

  bool ReadRow(uint8_t* row) {
    if (setjmp(jump_) != 0) return false;
    return jpeg_read_scanlines(&jpeg_, &row, 1) == 1 || CutOff();
  }

  // What follows the last row may be damaged, and is told; that it is missing is not.
  bool Finish() {
    if (setjmp(jump_) != 0) return false;
    jpeg_finish_decompress(&jpeg_);
    return true;
  }

  uint32_t width() const { return jpeg_.image_width; }
  uint32_t height() const { return jpeg_.image_height; }
  bool is_cmyk() const { return jpeg_.num_components == 4; }

  // What libjpeg takes: rows in the middle of their steps, and all coefficients where a component
  // comes in more than one scan. REQUIRES: ReadHeader was true.
  size_t WorkBytes() {
    const size_t components = static_cast<size_t>(jpeg_.num_components);
    size_t bytes = kJpegWorkBytes + RoundUp(width(), 32) * components * 96;
    if (jpeg_has_multiple_scans(&jpeg_) != TRUE) return bytes;
    for (size_t i = 0; i < components; ++i) {
      const jpeg_component_info& part = jpeg_.comp_info[i];
      const auto h = static_cast<size_t>(part.h_samp_factor);
      const auto v = static_cast<size_t>(part.v_samp_factor);
      bytes +=
          RoundUp(part.width_in_blocks, h) * RoundUp(part.height_in_blocks, v) * sizeof(JBLOCK);
    }
    return bytes;
  }

  Error error() const { return CorruptJpeg(message_); }

 private:
  bool CutOff() {
    std::snprintf(message_, sizeof message_, "the file is cut off");
    return false;
  }

  [[noreturn]] static void OnError(j_common_ptr jpeg) {
    auto* self = static_cast<JpegDecoder*>(jpeg->client_data);
    char message[JMSG_LENGTH_MAX];
    jpeg->err->format_message(jpeg, message);
    std::snprintf(self->message_, sizeof self->message_, "%.90s", message);
    std::longjmp(self->jump_, 1);
  }

  static void OnProgress(j_common_ptr jpeg) {
    auto* self = static_cast<JpegDecoder*>(jpeg->client_data);
    if (self->jpeg_.input_scan_number <= kMaxScans) return;
    std::snprintf(self->message_, sizeof self->message_, "more than %d scans", kMaxScans);
    std::longjmp(self->jump_, 1);
  }

  static void SkipInput(j_decompress_ptr jpeg, long count) {
    if (count <= 0) return;
    const size_t skipped = std::min(static_cast<size_t>(count), jpeg->src->bytes_in_buffer);
    jpeg->src->next_input_byte += skipped;
    jpeg->src->bytes_in_buffer -= skipped;
  }

  std::jmp_buf jump_;
  jpeg_decompress_struct jpeg_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  jpeg_source_mgr source_{};
  char message_[100] = "damaged";
};

// As Pillow does, which takes the numbers for inverted, as Adobe writes them.
void ConvertCmykRow(const uint8_t* from, size_t width, size_t channels, uint8_t* to) {
  for (size_t x = 0; x < width; ++x, from += 4, to += channels) {
    const int black = from[3];
    for (int c = 0; c < 3; ++c) {
      const int product = (255 - from[c]) * black + 128;
      const int value = black - (((product >> 8) + product) >> 8);
      to[c] = static_cast<uint8_t>(value < 0 ? 0 : value);
    }
    if (channels == 4) to[3] = 255;
  }
}

}  // namespace

Result<ImageInfo> ReadJpegInfo(ImageBytes file, AlphaChannel alpha) {
  JpegDecoder decoder(file);
  if (!decoder.ReadHeader()) return decoder.error();
  const size_t pixels = size_t{decoder.width()} * decoder.height();
  ImageInfo info;
  info.width = decoder.width();
  info.height = decoder.height();
  info.decode_bytes = pixels * (alpha == AlphaChannel::kKeep ? 4 : 3) + decoder.WorkBytes();
  return info;
}

Result<Image> ReadJpeg(ImageBytes file, AlphaChannel alpha) {
  const bool keep_alpha = alpha == AlphaChannel::kKeep;
  JpegDecoder decoder(file);
  if (!decoder.ReadHeader()) return decoder.error();
  Image image = NewImage(decoder.width(), decoder.height(), keep_alpha ? 4 : 3);
  std::vector<uint8_t> inks(decoder.is_cmyk() ? size_t{decoder.width()} * 4 : 0);
  if (!decoder.Start(keep_alpha)) return decoder.error();
  for (uint32_t y = 0; y < image.height; ++y) {
    if (!decoder.ReadRow(decoder.is_cmyk() ? inks.data() : image.row(y))) return decoder.error();
    if (decoder.is_cmyk()) ConvertCmykRow(inks.data(), image.width, image.channels, image.row(y));
  }
  if (!decoder.Finish()) return decoder.error();
  return image;
}

ImageBytes FindJpegExif(ImageBytes file) {
  constexpr std::string_view kName("Exif\0\0", 6);
  size_t at = 2;
  while (at + 4 <= file.size() && file[at] == std::byte{0xFF}) {
    const auto marker = std::to_integer<int>(file[at + 1]);
    if (marker == 0xFF) {  // padding
      ++at;
      continue;
    }
    if (marker == 0xDA || marker == 0xD9) break;
    if (marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8)) {  // without a length
      at += 2;
      continue;
    }
    const size_t length =
        std::to_integer<size_t>(file[at + 2]) << 8 | std::to_integer<size_t>(file[at + 3]);
    if (length < 2 || length > file.size() - at - 2) break;
    const auto data = file.subspan(at + 4, length - 2);
    if (marker == 0xE1 && data.size() >= kName.size() &&
        std::memcmp(data.data(), kName.data(), kName.size()) == 0) {
      return data.subspan(kName.size());
    }
    at += 2 + length;
  }
  return {};
}

}  // namespace minnow
