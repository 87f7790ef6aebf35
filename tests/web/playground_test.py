# SPDX-License-Identifier: Apache-2.0
"""The playground in a headless Chromium, before a stand-in of the server: what models do, as the page shows it."""
import pathlib
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from page_case import PageCase  # noqa: E402
from stand_in import EMBEDDER, Collection, Refusal, StandIn, model  # noqa: E402

ATTACK = "<img src=x onerror='window.hacked=1'>"
LANGUAGES = ["it", "pt", "ko"]
NAMES = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
CONTRAST = (pathlib.Path(__file__).resolve().parent / "contrast.js").read_text()


def listed(**fields):
    """An answer about one text."""
    return {"object": "list", "data": [{"index": 0, "tokens": 7, "tokens_used": 7, **fields}]}


def classes(*pairs, **fields):
    return listed(classes=[{"label": label, "score": score} for label, score in pairs], **fields)


def entity(text, word, kind, score=0.98):
    """Where Python sees it: in code points."""
    return {"entity_group": kind, "score": score, "word": word, "start": text.index(word), "end": text.index(word) + len(word)}


class PlaygroundCase(PageCase):
    def setUp(self):
        super().setUp()
        self.server = StandIn(None)
        self.addCleanup(self.server.stop)
        self.base = f"http://127.0.0.1:{self.server.port}"

    def serve(self, models, **answers):
        """answers: by the last part of their path, with _ for -"""
        self.server.models = models
        paths = {name: f"v1/{name.replace('_', '-')}" for name in answers} | {"rerank": "rerank"}
        self.server.answers |= {paths[name]: answer if callable(answer) else lambda body, answer=answer: answer for name, answer in answers.items()}

    def asked(self, path):
        return [body for _, at, body in self.server.requests if at == path]

    def write(self, selector, text):
        """Over what is in the box, at once."""
        self.browser.wait(lambda: self.browser.visible(selector), f"{selector} to be visible")
        self.browser.run("const box = document.querySelector(arguments[0]); box.value = arguments[1]; box.dispatchEvent(new InputEvent('input'))", selector, text)

    def rows(self, panel):
        """[(label, score, length)] of the bars."""
        return self.browser.run("return [...document.querySelectorAll(arguments[0])].map((one) => [one.querySelector('bdi').textContent, "
                                "one.querySelector('.bar-score').textContent, one.querySelector('.bar').style.getPropertyValue('--score')])", f"{panel} .bars li")

    def wait_rows(self, panel, *labels):
        self.browser.wait(lambda: [row[0] for row in self.rows(panel)] == list(labels), f"bars {labels} in {panel}")

    def panels(self):
        return self.browser.run("return [...document.querySelectorAll('.panel[id]')].map((one) => one.id)")


