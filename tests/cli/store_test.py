# SPDX-License-Identifier: Apache-2.0
"""Black-box tests of a store's file: what is none of ours, and what it remembers."""
import json
import shutil
import sqlite3
import subprocess

import index_test
from index_test import DONE, FAILED, OTHER_MODEL, USAGE
from program import TINY, environment, run


class OtherPrograms(index_test.IndexTest):
    def files(self):
        return {path.name: path.read_bytes() for path in self.root.iterdir() if not path.name.endswith("-shm")}

    def commands(self, path):
        yield self.add("a.jsonl", store=path)
        yield self.add("a.jsonl", "--name", "other", store=path)
        yield run("search", "x", "--index", path, "--mode", "lexical")
        for arguments in (("list",), ("stats",), ("verify",), ("compact",), ("delete", "1"), ("delete", "--whole-index"),
                          ("backup", str(self.root / "copy.db"))):
            yield run("index", *arguments, "--index", path)
        yield run("bundle", "--index", path, "--model", OTHER_MODEL, "-o", str(self.root / "program"))
        # Its tables are not Kuberian's either.
        for arguments in (("--index", path), ("--kuberian", path)):
            yield run("serve", "--model", TINY, "--port", "0", *arguments)

    def test_are_refused_and_stay_byte_for_byte(self):
        self.write("a.jsonl", [{"id": "1", "text": "fish"}])
        for mode in ("delete", "wal"):
            path = str(self.root / f"{mode}.db")
            with sqlite3.connect(path) as database:
                database.execute(f"PRAGMA journal_mode={mode}")
                database.execute("CREATE TABLE cookies(name TEXT)")
                database.execute("INSERT INTO cookies VALUES('theirs')")
            database.close()
            before = self.files()
            for result in self.commands(path):
                with self.subTest(mode=mode, command=result.args[1:]):
                    self.assertEqual(result.returncode, FAILED, result.stderr)
                    self.assertIn(path, result.stderr.decode())
                    self.assertEqual(self.files(), before)
        self.assert_error(self.add("a.jsonl", store=path), FAILED, '"cookies"', "left as it is")

    def test_also_while_they_write(self):
        self.write("a.jsonl", [{"id": "1", "text": "fish"}])
        path = str(self.root / "live.db")
        database = sqlite3.connect(path)
        self.addCleanup(database.close)
        database.execute("PRAGMA journal_mode=wal")
        database.execute("CREATE TABLE cookies(name TEXT)")  # in the log alone
        before = self.files()
        self.assert_error(self.add("a.jsonl", store=path), FAILED, '"cookies"')
        self.assertEqual(self.files(), before)
        self.assertEqual(database.execute("PRAGMA journal_mode").fetchone(), ("wal",))


