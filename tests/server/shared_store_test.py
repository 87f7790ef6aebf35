# SPDX-License-Identifier: Apache-2.0
"""One store and several processes: some only read, one writes, and nobody waits for anybody."""
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from program import PROGRAM, TINY, environment, run  # noqa: E402
from running_server import Server  # noqa: E402

DOCUMENTS = [{"id": "a", "text": "a red fish"}, {"id": "b", "text": "an old boat"}, {"id": "c", "text": "a harbour at night"}]


class SharedStoreTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.path = str(self.folder / "my.db")
        documents = self.folder / "documents.jsonl"
        documents.write_text("".join(json.dumps(document) + "\n" for document in DOCUMENTS))
        result = run("index", "add", str(documents), "--index", self.path, "--model", TINY)
        self.assertEqual(result.returncode, 0, result.stderr)

    def serve(self, *arguments):
        server = Server("--index", self.path, *arguments)
        self.addCleanup(server.close)
        return server

    def search(self, server, query, ratio=0.5):
        status, body = server.request("POST", "/indexes/default/search", {"q": query, "semantic_ratio": ratio})
        self.assertEqual(status, 200, body)
        return [(hit["id"], hit["score"]) for hit in json.loads(body)["hits"]]

    def add(self, server, documents):
        return server.request("POST", "/indexes/default/documents?wait=true", documents)

    def test_two_processes_serve_one_file_read_only(self):
        servers = [self.serve("--read-only"), self.serve("--read-only")]
        for ratio in (0, 0.5, 1):
            first, second = (self.search(server, "a red fish", ratio) for server in servers)
            self.assertEqual(first[0][0], "a")
            self.assertEqual(first, second)
        for server in servers:
            status, body = self.add(server, DOCUMENTS)
            self.assertEqual((status, json.loads(body)["error"]["code"]), (403, "read_only"))
            self.assertEqual(server.request("DELETE", "/indexes/default")[0], 403)
        self.assertEqual([server.end() for server in servers], [0, 0])

    def test_two_writers_may_make_one_index_at_once(self):
        servers = [self.serve(), self.serve()]
        for number in range(8):
            path, answers = f"/indexes/new{number}/documents?wait=true", {}

            def add(server, path=path, answers=answers):
                document = {"id": str(server.port), "text": "a whale"}
                answers[server.port] = server.request("POST", path, document)

            threads = [threading.Thread(target=add, args=(server,)) for server in servers]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual([status for status, _ in answers.values()], [200, 200], answers)
            listed = json.loads(servers[0].request("GET", f"/indexes/new{number}/documents")[1])
            self.assertEqual(listed["total"], 2)

    def test_where_nothing_can_be_written_the_way_to_read_is_told(self):
        nobody = 65534 if os.geteuid() == 0 else None
        os.chmod(self.path, 0o444)
        os.chmod(self.folder, 0o555)
        self.addCleanup(os.chmod, self.folder, 0o755)
        program = [PROGRAM, "serve", "--index", self.path, "--model", TINY, "--port", "0"]
        try:
            read = subprocess.run([PROGRAM, "inspect", TINY], user=nobody, capture_output=True, check=False).returncode == 0
        except PermissionError:
            read = False
        if not read:
            self.skipTest("the program or its model cannot be read by others")
        refused = subprocess.run(program, user=nobody, capture_output=True, text=True, env=environment(), timeout=60, check=False)
        self.assertEqual(refused.returncode, 1, refused.stderr)
        self.assertIn("cannot be written: Permission denied; --read-only serves what is in it", refused.stderr)

    def test_readers_follow_a_writer(self):
        readers = [self.serve("--read-only"), self.serve("--read-only")]
        writer = self.serve()
        self.assertEqual(self.add(writer, [{"id": "d", "text": "a purple whale"}])[0], 200)
        for reader in readers:
            for ratio in (0, 1):
                self.assertEqual(self.search(reader, "a purple whale", ratio)[0][0], "d")
        self.assertEqual(writer.request("DELETE", "/indexes/default/documents/d")[0], 200)
        for reader in readers:
            self.assertNotIn("d", dict(self.search(reader, "a purple whale", 1)))
            self.assertEqual(self.search(reader, "whale", 0), [])

    def test_nobody_waits_for_a_change_under_way(self):
        servers = [self.serve("--read-only"), self.serve()]
        other = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(other.close)
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE minnow_indexes SET documents = 77")
        # The write lock is held until the end of the test: an answer shows that nobody waits for it.
        for server in servers + [self.serve("--read-only")]:
            self.assertEqual(self.search(server, "a red fish")[0][0], "a")
            listing = json.loads(server.request("GET", "/indexes/default/documents?limit=0")[1])
            self.assertEqual(listing["total"], len(DOCUMENTS))
            self.assertEqual(json.loads(server.request("GET", "/indexes")[1])["results"][0]["documents"], len(DOCUMENTS))
            self.assertEqual(server.request("GET", "/indexes/default/documents/b")[0], 200)
        other.execute("ROLLBACK")


if __name__ == "__main__":
    unittest.main()
