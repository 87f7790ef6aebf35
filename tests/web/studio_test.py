# SPDX-License-Identifier: Apache-2.0
"""The panel of models that make pictures, in a headless Chromium, before a stand-in of the server."""
import base64
import json
import pathlib
import struct
import sys
import tempfile
import threading
import unittest
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from playground_test import ATTACK, CONTRAST, PlaygroundCase  # noqa: E402
from stand_in import EMBEDDER, Collection, Refusal, model  # noqa: E402

PICTURE = "#try-pictures .picture:not(.making)"
MAKING = "#try-pictures .making"
MAKE = "#try-pictures .primary"
CANCEL = "#try-pictures form .button:not(.primary)"
STATUS = "return document.querySelector('#try-pictures [role=status]').textContent"
CAPABILITIES = {
    "defaults": {"width": 512, "height": 512, "strength": 0.75, "sample_params": {"sample_steps": 20, "guidance": {"txt_cfg": 7}}},
    "samplers": ["dpmpp_2m", "euler_a", "ddim"], "limits": {"size_multiple": 8}}


def png(width, height, colour=(200, 30, 30)):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    rows = (b"\0" + bytes(colour) * width) * height
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def base64_of(data):
    return base64.b64encode(data).decode()


def event(name, data):
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def progress(step, steps=4, eta=None, preview=None):
    return event("progress", {"step": step, "steps": steps, "elapsed_ms": 900 * step, "eta_ms": eta, **({"preview": preview} if preview else {})})


def painter(name="sd", **fields):
    return {**model(name, "text_to_image"), "max_input_length": 77, **fields}


class StudioCase(PlaygroundCase):
    def setUp(self):
        super().setUp()
        self.server.models = [painter()]
        self.seed, self.size, self.error, self.warnings = 11, (64, 48), None, []
        self.cancelled = threading.Event()
        self.events = lambda: [event("queued", {"queue_position": 1}), progress(0), progress(2, eta=1800), self.end("completed")]
        self.server.answers |= {
            "sdcpp/v1/capabilities": lambda body: CAPABILITIES,
            "sdcpp/v1/img_gen": lambda body: {"id": "job_1", "status": "queued"},
            "sdcpp/v1/jobs/job_1": lambda body: self.job("completed", files=True),
            "sdcpp/v1/jobs/job_1/events": lambda body: (one for one in self.events()),
            "sdcpp/v1/jobs/job_1/cancel": self.cancel}

    def cancel(self, body):
        self.cancelled.set()
        return self.job("cancelled")

    def job(self, status, files=False):
        width, height = self.size
        picture = {"index": 0, "seed": self.seed, "parameters": "made of words", **({"b64_json": base64_of(png(width, height, (10, 90, 200)))} if files else {})}
        result = {"output_format": "png", "width": width, "height": height, "images": [picture], "warnings": self.warnings}
        return {"id": "job_1", "status": status, "progress": {"step": 4, "steps": 4, "elapsed_ms": 3600, "eta_ms": 0},
                "result": result if status == "completed" else None, "error": self.error}

    def end(self, status):
        return event(status, self.job(status))

    def open(self, path="/"):
        super().open(path)
        self.ready()

    def ready(self):
        self.browser.wait(lambda: self.browser.visible("#try-picture-seed"), "the settings")

    def bodies(self):
        """But for the names that the page gives."""
        return [{key: body[key] for key in body if key != "id"} for body in self.asked("/sdcpp/v1/img_gen")]

    def press(self):
        self.browser.click(MAKE)

    def make(self):
        """Presses, and waits for the picture."""
        asked = len(self.bodies())
        self.press()
        self.browser.wait(lambda: len(self.bodies()) > asked and self.browser.visible(PICTURE) and not self.browser.visible(MAKING), "the picture")

    def note(self):
        return self.browser.text(f"{PICTURE} .note")

    def choose(self, data, name="lake.png", field="image"):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, name)
            file.write_bytes(data)
            element = self.browser.find_all(f"#try-picture-{field}")[0]
            self.browser.call("POST", f"/element/{element}/value", {"text": str(file)})
            self.browser.wait(lambda: self.browser.count(f".drop:has(#try-picture-{field}) img") or self.browser.visible(f"#try-picture-{field}-error"), "the file to be read")
            if self.browser.count(f".drop:has(#try-picture-{field}) img"):
                # Read once, so that the file itself may go.
                self.hand(data, name, field)

    def hand(self, data, name="lake.png", field="image", how="drop", kind="image/png"):
        """Drops or pastes a file."""
        self.browser.run("""
            const [text, name, field, how, kind] = arguments;
            const moved = new DataTransfer();
            moved.items.add(new File([Uint8Array.from(atob(text), (one) => one.charCodeAt(0))], name, {type: kind}));
            const place = document.getElementById(`try-picture-${field}`);
            if (how === "drop") place.dispatchEvent(new DragEvent("drop", {dataTransfer: moved, bubbles: true, cancelable: true}));
            else document.body.dispatchEvent(new ClipboardEvent("paste", {clipboardData: moved, bubbles: true, cancelable: true}));""",
                         base64_of(data), name, field, how, kind)

    def wait_image(self, part):
        self.browser.wait(lambda: part in (self.browser.text(".drop:has(#try-picture-image)") or ""), f"{part} in the image's place")

    def set(self, name, value):
        self.browser.run("const one = document.getElementById(`try-picture-${arguments[0]}`); one.value = arguments[1]; "
                         "one.dispatchEvent(new Event('input')); one.dispatchEvent(new Event('change'))", name, value)

    def value(self, name):
        return self.browser.run("return document.getElementById(`try-picture-${arguments[0]}`).value", name)


