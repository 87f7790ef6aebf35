// SPDX-License-Identifier: Apache-2.0
// Pixels to JPEG, by libjpeg-turbo; its errors are longjmp's, as in jpeg_reader.cc.

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/check.h"
#include "image/exif.h"
#include "image/libjpeg.h"
#include "image/write.h"

namespace minnow {
namespace {

constexpr size_t kMaxMarkerBytes = 65533;

class JpegEncoder {
 public:
  JpegEncoder() {
    jpeg_.err = jpeg_std_error(&errors_);
    errors_.error_exit = OnError;
    errors_.output_message = [](j_common_ptr) {};
    jpeg_.client_data = this;
  }
  ~JpegEncoder() {
    jpeg_destroy_compress(&jpeg_);
    std::free(bytes_);
  }
  JpegEncoder(const JpegEncoder&) = delete;
  JpegEncoder& operator=(const JpegEncoder&) = delete;

  bool Write(const Image& image, int quality, const std::string& marker) {
    if (setjmp(jump_) != 0) return false;
    jpeg_create_compress(&jpeg_);
    jpeg_.client_data = this;
    jpeg_mem_dest(&jpeg_, &bytes_, &size_);
    jpeg_.image_width = image.width;
    jpeg_.image_height = image.height;
    jpeg_.input_components = static_cast<int>(image.channels);
    jpeg_.in_color_space = image.channels == 1   ? JCS_GRAYSCALE
                           : image.channels == 3 ? JCS_RGB
                                                 : JCS_EXT_RGBX;
    jpeg_set_defaults(&jpeg_);
    jpeg_set_quality(&jpeg_, quality, TRUE);
    jpeg_start_compress(&jpeg_, TRUE);
    if (!marker.empty()) {
      jpeg_write_marker(&jpeg_, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(marker.data()),
                        static_cast<unsigned>(marker.size()));
    }
    while (jpeg_.next_scanline < jpeg_.image_height) {
      JSAMPROW row = const_cast<JSAMPROW>(image.row(jpeg_.next_scanline));  // only read
      jpeg_write_scanlines(&jpeg_, &row, 1);
    }
    jpeg_finish_compress(&jpeg_);
    return true;
  }

  std::string bytes() const { return {reinterpret_cast<const char*>(bytes_), size_}; }
  std::string message() const { return message_; }

 private:
  [[noreturn]] static void OnError(j_common_ptr jpeg) {
    auto* self = static_cast<JpegEncoder*>(jpeg->client_data);
    jpeg->err->format_message(jpeg, self->message_);
    std::longjmp(self->jump_, 1);
  }

  std::jmp_buf jump_;
  jpeg_compress_struct jpeg_{};
  jpeg_error_mgr errors_{};
  unsigned char* bytes_ = nullptr;
  unsigned long size_ = 0;
  char message_[JMSG_LENGTH_MAX] = "";
};

}  // namespace

Result<std::string> WriteJpeg(const Image& image, int quality, std::string_view parameters) {
  CHECK(image.channels == 1 || image.channels == 3 || image.channels == 4);
  std::string marker;
  const std::string text = CleanText(parameters);
  if (!text.empty()) marker = std::string("Exif\0\0", 6) + MakeExif(text);
  if (marker.size() > kMaxMarkerBytes) marker.clear();
  if (image.width > JPEG_MAX_DIMENSION || image.height > JPEG_MAX_DIMENSION) {
    return Error{Code::kInvalidArgument,
                 "image: JPEG: a side over " + std::to_string(JPEG_MAX_DIMENSION)};
  }
  JpegEncoder encoder;
  if (!encoder.Write(image, quality, marker)) {
    return Error{Code::kInternal, "image: JPEG: " + encoder.message()};
  }
  return encoder.bytes();
}

}  // namespace minnow
