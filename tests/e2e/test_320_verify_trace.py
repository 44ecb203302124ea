# SPDX-License-Identifier: MIT
"""verify names what is broken, and only that; trace says where a mail goes. On two real forests."""

import json

import ldap
import pytest
from conftest import wait_for
from test_120_daemon import Daemon

GUARD = "msExchCalendarRepairDisabled"
STAMP = "extensionAttribute15"
KEY = "comma"
RS, RT = "redirect.acme.example", "redirect.globex.example"


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(lab):
    lab.full(status=3)
    lab.finish_mailboxes()
    d = Daemon(lab)
    d.start()
    lab.alias = lab.source.read(lab.special["acme"][KEY])["mailNickname"][0].decode()
    yield d
    if d.process.poll() is None:
        assert d.end() == 0


class Pair:
    """A correspondence whose link is paused, so that what is broken stays so until it is mended."""

    def __init__(self, lab, daemon, key=KEY):
        self.lab, self.daemon = lab, daemon
        self.dn = lab.special["acme"][key]
        self.record = [r for r in lab.records().values() if r["source"]["dn"] == self.dn][0]
        self.target = f"<GUID={self.record['target']['guid']}>"
        self.alias = self.record["alias"]
        self.target_dn = self.record["target"]["dn"]

    def values(self, side, name="proxyAddresses"):
        e = self.lab.source.read(self.dn) if side == "source" else self.lab.target.read(self.target)
        return [v.decode() for v in e.get(name, [])]

    def set(self, side, **attrs):
        if side == "source":
            self.lab.source.modify(self.dn, **attrs)
        else:
            self.lab.target.modify(self.target, **attrs)

    def without(self, side, pattern):
        """Takes the addresses away that begin with PATTERN; there must be one."""
        keep = [v for v in self.values(side) if not v.lower().startswith(pattern.lower())]
        assert len(keep) < len(self.values(side))
        self.set(side, proxyAddresses=keep)

    def add(self, side, address):
        self.set(side, proxyAddresses=[*self.values(side), address])


@pytest.fixture(name="pair")
def fixture_pair(lab, daemon):
    daemon.wait_idle()
    assert daemon.ask(verb="pause")["ok"]
    wait_for(lambda: daemon.link()["state"] == "paused", "not paused")
    yield Pair(lab, daemon)
    assert daemon.ask(verb="resume")["ok"]
    daemon.wait_idle()


def verify(lab, daemon, *who):
    """(exit status, the answer) by galsyncctl."""
    p = lab.galsyncctl("--socket", daemon.socket, "--json", "verify", *who)
    assert p.returncode in (0, 3), p.stdout + p.stderr
    answer = json.loads(p.stdout)
    assert answer["status"] == p.returncode
    return p.returncode, answer


def findings(lab, daemon, *who):
    status, answer = verify(lab, daemon, *who)
    assert (status == 3) == bool(answer["results"]) and not answer["unlisted"]
    assert answer["summary"]["findings"] == len(answer["results"])
    return [(r["invariant"], r["side"]) for r in answer["results"]]


def test_clean(pair, lab, daemon):
    usn = lab.source.usn(), lab.target.usn()
    status, answer = verify(lab, daemon)
    assert status == 0 and not answer["results"]
    s = answer["summary"]
    assert s["checked"] == len(lab.records()) and s["reply_names"] > s["checked"]
    assert s["reply_names_missing"] == 0 and s["read_source"] > s["checked"]
    assert findings(lab, daemon, pair.alias, "martha.full@acme.example") == []
    p = lab.galsyncctl("--socket", daemon.socket, "verify", "--link", "acme-globex", pair.dn)
    assert p.returncode == 0 and "replyable 100.0 %" in p.stdout
    assert "1 correspondences checked in" in p.stdout and "a second" in p.stdout
    assert (lab.source.usn(), lab.target.usn()) == usn


