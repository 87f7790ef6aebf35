# SPDX-License-Identifier: Apache-2.0
"""What the tests of the page share: one browser for all, and after each test a look at what it said and asked for."""
import atexit
import unittest
import urllib.parse

from browser import Browser, find_chromium

# What the console may say: answers with a status are the tests' own doing.
EXPECTED = ("Failed to load resource",)


class PageCase(unittest.TestCase):
    """Tests have self.browser, and set self.base to the server's address."""

    shared = None

    @classmethod
    def setUpClass(cls):
        if find_chromium() is None:
            raise unittest.SkipTest("chromium and chromedriver are not installed (scripts/install-deps.sh test)")
        if PageCase.shared is None:
            PageCase.shared = Browser()
            atexit.register(PageCase.shared.quit)
        cls.browser = PageCase.shared

    def setUp(self):
        self.base = None
        self.expected_messages = EXPECTED
        self.allowed = ()
        self.browser.open("about:blank")
        self.browser.emulate(prefers_color_scheme="light")
        self.browser.resize(1280, 900)
        self.browser.browser_log()
        self.browser.requests()
        self.addCleanup(self.check_quiet)

    def check_quiet(self):
        """No script failed, the policy stopped nothing, and every request went to the server under test."""
        messages = [entry["message"] for entry in self.browser.browser_log()]
        self.assertEqual([m for m in messages if not any(part in m for part in self.expected_messages)], [])
        own = urllib.parse.urlsplit(self.base or "").netloc
        elsewhere = [url for url in self.browser.requests()
                     if urllib.parse.urlsplit(url).netloc != own and not url.startswith(("about:", "data:", "chrome:", f"blob:{self.base}/", *self.allowed))]
        self.assertEqual(elsewhere, [])

    def open(self, path="/"):
        self.browser.open(self.base + path)
        self.browser.wait(lambda: not self.browser.count("#boot"), "the page to start")

    def query(self):
        """The address's query as {name: [values]}."""
        return urllib.parse.parse_qs(urllib.parse.urlsplit(self.browser.address()).query)

    def titles(self):
        return self.browser.texts("#hits .hit-title")

    def wait_titles(self, *some):
        self.browser.wait(lambda: set(some) <= set(self.titles()) and not self.browser.visible("#progress"), f"results {some}")

    def wait_text(self, selector, part):
        self.browser.wait(lambda: part in (self.browser.text(selector) or "") and self.browser.visible(selector), f"{part!r} in {selector}")

    def search(self, text):
        """Types over what is in the box; waits for nothing."""
        self.browser.clear("#q")
        self.browser.keys(text)
