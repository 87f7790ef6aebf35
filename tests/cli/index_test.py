# SPDX-License-Identifier: Apache-2.0
"""Black-box tests of minnow index and minnow search: files in, answers out, and what is refused."""
import json
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import unittest

from program import FIXTURES, PROGRAM, TINY, environment, run

DONE, FAILED, USAGE = 0, 1, 2
OTHER_MODEL = str(FIXTURES / "packed_v1/tiny_bert_int8_int8.minnow")
WORDS = "fish river boat sea water small deep old green stone bird sky moves sleeps under over with and the a".split()


def sentence(seed, words=9):
    chooser = random.Random(seed)
    return " ".join(chooser.choice(WORDS) for _ in range(words))


class IndexTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        self.store = str(self.root / "my.db")

    def write(self, name, content):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, list):
            content = "".join(json.dumps(line) + "\n" for line in content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def add(self, *arguments, store=None, model=TINY, **options):
        return run("index", "add", *arguments, "--index", store or self.store, "--model", model, cwd=self.root, **options)

    def added(self, *arguments, **options):
        """The summary of an add that succeeds."""
        result = self.add("--json", *arguments, **options)
        self.assertEqual(result.returncode, DONE, result.stderr)
        return json.loads(result.stdout)

    def search(self, query, *arguments, store=None, model=TINY):
        result = run("search", query, "--index", store or self.store, "--json", *(("--model", model) if model else ()),
                     *arguments)
        self.assertEqual(result.returncode, DONE, result.stderr)
        line = json.loads(result.stdout)
        self.assertEqual(line["query"], query)
        return line["hits"]

    def ids(self, query, *arguments, **options):
        return [hit["id"] for hit in self.search(query, *arguments, **options)]

    def stats(self, *arguments, store=None):
        result = run("index", "stats", "--index", store or self.store, "--json", *arguments)
        self.assertEqual(result.returncode, DONE, result.stderr)
        return json.loads(result.stdout)

    def assert_error(self, result, code, *parts, lines=1):
        message = result.stderr.decode()
        self.assertEqual(result.returncode, code, message)
        self.assertTrue(message.startswith("minnow: "), message)
        if lines:
            self.assertEqual(message.count("\n"), lines, message)
        for part in parts:
            self.assertIn(part, message)


class AddTest(IndexTest):
    def test_json_lines(self):
        self.write("a.jsonl", [{"id": "fish", "text": "a small fish"}, {"id": 7, "text": "the old boat"}])
        summary = self.added("a.jsonl")
        self.assertEqual((summary["added"], summary["embedded_chunks"], summary["pending_chunks"]), (2, 2, 0))
        self.assertEqual(set(self.ids("fish")), {"fish", "7"})
        again = self.added("a.jsonl")
        self.assertEqual((again["added"], again["unchanged"], again["embedded_chunks"]), (0, 2, 0))
        self.write("a.jsonl", [{"id": "fish", "text": "a large fish"}, {"id": 7, "text": "the old boat"}])
        changed = self.added("a.jsonl")
        self.assertEqual((changed["replaced"], changed["unchanged"], changed["embedded_chunks"]), (1, 1, 1))

    def test_equal_texts_are_embedded_once(self):
        self.write("a.jsonl", [{"id": f"same{i}", "text": "a small fish"} for i in range(5)] + [{"id": "other", "text": "the old boat"}])
        summary = self.added("a.jsonl")
        self.assertEqual((summary["embedded_chunks"], summary["embedded_texts"], summary["pending_chunks"]), (6, 2, 0))
        text = self.add("a.jsonl", store=str(self.root / "text.db")).stdout.decode()
        self.assertRegex(text, r"\n6 chunks embedded in \d+\.\d s, as 2 texts: \d+ texts/s, \d+ tokens/s\n")
        self.write("b.jsonl", [{"id": "fish", "text": "a small fish"}, {"id": "boat", "text": "the old boat"}])
        once = self.added("b.jsonl", store=str(self.root / "once.db"))
        self.assertEqual(summary["embedded_tokens"], once["embedded_tokens"])
        hits = self.search("fish", "--mode", "semantic")
        self.assertEqual({hit["id"] for hit in hits[:5]}, {f"same{i}" for i in range(5)})
        self.assertEqual(len({hit["score"] for hit in hits[:5]}), 1)

    def test_other_formats(self):
        self.write("a.json", '[{"id": 1, "text": "fish"},\n {"id": 2, "text": "boat"}]')
        self.write("b.csv", 'id,title,text,stars\nc1,One,"small, ""green"" fish",3\nc2,Two,bird,4\n')
        self.write("c.ndjson", '{"id":"n","text":"no line break at the end"}')
        self.write("d.md", "---\ntitle: River\n---\n# Water\nThe river moves.\n")
        self.write("e.txt", "Stone.")
        self.write("f.py", "def swim(fish):\n    return fish\n")
        summary = self.added("a.json", "b.csv", "c.ndjson", "d.md", "e.txt", "f.py")
        self.assertEqual((summary["added"], summary["files"]), (8, 6))
        self.assertEqual(self.ids("green fish", "--mode", "lexical", "-k", "1", model=None), ["c1"])
        self.assertIn("f.py#swim", self.ids("swim", "--mode", "lexical", model=None))
        hit, = self.search("river", "--mode", "lexical", "-k", "1", "--attributes", "title,path", model=None)
        self.assertEqual(hit["document"], {"path": "d.md", "title": "River"})

    def test_fields(self):
        self.write("a.jsonl", [{"key": "x", "head": "fish", "body": "river", "other": "boat"}])
        self.assertEqual(self.added("a.jsonl", "--text-fields", "head,body", "--id-field", "key")["added"], 1)
        self.assertEqual(self.ids("boat", "--mode", "lexical", model=None), [])
        self.assertEqual(self.ids("river", "--mode", "lexical", model=None), ["x"])
        self.assertEqual(self.stats()["text_fields"], ["head", "body"])
        self.assert_error(self.add("a.jsonl", "--text-fields", "other"), FAILED, "head,body", "--name")
        self.assertEqual(self.added("a.jsonl", "--text-fields", "other", "--id-field", "key", "--name", "second")["added"], 1)
        listed = json.loads(run("index", "list", "--index", self.store, "--json").stdout)
        self.assertEqual([index["name"] for index in listed], ["default", "second"])

    def test_kuberian_lines(self):
        line = {"id": 100, "name": "f", "signature": "func f()", "file": "cmd/x.go", "code": "func f() {}",
                "line": {"from": 1, "to": 2}, "parsed": {"purpose": "p", "tldr": "opinion"},
                "result": "In one sentence, this is a function that finds fish."}
        self.write("k.jsonl", [line, {**line, "id": 101, "parsed": None, "result": None}])
        self.assertEqual(self.added("k.jsonl")["added"], 2)
        stats = self.stats()
        self.assertEqual((stats["text_fields"], stats["documents"], stats["chunks"]), (["summary"], 2, 1))
        hit, = self.search("fish", "--mode", "lexical", "--attributes", "line,opinion,summary", model=None)
        self.assertEqual(hit["id"], "100")
        self.assertEqual(hit["document"], {"line": {"start": 1, "end": 2}, "summary": "finds fish.", "opinion": "opinion"})

    def test_standard_input(self):
        summary = self.added("-", stdin=b'{"id":"a","text":"fish"}\n{"id":"b","text":"boat"}')
        self.assertEqual(summary["added"], 2)

    def test_wrong_lines_are_told_and_the_rest_is_added(self):
        self.write("a.jsonl", b'{"id":"a","text":"fish"}\nnonsense\n\n{"text":"no id"}\n{"id":"","text":"x"}\n[1]\n'
                   b'{"id":"b","text":{}}\n{"id":"\xff","text":"x"}\n{"id":"c","text":"boat"}')
        result = self.add("a.jsonl", "--json")
        self.assert_error(result, FAILED, "a.jsonl: line 2: ", "a.jsonl: line 4: field \"id\"", "a.jsonl: line 5: id", "a.jsonl: line 6: ",
                          "a.jsonl: line 7: text", "a.jsonl: line 8: not UTF-8", "6 records rejected, 2 documents kept", lines=7)
        summary = json.loads(result.stdout)
        self.assertEqual((summary["added"], summary["rejected"], summary["pending_chunks"]), (2, 6, 0))
        self.assertEqual(self.stats()["documents"], 2)

    def test_a_line_above_the_limit(self):
        path = self.root / "a.jsonl"
        path.write_bytes(b'{"id":"a","text":"fish"}\n')
        with path.open("r+b") as file:
            file.seek(100 << 20)
            file.write(b'\n{"id":"b","text":"boat"}\n')
        self.assert_error(self.add("a.jsonl"), FAILED, "a.jsonl: line 2: longer than 33554432 bytes", "1 record rejected", lines=2)
        self.assertEqual(self.stats()["documents"], 2)

    def test_different_records_with_one_id(self):
        self.write("a.jsonl", [{"id": "a", "text": "fish"}, {"id": "a", "text": "boat"}, {"id": "b", "text": "sea"}])
        self.write("b.csv", "id,text\nc,sky\nb,stone\n")
        for added, unchanged in ((3, 0), (0, 3)):
            result = self.add("a.jsonl", "b.csv", "--json")
            self.assert_error(result, FAILED, 'a.jsonl: line 2: has the id "a", as a.jsonl: line 1 has',
                              'b.csv: line 3: has the id "b", as a.jsonl: line 3 has', "2 records rejected, 3 documents kept", lines=3)
            summary = json.loads(result.stdout)
            self.assertEqual((summary["added"], summary["unchanged"], summary["embedded_chunks"]), (added, unchanged, added))
        self.assertEqual(self.ids("boat", "--mode", "lexical", model=None), [])
        self.assertEqual(self.ids("fish", "--mode", "lexical", model=None), ["a"])
        # Later they may change.
        self.write("c.jsonl", [{"id": "a", "text": "boat"}])
        self.assertEqual(self.added("c.jsonl")["replaced"], 1)

    def test_columns_of_csv_have_one_type(self):
        self.write("a.csv", "id,price,zip,new\n1,19.90,02134,true\n2,19.95,10001,false\n3,,,\n")
        self.added("a.csv")
        for text, ids in (("price < 20", {"1", "2"}), ("price = 19.9", {"1"}), ('zip = "10001"', {"2"}), ("new = true", {"1"})):
            self.assertEqual(set(self.ids("", "--mode", "lexical", "--filter", text, model=None)), ids, text)

    def test_empty_files(self):
        for name in ("a.jsonl", "b.csv", "c.md", "d.txt", "e.json"):
            self.write(name, "")
            self.assert_error(self.add(name), FAILED, name, "no documents", lines=None)
        self.write("f.csv", "id,text\n")
        self.assert_error(self.add("f.csv"), FAILED, "f.csv", "no documents", lines=None)
        self.write("g.json", "[]")
        self.assert_error(self.add("g.json"), FAILED, "g.json", "no documents", lines=None)

    def test_empty_text_is_stored(self):
        self.write("a.jsonl", [{"id": "a", "text": ""}, {"id": "b"}])
        summary = self.added("a.jsonl")
        self.assertEqual((summary["documents"], summary["chunks"]), (2, 0))

    def test_wrong_usage(self):
        self.write("a.jsonl", [{"id": "a", "text": "x"}])
        base = ("index", "add")
        for arguments, part in (((*base, "a.jsonl", "--model", TINY), "--index"), ((*base, "a.jsonl", "--index", "x"), "--model"),
                                ((*base, "--index", "x", "--model", TINY), "FILE"), (("index",), "subcommand"),
                                (("index", "nope"), "index"), (("search", "--index", "x"), "QUERY"),
                                (("search", "x", "--index", "x", "--mode", "magic"), "--mode"),
                                (("search", "x", "--index", "x", "-k", "0"), "--limit"),
                                (("search", "x", "--index", "x", "--queries", "y"), "QUERY"),
                                (("index", "delete", "--index", "x"), "--filter"),
                                (("index", "backup", "--index", "x"), "FILE")):
            with self.subTest(arguments):
                result = run(*arguments, cwd=self.root)
                self.assert_error(result, USAGE, part)
                self.assertEqual(result.stdout, b"")
        self.assertFalse((self.root / "x").exists())

    def test_files_that_are_not_there(self):
        self.assert_error(self.add("none.jsonl"), FAILED, "none.jsonl")
        self.assert_error(self.add("/dev/null"), FAILED, "/dev/null")
        self.write("a.jsonl", [{"id": "a", "text": "x"}])
        self.assert_error(self.add("a.jsonl", model="/nonexistent"), FAILED, "/nonexistent")
        self.assert_error(self.add("a.jsonl", store="/nonexistent/my.db"), FAILED, "/nonexistent")
        self.assertFalse(os.path.exists(self.store))


class StoreTest(IndexTest):
    def setUp(self):
        super().setUp()
        self.write("a.jsonl", [{"id": str(i), "text": sentence(i), "n": i} for i in range(40)])

    def test_a_store_that_is_none(self):
        for content in (b"not a database, but long enough to be looked at as one" * 40,):
            pathlib.Path(self.store).write_bytes(content)
            for result in (self.add("a.jsonl"), run("search", "x", "--index", self.store, "--mode", "lexical"),
                           run("index", "stats", "--index", self.store)):
                self.assert_error(result, FAILED, self.store)
            self.assertEqual(pathlib.Path(self.store).read_bytes(), content)
        self.assert_error(self.add("a.jsonl", store=str(self.root)), FAILED, str(self.root))
        self.assert_error(run("index", "stats", "--index", "/nonexistent.db"), FAILED, "/nonexistent.db")

    def test_another_model(self):
        self.added("a.jsonl")
        before = self.search("fish", "--mode", "semantic", "--exact")
        self.assert_error(self.add("a.jsonl", model=OTHER_MODEL), FAILED, "tiny_bert", "int8", "reembed")
        refused = run("search", "fish", "--index", self.store, "--model", OTHER_MODEL)
        self.assert_error(refused, FAILED, "fp32", "int8", "checksum")
        self.assertEqual(self.search("fish", "--mode", "semantic", "--exact"), before)
        summary = self.added("--reembed", model=OTHER_MODEL)
        self.assertEqual((summary["embedded_chunks"], summary["pending_chunks"]), (summary["chunks"], 0))
        self.assertEqual(self.stats()["model"]["dtype"], "int8")
        self.assertEqual(len(self.ids("fish", model=OTHER_MODEL)), 10)
        self.assertEqual(self.added("--reembed", model=OTHER_MODEL)["embedded_chunks"], 0)

    def test_search_needs_the_model_only_for_meaning(self):
        self.added("a.jsonl")
        self.assertTrue(self.ids("fish", "--mode", "lexical", model=None))
        self.assert_error(run("search", "x", "--index", self.store, "--name", "nope"), FAILED, "nope", "default")

    def test_a_store_that_may_only_be_read(self):
        self.added("a.jsonl")
        expected = self.search("fish")
        folder = pathlib.Path(tempfile.mkdtemp(dir="/tmp"))
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        for path in [pathlib.Path(self.store), *self.root.glob("my.db-vectors*"), pathlib.Path(PROGRAM)]:
            shutil.copy(path, folder)
        shutil.copytree(TINY, folder / "model")
        shutil.copy(self.root / "a.jsonl", folder)
        for path in folder.rglob("*"):
            path.chmod(0o755 if path.is_dir() or path.name == pathlib.Path(PROGRAM).name else 0o444)
        folder.chmod(0o555)
        self.addCleanup(folder.chmod, 0o755)
        nobody = {"user": 65534} if os.geteuid() == 0 else {}

        def start(*arguments):
            return subprocess.run([str(folder / pathlib.Path(PROGRAM).name), *arguments], capture_output=True, cwd=folder,
                                  env=environment(), timeout=60, **nobody)

        answer = start("search", "fish", "--index", "my.db", "--model", "model", "--json")
        self.assertEqual(answer.returncode, DONE, answer.stderr)
        self.assertEqual(json.loads(answer.stdout)["hits"], expected)
        self.assertEqual(start("index", "stats", "--index", "my.db").returncode, DONE)
        self.assertIn(b"full text was not checked", start("index", "verify", "--index", "my.db").stdout)
        self.assertIs(json.loads(start("index", "verify", "--index", "my.db", "--json").stdout)["full_text"], False)
        self.write("b.jsonl", [{"id": "new", "text": "x"}])
        self.assert_error(start("index", "add", "a.jsonl", "--index", "my.db", "--model", "model"), FAILED, "my.db")

    def test_delete(self):
        self.added("a.jsonl")
        deleted = run("index", "delete", "3", "4", "nope", "--index", self.store, "--json")
        self.assertEqual(json.loads(deleted.stdout)["deleted"], 2)
        self.assertEqual(self.stats()["documents"], 38)
        self.assertNotIn("3", self.ids("fish", "-k", "100"))
        filtered = run("index", "delete", "--filter", "n >= 30", "--index", self.store, "--json")
        self.assertEqual(json.loads(filtered.stdout)["deleted"], 10, filtered.stderr)
        wrong = run("index", "delete", "--filter", "n >=", "--index", self.store)
        self.assert_error(wrong, FAILED, "filter")
        whole = run("index", "delete", "--whole-index", "--index", self.store)
        self.assertEqual((whole.returncode, whole.stdout), (DONE, b"28 documents deleted\n"))
        self.assert_error(run("index", "stats", "--index", self.store), FAILED, "default")

    def test_backup_compact_verify(self):
        self.added("a.jsonl")
        expected = self.search("fish")
        copy = str(self.root / "copy.db")
        pathlib.Path(copy).write_text("notes")
        self.assert_error(run("index", "backup", copy, "--index", self.store), FAILED, f"{copy}: is there and is no SQLite database")
        pathlib.Path(copy).unlink()
        self.assertEqual(run("index", "backup", copy, "--index", self.store).returncode, DONE)
        self.assertEqual(run("index", "backup", copy, "--index", self.store).returncode, DONE)  # an older copy is replaced
        self.assertEqual(self.search("fish", store=copy), expected)
        self.assertEqual(run("index", "delete", "1", "--index", self.store).returncode, DONE)
        self.assertEqual(json.loads(run("index", "compact", "--index", self.store, "--json").stdout)["bytes"],
                         os.path.getsize(self.store))
        for store, documents in ((self.store, 39), (copy, 40)):
            verified = run("index", "verify", "--index", store, "--json")
            self.assertEqual(verified.returncode, DONE, verified.stderr)
            self.assertEqual(json.loads(verified.stdout), {"index": store, "documents": documents, "full_text": True})
        self.assert_error(run("index", "backup", "/nonexistent/x.db", "--index", self.store), FAILED, "/nonexistent")
        for command in (("compact",), ("verify",), ("backup", copy + "2")):
            self.assert_error(run("index", *command, "--index", "/nonexistent.db"), FAILED, "/nonexistent.db")
            self.assertFalse(os.path.exists("/nonexistent.db"))

    def test_verify_finds_damage(self):
        self.added("a.jsonl")
        for damage, said in (("minnow_lexical_1_data WHERE id > 100", "full text"),
                             ("minnow_documents_1 WHERE id = 5", "documents")):
            database = sqlite3.connect(self.store)
            database.execute("DELETE FROM " + damage)
            database.commit()
            database.close()
            self.assert_error(run("index", "verify", "--index", self.store), FAILED, self.store, said)

    def test_verify_changes_nothing(self):
        self.added("a.jsonl")
        copy = self.root / "copy.db"  # without a write-ahead log
        database = sqlite3.connect(self.store)
        database.execute("VACUUM INTO ?", (str(copy),))
        database.close()
        for store in (pathlib.Path(self.store), copy):
            before = store.read_bytes()
            verified = run("index", "verify", "--index", str(store))
            self.assertEqual((verified.returncode, verified.stdout), (DONE, f"{store}: good, 40 documents\n".encode()),
                             verified.stderr)
            self.assertEqual(store.read_bytes(), before)


class SearchTest(IndexTest):
    def setUp(self):
        super().setUp()
        self.write("a.jsonl", [{"id": f"d{i}", "text": sentence(i), "n": i, "lang": ["go", "c"][i % 2]} for i in range(60)])
        self.added("a.jsonl")

    def test_json_shape(self):
        result = run("search", "small fish", "--index", self.store, "--model", TINY, "--json", "-k", "3")
        self.assertEqual(result.stdout.count(b"\n"), 1)
        answer = json.loads(result.stdout)
        self.assertEqual(answer["query"], "small fish")
        self.assertEqual(len(answer["hits"]), 3)
        for hit in answer["hits"]:
            self.assertEqual(list(hit), ["id", "score", "semantic_score", "lexical_score", "snippet"])
            self.assertTrue(0 <= hit["score"] <= 1)

    def test_modes(self):
        lexical = self.search("stone", "--mode", "lexical", "-k", "100", model=None)
        expected = {f"d{i}" for i in range(60) if "stone" in sentence(i).split()}
        self.assertEqual({hit["id"] for hit in lexical}, expected)
        semantic = self.search("stone", "--mode", "semantic", "-k", "100", "--exact")
        self.assertEqual(len(semantic), 60)
        scores = [hit["score"] for hit in semantic]
        self.assertEqual(scores, sorted(scores, reverse=True))
        self.assertTrue(all(hit["lexical_score"] is None for hit in semantic))
        # A document is nearest to itself.
        self.assertEqual(self.ids(sentence(7), "--mode", "semantic", "-k", "1"), ["d7"])
        self.assertEqual(len(self.search("stone")), 10)

    def test_filter(self):
        ids = self.ids("fish", "-k", "100", "--filter", 'lang = "go" AND n < 20')
        self.assertEqual(set(ids), {f"d{i}" for i in range(0, 20, 2)})
        self.assert_error(run("search", "x", "--index", self.store, "--mode", "lexical", "--filter", "n ="), FAILED, "filter")

    def test_queries(self):
        queries = self.write("q.txt", "fish\nthe old boat\n\nstone\\tone")
        result = run("search", "--queries", queries, "--index", self.store, "--model", TINY, "--json", "-k", "2")
        lines = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual([line["query"] for line in lines], ["fish", "the old boat", "", "stone\\tone"])
        self.assertEqual(lines[1]["hits"], self.search("the old boat", "-k", "2"))
        piped = run("search", "--queries", "-", "--index", self.store, "--model", TINY, "--json", "-k", "2",
                    stdin=pathlib.Path(queries).read_bytes())
        self.assertEqual(piped.stdout, result.stdout)
        self.assert_error(run("search", "--queries", "/nonexistent", "--index", self.store, "--mode", "lexical"), FAILED,
                          "/nonexistent")

    def test_a_query_without_words_lists(self):
        listed = self.ids("", "-k", "100", "--mode", "lexical", model=None)
        self.assertEqual(len(listed), 60)
        for query in ("", "   ", "\t"):
            for mode in ("hybrid", "semantic"):
                self.assertEqual(self.ids(query, "-k", "100", "--mode", mode), listed, (query, mode))
        self.assertEqual(set(self.ids("", "-k", "100", "--filter", "n < 3")), {"d0", "d1", "d2"})
        piped = run("search", "--queries", "-", "--index", self.store, "--model", TINY, "--json", "-k", "100", stdin=b"\nfish\n")
        first, second = [json.loads(line) for line in piped.stdout.splitlines()]
        self.assertEqual([hit["id"] for hit in first["hits"]], listed)
        self.assertNotEqual([hit["id"] for hit in second["hits"]], listed)
        self.assert_error(run("search", b"fi\xffsh", "--index", self.store, "--model", TINY), FAILED, "the query is not UTF-8")

    def test_text_for_people(self):
        self.write("b.jsonl", [{"id": "esc\u001b[31m", "title": "Title \u0007<b>", "text": "a wonder \u001b[2J <i>&amp; fish"}])
        self.added("b.jsonl")
        result = run("search", "wonder", "--index", self.store, "--mode", "lexical")
        text = result.stdout.decode()
        self.assertNotIn("\u001b", text)
        self.assertNotIn("\u0007", text)
        self.assertRegex(text, r"^ 1  [01]\.\d{3}  esc \[31m  Title <b>\n")
        self.assertIn("wonder [2J <i>&amp; fish", text)
        self.assertEqual(run("search", "zzzz", "--index", self.store, "--mode", "lexical").stdout, b"no hits\n")

    def test_hostile_queries(self):
        for query in ('"', "'; DROP TABLE x", "NEAR(", "a AND", "*", "(", "\x01", "- -", "a" * 10000, "fish\n boat"):
            for mode in ("lexical", "hybrid"):
                result = run("search", "--index", self.store, "--model", TINY, "--mode", mode, "--json", "--", query)
                self.assertEqual(result.returncode, DONE, (query[:20], result.stderr))


class InterruptTest(IndexTest):
    DOCUMENTS = 1500

    def setUp(self):
        super().setUp()
        self.rows = [{"id": f"d{i}", "text": ". ".join(sentence(i * 31 + j, 12) for j in range(12))} for i in range(self.DOCUMENTS)]
        self.write("rows.jsonl", self.rows)

    def start(self, store):
        return subprocess.Popen([PROGRAM, "index", "add", str(self.root / "rows.jsonl"), "--index", store, "--model", TINY, "--json"],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(MINNOW_THREADS="1"))

    def answers(self, store):
        queries = self.write("q.txt", "".join(sentence(i, 5) + "\n" for i in range(20)))
        return [run("search", "--queries", queries, "--index", store, "--model", TINY, "--json", "--exact", "--mode", mode).stdout
                for mode in ("semantic", "lexical")]

    def test_killed_and_run_again(self):
        whole = str(self.root / "whole.db")
        began = time.monotonic()
        child = self.start(whole)
        self.assertEqual(child.wait(120), DONE, child.communicate())
        took = time.monotonic() - began
        child.communicate()
        chooser = random.Random(5)
        kills = 0
        for _ in range(40):
            child = self.start(self.store)
            while kills == 0 and not os.path.exists(self.store) and child.poll() is None:
                time.sleep(0.002)
            try:
                # The first is killed at its beginning: how long it takes is not known on a busy machine.
                child.communicate(timeout=0 if kills == 0 else took * chooser.uniform(0.1, 0.7))
                break
            except subprocess.TimeoutExpired:
                child.kill()
                child.communicate()
                kills += 1
        else:
            self.added("rows.jsonl", timeout=120)
        self.assertGreater(kills, 0)
        self.assertEqual({**self.stats(), "store_bytes": 0}, {**self.stats(store=whole), "store_bytes": 0})
        self.assertEqual(self.answers(self.store), self.answers(whole))

    def test_interrupt_keeps_what_is_done(self):
        child = self.start(self.store)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and child.poll() is None:
            time.sleep(0.02)
            if os.path.exists(self.store):
                stats = run("index", "stats", "--index", self.store, "--json")
                if stats.returncode == DONE and json.loads(stats.stdout)["documents"] > 0:
                    break
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
        if child.returncode == DONE:
            self.skipTest("it was done before the signal")
        self.assertEqual(child.returncode, FAILED, err)
        self.assertIn(b"interrupted", err)
        summary = json.loads(out)
        self.assertTrue(summary["interrupted"])
        self.assertGreater(summary["documents"], 0)
        again = self.added("rows.jsonl", timeout=120)
        self.assertEqual((again["documents"], again["pending_chunks"]), (self.DOCUMENTS, 0))


if __name__ == "__main__":
    unittest.main()
