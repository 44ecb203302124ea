# SPDX-License-Identifier: MIT
"""A session that is open for longer than the Kerberos ticket it was begun with. This takes more than
five minutes of real time, because the libraries refuse a ticket that ends sooner."""

import time

import pytest
from conftest import wait_for
from outage_helpers import FAILS, kdc_relays, krb5_conf, world_of

LIFETIME_S = 310


@pytest.fixture(scope="module", name="world")
def fixture_world(lab, tmp_path_factory):
    with world_of(lab, tmp_path_factory.mktemp("tickets")) as world:
        yield world


def counts(relays):
    return [relay.accepted() for relay in relays.values()]


def test_session_outlives_its_ticket(world):
    """The ticket ends while the session is open and idle, and nothing else happens to the
    connections: whatever the server does about that, work goes on, and nobody hears of it."""
    with kdc_relays() as kdcs:
        daemon = world.daemon("gssapi", krb5_conf(world, "short.conf",
                                                  f"ticket_lifetime = {LIFETIME_S}s"))
        ends = time.time() + LIFETIME_S     # at the latest: the sessions are open
        sessions, tickets = counts(world.relays.plain), counts(kdcs)
        wait_for(lambda: time.time() > ends - 20, "most of the tickets' life", LIFETIME_S + 30)
        assert counts(world.relays.plain) == sessions, "the sessions did not live so long"
        wait_for(lambda: time.time() > ends, "the end of the tickets")
        world.work.next()
        world.check(daemon, silent=True)
        if counts(world.relays.plain) != sessions:
            assert counts(kdcs) != tickets, "another session with the old ticket"
        assert FAILS not in daemon.news()
        world.daemons.end()
