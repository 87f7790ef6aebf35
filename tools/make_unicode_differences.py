#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures where Hugging Face tokenizers and utf8proc disagree about a code point; writes unicode_differences.h.

Every code point is put through the library's own normalizers and pre-tokenizers, alone or between letters, and the
answer is compared with utf8proc's (the shared library, by ctypes). What differs becomes the table.

    pip install tokenizers sentencepiece protobuf
    python3 tools/make_unicode_differences.py > src/text/unicode_differences.h
"""
import ctypes
import ctypes.util

import tokenizers
from tokenizers import Regex, normalizers, pre_tokenizers

from make_unigram_golden import charsmap

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
LU, LO, ND, NL, NO, MN, ME, PC, PO, CC, CF, CO = 1, 5, 9, 10, 11, 6, 8, 12, 18, 26, 27, 29


class Property(ctypes.Structure):
    _fields_ = [("category", ctypes.c_int16), ("combining_class", ctypes.c_int16)]


def load_utf8proc():
    lib = ctypes.CDLL(ctypes.util.find_library("utf8proc"))
    lib.utf8proc_get_property.restype = ctypes.POINTER(Property)
    lib.utf8proc_unicode_version.restype = ctypes.c_char_p
    lib.utf8proc_grapheme_break.restype = ctypes.c_bool
    return lib


def bert(**flags):
    every = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return normalizers.BertNormalizer(**{**every, **flags}).normalize_str


def ranges(values):
    """{code point: value} as sorted (first, last, value) runs."""
    out = []
    for c in sorted(values):
        if out and out[-1][1] == c - 1 and out[-1][2] == values[c]:
            out[-1][1] = c
        else:
            out.append([c, c, values[c]])
    return out


def combining_classes(nfd):
    """Canonical combining classes of every code point, found by how marks trade places."""
    marks = {}
    for c in CODE_POINTS:
        ch = chr(c)
        if nfd(ch) != ch:
            continue  # its class is that of its decomposition
        # U+0345 has class 240 and U+0334 has class 1.
        if nfd("a\u0345" + ch) != "a\u0345" + ch or nfd("a" + ch + "\u0334") != "a" + ch + "\u0334":
            marks[c] = None
    marks[0x345] = 240
    # A representative of each class comes from utf8proc; equal classes never trade places.
    known = {}
    for c in sorted(marks):
        known.setdefault(UTF8PROC.utf8proc_get_property(c).contents.combining_class, c)
    known.pop(0, None)
    for c in marks:
        ch = chr(c)
        at_least = [k for k, r in known.items() if nfd("a" + chr(r) + ch) == "a" + chr(r) + ch]  # class(r) <= class(c)
        at_most = [k for k, r in known.items() if nfd("a" + ch + chr(r)) == "a" + ch + chr(r)]
        marks[c] = max(at_least)
        assert marks[c] == min(at_most), hex(c)
    return marks


def class_differences(categories):
    """Where a regular expression's \\p{L} and \\p{N}, and the numbers that Digits looks for, are not utf8proc's L* and N*."""
    individual = pre_tokenizers.Digits(individual_digits=True).pre_tokenize_str
    kinds = {"Letter": (LU, LO, pre_tokenizers.Split(Regex(r"\p{L}"), "removed", invert=True).pre_tokenize_str),
             "Number": (ND, NO, pre_tokenizers.Split(Regex(r"\p{N}"), "removed", invert=True).pre_tokenize_str),
             "Numeric": (ND, NO, lambda text: [w for w in individual("x".join(text)) if set(w[0]) != {"x"} and len(w[0]) == 1])}
    tables = {}
    for name, (first, last, split) in kinds.items():
        found = set()
        for i in range(0, len(CODE_POINTS), 4096):
            found.update(ord(word) for word, _ in split("".join(map(chr, CODE_POINTS[i:i + 4096]))))
        tables[name] = {c: int(c in found) for c in CODE_POINTS if (c in found) != (first <= categories[c] <= last)}
    return tables


def measure():
    clean, accents = bert(clean_text=True), bert(strip_accents=True)
    nfd, nfkd = normalizers.NFD().normalize_str, normalizers.NFKD().normalize_str
    lower, strip = normalizers.Lowercase().normalize_str, normalizers.StripAccents().normalize_str
    split, words = pre_tokenizers.BertPreTokenizer().pre_tokenize_str, pre_tokenizers.Whitespace().pre_tokenize_str
    tables = {name: {} for name in ("Other", "Punctuation", "NonspacingMark", "Mark", "Word", "CombiningClass",
                                    "NoCanonical", "NoCompatibility")}
    lowercase = {}
    classes = combining_classes(nfd)
    buffer = (ctypes.c_int32 * 32)()
    bound = ctypes.c_int(0)

    def decompose(c, options):
        bound.value = 0
        n = UTF8PROC.utf8proc_decompose_char(c, buffer, 32, options, ctypes.byref(bound))
        return "".join(map(chr, buffer[:n]))

    for c in CODE_POINTS:
        ch = chr(c)
        prop = UTF8PROC.utf8proc_get_property(c).contents
        category = prop.category

        def flag(name, hf, ours):
            if hf != ours:
                tables[name][c] = int(hf)

        if c not in (0, 0xFFFD) and ch not in "\t\n\r":
            flag("Other", clean(ch) == "", category in (CC, CF, CO))
        pieces = len(split("a" + ch + "b"))
        assert (pieces == 2) == white_space(c), hex(c)
        if c >= 0x80:
            flag("Punctuation", pieces == 3, PC <= category <= PO)
        if nfd(ch) == ch:
            flag("NonspacingMark", accents("a" + ch) == "a", category == MN)
            if classes.get(c, 0) != prop.combining_class:
                tables["CombiningClass"][c] = classes.get(c, 0)
        flag("Mark", strip("a" + ch) == "a", MN <= category <= ME)
        if not white_space(c):
            flag("Word", len(words("a" + ch + "b")) == 1, LU <= category <= NL or category == PC)
        if lower(ch) != chr(UTF8PROC.utf8proc_tolower(c)):
            lowercase[c] = lower(ch)
        # Only newer decompositions, unknown to the library, have been seen to differ.
        for name, hf, ours in (("NoCanonical", nfd(ch), decompose(c, 1 << 4)),
                               ("NoCompatibility", nfkd(ch), decompose(c, 1 << 4 | 1 << 2))):
            assert hf in (ours, ch), hex(c)
            flag(name, hf != ours, False)
    tables.update(class_differences({c: UTF8PROC.utf8proc_get_property(c).contents.category for c in CODE_POINTS}))
    tables["Grapheme"] = graphemes()
    return tables, lowercase


def graphemes():
    """Code points that join the one before them (1), any behind them (2), marks behind them (0) or none (3) where utf8proc
    says otherwise.

    The rule for "~" takes with it what joins it; those for e and an accent, and for a mark, are not found behind what joins
    them.
    """
    rules = normalizers.Precompiled(charsmap()).normalize_str
    values = {}
    for c in CODE_POINTS:
        ch = chr(c)
        if rules(ch) != ch:
            continue
        hf = (rules("~" + ch + ".") == "-.", "e\u0301" in rules(ch + "e\u0301."), "\u0301" in rules(ch + "\u0340\u0301."))
        ours = tuple(not UTF8PROC.utf8proc_grapheme_break(a, b) for a, b in ((ord("~"), c), (c, ord("e")), (c, 0x340)))
        if hf != ours:
            values[c] = {(True, False, True): 1, (False, True, True): 2, (False, False, True): 0, (False, False, False): 3}[hf]
    return values


def white_space(c):
    return 9 <= c <= 13 or c in (0x20, 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000) or 0x2000 <= c <= 0x200A


def write(tables, lowercase):
    version = UTF8PROC.utf8proc_unicode_version().decode()
    print(f"""// SPDX-License-Identifier: Apache-2.0
