#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""From the start of a process to its first vector, and until the server is ready, with the model in the page cache.

usage: bench/startup.py [--model DIR] [--dtype int8] [--runs 50] [--limit-ms N]
Each is measured on a packed file and, with the model inside the program, on a bundle. Fails where a minimum is above the
limit. The server counts as ready when GET /readyz gives 200.
"""
import os
import pathlib
import re
import socket
import sys
import tempfile
import time

import ledger

TIMES = re.compile(r"first vector min ([\d.]+) median ([\d.]+) ms")
REQUEST = b"GET /readyz HTTP/1.1\r\nHost: minnow\r\nConnection: close\r\n\r\n"
PATIENCE_SECONDS = 10


def is_ready(port):
    with socket.socket() as connection:
        if connection.connect_ex(("127.0.0.1", port)) != 0:
            return False
        connection.sendall(REQUEST)
        return b" 200 " in connection.recv(4096)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ready_ms(command):
    port = free_port()
    silent = [(os.POSIX_SPAWN_OPEN, descriptor, "/dev/null", os.O_WRONLY, 0) for descriptor in (1, 2)]
    begin = time.perf_counter()
    pid = os.posix_spawn(command[0], [*command, "--host", "127.0.0.1", "--port", str(port)], os.environ, file_actions=silent)
    try:
        while not is_ready(port):
            if time.perf_counter() - begin > PATIENCE_SECONDS:
                sys.exit("the server was not ready")
            time.sleep(0.0002)
        return 1e3 * (time.perf_counter() - begin)
    finally:
        os.kill(pid, 15)
        os.waitpid(pid, 0)


def measure(program, model, runs):
    """Of the first vector, then of the server: (minimum, median)."""
    options = ["--model", str(model)] if model else []
    match = TIMES.search(ledger.run([program, "bench", "startup", *options, "--runs", runs]))
    times = sorted(ready_ms([str(program), "serve", *options]) for _ in range(runs))
    return (float(match[1]), float(match[2])), (times[0], times[len(times) // 2])


def main():
    parser = ledger.parser(__doc__, peers=False)
    parser.add_argument("--model", type=pathlib.Path, default=ledger.ROOT / "models/all-MiniLM-L6-v2")
    parser.add_argument("--dtype", default="int8")
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--limit-ms", type=float)
    args = parser.parse_args()
    start = ledger.machine()
    lines = ["| | first vector: min, median ms | server ready: min, median ms | size MB |", "|---|---|---|---|"]
    slowest = 0
    with tempfile.TemporaryDirectory() as folder:
        model = ledger.packed(args.minnow, args.model, args.dtype, folder)
        bundle = pathlib.Path(folder) / "bundle"
        ledger.run([args.minnow, "bundle", "--model", model, "-o", bundle])
        for name, program, own, size in (("packed file", args.minnow, model, model), ("bundle", bundle, None, bundle)):
            first, ready = measure(program, own, args.runs)
            slowest = max(slowest, first[0], ready[0])
            lines.append(f"| {args.dtype}, {name} | {first[0]:.1f}, {first[1]:.1f} | {ready[0]:.1f}, {ready[1]:.1f} | "
                         f"{size.stat().st_size / 1e6:.1f} |")
    lines += ["", f"The program alone has {args.minnow.stat().st_size / 1e6:.1f} MB. {args.runs} runs each."]
    ledger.report(args, "from the start of a process", start, "\n".join(lines))
    return 1 if args.limit_ms is not None and slowest > args.limit_ms else 0


if __name__ == "__main__":
    sys.exit(main())
