# SPDX-License-Identifier: Apache-2.0
"""Pictures over HTTP as OpenAI's clients and those of img2img ask for them."""
import base64
import concurrent.futures
import json
import pathlib
import signal
import struct
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from image_server import DATA, FOREVER, INPUT, MODEL, PROMPT, ImageCase, form, half_clear, picture, png, read_png, run, text_of  # noqa: E402
from running_server import TINY, Server, keeps_freed_memory  # noqa: E402

GENERATIONS, EDITS, IMG2IMG = "/v1/images/generations", "/v1/images/edits", "/superlabs_diffusion/v1/img2img"
TAESD = DATA / "w_taesd_sd"
SMALL = {"prompt": PROMPT, "steps": 2, "size": "32x24", "seed": 5}
EDIT = {"prompt": PROMPT, "negative_prompt": "blurry", "strength": 0.75, "steps": 8, "seed": 7}
OPTIONS = {"prompt": PROMPT, "negative_prompt": "blurry", "strength": 0.75, "num_inference_steps": 8, "seed": 7}
CANCEL_SECONDS = 0.3
HALF_CLOSE_SECONDS = 0.5  # who closes sooner after a request may still want its answer


def edit(**more):
    return form(EDIT | {"image": ("in.png", INPUT.read_bytes())} | more)


def message(options=None, file=INPUT, **more):
    data = file if isinstance(file, bytes) else file.read_bytes()
    text = json.dumps({"model": "sd_tiny", "options": OPTIONS | (options or {})} | more)
    return form({"message_json": text, "file": ("in.png", data)})


