# SPDX-License-Identifier: Apache-2.0
"""The page as the program itself serves it: headers over the wire, and in a browser before a real model."""
import base64
import http.client
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "cli"), str(TESTS / "web"), str(TESTS / "server")]
import classifier_model  # noqa: E402
from page_case import PageCase  # noqa: E402
from pictures import MODEL as PICTURES, read_png  # noqa: E402
from program import PROGRAM, ROOT, TINY, environment  # noqa: E402
from text_model import make_slow_text_model, make_text_model  # noqa: E402

WEB = sorted(file.name for file in (ROOT / "web").iterdir())


class Served:
    """A running minnow serve."""

    def __init__(self, *arguments, model=TINY):
        self.log = tempfile.NamedTemporaryFile("r+")
        self.process = subprocess.Popen([PROGRAM, "serve", "--model", model, "--host", "127.0.0.1", "--port", "0", *arguments],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log, env=environment())
        self.port = int(self.wait_for(r"\bport=(\d+)")[1])
        self.wait_for(r" ready ")

    def wait_for(self, pattern):
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            found = re.search(pattern, pathlib.Path(self.log.name).read_text())
            if found:
                return found
            time.sleep(0.01)
        raise AssertionError(f"no {pattern!r} in {pathlib.Path(self.log.name).read_text()!r}")

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        self.log.close()

    def request(self, method, path, body=None, **headers):
        """(status, headers in lower case, body)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        answer = response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        connection.close()
        return answer


class WireTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Served()
        cls.addClassCleanup(cls.server.stop)

    def test_page(self):
        status, headers, body = self.server.request("GET", "/")
        self.assertEqual((status, headers["content-type"]), (200, "text/html; charset=utf-8"))
        self.assertIn("default-src 'self'", headers["content-security-policy"])
        self.assertEqual(headers["x-content-type-options"], "nosniff")
        self.assertEqual(self.server.request("HEAD", "/")[1]["content-length"], str(len(body)))
        self.assertNotRegex(body.decode(), r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=")

    def test_nothing_is_sent_twice(self):
        for encoding in ("identity", "gzip"):
            headers = self.server.request("GET", "/", Accept_Encoding=encoding)[1]
            again = self.server.request("GET", "/", Accept_Encoding=encoding, If_None_Match=headers["etag"])
            self.assertEqual((again[0], again[2]), (304, b""))

    def test_every_file_is_in_the_program(self):
        version = re.search(r"/assets/(\w+)/app\.js", self.server.request("GET", "/")[2].decode())[1]
        for name in WEB:
            if name == "index.html":
                continue
            status, headers, body = self.server.request("GET", f"/assets/{version}/{name}")
            self.assertEqual((status, body), (200, (ROOT / "web" / name).read_bytes()), name)
            self.assertIn("immutable", headers["cache-control"])

    def test_other_routes_stay(self):
        self.assertEqual(self.server.request("POST", "/", '{"inputs": "a"}')[0], 200)
        self.assertEqual(self.server.request("POST", "/assets/app.js")[0], 405)
        self.assertEqual(self.server.request("GET", "/assets/secret")[0], 404)


class BrowserTest(PageCase):
    def setUp(self):
        super().setUp()
        real = ROOT / "models/all-MiniLM-L6-v2"
        self.has_model = real.is_dir()
        self.server = Served(model=str(real) if self.has_model else TINY)
        self.addCleanup(self.server.stop)
        self.base = f"http://127.0.0.1:{self.server.port}"

    def test_server_page(self):
        self.open()
        self.wait_text(".server-state", "Ready")
        self.assertEqual(self.browser.count("#search-form:not([hidden])"), 0)
        self.wait_text("#try-likeness", "Cosine")
        self.assertIn("No index is served here", self.browser.text("#server-view"))
        if not self.has_model:
            self.skipTest("models/all-MiniLM-L6-v2 is not there (scripts/get-model.sh): nearness was not looked at")
        self.assertIn("384 dimensions", self.browser.text("#try-likeness"))
        near = self.cosine()
        self.browser.click("#try-likeness .chip:last-child")
        self.browser.wait(lambda: self.cosine() not in (None, near), "another answer")
        self.assertGreater(near, self.cosine() + 0.2)

    def cosine(self):
        found = re.search(r"Cosine (-?[\d.]+)", self.browser.text("#try-likeness"))
        return float(found[1]) if found else None

    def test_commands_to_copy(self):
        self.open()
        self.wait_text(".server-state", "Ready")
        self.browser.click(".route summary")
        command = self.browser.text(".route .command code")
        self.assertIn(f"curl {self.base}/v1/embeddings", command)
        answer = subprocess.run(command, shell=True, capture_output=True, timeout=60)
        self.assertIn(b'"embedding":[', answer.stdout)


HEADS = ROOT / "tests/golden/token_heads"


class PlaygroundTest(PageCase):
    """Tries of what the program's own models say."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.classifier = classifier_model.make(f"{cls.folder.name}/classifier", family="bert")
        cls.reranker = classifier_model.make(f"{cls.folder.name}/reranker", family="bert", labels=1)

    def serve(self, *arguments, model):
        self.server = Served(*arguments, model=model)
        self.addCleanup(self.server.stop)
        self.base = f"http://127.0.0.1:{self.server.port}"

    def bars(self, panel):
        return self.browser.run("return [...document.querySelectorAll(arguments[0])].map((one) => [one.querySelector('bdi').textContent, "
                                "Number(one.querySelector('.bar-score').textContent)])", f"{panel} .bars li")

    def test_classifier_alone(self):
        self.serve(model=self.classifier)
        self.open()
        self.browser.wait(lambda: self.bars("#try-classes"), "bars")
        text = self.browser.run("return document.querySelector('#try-classes-0').value")
        answer = json.loads(self.server.request("POST", "/v1/classify", json.dumps({"input": text}))[2])["data"][0]
        self.assertEqual(self.bars("#try-classes"), [[one["label"], round(one["score"], 3)] for one in answer["classes"]])
        self.assertEqual(self.browser.count(".panel[id]"), 1)
        self.assertNotIn("No index", self.browser.text("main"))

    def test_masks_and_own_labels(self):
        masks = ROOT / "tests/golden/masks"
        self.serve("--model", f"roberta={masks / 'roberta'}", "--model", f"nli={masks / 'nli'}", model=f"bert={masks / 'bert'}")
        self.open()
        self.browser.wait(lambda: len(self.bars("#try-masks")) == 5 and len(self.bars("#try-labels")) == 3, "bars")
        self.assertIn("[MASK]", self.browser.run("return document.querySelector('#try-masks-0').value"))
        self.browser.click("#try-masks select")
        self.browser.keys("ArrowDown", "Enter")
        self.wait_text("#try-masks .chip:last-child", "Insert <mask>")
        self.browser.click("#try-masks .chip:nth-of-type(2)")
        self.browser.wait(lambda: self.browser.texts("#try-masks h4") == ["Mask 1", "Mask 2"], "two masks")
        self.assertAlmostEqual(sum(score for _, score in self.bars("#try-labels")), 1, delta=0.002)

    def test_several_models_behind_a_key(self):
        self.serve("--api-key", "secret", "--model", f"ranks={self.reranker}", "--model", f"names={HEADS / 'ner_bert'}",
                   "--model", f"answers={HEADS / 'qa_bert'}", "--index", f"{self.folder.name}/key.db", model=f"texts={TINY}")
        self.browser.open(self.base + "/?view=server")
        self.wait_text("#key-dialog", "API key")
        self.browser.type_into("#key", "secret")
        self.browser.keys("Enter")
        self.browser.wait(lambda: len(self.bars("#try-passages")) == 5 and self.browser.count("#try-entities mark") and
                          self.bars("#try-answers") and self.browser.count("#try-likeness .badge"), "answers of all")
        scores = [score for _, score in self.bars("#try-passages")]
        self.assertEqual(scores, sorted(scores, reverse=True))
        for example in (2, 3, 4):
            self.browser.click(f"#try-entities .chip:nth-of-type({example})")
            text = self.browser.run("return document.querySelector('#try-entities-0').value")
            shown = "const one = document.querySelector('#try-entities .marked').cloneNode(true); for (const small of one.querySelectorAll('small')) small.remove(); return one.textContent"
            self.browser.wait(lambda: self.browser.run(shown) == text, "the text with its entities")
        self.browser.run("sessionStorage.clear()")


