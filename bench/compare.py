#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs minnow and a peer beside each other, and prints the ratio: peer's time over ours (above 1: we are faster).

usage: bench/compare.py --peers DIR [--model DIR] [--peer ort_fp32] [--rounds 3] [--core 0] [--record] [--note TEXT]
DIR is a folder that the peers' setup.sh has made: DIR/venv, DIR/onnx. Both programs are pinned to one core and take
turns, shape by shape, round by round; of all rounds the smallest minimum counts, so that a noisy machine hurts both
alike. The mixed batch is 64 real sentences: minnow packs them end to end, the peer pads them to the longest.
--record appends the table to bench/RESULTS.md.
"""
import argparse
import csv
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parent
MIXED = "64 mixed"
TIMES = re.compile(r"min ([\d.]+) median ([\d.]+) ms")


def parse_arguments():
    data = pathlib.Path(os.environ.get("MINNOW_DATA", ROOT.parent / "shared/data"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", type=pathlib.Path, required=True, help="folder made by the peers' setup.sh")
    parser.add_argument("--peer-scripts", type=pathlib.Path, default=ROOT.parent / "shared/peers", help="where bench_encoder.py is")
    parser.add_argument("--peer", default="ort_fp32")
    parser.add_argument("--minnow", type=pathlib.Path, default=ROOT / "build/release/minnow")
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / "models/all-MiniLM-L6-v2")
    parser.add_argument("--dtype", default="fp32")
    parser.add_argument("--shapes", nargs="+", default=["1x16", "1x150", "1x512", "32x128"])
    parser.add_argument("--sentences", type=pathlib.Path, default=data / "sts_b/stsb-en-dev.csv",
                        help="CSV; the first column of 64 evenly spaced rows is the mixed batch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--note", default="")
    return parser.parse_args()


def pinned(core, command):
    environment = dict(os.environ, THREADS="1", OMP_NUM_THREADS="1")
    done = subprocess.run(["taskset", "-c", str(core), *map(str, command)], capture_output=True, text=True, env=environment)
    match = TIMES.search(done.stdout)
    if done.returncode != 0 or not match:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return float(match[1]), float(match[2])


def mixed_lengths(args):
    """Token counts, special tokens included, of 64 sentences as minnow counts them."""
    with open(args.sentences, newline="", encoding="utf-8") as file:
        rows = [row[0] for row in csv.reader(file) if row]
    sentences = [rows[i * len(rows) // 64] for i in range(64)]
    done = subprocess.run([args.minnow, "tokenize", "--model", args.model, "--truncate", "--json-input"], text=True,
                          input="".join(json.dumps(text) + "\n" for text in sentences), capture_output=True, check=True)
    return [len(json.loads(line)["ids"]) for line in done.stdout.splitlines()]


def commands(args, shape, lengths):
    """The two programs' command lines for one shape: (minnow, peer)."""
    ours = [args.minnow, "bench", "encoder", "--model", args.model, "--dtype", args.dtype, "--threads", "1"]
    python = args.peers / "venv/bin/python"
    if shape == MIXED:
        joined = ",".join(map(str, lengths))
        suffix = "_int8" if args.peer.endswith("int8") else ""
        return ours + ["--lengths", joined], [python, HERE / "ort_padded.py", args.peers / f"onnx/minilm{suffix}.onnx", joined]
    return ours + ["--shape", shape], [python, args.peer_scripts / "bench_encoder.py", args.peers, args.peer, shape]


def machine():
    text = pathlib.Path("/proc/cpuinfo").read_text()
    name = re.search(r"model name\s*:\s*(.*)", text)
    flags = set(re.search(r"flags\s*:\s*(.*)", text)[1].split()) if "flags" in text else set()
    known = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_int8") if flag in flags]
    family = re.search(r"cpu family\s*:\s*(\d+)", text)
    return f"{name[1] if name else 'unknown'} (family {family[1] if family else '?'}, {' '.join(known)}), {os.cpu_count()} cores"


def peer_version(args):
    package = "openvino" if args.peer.startswith("ov") else "onnxruntime"
    command = [args.peers / "venv/bin/python", "-c", f"from importlib.metadata import version; print(version('{package}'))"]
    return f"{package} {subprocess.run(command, capture_output=True, text=True).stdout.strip()}"


def measure(args, shapes, lengths):
    best = {}
    for round_number in range(args.rounds):
        for shape in shapes:
            for who, command in zip(("minnow", "peer"), commands(args, shape, lengths)):
                minimum, median = pinned(args.core, command)
                old = best.get((who, shape), (minimum, median))
                best[who, shape] = (min(old[0], minimum), min(old[1], median))
            ours, theirs = best["minnow", shape], best["peer", shape]
            print(f"round {round_number + 1}: {shape}: {ours[0]:.2f} against {theirs[0]:.2f} ms", file=sys.stderr)
    return best


def table(args, shapes, best):
    lines = [f"| shape | minnow {args.dtype} min / median ms | {args.peer} min / median ms | ratio of minima |", "|---|---|---|---|"]
    for shape in shapes:
        ours, theirs = best["minnow", shape], best["peer", shape]
        lines.append(f"| {shape} | {ours[0]:.2f} / {ours[1]:.2f} | {theirs[0]:.2f} / {theirs[1]:.2f} | {theirs[0] / ours[0]:.2f} |")
    return "\n".join(lines)


def main():
    args = parse_arguments()
    if not (args.peers / "venv").is_dir():
        sys.exit(f"{args.peers}: no venv there; make it with {args.peer_scripts}/setup.sh {args.peers}")
    lengths = mixed_lengths(args) if args.sentences.exists() and args.peer.startswith("ort") else []
    shapes = args.shapes + ([MIXED] if lengths else [])
    best = measure(args, shapes, lengths)
    text = table(args, shapes, best)
    if lengths:
        text += (f"\n\nMixed: 64 sentences, {sum(lengths)} tokens; padded to the longest they are {64 * max(lengths)}.")
    if args.note:
        text += "\n\n" + args.note
    print(text)
    if args.record:
        today = datetime.date.today().isoformat()
        head = (f"\n## {today}: one forward pass, one core\n\n{machine()}; {peer_version(args)}.\n"
                f"`bench/compare.py --peers DIR --peer {args.peer} --dtype {args.dtype} --rounds {args.rounds}`\n\n")
        with open(HERE / "RESULTS.md", "a", encoding="utf-8") as ledger:
            ledger.write(head + text + "\n")


if __name__ == "__main__":
    main()