class GenerationsTest(ImageCase):
    def test_as_from_the_shell(self):
        status, body, headers = self.post(GENERATIONS, SMALL | {"model": "sd_tiny"})
        self.assertEqual(status, 200, body)
        answer = json.loads(body)
        self.assertAlmostEqual(answer["created"], time.time(), delta=60)
        self.assertEqual((answer["output_format"], answer["size"], answer["steps"]), ("png", "32x24", 3))
        self.assertEqual([entry["seed"] for entry in answer["data"]], [5])
        self.assertEqual(answer["usage"]["input_tokens"], answer["usage"]["total_tokens"])
        self.assertEqual(picture(answer["data"][0]["b64_json"]),
                         self.shell("--prompt", PROMPT, "--steps", "2", "--size", "32x24", "--seed", "5"))
        lines = text_of(base64.b64decode(answer["data"][0]["b64_json"])).split("\n")
        self.assertEqual(lines[0], PROMPT)
        self.assertIn("Seed: 5, Size: 32x24, Model: sd_tiny", lines[-1])
        self.assertEqual((headers["X-Seed"], headers["X-Image-Size"]), ("5", "32x24"))

    def test_several_and_their_seeds(self):
        both = self.ask(GENERATIONS, SMALL | {"n": 2})["data"]
        self.assertEqual([entry["seed"] for entry in both], [5, 6])
        second = self.ask(GENERATIONS, SMALL | {"seed": 6})["data"][0]
        self.assertEqual(picture(second["b64_json"]), picture(both[1]["b64_json"]))
        large = self.ask(GENERATIONS, SMALL | {"seed": 2 ** 64 - 1})["data"][0]
        self.assertEqual(large["seed"], 2 ** 64 - 1)
        self.assertEqual(picture(large["b64_json"]),
                         self.shell("--prompt", PROMPT, "--steps", "2", "--size", "32x24", "--seed", str(2 ** 64 - 1)))
        drawn = self.ask(GENERATIONS, SMALL | {"seed": -1})["data"][0]
        again = self.ask(GENERATIONS, SMALL | {"seed": drawn["seed"]})["data"][0]
        self.assertEqual(drawn["b64_json"], again["b64_json"])

    def test_formats(self):
        for name, begins in (("png", b"\x89PNG"), ("jpeg", b"\xff\xd8\xff"), ("webp", b"RIFF")):
            answer = self.ask(GENERATIONS, SMALL | {"output_format": name})
            self.assertTrue(base64.b64decode(answer["data"][0]["b64_json"]).startswith(begins))
            self.assertEqual(answer["output_format"], name)
        small, large = (self.ask(GENERATIONS, SMALL | {"output_format": "jpeg", "output_compression": quality})["data"][0]["b64_json"]
                        for quality in (0, 100))
        self.assertLess(len(small), len(large))

    def test_fields_of_openai_that_change_nothing(self):
        plain = self.ask(GENERATIONS, SMALL)["data"]
        more = {"quality": "high", "background": "opaque", "style": "vivid", "user": "u", "response_format": "b64_json",
                "moderation": "low", "stream": False, "partial_images": None, "n": 1}
        answer = self.ask("/openai" + GENERATIONS, SMALL | more)
        self.assertEqual((answer["data"], answer["quality"], answer["background"]), (plain, "high", "opaque"))

    def test_stream(self):
        for count in (0, 2):
            events = self.events(GENERATIONS, SMALL | {"steps": 8, "stream": True, "partial_images": count})
            self.assertEqual([name for name, _ in events],
                             ["image_generation.partial_image"] * count + ["image_generation.completed"])
            for i, (name, data) in enumerate(events):
                self.assertEqual((data["type"], data["size"], data["output_format"]), (name, "32x24", "png"))
                self.assertEqual(picture(data["b64_json"])[:2], (32, 24))
                self.assertEqual(data.get("partial_image_index", i), i)
        last = events[-1][1]
        self.assertEqual((last["seed"], last["usage"]["output_tokens"]), (5, 0))
        whole = self.ask(GENERATIONS, SMALL | {"steps": 8})["data"][0]
        self.assertEqual(last["b64_json"], whole["b64_json"])

    def test_refusals(self):
        for change, words in (
                ({"prompt": None}, "prompt: missing"), ({"prompt": 7}, "prompt: expected a string"), ({"n": 0}, "n: expected"),
                ({"n": 11}, "n: expected"), ({"size": "33x24"}, "size: expected a multiple of 2"), ({"size": "big"}, "size: expected WIDTHx"),
                ({"size": "0x8"}, "size: "), ({"size": "8192x8192"}, "size: "), ({"size": "99999999999999999999x8"}, "size: "),
                ({"steps": 0}, "steps: expected"), ({"steps": 10 ** 9}, "steps: expected"), ({"guidance_scale": -1}, "guidance_scale: "),
                ({"scheduler": "euler_b"}, "scheduler: "), ({"seed": -2}, "seed: "), ({"seed": 2 ** 64}, "seed: "), ({"seed": "x"}, "seed: "),
                ({"response_format": "url"}, "response_format: url: this server keeps no pictures"),
                ({"response_format": "xml"}, "response_format: "), ({"output_format": "gif"}, "output_format: expected png, jpeg or webp"),
                ({"output_format": "jpeg", "output_compression": 101}, "output_compression: "),
                ({"output_compression": 50}, "output_compression: not of png"), ({"image": "AAAA"}, "image: POST /v1/images/edits"), ({"background": "transparent"}, "background: "),
                ({"partial_images": 1}, "partial_images: 1, limit 0"), ({"stream": True, "partial_images": 4}, "partial_images: "),
                ({"stream": True, "n": 2}, "n: 2, limit 1"), ({"stream": "x"}, "stream: "), ({"clip_skip": 3}, "clip_skip: ")):
            with self.subTest(change):
                error = self.ask(GENERATIONS, SMALL | change, status=400)["error"]
                self.assertIn(words, error["message"])
                self.assertEqual(error["param"], words.split(":")[0])
                self.assertEqual(error["type"], "invalid_request_error")
        status, body, _ = self.post(GENERATIONS, ("application/json", b'{"prompt":"a","strength":NaN}'))
        self.assertEqual(status, 400, body)
        status, body, _ = self.post(GENERATIONS, ("application/json", b"[]"))
        self.assertEqual(status, 400, body)

    def test_the_described_example(self):
        paths = json.loads(self.server.request("GET", "/openapi.json")[1])["paths"]
        example = paths[GENERATIONS]["post"]["requestBody"]["content"]["application/json"]["example"]
        self.assertEqual(len(self.ask(GENERATIONS, example)["data"]), 1)
        self.assertIn("multipart/form-data", paths[EDITS]["post"]["requestBody"]["content"])

    def test_words_that_do_not_fit_are_told(self):
        answer = self.ask(GENERATIONS, SMALL | {"prompt": "cat " * 80})
        self.assertEqual(answer["dropped_tokens"], 5)


