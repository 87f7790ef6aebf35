# SPDX-License-Identifier: Apache-2.0
"""Kuberian's six routes as its clients see them, over its own database: shapes, order, names and texts that mean
something elsewhere, and the ways to start."""
import gzip
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import sys
import tempfile
import unittest
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from program import TINY, run  # noqa: E402
from running_server import Server  # noqa: E402

SCHEMA = """
CREATE TABLE functions (id INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, signature TEXT NOT NULL,
  file TEXT NOT NULL, code TEXT NOT NULL, line_start INTEGER NOT NULL, line_end INTEGER NOT NULL);
CREATE TABLE function_analyses (id INTEGER PRIMARY KEY NOT NULL, function_id INTEGER NOT NULL, summary TEXT NOT NULL,
  background TEXT, analysis TEXT, purpose TEXT, comment TEXT, opinion TEXT);
"""
DIRS = "/dirs/kubernetes/kubernetes/v1.27.4"
FILES = ["pkg/b.go", "cmd/a.go", "pkg/[x]*?.go", "pkg/o'brien%_.go", "pkg/b.go", "päckchen/ü.go"]
SUMMARIES = ["a small fish", None, "the old boat", "red \"nets\" & <b>", "a harbour at night", "line one\nline two"]
FIRST = 100000000


def make_database(path, rows=len(FILES)):
    with sqlite3.connect(path) as database:
        database.executescript(SCHEMA)
        for i in reversed(range(rows)):
            database.execute("INSERT INTO functions VALUES(?,?,?,?,?,?,?)",
                             (FIRST + i, f"f{i}", f"func f{i}()", FILES[i], f"code {i}\t\u0001", i + 1, i + 9))
            if SUMMARIES[i] is not None:
                database.execute("INSERT INTO function_analyses(function_id,summary,background,opinion) VALUES(?,?,?,?)",
                                 (FIRST + i, SUMMARIES[i], f"background {i}", None))
    database.close()


def document(i, extra=None):
    return {"id": FIRST + i, "name": f"f{i}", "signature": f"func f{i}()", "file": FILES[i],
            "line": {"start": i + 1, "end": i + 9}, "summary": SUMMARIES[i], "extra": extra}


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class KuberianTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = str(pathlib.Path(self.folder.name) / "kuberian.db")

    def serve(self, *arguments, rows=len(FILES), **options):
        if rows is not None:
            make_database(self.path, rows)
        server = Server("--kuberian", self.path, *arguments, **options)
        self.addCleanup(server.close)
        return server

    def get(self, server, path, headers=None):
        status, body = server.request("GET", path, headers=headers)
        return status, body


