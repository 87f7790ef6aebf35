# SPDX-License-Identifier: Apache-2.0
"""The server against webuiapi and sd-backend-client, clients of the A1111 web UI, unchanged.

scripts/get-clients.sh fetches them. What cannot be imported is skipped, with a message.
"""
import contextlib
import importlib
import io
import pathlib
import sys
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/cli"))
sys.path.insert(0, str(ROOT / "tests/server"))
sys.path.insert(0, str(ROOT / ".cache/clients"))
from pictures import MODEL, PROMPT  # noqa: E402
from running_server import Server  # noqa: E402


def package(name):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise unittest.SkipTest(f"the package {name} is not installed: {error}")


@unittest.skipUnless(MODEL.exists(), f"no {MODEL} (MINNOW_DATA)")
class ClientCase(unittest.TestCase):
    """A server, and a picture to send."""
    @classmethod
    def setUpClass(cls):
        cls.image = package("PIL.Image").open(MODEL / "input.png").convert("RGB")
        cls.server = Server("--threads", "1", model=str(MODEL))
        cls.addClassCleanup(cls.server.close)


class WebUiClientTest(ClientCase):
    @classmethod
    def setUpClass(cls):
        cls.webuiapi = package("webuiapi")
        super().setUpClass()
        cls.api = cls.webuiapi.WebUIApi(host="127.0.0.1", port=cls.server.port, steps=4)

    def test_what_it_asks_on_start(self):
        self.assertFalse(self.api.has_controlnet or self.api.has_adetailer or self.api.has_animatediff)

    def test_text_to_image(self):
        made = self.api.txt2img(prompt=PROMPT, negative_prompt="blurry", seed=7, width=32, height=24, batch_size=2, n_iter=2)
        self.assertEqual([image.size for image in made.images], [(32, 24)] * 4)
        self.assertEqual(made.info["all_seeds"], [7, 8, 9, 10])
        self.assertEqual((made.info["sampler_name"], made.parameters["steps"]), ("Euler a", 4))
        self.assertEqual(made.image.text["parameters"], made.info["infotexts"][0])
        again = self.api.txt2img(prompt=PROMPT, negative_prompt="blurry", seed=8, width=32, height=24)
        self.assertEqual(again.image.tobytes(), made.images[1].tobytes())

    def test_image_to_image(self):
        made = self.api.img2img(images=[self.image], prompt=PROMPT, seed=7, width=64, height=48, denoising_strength=0.5, steps=8)
        self.assertEqual(made.image.size, (64, 48))
        self.assertIsNone(made.parameters["init_images"])
        self.assertEqual(made.info["steps_run"], 5)
        drawn = self.api.img2img(images=[self.image], prompt=PROMPT, width=64, height=48, sampler_name="DDIM")
        self.assertEqual(drawn.info["all_seeds"], [drawn.info["seed"]])

    def test_inpainting(self):
        mask = package("PIL.Image").new("L", (64, 48), 0)
        mask.paste(255, (0, 0, 24, 48))
        made = self.api.img2img(images=[self.image], mask_image=mask, prompt=PROMPT, seed=7, width=32, height=32, mask_blur=1)
        self.assertEqual(made.image.size, self.image.size)
        right = (32, 0, 64, 48)
        self.assertEqual(made.image.crop(right).tobytes(), self.image.crop(right).tobytes())
        self.assertNotEqual(made.image.tobytes(), self.image.tobytes())

    def test_asynchronous(self):
        asyncio, _ = package("asyncio"), package("aiohttp")

        async def both():
            return await asyncio.gather(*[self.api.txt2img(prompt=PROMPT, seed=seed, width=32, height=24, use_async=True) for seed in (1, 2)])
        made = asyncio.run(both())
        self.assertEqual([one.info["seed"] for one in made], [1, 2])

    def test_what_it_lists(self):
        self.assertIn("DPM++ 2M", self.api.util_get_sampler_names())
        self.assertIn("karras", self.api.util_get_scheduler_names())
        self.assertEqual(self.api.util_get_model_names(), ["sd_tiny"])
        with contextlib.redirect_stdout(io.StringIO()):
            self.api.util_set_model("sd-tiny")
        self.assertEqual(self.api.util_get_current_model(), "sd_tiny")
        for ask in ("get_cmd_flags", "get_upscalers", "get_latent_upscale_modes", "get_loras", "get_hypernetworks", "get_face_restorers",
                    "get_realesrgan_models", "get_prompt_styles", "get_scripts", "get_embeddings", "get_memory", "get_sd_vae",
                    "refresh_checkpoints"):
            getattr(self.api, ask)()

    def test_png_info(self):
        made = self.api.txt2img(prompt=PROMPT, seed=7, width=32, height=24)
        self.assertEqual(self.api.png_info(made.image).info, made.info["infotexts"][0])

    def test_progress_and_interrupt(self):
        self.api.util_wait_for_ready(check_interval=0.1)
        made = []
        thread = threading.Thread(target=lambda: made.append(
            self.webuiapi.WebUIApi(port=self.server.port).txt2img(prompt=PROMPT, steps=900, width=256, height=256)))
        thread.start()
        end = time.monotonic() + 30
        while self.api.get_progress()["state"]["sampling_step"] == 0:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)
        self.assertGreater(self.api.get_progress()["progress"], 0)
        self.assertEqual(self.api.skip(), {})
        self.assertEqual(self.api.interrupt(), {})
        thread.join(30)
        self.assertEqual(made[0].images, [])

    def test_refusals(self):
        for options, words in (({"enable_hr": True}, "enable_hr"), ({"styles": ["x"]}, "styles"), ({"width": 33}, "width"),
                               ({"sampler_name": "DPM fast"}, "sampler_name")):
            with self.assertRaises(RuntimeError) as refused:
                self.api.txt2img(prompt=PROMPT, **options)
            self.assertIn(words, str(refused.exception))


