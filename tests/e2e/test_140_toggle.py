# SPDX-License-Identifier: MIT
"""The proxy toggle on two real forests."""

import contextlib
import json
import signal

import ldap
import pytest
from conftest import wait_for
from test_120_daemon import Daemon

KEY = "comma"
LOST = ("homeMDB", "msExchHomeServerName", "msExchMailboxGuid", "mailNickname")


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(lab):
    lab.full(status=3)
    lab.alias = lab.source.read(lab.special["acme"][KEY])["mailNickname"][0].decode()
    d = Daemon(lab)
    d.start()
    yield d
    if d.process.poll() is None:
        assert d.end() == 0


def dummies(lab):
    return [dn for side in (lab.source, lab.target)
            for dn, _ in side.search("(proxyAddresses=smtp:*@delete.me)", ["cn"])]


def target_of(lab, key):
    dn = lab.special["acme"][key]
    guid = [r["target"]["guid"] for r in lab.records().values() if r["source"]["dn"] == dn][0]
    return f"<GUID={guid}>"


def test_a_purged_mailbox_comes_back(daemon, lab):
    target = target_of(lab, KEY)
    before = lab.target.read(target)
    assert daemon.ask(verb="pause")["ok"]
    wait_for(lambda: daemon.link()["state"] == "paused", "not paused")
    lab.target.modify(target, **{name: None for name in LOST})
    answer = daemon.ask(verb="proxy-toggle", objects=[lab.alias])
    assert answer["ok"] and answer["results"][0]["ok"], answer
    after = lab.target.read(target)
    for name in LOST:
        assert after[name] == before[name]
    assert not dummies(lab)
    assert daemon.ask(verb="resume")["ok"]


def test_a_switched_mailbox_is_refused(daemon, lab):
    daemon.wait_idle()
    assert daemon.ask(verb="switch", objects=[lab.alias])["ok"]
    p = lab.galsyncctl("--socket", daemon.socket, "proxy-toggle", lab.alias)
    assert p.returncode == 1 and "switched" in p.stdout
    assert daemon.ask(verb="undo-switch", objects=[lab.alias])["ok"]
    assert not dummies(lab)


def test_leftovers_are_removed(daemon, lab):
    dn = lab.special["acme"]["polish"]
    lab.source.change(dn, (ldap.MOD_ADD, "proxyAddresses", [b"smtp:left.over@delete.me"]))
    wait_for(lambda: not dummies(lab), "the leftover is still there")
    assert daemon.wait_idle()


def test_killed_in_the_middle(daemon, lab):
    """SIGKILL at moments all over the toggle: after the next start no dummy is anywhere."""
    aliases = [lab.source.read(lab.special["acme"][k])["mailNickname"][0].decode()
               for k in (KEY, "polish", "turkish", "cyrillic")]
    seen = 0
    for i in range(6):
        with contextlib.suppress(OSError), daemon.connect() as s:
            s.sendall((json.dumps({"verb": "proxy-toggle", "objects": aliases}) + "\n").encode())
            for _ in range(i):
                seen += bool(dummies(lab))
        daemon.end(signal.SIGKILL)
        seen += bool(dummies(lab))
        daemon.start()
        wait_for(lambda: not dummies(lab), "a dummy is left after a crash")
    assert seen
