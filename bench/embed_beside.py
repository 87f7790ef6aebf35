#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How long an embedding takes beside text that is generated: one server with both models, requests of 20 tokens at a steady rate,
idle and beside 8 generations of 64 tokens in and 256 out that follow each other.

usage: bench/embed_beside.py --generator DIR|FILE [--model DIR|FILE] [--minnow build/release/minnow] [--rounds 3] [--seconds 10]
                             [--rate 50] [--threads 2] [--dtype int8] [--append]
Idle and loaded take turns; the smallest percentile of all rounds counts, since other programs only ever add. Ends with 1
where the 99th percentile beside generations is more than three times the idle one.
"""
import pathlib
import sys
import tempfile
import threading
import time

import ledger
import served

GENERATIONS, TOKENS_IN, TOKENS_OUT, TIMES = 8, 64, 256, 3
TEXT = "The quick brown fox jumps over the lazy dog while two cats watch from the wall."


class Generations:
    """Follow each other on as many connections until the end. A context."""

    def __init__(self, server):
        self.stop, self.answers, self.failed = False, 0, []
        self.threads = [threading.Thread(target=self.run, args=(server.connect(),)) for _ in range(GENERATIONS)]

    def run(self, connection):
        while not self.stop:
            status, body = served.post(connection, "/v1/completions", served.generation("t5", TOKENS_IN, TOKENS_OUT))
            self.answers += 1
            if status != 200:
                self.failed.append(body)

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        time.sleep(0.5)
        return self

    def __exit__(self, *_):
        self.stop = True
        for thread in self.threads:
            thread.join()
        if self.failed:
            sys.exit(f"a generation failed: {self.failed[0][:200]}")


def latencies_ms(server, seconds, rate):
    """Sorted. A request that is late is not sent earlier than the answer before it: there is one connection."""
    connection, found = server.connect(), []
    begin = time.monotonic()
    for i in range(int(seconds * rate)):
        time.sleep(max(0.0, begin + i / rate - time.monotonic()))
        sent = time.perf_counter()
        status, body = served.post(connection, "/v1/embeddings", {"model": "minilm", "input": TEXT})
        found.append(1000 * (time.perf_counter() - sent))
        if status != 200:
            sys.exit(f"an embedding failed: {status} {body[:200]}")
    return sorted(found)


def percentile(values, percent):
    return values[min(len(values) - 1, len(values) * percent // 100)]


def main():
    parser = ledger.parser(__doc__, peers=False)
    parser.add_argument("--model", type=pathlib.Path, default=ledger.ROOT / "models/all-MiniLM-L6-v2")
    parser.add_argument("--generator", type=pathlib.Path, required=True)
    parser.add_argument("--dtype", default="int8")
    parser.add_argument("--threads", default="2")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, default=50)
    args = parser.parse_args()
    start = ledger.machine()
    best = {}

    def note(name, values):
        for percent in (50, 99):
            best[name, percent] = min(best.get((name, percent), 1e9), percentile(values, percent))
        print(f"{name}: p50 {percentile(values, 50):.2f}, p99 {percentile(values, 99):.2f}, most {values[-1]:.2f} ms", flush=True)

    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        minilm, t5 = (ledger.packed(args.minnow, model, args.dtype, folder) for model, folder in ((args.model, one), (args.generator, other)))
        with served.Server(args.minnow, "--model", f"minilm={minilm}", "--model", f"t5={t5}", "--threads", args.threads,
                           "--max-queue-ms", "600000") as server:
            latencies_ms(server, 1, args.rate)
            answers, loaded = 0, 0.0
            for _ in range(args.rounds):
                note("idle", latencies_ms(server, args.seconds, args.rate))
                with Generations(server) as generations:
                    begin = time.monotonic()
                    note("beside generations", latencies_ms(server, args.seconds, args.rate))
                    loaded += time.monotonic() - begin
                    answers += generations.answers
    lines = ["| | p50 ms | p99 ms |", "|---|---|---|"]
    lines += [f"| {name} | {best[name, 50]:.2f} | {best[name, 99]:.2f} |" for name in ("idle", "beside generations")]
    ratio = best["beside generations", 99] / best["idle", 99]
    held = ratio <= TIMES
    lines.append(f"\n99th percentile: {ratio:.2f} times the idle one, wanted {TIMES}{'' if held else ' (missed)'}; "
                 f"{answers * TOKENS_OUT / loaded:.0f} tokens/s generated meanwhile.")
    ledger.report(args, "an embedding beside 8 generations", start, "\n".join(lines))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