class BackendClientTest(ClientCase):
    @classmethod
    def setUpClass(cls):
        cls.package = package("sd_backend_client")
        super().setUpClass()
        cls.backend = cls.package.connect_to_backend(f"http://127.0.0.1:{cls.server.port}")
        cls.addClassCleanup(cls.backend.disconnect)

    def params(self, **more):
        return self.package.DiffusionParams(**{"prompt": PROMPT, "steps": 4, "width": 64, "height": 48, "seed": 7} | more)

    def test_text_to_image(self):
        made = self.backend.submit_txt2img(self.params(batch_size=2)).wait(timeout=60)
        self.assertEqual(([image.size for image in made.images], made.seeds), ([(64, 48)] * 2, [7, 8]))

    def test_image_to_image(self):
        made = self.backend.submit_img2img(self.params(init_images=[self.image], denoising_strength=0.5)).wait(timeout=60)
        self.assertEqual(made.images[0].size, (64, 48))
        mask = package("PIL.Image").new("L", (64, 48), 0)
        mask.paste(255, (0, 0, 24, 48))
        painted = self.backend.submit_inpaint(self.params(init_images=[self.image], mask=mask)).wait(timeout=60)
        self.assertEqual(painted.images[0].size, (64, 48))
        self.assertNotEqual(painted.images[0].tobytes(), made.images[0].tobytes())

    def test_cancel(self):
        handle = self.backend.submit_txt2img(self.params(steps=900, width=256, height=256))
        end = time.monotonic() + 30
        while not handle.poll().progress:
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)
        self.assertTrue(handle.cancel())
        with self.assertRaises(self.package.GenerationError):
            handle.wait(timeout=30)

    def test_what_it_lists(self):
        self.assertEqual([one.name for one in self.backend.list_checkpoints()], ["sd_tiny"])
        self.assertIn("dpmpp_2m", [one.name for one in self.backend.list_samplers()])
        self.assertIn("karras", [one.name for one in self.backend.list_schedulers()])
        self.backend.get_capabilities()
        self.backend.set_config({"sd_model_checkpoint": "sd_tiny"})


if __name__ == "__main__":
    unittest.main()
