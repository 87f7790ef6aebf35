// SPDX-License-Identifier: Apache-2.0
// Accept-Encoding, and zlib.
#include "http/compression.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>
#include <optional>
#include <string>

#include "http/accept.h"
#include "http/url.h"

namespace minnow::http {
namespace {

constexpr int kLevel = 4;            // twice as fast as 6, and a tenth larger
constexpr int kGzipWrapper = 16;     // added to the window's bits
constexpr int kLargestWindow = 15;   // bits
constexpr int kSmallestWindow = 10;  // zlib's own 8 and 9 are special
constexpr int kUnset = -1;

// Types whose bytes a coding makes fewer.
bool IsText(std::string_view type) {
  type = type.substr(0, type.find(';'));
  return type.starts_with("text/") || type == "application/json" || type.ends_with("+json") ||
         type.ends_with("+xml") || type == "application/x-ndjson" ||
         type == "application/javascript" || type == "application/manifest+json";
}

bool HasHeader(const Response& response, std::string_view name) {
  return std::any_of(response.headers.begin(), response.headers.end(),
                     [name](const Header& h) { return EqualsIgnoringCase(h.name, name); });
}

std::optional<std::string> Deflate(ContentCoding coding, std::string_view body) {
  // A window larger than the body costs memory and gains nothing.
  int window = kSmallestWindow;
  while (window < kLargestWindow && (size_t{1} << window) < body.size()) ++window;
  if (body.size() > std::numeric_limits<uInt>::max()) return std::nullopt;
  z_stream stream{};
  const int wrapper = coding == ContentCoding::kGzip ? kGzipWrapper : 0;
  const int memory_level = std::min(8, window - 6);
  if (deflateInit2(&stream, kLevel, Z_DEFLATED, window + wrapper, memory_level,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return std::nullopt;
  }
  std::string out(deflateBound(&stream, body.size()), '\0');
  // zlib takes what it reads as not const, but does not write there.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(body.data()));
  stream.avail_in = static_cast<uInt>(body.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) return std::nullopt;
  return out;
}

// nullopt: no memory.
std::optional<std::string> Compress(ContentCoding coding, std::string_view body) {
  try {
    return Deflate(coding, body);
  } catch (const std::bad_alloc&) {
    return std::nullopt;
  }
}

// The coded bytes are another representation: a strong validator would claim that they are the
// same.
void WeakenValidator(Response& response) {
  for (Header& header : response.headers) {
    if (EqualsIgnoringCase(header.name, "ETag") && header.value.starts_with('"')) {
      header.value.insert(0, "W/");
    }
  }
}

}  // namespace

CodingChoice ChooseCoding(const std::vector<Header>& headers) {
  CodingChoice choice;
  int gzip = kUnset;
  int deflate = kUnset;
  int identity = kUnset;
  int any = kUnset;
  for (const AcceptItem& item : ReadAccept(headers, "Accept-Encoding")) {
    if (EqualsIgnoringCase(item.value, "gzip") || EqualsIgnoringCase(item.value, "x-gzip")) {
      gzip = item.weight;
    } else if (EqualsIgnoringCase(item.value, "deflate")) {
      deflate = item.weight;
    } else if (EqualsIgnoringCase(item.value, "identity")) {
      identity = item.weight;
    } else if (item.value == "*") {
      any = item.weight;
    }
  }
  const int unlisted = std::max(any, 0);
  if (gzip == kUnset) gzip = unlisted;
  if (deflate == kUnset) deflate = unlisted;
  // Not listed, identity is acceptable, but anything that is listed goes before it.
  if (identity == kUnset) identity = any == 0 ? 0 : 1;
  choice.identity_allowed = identity > 0;
  choice.acceptable = gzip > 0 || deflate > 0 || identity > 0;
  if (gzip > 0 && gzip >= deflate && gzip >= identity) {
    choice.coding = ContentCoding::kGzip;
  } else if (deflate > 0 && deflate >= identity) {
    choice.coding = ContentCoding::kDeflate;
  }
  return choice;
}

void ApplyCoding(const CodingChoice& choice, size_t most_bytes, Response& response) {
  const bool has_body = response.status != 204 && response.status != 304 && !response.body.empty();
  if (!has_body || !response.codable || HasHeader(response, "Content-Encoding")) return;
  if (!IsText(response.content_type)) return;
  const size_t size = response.body.size();
  const bool useful = size >= kLeastCodedBytes && size <= most_bytes;
  if (size >= kLeastCodedBytes) response.headers.push_back({"Vary", "Accept-Encoding"});
  if (choice.coding == ContentCoding::kIdentity || (!useful && choice.identity_allowed)) return;
  std::optional<std::string> coded = Compress(choice.coding, response.body);
  if (!coded.has_value() || (coded->size() >= size && choice.identity_allowed)) return;
  response.body = *std::move(coded);
  WeakenValidator(response);
  response.headers.push_back(
      {"Content-Encoding", choice.coding == ContentCoding::kGzip ? "gzip" : "deflate"});
}

}  // namespace minnow::http
