#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the documents to the tree: every path that they name exists, and every heading has text below it.

usage: check_docs.py [ROOT]
A path is what stands in backticks or in a link and begins with a file or folder of the repository's top level.
Paths with placeholders (NAME, NNNN, <...>) are patterns that must match something; build/ and models/ are made later.
"""
import pathlib
import re
import sys

MADE_LATER = ("build", "models")
CODE_SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^(#{1,6}) (.*)$")
PLACEHOLDER = re.compile(r"<[^>]*>|(?<![A-Za-z0-9])[A-Z]{2,}(?![A-Za-z0-9])|\*+")


def documents(root):
    for pattern in ("*.md", "docs/**/*.md", "bench/*.md", "deploy/*.md", "fuzz/*.md", "tests/**/*.md", "src/**/*.md"):
        yield from sorted(root.glob(pattern))


def without_code_blocks(text):
    return re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)


def named_paths(text, tops):
    """Words of code spans that look like a path of this repository."""
    for span in CODE_SPAN.findall(text):
        for word in span.split():
            word = word.removeprefix("./").rstrip(":.,;")
            top = word.split("/")[0]
            if top in tops and ("/" in word or "." in word):
                yield word


def expand(word):
    """a/{b,c}.d -> a/b.d and a/c.d"""
    match = re.match(r"^(.*?)\{([^}]*)\}(.*)$", word)
    if not match:
        return [word]
    return [match[1] + middle + match[3] for middle in match[2].split(",")]


def exists(root, word):
    if word.split("/")[0] in MADE_LATER:
        return True
    exact = root / word
    if exact.exists():
        return True
    pattern = PLACEHOLDER.sub("*", word).rstrip("/")
    return "*" in pattern and any(root.glob(pattern))


def empty_headings(text):
    """Headings with nothing below them; a heading right above a deeper one is a title, and may stand alone."""
    last = None
    for line in text.splitlines() + ["# end"]:
        match = HEADING.match(line)
        if match:
            if last is not None and len(match[1]) <= len(last[1]):
                yield last[2]
            last = match
        elif line.strip():
            last = None


def check(root):
    """Returns the breaches, a line each."""
    root = pathlib.Path(root)
    tops = {path.name for path in root.iterdir() if path.name != ".git"} | set(MADE_LATER)
    breaches = []
    for document in documents(root):
        text = document.read_text()
        prose = without_code_blocks(text)
        for word in named_paths(prose, tops):
            for path in expand(word):
                if not exists(root, path):
                    breaches.append(f"{document}: names {path}, which does not exist")
        for link in LINK.findall(prose):
            target = link.split("#")[0]
            if target and "://" not in target and not target.startswith("mailto:"):
                if not (document.parent / target).exists():
                    breaches.append(f"{document}: links to {target}, which does not exist")
        # A fence's own lines count as text below a heading; comments inside it are no headings.
        fenced = re.sub(r"^```.*?^```", "text", text, flags=re.MULTILINE | re.DOTALL)
        for title in empty_headings(fenced):
            breaches.append(f"{document}: nothing stands below the heading '{title}'")
    return breaches


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    breaches = check(root)
    print("\n".join(breaches) or "docs: every path exists, every heading has text")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