class MakingTest(StudioCase):
    def test_from_the_queue_to_the_picture(self):
        gates = [threading.Event() for _ in range(4)]

        def slowly():
            yield event("queued", {"queue_position": 2})
            gates[0].wait(30)
            yield progress(0)
            gates[1].wait(30)
            yield progress(1, eta=75000, preview=base64_of(png(8, 6)))
            gates[2].wait(30)
            yield progress(4, eta=0)
            gates[3].wait(30)
            yield self.end("completed")
        self.events = slowly
        self.open()
        self.assertEqual(self.panels(), ["try-pictures"])
        self.assertFalse(self.browser.visible(PICTURE))
        self.assertEqual(self.bodies(), [])  # nothing is computed that nobody asked for
        self.press()
        self.wait_text(MAKING, "Waiting: 2nd in line")
        self.assertTrue(self.browser.visible(CANCEL))
        self.assertTrue(self.browser.run("return document.querySelector(arguments[0]).disabled", MAKE))
        gates[0].set()
        self.wait_text(MAKING, "Step 1 of 4 · ")
        gates[1].set()
        self.wait_text(MAKING, "Step 2 of 4 · about 1 min 1")
        self.browser.wait(lambda: self.browser.run("return document.querySelector(arguments[0]).naturalWidth", f"{MAKING} img") == 8, "the preview")
        self.assertEqual(self.browser.run("const bar = document.querySelector(arguments[0]); return bar.value / bar.max", f"{MAKING} progress"), 0.25)
        gates[2].set()
        self.wait_text(MAKING, "The last touch")
        gates[3].set()
        self.wait_text(f"{PICTURE} .note", "seed 11 · 4 steps · 64 × 48 · 3.6 s · sd")
        self.assertFalse(self.browser.visible(MAKING))
        self.assertFalse(self.browser.visible(CANCEL))
        self.assertEqual(self.browser.run("return document.querySelector(arguments[0]).naturalWidth", f"{PICTURE} img"), 64)
        self.assertIn("seed 11, 4 steps", self.browser.run(STATUS))

    def test_what_is_sent(self):
        self.open()
        for name, text in (("0", "a fish"), ("1", "rain")):
            self.write(f"#try-pictures-{name}", text)
        self.make()
        plain = {"model": "sd", "prompt": "a fish", "negative_prompt": "rain", "width": 512, "height": 512, "seed": -1,
                 "sample_params": {"sample_steps": 20, "sample_method": "default", "guidance": {"txt_cfg": 7}}}
        self.assertEqual(self.bodies()[-1], plain)
        self.assertTrue(self.browser.run("return document.getElementById('try-picture-strength').disabled"))
        image, mask = png(300, 200), png(30, 20, (255, 255, 255))
        self.hand(image)
        self.wait_image("300 × 200")
        self.hand(mask, "mask.png", "mask")
        self.browser.wait(lambda: self.browser.count(".drop:has(#try-picture-mask) img"), "the mask")
        for name, value in (("strength", 0.5), ("steps", 30), ("guidance", 3.5), ("scheduler", "dpmpp_2m_karras"), ("seed", 7)):
            self.set(name, value)
        self.assertEqual(self.browser.texts("#try-pictures output"), ["0.5", "30", "3.5", "296", "200"])
        self.browser.click("#try-pictures-0")
        self.browser.command("Input.dispatchKeyEvent", {"type": "keyDown", "key": "Enter", "code": "Enter", "modifiers": 2})
        self.browser.wait(lambda: len(self.bodies()) == 2, "another request")
        self.assertEqual(self.bodies()[-1], {**plain, "width": 296, "height": 200, "seed": 7, "strength": 0.5,
                                             "sample_params": {"sample_steps": 30, "sample_method": "dpmpp_2m_karras", "guidance": {"txt_cfg": 3.5}},
                                             "init_image": base64_of(image), "mask_image": base64_of(mask)})

    def test_sizes(self):
        self.open()
        for data, size in ((png(768, 512), ("768", "512")), (png(2400, 1500), ("912", "568")), (png(5, 5), ("8", "8"))):
            self.hand(data)
            self.browser.wait(lambda size=size: (self.value("width"), self.value("height")) == size, f"{size}")
        self.set("width", 640)
        self.hand(png(768, 512), "another.png")
        self.wait_image("another.png")
        self.assertEqual(self.value("width"), "640")  # as the user has set it
        self.browser.click("#try-pictures .setting .link")
        self.assertEqual((self.value("width"), self.value("height")), ("768", "512"))

    def test_before_and_after(self):
        self.open()
        self.choose(png(300, 200))
        self.wait_image("lake.png, 300 × 200")
        self.make()
        self.assertEqual(self.browser.count(f"{PICTURE} .compare img"), 2)
        sizes = self.browser.run("return [...document.querySelectorAll('.compare img')].map((one) => [one.clientWidth, one.clientHeight])")
        self.assertEqual(sizes[0], sizes[1])
        self.browser.run("document.querySelector('.compare input').focus()")
        self.browser.keys("ArrowDown")
        self.assertEqual(self.browser.run("return document.querySelector('.compare').style.getPropertyValue('--cut')"), "49%")
        self.browser.run("scrollTo(0, 0)")
        self.browser.click("#try-pictures .picture-field .quiet")
        self.browser.wait(lambda: not self.browser.count(".drop:has(#try-picture-image) img"), "the image to go")
        self.make()
        self.assertEqual((self.browser.count(f"{PICTURE} .compare"), self.browser.count(f"{PICTURE} img")), (0, 1))

    def test_name_of_the_file(self):
        self.open()
        for prompt, name in (("A fish, in Water/../colours & more and more words", "minnow-a-fish-in-water-colours-more-11.png"), ("물고기 river", "minnow-물고기-river-11.png"), ("", "minnow-11.png")):
            self.write("#try-pictures-0", prompt)
            self.make()
            self.assertEqual(self.browser.run("return document.querySelector(arguments[0]).download", f"{PICTURE} a"), name)

    def test_seed_again_and_the_picture_as_image(self):
        self.open()
        self.make()
        self.assertEqual(self.value("seed"), "")
        self.browser.click(f"{PICTURE} .quiet:nth-of-type(1)")
        self.assertEqual(self.value("seed"), "11")
        self.browser.click(f"{PICTURE} .write-row .quiet:last-child")
        self.wait_image("seed 11, 64 × 48")
        self.make()
        self.assertEqual((self.bodies()[-1]["seed"], self.bodies()[-1]["init_image"]), (11, base64_of(png(64, 48, (10, 90, 200)))))

    def test_pasted_and_what_is_no_picture(self):
        self.open()
        self.hand(png(40, 30), how="paste")
        self.wait_image("40 × 30")
        self.hand(b"GIF89a", "a.gif", kind="image/gif")
        self.wait_text("#try-picture-image-error", "A PNG, JPEG or WebP file is needed.")
        self.hand(b"nonsense", "b.png")
        self.wait_text("#try-picture-image-error", "not a picture that can be read")
        self.assertEqual(self.browser.run("return document.getElementById('try-picture-image').getAttribute('aria-describedby')"), "try-picture-image-error")
        self.wait_image("40 × 30")

    def test_markup_is_text(self):
        self.warnings = [ATTACK]
        self.open()
        self.write("#try-pictures-0", ATTACK)
        self.make()
        self.wait_text(PICTURE, ATTACK)
        self.assertIsNone(self.browser.run("return window.hacked ?? null"))

    def test_of_several_models(self):
        self.server.models = [EMBEDDER, painter(), painter("other")]
        self.open()
        self.browser.click("#try-pictures .panel-head select")
        self.browser.keys("ArrowDown", "Enter")
        self.set("steps", 9)
        self.make()
        self.assertEqual(self.bodies()[-1]["model"], "other")
        self.assertEqual(len(self.asked("/sdcpp/v1/capabilities")), 2)  # each model has its own


