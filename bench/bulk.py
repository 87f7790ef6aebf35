#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Bulk embedding of real lines, int8: minnow beside onnxruntime, whose texts are sorted by length and batched by 16.

usage: bench/bulk.py --peers DIR [--model DIR] [--lines 80000] [--threads 2] [--rounds 1]
The lines are the sentences of STS-B and of the language corpus's Latin-script languages, shuffled with a fixed seed; both
programs start from text and end with normalized vectors. Of several rounds the fastest counts, on both sides.
"""
import csv
import pathlib
import random
import re
import tempfile

import ledger

LANGUAGES = "de en es fr it nl pl pt sw tr vi".split()
WANTED = 2.0
SPEED = re.compile(r"(\d+) texts (\d+) tokens ([\d.]+) s: (\d+) texts/s (\d+) tokens/s")


def real_lines(data, count):
    lines = []
    for name in ("train", "dev"):
        with open(data / f"sts_b/stsb-en-{name}.csv", newline="", encoding="utf-8") as file:
            lines += [text for row in csv.reader(file) for text in row[:2]]
    for language in LANGUAGES:
        text = (data / f"lid_corpus/train/{language}.tsv").read_text(encoding="utf-8")
        lines += [line.split("\t", 1)[1] for line in text.split("\n") if "\t" in line]
    # What ends a line for one program must end it for the other.
    lines = sorted({" ".join(line.split()) for line in lines} - {""})
    random.Random(7).shuffle(lines)
    if len(lines) < count:
        raise SystemExit(f"{data} has {len(lines)} lines, fewer than {count}")
    return lines[:count]


def main():
    parser = ledger.parser(__doc__, peers=True)
    parser.add_argument("--model", type=pathlib.Path, default=ledger.ROOT / "models/all-MiniLM-L6-v2")
    parser.add_argument("--lines", type=int, default=80_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    start = ledger.machine()
    best = {}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "lines.txt"
        path.write_text("\n".join(real_lines(ledger.DATA, args.lines)) + "\n", encoding="utf-8")
        model = ledger.packed(args.minnow, args.model, "int8", folder)
        commands = {
            "minnow int8": [args.minnow, "bench", "bulk", path, "--model", model, "--threads", args.threads],
            "ort_int8, sorted, batches of 16": [args.peers / "venv/bin/python", ledger.ROOT / "bench/ort_bulk.py", path,
                                                args.model / "tokenizer.json", args.peers / "onnx/minilm_int8.onnx", args.threads],
        }
        for _ in range(args.rounds):
            for name, command in commands.items():
                match = SPEED.search(ledger.run(command))
                print(f"{name}: {match[0]}", flush=True)
                if name not in best or int(match[5]) > int(best[name][5]):
                    best[name] = match
    ours, theirs = best.values()
    lines = ["| | texts | tokens | s | texts/s | tokens/s |", "|---|---|---|---|---|---|"]
    lines += [f"| {name} | {' | '.join(match.groups())} |" for name, match in best.items()]
    ratio = float(theirs[3]) / float(ours[3])
    lines += ["", f"Ratio of the times {ratio:.2f}, wanted {WANTED}{' (missed)' if ratio < WANTED else ''}. "
                  f"{ledger.versions(args.peers, 'onnxruntime', 'tokenizers')}."]
    ledger.report(args, f"bulk embedding of {args.lines} real lines, {args.threads} threads", start, "\n".join(lines))


if __name__ == "__main__":
    main()
