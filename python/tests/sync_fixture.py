# SPDX-License-Identifier: Apache-2.0
"""What test_sync.py stands on: snapshots of made-up bytes, and a server that is a bucket, checks signatures and can fail."""
import hashlib
import hmac
import http.server
import importlib
import json
import pathlib
import sys
import threading
import types
import urllib.parse

SOURCE = pathlib.Path(__file__).resolve().parents[1] / "src"
KEY_ID, SECRET, TOKEN, REGION = "AKIDEXAMPLE", "not/a+secret", "a-session's-token", "eu-somewhere-2"


def sync_module(name):
    """A module of minnow.sync: of the installed package, else of the source, which needs no extension for it."""
    try:
        importlib.import_module("minnow")
    except ImportError:
        package = types.ModuleType("minnow")
        package.__path__ = [str(SOURCE / "minnow")]
        sys.modules["minnow"] = package
    return importlib.import_module(f"minnow.sync.{name}")


def with_checksum(body):
    """body: the manifest but for its first member; bytes after '{'."""
    return b'{"xxh64":"' + sync_module("xxh64").of_bytes(body).encode() + b'",' + body


def manifest_of(generation, files, **changes):
    top = {"format": "minnow-snapshot", "version": 1, "generation": generation, "created_unix_ms": 1764583200000,
           "program": "minnow 1.0.0", "files": files, "indexes": [], **changes}
    return with_checksum(json.dumps({k: v for k, v in top.items() if v is not None}).encode()[1:])


def entry(name, data):
    return {"name": name, "bytes": len(data), "xxh64": sync_module("xxh64").of_bytes(data)}


def snapshot(generation, store=b"a store ", sidecar=b"vectors "):
    """{name: bytes} of a snapshot, its manifest among them."""
    store, sidecar = store * 5000 + b"%d" % generation, sidecar * 9000
    name = f"{generation}-{sync_module('xxh64').of_bytes(store)}.db"
    objects = {name: store, f"{name}-vectors-1": sidecar}
    return {**objects, "snapshot.json": manifest_of(generation, [entry(n, d) for n, d in objects.items()])}


class Server(http.server.ThreadingHTTPServer):
    """Objects by their paths. faults: functions of a handler, one a request, that answer in its place (or return False)."""
    daemon_threads = True

    def __init__(self, signed=False):
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects, self.faults, self.seen, self.signed = {}, [], [], signed
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def publish(self, prefix, objects):
        self.objects.update({f"{prefix}/{name}": data for name, data in objects.items()})

    def close(self):
        self.shutdown()
        self.thread.join(60)
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", headers=(), length=None):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_GET(self):
        self.server.seen.append((self.command, self.path, self.headers.get("Range")))
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.server.faults and self.server.faults.pop(0)(self) is not False:
            return
        if self.server.signed and signature_of(self) != self.headers.get("Authorization", "").rpartition("Signature=")[2]:
            self.answer(403, b"<Error><Code>SignatureDoesNotMatch</Code><Message>no</Message></Error>")
            return
        path = urllib.parse.unquote(self.path)
        if self.command == "PUT":
            if hashlib.sha256(data).hexdigest() != self.headers["x-amz-content-sha256"]:
                self.answer(400, b"<Error><Code>XAmzContentSHA256Mismatch</Code></Error>")
                return
            self.server.objects[path] = data
            self.answer(200)
        elif path not in self.server.objects:
            self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        elif self.headers.get("Range"):
            body = self.server.objects[path]
            begin = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
            self.answer(206, body[begin:], [("Content-Range", f"bytes {begin}-{len(body) - 1}/{len(body)}")])
        else:
            self.answer(200, self.server.objects[path])

    do_PUT = do_HEAD = do_GET


def signature_of(handler):
    """What AWS's documents say that the signature of this request is, from what came over the wire alone."""
    def mac(key, text):
        return hmac.new(key, text.encode(), hashlib.sha256).digest()

    names = handler.headers.get("Authorization", "").partition("SignedHeaders=")[2].partition(",")[0]
    path, _, query = handler.path.partition("?")
    lines = [handler.command, path, query]
    lines += [f"{name}:{handler.headers.get(name, '').strip()}" for name in names.split(";")]
    lines += ["", names, handler.headers.get("x-amz-content-sha256", "")]
    date = handler.headers.get("x-amz-date", "")
    scope = f"{date[:8]}/{REGION}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{date}\n{scope}\n" + hashlib.sha256("\n".join(lines).encode()).hexdigest()
    key = mac(mac(mac(mac(b"AWS4" + SECRET.encode(), date[:8]), REGION), "s3"), "aws4_request")
    wanted = {"host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token"}
    credential = f"Credential={KEY_ID}/{scope},"
    if not wanted <= set(names.split(";")) or credential not in handler.headers.get("Authorization", ""):
        return "none"
    return mac(key, text).hex()
