# SPDX-License-Identifier: Apache-2.0
"""The page's documents in a headless Chromium: source, Markdown, hostile texts, long ones; themes, phones, contrast."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from page_test import FISH, StandInCase  # noqa: E402
from stand_in import Collection  # noqa: E402

ATTACK = '<img src=x onerror="window.hacked = 1"><script>window.hacked = 2</script>'
HOSTILE = [
    {"id": ATTACK, "title": ATTACK, "path": f"{ATTACK}/a.md", "lang": "markdown", "tags": [ATTACK], "url": "javascript:window.hacked=3",
     "text": f"# {ATTACK}\n\nriver {ATTACK}\n\n[a link](javascript:window.hacked=4) <javascript:window.hacked=5> ![i](http://example.com/x.png)\n\n"
             f"| {ATTACK} |\n|---|\n| {ATTACK} |\n\n> {ATTACK}\n\n```{ATTACK}\n{ATTACK}\n```\n\n<iframe src=//example.com></iframe>\n"},
    {"id": "b", "title": "river " + "w" * 400, "path": "d/" * 80 + "x.go", "lang": "go", "text": f"river // {ATTACK}\n" + "x" * 3000},
]


class DocumentTest(StandInCase):
    def open_document(self, identifier, query="river"):
        self.open(f"/?q={query}")
        self.browser.wait(lambda: self.titles(), "results")
        self.browser.run("[...document.querySelectorAll('[data-hit]')].find((one) => one.dataset.hit === arguments[0]).click()", identifier)
        self.browser.wait(lambda: self.browser.visible(".document-title"), "the document")

    def test_markdown(self):
        self.open_document("a")
        self.assertEqual(self.browser.text(".document-title"), "Salmon")
        self.assertEqual(self.browser.texts(".prose strong"), ["up"])
        self.assertEqual(self.browser.texts(".prose td"), ["3", "salmon"])
        self.assertEqual(self.browser.count(".prose h3"), 0)  # the title is not said twice
        self.browser.wait(lambda: "func" in self.browser.texts(".prose .t-keyword"), "colours in the code")
        self.assertIn("Language\nmarkdown", self.browser.text(".metadata"))

    def test_function_of_kuberian(self):
        function = {"id": "100", "name": "Sync", "signature": "func Sync() error", "file": "pkg/a b.go", "line": {"start": 12, "end": 14},
                    "summary": "keeps both sides the same", "code": "func Sync() error {\n\treturn nil\n}", "background": "Long ago.\n\nThere were two sides.",
                    "opinion": None}
        self.server.collections = {"functions": Collection("functions", [function])}
        self.open("/?doc=100")
        self.wait_text(".lead", "keeps both sides the same")
        self.assertEqual(self.browser.text(".document-title"), "Sync")
        self.assertEqual(self.browser.run("return document.querySelector('.document header p > a').href"),
                         "https://github.com/kubernetes/kubernetes/blob/v1.27.4/pkg/a%20b.go#L12-L14")
        self.assertEqual(self.browser.texts(".field h3"), ["Background"])
        self.browser.wait(lambda: self.browser.texts(".code .t-keyword") == ["func", "return", "nil"], "colours")
        self.assertTrue(self.browser.text(".code-numbers").startswith("12"))

    def test_contents(self):
        text = "# Fish\n\n" + "".join(f"## Chapter {i}\n\n" + "word " * 2000 + "\n\n" for i in range(5))
        sections = [{"title": f"Chapter {i}", "begin": 0} for i in range(5)]
        self.server.collections["default"] = Collection("default", [{"id": "s", "title": "Fish", "lang": "markdown", "sections": sections, "text": text}])
        self.open_document("s", "fish")
        self.assertEqual(self.browser.texts(".contents button"), [f"Chapter {i}" for i in range(5)])
        self.browser.click(".contents li:nth-child(4) button")
        self.browser.wait(lambda: self.browser.run("""
            const at = [...document.querySelectorAll('.prose .level-2')][3].getBoundingClientRect();
            return at.top >= 0 && at.top < 300;"""), "the chapter at the top")
        self.assertNotIn("sections", self.browser.text(".document > header").lower())

    def test_source_code(self):
        self.open_document("c")
        self.browser.wait(lambda: self.browser.texts(".code .t-keyword") == ["func", "return"], "keywords")
        self.assertEqual(self.browser.texts(".code .t-string"), ['"river"'])
        self.assertEqual(self.browser.texts(".code .t-number"), ["42"])
        self.assertIn("7\n8\n9\n10", self.browser.text(".code-numbers"))
        self.assertIn("lines 7–12 · go", self.browser.text(".body-note"))

    def test_words_of_the_search_are_marked(self):
        self.open_document("b")
        self.browser.wait(lambda: self.browser.run("return [...CSS.highlights.get('words')].map(String)") == ["river"], "a mark")

    def test_fields_and_links(self):
        self.open_document("d", "herring")
        self.assertEqual(self.browser.texts(".metadata .chip"), ["silver", "schools"])
        link = self.browser.run("const a = document.querySelector('.metadata a'); return [a.href, a.rel, a.target]")
        self.assertEqual(link, ["https://example.com/herring", "noopener noreferrer nofollow", "_blank"])

    def found(self):
        """What of a document is shown as found: by the button, by shades, by marks."""
        self.browser.wait(lambda: self.browser.visible("#to-passage"), "a way to the passage")
        return [self.browser.texts(".passage"), self.browser.run("return [...CSS.highlights.get('words')].map(String)")]

    def test_address_tells_what_was_found(self):
        before = "Nothing of it here.\n\n" * 30
        text = f"# Eels\n\n{before}Eels are é caught by a weir.\n\n- one\n- a weir in the river\n- three\n\n" + "The end.\n\n" * 60
        collection = self.server.collections["default"] = Collection("default", [{"id": "7", "title": "Eels", "path": "eels.md", "lang": "markdown", "text": text}])
        begin = len(f"Eels\n# Eels\n\n{before}".encode())
        end = begin + len("Eels are é caught by a weir.\n\n- one\n- a weir in".encode())
        collection.passage = lambda document, wanted: {"begin": begin, "end": end}
        collection.snippet = lambda document, wanted: "Eels are é <em>caught</em> by a weir. - one - a <em>weir</em> in"
        self.open_document("7", "weirs+caught")
        wanted = [["Eels are é caught by a weir.", "one", "a weir in the river"], ["caught", "weir", "weir"]]
        self.browser.wait(lambda: self.found() == wanted, "what was found")
        self.assertEqual(self.query(), {"q": ["weirs caught"], "doc": ["7"], "at": [f"{begin}-{end}"]})
        self.browser.reload()
        self.browser.wait(lambda: self.browser.visible("#to-passage") and self.found() == wanted, "the same")
        asked = self.searches()[-1]
        self.assertEqual((asked["filter"], asked["limit"]), ('`id` IN ["7",7]', 1))
        self.browser.click("#to-passage")
        self.browser.wait(lambda: self.browser.run("return scrollY") > 500, "the passage")
        # An answer that does not come holds up nothing; without a passage in the address, the answer's own is shown.
        self.server.delays = {"weirs caught": 4}
        self.browser.reload()
        self.browser.wait(lambda: self.browser.visible("#to-passage") and self.found() == [wanted[0], ["caught"]], "the passage without the answer")
        self.server.delays = {}
        self.open("/?q=weirs+caught&doc=7")
        self.browser.wait(lambda: self.browser.visible("#to-passage") and self.found() == wanted, "the same by the query")
        self.browser.click(".back")
        self.browser.wait(lambda: "at" not in self.query() and "doc" not in self.query(), "the list")

    def test_place_of_what_words_alone_found(self):
        """Such a hit's passage is the document's first; its snippet knows better."""
        text = "Nothing of it here.\n\n" * 30 + "Eels are (caught)\nby a weir.\n\n" + "The end.\n\n" * 60
        collection = self.server.collections["default"] = Collection("default", [{"id": "e", "title": "Eels", "text": text}])
        plain = collection.search

        def search(*arguments, **options):
            answer = plain(*arguments, **options)
            for hit in answer["hits"]:
                hit.update(semantic_score=None, passage={"begin": 0, "end": 100}, snippet="Eels …of it here. Eels are (<em>caught</em>) by a…")
            return answer
        collection.search = search
        self.open_document("e", "caught")
        self.assertEqual(self.query(), {"q": ["caught"], "doc": ["e"]})
        shaded = ["Nothing of it here.", "Eels are (caught)\nby a weir."]
        self.browser.wait(lambda: self.found() == [shaded, ["caught"]], "the place")
        self.browser.reload()
        self.browser.wait(lambda: self.browser.visible("#to-passage") and self.found() == [shaded, ["caught"]], "the same place")

    def test_related(self):
        self.open_document("a", "salmon")
        self.browser.wait(lambda: self.browser.visible("#related-note"), "an answer")
        self.wait_text("#related-note", "Nothing else is like it")
        self.server.collections["default"] = Collection("default", FISH + [{"id": "e", "title": "Salmon again", "text": "salmon"}])
        self.open("/?q=salmon&doc=a")
        self.browser.wait(lambda: self.browser.texts("#related .hit-title") == ["Salmon again"], "a related document")
        self.browser.click("#related .hit-title")
        self.wait_text(".document-title", "Salmon again")
        self.browser.back()
        self.browser.wait(lambda: self.browser.text(".document-title") == "Salmon", "the first document")

    def test_long_source(self):
        lines = [f"int x{i} = {i};  // number" for i in range(10_000)]
        lines[7000] = "int river = 1;"
        self.server.collections["default"] = Collection("default", [{"id": "l", "title": "long.cc", "path": "long.cc", "lang": "c++", "text": "\n".join(lines)}])
        self.open_document("l")
        self.assertIn("10,000 lines", self.browser.text(".body-note"))
        self.browser.wait(lambda: self.browser.count(".t-keyword, .t-type") > 100, "colours at the top")
        self.assertLess(self.browser.count("*"), 10_000)  # the rest has no colours yet
        self.browser.click("#to-passage")
        self.browser.wait(lambda: self.browser.run("return scrollY") > 50_000, "the passage")
        self.browser.wait(lambda: self.browser.run("""
            const at = document.querySelector('.code-passage').getBoundingClientRect();
            return at.top > 0 && at.top < innerHeight;"""), "the passage in the window")
        self.browser.wait(lambda: self.browser.run("""
            return [...document.querySelectorAll('.code-block')].some((one) => one.innerText.includes('int river') && one.querySelector('.t-type'))"""),
                          "colours at the passage")

    def test_snippets_of_markdown_are_words_and_commands_whole(self):
        self.server.collections["default"].snippet = lambda document, wanted: (
            "…## Use **it**: `minnow <em>river</em> --index my.db --model m` | a | b | |---|:--:| | 1 | 2 | see [the docs](x.md) --- end")
        self.open("/?q=river&f.lang=markdown")
        self.browser.wait(lambda: self.browser.visible(".snippet"), "results")
        self.assertEqual(" ".join(self.browser.text(".snippet").split()),
                         "… Use it : minnow river --index my.db --model m a b 1 2 see the docs end")

    def test_hostile_texts_stay_texts(self):
        self.server.collections["default"] = Collection("default", HOSTILE)
        self.server.collections["default"].snippet = lambda document, wanted: f"a <em>river</em> {ATTACK} &lt;b&gt; <em onclick=x>y</em>"
        self.open("/?q=river")
        self.browser.wait(lambda: len(self.titles()) == 2, "results")
        self.assertIn(ATTACK, self.titles())
        self.assertIn("<em onclick=x>y", self.browser.text(".snippet"))
        self.assertIn("<b>", self.browser.text(".snippet"))
        self.assert_harmless()
        self.browser.run("[...document.querySelectorAll('[data-hit]')].find((one) => one.dataset.hit[0] === '<').click()")
        self.wait_text(".document-title", ATTACK)
        self.browser.wait(lambda: self.browser.count(".prose table"), "the text")
        self.assertIn("<iframe", self.browser.text(".prose"))
        self.assert_harmless()
        self.open("/?q=river&filter=" + "%3Cimg+src%3Dx+onerror%3Dalert(1)%3E")
        self.wait_text("#expression-error", "<img src=x onerror=alert(1)>")
        self.assert_harmless()

    def assert_harmless(self):
        found = self.browser.run("""
            return {hacked: window.hacked ?? null, elements: document.querySelectorAll("main img, main script, main iframe, main [onerror]").length,
                    links: [...document.querySelectorAll("a")].map((one) => one.getAttribute("href")).filter((href) => /^\\s*javascript:/i.test(href))};""")
        self.assertEqual(found, {"hacked": None, "elements": 0, "links": []})

    def test_policy_holds(self):
        self.allowed = ("http://127.0.0.1:1/",)  # asked for, and stopped
        self.expected_messages = ("Content Security Policy", "Trusted", "Failed to load resource")
        self.open()
        stopped = self.browser.run("""
            const stopped = [];
            document.addEventListener("securitypolicyviolation", (event) => stopped.push(event.effectiveDirective));
            const image = new Image();
            image.src = "http://127.0.0.1:1/x.png";
            const script = document.createElement("script");
            try { script.textContent = "window.hacked = 1"; } catch { stopped.push("trusted types"); }
            try { document.createElement("p").innerHTML = "<b>x</b>"; } catch { stopped.push("trusted types"); }
            return new Promise((resolve) => setTimeout(() => resolve([stopped, window.hacked ?? null]), 300));""")
        self.assertIn("img-src", stopped[0])
        self.assertIn("trusted types", stopped[0])
        self.assertIsNone(stopped[1])


class LookTest(StandInCase):
    def background(self):
        return self.browser.run("return getComputedStyle(document.body).backgroundColor")

    def test_dark_by_the_system_and_by_choice(self):
        self.open()
        light = self.background()
        self.browser.emulate(prefers_color_scheme="dark")
        self.browser.wait(lambda: self.background() != light, "dark colours")
        dark = self.background()
        self.browser.click("[data-toggle-theme]")
        self.assertEqual(self.background(), light)
        self.browser.reload()
        self.assertEqual(self.background(), light)  # the choice is kept
        self.browser.click("[data-toggle-theme]")
        self.assertEqual(self.background(), dark)
        self.browser.emulate(prefers_color_scheme="light")
        self.browser.wait(lambda: self.background() == light, "the system's colours again")

    def test_narrow_windows_have_no_sideways_scrolling(self):
        self.server.collections["default"] = Collection("default", FISH + HOSTILE)
        self.server.collections["x" * 64] = Collection("x" * 64, FISH)
        self.browser.resize(320, 640)
        for path in ("/", "/?q=river", "/?q=river&f.lang=go&in=code/&filter=nonsense" + "x" * 80, "/?q=river&doc=a", "/?q=river&doc=b", "/?q=river&doc=c",
                     "/?doc=nothing" + "n" * 90, "/?q=" + "z" * 90, "/?view=server"):
            self.open(path)
            self.browser.wait(lambda: not self.browser.visible("#progress") and self.browser.run("return document.querySelector('main').innerText.length > 40"), path)
            wide = self.browser.run("""
                const wide = [...document.querySelectorAll("body *")].filter((one) => one.checkVisibility() && !one.closest(".code, .table, .sr-only, .skip, select") &&
                  one.getBoundingClientRect().right > innerWidth + 1);
                return [document.documentElement.scrollWidth, wide.map((one) => one.outerHTML.slice(0, 90))];""")
            self.assertEqual(wide, [320, []], path)

    def test_phones(self):
        """Two rows at the top, names broken at their parts, and folders that keep their stroke."""
        name = "StoreFilesTest.ReadOnlyFolders::AreRefusedAlways"
        documents = [{"id": "a", "title": name, "path": "src/index/store/somewhere/store_files_of_folders_test.cc", "lang": "c++", "text": "river"}]
        self.server.collections = {index: Collection(index, documents) for index in ("default", "other-index-with-a-name")}
        for width in (375, 320):
            self.browser.resize(width, 700)
            self.open("/?q=river&index=default")
            self.wait_titles(name)
            self.assertLess(self.browser.run("return document.querySelector('.top').offsetHeight"), 120)
            self.assertTrue(self.browser.visible("#status"))
            lines = self.browser.run("""
                const lines = (selector) => {
                  const walker = document.createTreeWalker(document.querySelector(selector), NodeFilter.SHOW_TEXT), out = [];
                  for (let node = walker.nextNode(), top = 0; node; node = walker.nextNode()) {
                    for (let i = 0; i < node.length; i += 1) {
                      const range = document.createRange();
                      range.setStart(node, i);
                      range.setEnd(node, i + 1);
                      const at = range.getBoundingClientRect().top;
                      if (out.length === 0 || Math.abs(at - top) > 8) out.push("");
                      top = at;
                      out[out.length - 1] += node.data[i];
                    }
                  }
                  return out;
                };
                return [lines(".hit-title"), lines(".crumbs")];""")
            self.assertGreater(len(lines[0]), 1)
            self.assertTrue(all(line[0].isupper() for line in lines[0]), lines)
            self.assertGreater(len(lines[1]), 1)
            self.assertFalse([line for line in lines[1] if line.startswith("/")], lines)
            box = self.browser.run("""
                const box = document.querySelector("#q"), style = getComputedStyle(box), context = document.createElement("canvas").getContext("2d");
                context.font = style.font;
                return box.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) - context.measureText(box.placeholder).width;""")
            self.assertGreater(box, 0)

    def test_text_from_right_to_left(self):
        text = "# لغة\n\nهذه فقرة من النص.\n\n- بند\n"
        self.server.collections["default"] = Collection("default", [
            {"id": "r", "title": "اللغة العربية", "summary": "ملخص", "lang": "markdown", "text": text}, {"id": "p", "title": "لغة", "text": "هذه فقرة"}])
        for document in "rp":
            self.open(f"/?doc={document}")
            self.wait_text(".prose", "هذه فقرة")
            right = self.browser.run("""return [...document.querySelectorAll(".document-title, .lead, .prose p.plain, .prose-group > *")].map((one) => {
                const range = document.createRange();
                range.selectNodeContents(one.matches("ul") ? one.parentNode : one);
                return Math.round(range.getBoundingClientRect().right);
            })""")
            self.assertEqual(set(right), {right[0]})

    def test_contrast(self):
        """WCAG 2 AA: 4.5 to 1 for every text that is shown, in both themes."""
        script = (pathlib.Path(__file__).parent / "contrast.js").read_text()
        for theme in ("light", "dark"):
            self.browser.emulate(prefers_color_scheme=theme)
            for path in ("/", "/?q=river&f.lang=go&f.lang=markdown", "/?q=river&doc=c", "/?q=river&doc=a", "/?q=river&doc=b&at=6-20", "/?q=zebra", "/?view=server"):
                self.open(path)
                # Results that were dimmed while others were awaited come back to their colours by and by.
                self.browser.wait(lambda: not self.browser.visible("#progress") and self.browser.run("return document.getAnimations().length === 0"),
                                  "the end of work")
                self.assertEqual(self.browser.run(script), [], f"{theme} {path}")

    def test_names_for_screen_readers(self):
        for path in ("/?q=river", "/?q=river&doc=a", "/?view=server"):
            self.open(path)
            self.browser.wait(lambda: self.browser.run("return document.querySelector('main').innerText.length > 40"), path)
            nameless = self.browser.run("""
                return [...document.querySelectorAll("button, a, input, select, textarea")].filter((one) => one.checkVisibility() &&
                  !(one.getAttribute("aria-label") || one.innerText.trim() || one.labels?.length)).map((one) => one.outerHTML);""")
            self.assertEqual(nameless, [])
            self.assertEqual(self.browser.count("h1"), 1)
            self.assertEqual(self.browser.count("main"), 1)


class HighlightTest(StandInCase):
    """Classes of tokens, a language at a time."""

    def tokens(self, language, text):
        return self.browser.run("""
            const [language, text] = arguments;
            return import("/assets/highlight.js").then((module) => {
              const out = [];
              const name = module.languageFor(language, "");
              for (let at = 0; at < text.length;) at = module.scan(name, text, at, 7, out);
              return out.map(([begin, end, kind]) => `${kind}:${text.slice(begin, end)}`);
            });""", language, text)

    def test_languages(self):
        self.open()
        for language, text, wanted in (
                ("go", "func f() `raw\nraw` /* a\n b */ 0x1F", ["keyword:func", "call:f", "string:`raw\nraw`", "comment:/* a\n b */", "number:0x1F"]),
                ("c++", '#include <a>\nauto s = R"x(a)"b)x"; \'c\' 1\'000 // e', ["meta:#include", "keyword:auto", 'string:R"x(a)"b)x"', "string:'c'", "number:1'000", "comment:// e"]),
                ("python", '@d\ndef f(): """a\n"b""" # c', ["meta:@d", "keyword:def", "call:f", 'string:"""a\n"b"""', "comment:# c"]),
                ("js", "const a = `x${1}` ?? 'b\\'c'", ["keyword:const", "string:`x${1}`", "string:'b\\'c'"]),
                ("rust", "fn f<'a>(c: char) { r#\"a\"b\"#; 'x' }", ["keyword:fn", "type:'a", "type:char", 'string:r#"a"b"#', "string:'x'"]),
                ("java", 'class A { String s = "x"; @Override }', ["keyword:class", "type:String", 'string:"x"', "meta:@Override"]),
                ("json", '{"a": [1, true, "b"]}', ['key:"a"', "number:1", "keyword:true", 'string:"b"']),
                ("yaml", "a: 1 # c\n- b: 'x'", ["key:a", "number:1", "comment:# c", "key:b", "string:'x'"]),
                ("shell", 'if [ "$a" ]; then echo $b # c', ["keyword:if", 'string:"$a"', "keyword:then", "type:$b", "comment:# c"]),
                ("c", '"unfinished', ['string:"unfinished']),
                ("c", "/* unfinished", ["comment:/* unfinished"])):
            got = self.tokens(language, text)
            self.assertEqual([token for token in got if token in wanted], wanted, f"{language}: {got}")

    def test_names_and_endings(self):
        self.open()
        got = self.browser.run("""
            return import("/assets/highlight.js").then((module) => [["C++", ""], [null, "a/b.rs"], [null, "CMakeLists.txt"], ["", "x.unknown"], ["klingon", ""],
              [null, "Dockerfile"], ["toString", "constructor"]].map(([name, path]) => module.languageFor(name, path)));""")
        self.assertEqual(got, ["c", "rust", "make", None, None, "shell", None])


if __name__ == "__main__":
    unittest.main()