# What is done by hand, which invariant that breaks, on which side, and what mends it: the next
# cycle, or the test that broke it, because galsync takes away nothing that it did not put there.
CYCLE, HAND = "cycle", "hand"
BREAKS = {
    "loop": (lambda p: p.set("source", targetAddress=f"SMTP:{p.alias}@{RT}"), "source", CYCLE),
    "redirection": (lambda p: p.set("target", targetAddress=None), "target", CYCLE),
    "redirect-address": (lambda p: p.without("source", f"smtp:{p.alias}@{RS}"), "source", CYCLE),
    "redirect-address 2": (
        lambda p: p.without("target", f"smtp:{p.alias}@{RT}"), "target", CYCLE),
    "foreign-redirect-address": (lambda p: p.add("source", f"smtp:{p.alias}@{RT}"), "source", HAND),
    "foreign-redirect-address 2": (
        lambda p: p.add("target", f"smtp:other@{RS}"), "target", HAND),
    "addresses": (lambda p: p.add("source", "smtp:brand.new@acme.example"), "target", CYCLE),
    "reply": (lambda p: p.without("source", "X500:"), "source", CYCLE),
    "reply 2": (lambda p: p.without("target", "X500:"), "target", CYCLE),
    "mail": (lambda p: p.set("target", mail="wrong@acme.example"), "target", CYCLE),
    "primary": (lambda p: p.add("target", "SMTP:second@globex.example"), "target", CYCLE),
    "stamp": (lambda p: p.set("target", **{STAMP: None}), "target", CYCLE),
    "calendar-repair-guard": (lambda p: p.set("target", **{GUARD: None}), "target", CYCLE),
    "dummy": (lambda p: p.add("source", f"smtp:{p.alias}@delete.me"), "source", CYCLE),
    "dummy 2": (lambda p: p.add("target", f"smtp:{p.alias}@delete.me"), "target", CYCLE),
}


@pytest.mark.parametrize("name", BREAKS)
def test_broken_by_hand(pair, lab, daemon, name):
    do, side, mends = BREAKS[name]
    before = {s: pair.values(s) for s in ("source", "target")}
    do(pair)
    want = [(name.split()[0], side)]
    assert findings(lab, daemon) == want
    assert findings(lab, daemon, pair.alias) == want
    assert findings(lab, daemon, "martha.full") == []
    p = lab.galsyncctl("--socket", daemon.socket, "verify")
    assert p.returncode == 3 and f"BROKEN {want[0][0]}: {side} object '" in p.stdout
    assert "there: " in p.stdout and "should be: " in p.stdout
    dn = pair.dn if side == "source" else pair.target_dn
    assert dn in p.stdout
    if mends == HAND:
        pair.set(side, proxyAddresses=before[side])
    assert daemon.ask(verb="resync", object=pair.record["source"]["guid"])["ok"]
    assert findings(lab, daemon) == []


def test_after_the_switch(pair, lab, daemon):
    assert daemon.ask(verb="switch", objects=[pair.alias])["ok"]
    assert findings(lab, daemon) == []
    pair.set("source", **{GUARD: None})
    assert findings(lab, daemon) == [("calendar-repair-guard", "source")]
    pair.set("source", **{GUARD: "TRUE"}, targetAddress=None)
    assert findings(lab, daemon) == [("redirection", "source")]
    pair.set("source", targetAddress=f"SMTP:{pair.alias}@{RT}")
    server, mdb = (pair.values("target", n) for n in ("msExchHomeServerName", "homeMDB"))
    pair.set("target", homeMDB=None, msExchHomeServerName=None)
    # Nothing may lead to a mailbox that is gone: the other one is the active side again.
    assert sorted(findings(lab, daemon)) == [
        ("map", "source"), ("redirection", "source"), ("redirection", "target"), ("stamp", "target")]
    pair.set("target", homeMDB=mdb, msExchHomeServerName=server)
    assert daemon.ask(verb="undo-switch", objects=[pair.alias])["ok"]
    assert findings(lab, daemon) == []


def test_a_name_that_only_the_map_remembers(pair, lab, daemon):
    old = pair.values("target", "legacyExchangeDN")[0]
    pair.set("target", legacyExchangeDN="/o=Globex/ou=New/cn=Recipients/cn=renamed")
    # The new name is not at the source yet, nor the old one at the target itself.
    assert sorted(findings(lab, daemon)) == [("reply", "source"), ("reply", "target")]
    assert daemon.ask(verb="resync", object=pair.record["source"]["guid"])["ok"]
    assert findings(lab, daemon) == []
    pair.without("source", f"X500:{old}")
    pair.without("target", f"X500:{old}")
    status, answer = verify(lab, daemon)
    assert status == 3 and answer["summary"]["reply_names_missing"] == 1
    assert old in answer["results"][0]["should_be"]
    p = lab.galsyncctl("--socket", daemon.socket, "verify")
    assert "replyable 99." in p.stdout and "1 missing" in p.stdout
    assert daemon.ask(verb="resync", object=pair.record["source"]["guid"])["ok"]
    assert findings(lab, daemon) == []


