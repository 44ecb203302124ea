# SPDX-License-Identifier: MIT
"""People whose mailboxes move and their groups, mail to all of them that flows all the time, and
what must become of it.

Every message has an id; where it landed is read from the maildirs of both organizations. A message
that was under way during a turn may land on either side, every other one in the mailbox that was
in use all the time from before it was sent until it landed; and each exactly once.
"""

import collections
import contextlib
import dataclasses
import itertools
import multiprocessing
import os
import time

import ldap
from conftest import ACME, GLOBEX, wait_for
from galsynclab.mail import Mail
from galsynclab.postfix import MEMBER_OF, OUTSIDE, wrapped
from kill_helpers import SIDES
from test_120_daemon import counterpart

# Created accounts, one with old addresses; matched ones, the last one with a mailbox of its own.
MOVING = ("mailbox", "worker", "comma", "mail-match", "sam-match", "proxy-match")


def smtp_addresses(entry):
    return {a[5:].decode() for a in entry.get("proxyAddresses", [])
            if a.lower().startswith(b"smtp:")}


def old_replies(entry):
    """Where old replies go to: by the name that its mailbox has, and all that were its names."""
    names = entry["legacyExchangeDN"] + [a[5:] for a in entry["proxyAddresses"]
                                         if a.lower().startswith(b"x500:")]
    return {wrapped(n.decode(), ACME) for n in names}


def home(forest, entry):
    return forest.name, entry["sAMAccountName"][0].decode()


@dataclasses.dataclass
class Person:
    """A mailbox that moves: its homes on both sides, all its addresses, and its turns."""
    alias: str
    home: dict
    addresses: list
    turns: list = dataclasses.field(default_factory=list)

    def turn(self, side, start, end=None):
        self.turns.append((start, time.time() if end is None else end, side))

    def may_land(self, since, until):
        """The homes that are right for a message that was under way then."""
        if any(start <= until and since <= end for start, end, _ in self.turns):
            return list(self.home.values())
        return [self.home[[s for _, end, s in self.turns if end < since][-1]]]


@dataclasses.dataclass
class Group:
    address: str
    people: list
    outside: int        # members who are not in either organization


@dataclasses.dataclass
class Sent:
    name: str
    to: str
    people: list
    outside: int
    since: float


def read_person(lab, dn):
    """Its counterpart too, as soon as it has one."""
    source, target = lab.source.read(dn), counterpart(lab, dn)
    p = Person(source["mailNickname"][0].decode(), {"source": home(ACME, source)}, [])
    p.turn("source", 0, 0)
    if target:
        p.home["target"] = home(GLOBEX, target)
    p.addresses = sorted({a for e in (source, target) if e
                          for a in smtp_addresses(e) | old_replies(e)})
    return p


def read_group(side, people, dn):
    """Who is in it as that side has it, nested groups and all."""
    rows = side.search(
        ldap.filter.filter_format(f"(&(mail=*)(objectCategory=person)({MEMBER_OF}=%s))", [dn]),
        ["sAMAccountName", "homeMDB"])
    at = {h: p for p in people for h in p.home.values()}
    inside = [at[home(side.forest, e)] for _, e in rows if "homeMDB" in e]
    return Group(side.read(dn)["mail"][0].decode(), inside, len(rows) - len(inside))


@contextlib.contextmanager
def mail_servers(lab):
    """One for each organization."""
    try:
        lab.command("mail", "up")
        yield Mail()
    finally:
        lab.command("mail", "down")


def gather(lab, key, dns):
    """Everyone of DNS becomes a member of the group of the special cases."""
    group = lab.special["acme"][key]
    there = lab.source.read(group, ["member"])["member"]
    new = [dn.encode() for dn in dns if dn.encode() not in there]
    lab.source.change(group, (ldap.MOD_ADD, "member", new))


serial = itertools.count(1)


def send(mail, forest, to, people, outside=0):
    s = Sent(f"{forest.name}-{next(serial)}", to, people, outside, time.time())
    mail.send(forest, to, s.name)
    return s


def judge(mail, sent):
    """Every message landed exactly once for everyone it was for. How many of the copies had to be
    in the source's mailbox, in the target's, or may be in either."""
    count = collections.Counter()
    for s in sent:
        what = f"{s.name} to {s.to}: {mail.landed(s.name)}"
        assert not mail.bounced(s.name), f"{what}: {mail.bounced(s.name)}"
        left = mail.landed(s.name)
        for person in s.people:
            here = [x for x in left if (x.forest, x.mailbox) in person.home.values()]
            assert len(here) == 1, f"{person.alias}: {what}"
            left = [x for x in left if x not in here]
            right = person.may_land(s.since, here[0].time)
            assert (here[0].forest, here[0].mailbox) in right, f"{person.alias}: {right}: {what}"
            count["either" if len(right) > 1 else here[0].forest] += 1
        assert [x.mailbox for x in left] == [OUTSIDE] * s.outside, what
    return count