class EditsTest(ImageCase):
    def test_as_from_the_shell(self):
        expected = self.change_by_shell()
        for name in ("image", "image[]"):
            answer = self.ask(EDITS, form(EDIT | {name: ("in.png", INPUT.read_bytes())}))
            self.assertEqual(picture(answer["data"][0]["b64_json"]), expected)
            self.assertEqual(answer["size"], "64x48")
        by_name = self.ask(EDITS, edit(scheduler="euler_a"))
        self.assertEqual(picture(by_name["data"][0]["b64_json"]), self.change_by_shell("--scheduler", "euler_a"))

    def test_masks(self):
        white = self.folder / "mask.png"
        white.write_bytes(png(64, 48, [bytes([255 if y < 24 else 0]) * 64 for y in range(48)]))
        expected = self.change_by_shell("--mask", str(white))
        answer = self.ask(EDITS, edit(mask=("mask.png", half_clear())))
        self.assertEqual(picture(answer["data"][0]["b64_json"]), expected)
        # Without a strength, what is painted anew owes nothing to what was there.
        fields = {key: EDIT[key] for key in EDIT if key != "strength"} | {"image": ("a", INPUT.read_bytes()), "mask": ("m", half_clear())}
        # A form in a browser sends a file that nobody chose.
        self.assertEqual(picture(self.ask(EDITS, edit(mask=("", b"")))["data"][0]["b64_json"]), self.change_by_shell())
        anew = picture(self.ask(EDITS, form(fields))["data"][0]["b64_json"])
        self.assertEqual(anew, picture(self.ask(EDITS, edit(mask=("m", half_clear()), strength=1))["data"][0]["b64_json"]))

    def test_stream(self):
        events = self.events(EDITS, edit(stream="true", partial_images="1"))
        self.assertEqual([name for name, _ in events], ["image_edit.partial_image", "image_edit.completed"])
        self.assertEqual(picture(events[-1][1]["b64_json"]), self.change_by_shell())

    def test_refusals(self):
        image = ("in.png", INPUT.read_bytes())
        cases = [
            (form(EDIT), "image: missing"), (form({"image": image}), "prompt: missing"),
            (form([("prompt", "a"), ("image[]", image), ("image[]", image)]), "image: several, limit 1"),
            (edit(image=("a", b"")), "image: empty"), (edit(image=("", b"")), "image: missing"), (edit(mask=("m", b"")), "mask: empty"),
            (edit(prompt="a fox <lora:style:1>"), "prompt: <lora:"), (edit(image=("a", b"GIF89a")), "image: neither PNG"),
            (edit(mask=("m", INPUT.read_bytes())), "mask: no pixel of it is transparent"), (edit(mask=("m", b"x")), "mask: neither PNG"),
            (edit(strength="nan"), "strength: "), (edit(strength="2"), "strength: "), (edit(strength="0.1"), "strength: "),
            (edit(seed="-2"), "seed: "), (edit(seed=str(2 ** 64)), "seed: "), (edit(steps="1.5"), "steps: expected an integer"), (edit(n="x"), "n: expected"), (edit(stream="maybe"), "stream: expected"),
            (edit(size="63x48"), "size: expected a multiple of 2"), (edit(prompt="\udcff".encode("utf-8", "surrogateescape").decode("latin-1")), None)]
        for body, words in cases:
            if words is None:
                continue
            with self.subTest(words):
                error = self.ask(EDITS, body, status=400)["error"]
                self.assertIn(words, error["message"])
                self.assertEqual(error["param"], words.split(":")[0])
        kind, body = edit()
        for wrong in ((kind, body[:-200]), ("multipart/form-data", body), ("application/json", b"{}"), (kind, b""),
                      (kind.replace("0123", "xxxx"), body)):
            error = self.ask(EDITS, wrong, status=400)["error"]
            self.assertIn("multipart/form-data: ", error["message"])
        error = self.ask(EDITS, {"prompt": PROMPT, "image": "x"}, status=400)["error"]
        self.assertIn("multipart/form-data: expected as the Content-Type", error["message"])

    def test_hostile_images(self):
        bomb = png(30000, 30000, [])
        for data, words in ((bomb, "limit 16777216"), (png(16, 16, [b"\0" * 16] * 3), "image: "), (INPUT.read_bytes()[:400], "image: "),
                            (png(1, 1, [b"\0\0\0"], colour=2), "image: its width is 1")):
            error = self.ask(EDITS, edit(image=("a", data)), status=400)["error"]
            self.assertIn(words, error["message"])
            self.assertEqual(error["param"], "image")
        for folder in ("img_pngsuite_full", "img_jpeg"):
            files = [path for path in sorted((DATA / folder).rglob("*")) if path.is_file()][::7]
            for path in files:
                status, body, _ = self.post(EDITS, edit(image=("a", path.read_bytes()), steps=1, strength=1, size="16x16"))
                self.assertIn(status, (200, 400), (path, body[:200]))
        self.assertEqual(self.ask(EDITS, edit())["size"], "64x48")


