# SPDX-License-Identifier: Apache-2.0
"""Black-box tests of minnow image and minnow bench image, with a tiny Stable Diffusion of random weights."""
import json
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from pictures import DATA, MODEL, PROMPT, read_png, text_of, write_png
from program import PROGRAM, TINY, environment, run

DONE, FAILED, USAGE = 0, 1, 2
TAESD = DATA / "w_taesd_sd"


@unittest.skipUnless(MODEL.exists(), f"no {MODEL} (MINNOW_DATA)")
class ImageTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.out = self.folder / "out.png"

    def image(self, *arguments, code=DONE, model=MODEL, output=None, prompt=PROMPT):
        # Threads that wait for each other take long where others want the processor too.
        threads = [] if "--threads" in arguments else ["--threads", "1"]
        result = run("image", "--model", str(model), "--prompt", prompt, *threads, *arguments, "-o", str(output or self.out))
        self.assertEqual(result.returncode, code, result.stderr)
        return result

    def change(self, *arguments, **options):
        return self.image("--image", str(MODEL / "input.png"), "--strength", "0.75", "--steps", "8", "--negative-prompt", "blurry",
                          "--seed", "7", *arguments, **options)

    def assert_refused(self, result, *parts):
        message = result.stderr.decode()
        self.assertTrue(message.startswith("minnow: "), message)
        for part in parts:
            self.assertIn(part, message)
        self.assertEqual(result.stdout, b"")
        self.assertFalse(self.out.exists())

    def test_pictures_of_diffusers(self):
        for row in json.loads((MODEL / "expected.json").read_text()):
            name = row["scheduler"]
            with self.subTest(name):
                model = self.folder / name
                shutil.copytree(MODEL, model, ignore=shutil.ignore_patterns("*.png", "tensors.npz"))
                for path in (model / "scheduler", model / "scheduler/scheduler_config.json"):
                    path.chmod(0o755)
                # No field but those that made the picture; what is not said is as the class has it.
                config = {key: row["config"][key] for key in row["config"] if key != "_use_default_values"}
                config |= {"steps_offset": 1, "_class_name": "PNDMScheduler"}
                (model / "scheduler/scheduler_config.json").write_text(json.dumps(config))
                self.change("--scheduler", name, model=model)
                width, height, pixels = read_png(self.out)
                self.assertEqual((width, height), (64, 48))
                expected = read_png(MODEL / f"out_{name}.png")[2]
                self.assertLessEqual(max(abs(a - b) for a, b in zip(pixels, expected)), 1)

    def test_what_is_told(self):
        result = self.change("--quiet")
        self.assertEqual(result.stdout.decode(), f"{self.out}: 64x48, 7 steps, seed 7\n")
        self.assertEqual(result.stderr, b"")
        lines = text_of(self.out).split("\n")
        self.assertEqual(lines[:2], [PROMPT, "Negative prompt: blurry"])
        self.assertTrue(lines[2].startswith("Steps: 8, Sampler: PLMS, CFG scale: 7.5, Seed: 7, Size: 64x48, Model: sd_tiny, "
                                            "Denoising strength: 0.75, Version: "), lines[2])

    def test_the_same_on_any_number_of_threads(self):
        found = []
        for threads in ("1", "2"):
            self.change("--threads", threads)
            found.append(self.out.read_bytes())
        self.assertEqual(*found)

    def test_a_seed_makes_it_again(self):
        result = self.image("--steps", "2", "--size", "32x24", "--images", "2")
        lines = result.stdout.decode().splitlines()
        self.assertEqual(len(lines), 2)
        second = self.folder / "out-2.png"
        seed = int(lines[1].split()[-1])
        self.image("--steps", "2", "--size", "32x24", "--seed", str(seed), output=self.folder / "again.png")
        self.assertEqual(read_png(second), read_png(self.folder / "again.png"))

    def test_formats_by_the_ending(self):
        for name, begins in (("a.jpg", b"\xff\xd8\xff"), ("a.JPEG", b"\xff\xd8\xff"), ("a.webp", b"RIFF")):
            path = self.folder / name
            self.image("--steps", "1", "--size", "16x16", output=path)
            self.assertTrue(path.read_bytes().startswith(begins))
        self.assert_refused(self.image(code=USAGE, output=self.folder / "a.gif"), "a.gif", ".webp")
        (self.folder / "notes.png").write_text("not a picture")
        self.assert_refused(self.image(code=FAILED, output=self.folder / "notes.png"), "notes.png")

    def test_a_preview(self):
        preview, seen = self.folder / "out.preview.png", []
        for folder in (None, TAESD):
            model = MODEL
            if folder is not None:
                model = self.folder / "sd"
                shutil.copytree(MODEL, model, ignore=shutil.ignore_patterns("*.png", "tensors.npz"))
                (model / "taesd").symlink_to(folder)
            # More steps than are seen, so that some are.
            command = [PROGRAM, "image", "--model", str(model), "--prompt", PROMPT, "--size", "64x48", "--steps", "30", "--seed", "7",
                       "--threads", "1", "--preview", "--quiet", "-o", str(self.out)]
            looks = set()
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as process:
                while process.poll() is None:
                    try:
                        looks.add(preview.read_bytes())
                    except FileNotFoundError:
                        pass
                    time.sleep(0.01)
                self.assertEqual((process.returncode, process.stderr.read()), (DONE, b""))
            self.assertGreater(len(looks), 1)
            for look in looks:
                self.assertEqual(read_png(look)[:2], (64, 48))
            self.assertFalse(preview.exists())
            seen.append((read_png(self.out), looks))
        self.assertEqual(seen[0][0], seen[1][0])
        self.assertFalse(seen[0][1] & seen[1][1])
        preview.write_text("notes")
        self.out.unlink()
        self.assert_refused(self.image("--preview", code=FAILED), "out.preview.png")
        self.assertEqual(preview.read_text(), "notes")

    def test_a_broken_vae_beside_the_model_is_named(self):
        model = self.folder / "sd"
        shutil.copytree(MODEL, model, ignore=shutil.ignore_patterns("*.png", "tensors.npz"))
        model.chmod(0o755)
        taesd = model / "taesd"
        weights, tiny = model / "unet/diffusion_pytorch_model.safetensors", '{"_class_name":"AutoencoderTiny"}'
        cases = [({}, "config.json: cannot open"), ({"config.json": tiny}, "taesd: no diffusion_pytorch_model.safetensors")]
        cases += [({"config.json": text, "diffusion_pytorch_model.safetensors": weights}, words) for text, words in (
            ("x", "config.json: not valid JSON"), ("{}", "config.json: "), (tiny, "diffusion_pytorch_model.safetensors: no tensor"),
            ('{"_class_name":"Foo"}', 'config.json: _class_name: "Foo" is not supported (known: AutoencoderKL'))]
        cases.append(({"taesd_encoder.safetensors": weights, "taesd_decoder.safetensors": weights}, "taesd_decoder.safetensors: no tensor"))
        for files, words in cases:
            taesd.mkdir()
            for name, content in files.items():
                if isinstance(content, str):
                    (taesd / name).write_text(content)
                else:
                    (taesd / name).symlink_to(content)
            with self.subTest(words):
                self.assert_refused(self.image("--preview", "--steps", "1", "--size", "16x16", model=model, code=FAILED), str(taesd), words)
            shutil.rmtree(taesd)

    def test_a_mask(self):
        mask = self.folder / "mask.png"
        self.change()
        plain = read_png(self.out)
        write_png(mask, 10, 10, 255)
        self.change("--mask", str(mask))
        self.assertEqual(read_png(self.out), plain)
        write_png(mask, 10, 10, 0)
        self.change("--mask", str(mask))
        self.assertNotEqual(read_png(self.out), plain)

    def test_packed(self):
        packed = self.folder / "packed.minnow"
        for dtype in ("fp32", "bf16"):
            result = run("pack", "--model", str(MODEL), "--dtype", dtype, "--embedding-dtype", "fp32", "-o", str(packed))
            self.assertEqual(result.returncode, DONE, result.stderr)
            self.assertIn(b"text-to-image", result.stdout)
            self.change("--dtype", dtype)
            plain = read_png(self.out)
            self.change(model=packed)
            self.assertEqual(read_png(self.out), plain)

    def test_words_that_do_not_fit(self):
        result = self.image("--steps", "1", "--size", "16x16", prompt="cat " * 80)
        self.assertIn(b"--prompt: the last 5 tokens did not fit", result.stderr)

    def test_noise_that_the_scheduler_does_not_take(self):
        for scheduler, words in (("euler", b"--eta: only ddim takes it"), ("ddim", b"")):
            result = self.image("--steps", "2", "--size", "16x16", "--scheduler", scheduler, "--eta", "0.5", "--seed", "7", "--quiet")
            self.assertIn(words, result.stderr)
            self.assertEqual(bool(result.stderr), bool(words), result.stderr)
        self.assertEqual(self.image("--steps", "2", "--size", "16x16", "--scheduler", "euler", "--quiet").stderr, b"")

    def test_refusals(self):
        for arguments, code, parts in (
                (["--steps", "0"], USAGE, ["--steps"]), (["--steps", "1000000000"], FAILED, ["steps: expected", "1000"]),
                (["--size", "63x64"], FAILED, ["width: expected a multiple of 2"]), (["--size", "big"], USAGE, ["--size"]),
                (["--size", "0x8"], USAGE, ["--size"]), (["--size", "100000x100000"], FAILED, ["pixels, limit"]),
                (["--size", "9999999999999999999x8"], USAGE, ["--size"]), (["--guidance", "nan"], USAGE, ["--guidance"]),
                (["--guidance", "-1"], USAGE, ["--guidance"]), (["--guidance", "x"], USAGE, ["--guidance"]),
                (["--steps", "abc"], USAGE, ["--steps"]), (["--seed", "-1"], USAGE, ["--seed"]), (["--eta", "2"], USAGE, ["--eta"]),
                (["--images", "17"], USAGE, ["--images"]), (["--memory-limit", "much"], USAGE, ["--memory-limit"]),
                (["--lora", "x:nan"], USAGE, ["--lora"]), (["--dtype", "fp8"], USAGE, ["--dtype"]),
                (["--strength", "0.5"], USAGE, ["--image"]), (["--mask", "x.png"], USAGE, ["--image"]),
                (["--scheduler", "euler_b"], USAGE, ["--scheduler"]), (["--image", "/nowhere.png"], FAILED, ["/nowhere.png"]),
                (["--clip-skip", "3"], FAILED, ["clip_skip"]), (["--vae", "/nowhere"], FAILED, ["/nowhere"])):
            with self.subTest(arguments):
                self.assert_refused(self.image(*arguments, code=code), *parts)
        self.assert_refused(self.image(prompt="a fox <lora:style:1>", code=FAILED), "prompt: <lora:")
        for strength, code in (("0.1", FAILED), ("nan", USAGE)):
            self.assert_refused(self.image("--image", str(MODEL / "input.png"), "--steps", "8", "--strength", strength, code=code),
                                "strength: ")
        self.assert_refused(self.image(model=TINY, code=FAILED), "makes no pictures")
        self.assert_refused(self.image("--image", TINY + "/config.json", code=FAILED), "config.json")
        begin = time.monotonic()
        nowhere = run("image", "--model", str(MODEL), "--prompt", "x", "--steps", "900", "--size", "256x256", "-o", "/nowhere/out.png")
        self.assertEqual(nowhere.returncode, FAILED)
        self.assertIn(b"/nowhere/out.png", nowhere.stderr)
        self.assertLess(time.monotonic() - begin, 30)
        copy = self.folder / "out.png"
        shutil.copy(MODEL / "input.png", copy)
        result = run("image", "--model", str(MODEL), "--prompt", "x", "--image", str(copy), "-o", str(copy))
        self.assertEqual(result.returncode, FAILED)
        self.assertIn(b"is the input", result.stderr)
        self.assertEqual(copy.read_bytes(), (MODEL / "input.png").read_bytes())

    def test_an_interrupt_leaves_nothing(self):
        command = [PROGRAM, "image", "--model", str(MODEL), "--prompt", PROMPT, "--size", "512x512", "--steps", "900", "-o", self.out]
        with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment()) as process:
            time.sleep(2)
            begin = time.monotonic()
            process.send_signal(signal.SIGINT)
            message = process.communicate(timeout=30)[1]
        self.assertLess(time.monotonic() - begin, 5)
        self.assertEqual((process.returncode, list(self.folder.iterdir())), (FAILED, []), message)
        self.assertIn(b"stopped", message)

    def test_bench(self):
        for part in ("unet", "unet1", "vae_decode", "vae_encode", "clip", "img2img"):
            result = run("bench", "image", "--model", str(MODEL), "--part", part, "--size", "64", "--seconds", "0.01")
            self.assertEqual(result.returncode, DONE, result.stderr)
            self.assertRegex(result.stdout.decode(), rf"^{part} 64 min [\d.e-]+ median [\d.e-]+ s\ncpu .* peak RSS \d+ MB\n$")
        result = run("bench", "image", "--model", str(MODEL), "--part", "taesd_decode")
        self.assertEqual(result.returncode, FAILED)
        self.assertIn(b"taesd", result.stderr)


if __name__ == "__main__":
    unittest.main()
