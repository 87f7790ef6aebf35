# SPDX-License-Identifier: Apache-2.0
"""Black-box tests of minnow bundle --index: one program that searches and serves, and nothing beside it."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.request

from program import FIXTURES, PROGRAM, environment, run

DONE, FAILED, USAGE = 0, 1, 2
MODEL = str(FIXTURES / "packed_v1/tiny_bert_int8_int8.minnow")
OTHER = str(FIXTURES / "packed_v1/tiny_bert_sharded_bf16_bf16.minnow")


class BundleTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        self.store = str(self.root / "my.db")
        rows = [{"id": f"d{i}", "text": f"the small fish number {i} swims in the {'sea river lake'.split()[i % 3]}", "n": i}
                for i in range(3000)]
        (self.root / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        self.add("rows.jsonl")

    def add(self, *arguments):
        result = run("index", "add", *arguments, "--index", self.store, "--model", MODEL, cwd=self.root)
        self.assertEqual(result.returncode, DONE, result.stderr)

    def bundle(self, name, *arguments):
        program = str(self.root / name)
        return program, run("bundle", *arguments, "-o", program)

    def start(self, program, *arguments):
        return subprocess.run([program, *arguments], capture_output=True, cwd="/", env=environment(), timeout=60)

    def test_searches_and_serves_alone(self):
        query = ("search", "fish in the river", "--json", "-k", "7")
        expected = [run(*query, "--index", self.store, "--model", MODEL, "--mode", mode).stdout for mode in ("hybrid", "semantic")]
        program, result = self.bundle("app", "--model", MODEL, "--index", self.store)
        self.assertEqual(result.returncode, DONE, result.stderr)
        self.assertRegex(result.stdout.decode(), r"app: carries tiny_bert, .* an index of 3000 documents")
        self.assertEqual([name for name in os.listdir(self.root) if name.startswith("app.")], [])
        for path in self.root.glob("my.db*"):
            path.unlink()
        home = tempfile.mkdtemp(dir="/tmp")
        self.addCleanup(shutil.rmtree, home)
        moved = shutil.move(program, home + "/moved")
        self.assertEqual([self.start(moved, *query, "--mode", mode).stdout for mode in ("hybrid", "semantic")], expected)
        self.assertEqual(json.loads(self.start(moved, "index", "stats", "--json").stdout)["documents"], 3000)
        self.serve(moved)
        self.assertEqual(os.listdir(home), ["moved"])
        # What it carries it only reads.
        for arguments in (("index", "delete", "d1"), ("index", "compact"), ("index", "add", "x")):
            refused = self.start(moved, *arguments)
            self.assertEqual(refused.returncode, USAGE, refused.stderr)
            self.assertIn(b"What this program carries is only read: --index is required", refused.stderr)

    def test_care_for_what_is_carried(self):
        program, _ = self.bundle("app", "--model", MODEL, "--index", self.store)
        good = self.start(program, "index", "verify")
        self.assertEqual((good.returncode, good.stdout), (DONE, b"the index in this program: good, 3000 documents; its full text "
                                                          b"was not checked: the store cannot be written here\n"), good.stderr)
        told = json.loads(self.start(program, "index", "verify", "--json").stdout)
        self.assertEqual(told, {"index": "", "documents": 3000, "full_text": False})
        missing = self.start(program, "index", "stats", "--name", "none")
        self.assertEqual((missing.returncode, missing.stderr), (FAILED, b'minnow: the index in this program: no index "none"; it has default\n'))
        # What is copied out of it is a store like any other.
        copy = str(self.root / "copy.db")
        result = self.start(program, "index", "backup", copy)
        self.assertEqual(result.returncode, DONE, result.stderr)
        self.assertRegex(run("index", "verify", "--index", copy).stdout.decode(), r"copy\.db: good, 3000 documents\n")
        query = ("search", "fish in the river", "--mode", "lexical", "--json")
        self.assertEqual(run(*query, "--index", copy).stdout, self.start(program, *query).stdout)
        self.assertEqual(run("index", "delete", "d1", "--index", copy).stdout, b"1 document deleted\n")
        itself = self.start(program, "index", "backup", program)
        self.assertEqual((itself.returncode, itself.stderr), (FAILED, f"minnow: {program}: is the store itself\n".encode()))
        # A page of its tables that is damaged is found.
        whole = bytearray(pathlib.Path(program).read_bytes())
        at = whole.rindex(b'"text": "the small fish number 2999')
        whole[at] ^= 1
        pathlib.Path(program).write_bytes(whole)
        bad = self.start(program, "index", "verify")
        self.assertEqual(bad.returncode, FAILED, bad.stdout)
        self.assertIn(b'index default: document "d2999"', bad.stderr)

    def test_one_that_is_cut_off(self):
        program, _ = self.bundle("app", "--model", MODEL, "--index", self.store)
        whole = pathlib.Path(program).read_bytes()
        cut = self.root / "cut"
        for left in (len(whole) - 1, len(whole) // 2 + pathlib.Path(PROGRAM).stat().st_size // 2):
            cut.write_bytes(whole[:left])
            cut.chmod(0o755)
            for command in (("embed", "fish"), ("search", "fish"), ("index", "stats"), ("serve", "--port", "0"), ("inspect",),
                            ("bundle", "--model", MODEL, "-o", str(self.root / "again"))):
                refused = self.start(str(cut), *command)
                self.assertEqual(refused.returncode, FAILED, (command, refused.stdout))
                self.assertIn(f"{cut}: is cut off: ".encode(), refused.stderr + refused.stdout, command)

    def serve(self, program):
        server = subprocess.Popen([program, "serve", "--host", "127.0.0.1", "--port", "0"], cwd="/", env=environment(),
                                  stderr=subprocess.PIPE, text=True)
        try:
            port = None
            for line in server.stderr:
                port = port or (re.search(r"port=(\d+)", line) or [None, None])[1]
                if " ready " in line:
                    break
            base = f"http://127.0.0.1:{port}/indexes/default"
            with urllib.request.urlopen(base + "/search?q=fish&limit=3", timeout=30) as response:
                self.assertEqual(len(json.load(response)["hits"]), 3)
            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(urllib.request.Request(base + "/documents/d1", method="DELETE"), timeout=30)
            with refused.exception as error:
                self.assertIn(error.code, (403, 400))
        finally:
            server.terminate()
            server.stderr.close()
            self.assertEqual(server.wait(30), DONE)

    def test_help_says_which_commands_read_what_is_carried(self):
        for command in (("search",), ("index", "stats"), ("index", "list"), ("index", "add"), ("index", "delete"),
                        ("index", "compact"), ("index", "backup"), ("index", "verify")):
            said = b"vectors beside it; a bundled program has its own" in run(*command, "--help").stdout
            taken = command[-1] in ("search", "stats", "list", "backup", "verify")
            self.assertEqual(said, taken, command)

    def test_bundling_again_replaces_what_is_carried(self):
        program, _ = self.bundle("app", "--model", MODEL, "--index", self.store)
        second = str(self.root / "second")
        self.assertEqual(self.start(program, "bundle", "--model", MODEL, "-o", second).returncode, DONE)
        self.assertLess(os.path.getsize(second), os.path.getsize(program))
        refused = self.start(second, "search", "x")
        self.assertEqual(refused.returncode, USAGE)

    def test_what_is_refused(self):
        for arguments, part in ((("--model", OTHER, "--index", self.store), "checksum"),
                                (("--model", MODEL, "--index", "/nonexistent.db"), "/nonexistent.db"),
                                (("--model", MODEL, "--index", MODEL), MODEL)):
            program, result = self.bundle("app", *arguments)
            self.assertEqual(result.returncode, FAILED, result.stderr)
            self.assertIn(part, result.stderr.decode())
            self.assertEqual([name for name in os.listdir(self.root) if name.startswith("app")], [])

    def test_no_input_is_written_over(self):
        parts = ("--model", MODEL, "--index", self.store)
        os.symlink(self.store, self.root / "soft")
        os.link(self.store, self.root / "hard")
        sidecar = next(self.root.glob("my.db-vectors-*"))
        for name, part in ((self.store, "is the store itself"), ("soft", "is the store itself"), ("hard", "is the store itself"),
                           (sidecar.name, "is a part of the store")):
            before = (self.root / name).read_bytes()
            program, result = self.bundle(name, *parts)
            self.assertEqual(result.returncode, FAILED, name)
            self.assertIn(f"{program}: {part}", result.stderr.decode())
            self.assertEqual((self.root / name).read_bytes(), before)
        program, _ = self.bundle("app", *parts)
        refused = self.start(program, "bundle", *parts, "-o", program)
        self.assertEqual(refused.returncode, FAILED)
        self.assertIn(b"app: is the running program", refused.stderr)

    def test_damage_is_told(self):
        program, _ = self.bundle("app", "--model", MODEL, "--index", self.store)
        whole = pathlib.Path(program).read_bytes()
        at = int.from_bytes(whole[-32:-24], "little")  # of the table
        store = int.from_bytes(whole[at + 48:at + 56], "little")
        for damaged in (whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:], whole[:at] + b"\xff" + whole[at + 1:],
                        whole[:store] + b"\0" * 100 + whole[store + 100:]):
            pathlib.Path(program).write_bytes(damaged)
            result = self.start(program, "search", "fish")
            self.assertNotEqual(result.returncode, DONE)
            self.assertTrue(result.stderr.startswith(b"minnow: "), result.stderr)


if __name__ == "__main__":
    unittest.main()
