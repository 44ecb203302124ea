# SPDX-License-Identifier: MIT
"""One random life from its beginning to two directories that agree (walk_helpers.py)."""

import contextlib
import json
import signal
import time

import ldap
from conftest import patient, wait_for
from galsynclab.lab import GLOBEX, TARGET_OU
from test_120_daemon import Daemon
from walk_checker import REDIRECT, View, disagreements, in_domain, is_address, is_smtp, is_x500, loops
from walk_hands import Hands
from walk_helpers import AWAY, BASE, OUS, OUTSIDE

SETTLE_S = 30
HOME = {"homeMDB": GLOBEX.databases[0], "msExchHomeServerName": GLOBEX.home_server}


class Commands(Hands):
    """What operators do beside it, and what becomes of the daemon."""

    daemon = None

    def ask(self, what, **request):
        """The answer is noted; what is refused is refused."""
        if self.daemon.process.poll() is not None:
            return
        answer = self.daemon.ask(**request)
        if "results" in answer:
            said = [r.get("text") or r.get("state") or r for r in answer["results"]]
        else:
            said = answer.get("error", "")
        self.note(f"{what}: {'ok' if answer['ok'] else 'not ok'} {str(said)[:160]}")

    def pause(self):
        self.ask("pause", verb="pause")

    def resume(self):
        self.ask("resume", verb="resume")

    def command_switch(self, _w=6):
        t, finish = self.pick("user"), self.dice.random() < 0.9
        if t:
            if finish:
                with contextlib.suppress(ldap.LDAPError):
                    self.lab.finish_mailboxes()
            self.ask(f"switch {self.read(t[0])[0]}", verb="switch", objects=[t[0].guid])

    def command_undo(self, _w=6):
        t = self.pick("user")
        if t:
            self.ask(f"undo-switch {self.read(t[0])[0]}", verb="undo-switch", objects=[t[0].guid])

    def command_toggle(self, _w=3):
        t = self.pick("user")
        if t:
            self.ask(f"proxy-toggle {self.read(t[0])[0]}", verb="proxy-toggle", objects=[t[0].guid])

    def command_resync_one(self, _w=6):
        t = self.pick()
        if t:
            self.ask(f"resync {self.read(t[0])[0]}", verb="resync", object=t[0].guid)

    def command_resync(self, _w=1):
        self.ask("resync", verb="resync")

    def command_wait(self, _w=6):
        self.note("wait until idle")
        self.daemon.wait_idle()

    def command_burst(self, _w=5):
        """Some changes in one delta."""
        n = self.dice.randrange(2, 8)
        with self.burst(True):
            for _ in range(n):
                self.change()

    def command_kill(self, _w=3):
        """At whatever it is doing; some changes pass while it is dead."""
        n = self.dice.choice((0, 0, 1, 3))
        self.note("kill")
        self.daemon.end(signal.SIGKILL)
        for _ in range(n):
            self.change()
        self.daemon.start()
        self.note("started again")

    def change(self):
        """One of them, by its weight; how many were made is in self.made."""
        name = self.draw("do_")
        self.made += 1
        getattr(self, name)()

    def draw(self, prefix):
        if prefix not in self.weights:
            found = sorted(n for n in dir(self) if n.startswith(prefix))
            self.weights[prefix] = found, [getattr(self, n).__defaults__[0] for n in found]
        return self.dice.choices(*self.weights[prefix])[0]


