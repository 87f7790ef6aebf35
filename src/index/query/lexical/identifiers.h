// SPDX-License-Identifier: Apache-2.0
// Identifiers of source code and the words in them. Pure and linear.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace minnow {

// The parts of a word with humps: createPodSandbox gives create, Pod, Sandbox; HTTPServer gives
// HTTP, Server. Empty for a word without humps (pod, Pod, POD, v2). Letters beyond ASCII belong to
// the part that they stand in; parts of one letter are joined to the next.
std::vector<std::string_view> IdentifierParts(std::string_view word);

// `text` with the parts of its identifiers after it, each identifier once: what is to be indexed
// for "pod sandbox" to find createPodSandbox. FTS5 wants the very same text when a row goes, so a
// change to what this gives needs a new kLexicalVersion (tokenizer.h).
std::string LexicalText(std::string_view text);

}  // namespace minnow
