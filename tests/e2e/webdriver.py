# SPDX-License-Identifier: MIT
"""Debian's Chromium, driven by WebDriver (W3C) over plain HTTP."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request

import pytest
from conftest import patient, wait_for
from portal_helpers import ARTIFACTS

TOOLS = ("chromedriver", "chromium")
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
ENTER = "\ue007"


def missing():
    """The first tool that is not installed, or None."""
    return next((t for t in TOOLS if not shutil.which(t)), None)


class Browser:
    """A headless browser with a profile of its own."""

    def __init__(self, directory):
        self.directory, self.driver, self.session, self.address = directory, None, None, None

    def start(self):
        said = os.path.join(self.directory, "chromedriver.log")
        with open(said, "wb") as log:
            self.driver = subprocess.Popen(
                ["chromedriver", "--port=0"], stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "HOME": self.directory, "TMPDIR": self.directory})
        marker = "started successfully on port "

        def port():
            assert self.driver.poll() is None, "chromedriver does not start"
            with open(said, encoding="utf-8", errors="replace") as f:
                text = f.read()
            return text.partition(marker)[2].partition(".")[0]
        self.address = f"http://127.0.0.1:{wait_for(port, 'chromedriver does not listen')}"
        options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu",
                            "--disable-dev-shm-usage", "--no-first-run", "--lang=en",
                            "--disable-background-networking", "--disable-component-update",
                            f"--user-data-dir={self.directory}/profile",
                            "--window-size=1200,900"]}
        answer = self._call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}})
        self.session = answer["sessionId"]

    def stop(self):
        if self.session:
            with contextlib.suppress(OSError):
                self._call("DELETE", f"/session/{self.session}")
        if self.driver:
            self.driver.terminate()
            self.driver.wait(patient(20))

    def _call(self, method, path, body=None):
        request = urllib.request.Request(
            self.address + path, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=patient(60)) as r:
                return json.load(r)["value"]
        except urllib.error.HTTPError as e:
            raise AssertionError(f"{path}: {e.read().decode(errors='replace')[:600]}") from e

    def do(self, path, body=None, method="POST"):
        return self._call(method, f"/session/{self.session}{path}",
                          {} if body is None and method == "POST" else body)

    def get(self, path):
        return self.do(path, None, "GET")

    # ---- pages ----

    def open(self, url):
        self.do("/url", {"url": url})

    def url(self):
        return self.get("/url")

    def title(self):
        return self.get("/title")

    def run(self, script, *args):
        return self.do("/execute/sync", {"script": script, "args": list(args)})

    def find(self, css):
        return self.do("/element", {"using": "css selector", "value": css})[ELEMENT]

    def find_all(self, css):
        return [e[ELEMENT] for e in
                self.do("/elements", {"using": "css selector", "value": css})]

    def text(self, css):
        return self.get(f"/element/{self.find(css)}/text")

    def texts(self, css):
        return [self.get(f"/element/{e}/text") for e in self.find_all(css)]

    def column(self, number):
        """The texts of a column of the list."""
        return self.run("return [...document.querySelectorAll('#list tbody tr')]"
                        ".map(r => r.cells[arguments[0]].innerText.trim())", number)

    def click(self, css):
        self.do(f"/element/{self.find(css)}/click", {})

    def type(self, css, text):
        self.do(f"/element/{self.find(css)}/value", {"text": text})

    def attribute(self, css, name):
        return self.get(f"/element/{self.find(css)}/attribute/{name}")

    def resize(self, width, height):
        """What a page has to be shown in."""
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height,
                      deviceScaleFactor=1, mobile=False)

    def devtools(self, command, **params):
        return self.do("/goog/cdp/execute", {"cmd": command, "params": params})

    def screenshot(self, path):
        with open(path, "wb") as f:
            f.write(base64.b64decode(self.get("/screenshot")))

    # ---- what it met ----

    def complaints(self):
        """What the console has, of any page, since this was asked last."""
        return [entry["message"] for entry in self.do("/se/log", {"type": "browser"})
                if entry["level"] in ("SEVERE", "WARNING")]

    def hosts(self):
        """With which hosts pages spoke since this was asked last."""
        found = set()
        for entry in self.do("/se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                url = urllib.parse.urlsplit(message["params"]["request"]["url"])
                if url.scheme in ("http", "https", "ws", "wss"):
                    found.add(url.netloc)
        return found


@contextlib.contextmanager
def browser():
    directory = tempfile.mkdtemp(prefix="browser-")
    b = Browser(directory)
    try:
        b.start()
        yield b
    finally:
        b.stop()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module", name="web")
def fixture_web():
    if missing():
        pytest.skip(f"{missing()} is not installed")
    os.makedirs(ARTIFACTS, exist_ok=True)
    with browser() as b:
        yield b


def clean(web, *addresses):
    """No page complained, and none spoke with another host."""
    assert not web.complaints()
    assert web.hosts() <= {urllib.parse.urlsplit(a).netloc for a in addresses}
