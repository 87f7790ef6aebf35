#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What clang-format does not see: sizes of files, functions and folders, licence lines, words that must not appear,
types of one name (the linker keeps one of their destructors for both and says nothing).

usage: check_style.py [ROOT]
A file may be longer, or hold a longer function, where a comment gives the reason:  style: long file, REASON  (anywhere
in the file) or  style: long function, REASON  (in the line above the function); folders: LARGE_FOLDERS.
"""
import ast
import pathlib
import re
import sys

MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 60
MAX_FOLDER_FILES = 15
# Folder -> reason why it holds more.
LARGE_FOLDERS = {
    "src/cli": "one file a subcommand",
    "src/kernels": "compiler flags are per file, so each instruction set and precision has one of its own",
}
SOURCES = {".h", ".cc", ".inc", ".py", ".sh", ".cmake"}
TEXTS = SOURCES | {".md", ".txt", ".json", ".yaml", ".yml", ".html", ".js", ".css", ""}
# Nothing of the machine that something was written on, and no name of a package host: those change under us.
FORBIDDEN = re.compile(
    r"/work/|/root/|/home/[a-z]|/Users/|\b(?:docker\.io|ghcr\.io|quay\.io|gcr\.io|pypi\.org|pythonhosted\.org|debian\.org"
    r"|pkg\.dev)\b|\b(?:TODO|FIXME|XXX)\b")
SKIPPED_FOLDERS = {".git", ".cache", ".venv", "__pycache__", "corpus", "testdata", "data"}
SKIPPED_AT_THE_ROOT = {"build", "models"}  # what is built and fetched; src/models is not among it
SKIPPED_FILES = {".git", "LICENSE", "check_style.py", "checks_test.py"}
NO_FUNCTION = re.compile(r"^ *(namespace|class|struct|enum|union|extern|if|for|while|switch|else|do\b|//|\}|#|return\b)")
NAMESPACE = re.compile(r"namespace ?([\w:]*) ?\{$")
TYPE = re.compile(r"(?:template <.*> )?(?:class|struct|union|enum|enum class) (?:\[\[\w+\]\] )?(\w+)(?: final)?(?: :.*)? \{")
CODE_ENDS = re.compile(r"([;{}]|^\s*(public|protected|private):|^\s*//.*|^#.*|^)\s*$")


def walk(root, skipped=SKIPPED_AT_THE_ROOT):
    for path in sorted(root.iterdir()):
        if path.is_dir():
            if path.name not in SKIPPED_FOLDERS and path.name not in skipped:
                yield from walk(path, skipped=())
        elif path.is_file() and not path.is_symlink():
            yield path


def excused(lines, index, what):
    return any(re.search(rf"style: {what}, \S+", line) for line in lines[max(0, index - 1):index + 1])


def long_cpp_functions(lines):
    """(line number, lines) of bodies that clang-format has laid out: '{' at a line's end to '}' at the head's indent."""
    i = 0
    while i < len(lines):
        head = i
        if lines[i].endswith("{"):
            while head > 0 and not CODE_ENDS.search(lines[head - 1]):
                head -= 1
        indent = re.match(r" *", lines[head])[0]
        is_function = lines[i].endswith("{") and "(" in "".join(lines[head:i + 1]) and len(indent) <= 4
        if not is_function or NO_FUNCTION.match(lines[head]):
            i += 1
            continue
        end = next((j for j in range(i + 1, len(lines)) if re.match(rf"^{indent}\}}", lines[j])), len(lines) - 1)
        if end - head + 1 > MAX_FUNCTION_LINES and not excused(lines, head, "long function"):
            yield head + 1, end - head + 1
        i = end + 1


def long_python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = node.end_lineno - node.lineno + 1
            if length > MAX_FUNCTION_LINES and not excused(text.splitlines(), node.lineno - 1, "long function"):
                yield node.lineno, length


def check_file(path, text):
    lines = text.splitlines()
    source = path.suffix in SOURCES or text.startswith("#!")
    for number, line in enumerate(lines, 1):
        match = FORBIDDEN.search(line)
        if match:
            yield f"{path}:{number}: '{match[0]}' must not appear"
    if not source:
        return
    if not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[:2]) and path.suffix != ".cmake":
        yield f"{path}: no SPDX line at the top"
    if len(lines) >= MAX_FILE_LINES and not re.search(r"style: long file, \S+", text):
        yield f"{path}: {len(lines)} lines, limit {MAX_FILE_LINES - 1}"
    functions = ()
    if path.suffix in (".h", ".cc", ".inc"):
        functions = long_cpp_functions(lines)
    elif path.suffix == ".py":
        functions = long_python_functions(text)
    for number, length in functions:
        yield f"{path}:{number}: function of {length} lines, limit {MAX_FUNCTION_LINES}"


def types_defined(lines):
    """(qualified name, line number) of the classes and enumerations that other files can clash with."""
    open_namespaces = []
    for number, line in enumerate(lines, 1):
        match = NAMESPACE.match(line)
        if match:
            open_namespaces.append(match[1] or "")
        elif line.startswith("}  // namespace") and open_namespaces:
            open_namespaces.pop()
        match = TYPE.match(line)
        if match and open_namespaces and "" not in open_namespaces:
            yield "::".join([*open_namespaces, match[1]]), number


def check(root):
    """Returns the breaches, a line each."""
    root = pathlib.Path(root)
    breaches, folders, types = [], {}, {}
    for path in walk(root):
        if path.name in SKIPPED_FILES or path.suffix not in TEXTS:
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        breaches += check_file(path, text)
        if path.suffix in (".h", ".cc"):
            for name, number in types_defined(text.splitlines()):
                first = types.setdefault(name, f"{path}:{number}")
                if first != f"{path}:{number}":
                    breaches.append(f"{path}:{number}: {name} is defined at {first} too")
        if path.suffix == ".cc" and not path.stem.endswith(("_test", "_bench", "_fuzz")):
            folders.setdefault(path.parent, []).append(path.name)
    for folder, names in folders.items():
        if len(names) >= MAX_FOLDER_FILES and folder.relative_to(root).as_posix() not in LARGE_FOLDERS:
            breaches.append(f"{folder}: {len(names)} source files, limit {MAX_FOLDER_FILES - 1}")
    return breaches


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    breaches = check(root)
    print("\n".join(breaches) or "style: sizes, licence lines and words are as they should be")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