class EndingTest(StudioCase):
    def endless(self):
        yield progress(1, 20)
        self.cancelled.wait(30)
        yield self.end("cancelled")

    def test_cancel(self):
        self.events = self.endless
        self.open()
        self.press()
        self.wait_text(MAKING, "Step 2 of 20")
        self.browser.click(CANCEL)
        self.wait_text("#try-pictures [role=status]", "Cancelled.")
        self.assertTrue(self.cancelled.is_set())
        self.assertFalse(self.browser.visible(MAKING))
        self.events = lambda: [self.end("completed")]
        self.make()

    def test_leaving_the_view_cancels(self):
        self.events = self.endless
        self.server.collections = {"default": Collection("default", [])}
        PlaygroundCase.open(self)
        self.browser.click("#server-link")
        self.ready()
        self.write("#try-pictures-0", "kept")
        self.hand(png(40, 30))
        self.wait_image("40 × 30")
        self.set("steps", 33)
        self.press()
        self.wait_text(MAKING, "Step 2 of 20")
        self.browser.back()
        self.browser.wait(self.cancelled.is_set, "the job to be cancelled")
        self.browser.forward()
        self.ready()
        self.wait_image("40 × 30")
        self.assertEqual((self.browser.run("return document.querySelector('#try-pictures-0').value"), self.value("steps"), self.value("width")), ("kept", "33", "40"))

    def test_leaving_the_page_cancels(self):
        self.events = self.endless
        self.open()
        self.press()
        self.wait_text(MAKING, "Step 2 of 20")
        self.browser.open("about:blank")
        self.browser.wait(self.cancelled.is_set, "the job to be cancelled")

    def test_leaving_the_page_before_the_answer_cancels(self):
        answering = threading.Event()
        self.addCleanup(answering.set)
        self.server.answers["sdcpp/v1/img_gen"] = lambda body: answering.wait(30) and {"id": "job_1", "status": "queued"}
        self.open()
        self.press()
        self.browser.wait(self.bodies, "the request")
        self.browser.open("about:blank")
        path = f"/sdcpp/v1/jobs/{self.asked('/sdcpp/v1/img_gen')[0]['id']}/cancel"
        self.browser.wait(lambda: ("POST", path) in [one[:2] for one in self.server.requests], "the job to be cancelled")

    def test_errors_beside_their_fields(self):
        fields = {"sample_params.sample_steps": "steps", "sample_params.guidance.txt_cfg": "guidance", "sample_params.sample_method": "scheduler",
                  "width": "width", "seed": "seed", "strength": "strength", "init_image": "image", "mask_image": "mask", "prompt": "prompt"}
        self.open()
        self.hand(png(40, 30))
        self.wait_image("40 × 30")
        for wire, field in fields.items():
            def refused(body, wire=wire):
                raise Refusal(422, f"{wire}: 7, limit 6")
            self.server.answers["sdcpp/v1/img_gen"] = refused
            self.press()
            self.wait_text(f"#try-picture-{field}-error", "7, limit 6")
            self.browser.wait(lambda: self.browser.run("return [...document.querySelectorAll('#try-pictures .error-text')].filter((one) => one.checkVisibility()).length") == 1, "one message")
            self.assertFalse(self.browser.visible(MAKING))

    def test_other_errors(self):
        self.open()
        self.set("seed", -3)
        self.press()
        self.wait_text("#try-picture-seed-error", "A whole number is needed")
        self.assertEqual(self.bodies(), [])
        self.set("seed", "")
        self.error = {"code": "generation_failed", "message": "no memory"}
        self.events = lambda: [progress(1), self.end("failed")]
        self.press()
        self.wait_text("#try-pictures > .error-text", "no memory")
        self.error = {"code": "invalid_request", "message": "init_image: no picture"}
        self.press()
        self.wait_text("#try-picture-image-error", "No picture")
        self.server.stop()
        self.press()
        self.wait_text("#try-pictures > .error-text", "The server does not answer")

    def test_events_that_break_off(self):
        turns = iter([[progress(1)], [b"event: progress\nda"], [progress(3), self.end("completed")]])
        self.events = lambda: next(turns)
        self.open()
        self.make()
        self.assertEqual(len(self.asked("/sdcpp/v1/jobs/job_1/events")), 3)
        self.assertEqual(len(self.bodies()), 1)

    def test_job_that_is_gone(self):
        def gone(body):
            raise Refusal(410, "the job's time is over")
        self.server.answers["sdcpp/v1/jobs/job_1"] = gone
        self.open()
        self.press()
        self.wait_text("#try-pictures > .error-text", "the job's time is over")

    def test_api_key(self):
        self.open()
        self.server.key = "secret"
        self.press()
        self.wait_text("#key-dialog", "API key")
        self.browser.type_into("#key", "secret")
        self.browser.keys("Enter")
        self.wait_text(f"{PICTURE} .note", "seed 11")
        self.browser.run("sessionStorage.clear()")


