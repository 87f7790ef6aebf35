# SPDX-License-Identifier: Apache-2.0
"""What engines and adapters share: models that are loaded once, pandas, and servers of vectors over HTTP; also docs/how-to/bulk.md's pandas."""
import base64
import contextlib
import http.server
import importlib
import json
import os
import pathlib
import pickle
import sys
import tempfile
import threading
import unittest
import unittest.mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
TINY = ROOT / "tests/fixtures/tiny_bert"
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import doc_blocks  # noqa: E402


def package(name):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise unittest.SkipTest(f"{name} is not installed: {error}")


np, minnow, workers = package("numpy"), package("minnow"), package("minnow.workers")
Embedder, Endpoint, endpoint = package("minnow._embedder").Embedder, package("minnow._endpoint").Endpoint, package("minnow._endpoint")
TEXTS = ["one text", "another", "", "ein dritter"]


class WorkersTest(unittest.TestCase):
    def test_a_model_is_loaded_once(self):
        first = workers.load_once(TINY)
        self.assertIs(first, workers.load_once(str(TINY)))
        self.assertIsNot(first, workers.load_once(TINY, threads=2))
        with self.assertRaises(OSError):
            workers.load_once("no-such.minnow")

    def test_series(self):
        pd = package("pandas")
        series = pd.Series(["one text", None, "another", float("nan")], index=[3, 1, 7, 5], name="words", dtype=object)
        vectors = workers.encode_series(series, TINY, truncate_dim=4)
        wanted = minnow.Model(TINY).encode(["one text", "another"], truncate_dim=4)
        self.assertEqual((list(vectors.index), vectors.name), ([3, 1, 7, 5], "words"))
        self.assertTrue(np.array_equal(np.stack([vectors[3], vectors[7]]), wanted))
        self.assertIsNone(vectors[1])
        self.assertIsNone(vectors[5])
        self.assertEqual(len(workers.encode_series(pd.Series([], dtype=object), TINY)), 0)

    def test_the_guides_pandas(self):
        package("pandas")
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            os.symlink(TINY, "model.minnow")
            pathlib.Path("texts.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in [*TEXTS, None]))
            frame = doc_blocks.run(ROOT / "docs/how-to/bulk.md", "pandas")["frame"]
        wanted = minnow.Model(TINY).encode(TEXTS)
        self.assertTrue(np.array_equal(np.stack(frame["vector"][:4].tolist()), wanted))
        self.assertIsNone(frame["vector"][4])


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body, headers=(), length=None):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw) if length is None else length))
        self.end_headers()
        self.wfile.write(raw)

    def do_GET(self):
        self.answer(500, b"a POST became a GET")

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, self.headers.get("Authorization"), body))
        if self.server.faults:
            self.server.faults.pop(0)(self)
            return
        rows = [[float(len(text)), 0.1] for text in body.get("input", body.get("inputs"))]
        if self.path == "/embed":
            self.answer(200, rows)
            return
        data = [{"index": i, "embedding": base64.b64encode(np.array(row, "<f4").tobytes()).decode()} for i, row in enumerate(rows)]
        self.answer(200, {"data": data[::-1]})


