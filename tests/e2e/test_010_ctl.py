# SPDX-License-Identifier: MIT
"""galsyncctl without a daemon, or with one that a test plays: what it shows, and what the shell
completes. No lab is needed."""

import fcntl
import hashlib
import itertools
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import time

import pytest
from conftest import BUILD, ROOT, patient

COMPLETION = os.path.join(ROOT, "conf", "{}.completion")


# ---- what people write in a directory ----

NAME = "CN=\x1b]0;owned\x07\u009b31m José\u202etxt\nfailed x,DC=acme"
SHOWN = "CN=\\x1B]0;owned\\x07\\u009B31m José\\u202Etxt\\x0Afailed x,DC=acme"


@pytest.mark.parametrize("options", [[], ["--raw"], ["--json"]], ids=["text", "raw", "json"])
@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_a_name_commands_no_terminal_and_forges_no_line(tmp_path, terminal, options):
    path = str(tmp_path / "control.sock")
    mine, its = pty.openpty() if terminal else os.pipe()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        with subprocess.Popen([os.path.join(BUILD, "galsyncctl"), "--socket", path, "switch", "x"] + options,
                              stdin=subprocess.DEVNULL, stdout=its, stderr=its) as p:
            os.close(its)
            listener.settimeout(30)
            s, _ = listener.accept()
            with s:
                s.makefile().readline()
                s.sendall(json.dumps({"version": 1, "ok": True, "status": 0, "results": [
                    {"guid": "", "dn": NAME, "ok": True, "text": ""}]}).encode() + b"\n")
                assert p.wait(30) == 0
        with os.fdopen(mine, "rb", 0) as output:
            text = output.read(65536).decode()
    # The bar that was on the terminal's line before is wiped out.
    text = text.removeprefix("\r\x1b[K").replace("\r\n", "\n")
    if options == ["--json"]:
        assert json.loads(text)["results"][0]["dn"] == NAME
        assert not set(text) & set("\x1b\x07\u009b\u202e")
    else:
        assert text == f"done   {NAME if options else SHOWN}\n"


# ---- watch ----

def busy(n):
    """One link in the middle of a cycle, one that rests, one that fails."""
    last = {"kind": "delta", "changes": 3, "conflicts": 1}
    return [{"link": "one", "state": "running", "phase": "apply", "done": n, "total": 1000,
             "failing": False},
            {"link": "two", "state": "idle", "failing": False, "finished": "2026-01-02T03:04:05Z",
             "last": last},
            {"link": "three", "state": "waiting", "failing": True, "error": "no answer",
             "next_attempt": "2026-01-02T03:04:06Z"}]


class Watching:
    """`galsyncctl watch` at a daemon that the test plays. COLUMNS is None for a pipe."""

    def __init__(self, directory, columns=None):
        self.path, self.text, self.listener = str(directory / "control.sock"), "", None
        self.listen()
        self.mine, its = os.pipe() if columns is None else pty.openpty()
        if columns is not None:
            resize(its, columns)
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "galsyncctl"), "--socket", self.path, "watch"],
            stdin=subprocess.DEVNULL, stdout=its, env={**os.environ, "TZ": "CET-1"})
        os.close(its)
        self.accept()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.connection.close()
        self.listener.close()
        os.close(self.mine)

    def listen(self):
        """As a daemon does that makes its socket."""
        if self.listener:
            self.listener.close()
            os.unlink(self.path)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.listener.settimeout(patient(30))

    def accept(self):
        self.connection, _ = self.listener.accept()
        self.connection.settimeout(patient(30))
        assert json.loads(self.connection.makefile().readline())["verb"] == "watch"

    def tell(self, links, **more):
        event = {"version": 1, "event": "state", "links": links, **more}
        self.connection.sendall((json.dumps(event) + "\n").encode())

    def read(self, wait_s=0.01):
        if select.select([self.mine], [], [], wait_s)[0]:
            self.text += os.read(self.mine, 65536).decode()

    def wait(self, enough, links=None):
        """Until what was written is ENOUGH; meanwhile LINKS(0), LINKS(1) and so on are told."""
        until = time.monotonic() + patient(30)
        for n in itertools.count():
            # Who tells more than is read waits for a reader that waits for this one to read.
            if links and select.select([], [self.connection], [], 0)[1]:
                self.tell(links(n))
            self.read()
            if enough(self.text):
                return self.text
            assert time.monotonic() < until, self.text[-2000:]


def resize(terminal, columns, rows=24):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


