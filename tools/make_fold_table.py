#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes src/index/query/lexical/fold_table.h: letters without a Unicode decomposition that searchers type plainly.

usage: make_fold_table.py > src/index/query/lexical/fold_table.h
Letters "WITH STROKE", "WITH HOOK" and the like become the letter before the WITH, by their Unicode names; what names
do not tell stands in OTHERS. Only small letters: the table is asked after case folding.
"""
import re
import sys
import unicodedata

OTHERS = {
    "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ı": "i", "ȷ": "j", "ŋ": "n", "ĸ": "k", "ꝏ": "oo", "ꜳ": "aa",
    "ɐ": "a", "ɛ": "e", "ɔ": "o", "ə": "e", "ƿ": "w",
    # Arabic: letters that keyboards of neighbours write one for another.
    "\u0649": "\u064a", "\u06cc": "\u064a", "\u06a9": "\u0643", "\u0629": "\u0647",
}
DIGITS = [0x660, 0x6F0, 0x966, 0x9E6, 0xE50]  # Arabic (two), Devanagari, Bengali, Thai
NAME = re.compile(r"LATIN SMALL LETTER ([A-Z]) WITH ")


def table():
    rows = {ord(letter): plain for letter, plain in OTHERS.items()}
    for zero in DIGITS:
        rows.update({zero + i: str(i) for i in range(10)})
    for code in range(0x80, 0xAB70):
        letter = chr(code)
        match = NAME.match(unicodedata.name(letter, ""))
        if match and unicodedata.normalize("NFKD", letter) == letter:
            rows.setdefault(code, match.group(1).lower())
    return sorted(rows.items())


def main():
    rows = table()
    print("// SPDX-License-Identifier: Apache-2.0")
    print("// Letters that do not decompose, and what they are folded to. Written by tools/make_fold_table.py")
    print(f"// (Unicode {unicodedata.unidata_version}); ascending.")
    print("#pragma once\n\nnamespace minnow {\n")
    print("struct FoldedLetter {\n  char32_t letter;\n  char32_t plain[3];  // ends with 0\n};\n")
    print("// clang-format off\ninline constexpr FoldedLetter kFoldedLetters[] = {")
    cells = ["{0x%04X, {%s, 0}}," % (code, ", ".join("0x%02X" % ord(c) for c in plain)) for code, plain in rows]
    for i in range(0, len(cells), 4):
        print("    " + " ".join(cells[i:i + 4]))
    print("};\n// clang-format on\n\n}  // namespace minnow")


if __name__ == "__main__":
    sys.exit(main())
