#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two builds of minnow beside each other, in alternating pairs: the median of the ratios new / old for each figure (above 1,
the new one takes longer or more). A figure above 1.03 needs a sentence in RESULTS.md.

usage: bench/before_after.py OLD NEW [--pairs 5] [--only encoder startup bulk vectors http memory] [--core 1]
OLD and NEW are programs. Each pair runs OLD, then NEW (every second pair the other way round), so that a drifting machine
hurts both alike. What runs on one thread is pinned to --core.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import tempfile

import bulk
import ledger
from search_client import Client, Server

SHAPES = ["1x16", "1x27", "1x150", "1x512", "32x128"]
LINES = 20_000
LIMIT = 1.03
TEXT = "The quick brown fox jumps over the lazy dog while two cats watch from the wall."
QUERY = "what keeps the price of a house in the old town from falling when the harbour is closed"


def encoder(minnow, context):
    figures = {}
    for dtype in ("fp32", "bf16", "int8"):
        printed = ledger.run(["taskset", "-c", context.core, minnow, "bench", "encoder", "--model", context.model, "--dtype", dtype,
                              "--seconds", "0.7", "--shape", *SHAPES])
        minima = re.findall(r"min ([\d.]+) median", printed)
        figures |= {f"{dtype} {shape}, min ms": float(ms) for shape, ms in zip(SHAPES, minima, strict=True)}
    return figures


def startup(minnow, context):
    printed = ledger.run([minnow, "bench", "startup", "--model", context.packed(minnow), "--runs", 30])
    return {"process start to first vector, min ms": float(re.search(r"first vector min ([\d.]+)", printed)[1])}


def bulk_embedding(minnow, context):
    printed = ledger.run([minnow, "bench", "bulk", context.lines, "--model", context.packed(minnow), "--threads", 2])
    return {f"{LINES} lines in bulk, s": float(bulk.SPEED.search(printed)[3])}


def vectors(minnow, context):
    printed = ledger.run(["taskset", "-c", context.core, minnow, "bench", "index", context.vectors(minnow), "--rows", 80_000, "--json"])
    result = json.loads(printed)
    return {f"80,000 vectors: {name}": value for name, value in flat(result) if name.endswith("median_ms")}


def flat(value, prefix=""):
    for key, item in value.items():
        if isinstance(item, dict):
            yield from flat(item, f"{prefix}{key} ")
        elif isinstance(item, (int, float)):
            yield prefix + key, float(item)


def median_ms(client, requests):
    return statistics.median(client.ok(request)[1] for request in requests) * 1e3


def http(minnow, context):
    with tempfile.TemporaryDirectory() as folder:
        server = Server(minnow, context.packed(minnow), "--index", f"{folder}/lines.db")
        try:
            client = Client(server.port)
            lines = context.lines.read_text(encoding="utf-8").splitlines()[:5000]
            client.add("lines", [{"id": str(i), "text": line} for i, line in enumerate(lines)])
            seconds, _ = client.await_vectors("lines")
            figures = {"5,000 lines indexed over HTTP, s": seconds,
                       "POST /embed, 19 tokens, ms": median_ms(client, [Client.post("/embed", {"inputs": TEXT})] * 400)}
            for mode, ratio in (("semantic", 1.0), ("hybrid", 0.5), ("lexical", 0.0)):
                requests = [Client.post("/indexes/lines/search", {"q": f"{QUERY} {i}", "semantic_ratio": ratio}) for i in range(300)]
                figures[f"{mode} search over HTTP, ms"] = median_ms(client, requests)
            return figures
        finally:
            server.stop()


def memory(minnow, context):
    server = Server(minnow, context.packed(minnow))
    try:
        client = Client(server.port)
        median_ms(client, [Client.post("/embed", {"inputs": TEXT})] * 1000)
        status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
        return {"resident memory of the server, MB": int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024 / 1e6,
                "bytes of the program": float(os.path.getsize(minnow))}
    finally:
        server.stop()


KINDS = {"encoder": encoder, "startup": startup, "bulk": bulk_embedding, "vectors": vectors, "http": http, "memory": memory}


class Context:
    def __init__(self, args, folder):
        self.model, self.core, self.folder = args.model, args.core, pathlib.Path(folder)
        self.lines = self.folder / "lines.txt"
        self.lines.write_text("\n".join(bulk.real_lines(ledger.DATA, LINES)) + "\n", encoding="utf-8")

    def packed(self, minnow):
        """Each program packs for itself: the formats may differ."""
        own = self.folder / re.sub(r"\W", "_", str(minnow))
        own.mkdir(exist_ok=True)
        return ledger.packed(minnow, self.model, "int8", own)

    def vectors(self, minnow):
        path = self.folder / "vectors.f32"
        if not path.exists():
            with open(self.lines, "rb") as lines, open(path, "wb") as out:
                subprocess.run([minnow, "embed", "--model", self.packed(minnow), "--output", "f32"], stdin=lines, stdout=out, check=True)
        return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=pathlib.Path)
    parser.add_argument("new", type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path, default=ledger.ROOT / "models/all-MiniLM-L6-v2")
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--core", default="1")
    args = parser.parse_args()
    programs = {"old": args.old.resolve(), "new": args.new.resolve()}
    figures = {}
    print(ledger.machine(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        context = Context(args, folder)
        for pair in range(args.pairs):
            for kind in args.only:
                measured = {side: KINDS[kind](programs[side], context) for side in (("old", "new") if pair % 2 == 0 else ("new", "old"))}
                for name, old in measured["old"].items():
                    figures.setdefault(name, []).append((old, measured["new"][name]))
            print(f"pair {pair + 1} of {args.pairs}", flush=True)
    print("\n| figure | old | new | new / old |\n|---|---|---|---|")
    for name, pairs in figures.items():
        ratio = statistics.median(new / old for old, new in pairs)
        old, new = (statistics.median(side) for side in zip(*pairs))
        print(f"| {name} | {old:.4g} | {new:.4g} | {ratio:.3f}{' (above ' + str(LIMIT) + ')' if ratio > LIMIT else ''} |")


if __name__ == "__main__":
    main()
