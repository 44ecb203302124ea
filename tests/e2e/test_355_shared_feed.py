# SPDX-License-Identifier: MIT
"""Three links between the same two forests. Each forest notifies one of them, which asks for all; the
interval is an hour, so that nothing else can bring a change over."""

import pytest
from badinput_helpers import write
from conftest import wait_for
from galsynclab.lab import STAFF_OU, TARGET_OU
from test_120_daemon import Daemon, counterpart

LINK = """ {{ name = "{kind}s"; source = "acme"; target = "globex"; interval_s = 3600;
    scopes = ( {{ base = "{base}"; kinds = [ "{kind}" ]; target_ou = "{ou}"; create = "contact"; }} ); }},
"""
LINKS = {"acme-globex": "mailbox", "contacts": "contact", "groups": "group-empty"}


class Links(Daemon):
    def named(self, name):
        return [link for link in self.ask(verb="status")["links"] if link["link"] == name][0]

    def wait_idle(self, timeout_s=60):
        super().wait_idle(timeout_s)
        for name in LINKS:
            wait_for(lambda n=name: self.named(n)["state"] == "idle" and self.named(n)["cycles"],
                     f"{name} is not idle", timeout_s)


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(lab, tmp_path_factory):
    links = "".join(LINK.format(kind=kind, base=STAFF_OU, ou=TARGET_OU)
                    for kind in ("contact", "group"))
    text = lab.conf_text(**{"links = (": "links = (" + links, "interval_s = 60": "interval_s = 3600",
                            '"user", "group", "contact"': '"user"'})
    d = Links(lab, write(tmp_path_factory.mktemp("links") / "galsync.conf", text))
    d.start()
    yield d
    if d.process.poll() is None:
        assert d.end() == 0


def change(lab, name, text):
    lab.source.modify(lab.special["acme"][LINKS[name]], info=text)


def wait_there(lab, name, text):
    dn = lab.special["acme"][LINKS[name]]
    wait_for(lambda: counterpart(lab, dn).get("info") == [text.encode()],
             f"link {name}: the change is not there", 60)


def test_each_link_hears_of_its_own(daemon, lab):
    for name in LINKS:
        change(lab, name, f"alone {name}")
        wait_there(lab, name, f"alone {name}")
    for name in LINKS:
        change(lab, name, f"together {name}")
    for name in LINKS:
        wait_there(lab, name, f"together {name}")


@pytest.mark.parametrize("paused", LINKS)
def test_the_others_go_on_without_it(daemon, lab, paused):
    assert daemon.ask(verb="pause", link=paused)["ok"]
    wait_for(lambda: daemon.named(paused)["state"] == "paused", "not paused")
    for name in LINKS:
        change(lab, name, f"without {paused}")
    for name in LINKS:
        if name != paused:
            wait_there(lab, name, f"without {paused}")
    dn = lab.special["acme"][LINKS[paused]]
    assert counterpart(lab, dn).get("info") != [f"without {paused}".encode()]
    assert daemon.ask(verb="resume", link=paused)["ok"]
    wait_there(lab, paused, f"without {paused}")


def test_killed_and_started_again(daemon, lab):
    for name in LINKS:
        change(lab, name, "before the end")
    assert daemon.end(9) == -9
    for name in LINKS:
        change(lab, name, "while it was away")
    daemon.start()
    for name in LINKS:
        wait_there(lab, name, "while it was away")


def test_once(daemon, lab):
    assert daemon.end() == 0
    for name in LINKS:
        change(lab, name, "once")
    for _ in range(2):      # the second one hears of what the first one wrote
        assert lab.galsyncd("--once", conf=daemon.conf).returncode in (0, 3)
        for name in LINKS:
            dn = lab.special["acme"][LINKS[name]]
            assert counterpart(lab, dn).get("info") == [b"once"]
    before = lab.source.usn(), lab.target.usn()
    assert lab.galsyncd("--once", conf=daemon.conf).returncode in (0, 3)
    assert (lab.source.usn(), lab.target.usn()) == before
