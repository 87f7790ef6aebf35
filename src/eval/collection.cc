// SPDX-License-Identifier: Apache-2.0
#include "eval/collection.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <set>
#include <string_view>
#include <unordered_set>

#include "base/mapped_file.h"
#include "formats/json.h"

namespace minnow {
namespace {

constexpr size_t kMaxCollectionBytes = size_t{2} << 30;

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
  return text;
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\f\v";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

// Calls visit(line, number) without the line break, until it fails.
template <class Visit>
Status ForEachLine(std::string_view text, const Visit& visit) {
  size_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    MINNOW_RETURN_IF_ERROR(visit(text.substr(begin, end - begin), ++number));
    begin = end + 1;
  }
  return {};
}

std::vector<std::string_view> Fields(std::string_view line) {
  std::vector<std::string_view> fields;
  for (size_t begin = 0; begin < line.size();) {
    begin = std::min(line.find_first_not_of(" \t\r", begin), line.size());
    const size_t end = std::min(line.find_first_of(" \t\r", begin), line.size());
    if (end > begin) fields.push_back(line.substr(begin, end - begin));
    begin = end;
  }
  return fields;
}

std::optional<double> Number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Numbers without leading zeros: .REL files and .I lines may differ in those.
std::string PlainId(std::string_view id) {
  const bool number = !id.empty() && id.find_first_not_of("0123456789") == id.npos;
  if (number) id.remove_prefix(std::min(id.find_first_not_of('0'), id.size() - 1));
  return std::string(id);
}

// Bytes that are not UTF-8 (these files are old) are taken as Latin-1.
std::string ToUtf8(std::string_view text) {
  std::string utf8;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    size_t length = byte < 0x80 ? 1 : byte >= 0xC2 && byte < 0xE0 ? 2 : byte < 0xE0 ? 0 : 3;
    if (byte >= 0xF0) length = byte < 0xF5 ? 4 : 0;
    bool valid = length > 0 && i + length <= text.size();
    for (size_t k = 1; valid && k < length; ++k) {
      valid = (static_cast<unsigned char>(text[i + k]) & 0xC0) == 0x80;
    }
    if (valid) {
      utf8 += text.substr(i, length);
      i += length - 1;
    } else {
      utf8 += static_cast<char>(0xC0 | byte >> 6);
      utf8 += static_cast<char>(0x80 | (byte & 0x3F));
    }
  }
  return utf8;
}

bool IsSmart(std::string_view text) { return Trimmed(text).starts_with(".I"); }

// The records of a SMART file: fields T and W; the others are of no use here.
Result<std::vector<CollectionText>> ReadSmart(std::string_view text, const std::string& path) {
  std::vector<CollectionText> records;
  std::string* field = nullptr;
  const auto line = [&](std::string_view line, size_t number) -> Status {
    const bool mark = line.size() >= 2 && line[0] == '.' && line[1] >= 'A' && line[1] <= 'Z' &&
                      (line[1] == 'I' || Trimmed(line).size() == 2);
    if (mark && line[1] == 'I') {
      records.push_back({PlainId(Trimmed(line.substr(2))), {}, {}});
      field = nullptr;
    } else if (records.empty()) {
      if (Trimmed(line).empty()) return {};
      return Error{Code::kCorrupt, path + ": line " + std::to_string(number) +
                                       ": expected .I before anything else"};
    } else if (mark) {
      field = line[1] == 'T'   ? &records.back().title
              : line[1] == 'W' ? &records.back().text
                               : nullptr;
    } else if (field != nullptr) {
      *field += line;
      *field += '\n';
    }
    return {};
  };
  MINNOW_RETURN_IF_ERROR(ForEachLine(text, line));
  // Some files end with a mark and nothing behind it.
  std::erase_if(records, [](const CollectionText& record) { return record.id.empty(); });
  for (CollectionText& record : records) {
    std::string title(Trimmed(record.title));
    std::replace(title.begin(), title.end(), '\n', ' ');
    record.title = ToUtf8(title);
    record.text = ToUtf8(Trimmed(record.text));
  }
  return records;
}

