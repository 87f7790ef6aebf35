#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Parts of Stable Diffusion 1.5 beside their peers, random weights; the ratio is the peer's time over ours.

usage: bench/images.py --peers DIR [--rows NAME ...] [--rounds 2] [--size 512] [--append]
DIR is a folder that the peers' setup.sh has made with --diffusion; the model is made there on first use. Both cores; programs take
turns, round by round; the smallest minimum of all rounds counts. Memory is the peak of a process that loads and runs that part
alone, ours with the weights of a folder packed in it.
"""
import re
import subprocess
import sys
import tempfile

import ledger

OURS = re.compile(r"min ([\d.e+-]+) median [\d.e+-]+ s\ncpu [\d.e+-]+ s, (\w+), weights (\d+) buffers (\d+) peak RSS (\d+) MB")
THEIRS = re.compile(r"min ([\d.]+) median ([\d.]+) s, load [\d.]+ s, peak RSS (\d+) MB")
PARTS = ["unet", "unet1", "vae_decode", "vae_encode", "clip", "taesd_decode"]
BF16 = {"unet": 1.5, "unet1": 1.5, "vae_decode": 1.6, "vae_encode": 1.5, "clip": 1.4, "taesd_decode": 1.0}
INT8 = {"unet": 1.25, "vae_decode": 1.25, "vae_encode": 1.25, "clip": 1.4}
# (row, part, dtype, form of convolutions, peer, wanted)
ROWS = ([(f"{part} bf16", part, "bf16", "always", "ov_bf16", BF16[part]) for part in PARTS] +
        [(f"{part} bf16, direct", part, "bf16", "never", "ov_bf16", 1.15) for part in ("unet", "unet1")] +
        [(f"{part} fp32", part, "fp32", "always", "ov_fp32", 1.05) for part in PARTS] +
        [(f"{part} fp32, direct", part, "fp32", "never", "ov_fp32", 1.05) for part in ("unet", "vae_decode")] +
        [(f"{part} int8", part, "int8", "always", "ov_int8_full", wanted) for part, wanted in INT8.items()] +
        [(f"{part} int8, direct", part, "int8", "never", "ov_int8_full", None) for part in ("unet", "vae_decode", "vae_encode")])


def ours(args, row, folder):
    """int8 from a packed file: its weights are searched for the best 8 bits, which takes a minute."""
    _, part, dtype, winograd, _, _ = row
    model = args.peers / "sd15-random"
    if dtype == "int8":
        model = ledger.packed(args.minnow, model, dtype, folder)
    out = ledger.run(["taskset", "-c", "0,1", args.minnow, "bench", "image", "--model", model, "--dtype", dtype,
                      "--part", part, "--size", args.size, "--threads", 2, "--winograd", winograd])
    found = OURS.search(out)
    return float(found[1]), found[2], int(found[5])


def theirs(args, row):
    _, part, _, _, peer, _ = row
    out = ledger.run(["taskset", "-c", "0,1", args.peers / "venv/bin/python", args.peer_scripts / "bench_diffusion.py", args.peers, peer, part,
                      "--size", args.size, "--threads", 2])
    found = THEIRS.search(out)
    return float(found[1]), int(found[3])


def main():
    parser = ledger.parser(__doc__, peers=True)
    parser.add_argument("--rows", nargs="+", metavar="NAME", help="those whose names hold one of these")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--size", type=int, default=512)
    args = parser.parse_args()
    start = ledger.machine()
    rows = [row for row in ROWS if not args.rows or any(name in row[0] for name in args.rows)]
    if not rows:
        sys.exit("images.py: no such row")
    for part, peer in sorted({(row[1], row[4]) for row in rows}):  # what is made once is not in a measurement
        subprocess.run([args.peers / "venv/bin/python", args.peer_scripts / "bench_diffusion.py", args.peers, peer, part, "--size",
                        str(args.size), "--make"], check=True)
    best, peers, memory = {}, {}, {}
    folder = tempfile.TemporaryDirectory()
    for _ in range(args.rounds):
        for row in rows:
            time, form, rss = ours(args, row, folder.name)
            best[row[0]] = min(best.get(row[0], 1e9), time)
            memory[row[0]] = form, rss
            key = row[1], row[4]
            time, rss = theirs(args, row)
            peers[key] = min(peers.get(key, 1e9), time)
            memory[key] = rss
            print(f"{row[0]}: {best[row[0]]:.4g} s, {row[4]} {peers[key]:.4g} s", file=sys.stderr, flush=True)
    lines = ["| | minnow s | convolutions | MB | peer | its s | MB | ratio | wanted |", "|---|---|---|---|---|---|---|---|---|"]
    for name, part, _, _, peer, wanted in rows:
        ratio = peers[part, peer] / best[name]
        form, rss = memory[name]
        missed = "" if wanted is None or ratio >= wanted else " (missed)"
        lines.append(f"| {name} | {best[name]:.3g} | {form} | {rss} | {peer} | {peers[part, peer]:.3g} | {memory[part, peer]} | {ratio:.2f} | "
                     f"{wanted or '-'}{missed} |")
    versions = ledger.versions(args.peers, "openvino", "torch", "diffusers")
    ledger.report(args, f"parts of Stable Diffusion 1.5 beside their peers, {args.size}x{args.size}", start,
                  "\n".join(lines) + f"\n\n{versions}; two cores, minima of {args.rounds} rounds.")


if __name__ == "__main__":
    main()
