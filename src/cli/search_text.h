// SPDX-License-Identifier: Apache-2.0
// Hits as lines for people.
#pragma once

#include <string>
#include <string_view>

#include "index/query/search_request.h"

namespace minnow {

// Marks for SearchRequest::highlight_pre and _post: no text has them, so they are told from what a
// document says.
inline constexpr const char* kHitBegin = "\x01";
inline constexpr const char* kHitEnd = "\x02";

// Rank, score (the reranker's where it gave one), id, title; below it the snippet. Documents may
// hold anything: control characters do not reach the terminal. `terminal`: bold and colour.
std::string AnswerText(const SearchAnswer& answer, bool terminal);

// A snippet with those marks as plain text on one line: no marks, no escapes.
std::string PlainSnippet(std::string_view snippet);

// White space and control characters as single spaces.
std::string OneLine(std::string_view text);

}  // namespace minnow
