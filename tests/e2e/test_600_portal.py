# SPDX-License-Identifier: MIT
"""galsync-portal: its answers over HTTP, and its pages in a real browser, over a map of 10,000
recipients. No lab is needed."""

import csv
import html.parser
import io
import json
import os
import re
import shutil
import socket
import subprocess
import urllib.parse

import pytest
from conftest import BUILD, patient, wait_for
from portal_helpers import ARTIFACTS, people, portal
from webdriver import ENTER, clean, fixture_web  # noqa: F401 pylint: disable=unused-import

N = 10000
TOKEN = "0123456789abcdef-a-token"
HOSTILE = ("<script>document.title='owned'</script>",
           "\"><img src=x onerror=\"document.title='owned'\">")
PAGES = ("/", "/mailboxes", "/mailboxes?wave=1&sort=-progress", "/groups", "/waves", "/wave/1",
         "/problems")


@pytest.fixture(scope="module", name="many")
def fixture_many(tmp_path_factory):
    """A portal without a token over the large map, without a daemon."""
    directory = str(tmp_path_factory.mktemp("portal"))
    state = os.path.join(directory, "state")
    people(state, N)
    with portal(directory, "--state-directory", state, "--socket", "/nowhere",
                "--no-token") as p:
        p.directory, p.state = directory, state
        yield p


def guid_of(many, **query):
    text = many.get("/api/mailboxes?" + urllib.parse.urlencode(query))
    return json.loads(text)["items"][0]["guid"]


# ---- HTTP ----

def test_every_answer_has_its_headers(many):
    for path in PAGES + ("/portal.js", "/portal.css", "/api/overview", "/mailboxes.csv", "/nope"):
        status, headers, _ = many.ask("GET", path)
        assert status == (404 if path == "/nope" else 200), path
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy and "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == ("private, max-age=60" if path.startswith("/portal.")
                                            else "no-store"), path


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_only_reading(many, method):
    status, headers, _ = many.ask(method, "/", b"x=1" if method in ("POST", "PUT") else None)
    assert status == 405 and headers["allow"] == "GET, HEAD"


def test_head_is_get_without_a_body(many):
    for path in PAGES:
        status, headers, body = many.ask("HEAD", path)
        assert status == 200 and body == b"" and headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("path", [
    "/../etc/passwd", "/mailboxes/../problems", "/%2e%2e/etc/passwd", "/mailbox/%00", "//etc/passwd",
    "/mailboxes%2f", "/mailboxes\\", "/mailboxes;x=1", "/portal.js/../portal.css", "/Mailboxes",
    "/mailboxes/", "/mailboxes/found/", "/groups/found", "/mailbox/", "/mailbox/1", "/wave/0", "/wave/01", "/wave/-1", "/wave/1/",
    "/wave/4294967296", "/wave/1.csv.csv", "/api", "/api/", "/api/wave/1.csv", "/etc/passwd",
    "/mailbox/736c6167-6e79-0000-0000-000000000001/../..",
    "/mailbox/736c6167-6e79-0000-0000-000000000001/other", "http://other.example/"])
def test_path_tricks(many, path):
    status, _, body = many.ask("GET", path)
    assert status in (400, 404, 421), path
    assert b"root:" not in body


@pytest.mark.parametrize("query", [
    "state=happy", "sort=name;drop", "page=0", "page=99999999999999999999", "size=0", "size=1001",
    "nothing=1", "wave=x", "q=%00", "q=a%0ab", "q=%ff", "step=open", "kind=cat",
    "q=" + "x" * 600])
def test_bad_parameters(many, query):
    status, _, body = many.ask("GET", "/mailboxes?" + query)
    assert status == 400 and b"cannot be shown" in body


