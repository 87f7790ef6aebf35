// SPDX-License-Identifier: Apache-2.0
// Functions of each language: names, extents and signatures; and code that breaks the rules.
#include "ingest/code/functions.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "ingest/code/mask.h"

namespace minnow {
namespace {

using Strings = std::vector<std::string>;

std::vector<CodeFunction> Find(const std::string& code, CodeSyntax syntax) {
  const std::string masked = MaskCode(code, syntax);
  EXPECT_EQ(masked.size(), code.size());
  std::vector<CodeFunction> functions = FindFunctions(code, masked, syntax);
  size_t last = 0;
  for (const CodeFunction& f : functions) {
    EXPECT_LE(last, f.begin) << f.name;
    EXPECT_LE(f.begin, f.head) << f.name;
    EXPECT_LE(f.head, f.body) << f.name;
    EXPECT_LE(f.body, f.end) << f.name;
    EXPECT_LE(f.end, code.size()) << f.name;
    last = f.end;
  }
  return functions;
}

Strings Names(const std::string& code, CodeSyntax syntax) {
  Strings names;
  for (const CodeFunction& f : Find(code, syntax)) names.push_back(f.name);
  return names;
}

TEST(FindFunctions, C) {
  EXPECT_EQ(
      Names("int main(void) {\n  return 0; }\nstatic const struct x *f(int a[3])\n{\n}\n"
            "int array[] = {1, 2};\nstruct point { int x; };\nenum e { A, B };\n"
            "typedef struct { int (*call)(int); } table;\nextern \"C\" {\nvoid g(void) {}\n}\n"
            "void prototype(int);\nstatic int x = f(1);\nvoid h(void) SOME_MACRO {}\n",
            CodeSyntax::kC),
      (Strings{"main", "f", "g", "h"}));
}

TEST(FindFunctions, Cpp) {
  const std::string code = R"code(
namespace a::b {
class Store final : public Base<int> {
 public:
  // Opens it.
  explicit Store(int a) : a_{a}, b_(3) { Open(); }
  ~Store() override = default;
  bool operator==(const Store& o) const { return true; }
  void operator()(int x) const noexcept { }
  operator bool() const { return true; }
  std::function<void(int)> callback_ = [](int) { };
 private:
  struct Inner { int f() { return 1'000; } };
  int a_{1};
};
template <class T, class = std::enable_if_t<true>>
auto Store::Find(std::vector<T> v = {}) -> Result<T> {
  if (v.empty()) { return {}; }
  const char* s = R"x(void no() { )x";
  return T{'"'};
}
TEST(StoreTest, Opens) { EXPECT_TRUE(true); }
void Locked() REQUIRES(mutex_) { }
Foo<T>::Foo()
    : Base<T>{1},
      x_{2} {
}
}  // namespace
)code";
  EXPECT_EQ(
      Names(code, CodeSyntax::kC),
      (Strings{"Store::Store", "Store::operator==", "Store::operator()", "Store::operator bool",
               "Inner::f", "Store::Find", "StoreTest.Opens", "Locked", "Foo<T>::Foo"}));
  const auto functions = Find(code, CodeSyntax::kC);
  EXPECT_TRUE(code.substr(functions[0].begin).starts_with("  // Opens it."));
  EXPECT_TRUE(code.substr(functions[0].head).starts_with("explicit Store(int a)"));
  EXPECT_TRUE(code.substr(functions[5].head).starts_with("template <class T"));
  EXPECT_TRUE(code.substr(0, functions[5].end).ends_with("return T{'\"'};\n}\n"));
}

TEST(FindFunctions, NamesInCapitalLetters) {
  EXPECT_EQ(Names("S::S() { a(); }\nHTTP::HTTP(int x) : x_(x) { }\nMAIN() { }\nTEST(A, B) { }\n",
                  CodeSyntax::kC),
            (Strings{"S::S", "HTTP::HTTP", "MAIN", "A.B"}));
}

TEST(FindFunctions, OneBranchOfThePreprocessorIsRead) {
  EXPECT_EQ(Names("#ifdef A\nint f(int a) {\n#elif B\nint f(long a) {\n#else\nint f() {\n#if 1\n"
                  "#endif\n#endif\n return 1;\n}\n#define X(a) \\\n  { a\nint g() { return 2; }\n",
                  CodeSyntax::kC),
            (Strings{"f", "g"}));
}

TEST(FindFunctions, Go) {
  const std::string code = R"go(package main

import "fmt"

// Pod runs.
type Pod struct {
	a interface{}
}

var x = map[string]int{"{": 1}

// Run runs the pod.
// It returns an error.
func (p *Pod) Run(ctx context.Context, f func() interface{}) (err error) {
	fmt.Println(`}`, '}', "}") // }
	return nil
}

func Map[T any, U any](in []T) map[string]struct{} {
	return nil
}

func (q Queue[T]) Len() int { return 1 }
func init() {}
)go";
  EXPECT_EQ(Names(code, CodeSyntax::kGo), (Strings{"(*Pod).Run", "Map", "Queue.Len", "init"}));
  const auto functions = Find(code, CodeSyntax::kGo);
  EXPECT_TRUE(code.substr(functions[0].begin).starts_with("// Run runs the pod.\n// It"));
  EXPECT_EQ(code.substr(functions[1].head, functions[1].body - functions[1].head),
            "func Map[T any, U any](in []T) map[string]struct{} ");
}

TEST(FindFunctions, Java) {
  EXPECT_EQ(Names(R"java(package a;
@Entity(name = "x")
public class Store<T extends Comparable<T>> implements Closeable {
  private final Map<String, List<T>> map = new HashMap<>() {{ put("a", null); }};
  static { init(); }
  /** Makes one. */
  public Store(int a) { this.a = a; }
  @Override @SuppressWarnings({"unchecked", "rawtypes"})
  public <U> List<U> find(Record record, int[] b) throws IOException, X {
    if (a) { run(new Runnable() { public void run() { } }); }
    String s = """
      } "quoted" {
      """;
    return null;
  }
  @Test(expected = Foo.class) void test() { }
  abstract void none();
  interface Visitor { default void visit() { } }
  enum Kind { A, B; int code() { return 1; } }
  record Point(int x, int y) { int sum() { return x + y; } }
}
)java",
                  CodeSyntax::kJava),
            (Strings{"Store.Store", "Store.find", "Store.test", "Visitor.visit", "Kind.code",
                     "Point.sum"}));
}

TEST(FindFunctions, JavaScript) {
  EXPECT_EQ(Names(R"js(import a from 'a'
const b = require("b")
// Adds.
export default async function add(x, {y, z} = {}) { return `${x + `{${y}`}` }
const sub = async (x, y) => {
  const r = /[/}]{/.test(x) ? 4 / 2 : "don't"
}
const id = x => { return x }
exports.get = function () { return {} }
class Queue extends Base {
  #items = []
  constructor(a) { super(a) }
  async push(item) { if (item) { this.items.push(item) } }
  get length() { return 1 }
  static of = (...items) => { }
}
module.exports = {
  helper(a) { return a },
  other: function (b) { },
  value: { nested: 1 },
}
(function ($) {
  function inner() { }
})(jQuery);
describe('x', () => {
  it('does', async () => { });
  function helper2() {}
})
if (a) { run() } else { stop() }
)js",
                  CodeSyntax::kJavaScript),
            (Strings{"add", "sub", "id", "get", "Queue.constructor", "Queue.push", "Queue.length",
                     "Queue.of", "helper", "other", "inner", "helper2"}));
}

TEST(FindFunctions, TypeScript) {
  EXPECT_EQ(Names(R"ts(
interface A { f(): void; g: (a: number) => string }
type B = { a: string };
export class Store<T> {
  private map: Map<string, T> = new Map();
  constructor(private readonly a: string) {}
  find(key: string): Promise<T | undefined> { return null! }
}
export function shape(a: number): { x: number } { return { x: a } }
const typed: Handler = (req) => { }
)ts",
                  CodeSyntax::kJavaScript),
            (Strings{"Store.constructor", "Store.find", "shape", "typed"}));
}