Result<std::vector<CollectionText>> ReadJsonLines(std::string_view text, const std::string& path) {
  std::vector<CollectionText> records;
  const auto line = [&](std::string_view line, size_t number) -> Status {
    if (Trimmed(line).empty()) return {};
    MINNOW_ASSIGN_OR_RETURN(const JsonDocument json,
                            JsonDocument::Parse(line, path + ": line " + std::to_string(number)));
    CollectionText record;
    const JsonView root = json.root();
    const auto id = root.Find("_id") ? root.Get("_id") : root.Get("id");
    if (!id.ok()) return id.error();
    record.id = id->is_string() ? std::string(id->String().value()) : id->Describe();
    MINNOW_ASSIGN_OR_RETURN(const std::string_view title, root.GetString("title", ""));
    MINNOW_ASSIGN_OR_RETURN(const std::string_view body, root.GetString("text", ""));
    record.title = title;
    record.text = body;
    records.push_back(std::move(record));
    return {};
  };
  MINNOW_RETURN_IF_ERROR(ForEachLine(text, line));
  return records;
}

Result<std::vector<CollectionText>> ReadRecords(const std::string& path) {
  MINNOW_ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(path, kMaxCollectionBytes));
  return IsSmart(text) ? ReadSmart(text, path) : ReadJsonLines(text, path);
}

struct Judgement {
  std::string query;
  std::string document;
  int grade = 0;
};

Result<std::vector<Judgement>> ReadJudgements(const std::string& path) {
  MINNOW_ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(path, kMaxCollectionBytes));
  std::vector<std::vector<std::string_view>> rows;
  const auto line = [&](std::string_view line, size_t number) -> Status {
    std::vector<std::string_view> fields = Fields(line);
    if (fields.empty()) return {};
    const bool known = fields.size() == 3 || fields.size() == 4;
    if (known && !Number(fields.back()) && number == 1) return {};  // the heading
    if (!known || !Number(fields.back())) {
      return Error{Code::kCorrupt, path + ": line " + std::to_string(number) +
                                       ": expected query, document and grade, or as TREC has it"};
    }
    rows.push_back(std::move(fields));
    return {};
  };
  MINNOW_RETURN_IF_ERROR(ForEachLine(text, line));
  // TREC's second column says nothing; in CISI's the document stands there, and zeros behind it.
  const bool trec = std::all_of(rows.begin(), rows.end(), [](const auto& row) {
    return row.size() == 4 && (row[1] == "0" || row[1] == "Q0");
  });
  std::vector<Judgement> judgements;
  for (const auto& row : rows) {
    Judgement judgement{PlainId(row[0]), PlainId(trec ? row[2] : row[1]), 1};
    if (trec || row.size() == 3) judgement.grade = static_cast<int>(*Number(row.back()));
    judgements.push_back(std::move(judgement));
  }
  return judgements;
}

struct Parts {
  std::string documents;
  std::string queries;
  std::string judgements;
};

// Where `path` belongs, by its name; null: nowhere.
std::string* PartOf(Parts& parts, const std::filesystem::path& path) {
  const std::string name = Lower(path.filename().string());
  const auto has = [&](std::string_view word) { return name.find(word) != name.npos; };
  if (has("readme") || has("source")) return nullptr;
  const bool inside_qrels = Lower(path.parent_path().filename().string()) == "qrels";
  if (has("qrel") || name.ends_with(".rel") || inside_qrels) return &parts.judgements;
  if (has("quer") || name.ends_with(".qry")) return &parts.queries;
  if (has("corpus") || name.ends_with(".all") || has(".all.")) return &parts.documents;
  return nullptr;
}

// BEIR directories may hold judgements for training and development too.
std::vector<std::filesystem::path> FilesOf(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored)) {
    if (entry.is_regular_file(ignored)) files.push_back(entry.path());
  }
  const auto test = directory / "qrels" / "test.tsv";
  if (std::filesystem::is_regular_file(test, ignored)) files.push_back(test);
  std::sort(files.begin(), files.end());
  return files;
}