class HttpTest(unittest.TestCase):
    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads, self.server.seen, self.server.faults = True, [], []
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        self.addCleanup(lambda: (self.server.shutdown(), thread.join(60), self.server.server_close()))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.pauses = []
        self.enterContext(unittest.mock.patch.object(endpoint.time, "sleep", self.pauses.append))

    def wanted(self, texts):
        return np.array([[len(text), 0.1] for text in texts], np.float32)

    def test_both_routes(self):
        for base, route, path in ((self.url, "openai", "/v1/embeddings"), (self.url + "/v1/", "openai", "/v1/embeddings"), (self.url + "/", "tei", "/embed")):
            vectors = Endpoint(base, route=route, api_key="key").embed(TEXTS, "query")
            self.assertTrue(np.array_equal(vectors, self.wanted(TEXTS)))
            seen = self.server.seen[-1]
            self.assertEqual(seen[:2], (path, "Bearer key"))
            self.assertEqual(seen[2]["prompt_name"], "query")

    def test_batches(self):
        embedder = Embedder("a-name", self.url, batch_size=3, document_prompt_name="passage")
        self.assertEqual(embedder.documents(TEXTS), self.wanted(TEXTS).tolist())
        bodies = [seen[2] for seen in self.server.seen]
        self.assertEqual([body["input"] for body in bodies], [TEXTS[:3], TEXTS[3:]])
        self.assertEqual({(body["model"], body["prompt_name"]) for body in bodies}, {("a-name", "passage")})
        self.assertEqual(embedder.documents([]), [])
        self.assertNotIn("prompt_name", (embedder.query("x"), self.server.seen[-1][2])[1])
        self.assertEqual(pickle.loads(pickle.dumps(embedder)).query("four"), self.wanted(["four"])[0].tolist())

    def test_tries_again_while_a_server_is_busy(self):
        self.server.faults += [lambda handler: handler.answer(429, {"error": "busy"}, [("Retry-After", "7")]), lambda handler: handler.answer(503, b""),
                               lambda handler: handler.answer(200, b"{", length=100) or setattr(handler, "close_connection", True)]
        self.assertEqual(len(Endpoint(self.url).embed(TEXTS)), len(TEXTS))
        self.assertEqual(self.pauses, [7.0, 0.5, 1.0])
        self.server.faults += [lambda handler: handler.answer(503, {"error": {"message": "not yet"}})] * 4
        with self.assertRaisesRegex(OSError, "503.*not yet"):
            Endpoint(self.url).embed(TEXTS)

    def refused(self, fault, error, saying):
        self.server.faults[:] = [fault]
        with self.assertRaisesRegex(error, saying):
            Endpoint(self.url, retries=0).embed(["x"])

    def test_what_cannot_be_an_answer(self):
        self.refused(lambda handler: handler.answer(422, {"error": {"message": "prompt_name: none"}}), ValueError, "422.*prompt_name: none$")
        self.refused(lambda handler: handler.answer(401, {"error": "no key"}), OSError, "401.*no key$")
        self.refused(lambda handler: handler.answer(307, b"", [("Location", "/embed")]), OSError, "307")
        self.refused(lambda handler: handler.answer(302, b"", [("Location", "/embed")]), OSError, "302")
        self.refused(lambda handler: handler.answer(200, b"<html>"), ValueError, "no JSON")
        self.refused(lambda handler: handler.answer(200, b"\xff"), ValueError, "no JSON")
        for body in ([], {"data": 5}, {"data": []}, {"data": [{"index": 0}]}, {"data": [{"index": 0, "embedding": "AAA="}]}, {"data": [{"index": 0, "embedding": "?"}]},
                     {"data": [{"index": 0, "embedding": [["x"]]}]}, {"data": [{"index": 0, "embedding": 1.5}]}, {"data": [{"index": 0, "embedding": "é"}]}):
            self.refused(lambda handler, body=body: handler.answer(200, body), ValueError, "an answer of")

    def test_wrong_settings(self):
        for options in ({}, {"base_url": "ftp://x"}, {"base_url": "http://"}, {"base_url": self.url, "route": "x"}, {"base_url": self.url, "timeout": 0},
                        {"base_url": self.url, "batch_size": 0}):
            with self.assertRaises(ValueError, msg=options):
                Embedder(**options)
        with self.assertRaisesRegex(ValueError, r"texts\[1\]"):
            Embedder(TINY).documents(["x", None])
        with self.assertRaises(OSError):
            Embedder(base_url="http://127.0.0.1:9", retries=0).query("x")


class InProcessTest(unittest.TestCase):
    def test_the_same_bits(self):
        embedder = Embedder(TINY, batch_size=3)
        wanted = minnow.Model(TINY).encode(TEXTS)
        self.assertTrue(np.array_equal(np.array(embedder.documents(TEXTS), np.float32), wanted))
        self.assertTrue(np.array_equal(np.array(embedder.query(TEXTS[0]), np.float32), wanted[0]))
        self.assertIsInstance(embedder.query("x")[0], float)


if __name__ == "__main__":
    unittest.main()