class Img2ImgTest(ImageCase):
    def test_a_png_as_from_the_shell(self):
        expected = self.change_by_shell()
        for accept in (None, "*/*", "image/*", "image/png"):
            status, body, headers = self.post(IMG2IMG, message(), {"Accept": accept} if accept else {})
            self.assertEqual(status, 200, body)
            self.assertEqual(headers["Content-Type"], "image/png")
            self.assertEqual(read_png(body), expected)
        self.assertEqual((headers["X-Seed"], headers["X-Image-Size"], headers["X-Steps"]), ("7", "64x48", "7"))
        self.assertGreater(int(headers["X-Memory-Bytes"]), 64 * 48 * 3)
        for name in ("X-Total-Time", "X-Queue-Time", "X-Inference-Time", "X-Time-Per-Step"):
            int(headers[name])

    def test_other_answers(self):
        status, body, headers = self.post(IMG2IMG, message({"num_images_per_prompt": 2}), {"Accept": "application/json"})
        self.assertEqual(status, 200, body)
        answer = json.loads(body)
        self.assertEqual((answer["seeds"], answer["width"], answer["height"], answer["steps"]), ([7, 8], 64, 48, 7))
        self.assertEqual(picture(answer["images"][0]), self.change_by_shell())
        for accept, begins in (("image/jpeg", b"\xff\xd8\xff"), ("image/webp, image/png;q=0.5", b"RIFF")):
            self.assertTrue(self.post(IMG2IMG, message(), {"Accept": accept})[1].startswith(begins))

    def test_the_model_alone_is_required(self):
        body = form({"message_json": json.dumps({"model": "sd_tiny"}), "file": ("in.png", INPUT.read_bytes())})
        self.assertEqual(self.post(IMG2IMG, body)[0], 200)
        whole = message({"width": 32, "height": 24, "scheduler": "ddim", "eta": 0.5, "guidance_scale": 3}, request_time="now", note="n")
        status, body, headers = self.post(IMG2IMG, whole)
        self.assertEqual((status, headers["X-Image-Size"]), (200, "32x24"), body)

    def test_options_that_saved_memory(self):
        options = {"enable_attention_slicing": True, "enable_vae_tiling": True, "enable_model_cpu_offload": True, "compile": False}
        status, body, headers = self.post(IMG2IMG, message(options))
        self.assertEqual(status, 200, body)
        self.assertEqual(read_png(body), self.change_by_shell())
        done = headers["X-Options-Done"]
        self.assertIn("enable_vae_tiling=not needed", done)
        self.assertIn("enable_model_cpu_offload=not needed", done)
        self.assertNotIn("compile", done)
        _, body, _ = self.post(IMG2IMG, message(options | {"width": 160, "height": 160, "num_inference_steps": 2}), {"Accept": "application/json"})
        self.assertEqual(json.loads(body)["options_done"]["enable_vae_tiling"], "done")

    def test_refusals(self):
        image = ("in.png", INPUT.read_bytes())
        text = json.dumps({"model": "sd_tiny"})
        for body, place, words in (
                (form({"file": image}), ["message_json"], "field required"), (form({"message_json": text}), ["file"], "field required"),
                (form({"message_json": "{", "file": image}), ["message_json"], "message_json"),
                (form({"message_json": "{}", "file": image}), ["model"], "model"),
                (form({"message_json": text, "file": image, "more": "x"}), None, "more"),
                (message(extra=1), ["extra"], "unknown field"), (message({"sampler": 1}), ["options", "sampler"], "unknown option"),
                (message({"strength": 2}), ["options", "strength"], "strength"), (message({"strength": "x"}), ["options", "strength"], "x"),
                (message({"num_inference_steps": 0}), ["options", "num_inference_steps"], "expected"),
                (message({"num_inference_steps": 10 ** 9}), ["options", "num_inference_steps"], "expected"),
                (message({"guidance_scale": 1e9}), ["options", "guidance_scale"], "expected"),
                (message({"width": 65}), ["options", "width"], "multiple of 2"), (message({"width": 5002, "height": 5000}), None, "pixels"),
                (message({"scheduler": "x"}), ["options", "scheduler"], "euler_a"), (message({"compile": 1}), ["options", "compile"], "expected"),
                (message({"num_images_per_prompt": 2}), ["options", "num_images_per_prompt"], "application/json"),
                (message({"prompt": "<lora:x:1>"}), ["options", "prompt"], "<lora:"), (message({"negative_prompt": "<lora:x:1>"}), ["options", "negative_prompt"], "<lora:"),
                (form({"message_json": text, "file": ("", b"")}), ["file"], "field required"),
                (message(file=b"GIF89a"), ["file"], "neither PNG"), (("text/plain", b"x"), None, "multipart/form-data")):
            with self.subTest(words=words, place=place):
                detail = self.ask(IMG2IMG, body, status=422)["detail"]
                self.assertEqual(set(detail[0]), {"loc", "msg", "type"})
                self.assertIn(words, detail[0]["msg"])
                if place is not None:
                    self.assertEqual(detail[0]["loc"], ["body", *place])


