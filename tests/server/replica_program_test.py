# SPDX-License-Identifier: Apache-2.0
"""minnow index snapshot, and replicas that serve it from a folder and over HTTP."""
import http.server
import json
import pathlib
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from program import TINY, run  # noqa: E402
from running_server import Server  # noqa: E402

WAIT_SECONDS = 60


class Source(http.server.ThreadingHTTPServer):
    """Serves a folder's files, or what `trouble` (name -> something) makes of them."""
    daemon_threads = True

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.trouble, self.requests = folder, {}, []
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,))
        self.thread.start()

    def url(self, path="/snapshots/"):
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def close(self):
        self.trouble = {}
        self.shutdown()
        self.thread.join()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path.rsplit("/", 1)[1].split("?")[0]
        self.server.requests.append(self.path)
        trouble = self.server.trouble.get("snapshot.json" if name == "snapshot.json" else "data")
        path = self.server.folder / name
        if trouble is not None:
            return trouble(self, path)
        if not path.exists():
            return self.send_error(404)
        self.answer(path.read_bytes())

    def answer(self, body, length=None):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def fails(handler, _):
    handler.send_error(500)


def redirects(handler, path):
    handler.send_response(302)
    handler.send_header("Location", f"/elsewhere/{path.name}")
    handler.end_headers()


