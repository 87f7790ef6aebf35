#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the server does with far more than it can: many connections of heavy requests, beside as few as keep it busy.

usage: bench/overload.py [--minnow build/release/minnow] [--model models/all-MiniLM-L6-v2] [--seconds 60] [--connections 1000] [--dtype int8]
Each request has 4 texts of 100 tokens. A client that is refused waits as long as Retry-After says, then asks again; in the
last run it asks again at once. Prints a line for each bound, and ends with 1 where one is not held.
"""
import argparse
import collections
import heapq
import json
import pathlib
import re
import selectors
import socket
import subprocess
import sys
import tempfile
import time

TEXTS, TOKENS = 4, 100
WARM_SECONDS = 3
FEW = 8
MAX_QUEUE_MS = 2000
SHARE, SHARE_UNWAITED, REFUSAL_MS, RECOVERY_SECONDS = 0.95, 0.5, 20, 1


def make_request():
    # "fish" is one token; two more are special.
    body = json.dumps({"inputs": [" ".join(["fish"] * (TOKENS - 2))] * TEXTS}).encode()
    return b"POST /embed HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


class Client:
    """One connection, with one request under way at most."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setblocking(False)
        self.data, self.size, self.sent = b"", None, 0.0

    def read(self):
        """(status, seconds to wait) of a whole answer, else None."""
        chunk = self.socket.recv(1 << 18)
        if not chunk:
            raise SystemExit("the server closed a connection")
        self.data += chunk
        if self.size is None:
            end = self.data.find(b"\r\n\r\n")
            if end < 0:
                return None
            self.size = end + 4 + int(re.search(rb"\r\nContent-Length: (\d+)", self.data)[1])
        if len(self.data) < self.size:
            return None
        wait = re.search(rb"\r\nRetry-After: (\d+)", self.data[:400])
        status, self.data, self.size = int(self.data[9:12]), b"", None
        return status, float(wait[1]) if wait else 0.0


class Outcome:
    def __init__(self):
        self.statuses = collections.Counter()
        self.answered = 0  # after the warm-up
        self.latencies = []


def drive(port, connections, seconds, obey):
    request, outcome, chooser, later = make_request(), Outcome(), selectors.DefaultSelector(), []
    clients = [Client(port) for _ in range(connections)]
    numbers = {id(client): i for i, client in enumerate(clients)}
    begin = time.monotonic()
    warm, end = begin + WARM_SECONDS, begin + WARM_SECONDS + seconds

    def send(client):
        client.sent = time.monotonic()
        if client.socket.send(request) != len(request):
            raise SystemExit("a request did not fit the socket's buffer")

    for i, client in enumerate(clients):
        chooser.register(client.socket, selectors.EVENT_READ, client)
        heapq.heappush(later, (begin, i))
    while (now := time.monotonic()) < end:
        while later and later[0][0] <= now:
            send(clients[heapq.heappop(later)[1]])
        for key, _ in chooser.select(min(0.05, max(0.0, later[0][0] - now) if later else 0.05)):
            client = key.data
            answer = client.read()
            if answer is None:
                continue
            status, wait = answer
            now = time.monotonic()
            outcome.statuses[status] += 1
            if status == 200:
                outcome.latencies.append(now - client.sent)
                outcome.answered += now >= warm
            heapq.heappush(later, (now + (wait if obey and status == 429 else 0.0), numbers[id(client)]))
    for client in clients:
        client.socket.close()
    outcome.latencies.sort()
    return outcome


def one(port):
    """Seconds until one request is answered, asked again whenever it is refused."""
    client, begin = Client(port), time.monotonic()
    client.socket.setblocking(True)
    status = 0
    while status != 200:
        client.socket.sendall(make_request())
        answer = None
        while answer is None:
            answer = client.read()
        status, wait = answer
        time.sleep(min(wait, 0.05) if status != 200 else 0)
    client.socket.close()
    return time.monotonic() - begin


class Server:
    def __init__(self, minnow, model):
        self.log = tempfile.NamedTemporaryFile("r+")
        self.process = subprocess.Popen(
            [minnow, "serve", "--model", model, "--host", "127.0.0.1", "--port", "0", "--max-queue-ms", str(MAX_QUEUE_MS),
             "--log-requests", "--log-format", "json"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log)
        end = time.monotonic() + 60
        while '"ready"' not in (text := pathlib.Path(self.log.name).read_text()):
            if time.monotonic() > end or self.process.poll() is not None:
                raise SystemExit(f"the server was not ready: {text}")
            time.sleep(0.05)
        self.port = int(re.search(r'"port":"?(\d+)', text)[1])

    def refusals_ms(self):
        """What the server took for each refusal, from the head to the answer."""
        events = (json.loads(line) for line in pathlib.Path(self.log.name).read_text().splitlines() if '"status":429' in line)
        return sorted(float(event["ms"]) for event in events)

    def close(self):
        self.process.terminate()
        self.process.wait(60)
        self.log.close()


def part(values, share):
    return values[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minnow", default="build/release/minnow")
    parser.add_argument("--model", default="models/all-MiniLM-L6-v2")
    parser.add_argument("--dtype", default="int8")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--connections", type=int, default=1000)
    args = parser.parse_args()
    held = []

    def bound(name, value, limit, unit, at_least=False):
        holds = value >= limit if at_least else value <= limit
        held.append(holds)
        print(f"{'holds' if holds else 'FAILS'}: {name}: {value:.1f} {unit}, {'at least' if at_least else 'at most'} {limit:.1f}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        packed = f"{folder}/model.minnow"
        subprocess.run([args.minnow, "pack", "--model", args.model, "--dtype", args.dtype, "--output", packed], check=True, timeout=300,
                       stdout=subprocess.DEVNULL)
        server = Server(args.minnow, packed)
        try:
            one(server.port)
            alone = sorted(one(server.port) for _ in range(20))[10]
            few = drive(server.port, FEW, args.seconds / 2, True).answered / (args.seconds / 2)
            print(f"alone {alone * 1000:.1f} ms, {FEW} connections {few:.1f} answers/s", flush=True)
            many = drive(server.port, args.connections, args.seconds, True)
            recovery = one(server.port)
            refusals = server.refusals_ms()
            print(f"{args.connections} connections that wait: {dict(many.statuses)}, latency p50 {part(many.latencies, 0.5):.2f} s, "
                  f"p99 {part(many.latencies, 0.99):.2f} s", flush=True)
            bound("answers of what few get", 100 * many.answered / args.seconds / few, 100 * SHARE, "%", at_least=True)
            bound("longest answer", 1000 * part(many.latencies, 1), MAX_QUEUE_MS + 3000 * alone, "ms")
            bound("refusals, 99th percentile", part(refusals, 0.99), REFUSAL_MS, "ms")
            bound("an answer after the load", recovery, RECOVERY_SECONDS, "s")
            hard = drive(server.port, args.connections, args.seconds / 2, False)
            recovery = one(server.port)
            print(f"{args.connections} connections that do not wait: {dict(hard.statuses)}", flush=True)
            bound("answers of what few get, where none waits", 200 * hard.answered / args.seconds / few, 100 * SHARE_UNWAITED, "%",
                  at_least=True)
            bound("an answer after that", recovery, RECOVERY_SECONDS, "s")
        finally:
            server.close()
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
