// SPDX-License-Identifier: Apache-2.0
#include "index/query/lexical/tokenizer.h"

#include <sqlite3.h>

#include <algorithm>
#include <limits>
#include <new>
#include <unordered_set>

#include "base/check.h"
#include "index/query/lexical/fts5.h"

namespace minnow {
namespace {

constexpr char kName[] = "minnow";
// Longer runs of Hangul are no words.
constexpr size_t kMaxWordUnits = 40;

using TokenSink = int (*)(void* context, int flags, const char* token, int bytes, int begin,
                          int end);

// Hands tokens to FTS5 until it fails.
class Emitter {
 public:
  // `parts_once`: the parts of a word count where it stands first: a page that names an identifier
  // fifty times is not about its parts.
  Emitter(void* context, TokenSink sink, bool parts_once)
      : context_(context), sink_(sink), parts_once_(parts_once) {}

  int result() const { return result_; }

  void Add(std::string_view token, size_t begin, size_t end, int flags = 0) {
    if (result_ != SQLITE_OK) return;
    result_ = sink_(context_, flags, token.data(), static_cast<int>(token.size()),
                    static_cast<int>(begin), static_cast<int>(end));
  }
  void AddBeside(std::string_view token, size_t begin, size_t end) {
    Add(token, begin, end, FTS5_TOKEN_COLOCATED);
  }

  void AddRun(const LexicalRun& run) {
    if (run.dense()) {
      AddDense(run);
    } else {
      AddSpaced(run);
    }
  }

 private:
  void AddSpaced(const LexicalRun& run) {
    const size_t begin = run.units.front().begin;
    const size_t end = run.units.back().end;
    if (run.has_sign()) {
      Add(run.Signed(), run.begin(), run.end());
      if (run.BaseIsWord()) AddBeside(run.folded, begin, end);
    } else {
      Add(run.folded, begin, end);
    }
    const std::vector<LexicalRun::Part> parts = run.Parts();
    if (parts.empty() || (parts_once_ && !seen_.insert(run.folded).second)) return;
    for (const LexicalRun::Part& part : parts) {
      Add(run.Text(part.first, part.last), run.units[part.first].begin,
          run.units[part.last - 1].end, &part == parts.data() ? FTS5_TOKEN_COLOCATED : 0);
    }
  }

  void AddDense(const LexicalRun& run) {
    const auto& units = run.units;
    for (size_t i = 0; i < units.size(); ++i) {
      const size_t last = std::min(i + 1, units.size() - 1);
      Add(run.Text(i, last + 1), units[i].begin, units[last].end);
      if (i == 0 && run.script == Script::kHangul && units.size() <= kMaxWordUnits) {
        AddBeside(WholeHangul(run), run.begin(), run.end());
      }
    }
  }

  void* const context_;
  const TokenSink sink_;
  const bool parts_once_;
  std::unordered_set<std::string> seen_;  // words with parts
  int result_ = SQLITE_OK;
};

int Create(void* /*context*/, const char** /*arguments*/, int /*count*/, Fts5Tokenizer** made) {
  // There is nothing to keep, but null would be a failure.
  static char nothing;
  *made = reinterpret_cast<Fts5Tokenizer*>(&nothing);
  return SQLITE_OK;
}

void Delete(Fts5Tokenizer* /*tokenizer*/) {}

// Queries name words as the index has them, with spaces between.
void AddQuery(std::string_view text, Emitter& emitter) {
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    if (end > begin) emitter.Add(text.substr(begin, end - begin), begin, end);
    begin = end + 1;
  }
}

int TokenizeText(Fts5Tokenizer* /*tokenizer*/, void* context, int flags, const char* data,
                 int bytes, TokenSink sink) {
  try {
    const std::string_view text(bytes > 0 ? data : "", static_cast<size_t>(std::max(bytes, 0)));
    Emitter emitter(context, sink, (flags & FTS5_TOKENIZE_DOCUMENT) != 0);
    if ((flags & FTS5_TOKENIZE_QUERY) != 0) {
      AddQuery(text, emitter);
      return emitter.result();
    }
    RunReader reader(text);
    while (const LexicalRun* run = reader.Next()) {
      emitter.AddRun(*run);
      if (emitter.result() != SQLITE_OK) break;
    }
    return emitter.result();
  } catch (const std::bad_alloc&) {
    return SQLITE_NOMEM;
  }
}

int AddToken(void* context, int flags, const char* stem, int stem_bytes, int begin, int end) {
  auto& tokens = *static_cast<std::vector<LexicalToken>*>(context);
  const bool beside = (flags & FTS5_TOKEN_COLOCATED) != 0;
  const size_t place = tokens.empty() ? 0 : tokens.back().place + (beside ? 0 : 1);
  try {
    tokens.push_back({std::string(stem, static_cast<size_t>(stem_bytes)),
                      static_cast<size_t>(begin), static_cast<size_t>(end), place});
  } catch (const std::bad_alloc&) {
    return SQLITE_NOMEM;
  }
  return SQLITE_OK;
}

}  // namespace

