# SPDX-License-Identifier: MIT
"""Which mailbox is in use is read from two real forests: a lost map, a native move, the end of the
source, and changes of the active object make no loop, undo nothing and touch no active mailbox."""

import contextlib

import ldap
import pytest
from conftest import wait_for
from galsynclab.forests import LIMITS
from test_120_daemon import running

MARKER = "extensionAttribute14"
STAMP = "extensionAttribute15"
GUARD = "msExchCalendarRepairDisabled"
HIDES = "msExchHideFromAddressLists"
MAILBOX = ("homeMDB", "msExchHomeServerName")
ALIASES = [f"seat{i}" for i in range(38)]


@pytest.fixture(scope="module", autouse=True)
def fixture_people(lab):
    """Some dozens of mailboxes of their own, synchronized."""
    like = lab.source.read(lab.special["acme"]["mailbox"])
    lab.ou = lab.special["acme"]["mailbox"].split(",", 1)[1]
    for a in ALIASES:
        lab.source.add(source_dn(lab, a), objectClass="user", sAMAccountName=a, displayName=a,
                       userPrincipalName=f"{a}@acme.example", userAccountControl=544,
                       mailNickname=a, mail=f"{a}@acme.example", title="Boss",
                       proxyAddresses=f"SMTP:{a}@acme.example",
                       legacyExchangeDN=f"/o=Acme/cn=Recipients/cn={a}",
                       msExchRecipientTypeDetails=1,
                       **{x: like[x] for x in MAILBOX})
    # What an administrator would do to them is a mass for such a small link.
    lab.text = lab.conf_text(**{
        LIMITS: "limits = { redirections = 100; redirection_percent = 100; deletes = 100; matches = 1000; "
                "delete_percent = 100; };",
        'create = "mailbox";': 'create = "mailbox"; on_leave = "delete"; hidden = "leave"; '
                               'disabled = "leave";'})
    lab.conf = lab.write_conf(lab.text)
    lab.full(status=3, conf=lab.conf)


def source_dn(lab, alias):
    return f"CN={alias},{lab.ou}"


def target_of(lab, alias):
    return lab.target.find("(cn=%s)", alias)


def to(alias, forest):
    return [f"SMTP:{alias}@redirect.{forest}.example".encode()]


def is_switched(lab, alias, source_there=True):
    t = target_of(lab, alias)[1]
    assert "targetAddress" not in t, t["targetAddress"]
    assert t[STAMP][0].endswith(b":target")
    assert f"smtp:{alias}@redirect.globex.example".encode() in t["proxyAddresses"]
    if source_there:
        s = lab.source.read(source_dn(lab, alias))
        assert s["targetAddress"] == to(alias, "globex")
        assert s[MARKER][0].startswith(b"galsync:switched:")
    return True


def is_idle(lab):
    before = lab.source.usn(), lab.target.usn()
    lab.full(status=3, conf=lab.conf)
    return (lab.source.usn(), lab.target.usn()) == before


def switch(lab, *aliases):
    with running(lab, lab.conf) as d:
        answer = d.ask(verb="switch", objects=list(aliases), force=True)
        assert answer["ok"], answer
        d.wait_idle()


@contextlib.contextmanager
def in_full_and_in_delta(lab, delta):
    """What is done inside is noticed by a full cycle, or by the delta of a running daemon."""
    if not delta:
        yield lambda seen, what: (lab.full(status=3, conf=lab.conf), seen() or pytest.fail(what))
        return
    with running(lab, lab.conf) as d:
        yield lambda seen, what: wait_for(seen, what, 60)
        d.wait_idle()


def test_a_lost_map(lab):
    switch(lab, *ALIASES[:2])
    lab.forget()
    lab.full(status=3, conf=lab.conf)
    assert all(is_switched(lab, a) for a in ALIASES[:2])
    assert target_of(lab, ALIASES[2])[1]["targetAddress"] == to(ALIASES[2], "acme")
    lab.full(status=3, conf=lab.conf)
    assert all(is_switched(lab, a) for a in ALIASES[:2])
    assert is_idle(lab)
    rows = {r["alias"]: r["active"] for r in lab.records().values()}
    assert [rows[a] for a in ALIASES[:3]] == ["target", "target", "source"]


