#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the wheel promises, measured beside the program: encode beside `minnow bench bulk`, import and first vector beyond
numpy, memory of four workers, and how soon Ctrl-C is heard.

usage: python_wheel.py PROGRAM MODEL LINES [--threads N] [--rounds N]
PROGRAM is the minnow of the same build, MODEL a packed file, LINES a file with a text a line. Run it by a Python with the wheel.
"""
import argparse
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

FIRST_VECTOR = """if True:
    import sys, time, numpy
    begin = time.perf_counter()
    import minnow
    minnow.Model(sys.argv[1], threads=1).encode("a sentence of some words")
    print(time.perf_counter() - begin)
"""
WORKER = """if True:
    import sys, minnow
    m = minnow.Model(sys.argv[1], threads=1)
    texts = open(sys.argv[2]).read().split("\\n")[:4000]
    m.encode(texts)
    print("ready", flush=True)
    sys.stdin.readline()
"""
INTERRUPT = """if True:
    import os, signal, sys, threading, time, minnow
    m = minnow.Model(sys.argv[1], threads=int(sys.argv[3]))
    texts = open(sys.argv[2]).read().split("\\n") * 20
    sent = []
    def interrupt():
        time.sleep(1)
        sent.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=interrupt, daemon=True).start()
    try:
        m.encode(texts)
    except KeyboardInterrupt:
        print(time.monotonic() - sent[0])
"""


def run_python(code, *arguments):
    return float(subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=True, capture_output=True, text=True).stdout)


def bulk_rate(options):
    line = subprocess.run([options.program, "bench", "bulk", options.lines, "--model", options.model, "--threads", str(options.threads)],
                          check=True, capture_output=True, text=True).stdout
    return float(re.search(r": ([0-9]+) texts/s", line)[1])


def encode_rate(model, texts):
    begin = time.perf_counter()
    model.encode(texts)
    return len(texts) / (time.perf_counter() - begin)


def proportional_bytes(pid):
    """Proportional set size: a page that n processes share counts an n-th."""
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return {name: int(re.search(rf"^{name}: +([0-9]+) kB", text, re.MULTILINE)[1]) / 1024 for name in ("Pss", "Rss")}


def workers_memory(options, count=4):
    workers = [subprocess.Popen([sys.executable, "-c", WORKER, options.model, options.lines], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
               for _ in range(count)]
    try:
        for worker in workers:
            worker.stdout.readline()
        return [proportional_bytes(worker.pid) for worker in workers]
    finally:
        for worker in workers:
            worker.communicate(b"\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program"), parser.add_argument("model"), parser.add_argument("lines")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    import minnow
    texts = pathlib.Path(options.lines).read_text().split("\n")
    texts = texts[:-1] if texts[-1] == "" else texts
    model = minnow.Model(options.model, threads=options.threads)
    model.encode(texts[:1000])
    rates = [(bulk_rate(options), encode_rate(model, texts)) for _ in range(options.rounds)]  # in turns
    bulk, encode = (statistics.median(column) for column in zip(*rates))
    print(f"{len(texts)} texts, {options.threads} threads: bench bulk {bulk:.0f} texts/s, encode {encode:.0f}: {encode / bulk:.3f}")
    first = [run_python(FIRST_VECTOR, options.model) for _ in range(9)]
    print(f"import and first vector beyond numpy: median {1000 * statistics.median(first):.1f} ms, best {1000 * min(first):.1f}")
    memory = workers_memory(options)
    size = os.path.getsize(options.model) / 2**20
    print(f"4 workers: PSS together {sum(m['Pss'] for m in memory):.0f} MiB (limit {size:.0f} + 240), RSS each {[round(m['Rss']) for m in memory]}")
    heard = [run_python(INTERRUPT, options.model, options.lines, options.threads) for _ in range(3)]
    print(f"Ctrl-C heard after {[round(1000 * one) for one in heard]} ms")


if __name__ == "__main__":
    main()
