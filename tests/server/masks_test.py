# SPDX-License-Identifier: Apache-2.0
"""Masked language models and an NLI classifier behind minnow serve, against transformers' pipelines
(tools/make_masks_golden.py)."""
import concurrent.futures
import json
import unittest

from running_server import Server
from program import ROOT

GOLDEN = ROOT / "tests/golden/masks"


def answers(model):
    return json.loads((GOLDEN / model / "answers.json").read_text())


class MasksTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server("--model", f"roberta={GOLDEN}/roberta", "--model", f"nli={GOLDEN}/nli",
                            model=f"bert={GOLDEN}/bert")
        cls.addClassCleanup(cls.server.close)

    def ask(self, path, **body):
        status, answer = self.server.request("POST", path, body)
        self.assertEqual(status, 200, answer)
        return json.loads(answer)

    def same(self, found, expected):
        self.assertEqual(len(found), len(expected))
        for one, other in zip(found, expected):
            if isinstance(other, list):
                self.same(one, other)
                continue
            self.assertEqual({**one, "score": 0}, {**other, "score": 0})
            self.assertAlmostEqual(one["score"], other["score"], delta=1e-4)

    def test_masks_as_the_pipeline(self):
        for model in ("bert", "roberta"):
            for case in answers(model):
                parameters = {key: value for key, value in case.items() if key in ("top_k", "targets")}
                self.same(self.ask(f"/models/{model}", inputs=case["text"], parameters=parameters), case["answer"])
                [data] = self.ask("/v1/fill-mask", model=model, input=case["text"], **parameters)["data"]
                several = isinstance(case["answer"][0], list)
                self.same(data["masks"], case["answer"] if several else [case["answer"]])

    def test_info_tells_the_mask(self):
        masks = {}
        for model in ("bert", "roberta", "nli"):
            masks[model] = json.loads(self.server.request("GET", f"/info?model={model}")[1]).get("mask_token")
        self.assertEqual(masks, {"bert": "[MASK]", "roberta": "<mask>", "nli": None})

    def test_the_same_beside_others(self):
        texts = [case["text"] for case in answers("bert")]

        def fill(text):
            return self.server.request("POST", "/v1/fill-mask", {"model": "bert", "input": text})

        def embed(text):
            return self.server.request("POST", "/v1/embeddings", {"model": "bert", "input": text})

        alone = [(fill(text), embed(text)) for text in texts]
        self.assertEqual({status for pair in alone for status, _ in pair}, {200})
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            for _ in range(5):
                beside = [(pool.submit(fill, text), pool.submit(embed, text)) for text in texts]
                self.assertEqual([(one.result(), other.result()) for one, other in beside], alone)
        together = self.ask("/v1/fill-mask", model="bert", input=texts)["data"]
        self.assertEqual([data["masks"] for data in together],
                         [json.loads(filled)["data"][0]["masks"] for (_, filled), _ in alone])

    def test_labels_as_the_pipeline(self):
        for case in answers("nli"):
            if "id2label" in case:
                continue
            parameters = {key: value for key, value in case.items() if key not in ("sequences", "answer")}
            found = self.ask("/models/nli", inputs=case["sequences"], parameters=parameters)
            parameters["labels"] = parameters.pop("candidate_labels")
            data = self.ask("/v1/zero-shot", input=case["sequences"], **parameters)["data"]
            batch = isinstance(case["answer"], list)
            lists = (found, case["answer"]) if batch else ([found], [case["answer"]])
            for one, other, classes in zip(*lists, data, strict=True):
                self.assertEqual([c["label"] for c in one], other["labels"])
                for scored, expected in zip(one, other["scores"], strict=True):
                    self.assertAlmostEqual(scored["score"], expected, delta=1e-4)
                self.assertEqual(classes["classes"], one)

    def test_answers_have_a_limit(self):
        text = "[MASK] " * 46
        status, answer = self.server.request("POST", "/v1/fill-mask", {"model": "bert", "input": [text] * 1000, "top_k": 100})
        self.assertEqual(status, 400)
        self.assertIn(b"top_k: ", answer)
        status, answer = self.server.request("POST", "/v1/fill-mask", {"model": "bert", "input": ["[MASK]"] * 2049})
        self.assertEqual(status, 400)
        self.assertIn(b"limit 2048", answer)


if __name__ == "__main__":
    unittest.main()
