# SPDX-License-Identifier: Apache-2.0
"""The page in a headless Chromium, before a stand-in of the server: what users do."""
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from page_case import PageCase  # noqa: E402
from stand_in import Collection, Refusal, StandIn  # noqa: E402

FISH = [
    {"id": "a", "title": "Salmon", "path": "river/north/salmon.md", "dir": "river/north", "lang": "markdown",
     "text": "# Salmon\n\nSalmon swim **up** the river.\n\n| depth | fish |\n|---|---|\n| 3 | salmon |\n\n```go\nfunc main() {}\n```\n"},
    {"id": "b", "title": "Trout", "path": "river/trout.md", "dir": "river", "lang": "markdown",
     "text": "Trout live in the cold river.\n\nThey are speckled."},
    {"id": "c", "title": "swim.go", "path": "code/swim.go", "dir": "code", "lang": "go", "line": {"from": 7, "to": 12},
     "text": "// Swim moves a fish.\nfunc Swim(fish *Fish) error {\n\treturn fish.Go(\"river\", 42)\n}\n"},
    {"id": "d", "title": "Herring", "path": "sea/herring.txt", "dir": "sea", "lang": "text", "tags": ["silver", "schools"],
     "url": "https://example.com/herring", "text": "Herring swim in the sea."},
]


class StandInCase(PageCase):
    documents = FISH

    def setUp(self):
        super().setUp()
        self.server = StandIn({"default": Collection("default", self.documents)})
        self.addCleanup(self.server.stop)
        self.base = f"http://127.0.0.1:{self.server.port}"

    def searches(self):
        """Bodies of the searches that carried a query; not of those that only count."""
        return [body for _, path, body in self.server.requests if path.endswith("/search") and body.get("q") and body["highlight"]]


