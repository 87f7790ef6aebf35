# SPDX-License-Identifier: Apache-2.0
"""Black-box tests of the files that minnow index add reads: CSV as Python reads it, encodings, and odd formats."""
import contextlib
import csv
import fcntl
import io
import json
import random
import sqlite3
import subprocess
import unittest

from index_test import DONE, FAILED, USAGE, IndexTest
from program import PROGRAM, TINY, environment

HINT = "--encoding utf-16le, utf-16be, latin1, windows-1252, cp949, shift_jis, gb18030"


class FilesTest(IndexTest):
    def texts(self):
        """Id -> text of all documents."""
        hits = self.search("", "-k", "1000", "--mode", "lexical", "--attributes", "text", model=None)
        return {hit["id"]: hit["document"].get("text", "") for hit in hits}

    def test_a_quote_inside_a_field(self):
        self.write("a.csv", 'id,text\n1,a\n2,24" monitor\n3,b\n')
        self.assertEqual(self.added("a.csv")["added"], 3)
        self.assertEqual(self.texts(), {"1": "a", "2": '24" monitor', "3": "b"})

    def test_a_quote_that_is_never_closed(self):
        self.write("a.csv", 'id,text\n1,a\n2,"24 monitor\n3,b\n4,c\n')
        self.assert_error(self.add("a.csv"), FAILED, "a.csv: line 3: no closing quote", "1 record rejected, 3 documents kept", lines=2)
        self.assertEqual(self.texts(), {"1": "a", "3": "b", "4": "c"})

    def test_csv_as_python_reads_it(self):
        chooser = random.Random(1)
        pieces = ['"', '""', '"', "a", "b", " ", ",", ";", "\n", "\r\n", "\r", "\0", "é", "'", "\\", "\t"]
        rows = [f"{i},{''.join(chooser.choice(pieces) for _ in range(chooser.randrange(12)))}\n" for i in range(600)]
        # What is left open by chance is closed; a quote too many is a character there.
        text = "id,text\r\n" + "".join(rows) + '"\nlast,"the end"\n'
        expected = {}
        for row in csv.reader(io.StringIO(text, newline="")):
            if len(row) == 2 and row[0] and row != ["id", "text"]:
                expected.setdefault(row[0], row[1])
        self.write("a.csv", text)
        self.add("a.csv")
        self.assertGreater(len(expected), 200)
        self.assertEqual(self.texts(), expected)

    def test_delimiters(self):
        self.write("a.csv", "id;text\n1;one, two\n")
        self.write("b.tsv", "id\ttext\n2\tone; two\n")
        self.write("c.csv", ",id,text\n0,3,three\n")
        self.write("d.csv", "id:text\n4:four\n")
        result = self.add("a.csv", "b.tsv", "c.csv")
        self.assertEqual((result.returncode, result.stderr),
                         (DONE, b"minnow: c.csv: line 1: 1 column without a name left out\n"))
        self.assertEqual(self.add("c.csv", "--quiet").stderr, b"")
        self.added("d.csv", "--delimiter", ":")
        self.assertEqual(self.texts(), {"1": "one, two", "2": "one; two", "3": "three", "4": "four"})
        self.assert_error(self.add("a.csv", "--delimiter", "ab"), USAGE, "--delimiter", lines=None)

    def test_encodings(self):
        words = {"latin1": "déjà vu", "windows-1252": "“quoted” – €", "cp949": "한국어 똠방각하", "shift_jis": "日本語①",
                 "gb18030": "中文 € 𠀀", "utf-16le": "ascii", "utf-16be": "日本"}
        codecs = {"shift_jis": "cp932", "windows-1252": "cp1252"}
        for name, text in words.items():
            content = text.encode(codecs.get(name, name))
            self.write(f"folder/{name}.txt", content)
            self.write(f"folder/{name}.csv", f"id,text\n{name},{text}\n".encode(codecs.get(name, name)))
        # Nothing is guessed: whatever is not UTF-8 is named, but for the zero bytes of UTF-16.
        result = self.add("folder", "--exclude", "utf-16*")
        self.assert_error(result, FAILED, "folder/cp949.txt: line 1: not UTF-8", "folder/latin1.csv: line 2: not UTF-8", HINT,
                          "10 records rejected, 0 documents kept", lines=11)
        self.assertEqual(self.added("folder/utf-16le.txt", "folder/utf-16le.csv", "folder/utf-16be.csv")["added"], 3)
        for name in words:
            self.added(f"folder/{name}.txt", f"folder/{name}.csv", "--encoding", name)
        expected = {name: text for name, text in words.items()}
        expected.update({f"folder/{name}.txt": text for name, text in words.items()})
        self.assertEqual(self.texts(), expected)
        self.assert_error(self.add("folder", "--encoding", "koi8-r"), USAGE, "--encoding", "cp949", lines=None)

    def test_byte_order_marks(self):
        for codec in ("utf-8-sig", "utf-16"):
            for encoding in ((), ("--encoding", "cp949")):
                self.write("a.txt", "한국".encode(codec))
                self.write("a.jsonl", '{"id":"x","text":"한국"}'.encode(codec))
                self.assertEqual(self.added("a.txt", "a.jsonl", *encoding)["rejected"], 0)
                self.assertEqual(self.texts(), {"a.txt": "한국", "x": "한국"})

    def test_standard_input_in_another_encoding(self):
        line = '{"id":"x","text":"한국"}\n'
        self.assert_error(self.add("-", stdin=line.encode("cp949")), FAILED, "standard input: line 1: not UTF-8", HINT, lines=2)
        self.added("-", "--encoding", "euc-kr", stdin=line.encode("cp949"))
        self.assertEqual(self.texts(), {"x": "한국"})

    def test_formats_that_are_not_read(self):
        for name in ("a.pdf", "b.docx", "c.png", "d.zip"):
            self.write(f"folder/{name}", b"%PDF-1.4\0")
        self.write("folder/e.txt", "fish")
        summary = self.added("folder")
        self.assertEqual((summary["added"], summary["skipped"]), (1, {"format not read": 4}))
        self.assertIn("skipped: 4 format not read", self.add("folder").stdout.decode())
        self.assert_error(self.add("folder/a.pdf"), FAILED, "folder/a.pdf: PDF files are not read; export it as text", lines=None)
        self.assert_error(self.add("folder/d.zip", "folder/e.txt"), FAILED, "d.zip: archive files are not read; unpack it", lines=2)

    def test_pages_notebooks_and_front_matter(self):
        self.write("docs/a.html", "<title>Fish &amp; boats</title><script>no()</script><p>The <b>old</b>\n boat.")
        self.write("docs/k.htm", "<meta charset='euc-kr'><p>한국".encode("cp949"))
        self.write("docs/n.ipynb", json.dumps({"cells": [{"cell_type": "markdown", "source": ["# Load"]},
                                                         {"cell_type": "code", "source": "read(fish)", "outputs": [{"text": "no"}]}]}))
        self.write("docs/f.md", "---\ntitle: >-\n  Two\n  lines\n---\nThe river.\n")
        self.assertEqual(self.added("docs")["added"], 5)
        hits = self.search("", "--mode", "lexical", "--attributes", "title,text", model=None)
        self.assertEqual({hit["id"]: (hit["document"]["title"], hit["document"]["text"]) for hit in hits}, {
            "docs/a.html": ("Fish & boats", "The old boat."), "docs/k.htm": ("k.htm", "한국"),
            "docs/n.ipynb#cell-1": ("Load", "# Load"), "docs/n.ipynb#cell-2": ("Load", "read(fish)"),
            "docs/f.md": ("Two lines", "The river.\n")})
        self.write("docs/n.ipynb", json.dumps({"cells": [{"cell_type": "code", "source": "read(fish)"}]}))
        self.assertEqual(self.added("docs", "--prune")["deleted"], 1)
        self.write("docs/n.ipynb", "{}")
        self.assert_error(self.add("docs"), FAILED, "docs/n.ipynb: no notebook: it has no cells", lines=2)

    def test_names_with_line_breaks_in_messages(self):
        self.write("docs/a\n\x1bb.txt", b"\xff")
        self.write("docs/c\n.bin", b"\0\0")
        result = self.add("docs", "--verbose")
        self.assert_error(result, FAILED, "docs/a\\x0a\\x1bb.txt: line 1: not UTF-8", "skipped docs/c\\x0a.bin: binary", lines=3)


