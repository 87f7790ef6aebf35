# SPDX-License-Identifier: Apache-2.0
"""The panel of models that make text, in a headless Chromium, before a stand-in of the server."""
import json
import pathlib
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from playground_test import ATTACK, CONTRAST, PlaygroundCase  # noqa: E402
from stand_in import EMBEDDER, Collection, Refusal, model  # noqa: E402

TASKS = {"summarization": {"prefix": "summarize: "}, "translation_en_to_de": {"prefix": "translate English to German: "}}
TEXT = "#try-texts .written"


def writer(name="flan-t5-small", tasks=TASKS):
    return {**model(name, "text2text"), "model_type": {"text2text": {"tasks": tasks}}}


def events(*texts, finish="eos_token", seed=None, end=True):
    """What /generate_stream sends for a text of these tokens."""
    for i, text in enumerate([*texts, None] if end else texts):
        last = text is None
        yield {"index": i + 1, "token": {"id": i, "text": "</s>" if last else text, "logprob": -0.5, "special": last},
               "generated_text": "".join(texts) if last else None,
               "details": {"finish_reason": finish, "generated_tokens": i + 1, "seed": seed, "input_length": 7} if last else None}


class WriterCase(PlaygroundCase):
    def setUp(self):
        super().setUp()
        self.server.models = [writer()]
        self.answer = lambda body: events("Die ", "kleine ", "Bücherei")
        self.server.answers["generate_stream"] = lambda body: self.answer(body)

    def open(self, path="/"):
        super().open(path)
        self.browser.wait(lambda: self.browser.visible("#try-texts .primary"), "the panel")

    def bodies(self):
        return self.asked("/generate_stream")

    def press(self):
        self.browser.click("#try-texts .button.primary")

    def note(self):
        return self.browser.text("#try-texts .note")

    def slide(self, name, value):
        self.browser.run("const one = document.getElementById(arguments[0]); one.value = arguments[1]; one.dispatchEvent(new Event('input'))", f"try-{name}", value)


