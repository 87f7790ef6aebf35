# SPDX-License-Identifier: Apache-2.0
"""minnow health beside a running server: its exit codes, its words, and where it looks."""
import pathlib
import socket
import sys
import threading
import time
import unittest

from program import run

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "server"))
from running_server import Server  # noqa: E402

DONE, FAILED, USAGE = 0, 1, 2


class HealthTest(unittest.TestCase):
    def serve(self, *arguments, **options):
        server = Server(*arguments, **options)
        self.addCleanup(server.close)
        return server

    def assert_ends(self, result, code, words):
        said = (result.stdout if code == DONE else result.stderr).decode()
        self.assertEqual(result.returncode, code, said)
        self.assertIn(words, said)
        self.assertEqual(result.stderr if code == DONE else result.stdout, b"")

    def test_says_that_a_server_serves(self):
        server = self.serve()
        port = str(server.port)
        url = f"http://127.0.0.1:{port}/health"
        for arguments, variables in ((("--port", port), {}), ((), {"PORT": port}), ((), {"MINNOW_PORT": port}),
                                     ((), {"MINNOW_PORT": port, "PORT": "1"}), (("--port", port), {"PORT": "1"}),
                                     ((), {"PORT": port, "MINNOW_PORT": "tcp://10.0.0.1:80"}),
                                     (("--url", url), {"PORT": "1"}), (("--port", port, "--host", "localhost"), {}),
                                     (("--port", port), {"MINNOW_HOST": "0.0.0.0"})):
            with self.subTest(arguments=arguments, variables=variables):
                self.assert_ends(run("health", *arguments, env=variables), DONE, f"{url}: ok\n")
        self.assert_ends(run("health", "--url", f"http://127.0.0.1:{port}/readyz"), DONE, "ready")
        self.assert_ends(run("health", "--url", f"http://127.0.0.1:{port}/nothing"), FAILED, "404: ")
        self.assertEqual(server.end(), DONE)
        self.assert_ends(run("health", "--port", port), FAILED, f"minnow: {url}: ")

    def test_needs_a_key_where_the_server_wants_one(self):
        server = self.serve("--api-key", "secret")
        port, url = str(server.port), f"http://127.0.0.1:{server.port}/metrics"
        self.assert_ends(run("health", "--port", port), DONE, "ok")
        self.assert_ends(run("health", "--url", url), FAILED, "401")
        self.assert_ends(run("health", "--url", url, env={"MINNOW_API_KEY": "secret\n"}), DONE, url)
        self.assert_ends(run("health", "--url", url, "--api-key", "other"), FAILED, "401")

    def test_a_server_that_drains_is_healthy_but_not_ready(self):
        server = self.serve("--shutdown-delay-seconds", "20")
        server.process.terminate()
        server.wait_for("draining")
        url = f"http://127.0.0.1:{server.port}"
        self.assert_ends(run("health", "--url", f"{url}/health"), DONE, "ok")
        self.assert_ends(run("health", "--url", f"{url}/readyz"), FAILED, "503: Service Unavailable: draining")

    def test_gives_up_in_time(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            begin = time.monotonic()
            result = run("health", "--port", str(silent.getsockname()[1]), "--timeout", "0.2")
            self.assert_ends(result, FAILED, "no answer within 200 ms")
            self.assertLess(time.monotonic() - begin, 5)

    def test_shows_no_control_characters_of_an_answer(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def answer():
                connection = listener.accept()[0]
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 1006\r\n\r\n\x1b[31m" + b"x" * 1001)
                connection.close()
            thread = threading.Thread(target=answer)
            thread.start()
            result = run("health", "--port", str(listener.getsockname()[1]))
            thread.join()
        self.assert_ends(result, FAILED, "500: ")
        self.assertNotIn(b"\x1b", result.stderr)
        self.assertLess(len(result.stderr), 400)

    def test_wrong_usage(self):
        for arguments, variables, words in ((("--port", "0"), {}, "--port"), (("--port", "65536"), {}, "65535"),
                                            ((), {"PORT": "many"}, "PORT"), (("--timeout", "0"), {}, "--timeout"),
                                            (("--timeout", "nan"), {}, "--timeout"), (("--host", "a b"), {}, "--host"),
                                            (("--url", "https://127.0.0.1/"), {}, "http://"), (("--url", "ftp://x"), {}, "--url"),
                                            (("more",), {}, "more")):
            with self.subTest(arguments=arguments, variables=variables):
                self.assert_ends(run("health", *arguments, env=variables), USAGE, words)


if __name__ == "__main__":
    unittest.main()