class RememberedModel(index_test.IndexTest):
    def setUp(self):
        super().setUp()
        self.write("a.jsonl", [{"id": str(i), "text": index_test.sentence(i)} for i in range(20)])
        self.model = self.root / "model"
        shutil.copytree(TINY, self.model)

    def ask(self, *arguments, **options):
        return run("search", "fish", "--index", self.store, "--json", *arguments, **options)

    def test_search_finds_it(self):
        self.added("a.jsonl", model="model")  # relative to where index add runs
        self.assertEqual(self.stats()["model"]["path"], str(self.model))
        text = run("index", "stats", "--index", self.store).stdout.decode()
        self.assertIn(f"model path      {self.model}\n", text)
        asked = self.ask(cwd="/")
        self.assertEqual(asked.returncode, DONE, asked.stderr)
        self.assertEqual(asked.stdout, self.ask("--model", TINY).stdout)
        self.assert_error(self.ask(env={"MINNOW_MODEL": OTHER_MODEL}), FAILED, "checksum")

    def test_in_the_precision_of_its_vectors(self):
        self.added("a.jsonl", "--dtype", "int8", model=str(self.model))
        asked = self.ask()
        self.assertEqual(asked.returncode, DONE, asked.stderr)
        self.assertEqual(asked.stdout, self.ask("--model", TINY, "--dtype", "int8").stdout)
        self.assert_error(self.ask("--dtype", "fp32"), FAILED, "int8", "fp32")

    def test_index_add_finds_it(self):
        for arguments, part in ((("b.jsonl",), "--model is required"), (("--reembed",), "--model is required")):
            refused = run("index", "add", *arguments, "--index", self.store, cwd=self.root)
            self.assert_error(refused, USAGE, part)
        self.added("a.jsonl", "--dtype", "int8", model=str(self.model))
        self.write("b.jsonl", [{"id": "new", "text": "a new fish"}])
        added = run("index", "add", "b.jsonl", "--index", self.store, "--json", cwd=self.root)
        self.assertEqual(added.returncode, DONE, added.stderr)
        self.assertEqual(json.loads(added.stdout)["embedded_chunks"], 1)
        self.assertEqual(self.stats()["model"]["dtype"], "int8")
        refused = run("index", "add", "b.jsonl", "--index", self.store, "--name", "other", cwd=self.root)
        self.assert_error(refused, FAILED, '--model: index "other"', "has no vectors yet")
        shutil.rmtree(self.model)
        refused = run("index", "add", "b.jsonl", "--index", self.store, cwd=self.root)
        self.assert_error(refused, FAILED, "give that model with --model\n")

    def test_one_that_moved(self):
        self.added("a.jsonl", model=str(self.model))
        moved = self.root / "elsewhere"
        self.model.rename(moved)
        self.assert_error(self.ask(), FAILED, "--model", str(self.model), "--mode lexical")
        self.assertEqual(self.ask("--mode", "lexical").returncode, DONE)
        self.assertEqual(self.ask("--model", str(moved)).returncode, DONE)
        # Nothing is to be embedded; where the model lies now is noted.
        self.assertEqual(self.added("a.jsonl", model=str(moved))["embedded_chunks"], 0)
        self.assertEqual(self.stats()["model"]["path"], str(moved))
        self.assertEqual(self.ask().returncode, DONE)

    def test_one_that_changed(self):
        self.added("a.jsonl", model=str(self.model))
        shutil.rmtree(self.model)
        shutil.copy(OTHER_MODEL, self.model)
        self.assert_error(self.ask(), FAILED, "--model", str(self.model), "--mode lexical")
        self.assert_error(self.ask("--dtype", "int8"), FAILED, "checksum", str(self.model))

    def test_a_bundled_program_uses_its_own(self):
        self.added("a.jsonl", model=OTHER_MODEL)
        program = self.root / "program"
        made = run("bundle", "--model", OTHER_MODEL, "--index", self.store, "-o", str(program))
        self.assertEqual(made.returncode, DONE, made.stderr)
        kept = self.ask().stdout
        for arguments in ((), ("--index", self.store)):
            with self.subTest(arguments):
                asked = self.run_program(program, "search", "fish", "--json", *arguments)
                self.assertEqual((asked.returncode, asked.stdout), (DONE, kept), asked.stderr)
        stats = self.run_program(program, "index", "stats", "--json")
        self.assertEqual(json.loads(stats.stdout)["model"]["path"], OTHER_MODEL)
        # What a bundled program's own model makes lies at no path.
        other = str(self.root / "other.db")
        made = self.run_program(program, "index", "add", str(self.root / "a.jsonl"), "--index", other)
        self.assertEqual(made.returncode, DONE, made.stderr)
        self.assertIsNone(self.stats(store=other)["model"]["path"])
        self.assert_error(run("search", "fish", "--index", other), FAILED, "not known")

    def run_program(self, program, *arguments):
        return subprocess.run([str(program), *arguments], capture_output=True, timeout=60, env=environment())


class Queries(index_test.IndexTest):
    def test_a_line_that_is_no_query_costs_itself_alone(self):
        self.write("a.jsonl", [{"id": "1", "text": "fish"}, {"id": "2", "text": "boat"}])
        self.added("a.jsonl")
        queries = self.write("q.txt", b"fish\nfi\xffsh\n" + b"x" * 1_100_000 + b"\nboat")
        result = run("search", "--queries", queries, "--index", self.store, "--json", "-k", "1")
        self.assertEqual([json.loads(line)["query"] for line in result.stdout.splitlines()], ["fish", "boat"])
        self.assert_error(result, FAILED, f"{queries}: line 2: is not UTF-8\n", f"{queries}: line 3: longer than 1048576 bytes\n",
                          f"{queries}: 2 of 4 lines refused\n", lines=3)
