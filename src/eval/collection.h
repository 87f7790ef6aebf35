// SPDX-License-Identifier: Apache-2.0
// TestCollection: documents, questions, and people's judgements of which documents answer which.
//
// Read from files of two families, told apart by their content:
//   SMART (CISI, Cranfield, CACM, MED): records of ".I 1", ".T", ".W" ...; judgements as lines of
//     "query document 0 0.0", "query document grade" or, as TREC has it, "query 0 document grade"
//   BEIR: corpus.jsonl {"_id", "title", "text"}, queries.jsonl {"_id", "text"}, qrels/test.tsv of
//     query, document, grade, with or without a heading
#pragma once

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/result.h"

namespace minnow {

struct CollectionText {
  std::string id;
  std::string title;  // may be empty
  std::string text;
};

struct TestCollection {
  // Grades above 0 by document id.
  using Judgements = std::unordered_map<std::string, int>;

  std::vector<CollectionText> documents;
  std::vector<CollectionText> queries;  // only those that a document of the collection answers
  std::unordered_map<std::string, Judgements> judgements;  // by query id
  size_t unjudged_queries = 0;                             // left out of `queries`
};

// `paths`: one directory, or the three files in any order; which is which is told by the names
// ("corpus.jsonl", "CISI.ALL", "cran.qry", "qrels.tsv", ...). Fails with kInvalidArgument where a
// part is missing or two files claim it, with kCorrupt naming file and line, and as ReadSmallFile
// does.
Result<TestCollection> ReadCollection(const std::vector<std::string>& paths);

}  // namespace minnow
