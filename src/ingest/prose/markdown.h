// SPDX-License-Identifier: Apache-2.0
// MarkdownDocument: a Markdown file as one document, with its title and sections.
#pragma once

#include <string>
#include <string_view>

namespace minnow {

// JSON text: {"id":"path","path","dir","lang":"markdown","kind":"text","title",
// "sections":[{"title","anchor","begin"}],"text"}.
// The title is the front matter's (YAML, or TOML in one line), else the first heading, else the
// file's name. `text` is what follows the front matter; `begin` of a section counts its bytes, and
// `anchor` is made of the heading as GitHub does. REQUIRES: `text` is well-formed UTF-8.
std::string MarkdownDocument(const std::string& path, std::string_view text);

// The text of the first heading; may be empty.
std::string FirstHeading(std::string_view text);

}  // namespace minnow