class QueueTest(ImageCase):
    """With the options that a server has by itself."""

    def test_two_at_once(self):
        expected = self.change_by_shell()
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda _: self.post(IMG2IMG, message()), range(6)))
        for status, body, _ in answers:
            self.assertEqual(status, 200, body)
            self.assertEqual(read_png(body), expected)

    def begin_forever(self):
        client = self.server.connect()
        self.addCleanup(client.close)
        data = json.dumps(FOREVER).encode()
        client.sendall(b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" %
                       (GENERATIONS.encode(), len(data)) + data)
        return client

    def running(self):
        return self.metric("minnow_image_requests_running")

    def test_a_client_that_leaves(self):
        client = self.begin_forever()
        self.wait_until(lambda: self.running() == 1)
        self.assertGreater(self.metric("minnow_image_planned_bytes"), 1_000_000)
        second = self.begin_forever()
        self.wait_until(lambda: self.metric("minnow_image_requests_waiting") == 1)
        time.sleep(HALF_CLOSE_SECONDS)
        second.close()
        self.wait_until(lambda: self.metric("minnow_image_requests_waiting") == 0)
        client.close()
        begin = time.monotonic()
        self.wait_until(lambda: self.running() == 0)
        if not keeps_freed_memory():
            self.assertLess(time.monotonic() - begin, CANCEL_SECONDS + 0.7)
        self.assertEqual((self.metric("minnow_image_planned_bytes"), self.metric("te_queue_size")), (0, 0))
        self.assertEqual(self.ask(GENERATIONS, SMALL)["size"], "32x24")

    def test_a_client_that_leaves_a_stream(self):
        client = self.server.connect()
        self.addCleanup(client.close)
        data = json.dumps(FOREVER | {"stream": True, "partial_images": 3, "steps": 120, "size": "64x64"}).encode()
        client.sendall(b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (GENERATIONS.encode(), len(data)) + data)
        self.assertTrue(client.recv(100).startswith(b"HTTP/1.1 200"))
        client.close()
        self.wait_until(lambda: self.running() == 0)

    def test_metrics(self):
        pictures, steps = self.metric("minnow_image_pictures_total"), self.metric("minnow_image_steps_total")
        self.ask(GENERATIONS, SMALL | {"n": 2})
        self.assertEqual(self.metric("minnow_image_pictures_total"), pictures + 2)
        self.assertEqual(self.metric("minnow_image_steps_total"), steps + 3)
        self.assertGreater(self.metric("minnow_image_time_per_step_seconds_count"), 0)
        self.assertGreater(self.metric("te_image_success"), 0)


class FullQueueTest(ImageCase):
    arguments = ["--max-concurrent-requests", "2"]

    def test_who_comes_too_much_is_told_when(self):
        clients = [QueueTest.begin_forever(self) for _ in range(2)]
        self.wait_until(lambda: self.metric("te_queue_size") == 2)
        status, body, headers = self.post(GENERATIONS, SMALL)
        self.assertEqual(status, 429, body)
        self.assertGreaterEqual(int(headers["Retry-After"]), 1)
        for client in clients:
            client.close()


class LimitsTest(ImageCase):
    arguments = ["--max-image-pixels", "4000", "--image-payload-limit", "3000000"]

    def test_limits_of_the_operator(self):
        self.ask(GENERATIONS, SMALL)
        for path, body in ((GENERATIONS, SMALL | {"size": "64x64"}), (GENERATIONS, SMALL | {"n": 6}),
                           (EDITS, edit(image=("a", png(64, 64, [b"\0" * 64] * 64))))):
            self.assertIn("limit 4000", self.ask(path, body, status=400)["error"]["message"])
        status, body, _ = self.post(EDITS, edit(image=("a", b"x" * 2_500_000)))
        self.assertEqual(status, 400, body)
        status, body, _ = self.post(EDITS, edit(image=("a", b"x" * 3_500_000)))
        self.assertEqual(status, 413)
        self.assertIn(b"--image-payload-limit", body)
        self.assertIn("detail", json.loads(self.post(IMG2IMG, message(file=b"x" * 3_500_000))[1]))