// Code points where Hugging Face tokenizers {tokenizers.__version__} and utf8proc (Unicode {version}) disagree, and the
// former's answer. Made by tools/make_unicode_differences.py; do not edit.
#pragma once

#include <cstdint>

namespace minnow {{

// Code points first..last have the property `value` (0 or 1, a combining class, or a number of
// GraphemeStandIn in unicode.cc).
struct PropertyDifference {{
  char32_t first;
  char32_t last;
  uint8_t value;
}};

// `from` becomes the first `size` code points of `to`.
struct MappingDifference {{
  char32_t from;
  uint8_t size;
  char32_t to[2];
}};

// clang-format off""")
    for name, values in tables.items():
        table(f"inline constexpr PropertyDifference k{name}Differences[]",
              [f"{{0x{a:X}, 0x{b:X}, {v}}}" for a, b, v in ranges(values)])
    rows = []
    for c, to in sorted(lowercase.items()):
        assert 1 <= len(to) <= 2, (hex(c), to)
        rows.append(f"{{0x{c:X}, {len(to)}, {{{', '.join(f'0x{ord(t):X}' for t in to)}}}}}")
    table("inline constexpr MappingDifference kLowercaseDifferences[]", rows)
    print("// clang-format on\n\n}  // namespace minnow")


def table(head, rows):
    print(head + " = {")
    line = "   "
    for row in rows:
        if len(line) + len(row) > 98:
            print(line)
            line = "   "
        line += " " + row + ","
    print(line.rstrip(",") + "};")


UTF8PROC = load_utf8proc()
write(*measure())
