# SPDX-License-Identifier: MIT
"""The daemon while a domain controller, the way to it or its KDC fails: it notices, says so once,
and when all is well again it ends where an undisturbed one would have, without anybody's help."""

import contextlib
import random
import uuid

import pytest
from badinput_helpers import conf, first_logon
from conftest import wait_for
from galsynclab.forests import running
from galsynclab.lab import ACME, GLOBEX, STAFF_OU
from outage_helpers import (FAILS, FOREST, QUICK, WORKS, Relay, Watched, check_same, counterpart,
                            wait_titles)

PORT, KDC_PORT = 3890, 8800
CROWD = 25
PHASES = ("idle", "delta", "full")
RELAYED = [("refuse", "idle", "globex"), ("refuse", "delta", "acme"), ("refuse", "full", "globex"),
           ("hole", "idle", "acme"), ("hole", "delta", "globex"), ("hole", "full", "acme"),
           ("busy", "idle", "globex"), ("busy", "delta", "acme"), ("busy", "full", "globex")]
STRUCK = [("kill", "idle", "acme"), ("kill", "delta", "globex"), ("stop", "full", "acme"),
          ("freeze", "idle", "globex"), ("freeze", "delta", "acme"), ("freeze", "full", "globex")]
UNDO = {"kill": "start", "stop": "start", "freeze": "thaw"}
# Near their end, by ten minutes, tickets are renewed at the next login; the libraries refuse those
# that end within five.
SHORT_TICKETS_S = 400


@pytest.fixture(scope="module", name="relays")
def fixture_relays(lab):
    assert lab
    relays = {f.name: Relay(f, PORT, 389) for f in (ACME, GLOBEX)}
    yield relays
    for relay in relays.values():
        relay.end()


@pytest.fixture(scope="module", name="people")
def fixture_people(lab):
    dns = [f"CN=Out {n:02},{STAFF_OU}" for n in range(CROWD)]
    for n, dn in enumerate(dns):
        alias = f"out{n:02}"
        lab.source.add(dn, objectClass="user", sAMAccountName=alias, userAccountControl="544",
                       displayName=f"Out {n}", mailNickname=alias, mail=f"{alias}@acme.example",
                       proxyAddresses=f"SMTP:{alias}@acme.example",
                       legacyExchangeDN=f"{ACME.admin_group}/cn=Recipients/cn={alias}",
                       homeMDB=ACME.databases[0], msExchHomeServerName=ACME.home_server,
                       msExchMailboxGuid=uuid.UUID(int=n + 1000).bytes_le,
                       msExchVersion="44220983382016", msExchRecipientTypeDetails="1",
                       msExchRecipientDisplayType="1073741824")
    return dns


def conf_file(lab, directory):
    quick = {name: {"servers": [f"ldap://dc1.{name}.example:{PORT}"], "extra": QUICK}
             for name in FOREST}
    return conf(lab, directory, link="interval_s = 1;", **quick)


@pytest.fixture(scope="module", name="running_daemon")
def fixture_running_daemon(lab, relays, people, tmp_path_factory):
    assert relays
    first_logon(lab)
    d = Watched(lab, conf_file(lab, tmp_path_factory.mktemp("outages")))
    with d.started():
        wait_for(lambda: all(counterpart(lab, dn) for dn in people), "the people are not there")
        yield d


@pytest.fixture(name="daemon")
def fixture_daemon(lab, relays, running_daemon):
    running_daemon.wait_idle()
    running_daemon.set_mark()
    yield running_daemon
    for relay in relays.values():
        relay.set("pass")
    for forest in (ACME, GLOBEX):       # what a test that failed may leave
        lab.command("dc", "thaw" if running(forest) else "start", forest.name)


@contextlib.contextmanager
def busy_in(phase, lab, daemon, people, title):
    """The daemon is in PHASE; afterwards everybody's title is TITLE, whatever happens."""
    if phase == "idle":
        yield
        lab.source.modify(people[0], title=title)
        wait_titles(lab, people[:1], title)
        return
    for relay_user in people:
        lab.source.modify(relay_user, title=title)
    with contextlib.ExitStack() as stack:
        if phase == "full":
            stack.enter_context(daemon.begin_full())
        wait_for(lambda: daemon.link()["state"] == "running", "nothing is under way", 10)
        yield
    wait_titles(lab, people, title)


@pytest.mark.parametrize("mode, phase, forest", RELAYED)
def test_connection_fails(daemon, lab, relays, people, mode, phase, forest):
    relay = relays[forest]
    relay.set("delay 10")
    with busy_in(phase, lab, daemon, people, f"{mode} {phase}"):
        relay.set(mode)
        daemon.wait_failing()
        relay.set("pass")
    daemon.wait_working()
    daemon.check_lines()
    check_same(lab, daemon)


@pytest.mark.parametrize("action, phase, forest", STRUCK)
def test_domain_controller_fails(daemon, lab, relays, people, action, phase, forest):
    relays[forest].set("delay 10")
    with busy_in(phase, lab, daemon, people, f"{action} {phase}"):
        lab.command("dc", action, forest)
        daemon.wait_failing()
        lab.command("dc", UNDO[action], forest)
        relays[forest].set("pass")
    daemon.wait_working()
    daemon.check_lines()
    check_same(lab, daemon)


