# SPDX-License-Identifier: MIT
"""verify --move-ready: what a full synchronization prepares is ready for a native move, and what is
missing is named. On two real forests, with create = "mail-user"."""

import json

import pytest
from conftest import wait_for
from galsynclab.lab import GLOBEX
from test_120_daemon import Daemon

RT = "redirect.globex.example"
STAMP = "extensionAttribute15"
# Those whose counterpart is created, one of each sort of mailbox; "mailbox" has an archive.
KINDS = ("mailbox", "linked", "shared", "room", "equipment", "disabled", "comma")
DISPLAY = {"room": b"-2147481850", "equipment": b"-2147481594"}


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(lab):
    conf = lab.write_conf(lab.conf_text(**{'create = "mailbox"': 'create = "mail-user"'}))
    lab.full(status=3, conf=conf)
    d = Daemon(lab, conf)
    d.start()
    # What is broken by hand stays so until the test lets it be mended.
    assert d.ask(verb="pause")["ok"]
    wait_for(lambda: d.link()["state"] == "paused", "not paused")
    yield d
    if d.process.poll() is None:
        assert d.end() == 0


def ask(lab, daemon, *who):
    """(exit status, the answer) by galsyncctl."""
    p = lab.galsyncctl("--socket", daemon.socket, "--json", "verify", "--move-ready", *who)
    assert p.returncode in (0, 3), p.stdout + p.stderr
    answer = json.loads(p.stdout)
    s = answer["summary"]
    assert answer["status"] == p.returncode == (3 if answer["results"] else 0)
    assert s["findings"] == len(answer["results"]) and s["checked"] == s["ready"] + s["not_ready"]
    return p.returncode, answer


def missing(lab, daemon, *who):
    _, answer = ask(lab, daemon, *who)
    return [(r["attribute"], r["side"]) for r in answer["results"]]


def record(lab, key):
    dn = lab.special["acme"][key]
    return [r for r in lab.records().values() if r["source"]["dn"] == dn][0]


def test_all_are_ready(lab, daemon):
    usn = lab.source.usn(), lab.target.usn()
    status, answer = ask(lab, daemon)
    assert status == 0, answer["results"]
    users = [r for r in lab.records().values() if r["kind"] == "user"]
    assert len(KINDS) < answer["summary"]["ready"] <= len(users)
    assert answer["summary"]["not_written_yet"] == 0
    p = lab.galsyncctl("--socket", daemon.socket, "verify", "--move-ready")
    assert p.returncode == 0
    assert p.stdout == f"{answer['summary']['ready']} ready, 0 not\n"
    assert (lab.source.usn(), lab.target.usn()) == usn


@pytest.mark.parametrize("key", KINDS)
def test_each_sort(lab, daemon, key):
    r = record(lab, key)
    status, answer = ask(lab, daemon, r["alias"])
    assert status == 0, answer["results"]
    assert answer["summary"]["ready"] == 1
    source, target = lab.source.read(r["source"]["dn"]), lab.target.read(r["target"]["dn"])
    for name in ("msExchMailboxGuid", "msExchArchiveGUID", "msExchArchiveName", "msExchUserCulture"):
        assert target.get(name) == source.get(name), name
    assert ("msExchArchiveGUID" in target) == (key == "mailbox")
    assert target["msExchRecipientDisplayType"] == [DISPLAY.get(key, b"-2147483642")]
    assert target["msExchRecipientTypeDetails"] == [b"128"]
    assert target["userAccountControl"] == [b"514"]
    assert "homeMDB" not in target


# What is taken away by hand; the next full synchronization gives it again.
LOST = ("msExchMailboxGuid", "msExchArchiveGUID", "msExchArchiveName", "msExchUserCulture",
        "msExchVersion", "msExchRecipientDisplayType", "msExchRecipientTypeDetails", "targetAddress",
        "mail", "mailNickname", "displayName")


@pytest.mark.parametrize("name", LOST)
def test_what_is_lost_is_named_and_comes_back(lab, daemon, name):
    r = record(lab, "mailbox")
    target = f"<GUID={r['target']['guid']}>"
    before = lab.target.read(target)[name]
    lab.target.modify(target, **{name: None})
    assert missing(lab, daemon) == [(name, "target")]
    assert missing(lab, daemon, r["alias"], record(lab, "room")["alias"]) == [(name, "target")]
    assert missing(lab, daemon, record(lab, "room")["alias"]) == []
    p = lab.galsyncctl("--socket", daemon.socket, "verify", "--move-ready")
    assert p.returncode == 3
    assert f"MISSING {name}: target object '{r['target']['dn']}'\n  there:     nothing\n" in p.stdout
    assert "ready, 1 not\n" in p.stdout
    assert daemon.ask(verb="resync")["ok"]
    assert missing(lab, daemon) == []
    assert lab.target.read(target)[name] == before


