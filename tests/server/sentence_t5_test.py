# SPDX-License-Identifier: Apache-2.0
"""Encoders of T5's family as embedding models: embed, pack, inspect and serve, against tools/make_sentence_t5_golden.py."""
import json
import pathlib
import tempfile
import unittest

from running_server import TINY, Server

from program import ROOT, light_int8, run

GOLDEN = ROOT / "tests/golden/sentence_t5"
MODELS = {"sentence_t5": 256, "gtr_t5": 512}


def cases_of(model):
    return [case for case in json.loads((GOLDEN / model / "golden.json").read_text())["cases"] if case["text"]]


class SentenceT5Test(unittest.TestCase):
    def near(self, found, expected, delta=1e-5):
        self.assertEqual(len(found), len(expected))
        for one, other in zip(found, expected):
            self.assertLessEqual(max(abs(a - b) for a, b in zip(one, other, strict=True)), delta)

    def embed(self, model, texts, *options):
        stdin = "".join(json.dumps(text) + "\n" for text in texts).encode()
        result = run("embed", "--model", str(model), "--json-input", *options, stdin=stdin)
        self.assertEqual(result.returncode, 0, result.stderr)
        return [json.loads(line) for line in result.stdout.splitlines()]

    def test_from_the_shell(self):
        for model in MODELS:
            cases = cases_of(model)
            texts, vectors = [case["text"] for case in cases], [case["embedding"] for case in cases]
            self.near(self.embed(GOLDEN / model, texts), vectors)
            for dtype, delta in (("fp32", 1e-5), ("bf16", 0.02), ("int8", 0.08 if light_int8() else 0.06)):
                with self.subTest(model=model, dtype=dtype), tempfile.TemporaryDirectory() as folder:
                    packed = pathlib.Path(folder) / "model.minnow"
                    result = run("pack", "--model", str(GOLDEN / model), "--dtype", dtype, "--embedding-dtype", "fp32", "-o", str(packed))
                    self.assertEqual(result.returncode, 0, result.stderr)
                    found = self.embed(packed, texts)
                    self.near(found, vectors, delta)
                    self.assertEqual(found, self.embed(GOLDEN / model, texts, "--dtype", dtype))

    def test_inspected(self):
        for model, limit in MODELS.items():
            text = run("inspect", str(GOLDEN / model)).stdout.decode()
            for words in ("  type            t5 (T5EncoderModel)\n", " of the encoder\n", "  pooling         mean\n", ", no bias\n",
                          "  normalize       yes\n", f"  length limit    {limit} tokens (sentence_bert_config.json)\n", "Served: yes\n"):
                self.assertIn(words, text)

    def test_served_beside_another(self):
        server = Server("--model", TINY, model=str(GOLDEN / "sentence_t5"))
        self.addCleanup(server.close)
        cases = cases_of("sentence_t5")
        status, body, _ = server.ask("/v1/embeddings", {"model": "sentence_t5", "input": [case["text"] for case in cases]})
        self.assertEqual(status, 200, body)
        self.near([item["embedding"] for item in json.loads(body)["data"]], [case["embedding"] for case in cases], 0.06)
        info = json.loads(server.request("GET", "/info")[1])
        self.assertEqual((info["model_type"], info["max_input_length"]), ({"embedding": {"pooling": "mean"}}, 256))
        status, body, _ = server.ask("/generate", {"inputs": "a"})
        self.assertEqual(status, 424, body)


if __name__ == "__main__":
    unittest.main()
