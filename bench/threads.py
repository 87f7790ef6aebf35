#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How much faster two threads are than one: one long text (its rows are split) and a batch (its texts are).

usage: bench/threads.py [--model DIR] [--dtypes fp32 bf16 int8] [--threads 2] [--rounds 3]
The runs take turns; of all rounds the smallest minimum counts. Needs as many idle cores.
"""
import pathlib
import re
import tempfile

import ledger

WANTED = {"1x150": 1.85, "32x128": 1.95}


def main():
    parser = ledger.parser(__doc__, peers=False)
    parser.add_argument("--model", type=pathlib.Path, default=ledger.ROOT / "models/all-MiniLM-L6-v2")
    parser.add_argument("--dtypes", nargs="+", default=["fp32", "bf16", "int8"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    start = ledger.machine()
    best = {}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(args.rounds):
            for dtype in args.dtypes:
                model = ledger.packed(args.minnow, args.model, dtype, folder)
                for shape in WANTED:
                    for threads in (1, args.threads):
                        printed = ledger.run([args.minnow, "bench", "encoder", "--model", model, "--dtype", dtype,
                                              "--threads", threads, "--shape", shape])
                        ms = float(re.search(r"min ([\d.]+)", printed)[1])
                        key = (dtype, shape, threads)
                        best[key] = min(best.get(key, ms), ms)
    lines = [f"| | shape | 1 thread ms | {args.threads} threads ms | ratio | wanted |", "|---|---|---|---|---|---|"]
    for dtype in args.dtypes:
        for shape, wanted in WANTED.items():
            one, many = best[dtype, shape, 1], best[dtype, shape, args.threads]
            missed = " (missed)" if args.threads == 2 and one / many < wanted else ""
            lines.append(f"| {dtype} | {shape} | {one:.2f} | {many:.2f} | {one / many:.2f} | {wanted}{missed} |")
    ledger.report(args, f"{args.threads} threads beside one", start, "\n".join(lines))


if __name__ == "__main__":
    main()
