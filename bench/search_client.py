# SPDX-License-Identifier: Apache-2.0
"""A minnow server with a store for the benchmarks of search, and a client that costs little beside it."""
import json
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import time

START_SECONDS = 120
POLL_SECONDS = 0.2


class Server:
    def __init__(self, minnow, model, *arguments):
        self.log = tempfile.NamedTemporaryFile("r+")
        self.process = subprocess.Popen([str(minnow), "serve", "--model", str(model), "--host", "127.0.0.1", "--port", "0", *map(str, arguments)],
                                        stdout=subprocess.DEVNULL, stderr=self.log, stdin=subprocess.DEVNULL)
        self.port = int(self.wait_for(r"port=(\d+)")[1])
        self.wait_for(r" ready ")

    def wait_for(self, pattern):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            found = re.search(pattern, pathlib.Path(self.log.name).read_text())
            if found:
                return found
            time.sleep(0.01)
        raise SystemExit(f"the server was not ready: {pathlib.Path(self.log.name).read_text()}")

    def stop(self):
        self.process.terminate()
        self.process.wait(60)


class Client:
    """One connection that stays open. Requests are bytes made beforehand; of an answer only the body is kept."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=600)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @staticmethod
    def post(path, body, content_type="application/json"):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        return (f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body

    def call(self, request):
        """Status, body and seconds."""
        begin = time.perf_counter()
        self.socket.sendall(request)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self.socket.recv(65536)
        head, _, body = data.partition(b"\r\n\r\n")
        size = int(re.search(rb"Content-Length: (\d+)", head)[1])
        parts, have = [body], len(body)
        while have < size:
            parts.append(self.socket.recv(1 << 20))
            have += len(parts[-1])
        return int(head[9:12]), b"".join(parts), time.perf_counter() - begin

    def ok(self, request):
        status, body, seconds = self.call(request)
        if status not in (200, 201, 202):
            raise SystemExit(f"status {status}: {body[:500]!r}")
        return json.loads(body), seconds

    def get(self, path):
        return self.ok(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())[0]

    def add(self, index, documents):
        body = "\n".join(json.dumps(document) for document in documents).encode()
        return self.ok(self.post(f"/indexes/{index}/documents", body, "application/x-ndjson"))[0]

    def await_vectors(self, index):
        """Seconds until every chunk has its vector, and the index's own description."""
        begin = time.monotonic()
        while True:
            state = self.get(f"/indexes/{index}")
            if state["pending_chunks"] == 0:
                return time.monotonic() - begin, state
            time.sleep(POLL_SECONDS)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def pin(cores):
    """Keeps this process, and what it starts, to these cores; nothing where the list is empty."""
    if cores:
        os.sched_setaffinity(0, cores)