class TasksTest(PlaygroundCase):
    def test_classes_as_bars(self):
        self.serve([model("languages", "classifier", LANGUAGES)], classify=classes(("it", 0.75), ("ko", 0.25), ("pt", 0.0)))
        self.open()
        self.wait_rows("#try-classes", "it", "ko", "pt")
        self.assertEqual(self.panels(), ["try-classes"])
        self.assertEqual(self.rows("#try-classes")[0], ["it", "0.750", "75%"])
        self.assertIn("Italian", self.browser.text("#try-classes .bars"))
        self.assertIn("7 tokens", self.browser.text("#try-classes .note"))
        self.assertIn("Italian: 0.750", self.browser.run("return document.querySelector('#try-classes [role=status]').textContent"))
        self.assertNotIn("index", self.browser.text("main"))  # a classifier makes no vectors to search by
        self.assertFalse(self.browser.visible("#search-form"))
        self.browser.type_into("#try-classes-0", " ")
        self.browser.wait(lambda: len(self.asked("/v1/classify")) == 2, "another question")
        self.assertEqual(self.asked("/v1/classify")[1]["model"], "languages")

    def test_labels_that_are_no_languages(self):
        self.serve([model("mood", "classifier", ["pos", "neg", ATTACK])], classify=classes((ATTACK, 0.9), ("neg", -2.5), ("pos", 1.5)))
        self.open()
        self.wait_rows("#try-classes", ATTACK, "neg", "pos")
        self.assertEqual([row[2] for row in self.rows("#try-classes")], ["90%", "0%", "100%"])
        self.assertEqual(self.browser.run("return [window.hacked ?? null, document.querySelectorAll('main img').length]"), [None, 0])

    def test_cut_texts_are_told(self):
        self.serve([model("languages", "classifier", LANGUAGES)], classify=classes(("it", 1.0), tokens=2340, tokens_used=512))
        self.open()
        self.wait_text("#try-classes .note", "512 of 2,340 tokens read")
        text = "川へ行く。" * 10000
        self.write("#try-classes-0", text)
        self.browser.wait(lambda: self.asked("/v1/classify")[-1]["input"] == text, "all of a long text")
        self.write("#try-classes-0", "川" * 100000)
        self.wait_text("#try-classes .note", "this page takes 100,000 characters")

    def test_entities_in_the_text(self):
        text = f"🐟🐟 김민준 met Ada {ATTACK} in London."
        found = [entity(text, "London", "LOC"), entity(text, "김민준", "PER"), entity(text, "Ada", "PER"), entity(text, "Ada <img", "LOC")]
        self.serve([model("names", "token_classifier", NAMES, max_input_length=40)],
                   token_classify=lambda body: listed(entities=found if body["input"] == text else []))
        self.open()
        self.wait_text("#try-entities .note", "0 entities")
        self.write("#try-entities-0", text)
        marks = lambda: self.browser.run("return [...document.querySelectorAll('#try-entities mark')].map((one) => [one.firstChild.data, one.className, one.textContent])")  # noqa: E731
        self.browser.wait(lambda: len(marks()) == 3, "marks")
        self.assertEqual([one[0] for one in marks()], ["김민준", "Ada", "London"])
        self.assertEqual([one[1] for one in marks()], ["entity kind-0", "entity kind-0", "entity kind-1"])
        self.assertIn("PER 0.98", marks()[0][2])
        shown = self.browser.run("const one = document.querySelector('#try-entities .marked').cloneNode(true); for (const small of one.querySelectorAll('small')) small.remove(); return one.textContent")
        self.assertEqual(shown, text)
        self.assertEqual(self.asked("/v1/token-classify")[-1]["stride"], 10)

    def test_many_of_them(self):
        found = [{"entity_group": "PER", "score": 0.5, "word": "a", "start": 2 * i, "end": 2 * i + 1} for i in range(1500)]
        self.serve([model("names", "token_classifier", NAMES), model("ranks", "reranker", ["LABEL_0"])], token_classify=listed(entities=found),
                   rerank=lambda body: [{"index": i, "score": 0.5} for i in range(len(body["texts"]))])
        self.open()
        self.write("#try-entities-0", "a " * 1500)
        self.browser.wait(lambda: self.browser.count("#try-entities mark") == 1000, "the first marks")
        self.assertIn("1,500 entities · the first 1,000 are marked", self.browser.text("#try-entities .note"))
        self.write("#try-passages-1", "line\n" * 1500)
        self.wait_text("#try-passages .note", "1,500 passages · the best 1,000 are listed")
        self.assertEqual(self.browser.count("#try-passages .bars li"), 1000)

    def test_answers_in_their_context(self):
        def answer(body):
            at = body["context"].index("gravel")
            return listed(answers=[{"score": 1.25, "start": at, "end": at + 6, "answer": "gravel"}, {"score": 0.1, "start": 0, "end": 6, "answer": "Salmon"}])
        self.serve([model("questions", "question_answering")], answer=answer)
        self.open()
        self.wait_rows("#try-answers", "gravel", "Salmon")
        self.assertEqual(self.browser.texts("#try-answers mark"), ["gravel"])
        self.assertEqual(self.rows("#try-answers")[0][1:], ["1.250", "100%"])
        self.serve(self.server.models, answer=listed(answers=[]))
        self.browser.type_into("#try-answers-0", "?")
        self.wait_text("#try-answers .note", "no answer found")
        self.assertEqual(self.browser.count("#try-answers mark"), 0)

    def test_passages_best_first(self):
        self.serve([model("ranks", "reranker", ["LABEL_0"])],
                   rerank=lambda body: [{"index": i, "score": 0.5 + i / 10} for i in reversed(range(len(body["texts"])))])
        self.open()
        self.write("#try-passages-1", "one\n\n  two  \n日本語の行\n")
        self.wait_rows("#try-passages", "日本語の行", "two", "one")
        self.assertEqual(self.asked("/rerank")[-1]["texts"], ["one", "two", "日本語の行"])
        self.assertIn("line 3", self.browser.text("#try-passages .bars li"))
        self.assertEqual(self.panels(), ["try-passages"])  # one label: nothing to choose from
        self.write("#try-passages-1", "\n \n")
        self.wait_text("#try-passages .note", "Passages, one a line: nothing there yet")

    def test_masks_are_filled(self):
        def fill(body):
            fillings = [{"score": 0.5, "token": 1, "token_str": " fish", "sequence": ""}, {"score": 0.25, "token": 2, "token_str": " bird", "sequence": ""}]
            return listed(masks=[fillings] * body["input"].count("<mask>"))
        self.serve([{**EMBEDDER, "mask_token": "<mask>"}, model("other", "embedding", mask_token="[MASK]")], fill_mask=fill)
        self.open()
        self.wait_rows("#try-masks", "fish", "bird")
        self.assertEqual(self.panels(), ["try-masks", "try-likeness"])
        self.assertEqual(self.browser.text("#try-masks .marked"), "The minnow is a small fish that lives in clear rivers.")
        self.write("#try-masks-0", "A text.")
        self.wait_text("#try-masks .note", "Write <mask> where a word is missing.")
        self.browser.click("#try-masks .chip:last-child")
        self.wait_text("#try-masks .marked", "fish")
        self.assertEqual(self.asked("/v1/fill-mask")[-1]["input"].count("<mask>"), 1)
        self.browser.click("#try-masks select")
        self.browser.keys("ArrowDown", "Enter")
        self.browser.wait(lambda: self.asked("/v1/fill-mask")[-1]["input"].count("[MASK]") == 1, "the other model's mask")
        self.assertEqual(self.browser.text("#try-masks .chip:last-child"), "Insert [MASK]")

    def test_own_labels(self):
        self.serve([model("nli", "classifier", ["contradiction", "neutral", "ENTAILMENT"])],
                   zero_shot=lambda body: classes(*((label, 0.5) for label in body["labels"])))
        self.open()
        self.write("#try-labels-1", "スポーツ、 Politik ,, cooking,")
        self.wait_rows("#try-labels", "スポーツ", "Politik", "cooking")
        self.assertEqual(self.panels(), ["try-labels"])


