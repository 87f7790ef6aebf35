# SPDX-License-Identifier: Apache-2.0
"""Black-box tests of minnow serve: from the first connection to the exit code."""
import concurrent.futures
import fcntl
import http.client
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
import classifier_model  # noqa: E402
from program import FIXTURES, PROGRAM, TINY, environment, run  # noqa: E402
from running_server import Server  # noqa: E402

DONE, FAILED, USAGE = 0, 1, 2
GOLDEN = json.loads((FIXTURES / "tiny_bert/golden.json").read_text())


class ServeTest(unittest.TestCase):
    def serve(self, *arguments, **options):
        server = Server(*arguments, **options)
        self.addCleanup(server.close)
        return server

    def half_a_request(self, server):
        """A request whose body is not complete; returns its connection and the rest of the body."""
        body = json.dumps({"inputs": "a small fish"}).encode()
        connection = server.connect()
        self.addCleanup(connection.close)
        connection.sendall(b"POST /embed HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                           b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
        self.assertIn(b"100 Continue", connection.recv(1000))  # the server has read the head
        connection.sendall(body[:5])
        return connection, body[5:]


class AnswersTest(ServeTest):
    def test_vectors_are_those_of_the_command_line(self):
        server = self.serve()
        texts = [c["text"] for c in GOLDEN["cases"] if (c["text"] or "").strip() and len(c["ids"]) <= GOLDEN["limit"]]
        printed = run("embed", "--model", TINY, "--json-input", "--", *(json.dumps(text) for text in texts))
        expected = [json.loads(line) for line in printed.stdout.splitlines()]
        status, body = server.request("POST", "/embed", {"inputs": texts})
        self.assertEqual((status, json.loads(body)), (200, expected))
        status, body = server.request("POST", "/v1/embeddings", {"model": "tiny_bert", "input": texts})
        self.assertEqual(status, 200, body)
        self.assertEqual([item["embedding"] for item in json.loads(body)["data"]], expected)

        # The same while many clients share batches.
        def ask(i):
            return i, server.request("POST", "/embed", {"inputs": texts[i % len(texts)]})
        with concurrent.futures.ThreadPoolExecutor(16) as clients:
            for i, (status, body) in clients.map(ask, range(300)):
                self.assertEqual((status, json.loads(body)[0]), (200, expected[i % len(texts)]))
        self.assertEqual(server.end(), DONE)

    def test_similarities_are_cosines_of_the_vectors(self):
        server = self.serve()
        texts = ["a small fish", "the sea", "a small fish"]
        vectors = json.loads(server.request("POST", "/embed", {"inputs": texts})[1])
        status, body = server.request("POST", "/similarity",
                                      {"inputs": {"source_sentence": texts[0], "sentences": texts[1:]}})
        self.assertEqual(status, 200, body)
        for got, vector in zip(json.loads(body), vectors[1:], strict=True):
            self.assertAlmostEqual(got, sum(a * b for a, b in zip(vectors[0], vector)), places=6)

    def test_means_of_all_tokens_are_the_vectors(self):
        server = self.serve()
        texts = ["a small fish", "the sea", "fish"]
        vectors = json.loads(server.request("POST", "/embed", {"inputs": texts})[1])
        tokens = json.loads(server.request("POST", "/tokenize", {"inputs": texts})[1])
        status, body = server.request("POST", "/embed_all", {"inputs": texts})
        self.assertEqual(status, 200, body)
        for rows, vector, ids in zip(json.loads(body), vectors, tokens, strict=True):
            self.assertEqual(len(rows), len(ids))
            mean = [sum(column) for column in zip(*rows, strict=True)]
            length = sum(x * x for x in mean) ** 0.5
            for got, expected in zip(mean, vector, strict=True):
                self.assertAlmostEqual(got / length, expected, places=5)
        status, body = server.request("POST", "/embed_all", {"inputs": ["a small fish"] * 10000})
        self.assertEqual(status, 422)
        self.assertIn("16384 tokens", json.loads(body)["error"])

    def test_limits_from_flags_and_environment(self):
        server = self.serve("--max-client-batch-size", "3", "--payload-limit", "1000",
                            env={"MINNOW_SERVED_MODEL_NAME": "fishes", "MINNOW_MAX_CONCURRENT_REQUESTS": "7"})
        info = json.loads(server.request("GET", "/info")[1])
        self.assertEqual((info["max_client_batch_size"], info["max_concurrent_requests"], info["model_id"]),
                         (3, 7, "fishes"))
        status, body = server.request("POST", "/embed", {"inputs": ["a"] * 4})
        self.assertIn(status, (413, 422))
        self.assertIn(b"3", body)
        self.assertEqual(server.request("POST", "/embed", {"inputs": "a" * 1000})[0], 413)
        self.assertEqual(server.request("POST", "/embed", {"inputs": ["a"] * 3})[0], 200)

    def test_keys_are_asked_for(self):
        server = self.serve("--api-key", "one", "--api-key", "two")
        self.assertEqual(server.request("GET", "/readyz")[0], 200)
        self.assertEqual(server.request("GET", "/metrics")[0], 401)
        status, body = server.request("POST", "/v1/embeddings", {"input": "a"})
        self.assertEqual((status, json.loads(body)["error"]["code"]), (401, "invalid_api_key"))
        for key in ("one", "two"):
            headers = {"Authorization": f"Bearer {key}"}
            self.assertEqual(server.request("POST", "/embed", {"inputs": "a"}, headers)[0], 200)
        server = self.serve(env={"MINNOW_API_KEY": "three"})
        self.assertEqual(server.request("POST", "/embed", {"inputs": "a"})[0], 401)
        self.assertEqual(server.request("POST", "/embed", {"inputs": "a"}, {"X-API-Key": "three"})[0], 200)

    def test_requests_are_counted_and_logged(self):
        server = self.serve("--log-requests", "--log-format", "json", wait_ready=False)
        server.wait_for('"message":"ready"')
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        server.request("GET", "/nowhere?a=b", headers={"traceparent": trace})
        server.request("POST", "/embed", {"inputs": "a"})
        text = server.request("GET", "/metrics", headers={"Origin": "http://x.test"})[1].decode()
        self.assertIn('minnow_http_requests_total{status="404"} 1\n', text)
        self.assertIn('minnow_http_requests_total{status="200"} 1\n', text)
        self.assertIn("minnow_http_open_connections 1\n", text)
        server.wait_for('"path":"/metrics"')
        logged = [json.loads(line) for line in server.lines().splitlines() if '"request"' in line]
        self.assertEqual([(event["method"], event["path"], event["status"]) for event in logged],
                         [("GET", "/nowhere", 404), ("POST", "/embed", 200), ("GET", "/metrics", 200)])
        self.assertEqual(logged[0]["traceparent"], trace)

    def test_pages_of_allowed_origins(self):
        server = self.serve("--cors-allow-origin", "https://page.test")
        with server.connect() as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nOrigin: https://page.test\r\nConnection: close\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        self.assertIn(b"Access-Control-Allow-Origin: https://page.test\r\n", answer)
        self.assertEqual(server.request("POST", "/embed", {"inputs": "a"}, {"Origin": "https://evil.test"})[0], 403)

    def test_origins_are_normalised_or_refused(self):
        server = self.serve("--cors-allow-origin", "http://localhost:3000/", "--cors-allow-origin", "chrome-extension://*")
        for origin in ("http://localhost:3000", "chrome-extension://abcdef"):
            self.assertEqual(server.request("POST", "/embed", {"inputs": "a"}, {"Origin": origin})[0], 200, origin)
        status, body = server.request("POST", "/embed", {"inputs": "a"}, {"Origin": "http://localhost:3001"})
        self.assertEqual(status, 403)
        self.assertIn("--cors-allow-origin", json.loads(body)["error"])

    def test_idle_connections_give_way(self):
        server = self.serve(files=256)
        idle = [server.connect() for _ in range(400)]
        for connection in idle:
            self.addCleanup(connection.close)
        self.assertEqual(server.request("GET", "/livez")[0], 200)
        server.wait_for(r"warning connection limit \d+ reached: closed \d+ idle, refused 0")
        # The oldest were closed, the youngest are alive.
        self.assertEqual(idle[0].recv(1), b"")
        idle[-1].sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.assertTrue(idle[-1].recv(65536).startswith(b"HTTP/1.1 200 OK\r\n"))

    def test_out_of_file_descriptors(self):
        server = self.serve()
        open_files = len(os.listdir(f"/proc/{server.process.pid}/fd"))
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (open_files + 8, open_files + 8))
        idle = [server.connect() for _ in range(50)]
        for connection in idle:
            self.addCleanup(connection.close)
        self.assertEqual(server.request("GET", "/livez")[0], 200)
        self.assertEqual(idle[0].recv(1), b"")
        self.assertEqual(server.end(), DONE)

    def test_idle_uses_no_cpu(self):
        server = self.serve("--threads", "4")
        server.request("POST", "/embed", {"inputs": "a"})

        def cpu_ticks():
            fields = pathlib.Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
            return int(fields[11]) + int(fields[12])

        time.sleep(0.2)
        before = cpu_ticks()
        time.sleep(0.5)
        self.assertLessEqual(cpu_ticks() - before, 0.1 * os.sysconf("SC_CLK_TCK"))


