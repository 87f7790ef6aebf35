# SPDX-License-Identifier: Apache-2.0
"""minnow classify, and what inspect, pack, embed and tokenize make of a classifier."""
import json
import math
import os
import pathlib
import shutil
import tempfile
import unittest

from classifier_model import CASE, LABELS, expected_logits, make, read_tensors, write_tensors
from program import ROOT, TINY, light_int8, run

DONE, FAILED, USAGE = 0, 1, 2
DATA = pathlib.Path(os.environ.get("MINNOW_DATA") or ROOT.parent / "shared/data") / "onnx_fixtures"


def softmax(logits):
    exponents = [math.exp(x - max(logits)) for x in logits]
    return [x / sum(exponents) for x in exponents]


class ClassifyTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def lines(self, *arguments, stdin=b"", code=DONE):
        result = run("classify", *arguments, stdin=stdin)
        self.assertEqual(result.returncode, code, result.stderr)
        return [json.loads(line) for line in result.stdout.splitlines()]

    def raw(self, model, ids):
        return self.lines("--model", model, "--input-ids", "--raw-scores", stdin=json.dumps(ids).encode())[0]

    def error(self, *arguments, stdin=b"", code=FAILED):
        result = run(*arguments, stdin=stdin)
        message = result.stderr.decode()
        self.assertEqual(result.returncode, code, message)
        self.assertEqual(message.count("\n"), 1, message)
        return message

    def assert_close(self, found, expected, tolerance=1e-4):
        self.assertEqual(len(found), len(expected))
        for a, b in zip(found, expected):
            self.assertAlmostEqual(a, b, delta=tolerance)

    def test_logits_of_another_implementation(self):
        for family in ("distilbert", "bert", "electra"):
            for dtype, tolerance in (("fp32", 1e-4), ("bf16", 0.1), ("int8", 0.3)):
                model = make(self.folder / family, family)
                found = self.lines("--model", model, "--dtype", dtype, "--raw-scores", CASE["text"])[0]
                self.assert_close(found, expected_logits(family), tolerance)

    def test_embeddings_of_another_width(self):
        model = make(self.folder / "small", "bert", embedding_size=8)
        self.assertIn("embedding_size: 8 beside hidden_size", self.error("classify", "--model", model, "a"))
        model = make(self.folder / "none", "electra", embedding_size=8)
        self.assertIn("embeddings.word_embeddings.weight", self.error("classify", "--model", model, "a"))

    def test_eval_counts_what_is_right(self):
        model = make(self.folder / "model", "bert")
        texts = [CASE["text"], "a cat", "the dog sat", "on a mat", "rivers"]
        best = [line[0]["label"] for line in self.lines("--model", model, *texts)]
        wrong = next(label for label in LABELS if label != best[0])
        file = self.folder / "test.tsv"
        rows = [f"{label}\t{text}" for label, text in zip(best, texts)] + [f"{wrong}\t{texts[0]}", ""]
        file.write_bytes("\r\n".join(rows).encode())
        result = run("eval", "classify", str(file), "--model", model, "--json")
        self.assertEqual(result.returncode, DONE, result.stderr)
        found = json.loads(result.stdout)
        self.assertEqual((found["texts"], found["accuracy"]), (6, 5 / 6))
        right = {label: best.count(label) for label in set(best)}
        counts = {label: (right.get(label, 0), right.get(label, 0) + (label == wrong)) for label in {*best, wrong}}
        self.assertEqual({label: (one["right"], one["texts"]) for label, one in found["labels"].items()}, counts)
        self.assertAlmostEqual(found["macro_accuracy"], sum(hits / count for hits, count in counts.values()) / len(counts))
        printed = run("eval", "classify", str(file), "--model", model).stdout.decode()
        self.assertIn("accuracy 83.33 %, macro", printed)
        for content, words in (("it a\n", "line 1: no tab"), ("it\ta\nxx\tb\n", 'line 2: label "xx" is not one of'), ("\n", "no texts")):
            file.write_text(content)
            self.assertIn(words, self.error("eval", "classify", str(file), "--model", model))

    def test_values_that_are_not_finite(self):
        model = make(self.folder / "broken", "bert")
        weights = pathlib.Path(model) / "model.safetensors"
        tensors = read_tensors(weights)
        shape, values = tensors["classifier.bias"]
        write_tensors(weights, {**tensors, "classifier.bias": (shape, (float("nan"), *values[1:]))})
        self.assertIn("not finite", self.error("classify", "--model", model, CASE["text"]))

    def test_logits_of_transformers(self):
        if not DATA.exists():
            self.skipTest(f"no {DATA} (MINNOW_DATA)")
        for name in ("distilbert_cls", "bert_cls", "xlmr_cls"):
            cases = json.loads((DATA / name / "model.expected.json").read_text())["cases"]
            stdin = "".join(json.dumps(case["input_ids"]) + "\n" for case in cases).encode()
            model = str(DATA / name / "hf")
            for case, found in zip(cases, self.lines("--model", model, "--input-ids", "--raw-scores", stdin=stdin), strict=True):
                self.assert_close(found, case["logits"])
            packed = str(self.folder / f"{name}.minnow")
            self.assertEqual(run("pack", "--model", model, "--dtype", "fp32", "-o", packed).returncode, DONE)
            self.assertEqual(self.lines("--model", packed, "--input-ids", "--raw-scores", stdin=stdin),
                             self.lines("--model", model, "--input-ids", "--raw-scores", stdin=stdin))

    def test_labels_best_first(self):
        model = make(self.folder / "m")
        scores = dict(zip(LABELS, softmax(expected_logits())))
        best = sorted(scores, key=lambda label: -scores[label])
        for arguments, stdin in (((CASE["text"],), ""), (("--json-input",), json.dumps(CASE["text"])),
                                 (("--input-ids",), json.dumps(CASE["ids"]))):
            found = self.lines("--model", model, *arguments, stdin=stdin.encode())[0]
            self.assertEqual([one["label"] for one in found], best)
            self.assert_close([one["score"] for one in found], [scores[label] for label in best])
        for top_k in (1, 2, 3, 9):
            found = self.lines("--model", model, "--top-k", str(top_k), CASE["text"])[0]
            self.assertEqual([one["label"] for one in found], best[:top_k])

    def test_lines_of_standard_input(self):
        model = make(self.folder / "m")
        texts = [f"a fish {i}" for i in range(2500)]  # more than one batch
        found = self.lines("--model", model, "--top-k", "1", stdin="\n".join(texts).encode())
        self.assertEqual(len(found), len(texts))
        self.assertEqual(found[7], self.lines("--model", model, "--top-k", "1", texts[7])[0])
        self.assertEqual(self.lines("--model", model, stdin=b""), [])

    def test_score_functions(self):
        logits = expected_logits()
        sigmoid = [1 / (1 + math.exp(-x)) for x in logits]
        for problem, expected in (("single_label_classification", softmax(logits)), (None, softmax(logits)),
                                  ("multi_label_classification", sigmoid), ("regression", logits)):
            found = self.lines("--model", make(self.folder / "m", problem_type=problem), CASE["text"])[0]
            self.assert_close([{one["label"]: one["score"] for one in found}[label] for label in LABELS], expected)
        # One label says how much of it there is, a regression what it is.
        for problem, expected in ((None, sigmoid[:1]), ("regression", logits[:1])):
            model = make(self.folder / "m", labels=1, problem_type=problem)
            self.assert_close([self.lines("--model", model, CASE["text"])[0][0]["score"]], expected)
        self.assertIn("problem_type", self.error("classify", "--model", make(self.folder / "m", problem_type="other"), "x"))

    def test_labels_in_all_spellings(self):
        for spelling, expected in (({"0": "a", "1": "b", "2": "c"}, ["a", "b", "c"]), (["a", "b", "c"], ["a", "b", "c"]),
                                   ({"2": 1984, "0": 2.5, "1": True}, ["2.5", "true", "1984"]),
                                   ({"2": "c"}, ["LABEL_0", "LABEL_1", "c"]), ({"0": None}, ["LABEL_0", "LABEL_1", "LABEL_2"]),
                                   ([], ["LABEL_0", "LABEL_1", "LABEL_2"]), (None, ["LABEL_0", "LABEL_1", "LABEL_2"])):
            model = make(self.folder / "m", id2label=spelling, num_labels=3)
            report = json.loads(run("inspect", "--json", model).stdout)
            self.assertEqual((report["kind"], report["config"]["labels"]), ("classification", expected), spelling)
        for spelling in ({"3": "d"}, ["a", "b", "c", "d"], {"x": "a"}, {"0": "a", "00": "b"}, {"0": []}, 7):
            message = self.error("classify", "--model", make(self.folder / "m", id2label=spelling), "x")
            self.assertIn("id2label", message)

    def test_architectures_may_be_a_string(self):
        model = make(self.folder / "m", architectures="DistilBertForSequenceClassification")
        self.assert_close(self.raw(model, CASE["ids"]), expected_logits())

    def test_what_an_embedding_model_does_not_need_is_not_read(self):
        shutil.copytree(TINY, self.folder / "m")
        config = json.loads((self.folder / "m/config.json").read_text())
        expected = run("embed", "--model", TINY, "a fish").stdout
        for fields in ({"id2label": {"0": "a", "7": ["b"]}}, {"id2label": ["a", 7]}, {"id2label": 7, "architectures": "BertModel"},
                       {"architectures": 7}, {"problem_type": "other"}):
            (self.folder / "m/config.json").write_text(json.dumps({**config, **fields}))
            result = run("embed", "--model", str(self.folder / "m"), "a fish")
            self.assertEqual((result.returncode, result.stdout), (DONE, expected), result.stderr)

    def test_a_model_without_a_tokenizer_takes_ids(self):
        model = make(self.folder / "m", tokenizer=False)
        self.assert_close(self.raw(model, CASE["ids"]), expected_logits())
        for command in ("classify", "embed"):
            self.assertIn("no tokenizer", self.error(command, "--model", model, "a fish"))
        self.assertIn("no tokenizer", self.error("tokenize", "--model", model, "a fish"))
        self.assertIn("token ids only", run("inspect", model).stdout.decode())
        packed = str(self.folder / "p.minnow")
        self.assertEqual(run("pack", "--model", model, "--dtype", "fp32", "-o", packed).returncode, DONE)
        self.assert_close(self.raw(packed, CASE["ids"]), expected_logits())
        self.assertIn("no tokenizer", self.error("classify", "--model", packed, "a fish"))

    def test_wrong_ids(self):
        model = make(self.folder / "m")
        for line, message in (("[1, 2", "not valid JSON"), ("7", "expected an array"), ('["x"]', "expected an integer"), ("[-1]", "-1"),
                              ("[]", "no tokens"), ("[4000]", "token id 4000"), ("[1e30]", "expected an integer")):
            self.assertIn(message, self.error("classify", "--model", model, "--input-ids", stdin=line.encode()))
        # What came before is still given.
        result = run("classify", "--model", model, "--input-ids", stdin=b"[2,3]\nx\n[2,3]\n")
        self.assertEqual((result.returncode, result.stdout.count(b"\n")), (FAILED, 1))
        self.assertIn(b"line 2", result.stderr)

    def test_packed_classifiers(self):
        model, packed = make(self.folder / "m", "bert"), str(self.folder / "p.minnow")
        for dtype in ("fp32", "bf16", "int8"):
            result = run("pack", "--model", model, "--dtype", dtype, "--embedding-dtype", "fp32", "-o", packed)
            self.assertEqual(result.returncode, DONE, result.stderr)
            self.assertIn(b"classification", result.stdout)
            self.assertIn(b"same label", result.stdout)
            self.assertEqual(run("classify", "--model", packed, CASE["text"]).stdout,
                             run("classify", "--model", model, "--dtype", dtype, CASE["text"]).stdout)
        report = json.loads(run("inspect", "--verify", "--json", packed).stdout)
        self.assertEqual((report["kind"], report["config"]["labels"], report["problems"]), ("classification", LABELS, []))
        self.assertGreaterEqual(report["packed"]["quality"]["same_label"], 62 if light_int8() else 64)
        self.assertIn("packed for classification", self.error("embed", "--model", packed, "x"))

    def test_packed_files_of_earlier_programs(self):
        for folder in sorted((ROOT / "tests/fixtures").glob("packed_v[3-9]")):
            for file in json.loads((folder / "golden.json").read_text())["classifiers"]:
                for text in file["texts"]:
                    found = self.lines("--model", str(folder / file["name"]), text["text"])[0]
                    self.assertEqual([one["label"] for one in found], [one["label"] for one in text["scores"]])
                    self.assert_close([one["score"] for one in found], [one["score"] for one in text["scores"]], 0.01)

    def test_not_a_classifier(self):
        self.assertIn("not a classifier", self.error("classify", "--model", TINY, "x"))
        # The directory of a classifier still embeds.
        self.assertEqual(run("embed", "--model", make(self.folder / "m"), "x").returncode, DONE)
        for tensor in ("classifier.weight", "pre_classifier.bias"):
            model = pathlib.Path(make(self.folder / "m"))
            weights = (model / "model.safetensors").read_bytes()
            (model / "model.safetensors").write_bytes(weights.replace(b'"' + tensor.encode(), b'"x' + tensor[1:].encode()))
            self.assertIn(tensor, self.error("classify", "--model", str(model), "x"))

    def test_usage(self):
        for arguments in (("--raw-scores", "--top-k", "3"), ("--top-k", "-1"), ("--top-k", "x"), ("--threads", "-1"), ("--nothing",)):
            self.error("classify", "--model", TINY, *arguments, "x", code=USAGE)
        self.assertIn("--model", self.error("embed", "x", code=USAGE))
        help_text = run("classify", "--help").stdout.decode()
        for word in ("--top-k", "--input-ids", "--raw-scores", "Examples:"):
            self.assertIn(word, help_text)


if __name__ == "__main__":
    unittest.main()
