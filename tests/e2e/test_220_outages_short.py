# SPDX-License-Identifier: MIT
"""The most telling outages of the daemon, one of each sort; `make check-outages` has all of them, in
every phase and on both sides. Domain controllers that die are in 120, 210 and 221."""

import pytest
from conftest import wait_for
from outage_helpers import (BUSY, INVALID_CREDENTIALS, SHORT_TICKETS, kdc_relays, krb5_conf, struck_in,
                            world_of, writing)


@pytest.fixture(scope="module", name="world")
def fixture_world(lab, tmp_path_factory):
    with world_of(lab, tmp_path_factory.mktemp("outages")) as world:
        yield world


@pytest.fixture(autouse=True, name="calm")
def fixture_calm(world):
    yield
    world.calm()


@pytest.mark.parametrize("way, mode, phase, forest", [
    ("gssapi", "hole", "delta", "globex"), ("gssapi", "refuse", "full", "acme"),
    ("starttls", "cut 6000", "full", "globex")])
def test_connection_fails(world, way, mode, phase, forest):
    daemon, relay = world.daemon(way), world.relays.of(way)[forest]
    relay.set("delay 10")
    with struck_in(world, daemon, phase):
        relay.set(mode)
        daemon.wait_failing()
        relay.set("pass")
    world.check(daemon)


def test_binds_are_refused(world):
    daemon, inner = world.daemon("ldaps"), world.relays.inner["globex"]
    world.relays.tls["globex"].set("delay 30")
    with struck_in(world, daemon, "delta", writing(inner)):
        inner.set(f"answer {INVALID_CREDENTIALS} bind")
        world.relays.tls["globex"].set("break")
        wait_for(lambda: daemon.link()["failing"], "not noticed", 60)
        inner.set("pass")
    world.check(daemon)


def test_busy_for_changes(world):
    """The server takes no more changes in the middle of a cycle: no object is put down as one that
    cannot be written."""
    daemon, inner = world.daemon("ldaps"), world.relays.inner["globex"]
    before = inner.answered()
    inner.set(f"answer {BUSY} change 3")
    with struck_in(world, daemon, "delta", lambda: inner.answered() > before):
        wait_for(lambda: daemon.link()["failing"], "not noticed", 60)
        inner.set("pass")
    world.check(daemon)


def test_stops_while_a_kdc_is_silent(world):
    """libkrb5 would wait for an answer half a minute."""
    with kdc_relays() as kdcs:
        daemon, kdc = world.daemon("gssapi", krb5_conf(world, "short.conf", SHORT_TICKETS)), kdcs["globex"]
        before = kdc.set("hole")
        world.relays.plain["globex"].set("break")
        wait_for(lambda: kdc.accepted() > before, "no ticket is asked for")
        assert daemon.end(timeout_s=25) == 0
    world.work.next()
    world.check(world.daemon(), silent=True)