def make_lora(path):
    """A LoRA for the middle of the tiny UNet, in safetensors."""
    name = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_v."
    header = {name + part: {"dtype": "F32", "shape": shape, "data_offsets": [at, at + 256]}
              for part, shape, at in (("lora_A.weight", [1, 64], 0), ("lora_B.weight", [64, 1], 256))}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + struct.pack("<128f", *[0.5, -0.25] * 64))


@unittest.skipUnless(TAESD.exists(), f"no {TAESD} (MINNOW_DATA)")
class PartsTest(ImageCase):
    """A VAE and an adapter beside the model."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        lora = pathlib.Path(folder.name, "style.safetensors")
        make_lora(lora)
        cls.arguments = cls.parts = ["--vae", str(TAESD), "--lora", f"{lora}:0.5"]
        super().setUpClass()

    def test_as_from_the_shell(self):
        made = picture(self.ask(GENERATIONS, SMALL)["data"][0]["b64_json"])
        words = ["--prompt", PROMPT, "--steps", "2", "--size", "32x24", "--seed", "5"]
        self.assertEqual(made, self.shell(*words, *self.parts))
        for only in (self.parts[:2], self.parts[2:]):
            self.assertNotEqual(made, self.shell(*words, *only))

    def test_wrong_usage(self):
        for arguments, code, words in (
                (["--model", TINY, "--vae", str(TAESD), "--ci"], 1, "makes no pictures"), (["--model", str(MODEL), "--lora", "/nowhere", "--ci"], 1, "/nowhere"),
                (["--model", f"a={TINY}", "--model", f"b={MODEL}", "--vae", "x"], 2, "--vae: there are 2 models"),
                (["--model", f"a={TINY}", "--model", f"b={MODEL}", "--lora", "c=x"], 2, "--lora: no model is named c"),
                (["--model", str(MODEL), "--lora", "x:nan"], 2, "--lora")):
            with self.subTest(arguments):
                result = run("serve", "--port", "0", *arguments)
                self.assertEqual(result.returncode, code, result.stderr)
                self.assertIn(words, result.stderr.decode())


class OtherModelsTest(unittest.TestCase):
    def test_a_model_of_texts_makes_none(self):
        server = Server()
        self.addCleanup(server.close)
        status, body, _ = server.ask(GENERATIONS, SMALL)
        self.assertEqual(status, 400)
        self.assertIn(b"cannot make pictures", body)


class BesideTextsTest(ImageCase):
    arguments = ["--model", TINY, "--dtype", "fp32"]

    def test_texts_go_on(self):
        client = QueueTest.begin_forever(self)
        self.wait_until(lambda: self.metric("minnow_image_requests_running") == 1)
        for _ in range(20):
            self.assertEqual(len(self.ask("/embed", {"inputs": "a heron"})), 1)
            self.assertEqual(self.server.request("GET", "/health")[0], 200)
        self.assertEqual(self.metric("minnow_image_requests_running"), 1)
        client.close()

    def test_what_is_not_its_task(self):
        for path, body in (("/models/sd_tiny", {"inputs": "x"}), ("/embed", {"inputs": "x", "model": "sd_tiny"}),
                           ("/generate", {"inputs": "x", "model": "sd_tiny"})):
            status, answer, _ = self.post(path, body)
            self.assertEqual(status, 424, answer)
            self.assertIn(b"make pictures", answer)
        self.assertIn(b"text_to_image", self.server.request("GET", "/info?model=sd_tiny")[1])


class EndTest(ImageCase):
    arguments = ["--drain-seconds", "2"]

    def test_a_server_that_ends_breaks_a_picture_off(self):
        client = QueueTest.begin_forever(self)
        client.settimeout(20)
        self.wait_until(lambda: self.metric("minnow_image_requests_running") == 1)
        begin = time.monotonic()
        self.server.process.send_signal(signal.SIGTERM)
        answer = client.recv(10_000)
        self.assertIn(b" 503 ", answer.split(b"\r\n")[0])
        self.assertIn(b"shutting down", answer)
        self.assertEqual(self.server.process.wait(20), 0)
        self.assertLess(time.monotonic() - begin, 6)


if __name__ == "__main__":
    unittest.main()
