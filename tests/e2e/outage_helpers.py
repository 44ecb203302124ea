# SPDX-License-Identifier: MIT
"""What the tests of outages share: relays, a daemon that goes through them, and what must be true
when everything works again."""

import collections
import contextlib
import os
import signal
import subprocess
import sys
import uuid

from conftest import BUILD, wait_for
from galsynclab.lab import ACME, GLOBEX, TARGET_OU
from test_120_daemon import STAMP, Daemon

RELAY = os.path.join(os.path.dirname(os.path.realpath(__file__)), "relay.py")
FAILS, WORKS = "tried again until it works", "works again"
QUICK = "connect_timeout_ms = 400; timeout_ms = 1000;"
FOREST = {"acme": ACME, "globex": GLOBEX}


class Relay:
    """relay.py in front of a port of a forest's domain controller."""

    def __init__(self, forest, port, to_port):
        self.port = port
        # pylint: disable=consider-using-with
        self.proc = subprocess.Popen(
            [sys.executable, RELAY, forest.address, str(port), str(to_port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.set("pass")

    def set(self, command):
        """The number of connections accepted so far."""
        self.proc.stdin.write(command + "\n")
        self.proc.stdin.flush()
        return int(self.proc.stdout.readline())

    def accepted(self):
        return self.set("count")

    def end(self):
        self.proc.stdin.close()
        self.proc.kill()
        self.proc.wait()


class Watched(Daemon):
    """A daemon whose log is looked at from a mark on."""
    mark = 0

    def __init__(self, lab, conf, env=None):
        super().__init__(lab, conf)
        self.env = env or {}

    @contextlib.contextmanager
    def started(self):
        """Runs until the end of the block; KRB5_CONFIG and the like are its own."""
        lab = self.lab
        with open(lab.log("galsyncd.log"), "ab") as log:
            self.process = subprocess.Popen(
                [os.path.join(BUILD, "galsyncd"), "-c", self.conf, "--socket", self.socket],
                env={**os.environ, **lab.env(), **self.env}, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log)
        try:
            self.wait_idle()
            self.set_mark()
            yield self
            if self.process.poll() is None:
                assert self.end() == 0
        finally:
            if self.process.poll() is None:
                self.end(signal.SIGKILL)

    def set_mark(self):
        self.mark = len(self.log())

    def news(self):
        return self.log()[self.mark:]

    def begin_full(self):
        """Asks for a full synchronization; the answer is not waited for."""
        s = self.connect()
        s.sendall(b'{"verb": "resync"}\n')
        return s

    def wait_failing(self):
        wait_for(lambda: self.link()["failing"] or FAILS in self.news(),
                 "the outage is not noticed", 60)

    def wait_working(self, timeout_s=90):
        """Until the last cycle was complete."""
        done = self.link()["cycles"]
        wait_for(lambda: not self.link()["failing"] and self.link()["cycles"] > done
                 and self.link()["state"] == "idle", "it does not work again", timeout_s)

    def check_lines(self, *, silent=False):
        """One line at the beginning of an outage and one at its end."""
        news = self.news()
        assert news.count(FAILS) == news.count(WORKS) <= (0 if silent else 1), news


def counterpart(lab, dn):
    guid = uuid.UUID(bytes_le=lab.source.read(dn)["objectGUID"][0])
    rows = lab.target.search(f"({STAMP}=galsync:*:{guid})")
    assert len(rows) <= 1, rows
    return rows[0][1] if rows else {}


def wait_titles(lab, dns, title, timeout_s=90):
    wait_for(lambda: all(counterpart(lab, dn).get("title") == [title.encode()] for dn in dns),
             f"not everybody is '{title}' in the target", timeout_s)


def check_same(lab, daemon):
    """Both forests are what an undisturbed synchronization makes of them: read whole, nothing is
    left to be done, nothing is there twice, and nothing is written any more."""
    p = lab.galsyncctl("--socket", daemon.socket, "plan", conf=daemon.conf)
    assert p.stdout.startswith("version: 1") and "changetype" not in p.stdout, p.stdout + p.stderr
    stamps = collections.Counter(
        value for _, attrs in lab.target.search(f"({STAMP}=galsync:*)", [STAMP], TARGET_OU)
        for value in attrs[STAMP])
    assert stamps and set(stamps.values()) == {1}, stamps
    before = lab.source.usn(), lab.target.usn()
    done = daemon.link()["cycles"]
    wait_for(lambda: daemon.link()["cycles"] > done, "no further cycle")
    assert (lab.source.usn(), lab.target.usn()) == before
