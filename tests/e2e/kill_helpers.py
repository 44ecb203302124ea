# SPDX-License-Identifier: MIT
"""SIGKILL at any moment of a switch, an undo or a proxy toggle of some mailboxes: an observer that
looks at both sides all the time, and what must be true after the next start."""

import collections
import contextlib
import json
import os
import random
import re
import select
import signal
import subprocess
import sys
import time
import uuid

import ldap.filter
from conftest import ACME, GLOBEX, Side, TestLab, wait_for

GUARD = "msExchCalendarRepairDisabled"
MARKER = "extensionAttribute14"
GROUP = f"CN=galsync-switched,{ACME.base}"
DUMMY = b"@delete.me"
SIDES = ("source", "target")
KEYS = ("comma", "polish", "turkish", "cyrillic", "apostrophe", "japanese")
ATTRS = ["objectGUID", "mailNickname", "targetAddress", "proxyAddresses", GUARD, MARKER]
VERBS = {"switch": "switch", "undo": "undo-switch", "toggle": "proxy-toggle"}


class Pairs:
    """Some mailboxes, both sides of all of them read by one request each."""

    def __init__(self, lab, guids):
        self.source, self.target, self.guids = Side(lab, ACME), Side(lab, GLOBEX), guids
        self.counterpart = dict(guids)

    @classmethod
    def of_keys(cls, lab, keys=KEYS):
        return cls.of_dns(lab, {lab.special["acme"][k] for k in keys})

    @classmethod
    def of_dns(cls, lab, dns):
        return cls(lab, [(r["source"]["guid"], r["target"]["guid"])
                         for r in lab.records().values() if r["source"]["dn"] in dns])

    @staticmethod
    def _read(side, guids, attrs):
        parts = "".join("(objectGUID=%s)" % ldap.filter.escape_filter_chars(
            uuid.UUID(g).bytes_le.decode("latin-1"), 2) for g in guids)
        return {str(uuid.UUID(bytes_le=e["objectGUID"][0])): {**e, "dn": dn}
                for dn, e in side.search(f"(|{parts})", attrs)}

    def read(self, name, attrs=None):
        return self._read(getattr(self, name),
                          [pair[name == "target"] for pair in self.guids], attrs or ATTRS)


def observe(directory, path):
    """The observer's process: how often it looked goes to PATH, what must not be to PATH.bad."""
    with open(path + ".guids", encoding="ascii") as f:
        pairs = Pairs(TestLab(directory), json.load(f))
    looks = 0
    with open(path, "wb", buffering=0) as count, \
            open(path + ".bad", "w", encoding="utf-8", buffering=1) as bad:
        while True:
            # The source before and after the target: a turn in between is no loop.
            try:
                before, there, after = (pairs.read(s) for s in ("source", "target", "source"))
            except ldap.LDAPError:
                continue
            for s, t in pairs.guids:
                if all("targetAddress" in e for e in (before[s], there[t], after[s])):
                    print("both sides redirect:", before[s]["dn"], file=bad)
                if any(DUMMY in a for a in there[t]["proxyAddresses"]):
                    print("a dummy in the target:", there[t]["dn"], file=bad)
                if any(DUMMY in a and a.startswith(b"SMTP:") for a in after[s]["proxyAddresses"]):
                    print("a primary dummy:", after[s]["dn"], file=bad)
            looks += 1
            os.pwrite(count.fileno(), b"%20d\n" % looks, 0)


class Observer:
    """A process that looks at both sides of PAIRS all the time."""

    def __init__(self, lab, pairs):
        self.path = lab.path("observer")
        with open(self.path + ".guids", "w", encoding="ascii") as f:
            json.dump(pairs.guids, f)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(
            [sys.executable, "-B", os.path.realpath(__file__), lab.dir, self.path],
            stdin=subprocess.DEVNULL)
        wait_for(lambda: self.looks() > 0, "the observer sees nothing")

    def looks(self):
        assert self.process.poll() is None, "the observer has ended"
        with contextlib.suppress(OSError, ValueError), open(self.path, "rb") as f:
            return int(f.read() or 0)
        return 0

    def end(self):
        """What it saw that must not be."""
        self.process.kill()
        self.process.wait()
        with open(self.path + ".bad", encoding="utf-8") as f:
            return f.read().splitlines()


def open_operations(lab):
    """How many the map has: of a dead daemon, what it was at."""
    p = lab.run(["mdb_stat", "-n", "-s", "operation", lab.path("state", "map.mdb")])
    assert p.returncode == 0, p.stderr
    return int(re.search(r"Entries: (\d+)", p.stdout)[1])


