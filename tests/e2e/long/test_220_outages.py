# SPDX-License-Identifier: MIT
"""The daemon while a domain controller, the way to it or its KDC fails: it notices, says so once,
and when all is well again both forests are, object by object, what a round of the same work without
an outage made of them, without anybody's help."""

import random

import pytest
from conftest import wait_for
from outage_helpers import (BUSY, FAILS, INVALID_CREDENTIALS, SHORT_TICKETS, UNAVAILABLE,
                            UNWILLING, WORKS, counterpart, differences, kdc_relays, krb5_conf,
                            picture, struck_in, world_of, writing)

PHASES = ("idle", "delta", "full")
SIDES = ("acme", "globex")
# Sealed by Kerberos; each outage in each phase.
SEALED = [("gssapi", mode, phase, SIDES[(i + j) % 2])
          for i, mode in enumerate(("refuse", "hole", "busy")) for j, phase in enumerate(PHASES)]
# The same with TLS; each connection is cut soon after the handshake. An idle session carries so
# little that it would live on: there it breaks, and each new one is cut in the handshake.
SECURED = [(way, mode, phase, SIDES[(i + j) % 2])
           for i, way in enumerate(("starttls", "ldaps"))
           for mode in ("cut", "hole") for j, phase in enumerate(PHASES)]
STRUCK = [("kill", "idle", "acme"), ("kill", "delta", "globex"), ("kill", "full", "acme"),
          ("stop", "idle", "globex"), ("stop", "delta", "acme"), ("stop", "full", "acme"),
          ("freeze", "idle", "globex"), ("freeze", "delta", "acme"), ("freeze", "full", "globex")]
UNDO = {"kill": "start", "stop": "start", "freeze": "thaw"}


@pytest.fixture(scope="module", name="world")
def fixture_world(lab, tmp_path_factory):
    with world_of(lab, tmp_path_factory.mktemp("outages")) as world:
        yield world


@pytest.fixture(autouse=True, name="calm")
def fixture_calm(world):
    yield
    world.calm()


def test_undisturbed_rounds_are_equal(world):
    """What the comparison of all the others rests on; and it is not blind."""
    found = differences(world.undisturbed(), world.wanted)
    assert not found, "\n".join(found)
    d = world.daemon()
    dn = counterpart(world.lab, world.work.people[3])["distinguishedName"][0].decode()
    assert d.ask(verb="pause")["ok"]
    wait_for(lambda: d.link()["state"] == "paused", "not paused")
    world.lab.target.modify(dn, title="Another")
    found = differences(picture(world.lab, d, world.work), world.wanted)
    assert len(found) == 1 and dn.lower() in found[0].lower() and "title" in found[0], found
    world.lab.target.modify(dn, title=world.work.name)
    assert d.ask(verb="resume")["ok"]
    world.check(d, silent=True)


@pytest.mark.parametrize("way, mode, phase, forest", SEALED + SECURED)
def test_connection_fails(world, way, mode, phase, forest):
    daemon, relay = world.daemon(way), world.relays.of(way)[forest]
    relay.set("delay 10")
    if mode == "cut":
        mode = "cut 1500" if phase == "idle" else "cut 6000"
    with struck_in(world, daemon, phase):
        if mode == "cut 1500":
            relay.set("break")
        relay.set(mode)
        daemon.wait_failing()
        relay.set("pass")
    world.check(daemon)


@pytest.mark.parametrize("action, phase, forest", STRUCK)
def test_domain_controller_fails(world, action, phase, forest):
    daemon = world.daemon()
    world.relays.plain[forest].set("delay 10")
    with struck_in(world, daemon, phase):
        world.lab.command("dc", action, forest)
        daemon.wait_failing()
        world.lab.command("dc", UNDO[action], forest)
        world.relays.plain[forest].set("pass")
    world.check(daemon)


def test_many_attempts_are_one_outage(world):
    daemon, relay = world.daemon(), world.relays.plain["globex"]
    before = relay.set("busy")
    wait_for(lambda: relay.accepted() >= before + 3, "no further attempts")
    assert "busy" in daemon.link()["error"].lower()
    relay.set("pass")
    world.work.next()
    world.check(daemon)
    assert daemon.news().count(FAILS) == daemon.news().count(WORKS) == 1


@pytest.mark.parametrize("way, forest", [("gssapi", "acme"), ("gssapi", "globex"),
                                         ("starttls", "acme"), ("ldaps", "globex")])
