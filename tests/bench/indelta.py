# SPDX-License-Identifier: MIT
"""The part `delta` of what inlab.py measures: a galsyncd that runs, and what it makes of changes.

A change is one attribute of one user. Its time begins just before the write is sent to the source
and ends when a read of the counterpart shows it; the counterpart is read every two milliseconds.
Three ways for the daemon to hear of a change:

  told    written over LDAP: Samba notifies at once, because one process serves all connections
  late    written into the database by another process, as another worker of a Samba with several
          would: Samba looks for that every five seconds, and notifies then
  polled  written the same way, with interval_s = 1: the interval is shorter than Samba's, though
          now and then Samba is first

Samba's notification of the same change is taken by a search of our own that waits for it, of that
one object, so that it costs the server next to nothing.
"""

import collections
import contextlib
import json
import os
import random
import re
import socket
import subprocess
import time
import uuid

import ldap
import ldap.controls

from galsynclab import forests
from galsynclab.lab import ACME, GLOBEX
import measure
from measure import BenchError

NOTIFICATION = ldap.controls.RequestControl("1.2.840.113556.1.4.528", True)
FEED_ATTRS = ["isDeleted", "name", "parentGUID", "objectGUID"]
STEP_S = 0.002
DEADLINE_S = 120
POLLS = 50          # of the floor, and as many modifies
EMPTY_CYCLES = 20
DELTAS = 10         # at least
CHANGES = {"told": 50, "late": 15, "polled": 50}
LONG_S, SHORT_S = 60, 1     # interval_s
# Before each change, at random: over the period of the side that looks, so that it comes at any time.
PAUSE_S = {"told": 0.5, "late": 5, "polled": 1}

Pair = collections.namedtuple("Pair", "source_dn source_guid target_dn target_guid")


def wait_for(predicate, what):
    deadline = time.monotonic() + DEADLINE_S
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise BenchError(f"{what}: not within {DEADLINE_S} s")
        time.sleep(0.01)


# The daemon