def test_oversized_requests(many):
    assert many.ask("GET", "/mailboxes?q=" + "x" * 5000)[0] == 414
    assert many.ask("GET", "/", b"x" * 100)[0] == 413
    assert many.ask("GET", "/", Transfer_Encoding="chunked")[0] == 413
    # More than a client's memory: refused, or just ended.
    line = many.raw(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 100000 + b"\r\n\r\n")
    assert not line or re.search(r" 4\d\d ", line), line
    line = many.raw(b"GET /" + b"x" * 100000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert not line or re.search(r" 4\d\d ", line), line
    assert many.ask("GET", "/")[0] == 200


def test_another_name_of_this_machine(many):
    """A page of another host reads nothing here by a name that leads here."""
    host = f"Host: evil.example:{many.port}"
    assert " 421 " in many.raw(f"GET / HTTP/1.1\r\n{host}\r\n\r\n".encode())
    assert " 200 " in many.raw(b"GET / HTTP/1.1\r\nHost: localhost:80\r\n\r\n")


def test_slow_clients(many):
    """They hold connections and nothing else."""
    slow = [socket.create_connection(("127.0.0.1", many.port)) for _ in range(50)]
    try:
        for s in slow:
            s.sendall(b"GET /mailboxes.csv HTTP/1.1\r\nHost: localhost\r\nX")
        assert many.ask("GET", "/")[0] == 200
        # And those that never fetch their answer.
        for s in slow:
            s.sendall(b": y\r\n\r\n")
        assert many.ask("GET", "/mailboxes")[0] == 200
    finally:
        for s in slow:
            s.close()


def test_token(many):
    path = os.path.join(many.directory, "token")
    with open(path, "w", encoding="ascii", opener=lambda p, f: os.open(p, f, 0o600)) as f:
        f.write(TOKEN + "\n")
    options = ("--state-directory", many.state, "--socket", "/nowhere", "--token-file", path)
    with portal(many.directory, *options) as p:
        for header in (None, "", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}",
                       f"Basic {TOKEN}", TOKEN, f"Bearer {TOKEN.upper()}"):
            headers = {} if header is None else {"Authorization": header}
            for where in ("/", "/mailboxes.csv", "/portal.js", "/nope", "/../x", "/api/overview"):
                status, answer, body = p.ask("GET", where, **headers)
                assert status == 401 and answer["www-authenticate"].startswith("Bearer"), header
                assert b"acme" not in body
            assert p.ask("HEAD", "/", **headers)[0] == 401
        assert p.ask("GET", "/", Authorization=f"Bearer {TOKEN}")[0] == 200
        assert TOKEN not in p.log()
    for mode, text, why in ((0o644, TOKEN, "mode"), (0o600, "short", "length"),
                            (0o600, "with blanks in it, many", "characters")):
        os.chmod(path, 0o600)
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        os.chmod(path, mode)
        q = subprocess.run([os.path.join(BUILD, "galsync-portal"), "--listen", "127.0.0.1:0",
                            *options], text=True, capture_output=True, check=False,
                           timeout=patient(30))
        assert q.returncode == 1 and why in q.stderr and text not in q.stderr


@pytest.mark.parametrize("argv, status, why", [
    (["--listen", "0.0.0.0:8080", "--no-token"], 1, "127.0.0.1:PORT"),
    (["--listen", "192.0.2.1:80", "--no-token"], 1, "127.0.0.1:PORT"),
    (["--listen", "[::]:80", "--no-token"], 1, "127.0.0.1:PORT"),
    (["--listen", "127.0.0.1:70000", "--no-token"], 1, "127.0.0.1:PORT"),
    (["--listen", "127.0.0.1:0"], 2, "--token-file"),
    (["--no-token"], 1, "systemd"),
    (["--token-file", "/x", "--no-token"], 2, "either"), (["x"], 2, "no arguments")])
def test_where_it_listens(many, argv, status, why):
    q = subprocess.run([os.path.join(BUILD, "galsync-portal"), "--state-directory", many.state,
                        *argv], text=True, capture_output=True, check=False, timeout=patient(30))
    assert q.returncode == status and why in q.stderr, q.stderr


def test_without_a_map(many):
    with portal(many.directory, "--state-directory", os.path.join(many.directory, "none"),
                "--socket", "/nowhere", "--no-token") as p:
        status, _, body = p.ask("GET", "/")
        assert status == 503 and b"no map yet" in body
        assert p.ask("GET", "/mailboxes.csv")[0] == 503


def test_a_socket_of_its_own(many):
    """In the file system, for its user and its group; one that is left over is replaced."""
    path = os.path.join(many.directory, "portal.sock")
    for _ in range(2):
        with subprocess.Popen([os.path.join(BUILD, "galsync-portal"), "--state-directory",
                               many.state, "--listen", path], stdout=subprocess.DEVNULL) as p:
            try:
                with wait_for(lambda: connected(path), "it does not listen") as s:
                    assert os.stat(path).st_mode & 0o777 == 0o660
                    s.sendall(b"GET /waves HTTP/1.0\r\nHost: any.example\r\n\r\n")
                    assert b" 200 OK" in s.recv(64)
                q = subprocess.run(p.args, text=True, capture_output=True, check=False,
                                   timeout=patient(30))
                assert q.returncode == 1 and "in use" in q.stderr
            finally:
                p.kill()


def connected(path):
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(path)
        return s
    except OSError:
        s.close()
        return None


