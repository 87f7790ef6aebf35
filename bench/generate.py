#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Text generation beside its peers: 64 tokens in, 64 out, random weights of T5's sizes; the ratio is the peer's time over ours.

usage: bench/generate.py --peers DIR [--rows NAME ...] [--rounds 2] [--append]
DIR is a folder that the peers' setup.sh has made with --t5; the models are made there on first use. One core (or two where
a row says so); programs take turns, round by round; the smallest minimum of all rounds counts.
The limit is the encoder's multiplications at the core's measured peak and the decoder's weights once a token at its
reading speed (minnow cpu --measure). A model that stays in the cache can be faster than that.
"""
import json
import re
import sys

import ledger

TOKENS = 64
TIMES = re.compile(r"min ([\d.]+) median ([\d.]+) ms")
RSS = re.compile(r"peak RSS (\d+) MB")
# (row, model, dtype, beams, batch, threads, peers, wanted): the fastest of the peers counts.
ROWS = [
    ("small int8", "t5-small", "int8", 1, 1, 1, ["ct2_int8"], 2.3),
    ("small bf16", "t5-small", "bf16", 1, 1, 1, ["torch_bf16", "ct2_fp32"], 2.2),
    ("small int8, 4 beams", "t5-small", "int8", 4, 1, 1, ["ct2_int8"], 2.0),
    ("small bf16, 4 beams", "t5-small", "bf16", 4, 1, 1, ["torch_bf16", "ct2_fp32"], 2.5),
    ("base int8", "t5-base", "int8", 1, 1, 1, ["ct2_int8"], 2.8),
    ("base bf16", "t5-base", "bf16", 1, 1, 1, ["torch_bf16"], 1.8),
    ("small int8, 16 requests, 2 threads", "t5-small", "int8", 1, 16, 2, ["ct2_int8"], 2.0),
]
# d_model, inner (heads x d_kv), d_ff, layers of each stack, vocabulary
SIZES = {"t5-small": (512, 512, 2048, 6, 32128), "t5-base": (768, 768, 3072, 12, 32128)}
BYTES = {"bf16": 2, "int8": 1}
PEAK = {"bf16": "bf16_gflops", "int8": "int8_gops"}


def cpus(threads):
    return "1" if threads == 1 else "0,1"


def ours(args, row, threads=None):
    _, model, dtype, beams, batch, wanted_threads, _, _ = row
    threads = threads or wanted_threads
    out = ledger.run(["taskset", "-c", cpus(threads), args.minnow, "bench", "generate", "--model", args.peers / model, "--dtype", dtype,
                      "--input", TOKENS, "--output", TOKENS, "--beams", beams, "--threads", threads, "--batch", batch])
    return float(TIMES.search(out)[1])


def theirs(args, row, peer):
    _, model, _, beams, batch, threads, _, _ = row
    out = ledger.run(["taskset", "-c", cpus(threads), args.peers / "venv/bin/python", args.peer_scripts / "bench_t5.py", args.peers, peer,
                      "--model", model, "--beams", beams, "--batch", batch, "--threads", threads])
    return float(TIMES.search(out)[1]), int(RSS.search(out)[1])


def limit_ms(row, peaks):
    """Of one request on one thread."""
    _, model, dtype, _, _, _, _, _ = row
    d, inner, ff, layers, vocabulary = SIZES[model]
    cross = 2 * d * inner * layers  # products for each token of the input, that the decoder's layers need
    encoder = layers * (4 * d * inner + 2 * d * ff) + cross
    step = layers * (6 * d * inner + 2 * d * ff) + vocabulary * d
    arithmetic = 2 * TOKENS * encoder / peaks[PEAK[dtype]]
    memory = TOKENS * step * BYTES[dtype] / peaks["read_gb_per_s"]
    return (arithmetic + memory) / 1e6


def main():
    parser = ledger.parser(__doc__, peers=True)
    parser.add_argument("--rows", nargs="+", metavar="NAME", help="those whose names hold one of these")
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    start = ledger.machine()
    peaks = json.loads(ledger.run(["taskset", "-c", "1", args.minnow, "cpu", "--measure", "--json"]))["peaks"]
    rows = [row for row in ROWS if not args.rows or any(name in row[0] for name in args.rows)]
    if not rows:
        sys.exit("generate.py: no such row")
    best, peers, memory = {}, {}, {}
    for _ in range(args.rounds):
        for row in rows:
            name = row[0]
            best[name] = min(best.get(name, 1e9), ours(args, row))
            for peer in row[6]:
                time, rss = theirs(args, row, peer)
                peers[name, peer] = min(peers.get((name, peer), 1e9), time)
                memory[name, peer] = rss
    lines = ["| | minnow ms | peer | its ms | ratio | wanted | tokens/s | limit ms | two threads ms |", "|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        name, batch, threads, wanted = row[0], row[4], row[5], row[7]
        peer = min(row[6], key=lambda p: peers[name, p])
        ratio = peers[name, peer] / best[name]
        limit = f"{limit_ms(row, peaks):.0f}" if (threads, batch) == (1, 1) else ""
        both = f"{ours(args, row, threads=2):.1f}" if threads == 1 else ""
        missed = "" if ratio >= wanted else " (missed)"
        lines.append(f"| {name} | {best[name]:.1f} | {peer}, {memory[name, peer]} MB | {peers[name, peer]:.1f} | {ratio:.2f} | {wanted}{missed} | "
                     f"{1000 * batch * TOKENS / best[name]:.0f} | {limit} | {both} |")
    versions = ledger.versions(args.peers, "ctranslate2", "torch", "transformers")
    ledger.report(args, "text generation beside its peers", start, "\n".join(lines) + f"\n\n{versions}; minima of {args.rounds} rounds. "
                  f"One core at best: bf16 {peaks['bf16_gflops']:.0f} GFLOP/s, int8 {peaks['int8_gops']:.0f} GOP/s, "
                  f"reads {peaks['read_gb_per_s']:.0f} GB/s.")


if __name__ == "__main__":
    main()