TEST(FindFunctions, Rust) {
  EXPECT_EQ(Names(R"rs(
use std::fmt;
/// A store.
pub struct Store<'a> { f: fn(i32) -> i32, s: &'a str }
impl<'a, T: Fn(i32) -> i32> fmt::Display for Store<'a> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{{}}") }
}
impl<T> Queue<T> where T: Clone {
    /// Pushes. /* nested /* comment */ } */
    #[inline]
    pub fn push(&mut self, item: [u8; 4]) { let c = '{'; let l: &'static str = r#"}"#; }
}
pub(crate) async fn run() -> Result<(), Box<dyn Error>> { Ok(()) }
trait Shape { fn area(&self) -> f64; fn name(&self) -> String { String::new() } }
macro_rules! m { () => { fn hidden() { } } }
#[cfg(test)]
mod tests {
    #[test]
    fn works() { assert!(true); }
}
)rs",
                  CodeSyntax::kRust),
            (Strings{"Store::fmt", "Queue::push", "run", "Shape::name", "works"}));
}

TEST(FindFunctions, Python) {
  const std::string code = R"py(import os

@decorate(
    1,
)
# Comment.
def first(a: int = {"b": 1}["b"],
          c=None) -> dict[str, int]:
    """Doc:

text at the margin: def no():
    """
    def inner():
        pass

    return {
}

class Store(Base):
    x = 1

    async def open(self):
        # last comment

        return "def no(): '"

    class Inner:
        def deep(self): return 1

if True:
    def conditional():
	    pass
# of the next
def last(): pass
)py";
  const auto functions = Find(code, CodeSyntax::kPython);
  EXPECT_EQ(Names(code, CodeSyntax::kPython),
            (Strings{"first", "Store.open", "Store.Inner.deep", "conditional", "last"}));
  ASSERT_EQ(functions.size(), 5u);
  EXPECT_TRUE(code.substr(functions[0].begin).starts_with("@decorate("));
  EXPECT_EQ(code.substr(functions[0].head, functions[0].body - functions[0].head),
            "def first(a: int = {\"b\": 1}[\"b\"],\n          c=None) -> dict[str, int]");
  EXPECT_TRUE(code.substr(0, functions[0].end).ends_with("    return {\n}\n"));
  EXPECT_TRUE(code.substr(functions[4].begin).starts_with("# of the next\ndef last"));
}

