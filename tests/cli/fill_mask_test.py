# SPDX-License-Identifier: Apache-2.0
"""minnow fill-mask and minnow classify --labels, against transformers' pipelines (tools/make_masks_golden.py)."""
import json
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from program import PROGRAM, ROOT, TINY, environment, run

GOLDEN = ROOT / "tests/golden/masks"
BERT, ROBERTA, NLI = (str(GOLDEN / name) for name in ("bert", "roberta", "nli"))


def answers(model):
    return json.loads((pathlib.Path(model) / "answers.json").read_text())


class MasksTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)

    def lines(self, *arguments, stdin=b""):
        result = run(*arguments, stdin=stdin)
        self.assertEqual(result.returncode, 0, result.stderr)
        return [json.loads(line) for line in result.stdout.splitlines()]

    def same(self, found, expected):
        self.assertEqual(len(found), len(expected))
        for one, other in zip(found, expected):
            if isinstance(other, list):
                self.same(one, other)
                continue
            self.assertEqual({**one, "score": 0}, {**other, "score": 0})
            self.assertAlmostEqual(one["score"], other["score"], delta=1e-4)

    def test_lines(self):
        for model in (BERT, ROBERTA):
            cases = [case for case in answers(model) if set(case) == {"text", "answer"}]
            self.assertGreater(len(cases), 8)
            stdin = "".join(json.dumps(case["text"]) + "\n" for case in cases * 20).encode()
            found = self.lines("fill-mask", "--model", model, "--json-input", stdin=stdin)
            self.same(found, [case["answer"] for case in cases * 20])
            self.assertEqual(found[:len(cases)], found[-len(cases):])
            self.assertEqual(found, self.lines("fill-mask", "--model", model, "--json-input", "--threads", "1", stdin=stdin))

    def test_options(self):
        for case in answers(BERT):
            options = ["--top-k", str(min(case["top_k"], 1 << 22))] if "top_k" in case else []
            targets = case.get("targets", [])
            for target in [targets] if isinstance(targets, str) else targets:
                options += ["--target", target]
            self.same(self.lines("fill-mask", "--model", BERT, *options, case["text"]), [case["answer"]])

    def test_packed(self):
        packed = str(self.folder / "masked.minnow")
        done = run("pack", "--model", BERT, "-o", packed)
        self.assertEqual(done.returncode, 0, done.stderr)
        text = answers(BERT)[0]["text"]
        [best] = self.lines("fill-mask", "--model", packed, "--top-k", "300", text)
        self.assertAlmostEqual(sum(one["score"] for one in best), 1, delta=1e-3)
        self.assertIn("masks           filled too", run("inspect", packed).stdout.decode())
        self.assertIs(json.loads(run("inspect", "--json", packed).stdout)["sentence_vectors"]["fills_masks"], True)
        # It embeds, as its directory does.
        vectors = [self.lines("embed", "--model", model, "--output", "json", "fish") for model in (packed, BERT)]
        self.assertEqual(len(vectors[0][0]), len(vectors[1][0]))

    def test_a_broken_head_embeds_still(self):
        broken = self.folder / "broken"
        shutil.copytree(BERT, broken)
        data = (broken / "model.safetensors").read_bytes().replace(b'"cls.predictions.bias"', b'"cls.predictions.bios"')
        (broken / "model.safetensors").write_bytes(data)
        self.assertEqual(run("embed", "--model", str(broken), "fish").returncode, 0)
        result = run("fill-mask", "--model", str(broken), "a [MASK]")
        self.assertEqual(result.returncode, 1)
        self.assertIn("cannot fill masks: ", result.stderr.decode())
        self.assertIn("cls.predictions.bias", result.stderr.decode())
        self.assertIn("it fills no masks", run("inspect", str(broken)).stdout.decode())

    def test_an_answer_for_each_line_at_once(self):
        process = subprocess.Popen([PROGRAM, "fill-mask", "--model", BERT], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   env=environment())
        for _ in range(3):
            process.stdin.write(b"the [MASK] swims\n")
            process.stdin.flush()
            self.assertEqual(len(json.loads(process.stdout.readline())), 5)
        process.stdin.close()
        self.assertEqual(process.wait(timeout=20), 0)
        process.stdout.close()

    def test_bad_input(self):
        for arguments, code, words in (
                ((BERT, "no mask"), 1, "argument 1: no mask token ([MASK])"),
                ((BERT, "a [MASK]", "<mask>"), 1, "argument 2: no mask token ([MASK])"),
                ((ROBERTA, "[MASK]"), 1, "argument 1: no mask token (<mask>)"),
                ((BERT, "--top-k", "0", "[MASK]"), 2, "--top-k"),
                ((BERT, "--target", "", "--", "[MASK]"), 1, "targets: the model has a token for none of them"),
                ((BERT, "--json-input", "[MASK]"), 1, "argument 1"),
                ((TINY, "[MASK]"), 1, "no head of a masked language model"),
                ((NLI, "[MASK]"), 1, "no head of a masked language model")):
            result = run("fill-mask", "--model", *arguments)
            self.assertEqual(result.returncode, code, result.stderr)
            self.assertIn(words, result.stderr.decode())
        # What came before a wrong line is still good.
        result = run("fill-mask", "--model", BERT, stdin=b"a [MASK]\nb\n")
        self.assertEqual((result.returncode, len(result.stdout.splitlines())), (1, 1))
        self.assertIn("line 2", result.stderr.decode())

    def test_labels(self):
        for case in answers(NLI):
            if "id2label" in case:
                continue
            labels = case["candidate_labels"]
            options = ["--labels", labels if isinstance(labels, str) else ",".join(labels)]
            options += ["--multi-label"] if case.get("multi_label") else []
            options += ["--hypothesis-template", case["hypothesis_template"]] if "hypothesis_template" in case else []
            texts = case["sequences"] if isinstance(case["sequences"], list) else [case["sequences"]]
            expected = case["answer"] if isinstance(case["answer"], list) else [case["answer"]]
            stdin = "".join(text + "\n" for text in texts * 300).encode()
            found = self.lines("classify", "--model", NLI, *options, stdin=stdin)
            self.assertEqual(len(found), 300 * len(texts))
            for i, line in enumerate(found):
                self.assertEqual([one["label"] for one in line], expected[i % len(texts)]["labels"])
                for one, score in zip(line, expected[i % len(texts)]["scores"]):
                    self.assertAlmostEqual(one["score"], score, delta=1e-4)
        [best] = self.lines("classify", "--model", NLI, "--labels", "a,b,c", "--top-k", "1", "fish")
        self.assertEqual(len(best), 1)
        self.assertIn("zero-shot", run("inspect", NLI).stdout.decode())

    def test_bad_labels(self):
        for arguments, code, words in (
                (("--labels", ""), 2, "--labels"),
                (("--labels", " , "), 1, "--labels: must not be empty"),
                (("--labels", ",".join("l" * 1001)), 1, "--labels: 1001 labels, limit 1000"),
                (("--multi-label",), 2, "--labels"),
                (("--labels", "a", "--raw-scores"), 2, "--raw-scores"),
                (("--labels", "a", "--hypothesis-template", "x"), 1, "hypothesis_template: no {}"),
                (("--labels", "fish " * 60), 1, "argument 1: ")):
            result = run("classify", "--model", NLI, *arguments, "a text")
            self.assertEqual(result.returncode, code, result.stderr)
            self.assertIn(words, result.stderr.decode())


if __name__ == "__main__":
    unittest.main()