Result<Parts> FindParts(const std::vector<std::string>& paths) {
  std::vector<std::filesystem::path> files(paths.begin(), paths.end());
  std::error_code ignored;
  if (paths.size() == 1 && std::filesystem::is_directory(paths[0], ignored)) {
    files = FilesOf(paths[0]);
  }
  Parts parts;
  for (const auto& file : files) {
    std::string* const part = PartOf(parts, file);
    if (part == nullptr) {
      if (paths.size() == 1) continue;
      return Error{Code::kInvalidArgument,
                   file.string() +
                       ": the name tells neither documents (corpus, .ALL) nor "
                       "queries (.QRY) nor judgements (qrels, .REL)"};
    }
    if (!part->empty()) {
      return Error{Code::kInvalidArgument,
                   file.string() + ": is of the same kind as " + *part + "; name the files"};
    }
    *part = file.string();
  }
  const auto missing = [&](std::string_view what) {
    return Error{Code::kInvalidArgument, (paths.empty() ? std::string() : paths[0] + ": ") +
                                             "no file of " + std::string(what)};
  };
  if (parts.documents.empty()) return missing("documents (corpus.jsonl, NAME.ALL)");
  if (parts.queries.empty()) return missing("queries (queries.jsonl, NAME.QRY)");
  if (parts.judgements.empty()) return missing("judgements (qrels.tsv, NAME.REL)");
  return parts;
}

// Cranfield's judgements count the queries 1, 2, 3, ... though their .I lines leave numbers out.
void NumberQueries(const std::vector<Judgement>& judgements, std::vector<CollectionText>& queries) {
  std::unordered_set<std::string> ids;
  for (const CollectionText& query : queries) ids.insert(query.id);
  const bool all_known = std::all_of(judgements.begin(), judgements.end(),
                                     [&](const Judgement& j) { return ids.contains(j.query); });
  const bool all_places =
      std::all_of(judgements.begin(), judgements.end(), [&](const Judgement& j) {
        const auto number = Number(j.query);
        return number && *number >= 1 && *number <= static_cast<double>(queries.size());
      });
  if (all_known || !all_places) return;
  for (size_t i = 0; i < queries.size(); ++i) queries[i].id = std::to_string(i + 1);
}

}  // namespace

Result<TestCollection> ReadCollection(const std::vector<std::string>& paths) {
  MINNOW_ASSIGN_OR_RETURN(const Parts parts, FindParts(paths));
  TestCollection collection;
  MINNOW_ASSIGN_OR_RETURN(collection.documents, ReadRecords(parts.documents));
  MINNOW_ASSIGN_OR_RETURN(std::vector<CollectionText> queries, ReadRecords(parts.queries));
  MINNOW_ASSIGN_OR_RETURN(const std::vector<Judgement> judgements,
                          ReadJudgements(parts.judgements));
  NumberQueries(judgements, queries);
  std::unordered_set<std::string> ids;
  for (const CollectionText& document : collection.documents) {
    if (!ids.insert(document.id).second) {
      return Error{Code::kCorrupt, parts.documents + ": document " + QuoteForMessage(document.id) +
                                       " is there twice"};
    }
  }
  for (const Judgement& judgement : judgements) {
    if (judgement.grade <= 0 || !ids.contains(judgement.document)) continue;
    collection.judgements[judgement.query][judgement.document] = judgement.grade;
  }
  for (CollectionText& query : queries) {
    if (query.text.empty()) query.text = query.title;
    if (collection.judgements.contains(query.id)) {
      collection.queries.push_back(std::move(query));
    } else {
      ++collection.unjudged_queries;
    }
  }
  if (collection.queries.empty()) {
    return Error{Code::kCorrupt,
                 parts.judgements + ": no query is answered by a document of " + parts.documents};
  }
  return collection;
}

}  // namespace minnow
