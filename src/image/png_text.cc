// SPDX-License-Identifier: Apache-2.0
// What stands beside a PNG's pixels: generation parameters in a text chunk, and EXIF.
#include <zlib.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "base/utf8.h"
#include "image/decoders.h"
#include "image/png_chunks.h"

namespace minnow {
namespace {

constexpr size_t kMaxTextBytes = size_t{1} << 20;
constexpr std::string_view kKeyword = "parameters";

std::optional<std::string> Inflate(std::string_view bytes) {
  std::string text(kMaxTextBytes, '\0');
  uLongf length = text.size();
  const auto* from = reinterpret_cast<const Bytef*>(bytes.data());
  if (::uncompress(reinterpret_cast<Bytef*>(text.data()), &length, from, bytes.size()) != Z_OK) {
    return std::nullopt;
  }
  text.resize(length);
  return text;
}

std::string FromLatin1(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) AppendUtf8(static_cast<unsigned char>(byte), text);
  return text;
}

// Cuts `text` behind the next byte of zero and gives what stood before it.
std::string_view TakeString(std::string_view& text) {
  const size_t end = std::min(text.find('\0'), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

std::string Latin1Text(std::string_view text, bool compressed) {
  if (!compressed) return FromLatin1(text);
  if (text.empty() || text[0] != 0) return "";
  return FromLatin1(Inflate(text.substr(1)).value_or(""));
}

std::string InternationalText(std::string_view text) {
  if (text.size() < 2 || text[1] != 0) return "";
  const bool compressed = text[0] == 1;
  text.remove_prefix(2);
  TakeString(text);  // the language
  TakeString(text);  // the keyword in it
  return RepairUtf8(compressed ? Inflate(text).value_or("") : std::string(text));
}

}  // namespace

ImageBytes FindPngExif(ImageBytes file) {
  for (PngChunks chunks(file); chunks.Next();) {
    if (chunks.type() == "eXIf") return chunks.data();
  }
  return {};
}

std::string ReadPngParameters(ImageBytes file) {
  for (PngChunks chunks(file); chunks.Next();) {
    const std::string_view type = chunks.type();
    if (type != "tEXt" && type != "zTXt" && type != "iTXt") continue;
    if (chunks.data().size() > kMaxTextBytes) continue;
    std::string_view text(reinterpret_cast<const char*>(chunks.data().data()),
                          chunks.data().size());
    if (TakeString(text) != kKeyword) continue;
    return type == "iTXt" ? InternationalText(text) : Latin1Text(text, type == "zTXt");
  }
  return "";
}

}  // namespace minnow
