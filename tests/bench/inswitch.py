# SPDX-License-Identifier: MIT
"""The part `switch` of what inlab.py measures: many mailboxes switched at once, and all verified.

A galsyncd at rest is asked to switch them, and its time ends with its answer: both sides were read
and checked, each step was journaled, both changes were made in their order, and both sides were
read again. The same as a wave has the result of each mailbox in the map besides. The floor is the bare modifies of the same switch, those of each side pipelined over one
connection, both sides at once, without reading anything and without any order between the sides.
"""

import json
import re
import time

import ldap

from galsynclab.lab import ACME, GLOBEX
import measure
from measure import BenchError
import indelta

MAILBOXES = 1000
WINDOW = "64"
WAVE_REQUEST = 500      # mailboxes in one request
ATTRS = ["targetAddress", "extensionAttribute14", "msExchCalendarRepairDisabled"]


def _state(conn, dns):
    rows = [conn.search_s(dn, ldap.SCOPE_BASE, "(objectClass=*)", ATTRS)[0][1] for dn in dns]
    return [{a: row.get(a, []) for a in ATTRS} for row in rows]


def _ldif(path, dns, old, new):
    """What leads from OLD to NEW, a record for each object."""
    with open(path, "w", encoding="utf-8") as out:
        out.write("version: 1\n\n")
        for dn, before, after in zip(dns, old, new):
            out.write(f"dn:: {measure.base64_of(dn)}\nchangetype: modify\n")
            for attr in ATTRS:
                for op, values in (("delete", before[attr]), ("add", after[attr])):
                    if before[attr] != after[attr] and values:
                        out.write(f"{op}: {attr}\n{attr}: {values[0].decode()}\n-\n")
            out.write("\n")
    return path


class Switch:
    def __init__(self, b, pairs):
        self.b, self.both = b, indelta.Forests()
        self.env = {f: b.login(f) for f in (ACME, GLOBEX)}
        self.take(pairs)

    def take(self, pairs):
        self.guids = [p.source_guid for p in pairs]
        self.sides = {ACME: (self.both.source, [p.source_dn for p in pairs]),
                      GLOBEX: (self.both.target, [p.target_dn for p in pairs])}

    def leave_out(self, daemon, pairs):
        """An object that cannot be switched, because it has no mailbox."""
        found = []
        for i in range(0, len(pairs), MAILBOXES):
            guids = [p.source_guid for p in pairs[i:i + MAILBOXES]]
            answer = daemon.ask(whole=False, verb="switch", objects=guids, force=True)
            done = {r["guid"] for r in answer["results"] if r["ok"]}
            daemon.ask(verb="undo-switch", objects=sorted(done))
            found += [p for p in pairs[i:i + MAILBOXES] if p.source_guid in done]
            if len(found) >= MAILBOXES:
                break
        self.take(found[:MAILBOXES])

    def turn(self, daemon, verb):
        start = time.monotonic()
        # Nobody runs Update-Recipient here.
        force = {"force": True} if verb == "switch" else {}
        answer = daemon.ask(verb=verb, objects=self.guids, **force)
        seconds = time.monotonic() - start
        failed = [r for r in answer["results"] if not r["ok"]]
        if failed or len(answer["results"]) != len(self.guids):
            raise BenchError(f"{verb}: {len(failed)} failed, first: {failed[:1]}")
        return seconds

    def wave(self, daemon):
        """The same as a wave that is due now, from its planning to its end as the map tells it."""
        with daemon.connect() as (connection, lines):
            def ask(**request):
                connection.sendall((json.dumps(request) + "\n").encode())
                answer = json.loads(next(lines))
                if not answer["ok"] or answer.get("problems"):
                    raise BenchError(f"{request['verb']}: {answer}")
                return answer
            for i in range(0, len(self.guids), WAVE_REQUEST):
                ask(verb="wave-add", objects=self.guids[i:i + WAVE_REQUEST])
            start = time.monotonic()
            number = ask(verb="wave-plan", force=True)["wave"]
        now = indelta.wait_for(lambda: (w := self._wave(daemon, number))["state"] == "done" and w,
                               "the wave does not end")
        seconds = time.monotonic() - start
        if now["done"] != len(self.guids):
            raise BenchError(f"wave: {now['done']} of {len(self.guids)} switched")
        return seconds

    def _wave(self, daemon, number):
        return json.loads(measure.run(
            [self.b.tool("galsyncctl"), "-c", daemon.conf, "--json", "wave", "show", str(number)],
            keep=True, log=self.b.log).text)

    def state(self):
        return {f: _state(conn, dns) for f, (conn, dns) in self.sides.items()}

    def _write(self, f, file):
        text = measure.run([self.b.tool("bench/writer"), f.uri, file, WINDOW], keep=True,
                           env=self.env[f], log=self.b.log).text
        made, seconds = re.search(r"(\d+) changes.* ([\d.]+) without the bind", text).groups()
        if int(made) != len(self.guids):
            raise BenchError(f"{made} of {len(self.guids)} changes were made in {f.name}")
        return float(seconds)

    def bare(self, old, new):
        """Seconds of the same modifies, and nothing else."""
        files = {f: _ldif(self.b.path(f"{f.name}-switch.ldif"), dns, old[f], new[f])
                 for f, (_, dns) in self.sides.items()}
        _, seconds = measure.side_by_side(
            *[lambda f=f: self._write(f, files[f]) for f in (ACME, GLOBEX)])
        return max(seconds)


def _waves(b, s, daemon, rounds, result):
    for _ in range(rounds):
        daemon.ask(verb="resume")
        daemon.wait_idle()
        result["wave"].append(s.wave(daemon))
        daemon.ask(verb="pause")
        daemon.wait_state("paused")
        s.turn(daemon, "undo-switch")
        b.say(f"wave of {len(s.guids)} mailboxes: {result['wave'][-1]:.2f} s; load {measure.load()}")


def _verify(b, daemon, rounds, result):
    """All correspondences, beside reading both sides."""
    for _ in range(rounds):
        start = time.monotonic()
        answer = daemon.ask(verb="verify")
        result["verify"].append(time.monotonic() - start)
        result["read"].append(b.read_both()[0])
    result["verified"] = answer["summary"]["checked"]
    b.say(f"verify of {result['verified']} correspondences: {result['verify'][-1]:.2f} s, reads "
          f"{result['read'][-1]:.2f} s; load {measure.load()}")


def measure_switch(b, rounds):
    """Of two forests that galsyncd has synchronized."""
    b.galsyncd(full=False)
    pairs = indelta.all_pairs(b)
    s = Switch(b, pairs)
    rounds = max(rounds, 3)
    result = {"switch": [], "undo": [], "bare": [], "wave": [], "verify": [], "read": []}
    with indelta.Daemon(b, indelta.LONG_S) as daemon:
        daemon.ask(verb="pause")
        daemon.wait_state("paused")
        s.leave_out(daemon, pairs)
        result["mailboxes"] = len(s.guids)
        before = s.state()
        _verify(b, daemon, rounds, result)
        for _ in range(rounds):
            result["switch"].append(s.turn(daemon, "switch"))
            after = s.state()
            result["undo"].append(s.turn(daemon, "undo-switch"))
            result["bare"].append(s.bare(before, after))
            s.bare(after, before)
            b.say(f"{len(s.guids)} mailboxes: switch {result['switch'][-1]:.2f} s, undo "
                  f"{result['undo'][-1]:.2f} s, bare modifies {result['bare'][-1]:.2f} s; "
                  f"load {measure.load()}")
        _waves(b, s, daemon, rounds, result)
    return result
