// SPDX-License-Identifier: Apache-2.0
#include "image/exif.h"

#include <cstdint>
#include <optional>

#include "base/utf8.h"
#include "image/transform.h"

namespace minnow {
namespace {

constexpr uint16_t kOrientationTag = 0x0112;
constexpr uint16_t kExifFolderTag = 0x8769;
constexpr uint16_t kUserCommentTag = 0x9286;
constexpr uint16_t kShort = 3;
constexpr uint16_t kLong = 4;
constexpr uint16_t kUndefined = 7;
constexpr size_t kEntryBytes = 12;
constexpr size_t kEncodingBytes = 8;  // the name of a comment's encoding

// Numbers of a TIFF block, in its byte order. Offsets count from the block's beginning.
class TiffBlock {
 public:
  explicit TiffBlock(std::span<const std::byte> bytes) : bytes_(bytes) {
    if (bytes.size() < 8) return;
    big_endian_ = bytes[0] == std::byte{'M'};
    const std::byte order = big_endian_ ? std::byte{'M'} : std::byte{'I'};
    valid_ = bytes[0] == order && bytes[1] == order && Short(2) == 42;
  }

  bool valid() const { return valid_; }
  bool big_endian() const { return big_endian_; }
  uint32_t first_folder() const { return Long(4).value_or(0); }

  std::optional<uint16_t> Short(size_t at) const {
    if (at > bytes_.size() || bytes_.size() - at < 2) return std::nullopt;
    const auto first = std::to_integer<uint16_t>(bytes_[at]);
    const auto second = std::to_integer<uint16_t>(bytes_[at + 1]);
    return static_cast<uint16_t>(big_endian_ ? first << 8 | second : second << 8 | first);
  }

  std::optional<uint32_t> Long(size_t at) const {
    const auto first = Short(at);
    const auto second = Short(at + 2);
    if (!first || !second) return std::nullopt;
    const uint32_t a = *first;
    const uint32_t b = *second;
    return big_endian_ ? a << 16 | b : b << 16 | a;
  }

  std::span<const std::byte> Bytes(size_t at, size_t count) const {
    if (at > bytes_.size() || count > bytes_.size() - at) return {};
    return bytes_.subspan(at, count);
  }

  // Where the entry of this tag stands in the folder at `folder`.
  std::optional<size_t> Find(size_t folder, uint16_t tag) const {
    const size_t entries = Short(folder).value_or(0);
    for (size_t i = 0; i < entries; ++i) {
      const size_t at = folder + 2 + i * kEntryBytes;
      if (bytes_.size() < kEntryBytes || at > bytes_.size() - kEntryBytes) return std::nullopt;
      if (Short(at) == tag) return at;
    }
    return std::nullopt;
  }

 private:
  const std::span<const std::byte> bytes_;
  bool big_endian_ = false;
  bool valid_ = false;
};

std::string FromUtf16(std::span<const std::byte> bytes, bool big_endian) {
  std::string text;
  const auto unit = [&](size_t i) {
    const auto first = std::to_integer<char32_t>(bytes[i]);
    const auto second = std::to_integer<char32_t>(bytes[i + 1]);
    return big_endian ? first << 8 | second : second << 8 | first;
  };
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    char32_t c = unit(i);
    const bool high = c >= 0xD800 && c < 0xDC00;
    if (high && i + 3 < bytes.size() && unit(i + 2) >= 0xDC00 && unit(i + 2) < 0xE000) {
      c = 0x10000 + ((c - 0xD800) << 10) + (unit(i + 2) - 0xDC00);
      i += 2;
    } else if (c >= 0xD800 && c < 0xE000) {
      c = kReplacementCharacter;
    }
    AppendUtf8(c, text);
  }
  return text;
}

// Writers disagree on the order of UTF-16; text has more bytes of zero where the high halves are.
bool LooksBigEndian(std::span<const std::byte> bytes, bool otherwise) {
  size_t even = 0;
  size_t odd = 0;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    even += bytes[i] == std::byte{0};
    odd += bytes[i + 1] == std::byte{0};
  }
  return even == odd ? otherwise : even > odd;
}

void AppendNumber(uint32_t value, int bytes, std::string& out) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift & 0xFF));
  }
}

void AppendUtf16(char32_t c, std::string& out) {
  if (c < 0x10000) return AppendNumber(c, 2, out);
  AppendNumber(0xD800 + ((c - 0x10000) >> 10), 2, out);
  AppendNumber(0xDC00 + ((c - 0x10000) & 0x3FF), 2, out);
}

}  // namespace

int ExifOrientation(std::span<const std::byte> bytes) {
  const TiffBlock block(bytes);
  if (!block.valid()) return kUpright;
  const auto entry = block.Find(block.first_folder(), kOrientationTag);
  if (!entry || block.Long(*entry + 4) != 1u) return kUpright;
  const uint32_t value = block.Short(*entry + 2) == kLong    ? block.Long(*entry + 8).value_or(0)
                         : block.Short(*entry + 2) == kShort ? block.Short(*entry + 8).value_or(0)
                                                             : uint32_t{0};
  return value >= kUpright && value <= kLastOrientation ? static_cast<int>(value) : kUpright;
}

std::string ExifUserComment(std::span<const std::byte> bytes) {
  const TiffBlock block(bytes);
  if (!block.valid()) return "";
  const auto folder = block.Find(block.first_folder(), kExifFolderTag);
  if (!folder) return "";
  const auto entry = block.Find(block.Long(*folder + 8).value_or(0), kUserCommentTag);
  if (!entry) return "";
  const size_t count = block.Long(*entry + 4).value_or(0);
  const auto comment = block.Bytes(block.Long(*entry + 8).value_or(0), count);
  if (comment.size() < kEncodingBytes) return "";
  const std::string_view all(reinterpret_cast<const char*>(comment.data()), comment.size());
  if (all.starts_with(std::string_view("UNICODE\0", kEncodingBytes))) {
    const auto text = comment.subspan(kEncodingBytes);
    return FromUtf16(text, LooksBigEndian(text, block.big_endian()));
  }
  return RepairUtf8(all.substr(kEncodingBytes));
}

std::string MakeExif(std::string_view text) {
  std::string comment("UNICODE\0", kEncodingBytes);
  for (const char* p = text.data(); p != text.data() + text.size();) {
    AppendUtf16(NextCodePoint(p), comment);
  }
  constexpr uint32_t kFirstFolder = 8;
  constexpr uint32_t kFolderBytes = 2 + kEntryBytes + 4;  // with one entry, and no next folder
  constexpr uint32_t kExifFolder = kFirstFolder + kFolderBytes;
  std::string out("MM\0*", 4);
  AppendNumber(kFirstFolder, 4, out);
  const auto append_folder = [&](uint16_t tag, uint16_t type, size_t count, uint32_t value) {
    AppendNumber(1, 2, out);
    AppendNumber(tag, 2, out);
    AppendNumber(type, 2, out);
    AppendNumber(static_cast<uint32_t>(count), 4, out);
    AppendNumber(value, 4, out);
    AppendNumber(0, 4, out);
  };
  append_folder(kExifFolderTag, kLong, 1, kExifFolder);
  append_folder(kUserCommentTag, kUndefined, comment.size(), kExifFolder + kFolderBytes);
  return out + comment;
}

}  // namespace minnow
