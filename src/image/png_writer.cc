// SPDX-License-Identifier: Apache-2.0
// Pixels to PNG, by libpng; its errors are longjmp's, as in png_reader.cc.
#include <png.h>

#include <csetjmp>
#include <new>
#include <optional>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/utf8.h"
#include "image/write.h"

namespace minnow {
namespace {

// nullopt where a character is beyond Latin-1. REQUIRES: well-formed UTF-8.
std::optional<std::string> ToLatin1(std::string_view text) {
  std::string bytes;
  for (const char* p = text.data(); p != text.data() + text.size();) {
    const char32_t c = NextCodePoint(p);
    if (c > 0xFF) return std::nullopt;
    bytes.push_back(static_cast<char>(c));
  }
  return bytes;
}

class PngEncoder {
 public:
  PngEncoder() {
    png_ = png_create_write_struct(PNG_LIBPNG_VER_STRING, this, OnError, OnWarning);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
  }
  ~PngEncoder() { png_destroy_write_struct(&png_, &info_); }
  PngEncoder(const PngEncoder&) = delete;
  PngEncoder& operator=(const PngEncoder&) = delete;

  // `text` is in Latin-1 or, where `international`, in UTF-8.
  bool Write(const Image& image, std::string& text, bool international) {
    if (info_ == nullptr) return false;
    if (setjmp(jump_) != 0) return false;
    png_set_write_fn(png_, this, OnWrite, OnFlush);
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    const int color_type = image.channels == 1   ? PNG_COLOR_TYPE_GRAY
                           : image.channels == 3 ? PNG_COLOR_TYPE_RGB
                                                 : PNG_COLOR_TYPE_RGB_ALPHA;
    png_set_IHDR(png_, info_, image.width, image.height, 8, color_type, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (!text.empty()) SetText(text, international);
    png_write_info(png_, info_);
    for (uint32_t y = 0; y < image.height; ++y) png_write_row(png_, image.row(y));
    png_write_end(png_, nullptr);
    return true;
  }

  std::string Take() { return std::move(bytes_); }

 private:
  void SetText(std::string& text, bool international) {
    char keyword[] = "parameters";
    char none[] = "";
    png_text entry{};
    entry.compression = international ? PNG_ITXT_COMPRESSION_NONE : PNG_TEXT_COMPRESSION_NONE;
    entry.key = keyword;
    entry.text = text.data();
    entry.text_length = text.size();
    entry.lang = none;
    entry.lang_key = none;
    png_set_text(png_, info_, &entry, 1);
  }

  // A throw must not cross libpng.
  static void OnWrite(png_structp png, png_bytep from, size_t count) {
    auto* self = static_cast<PngEncoder*>(png_get_io_ptr(png));
    bool written = true;
    try {
      self->bytes_.append(reinterpret_cast<const char*>(from), count);
    } catch (const std::bad_alloc&) {
      written = false;
    }
    if (!written) png_error(png, "no memory");
  }
  static void OnFlush(png_structp png) {}

  [[noreturn]] static void OnError(png_structp png, png_const_charp message) {
    std::longjmp(static_cast<PngEncoder*>(png_get_error_ptr(png))->jump_, 1);
  }
  static void OnWarning(png_structp png, png_const_charp message) {}

  std::jmp_buf jump_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  std::string bytes_;
};

}  // namespace

std::string CleanText(std::string_view text) {
  std::string clean = RepairUtf8(text);
  std::erase(clean, '\0');
  return clean;
}

Result<std::string> WritePng(const Image& image, std::string_view parameters) {
  CHECK(image.channels == 1 || image.channels == 3 || image.channels == 4);
  std::string text = CleanText(parameters);
  const auto latin1 = ToLatin1(text);
  if (latin1) text = *latin1;
  PngEncoder encoder;
  if (!encoder.Write(image, text, /*international=*/!latin1)) {
    return Error{Code::kInternal, "image: PNG could not be written"};
  }
  return encoder.Take();
}

}  // namespace minnow
