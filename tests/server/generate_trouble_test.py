# SPDX-License-Identifier: Apache-2.0
"""Streams of generated text under bad conditions: clients that leave or do not read, a server that ends, odd requests."""
import http.client
import json
import pathlib
import signal
import socket
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from running_server import TINY, Server, keeps_freed_memory  # noqa: E402
from text_model import make_slow_text_model, make_text_model  # noqa: E402

TEXT = "the small fish"
TOKENS = 1000
CLIENTS = 12
HALF_CLOSE_SECONDS = 0.3  # who closes sooner after a request may still want its answer
# Each family's stream of many tokens, as the slow model makes them.
STREAMS = {
    "/generate_stream": {"inputs": TEXT, "parameters": {"max_new_tokens": TOKENS}},
    "/v1/completions": {"prompt": TEXT, "max_tokens": TOKENS, "stream": True},
    "/api/generate": {"model": "slow-t5", "prompt": TEXT, "options": {"num_predict": TOKENS, "temperature": 0}},
    "/v2/models/slow-t5/generate_stream": {"text_input": TEXT, "parameters": {"max_tokens": TOKENS}},
}
ROUTES = ["/generate", "/generate_stream", "/v1/completions", "/openai/v1/completions", "/api/generate", "/v2/models/tiny-t5/generate",
          "/v2/models/tiny-t5/generate_stream", "/v2/models/tiny-t5/versions/1/generate", "/pipeline/summarization/tiny-t5"]


def request_bytes(path, body, version="1.1"):
    data = json.dumps(body).encode()
    return f"POST {path} HTTP/{version}\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data


class TroubleCase(unittest.TestCase):
    make = staticmethod(make_text_model)
    name = "tiny-t5"

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.model = cls.make(pathlib.Path(folder.name) / cls.name)
        cls.server = Server("--model", TINY, "--dtype", "fp32", "--max-queue-ms", "600000", model=cls.model)
        cls.addClassCleanup(cls.server.close)

    def metric(self, name):
        _, text = self.server.request("GET", "/metrics")
        return next(float(line.split()[-1]) for line in text.decode().splitlines() if line.startswith(name + " "))

    def wait_until(self, condition, seconds=30):
        end = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), end, "waited too long")
            time.sleep(0.02)

    def begin(self, path, body, server=None):
        """A stream of which a piece has come."""
        connection = http.client.HTTPConnection("127.0.0.1", (server or self.server).port, timeout=60)
        connection.request("POST", path, json.dumps(body))
        response = connection.getresponse()
        self.assertEqual(response.status, 200)
        self.assertTrue(response.readline())
        return connection, response


class SlowTest(TroubleCase):
    make = staticmethod(make_slow_text_model)
    name = "slow-t5"

    def running(self):
        return self.metric("minnow_generate_requests_running")

    def made(self):
        return self.metric("minnow_generate_tokens_total")

    def check_stopped(self, made, dropped):
        """A step or two after the client has left."""
        self.wait_until(lambda: self.running() == 0)
        self.assertEqual(self.metric("minnow_generate_cache_bytes"), 0)
        self.assertEqual(self.metric("te_queue_size"), 0)
        end = self.made()
        self.assertLess(end - made, TOKENS / 20)
        time.sleep(0.2)
        self.assertEqual(self.made(), end)
        self.assertEqual(self.metric('te_request_failure{err="dropped"}'), dropped + 1)

    def test_a_client_that_leaves_a_stream(self):
        for path, body in STREAMS.items():
            with self.subTest(path=path):
                dropped = self.metric('te_request_failure{err="dropped"}')
                connection, response = self.begin(path, body)
                self.assertEqual(self.running(), 1)
                self.assertGreater(self.metric("minnow_generate_cache_bytes"), 1_000_000)
                made = self.made()
                self.wait_until(lambda: self.made() > made)
                response.close()
                connection.close()
                self.check_stopped(self.made(), dropped)

    def test_a_client_that_leaves_before_its_answer(self):
        for path, body in (("/generate", STREAMS["/generate_stream"]), ("/v1/completions", STREAMS["/v1/completions"] | {"stream": False}),
                           ("/models/slow-t5", STREAMS["/generate_stream"]), ("/generate_stream", {"inputs": TEXT, "parameters": {"num_beams": 2, "max_new_tokens": TOKENS}})):
            with self.subTest(path=path):
                dropped = self.metric('te_request_failure{err="dropped"}')
                with self.server.connect() as client:
                    client.sendall(request_bytes(path, body))
                    self.wait_until(lambda: self.running() == 1)
                    time.sleep(HALF_CLOSE_SECONDS)
                self.check_stopped(self.made(), dropped)

    def test_what_waits_is_told(self):
        with self.server.connect() as client:
            client.sendall(request_bytes("/models/slow-t5", {"inputs": [TEXT] * 70, "parameters": {"max_new_tokens": 200}}))
            self.wait_until(lambda: self.running() > 1)
            self.assertGreater(self.metric("minnow_generate_requests_waiting"), 0)
            time.sleep(HALF_CLOSE_SECONDS)
            self.assertEqual(self.running() + self.metric("minnow_generate_requests_waiting"), 70)
        self.wait_until(lambda: self.metric("te_queue_size") == 0)
        self.assertEqual(self.metric("minnow_generate_requests_waiting"), 0)


