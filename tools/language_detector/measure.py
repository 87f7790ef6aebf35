#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures the packed language detector through the program: accuracy on sentences, on parts of them and on what people
do to them, and the time of a sentence on one core.

    python3 tools/language_detector/measure.py PROGRAM CORPUS/test_tatoeba [--model FILE] [--left-out left_out.tsv]
    python3 tools/language_detector/measure.py PROGRAM lingua/.../language-testdata/word-pairs --plain

Needs Python alone. Without --model: the model that the program carries. Any folder of LANGUAGE.txt files will do, such as
those of a clone of pemistahl/lingua; --plain measures its lines as they are and nothing that is made of them.
"""
import argparse
import json
import pathlib
import random
import subprocess
import tempfile
import time

from corpus import LABELS, WITH_ACCENTS, join_words, read_test, without_accents, word_pairs, words_of

ROUNDS = 5


def single_words(tests, seed=7):
    draw = random.Random(seed)
    words = [(label, draw.choice(words_of(sentence, label)).strip("“”\"'.,!?;:()…¿¡«»。，！？、")) for label, sentence in tests]
    return [(label, word) for label, word in words if any(c.isalpha() for c in word)]


def with_noise(tests, seed=7):
    """Numbers, signs and an address around each sentence."""
    draw = random.Random(seed)
    return [(label, f"{draw.randint(1, 9999)}) {sentence} :-) #{draw.randint(1, 99)} https://example.com/a?b={draw.randint(1, 99)}")
            for label, sentence in tests]


def cases(tests):
    """{name: [(label, text)]}"""
    return {
        "sentences": tests,
        "in upper case": [(label, text.upper()) for label, text in tests],
        "in lower case": [(label, text.lower()) for label, text in tests],
        "in title case": [(label, text.title()) for label, text in tests],
        "with numbers, signs and an address": with_noise(tests),
        "without accents (12 languages)":
            [(label, without_accents(text)) for label, text in tests if label in WITH_ACCENTS],
        "first three words": [(label, join_words(words_of(text, label)[:3], label)) for label, text in tests],
        "pairs of neighbouring words": word_pairs(tests),
        "single words": single_words(tests),
    }


def evaluate(program, model, rows, folder):
    file = folder / "rows.tsv"
    file.write_text("".join(f"{label}\t{text}\n" for label, text in rows), encoding="utf-8")
    result = subprocess.run([program, "eval", "classify", str(file), "--json", *model], check=True, capture_output=True)
    return json.loads(result.stdout)


def milliseconds(program, model, tests):
    """Of one sentence, tokenizing included: the best of some runs over all of them, start of the program included."""
    lines = "".join(f"{text}\n" for _, text in tests).encode()
    best = float("inf")
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        subprocess.run([program, "classify", "--threads", "1", "--top-k", "1", *model], input=lines, check=True, stdout=subprocess.DEVNULL)
        best = min(best, time.perf_counter() - begin)
    return 1000 * best / len(tests)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("tests", help="folder of LANGUAGE.txt files")
    parser.add_argument("--model")
    parser.add_argument("--plain", action="store_true", help="the folder's lines alone")
    parser.add_argument("--left-out", help="lines of label, tab, text: what train.py --leave-out wrote")
    args = parser.parse_args()
    model = ["--model", args.model] if args.model else []
    tests = read_test(args.tests)
    measured = {"as they are": tests} if args.plain else cases(tests)
    if args.left_out:
        lines = pathlib.Path(args.left_out).read_text(encoding="utf-8").splitlines()
        measured["sentences of sources that were left out"] = [tuple(line.split("\t", 1)) for line in lines]
    print("| texts | number | macro accuracy | least accurate |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, rows in measured.items():
            found = evaluate(args.program, model, rows, pathlib.Path(folder))
            shares = {label: one["right"] / one["texts"] for label, one in found["labels"].items()}
            worst = sorted((label for label in LABELS if label in shares), key=shares.get)[:4]
            told = ", ".join(f"{label} {100 * shares[label]:.1f}" for label in worst)
            print(f"| {name} | {found['texts']} | {100 * found['macro_accuracy']:.2f} % | {told} |", flush=True)
    print(f"\n{milliseconds(args.program, model, tests):.3f} ms a sentence on one core, the program's start included")


if __name__ == "__main__":
    main()
