# SPDX-License-Identifier: Apache-2.0
"""Black-box tests of minnow index add with folders: what is read, the ids, and what --prune deletes."""
import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import time
import unittest

from index_test import DONE, FAILED, OTHER_MODEL, IndexTest
from program import PROGRAM, TINY, environment, run


class FolderTest(IndexTest):
    def setUp(self):
        super().setUp()
        self.write("docs/b.md", "# Boat\nThe old boat.\n")
        self.write("docs/a/fish.md", "# Fish\nA small fish.\n")
        self.write("docs/.hidden/x.md", "hidden")
        self.write("docs/picture.png", b"\x89PNG\0\0")
        self.write("docs/config.json", '{"no": "id"}')
        os.symlink("..", self.root / "docs/loop")
        os.mkfifo(self.root / "docs/pipe")

    def test_walk(self):
        summary = self.added("docs")
        self.assertEqual(summary["added"], 2)
        self.assertEqual(summary["skipped"], {"hidden": 1, "not a regular file": 2, "format not read": 1, "no documents": 1})
        self.assertEqual(set(self.ids("fish")), {"docs/b.md", "docs/a/fish.md"})
        # However the folder is named, nothing has changed.
        for name in ("docs", "./docs/", str(self.root / "docs"), "."):
            self.assertEqual(self.added(name)["unchanged"], 2, name)
        named = self.add("docs", "--verbose").stderr.decode()
        for part in ("loop: not a regular file", "pipe: not a regular file", "picture.png: format not read", ".hidden: hidden",
                     "config.json: no documents"):
            self.assertIn(part, named)

    def test_data_files_whose_first_record_is_wrong(self):
        self.write("docs/f.jsonl", '{"title":"no id"}\n{"id":"a","text":"sea"}\n{"id":"b","text":"sky"}\n')
        self.write("docs/g.json", '[{"no":"id"},{"id":"g","text":"bird"}]')
        self.write("docs/h.csv", "Id,text\n1,stone\n")
        self.write("docs/package.json", '{"name":"p"}')
        result = self.add("docs", "--json")
        self.assert_error(result, FAILED, 'docs/f.jsonl: line 1: field "id" is missing', 'docs/g.json: line 1: field "id" is missing',
                          'docs/h.csv: line 1: no column "id"', "3 records rejected, 5 documents kept", lines=4)
        self.assertEqual(json.loads(result.stdout)["skipped"]["no documents"], 2)
        self.assertLessEqual({"a", "b", "g"}, set(self.ids("sea", "-k", "100")))

    def test_prune(self):
        self.write("docs/c.py", "def one(): pass\n\ndef two(): pass\n")
        self.write("rows.jsonl", [{"id": "docs/row", "path": "docs/elsewhere", "text": "fish"}])
        self.added("docs", "rows.jsonl")
        (self.root / "docs/b.md").unlink()
        self.write("docs/c.py", "def one(): pass\n\ndef three(): pass\n")
        self.assertEqual(self.added("docs")["deleted"], 0)
        self.assertEqual(self.added("docs/a", "--prune")["deleted"], 0)
        summary = self.added("docs", "--prune")
        self.assertEqual((summary["deleted"], summary["documents"]), (2, 4))
        ids = self.ids("fish", "-k", "100")
        self.assertEqual(set(ids), {"docs/a/fish.md", "docs/c.py#one", "docs/c.py#three", "docs/row"})

    def test_prune_keeps_what_no_file_made(self):
        records = [{"id": "docs/zzz.md", "path": "docs/zzz.md", "text": "fish"},
                   {"id": "docs/y.md#f", "path": "docs/y.md", "dir": "docs", "lang": "go", "kind": "code", "text": "boat"}]
        self.write("rows.jsonl", records)
        self.added("docs", "rows.jsonl")
        (self.root / "docs/b.md").unlink()
        self.assertEqual(self.added("docs", "--prune")["deleted"], 1)
        self.assertEqual(set(self.ids("", "-k", "100")), {"docs/a/fish.md", "docs/zzz.md", "docs/y.md#f"})

    def test_prune_of_folders_that_are_empty_now(self):
        self.added("docs")
        shutil.rmtree(self.root / "docs")
        self.assert_error(self.add("docs", "--prune"), FAILED, "docs: cannot open")
        self.assertEqual(self.stats()["documents"], 2)
        (self.root / "docs").mkdir()
        self.assert_error(self.add("docs"), FAILED, "docs: no files to index")
        self.assertEqual(self.added("docs", "--prune")["deleted"], 2)
        self.assertEqual(self.stats()["documents"], 0)

    def test_prune_of_the_current_folder_is_said_twice(self):
        self.added("docs")
        command = ("index", "add", ".", "--prune", "--index", self.store, "--model", TINY)
        self.assert_error(run(*command, cwd=self.root / "docs"), FAILED, "--root .")
        self.assertEqual(self.stats()["documents"], 2)
        (self.root / "docs/b.md").unlink()
        self.assertEqual(self.added(".", "--prune", "--root", ".")["deleted"], 1)

    def add_in(self, folder, *arguments, model=TINY):
        return run("index", "add", *arguments, "--json", "--index", self.store, "--model", model, cwd=self.root / folder)

    def test_prune_of_one_of_two_projects(self):
        for name in ("one", "two"):
            self.write(f"{name}/docs/{name}.md", f"the fish of {name}")
        self.write("one/src/x.md", "the stone")
        add = self.add_in

        def deleted(folder, *arguments):
            result = add(folder, *arguments)
            self.assertEqual(result.returncode, DONE, result.stderr)
            return json.loads(result.stdout)["deleted"]

        part = 'index "default" has files below "docs/" that were added from another folder'
        self.assertEqual(deleted("one", "docs", "src", "--prune"), 0)
        self.assert_error(add("two", "docs", "--prune"), FAILED, part, "--moved")
        self.assertEqual(self.stats()["documents"], 2)
        self.assertEqual(deleted("two", "docs"), 0)
        # Now neither can be pruned below docs; nor can what lies above or below it.
        for folder, *arguments in (("one", "docs"), ("two", "docs"), ("two", "docs/two.md"), ("two", ".", "--root", ".")):
            self.assert_error(add(folder, *arguments, "--prune"), FAILED, "added from another folder")
        # The same folder by other names; a prefix that only one of them has; an index of its own.
        (self.root / "one/src/x.md").write_text("the sky")
        (self.root / "link").symlink_to(self.root / "one")
        self.assertEqual(deleted("link", "src", "--prune"), 0)
        self.assertEqual(deleted("two", "../one/src", "--prune"), 0)
        (self.root / "one/src/x.md").unlink()
        self.assertEqual(deleted("two", str(self.root / "one/src"), "--prune"), 1)
        self.assertEqual(deleted("two", "docs", "--prune", "--name", "two"), 0)
        self.assertEqual(self.stats()["documents"], 2)
        # A project that was moved says so once.
        (self.root / "one").rename(self.root / "three")
        self.assertEqual(deleted("three", "docs", "--prune", "--moved"), 1)
        (self.root / "three/docs/one.md").unlink()
        self.assertEqual(deleted("three", "docs", "--prune"), 1)
        # With the index goes what is known of it.
        self.assertEqual(run("index", "delete", "--whole-index", "--index", self.store).returncode, DONE)
        self.assertEqual(deleted("two", "docs", "--prune"), 0)

    def test_what_is_refused_changes_nothing(self):
        for name in ("one", "two"):
            self.write(f"{name}/docs/{name}.md", f"the fish of {name}")
        self.assertEqual(self.add_in("one", "docs").returncode, DONE)
        before = self.stats()
        self.assert_error(self.add_in("two", "docs", "--prune", "--reembed", model=OTHER_MODEL), FAILED, "another folder")
        self.assertEqual(self.stats(), before)
        # Nor is it noted that files were to come from there.
        self.assert_error(self.add_in("two", "docs", model=OTHER_MODEL), FAILED, "--reembed")
        self.assertEqual(self.add_in("one", "docs", "--prune").returncode, DONE)
        reembedded = self.add_in("one", "docs", "--prune", "--reembed", model=OTHER_MODEL)
        self.assertEqual(json.loads(reembedded.stdout)["embedded_chunks"], 1, reembedded.stderr)

    def test_prune_sees_who_comes_meanwhile(self):
        for name in ("one", "two"):
            self.write(f"{name}/docs/{name}.md", f"the fish of {name}")
        self.assertEqual(self.add_in("one", "docs/one.md").returncode, DONE)
        # Held up by its standard input, when it has noted where it adds from.
        command = [PROGRAM, "index", "add", "docs", "-", "--prune", "--index", self.store, "--model", TINY]
        with contextlib.closing(sqlite3.connect(self.store)) as database:
            def noted():
                return database.execute("SELECT value FROM minnow_meta WHERE key = 'note 1'").fetchone()[0]

            before, end = noted(), time.monotonic() + 60
            pruning = subprocess.Popen(command, cwd=self.root / "one", env=environment(), stdin=subprocess.PIPE,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            self.addCleanup(pruning.kill)
            while noted() == before and time.monotonic() < end:
                time.sleep(0.01)
        self.assertEqual(self.add_in("two", "docs").returncode, DONE)
        message = pruning.communicate(b'{"id":"x","text":"boat"}', timeout=60)[1].decode()
        self.assertIn('index "default" has files below "docs/" that were added from another folder', message)
        self.assertEqual(pruning.returncode, FAILED)
        self.assertIn("docs/two.md", self.ids("", "-k", "100"))

    def test_another_project_with_the_same_names(self):
        for name in ("one", "two"):
            self.write(f"{name}/README.md", f"the fish of {name}")
            self.write(f"{name}/src/a.py", f"def {name}(): pass\n")
            self.write(f"{name}/docs/{name}.md", f"the boat of {name}")
        part = 'index "default" has documents of "README.md" and 1 more of these files that were added from another folder'

        def texts(*arguments):
            hits = self.search("", "-k", "100", "--attributes", "text", *arguments)
            return {hit["id"]: hit["document"]["text"] for hit in hits}

        self.assertEqual(self.add_in("one", ".").returncode, DONE)
        before, stats = texts(), self.stats()
        for arguments in ((".",), (".", "--reembed")):
            model = OTHER_MODEL if "--reembed" in arguments else TINY
            self.assert_error(self.add_in("two", *arguments, model=model), FAILED, part, "--name", "--root", "--moved")
        self.assert_error(self.add_in("two", "src/a.py"), FAILED, 'has documents of "src/a.py" that')
        self.assertEqual((texts(), self.stats()), (before, stats))
        # The first project goes on, and what replaces nothing is welcome.
        self.write("one/README.md", "the fish of one, changed")
        quiet = self.add_in("one", ".", "--prune", "--root", ".")
        self.assertEqual((quiet.returncode, quiet.stderr), (DONE, b""))
        self.assertEqual(self.add_in("two", "docs").stderr, b"")
        # The ways out.
        self.assertEqual(self.add_in("two", ".", "--name", "two").returncode, DONE)
        self.assertEqual(self.add_in("two", ".", "--root", "..", "--name", "both").returncode, DONE)
        self.assertEqual(self.add_in("one", ".", "--root", "..", "--name", "both").returncode, DONE)
        self.assertEqual(texts("--name", "both")["two/README.md"], "the fish of two")
        moved = self.add_in("two", ".", "--moved")
        self.assertEqual((moved.returncode, moved.stderr), (DONE, b""))
        self.assertEqual(texts()["README.md"], "the fish of two")
        self.assert_error(self.add_in("one", "."), FAILED, "added from another folder")

    def test_what_two_folders_share_is_told(self):
        self.write("one/docs/a.md", "the fish")
        self.write("two/docs/b.md", "the boat")
        for folder in ("one", "two"):
            self.assertEqual(self.add_in(folder, "docs").stderr, b"")
        self.write("two/docs/a.md", "the stone")
        shared = self.add_in("two", "docs")
        self.assertEqual(json.loads(shared.stdout)["replaced"], 1)
        self.assertIn(b"minnow: documents of 1 file were replaced that may have been another folder's", shared.stderr)
        self.write("two/docs/a.md", "the sky")
        self.assertEqual(self.add_in("two", "docs", "--quiet").stderr, b"")
        # Records have ids of their own.
        for folder in ("one", "two"):
            self.write(f"{folder}/docs/rows.jsonl", [{"id": "docs/rows.jsonl", "text": f"the sea of {folder}"}])
            self.assertEqual(self.add_in(folder, "docs/rows.jsonl").stderr, b"")

    def test_moving_a_part_moves_no_more(self):
        self.write("one/docs/a.md", "the fish")
        self.write("two/docs/sub/b.md", "the boat")
        self.assertEqual(self.add_in("one", "docs").returncode, DONE)
        for arguments in (("docs/sub", "--moved"), ("docs/sub", "--moved", "--prune")):
            self.assertEqual(self.add_in("two", *arguments).returncode, DONE)
            self.assert_error(self.add_in("two", "docs", "--prune"), FAILED, "added from another folder")
        self.assertEqual(self.stats()["documents"], 2)

    def test_prune_keeps_what_cannot_be_read(self):
        model = shutil.copytree(TINY, self.root / "model")
        self.added("docs")
        for path in (self.root, *self.root.rglob("*")):
            if not path.is_symlink():
                path.chmod(0o777 if path.is_dir() else 0o666)
        (self.root / "docs/b.md").unlink()
        (self.root / "docs/a").chmod(0)
        self.addCleanup((self.root / "docs/a").chmod, 0o700)
        command = [PROGRAM, "index", "add", "docs", "--prune", "--json", "--index", self.store, "--model", str(model)]
        # Root would read every folder.
        other = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
        result = subprocess.run(command, cwd=self.root, env=environment(), capture_output=True, timeout=60, **other)
        self.assert_error(result, FAILED, "docs/a: cannot open", "1 record rejected", lines=2)
        summary = json.loads(result.stdout)
        self.assertEqual((summary["deleted"], summary["rejected"], summary["documents"]), (1, 1, 1))
        self.assertEqual(self.ids("fish"), ["docs/a/fish.md"])

    def test_different_files_with_one_id(self):
        self.write("one/docs/readme.md", "the fish")
        self.write("two/docs/readme.md", "the boat")
        away = self.root / "away"
        away.mkdir()

        def add(*arguments):
            return run("index", "add", *arguments, "--json", "--index", self.store, "--model", TINY, cwd=away)

        result = add("../one/docs", "../two/docs")
        self.assert_error(result, FAILED, "../two/docs/readme.md: has the id \"docs/readme.md\", as ../one/docs/readme.md has",
                          "1 record rejected", lines=2)
        self.assertEqual(json.loads(result.stdout)["added"], 1)
        self.write("away/n.txt", "stone")
        self.write("n.txt", "sky")
        self.assert_error(add("n.txt", "../n.txt"), FAILED, "../n.txt: has the id \"n.txt\", as n.txt has", lines=2)
        both = add("../one/docs", "../two/docs", "n.txt", "../n.txt", "./n.txt", "--root", "..")
        self.assertEqual((both.returncode, json.loads(both.stdout)["added"]), (DONE, 3), both.stderr)
        self.assertEqual(self.stats()["documents"], 5)

    def test_exclude_and_root(self):
        self.assertEqual(self.added("docs", "--exclude", "a", "--exclude", "*.json")["added"], 1)
        other = str(self.root / "other.db")
        self.added("docs", "--root", "docs", store=other)
        self.assertIn("a/fish.md", self.ids("fish", store=other))

    def test_a_folder_with_nothing_to_read(self):
        self.write("bare/.x", "hidden")
        self.assert_error(self.add("bare"), FAILED, "bare: no files to index (1 hidden)")
        self.write("binary/x", b"\0\0")
        self.assert_error(self.add("binary"), FAILED, "binary: no documents", lines=None)

    def test_a_folder_that_cannot_be_read(self):
        if os.geteuid() == 0:
            self.skipTest("root reads every folder")
        (self.root / "docs/a").chmod(0)
        self.addCleanup((self.root / "docs/a").chmod, 0o700)
        self.assert_error(self.add("docs/a"), FAILED, "docs/a")


if __name__ == "__main__":
    unittest.main()
