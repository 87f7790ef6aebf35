// SPDX-License-Identifier: Apache-2.0
// Runs of white space, each replaced by one text: CLIP's Replace of \s+.
#include <string>
#include <utility>

#include "text/normalizers/normalizer.h"

namespace minnow {
namespace {

class ReplaceWhiteSpace : public Normalizer {
 public:
  explicit ReplaceWhiteSpace(std::string content) : content_(std::move(content)) {}

  void Normalize(const TextView& in, NormalizedText& out) const override {
    out.Reset(in.source != nullptr, in.bytes.size());
    const char* const begin = in.bytes.data();
    const char* const end = begin + in.bytes.size();
    for (const char* p = begin; p < end;) {
      const char* const at = p;
      const char32_t c = NextCodePoint(p);
      if (!IsWhiteSpace(c)) {
        out.bytes.append(at, p);
        if (in.source != nullptr)
          out.sources.insert(out.sources.end(), in.source + (at - begin), in.source + (p - begin));
        continue;
      }
      for (const char* next = p; next < end && IsWhiteSpace(NextCodePoint(next));) p = next;
      out.bytes += content_;
      // Of the last one replaced, as Hugging Face tokenizers has it.
      if (in.source != nullptr) out.sources.resize(out.bytes.size(), in.source[p - begin - 1]);
    }
  }

 private:
  const std::string content_;
};

}  // namespace

std::unique_ptr<const Normalizer> MakeReplaceWhiteSpace(std::string content) {
  return std::make_unique<ReplaceWhiteSpace>(std::move(content));
}

}  // namespace minnow