@pytest.mark.parametrize("columns", [None, 80], ids=["pipe", "terminal"])
def test_watch_shows_progress_and_rates(tmp_path, columns):
    with Watching(tmp_path, columns) as w:
        text = w.wait(lambda t: "/s" in t and t.count("three: ") > 2, busy)
    # In one time zone, the local one.
    assert "two: idle, last delta cycle 2026-01-02T04:04:05+01:00: 3 changes, 1" in text
    assert "three: waiting: no answer; next attempt 2026-01-02T04:04:06+01:00" in text
    assert "/1000, " in text
    # A bar, in the same place, on a terminal alone.
    assert ("one: running apply [" in text) is bool(columns)
    assert ("\033[3A\r" in text) is bool(columns) and ("\033" in text) is bool(columns)


def test_watch_writes_only_what_is_new(tmp_path):
    with Watching(tmp_path) as w:
        text = w.wait(lambda t: "apply 2/1000" in t, lambda n: busy(n // 10)[:2])
    lines = [line.partition(", ")[0] for line in text.splitlines() if line.startswith("one: ")]
    assert lines[:2] == ["one: running apply 0/1000", "one: running apply 1/1000"], text


@pytest.mark.parametrize("columns", [0, 1, 2, 20, 500])
def test_watch_fits_any_terminal(tmp_path, columns):
    """No line is broken: it would push those above it up, out of reach. 0: the terminal does not
    say; it has 80 then."""
    wide = [{**link, "error": "no answer " * 60} for link in busy(0)]
    with Watching(tmp_path, columns) as w:
        w.tell(wide)
        w.wait(lambda t: t.count("\n") == 3)
        w.tell(busy(1))
        text = w.wait(lambda t: t.count("\n") == 6)
        resize(w.mine, 40)
        w.tell(busy(2))
        resized = w.wait(lambda t: t.count("\n") == 9)[len(text):]
    assert text.count("\033[3A") == 1
    lines = text.replace("\033[3A", "").replace("\r\033[J", "").split("\r\n")
    room = max((columns or 80) - 1, 1)
    assert max(map(len, lines)) <= room, lines
    assert room > 100 or max(map(len, lines)) == room
    # Where the lines are now nobody knows: they are drawn anew.
    assert "\033[3A" not in resized and max(map(len, resized.split("\r\n"))) < 45


def test_watch_fits_at_once(tmp_path):
    """Another size is enough: nothing need be told."""
    with Watching(tmp_path, 120) as w:
        w.tell([{**link, "error": "no answer " * 60} for link in busy(0)])
        text = w.wait(lambda t: t.count("\n") == 3)
        for columns in (40, 90):
            resize(w.mine, columns)
            w.process.send_signal(signal.SIGWINCH)
            again = w.wait(lambda t, seen=text: t.count("\n") == seen.count("\n") + 3)[len(text):]
            assert max(map(len, again.replace("\r\033[J", "").split("\r\n"))) == columns - 1
            text += again


def test_watch_fits_few_rows(tmp_path):
    links = [{**busy(0)[1], "link": f"link{i}"} for i in range(12)]
    with Watching(tmp_path, 80) as w:
        w.tell(links[:2])
        w.wait(lambda t: t.count("\n") == 2)
        resize(w.mine, 80, 8)
        w.tell(links)
        text = w.wait(lambda t: t.count("\n") == 9)
        w.tell(links[:7])
        w.tell(links[:3])
        end = w.wait(lambda t: "\n" in t and t.count("\n") == 19)
    assert "link5: " in text and "link6: " not in text and "\n... and 6 more\r\n" in text
    # What is there no more is wiped out, as many lines as were drawn.
    assert end[len(text):].startswith("\033[7A\r\033[Jlink0: ")


@pytest.mark.parametrize("columns", [None, 80], ids=["pipe", "terminal"])
def test_watch_survives_the_daemon(tmp_path, columns):
    with Watching(tmp_path, columns) as w:
        for n in (1, 2):
            w.tell(busy(n))
            w.wait(lambda t, n=n: f"{n}/1000" in t)
            w.connection.close()
            w.wait(lambda t, n=n: t.count("waiting until it runs again") == n)
            w.listen()
            w.accept()
        # A socket of systemd's stays: to connect to it would start the daemon that was stopped.
        w.tell(busy(3))
        w.wait(lambda t: "3/1000" in t)
        w.connection.close()
        w.wait(lambda t: t.count("waiting until it runs again") == 3)
        assert not select.select([w.listener], [], [], 1)[0]
        os.utime(w.path)
        w.accept()
        w.tell(busy(4))
        w.wait(lambda t: "4/1000" in t)
        # One that refuses is no daemon that ended.
        w.connection.sendall(b'{"version": 1, "ok": false, "error": "too many"}\n')
        assert w.process.wait(patient(30)) == 1


def test_watch_needs_a_daemon_to_begin_with(tmp_path):
    p = subprocess.run([os.path.join(BUILD, "galsyncctl"), "--socket", str(tmp_path / "none.sock"),
                        "watch"], capture_output=True, text=True, check=False)
    assert p.returncode == 4 and "is galsyncd running?" in p.stderr


def test_watch_ends_with_its_reader(tmp_path):
    """Also while there is nothing to write."""
    with Watching(tmp_path) as w:
        w.tell(busy(1))
        w.wait(lambda t: "1/1000" in t)
        w.connection.close()
        w.wait(lambda t: "waiting" in t)
        os.close(w.mine)
        assert w.process.wait(patient(30)) == 1
        w.mine = os.open("/dev/null", os.O_RDONLY)


def test_watch_tells_of_a_refused_configuration(tmp_path):
    with Watching(tmp_path) as w:
        w.tell(busy(1), configuration={"state": "refused", "error": "galsync.conf:7: no",
                                       "refused_since": "2026-01-02T03:04:05Z"})
        text = w.wait(lambda t: "one: " in t)
    assert "configuration: refused since 2026-01-02T04:04:05+01:00: galsync.conf:7: no\n" in text


# ---- completion ----

def completed(*words, program="galsyncctl", env=None):
    """What bash offers behind WORDS, the last of which is begun."""
    script = (f'. "{COMPLETION.format(program)}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
              f'_{program}; ' 'printf "%s\\n" "${COMPREPLY[@]}"')
    p = subprocess.run(["bash", "-euc", script, "bash", program, *words], check=True,
                       capture_output=True, text=True, env=env)
    assert not p.stderr
    return p.stdout.split()


def usage():
    """The verbs that galsyncctl names itself, with their arguments."""
    p = subprocess.run([os.path.join(BUILD, "galsyncctl"), "--help"], check=True,
                       capture_output=True, text=True)
    return p.stdout


# Each verb with arguments that it takes: of the map, and of the daemon.
OF_THE_MAP = {"history": ["x"], "status": [], "list": [], "show": ["x"], "map lookup": ["x"], "map export": [],
              "map backup": ["/nowhere"], "map check": [], "conflicts": [], "wave list": [],
              "wave show": ["1"], "report": ["--csv", "-"]}
OF_THE_DAEMON = {"conflicts resolve": ["x", "--ignore"], "conflicts reopen": ["x"], "watch": [], "resync": [],
                 "plan": [], "apply": ["PLAN"], "map rebuild": [], "switch": ["x"],
                 "undo-switch": ["x"], "proxy-toggle": ["x"], "wave": ["FILE", "--at", "now"],
                 "wave check": ["1"], "wave suggest": [], "wave cancel": ["1"], "wave reschedule": ["1", "--at", "+1h"], "verify": [],
                 "trace": ["x@acme.example"], "finish": ["x"], "adopt": [], "approve": [],
                 "reject": [], "explain": ["x"], "undo": ["1"], "client": ["x", "--result", "ok"], "pause": [], "resume": []}


SAVED = """{"galsync_plan":1,"link":"a-b","made":"2026-12-01T20:00:00Z","version":"0.1.0"}
{"flow":"forward","source":"a","target":"b"}
{"step":{"changes":[{"forest":"b","reason":"x","change":{"op":"delete","dn":"CN=x"}}]}}
{"summary":{}}
"""


def status_of(tmp_path, verb, args):
    file = tmp_path / "wave.csv"
    file.write_text("x\n")
    plan = tmp_path / "saved.plan"
    plan.write_text(SAVED + f'{{"sha256":"{hashlib.sha256(SAVED.encode()).hexdigest()}"}}\n')
    p = subprocess.run([os.path.join(BUILD, "galsyncctl"), "--socket", str(tmp_path / "none.sock"),
                        "--state-directory", str(tmp_path), *verb.split(),
                        *({"FILE": str(file), "PLAN": str(plan)}.get(a, a) for a in args)],
                       stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert p.stderr, f"{verb} {args}"
    return p.returncode


def test_exit_statuses_of_all_verbs(tmp_path):
    """Without a map, without a daemon, and of what is not understood."""
    lines = [line for line in usage().splitlines() if re.match(r"  [a-z]", line)]
    # map lookup and map export share a line.
    assert len(lines) == len(OF_THE_MAP) + len(OF_THE_DAEMON) - 1
    for verb, args in OF_THE_MAP.items():
        assert status_of(tmp_path, verb, args) == 1, verb
    for verb, args in OF_THE_DAEMON.items():
        assert status_of(tmp_path, verb, args) == 4, verb
        assert status_of(tmp_path, verb, args + ["--no-such-option"]) == 2, verb
    assert status_of(tmp_path, "no-such-verb", []) == 2
    assert status_of(tmp_path, "--no-such-option", []) == 2


def test_verbs_are_completed():
    verbs = [w for w in completed("") if not w.startswith("-")]
    assert verbs and all(verb in usage() for verb in verbs)
    assert completed("res") == ["resync", "resume"]
    assert completed("--json", "--socket", "/x", "stat") == ["status"]
    assert "--json" in completed("--")


@pytest.mark.parametrize("words, offered", [
    (("map", ""), ["lookup", "export", "backup", "check", "rebuild"]),
    (("conflicts", "reo"), ["reopen"]), (("conflicts", "resolve", "--c"), ["--create"]),
    (("map", "export", ""), ["--resolved"]), (("map", "rebuild", ""), ["--plan"]), (("map", "backup", "--"), ["--force"]), (("resync", "--"), ["--object"]),
    (("resync", "acme-globex", "--o"), ["--object"]), (("wave", "ca"), ["cancel"]),
    (("list", "--state", "w"), ["waiting"]), (("list", "--kind", "g"), ["group"]),
    (("approve", "--kind", "ma"), ["matches"]), (("list", "--sort", "w"), ["written"]),
    (("list", "--active", "t"), ["target"]), (("list", "-o", "t"), ["table"]), (("plan", "-o", "l"), ["ldif"]),
    (("client", "--result", ""), ["ok", "failed"]), (("wave", "sug"), ["suggest"]), (("proxy-toggle", "--s"), ["--sweep"]),
    (("status", ""), ["--check", "--metrics"])])
def test_words_behind_a_verb(words, offered):
    assert completed(*words) == offered


@pytest.mark.parametrize("words, offered", [
    (("--do",), ["--doctor"]), (("--doctor", "--l"), ["--link"]), (("--once", "--p"), ["--plan"]),
    (("-T", "--r"), ["--rights"]), (("-T", "--t"), ["--table"]), (("--once", "--link", ""), [])])
def test_options_of_galsyncd(words, offered):
    assert completed(*words, program="galsyncd") == offered


def test_what_there_is_is_completed(tmp_path):
    """Links, waves and forests, from a galsyncctl that says what there is."""
    fake = tmp_path / "galsyncctl"
    fake.write_text("""#!/bin/sh
case $* in
'--json status' | '--json --socket /dev/null status') cat <<'TEXT' ;;
[{"link": "one",
  "daemon": {
    "forests": {
      "source": "acme",
      "target": "globex"
    }}},
 {
  "link": "one/return"
 }]
TEXT
'--json --socket /dev/null wave list') echo '['; echo ' "wave": 7'; echo ']' ;;
esac
""".replace('[{"link"', '[{\n "link"'))
    fake.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for words, offered in ((("pause", ""), ["one"]), (("switch", "--link", ""), ["one"]),
                           (("status", "o"), ["one"]), (("wave", "show", ""), ["7"]),
                           (("finish", "--wave", ""), ["7"]), (("trace", "--from", ""), ["acme", "globex"])):
        assert completed(*words, env=env) == offered, words


def test_help_of_each_verb():
    for verb in [*OF_THE_MAP, *OF_THE_DAEMON]:
        for option in ("-h", "--help"):
            p = subprocess.run([os.path.join(BUILD, "galsyncctl"), *verb.split(), option],
                               capture_output=True, text=True, check=False)
            assert p.returncode == 0 and not p.stderr, verb
            assert p.stdout.startswith(f"galsyncctl {verb.split()[0]}") and p.stdout.endswith("See galsyncctl(8).\n")


@pytest.mark.parametrize("options, terminal, bar", [
    ([], True, True), (["--quiet"], True, False), ([], False, False), (["--json"], True, True)])
def test_progress_is_for_terminals(tmp_path, options, terminal, bar):
    path = str(tmp_path / "control.sock")
    mine, its = pty.openpty() if terminal else os.pipe()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        with subprocess.Popen([os.path.join(BUILD, "galsyncctl"), "--socket", path, "resync", *options],
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=its) as p:
            os.close(its)
            listener.settimeout(patient(30))
            s, _ = listener.accept()
            with s:
                s.makefile().readline()
                for event in ({"event": "progress", "phase": "read", "done": 3, "total": 9},
                              {"version": 1, "ok": True, "status": 0, "error": "", "summary": None}):
                    s.sendall(json.dumps(event).encode() + b"\n")
                assert p.wait(patient(30)) == 0
        with os.fdopen(mine, "rb", 0) as output:
            text = ""
            while select.select([output], [], [], 0)[0]:
                try:
                    piece = output.read(65536)
                except OSError:
                    break
                if not piece:
                    break
                text += piece.decode()
    assert ("read     [" in text) is bar and bool(text) is bar, text


def test_files_are_completed(tmp_path):
    (tmp_path / "galsync.conf").write_text("")
    assert completed("--config", f"{tmp_path}/gal") == [f"{tmp_path}/galsync.conf"]
    (tmp_path / "state").mkdir()
    assert completed("--state-directory", f"{tmp_path}/") == [f"{tmp_path}/state"]