def test_another_map_in_its_place(many):
    """It is opened again, and what was known of the old one is forgotten."""
    old, new = (os.path.join(many.directory, name) for name in ("old", "new"))
    people(old, 30)
    people(new, 20)
    with portal(many.directory, "--state-directory", old, "--no-token") as p:
        assert json.loads(p.get("/api/mailboxes"))["found"] == 30
        for name in ("map.mdb-lock", "map.mdb"):
            os.replace(os.path.join(new, name), os.path.join(old, name))
        assert json.loads(p.get("/api/mailboxes"))["found"] == 20


def test_names_without_a_daemon(many):
    """Others than those of the map cannot be looked for, and the page says why."""
    status, _, body = many.ask("GET", "/mailboxes/found?q=anna")
    assert status == 503 and b"The daemon does not answer, so display names" in body
    for query in ("page=1", "state=error", "q=%00", "table=found"):
        assert many.ask("GET", "/mailboxes/found?" + query)[0] == 400, query


# ---- data ----

def test_csv_has_all_and_no_formula(many):
    rows = list(csv.DictReader(io.StringIO(many.get("/mailboxes.csv?sort=address"))))
    assert len(rows) == N
    assert len({r["guid"] for r in rows}) == N
    assert [r["address"] for r in rows] == sorted(r["address"] for r in rows)
    names = {r["name"] for r in rows}
    assert set(HOSTILE) <= names
    assert not [n for n in names if n[:1] in ("=", "+", "-", "@")]
    for path in ("/waves.csv", "/wave/1.csv", "/problems.csv", "/groups.csv"):
        assert len(list(csv.DictReader(io.StringIO(many.get(path))))) > 5, path


def test_every_table_is_there_as_csv(many):
    guid = guid_of(many, wave=1)
    found = []
    for path in ("/", "/problems", f"/mailbox/{guid}"):
        for link in re.findall(r'class="csv" href="([^"]*)"', many.get(path)):
            status, headers, body = many.ask("GET", link)
            assert status == 200 and headers["content-type"].startswith("text/csv"), link
            assert len(list(csv.DictReader(io.StringIO(body.decode())))) > 0, link
            found.append(link.rpartition("=")[2])
    assert set(found) >= {"links", "steps", "days", "reasons", "problems", "sides", "waves"}
    assert many.ask("GET", "/overview.csv?table=other")[0] == 404
    assert many.ask("GET", "/overview.csv?table=../x")[0] == 400
    assert many.ask("GET", "/?table=links")[0] == 400


def test_json_and_pages_agree(many):
    o = json.loads(many.get("/api/overview"))
    assert o["links"][0]["correspondences"] == N and o["answers"] is False
    done = {s["step"]: s["done"] for s in o["steps"]}
    found = json.loads(many.get("/api/mailboxes?kind=user&step=!switched"))["found"]
    assert done["switched"] == found == o["days"][-7]["switched"] > 100
    page = many.get("/mailboxes?kind=user&step=!switched")
    assert f"<p>{found} found" in page
    # Every list has a time at which it was read.
    for path in ("mailboxes", "waves", "problems", "groups"):
        assert json.loads(many.get(f"/api/{path}"))["at"]


def test_it_keeps_up_with_the_map(many):
    before = json.loads(many.get("/api/mailboxes?sort=-written&size=5"))["items"]
    people(many.state, N, 3)
    after = json.loads(many.get("/api/mailboxes?sort=-written&size=5"))["items"]
    assert after[0]["synced_at"] > before[0]["synced_at"]


def report(many, *argv, status=0):
    p = subprocess.run([os.path.join(BUILD, "galsyncctl"), "--socket", "/nowhere",
                        "--state-directory", many.state, "report", *argv], capture_output=True,
                       text=True, check=False, umask=0o022, timeout=patient(60))
    assert p.returncode == status, p.stderr
    return p.stdout if status == 0 else p.stderr


def test_report(many):
    """The same as one file without a server."""
    path = os.path.join(many.directory, "report.html")
    for _ in range(2):      # the second one replaces the first
        report(many, "--html", path)
        assert os.stat(path).st_mode & 0o777 == 0o644 and not os.path.exists(path + ".new")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    assert text.count("<tr") > N and "Switched mailboxes against the plan" in text
    assert "&lt;script&gt;" in text and "default-src 'none'" in text
    c = Checker()
    c.feed(report(many, "--html", "-", "--since", "-10m"))
    assert not c.bad and not c.stack and "script" not in c.seen and "a" not in c.seen, c.bad
    assert report(many, "--csv", "-") == many.get("/mailboxes.csv?kind=all").replace("\r", "")
    since = list(csv.DictReader(io.StringIO(report(many, "--csv", "-", "--since", "-10m"))))
    assert 0 < len(since) < 100
    for bad in ((), ("--html",), ("--html", "x", "--csv", "y"), ("--csv", "-", "--since", "x"),
                ("--pdf", "x")):
        assert report(many, *bad, status=2)
    assert many.directory in report(many, "--html", many.directory, status=1)


