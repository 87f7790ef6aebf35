// SPDX-License-Identifier: Apache-2.0
// Source code to classes of tokens: comments, strings, keywords, types, numbers, names that are called. One regular
// expression a language, applied at a position ("sticky"), so that time is linear: each alternative either fails within
// a character or two or takes all that it looked at.

const words = (text) => text.trim().split(/\s+/);

const C_WORDS = words(`alignas alignof auto break case catch class co_await co_return co_yield const const_cast consteval
  constexpr constinit continue decltype default delete do dynamic_cast else enum explicit export extern false final for
  friend goto if inline mutable namespace new noexcept nullptr operator override private protected public register
  reinterpret_cast requires restrict return sizeof static static_assert static_cast struct switch template this
  thread_local throw true try typedef typeid typename union using virtual volatile while`);
const C_TYPES = words(`bool char char8_t char16_t char32_t double float int int8_t int16_t int32_t int64_t long ptrdiff_t
  short signed size_t ssize_t string string_view uint8_t uint16_t uint32_t uint64_t uintptr_t unsigned vector void wchar_t`);
const GO_WORDS = words(`break case chan const continue default defer else fallthrough false for func go goto if import
  interface iota map nil package range return select struct switch true type var`);
const GO_TYPES = words(`any bool byte comparable complex64 complex128 error float32 float64 int int8 int16 int32 int64
  rune string uint uint8 uint16 uint32 uint64 uintptr`);
const PYTHON_WORDS = words(`and as assert async await break case class continue def del elif else except False finally for
  from global if import in is lambda match None nonlocal not or pass raise return True try while with yield`);
const PYTHON_TYPES = words("bool bytes dict float frozenset int list object self set str tuple cls");
const JS_WORDS = words(`abstract as async await break case catch class const continue debugger declare default delete do
  else enum export extends false finally for from function get if implements import in instanceof interface keyof let new
  null of private protected public readonly return set static super switch this throw true try type typeof undefined var
  void while with yield`);
const JS_TYPES = words("any bigint boolean never number object string symbol unknown Array Map Object Promise Set");
const RUST_WORDS = words(`as async await break const continue crate dyn else enum extern false fn for if impl in let loop
  match mod move mut pub ref return self Self static struct super trait true type unsafe use where while`);
const RUST_TYPES = words(`bool char f32 f64 i8 i16 i32 i64 i128 isize str u8 u16 u32 u64 u128 usize Box Option Result
  String Vec`);
const JAVA_WORDS = words(`abstract assert break case catch class const continue default do else enum extends false final
  finally for goto if implements import instanceof interface native new null package permits private protected public
  record return sealed static strictfp super switch synchronized this throw throws transient true try var volatile when
  while yield`);
const JAVA_TYPES = words("boolean byte char double float int long short void String Object Integer List Map");
const SHELL_WORDS = words(`break case continue do done elif else esac eval exec exit export fi for function if in local
  readonly return select set shift source then trap unset until while`);
const SQL_WORDS = words(`ADD ALL ALTER AND AS ASC BEGIN BETWEEN BY CASE COMMIT CREATE DELETE DESC DISTINCT DROP ELSE END
  EXISTS FROM GROUP HAVING IN INDEX INNER INSERT INTO IS JOIN KEY LEFT LIKE LIMIT NOT NULL ON OR ORDER OUTER PRIMARY
  REFERENCES SELECT SET TABLE THEN UNION UNIQUE UPDATE VALUES WHEN WHERE WITH`);

// Pieces of the expressions. A group's name is the token's class; `w` is a word, which the lists classify.
const LINE_COMMENT = String.raw`(?<comment>\/\/[^\n]*|\/\*[^]*?(?:\*\/|$))`;
const HASH_COMMENT = String.raw`(?<comment>#[^\n]*)`;
const DOUBLE = String.raw`"(?:[^"\\\n]|\\[^])*"?`;
const SINGLE = String.raw`'(?:[^'\\\n]|\\[^])*'?`;
const BACKTICK = "`(?:[^`\\\\]|\\\\[^])*`?";
const NUMBER = String.raw`(?<number>\b(?:0[xXbBoO][\da-fA-F_']+|\d[\d_']*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?)\w*)`;
const WORD = String.raw`(?<w>[A-Za-z_$][\w$]*)`;

