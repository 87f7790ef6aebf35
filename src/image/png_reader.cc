// SPDX-License-Identifier: Apache-2.0
// PNG to pixels, by libpng: rows come as they are stored, and become Pillow's RGB here.
//
// libpng's errors are longjmp's; so nothing that a call of libpng could jump over has a destructor.
#include <png.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "image/decoders.h"
#include "image/png_chunks.h"

namespace minnow {
namespace {

constexpr size_t kHeaderBytes = 13;
constexpr uint32_t kMaxSide = 0x7FFFFFFF;
// libpng's and zlib's own, and what one row may take of the file beyond its own size.
constexpr size_t kPngWorkBytes = size_t{128} << 10;
constexpr size_t kSpareBytes = size_t{64} << 10;

struct PngHeader {
  uint32_t width = 0;
  uint32_t height = 0;
  int depth = 0;
  int color_type = 0;
  bool interlaced = false;
  bool has_transparent = false;  // a tRNS chunk

  size_t stored_channels() const {
    return color_type == PNG_COLOR_TYPE_RGB          ? 3
           : color_type == PNG_COLOR_TYPE_RGB_ALPHA  ? 4
           : color_type == PNG_COLOR_TYPE_GRAY_ALPHA ? 2
                                                     : 1;
  }
  bool has_alpha() const { return (color_type & PNG_COLOR_MASK_ALPHA) != 0 || has_transparent; }
};

bool IsDepthOf(int color_type, int depth) {
  switch (color_type) {
    case PNG_COLOR_TYPE_GRAY:
      return depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
    case PNG_COLOR_TYPE_PALETTE:
      return depth == 1 || depth == 2 || depth == 4 || depth == 8;
    case PNG_COLOR_TYPE_RGB:
    case PNG_COLOR_TYPE_GRAY_ALPHA:
    case PNG_COLOR_TYPE_RGB_ALPHA:
      return depth == 8 || depth == 16;
    default:
      return false;
  }
}

Error CorruptPng(const std::string& message) { return {Code::kCorrupt, "image: PNG: " + message}; }

Result<PngHeader> ReadHeader(ImageBytes file) {
  PngChunks chunks(file);
  if (!chunks.Next() || chunks.type() != "IHDR" || chunks.data().size() != kHeaderBytes) {
    return CorruptPng("no header");
  }
  const std::byte* data = chunks.data().data();
  PngHeader header;
  header.width = BigEndian32(data);
  header.height = BigEndian32(data + 4);
  header.depth = std::to_integer<int>(data[8]);
  header.color_type = std::to_integer<int>(data[9]);
  header.interlaced = data[12] == std::byte{1};
  if (header.width == 0 || header.height == 0 || header.width > kMaxSide ||
      header.height > kMaxSide) {
    return CorruptPng("sides of " + std::to_string(header.width) + " and " +
                      std::to_string(header.height));
  }
  if (!IsDepthOf(header.color_type, header.depth)) {
    return CorruptPng(std::to_string(header.depth) + " bits in colour type " +
                      std::to_string(header.color_type));
  }
  while (chunks.Next() && chunks.type() != "IDAT") {
    if (chunks.type() == "tRNS") header.has_transparent = true;
  }
  return header;
}

// Colours of the indices. Those beyond the palette are black, as Pillow has it.
using Palette = std::array<std::array<uint8_t, 4>, 256>;

// How a row that libpng gives becomes pixels of the result.
struct RowForm {
  size_t channels = 0;  // 1: grey or an index, 2: grey and alpha, 3, 4
  bool wide = false;    // 16 bits, of grey only
  bool indexed = false;
  Palette palette{};

  size_t pixel_bytes() const { return channels * (wide ? 2 : 1); }
};

// Pillow cuts grey of 16 bits off at 255.
uint8_t Grey(const RowForm& form, const uint8_t* from) {
  return form.wide && from[0] != 0 ? 255 : from[form.wide ? 1 : 0];
}

template <size_t kTo>
void ConvertRow(const RowForm& form, const uint8_t* from, size_t width, uint8_t* to) {
  const size_t step = form.pixel_bytes();
  for (size_t x = 0; x < width; ++x, from += step, to += kTo) {
    std::array<uint8_t, 4> pixel = {0, 0, 0, 255};
    if (form.indexed) {
      pixel = form.palette[from[0]];
    } else if (form.channels >= 3) {
      std::memcpy(pixel.data(), from, form.channels);
    } else {
      pixel.fill(Grey(form, from));
      pixel[3] = form.channels == 2 ? from[form.wide ? 2 : 1] : 255;
    }
    std::memcpy(to, pixel.data(), kTo);
  }
}

class PngDecoder {
 public:
  explicit PngDecoder(ImageBytes file) : rest_(file) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, OnError, OnWarning);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
  }
  ~PngDecoder() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngDecoder(const PngDecoder&) = delete;
  PngDecoder& operator=(const PngDecoder&) = delete;