def test_a_delta_with_a_lost_map(lab):
    """There is none: everything is read. The next one is, and turns nothing back."""
    lab.forget()
    p = lab.galsyncd("--once", conf=lab.conf)
    assert p.returncode == 3, p.stdout + p.stderr
    assert "everything is read" in p.stdout + p.stderr
    assert all(is_switched(lab, a) for a in ALIASES[:2])
    lab.source.modify(source_dn(lab, ALIASES[0]), title="Late")
    lab.source.modify(source_dn(lab, ALIASES[2]), title="Late")
    p = lab.galsyncd("--once", conf=lab.conf)
    assert p.returncode == 3 and "delta synchronization" in p.stdout, p.stdout + p.stderr
    assert all(is_switched(lab, a) for a in ALIASES[:2])
    assert [target_of(lab, ALIASES[i])[1]["title"] for i in (0, 2)] == [[b"Boss"], [b"Late"]]


def test_another_name_of_the_link(lab):
    other = lab.write_conf(lab.text.replace('name = "acme-globex"', 'name = "renamed"'))
    assert "renamed" in lab.text.replace('name = "acme-globex"', 'name = "renamed"')
    lab.full(status=3, conf=other)
    assert all(is_switched(lab, a) for a in ALIASES[:2])
    lab.forget()
    lab.conf = lab.write_conf(lab.text)
    lab.full(status=3, conf=lab.conf)
    assert all(is_switched(lab, a) for a in ALIASES[:2])


@pytest.mark.parametrize("delta", [False, True])
def test_a_native_move(lab, delta):
    """What New-MoveRequest leaves."""
    alias = ALIASES[3 + delta]
    dn, t = target_of(lab, alias)
    with in_full_and_in_delta(lab, delta) as noticed:
        lab.target.modify(dn, targetAddress=None, msExchRecipientTypeDetails=1)
        lab.source.modify(source_dn(lab, alias), targetAddress=to(alias, "globex")[0],
                          msExchRecipientTypeDetails=128,
                          msExchRecipientDisplayType=-2147483642, **{x: None for x in MAILBOX})

        def taken_over():
            with contextlib.suppress(AssertionError, KeyError):
                return is_switched(lab, alias)
            return False
        noticed(taken_over, "the move is not taken over")
    assert all(x in t for x in MAILBOX)
    assert is_idle(lab)
    with running(lab, lab.conf) as d:
        p = lab.galsyncctl("--socket", d.socket, "verify", alias)
        assert p.returncode == 0, p.stdout


@pytest.fixture(name="default_on_leave")
def fixture_default_on_leave(lab):
    """The configuration without an on_leave of its own."""
    conf, text = lab.conf, lab.text.replace('on_leave = "delete"; ', "")
    assert text != lab.text
    lab.conf = lab.write_conf(text)
    yield
    lab.conf = lab.write_conf(lab.text)
    assert lab.conf == conf


@pytest.mark.parametrize("first", [5, 10], ids=["full", "delta"])
def test_the_end_of_the_source(lab, first):
    end_sources(lab, ALIASES[first:first + 5], first == 10)


@pytest.mark.parametrize("first", [15, 20], ids=["full", "delta"])
@pytest.mark.usefixtures("default_on_leave")
def test_the_end_of_the_source_by_default(lab, first):
    end_sources(lab, ALIASES[first:first + 5], first == 20)


def end_sources(lab, ends, delta):
    """Disable-Mailbox, hidden, disabled, moved away, deleted."""
    switch(lab, *ends)
    before = {a: target_of(lab, a) for a in ends}
    with in_full_and_in_delta(lab, delta) as noticed:
        first = source_dn(lab, ends[0])
        lab.source.modify(first, mailNickname=None, proxyAddresses=None, mail=None,
                          targetAddress=None, legacyExchangeDN=None, **{x: None for x in MAILBOX})
        lab.source.modify(source_dn(lab, ends[1]), **{HIDES: "TRUE"})
        lab.source.modify(source_dn(lab, ends[2]), userAccountControl=546)
        lab.source.rename(source_dn(lab, ends[3]), f"CN={ends[3]}", f"CN=Users,{lab.source.base}")
        lab.source.delete(source_dn(lab, ends[4]))

        def finished():
            states = {r["alias"]: r["state"] for r in lab.records().values()}
            return all(states[a] == "finished" for a in ends)
        noticed(finished, "not finished")
    for a in ends:
        dn, now = target_of(lab, a)
        was = before[a][1]
        assert dn == before[a][0]
        assert {k for k in now if now[k] != was.get(k)} <= {"whenChanged", "uSNChanged"}, a
    assert is_idle(lab)