const grammar = (parts, keywords = [], types = [], options = {}) =>
  ({pattern: new RegExp(parts.join("|"), "y"), keywords: new Set(keywords), types: new Set(types), ...options});

const PREPROCESSOR = String.raw`(?<meta>(?<=^|\n)[ \t]*#[ \t]*\w+)`;
const GRAMMARS = {
  c: grammar([PREPROCESSOR, LINE_COMMENT,
    String.raw`(?<string>(?:u8|[uUL])?R"(?<_mark>[^\s()\\"]{0,16})\([^]*?(?:\)\k<_mark>"|$)|(?:u8|[uUL])?${DOUBLE}|(?<!\w)'(?:[^'\\\n]|\\[^])+')`,
    NUMBER, WORD], C_WORDS, C_TYPES),
  go: grammar([LINE_COMMENT, "(?<string>`[^`]*`?|" + DOUBLE + "|" + SINGLE + ")", NUMBER, WORD], GO_WORDS, GO_TYPES),
  python: grammar([HASH_COMMENT, String.raw`(?<meta>(?<=^|\n)[ \t]*@[\w.]+)`,
    String.raw`(?<string>(?:\b[rRbBfFuU]{1,2})?(?:"""[^]*?(?:"""|$)|'''[^]*?(?:'''|$)|${DOUBLE}|${SINGLE}))`, NUMBER, WORD],
  PYTHON_WORDS, PYTHON_TYPES),
  javascript: grammar([LINE_COMMENT, `(?<string>${DOUBLE}|${SINGLE}|${BACKTICK})`, NUMBER, WORD], JS_WORDS, JS_TYPES),
  rust: grammar([LINE_COMMENT, String.raw`(?<meta>#!?\[[^\]\n]*\]?)`,
    String.raw`(?<string>\bb?r(?<_mark>#{0,8})"[^]*?(?:"\k<_mark>|$)|b?"(?:[^"\\]|\\[^])*"?|b?'(?:[^'\\\n]|\\[^'\n]{1,9}|\\')')`,
    String.raw`(?<type>'[a-z_]\w*)`, NUMBER, WORD], RUST_WORDS, RUST_TYPES),
  java: grammar([LINE_COMMENT, String.raw`(?<meta>@\w+)`, String.raw`(?<string>"""[^]*?(?:"""|$)|${DOUBLE}|${SINGLE})`, NUMBER, WORD],
    JAVA_WORDS, JAVA_TYPES),
  json: grammar([String.raw`(?<key>"(?:[^"\\\n]|\\[^])*"(?=\s{0,99}:))`, `(?<string>${DOUBLE})`, LINE_COMMENT,
    String.raw`(?<number>-?\b\d[\d.eE+-]*)`, WORD], ["true", "false", "null"]),
  yaml: grammar([String.raw`(?<comment>(?<=^|\s)#[^\n]*)`, String.raw`(?<key>(?<=^|\n|- |  )["']?[A-Za-z_$][\w.\/$-]*["']?(?=:(?:\s|$)))`,
    String.raw`(?<string>${DOUBLE}|(?<!\w)'(?:[^'\n]|'')*'?)`, String.raw`(?<meta>(?<=^|\n)---|[&*!](?<=[\s:-].)[\w!.-]+)`,
    String.raw`(?<number>\b\d[\d.]*\b)`, WORD],
  ["true", "false", "null", "yes", "no", "on", "off"]),
  shell: grammar([String.raw`(?<comment>(?<=^|\s)#[^\n]*)`, String.raw`(?<string>"(?:[^"\\]|\\[^])*"?|\$?'[^']*'?)`,
    String.raw`(?<type>\$(?:\w+|\{[^}\n]*\}?|[@*#?$!-]))`, String.raw`(?<number>(?<![\w-])\d+\b)`,
    String.raw`(?<w>[A-Za-z_][\w-]*)`], SHELL_WORDS),
  sql: grammar([String.raw`(?<comment>--[^\n]*|\/\*[^]*?(?:\*\/|$))`, String.raw`(?<string>'(?:[^']|'')*'?)`, NUMBER, WORD],
    SQL_WORDS, [], {anyCase: true}),
  css: grammar([String.raw`(?<comment>\/\*[^]*?(?:\*\/|$))`, `(?<string>${DOUBLE}|${SINGLE})`, String.raw`(?<meta>@[\w-]+)`,
    String.raw`(?<key>--[\w-]+|[a-z-]+(?=\s{0,9}:\s))`, String.raw`(?<number>#[\da-fA-F]{3,8}\b|\b\d[\d.]*(?:[a-z%]+)?)`,
    String.raw`(?<w>[A-Za-z_-][\w-]*)`], ["important"]),
  html: grammar([String.raw`(?<comment><!--[^]*?(?:-->|$))`, String.raw`(?<keyword><\/?[A-Za-z][\w-]*|\/?>)`,
    String.raw`(?<key>\b[\w-]{1,60}(?==))`, `(?<string>(?<==)(?:${DOUBLE}|${SINGLE}))`, String.raw`(?<meta>&#?\w+;)`, WORD]),
  make: grammar([HASH_COMMENT, `(?<string>${DOUBLE})`, String.raw`(?<type>\$[({][^)}\n]*[)}]?)`, NUMBER, WORD],
    words("add_custom_command add_executable add_library else elseif endforeach endfunction endif foreach function if include set target_link_libraries")),
};

