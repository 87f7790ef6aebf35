// SPDX-License-Identifier: Apache-2.0
// Which language a source file is in, by its name.
#pragma once

#include <optional>
#include <string_view>

namespace minnow {

// How functions are found in a file.
enum class CodeSyntax {
  kLines,  // they are not: the file is cut by lines
  kC,      // C and C++
  kGo,
  kJava,
  kJavaScript,  // and TypeScript
  kPython,
  kRust,
};

struct Language {
  std::string_view name;  // as in a document's "lang": "go", "cpp"
  CodeSyntax syntax = CodeSyntax::kLines;
};

// `file_name` without its folders. nullopt where it is not known for source code.
std::optional<Language> LanguageOf(std::string_view file_name);

}  // namespace minnow