def cuts(handler, path):
    body = path.read_bytes()
    handler.answer(body[:len(body) // 2], len(body))


def flips(handler, path):
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    handler.answer(bytes(body))


def never_ends(handler, _):
    handler.send_response(200)
    handler.end_headers()
    try:
        while handler.server.trouble:
            handler.wfile.write(b" " * 65536)
    except OSError:
        pass


def hangs(handler, _):
    handler.send_response(200)
    handler.send_header("Content-Length", "9")
    handler.end_headers()
    while handler.server.trouble:
        time.sleep(0.01)


class ReplicaTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.store, self.snapshots = str(self.folder / "my.db"), self.folder / "snapshots"

    def publish(self, number, *options):
        """A generation whose documents all say its number."""
        documents = self.folder / "documents.jsonl"
        documents.write_text("".join(json.dumps({"id": str(i), "text": f"fish {i} of generation{number}"}) + "\n"
                                     for i in range(12)))
        added = run("index", "add", str(documents), "--index", self.store, "--model", TINY)
        self.assertEqual(added.returncode, 0, added.stderr)
        return self.snapshot(*options)

    def snapshot(self, *options):
        made = run("index", "snapshot", "--index", self.store, "-o", str(self.snapshots), *options)
        self.assertEqual(made.returncode, 0, made.stderr)
        return made.stdout.decode()

    def source(self):
        source = Source(self.snapshots)
        self.addCleanup(source.close)
        return source

    def serve(self, *arguments, **options):
        server = Server("--refresh", "100ms", *arguments, **options)
        self.addCleanup(server.close)
        return server

    def wait_for(self, server, pattern):
        return server.wait_for(pattern, seconds=WAIT_SECONDS)

    def search(self, server):
        status, body, headers = server.ask("/indexes/default/search", {"q": "fish", "limit": 50})
        self.assertEqual(status, 200, body)
        generation = headers["X-Index-Generation"]
        texts = [hit["document"]["text"] for hit in json.loads(body)["hits"]]
        self.assertEqual(len(texts), 12)
        self.assertEqual([text for text in texts if not text.endswith(f" of generation{generation}")], [])
        return int(generation)

    def failures(self, server):
        metrics = server.request("GET", "/metrics")[1].decode()
        return int(float(metrics.split("\nminnow_index_refresh_failures_total ")[1].split("\n")[0]))

    def test_a_snapshot_is_published_once(self):
        self.assertIn("generation 1, 12 passages", self.publish(1))
        self.assertIn("generation 1, as before: nothing has changed", self.snapshot())
        told = json.loads(self.publish(2, "--json"))
        self.assertEqual((told["generation"], told["published"], told["passages"], told["waiting"]), (2, True, 12, 0))
        refused = run("index", "snapshot", "--index", self.store, "-o", self.store)
        self.assertEqual(refused.returncode, 1)
        self.assertIn(b"is a file; a snapshot is a folder", refused.stderr)

    def test_a_folder_is_served_and_followed(self):
        server = self.serve("--index-from", str(self.snapshots))
        status, body = server.request("GET", "/readyz")
        self.assertEqual(status, 503)
        self.wait_for(server, "snapshot not refreshed.*snapshot.json")
        self.publish(1)
        self.wait_for(server, "snapshot served.*generation=1")
        self.assertEqual(server.request("GET", "/readyz"), (200, b"ready\ngeneration 1\n"))
        self.assertEqual(self.search(server), 1)
        status, body = server.request("POST", "/indexes/default/documents", {"id": "x", "text": "y"})
        self.assertEqual((status, json.loads(body)["error"]["code"]), (403, "read_only"))
        self.publish(2)
        self.wait_for(server, "generation=2")
        self.assertEqual(self.search(server), 2)
        self.assertEqual(server.end(), 0)

    def test_what_is_wrong_over_http_is_refused_and_the_former_one_stays(self):
        self.publish(1)
        source = self.source()
        # A query goes with each request.
        server = self.serve("--index-from", source.url("/snapshots?key=1"), "--index-cache", str(self.folder / "cache"))
        self.wait_for(server, "snapshot served.*generation=1")
        self.assertTrue(all(path.endswith("?key=1") and path.startswith("/snapshots/") for path in source.requests))
        source.trouble = {"snapshot.json": fails}  # before there is anything to see
        self.publish(2)
        for name, trouble, told in (("snapshot.json", fails, "snapshot.json: the answer is 500"),
                                    ("snapshot.json", redirects, "302, a redirect, which is not followed"),
                                    ("snapshot.json", cuts, "the connection ended before the answer did"),
                                    ("snapshot.json", flips, "was cut or changed"),
                                    ("snapshot.json", never_ends, "the answer has more than 1048576 bytes"),
                                    ("data", fails, r"\.db: the answer is 500"),
                                    ("data", cuts, r"\.db: the connection ended before the answer did"),
                                    ("data", flips, "its checksum is not the manifest's"),
                                    ("data", never_ends, r"\.db: the answer has more than \d+ bytes")):
            before = self.failures(server)
            source.trouble = {name: trouble}
            self.wait_for(server, told)
            self.assertEqual(self.search(server), 1)
            end = time.monotonic() + WAIT_SECONDS
            while self.failures(server) == before and time.monotonic() < end:
                time.sleep(0.01)
            self.assertGreater(self.failures(server), before)
        source.trouble = {}
        self.wait_for(server, "generation=2")
        self.assertEqual(self.search(server), 2)
        source.trouble = {"snapshot.json": hangs}
        before = len(source.requests)
        while len(source.requests) == before:
            time.sleep(0.01)
        self.assertEqual(server.end(), 0)
        # What was fetched is served again where the source is away.
        source.trouble = {"snapshot.json": fails}
        again = self.serve("--index-from", source.url(), "--index-cache", str(self.folder / "cache"))
        self.wait_for(again, "snapshot served.*generation=2")
        self.assertEqual(self.search(again), 2)

    def test_what_is_fetched_goes_with_the_server(self):
        self.publish(1)
        temporary = self.folder / "temporary"
        temporary.mkdir()
        server = self.serve("--index-from", self.source().url("/snapshots"), env={"TMPDIR": str(temporary)})
        self.wait_for(server, "snapshot served.*generation=1")
        self.assertEqual(self.search(server), 1)
        self.assertEqual(len(list(temporary.glob("minnow-tmp-*/snapshots/1-*.db"))), 1)
        self.assertEqual(server.end(), 0)
        self.assertEqual(list(temporary.iterdir()), [])

    def test_another_model_is_refused(self):
        self.publish(1)
        other = str(pathlib.Path(TINY).parent / "tiny_bert_prefixed")
        server = self.serve("--index-from", str(self.snapshots), model=other)
        self.wait_for(server, "snapshot not refreshed.*which this server has not loaded")
        status, body = server.request("GET", "/readyz")
        self.assertEqual(status, 503)
        self.assertIn(b"its vectors are of model", body)

    def test_wrong_usage_is_told(self):
        for arguments, told in ((["--index-from", "https://example.com/x"], "minnow-sync"),
                                (["--index-from", "s3://bucket/x"], "minnow-sync"),
                                (["--index-from", "http://127.0.0.1:0/"], "port"),
                                (["--index-from", "http://256.1.1.1/x"], "host"),
                                (["--index-from", "x", "--index", self.store], "--index"),
                                (["--index-from", "x", "--reembed"], "only read"),
                                (["--index-from", "x", "--refresh", "0s"], "--refresh"),
                                (["--index-from", "x", "--refresh", "60x"], "--refresh"),
                                (["--index-from", "x", "--index-cache", "y"], "--index-cache"),
                                (["--index-cache", "y"], "--index-from")):
            refused = run("serve", "--model", TINY, *arguments)
            self.assertEqual(refused.returncode, 2, arguments)
            self.assertIn(told, refused.stderr.decode())


if __name__ == "__main__":
    unittest.main()
