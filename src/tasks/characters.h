// SPDX-License-Identifier: Apache-2.0
// Characters: a text by its code points, as Hugging Face counts offsets. Value; borrows the text.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/utf8.h"

namespace minnow {

class Characters {
 public:
  // REQUIRES: well-formed UTF-8, less than 4 GiB
  explicit Characters(std::string_view text) : text_(text) {
    for (size_t i = 0; i < text.size(); ++i) {
      if (!IsUtf8Continuation(text[i])) starts_.push_back(static_cast<uint32_t>(i));
    }
    starts_.push_back(static_cast<uint32_t>(text.size()));
  }

  size_t count() const { return starts_.size() - 1; }
  // Code points [begin, end), as far as there are so many.
  std::string_view Slice(size_t begin, size_t end) const {
    end = std::min(end, count());
    begin = std::min(begin, end);
    return text_.substr(starts_[begin], starts_[end] - starts_[begin]);
  }

 private:
  const std::string_view text_;
  std::vector<uint32_t> starts_;  // bytes; and the text's end
};

}  // namespace minnow