def test_cut_anywhere(world, way, forest):
    """Connections break in the middle of whatever there is: a handshake, a bind, a page."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    dice = random.Random(seed)
    daemon, relay = world.daemon(way), world.relays.of(way)[forest]
    for _ in range(2):
        accepted = relay.set(f"cut {dice.randrange(1, 30000)}")
        world.work.next()
        with daemon.begin_full():
            wait_for(lambda n=accepted: relay.accepted() > n, "no connection was cut")
        relay.set(f"cut {dice.randrange(1, 3000)}")
        relay.set("pass")
    # It may have worked between any two of the cuts.
    world.check(daemon, most=4)


@pytest.mark.parametrize("forest", SIDES)
def test_a_slow_way_is_no_outage(world, forest):
    daemon = world.daemon()
    world.relays.plain[forest].set("delay 100")
    world.work.next()
    world.check(daemon, silent=True)
    assert FAILS not in daemon.news()


@pytest.mark.parametrize("code, phase, forest, busy_side", [
    (INVALID_CREDENTIALS, "idle", "acme", "acme"), (INVALID_CREDENTIALS, "delta", "globex", "globex"),
    (INVALID_CREDENTIALS, "full", "acme", "globex"), (UNWILLING, "idle", "globex", "globex"),
    (UNWILLING, "delta", "acme", "globex"), (UNWILLING, "full", "globex", "globex")])
def test_server_refuses_binds(world, code, phase, forest, busy_side):
    """In the middle of the writes of one side a session breaks, and there is no other. The account
    is not tried for each object that waits to be written: that would lock it."""
    daemon, relay, inner = world.daemon("ldaps"), world.relays.tls[forest], world.relays.inner[forest]
    world.relays.tls[busy_side].set("delay 30")
    before = inner.answered()
    with struck_in(world, daemon, phase, writing(world.relays.inner[busy_side])):
        inner.set(f"answer {code} bind")
        relay.set("break")
        # The first error may be that of the session that broke; a bind comes with the next attempt.
        wait_for(lambda: f"({code})" in daemon.link().get("error", ""), "not noticed", 60)
        tried = inner.answered() - before
        assert "bind" in daemon.link()["error"]
        inner.set("pass")
    assert tried <= 8, "a bind for each object"
    world.check(daemon)


@pytest.mark.parametrize("code, phase, forest, skip", [
    (BUSY, "idle", "acme", 0), (UNAVAILABLE, "idle", "globex", 0),
    (BUSY, "delta", "globex", 3), (UNAVAILABLE, "delta", "acme", 3),
    (BUSY, "full", "acme", 4), (UNAVAILABLE, "full", "globex", 4)])
def test_busy_for_searches(world, code, phase, forest, skip):
    daemon, inner = world.daemon("ldaps"), world.relays.inner[forest]
    world.relays.tls[forest].set("delay 10")
    before = inner.answered()
    with struck_in(world, daemon, phase):
        inner.set(f"answer {code} search {skip}")
        wait_for(lambda: daemon.link()["failing"], "not noticed", 60)
        assert f"({code})" in daemon.link()["error"]
        assert inner.answered() > before
        inner.set("pass")
    world.check(daemon)


@pytest.mark.parametrize("code, phase, forest, long", [
    (BUSY, "delta", "globex", True), (BUSY, "full", "acme", True),
    (UNAVAILABLE, "delta", "acme", False), (UNAVAILABLE, "full", "globex", False)])
def test_busy_for_changes(world, code, phase, forest, long):
    """After some of the changes of a cycle the server takes no more. For a moment: the same cycle
    goes on. For long: the cycle ends, and nobody is put down as an object that cannot be written."""
    daemon, inner = world.daemon("ldaps"), world.relays.inner[forest]
    before = inner.answered()
    inner.set(f"answer {code} change 3")
    with struck_in(world, daemon, phase, lambda: inner.answered() > before):
        if long:
            wait_for(lambda: daemon.link()["failing"], "not noticed", 60)
        else:
            daemon.wait_failing()
        inner.set("pass")
    world.check(daemon)
    assert FAILS in daemon.news() or not long


@pytest.fixture(scope="module", name="kdcs")
def fixture_kdcs(lab):
    assert lab
    with kdc_relays() as kdcs:
        yield kdcs


@pytest.fixture(name="ticketed")
def fixture_ticketed(world, kdcs):
    """A daemon that needs the KDC for every session."""
    yield world.daemon("gssapi", krb5_conf(world, "short.conf", SHORT_TICKETS))
    for relay in kdcs.values():
        relay.set("pass")


def test_tickets_are_renewed_in_silence(world, ticketed, kdcs):
    """A session is made anew with another ticket; nobody hears of it."""
    before = kdcs["globex"].accepted()
    for relay in world.relays.plain.values():
        relay.set("break")
    world.work.next()
    world.check(ticketed, silent=True)
    assert kdcs["globex"].accepted() > before, "no ticket was renewed"
    assert FAILS not in ticketed.news()


@pytest.mark.parametrize("phase, forest", [
    ("idle", "globex"), ("delta", "globex"), ("delta", "acme"), ("full", "acme")])
def test_no_kdc(world, ticketed, kdcs, phase, forest):
    relay = world.relays.plain[forest]
    relay.set("delay 10")
    with struck_in(world, ticketed, phase):
        kdcs[forest].set("refuse")
        relay.set("break")
        # The first error may be that of the session that broke.
        wait_for(lambda: "Kerberos" in ticketed.link().get("error", ""), "not noticed", 60)
        kdcs[forest].set("pass")
    world.check(ticketed)


@pytest.mark.parametrize("forest", SIDES)
def test_account_is_disabled_for_a_while(world, ticketed, forest):
    side = world.lab.source if forest == "acme" else world.lab.target
    dn = f"CN=svc-galsync,CN=Users,{side.base}"
    side.modify(dn, userAccountControl="514")
    world.relays.plain[forest].set("break")
    world.work.next()
    wait_for(lambda: ticketed.link()["failing"], "not noticed")
    assert "disabled" in ticketed.link()["error"]
    side.modify(dn, userAccountControl="512")
    world.check(ticketed)
