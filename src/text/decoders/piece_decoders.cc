// SPDX-License-Identifier: Apache-2.0
// The decoders of sentencepiece's models: Metaspace, Replace, Strip, Fuse, ByteFallback.
#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "base/utf8.h"
#include "text/decoders/decoder.h"
#include "text/replace_pattern.h"

namespace minnow {
namespace {

void ReplaceAll(const ReplacePattern& pattern, std::string_view content, std::string& token) {
  TextSpan match;
  if (!pattern.Find(token, 0, match)) return;
  std::string out;
  size_t copied = 0;
  do {
    out.append(token, copied, match.begin - copied);
    out += content;
    copied = match.end;
  } while (pattern.Find(token, copied, match));
  out.append(token, copied);
  token = std::move(out);
}

class MetaspaceDecoder : public Decoder {
 public:
  explicit MetaspaceDecoder(MetaspaceOptions options) : options_(std::move(options)) {}

  void Decode(std::vector<std::string>& tokens) const override {
    bool first = options_.prepend != PrependScheme::kNever;
    for (std::string& token : tokens) {
      std::string out;
      for (size_t i = 0; i < token.size();) {
        const size_t mark = std::min(token.find(options_.mark, i), token.size());
        out.append(token, i, mark - i);
        if (mark < token.size() && !first) out += ' ';
        i = mark + options_.mark.size();
      }
      token = std::move(out);
      first = false;
    }
  }

 private:
  const MetaspaceOptions options_;
};

class ReplaceDecoder : public Decoder {
 public:
  ReplaceDecoder(ReplacePattern pattern, std::string content)
      : pattern_(std::move(pattern)), content_(std::move(content)) {}

  void Decode(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) ReplaceAll(pattern_, content_, token);
  }
  size_t growth() const override { return pattern_.Growth(content_); }

 private:
  const ReplacePattern pattern_;
  const std::string content_;
};

class StripDecoder : public Decoder {
 public:
  StripDecoder(std::string content, size_t start, size_t stop)
      : content_(std::move(content)), start_(start), stop_(stop) {}

  void Decode(std::vector<std::string>& tokens) const override {
    for (std::string& token : tokens) {
      std::string_view text = token;
      for (size_t i = 0; i < start_ && text.starts_with(content_); ++i)
        text.remove_prefix(content_.size());
      for (size_t i = 0; i < stop_ && text.ends_with(content_); ++i)
        text.remove_suffix(content_.size());
      if (text.size() < token.size()) token = std::string(text);
    }
  }

 private:
  const std::string content_;
  const size_t start_;
  const size_t stop_;
};

class FuseDecoder : public Decoder {
 public:
  void Decode(std::vector<std::string>& tokens) const override {
    std::string all;
    for (const std::string& token : tokens) all += token;
    tokens.assign(1, std::move(all));
  }
};

// The byte of "<0x41>"; like Rust's numbers, one digit may have a plus before it.
std::optional<char> ByteOf(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || !token.ends_with('>')) return std::nullopt;
  std::string_view digits = token.substr(3, 2);
  if (digits.starts_with('+')) digits.remove_prefix(1);
  unsigned value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return static_cast<char>(value);
}

class ByteFallbackDecoder : public Decoder {
 public:
  void Decode(std::vector<std::string>& tokens) const override {
    std::vector<std::string> out;
    std::string bytes;
    const auto flush = [&] {
      if (bytes.empty()) return;
      if (IsValidUtf8(bytes)) {
        out.push_back(bytes);
      } else {
        out.insert(out.end(), bytes.size(), "\uFFFD");
      }
      bytes.clear();
    };
    for (std::string& token : tokens) {
      if (const auto byte = ByteOf(token)) {
        bytes += *byte;
      } else {
        flush();
        out.push_back(std::move(token));
      }
    }
    flush();
    tokens = std::move(out);
  }
};

}  // namespace

std::unique_ptr<const Decoder> MakeMetaspaceDecoder(MetaspaceOptions options) {
  return std::make_unique<MetaspaceDecoder>(std::move(options));
}

std::unique_ptr<const Decoder> MakeReplaceDecoder(ReplacePattern pattern, std::string content) {
  return std::make_unique<ReplaceDecoder>(std::move(pattern), std::move(content));
}

std::unique_ptr<const Decoder> MakeStripDecoder(std::string content, size_t start, size_t stop) {
  return std::make_unique<StripDecoder>(std::move(content), start, stop);
}

std::unique_ptr<const Decoder> MakeFuseDecoder() { return std::make_unique<FuseDecoder>(); }

std::unique_ptr<const Decoder> MakeByteFallbackDecoder() {
  return std::make_unique<ByteFallbackDecoder>();
}

}  // namespace minnow
