// SPDX-License-Identifier: Apache-2.0
// Content codings of answers: which one the client wants (RFC 9110, 12.5.3), and gzip and deflate
// by zlib.
//
// Pure functions, callable from any thread. Compressing computes: the caller chooses the thread.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace minnow::http {

enum class ContentCoding { kIdentity, kGzip, kDeflate };

struct CodingChoice {
  ContentCoding coding = ContentCoding::kIdentity;
  bool identity_allowed = true;  // false: even a small body must be coded
  bool acceptable = true;        // false: the client takes nothing that this server can send
};

// From all Accept-Encoding fields of a request. Weights decide; of equal ones gzip, deflate,
// identity, in this order. What is malformed is left out.
CodingChoice ChooseCoding(const std::vector<Header>& headers);

// Below this a coded body would not make fewer packets.
inline constexpr size_t kLeastCodedBytes = 860;

// Codes the body as chosen, with the header fields that belong to it, where it helps: text of at
// least kLeastCodedBytes and at most `most_bytes`, not coded yet and not excluded by its handler.
// Beyond these limits only where identity is not allowed. Without memory the body stays as it is.
void ApplyCoding(const CodingChoice& choice, size_t most_bytes, Response& response);

}  // namespace minnow::http
