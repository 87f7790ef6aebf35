# SPDX-License-Identifier: Apache-2.0
"""The language detector that the program carries: what it says, how often it is right, and who gets it."""
import json
import os
import pathlib
import sys
import tempfile
import unittest

from program import ROOT, TINY, run

sys.path.insert(0, str(ROOT / "tests/server"))
from running_server import Server  # noqa: E402

DATA = pathlib.Path(os.environ.get("MINNOW_DATA") or ROOT.parent / "shared/data") / "lid_corpus/test_tatoeba"
MODEL = "builtin:language-detector"
NAME = "minnow-language-detector"
LABELS = "ja nl ar pl de it pt tr es hi el ur bg en fr zh ru th sw vi".split()
SENTENCES = {
    "it": ["Amor, ch'a nullo amato amar perdona.", "Buongiorno a tutti, come state oggi?",
           "Tom sembra nervoso."],
    "pl": ["Nie wiem, co mam teraz zrobić.", "Dzień dobry, jak się pan ma?"],
    "en": ["Brevity is the soul of wit.", "SEE HTTPS://EXAMPLE.COM/A?B=1 FOR THE REST OF THIS STORY (12/34)"],
    "de": ["Die Straße war gesperrt.", "DIE STRASSE WAR GESPERRT"],
    "zh": ["这本书很有意思。", "我買給了他們每人一份禮物。"],
    "ja": ["この本はとても面白いです。"],
    "tr": ["İSTANBUL'DA HAVA BUGÜN ÇOK GÜZEL"],
    "vi": ["hôm nay trời đẹp quá", "Hom nay troi dep qua, chung ta di choi nhe"],
    "el": ["ΚΑΛΗΜΕΡΑ ΣΕ ΟΛΟΥΣ ΣΑΣ"],
}
NOTHING = ["123", "", "!?", "\U0001f600\U0001f600", "3.14 + 2", "\ud55c\uad6d\uc5b4 \ubb38\uc7a5"]


def classify(*texts):
    result = run("classify", *texts)
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


class LanguageDetectorTest(unittest.TestCase):
    def test_says_the_language(self):
        for label, texts in SENTENCES.items():
            for text, scores in zip(texts, classify(*texts)):
                self.assertEqual(scores[0]["label"], label, text)
                self.assertGreater(scores[0]["score"], 0.5, text)

    def test_knows_a_short_polish_sentence(self):
        self.assertEqual(classify("Ala ma kota")[0][0]["label"], "pl")

    def test_says_that_it_does_not_know(self):
        for text, scores in zip(NOTHING, classify(*NOTHING)):
            self.assertLess(scores[0]["score"], 0.3, text)
        self.assertLess(classify("ok")[0][0]["score"], 0.8)

    def test_is_right_on_a_sample(self):
        if not DATA.is_dir():
            self.skipTest(f"no {DATA}")
        rows = [f"{label}\t{line}" for label in LABELS for line in (DATA / f"{label}.txt").read_text().splitlines()[::4]]
        with tempfile.NamedTemporaryFile("w", suffix=".tsv", encoding="utf-8") as file:
            file.write("\n".join(rows) + "\n")
            file.flush()
            result = run("eval", "classify", file.name, "--json")
        found = json.loads(result.stdout)
        self.assertEqual(found["texts"], len(rows))
        self.assertGreater(found["macro_accuracy"], 0.992)
        for label, one in found["labels"].items():
            self.assertGreater(one["right"] / one["texts"], 0.975, label)

    def test_is_served_alone(self):
        server = Server(model=None)
        self.addCleanup(server.close)
        self.assertEqual(server.request("POST", "/process", {"text": SENTENCES["it"][0]}), (200, b'"it"'))
        models = json.loads(server.request("GET", "/v1/models")[1])["data"]
        self.assertEqual([model["id"] for model in models], [NAME])

    def test_is_served_beside_others_where_it_is_named(self):
        server = Server("--model", f"lid={MODEL}")
        self.addCleanup(server.close)
        self.assertEqual(server.request("POST", "/process", {"text": SENTENCES["pl"][0]}), (200, b'"pl"'))
        models = json.loads(server.request("GET", "/v1/models")[1])["data"]
        self.assertEqual([model["id"] for model in models], [pathlib.Path(TINY).name, "lid"])

    def test_nobody_gets_it_who_wants_vectors(self):
        for arguments in (("embed", "a"), ("serve", "--index", "my.db"), ("rerank", "a", "b")):
            result = run(*arguments)
            self.assertEqual(result.returncode, 2, arguments)
            self.assertIn(b"--model is required", result.stderr)
        server = Server()
        self.addCleanup(server.close)
        models = json.loads(server.request("GET", "/v1/models")[1])["data"]
        self.assertEqual([model["id"] for model in models], [pathlib.Path(TINY).name])

    def test_is_inspected_by_name(self):
        result = run("inspect", MODEL, "--verify", "--json")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(run("inspect", "builtin:other").returncode, 1)


if __name__ == "__main__":
    unittest.main()