# ---- HTML ----

class Checker(html.parser.HTMLParser):
    """What a screen reader needs, and what no page may have."""
    VOID = {"meta", "link", "input", "br", "hr", "img", "rect", "path"}

    def __init__(self):
        super().__init__()
        self.stack, self.ids, self.bad, self.seen, self.wanted = [], set(), [], set(), set()

    def handle_starttag(self, tag, attrs):
        a = dict(attrs)
        self.seen.add(tag)
        if tag not in self.VOID:
            self.stack.append(tag)
        if a.get("id") in self.ids:
            self.bad.append(f"two elements have the id {a['id']}")
        self.ids.add(a.get("id", object()))
        for name in a:
            if name.startswith("on") or name == "style":
                self.bad.append(f"<{tag} {name}>")
        for name in ("src", "href", "action"):
            if re.match(r"(\w+:|//)", a.get(name) or ""):
                self.bad.append(f"<{tag} {name}={a[name]}> leads elsewhere")
        if "aria-labelledby" in a:
            self.wanted.add(a["aria-labelledby"])
        if tag in ("input", "select") and a.get("type") != "hidden" and "label" not in self.stack:
            self.bad.append(f"<{tag} name={a.get('name')}> has no label")
        if tag == "th" and not a.get("scope"):
            self.bad.append("<th> without scope")
        if tag == "section" and not a.get("aria-labelledby"):
            self.bad.append("<section> without a name")
        if tag == "nav" and not a.get("aria-label"):
            self.bad.append("<nav> without a name")
        if tag == "svg" and not (a.get("role") == "img" and a.get("aria-label")):
            self.bad.append("<svg> without a name")
        if tag == "script" and not a.get("src"):
            self.bad.append("script in the page")

    def handle_endtag(self, tag):
        if tag not in self.VOID and (not self.stack or self.stack.pop() != tag):
            self.bad.append(f"</{tag}> where it does not belong")


def test_pages_are_sound(many):
    paths = PAGES + (f"/mailbox/{guid_of(many, wave=1)}", "/nope", "/mailboxes?q=<b>\"'&")
    for path in paths:
        _, _, body = many.ask("GET", urllib.parse.quote(path, safe="/?=&-"))
        text, c = body.decode(), Checker()
        c.feed(text)
        assert not c.bad and not c.stack and c.wanted <= c.ids, (path, c.bad)
        assert {"main", "header", "nav", "h1", "footer"} <= c.seen, path
        assert 'lang="en"' in text and text.count("<table") == text.count("<caption>")
        if shutil.which("tidy"):
            p = subprocess.run(["tidy", "-q", "-e", "--show-info", "no"], input=text, text=True,
                               capture_output=True, check=False)
            # This release of tidy does not know of aria-current.
            told = [line for line in p.stderr.splitlines() if "aria-current" not in line]
            assert not told, (path, told)


# ---- a browser ----

def test_overview(many, web):
    web.open(many.address + "/")
    assert web.title() == "Overview - galsync"
    assert web.text("#links tbody th") == "acme-globex"
    assert "does not answer" in web.text(".warning")
    assert web.find("svg polyline.line-switched") and web.find("svg polyline.line-planned")
    web.resize(1100, 1130)
    web.screenshot(os.path.join(ARTIFACTS, "portal-overview.png"))
    web.devtools("Emulation.clearDeviceMetricsOverride")
    clean(web, many.address)


def test_finds_a_mailbox(many, web):
    web.open(many.address + "/mailboxes")
    web.type("input[name=q]", "user4711@" + ENTER)
    wait_for(lambda: "q=user4711" in web.url(), "the form is not sent")
    assert web.column(1) == ["user4711@acme.example"]
    # What was not filled in is not in the address.
    assert "state=" not in web.url()
    web.click("#list tbody th a")
    wait_for(lambda: "/mailbox/" in web.url(), "the link leads nowhere")
    assert "user4711@acme.example" in web.text(".facts")
    assert web.text("#steps tbody th") == "matched"
    # The parts that ask the directories are refused: there is no daemon. Nothing else is.
    wait_for(lambda: not web.find_all("a.ask"), "the parts do not end")
    assert {m.split(" ")[0].rsplit("/", 1)[1] for m in web.complaints()} == \
        {"attributes", "checks", "way"}
    clean(web, many.address)
    # By an address that the list does not show, and by its GUID.
    guid = web.url().rsplit("/", 1)[1]
    for name in ("user4711@globex.example", guid):
        web.open(many.address + "/mailboxes?q=" + name)
        assert web.column(1) == ["user4711@acme.example"]


