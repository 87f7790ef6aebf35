# SPDX-License-Identifier: Apache-2.0
"""A server under measurement, and requests to it: what the scripts of text generation over HTTP share."""
import http.client
import json
import pathlib
import re
import socket
import subprocess
import time

START_SECONDS = 120


class Server:
    """`minnow serve` with these arguments, ready; its peak memory after the end. A context."""

    def __init__(self, minnow, *arguments):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen([str(part) for part in (minnow, "serve", "--host", "127.0.0.1", "--port", self.port, *arguments)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def __enter__(self):
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                connection.request("GET", "/readyz")
                if connection.getresponse().status == 200:
                    return self
            except OSError:
                pass
            time.sleep(0.02)
        self.process.kill()
        raise SystemExit(f"the server was not ready within {START_SECONDS} s")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(60)

    def memory_mb(self):
        """Peak of the resident memory so far, and its present size, in 10^6 bytes."""
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return [int(re.search(rf"{name}:\s+(\d+) kB", text)[1]) * 1024 / 1e6 for name in ("VmHWM", "VmRSS")]

    def connect(self, timeout=3600):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)


def post(connection, path, body):
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    response = connection.getresponse()
    return response.status, response.read()


def generation(model, tokens, new_tokens):
    """A body for /v1/completions: that many ids in, and exactly so many out."""
    return {"model": model, "prompt": [list(range(100, 100 + tokens - 1)) + [1]], "max_tokens": new_tokens, "min_new_tokens": new_tokens}


def generated(body):
    return json.loads(body)["usage"]["completion_tokens"]
