# SPDX-License-Identifier: Apache-2.0
"""classify, rerank, generate and tokenize, held against the program; and what a model is not made for."""
import json
import unittest

import minnow
from support import TEXTS, TINY, ModelCase, float_bytes, run, run_python

from classifier_model import make  # support.py has said where it is
from text_model import make_text_model

LINES = ["the cat sat", "a", "on the mat with the dog", "dog", "the dog \N{BLACK SQUARE}"]


def shell(command, model, *arguments, texts=LINES):
    lines = "".join(json.dumps(text) + "\n" for text in texts).encode()
    model = ["--model", str(model)] if model else []
    result = run(command, *model, "--json-input", *arguments, stdin=lines)
    if result.returncode != 0:
        raise AssertionError(result.stderr.decode())
    return [json.loads(line) for line in result.stdout.splitlines()]


class TaskCase(ModelCase):
    def assert_scores(self, found, expected):
        """The same labels, and the program's bits: it prints the shortest text that reads back to them."""
        self.assertEqual([[one["label"] for one in text] for text in found], [[one["label"] for one in text] for text in expected])
        for text, others in zip(found, expected):
            for one, other in zip(text, others):
                self.assertEqual(float_bytes(one["score"]), float_bytes(other["score"]))


class ClassifyTest(TaskCase):
    def test_own_labels(self):
        path = make(self.folder / "several", "bert")
        for threads in (1, 2):
            m = minnow.Model(path, threads=threads)
            self.assertEqual(m.info["kind"], "classification")
            self.assert_scores(m.classify(LINES, top_k=None), shell("classify", path))
            self.assert_scores(m.classify(LINES), shell("classify", path, "--top-k", "1"))
            self.assert_scores(m.classify(LINES * 300, top_k=2), shell("classify", path, "--top-k", "2") * 300)
            self.assert_scores([m.classify(LINES[0], top_k=2)], shell("classify", path, "--top-k", "2")[:1])
            self.assertEqual(m.classify([]), [])
            self.assertEqual(m.info["labels"], ["it", "en", "de"])
        for wrong, error in ((0, ValueError), (-1, ValueError), ("a", TypeError)):
            with self.subTest(top_k=wrong), self.assertRaisesRegex(error, "top_k"):
                m.classify(LINES, top_k=wrong)

    def test_a_classifier_of_a_directory_embeds_too(self):
        m = minnow.Model(make(self.folder / "embeds", "bert"))
        self.assertEqual(m.encode(LINES).shape[0], len(LINES))
        self.assertEqual(len(m.classify(LINES)), len(LINES))

    def test_the_language_detector_is_carried(self):
        texts = ["Buongiorno a tutti, come state?", "Good morning, everybody", "Guten Morgen, wie geht es?"]
        m = minnow.Model("builtin:language-detector")
        self.assertEqual([one[0]["label"] for one in m.classify(texts)], ["it", "en", "de"])
        self.assert_scores(m.classify(texts, top_k=3), shell("classify", None, "--top-k", "3", texts=texts))
        with self.assertRaisesRegex(ValueError, "packed for classification, not embedding"):
            m.encode(texts)

    def test_default_model(self):
        code = "import minnow; m = minnow.Model(); print(m.info['kind'], m.info['path'])"
        self.assertIn("classification builtin:language-detector", run_python(code, MINNOW_MODEL=""))
        self.assertIn("embedding " + TINY, run_python(code, MINNOW_MODEL=TINY))


class RerankTest(TaskCase):
    def test_order_and_scores(self):
        path = make(self.folder / "one", "bert", labels=1)
        expected = shell("rerank", path, "the dog")
        for threads in (1, 2):
            m = minnow.Model(path, threads=threads)
            found = m.rerank("the dog", LINES)
            self.assertEqual([one["corpus_id"] for one in found], [one["index"] for one in expected])
            self.assertEqual([float_bytes(one["score"]) for one in found], [float_bytes(one["score"]) for one in expected])
        self.assertEqual(m.rerank("the dog", LINES, top_k=2), found[:2])
        self.assertEqual([one["text"] for one in m.rerank("the dog", LINES, return_documents=True)], [one["text"] for one in expected])
        self.assertEqual(m.rerank("the dog", []), [])
        with self.assertRaisesRegex(TypeError, "query: expected str, got int"):
            m.rerank(5, LINES)
        with self.assertRaisesRegex(ValueError, "query: character 0 is half of a surrogate"):
            m.rerank("\ud800", LINES)

    def test_a_model_of_several_labels(self):
        with self.assertRaisesRegex(ValueError, "3 labels; a reranker has one"):
            minnow.Model(make(self.folder / "three", "bert")).rerank("a", LINES)


