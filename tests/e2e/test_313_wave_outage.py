# SPDX-License-Identifier: MIT
"""What goes wrong in a wave: a domain controller takes no more changes in the middle of it, the
marker may not be written, a name means two. On two real forests, with a relay before either."""

import pytest
from badinput_helpers import conf, simple, tls
from conftest import ACME, GLOBEX, wait_for
from outage_helpers import INNER_PORT, UNAVAILABLE, LdapRelay
from test_120_daemon import running
from test_310_wave import add_mailboxes, ctl, ended, plan, rows, show, switched, write

N = 12


@pytest.fixture(scope="module", name="relays")
def fixture_relays(lab):
    relays = {f.name: LdapRelay(lab, f, INNER_PORT) for f in (ACME, GLOBEX)}
    yield relays
    for relay in relays.values():
        relay.end()


def relayed(lab, directory, link=""):
    """A configuration that goes through the relays."""
    keys = {f.name: {"servers": [f"ldaps://{f.host}:{INNER_PORT}"],
                     "auth": simple(lab.path(f"{f.name}.password"),
                                    f"CN=svc-galsync,CN=Users,{f.base}"),
                     "tls": tls("ldaps", lab.path("tls", "ca.pem"))} for f in (ACME, GLOBEX)}
    return conf(lab, directory, state=lab.path("state"), link=link, **keys)


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(lab, relays, tmp_path_factory):
    lab.aliases = add_mailboxes(lab, lab.special["acme"]["mailbox"].split(",", 1)[1], "outage", N)
    file = relayed(lab, tmp_path_factory.mktemp("relayed"))
    lab.full(status=3, conf=file)
    lab.finish_mailboxes()
    assert relays
    with running(lab, file) as d:
        yield d


@pytest.mark.parametrize("forest", ["acme", "globex"])
@pytest.mark.parametrize("turn", ["switch", "undo"])
def test_no_more_changes_in_the_middle(daemon, lab, relays, turn, forest):
    """Some are turned, some half, some not at all, and none loops; the wave says what it waits for,
    and goes on by itself."""
    begin = 0 if turn == "switch" else N
    if switched(lab, lab.aliases) != begin:
        verb = {"switch": "undo-switch", "undo": "switch"}[turn]
        assert ctl(daemon, verb, *lab.aliases).returncode == 0
    daemon.wait_idle()
    number = plan(daemon, "\n".join(lab.aliases), *(["--undo"] if turn == "undo" else []))
    relays[forest].set(f"answer {UNAVAILABLE} change {N // 2}")
    try:
        assert ctl(daemon, "wave", "reschedule", str(number), "--at", "now").returncode == 0
        w = wait_for(lambda: (x := show(daemon, number))["waits"] and x, "it does not wait", 60)
        assert w["state"] == "running" and "by the relay" in w["waits"], w
        found = rows(lab, lab.aliases).values()
        assert not any(s and t for s, t in found)
        # The second change of a turn is refused to half of them, or the first one.
        second = (turn == "switch") == (forest == "acme")
        assert [s is None and t is None for s, t in found].count(True) == (N // 2 if second else 0)
    finally:
        relays[forest].set("pass")
    w = ended(daemon, number)
    assert (w["done"], w["failed"], w["waits"]) == (N, 0, "")
    assert switched(lab, lab.aliases) == N - begin


def test_a_marker_that_may_not_be_written(daemon, lab, tmp_path):
    """The account was given no right to the attribute: each is turned back, and says why."""
    if switched(lab, lab.aliases):
        assert ctl(daemon, "undo-switch", *lab.aliases).returncode == 0
    assert daemon.end() == 0
    file = relayed(lab, tmp_path, 'marker_attribute = "adminDescription";')
    with running(lab, file) as other:
        p = ctl(other, "switch", *lab.aliases[:3])
        assert p.returncode == 1 and p.stdout.count("FAILED") == 3, p.stdout
        assert p.stdout.count("turned back: ") == 3 and p.stdout.count("nsufficient access") == 3
        assert switched(lab, lab.aliases) == 0
        assert ctl(other, "verify", *lab.aliases).returncode == 0
    daemon.start()


def test_an_alias_that_two_have(daemon, lab):
    """It is said that it may mean two, and nothing is begun."""
    alias, contact = lab.aliases[0], lab.special["acme"]["contact"]
    before = lab.source.read(contact)["mailNickname"]

    def known(count):
        return [r["alias"] for r in lab.records().values()].count(alias) == count
    lab.source.modify(contact, mailNickname=alias)
    wait_for(lambda: known(2), "the map does not know it", 60)
    try:
        for verb in ("switch", "undo-switch", "proxy-toggle", "verify"):
            p = ctl(daemon, verb, alias, lab.aliases[2])
            assert p.returncode == 1 and "nothing was begun: 1 of 2" in p.stderr, p.stderr
            assert f"'{alias}' is ambiguous: 2 correspondences have it" in p.stdout
        path = write(lab, f"{alias}\n{lab.aliases[2]}\n")
        p = ctl(daemon, "wave", path, "--at", "+1h")
        assert p.returncode == 1
        assert f"{path}:1: {alias}: it is ambiguous: 2 correspondences have it" in p.stderr
    finally:
        lab.source.modify(contact, mailNickname=before)
    wait_for(lambda: known(1), "the map does not know it", 60)
    assert switched(lab, lab.aliases) == 0


def test_what_is_left_is_right(daemon, lab):
    wait_for(lambda: ctl(daemon, "verify").returncode == 0, "something is left", 60)
    assert switched(lab, lab.aliases) == 0