class HistoryTest(StudioCase):
    def past(self):
        return self.browser.run("return [...document.querySelectorAll('#try-pictures .past img')].map((one) => one.alt)")

    def test_kept_looked_at_and_cleared(self):
        self.open()
        self.hand(png(40, 30))
        self.wait_image("40 × 30")
        for self.seed in (1, 2):
            self.write("#try-pictures-0", f"fish {self.seed}")
            self.make()
        self.browser.wait(lambda: self.past() == ["fish 2, seed 2", "fish 1, seed 1"], "both pictures")
        self.assertIn("kept in this browser only", self.browser.text("#try-pictures .past"))
        self.open()
        self.browser.wait(lambda: self.past() == ["fish 2, seed 2", "fish 1, seed 1"], "what was kept")
        self.browser.click("#try-pictures .past li:last-child button")
        self.wait_text(f"{PICTURE} .note", "seed 1 · ")
        self.assertEqual(self.browser.count(f"{PICTURE} .compare img"), 2)
        self.browser.click(f"{PICTURE} .quiet:nth-of-type(2)")
        self.assertEqual((self.browser.run("return document.querySelector('#try-pictures-0').value"), self.value("seed")), ("fish 1", "1"))
        self.wait_image("40 × 30")
        self.browser.click("#try-pictures .past .quiet")
        self.browser.wait(lambda: not self.browser.visible("#try-pictures .past"), "the list to go")
        self.open()
        self.assertEqual(self.past(), [])

    def test_bounded(self):
        self.open()
        entries = self.browser.run("""
            const [address] = [...document.scripts].map((one) => one.src).filter((one) => one.endsWith("app.js"));
            return import(address.replace("app.js", "picture_history.js")).then(async ({PictureHistory}) => {
              const history = new PictureHistory();
              await history.load();
              const lengths = [];
              for (let i = 1; i <= 30; i += 1) await history.add({id: i, after: new Blob(["x"]), before: null, made: {}});
              lengths.push(history.entries.length, history.entries[0].id);
              const large = new Blob([new Uint8Array(30 << 20)]);
              for (let i = 31; i <= 33; i += 1) await history.add({id: i, after: large, before: null, made: {}});
              const again = new PictureHistory();
              await again.load();
              lengths.push(history.entries.filter((one) => one.id > 30).length, again.entries.length);
              await again.clear();
              return lengths;
            });""")
        self.assertEqual(entries[:3], [24, 30, 2])
        self.assertLessEqual(entries[3], 24)

    def test_storage_that_refuses(self):
        source = "Object.defineProperty(window, 'indexedDB', {get() { throw new DOMException('no', 'SecurityError'); }})"
        added = self.browser.command("Page.addScriptToEvaluateOnNewDocument", {"source": source})
        self.addCleanup(self.browser.command, "Page.removeScriptToEvaluateOnNewDocument", added)
        self.open()
        self.make()
        self.browser.wait(lambda: len(self.past()) == 1, "the picture in the list")
        self.assertIn("until this page is closed", self.browser.text("#try-pictures .past"))
        self.open()
        self.assertEqual(self.past(), [])


