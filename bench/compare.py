#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs minnow and its peers beside each other on one core: the ratio (peer's time over ours; above 1, we are faster), what
is asked for, and our share of the core's measured peak.

usage: bench/compare.py --peers DIR [--model DIR] [--pairs fp32:ort_fp32 bf16:ov_bf16 int8:ort_int8] [--rounds 3]
       bench/compare.py --peers DIR --xlmr [--rounds 3]
DIR is a folder that the peers' setup.sh has made: DIR/venv, DIR/onnx. Programs are pinned to one core and take turns,
shape by shape, round by round; of all rounds the smallest minimum counts, so that a noisy machine hurts all alike. A
peer minnow_fp32 is minnow itself in that precision. --xlmr: XLM-R base in int8, random weights on both sides. --mixed adds
64 real sentences: minnow packs them end to end, onnxruntime pads them to the longest.
The share of peak is the time that the model's multiplications and additions take at the speed of minnow cpu --measure,
over our time; in int8 the products of attention count as bf16.
"""
import csv
import json
import pathlib
import re
import tempfile

import ledger

MIXED = "64 mixed"
TIMES = re.compile(r"min ([\d.]+) median ([\d.]+) ms")
XLMR_CONFIG = ledger.ROOT / "bench/configs/xlm-roberta-base.json"
# What minnow is to reach, by precision, peer and shape, on a machine with AVX-512 VNNI.
TARGETS = {
    ("fp32", "ort_fp32"): {"1x16": 1.2, "1x27": 1.15, "1x150": 1.1, "1x512": 1.12, "32x128": 1.15},
    ("bf16", "ov_bf16"): {"1x16": 1.2, "1x27": 1.2, "1x150": 1.18, "1x512": 1.2, "32x128": 1.18},
    ("int8", "ort_int8"): {"1x16": 1.55, "1x27": 1.55, "1x150": 1.55, "1x512": 1.75, "32x128": 1.65, "1x45": 1.35},
    ("int8", "ov_int8"): {"1x16": 1.8, "1x150": 1.55, "1x512": 1.5, "32x128": 1.4},
    ("int8", "minnow_fp32"): {"1x150": 1.5},
}


def parse_arguments():
    parser = ledger.parser(__doc__, peers=True)
    parser.add_argument("--model", type=pathlib.Path, default=ledger.ROOT / "models/all-MiniLM-L6-v2")
    parser.add_argument("--xlmr", action="store_true")
    parser.add_argument("--pairs", nargs="+", metavar="DTYPE:PEER")
    parser.add_argument("--shapes", nargs="+")
    parser.add_argument("--mixed", action="store_true")
    parser.add_argument("--sentences", type=pathlib.Path, default=ledger.DATA / "sts_b/stsb-en-dev.csv",
                        help="CSV; the first column of 64 evenly spaced rows is the mixed batch")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--core", type=int, default=0)
    args = parser.parse_args()
    args.pairs = [tuple(pair.split(":")) for pair in args.pairs or (
        ["int8:ort_int8"] if args.xlmr else ["fp32:ort_fp32", "bf16:ov_bf16", "int8:ort_int8"])]
    args.shapes = args.shapes or (["1x45"] if args.xlmr else ["1x16", "1x27", "1x150", "1x512", "32x128"])
    if not (args.peers / "venv").is_dir():
        parser.error(f"{args.peers}: no venv there; make it with {args.peer_scripts}/setup.sh {args.peers}")
    return args


def mixed_lengths(args):
    """Token counts, special tokens included, of 64 sentences as minnow counts them."""
    with open(args.sentences, newline="", encoding="utf-8") as file:
        rows = [row[0] for row in csv.reader(file) if row]
    sentences = [rows[i * len(rows) // 64] for i in range(64)]
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.write("".join(json.dumps(text) + "\n" for text in sentences))
        file.flush()
        printed = ledger.run(["sh", "-c", '"$0" tokenize --model "$1" --truncate --json-input < "$2"', args.minnow, args.model, file.name])
    return [len(json.loads(line)["ids"]) for line in printed.splitlines()]


class Runner:
    def __init__(self, args, folder, lengths):
        self.args, self.folder, self.lengths = args, folder, lengths
        self.python = args.peers / "venv/bin/python"

    def minnow(self, dtype, shape):
        args = self.args
        source = ["--config", XLMR_CONFIG, "--dtype", dtype] if args.xlmr else [
            "--model", ledger.packed(args.minnow, args.model, dtype, self.folder), "--dtype", dtype]
        batch = ["--lengths", ",".join(map(str, self.lengths))] if shape == MIXED else ["--shape", shape]
        return [args.minnow, "bench", "encoder", *source, "--threads", "1", *batch]

    def peer(self, peer, shape):
        if peer.startswith("minnow_"):
            return self.minnow(peer.removeprefix("minnow_"), shape)
        if shape == MIXED:
            suffix = "_int8" if peer.endswith("int8") else ""
            return [self.python, ledger.ROOT / "bench/ort_padded.py", self.args.peers / f"onnx/minilm{suffix}.onnx",
                    ",".join(map(str, self.lengths))]
        return [self.python, self.args.peer_scripts / "bench_encoder.py", self.args.peers, peer, shape]

    def time(self, command):
        """(minimum in ms, peak memory in MB or None)"""
        printed = ledger.run(["taskset", "-c", str(self.args.core), *command], THREADS="1", OMP_NUM_THREADS="1",
                             MODEL="xlmr" if self.args.xlmr else "minilm")
        memory = re.search(r"memory peak ([\d.]+) MB", printed)
        return float(TIMES.search(printed)[1]), float(memory[1]) if memory else None

    def peaks(self):
        printed = ledger.run(["taskset", "-c", str(self.args.core), self.args.minnow, "cpu", "--measure", "--json"])
        return json.loads(printed)["peaks"]


def limit_ms(config, lengths, dtype, peaks):
    """The arithmetic limit of one forward pass, or None where the machine has no figure."""
    c, f, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    linear = layers * 2 * sum(lengths) * (4 * c * c + 2 * c * f)
    attention = layers * sum(4 * n * n * c for n in lengths)
    fp32 = peaks["fp32_gflops"]
    bf16 = peaks["bf16_gflops"] or fp32
    speeds = {"fp32": (fp32, fp32), "bf16": (bf16, bf16), "int8": (peaks["int8_gops"], bf16)}[dtype]
    return (linear / speeds[0] + attention / speeds[1]) / 1e6 if all(speeds) else None


def measure(args, runner, shapes):
    best, memory, peaks = {}, {}, {}
    for number in range(args.rounds):
        # The clock changes with what the neighbours do: the best of all rounds is the peak.
        for name, value in runner.peaks().items():
            peaks[name] = max(peaks.get(name) or 0, value or 0)
        for dtype, peer in args.pairs:
            for shape in shapes:
                if shape == MIXED and not peer.startswith("ort"):
                    continue
                ours, memory[dtype] = runner.time(runner.minnow(dtype, shape))
                theirs, _ = runner.time(runner.peer(peer, shape))
                key = (dtype, peer, shape)
                old = best.get(key, (ours, theirs))
                best[key] = (min(old[0], ours), min(old[1], theirs))
                print(f"round {number + 1}: {dtype} {shape}: {ours:.2f} against {theirs:.2f} ms", flush=True)
    return best, memory, peaks


def table(best, limits):
    lines = ["| | shape | minnow ms | peer ms | ratio | wanted | share of peak |", "|---|---|---|---|---|---|---|"]
    for (dtype, peer, shape), (ours, theirs) in best.items():
        wanted = TARGETS.get((dtype, peer), {}).get(shape)
        limit = limits[dtype, shape]
        lines.append(f"| {dtype} / {peer} | {shape} | {ours:.2f} | {theirs:.2f} | {theirs / ours:.2f} | "
                     f"{wanted or '-'}{' (missed)' if wanted and theirs / ours < wanted else ''} | "
                     f"{f'{100 * limit / ours:.0f} %' if limit else '-'} |")
    return "\n".join(lines)


def main():
    args = parse_arguments()
    start = ledger.machine()
    lengths = mixed_lengths(args) if args.mixed and not args.xlmr else []
    shapes = args.shapes + ([MIXED] if lengths else [])
    with tempfile.TemporaryDirectory() as folder:
        best, memory, peaks = measure(args, Runner(args, folder, lengths), shapes)
    config = json.loads((XLMR_CONFIG if args.xlmr else args.model / "config.json").read_text())
    tokens = {shape: lengths if shape == MIXED else [int(shape.split("x")[1])] * int(shape.split("x")[0]) for shape in shapes}
    limits = {(dtype, shape): limit_ms(config, tokens[shape], dtype, peaks) for dtype, _ in args.pairs for shape in shapes}
    figure = {name: f"{value:.0f}" if value else "not measured" for name, value in peaks.items()}
    body = (f"{ledger.versions(args.peers, 'onnxruntime', 'openvino')}; minima of {args.rounds} rounds. One core at best: "
            f"fp32 {figure['fp32_gflops']}, bf16 {figure['bf16_gflops']} GFLOP/s, int8 {figure['int8_gops']} GOP/s, "
            f"reads {figure['read_gb_per_s']} GB/s.\n\n{table(best, limits)}\n\nPeak memory of minnow: "
            + ", ".join(f"{dtype} {value:.0f} MB" for dtype, value in memory.items()) + ".")
    if lengths:
        body += f"\nMixed: 64 sentences, {sum(lengths)} tokens; padded to the longest they are {64 * max(lengths)}."
    ledger.report(args, f"one forward pass of {'XLM-R base' if args.xlmr else 'MiniLM'}, one core", start, body)


if __name__ == "__main__":
    main()
