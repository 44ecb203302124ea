# SPDX-License-Identifier: MIT
"""The map is lost, and made anew from the directories alone."""

import glob
import os

import pytest
from conftest import wait_for
from test_120_daemon import running

STAMP = "extensionAttribute15"
# How a counterpart was found, and when, is known to the map alone.
OWN = ("rule", "evidence", "created_at", "synced_at", "switched_at")


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(lab):
    lab.full(status=3)
    with running(lab) as d:
        yield d


def plain(lab):
    return {guid: {k: v for k, v in r.items() if k not in OWN} for guid, r in lab.records().items()}


def usn(lab):
    return lab.source.usn(), lab.target.usn()


def resync(daemon, lab):
    """A full synchronization that writes nothing."""
    before = usn(lab)
    daemon.ask(verb="resync")
    daemon.wait_idle()
    assert usn(lab) == before


def mailboxes(lab):
    return [r for r in lab.records().values()
            if r["kind"] == "user" and r["active"] == "source" and r["alias"]]


@pytest.fixture(scope="module", name="estate")
def fixture_estate(daemon, lab):
    """Some are switched; the source of one of them is hidden, and of one that is not."""
    done = []
    for r in mailboxes(lab)[:12]:
        answer = daemon.ask(verb="switch", objects=[r["source"]["guid"]], force=True)
        done += [r] if answer["ok"] else []
    assert len(done) >= 5
    for r in done[0], mailboxes(lab)[-1]:
        lab.source.modify(r["source"]["dn"], msExchHideFromAddressLists="TRUE")
    daemon.ask(verb="resync")
    daemon.wait_idle()
    states = [r["state"] for r in lab.records().values()]
    assert "finished" in states and "left" in states
    return done


def test_a_plan_writes_nothing(daemon, lab, estate):
    before = plain(lab), usn(lab), daemon.wait_idle()["cycles"]
    p = lab.galsyncctl("--socket", daemon.socket, "map", "rebuild", "--plan")
    assert p.returncode == 0, p.stdout + p.stderr
    assert f"target_active        {len(estate) - 1:8}" in p.stdout, p.stdout
    assert "finished                    1" in p.stdout
    assert p.stdout.endswith("Nothing was written.\n") and "not_in_map" not in p.stdout
    assert (plain(lab), usn(lab), daemon.wait_idle()["cycles"]) == before
    p = lab.galsyncctl("--socket", daemon.socket, "map", "rebuild", "--often")
    assert p.returncode == 2


def test_a_rebuild_of_a_good_map(daemon, lab, estate):
    before, at, done = lab.records(), usn(lab), daemon.wait_idle()["cycles"]
    answer = daemon.ask(verb="map-rebuild")
    assert answer["ok"] and answer["written"] and answer["results"] == [], answer
    assert answer["report"]["correspondences"] + answer["report"]["finished"] \
        + answer["report"]["left"] == len(before)
    wait_for(lambda: daemon.link()["cycles"] > done, "no synchronization follows")
    daemon.wait_idle()
    assert usn(lab) == at and lab.records() == before


def test_a_lost_map(daemon, lab, estate):
    before = plain(lab)
    assert daemon.end() == 0
    for name in glob.glob(lab.path("state/map.mdb*")):
        os.unlink(name)
    at = usn(lab)
    daemon.start()
    assert usn(lab) == at
    assert "the map knows nothing of the link" in daemon.log()
    assert plain(lab) == before
    resync(daemon, lab)
    assert plain(lab) == before
    p = lab.galsyncctl("--socket", daemon.socket, "verify")
    assert p.returncode == 0, p.stdout


def test_two_that_name_one_source(daemon, lab, estate):
    """None of them is chosen by a map that is made anew, and both are named."""
    r = mailboxes(lab)[0]
    stamp = lab.target.read(f"<GUID={r['target']['guid']}>")[STAMP][0].decode()
    dn = f"CN=A Copy,CN=Users,{lab.target.base}"
    lab.target.add(dn, objectClass="contact", **{STAMP: stamp})
    try:
        answer = daemon.ask(verb="map-rebuild", plan=True)
        assert answer["status"] == 3 and answer["report"]["named_twice"] == 2
        assert dn in [x["target"] for x in answer["results"]]
        assert r["target"]["dn"] in [x["target"] for x in answer["results"]]
    finally:
        lab.target.delete(dn)
