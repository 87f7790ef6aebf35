# SPDX-License-Identifier: Apache-2.0
"""minnow rerank: pairs of a query and lines, by a classifier with one label."""
import json
import math
import pathlib
import tempfile
import unittest

from classifier_model import make
from program import run

TEXTS = ["the cat sat", "a", "on the mat with the dog", "dog"]


class RerankTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.model = make(cls.folder / "one", "bert", labels=1)
        cls.several = make(cls.folder / "several", "bert")

    def rank(self, *arguments, stdin=b"", model=None):
        result = run("rerank", "--model", model or self.model, *arguments, stdin=stdin)
        self.assertEqual(result.returncode, 0, result.stderr)
        return [json.loads(line) for line in result.stdout.splitlines()]

    def raw(self, text):
        """The same pair as a list of ids, through classify."""
        pair = [json.loads(run("tokenize", "--model", self.model, one).stdout)["ids"] for one in ("the dog", text)]
        ids = pair[0] + pair[1][1:]
        return ids

    def test_order_and_fields(self):
        ranked = self.rank("the dog", *TEXTS)
        self.assertEqual(sorted(one["index"] for one in ranked), [0, 1, 2, 3])
        self.assertEqual([one["text"] for one in ranked], [TEXTS[one["index"]] for one in ranked])
        scores = [one["score"] for one in ranked]
        self.assertEqual(scores, sorted(scores, reverse=True))
        self.assertGreater(scores[0], scores[-1])
        lines = self.rank("the dog", stdin="\n".join(TEXTS).encode())
        self.assertEqual(lines, ranked)
        self.assertEqual(self.rank("the dog", "--top-n", "2", *TEXTS), ranked[:2])

    def test_scores_are_the_sigmoid_of_the_model(self):
        ranked = self.rank("the dog", *TEXTS)
        raw = self.rank("the dog", "--raw-scores", *TEXTS)
        self.assertEqual([one["index"] for one in raw], [one["index"] for one in ranked])
        for one, logit in zip(ranked, raw):
            self.assertAlmostEqual(one["score"], 1 / (1 + math.exp(-logit["score"])), places=6)
        # The second text's tokens have type 1, so the pair is not the two texts one after the other.
        alone = run("classify", "--model", self.model, "--raw-scores", "--input-ids", stdin=json.dumps(self.raw("dog")).encode())
        self.assertEqual(alone.returncode, 0, alone.stderr)
        self.assertNotEqual(json.loads(alone.stdout)[0], next(one["score"] for one in raw if one["text"] == "dog"))

    def test_bad_input(self):
        for arguments, code, words in (
                ((), 2, "QUERY"),
                (("q", "--top-n", "-1", "a"), 2, "--top-n"),
                (("--model", self.several, "q", "a"), 1, "3 labels; a reranker has one"),
                (("q", "--json-input", "\"a\"", "b"), 1, "argument 2")):
            given = () if "--model" in arguments else ("--model", self.model)
            result = run("rerank", *given, *arguments)
            self.assertEqual(result.returncode, code, result.stderr)
            self.assertIn(words, result.stderr.decode())
            self.assertEqual(result.stdout, b"")

    def test_no_texts(self):
        self.assertEqual(self.rank("q"), [])


if __name__ == "__main__":
    unittest.main()