class SearchTest(StandInCase):
    def test_typing_searches(self):
        self.open()
        self.wait_text("#start", "Search 4 documents")
        self.browser.type_into("#q", "river")
        self.wait_titles("Salmon", "Trout", "swim.go")
        self.assertEqual(self.query(), {"q": ["river"]})
        self.assertIn("3 results", self.browser.text("#status"))
        self.assertEqual(self.browser.run("return document.querySelector('#status').getAttribute('aria-live')"), "polite")
        self.assertTrue(self.searches()[-1]["prefix"])
        self.assertLess(len(self.searches()), 5)
        marked = self.browser.texts("#hits mark")
        self.assertTrue(marked and all(text.lower() == "river" for text in marked), marked)
        self.assertEqual(self.browser.run("return document.title"), "river – minnow")

    def test_unfinished_words_find_and_enter_finishes_them(self):
        self.open()
        self.browser.type_into("#q", "herr")
        self.wait_titles("Herring")
        self.browser.keys("Enter")
        self.wait_text("#notice", "No document matches")
        self.assertNotIn("prefix", self.searches()[-1])

    def test_older_answers_do_not_overwrite_newer_ones(self):
        self.server.delays = {"trout": 1.5}
        self.open()
        self.browser.type_into("#q", "trout")
        self.browser.wait(lambda: self.searches(), "the slow search")
        self.search("herring")
        self.wait_titles("Herring")
        time.sleep(1.8)
        self.assertEqual(self.titles(), ["Herring"])
        self.assertEqual(self.query(), {"q": ["herring"]})

    def test_slow_answers_show_progress(self):
        self.server.delays = {"trout": 1.5}
        self.open()
        self.browser.type_into("#q", "trout")
        self.browser.wait(lambda: self.browser.visible("#progress"), "progress")
        self.assertEqual(self.browser.run("return document.querySelector('#results').getAttribute('aria-busy')"), "true")
        self.wait_titles("Trout")
        self.assertFalse(self.browser.visible("#progress"))

    def test_badges_have_bands(self):
        self.open("/?q=river")
        self.wait_titles("Salmon")
        for number, band, words in ((100, "strong", "very close"), (81, "strong", "very close"), (80, "good", "close"), (61, "good", "close"),
                                    (60, "fair", "related"), (41, "fair", "related"), (40, "weak", "distant"), (0, "weak", "distant")):
            got = self.browser.run(
                "return import(document.querySelector('script[type=module]').src.replace('app.js', 'card.js')).then((card) => {"
                "const badge = card.badge(arguments[0]); return [badge.className, badge.textContent]; })", number / 100)
            self.assertEqual(got, [f"badge {band}", f"Score {number} of 100, {words}."])

    def test_badges_tell_nearness_and_words_not_places(self):
        collection = self.server.collections["default"]
        plain, scores = collection.search, [(1.0, 0.553, 8.12), (0.98, None, 7.94), (0.97, 0.61, None), (0.5, None, None)]

        def search(*arguments, **options):
            answer = plain(*arguments, **options)
            answer["hits"] = [{**answer["hits"][0], "id": str(score), "score": score, "semantic_score": semantic, "lexical_score": lexical}
                              for score, semantic, lexical in scores]
            return answer
        collection.search = search
        self.open("/?q=river")
        self.browser.wait(lambda: len(self.titles()) == 4, "results")
        badges = self.browser.run("return [...document.querySelectorAll('#hits .hit')].map((one) => one.querySelector('.badge')?.textContent ?? null)")
        self.assertEqual(badges, ["Score 55 of 100, related.", "Found by words, which weigh 7.9words", "Score 61 of 100, close.", None])
        self.assertEqual(self.browser.run("return [...document.querySelectorAll('[data-hit]')].map((one) => one.dataset.hit)"),
                         ["1.0", "0.98", "0.97", "0.5"])

    def test_examples_start_a_search(self):
        texts = [{"id": str(i), "title": title, "lang": "markdown", "text": "river", "sections": sections} for i, (title, sections) in enumerate((
            ("6. How salmon swim", [{"title": "Context"}, {"title": "Nets and weirs"}, {"title": 7}, None]),
            ("Bundle Test Bundle Test", "none"), ("<img src=x onerror=alert 1 >", []), ("read_me first please", []), ("src/a b/file.md", []),
            ("readHeader and others", []), ("Off it", []), ("1 2 3 4 5 6 7 8 9 a b", []), ("اللغة العربية", [])))]
        codes = [{"id": f"c{i}", "title": f"Class Split {i}", "lang": "c++", "kind": "code", "text": "river"} for i in range(40)]
        codes[3]["summary"] = "Keeps both sides the same. Then more."
        self.server.collections["default"] = Collection("default", texts + codes)
        for _ in range(3):  # from wherever the sample is, there are texts in it
            self.open()
            self.wait_text("#start", "How salmon swim")
            self.assertLessEqual(set(self.browser.texts(".examples button")),
                                 {"How salmon swim", "Nets and weirs", "اللغة العربية", "Keeps both sides the same"})
        self.browser.click(".examples button")
        self.browser.wait(lambda: "q" in self.query(), "a search")
        self.server.collections["default"] = Collection("default", FISH)
        self.open()
        self.wait_text("#start", "Search 4 documents")
        self.assertNotIn("TRY", self.browser.text("#start").upper())

    def test_more_results(self):
        documents = [{"id": str(i), "title": f"Fish {i:03}", "text": "river"} for i in range(50)]
        self.server.collections["default"] = Collection("default", documents)
        self.open("/?q=river")
        self.browser.wait(lambda: len(self.titles()) == 20, "20 results")
        self.browser.click("#more")
        self.browser.wait(lambda: len(self.titles()) == 40, "40 results")
        self.assertEqual(self.browser.focused(), "27")  # titles 020 to 039: ids in the order of their text
        self.browser.click("#more")
        self.browser.wait(lambda: len(self.titles()) == 50, "50 results")
        self.assertFalse(self.browser.visible("#more"))

    def test_modes_and_indexes(self):
        self.server.collections["other"] = Collection("other", [{"id": "x", "title": "Pike", "text": "A pike in the river."}])
        self.open("/?q=river&index=default")
        self.wait_titles("Salmon")
        self.assertEqual(self.searches()[-1]["semantic_ratio"], 0.5)
        self.browser.click("#modes input[value=semantic]")
        self.browser.wait(lambda: self.searches()[-1]["semantic_ratio"] == 1, "a semantic search")
        self.assertEqual(self.query()["mode"], ["semantic"])
        self.browser.click("#modes input[value=lexical]")
        self.browser.wait(lambda: self.searches()[-1]["semantic_ratio"] == 0, "a lexical search")
        self.browser.run("const box = document.querySelector('#index'); box.value = 'other'; box.dispatchEvent(new Event('change'))")
        self.wait_titles("Pike")
        self.assertEqual(self.query(), {"q": ["river"], "mode": ["lexical"], "index": ["other"]})

    def test_an_index_of_functions_is_searched_by_meaning(self):
        functions = Collection("functions", [{"id": "1", "name": "Swim", "file": "a.go", "summary": "Swims up the river."}])
        functions.search_mode = "semantic"
        self.server.collections["functions"] = functions
        self.open("/?q=river&index=functions")
        self.browser.wait(lambda: self.searches() and self.searches()[-1]["semantic_ratio"] == 1, "a semantic search")
        self.assertTrue(self.browser.run("return document.querySelector('#modes input[value=semantic]').checked"))
        self.assertEqual(self.query(), {"q": ["river"], "index": ["functions"]})
        self.browser.click("#modes input[value=hybrid]")
        self.browser.wait(lambda: self.searches()[-1]["semantic_ratio"] == 0.5, "a hybrid search")
        self.assertEqual(self.query()["mode"], ["hybrid"])
        self.browser.reload()
        self.browser.wait(lambda: len(self.searches()) > 2 and self.searches()[-1]["semantic_ratio"] == 0.5, "hybrid again")
        self.browser.click("#modes input[value=semantic]")
        self.browser.wait(lambda: "mode" not in self.query(), "the index's own mode")
        # Another index has its own.
        self.browser.run("const box = document.querySelector('#index'); box.value = 'default'; box.dispatchEvent(new Event('change'))")
        self.browser.wait(lambda: self.searches()[-1]["semantic_ratio"] == 0.5, "a hybrid search")
        self.assertEqual(self.query(), {"q": ["river"], "index": ["default"]})

    def test_suggestions_are_whole_sentences(self):
        summaries = ["Takes the lock l.mu and waits. Then it returns.", "Reads version v1.2 of the file", "Is it there? Perhaps.",
                     "calls a.b().c() on it", "Sorts both\nlines of text"]
        functions = [{"id": str(i), "name": f"f{i}", "file": "a.go", "line": {"start": 1, "end": 2}, "summary": text}
                     for i, text in enumerate(summaries)]
        self.server.collections = {"functions": Collection("functions", functions)}
        self.open("/")
        self.wait_text("#start", "Search 5 documents")
        self.assertEqual(set(self.browser.texts(".examples button")),
                         {"Takes the lock l.mu and waits", "Reads version v1.2 of the file", "Is it there", "Sorts both"})