class GenerateTest(TaskCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.path = make_text_model(cls.folder / "tiny-t5")
        # More than go side by side.
        cls.texts = ["a heron wait in the reed", "the small fish", "cold water", ""] * 5

    def test_as_the_program(self):
        for options, parameters in (
                (["--max-new-tokens", "12"], {"max_new_tokens": 12}),
                (["--max-new-tokens", "12", "--beams", "3"], {"max_new_tokens": 12, "num_beams": 3}),
                (["--max-new-tokens", "12", "--temperature", "1.5", "--seed", "7"],
                 {"max_new_tokens": 12, "do_sample": True, "temperature": 1.5, "seed": 7}),
                (["--max-new-tokens", "20", "--stop", "l", "--stop", "n"], {"max_new_tokens": 20, "stop": ["l", "n"]})):
            expected = shell("generate", self.path, "--json", "--threads", "1", *options, texts=self.texts)
            for threads in (1, 2):
                with self.subTest(parameters=parameters, threads=threads):
                    m = minnow.Model(self.path, threads=threads)
                    found = m.generate(self.texts, details=True, **parameters)
                    self.assertEqual([one["ids"] for one in found], [one["ids"] for one in expected])
                    self.assertEqual([one["finish_reason"] for one in found], [one["finish_reason"] for one in expected])
                    self.assertEqual([float_bytes(one["score"]) for one in found], [float_bytes(one["score"]) for one in expected])
                    self.assertEqual(m.generate(self.texts, **parameters), [one["text"] for one in expected])

    def test_shapes(self):
        m = minnow.Model(self.path)
        self.assertIsInstance(m.generate("cold water", max_new_tokens=5), str)
        several = m.generate(["cold water"] * 2, max_new_tokens=5, num_beams=3, num_return_sequences=2)
        self.assertEqual([len(one) for one in several], [2, 2])
        self.assertEqual(m.generate([]), [])
        self.assertEqual(m.info["kind"], "text2text-generation")

    def test_wrong(self):
        import numpy as np
        m = minnow.Model(self.path)
        for parameters, error, words in (
                ({"max_new_tokens": "x"}, ValueError, "max_new_tokens: expected an integer"), ({"beams": 3}, ValueError, 'unknown parameter "beams"'),
                ({"num_beams": 1000}, ValueError, "num_beams"), ({"temperature": float("nan")}, ValueError, ""),
                ({"stop": 5}, ValueError, "stop"), ({"task": "none"}, ValueError, "none"), ({"seed": object()}, TypeError, "parameters"),
                ({"truncation_side": "up"}, ValueError, "truncation_side")):
            with self.subTest(parameters=parameters), self.assertRaisesRegex(error, words):
                m.generate(["cold water"], **parameters)
            with self.assertRaises(error):
                m.generate([], **parameters)
        self.assertIsInstance(m.generate("cold water", max_new_tokens=np.int64(5)), str)
        with self.assertRaisesRegex(ValueError, r"texts\[1\]: \d+ tokens, limit"):
            m.generate(["cold water", "cold water " * 5000], max_new_tokens=5)
        self.assertEqual(len(m.generate(["cold water", "cold water " * 5000], max_new_tokens=5, truncation=True)), 2)

    def test_a_model_that_makes_no_text(self):
        with self.assertRaises(ValueError):
            minnow.Model(TINY).generate("a")


class TokenizeTest(TaskCase):
    def test_as_the_program(self):
        m = minnow.Model(TINY)
        for options, arguments in ({}, []), ({"add_special_tokens": False}, ["--no-special"]), ({"truncation": True}, ["--truncate"]):
            expected = shell("tokenize", TINY, *arguments, texts=TEXTS)
            found = m.tokenize(TEXTS, **options)
            self.assertEqual([{**one, "offsets": [list(pair) for pair in one["offsets"]]} for one in found], expected)
        self.assertEqual(m.tokenize("a"), m.tokenize(["a"])[0])
        self.assertEqual(m.tokenize([]), [])
        self.assertEqual(m.max_seq_length, m.info["max_seq_length"])


if __name__ == "__main__":
    unittest.main()