// Whatever the bytes are, it ends, and extents stay in order.
TEST(FindFunctions, BrokenCode) {
  const std::string pieces[] = {
      "{",  "}",        "(",    ")",        "\"",      "'",    "`",    "/*",      "*/", "//",
      "\n", "func f()", "fn x", "def y():", "class Z", "R\"(", "r#\"", "#else\n", "=>", "${",
      "\\", "[",        "]",    ";",        "int f()", ":",    "\xFF", "<",       ">",  "operator"};
  uint64_t state = 1;
  for (int round = 0; round < 3000; ++round) {
    std::string code;
    for (int i = 0; i < 40; ++i) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      code += pieces[(state >> 33) % std::size(pieces)];
      if ((state >> 60) == 0) code += ' ';
    }
    for (const CodeSyntax syntax :
         {CodeSyntax::kC, CodeSyntax::kGo, CodeSyntax::kJava, CodeSyntax::kJavaScript,
          CodeSyntax::kPython, CodeSyntax::kRust}) {
      Find(code, syntax);
    }
  }
}

// Hostile repetition takes no time to speak of, in lines as long as CodeDocuments lets them be.
TEST(FindFunctions, LongRepetitions) {
  for (const std::string piece : {"{", "}", "(", "'", "1'", "\"", "`", "${", "#else\n", "/*", "r#",
                                  "a(){}", "f({})", "class A{", "def f():\n ", "<", "operator"}) {
    std::string code = "int f(";
    while (code.size() < 100'000) {
      for (int i = 0; i < 500; ++i) code += piece;
      code += '\n';
    }
    for (const CodeSyntax syntax :
         {CodeSyntax::kC, CodeSyntax::kGo, CodeSyntax::kJava, CodeSyntax::kJavaScript,
          CodeSyntax::kPython, CodeSyntax::kRust}) {
      Find(code, syntax);
    }
  }
}

}  // namespace
}  // namespace minnow