ATTACK = "<img src=x onerror='window.hacked=1'>"
DOCUMENTS = [
    {"id": "a/1", "title": "Salmon", "path": "river/salmon.md", "dir": "river", "lang": "markdown", "text": "# Salmon\n\nSalmon swim up the **river** to spawn."},
    {"id": "b", "title": "Trout", "path": "river/trout.md", "dir": "river", "lang": "markdown", "text": "Trout live in cold water."},
    {"id": "c", "title": "Loaf", "path": "kitchen/loaf.md", "dir": "kitchen", "lang": "markdown", "text": "Knead the dough and bake bread in a hot oven."},
    {"id": "d", "name": "swim", "path": "code/swim.go", "dir": "code", "lang": "go", "kind": "code", "line": {"start": 3, "end": 5},
     "text": "func swim(river string) {\n\tpanic(river)\n}"},
    {"id": ATTACK, "title": ATTACK, "path": "x/y", "lang": "text", "text": f"A river of markup {ATTACK} &amp; more."},
]


class TextTest(PageCase):
    """Texts as they are made."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        slow = make_slow_text_model(pathlib.Path(folder.name) / "slow-t5")
        cls.server = Served("--model", slow, "--dtype", "fp32", model=make_text_model(pathlib.Path(folder.name) / "tiny-t5"))
        cls.addClassCleanup(cls.server.stop)

    def setUp(self):
        super().setUp()
        self.base = f"http://127.0.0.1:{self.server.port}"
        self.open()
        self.browser.wait(lambda: self.browser.visible("#try-texts .primary"), "the panel")

    def write(self, text):
        self.browser.clear("#try-texts-0")
        self.browser.type_into("#try-texts-0", text)
        self.browser.click("#try-texts .primary")

    def gauge(self, name):
        return float(re.search(rf"^{name} (\S+)$", self.server.request("GET", "/metrics")[2].decode(), re.MULTILINE)[1])

    def test_a_text(self):
        self.assertEqual(self.browser.texts("#try-texts .tries p:last-child .chip")[0], "summarization")
        self.write("a heron wait in the reed")
        self.wait_text("#try-texts .note", "ended by itself")
        self.assertEqual(self.browser.text("#try-texts .written"), "m old x4l coldt nightk")
        self.assertRegex(self.browser.text("#try-texts .note"), r"^7 tokens read · first token after .+ · \d+ new tokens · [\d,]+ tokens/s · ended by itself$")
        self.browser.run("const one = document.getElementById('try-temperature'); one.value = 2; one.dispatchEvent(new Event('input'))")
        self.write("川とFluss")  # of which the tokenizer knows little
        self.wait_text("#try-texts .note", "· seed ")

    def test_stop(self):
        self.browser.run("const one = document.getElementById('try-max_new_tokens'); one.value = 512; one.dispatchEvent(new Event('input'))")
        self.browser.click("#try-texts select")
        self.browser.keys("ArrowDown", "Enter")
        self.write("the small fish")
        self.wait_text("#try-texts .written", "the the the")
        self.assertEqual(self.gauge("minnow_generate_requests_running"), 1)
        self.browser.click("#try-texts .button:not(.primary)")
        self.wait_text("#try-texts .note", "stopped")
        self.browser.wait(lambda: self.gauge("te_queue_size") == 0, "the server to stop")
        self.assertLess(self.gauge("minnow_generate_tokens_total"), 500)


@unittest.skipUnless(PICTURES.exists(), f"no {PICTURES} (MINNOW_DATA)")
class StudioTest(PageCase):
    """Pictures as they are made."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = Served(model=str(PICTURES))
        cls.addClassCleanup(cls.server.stop)

    def setUp(self):
        super().setUp()
        self.base = f"http://127.0.0.1:{self.server.port}"
        self.open()
        self.browser.wait(lambda: self.browser.visible("#try-picture-seed"), "the settings")
        image = self.browser.find_all("#try-picture-image")[0]
        self.browser.call("POST", f"/element/{image}/value", {"text": str(PICTURES / "input.png")})
        self.wait_text(".drop", "input.png, 64 × 48")

    def set(self, name, value):
        self.browser.run("const one = document.getElementById(`try-picture-${arguments[0]}`); one.value = arguments[1]; one.dispatchEvent(new Event('input'))", name, value)

    def test_picture_is_the_servers_own(self):
        for name, value in (("seed", 7), ("steps", 8), ("width", 64), ("height", 48)):
            self.set(name, value)
        self.browser.click("#try-pictures .primary")
        self.wait_text("#try-pictures figure .note", "seed 7 · ")
        pixels = self.browser.run("""
            const image = document.querySelector("#try-pictures figure .after");
            const context = new OffscreenCanvas(image.naturalWidth, image.naturalHeight).getContext("2d");
            context.drawImage(image, 0, 0);
            return [...context.getImageData(0, 0, image.naturalWidth, image.naturalHeight).data];""")
        body = {"prompt": self.browser.run("return document.querySelector('#try-pictures-0').value"), "negative_prompt": "blurry, text", "seed": 7, "strength": 0.75,
                "sample_params": {"sample_steps": 8}, "init_image": base64.b64encode((PICTURES / "input.png").read_bytes()).decode()}
        job = json.loads(self.server.request("POST", "/sdcpp/v1/img_gen", json.dumps(body), Content_Type="application/json")[2])
        done = self.browser.wait(lambda: self.result(job["poll_url"]), "the same picture")
        made = read_png(base64.b64decode(done["images"][0]["b64_json"]))
        self.assertEqual(made, (64, 48, bytes(value for i, value in enumerate(pixels) if i % 4 < 3)))

    def result(self, path):
        return json.loads(self.server.request("GET", path)[2])["result"]

    def running(self):
        return float(re.search(r"^minnow_image_requests_running (\S+)$", self.server.request("GET", "/metrics")[2].decode(), re.MULTILINE)[1])

    def test_cancel(self):
        self.set("steps", 100)
        self.browser.click("#try-pictures .primary")
        self.wait_text("#try-pictures .making", "Step 2 of ")
        self.browser.wait(lambda: self.browser.run("return document.querySelector('.making img').naturalWidth") > 0, "a preview")
        self.assertEqual(self.running(), 1)
        self.browser.click("#try-pictures form .button:not(.primary)")
        self.wait_text("#try-pictures [role=status]", "Cancelled.")
        self.browser.wait(lambda: self.running() == 0, "the server to stop")

    def test_refused(self):
        self.browser.run("document.getElementById('try-picture-steps').max = 2000")
        self.set("steps", 2000)
        self.browser.click("#try-pictures .primary")
        self.wait_text("#try-picture-steps-error", "2000")


