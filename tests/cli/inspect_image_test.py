# SPDX-License-Identifier: Apache-2.0
"""Black-box tests of minnow inspect of models that make pictures."""
import json
import pathlib
import shutil
import tempfile
import unittest

from pictures import MODEL
from program import run


@unittest.skipUnless(MODEL.exists(), f"no {MODEL} (MINNOW_DATA)")
class InspectImageTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def report(self, path):
        result = run("inspect", "--json", str(path))
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return json.loads(result.stdout)

    def test_a_folder(self):
        report = self.report(MODEL)
        self.assertEqual((report["kind"], report["served"], report["problems"]), ("text-to-image", True, []))
        told = report["diffusion"]
        self.assertEqual(set(told["parts"]), {"text_encoder", "unet", "vae"})
        self.assertEqual((told["dtype"], told["sampler"], told["prediction_type"]), ("fp32", "PLMS", "epsilon"))
        self.assertEqual((told["size_multiple"], told["inpaints"]), (2, False))
        self.assertEqual(told["parameters"], sum(part["parameters"] for part in told["parts"].values()))
        self.assertEqual(told["weight_bytes"], sum(part["bytes"] for part in told["parts"].values()))
        self.assertGreaterEqual(told["parts"]["unet"]["bytes"], 4 * told["parts"]["unet"]["parameters"])
        self.assertEqual(told["memory"]["width"], 512)
        # Of the picture itself at the least.
        self.assertGreater(told["memory"]["bytes"], 512 * 512 * 3)

    def test_as_text(self):
        text = run("inspect", str(MODEL)).stdout.decode()
        for words in ("Text to image\n", "channels of latents, factor 2, convolutions in Winograd's form; ", "PLMS, epsilon\n", "512x512: ", "Served: yes\n"):
            self.assertIn(words, text)

    def test_a_packed_file(self):
        packed, whole = self.folder / "tiny.minnow", self.report(MODEL)["diffusion"]
        for dtype in ("bf16", "int8"):
            result = run("pack", "--model", str(MODEL), "--dtype", dtype, "-o", str(packed))
            self.assertEqual(result.returncode, 0, result.stderr)
            report = self.report(packed)
            self.assertEqual((report["packed"]["dtype"], report["diffusion"]["dtype"]), (dtype, dtype))
            self.assertEqual(report["diffusion"]["parameters"], whole["parameters"])
            self.assertLess(report["diffusion"]["weight_bytes"], whole["weight_bytes"])
            self.assertLess(report["diffusion"]["memory"]["bytes"], whole["memory"]["bytes"])
            # What reads or writes latents or pixels.
            kept = {name: part["bf16_products"] for name, part in report["diffusion"]["parts"].items()}
            self.assertEqual(kept, {"text_encoder": 0, "unet": 2, "vae": 6} if dtype == "int8" else dict.fromkeys(kept, 0))
        self.assertIn(b"6 products in bf16; ", run("inspect", str(packed)).stdout)

    def test_what_is_wrong_is_told(self):
        broken = self.folder / "sd"
        shutil.copytree(MODEL, broken, copy_function=shutil.copyfile)
        for path in [broken, *broken.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
        config = json.loads((broken / "unet/config.json").read_text())
        (broken / "unet/config.json").write_text(json.dumps(config | {"cross_attention_dim": 48}))
        result = run("inspect", "--json", str(broken))
        self.assertEqual(result.returncode, 1)
        report = json.loads(result.stdout)
        self.assertEqual((report["served"], report["diffusion"], len(report["problems"])), (False, None, 1))


if __name__ == "__main__":
    unittest.main()
