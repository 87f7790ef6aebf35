#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What pictures do to others: one server with an embedding model and Stable Diffusion; how long an embedding and a health check
take, idle and beside pictures that follow each other, and how soon the worker is free after the client of a picture has gone.

usage: bench/images_beside.py --pictures DIR|FILE [--model DIR|FILE] [--minnow build/release/minnow] [--rounds 2] [--seconds 20]
                              [--rate 20] [--threads 2] [--size 512] [--cancels 10] [--append]
Idle and loaded take turns; the smallest percentile of all rounds counts, the longest of all cancels. Ends with 1 where the 99th
percentile of an embedding is more than three times the idle one, a health check takes over 5 ms, or a cancel over 300 ms.
"""
import json
import pathlib
import re
import sys
import tempfile
import threading
import time

import embed_beside
import ledger
import served

TIMES, HEALTH_MS, CANCEL_MS = 3, 5, 300


def picture(size, steps):
    return {"model": "sd", "prompt": "a lighthouse at dusk", "size": f"{size}x{size}", "steps": steps, "response_format": "b64_json"}


class Pictures:
    """One is asked for, and its client goes at the end. A context."""

    def __init__(self, server, size):
        self.server, self.size = server, size

    def __enter__(self):
        self.connection = send(self.server, self.size)
        return self

    def __exit__(self, *_):
        self.connection.close()
        wait_for(self.server, 0)


def send(server, size):
    connection = server.connect()
    connection.request("POST", "/v1/images/generations", json.dumps(picture(size, 150)), {"Content-Type": "application/json"})
    wait_for(server, 1)
    return connection


def running(connection):
    connection.request("GET", "/metrics")
    return int(re.search(r"^minnow_image_requests_running (\d+)", connection.getresponse().read().decode(), re.M)[1])


def wait_for(server, count):
    """Until so many requests for pictures are at work; how long that took, in ms."""
    connection, begin = server.connect(), time.perf_counter()
    while running(connection) != count:
        if time.perf_counter() - begin > 120:
            sys.exit(f"there were not {count} requests for pictures within two minutes")
        time.sleep(0.002)
    return 1000 * (time.perf_counter() - begin)


def health_ms(server, seconds, rate):
    connection, found = server.connect(), []
    for _ in range(int(seconds * rate)):
        time.sleep(1 / rate)
        sent = time.perf_counter()
        connection.request("GET", "/health")
        response = connection.getresponse()
        response.read()
        found.append(1000 * (time.perf_counter() - sent))
        if response.status != 200:
            sys.exit(f"a health check failed: {response.status}")
    return sorted(found)


def main():
    parser = ledger.parser(__doc__, peers=False)
    parser.add_argument("--model", type=pathlib.Path, default=ledger.ROOT / "models/all-MiniLM-L6-v2")
    parser.add_argument("--pictures", type=pathlib.Path, required=True)
    parser.add_argument("--threads", default="2")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rate", type=float, default=20)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--cancels", type=int, default=10)
    args = parser.parse_args()
    start = ledger.machine()
    best, cancels = {}, []

    def note(name, values):
        for percent in (50, 99):
            best[name, percent] = min(best.get((name, percent), 1e9), embed_beside.percentile(values, percent))
        print(f"{name}: p50 {embed_beside.percentile(values, 50):.2f}, p99 {embed_beside.percentile(values, 99):.2f}", flush=True)

    def measure(server, state):
        health = []
        thread = threading.Thread(target=lambda: health.extend(health_ms(server, args.seconds, args.rate)))
        thread.start()
        note(f"embedding, {state}", embed_beside.latencies_ms(server, args.seconds, args.rate))
        thread.join()
        note(f"health check, {state}", health)

    with tempfile.TemporaryDirectory() as folder:
        minilm = ledger.packed(args.minnow, args.model, "int8", folder)
        with served.Server(args.minnow, "--model", f"minilm={minilm}", "--model", f"sd={args.pictures}", "--threads", args.threads) as server:
            embed_beside.latencies_ms(server, 1, args.rate)
            for _ in range(args.rounds):
                measure(server, "idle")
                with Pictures(server, args.size):
                    measure(server, "beside a picture")
            for i in range(args.cancels):
                connection = send(server, args.size)
                time.sleep(0.5 + 0.37 * i)  # at different places of a step
                connection.close()
                cancels.append(wait_for(server, 0))
    lines = ["| | p50 ms | p99 ms |", "|---|---|---|"]
    lines += [f"| {what}, {state} | {best[f'{what}, {state}', 50]:.2f} | {best[f'{what}, {state}', 99]:.2f} |"
              for what in ("embedding", "health check") for state in ("idle", "beside a picture")]
    ratio = best["embedding, beside a picture", 99] / best["embedding, idle", 99]
    health = best["health check, beside a picture", 99]
    cancel = max(cancels)
    mark = lambda held: "" if held else " (missed)"
    lines.append(f"\n99th percentile of an embedding: {ratio:.2f} times the idle one, wanted {TIMES}{mark(ratio <= TIMES)}. Health: {health:.2f} ms, "
                 f"wanted {HEALTH_MS}{mark(health <= HEALTH_MS)}. The worker is free {cancel:.0f} ms after the client has gone, the longest of "
                 f"{args.cancels}, wanted {CANCEL_MS}{mark(cancel <= CANCEL_MS)}.")
    ledger.report(args, f"an embedding beside a picture of {args.size}x{args.size}", start, "\n".join(lines))
    return 0 if ratio <= TIMES and health <= HEALTH_MS and cancel <= CANCEL_MS else 1


if __name__ == "__main__":
    sys.exit(main())