class WritingTest(WriterCase):
    def test_text_as_it_is_made(self):
        gate = threading.Event()

        def slowly(body):
            for event in events("Die ", "kleine ", "Bücherei"):
                yield event
                if event["index"] == 2:
                    gate.wait(30)
        self.answer = slowly
        self.open()
        self.assertEqual(self.panels(), ["try-texts"])
        self.assertFalse(self.browser.visible(TEXT))
        self.assertEqual(self.bodies(), [])  # nothing is computed that nobody asked for
        self.press()
        self.wait_text(TEXT, "Die kleine")
        self.assertTrue(self.browser.visible("#try-texts .button:not(.primary)"))
        self.assertRegex(self.note(), r"^first token after \d+")
        gate.set()
        self.wait_text("#try-texts .note", "ended by itself")
        self.assertEqual(self.browser.text(TEXT), "Die kleine Bücherei")
        self.assertRegex(self.note(), r"^7 tokens read · first token after .+ · 4 new tokens · [\d,]+ tokens/s · ended by itself$")
        self.assertFalse(self.browser.visible("#try-texts .button:not(.primary)"))
        self.assertIn("Die kleine Bücherei", self.browser.run("return document.querySelector('#try-texts [role=status]').textContent"))

    def test_characters_that_arrive_in_parts(self):
        def in_parts(body):
            for event in events("魚を", "釣る 물고기 ", "Flüsse 🐟"):
                line = b"data:" + json.dumps(event, ensure_ascii=False).encode() + b"\n\n"
                for i in range(0, len(line), 5):
                    yield line[i:i + 5]
        self.answer = in_parts
        self.open()
        self.write("#try-texts-0", "물고기와 川 und Flüsse")
        self.press()
        self.wait_text("#try-texts .note", "ended by itself")
        self.assertEqual(self.browser.text(TEXT), "魚を釣る 물고기 Flüsse 🐟")
        self.assertEqual(self.bodies()[-1]["inputs"], "물고기와 川 und Flüsse")

    def test_what_is_sent(self):
        self.open()
        self.press()
        self.wait_text("#try-texts .note", "ended by itself")
        self.assertEqual(self.bodies()[-1]["parameters"], {"max_new_tokens": 100})
        self.assertEqual(self.bodies()[-1]["model"], "flan-t5-small")
        self.assertTrue(self.browser.run("return document.getElementById('try-top_p').disabled"))
        for name, value in (("max_new_tokens", 40), ("temperature", 0.7), ("top_p", 0.9), ("num_beams", 3)):
            self.slide(name, value)
        self.assertFalse(self.browser.run("return document.getElementById('try-top_p').disabled"))
        self.assertEqual(self.browser.texts("#try-texts output"), ["40", "0.7", "0.9", "3"])
        self.answer = lambda body: events("a", finish="length", seed=11)
        self.browser.click("#try-texts-0")
        self.browser.command("Input.dispatchKeyEvent", {"type": "keyDown", "key": "Enter", "code": "Enter", "modifiers": 2})
        self.wait_text("#try-texts .note", "cut at 2 tokens · seed 11")
        self.assertEqual(self.bodies()[-1]["parameters"], {"max_new_tokens": 40, "do_sample": True, "temperature": 0.7, "top_p": 0.9, "num_beams": 3})

    def test_examples_and_tasks(self):
        self.open()
        self.assertEqual(self.browser.texts("#try-texts .tries p:last-child .chip"), ["summarization", "translation en to de"])
        self.write("#try-texts-0", "cold water")
        box = "return document.querySelector('#try-texts-0').value"
        for number, text in ((1, "summarize: cold water"), (2, "translate English to German: cold water"), (2, "translate English to German: cold water")):
            self.browser.click(f"#try-texts .tries p:last-child .chip:nth-of-type({number})")
            self.assertEqual(self.browser.run(box), text)
        self.assertEqual(self.bodies(), [])
        self.browser.click("#try-texts .tries p:first-child .chip:last-child")
        self.wait_text("#try-texts .note", "ended by itself")
        self.assertRegex(self.bodies()[-1]["inputs"], "[가-힣]")

    def test_without_tasks(self):
        self.server.models = [writer(tasks={"summarization": {"prefix": ""}})]
        self.open()
        self.assertEqual(self.browser.count("#try-texts .tries p"), 1)
        self.write("#try-texts-0", "  ")
        self.press()
        self.wait_text("#try-texts .note", "Prompt: nothing there yet.")
        self.assertEqual(self.bodies(), [])

    def test_markup_is_text(self):
        self.answer = lambda body: events(ATTACK, "<b>")
        self.open()
        self.press()
        self.wait_text("#try-texts .note", "ended by itself")
        self.assertEqual(self.browser.text(TEXT), f"{ATTACK}<b>")
        self.assertEqual(self.browser.run("return [window.hacked ?? null, document.querySelectorAll('main img').length]"), [None, 0])

    def test_of_several_models(self):
        self.server.models = [writer(), writer("ko-t5", {}), EMBEDDER]
        self.open()
        self.browser.click("#try-texts select")
        self.browser.keys("ArrowDown", "Enter")
        self.press()
        self.wait_text("#try-texts .note", "ended by itself")
        self.assertEqual(self.bodies()[-1]["model"], "ko-t5")