def test_one_address_at_two_objects(pair, lab, daemon):
    dn, e = lab.target.find("(&(mailNickname=%s)(objectClass=group))", "address.holder")
    before = e["proxyAddresses"]
    lab.target.modify(dn, proxyAddresses=[*before, f"smtp:{pair.alias}@{RT}"])
    for who in ((), (pair.alias,)):
        status, answer = verify(lab, daemon, *who)
        assert status == 3
        assert [r["invariant"] for r in answer["results"]] == ["unique"]
        assert dn in answer["results"][0]["should_be"]
    lab.target.modify(dn, proxyAddresses=before)
    # Two synchronized ones: told once.
    other = Pair(lab, daemon, "polish")
    pair.add("target", "smtp:twice@globex.example")
    other.add("target", "smtp:Twice@globex.example")
    assert [i for i, _ in findings(lab, daemon)] == ["unique"]
    for p in (pair, other):
        p.without("target", "smtp:twice@")
    assert findings(lab, daemon) == []


def test_a_dummy_on_somebody_who_is_not_synchronized(pair, lab, daemon):
    assert pair
    dn = lab.special["acme"]["hidden"]
    before = lab.source.read(dn)["proxyAddresses"]
    lab.source.modify(dn, proxyAddresses=[*before, "smtp:nobody@delete.me"])
    status, answer = verify(lab, daemon)
    assert status == 3
    assert [(r["invariant"], r["dn"], r["guid"]) for r in answer["results"]] == [("dummy", dn, "")]
    lab.source.modify(dn, proxyAddresses=before)
    assert findings(lab, daemon) == []


def test_objects_that_are_gone(pair, lab, daemon):
    other = Pair(lab, daemon, "turkish")
    assert pair
    lab.target.delete(other.target)
    assert findings(lab, daemon) == [("objects", "target")]
    assert daemon.ask(verb="resync", object=other.record["source"]["guid"])["ok"]
    assert findings(lab, daemon) == []


def test_many_broken_ones_are_counted(pair, lab, daemon):
    records = [r for r in lab.records().values() if r["kind"] == "user"]
    assert pair and len(records) > 10
    for r in records:
        lab.target.modify(f"<GUID={r['target']['guid']}>", mail="x@acme.example")
    status, answer = verify(lab, daemon)
    assert status == 3 and answer["summary"]["by_invariant"] == {"mail": len(records)}
    assert answer["summary"]["broken"] == len(records)
    assert daemon.ask(verb="resync")["ok"]
    assert findings(lab, daemon) == []


def test_verify_refuses(daemon, lab):
    def refused(*argv):
        p = lab.galsyncctl("--socket", daemon.socket, "verify", *argv)
        return p.returncode, p.stdout + p.stderr
    status, text = refused("nobody", "comma.odd")
    assert status == 1 and "'nobody' is not in the map" in text
    assert refused("--link", "nothing")[0] == 1
    assert refused("--what")[0] == 2
    assert lab.galsyncctl("--socket", lab.path("none.sock"), "verify").returncode == 4
    assert findings_of_unknown(lab, daemon) == [("objects", "source")]


def findings_of_unknown(lab, daemon):
    return findings(lab, daemon, "6f9619ff-8b86-d011-b42d-00c04fc964ff")


# ---- trace ----

def trace(lab, daemon, *argv):
    """(exit status, {forest: [(depth, forest, step)]}) by galsyncctl."""
    p = lab.galsyncctl("--socket", daemon.socket, "--json", "trace", *argv)
    assert p.returncode in (0, 3), p.stdout + p.stderr
    answer = json.loads(p.stdout)
    return p.returncode, {w["from"]: [(h["depth"], h["forest"], h["step"]) for h in w["hops"]]
                          for w in answer["ways"]}, answer


HERE = [(0, "acme", "mailbox")]
THERE = [(0, "globex", "mailbox")]
TO_GLOBEX = [(0, "acme", "redirect"), (1, "globex", "mailbox")]
TO_ACME = [(0, "globex", "redirect"), (1, "acme", "mailbox")]


