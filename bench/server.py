#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Requests a second of the server beside FastAPI with onnxruntime int8, one text of 19 tokens in each, and resident memory.

usage: bench/server.py --peers DIR [--model DIR] [--seconds 8] [--connections 1 16 64]
Both serve int8 on all cores, which wrk shares with them. The servers run one after the other, never at the same time.
"""
import http.client
import json
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import time

import ledger

TEXT = "The quick brown fox jumps over the lazy dog while two cats watch from the wall."
START_SECONDS = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_ready(port, process):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit("the server was not ready")


def rss_mb(pid):
    return int(re.search(r"VmRSS:\s+(\d+) kB", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) * 1024 / 1e6


def drive(port, body, connections, seconds, folder):
    """Requests a second and the median and 99th percentile of the latency, as wrk prints them."""
    script = pathlib.Path(folder) / "post.lua"
    script.write_text(f'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = {json.dumps(json.dumps(body))}\n')
    command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--latency", "-s", str(script),
               f"http://127.0.0.1:{port}/embed"]
    printed = ledger.run(command)
    if "Non-2xx" in printed:
        raise SystemExit(f"the server refused requests:\n{printed}")
    return (float(re.search(r"Requests/sec:\s+([\d.]+)", printed)[1]), *(re.search(rf"^ +{part}% +(\S+)$", printed, re.MULTILINE)[1] for part in (50, 99)))


def measure(command, port, body, args, folder, environment):
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=dict(os.environ, **environment))
    try:
        wait_ready(port, process)
        drive(port, body, 4, 1, folder)
        speeds = {c: drive(port, body, c, args.seconds, folder) for c in args.connections}
        return speeds, rss_mb(process.pid)
    finally:
        process.terminate()
        process.wait(30)


def main():
    parser = ledger.parser(__doc__, peers=True)
    parser.add_argument("--model", type=pathlib.Path, default=ledger.ROOT / "models/all-MiniLM-L6-v2")
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64])
    args = parser.parse_args()
    start = ledger.machine()
    lines = ["| | " + " | ".join(f"{c} connections: requests/s, p50, p99" for c in args.connections) + " | RSS MB |",
             "|---|" + "---|" * (len(args.connections) + 1)]
    with tempfile.TemporaryDirectory() as folder:
        model = ledger.packed(args.minnow, args.model, "int8", folder)
        port = free_port()
        tokens = len(json.loads(ledger.run([args.minnow, "tokenize", "--model", model, TEXT]))["ids"])
        servers = {
            "minnow int8": ([args.minnow, "serve", "--model", model, "--host", "127.0.0.1", "--port", port], {"inputs": TEXT}, {}),
            "FastAPI + ort int8": ([args.peers / "venv/bin/uvicorn", "--app-dir", args.peer_scripts, "serve_fastapi:app", "--port", port,
                                    "--log-level", "warning"], {"input": [TEXT]}, {"PEERS": str(args.peers), "THREADS": str(os.cpu_count())}),
        }
        for name, (command, body, environment) in servers.items():
            speeds, rss = measure(command, port, body, args, folder, environment)
            cells = [f"{rate:.0f}, {p50}, {p99}" for rate, p50, p99 in speeds.values()]
            lines.append(f"| {name} | {' | '.join(cells)} | {rss:.1f} |")
            print(lines[-1], flush=True)
    ledger.report(args, f"requests a second, one text of {tokens} tokens each", start, "\n".join(lines))


if __name__ == "__main__":
    main()