class HasteTest(StandInCase):
    """The user is faster than the page waits for the end of typing."""

    def test_opening_right_after_typing(self):
        self.open("/?q=riv")
        self.browser.click("#q")
        self.browser.keys("er")
        self.wait_titles("Salmon", "Trout", "swim.go")
        self.browser.keys("Backspace", "ArrowDown", "Enter")
        self.browser.wait(lambda: self.browser.visible(".document-title"), "the document")
        time.sleep(0.5)
        self.assertTrue(self.browser.visible(".document-title"))
        self.assertEqual(self.query()["q"], ["rive"])

    def test_choosing_right_after_typing(self):
        self.open("/?q=trout")
        self.wait_titles("Trout")
        self.browser.click("#q")
        self.browser.run("""
            const box = document.querySelector("#q");
            box.value = "river";
            box.dispatchEvent(new Event("input"));
            document.querySelector("#modes input[value=lexical]").click();""")
        self.browser.wait(lambda: self.query() == {"q": ["river"], "mode": ["lexical"]}, "both in the address")
        self.wait_titles("Salmon", "Trout", "swim.go")

    def test_going_home_right_after_typing(self):
        self.open("/?q=trout")
        self.wait_titles("Trout")
        self.browser.click("#q")
        self.browser.keys("s")
        self.browser.click("#home")
        self.wait_text("#start", "Search 4 documents")
        time.sleep(0.5)
        self.assertEqual(self.query(), {})


