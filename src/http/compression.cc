// SPDX-License-Identifier: Apache-2.0
// Accept-Encoding, and zlib.
#include "http/compression.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <new>
#include <optional>
#include <string>

#include "http/url.h"

namespace minnow::http {
namespace {

constexpr int kLevel = 4;            // twice as fast as 6, and a tenth larger
constexpr int kGzipWrapper = 16;     // added to the window's bits
constexpr int kLargestWindow = 15;   // bits
constexpr int kSmallestWindow = 10;  // zlib's own 8 and 9 are special
constexpr int kWeightOne = 1000;     // weights have three decimals
constexpr int kUnset = -1;

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

// "0.25" -> 250; nullopt when it is no weight (RFC 9110, 12.4.2).
std::optional<int> ParseWeight(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  int weight = text[0] - '0';
  for (size_t i = 2; i < 5; ++i) {
    const char digit = i < text.size() ? text[i] : '0';
    if (digit < '0' || digit > '9') return std::nullopt;
    weight = weight * 10 + (digit - '0');
  }
  return weight <= kWeightOne ? std::optional(weight) : std::nullopt;
}

struct Weights {
  int gzip = kUnset;
  int deflate = kUnset;
  int identity = kUnset;
  int any = kUnset;
};

// One list element, as "gzip;q=0.5".
void ReadElement(std::string_view element, Weights& weights) {
  const size_t semicolon = element.find(';');
  const std::string_view name = Trim(element.substr(0, semicolon));
  int weight = kWeightOne;
  if (semicolon != std::string_view::npos) {
    const std::string_view parameter = Trim(element.substr(semicolon + 1));
    if (parameter.size() < 2 || !EqualsIgnoringCase(parameter.substr(0, 2), "q=")) return;
    const std::optional<int> parsed = ParseWeight(parameter.substr(2));
    if (!parsed.has_value()) return;
    weight = *parsed;
  }
  if (EqualsIgnoringCase(name, "gzip") || EqualsIgnoringCase(name, "x-gzip")) {
    weights.gzip = weight;
  } else if (EqualsIgnoringCase(name, "deflate")) {
    weights.deflate = weight;
  } else if (EqualsIgnoringCase(name, "identity")) {
    weights.identity = weight;
  } else if (name == "*") {
    weights.any = weight;
  }
}

// Types whose bytes a coding makes fewer.
bool IsText(std::string_view type) {
  type = Trim(type.substr(0, type.find(';')));
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
  Weights weights;
  bool present = false;
  for (const Header& header : headers) {
    if (!EqualsIgnoringCase(header.name, "Accept-Encoding")) continue;
    present = true;
    std::string_view rest = header.value;
    while (!rest.empty()) {
      const size_t comma = std::min(rest.find(','), rest.size());
      ReadElement(rest.substr(0, comma), weights);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  if (!present) return choice;
  const int unlisted = std::max(weights.any, 0);
  const int gzip = weights.gzip == kUnset ? unlisted : weights.gzip;
  const int deflate = weights.deflate == kUnset ? unlisted : weights.deflate;
  // Not listed, identity is acceptable, but anything that is listed goes before it.
  const int identity = weights.identity != kUnset ? weights.identity : weights.any == 0 ? 0 : 1;
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