class EndingTest(WriterCase):
    def endless(self, body):
        for event in events(*["fish "] * 3000, end=False):
            yield event
            time.sleep(0.01)

    def test_stop(self):
        self.answer = self.endless
        self.open()
        self.press()
        self.wait_text(TEXT, "fish fish")
        self.browser.click("#try-texts .button:not(.primary)")
        self.wait_text("#try-texts .note", "stopped · first token after")
        self.browser.wait(lambda: self.server.left == ["/generate_stream"], "the request to be given up")
        self.assertIn("fish fish", self.browser.text(TEXT))
        self.assertFalse(self.browser.visible("#try-texts .button:not(.primary)"))
        self.answer = lambda body: events("another")
        self.press()
        self.wait_text("#try-texts .note", "ended by itself")
        self.assertEqual(self.browser.text(TEXT), "another")

    def test_another_text_ends_the_first(self):
        self.answer = self.endless
        self.open()
        self.press()
        self.wait_text(TEXT, "fish fish")
        self.answer = lambda body: events("another")
        self.press()
        self.wait_text("#try-texts .note", "ended by itself")
        self.browser.wait(lambda: self.server.left, "the first request to be given up")
        self.assertEqual(self.browser.text(TEXT), "another")

    def test_leaving_the_view_ends_it(self):
        self.answer = self.endless
        self.server.collections = {"default": Collection("default", [])}
        PlaygroundCase.open(self)
        self.browser.click("#server-link")
        self.write("#try-texts-0", "kept")
        self.slide("num_beams", 2)
        self.press()
        self.wait_text(TEXT, "fish fish")
        self.browser.back()
        self.browser.wait(lambda: self.server.left, "the request to be given up")
        self.browser.forward()
        self.browser.wait(lambda: self.browser.visible("#try-texts"), "the panel")
        self.assertEqual(self.browser.run("return [document.querySelector('#try-texts-0').value, document.getElementById('try-num_beams').value]"), ["kept", "2"])

    def test_errors(self):
        def refused(body):
            raise Refusal(422, "inputs: 5001 tokens, limit 4096")
        self.answer = refused
        self.open()
        self.press()
        self.wait_text("#try-texts .error-text", "inputs: 5001 tokens, limit 4096")
        self.assertFalse(self.browser.visible(TEXT))

        def breaks(body, end):
            yield from events("half ", "a text", end=False)
            yield from end
        self.answer = lambda body: breaks(body, [{"error": "the server is shutting down", "error_type": "overloaded"}])
        self.press()
        self.wait_text("#try-texts .error-text", "the server is shutting down")
        self.assertEqual(self.browser.text(TEXT), "half a text")
        for end in ([], [b"data:{\"index\""], [b"data:nonsense\n\n"], [{"odd": 1}]):
            self.answer = lambda body, end=end: breaks(body, end)
            self.press()
            self.wait_text("#try-texts .error-text", "answer broke off")
        self.server.stop()
        self.press()
        self.wait_text("#try-texts .error-text", "The server does not answer")

    def test_api_key(self):
        self.open()
        self.server.key = "secret"
        self.press()
        self.wait_text("#key-dialog", "API key")
        self.browser.type_into("#key", "secret")
        self.browser.keys("Enter")
        self.wait_text(TEXT, "Die kleine")
        self.browser.run("sessionStorage.clear()")


class LookTest(WriterCase):
    def test_names(self):
        self.open()
        named = self.browser.run("return [...document.querySelectorAll('#try-texts :is(textarea, input)')].map((one) => one.labels[0]?.textContent)")
        self.assertEqual(named, ["Prompt", "Most new tokens", "Temperature", "Top p", "Beams"])

    def test_contrast_and_width(self):
        self.answer = lambda body: events(*["a text of words "] * 40, "withoutaspace" * 40)
        for theme in ("light", "dark"):
            self.browser.emulate(prefers_color_scheme=theme, prefers_reduced_motion="reduce")
            for width in (320, 390, 1280):
                self.browser.resize(width, 900)
                self.open()
                self.press()
                self.wait_text("#try-texts .note", "ended by itself")
                self.assertEqual(self.browser.run(CONTRAST), [], theme)
                self.assertLessEqual(self.browser.run("return document.documentElement.scrollWidth"), width)


if __name__ == "__main__":
    unittest.main()