class LookTest(StudioCase):
    def test_names(self):
        self.open()
        named = self.browser.run("return [...document.querySelectorAll('#try-pictures :is(textarea, input, select)')].map((one) => one.labels[0]?.querySelector('.box-label, .sr-only')?.textContent ?? one.labels[0]?.textContent)")
        self.assertEqual(named, ["Image to change", "Mask", "Prompt", "Negative prompt", "Strength", "Steps", "Guidance", "Scheduler", "Width", "Height", "Seed"])

    def test_focus_goes_where_the_buttons_are(self):
        self.events = lambda: [progress(1)] if not self.cancelled.wait(1) else [self.end("cancelled")]
        self.open()
        self.browser.run("document.querySelector(arguments[0]).focus()", MAKE)
        self.browser.keys("Enter")
        self.browser.wait(lambda: self.browser.run("return document.activeElement === document.querySelector(arguments[0])", CANCEL), "the focus on Cancel")
        self.browser.keys("Enter")
        self.browser.wait(lambda: self.browser.run("return document.activeElement === document.querySelector(arguments[0])", MAKE), "the focus on Make")

    def test_contrast_and_width(self):
        self.error = {"code": "x", "message": "width: too large, limit 16777216 pixels"}
        for theme in ("light", "dark"):
            self.browser.emulate(prefers_color_scheme=theme, prefers_reduced_motion="reduce")
            for width in (320, 390, 1280):
                self.browser.resize(width, 900)
                self.open()
                self.hand(png(300, 40), "a-long-name-without-a-space" * 4 + ".png")
                self.wait_image("300 × 40")
                self.size = (512, 768)
                self.events = lambda: [self.end("completed")]
                self.make()
                self.assertEqual(self.browser.run(CONTRAST), [], theme)
                self.assertLessEqual(self.browser.run("return document.documentElement.scrollWidth"), width)
                self.events = lambda: [self.end("failed")]
                self.press()
                self.wait_text("#try-picture-width-error", "Too large")
                self.assertEqual(self.browser.run(CONTRAST), [], theme)
                self.assertLessEqual(self.browser.run("return document.documentElement.scrollWidth"), width)


if __name__ == "__main__":
    unittest.main()