class Killer:
    """Samples: an operation is begun, the daemon killed, started and looked at.

    The moment is a random one between the request and its end. How long that takes depends on the
    machine and on what else it does, so the span is measured once and then learned: it shrinks
    when the kill came too late and grows slowly otherwise."""

    def __init__(self, lab, daemon, pairs, seed=None):
        self.lab, self.daemon, self.pairs = lab, daemon, pairs
        lab.finish_mailboxes()
        seed = random.randrange(1 << 32) if seed is None else seed
        print("seed", seed)
        self.dice = random.Random(seed)
        self.span_s, self.count = {}, collections.Counter()
        self.aliases = [e["mailNickname"][0].decode() for e in pairs.read("source").values()]

    def kill_in(self, verb):
        """True if the answer was there before."""
        span = self.span_s[verb]
        late, heard = False, b""
        with self.daemon.request(verb=VERBS[verb], objects=self.aliases) as s:
            end = time.monotonic() + self.dice.uniform(0, span)
            while not late and select.select([s], [], [], max(0, end - time.monotonic()))[0]:
                heard += s.recv(65536)
                late = any(b'"event"' not in line for line in heard.split(b"\n")[:-1])
            self.daemon.end(signal.SIGKILL)
        self.span_s[verb] = span * (0.9 if late else 1.02)
        return late

    def sample(self, verb):
        late = self.kill_in(verb)
        source, target = self.pairs.read("source"), self.pairs.read("target")
        self.count["samples"] += 1
        self.count[verb] += 1
        self.count["late"] += late
        if open_operations(self.lab):
            self.count["open"] += 1
            self.count[f"{verb} open"] += 1
            self.count["neither redirects"] += any(
                "targetAddress" not in source[s] and "targetAddress" not in target[t]
                for s, t in self.pairs.guids)
            self.count["some turned"] += len({"targetAddress" in e for e in source.values()}) > 1
            self.count["a dummy there"] += has_dummy(source)
        self.daemon.start()
        return self.check()

    def check(self):
        """Complete or undone, for all mailboxes alike; the active side."""
        assert open_operations(self.lab) == 0
        source, target = self.pairs.read("source"), self.pairs.read("target")
        members = self.lab.source.read(GROUP, ["member"]).get("member", [])
        records = self.lab.records()
        assert not has_dummy(source) and not has_dummy(target)
        for s, t in self.pairs.guids:
            check_pair(records[s]["active"], records[s]["alias"], source[s], target[t],
                       source[s]["dn"].encode() in members)
        active = {records[s]["active"] for s, _ in self.pairs.guids}
        assert len(active) == 1
        return active.pop()

    def measure(self):
        for verb in ("switch", "undo", "toggle"):
            start = time.monotonic()
            answer = self.daemon.ask(verb=VERBS[verb], objects=self.aliases)
            assert answer["ok"], answer
            self.span_s[verb] = time.monotonic() - start

    def run(self, samples, verbs=("switch", "switch", "toggle")):
        """So many samples: VERBS by chance, and undoes of what is switched. The source is active
        before and afterwards."""
        self.measure()
        active = self.check()
        for _ in range(samples):
            active = self.sample("undo" if active == "target" else self.dice.choice(verbs))
        if active == "target":
            answer = self.daemon.ask(verb="undo-switch", objects=self.aliases)
            assert answer["ok"], answer
        assert self.check() == "source"
        print(", ".join(f"{name} {n}" for name, n in sorted(self.count.items())))


def has_dummy(entries):
    return any(DUMMY in a for e in entries.values() for a in e["proxyAddresses"])


def check_pair(active, alias, source, target, member):
    there, back = (f"SMTP:{alias}@redirect.{f}.example".encode() for f in ("globex", "acme"))
    if active == "target":
        assert source["targetAddress"] == [there] and "targetAddress" not in target
        assert source[MARKER][0].startswith(b"galsync:switched:2")
        assert source[GUARD] == [b"TRUE"] and target.get(GUARD, [b"FALSE"]) == [b"FALSE"]
        assert member
    else:
        assert target["targetAddress"] == [back] and "targetAddress" not in source
        assert MARKER not in source and GUARD not in source
        assert target[GUARD] == [b"TRUE"]
        assert not member


if __name__ == "__main__":
    observe(*sys.argv[1:])
