# SPDX-License-Identifier: Apache-2.0
"""Black-box tests of minnow eval ir: a small collection in both families of formats."""
import json
import pathlib
import tempfile
import unittest

from program import TINY, run

TEXTS = {"1": ("Ants", "Small red insects build hills."), "2": ("", "A furry cat sleeps on the sofa."),
         "3": ("Dogs", "Brown dogs run after the cat."), "4": ("", "Bees make honey in a hive.")}
QUERIES = {"1": "honey bees", "2": "insects that build", "9": "nobody judged this"}
JUDGED = {"1": "4", "2": "1"}


def write_smart(folder):
    documents = "".join(f".I {i}\n.T\n{title}\n.A\nNobody\n.W\n{text}\n.X\n1 1 1\n" for i, (title, text) in TEXTS.items())
    (folder / "X.ALL").write_text(documents)
    (folder / "X.QRY").write_text("".join(f".I {i}\n.W\n{text}\n" for i, text in QUERIES.items()))
    (folder / "X.REL").write_text("".join(f"  {q}  {d}\t0\t0.000000\n" for q, d in JUDGED.items()))


def write_beir(folder):
    def lines(objects):
        return "".join(json.dumps(o) + "\n" for o in objects)
    (folder / "corpus.jsonl").write_text(lines({"_id": i, "title": t, "text": x} for i, (t, x) in TEXTS.items()))
    (folder / "queries.jsonl").write_text(lines({"_id": i, "text": x} for i, x in QUERIES.items()))
    (folder / "qrels").mkdir()
    rows = "query-id\tcorpus-id\tscore\n" + "".join(f"{q}\t{d}\t1\n" for q, d in JUDGED.items())
    (folder / "qrels/test.tsv").write_text(rows)


class EvalIrTest(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        self.addCleanup(self.temporary.cleanup)

    def evaluate(self, *arguments):
        result = run("eval", "ir", "--model", TINY, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        return result.stdout.decode()

    def test_both_families_give_the_same(self):
        smart, beir = self.folder / "smart", self.folder / "beir"
        for folder, write in ((smart, write_smart), (beir, write_beir)):
            folder.mkdir()
            write(folder)
        reports = [json.loads(self.evaluate("--json", "--collection", str(folder))) for folder in (smart, beir)]
        for report in reports:
            self.assertEqual((report["documents"], report["queries"]), (4, 2))
            modes = {mode["mode"]: mode for mode in report["modes"]}
            self.assertEqual(list(modes), ["lexical", "semantic", "hybrid"])
            self.assertEqual(modes["lexical"]["ndcg_at_10"], 1)
            self.assertEqual(modes["semantic"]["recall_at_100"], 1)
            for mode in modes.values():
                self.assertGreater(mode["ndcg_at_10"], 0)
                self.assertLessEqual(mode["ndcg_at_10"], 1)
                del mode["search_ms"]
        self.assertEqual(reports[0]["modes"], reports[1]["modes"])

    def test_text_and_single_files(self):
        write_smart(self.folder)
        files = [str(self.folder / name) for name in ("X.REL", "X.ALL", "X.QRY")]
        text = self.evaluate("--collection", *files)
        self.assertRegex(text, r"^4 documents \(\d+ passages\), 2 queries \(1 more without judgements\)")
        self.assertRegex(text, r"\nlexical +1\.0000 +1\.0000 +\d+\.\d\d\n")

    def test_what_is_missing_is_named(self):
        write_smart(self.folder)
        (self.folder / "X.REL").unlink()
        result = run("eval", "ir", "--model", TINY, "--collection", str(self.folder))
        self.assertEqual(result.returncode, 1)
        self.assertIn("no file of judgements", result.stderr.decode())
        self.assertEqual(run("eval", "ir", "--model", TINY).returncode, 2)


if __name__ == "__main__":
    unittest.main()
