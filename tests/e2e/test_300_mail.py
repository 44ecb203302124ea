# SPDX-License-Identifier: MIT
"""Real mail in both organizations, to mailboxes that move: it reaches the mailbox in use.

Every message has an id; where it landed is read from the maildirs of both organizations. A message
that was under way during a turn may land on either side, every other one in the mailbox that was
in use all the time from before it was sent until it landed; and each exactly once.
"""

import collections
import contextlib
import dataclasses
import itertools
import json
import multiprocessing
import os
import signal
import smtplib
import time

import ldap
import pytest
from conftest import ACME, GLOBEX, wait_for
from galsynclab.mail import Mail
from galsynclab.postfix import MEMBER_OF, OUTSIDE
from test_120_daemon import Daemon, counterpart

# Created accounts, one with old addresses; matched ones, the last one with a mailbox of its own.
MOVING = ("mailbox", "worker", "comma", "mail-match", "sam-match", "proxy-match")
GROUPS = ("group", "group-inner", "group-local", "group-loop-1", "group-loop-2")
# Groups that contain each other are created with a member fewer, and that one comes at the end of
# the synchronization: no test of what happens before.
FIRST_GROUPS = ("group", "group-inner", "group-local")
SIDES = ("source", "target")


def smtp_addresses(entry):
    return {a[5:].decode() for a in entry.get("proxyAddresses", [])
            if a.lower().startswith(b"smtp:")}


def home(forest, entry):
    return forest.name, entry["sAMAccountName"][0].decode()


@dataclasses.dataclass
class Person:
    """A mailbox that moves: its homes on both sides, all its addresses, and its turns."""
    alias: str
    home: dict
    addresses: list
    turns: list = dataclasses.field(default_factory=list)

    def turn(self, side, start):
        self.turns.append((start, time.time(), side))

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


def read_person(lab, key):
    """Its counterpart too, as soon as it has one."""
    source = lab.source.read(lab.special["acme"][key])
    p = Person(source["mailNickname"][0].decode(), {"source": home(ACME, source)},
               sorted(smtp_addresses(source)), [(0, 0, "source")])
    target = counterpart(lab, lab.special["acme"][key])
    if target:
        p.home["target"] = home(GLOBEX, target)
        p.addresses = sorted({*p.addresses, *smtp_addresses(target)})
    return p


def read_group(lab, people, key):
    """Who is in it as the source has it, nested groups and all."""
    rows = lab.source.search(
        ldap.filter.filter_format(f"(&(mail=*)(objectCategory=person)({MEMBER_OF}=%s))",
                                  [lab.special["acme"][key]]), ["mailNickname", "homeMDB"])
    aliases = [e["mailNickname"][0].decode() for _, e in rows if "homeMDB" in e]
    at = {p.alias: p for p in people}
    address = lab.source.read(lab.special["acme"][key])["mail"][0].decode()
    return Group(address, [at[a] for a in aliases], len(rows) - len(aliases))


@pytest.fixture(scope="module", name="mail")
def fixture_mail(lab):
    lab.command("mail", "up")
    # Everyone who moves is in two groups, one of them nested in the other.
    lab.source.change(lab.special["acme"]["group-inner"], (ldap.MOD_ADD, "member", [
        lab.special["acme"][k].encode() for k in MOVING if k not in ("mailbox", "worker")]))
    yield Mail()
    lab.command("mail", "down")


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(lab, mail):
    d = Daemon(lab, lab.write_conf(lab.conf_text(**{
        "match = [": f'marker_group = "CN=galsync-switched,{lab.source.base}"; match = ['})))
    lab.full(status=3, conf=d.conf)
    d.start()
    yield d
    if d.process.poll() is None:
        assert d.end() == 0
    assert mail


@pytest.fixture(scope="module", name="people")
def fixture_people(daemon, lab):
    daemon.wait_idle()
    return [read_person(lab, key) for key in MOVING]


@pytest.fixture(scope="module", name="groups")
def fixture_groups(lab, people):
    groups = [read_group(lab, people, key) for key in GROUPS]
    assert len(groups[0].people) == len(MOVING)
    return groups


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


def pass_some(mail, flows):
    """Until a message has landed in each that was sent after now."""
    def passed():
        for f in flows:
            f.read()
        return all(any(s.since > now and mail.landed(s.name) for s in reversed(f.sent))
                   for f in flows)
    now = time.time()
    wait_for(passed, "mail does not flow", 60)


def finish(mail, flows):
    for f in flows:
        f.end()
    sent = [s for f in flows for s in f.sent]
    mail.wait([s.name for s in sent])
    return judge(mail, sent)