def test_trace_before_and_after_the_switch(pair, lab, daemon):
    address = pair.values("source", "mail")[0]
    legacy = pair.values("target", "legacyExchangeDN")[0]
    for name in (address, address.upper(), legacy, f"X500:{legacy}"):
        status, ways, answer = trace(lab, daemon, name)
        assert (status, ways) == (0, {"acme": HERE, "globex": TO_ACME})
        assert [w["hops"][-1]["mailbox"] for w in answer["ways"]] == ["active", "active"]
    assert daemon.ask(verb="switch", objects=[pair.alias])["ok"]
    for name in (address, legacy, pair.values("source", "legacyExchangeDN")[0]):
        status, ways, answer = trace(lab, daemon, name)
        assert (status, ways) == (0, {"acme": TO_GLOBEX, "globex": THERE})
        assert [w["hops"][-1]["mailbox"] for w in answer["ways"]] == ["active", "active"]
    p = lab.galsyncctl("--socket", daemon.socket, "trace", address, "--from", "acme")
    assert p.returncode == 0 and "sent in globex" not in p.stdout
    assert f"redirects to {pair.alias}@{RT}" in p.stdout
    assert "delivered to the mailbox in globex: the active one" in p.stdout
    assert daemon.ask(verb="undo-switch", objects=[pair.alias])["ok"]
    # Between the two changes of a turn each organization delivers to its own mailbox.
    pair.set("target", targetAddress=None)
    status, ways, answer = trace(lab, daemon, address, "--from", "globex")
    assert (status, ways) == (0, {"globex": THERE})
    assert answer["ways"][0]["hops"][0]["mailbox"] == "passive"
    assert daemon.ask(verb="resync", object=pair.record["source"]["guid"])["ok"]


def test_trace_what_goes_wrong(pair, lab, daemon):
    address = pair.values("source", "mail")[0]
    # A loop, made by hand.
    pair.set("source", targetAddress=f"SMTP:{pair.alias}@{RT}")
    status, ways, _ = trace(lab, daemon, address)
    assert status == 3
    assert ways["acme"] == [(0, "acme", "redirect"), (1, "globex", "redirect"), (2, "acme", "loop")]
    assert ways["globex"][-1] == (2, "globex", "loop")
    p = lab.galsyncctl("--socket", daemon.socket, "trace", address)
    assert p.returncode == 3 and "LOOP" in p.stdout
    # A dead end: the redirect address is gone.
    pair.set("source", targetAddress=None)
    pair.without("source", f"smtp:{pair.alias}@{RS}")
    status, ways, _ = trace(lab, daemon, address)
    assert status == 3 and ways["acme"] == HERE
    assert ways["globex"] == [(0, "globex", "redirect"), (1, "acme", "dead-end")]
    # Nobody has it, in the one and in the other organization; and it leaves both.
    status, ways, _ = trace(lab, daemon, "nobody@globex.example")
    assert status == 3 and ways["globex"] == [(0, "globex", "dead-end")]
    assert ways["acme"] == [(0, "acme", "passes"), (1, "globex", "dead-end")]
    status, ways, _ = trace(lab, daemon, "other@elsewhere.example")
    assert status == 0 and ways["acme"] == [(0, "acme", "leaves")]
    # A collision: both are named.
    other = lab.special["acme"]["polish"]
    lab.source.change(other, (ldap.MOD_ADD, "proxyAddresses", [f"smtp:{address}".encode()]))
    status, ways, answer = trace(lab, daemon, address, "--from", "acme")
    assert status == 3 and ways["acme"] == [(0, "acme", "collision")]
    assert {answer["ways"][0]["hops"][0]["dn"]} < {pair.dn, other}
    assert "COLLISION" in answer["ways"][0]["hops"][0]["text"]
    lab.source.change(other, (ldap.MOD_DELETE, "proxyAddresses", [f"smtp:{address}".encode()]))


