# SPDX-License-Identifier: MIT
"""The automatic switch by a readiness attribute, on two real forests."""

import pytest
from conftest import wait_for
from galsynclab.forests import LIMITS
from test_120_daemon import running
from test_310_wave import add_mailboxes, ctl, rows, switched

READY = "extensionAttribute13"


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(lab):
    ou = lab.special["acme"]["mailbox"].split(",", 1)[1]
    lab.aliases = add_mailboxes(lab, ou, "ready", 6)
    lab.ou = ou
    conf = lab.write_conf(lab.conf_text(**{
        LIMITS: f'readiness_attribute = "{READY}"; readiness_value = "ready"; '
                "limits = { switches = 3; redirection_percent = 100; matches = 1000; };"}))
    lab.full(status=3, conf=conf)
    lab.finish_mailboxes()
    with running(lab, conf) as d:
        yield d


def set_ready(lab, alias, value="ready"):
    lab.source.modify(f"CN=Wave {alias},{lab.ou}", **{READY: value})


def is_switched(lab, alias):
    """In the middle of a turn neither side redirects."""
    source, target = rows(lab, [alias])[alias]
    return source is not None and target is None


def looked_at(daemon, alias):
    """A cycle has looked at the object, whatever came of it."""
    answer = daemon.ask(verb="resync", object=alias)
    assert answer["ok"] or answer["status"] == 3, answer


def test_appears(daemon, lab):
    first, before = lab.aliases[0], len(daemon.log())
    set_ready(lab, first, "copying")
    looked_at(daemon, first)
    assert not is_switched(lab, first)
    set_ready(lab, first, "Ready")
    wait_for(lambda: is_switched(lab, first), "it is not switched", 60)
    wait_for(lambda: f"switched: '{READY}' says that it is ready" in daemon.log(), "it is not told")
    for line in ("(target): switch: -targetAddress", "(source): switch: +targetAddress"):
        assert line in daemon.log()[before:]
    assert switched(lab, lab.aliases) == 1
    wait_for(lambda: daemon.link()["state"] == "idle", "not idle")
    assert ctl(daemon, "verify").returncode == 0


def test_an_undo_is_not_switched_again(daemon, lab):
    first = lab.aliases[0]
    assert ctl(daemon, "undo-switch", first).returncode == 0
    looked_at(daemon, first)
    assert daemon.ask(verb="resync")["ok"]
    assert not is_switched(lab, first)
    assert daemon.end() == 0
    daemon.start()
    looked_at(daemon, first)
    assert not is_switched(lab, first)
    set_ready(lab, first, None)
    looked_at(daemon, first)
    set_ready(lab, first)
    wait_for(lambda: is_switched(lab, first), "it is not switched again", 60)


def test_only_planned(daemon, lab):
    assert daemon.ask(verb="pause")["ok"]
    # A cycle that runs already would see it.
    wait_for(lambda: daemon.link()["state"] == "paused", "not paused", 60)
    set_ready(lab, lab.aliases[1])
    p = ctl(daemon, "plan")
    assert f"# ready to be switched: CN=Wave {lab.aliases[1]},{lab.ou}" in p.stdout
    assert not is_switched(lab, lab.aliases[1])
    assert daemon.ask(verb="resume")["ok"]
    wait_for(lambda: is_switched(lab, lab.aliases[1]), "it is not switched", 60)


def test_what_cannot_be_switched_is_told_once(daemon, lab):
    alias = lab.aliases[2]
    dn = f"CN=Wave {alias},{lab.ou}"
    daemon.wait_idle()
    before = daemon.log().count("ready, but not switched")
    lab.source.modify(dn, targetAddress="SMTP:elsewhere@example.org", **{READY: "ready"})
    wait_for(lambda: daemon.log().count("ready, but not switched") > before,
             "the reason is not told", 60)
    for _ in range(3):
        looked_at(daemon, alias)
    assert daemon.log().count("ready, but not switched") == before + 1
    assert rows(lab, [alias])[alias][0] == [b"SMTP:elsewhere@example.org"]
    lab.source.modify(dn, targetAddress=None)
    wait_for(lambda: rows(lab, [alias])[alias][1] is None and is_switched(lab, alias),
             "it is not switched", 60)


def test_too_many_hold_the_link(daemon, lab):
    for alias in lab.aliases[:3]:
        set_ready(lab, alias, None)
        looked_at(daemon, alias)
    assert daemon.ask(verb="undo-switch", objects=lab.aliases[:3])["ok"]
    for alias in lab.aliases[:3]:
        looked_at(daemon, alias)
    assert daemon.ask(verb="pause")["ok"]
    for alias in lab.aliases[:4]:
        set_ready(lab, alias)
    assert daemon.ask(verb="resume")["ok"]
    wait_for(lambda: (daemon.link()["last"] or {}).get("held"), "the link is not held", 60)
    assert "4 mailboxes are ready to be switched at once, the limit is 3 (limits.switches)" \
        in daemon.link()["last"]["held_why"]
    assert switched(lab, lab.aliases) == 0
    set_ready(lab, lab.aliases[3], None)
    wait_for(lambda: all(is_switched(lab, a) for a in lab.aliases[:3]), "those below the limit are not switched", 60)
    assert switched(lab, lab.aliases) == 3


def test_unknown_attribute(daemon, lab):
    assert daemon.end() == 0
    with open(daemon.conf, encoding="utf-8") as f:
        text = f.read()
    path = lab.path("unknown.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.replace(READY, "noSuchAttribute"))
    p = lab.galsyncd("--once", conf=path)
    assert p.returncode == 1
    assert "readiness_attribute: 'noSuchAttribute': the schema of forest 'acme'" in p.stderr
