#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times `minnow embed` on one sentence, from process start to exit, with the model in the page cache.

usage: bench/startup.py [--minnow PROGRAM] [--model DIR] [--runs 40] [--limit-ms N]
Prints minimum, median and maximum; fails where the median is above the limit.
"""
import argparse
import pathlib
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).parent.parent
WARM_UP_RUNS = 3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minnow", type=pathlib.Path, default=ROOT / "build/release/minnow")
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / "models/all-MiniLM-L6-v2")
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--limit-ms", type=float)
    args = parser.parse_args()
    command = [args.minnow, "embed", "--model", args.model, "The quick brown fox jumps over the lazy dog."]
    times = []
    for run in range(WARM_UP_RUNS + args.runs):
        begin = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if run >= WARM_UP_RUNS:
            times.append(1e3 * (time.perf_counter() - begin))
    times.sort()
    median = times[len(times) // 2]
    print(f"embed one sentence, start to exit: min {times[0]:.1f} median {median:.1f} max {times[-1]:.1f} ms ({args.runs} runs)")
    return 1 if args.limit_ms is not None and median > args.limit_ms else 0


if __name__ == "__main__":
    sys.exit(main())