class Repairs(Commands):
    """What nobody could agree about is taken away, by what the directories say."""

    def repair_source(self):
        """One primary address, one holder of each address, nothing malformed; in-scope objects go
        before others, and before those what the other side's mailbox in use has for an object.
        Redirections to a third place are ended."""
        view, rules = View(self.lab), self.variant.rules()
        wanted = {v for o in view.source if rules.in_scope(o) for v in o.held()}
        seen = {v: t.stamped for t in view.target for v in t.held() - wanted
                if t.stamp_side == "target" and t.stamped in view.by_guid
                and rules.in_scope(view.by_guid[t.stamped])}
        mine = [o for o in view.source if o.dn.endswith(("," + BASE, "," + OUTSIDE))]
        for o in sorted(mine, key=lambda o: (not rules.in_scope(o), o.guid)):
            self.repair_one(o, seen, rules.in_scope(o))

    def repair_one(self, o, seen, in_scope):
        own = self.place.own_addresses(o.attrs)
        drop = [v for v in own if not is_address(v)]
        primaries = sorted(v for v in own if v[:5] == b"SMTP:" and is_address(v))
        sips = sorted(v for v in own if v[:4] == b"sip:" and is_address(v))
        wrong = drop + primaries[1:] + sips[1:]
        mine = set()
        for v in own:
            key = v.lower()
            if (is_smtp(v) or is_x500(v)) and v not in wrong:
                if seen.get(key, o.guid) != o.guid or key in mine or \
                        key[5:] == (o.one("legacyExchangeDN") or b"").lower():
                    wrong.append(v)
                seen.setdefault(key, o.guid)
                mine.add(key)
        add = []
        if o.all("proxyAddresses") and (not primaries or primaries[0] in wrong):
            add = [f"SMTP:r{self.next()}@{self.place.forest.domain}".encode()]
        primary = add[0] if add else primaries[0] if primaries else None
        mods = []
        if wrong or add:
            right = [v for v in o.all("proxyAddresses") if v not in wrong] + add
            mods.append((ldap.MOD_REPLACE, "proxyAddresses", right))
        if primary and o.all("mail") != [primary[5:]]:
            mods.append((ldap.MOD_REPLACE, "mail", [primary[5:]]))
        # Of what is out of scope nothing is written: it redirects to itself until that is ended.
        to, domains = o.one("targetAddress"), self.place.redirects[not in_scope:]
        if to and o.has_mailbox and not any(in_domain(to, d) for d in domains):
            mods.append((ldap.MOD_REPLACE, "targetAddress", None))
        if mods:
            self.attempt(f"repair {o.dn}: {mods}", self.lab.source.change, o.dn, *mods)

    def repair_target(self):
        """Redirections to a third place are ended, purged mailboxes restored, and what galsync may not
        touch, because it is finished or others own it, makes room for those who have its addresses
        now."""
        view, rules = View(self.lab), self.variant.rules()
        wanted = {v for o in view.source if rules.in_scope(o) for v in o.held()}
        for t in view.target:
            s = view.by_guid.get(t.stamped)
            to = t.one("targetAddress")
            if not t.stamped:
                if t.dn.endswith("," + TARGET_OU) and wanted & t.held():
                    self.attempt(f"repair {t.dn}: delete it", self.lab.target.delete, t.dn)
                continue
            in_use, left = t.stamp_side == "target", not (s and rules.in_scope(s))
            away = to and t.has_mailbox and not any(in_domain(to, d) for d in REDIRECT.values())
            # Nothing is written to what has left.
            if away or left and (t.leads_to("target") or in_use and t.leads_to("source")):
                self.attempt(f"repair {t.dn}: targetAddress", self.lab.target.modify, t.dn,
                             targetAddress=None)
            if in_use and t.kind == "user" and not (t.has_mailbox and t.has_primary):
                self.connect_mailbox(t)
            if left and (in_use or not t.created) and wanted & t.held():
                self.attempt(f"repair {t.dn}: delete what has left", self.lab.target.delete, t.dn)
            elif in_use and s:
                self.repair_in_use(t, wanted - s.held())

    def connect_mailbox(self, t):
        """As Connect-Mailbox does: what an address list needs is new."""
        n, attrs = self.next(), {} if t.has_mailbox else dict(HOME)
        address = f"hand.r{n}@old.globex.example"
        if not t.all("legacyExchangeDN"):
            attrs.update(legacyExchangeDN=f"/o=Globex/cn=Recipients/cn=r{n}", mailNickname=f"r{n}")
        if not t.has_primary:
            attrs.update(proxyAddresses=[*t.all("proxyAddresses"), f"SMTP:{address}".encode()],
                         mail=address)
        self.attempt(f"repair {t.dn}: mailbox", self.lab.target.modify, t.dn, **attrs)

    def repair_in_use(self, t, wanted):
        """What is in use keeps its addresses, until an administrator gives them to the others that
        have them in the source."""
        lost = [v for v in t.all("proxyAddresses") if v.lower() in wanted]
        if not lost:
            return
        mods = [(ldap.MOD_DELETE, "proxyAddresses", lost)]
        if any(v[:5] == b"SMTP:" for v in lost):
            new = f"hand.r{self.next()}@old.globex.example".encode()
            mods += [(ldap.MOD_ADD, "proxyAddresses", [b"SMTP:" + new]),
                     (ldap.MOD_REPLACE, "mail", [new])]
        self.attempt(f"repair {t.dn}: -{lost}", self.lab.target.change, t.dn, *mods)


