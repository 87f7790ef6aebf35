# SPDX-License-Identifier: Apache-2.0
"""A running minnow serve, for black-box tests."""
import http.client
import json
import mmap
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from resource import RLIMIT_NOFILE, setrlimit

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from program import PROGRAM, TINY, environment  # noqa: E402


def keeps_freed_memory():
    """AddressSanitizer holds back what the program frees, so that its size tells nothing."""
    with open(PROGRAM, "rb") as program, mmap.mmap(program.fileno(), 0, prot=mmap.PROT_READ) as text:
        return text.find(b"__asan_init") >= 0


class Server:
    """A running minnow serve; its log is in `lines`. files: how many it may have open."""

    def __init__(self, *arguments, model=TINY, env=None, wait_ready=True, files=None):
        self.log = tempfile.NamedTemporaryFile("r+")
        model_option = [] if model is None else ["--model", model]
        self.process = subprocess.Popen([PROGRAM, "serve", *model_option, "--host", "127.0.0.1", *arguments],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log,
                                        preexec_fn=files and (lambda: setrlimit(RLIMIT_NOFILE, (files, files))),
                                        env=environment(**{"MINNOW_PORT": "0", **(env or {})}))
        self.port = int(self.wait_for(r'\bport(=|":)(\d+)').group(2))
        if wait_ready:
            self.wait_for(r" ready ")

    def lines(self):
        return pathlib.Path(self.log.name).read_text()

    def wait_for(self, pattern, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = re.search(pattern, self.lines())
            if found:
                return found
            if self.process.poll() is not None:
                break
            time.sleep(0.005)
        raise AssertionError(f"no {pattern} in the log: {self.lines()}")

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"Content-Type": "application/json", **(headers or {})})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def ask(self, path, body):
        """(status, body, headers) of a POST."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read(), response.headers
        finally:
            connection.close()

    def resident_bytes(self):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * int(re.search(r"VmRSS:\s+(\d+) kB", text)[1])

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(30)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(30)
        self.log.close()