class AddressTest(StandInCase):
    def test_back_and_forward(self):
        self.open()
        self.browser.type_into("#q", "trout")
        self.browser.keys("Enter")
        self.wait_titles("Trout")
        self.search("herring")
        self.browser.keys("Enter")
        self.wait_titles("Herring")
        self.browser.back()
        self.wait_titles("Trout")
        self.assertEqual(self.browser.run("return document.querySelector('#q').value"), "trout")
        self.browser.back()
        self.wait_text("#start", "Search 4 documents")
        self.browser.forward()
        self.wait_titles("Trout")

    def test_document_and_back_to_the_same_place(self):
        documents = [{"id": str(i), "title": f"Fish {i:03}", "text": "river " * 60} for i in range(19)]
        self.server.collections["default"] = Collection("default", documents)
        self.open("/?q=river")
        self.browser.wait(lambda: len(self.titles()) == 19, "results")
        self.browser.run("scrollTo(0, 900)")
        asked = len(self.searches())
        self.browser.run("document.querySelector('[data-hit=\"12\"]').click()")
        self.wait_text(".document-title", "Fish 012")
        self.assertEqual(self.query(), {"q": ["river"], "doc": ["12"], "at": ["9-309"]})
        self.assertEqual(self.browser.run("return scrollY"), 0)
        self.browser.back()
        self.browser.wait(lambda: self.browser.visible("#hits"), "the list")
        self.browser.wait(lambda: self.browser.run("return scrollY") == 900, "the old place")
        self.assertEqual(self.browser.focused(), "12")
        self.assertEqual(len(self.searches()), asked)  # nothing was asked again

    def test_address_of_everything(self):
        self.open("/?q=river&doc=a&f.lang=markdown&mode=lexical")
        self.wait_text(".document-title", "Salmon")
        self.browser.reload()
        self.wait_text(".document-title", "Salmon")
        self.browser.click(".back")
        self.wait_titles("Salmon", "Trout")
        self.assertEqual(self.query(), {"q": ["river"], "f.lang": ["markdown"], "mode": ["lexical"]})
        self.assertEqual(self.searches()[-1]["filter"], 'lang = "markdown"')

    def test_unknown_document(self):
        self.open("/?doc=nothing")
        self.wait_text("#document-view", "There is no such document")

    def test_unknown_index(self):
        self.server.collections["other"] = Collection("other", [{"id": "x", "title": "Pike", "text": "A pike in the river."}])
        for address in ("/?q=river&index=nothing", "/?doc=a&index=nothing"):
            self.open(address)
            self.wait_text("#notice", "There is no index “nothing”")
            self.assertEqual((self.titles(), self.searches()), ([], []))
        self.open("/?q=river&index=nothing&f.lang=go")
        self.browser.type_into("#q", "s")
        self.browser.keys("Enter")
        self.browser.wait(lambda: self.query()["q"] == ["rivers"], "the query in the address")
        self.assertEqual((self.titles(), self.searches()), ([], []))
        self.browser.keys("Backspace")
        self.browser.wait(lambda: self.query()["q"] == ["river"], "the query in the address")
        self.assertEqual(self.browser.texts("#notice .button"), ["Search “default”", "Search “other”"])
        self.assertEqual([self.browser.run("return document.querySelector(arguments[0]).checkVisibility({visibilityProperty: true})", one)
                          for one in ("#index", "#modes", "#expression-details")], [False] * 3)  # nothing that they could be used for
        left = self.browser.run("return ['h2', '.button'].map((one) => document.querySelector(`#notice ${one}`).getBoundingClientRect().left)")
        self.assertEqual(left[0], left[1])
        self.browser.click("#notice .button:last-child")
        self.wait_titles("Pike")
        self.assertTrue(self.browser.visible("#index") and self.browser.visible("#expression-details"))
        self.assertEqual(self.query(), {"q": ["river"], "index": ["other"]})
        self.browser.back()
        self.wait_text("#notice", "There is no index “nothing”")
        self.browser.click("#home")
        self.wait_text("#start", "Search 4 documents")
        self.assertEqual(self.browser.text("#notice"), "")

    def test_ids_of_dots(self):
        for name in (".", ".."):
            self.server.collections["default"] = Collection("default", [{"id": name, "title": "Dots", "text": "A river."}, *self.documents])
            self.open(f"/?q=river&doc={name}")
            self.wait_text(".document-title", "Dots")
            address = self.browser.run("return document.querySelector('.document-bar a').href")
            self.assertIn("documents?limit=1&filter=", address)
        self.server.collections["default"] = Collection("default", self.documents)
        self.open("/?doc=..")
        self.wait_text("#document-view", "There is no such document")

    def test_text_of_any_kind_survives_the_address(self):
        text = 'a&b=c#d%20+ "é" ?/\\'
        self.open()
        self.browser.run("const box = document.querySelector('#q'); box.value = arguments[0]; box.dispatchEvent(new Event('input'))", text)
        self.browser.wait(lambda: self.searches() and self.searches()[-1]["q"] == text, "the search")
        self.browser.reload()
        self.browser.wait(lambda: self.browser.run("return document.querySelector('#q').value") == text, "the text in the box")
        self.assertIn("?/%5C", self.browser.address().replace("%3F", "?"))  # paths stay readable