def test_many_attempts_are_one_outage(daemon, lab, relays, people):
    before = relays["globex"].set("busy")
    wait_for(lambda: relays["globex"].accepted() >= before + 3, "no further attempts", 30)
    assert "busy" in daemon.link()["error"].lower()
    relays["globex"].set("pass")
    daemon.wait_working()
    assert daemon.news().count(FAILS) == daemon.news().count(WORKS) == 1
    lab.source.modify(people[0], title="Many attempts")
    wait_titles(lab, people[:1], "Many attempts")
    check_same(lab, daemon)


@pytest.mark.parametrize("forest", ["acme", "globex"])
def test_cut_anywhere(daemon, lab, relays, people, forest):
    """Connections break in the middle of whatever there is: a bind, a page, an answer."""
    seed = random.randrange(1 << 32)
    print("seed", seed)
    dice = random.Random(seed)
    relay = relays[forest]
    for turn in range(2):
        title = f"Cut {forest} {turn}"
        accepted = relay.set(f"cut {dice.randrange(1, 30000)}")
        for dn in people:
            lab.source.modify(dn, title=title)
        with daemon.begin_full():
            wait_for(lambda n=accepted: relay.accepted() > n, "no connection was cut")
        relay.set(f"cut {dice.randrange(1, 3000)}")
        relay.set("pass")
        wait_titles(lab, people, title)
    wait_for(lambda: not daemon.link()["failing"], "it does not work again")
    check_same(lab, daemon)


def test_a_slow_way_is_no_outage(daemon, lab, relays, people):
    for relay in relays.values():
        relay.set("delay 100")
    for dn in people:
        lab.source.modify(dn, title="Slow")
    wait_titles(lab, people, "Slow")
    for relay in relays.values():
        relay.set("pass")
    daemon.check_lines(silent=True)
    check_same(lab, daemon)


@pytest.fixture(scope="module", name="kdcs")
def fixture_kdcs(lab):
    assert lab
    kdcs = {f.name: Relay(f, KDC_PORT, 88) for f in (ACME, GLOBEX)}
    yield kdcs
    for relay in kdcs.values():
        relay.end()


def krb5_conf(lab, directory, lifetime):
    """Kerberos by way of the relays; tickets live for LIFETIME."""
    with open(lab.path("etc", "krb5.conf"), encoding="ascii") as f:
        text = f.read()
    for f in (ACME, GLOBEX):
        text = text.replace(f"kdc = {f.address}\n", f"kdc = {f.address}:{KDC_PORT}\n")
    text = text.replace("[libdefaults]\n", "[libdefaults]\n udp_preference_limit = 1\n"
                        f" ticket_lifetime = {lifetime}\n")
    path = directory / "krb5.conf"
    path.write_text(text)
    return str(path)


@pytest.fixture(scope="module", name="ticketed")
def fixture_ticketed(lab, relays, running_daemon, people, kdcs, tmp_path_factory):
    """Another daemon in place of the first, whose tickets end soon."""
    assert relays and people and kdcs
    if running_daemon.process.poll() is None:
        running_daemon.end()
    directory = tmp_path_factory.mktemp("tickets")
    d = Watched(lab, running_daemon.conf,
                {"KRB5_CONFIG": krb5_conf(lab, directory, f"{SHORT_TICKETS_S}s")})
    with d.started():
        yield d


def test_tickets_are_renewed_in_silence(ticketed, lab, relays, kdcs, people):
    """A session is made anew with another ticket; nobody hears of it."""
    before = kdcs["globex"].accepted()
    for relay in relays.values():
        relay.set("break")
    lab.source.modify(people[0], title="Renewed")
    wait_titles(lab, people[:1], "Renewed")
    assert kdcs["globex"].accepted() > before, "no ticket was renewed"
    assert FAILS not in ticketed.news()


def test_no_kdc(ticketed, lab, relays, kdcs, people):
    ticketed.set_mark()
    kdcs["globex"].set("refuse")
    relays["globex"].set("break")
    lab.source.modify(people[0], title="No KDC")
    wait_for(lambda: ticketed.link()["failing"], "not noticed")
    assert "Kerberos" in ticketed.link()["error"]
    kdcs["globex"].set("pass")
    wait_titles(lab, people[:1], "No KDC")
    ticketed.wait_working()
    ticketed.check_lines()


@pytest.mark.parametrize("forest", ["acme", "globex"])
def test_account_is_disabled_for_a_while(ticketed, lab, relays, people, forest):
    side = lab.source if forest == "acme" else lab.target
    dn = f"CN=svc-galsync,CN=Users,{side.base}"
    ticketed.set_mark()
    side.modify(dn, userAccountControl="514")
    relays[forest].set("break")
    lab.source.modify(people[0], title=f"Disabled {forest}")
    wait_for(lambda: ticketed.link()["failing"], "not noticed")
    assert "disabled" in ticketed.link()["error"]
    side.modify(dn, userAccountControl="512")
    wait_titles(lab, people[:1], f"Disabled {forest}")
    ticketed.wait_working()
    ticketed.check_lines()
    check_same(lab, ticketed)