class RoutesTest(KuberianTest):
    def test_healthz_and_root(self):
        server = self.serve()
        self.assertEqual(self.get(server, "/healthz"), (200, b"ok"))
        status, body = self.get(server, "/", {"Accept": "application/json"})
        self.assertEqual(status, 200)
        samples = [s for s in SUMMARIES if s is not None]
        self.assertEqual(body, compact({"total": 6, "analyzed": 5, "samples": samples}))
        self.assertEqual(self.get(server, "/")[1], body)  # a program that says nothing
        self.assertIn(b"<!doctype html>", self.get(server, "/", {"Accept": "text/html,*/*;q=0.8"})[1])

    def test_search_shape_and_order(self):
        server = self.serve()
        status, body = self.get(server, "/q/the%20old%20boat")
        self.assertEqual(status, 200)
        self.assertRegex(body, rb'^\{"query":"the old boat","docs":\[\{"id":\d+,"name":')
        self.assertRegex(body, rb'\}\],"results":\[(\{"id":\d+,"score":-?\d\.\d+\},?)+\]\}$')
        answer = json.loads(body)
        self.assertEqual([d["id"] for d in answer["docs"]], [FIRST, FIRST + 2, FIRST + 3, FIRST + 4, FIRST + 5])
        self.assertEqual(answer["docs"], [document(i) for i in (0, 2, 3, 4, 5)])
        scores = [hit["score"] for hit in answer["results"]]
        self.assertEqual(scores, sorted(scores, reverse=True))
        self.assertEqual(answer["results"][0]["id"], FIRST + 2)
        self.assertAlmostEqual(scores[0], 1, places=3)
        self.assertEqual({hit["id"] for hit in answer["results"]}, {d["id"] for d in answer["docs"]})
        self.assertEqual(body, re.sub(rb'("docs":)\[.*\](,"results")',
                                      lambda m: m[1] + compact(answer["docs"]) + m[2], body))

    def test_queries_are_one_encoded_segment(self):
        server = self.serve()
        for encoded, text in (("a%2Fb", "a/b"), ("a+b", "a+b"), ("a%2Bb", "a+b"), ("%25", "%"), ("%C3%BC", "ü"),
                              ("a%20%20b", "a  b"), ("a%22b%5C", 'a"b\\'), ("%3F%23", "?#"), ("a;b:c@d", "a;b:c@d"),
                              ("x?limit=3", "x"), ("%E4%B8%AD", "中"), ("..", ".."), ("%00", "\0")):
            status, body = self.get(server, "/q/" + encoded)
            self.assertEqual((status, json.loads(body)["query"]), (200, text), encoded)
        for path in ("/q/", "/q", "/q/a/b", "/q//"):
            self.assertEqual(self.get(server, path)[0], 404, path)
        for lone, text in (("100%", "100%"), ("80%%20of", "80% of"), ("%zz", "%zz"), ("%4", "%4"), ("%", "%")):
            status, body = self.get(server, "/q/" + lone)
            self.assertEqual((status, json.loads(body)["query"]), (200, text), lone)
        self.assertEqual(json.loads(self.get(server, f"{DIRS}/pkg/o'brien%_")[1])["docs"], [document(3)])
        self.assertEqual(self.get(server, "/docs/100%"), (404, b'{"msg":"Not Found :-("}'))
        self.assertEqual(self.get(server, "/q/%FF")[0], 200)  # no UTF-8: it is read as U+FFFD
        status, body = self.get(server, "/q/" + "long%20" * (65536 // 7))
        self.assertEqual((status, json.loads(body)["query"]), (200, "long " * (65536 // 7)))
        self.assertEqual(self.get(server, "/q/" + "x" * 100_000)[0], 431)

    def test_directories(self):
        server = self.serve()
        files = ["pkg/b.go", "cmd/a.go", "pkg/[x]*?.go", "pkg/o'brien%_.go", "päckchen/ü.go"]
        self.assertEqual(self.get(server, DIRS), (200, compact(files)))

        def ids(path):
            status, body = self.get(server, DIRS + path)
            self.assertEqual(status, 200, body)
            answer = json.loads(body)
            self.assertEqual(list(answer), ["query", "docs", "results"])
            self.assertIsNone(answer["results"])
            return [d["id"] - FIRST for d in answer["docs"]]

        self.assertEqual(self.get(server, DIRS + "/cmd/")[1],
                         compact({"query": "cmd/", "docs": [document(1)], "results": None}))
        self.assertEqual(ids("/"), [0, 1, 2, 3, 4, 5])
        self.assertEqual(ids("/pkg"), [0, 2, 3, 4])
        self.assertEqual(ids("/pkg/b.go"), [0, 4])
        self.assertEqual(ids("/pkg%2Fb.go"), [0, 4])
        self.assertEqual(ids("/pkg?offset=1&limit=2"), [2, 3])
        self.assertEqual(ids("/pkg?limit=0"), [])
        self.assertEqual(ids("/pkg?offset=9"), [])
        self.assertEqual(ids("/pkg?offset=18446744073709551615&limit=18446744073709551615"), [])
        self.assertEqual(ids("/pkg?unknown=x"), [0, 2, 3, 4])
        self.assertEqual(ids("/nowhere"), [])
        self.assertEqual(ids("/p%C3%A4ckchen"), [5])

    def test_names_with_meaning_elsewhere_are_literal(self):
        server = self.serve()
        for prefix, expected in (("*", []), ("pkg/*", []), ("pkg/?", []), ("pkg/[", [2]), ("pkg/[x]*?", [2]), ("%", []),
                                 ("pkg/o'", [3]), ("pkg/o'brien%_", [3]), ("pkg/_", []), ("' OR 1=1 --", []), ("PKG", [])):
            quoted = "".join(f"%{byte:02X}" for byte in prefix.encode())
            answer = json.loads(self.get(server, f"{DIRS}/{quoted}")[1])
            self.assertEqual(answer["query"], prefix)
            self.assertEqual([d["id"] - FIRST for d in answer["docs"]], expected, prefix)

    def test_bad_pages_are_400(self):
        server = self.serve()
        for query in ("offset=x", "limit=x", "offset=-1", "limit=", "limit=1.0", "limit=1e3", "limit=18446744073709551616",
                      "limit=1&limit=2", "offset=%zz", "limit=+1", "limit= 1".replace(" ", "%20")):
            self.assertEqual(self.get(server, f"{DIRS}/pkg?{query}")[0], 400, query)

    def test_one_document(self):
        server = self.serve()
        extra = {"code": "code 0\t\u0001", "background": "background 0", "analysis": None, "purpose": None, "comment": None,
                 "opinion": None}
        self.assertEqual(self.get(server, f"/docs/{FIRST}"), (200, compact(document(0, extra))))
        extra = dict.fromkeys(extra, None) | {"code": "code 1\t\u0001"}
        self.assertEqual(self.get(server, f"/docs/{FIRST + 1}"), (200, compact(document(1, extra))))
        for unknown in ("5", "0", "18446744073709551615", "18446744073709551616", "-1", "abc", "1.5", "%27", f"{FIRST}x", "%00"):
            self.assertEqual(self.get(server, f"/docs/{unknown}"), (404, b'{"msg":"Not Found :-("}'), unknown)
        self.assertEqual(self.get(server, "/docs/")[0], 404)
        self.assertEqual(server.request("POST", f"/docs/{FIRST}", {})[0], 405)

    def test_compressed_by_accept_encoding(self):
        make_database(self.path)
        with sqlite3.connect(self.path) as database:  # small bodies are not worth it
            database.execute("UPDATE functions SET code = hex(zeroblob(900)), file = file || hex(zeroblob(200))")
            database.execute("UPDATE function_analyses SET summary = summary || hex(zeroblob(200))")
        database.close()
        server = self.serve(rows=None)
        for path in ("/healthz", "/", "/q/fish", DIRS, f"{DIRS}/pkg", f"/docs/{FIRST}"):
            plain = self.get(server, path)[1]
            for accept, coding in (("gzip", "gzip"), ("deflate", "deflate"), ("br, gzip;q=0.5, deflate;q=0.1", "gzip"),
                                   ("gzip;q=0", None), ("identity", None), ("br", None)):
                with server.connect() as connection:
                    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: {accept}\r\n"
                                       "Connection: close\r\n\r\n".encode())
                    head, _, body = b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")
                named = re.search(rb"\r\nContent-Encoding: (\w+)", head)
                self.assertEqual(head[9:12], b"200")
                if coding is None or path == "/healthz":
                    self.assertIsNone(named, (path, accept))
                else:
                    self.assertEqual(named and named[1].decode(), coding, (path, accept))
                    self.assertIn(b"\r\nVary:", head)
                    body = gzip.decompress(body) if coding == "gzip" else zlib.decompress(body)
                self.assertEqual(body, plain, (path, accept))

    def test_empty_index(self):
        server = self.serve(rows=0)
        self.assertEqual(self.get(server, "/")[1], b'{"total":0,"analyzed":0,"samples":[]}')
        self.assertEqual(self.get(server, "/q/fish")[1], b'{"query":"fish","docs":[],"results":[]}')
        self.assertEqual(self.get(server, DIRS)[1], b"[]")
        self.assertEqual(self.get(server, DIRS + "/x")[1], b'{"query":"x","docs":[],"results":null}')
        self.assertEqual(self.get(server, "/docs/1")[0], 404)

    def test_functions_without_analyses(self):
        make_database(self.path)
        with sqlite3.connect(self.path) as database:
            database.execute("DELETE FROM function_analyses")
        database.close()
        server = self.serve(rows=None)
        self.assertEqual(self.get(server, "/")[1], b'{"total":6,"analyzed":0,"samples":[]}')
        self.assertEqual(json.loads(self.get(server, "/q/fish")[1])["docs"], [])

    def test_the_key_is_asked_for(self):
        server = self.serve("--api-key", "secret")
        self.assertEqual(self.get(server, "/healthz")[0], 200)
        self.assertEqual(self.get(server, "/", {"Accept": "text/html"})[0], 200)  # the page, without data
        for path in ("/", "/q/fish", DIRS, f"/docs/{FIRST}"):
            self.assertEqual(self.get(server, path)[0], 401, path)
            self.assertEqual(self.get(server, path, {"Authorization": "Bearer secret"})[0], 200, path)

    def test_the_documents_api_is_there_too(self):
        server = self.serve()
        answer = json.loads(server.request("POST", "/indexes/functions/search", {"q": "boat"})[1])
        self.assertEqual(answer["hits"][0]["document"]["name"], "f2")
        # The next start would undo what was written there beside Kuberian's tables: nothing is.
        added = {"id": 7, "name": "new", "file": "z.go", "line": {"start": 1, "end": 2}, "summary": "a whale"}
        for method, path, body in (("POST", "/documents?wait=true", added), ("POST", "/documents/delete", {"ids": [str(FIRST)]}),
                                   ("DELETE", f"/documents/{FIRST}", None), ("DELETE", "", None)):
            status, answer = server.request(method, "/indexes/functions" + path, body)
            self.assertEqual((status, json.loads(answer)["error"]["code"]), (403, "read_only"), (method, path))
        self.assertEqual(json.loads(self.get(server, "/")[1])["total"], 6)
        self.assertEqual(server.request("POST", "/indexes/mine/documents?wait=true", {"id": 1, "text": "a whale"})[0], 200)

    def test_a_store_of_functions_takes_more(self):
        lines = pathlib.Path(self.folder.name) / "functions.jsonl"
        lines.write_text(json.dumps({"id": 1, "name": "f", "signature": "func f()", "file": "a.go", "code": "x",
                                     "line": {"from": 1, "to": 2}, "parsed": {"tldr": "good", "purpose": "fish"}}) + "\n")
        made = run("index", "add", str(lines), "--index", self.path, "--name", "functions", "--model", TINY)
        self.assertEqual(made.returncode, 0, made.stderr)
        server = self.serve(rows=None)
        added = {"id": 7, "name": "new", "file": "z.go", "line": {"start": 1, "end": 2}, "summary": "a whale"}
        self.assertEqual(server.request("POST", "/indexes/functions/documents?wait=true", added)[0], 200)
        self.assertEqual(json.loads(self.get(server, "/")[1])["total"], 2)
        self.assertEqual(json.loads(self.get(server, "/q/a%20whale")[1])["results"][0]["id"], 7)
        self.assertEqual(json.loads(self.get(server, DIRS)[1])[1], "z.go")


class StartTest(KuberianTest):
    def test_vectors_are_kept_and_changes_seen(self):
        first = self.serve()
        answer = self.get(first, "/q/fish")
        self.assertEqual(first.end(), 0)
        second = self.serve(rows=None)
        second.wait_for("changed=0 removed=0")
        self.assertEqual(self.get(second, "/q/fish"), answer)
        self.assertEqual(second.end(), 0)
        with sqlite3.connect(self.path) as database:
            database.execute("DELETE FROM functions WHERE id = ?", (FIRST,))
            database.execute("UPDATE function_analyses SET summary = 'a purple whale' WHERE function_id = ?", (FIRST + 2,))
        database.close()
        third = self.serve(rows=None)
        third.wait_for("changed=1 removed=1")
        hits = json.loads(self.get(third, "/q/a%20purple%20whale")[1])["results"]
        self.assertEqual(hits[0]["id"], FIRST + 2)
        self.assertEqual(self.get(third, f"/docs/{FIRST}")[0], 404)

    def test_original_tables_are_left_alone(self):
        make_database(self.path)
        def original():
            # Not a whole dump: the index's words need the program's own tokenizer.
            with sqlite3.connect(self.path) as database:
                tables = database.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'minnow%' AND name NOT LIKE 'sqlite%'").fetchall()
                rows = {name: database.execute(f'SELECT * FROM "{name}"').fetchall() for name, _ in tables}
            database.close()
            return sorted(tables), rows

        before = original()
        self.assertEqual(self.serve(rows=None).end(), 0)
        self.assertEqual(original(), before)

    def test_a_database_that_cannot_be_written_to(self):
        make_database(self.path)
        size = os.path.getsize(self.path)
        server = self.serve("--read-only", rows=None)
        server.wait_for("cannot be written to")
        folder = re.search(r"folder=(\S+)", server.lines())[1]
        self.assertTrue(os.path.isdir(folder))
        self.assertEqual(len(json.loads(self.get(server, "/q/fish")[1])["results"]), 5)
        self.assertEqual(os.path.getsize(self.path), size)
        self.assertEqual(server.end(), 0)
        self.assertFalse(os.path.exists(folder))
        # Once it has its vectors, nothing needs to be written.
        self.assertEqual(self.serve(rows=None).end(), 0)
        server = self.serve("--read-only", rows=None)
        self.assertNotIn("cannot be written to", server.lines())
        self.assertEqual(len(json.loads(self.get(server, "/q/fish")[1])["results"]), 5)

    def test_ci_loads_everything_and_ends(self):
        make_database(self.path)
        result = run("serve", "--kuberian", "--ci", "--offline", env={"MINNOW_MODEL": TINY, "DATABASE_URL": self.path})
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(b"changed=6", result.stderr)
        server = self.serve(rows=None)
        server.wait_for("changed=0")

    def test_model_from_the_hub_cache(self):
        make_database(self.path)
        home = pathlib.Path(self.folder.name) / "hf"
        model = home / "hub/models--sentence-transformers--all-MiniLM-L6-v2"
        shutil.copytree(TINY, model / "snapshots/abc123")
        (model / "refs/refs/pr").mkdir(parents=True)
        (model / "refs/refs/pr/21").write_text("abc123")
        for arguments in ((), ("--revision", "refs/pr/21"), ("--offline", "--revision", "abc123"),
                          ("--model-id", "sentence-transformers/all-MiniLM-L6-v2")):
            server = Server("--kuberian", *arguments, model=None, env={"HF_HOME": str(home), "DATABASE_URL": self.path})
            self.addCleanup(server.close)
            self.assertEqual(len(json.loads(self.get(server, "/q/fish")[1])["results"]), 5)
            self.assertEqual(server.end(), 0)
        for arguments in (("--revision", "main"), ("--model-id", "org/other"), ("--model-id", "../x")):
            result = run("serve", "--kuberian", self.path, "--port", "0", *arguments, env={"HF_HOME": str(home)})
            self.assertEqual(result.returncode, 1, arguments)
            self.assertIn(arguments[1].encode(), result.stderr)

    def test_second_signal_leaves_no_temporary_folder(self):
        temporary = pathlib.Path(self.folder.name) / "temporary"
        temporary.mkdir()
        server = self.serve("--read-only", "--shutdown-delay-seconds", "60", env={"TMPDIR": str(temporary)})
        self.assertEqual(len(list(temporary.iterdir())), 1)
        server.process.send_signal(signal.SIGTERM)
        server.wait_for("draining")
        self.assertEqual(server.end(), -signal.SIGTERM)
        self.assertEqual(list(temporary.iterdir()), [])

    def test_refuses_to_start(self):
        def refused(part, path, *arguments):
            result = run("serve", "--model", TINY, "--port", "0", "--kuberian", path, *arguments)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(part, result.stderr.decode())

        refused("no such file", self.path)
        pathlib.Path(self.path).write_text("no database at all, but long enough to be read as one" * 20)
        refused(self.path, self.path)
        os.remove(self.path)
        with sqlite3.connect(self.path) as database:
            database.execute("CREATE TABLE other (x)")
        database.close()
        refused("neither Kuberian's tables", self.path)
        refused("--index", self.path, "--index", "x.db")

    def test_another_model_is_refused_unless_told_so(self):
        self.assertEqual(self.serve().end(), 0)
        other = str(pathlib.Path(self.folder.name) / "other")
        shutil.copytree(TINY, other)
        config = json.loads((pathlib.Path(other) / "1_Pooling/config.json").read_text())
        config["pooling_mode_mean_tokens"], config["pooling_mode_cls_token"] = False, True
        (pathlib.Path(other) / "1_Pooling/config.json").write_text(json.dumps(config))
        result = run("serve", "--model", other, "--kuberian", self.path, "--port", "0")
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"index \"functions\"", result.stderr)
        server = self.serve("--reembed", rows=None, model=other)
        self.assertEqual(len(json.loads(self.get(server, "/q/fish")[1])["results"]), 5)


if __name__ == "__main__":
    unittest.main()
