# SPDX-License-Identifier: Apache-2.0
"""ONNX files as models of the commands: where they and their config.json are found, packed and inspected. The files are no
part of this repository (MINNOW_DATA)."""
import json
import os
import pathlib
import shutil
import tempfile
import unittest

from program import ROOT, TINY, run

DONE, FAILED = 0, 1
DATA = pathlib.Path(os.environ.get("MINNOW_DATA") or ROOT.parent / "shared/data") / "onnx_fixtures"
CLASSIFIER = DATA / "distilbert_cls"
EMBEDDER = DATA / "bert_embed"
FORMS = ("model", "model_optimized", "model_quantized", "model_optimized_quantized")


@unittest.skipUnless(DATA.exists(), f"no {DATA} (MINNOW_DATA)")
class OnnxTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.cases = json.loads((CLASSIFIER / "model.expected.json").read_text())["cases"]

    def model(self, *files, below=""):
        """A folder with a config.json, and ONNX files of the classifier in it or below."""
        root = self.folder / "m"
        shutil.rmtree(root, ignore_errors=True)
        (root / below).mkdir(parents=True)
        shutil.copy(CLASSIFIER / "config.json", root)
        for file in files:
            shutil.copy(CLASSIFIER / file, root / below)
        return root

    def scores(self, model, *arguments):
        ids = "".join(json.dumps(case["input_ids"]) + "\n" for case in self.cases)
        result = run("classify", "--model", str(model), "--input-ids", "--raw-scores", *arguments, stdin=ids.encode())
        self.assertEqual(result.returncode, DONE, result.stderr)
        return [json.loads(line) for line in result.stdout.splitlines()]

    def distance(self, found, expected):
        self.assertEqual(len(found), len(expected))
        return max(abs(a - b) for x, y in zip(found, expected) for a, b in zip(x, y, strict=True))

    def report(self, path, code=DONE):
        result = run("inspect", "--json", str(path))
        self.assertEqual(result.returncode, code, result.stderr)
        return json.loads(result.stdout)

    def test_a_file_with_its_configuration_beside_it_or_above(self):
        expected = [case["logits"] for case in self.cases]
        for below in ("", "onnx"):
            root = self.model("model.onnx", below=below)
            self.assertLess(self.distance(self.scores(root / below / "model.onnx"), expected), 1e-4)
        (root / "config.json").unlink()
        result = run("classify", "--model", str(root / "onnx/model.onnx"), "--input-ids")
        self.assertEqual(result.returncode, FAILED)
        self.assertIn(b"no config.json beside it or in the folder above", result.stderr)

    def test_a_directory_finds_the_best_of_its_files(self):
        for below in ("", "onnx"):
            for i in range(len(FORMS)):
                files = [f"{form}.onnx" for form in FORMS[i:]]
                root = self.model(*files, below=below)
                self.assertEqual(self.report(root)["onnx"]["file"], str(root / below / files[0]))
        # Safetensors go before all of them.
        shutil.copy(CLASSIFIER / "hf/model.safetensors", root)
        self.assertIsNone(self.report(root)["onnx"])
        self.assertEqual(self.report(root / "onnx/model_optimized_quantized.onnx")["onnx"]["understood_by"], "names")

    def test_inspect_says_what_was_understood(self):
        text = run("inspect", str(CLASSIFIER / "model_optimized_quantized.onnx")).stdout.decode()
        for line in ("  producer        onnx.quantize 0.1.0\n", "  version         opset 18, IR 8\n",
                     "  understood      by names, 56 weights\n", "  tensors         56\n", "Served: yes\n"):
            self.assertIn(line, text)
        root = self.model("model.onnx")
        whole = (root / "model.onnx").read_bytes()
        # An operator of another name, as long as the one that it replaces.
        (root / "model.onnx").write_bytes(whole.replace(b"Softmax", b"Sparsem"))
        report = self.report(root, FAILED)
        self.assertIsNone(report["onnx"]["understood_by"])
        self.assertIn('("Sparsem") was not understood', report["problems"][0]["message"])
        (root / "model.onnx").write_bytes(whole[:len(whole) // 2])
        self.assertIn("cut short", self.report(root, FAILED)["problems"][0]["message"])

    def test_packed(self):
        for form in FORMS:
            model = CLASSIFIER / f"{form}.onnx"
            packed = self.folder / f"{form}.minnow"
            result = run("pack", "--model", str(model), "--dtype", "fp32", "-o", str(packed))
            self.assertEqual(result.returncode, DONE, result.stderr)
            self.assertEqual(self.scores(packed), self.scores(model), form)
            result = run("pack", "--model", str(model), "-o", str(packed))
            self.assertEqual(result.returncode, DONE, result.stderr)
            self.assertLess(self.distance(self.scores(packed), self.scores(model)), 0.3, form)

    def test_packing_over_the_model_is_refused(self):
        file = self.model("model.onnx") / "model.onnx"
        before = file.read_bytes()
        result = run("pack", "--model", str(file), "-o", str(file))
        self.assertEqual((result.returncode, file.read_bytes()), (FAILED, before))

    def test_all_precisions(self):
        for form in FORMS:
            model = CLASSIFIER / f"{form}.onnx"
            fp32 = self.scores(model)
            for dtype, tolerance in (("bf16", 0.1), ("int8", 0.3)):
                self.assertLess(self.distance(self.scores(model, "--dtype", dtype), fp32), tolerance, (form, dtype))

    def test_with_a_tokenizer(self):
        """Vectors and an index of an ONNX model are those of the checkpoint that it was made of."""
        for name, files in (("onnx", ("model.onnx",)), ("hf", ("hf/model.safetensors",))):
            root = self.folder / name
            root.mkdir()
            for file in (EMBEDDER / "config.json", *(EMBEDDER / file for file in files),
                         *(pathlib.Path(TINY) / file for file in ("tokenizer.json", "tokenizer_config.json"))):
                shutil.copy(file, root)
        vectors = {}
        for name in ("onnx", "hf"):
            result = run("embed", "--model", str(self.folder / name), "a small fish", "the river")
            self.assertEqual(result.returncode, DONE, result.stderr)
            vectors[name] = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertLess(self.distance(vectors["onnx"], vectors["hf"]), 1e-5)
        text = self.folder / "notes.txt"
        text.write_text("a small fish swims in the river\n")
        store = str(self.folder / "my.db")
        for arguments in (("index", "add", str(text), "--index", store), ("search", "fish", "--index", store)):
            result = run(*arguments, "--model", str(self.folder / "onnx"))
            self.assertEqual(result.returncode, DONE, result.stderr)


if __name__ == "__main__":
    unittest.main()
