# SPDX-License-Identifier: MIT
"""The end of coexistence on two real forests: what blocks it is named; then all marks go, mail goes
on arriving, and nothing is done to either object any more."""

import json

import pytest
from conftest import wait_for
from test_120_daemon import Daemon

GUARD = "msExchCalendarRepairDisabled"
STAMP, MARKER = "extensionAttribute15", "extensionAttribute14"
RS, RT = "redirect.acme.example", "redirect.globex.example"
KEYS = ("comma", "mailbox")


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(lab):
    conf = lab.write_conf(lab.conf_text(**{
        "match = [": f'marker_group = "CN=galsync-switched,{lab.source.base}"; match = ['}))
    lab.full(status=3, conf=conf)
    lab.finish_mailboxes()
    lab.dns = [lab.special["acme"][k] for k in KEYS]
    lab.aliases = [lab.source.read(dn)["mailNickname"][0].decode() for dn in lab.dns]
    d = Daemon(lab, conf)
    d.start()
    wait_for(lambda: all(record(lab, dn)["state"] == "synced" for dn in lab.dns),
             "the mailboxes are not finished by Exchange", 60)
    answer = d.ask(verb="switch", objects=lab.aliases)
    assert answer["ok"], answer
    yield d
    if d.process.poll() is None:
        assert d.end() == 0


def finish(daemon, *argv, status=0):
    """The answer, by galsyncctl."""
    p = daemon.lab.galsyncctl("--socket", daemon.socket, "--json", "finish", *argv)
    assert p.returncode == status, p.stdout + p.stderr
    return json.loads(p.stdout)


def record(lab, dn):
    return [r for r in lab.records().values() if r["source"]["dn"] == dn][0]


def objects(lab, dn):
    return lab.source.read(dn), lab.target.read(f"<GUID={record(lab, dn)['target']['guid']}>")


def usns(lab):
    return lab.source.usn(), lab.target.usn()


def is_finished(lab, dn, alias):
    source, target = objects(lab, dn)
    group = lab.source.read(f"CN=galsync-switched,{lab.source.base}")
    # The second one has a value of its own there, which stays.
    assert not source.get(MARKER, [b""])[0].startswith(b"galsync:")
    assert GUARD not in source and STAMP not in target
    assert dn.encode() not in group.get("member", [])
    assert source["targetAddress"] == [f"SMTP:{alias}@{RT}".encode()]
    assert "targetAddress" not in target
    assert record(lab, dn)["state"] == "finished"


@pytest.fixture(name="dependents")
def fixture_dependents(lab):
    """A contact that leads to the first source mailbox, a group and a forward that lead to it."""
    old, club, desk = (f"CN={n},{lab.target.base}" for n in ("Old Way", "Club", "Desk"))
    lab.target.add(old, objectClass="contact", targetAddress=f"SMTP:{lab.aliases[0]}@{RS}")
    lab.target.add(club, objectClass="group", groupType="8", sAMAccountName="club", member=old)
    lab.target.add(desk, objectClass="user", sAMAccountName="desk", userAccountControl="514",
                   altRecipient=old)
    lab.source.modify(lab.special["acme"]["sam-match"], altRecipient=lab.dns[0])
    yield old, club, desk
    lab.source.modify(lab.special["acme"]["sam-match"], altRecipient=None)
    for dn in (desk, club, old):
        lab.target.delete(dn)


def test_plan_names_what_blocks(daemon, lab, dependents):
    old, club, desk = dependents
    daemon.wait_idle()
    before = usns(lab)
    answer = finish(daemon, "--plan", *lab.aliases, status=3)
    assert usns(lab) == before
    assert answer["summary"] == {"done": 1, "blocked": 1, "failed": 0}
    results = {r["dn"]: r for r in answer["results"]}
    assert results[lab.dns[1]]["ok"] and "blockers" not in results[lab.dns[1]]
    blocked = {(b["dn"], b["attribute"], b["value"]) for b in results[lab.dns[0]]["blockers"]}
    assert blocked == {
        (old, "targetAddress", f"smtp:{lab.aliases[0]}@{RS}"), (club, "member", old),
        (desk, "altRecipient", old),
        (lab.special["acme"]["sam-match"], "altRecipient", lab.dns[0])}
    # Without --plan it is as little done.
    p = lab.galsyncctl("--socket", daemon.socket, "finish", lab.aliases[0])
    assert p.returncode == 3 and f"BLOCKED {lab.dns[0]}" in p.stdout, p.stdout + p.stderr
    assert f"  {club}: it has a member that redirects to the source" in p.stdout
    assert MARKER in lab.source.read(lab.dns[0])


def test_who_is_not_switched(daemon, lab):
    other = record(lab, lab.special["acme"]["sam-match"])["alias"]
    answer = finish(daemon, other, status=3)
    assert "it is not switched" in answer["results"][0]["blockers"][0]["text"]


