#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares `minnow tokenize` with Hugging Face tokenizers: ids, tokens and offsets of very many texts.

Every code point alone, between letters, between spaces and among combining marks; then random texts of the nastiest
parts; then the lines of any files given. Prints the first differences and exits 1 if there is one.

    pip install tokenizers
    python3 tools/compare_tokenizer.py --model DIR [--program build/release/minnow] [--random 200000] [FILE...]
"""
import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import unicodedata

from tokenizers import Tokenizer

BATCH = 200_000
SHOWN = 10
CONTEXTS = ("{}", "a{}b", " {} ", "A\u0301{}\u0327e", "{0}{0}", "1{}.")
CODE_POINTS = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
PARTS = ["the", "Embed", "ding", " ", "  ", "\t", "\r\n", "\u3000", "[MASK]", "[mask]", "[SEP]", "[CLS", ".", "!", "'", "n't", "##",
         "中", "한국", "\u1112\u1161\u11ab", "é", "É", "\0", "\ufffd", "\u200d", "\u00ad", "İ", "ẞ", "ﬁ", "\U0001d15f", "x" * 101]


def code_point_texts():
    for c in CODE_POINTS:
        for context in CONTEXTS:
            yield context.format(c)


def random_texts(count, seed):
    rng = random.Random(seed)
    marks = [c for c in CODE_POINTS if unicodedata.combining(c)]
    decomposable = [c for c in CODE_POINTS if unicodedata.decomposition(c)]
    kinds = [PARTS, marks, decomposable, CODE_POINTS[:0x250], CODE_POINTS[:0x3000], CODE_POINTS]
    for _ in range(count):
        yield "".join(rng.choice(rng.choice(kinds)) for _ in range(rng.randint(0, 30)))


def file_texts(paths):
    for path in paths:
        with open(path, encoding="utf-8", errors="replace", newline="\n") as lines:
            yield from lines


def batches(texts):
    batch = []
    for text in texts:
        batch.append(text)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def ours(command, texts):
    with tempfile.TemporaryFile() as source:
        source.write("".join(json.dumps(text) + "\n" for text in texts).encode())
        source.seek(0)
        out = subprocess.run(command, stdin=source, stdout=subprocess.PIPE, check=True).stdout
    lines = out.decode().split("\n")[:-1]  # texts may hold other line ends
    assert len(lines) == len(texts), (len(lines), len(texts))
    return map(json.loads, lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--program", default="build/release/minnow")
    parser.add_argument("--random", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("files", nargs="*")
    args = parser.parse_args()
    hf = Tokenizer.from_file(str(pathlib.Path(args.model) / "tokenizer.json"))
    hf.no_padding()
    hf.no_truncation()
    different = 0
    for special, name, texts in ((False, "code points", code_point_texts()),
                                 (True, "random texts", random_texts(args.random, args.seed)),
                                 (True, "lines of files", file_texts(args.files))):
        command = [args.program, "tokenize", "--model", args.model, "--json-input"] + ([] if special else ["--no-special"])
        count = 0
        for batch in batches(texts):
            for text, got in zip(batch, ours(command, batch)):
                e = hf.encode(text, add_special_tokens=special)
                tokens = [hf.id_to_token(i) for i in e.ids]
                want = {"ids": e.ids, "tokens": tokens, "offsets": [list(pair) for pair in e.offsets]}
                if got != want:
                    different += 1
                    if different <= SHOWN:
                        print(f"{text!a}\n  Hugging Face {json.dumps(want)}\n  minnow       {json.dumps(got)}")
            count += len(batch)
        print(f"{name}: {count} texts compared", flush=True)
    print(f"{different} differences")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
