// SPDX-License-Identifier: Apache-2.0
// Cutting a body into documents without copying, then each by itself.
#include "api/search/document_batch.h"

#include <algorithm>
#include <utility>

#include "api/request_json.h"
#include "formats/json.h"
#include "http/url.h"
#include "text/unicode.h"

namespace minnow::api {
namespace {

constexpr std::string_view kWhite = " \t\r\n";

struct Piece {
  size_t line = 0;
  std::string_view text;
};

Error TooMany(size_t limit) {
  return {Code::kInvalidArgument,
          "documents: more than " + std::to_string(limit) + " in one request"};
}

Result<std::vector<Piece>> CutLines(std::string_view body, size_t limit) {
  std::vector<Piece> pieces;
  for (size_t line = 1, begin = 0; begin < body.size(); ++line) {
    const size_t end = std::min(body.find('\n', begin), body.size());
    const std::string_view text = body.substr(begin, end - begin);
    begin = end + 1;
    if (text.find_first_not_of(kWhite) == std::string_view::npos) continue;
    if (pieces.size() == limit) return TooMany(limit);
    pieces.push_back({line, text});
  }
  return pieces;
}

// Where the value that begins at `at` ends: at a comma or bracket outside of strings and nested
// values. Whether it is well formed is seen when it is parsed.
size_t EndOfValue(std::string_view body, size_t at) {
  size_t depth = 0;
  bool quoted = false;
  for (; at < body.size(); ++at) {
    const char c = body[at];
    if (quoted) {
      if (c == '\\') {
        ++at;
      } else if (c == '"') {
        quoted = false;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return at;
      --depth;
    } else if (c == ',' && depth == 0) {
      return at;
    }
  }
  return body.size();
}

Result<std::vector<Piece>> CutArray(std::string_view body, size_t limit) {
  const auto wrong = [&body](size_t at, const char* expected) {
    return Error{
        Code::kInvalidArgument,
        "the body: byte " + std::to_string(std::min(at, body.size())) + ": expected " + expected};
  };
  const auto skip = [&body](size_t at) {
    return std::min(body.find_first_not_of(kWhite, at), body.size());
  };
  std::vector<Piece> pieces;
  size_t at = skip(skip(0) + 1);
  if (at < body.size() && body[at] == ']') {
    if (skip(at + 1) != body.size()) return wrong(at + 1, "the end");
    return pieces;
  }
  while (true) {
    const size_t begin = skip(at);
    const size_t end = EndOfValue(body, begin);
    if (end == begin) return wrong(begin, "a document");
    if (end >= body.size() || body[end] == '}') return wrong(end, "',' or ']'");
    if (pieces.size() == limit) return TooMany(limit);
    pieces.push_back({pieces.size() + 1, body.substr(begin, end - begin)});
    if (body[end] == ']') {
      if (skip(end + 1) != body.size()) return wrong(end + 1, "the end");
      return pieces;
    }
    at = end + 1;
  }
}

Result<std::vector<Piece>> Cut(std::string_view body, BatchFormat format, size_t limit) {
  const size_t begin = body.find_first_not_of(kWhite);
  if (begin == std::string_view::npos) {
    return Error{Code::kInvalidArgument, "the body: must not be empty"};
  }
  if (format == BatchFormat::kLines) return CutLines(body, limit);
  if (body[begin] == '[') return CutArray(body, limit);
  return std::vector<Piece>{{1, body}};
}

// Whether somebody sent a document a line, and did not say so.
bool LooksLikeLines(std::string_view body) {
  const size_t end = body.find('\n');
  return end != body.npos && body.find_first_not_of(kWhite, end) != body.npos &&
         MakeDocument({}, body.substr(0, end)).ok();
}

}  // namespace

BatchFormat FormatOf(std::string_view content_type) {
  content_type = content_type.substr(0, content_type.find(';'));
  content_type = content_type.substr(0, content_type.find_last_not_of(" \t") + 1);
  for (const char* lines : {"application/x-ndjson", "application/ndjson", "application/jsonl",
                            "application/x-jsonlines", "application/jsonlines"}) {
    if (http::EqualsIgnoringCase(content_type, lines)) return BatchFormat::kLines;
  }
  return BatchFormat::kJson;
}

Result<DocumentBatch> ReadDocumentBatch(std::string_view body, BatchFormat format,
                                        const IndexSettings& settings, size_t max_documents,
                                        const Chunker& chunker) {
  body = WithoutMark(body);
  MINNOW_ASSIGN_OR_RETURN(const std::vector<Piece> pieces, Cut(body, format, max_documents));
  DocumentBatch batch;
  batch.entries.reserve(pieces.size());
  for (const Piece& piece : pieces) {
    BatchEntry& entry = batch.entries.emplace_back();
    entry.line = piece.line;
    const size_t begin = piece.text.find_first_not_of(kWhite);
    const size_t end = piece.text.find_last_not_of(kWhite) + 1;
    Result<Document> document =
        PrepareDocument(settings, chunker, piece.text.substr(begin, end - begin));
    if (!document.ok()) {
      entry.error = IsValidUtf8(piece.text) ? document.error().message : "not UTF-8";
      // One document, not an array of many: the body is looked at once more at most.
      if (format == BatchFormat::kJson && begin == 0 && piece.text.size() == body.size() &&
          LooksLikeLines(body))
        entry.error += "; a document a line is sent with Content-Type: application/x-ndjson";
      continue;
    }
    entry.id = document->id;
    entry.document = batch.documents.size();
    batch.documents.push_back(std::move(document).value());
  }
  return batch;
}

}  // namespace minnow::api