def test_mistakes(daemon, lab):
    def ctl(*argv):
        p = lab.galsyncctl("--socket", daemon.socket, "finish", *argv)
        return p.returncode, p.stdout + p.stderr
    assert ctl()[0] == 2 and ctl("--link", "acme-globex")[0] == 2
    assert ctl("--wave", "x")[0] == 2 and ctl("--wave", "1", lab.aliases[0])[0] == 2
    status, text = ctl("--wave", "77")
    assert status == 1 and "there is no wave 77" in text
    status, text = ctl("nobody.at.all")
    assert status == 1 and "not in the map" in text


def test_finish_the_link(daemon, lab):
    finish(daemon, lab.aliases[0])
    is_finished(lab, lab.dns[0], lab.aliases[0])
    assert STAMP in objects(lab, lab.dns[1])[1]
    answer = finish(daemon, "acme-globex")
    assert [r["dn"] for r in answer["results"]] == [lab.dns[1]]
    for dn, alias in zip(lab.dns, lab.aliases):
        is_finished(lab, dn, alias)


def test_mail_goes_on_arriving(daemon, lab):
    source, _ = objects(lab, lab.dns[0])
    addresses = [v.decode() for v in source["proxyAddresses"]
                 if v.lower().startswith((b"smtp:", b"x500:"))]
    for address in addresses:
        p = lab.galsyncctl("--socket", daemon.socket, "--json", "trace", address)
        assert p.returncode == 0, p.stdout + p.stderr
        for way in json.loads(p.stdout)["ways"]:
            last = way["hops"][-1]
            assert (last["forest"], last["step"]) == ("globex", "mailbox"), (address, way)


def test_nothing_is_done_any_more(daemon, lab):
    daemon.ask(verb="resync")
    daemon.wait_idle()
    target = record(lab, lab.dns[0])["target"]["dn"]
    lab.source.modify(lab.dns[0], title="From the source")
    lab.source.modify(lab.dns[1], description="wakes the daemon")
    lab.target.modify(target, title="Its own")
    daemon.ask(verb="resync")
    daemon.wait_idle()
    for dn, alias in zip(lab.dns, lab.aliases):
        is_finished(lab, dn, alias)
    assert lab.target.read(target)["title"] == [b"Its own"]
    before = usns(lab)
    daemon.ask(verb="resync")
    assert usns(lab) == before
    assert lab.galsyncctl("--socket", daemon.socket, "verify", *lab.aliases).returncode == 0
    for verb in ("switch", "undo-switch", "proxy-toggle"):
        p = lab.galsyncctl("--socket", daemon.socket, verb, lab.aliases[0])
        assert p.returncode == 1 and "it is finished" in p.stdout, p.stdout + p.stderr
    p = lab.galsyncctl("--socket", daemon.socket, "resync", "--object", lab.aliases[0])
    assert p.returncode == 1 and "is finished" in p.stderr
    p = lab.galsyncctl("--socket", daemon.socket, "finish", lab.aliases[0])
    assert p.returncode == 0 and "finished already" in p.stdout


@pytest.mark.parametrize("full", [False, True], ids=["delta", "full"])
def test_no_mail_goes_round(daemon, lab, full):
    """By hand; it is ended, and nothing else is done to what is finished."""
    dn, alias = lab.dns[0], lab.aliases[0]
    before = objects(lab, dn)
    target = record(lab, dn)["target"]["dn"]
    for domain in RS, RT:
        if full:
            assert daemon.ask(verb="pause")["ok"]
            wait_for(lambda: daemon.link()["state"] == "paused", "not paused", 60)
        lab.target.modify(target, targetAddress=f"SMTP:{alias}@{domain}")
        if full:
            assert daemon.ask(verb="resync")["ok"]
            assert daemon.ask(verb="resume")["ok"]
        wait_for(lambda: "targetAddress" not in lab.target.read(target), "mail goes round", 60)
        daemon.wait_idle()
        now = objects(lab, dn)
        for was, is_ in zip(before, now):
            assert {k for k in was | is_ if was.get(k) != is_.get(k)} <= {"whenChanged", "uSNChanged"}
        assert f"mail goes round in a circle, because the target object redirects to SMTP:{alias}@{domain}" \
            in daemon.log()
    is_finished(lab, dn, alias)
    assert lab.galsyncctl("--socket", daemon.socket, "verify", alias).returncode == 0


def test_a_wave(daemon, lab):
    dn = lab.special["acme"]["worker"]
    alias = record(lab, dn)["alias"]
    path = lab.path("wave.csv")
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"{alias}\n")
    p = lab.galsyncctl("--socket", daemon.socket, "--json", "wave", path, "--at", "now")
    assert p.returncode == 0, p.stdout + p.stderr
    number = str(json.loads(p.stdout)["wave"])
    wait_for(lambda: record(lab, dn)["active"] == "target", "the wave does not switch", 60)
    daemon.wait_idle()
    answer = finish(daemon, "--wave", number)
    assert [r["dn"] for r in answer["results"]] == [dn]
    is_finished(lab, dn, alias)