@pytest.mark.parametrize("delta", [False, True])
def test_a_loop_of_what_is_over(lab, delta):
    """Of one that left, and of one that is finished: ended towards the mailbox in use, and nothing
    else of either object is changed."""
    left, finished = ALIASES[25 + 2 * delta], ALIASES[26 + 2 * delta]
    switch(lab, finished)
    for alias in (left, finished):
        lab.source.modify(source_dn(lab, alias), **{HIDES: "TRUE"})
    lab.full(status=3, conf=lab.conf)
    states = {r["alias"]: r["state"] for r in lab.records().values()}
    assert (states[left], states[finished]) == ("left", "finished")
    before = {a: both_of(lab, a) for a in (left, finished)}
    for pairs in ((lab.source, left, "globex"), (lab.target, finished, "acme")), \
            ((lab.source, left, "acme"), (lab.target, finished, "globex")):
        with in_full_and_in_delta(lab, delta) as noticed:
            for side, alias, forest in pairs:
                side.modify(side.find("(cn=%s)", alias)[0], targetAddress=to(alias, forest)[0])
            noticed(lambda: {a: both_of(lab, a) for a in (left, finished)} == before,
                    "mail goes round, or something else was changed")
    assert is_idle(lab)


def both_of(lab, alias):
    """Both objects, but for what the directory counts."""
    return [{k: sorted(v) for k, v in side.find("(cn=%s)", alias)[1].items()
             if k not in ("whenChanged", "uSNChanged")} for side in (lab.source, lab.target)]


@pytest.mark.parametrize("delta", [False, True])
def test_the_active_object_governs_itself(lab, delta):
    alias, other = ALIASES[29 + 2 * delta], ALIASES[30 + 2 * delta]
    switch(lab, alias)
    dn, t = target_of(lab, alias)
    lab.target.change(dn, (ldap.MOD_DELETE, "proxyAddresses", [f"SMTP:{alias}@acme.example".encode()]))
    lab.target.change(dn, (ldap.MOD_ADD, "proxyAddresses", [
        f"smtp:{alias}@acme.example".encode(), f"SMTP:{alias}@globex.example".encode()]))
    edits = {"mail": f"{alias}@globex.example", HIDES: "TRUE", "msExchRecipientTypeDetails": 4,
             "displayName": "Shared", "msExchRequireAuthToSendTo": "TRUE", "title": None}
    lab.target.modify(dn, **edits)
    with in_full_and_in_delta(lab, delta) as noticed:
        lab.source.modify(source_dn(lab, alias), displayName="Changed in the source", department="Old")
        lab.source.modify(source_dn(lab, other), department="New")
        noticed(lambda: target_of(lab, other)[1].get("department") == [b"New"], "nothing flows")
    now = lab.target.read(dn)
    for attr, value in edits.items():
        assert now.get(attr) == (None if value is None else [str(value).encode()]), attr
    assert "department" not in now
    assert f"SMTP:{alias}@globex.example".encode() in now["proxyAddresses"]
    assert t[STAMP] == now[STAMP]
    assert is_idle(lab)


@pytest.mark.parametrize("delta", [False, True])
def test_nothing_redirects_to_itself(lab, delta):
    alias = ALIASES[2]
    dn, _ = target_of(lab, alias)
    with in_full_and_in_delta(lab, delta) as noticed:
        lab.target.modify(dn, targetAddress=to(alias, "globex")[0])
        noticed(lambda: target_of(lab, alias)[1].get("targetAddress") == to(alias, "acme"),
                "it redirects to itself")