class SeveralModelsTest(ServeTest):
    def vectors(self, model):
        printed = run("embed", "--model", model, "--json-input", "--", *(json.dumps(text) for text in self.TEXTS))
        return [json.loads(line) for line in printed.stdout.splitlines()]

    TEXTS = ["a small fish", "two of them"]

    def ask(self, server, name):
        status, body = server.request("POST", "/v1/embeddings", {"model": name, "input": self.TEXTS})
        self.assertEqual(status, 200, body)
        answer = json.loads(body)
        return answer["model"], [item["embedding"] for item in answer["data"]]

    def test_both_are_listed_and_answer_by_name_as_alone(self):
        roberta = str(FIXTURES / "tiny_roberta")
        server = self.serve("--model", f"big={roberta}", "--dtype", "fp32", "--dtype", "big=bf16")
        listed = json.loads(server.request("GET", "/v1/models")[1])["data"]
        self.assertEqual([model["id"] for model in listed], ["tiny_bert", "big"])
        self.assertEqual(json.loads(server.request("GET", "/info")[1])["model_id"], "tiny_bert")
        self.assertEqual(self.ask(server, "tiny_bert"), ("tiny_bert", self.vectors(TINY)))
        self.assertEqual(self.ask(server, ""), ("tiny_bert", self.vectors(TINY)))
        printed = run("embed", "--model", roberta, "--dtype", "bf16", *self.TEXTS)
        self.assertEqual(self.ask(server, "big"), ("big", [json.loads(line) for line in printed.stdout.splitlines()]))
        status, body = server.request("POST", "/v1/embeddings", {"model": "other", "input": "a"})
        self.assertEqual(status, 404)
        self.assertIn('only "tiny_bert", "big"', json.loads(body)["error"]["message"])

    def test_environment_names_several(self):
        server = self.serve(model=None, env={"MINNOW_MODEL": f"{TINY},big={FIXTURES / 'tiny_roberta'}"})
        listed = json.loads(server.request("GET", "/v1/models")[1])["data"]
        self.assertEqual([model["id"] for model in listed], ["tiny_bert", "big"])

    def test_one_model_takes_any_name_until_it_is_named(self):
        server = self.serve()
        self.assertEqual(self.ask(server, "text-embedding-ada-002")[0], "tiny_bert")
        server = self.serve("--served-model-name", "one", "--served-model-name", "two")
        self.assertEqual(self.ask(server, "one")[0], "one")
        self.assertEqual(self.ask(server, "two")[0], "one")
        self.assertEqual(server.request("POST", "/v1/embeddings", {"model": "tiny_bert", "input": "a"})[0], 404)

    def test_names_that_paths_give(self):
        with tempfile.TemporaryDirectory() as folder:
            snapshot = pathlib.Path(folder) / "models--org--fish/snapshots/0123abc"
            shutil.copytree(TINY, snapshot)
            self.assertEqual(self.ask(self.serve(model=str(snapshot)), "")[0], "org/fish")
            equals = pathlib.Path(folder) / "a=b"
            shutil.copytree(TINY, equals)
            self.assertEqual(self.ask(self.serve(model=str(equals)), "")[0], "a=b")
            self.assertEqual(self.ask(self.serve(model=f"x={equals}"), "")[0], "x")

    def test_index_finds_its_model_by_identity(self):
        with tempfile.TemporaryDirectory() as folder:
            store = str(pathlib.Path(folder) / "my.db")
            roberta = str(FIXTURES / "tiny_roberta")
            server = self.serve("--index", store, model=roberta)
            document = {"id": "a", "text": "a small fish"}
            self.assertEqual(server.request("POST", "/indexes/docs/documents?wait=true", document)[0], 200)
            alone = server.request("GET", "/indexes/docs/search?q=fish&semantic_ratio=1")[1]
            self.assertEqual(server.end(), DONE)
            server = self.serve("--model", roberta, "--index", store)
            both = server.request("GET", "/indexes/docs/search?q=fish&semantic_ratio=1")[1]
            self.assertEqual(json.loads(both)["hits"], json.loads(alone)["hits"])
            document["id"] = "b"
            self.assertEqual(server.request("POST", "/indexes/docs/documents?wait=true", document)[0], 200)
            self.assertEqual(server.request("POST", "/indexes/new/documents?wait=true", document)[0], 200)
            self.assertEqual(server.request("GET", "/indexes/new/search?q=fish&semantic_ratio=1")[0], 200)

    def test_classifier_beside_an_embedding_model(self):
        with tempfile.TemporaryDirectory() as folder:
            mood = classifier_model.make(pathlib.Path(folder) / "mood")
            bare = classifier_model.make(pathlib.Path(folder) / "bare", tokenizer=False)
            server = self.serve("--model", mood, "--model", bare)
            case = classifier_model.CASE
            for name in ("", "mood", "bare"):
                status, body = server.request("POST", "/predict", {"inputs": [case["ids"]], "raw_scores": True, "model": name})
                self.assertEqual(status, 200, body)
                scores = {item["label"]: item["score"] for item in json.loads(body)[0]}
                for label, logit in zip(classifier_model.LABELS, classifier_model.expected_logits()):
                    self.assertAlmostEqual(scores[label], logit, 4)
            printed = json.loads(run("classify", "--model", mood, "a small fish").stdout)
            body = server.request("POST", "/predict", {"inputs": "a small fish"})[1]
            self.assertEqual(json.loads(body), printed)
            self.assertEqual(server.request("POST", "/predict", {"inputs": ["a small", "fish"]})[0], 200)
            self.assertEqual(server.request("POST", "/predict", {"inputs": "a", "model": "bare"})[0], 422)
            self.assertEqual(server.request("POST", "/embed", {"inputs": "a", "model": "mood"})[0], 424)
            self.assertEqual(server.request("POST", "/embed", {"inputs": "a"})[0], 200)

    def test_model_without_tokenizer_takes_ids_only(self):
        with tempfile.TemporaryDirectory() as folder:
            bare = pathlib.Path(folder) / "bare"
            shutil.copytree(TINY, bare, ignore=shutil.ignore_patterns("tokenizer*"))
            server = self.serve(model=str(bare))
            case = next(c for c in GOLDEN["cases"] if c["text"] and len(c["ids"]) <= GOLDEN["limit"])
            status, body = server.request("POST", "/embed", {"inputs": [case["ids"]]})
            expected = json.loads(run("embed", "--model", TINY, "--json-input", "--",
                                      json.dumps(case["text"])).stdout)
            self.assertEqual((status, json.loads(body)), (200, [expected]))
            for path in ("/embed", "/v1/embeddings", "/tokenize"):
                status, body = server.request("POST", path, {"inputs": "a", "input": "a"})
                self.assertEqual(status, 422, path)
                self.assertIn(b"no tokenizer", body)