class KeyboardTest(StandInCase):
    def test_without_a_mouse(self):
        self.open()
        self.wait_text("#start", "Search 4 documents")
        self.browser.run("document.activeElement.blur()")
        self.browser.keys("/")
        self.assertEqual(self.browser.focused(), "q")
        self.browser.keys("river")
        self.wait_titles("Salmon", "Trout", "swim.go")
        order = self.browser.run("return [...document.querySelectorAll('#hits [data-hit]')].map((one) => one.dataset.hit)")
        self.browser.keys("ArrowDown")
        self.assertEqual(self.browser.focused(), order[0])
        self.browser.keys("ArrowDown")
        self.assertEqual(self.browser.focused(), order[1])
        self.browser.keys("ArrowUp", "ArrowUp")
        self.assertEqual(self.browser.focused(), "q")
        self.browser.keys("ArrowDown", "ArrowDown", "Enter")
        self.browser.wait(lambda: self.browser.visible(".document-title"), "the document")
        self.assertEqual(self.query()["doc"], [order[1]])
        self.browser.wait(lambda: self.browser.focused() == "h2", "focus on the title")
        self.browser.keys("Escape")
        self.browser.wait(lambda: self.browser.visible("#hits"), "the list")
        self.assertEqual(self.browser.focused(), order[1])
        self.browser.keys("Escape")
        self.assertEqual(self.browser.focused(), "q")
        self.browser.keys("Escape")
        self.wait_text("#start", "Search 4 documents")

    def test_arrows_begin_where_nothing_has_the_focus(self):
        documents = [{"id": f"{i:02}", "title": f"Fish {i:02}", "text": "river " * 60} for i in range(15)]
        self.server.collections["default"] = Collection("default", documents)
        self.open("/?q=river&index=default")
        self.browser.wait(lambda: len(self.titles()) == 15, "results")
        self.browser.keys("ArrowUp")
        self.assertEqual(self.browser.focused(), "body")
        self.browser.keys("ArrowDown")
        self.assertEqual(self.browser.focused(), "00")
        self.browser.keys("ArrowDown")
        self.assertEqual(self.browser.focused(), "01")
        self.browser.run("document.activeElement.blur(); document.querySelector('[data-hit=\"07\"]').scrollIntoView()")
        self.browser.keys("ArrowDown")
        self.assertEqual(self.browser.focused(), "07")  # not one that is far above
        self.browser.run("document.querySelector('#modes input').focus()")
        self.browser.keys("ArrowDown")
        self.assertEqual(self.browser.focused(), "input")  # the arrow is the mode's own
        self.assertEqual(self.query()["mode"], ["semantic"])

    def test_help(self):
        self.open()
        self.browser.run("document.activeElement.blur()")
        self.browser.keys("?")
        self.wait_text("#help", "Keys")
        self.browser.keys("Escape")
        self.browser.wait(lambda: not self.browser.visible("#help"), "help to close")

    def test_slash_is_a_letter_in_boxes(self):
        self.open()
        self.browser.type_into("#q", "a/b?")
        self.assertEqual(self.browser.run("return document.querySelector('#q').value"), "a/b?")

    def test_focus_is_visible(self):
        self.open("/?q=river")
        self.wait_titles("Salmon")
        self.browser.run("document.querySelector('#home').focus()")
        for _ in range(12):
            self.browser.keys("Tab")
            seen = self.browser.run("""
                const one = document.activeElement, at = one.matches("#modes input") ? one.nextElementSibling : one.matches(".hit-title") ? one.closest(".hit") : one;
                const style = getComputedStyle(at);
                return [one.outerHTML.slice(0, 80), style.outlineStyle !== "none" || style.boxShadow !== "none"];""")
            self.assertTrue(seen[1], seen)