class Life(Repairs):
    """The walk of one seed: CHANGES changes, and a look at both sides after each EVERY."""

    def __init__(self, lab, seed, changes, every=50):
        super().__init__(lab, seed)
        self.seed, self.changes, self.every = seed, changes, every
        self.made, self.weights, self.conf = 0, {}, None
        self.note(f"seed {seed}, {changes} changes: {self.variant}")

    def prepare(self):
        self.lab.reset()
        for dn in (*OUS, OUTSIDE):
            self.lab.source.add(dn, objectClass="organizationalUnit")
        self.lab.target.add(AWAY, objectClass="organizationalUnit")
        self.conf = self.lab.write_conf(self.variant.conf_text(self.lab))
        for kind in ("user",) * 8 + ("contact",) * 2 + ("group",) * 2:
            self.create(kind, self.identity(kind), self.dice.choice(OUS))

    def live(self):
        self.daemon = Daemon(self.lab, self.conf)
        try:
            self.daemon.start()
            while self.made < self.changes:
                goal = min(self.made + self.every, self.changes)
                while self.made < goal:
                    self.step()
                self.settle()
            assert self.daemon.end() == 0, self.story("the daemon did not end well")
        finally:
            if self.daemon.process and self.daemon.process.poll() is None:
                self.daemon.end(signal.SIGKILL)

    def step(self):
        if self.dice.random() < 0.2:
            getattr(self, self.draw("command_"))()
        else:
            self.change()
        found = loops(self.lab, self.hand) if self.made % 5 == 0 else []
        assert not found, self.story(f"both sides redirect: {found}")

    # ---- both sides agree ----

    def settle(self):
        self.note("-- repair")
        self.daemon.wait_idle()
        self.repair_source()
        self.repair_target()
        self.note("-- settle")
        deadline, begun = time.monotonic() + patient(SETTLE_S), time.monotonic()
        while True:
            found = self.disagreements()
            if not found:
                break
            self.log("\n".join(found))
            assert time.monotonic() < deadline, self.story("\n".join(found))
            if not self.tell_again():
                time.sleep(0.1)
        self.hand.clear()
        self.note(f"-- agreed after {time.monotonic() - begun:.1f} s, {self.made} changes")

    def tell_again(self):
        """What was finished, or purged, while the last repair ran."""
        before = len(self.history)
        self.repair_target()
        return len(self.history) > before

    def disagreements(self):
        """After a cycle that began behind the last change."""
        done = self.daemon.wait_idle()["cycles"]
        wait_for(lambda: self.daemon.link()["cycles"] > done + 1, "no further cycle")
        self.daemon.wait_idle()
        found = self.compare()
        if found:
            return found
        for verb in ("status", "verify"):
            p = self.ctl(verb)
            if p.returncode:
                return [f"galsyncctl {verb}: {p.returncode}", p.stdout, p.stderr]
        return []

    def compare(self):
        return disagreements(self.lab, self.variant.rules())

    def ctl(self, *argv):
        return self.lab.galsyncctl("--socket", self.daemon.socket, *argv, conf=self.conf)

    def idle_afterwards(self):
        """A full synchronization finds nothing to write."""
        before = self.lab.source.usn(), self.lab.target.usn()
        p = self.lab.galsyncd("--once", "--full", conf=self.conf)
        after = self.lab.source.usn(), self.lab.target.usn()
        assert p.returncode == 0 and before == after, self.story(
            f"a full synchronization: status {p.returncode}, USNs {before}, then {after}\n"
            f"{p.stdout}{p.stderr}")

    def story(self, what):
        """All that is needed to run it again."""
        parts = [f"GALSYNC_WALK_SEED={self.seed} GALSYNC_WALK_CHANGES={self.changes}", *self.history,
                 "", what]
        with contextlib.suppress(OSError, AssertionError, json.JSONDecodeError):
            parts += [self.ctl(*verb.split()).stdout for verb in
                      ("conflicts", "list --state error", "list --held", "status")]
        said = [line for line in self.daemon.log().splitlines() if ": connected to " not in line]
        parts += ["", "the end of the daemon's log:", *said[-400:]]
        return "\n".join(parts)


def walk(lab, seed, changes, every=50, kind=Life):
    """Fails with the seed, the history and what the two sides disagree about."""
    life = kind(lab, seed, changes, every)
    life.prepare()
    life.live()
    life.idle_afterwards()
    print(f"seed {seed}: {life.made} changes, {life.variant}, {time.monotonic() - life.begun:.0f} s")