class AskingTest(PlaygroundCase):
    def setUp(self):
        super().setUp()
        self.serve([model("languages", "classifier", LANGUAGES)], classify=classes(("it", 0.7)))

    def test_the_last_text_wins(self):
        slow = threading.Event()

        def answer(body):
            if body["input"] == "slow":
                slow.set()
                time.sleep(1.5)
            return classes((body["input"], 0.5))
        self.serve(self.server.models, classify=answer)
        self.open()
        self.write("#try-classes-0", "slow")
        self.browser.wait(slow.is_set, "the slow question")
        self.write("#try-classes-0", "quick")
        self.wait_rows("#try-classes", "quick")
        time.sleep(1.6)
        self.assertEqual(self.rows("#try-classes")[0][0], "quick")
        self.assertNotIn("stale", self.browser.run("return document.querySelector('#try-classes .shown').className"))
        before = len(self.asked("/v1/classify"))
        self.browser.type_into("#try-classes-0", "er and faster")
        self.browser.wait(lambda: "faster" in (self.asked("/v1/classify")[-1]["input"]), "the end of the text")
        self.assertLess(len(self.asked("/v1/classify")) - before, 8)

    def test_compositions_are_asked_for_at_their_end(self):
        self.open()
        self.wait_rows("#try-classes", "it")
        self.browser.clear("#try-classes-0")
        self.server.requests.clear()
        for part in ("ㅎ", "하", "한"):
            self.browser.command("Input.imeSetComposition", {"text": part, "selectionStart": 1, "selectionEnd": 1})
            time.sleep(0.4)
        self.assertEqual(self.asked("/v1/classify"), [])
        self.browser.command("Input.insertText", {"text": "한"})
        self.browser.wait(lambda: self.asked("/v1/classify"), "the question")
        self.assertEqual([body["input"] for body in self.asked("/v1/classify")], ["한"])

    def test_errors_in_words(self):
        refusals = [Refusal(429, "the queue is full", **{"Retry-After": "1"}), Refusal(413, "the body is longer than 2 MB")]

        def answer(body):
            if refusals:
                raise refusals.pop()
            return classes(("it", 0.7))
        self.serve(self.server.models, classify=answer)
        self.open()
        self.wait_text("#try-classes .error-text", "the body is longer than 2 MB")
        self.browser.click("#try-classes .chip")
        self.wait_text("#try-classes .error-text", "the queue is full Trying again…")
        self.wait_rows("#try-classes", "it")  # without more ado
        self.server.stop()
        self.browser.click("#try-classes .chip")
        self.wait_text("#try-classes .error-text", "The server does not answer")
        self.assertEqual(self.rows("#try-classes"), [])

    def test_models_that_are_being_loaded(self):
        self.server.loading = "the models are being loaded"
        self.open()
        self.wait_text(".server-state", "Not ready: the models are being loaded")
        self.serve([*self.server.models, EMBEDDER])
        self.server.loading = ""
        self.wait_rows("#try-classes", "it")
        self.assertEqual(self.panels(), ["try-classes", "try-likeness"])

    def test_api_key(self):
        self.server.key = "secret"
        self.browser.open(self.base + "/")
        self.wait_text("#key-dialog", "API key")
        self.browser.type_into("#key", "secret")
        self.browser.keys("Enter")
        self.wait_rows("#try-classes", "it")
        # Another key from now on: two panels are refused, and one question is asked.
        self.serve([*self.server.models, EMBEDDER])
        self.browser.reload()
        self.wait_text("#try-likeness .note", "2 dimensions")
        self.server.key = "other"
        for panel in ("#try-classes", "#try-likeness"):
            self.browser.run("document.querySelector(arguments[0]).click()", f"{panel} .chip:last-child")
        self.wait_text("#key-dialog", "Wrong key")
        self.browser.type_into("#key", "other")
        self.browser.keys("Enter")
        self.wait_rows("#try-classes", "it")
        self.wait_text("#try-likeness .note", "2 dimensions")
        self.assertFalse(self.browser.visible("#key-dialog"))
        self.browser.run("sessionStorage.clear()")

    def test_a_model_of_several(self):
        self.serve([model("first", "classifier", LANGUAGES), model("a/second", "classifier", LANGUAGES), EMBEDDER],
                   classify=lambda body: classes((body["model"], 0.5)))
        self.open()
        self.wait_rows("#try-classes", "first")
        self.assertFalse(self.browser.count("#try-likeness select"))
        self.browser.click("#try-classes select")
        self.browser.keys("ArrowDown", "Enter")
        self.wait_rows("#try-classes", "a/second")
        self.assertEqual(self.browser.texts(".metadata dd:first-of-type")[:1], ["first"])

    def test_what_was_written_is_kept(self):
        self.server.collections = {"default": Collection("default", [])}
        self.open()
        self.browser.click("#server-link")
        self.wait_rows("#try-classes", "it")
        self.write("#try-classes-0", "kept")
        self.browser.back()
        self.wait_text("#start", "This index is empty")
        self.browser.forward()
        self.wait_rows("#try-classes", "it")
        self.assertEqual(self.browser.run("return document.querySelector('#try-classes-0').value"), "kept")


