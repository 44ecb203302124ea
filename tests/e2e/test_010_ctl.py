# SPDX-License-Identifier: MIT
"""galsyncctl without a daemon, or with one that a test plays: what it shows, and what the shell
completes. No lab is needed."""

import itertools
import json
import os
import pty
import select
import socket
import subprocess
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


def watched(directory, links, *, terminal, enough, timeout_s=30):
    """What `galsyncctl watch` writes, until that is ENOUGH, of a daemon that tells LINKS(0),
    LINKS(1) and so on."""
    path, text, until = str(directory / "control.sock"), "", time.monotonic() + patient(timeout_s)
    mine, its = pty.openpty() if terminal else os.pipe()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        with subprocess.Popen([os.path.join(BUILD, "galsyncctl"), "--socket", path, "watch"],
                              stdin=subprocess.DEVNULL, stdout=its) as p:
            os.close(its)
            listener.settimeout(patient(timeout_s))
            s, _ = listener.accept()
            with s, os.fdopen(mine, "rb", 0) as output:
                assert json.loads(s.makefile().readline())["verb"] == "watch"
                for n in itertools.count():
                    event = {"version": 1, "event": "state", "links": links(n)}
                    s.sendall((json.dumps(event) + "\n").encode())
                    if select.select([output], [], [], 0.01)[0]:
                        text += output.read(65536).decode()
                    if enough(text):
                        break
                    assert time.monotonic() < until, text[-2000:]
            p.terminate()
    return text


@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_watch_shows_progress_and_rates(tmp_path, terminal):
    text = watched(tmp_path, busy, terminal=terminal,
                   enough=lambda t: "/s" in t and t.count("three: ") > 2)
    assert "two: idle, last delta cycle 2026-01-02T03:04:05Z: 3 changes, 1 conflicts" in text
    assert "three: waiting: no answer; next attempt 2026-01-02T03:04:06Z" in text
    assert "/1000, " in text
    # A bar, in the same place, on a terminal alone.
    assert ("one: running apply [" in text) is terminal
    assert ("\033[3A\r" in text) is terminal and ("\033" in text) is terminal


def test_watch_writes_only_what_is_new(tmp_path):
    text = watched(tmp_path, lambda n: busy(n // 10)[:2], terminal=False,
                   enough=lambda t: "apply 2/1000" in t)
    lines = [line.partition(", ")[0] for line in text.splitlines() if line.startswith("one: ")]
    assert lines[:2] == ["one: running apply 0/1000", "one: running apply 1/1000"], text


# ---- completion ----

def completed(*words, program="galsyncctl"):
    """What bash offers behind WORDS, the last of which is begun."""
    script = (f'. "{COMPLETION.format(program)}"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); '
              f'_{program}; ' 'printf "%s\\n" "${COMPREPLY[@]}"')
    p = subprocess.run(["bash", "-euc", script, "bash", program, *words], check=True,
                       capture_output=True, text=True)
    assert not p.stderr
    return p.stdout.split()


def usage():
    """The verbs that galsyncctl names itself, with their arguments."""
    p = subprocess.run([os.path.join(BUILD, "galsyncctl"), "--help"], check=True,
                       capture_output=True, text=True)
    return p.stdout


def test_verbs_are_completed():
    verbs = [w for w in completed("") if not w.startswith("-")]
    assert verbs and all(verb in usage() for verb in verbs)
    assert completed("res") == ["resync", "resume"]
    assert completed("--json", "--socket", "/x", "stat") == ["status"]
    assert "--json" in completed("--")


@pytest.mark.parametrize("words, offered", [
    (("map", ""), ["lookup", "export", "backup", "check", "rebuild"]),
    (("map", "rebuild", ""), ["--plan"]), (("map", "backup", "--"), ["--force"]), (("resync", "--"), ["--object"]),
    (("resync", "acme-globex", "--o"), ["--object"]), (("wave", "ca"), ["cancel"]),
    (("list", "--state", "w"), ["waiting"]), (("proxy-toggle", "--s"), ["--sweep"]),
    (("status", ""), [])])
def test_words_behind_a_verb(words, offered):
    assert completed(*words) == offered


@pytest.mark.parametrize("words, offered", [
    (("--do",), ["--doctor"]), (("--doctor", "--l"), ["--link"]), (("--once", "--p"), ["--plan"]),
    (("-T", "--r"), ["--rights"]), (("--once", "--link", ""), [])])
def test_options_of_galsyncd(words, offered):
    assert completed(*words, program="galsyncd") == offered


def test_files_are_completed(tmp_path):
    (tmp_path / "galsync.conf").write_text("")
    assert completed("--config", f"{tmp_path}/gal") == [f"{tmp_path}/galsync.conf"]
    (tmp_path / "state").mkdir()
    assert completed("--state-directory", f"{tmp_path}/") == [f"{tmp_path}/state"]
