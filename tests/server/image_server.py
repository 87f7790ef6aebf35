# SPDX-License-Identifier: Apache-2.0
"""What tests of pictures over HTTP share: a server with the tiny Stable Diffusion, forms, events, and what the shell makes."""
import base64
import http.client
import json
import pathlib
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from running_server import Server  # noqa: E402
from pictures import DATA, MODEL, PROMPT, png, read_png, text_of  # noqa: E402,F401
from program import run  # noqa: E402

INPUT = MODEL / "input.png"
# A request that does not end by itself.
FOREVER = {"prompt": PROMPT, "steps": 900, "size": "256x256"}


def form(fields, boundary="a-boundary-0123"):
    """(content type, body) of a form; a value is a text or (file name, bytes). A list of pairs may name a field twice."""
    body = b""
    for name, value in fields.items() if isinstance(fields, dict) else fields:
        file_name, data = value if isinstance(value, tuple) else (None, str(value).encode())
        extra = f'; filename="{file_name}"\r\nContent-Type: application/octet-stream' if file_name is not None else ""
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'.encode() + data + b"\r\n"
    return f"multipart/form-data; boundary={boundary}", body + f"--{boundary}--\r\n".encode()


def half_clear(width=64, height=48):
    """A mask whose upper half is transparent."""
    return png(width, height, [bytes([0, 0, 0, 0 if y < height // 2 else 255]) * width for y in range(height)], colour=6)


@unittest.skipUnless(MODEL.exists(), f"no {MODEL} (MINNOW_DATA)")
class ImageCase(unittest.TestCase):
    arguments = []

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        # Threads that wait for each other take long where others want the processor too.
        cls.server = Server("--threads", "1", *cls.arguments, model=str(MODEL))
        cls.addClassCleanup(cls.server.close)

    def post(self, path, body, headers=None, timeout=60):
        """(status, body, headers); the body is JSON, or (content type, bytes)."""
        kind, data = body if isinstance(body, tuple) else ("application/json", json.dumps(body).encode())
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=timeout)
        try:
            connection.request("POST", path, data, {"Content-Type": kind, **(headers or {})})
            response = connection.getresponse()
            return response.status, response.read(), response.headers
        finally:
            connection.close()

    def ask(self, path, body, status=200):
        got, answer, _ = self.post(path, body)
        self.assertEqual(got, status, answer)
        return json.loads(answer)

    def events(self, path, body):
        """[(event, data)] of a stream."""
        status, answer, headers = self.post(path, body)
        self.assertEqual(status, 200, answer)
        self.assertEqual(headers["Content-Type"], "text/event-stream")
        found = []
        for block in answer.decode().split("\n\n")[:-1]:
            event, data = block.split("\n")
            found.append((event.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
        return found

    def metric(self, name):
        _, text = self.server.request("GET", "/metrics")
        return next(float(line.split()[-1]) for line in text.decode().splitlines() if line.startswith(name + " "))

    def wait_until(self, condition, seconds=30):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "waited too long")
            time.sleep(0.01)

    def shell(self, *arguments):
        """The pixels that `minnow image` makes."""
        out = self.folder / "shell.png"
        result = run("image", "--model", str(MODEL), "--threads", "1", "--quiet", *arguments, "-o", str(out))
        self.assertEqual(result.returncode, 0, result.stderr)
        return read_png(out)

    def change_by_shell(self, *more):
        return self.shell("--prompt", PROMPT, "--negative-prompt", "blurry", "--image", str(INPUT), "--strength", "0.75", "--steps", "8",
                          "--seed", "7", *more)


def picture(text):
    return read_png(base64.b64decode(text, validate=True))