class LoadingTest(ServeTest):
    """A model directory whose modules.json is leased: opening it waits until the lease is given back (fcntl(2))."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.model = pathlib.Path(self.folder.name) / "model"
        shutil.copytree(TINY, self.model)
        # A breach of the lease is told by SIGIO, which would end this process.
        signal.signal(signal.SIGIO, signal.SIG_IGN)
        (self.model / "modules.json").write_text("[")
        self.leased = open(self.model / "modules.json", "r+b")
        self.addCleanup(self.leased.close)
        try:
            fcntl.fcntl(self.leased, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        except OSError as error:
            self.skipTest(f"this file system gives no leases: {error}")
        self.server = self.serve(model=str(self.model), wait_ready=False)

    def let_go(self):
        fcntl.fcntl(self.leased, fcntl.F_SETLEASE, fcntl.F_UNLCK)

    def test_answers_while_loading_and_fails_with_the_reason(self):
        self.assertEqual(self.server.request("GET", "/livez")[0], 200)
        self.assertEqual(self.server.request("GET", "/readyz")[0], 503)
        self.assertEqual(self.server.request("GET", "/metrics")[0], 200)
        self.assertEqual(self.server.request("POST", "/embed", {"inputs": "a"})[0], 503)
        self.let_go()
        self.assertEqual(self.server.process.wait(30), FAILED)
        self.assertIn("modules.json: ", self.server.lines())
        self.assertIn("minnow: ", self.server.lines())

    def test_loading_that_fails_does_not_cut_the_drain_short(self):
        connection, rest = self.half_a_request(self.server)
        self.server.process.send_signal(signal.SIGTERM)
        self.server.wait_for("draining")
        self.let_go()
        self.server.wait_for("loading failed")
        connection.sendall(rest)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
        self.assertTrue(answer.startswith(b"HTTP/1.1 503 "), answer[:200])
        self.assertEqual(self.server.process.wait(30), DONE)

    def test_ends_while_loading(self):
        self.assertEqual(self.server.end(), DONE)  # which has a limit


class LimitTest(ServeTest):
    def test_a_long_queue_is_refused_with_the_time_to_come_again(self):
        server = self.serve("--max-queue-ms", "1")
        inputs = ["the small fish swims in the river " * 5] * 32
        seen = {}
        end = time.monotonic() + 60
        with concurrent.futures.ThreadPoolExecutor(16) as clients:
            while time.monotonic() < end and not {200, 429} <= seen.keys():
                for status, body, headers in clients.map(lambda _: server.ask("/embed", {"inputs": inputs}), range(64)):
                    seen[status] = (body, headers)
        self.assertEqual(seen.keys(), {200, 429})
        body, headers = seen[429]
        self.assertIn("expected wait", json.loads(body)["error"])
        self.assertIn(int(headers["Retry-After"]), range(1, 11))
        text = server.request("GET", "/metrics")[1].decode()
        self.assertRegex(text, r'minnow_refused_requests_total\{limit="wait"\} [1-9]')
        self.assertEqual(server.end(), DONE)

    def test_memory_has_a_limit(self):
        self.assertEqual(run("serve", "--model", TINY, "--memory-limit", "lots", timeout=60).returncode, USAGE)
        server = self.serve("--memory-limit", "1k", wait_ready=False)
        self.assertEqual(server.process.wait(30), FAILED)
        self.assertIn("--memory-limit", server.lines())
        server = self.serve("--memory-limit", "2G")
        self.assertIn("minnow_memory_limit_bytes 2147483648\n", server.request("GET", "/metrics")[1].decode())
        self.assertEqual(server.end(), DONE)


class EndTest(ServeTest):
    def test_signals_of_an_idle_server(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            server = self.serve("--drain-seconds", "600")
            idle = server.connect()
            self.assertEqual(server.request("GET", "/readyz")[0], 200)
            self.assertEqual(server.end(number), DONE)  # which waits less long
            self.assertEqual(idle.recv(1), b"")  # closed
            idle.close()

    def test_request_under_way_is_answered(self):
        server = self.serve()
        connection, rest = self.half_a_request(server)
        server.process.send_signal(signal.SIGTERM)
        server.wait_for("draining")
        end = time.monotonic() + 30
        with self.assertRaises(OSError):
            while time.monotonic() < end:
                server.connect().close()
        connection.sendall(rest)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer[:200])
        self.assertIn(b"Connection: close\r\n", answer)
        self.assertEqual(server.process.wait(30), DONE)

    def test_drain_has_a_limit(self):
        server = self.serve("--drain-seconds", "1")
        self.half_a_request(server)
        begin = time.monotonic()
        self.assertEqual(server.end(), DONE)
        self.assertGreater(time.monotonic() - begin, 0.5)
        self.assertIn("limit_s=1", server.lines())

    def test_shutdown_delay_keeps_the_listener_open(self):
        server = self.serve("--shutdown-delay-seconds", "3")
        begin = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        server.wait_for("draining")
        self.assertEqual(server.request("GET", "/readyz")[0], 503)
        self.assertEqual(server.request("POST", "/embed", {"inputs": "a"})[0], 200)
        self.assertEqual(server.process.wait(30), DONE)
        self.assertGreaterEqual(time.monotonic() - begin, 3)

    def test_second_signal_ends_at_once(self):
        server = self.serve("--drain-seconds", "600")
        self.half_a_request(server)
        server.process.send_signal(signal.SIGTERM)
        server.wait_for("draining")
        self.assertEqual(server.end(), -signal.SIGTERM)


class StartTest(ServeTest):
    def assert_refused(self, code, part, *arguments, env=None):
        result = run("serve", *arguments,
                     env={"MINNOW_MODEL": TINY, "MINNOW_HOST": "127.0.0.1", "MINNOW_PORT": "0", **(env or {})})
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertIn(part, result.stderr.decode())

    def test_refuses_to_start(self):
        taken = self.serve()
        self.assert_refused(FAILED, f"127.0.0.1:{taken.port}", "--port", str(taken.port))
        self.assert_refused(FAILED, "nowhere", "--host", "nowhere")
        self.assert_refused(FAILED, "/nonexistent", "--model", "/nonexistent")
        self.assert_refused(USAGE, "--port", "--port", "65536")
        self.assert_refused(USAGE, "--port", env={"MINNOW_PORT": "http"})
        self.assert_refused(USAGE, "PORT", env={"MINNOW_PORT": "", "PORT": "80x"})
        self.assert_refused(USAGE, "--max-batch-tokens", "--max-batch-tokens", "0")
        self.assert_refused(USAGE, "--api-key", "--api-key", "")
        self.assert_refused(USAGE, "--cors-allow-origin", "--cors-allow-origin", "localhost:3000")
        self.assert_refused(USAGE, "path", env={"MINNOW_CORS_ALLOW_ORIGIN": "https://a.test,https://b.test/x"})
        self.assert_refused(USAGE, "--log-format", env={"MINNOW_LOG_FORMAT": "xml"})
        self.assert_refused(USAGE, '--dtype: "fp7" is not one of', "--dtype", "fp7")
        self.assert_refused(USAGE, "two models are named a", "--model", f"a={TINY}", "--model", f"a={TINY}")
        self.assert_refused(FAILED, "two models are named", "--model", TINY, "--model", TINY)
        self.assert_refused(USAGE, "no path", "--model", "a=")
        self.assert_refused(USAGE, "no model is named b", "--model", f"a={TINY}", "--dtype", "b=int8")
        self.assert_refused(USAGE, "--served-model-name", "--model", f"a={TINY}", "--model", f"b={TINY}",
                            "--served-model-name", "c")

    def test_soft_limit_of_files_is_raised(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        server = self.serve()
        limits = pathlib.Path(f"/proc/{server.process.pid}/limits").read_text()
        line = next(line for line in limits.splitlines() if line.startswith("Max open files"))
        self.assertEqual(line.split()[3], line.split()[4])

    def test_log_that_nobody_reads_holds_no_request_up(self):
        process = subprocess.Popen([PROGRAM, "serve", "--model", TINY, "--host", "127.0.0.1", "--log-requests"],
                                   stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   env=environment(MINNOW_PORT="0"))
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait, 30)
        self.addCleanup(process.kill)
        port = int(re.search(rb"port=(\d+)", process.stderr.readline()).group(1))
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        self.addCleanup(connection.close)
        for _ in range(40):  # 320 KB of log; a pipe holds 64 KiB
            connection.request("GET", "/" + "x" * 8000)
            response = connection.getresponse()
            response.read()
            self.assertEqual(response.status, 404)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(30), DONE)

    def test_port_variable(self):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        server = self.serve(env={"MINNOW_PORT": "", "PORT": str(port)})
        self.assertEqual(server.port, port)

    def test_service_variable_of_kubernetes_is_not_an_option(self):
        server = self.serve(env={"MINNOW_PORT": "tcp://10.0.0.1:80", "PORT": "0"})
        self.assertEqual(server.request("GET", "/livez")[0], 200)

    def test_json_log(self):
        server = self.serve("--log-format", "json", wait_ready=False)
        server.wait_for('"message":"ready"')
        self.assertEqual(server.end(), DONE)
        events = [json.loads(line) for line in server.lines().splitlines()]
        self.assertEqual([event["message"] for event in events], ["listening", "model loaded", "ready", "draining", "stopped"])
        self.assertEqual({event["level"] for event in events}, {"info"})


if __name__ == "__main__":
    unittest.main()