class TwoAtOnceTest(IndexTest):
    def start(self, *arguments):
        process = subprocess.Popen([PROGRAM, "index", "add", *arguments, "--json", "--index", self.store, "--model", TINY],
                                   cwd=self.root, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        return process

    def test_one_embeds_and_the_other_waits(self):
        self.write("a.jsonl", [{"id": "fish", "text": "a small fish"}])
        self.write("b.jsonl", [{"id": "boat", "text": "an old boat"}])
        self.added("a.jsonl")
        with contextlib.closing(sqlite3.connect(self.store)) as database:
            database.execute("SELECT count(*) FROM minnow_meta").fetchall()  # which makes the log
            with open(self.store + "-wal", "rb") as log:
                fcntl.flock(log, fcntl.LOCK_EX)
                waiting = self.start("b.jsonl")
                # It says so, and has stored what it adds.
                self.assertIn(b"waiting: another process embeds", waiting.stderr.readline())
                self.assertEqual(self.stats()["pending_chunks"], 1)
            output, message = waiting.communicate(timeout=60)
        self.assertEqual((waiting.returncode, message), (DONE, b""))
        self.assertEqual(json.loads(output)["embedded_chunks"], 1)

    def test_no_chunk_is_embedded_twice(self):
        for name in "abcd":
            self.write(f"{name}.jsonl", [{"id": f"{name}{i}", "text": f"{name} small fish {i}"} for i in range(400)])
        self.added("a.jsonl")
        processes = [self.start(f"{name}.jsonl") for name in "bcd"]
        summaries = []
        for process in processes:
            output, message = process.communicate(timeout=120)
            self.assertEqual(process.returncode, DONE, message)
            summaries.append(json.loads(output))
        self.assertEqual(sum(summary["embedded_chunks"] for summary in summaries), 1200)
        self.assertEqual(self.stats()["pending_chunks"], 0)


if __name__ == "__main__":
    unittest.main()
