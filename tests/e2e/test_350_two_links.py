# SPDX-License-Identifier: MIT
"""Two links into one forest: one works at a time, and a link that waits does what need not wait.
And two links in opposite directions, which meet at the same objects."""

import contextlib

import ldap
import pytest
from badinput_helpers import write
from conftest import wait_for
from galsynclab.lab import GLOBEX, PEOPLE_OU, RETURN_OU, STAFF_OU, TARGET_OU
from outage_helpers import PORT, Relay
from test_120_daemon import Daemon

ONE, TWO = "acme-globex", "contacts"
# The same target under another name, by way of the relay.
FOREST = """ {{ name = "globex-too"; domain = "{f.domain}"; servers = [ "ldap://{f.host}:{port}" ];
    auth = {{ principal = "{f.principal}"; keytab = "{keytab}"; }};
    mail_domains = [ "{f.domain}" ]; redirect_domain = "redirect-too.{f.domain}"; }},
"""
LINK = f""" {{ name = "{TWO}"; source = "acme"; target = "globex-too"; interval_s = 1;
    scopes = ( {{ base = "{STAFF_OU}"; kinds = [ "contact" ]; target_ou = "{TARGET_OU}";
                 create = "contact"; }} ); }},
"""
# The other direction: what lies in BASE becomes contacts of the source.
BACK = """ {{ name = "back"; source = "globex"; target = "acme";
    scopes = ( {{ base = "{base}"; kinds = [ "user" ]; target_ou = "{ou}"; create = "contact"; }} );
    match = [ "stamp", "mail" ]; }},
"""


class TwoLinks(Daemon):
    def named(self, name):
        return [link for link in self.ask(verb="status")["links"] if link["link"] == name][0]

    def wait_idle(self, timeout_s=60):
        super().wait_idle(timeout_s)
        for name in ONE, TWO:
            wait_for(lambda n=name: self.named(n)["state"] == "idle" and self.named(n)["cycles"],
                     f"{name} is not idle", timeout_s)

    def phase(self, name):
        return self.named(name).get("phase")


@pytest.fixture(scope="module", name="relay")
def fixture_relay(lab):
    relay = Relay(GLOBEX, PORT, 389)
    yield relay
    relay.end()


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(lab, relay, tmp_path_factory):
    forest = FOREST.format(f=GLOBEX, port=PORT, keytab=lab.path("globex.keytab"))
    text = lab.conf_text(**{"forests = (": "forests = (" + forest, "links = (": "links = (" + LINK,
                            '"user", "group", "contact"': '"user", "group"',
                            "interval_s = 60": "interval_s = 1"})
    d = TwoLinks(lab, write(tmp_path_factory.mktemp("links") / "galsync.conf", text))
    d.start()
    yield d
    if d.process.poll() is None:
        assert d.end() == 0


@contextlib.contextmanager
def busy(daemon, relay, lab, title):
    """Link TWO is in the middle of a write until the end of the block."""
    relay.set("delay 300")
    lab.source.modify(lab.special["acme"]["contact"], title=title)
    wait_for(lambda: daemon.phase(TWO) == "apply", "nothing is written", 60)
    relay.set("hole")
    yield
    relay.set("pass")


def test_a_switch_does_not_wait_for_another_link(daemon, relay, lab):
    dn = lab.special["acme"]["comma"]
    alias = lab.source.read(dn)["mailNickname"][0].decode()
    record = [r for r in lab.records().values() if r["source"]["dn"] == dn][0]

    def counterpart():
        return lab.target.read(f"<GUID={record['target']['guid']}>")

    with busy(daemon, relay, lab, "One"):
        lab.source.modify(dn, title="Changed meanwhile")
        wait_for(lambda: daemon.phase(ONE) == "wait", "it does not wait", 60)
        answer = daemon.ask(verb="switch", link=ONE, objects=[alias], force=True)
        assert answer["ok"] and answer["results"][0]["ok"], answer
        assert daemon.phase(TWO) in ("apply", "confirm")
        assert "targetAddress" not in counterpart()
        wait_for(lambda: daemon.phase(ONE) == "wait", "it does not come back", 60)
    wait_for(lambda: daemon.phase(ONE) is None and daemon.phase(TWO) is None, "they do not end", 60)
    answer = daemon.ask(verb="undo-switch", link=ONE, objects=[alias])
    assert answer["ok"] and answer["results"][0]["ok"], answer
    wait_for(lambda: counterpart().get("title") == [b"Changed meanwhile"],
             "the change that waited is lost")


def test_ends_while_a_link_waits(daemon, relay, lab):
    with busy(daemon, relay, lab, "Two"):
        lab.source.modify(lab.special["acme"]["comma"], title="Changed again")
        wait_for(lambda: daemon.phase(ONE) == "wait", "it does not wait", 60)
        assert daemon.end() == 0


def with_back(lab, base=PEOPLE_OU, ou=RETURN_OU):
    return lab.write_conf(lab.conf_text(**{"links = (": "links = (" + BACK.format(base=base, ou=ou)}))


@pytest.mark.parametrize("base,ou,words", [
    (GLOBEX.base, RETURN_OU, ["target_ou: link 'acme-globex' would create in", f"'{TARGET_OU}'",
                              f"link 'back' in the other direction takes from '{GLOBEX.base}'"]),
    (PEOPLE_OU, f"OU=Globex,{STAFF_OU}", [
        f"base: link 'acme-globex' would take from '{STAFF_OU}'",
        f"link 'back' in the other direction creates in 'OU=Globex,{STAFF_OU}'"]),
], ids=["base", "target_ou"])
def test_what_would_come_back_is_refused(lab, base, ou, words):
    p = lab.galsyncd("-t", conf=with_back(lab, base, ou))
    assert p.returncode == 1, p.stderr
    for word in words:
        assert word in p.stderr, p.stderr


@pytest.mark.parametrize("lost", [False, True], ids=["with the map", "without the map"])
def test_no_object_is_in_two_correspondences(lab, lost):
    lab.reset()
    conf = with_back(lab)
    dn, native = lab.special["acme"]["mail-match"], lab.special["globex"]["native"]
    # The owner of this mailbox has one in globex too, which has its address.
    address = lab.source.read(dn)["mail"][0].decode()
    lab.target.modify(lab.special["globex"]["mail-match"], mail=None)
    lab.target.change(native, (ldap.MOD_ADD, "proxyAddresses", [f"smtp:{address}".encode()]))
    lab.full("--link", ONE, conf=conf, status=3)
    assert "targetAddress" in lab.target.read(native)
    before = lab.source.read(dn)
    if lost:
        lab.forget()
    p = lab.galsyncd("--once", "--full", "--link", "back", conf=conf)
    assert "not in scope: counterpart by another link" in p.stdout, p.stdout + p.stderr
    assert dn not in p.stderr
    assert lab.source.read(dn) == before, "the active mailbox was changed"
    # A delta that hears of both objects takes neither.
    lab.target.modify(native, title="Heard of")
    lab.source.modify(dn, title="Heard of")
    before = lab.source.read(dn)
    p = lab.galsyncd("--once", "--link", "back", conf=conf)
    assert "delta synchronization" in p.stdout, p.stdout + p.stderr
    assert lab.source.read(dn) == before, "the active mailbox was changed"
    # And the first link goes on as before.
    usn = lab.target.usn()
    lab.full("--link", ONE, conf=conf, status=3)
    assert lab.target.usn() == usn
    assert lab.source.read(dn) == before