fts5_api* FindFts5(sqlite3* connection) {
  fts5_api* api = nullptr;
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(connection, "SELECT fts5(?1)", -1, &statement, nullptr) == SQLITE_OK) {
    sqlite3_bind_pointer(statement, 1, &api, "fts5_api_ptr", nullptr);
    sqlite3_step(statement);
  }
  sqlite3_finalize(statement);
  return api;
}

std::string WholeHangul(const LexicalRun& run) { return "_" + run.folded; }

Status RegisterLexicalTokenizer(sqlite3* connection) {
  fts5_api* const api = FindFts5(connection);
  if (api == nullptr) return Error{Code::kInternal, "SQLite has no FTS5"};
  fts5_tokenizer functions = {&Create, &Delete, &TokenizeText};
  if (api->xCreateTokenizer(api, kName, nullptr, &functions, nullptr) != SQLITE_OK) {
    return Error{Code::kInternal, "out of memory"};
  }
  return {};
}

LexicalTokenizer& LexicalTokenizer::ForThisThread() {
  static thread_local LexicalTokenizer tokenizer;
  return tokenizer;
}

LexicalTokenizer::LexicalTokenizer() : functions_(std::make_unique<fts5_tokenizer>()) {
  const int opened = sqlite3_open_v2(
      ":memory:", &connection_,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX,
      nullptr);
  CHECK(opened == SQLITE_OK);
  CHECK(RegisterLexicalTokenizer(connection_).ok());
  fts5_api* const api = FindFts5(connection_);
  void* context = nullptr;
  // kLexicalTable, word by word.
  CHECK(api->xFindTokenizer(api, "porter", &context, functions_.get()) == SQLITE_OK);
  const char* arguments[] = {kName};
  CHECK(functions_->xCreate(context, arguments, 1, &tokenizer_) == SQLITE_OK);
}

LexicalTokenizer::~LexicalTokenizer() {
  functions_->xDelete(tokenizer_);
  sqlite3_close(connection_);
}

std::vector<LexicalToken> LexicalTokenizer::Run(std::string_view text, int flags) {
  std::vector<LexicalToken> tokens;
  const auto bytes =
      static_cast<int>(std::min<size_t>(text.size(), std::numeric_limits<int>::max()));
  // An empty view may have no address at all.
  const char* const data = text.empty() ? "" : text.data();
  const int done = functions_->xTokenize(tokenizer_, &tokens, flags, data, bytes, &AddToken);
  if (done != SQLITE_OK) throw std::bad_alloc();  // the only failure there is
  return tokens;
}

std::vector<LexicalToken> LexicalTokenizer::Tokenize(std::string_view text) {
  return Run(text, FTS5_TOKENIZE_AUX);
}

std::vector<LexicalToken> LexicalTokenizer::TokenizeToIndex(std::string_view text) {
  return Run(text, FTS5_TOKENIZE_DOCUMENT);
}

std::vector<std::string> LexicalTokenizer::Stems(std::string_view words) {
  std::vector<std::string> stems;
  for (LexicalToken& token : Run(words, FTS5_TOKENIZE_QUERY)) {
    stems.push_back(std::move(token.stem));
  }
  return stems;
}

}  // namespace minnow
