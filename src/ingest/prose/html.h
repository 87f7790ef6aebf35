// SPDX-License-Identifier: Apache-2.0
// HtmlText: what a page of HTML says, as plain text.
#pragma once

#include <string>
#include <string_view>

namespace minnow {

struct HtmlText {
  std::string title;  // of <title>, else of the first heading; may be empty
  std::string text;   // paragraphs between empty lines
};

// Reads tags by their names alone, as tolerant as browsers are: scripts, styles and comments are
// left out, blocks are lines of their own, entities are characters, white space is one space but in
// <pre>. Pure, linear in `html`. REQUIRES: well-formed UTF-8; gives such.
HtmlText ReadHtml(std::string_view html);

// The encoding that the page names for itself ("euc-kr"); may be empty. Any bytes are safe.
std::string_view DeclaredCharset(std::string_view html);

}  // namespace minnow