class Daemon:
    """A galsyncd that runs until the end of a `with`."""

    def __init__(self, b, interval_s):
        self.b, self.process = b, None
        self.socket = b.path("control.sock")
        self.conf = b.make_conf(f"every-{interval_s}.conf", interval_s=interval_s)

    def __enter__(self):
        with open(self.b.log, "ab") as log:
            # pylint: disable=consider-using-with
            self.process = subprocess.Popen(
                [self.b.tool("galsyncd"), "-c", self.conf, "--socket", self.socket],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.wait_idle()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    @contextlib.contextmanager
    def connect(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(DEADLINE_S)
            s.connect(self.socket)
            yield s, s.makefile()

    def ask(self, *, whole=True, **request):
        """The answer; WHOLE: none of it may have failed."""
        with self.connect() as (s, lines):
            s.sendall((json.dumps(request) + "\n").encode())
            for line in lines:
                answer = json.loads(line)
                if "event" not in answer:
                    if whole and not answer["ok"]:
                        raise BenchError(f"galsyncd: {request['verb']}: {answer['error']}")
                    return answer
        raise BenchError(f"galsyncd: {request['verb']}: no answer")

    def link(self):
        return self.ask(verb="status")["links"][0]

    def wait_state(self, state):
        def reached():
            if self.process.poll() is not None:
                raise BenchError(f"galsyncd ended; see {self.b.log}")
            with contextlib.suppress(OSError):
                link = self.link()
                return link["state"] == state and link["cycles"] > 0
            return False
        wait_for(reached, f"galsyncd is not {state}")

    def wait_idle(self):
        self.wait_state("idle")

    def empty_cycles(self, n):
        """Seconds of N cycles that find nothing to do, as a watcher sees it."""
        found, began, before = [], None, None
        with self.connect() as (s, lines):
            s.sendall(b'{"verb": "watch"}\n')
            for line in lines:
                now, event = time.monotonic(), json.loads(line)
                if event.get("event") != "state":
                    continue
                link = event["links"][0]
                if link["state"] == "running":
                    began = began or now
                elif began and before is not None and link["cycles"] == before + 1:
                    if link["last"]["read_source"] + link["last"]["read_target"] == 0:
                        found.append(now - began)
                if link["state"] != "running":
                    began, before = None, link["cycles"]
                if len(found) == n:
                    return found
        raise BenchError("galsyncd ended while it was watched")


# The directories

def _connect(f):
    """As administrator: the service account may not write what it reads."""
    c = ldap.initialize(f"ldaps://{f.host}")
    c.set_option(ldap.OPT_REFERRALS, 0)
    c.set_option(ldap.OPT_X_TLS_CACERTFILE, os.environ["LDAPTLS_CACERT"])
    c.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
    with open(os.environ[f"{f.netbios}_ADMIN_PASSWORD_FILE"], encoding="ascii") as password:
        c.simple_bind_s(os.environ[f"{f.netbios}_ADMIN"], password.read())
    return c


class Forests:
    def __init__(self):
        self.source, self.target = _connect(ACME), _connect(GLOBEX)
        self.sam = forests.open_sam(ACME)

    def write(self, dn, title):
        self.source.modify_s(dn, [(ldap.MOD_REPLACE, "title", [title.encode()])])

    def write_beside(self, dn, title):
        """Past the server."""
        self.sam.modify_ldif(
            f"dn:: {measure.base64_of(dn)}\nchangetype: modify\nreplace: title\ntitle: {title}\n")

    @staticmethod
    def write_many(conn, dns, title):
        """And waits until the server is at rest again: it looks for clients to notify."""
        for msgid in [conn.modify(dn, [(ldap.MOD_REPLACE, "title", [title.encode()])])
                      for dn in dns]:
            conn.result(msgid)
        for _ in range(3):
            conn.search_s("", ldap.SCOPE_BASE, "(objectClass=*)", ["highestCommittedUSN"])

    def shows(self, dn, title):
        rows = self.target.search_s(dn, ldap.SCOPE_BASE, "(objectClass=*)", ["title"])
        return rows[0][1].get("title") == [title.encode()]

    def listen(self, dn):
        msgid = self.source.search_ext(dn, ldap.SCOPE_BASE, "(objectClass=*)", ["objectGUID"],
                                       serverctrls=[NOTIFICATION])
        # With this answer the server has begun to listen.
        self.source.search_s("", ldap.SCOPE_BASE, "(objectClass=*)", ["highestCommittedUSN"])
        return msgid

    def heard(self, msgid):
        return bool(self.source.result3(msgid, all=0, timeout=0)[1])

    def time_of(self, pair, title, write, pause_s):
        """Seconds until the change is in the target, and until Samba notified, or None if it had
        not until then. Samba counts its seconds anew from our wish to be notified, therefore the
        pause is behind it."""
        msgid, told = self.listen(pair.source_dn), None
        time.sleep(pause_s)
        start = time.monotonic()
        write(pair.source_dn, title)
        while not self.shows(pair.target_dn, title):
            now = time.monotonic()
            if told is None and self.heard(msgid):
                told = now - start
            if now - start > DEADLINE_S:
                raise BenchError(f"a change is not in the target after {DEADLINE_S} s")
            time.sleep(STEP_S)
        seconds = time.monotonic() - start
        self.source.abandon(msgid)
        return seconds, told


def all_pairs(b):
    """Users that galsyncd made, in no order that means anything."""
    text = measure.run([b.tool("galsyncctl"), "-c", b.conf, "--json", "map", "export"], keep=True,
                       log=b.log).text
    found = [Pair(r["source"]["dn"], r["source"]["guid"], r["target"]["dn"], r["target"]["guid"])
             for r in json.loads(text)
             if r["kind"] == "user" and r["created"] and r["state"] != "left"]
    random.Random(1).shuffle(found)
    return found


# The floor

def _ldif(b, dns, old, new):
    """The changes as galsyncd makes them."""
    with open(b.path("titles.ldif"), "w", encoding="utf-8") as out:
        out.write("version: 1\n\n")
        for dn in dns:
            out.write(f"dn:: {measure.base64_of(dn)}\nchangetype: modify\ndelete: title\n"
                      f"title: {old}\n-\nadd: title\ntitle: {new}\n-\n\n")
    return b.path("titles.ldif")


class Floor:
    def __init__(self, b):
        self.b = b
        self.env = {f: b.login(f) for f in (ACME, GLOBEX)}

    def _poll(self, f, *argv):
        return measure.run([self.b.tool("bench/poll"), f.uri, f.base, *argv], keep=True,
                           env=self.env[f], log=self.b.log).text

    def _read(self, f, what, file, attrs, n):
        text = self._poll(f, what, file, *attrs)
        found, seconds = re.match(r"(\d+) objects, ([\d.]+) seconds", text).groups()
        if int(found) != n:
            raise BenchError(f"{found} objects of {f.name} read, {n} changed")
        return float(seconds)

    def write(self, file, window):
        text = measure.run([self.b.tool("bench/writer"), GLOBEX.uri, file, str(window)], keep=True,
                           env=self.env[GLOBEX], log=self.b.log).text
        return float(re.search(r"([\d.]+) without the bind", text).group(1))

    def empty_polls(self):
        attrs = self.b.attrs[ACME.name] + FEED_ATTRS
        return [float(x) for x in self._poll(ACME, "empty", str(POLLS), *attrs).split()]

    def one_modify(self, both, pairs):
        """Seconds of one, of many that wait for each other."""
        dns = [p.target_dn for p in pairs[:POLLS]]
        both.write_many(both.target, dns, "Before")
        return self.write(_ldif(self.b, dns, "Before", "After"), 1) / len(dns)

    def take_cookie(self):
        self._poll(ACME, "cookie", self.b.path("cookie"))

    def read(self, pairs):
        """Who changed in the source since the cookie, and these objects of both sides."""
        guids = self.b.path("guids")
        with open(guids, "w", encoding="ascii") as out:
            out.writelines(f"{uuid.UUID(p.target_guid).bytes_le.hex()}\n" for p in pairs)
        return (self._read(ACME, "changed", self.b.path("cookie"),
                           self.b.attrs[ACME.name] + FEED_ATTRS, len(pairs))
                + self._read(GLOBEX, "read", guids, self.b.attrs[GLOBEX.name], len(pairs)))


# What is measured

def _latencies(daemon, both, pairs, way, say):
    write = both.write if way == "told" else both.write_beside
    numbers = random.Random(2)
    seen, told = [], []
    for i in range(CHANGES[way]):
        daemon.wait_idle()
        seconds, notified = both.time_of(pairs[i % len(pairs)], f"{way} {i}", write,
                                         numbers.uniform(0, PAUSE_S[way]))
        seen.append(seconds)
        told.append(notified)
    say(f"{way}: median {sorted(seen)[len(seen) // 2]:.3f} s, most {max(seen):.3f} s; "
        f"load {measure.load()}")
    return {"seen": seen, "told": told}


def _settle(daemon, guid):
    """Until nothing is left to do but to look at the one object."""
    def settled():
        return daemon.ask(verb="resync", object=guid)["summary"]["changes"] == 0
    wait_for(settled, "galsyncd does not come to rest")
    if not settled():
        raise BenchError("galsyncd does not come to rest")


def _one_percent(b, daemon, both, floor, pairs, number):
    """The daemon rests and is asked for one cycle, so that its connections are there as always. Who
    reads first after the change finds the server's caches colder: that is each in its turn."""
    title = f"One in a hundred {number}"
    reads = None
    _settle(daemon, pairs[0].source_guid)
    floor.take_cookie()
    both.write_many(both.source, [p.source_dn for p in pairs], title)
    if number % 2:
        reads = floor.read(pairs)
    start = time.monotonic()
    summary = daemon.ask(verb="resync", object=pairs[0].source_guid)["summary"]
    seconds = time.monotonic() - start
    if summary["changes"] != len(pairs) or summary["kind"] != "delta":
        raise BenchError(f"a delta of {len(pairs)} changes: {summary}")
    _settle(daemon, pairs[0].source_guid)
    reads = reads or floor.read(pairs)
    writes = floor.write(_ldif(b, [p.target_dn for p in pairs], title, "Floor"), 64)
    b.say(f"delta of {len(pairs)}: {seconds:.3f} s ({summary['phase_ms']}), floor: reads "
          f"{reads:.3f} s, writes {writes:.3f} s; load {measure.load()}")
    return seconds, reads + writes


def measure_delta(b, rounds, users):
    """Of two forests that galsyncd has synchronized."""
    b.galsyncd(full=False)
    pairs = all_pairs(b)
    both, floor = Forests(), Floor(b)
    result = {"polls": floor.empty_polls(), "modify": floor.one_modify(both, pairs)}
    b.galsyncd(full=False)
    with Daemon(b, LONG_S) as daemon:
        for way in ("told", "late"):
            result[way] = _latencies(daemon, both, pairs, way, b.say)
    with Daemon(b, SHORT_S) as daemon:
        result["polled"] = _latencies(daemon, both, pairs, "polled", b.say)
        result["empty"] = daemon.empty_cycles(EMPTY_CYCLES)
    with Daemon(b, LONG_S) as daemon:
        daemon.ask(verb="pause")
        daemon.wait_state("paused")
        few = pairs[:max(users // 100, 1)]
        found = [_one_percent(b, daemon, both, floor, few, i) for i in range(max(rounds, DELTAS))]
    result["percent"] = {"objects": len(few), "delta": [d for d, _ in found],
                         "floor": [f for _, f in found]}
    return result