class FilterTest(StandInCase):
    def test_values_with_counts(self):
        self.open("/?q=river")
        self.wait_titles("Salmon")
        self.assertEqual(self.browser.run("return document.querySelector('#facets legend').textContent"), "Language")
        self.assertEqual(self.browser.texts("#facets fieldset:first-of-type label"), ["markdown\n2", "go\n1"])
        self.browser.click("#facets [data-facet='lang\\a go']")
        self.browser.wait(lambda: self.titles() == ["swim.go"], "swim.go alone")
        self.assertEqual(self.query()["f.lang"], ["go"])
        # The other values can still be chosen, with the counts that they would have.
        self.assertEqual(self.browser.texts("#facets fieldset:first-of-type label"), ["markdown\n2", "go\n1"])
        self.browser.click("#facets [data-facet='lang\\a markdown']")
        self.wait_titles("swim.go", "Trout", "Salmon")
        self.browser.click("#chosen .removable")
        self.browser.wait(lambda: self.titles() == ["Trout", "Salmon"] or self.titles() == ["Salmon", "Trout"], "markdown only")
        self.browser.back()
        self.wait_titles("swim.go", "Trout", "Salmon")

    def test_folder_of_a_path(self):
        self.open("/?q=river")
        self.wait_titles("Salmon", "swim.go")
        self.browser.run("[...document.querySelectorAll('.crumb')].find((one) => one.textContent === 'north').click()")
        self.browser.wait(lambda: self.titles() == ["Salmon"], "Salmon alone")
        self.assertEqual(self.searches()[-1]["filter"], 'path STARTS WITH "river/north/"')
        self.assertEqual(self.query()["in"], ["river/north/"])
        self.browser.click("#chosen .removable")
        self.wait_titles("Salmon", "swim.go")

    def test_expression_and_its_error(self):
        self.open("/?q=river")
        self.wait_titles("Salmon")
        self.browser.click("#expression-details summary")
        self.browser.type_into("#expression", "lang ===")
        self.wait_text("#expression-error", "filter: expected a condition")
        self.assertEqual(self.browser.run("return document.querySelector('#expression').getAttribute('aria-invalid')"), "true")
        self.assertIn("Salmon", self.titles())  # what was found before stays
        self.browser.clear("#expression")
        self.browser.keys('lang = "go"')
        self.browser.wait(lambda: self.titles() == ["swim.go"], "swim.go alone")
        self.assertFalse(self.browser.visible("#expression-error"))
        self.assertEqual(self.query()["filter"], ['lang = "go"'])
        self.browser.reload()
        self.browser.wait(lambda: self.titles() == ["swim.go"], "swim.go alone")
        self.assertEqual(self.browser.run("return document.querySelector('#expression').value"), 'lang = "go"')

    def test_filters_that_leave_nothing(self):
        self.open('/?q=river&filter=lang+%3D+"none"')
        self.wait_text("#notice", "No document matches")
        self.browser.click("#notice .button")
        self.wait_titles("Salmon", "Trout")

    def test_values_that_no_field_has(self):
        self.server.collections["default"] = Collection("default", [{**one, "stars": 3, "in": 1} for one in self.documents])
        self.open("/?q=river&f.stars=many&f.in=3")
        self.wait_text("#notice", "No document matches")
        self.assertEqual(self.searches()[-1]["filter"], 'stars = "many" AND `in` = 3')
        self.assertFalse(self.browser.visible("#expression-error"))
        self.browser.click("#notice .button")
        self.wait_titles("Salmon", "Trout")

    def test_filter_that_is_refused_without_an_expression(self):
        self.server.refusals = [Refusal(400, "filter: 40000 bytes, limit 32768")]
        self.open("/?q=river&f.lang=go")
        self.wait_text("#notice", "filter: 40000 bytes, limit 32768")
        self.assertFalse(self.browser.run("return document.querySelector('#expression').hasAttribute('aria-invalid')"))
        self.browser.click("#notice .button")
        self.wait_titles("Salmon", "Trout")


if __name__ == "__main__":
    unittest.main()
