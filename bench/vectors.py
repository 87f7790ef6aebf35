#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Vector search beside faiss and usearch, one thread each, one run: ms a query, recall@10, seconds to build.

usage: bench/vectors.py --peers DIR [--vectors FILE.f32] [--lines 80000] [--rows N] [--pin "chrt -r 1 taskset -c 1"]
The vectors are those of the lines of bench/bulk.py by the int8 model, kept in --vectors where that is given and absent; the last 500
ask. Peers are measured by bench_vectors.py, in the environment of the peers' setup.sh with faiss-cpu and usearch installed
(DIR/venv/bin/pip install faiss-cpu usearch). With --rows minnow alone searches so many rows, made by resampling with noise. Ratios are of
means over all queries, as bench_vectors.py has them.
"""
import json
import pathlib
import re
import shlex
import tempfile

import bulk
import ledger

DIMENSIONS = 384
WANTED_MS, WANTED_RECALL = 0.10, 0.99
PEER = re.compile(r"^(.*): ([\d.]+) ms, recall@10 ([\d.]+)$", re.MULTILINE)
BUILD = re.compile(r"^(.*) build ([\d.]+) s$", re.MULTILINE)


def embed(args, path, folder):
    lines = pathlib.Path(folder) / "lines.txt"
    lines.write_text("\n".join(bulk.real_lines(ledger.DATA, args.lines)) + "\n", encoding="utf-8")
    model = ledger.packed(args.minnow, args.model, "int8", folder)
    command = [args.minnow, "embed", "--model", model, "--output", "f32"]
    ledger.run(["sh", "-c", f"{shlex.join(map(str, command))} < {shlex.quote(str(lines))} > {shlex.quote(str(path))}"])


def own_table(report):
    rows = ["| minnow | median / p99 / mean ms | recall@10 |", "|---|---|---|"]
    for name, search in report["searches"].items():
        rows.append(f"| {name} | {search['median_ms']:.3f} / {search['p99_ms']:.3f} / {search['mean_ms']:.3f} "
                    f"| {search['recall']:.4f} |")
    return rows + ["", f"{report['rows']:.0f} rows of {DIMENSIONS}: built in {report['build_ms'] / 1e3:.2f} s on one thread; sidecar of "
                   f"{report['file_mb']:.0f} MB, opened in {report['open_ms']:.1f} ms, {report['resident_mb']:.0f} MB resident after searching it."]


def peer_table(text, mean_ms):
    rows = ["", "| peer | ms | recall@10 | ratio |", "|---|---|---|---|"]
    for name, ms, recall in PEER.findall(text):
        rows.append(f"| {name} | {ms} | {recall} | {float(ms) / mean_ms:.1f} |")
    built = ", ".join(f"{name} {seconds} s" for name, seconds in BUILD.findall(text))
    return rows + ["", f"Peers were built in: {built}."]


def main():
    parser = ledger.parser(__doc__, peers=True)
    parser.add_argument("--model", type=pathlib.Path, default=ledger.ROOT / "models/all-MiniLM-L6-v2")
    parser.add_argument("--vectors", type=pathlib.Path)
    parser.add_argument("--lines", type=int, default=80_000)
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--pin", type=shlex.split, default=[], help="put before each command that is measured")
    args = parser.parse_args()
    start = ledger.machine()
    with tempfile.TemporaryDirectory() as folder:
        path = args.vectors or pathlib.Path(folder) / "vectors.f32"
        if not path.exists():
            embed(args, path, folder)
        report = json.loads(ledger.run([*args.pin, args.minnow, "bench", "index", path, "--exact", "--json", "--rows", args.rows]))
        rows = own_table(report)
        if not args.rows:
            rows += peer_table(ledger.run([*args.pin, args.peers / "venv/bin/python", args.peer_scripts / "bench_vectors.py", path,
                                           DIMENSIONS]), report["searches"]["memory"]["mean_ms"])
            versions = "; " + ledger.versions(args.peers, "faiss-cpu", "usearch")
    title = f"vector search, {report['rows']:.0f} rows, one thread"
    ledger.report(args, title, start + ("" if args.rows else versions), "\n".join(rows))
    found = report["searches"]["memory"]
    if not args.rows and (found["median_ms"] > WANTED_MS or found["recall"] < WANTED_RECALL):
        print(f"wanted: {WANTED_MS} ms at recall {WANTED_RECALL}")


if __name__ == "__main__":
    main()