def test_addresses(lab, daemon):
    r = record(lab, "mailbox")
    target = f"<GUID={r['target']['guid']}>"
    proxies = lab.target.read(target)["proxyAddresses"]
    keep = [v for v in proxies if not v.lower().startswith(b"x500:")
            and not v.decode().endswith("@" + RT)]
    lab.target.modify(target, proxyAddresses=keep)
    source = lab.source.read(r["source"]["dn"])
    # Its legacyExchangeDN, each older name, and the redirect address.
    names = {v.lower() for v in source["proxyAddresses"] if v.lower().startswith(b"x500:")}
    names -= {b"x500:" + lab.target.read(target)["legacyExchangeDN"][0].lower()}
    assert missing(lab, daemon) == [("proxyAddresses", "target")] * (len(names) + 2)
    assert daemon.ask(verb="resync")["ok"]
    assert missing(lab, daemon) == []


def test_an_archive_of_others_stays(lab, daemon):
    r = record(lab, "mailbox")
    target = f"<GUID={r['target']['guid']}>"
    lab.target.modify(target, msExchArchiveGUID=bytes(range(16)))
    for _ in range(2):
        _, answer = ask(lab, daemon)
        assert [x["attribute"] for x in answer["results"]] == ["msExchArchiveGUID"]
        assert answer["results"][0]["there"] == "03020100-0504-0706-0809-0a0b0c0d0e0f"
        assert daemon.ask(verb="resync")["ok"]
    lab.target.modify(target, msExchArchiveGUID=None)
    assert daemon.ask(verb="resync")["ok"]
    assert missing(lab, daemon) == []


def test_what_is_no_mailbox(lab, daemon):
    assert missing(lab, daemon, record(lab, "mail-user")["alias"])[0] == ("homeMDB", "source")
    assert ("object", "source") in missing(lab, daemon, record(lab, "contact")["alias"])
    assert missing(lab, daemon, "6f9619ff-8b86-d011-b42d-00c04fc964ff") == [("object", "source")]
    p = lab.galsyncctl("--socket", daemon.socket, "verify", "--move-ready", "nobody")
    assert p.returncode == 1 and "'nobody' is not in the map" in p.stdout + p.stderr
    assert lab.galsyncctl("--socket", daemon.socket, "verify", "--move-ready", "--x").returncode == 2
    assert not daemon.ask(verb="verify", move_ready="yes")["ok"]


@pytest.mark.parametrize("key,delta", [("room", False), ("equipment", True)], ids=["full", "delta"])
def test_it_is_moved(lab, daemon, key, delta):
    """What New-MoveRequest leaves: the mail user is the mailbox. It is taken over, and not undone."""
    r = record(lab, key)
    source, target = r["source"]["dn"], r["target"]["dn"]
    model = lab.source.read(source)
    lab.source.modify(source, targetAddress=f"SMTP:{r['alias']}@{RT}", msExchRecipientTypeDetails=128,
                      msExchRecipientDisplayType=-2147483642, homeMDB=None, msExchHomeServerName=None)
    lab.target.modify(target, targetAddress=None, homeMDB=GLOBEX.databases[0],
                      msExchHomeServerName=GLOBEX.home_server,
                      msExchRecipientTypeDetails=model["msExchRecipientTypeDetails"])
    if delta:
        assert daemon.ask(verb="resume")["ok"]
    else:
        assert daemon.ask(verb="resync")["ok"]
    wait_for(lambda: record(lab, key)["active"] == "target", "the move is not taken over", 60)
    now = lab.target.read(target)
    assert "targetAddress" not in now and now[STAMP][0].endswith(b":target")
    assert now["msExchHomeServerName"] == [GLOBEX.home_server.encode()]
    assert lab.source.read(source)["targetAddress"] == [f"SMTP:{r['alias']}@{RT}".encode()]
    assert daemon.ask(verb="verify", objects=[r["alias"]])["results"] == []
    usn = lab.source.usn(), lab.target.usn()
    assert daemon.ask(verb="resync")["ok"]
    assert (lab.source.usn(), lab.target.usn()) == usn
