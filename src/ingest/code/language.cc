// SPDX-License-Identifier: Apache-2.0
// A table of suffixes and names.
#include "ingest/code/language.h"

#include <algorithm>
#include <string>

namespace minnow {
namespace {

struct Entry {
  std::string_view key;
  Language language;
};

constexpr Entry kSuffixes[] = {
    {"c", {"c", CodeSyntax::kC}},
    {"h", {"c", CodeSyntax::kC}},
    {"cc", {"cpp", CodeSyntax::kC}},
    {"cpp", {"cpp", CodeSyntax::kC}},
    {"cxx", {"cpp", CodeSyntax::kC}},
    {"hh", {"cpp", CodeSyntax::kC}},
    {"hpp", {"cpp", CodeSyntax::kC}},
    {"hxx", {"cpp", CodeSyntax::kC}},
    {"inc", {"cpp", CodeSyntax::kC}},
    {"go", {"go", CodeSyntax::kGo}},
    {"java", {"java", CodeSyntax::kJava}},
    {"js", {"javascript", CodeSyntax::kJavaScript}},
    {"mjs", {"javascript", CodeSyntax::kJavaScript}},
    {"cjs", {"javascript", CodeSyntax::kJavaScript}},
    {"jsx", {"javascript", CodeSyntax::kJavaScript}},
    {"ts", {"typescript", CodeSyntax::kJavaScript}},
    {"mts", {"typescript", CodeSyntax::kJavaScript}},
    {"cts", {"typescript", CodeSyntax::kJavaScript}},
    {"tsx", {"typescript", CodeSyntax::kJavaScript}},
    {"py", {"python", CodeSyntax::kPython}},
    {"pyi", {"python", CodeSyntax::kPython}},
    {"rs", {"rust", CodeSyntax::kRust}},
    {"awk", {"awk"}},
    {"bash", {"shell"}},
    {"bat", {"batch"}},
    {"cmake", {"cmake"}},
    {"cs", {"csharp"}},
    {"css", {"css"}},
    {"cu", {"cuda"}},
    {"dart", {"dart"}},
    {"el", {"lisp"}},
    {"erl", {"erlang"}},
    {"ex", {"elixir"}},
    {"exs", {"elixir"}},
    {"fish", {"shell"}},
    {"graphql", {"graphql"}},
    {"groovy", {"groovy"}},
    {"hs", {"haskell"}},
    {"ini", {"ini"}},
    {"jl", {"julia"}},
    {"kt", {"kotlin"}},
    {"kts", {"kotlin"}},
    {"lisp", {"lisp"}},
    {"lua", {"lua"}},
    {"mk", {"make"}},
    {"ml", {"ocaml"}},
    {"nim", {"nim"}},
    {"php", {"php"}},
    {"pl", {"perl"}},
    {"pm", {"perl"}},
    {"proto", {"protobuf"}},
    {"ps1", {"powershell"}},
    {"r", {"r"}},
    {"rb", {"ruby"}},
    {"s", {"assembly"}},
    {"asm", {"assembly"}},
    {"scala", {"scala"}},
    {"scss", {"css"}},
    {"sh", {"shell"}},
    {"sql", {"sql"}},
    {"swift", {"swift"}},
    {"tf", {"terraform"}},
    {"toml", {"toml"}},
    {"vim", {"vim"}},
    {"vue", {"vue"}},
    {"xml", {"xml"}},
    {"yaml", {"yaml"}},
    {"yml", {"yaml"}},
    {"zig", {"zig"}},
    {"zsh", {"shell"}},
};

constexpr Entry kNames[] = {
    {"BUILD", {"starlark"}},        {"CMakeLists.txt", {"cmake"}},
    {"Dockerfile", {"dockerfile"}}, {"GNUmakefile", {"make"}},
    {"Jenkinsfile", {"groovy"}},    {"Makefile", {"make"}},
    {"Rakefile", {"ruby"}},         {"Vagrantfile", {"ruby"}},
    {"go.mod", {"go.mod"}},         {"Containerfile", {"dockerfile"}},
};

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::optional<Language> LanguageOf(std::string_view file_name) {
  for (const Entry& entry : kNames) {
    if (entry.key == file_name) return entry.language;
  }
  const size_t dot = file_name.rfind('.');
  if (dot == file_name.npos) return std::nullopt;
  std::string suffix(file_name.substr(dot + 1));
  std::transform(suffix.begin(), suffix.end(), suffix.begin(), Lower);
  for (const Entry& entry : kSuffixes) {
    if (entry.key == suffix) return entry.language;
  }
  return std::nullopt;
}

}  // namespace minnow