def test_trace_groups(daemon, lab):
    status, ways, answer = trace(lab, daemon, "case.group@acme.example")
    assert status == 0
    steps = [h[2] for h in ways["acme"]]
    assert steps.count("group") == 2 and steps.count("mailbox") == 2
    assert "leaves" in steps and "skipped" in steps
    steps = [h for h in ways["globex"] if h[2] == "mailbox"]
    assert steps and {h[1] for h in steps} == {"acme"}
    assert answer["ways"][0]["count"]["group"] == 2
    status, ways, _ = trace(lab, daemon, "case.group-loop-1@acme.example")
    assert status == 3 and (2, "acme", "loop") in ways["acme"]
    # More members than are listed: the bad one is among the last.
    base = f"OU=Staff,{lab.source.base}"
    members = [f"CN=Trace {i},{base}" for i in range(240)]
    for i, dn in enumerate(members):
        lab.source.add(dn, objectClass="contact", mailNickname=f"trace{i}",
                       targetAddress=f"SMTP:trace{i}@partner.example" if i != 235
                       else f"SMTP:trace{i}@acme.example")
    dn = f"CN=Trace all,{base}"
    lab.source.add(dn, objectClass="group", mailNickname="trace.all", member=members,
                   proxyAddresses="SMTP:trace.all@acme.example")
    status, ways, answer = trace(lab, daemon, "trace.all@acme.example", "--from", "acme")
    assert status == 3
    way = answer["ways"][0]
    assert way["count"] == {"group": 1, "redirect": 240, "leaves": 239, "dead-end": 1}
    assert len(way["hops"]) + way["unlisted"] == 481 and len(way["hops"]) < 300
    assert "dead-end" in [h[2] for h in ways["acme"]]


def notes(answer):
    return {w["from"]: [h["note"] for h in w["hops"]] for w in answer["ways"]}


def test_trace_knows_who_left(pair, lab, daemon):
    """Hidden, never synchronized, switched and gone, deleted: not just 'nobody has it'."""
    address, key = pair.values("source", "mail")[0], pair.record["source"]["guid"]
    dn = pair.record["source"]["dn"]
    pair.set("source", msExchHideFromAddressLists="TRUE")
    assert daemon.ask(verb="resync", object=key)["status"] == 1
    status, ways, answer = trace(lab, daemon, address)
    assert (status, ways) == (0, {"acme": HERE, "globex": TO_ACME})
    left = "has left the synchronization: hidden"
    assert notes(answer) == {"acme": [f"it {left}"],
                             "globex": [f"its source object '{dn}' {left}", f"it {left}"]}
    p = lab.galsyncctl("--socket", daemon.socket, "trace", address, "--from", "acme")
    assert f"delivered to the mailbox in acme; it {left}\n" in p.stdout
    pair.set("source", msExchHideFromAddressLists=None)
    assert daemon.ask(verb="resync", object=key)["status"] == 0
    assert notes(trace(lab, daemon, address)[2]) == {"acme": [None], "globex": [None, None]}

    hidden = lab.source.read(lab.special["acme"]["hidden"])["mail"][0].decode()
    answer = trace(lab, daemon, hidden, "--from", "acme")[2]
    assert notes(answer)["acme"] == ["it is not synchronized: hidden"]

    # One that is deleted: its counterpart is hidden, and redirects to an address of nobody's.
    other = Pair(lab, daemon, "turkish")
    mail, gone = other.values("source", "mail")[0], other.record["source"]["dn"]
    lab.source.delete(gone)
    answer = daemon.ask(verb="resync", object=other.record["source"]["guid"])
    assert answer["status"] == 1 and "is not there any more" in answer["error"]
    status, ways, answer = trace(lab, daemon, mail)
    assert status == 3 and ways["acme"] == [(0, "acme", "dead-end")]
    assert notes(answer) == {
        "acme": [f"it was an address of '{gone}', which is gone"],
        "globex": [f"its source object '{gone}' is gone",
                   f"it was an address of '{gone}', which is gone"]}


def test_trace_refuses(daemon, lab):
    def refused(*argv):
        p = lab.galsyncctl("--socket", daemon.socket, "trace", *argv)
        return p.returncode, p.stderr
    assert refused()[0] == 2 and refused("a@b", "c@d")[0] == 2
    status, text = refused("comma.odd")
    assert status == 1 and "is no address" in text
    # Taken as it stands its domain would be "acme.example>", and the mail would leave.
    for odd in ("Jo <jo@acme.example>", "jo@acme.example ", "jo@", "@acme.example", "", "a\x1b@b.c"):
        status, text = refused(odd)
        assert status == 1 and "is no address" in text and "\x1b" not in text, odd
    status, text = refused("a@acme.example", "--from", "initech")
    assert status == 1 and "it is 'acme' or 'globex'" in text
    assert refused("a@acme.example", "--link", "nothing")[0] == 1
    p = lab.galsyncctl("--socket", lab.path("none.sock"), "trace", "a@acme.example")
    assert p.returncode == 4
