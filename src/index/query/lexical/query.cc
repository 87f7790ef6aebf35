// SPDX-License-Identifier: Apache-2.0
#include "index/query/lexical/query.h"

#include <unordered_map>

#include "index/query/lexical/identifiers.h"
#include "index/query/lexical/tokenizer.h"

namespace minnow {
namespace {

class Builder {
 public:
  void AddPhrase(std::string_view text) {
    LexicalTerm term;
    for (const LexicalToken& token : tokenizer_.Tokenize(text)) {
      if (!term.text.empty()) term.text += ' ';
      term.text += text.substr(token.begin, token.end - token.begin);
      term.stems.push_back(token.stem);
    }
    term.required = true;
    Add(std::move(term));
  }

  // `at_end`: nothing follows the last word.
  void AddWords(std::string_view text, bool prefix, bool at_end) {
    const auto tokens = tokenizer_.Tokenize(text);
    for (const LexicalToken& token : tokens) {
      const std::string_view word = text.substr(token.begin, token.end - token.begin);
      Add({std::string(word), {token.stem}});
      for (const std::string_view part : IdentifierParts(word)) {
        const auto stems = tokenizer_.Tokenize(part);
        if (stems.size() == 1) Add({std::string(part), {stems[0].stem}});
      }
    }
    if (!prefix || !at_end || tokens.empty() || tokens.back().end != text.size()) return;
    const std::string_view last = text.substr(tokens.back().begin);
    if (last.size() < kMinPrefixBytes) return;
    LexicalTerm term{std::string(last), {tokens.back().stem}};
    term.prefix = true;
    Add(std::move(term));
  }

  LexicalQuery Take() { return std::move(query_); }

 private:
  void Add(LexicalTerm term) {
    if (term.stems.empty()) return;
    const auto [place, is_new] = places_.emplace(term.Key(), query_.terms.size());
    if (!is_new) {
      LexicalTerm& before = query_.terms[place->second];
      before.weight += 1;
      before.required = before.required || term.required;
    } else if (query_.terms.size() < kMaxLexicalTerms) {
      query_.terms.push_back(std::move(term));
    } else {
      places_.erase(place);
    }
  }

  LexicalTokenizer& tokenizer_ = LexicalTokenizer::ForThisThread();
  LexicalQuery query_;
  std::unordered_map<std::string, size_t> places_;
};

}  // namespace

std::string LexicalTerm::MatchExpression() const { return "\"" + text + (prefix ? "\" *" : "\""); }

std::string LexicalTerm::Key() const {
  std::string key;
  for (const std::string& stem : stems) key += stem + ' ';
  if (prefix) key += '*';
  return key;
}

LexicalQuery ParseLexicalQuery(std::string_view text, bool prefix) {
  Builder builder;
  for (size_t begin = 0; begin < text.size();) {
    const size_t open = text.find('"', begin);
    const size_t close = open == text.npos ? text.npos : text.find('"', open + 1);
    // A quote without another is no quote.
    if (close == text.npos) {
      builder.AddWords(text.substr(begin), prefix, true);
      break;
    }
    builder.AddWords(text.substr(begin, open - begin), prefix, false);
    builder.AddPhrase(text.substr(open + 1, close - open - 1));
    begin = close + 1;
  }
  return builder.Take();
}

}  // namespace minnow
