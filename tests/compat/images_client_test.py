# SPDX-License-Identifier: Apache-2.0
"""The server's pictures against the openai package, unchanged.

scripts/get-clients.sh fetches it. All is skipped, with a message, where it cannot be imported.
"""
import asyncio
import base64
import importlib
import io
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/cli"))
sys.path.insert(0, str(ROOT / "tests/server"))
sys.path.insert(0, str(ROOT / ".cache/clients"))
from pictures import MODEL, PROMPT, png, read_png  # noqa: E402
from running_server import Server  # noqa: E402

# What the package does not know goes along as it is.
OURS = {"steps": 4, "seed": 7}


def package(name):
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise unittest.SkipTest(f"the package {name} is not installed: {error}")


def picture(item):
    return read_png(base64.b64decode(item.b64_json, validate=True))


@unittest.skipUnless(MODEL.exists(), f"no {MODEL} (MINNOW_DATA)")
class ImagesClientTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.openai = package("openai")
        cls.server = Server("--threads", "1", model=str(MODEL))
        cls.addClassCleanup(cls.server.close)
        cls.client = cls.openai.OpenAI(base_url=f"http://127.0.0.1:{cls.server.port}/v1", api_key="unused", max_retries=0)
        cls.images = cls.client.images
        cls.addClassCleanup(cls.client.close)

    def test_generate(self):
        model = self.client.models.list().data[0].id
        made = self.images.generate(model=model, prompt=PROMPT, size="32x24", n=2, quality="low", background="auto", moderation="auto",
                                    output_format="png", user="somebody", extra_body=OURS)
        self.assertEqual([picture(item)[:2] for item in made.data], [(32, 24)] * 2)
        self.assertEqual([item.seed for item in made.data], [7, 8])
        self.assertEqual((made.output_format, made.size, made.quality), ("png", "32x24", "low"))
        self.assertEqual(made.usage.total_tokens, made.usage.input_tokens_details.text_tokens)
        alone = self.images.generate(prompt=PROMPT, size="32x24", response_format="b64_json", style="vivid", extra_body=OURS | {"seed": 8})
        self.assertEqual(picture(alone.data[0]), picture(made.data[1]))

    def test_generate_by_events(self):
        whole = self.images.generate(prompt=PROMPT, size="32x24", extra_body=OURS)
        with self.images.generate(prompt=PROMPT, size="32x24", stream=True, partial_images=2, extra_body=OURS) as stream:
            events = list(stream)
        self.assertEqual([event.type for event in events], ["image_generation.partial_image"] * 2 + ["image_generation.completed"])
        self.assertEqual([event.partial_image_index for event in events[:2]], [0, 1])
        self.assertEqual([picture(event)[:2] for event in events], [(32, 24)] * 3)
        self.assertEqual(picture(events[-1]), picture(whole.data[0]))
        self.assertEqual(events[-1].usage.output_tokens, 0)

    def test_edit(self):
        half = png(64, 48, [bytes([0, 0, 0, 0 if y < 24 else 255]) * 64 for y in range(48)], colour=6)
        with open(MODEL / "input.png", "rb") as image:
            changed = self.images.edit(image=image, prompt=PROMPT, extra_body=OURS | {"strength": 0.5})
        # A list of one goes over the wire by another name.
        listed = self.images.edit(image=[MODEL / "input.png"], prompt=PROMPT, extra_body=OURS | {"strength": 0.5})
        self.assertEqual(picture(changed.data[0]), picture(listed.data[0]))
        painted = self.images.edit(image=("in.png", (MODEL / "input.png").read_bytes(), "image/png"), mask=io.BytesIO(half), prompt=PROMPT,
                                   n=1, size="64x48", input_fidelity="high", output_format="png", quality="high", extra_body=OURS)
        self.assertEqual(picture(painted.data[0])[:2], (64, 48))
        self.assertNotEqual(picture(painted.data[0]), picture(changed.data[0]))

    def test_edit_by_events(self):
        options = {"prompt": PROMPT, "extra_body": OURS}
        whole = self.images.edit(image=MODEL / "input.png", **options)
        events = list(self.images.edit(image=MODEL / "input.png", stream=True, partial_images=1, **options))
        self.assertEqual([event.type for event in events], ["image_edit.partial_image", "image_edit.completed"])
        self.assertEqual(picture(events[-1]), picture(whole.data[0]))

    def test_asynchronous(self):
        async def both():
            async with self.openai.AsyncOpenAI(base_url=self.client.base_url, api_key="unused", max_retries=0) as client:
                one = client.images.generate(prompt=PROMPT, size="32x24", extra_body=OURS)
                other = client.images.edit(image=MODEL / "input.png", prompt=PROMPT, extra_body=OURS)
                return await asyncio.gather(one, other)
        self.assertEqual([made.size for made in asyncio.run(both())], ["32x24", "64x48"])

    def test_errors_are_its_own(self):
        for field, options in (("size", {"size": "33x24"}), ("n", {"n": 11}), ("response_format", {"response_format": "url"}),
                               ("steps", {"extra_body": {"steps": 0}})):
            with self.assertRaises(self.openai.BadRequestError) as refused:
                self.images.generate(prompt=PROMPT, **options)
            self.assertEqual((refused.exception.param, refused.exception.type), (field, "invalid_request_error"))
        with self.assertRaises(self.openai.BadRequestError) as refused:
            self.images.edit(image=("a.png", b"no picture"), prompt=PROMPT)
        self.assertEqual(refused.exception.param, "image")


if __name__ == "__main__":
    unittest.main()