def test_finds_nobody(many, web):
    """Then the directories are asked by themselves; here there is no daemon that could."""
    web.open(many.address + "/mailboxes?q=no<b>body")
    wait_for(lambda: "does not answer" in web.text("section[data-part=found]"), "nobody asks")
    assert [m.split(" ")[0].rsplit("/", 1)[1] for m in web.complaints()] == ["found?q=no%3Cb%3Ebody"]
    web.open(many.address + "/mailboxes?q=user4711@")
    assert web.find("main > section a.ask") and not web.find_all("section[data-part]")
    clean(web, many.address)


def test_sorts_and_filters(many, web):
    web.open(many.address + "/mailboxes?kind=user")
    assert web.attribute("th[aria-sort]", "aria-sort") == "ascending"
    web.click("thead th:nth-child(2) a")
    wait_for(lambda: "sort=address" in web.url(), "it is not sorted")
    first = web.column(1)
    assert first == sorted(first) and len(first) == 50
    web.click("thead th:nth-child(2) a")
    wait_for(lambda: "sort=-address" in web.url(), "it is not turned round")
    assert web.attribute("th[aria-sort]", "aria-sort") == "descending"
    assert web.column(1) == sorted(web.column(1), reverse=True)
    web.click("a[rel=next]")
    wait_for(lambda: "page=2" in web.url(), "there is no next page")
    web.run("document.querySelector('select[name=state]').value = 'error'")
    web.click("form button")
    wait_for(lambda: "state=error" in web.url(), "it is not filtered")
    assert set(web.column(3)) == {"error"} and "sort=-address" in web.url()
    assert "insufficient access rights" in web.column(10)[0]
    clean(web, many.address)


def test_hostile_names_are_text(many, web):
    web.open(many.address + "/mailboxes?wave=1")
    names = web.column(0)
    assert set(HOSTILE) <= set(names)
    assert not web.find_all("main img, main script, main b")
    for name in HOSTILE:
        web.open(many.address + "/mailboxes?" + urllib.parse.urlencode({"q": name}))
        assert web.column(0) == [name] and web.attribute("input[name=q]", "value") == name
        web.click("#list tbody th a")
        wait_for(lambda: "/mailbox/" in web.url(), "the link leads nowhere")
        assert web.text("h1") == name and web.title() == f"{name} - galsync"
    web.open(many.address + "/problems")
    assert not web.find_all("main b")
    # The parts that ask the directories have failed: there is no daemon.
    web.complaints()
    web.hosts()


def test_keys_and_narrow_screens(many, web):
    web.open(many.address + "/mailboxes")
    web.type("body", "/")
    assert web.run("return document.activeElement.name") == "q"
    web.open(many.address + "/mailboxes")
    web.type("body", "j")
    assert web.run("return document.activeElement.closest('tr').rowIndex") == 1
    web.type("body", "gw")
    wait_for(lambda: web.url().endswith("/waves"), "the keys lead nowhere")
    web.resize(400, 800)
    for path in PAGES:
        web.open(many.address + path)
        assert web.run("return document.documentElement.scrollWidth") <= 400, path
    web.screenshot(os.path.join(ARTIFACTS, "portal-narrow.png"))
    web.devtools("Emulation.setEmulatedMedia",
                 features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert web.run("return getComputedStyle(document.documentElement).backgroundColor") == \
        "rgb(20, 23, 26)"
    web.screenshot(os.path.join(ARTIFACTS, "portal-dark.png"))
    web.devtools("Emulation.setEmulatedMedia", features=[], media="print")
    assert web.run("return getComputedStyle(document.querySelector('header')).display") == "none"
    web.devtools("Emulation.setEmulatedMedia", features=[], media="")
    web.devtools("Emulation.clearDeviceMetricsOverride")
    clean(web, many.address)


def test_without_script(many, web):
    web.devtools("Emulation.setScriptExecutionDisabled", value=True)
    try:
        for path in PAGES:
            web.open(many.address + path)
            assert web.texts("main table caption"), path
            assert "Read from the map at 2" in web.text(".read")
        web.open(many.address + "/mailboxes")
        web.type("input[name=q]", "user4711@" + ENTER)
        wait_for(lambda: "q=user4711" in web.url(), "the form is not sent")
        assert web.text("#list tbody td") == "user4711@acme.example"
    finally:
        web.devtools("Emulation.setScriptExecutionDisabled", value=False)
    clean(web, many.address)
