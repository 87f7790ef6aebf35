# SPDX-License-Identifier: Apache-2.0
"""A headless Chromium, driven through chromedriver's W3C protocol with nothing but the standard library.

https://www.w3.org/TR/webdriver2/ ; the browser resolves no host names, so a request elsewhere fails and is seen.
"""
import base64
import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "ArrowDown": "\ue015", "ArrowUp": "\ue013", "Tab": "\ue004", "Backspace": "\ue003",
        "Control": "\ue009"}


def find_chromium():
    """(chromedriver, chromium), or None."""
    driver = os.environ.get("CHROMEDRIVER") or shutil.which("chromedriver")
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    return (driver, browser) if driver and browser else None


class DriverError(Exception):
    pass


class Browser:
    """One browser window. End it with quit()."""

    def __init__(self):
        driver, browser = find_chromium()
        self.profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.log = tempfile.TemporaryFile()
        self.driver = subprocess.Popen([driver, "--port=0"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.log,
                                       env={**os.environ, "TMPDIR": self.profile.name})
        try:
            self.base = f"http://127.0.0.1:{self.read_port()}"
            self.session = self.call("POST", "/session", self.capabilities(browser))["sessionId"]
        except BaseException:
            self.driver.kill()
            self.driver.wait()
            raise
        self.base += f"/session/{self.session}"

    def read_port(self):
        for line in self.driver.stdout:
            found = re.search(rb"started successfully on port (\d+)", line)
            if found:
                return int(found[1])
        raise DriverError("chromedriver did not start")

    def capabilities(self, browser):
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
                     "--no-first-run", "--disable-extensions", "--disable-background-networking", "--disable-component-update",
                     "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", f"--user-data-dir={self.profile.name}/profile",
                     "--window-size=1280,900", "--force-color-profile=srgb"]
        return {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": {"binary": browser, "args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}, "timeouts": {"script": 30000, "pageLoad": 60000}}}}

    def call(self, method, path, body=None):
        data = None if method == "GET" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.base + path, method=method, data=data, headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise DriverError(f"{value['error']}: {value['message']}") from None

    def quit(self):
        try:
            self.call("DELETE", "")
        except (OSError, DriverError):
            pass
        self.driver.terminate()
        self.driver.wait(30)
        self.driver.stdout.close()
        self.log.close()
        self.profile.cleanup()

    # --- pages ---------------------------------------------------------------------------------------------------
    def open(self, url):
        self.call("POST", "/url", {"url": url})

    def address(self):
        return self.call("GET", "/url")

    def back(self):
        self.call("POST", "/back")

    def forward(self):
        self.call("POST", "/forward")

    def reload(self):
        self.call("POST", "/refresh")

    def resize(self, width, height):
        """The page's own size, whatever the window's frame takes."""
        self.command("Emulation.setDeviceMetricsOverride", {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})

    def emulate(self, **features):
        """emulate(prefers_color_scheme="dark")"""
        self.command("Emulation.setEmulatedMedia",
                     {"features": [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]})

    def command(self, name, parameters):
        """One of the browser's own commands (DevTools protocol)."""
        return self.call("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def screenshot(self, path):
        pathlib.Path(path).write_bytes(base64.b64decode(self.call("GET", "/screenshot")))

    def run(self, script, *arguments):
        return self.call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def browser_log(self):
        """What the console said since the last call, [{level, message, source}]."""
        return self.call("POST", "/se/log", {"type": "browser"})

    def requests(self):
        """Addresses asked for since the last call, whoever asked."""
        events = [json.loads(entry["message"])["message"] for entry in self.call("POST", "/se/log", {"type": "performance"})]
        return [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]

    def windows(self):
        return self.call("GET", "/window/handles")

    @contextlib.contextmanager
    def other_window(self):
        """Commands go to the tab that the page has opened, which is closed at the end."""
        own = self.call("GET", "/window")
        other = next(handle for handle in self.windows() if handle != own)
        self.call("POST", "/window", {"handle": other})
        try:
            yield
        finally:
            self.call("DELETE", "/window")
            self.call("POST", "/window", {"handle": own})

    # --- elements ------------------------------------------------------------------------------------------------
    def find_all(self, selector):
        return [found[ELEMENT] for found in self.call("POST", "/elements", {"using": "css selector", "value": selector})]

    def text(self, selector):
        """The visible text of the first element; None when there is none."""
        return self.run("return document.querySelector(arguments[0])?.innerText ?? null", selector)

    def texts(self, selector):
        return self.run("return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText)", selector)

    def visible(self, selector):
        return self.run("return Boolean(document.querySelector(arguments[0])?.checkVisibility())", selector)

    def count(self, selector):
        return self.run("return document.querySelectorAll(arguments[0]).length", selector)

    def click(self, selector):
        self.wait(lambda: self.visible(selector), f"{selector} to be visible")
        self.call("POST", f"/element/{self.find_all(selector)[0]}/click")

    def type_into(self, selector, text):
        """A click and keys, as a user types."""
        self.click(selector)
        self.keys(text)

    def keys(self, *keys):
        """keys("text", "Enter"): each name of KEYS, or else each character, is pressed and released."""
        actions = []
        for key in keys:
            for value in [KEYS[key]] if key in KEYS else list(key):
                actions += [{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def clear(self, selector):
        self.click(selector)
        self.run("const box = document.querySelector(arguments[0]); box.value = ''; box.dispatchEvent(new Event('input'))", selector)

    def focused(self):
        """id, or data-hit, or tag of what has the focus."""
        return self.run("const one = document.activeElement; return one.id || one.dataset.hit || one.tagName.toLowerCase()")

    def wait(self, condition, what, seconds=60):
        """Until condition() is true; its value."""
        end = time.monotonic() + seconds
        while True:
            try:
                value = condition()
            except DriverError as error:
                value, what = None, f"{what} ({error})"
            if value:
                return value
            if time.monotonic() > end:
                raise AssertionError(f"waited {seconds} s for {what}; the page shows: {(self.text('body') or '')[:600]!r}")
            time.sleep(0.03)