// Names and endings by which a language is known.
const NAMES = {
  c: "c h cc cpp cxx c++ hpp hxx hh inc ino cuda cu objc m zig",
  go: "go golang go.mod", python: "python py pyi starlark ruby rb julia r", rust: "rust rs", java: "java kotlin kt scala cs csharp c# swift dart groovy proto protobuf",
  javascript: "javascript js mjs cjs jsx typescript ts mts tsx php", json: "json jsonl ndjson json5 geojson ipynb",
  yaml: "yaml yml toml ini conf terraform", shell: "shell sh bash zsh fish console dockerfile containerfile perl awk", sql: "sql",
  css: "css scss less", html: "html htm xml svg vue", make: "make makefile mk cmake",
};
const BY_NAME = new Map(Object.entries(NAMES).flatMap(([name, all]) => all.split(" ").map((one) => [one, name])));

// Our name of a language that documents name in their own way, or that a path's ending tells; null: none we know.
export function languageFor(name, path) {
  const own = name && BY_NAME.get(name.toLowerCase());
  if (own) return own;
  const file = (path ?? "").split("/").pop().toLowerCase();
  if (file === "cmakelists.txt") return "make";
  return BY_NAME.get(file) ?? (file.includes(".") ? BY_NAME.get(file.split(".").pop()) : undefined) ?? null;
}

export function isMarkdown(name, path) {
  return /^(markdown|md|mdx)$/i.test(name ?? "") || (!name && /\.(md|mdx|markdown)$/i.test(path ?? ""));
}

function classOfWord(grammar, word, text, end) {
  const known = grammar.anyCase ? word.toUpperCase() : word;
  if (grammar.keywords.has(known)) return "keyword";
  if (grammar.types.has(word)) return "type";
  return text[end] === "(" ? "call" : null;
}

// Reads `text` from `position` for about `budget` characters. Returns where it stopped; tokens [begin, end, class] are
// appended to `out`, in order. Call again from there until text.length.
export function scan(language, text, position, budget, out) {
  const grammar = GRAMMARS[language];
  const {pattern} = grammar;
  const stop = Math.min(text.length, position + budget);
  while (position < stop) {
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    if (match === null || match[0] === "") {
      position += 1;
      continue;
    }
    const end = position + match[0].length;
    const {w: word, _mark: ignored, ...classes} = match.groups;
    const name = word !== undefined ? classOfWord(grammar, word, text, end)
      : Object.keys(classes).find((key) => classes[key] !== undefined);
    if (name) out.push([position, end, name]);
    position = end;
  }
  return position;
}