class LookTest(PlaygroundCase):
    def test_names_and_keys(self):
        self.serve([model("languages", "classifier", LANGUAGES), EMBEDDER], classify=classes(("it", 0.7)))
        self.open()
        self.wait_rows("#try-classes", "it")
        self.assertEqual(self.browser.run("return [...document.querySelectorAll('.trial textarea')].map((one) => one.labels[0].textContent)"),
                         ["Text", "First text", "Second text"])
        self.browser.click("#try-classes-0")
        self.browser.keys("/?", "Tab", "Enter")  # signs in a box are text; then the first example
        self.browser.wait(lambda: len(self.asked("/v1/classify")) >= 2, "the example")
        self.assertEqual(self.browser.focused(), "button")

    def test_contrast_and_width(self):
        text = "Ada Lovelace met Charles in London"
        kinds = ["PER", "LOC", "ORG", "DATE", "EVENT", "LAW"]
        found = [entity(text, word, kind) for word, kind in zip(text.split(), kinds)]
        self.serve([model("languages" * 12, "classifier", LANGUAGES), model("names", "token_classifier", ["O", *kinds]), EMBEDDER],
                   classify=classes(("it", 0.7), ("averylonglabelwithoutaspace" * 8, 0.2)), token_classify=listed(entities=found))
        self.server.models.append({**EMBEDDER, "model_id": "another"})
        for theme in ("light", "dark"):
            self.browser.emulate(prefers_color_scheme=theme, prefers_reduced_motion="reduce")
            for width in (320, 390, 1280):
                self.browser.resize(width, 900)
                self.open()
                self.browser.wait(lambda: self.browser.count("#try-entities mark") == 6 and self.browser.count("#try-classes .bars li") == 2 and
                                  self.browser.visible("#try-likeness .badge") and not self.browser.count(".stale"), "answers")
                self.assertEqual(self.browser.run(CONTRAST), [], theme)
                self.assertLess(self.browser.run("return document.querySelector('#try-likeness .index-choice').offsetHeight"), 50)
                self.assertLessEqual(self.browser.run("return document.documentElement.scrollWidth"), width)


if __name__ == "__main__":
    unittest.main()
