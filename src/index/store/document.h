// SPDX-License-Identifier: Apache-2.0
// A document as the store takes it: a JSON object with an id, its text, and the text's chunks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "formats/json.h"
#include "index/query/chunking.h"

namespace minnow {

inline constexpr size_t kMaxIdBytes = 512;
inline constexpr size_t kMaxDocumentBytes = size_t{32} << 20;  // of JSON

struct Document {
  std::string id;
  std::string json;                // an object; kept byte for byte
  std::string text;                // ExtractText of it
  std::vector<ChunkRange> chunks;  // one vector each; may be empty: lexical search only
};

// Fixed when the index is created.
struct IndexSettings {
  // Dotted paths ("title", "parsed.tldr"). Empty: "title" and "text" where a document has one of
  // them, else every string that is a direct member, but for the id.
  std::vector<std::string> text_fields;
  std::string id_field = "id";
  bool operator==(const IndexSettings&) const = default;
};

// The model that made an index's vectors.
struct ModelIdentity {
  std::string name;
  std::string dtype;
  std::string checksum;
  size_t dimensions = 0;
  // Where it was found last, absolute; empty: in the program itself, or not known. The same model
  // may lie anywhere: comparisons leave it out.
  std::string path = {};
  bool operator==(const ModelIdentity& other) const {
    return name == other.name && dtype == other.dtype && checksum == other.checksum &&
           dimensions == other.dimensions;
  }
};

// The text fields joined by "\n" in the order of settings: strings, numbers and booleans, alone or
// in arrays. Absent and null fields are left out; anything else is kInvalidArgument. Pure: the
// store computes it again when a document goes.
Result<std::string> ExtractText(const IndexSettings& settings, const JsonView& object);

// XXH64 of what is kept of a document: its id, the ranges of its chunks, and its JSON.
int64_t HashDocument(std::string_view id, std::span<const ChunkRange> chunks,
                     std::string_view json);
// What stood in its place in stores of before: of the ranges alone.
int64_t HashChunks(std::span<const ChunkRange> chunks);

// The document's id: a string of 1 to kMaxIdBytes bytes, or an integer, which is written out.
Result<std::string> ExtractId(const IndexSettings& settings, const JsonView& object);

// Id and text from JSON text, which must be one object; chunks are left to the caller
// (index/query/chunking.h). kInvalidArgument names the field.
Result<Document> MakeDocument(const IndexSettings& settings, std::string_view json);

}  // namespace minnow