class IndexTest(PageCase):
    """Search with an index that the program itself keeps."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        real = ROOT / "models/all-MiniLM-L6-v2"
        cls.has_model = real.is_dir()
        cls.server = Served("--index", f"{cls.folder.name}/test.db", model=str(real) if cls.has_model else TINY)
        cls.addClassCleanup(cls.server.stop)
        status, _, body = cls.server.request("POST", "/indexes/fish/documents?wait=true", json.dumps(DOCUMENTS), Content_Type="application/json")
        if status != 200:
            raise AssertionError(body)

    def setUp(self):
        super().setUp()
        self.base = f"http://127.0.0.1:{self.server.port}"

    def test_typing_and_opening(self):
        self.open()
        self.wait_text("#start", "Search 5 documents")
        self.browser.type_into("#q", "salm")  # the beginning of a word
        self.wait_titles("Salmon")
        self.browser.keys("on", "ArrowDown", "Enter")
        self.wait_text(".document-title", "Salmon")
        size = len("\n".join(DOCUMENTS[0][field] for field in ("title", "text")))
        self.assertEqual(self.query(), {"q": ["salmon"], "doc": ["a/1"], "at": [f"0-{size}"]})
        self.assertEqual(self.browser.texts(".prose strong"), ["river"])
        self.browser.wait(lambda: self.browser.count("#related .hit") > 0, "related documents")
        self.assertNotIn("Salmon", self.browser.texts("#related .hit-title"))

    def test_words_and_filters(self):
        self.open("/?q=river&mode=lexical")
        self.wait_titles("Salmon", "swim", ATTACK)
        self.assertNotIn("Loaf", self.titles())
        self.assertEqual({text.lower() for text in self.browser.texts("#hits mark")}, {"river"})
        self.browser.click("#facets [data-facet='lang\\a go']")
        self.browser.wait(lambda: self.titles() == ["swim"], "swim alone")
        self.assertIn("markdown", self.browser.text("#facets"))
        self.open("/?q=river&filter=lang+==")
        self.wait_text("#expression-error", "filter: ")
        self.open("/?q=&in=river/")
        self.browser.wait(lambda: sorted(self.titles()) == ["Salmon", "Trout"], "the folder's documents")

    def test_meaning(self):
        if not self.has_model:
            self.skipTest("models/all-MiniLM-L6-v2 is not there (scripts/get-model.sh)")
        self.open("/?q=how+to+make+something+to+eat&mode=semantic")
        self.wait_titles("Loaf")
        self.assertEqual(self.titles()[0], "Loaf")
        points = [int(text.split()[1]) for text in self.browser.run("return [...document.querySelectorAll('#hits .badge')].map((one) => one.textContent)")]
        self.assertEqual(points, sorted(points, reverse=True))
        self.assertIn("ms", self.browser.text("#status"))

    def test_what_was_found_is_found_again(self):
        text = "# Fish\n\n" + "Carps live in ponds and like it there, all of them do.\n\n" * 60 + "Salmon are swimming up the river.\n"
        added = {"id": "long", "title": "Fish", "path": "fish.md", "lang": "markdown", "text": text}
        self.assertEqual(self.server.request("POST", "/indexes/fish/documents?wait=true", json.dumps(added), Content_Type="application/json")[0], 200)
        self.addCleanup(self.server.request, "DELETE", "/indexes/fish/documents/long")
        found = lambda: self.browser.visible("#to-passage") and (  # noqa: E731
            self.browser.run("return [...CSS.highlights.get('words')].map(String)"), self.browser.run("return [...document.querySelectorAll('.passage')].map((one) => one.textContent)"))
        for mode in ("", "&mode=lexical"):
            self.open(f"/?q=swim+rivers{mode}")
            self.wait_titles("Fish")
            self.browser.run("document.querySelector('[data-hit=long]').click()")
            clicked = self.browser.wait(found, "the passage")
            if mode or self.has_model:
                self.assertEqual(clicked[0], ["swimming", "river"])
                self.assertIn("Salmon are swimming up the river.", clicked[1])
            self.browser.reload()
            self.browser.wait(lambda: found() == clicked, "the same as before")

    def test_hostile_document(self):
        self.open("/?q=markup&mode=lexical")
        self.wait_titles(ATTACK)
        self.assertIn(ATTACK, self.browser.text(".snippet"))
        self.assertIn("&amp; more", self.browser.text(".snippet"))
        self.browser.click(".hit-title")
        self.wait_text(".document-title", ATTACK)
        self.assertEqual(self.browser.run("return [window.hacked ?? null, document.querySelectorAll('main img').length]"), [None, 0])

    def test_unknown_document(self):
        self.open("/?doc=nothing%2Fhere")
        self.wait_text("#document-view", "There is no such document")


if __name__ == "__main__":
    unittest.main()