  bool Start(const PngHeader& header, bool keep_alpha) {
    if (info_ == nullptr) return false;
    if (setjmp(jump_) != 0) return false;
    budget_ = rest_.size();
    png_set_read_fn(png_, this, OnRead);
    png_set_user_limits(png_, kMaxSide, kMaxSide);
    // Of the ancillary chunks, only transparency is looked at: no profile, no text, no gamma.
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_set_crc_action(png_, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_read_info(png_, info_);
    if (header.color_type == PNG_COLOR_TYPE_PALETTE) {
      png_set_packing(png_);
      ReadPalette();
    } else {
      if (header.depth < 8) png_set_expand_gray_1_2_4_to_8(png_);
      if (keep_alpha && png_get_valid(png_, info_, PNG_INFO_tRNS) != 0) {
        png_set_tRNS_to_alpha(png_);
      }
      form_.wide = header.depth == 16 && (header.color_type & PNG_COLOR_MASK_COLOR) == 0 &&
                   (header.color_type & PNG_COLOR_MASK_ALPHA) == 0;
      if (header.depth == 16 && !form_.wide) png_set_strip_16(png_);
    }
    passes_ = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    form_.channels = png_get_channels(png_, info_);
    row_budget_ = png_get_rowbytes(png_, info_) * 4 + kSpareBytes;
    return png_get_rowbytes(png_, info_) == header.width * form_.pixel_bytes();
  }

  const RowForm& form() const { return form_; }

  // One pass over the image where it is not interlaced, else all passes; rows are written to
  // `rows`, one after the other. REQUIRES: Start was true.
  bool ReadRows(uint8_t* rows, size_t row_bytes, uint32_t height) {
    if (setjmp(jump_) != 0) return false;
    for (int pass = 0; pass < passes_; ++pass) {
      for (uint32_t y = 0; y < height; ++y) {
        budget_ = row_budget_;
        png_read_row(png_, rows + y * row_bytes, nullptr);
      }
    }
    return true;
  }

  // The next row of an image that is not interlaced. REQUIRES: Start was true.
  bool ReadRow(uint8_t* row) {
    if (setjmp(jump_) != 0) return false;
    budget_ = row_budget_;
    png_read_row(png_, row, nullptr);
    return true;
  }

  Error error() const { return CorruptPng(message_); }

 private:
  void ReadPalette() {
    form_.indexed = true;
    form_.palette.fill({0, 0, 0, 255});
    png_colorp colors = nullptr;
    int count = 0;
    if (png_get_PLTE(png_, info_, &colors, &count) == 0) png_error(png_, "no palette");
    for (int i = 0; i < count; ++i) {
      form_.palette[static_cast<size_t>(i)] = {colors[i].red, colors[i].green, colors[i].blue, 255};
    }
    png_bytep alphas = nullptr;
    int transparent = 0;
    if (png_get_tRNS(png_, info_, &alphas, &transparent, nullptr) != 0 && alphas != nullptr) {
      for (int i = 0; i < transparent; ++i) form_.palette[static_cast<size_t>(i)][3] = alphas[i];
    }
  }

  static void OnRead(png_structp png, png_bytep to, size_t count) {
    auto* self = static_cast<PngDecoder*>(png_get_io_ptr(png));
    if (count > self->rest_.size()) png_error(png, "the file is cut off");
    // Data that becomes no rows: inflation ends here.
    if (count > self->budget_) png_error(png, "more data than its header implies");
    std::memcpy(to, self->rest_.data(), count);
    self->rest_ = self->rest_.subspan(count);
    self->budget_ -= count;
  }

  [[noreturn]] static void OnError(png_structp png, png_const_charp message) {
    auto* self = static_cast<PngDecoder*>(png_get_error_ptr(png));
    std::strncpy(self->message_, message, sizeof self->message_ - 1);
    std::longjmp(self->jump_, 1);
  }
  static void OnWarning(png_structp png, png_const_charp message) {}

  std::jmp_buf jump_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  ImageBytes rest_;
  size_t budget_ = 0;  // bytes that may be read until the next row
  size_t row_budget_ = 0;
  int passes_ = 1;
  RowForm form_;
  char message_[100] = "damaged";
};

}  // namespace

Result<ImageInfo> ReadPngInfo(ImageBytes file, AlphaChannel alpha) {
  MINNOW_ASSIGN_OR_RETURN(const PngHeader header, ReadHeader(file));
  const size_t pixels = size_t{header.width} * header.height;
  const size_t stored_bytes = (header.stored_channels() + 1) * (header.depth == 16 ? 2 : 1);
  ImageInfo info;
  info.width = header.width;
  info.height = header.height;
  info.has_alpha = header.has_alpha();
  info.decode_bytes = pixels * (alpha == AlphaChannel::kKeep ? 4 : 3) +
                      (header.interlaced ? pixels * stored_bytes : 0) +
                      size_t{header.width} * 8 * 3 + kPngWorkBytes;
  return info;
}

Result<Image> ReadPng(ImageBytes file, AlphaChannel alpha) {
  MINNOW_ASSIGN_OR_RETURN(const PngHeader header, ReadHeader(file));
  const bool keep_alpha = alpha == AlphaChannel::kKeep;
  PngDecoder decoder(file);
  if (!decoder.Start(header, keep_alpha)) return decoder.error();
  const RowForm& form = decoder.form();
  const size_t row_bytes = header.width * form.pixel_bytes();
  std::vector<uint8_t> stored(header.interlaced ? row_bytes * header.height : row_bytes);
  Image image = NewImage(header.width, header.height, keep_alpha ? 4 : 3);
  if (header.interlaced && !decoder.ReadRows(stored.data(), row_bytes, header.height)) {
    return decoder.error();
  }
  const auto convert = keep_alpha ? ConvertRow<4> : ConvertRow<3>;
  for (uint32_t y = 0; y < header.height; ++y) {
    if (!header.interlaced && !decoder.ReadRow(stored.data())) return decoder.error();
    const size_t at = header.interlaced ? y * row_bytes : 0;
    convert(form, stored.data() + at, header.width, image.row(y));
  }
  return image;
}

}  // namespace minnow