def flow_targets(people, groups):
    return [(a, [p], 0) for p in people for a in p.addresses] + \
        [(g.address, g.people, g.outside) for g in groups] * 2


def test_first_synchronization_while_mail_flows(mail, lab):
    """Counterparts appear in the middle of it and take the mail of the target organization."""
    people = [read_person(lab, key) for key in MOVING]
    groups = [read_group(lab, people, key) for key in FIRST_GROUPS]
    # Who has a mailbox of the target too gets mail there until the two are one.
    own = people[MOVING.index("proxy-match")]
    own.home["target"] = home(GLOBEX, lab.target.read(lab.special["globex"]["proxy-match"]))
    with flowing(mail, flow_targets(people, groups)) as flows:
        start = time.time()
        pass_some(mail, flows)
        lab.full(status=3)
        own.turn("source", start)
        pass_some(mail, flows)
        assert set(finish(mail, flows)) == {"acme", "either"}


def test_lab_shows_what_goes_wrong(mail, daemon, people, lab):
    """What the tests below rely on: bounces, loops and dead ends are seen."""
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        mail.send(ACME, "nobody@acme.example", "refused")
    mail.send(GLOBEX, "nobody@acme.example", "unknown")
    assert daemon.ask(verb="pause")["ok"]
    dn, p = lab.special["acme"]["comma"], people[MOVING.index("comma")]
    lab.source.modify(dn, targetAddress=f"SMTP:{p.alias}@redirect.globex.example")
    mail.send(ACME, f"{p.alias}@acme.example", "loop")
    mail.wait(["unknown", "loop"])
    lab.source.modify(dn, targetAddress=None)
    assert daemon.ask(verb="resume")["ok"]
    for name in ("unknown", "loop"):
        assert len(mail.bounced(name)) == 1 and not mail.landed(name)


def send_everything(mail, people, groups):
    """To every address there is, in both organizations."""
    sent = [send(mail, f, a, [p]) for p in people for a in p.addresses for f in (ACME, GLOBEX)]
    sent += [send(mail, f, g.address, g.people, g.outside) for g in groups for f in (ACME, GLOBEX)]
    mail.wait([s.name for s in sent])
    return judge(mail, sent)


def turn(lab, daemon, people, side):
    verb, start = {"target": "switch", "source": "undo-switch"}[side], time.time()
    p = lab.galsyncctl("--socket", daemon.socket, verb, *(x.alias for x in people))
    for x in people:
        x.turn(side, start)
    assert p.returncode == 0, p.stdout + p.stderr


def test_every_address_before_and_after(mail, daemon, people, groups, lab):
    assert all(len(p.addresses) >= 3 for p in people)
    assert set(send_everything(mail, people, groups)) == {"acme"}
    turn(lab, daemon, people, "target")
    assert set(send_everything(mail, people, groups)) == {"globex"}
    # A cycle in between changes nothing.
    daemon.ask(verb="resync")
    daemon.wait_idle()
    assert set(send_everything(mail, people, groups)) == {"globex"}
    turn(lab, daemon, people, "source")
    assert set(send_everything(mail, people, groups)) == {"acme"}


def test_turns_while_mail_flows(mail, daemon, people, groups, lab):
    """All are switched and undone, over and over, in one go and one by one."""
    with flowing(mail, flow_targets(people, groups[:2])) as flows:
        pass_some(mail, flows)
        for i, side in itertools.product(range(6), reversed(SIDES)):
            if i % 3:
                turn(lab, daemon, people, side)
            else:
                for p in people:
                    turn(lab, daemon, [p], side)
            if i % 2:
                pass_some(mail, flows)
        count = finish(mail, flows)
    assert count["acme"] and count["globex"] and count["either"]


def active(lab, person):
    return "target" if "targetAddress" in lab.source.find(
        "(&(mailNickname=%s)(homeMDB=*))", person.alias)[1] else "source"


def test_killed_in_the_middle_of_turns_while_mail_flows(mail, daemon, people, groups, lab):
    """SIGKILL when none, one, two... of them have been turned."""
    with flowing(mail, flow_targets(people, groups[:2])) as flows:
        for i in range(6):
            side, verb = ("target", "switch") if i % 2 == 0 else ("source", "undo-switch")
            request = {"verb": verb, "objects": [p.alias for p in people]}
            pass_some(mail, flows)
            start = time.time()
            with daemon.connect() as s:
                s.sendall((json.dumps(request) + "\n").encode())
                wait_for(lambda: [active(lab, p) for p in people].count(side) >= i,
                         "nothing is turned")
                daemon.end(signal.SIGKILL)
            daemon.start()
            for p in people:
                p.turn(active(lab, p), start)
        pass_some(mail, flows)
        assert finish(mail, flows)["either"]
