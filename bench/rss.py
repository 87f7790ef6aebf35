#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Watches the server's resident memory: after 1,000 requests, and whether it grows until the last.

usage: bench/rss.py [--minnow PROGRAM] [--model DIR|FILE] [--requests 100000] [--limit-mb N] [--growth-mb 2]
Requests are sentences of changing length over a few keep-alive connections. Prints a line now and then: requests, RSS,
of that anonymous and file-backed, open file descriptors. Fails where RSS after 1,000 requests is above the limit
(by default the weights in size + 40 MB), or has grown by more than --growth-mb at the end.
"""
import argparse
import http.client
import json
import pathlib
import re
import socket
import subprocess
import sys
import threading
import time

ROOT = pathlib.Path(__file__).parent.parent
CONNECTIONS = 4
FIRST_LOOK = 1000
WORDS = "the small fish swims up river past stones and weeds while herons wait in shallow water for its shadow".split()
START_SECONDS = 60
SERVED_NAME = "served"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_ready(port):
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.02)
    sys.exit(f"the server was not ready within {START_SECONDS} s")


def memory_mb(pid):
    """RSS, anonymous part, file-backed part."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return [int(re.search(rf"{name}:\s+(\d+) kB", text)[1]) / 1024 for name in ("VmRSS", "RssAnon", "RssFile")]


def send(port, model, first, count, failures):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for i in range(first, first + count):
        length = 3 + i * 7 % 40
        text = " ".join(WORDS[(i + j) % len(WORDS)] for j in range(length))
        connection.request("POST", "/v1/embeddings", json.dumps({"input": text, "model": model}),
                           {"Content-Type": "application/json"})
        response = connection.getresponse()
        body = response.read()
        if response.status != 200:
            failures.append(f"{response.status}: {body[:200]!r}")
            return


def send_all(port, model, first, count):
    failures, share = [], count // CONNECTIONS
    threads = [threading.Thread(target=send, args=(port, model, first + k * share, share, failures))
               for k in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        sys.exit(f"a request failed: {failures[0]}")


def look(process, done):
    rss, anonymous, mapped = memory_mb(process.pid)
    descriptors = len(list(pathlib.Path(f"/proc/{process.pid}/fd").iterdir()))
    print(f"{done:>8} requests: RSS {rss:.1f} MB (anonymous {anonymous:.1f}, file {mapped:.1f}), {descriptors} descriptors", flush=True)
    return rss


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minnow", type=pathlib.Path, default=ROOT / "build/release/minnow")
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / "models/all-MiniLM-L6-v2")
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--limit-mb", type=float)
    parser.add_argument("--growth-mb", type=float, default=2)
    args = parser.parse_args()
    files = [args.model] if args.model.is_file() else args.model.rglob("*.safetensors")
    weights_mb = sum(path.stat().st_size for path in files) / 2**20
    limit = args.limit_mb if args.limit_mb is not None else weights_mb + 40
    port = free_port()
    process = subprocess.Popen([args.minnow, "serve", "--model", args.model, "--host", "127.0.0.1", "--port", str(port),
                                "--served-model-name", SERVED_NAME],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_ready(port)
        look(process, 0)
        send_all(port, SERVED_NAME, 0, FIRST_LOOK)
        first = last = look(process, FIRST_LOOK)
        step, done = max(FIRST_LOOK, args.requests // 10), FIRST_LOOK
        while done < args.requests:
            send_all(port, SERVED_NAME, done, step)
            done += step
            last = look(process, done)
    finally:
        process.terminate()
        code = process.wait(30)
    print(f"weights {weights_mb:.1f} MB; after {FIRST_LOOK} requests {first:.1f} MB, limit {limit:.1f}; "
          f"growth {last - first:+.1f} MB; exit code after SIGTERM {code}")
    return 1 if first > limit or last - first > args.growth_mb or code != 0 else 0


if __name__ == "__main__":
    sys.exit(main())