class Flow:
    """A process that sends in one organization until it is told to stop, as fast as the mail is
    carried away. (A process that has entered the lab can start others, but no threads.)"""

    def __init__(self, mail, forest, targets):
        self.mail, self.forest, self.targets = mail, forest, targets
        self.sent = []
        fork = multiprocessing.get_context("fork")
        self.told, self.tells = fork.Pipe(duplex=False)
        self.ended = fork.Event()
        self.process = fork.Process(target=self._run, daemon=True)
        self.process.start()
        self.tells.close()

    def _run(self):
        names = (f"{self.forest.name}-{os.getpid()}-{n}" for n in itertools.count())
        for i in itertools.cycle(range(len(self.targets))):
            while self.mail.queued() > 8 and not self.ended.wait(0.01):
                pass
            if self.ended.is_set():
                break
            name, since = next(names), time.time()
            self.mail.send(self.forest, self.targets[i][0], name)
            self.tells.send((name, i, since))

    def read(self):
        """Takes over what was sent until now."""
        try:
            while self.told.poll():
                name, i, since = self.told.recv()
                self.sent.append(Sent(name, *self.targets[i], since))
        except EOFError:
            self.process.join()
            assert self.process.exitcode == 0, "the sender failed; its words are above"

    def end(self):
        self.ended.set()
        wait_for(lambda: self.read() or self.process.exitcode is not None, "the sender goes on")
        self.read()


@contextlib.contextmanager
def flowing(mail, targets):
    """Mail in both organizations, in opposite orders."""
    flows = []
    try:
        for f, step in ((ACME, 1), (GLOBEX, -1)):
            flows.append(Flow(mail, f, targets[::step]))
        yield flows
    finally:
        for f in flows:
            f.process.kill()
            f.process.join()


def pass_some(mail, flows, n=1):
    """Until N messages of each were sent after now, and the last of them has landed."""
    def passed():
        for f in flows:
            f.read()
        mail.read()
        late = [[s for s in f.sent if s.since > now] for f in flows]
        return all(len(x) >= n and mail.landed(x[n - 1].name) for x in late)
    now = time.time()
    wait_for(passed, "mail does not flow", 60)


def finish(mail, flows):
    for f in flows:
        f.end()
    sent = [s for f in flows for s in f.sent]
    mail.wait([s.name for s in sent])
    count = judge(mail, sent)
    print(len(sent), "messages:", dict(count))
    return count


def flow_targets(people, groups, apart=8):
    """Every address of everyone, the first one of each, then the second; a group after so many."""
    rows = itertools.zip_longest(*([(a, [p], 0) for a in p.addresses] for p in people))
    targets, groups = [t for row in rows for t in row if t], itertools.cycle(groups)
    for i in range(len(targets) // apart * apart, 0, -apart):
        g = next(groups)
        targets.insert(i, (g.address, g.people, g.outside))
    return targets


class Watch:
    """When each of PEOPLE turns to SIDE, as both directories show it: after the last look that
    found it as it was, and before the first one that found it turned."""

    def __init__(self, pairs, people, side):
        alias = {g: e["mailNickname"][0].decode() for g, e in pairs.read("source").items()}
        at = {p.alias: p for p in people}
        self.pairs, self.side = pairs, side
        self.people = {source: at[alias[source]] for source, _ in pairs.guids}
        self.since, self.until = dict.fromkeys(self.people, time.time()), {}

    def look(self):
        """How many have turned."""
        before = time.time()
        entries = {s: self.pairs.read(s, ["objectGUID", "targetAddress"]) for s in SIDES}
        after = time.time()
        for guids in self.pairs.guids:
            redirects = [s for s, g in zip(SIDES, guids) if "targetAddress" in entries[s][g]]
            if redirects == [self.side]:
                self.since[guids[0]] = before
            elif len(redirects) == 1:
                self.until.setdefault(guids[0], after)
        return len(self.until)

    def all_turned(self):
        return self.look() == len(self.people)

    def end(self):
        """All have turned, once."""
        for source, person in self.people.items():
            assert self.since[source] <= self.until[source], person.alias
            person.turn(self.side, self.since[source], self.until[source])
