# SPDX-License-Identifier: Apache-2.0
"""The page in a headless Chromium, before a stand-in of the server that refuses, fails, waits, or asks for a key."""
import json
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from page_test import StandInCase  # noqa: E402
from stand_in import Collection, Refusal  # noqa: E402


class TroubleTest(StandInCase):
    def test_nothing_found(self):
        self.open("/?q=zebra")
        self.wait_text("#notice", "Nothing was found for “zebra”")
        self.assertEqual(self.browser.text("#status"), "No results")

    def test_empty_index(self):
        self.server.collections = {"default": Collection("default", [])}
        self.open()
        self.wait_text("#start", "This index is empty")
        self.assertIn(f"curl {self.base}/indexes/default/documents", self.browser.text("#start"))

    def test_busy_server_is_asked_again(self):
        self.server.refusals = [Refusal(429, "too many requests", **{"Retry-After": "1"})]
        self.open("/?q=river")
        self.wait_text("#status", "The server is busy")
        self.wait_titles("Salmon")

    def test_loading_server_is_asked_again(self):
        self.server.refusals = [Refusal(503, "the model is being loaded")] * 2
        self.open("/?q=river")
        self.wait_titles("Salmon")

    def test_failures_can_be_tried_again(self):
        self.server.refusals = [Refusal(500, "the disk is on fire")]
        self.open("/?q=river")
        self.wait_text("#notice", "the disk is on fire")
        self.assertEqual(self.browser.run("return document.querySelector('#notice > *').getAttribute('role')"), "alert")
        self.browser.click("#notice .button")
        self.wait_titles("Salmon")

    def test_server_that_is_gone(self):
        self.open("/?q=river")
        self.wait_titles("Salmon")
        self.server.stop()
        self.search("trout")
        self.wait_text("#notice", "The server does not answer")

    def test_pending_passages(self):
        self.server.collections["default"].pending = 9
        self.open("/?q=river")
        self.wait_text("#pending", "9 passages to go")
        self.wait_titles("Salmon")
        before = len(self.searches())
        self.server.collections["default"].pending = 0
        self.browser.wait(lambda: not self.browser.visible("#pending"), "nothing pending")
        self.browser.wait(lambda: len(self.searches()) > before, "a fresh search")

    def test_api_key(self):
        self.server.key = "secret"
        self.open_locked()
        self.browser.type_into("#key", "wrong")
        self.browser.keys("Enter")
        self.browser.wait(lambda: self.browser.visible("#key-dialog") and not self.browser.run("return document.querySelector('#key').value"),
                          "the question again")
        self.wait_text("#key-error", "Wrong key")
        self.browser.type_into("#key", "secret")
        self.browser.keys("Enter")
        self.wait_text("#start", "Search 4 documents")
        self.browser.reload()
        self.wait_text("#start", "Search 4 documents")  # the tab remembers
        self.assertNotIn("secret", self.browser.address())
        self.browser.run("sessionStorage.clear()")

    def open_locked(self):
        self.browser.open(self.base + "/")
        self.wait_text("#key-dialog", "API key")
        self.assertFalse(self.browser.visible("#key-error"))

    def test_json_of_a_document_with_a_key(self):
        self.allowed = ("blob:",)
        self.server.key = "secret"
        self.open_locked()
        self.browser.run("sessionStorage.setItem('minnow-api-key', 'secret')")
        self.open("/?doc=d")
        self.browser.click("#json")
        self.browser.wait(lambda: len(self.browser.windows()) == 2, "a new tab")
        with self.browser.other_window():
            self.browser.wait(lambda: "Herring" in (self.browser.text("body") or ""), "the document")
            self.assertEqual(json.loads(self.browser.text("body")), self.documents[3])
        self.browser.run("sessionStorage.clear()")


if __name__ == "__main__":
    unittest.main()