class DefaultsTest(TroubleCase):
    make = staticmethod(make_slow_text_model)
    name = "slow-t5"

    def test_several_clients_with_no_option_given(self):
        """The second one's text would begin within the time that a request may wait: texts go side by side."""
        server = Server("--dtype", "fp32", model=self.model)
        self.addCleanup(server.close)
        for path, body in STREAMS.items():
            with self.subTest(path=path):
                streams = [self.begin(path, body, server) for _ in range(3)]
                status, answer, _ = server.ask("/generate", {"inputs": TEXT, "parameters": {"max_new_tokens": TOKENS // 10}})
                self.assertEqual(status, 200, answer)
                for connection, response in streams:
                    response.close()
                    connection.close()


class EndTest(TroubleCase):
    make = staticmethod(make_slow_text_model)
    name = "slow-t5"

    def test_a_server_that_ends_tells_so(self):
        server = Server("--dtype", "fp32", "--drain-seconds", "3", "--max-queue-ms", "600000", model=self.model)
        self.addCleanup(server.close)
        streams = {path: self.begin(path, body, server) for path, body in STREAMS.items()}
        waiting = server.connect()
        self.addCleanup(waiting.close)
        waiting.sendall(request_bytes("/generate", STREAMS["/generate_stream"]))
        short = self.begin("/generate_stream", {"inputs": TEXT, "parameters": {"max_new_tokens": 3}}, server)
        begin = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        self.assertIn(b'"finish_reason":"length"', short[1].read())
        for path, (connection, response) in streams.items():
            lines = [line for line in response.read().split(b"\n") if line]  # raises where the body is not whole
            last = json.loads(lines[-1].removeprefix(b"data:"))
            self.assertIn("shutting down", json.dumps(last["error"]), path)
            connection.close()
        answer = waiting.makefile("rb").read()
        self.assertTrue(answer.startswith(b"HTTP/1.1 503 "), answer)
        self.assertIn(b"shutting down", answer)
        self.assertEqual(server.process.wait(30), 0)
        self.assertLess(time.monotonic() - begin, 6)


class OddRequestsTest(TroubleCase):
    def exchange(self, data):
        with self.server.connect() as client:
            client.sendall(data)
            return client.makefile("rb").read()

    def test_http_1_0(self):
        for path, body, end in (("/generate_stream", {"inputs": TEXT}, b'"generated_text":"'), ("/v1/completions", {"prompt": TEXT, "stream": True}, b"data: [DONE]\n\n"),
                                ("/api/generate", {"model": "tiny-t5", "prompt": TEXT, "options": {"num_predict": 9}}, b'"done":true')):
            head, _, answer = self.exchange(request_bytes(path, body, "1.0")).partition(b"\r\n\r\n")
            self.assertIn(b" 200 ", head.split(b"\r\n")[0])
            self.assertNotIn(b"chunked", head.lower())
            _, same, _ = self.server.ask(path, body)
            self.assertEqual(answer.count(b"\n"), same.count(b"\n"))
            self.assertIn(end, answer)

    def test_other_methods(self):
        for path in ROUTES:
            for method in ("GET", "HEAD", "PUT", "DELETE"):
                with self.subTest(path=path, method=method):
                    connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
                    connection.request(method, path)
                    response = connection.getresponse()
                    self.assertEqual((response.status, response.getheader("Allow")), (405, "POST, OPTIONS"))
                    connection.close()

    def test_bodies_that_are_none(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        for path in ROUTES:
            for body in ("", "{", "[]", "1", "null", '{"inputs": "a"} x', "\xff"):
                with self.subTest(path=path, body=body):
                    connection.request("POST", path, body.encode("latin-1"), {"Content-Type": "application/json"})
                    response = connection.getresponse()
                    answer = json.loads(response.read())
                    self.assertIn(response.status, (400, 422))
                    self.assertTrue(answer["error"])
        connection.close()

    def test_huge_bodies(self):
        for path in ROUTES:
            with self.subTest(path=path):
                status, answer = self.server.request("POST", path, {"inputs": "a " * 2_000_000})
                self.assertEqual(status, 413)
                self.assertIn("error", json.loads(answer))
        long = "fish " * 100_000
        for path, field in (("/generate_stream", "inputs"), ("/v1/completions", "prompt"), ("/api/generate", "prompt"), ("/models/tiny-t5", "inputs")):
            status, answer = self.server.request("POST", path, {field: long, "model": "tiny-t5", "stream": path != "/models/tiny-t5"})
            self.assertIn(status, (400, 422), path)
            self.assertIn(b"100001 tokens, limit 4096", answer)

    def test_unknown_models(self):
        for path, body in (("/generate", {"inputs": TEXT, "model": "other"}), ("/generate_stream", {"inputs": TEXT, "model": "other"}),
                           ("/v1/completions", {"prompt": TEXT, "model": "other"}), ("/api/generate", {"prompt": TEXT, "model": "other"}),
                           ("/v2/models/other/generate", {"text_input": TEXT}), ("/pipeline/summarization/other", {"inputs": TEXT}), ("/models/other", {"inputs": TEXT})):
            status, answer = self.server.request("POST", path, body)
            self.assertEqual(status, 404, (path, answer))
            self.assertIn("other", json.dumps(json.loads(answer)["error"]))

    def test_unknown_fields_are_ignored(self):
        for path, body in (("/generate", {"inputs": TEXT, "parameters": {"odd": [1]}, "odd": 1}), ("/v1/completions", {"prompt": TEXT, "odd": {}, "user": "me"}),
                           ("/api/generate", {"model": "tiny-t5", "prompt": TEXT, "stream": False, "keep_alive": "5m", "options": {"num_ctx": 9, "num_predict": 3}}),
                           ("/v2/models/tiny-t5/generate", {"text_input": TEXT, "parameters": {"odd": 1}}), ("/pipeline/summarization/tiny-t5", {"inputs": TEXT, "odd": 1})):
            status, answer = self.server.request("POST", path, body)
            self.assertEqual(status, 200, (path, answer))


class SlowReaderTest(TroubleCase):
    def test_clients_that_do_not_read(self):
        body = {"inputs": TEXT, "parameters": {"max_new_tokens": 1023, "min_new_tokens": 1023, "top_n_tokens": 5}}
        status, whole, _ = self.server.ask("/generate_stream", body)
        self.assertEqual(status, 200)
        self.assertGreater(len(whole), 400_000)
        before = self.server.resident_bytes()
        clients = []
        for _ in range(CLIENTS):
            client = socket.socket()
            self.addCleanup(client.close)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", self.server.port))
            client.sendall(request_bytes("/generate_stream", body))
            clients.append(client)
        most = before

        def ended():
            nonlocal most
            most = max(most, self.server.resident_bytes())
            return self.metric("te_queue_size") == 0
        self.wait_until(lambda: self.metric("te_queue_size") > 0)
        self.wait_until(ended, 120)
        if not keeps_freed_memory():  # what waits for each, and its cache
            self.assertLess(most - before, CLIENTS * (len(whole) + 700_000) + 20_000_000)
        self.assertEqual(self.server.ask("/generate_stream", body)[1], whole)  # who reads is served
        clients[0].settimeout(20)
        late = b""
        while not late.endswith(b"\r\n0\r\n\r\n"):  # nothing was lost meanwhile
            part = clients[0].recv(1 << 16)
            self.assertTrue(part, "the connection was broken off")
            late += part
        self.assertEqual(late.count(b"data:"), 1023)


if __name__ == "__main__":
    unittest.main()
