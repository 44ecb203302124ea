# SPDX-License-Identifier: MIT
"""Two domain controllers in a forest: the daemon goes on with the second when the first fails, and
to the first again; and domain controllers whose database is another one than before."""

import base64
import os
import shutil

import ldap
import pytest
from badinput_helpers import conf, first_logon
from conftest import wait_for
from galsynclab.forests import open_sam, running
from galsynclab.lab import ACME, SAMBA_ROOT, second
from outage_helpers import QUICK, Watched, check_same, counterpart, wait_titles

ACME2 = second(ACME)


@pytest.fixture(scope="module", name="pair")
def fixture_pair(lab):
    """The lab with two domain controllers in the source forest."""
    lab.command("add-dc", "acme")
    lab.source.conn = None
    try:
        first_logon(lab)
        yield lab
    finally:
        lab.command("remove-dc", "acme")
        lab.reset()


@pytest.fixture(scope="module", name="running_daemon")
def fixture_running_daemon(pair, tmp_path_factory):
    servers = [f"ldap://{f.host}" for f in (ACME, ACME2)]
    file = conf(pair, tmp_path_factory.mktemp("failover"), link="interval_s = 1;",
                acme={"servers": servers, "extra": QUICK}, globex={"extra": QUICK})
    d = Watched(pair, file)
    with d.started():
        yield d


@pytest.fixture(name="daemon")
def fixture_daemon(pair, running_daemon):
    for f in (ACME, ACME2):
        if not running(f):
            pair.command("dc", "start", f.dc)
    running_daemon.wait_idle()
    running_daemon.set_mark()
    return running_daemon


class Side2:
    """Writes to the second domain controller."""

    def __init__(self, lab):
        self.conn = ldap.initialize(f"ldap://{ACME2.address}")
        with open(lab.path("acme.admin-password"), encoding="ascii") as f:
            password = f.read()
        self.conn.set_option(ldap.OPT_REFERRALS, 0)
        self.conn.simple_bind_s(f"Administrator@{ACME.realm}", password)

    def set_title(self, dn, title):
        self.conn.modify_s(dn, [(ldap.MOD_REPLACE, "title", title.encode())])


def test_returns_to_the_first(pair, tmp_path):
    """Nobody stops the second, and yet the daemon goes back to the one that is preferred."""
    servers = [f"ldap://{f.host}" for f in (ACME, ACME2)]
    file = conf(pair, tmp_path, link="interval_s = 1;",
                acme={"servers": servers, "extra": QUICK + " return_after_s = 1;"},
                globex={"extra": QUICK})
    dn = pair.special["acme"]["mailbox"]
    d = Watched(pair, file)
    with d.started():
        pair.source.modify(dn, title="Before the failover")
        wait_titles(pair, [dn], "Before the failover")
        target_dn = counterpart_dn(pair, dn)
        pair.command("replicate", "acme", "acme2")
        pair.command("dc", "kill", "acme")
        Side2(pair).set_title(dn, "By the second")
        wait_for(lambda: pair.target.read(target_dn).get("title") == [b"By the second"],
                 "the second is not asked", 60)
        pair.command("dc", "start", "acme")
        pair.source.conn = None
        pair.command("replicate", "acme2", "acme")
        # The second never hears of this one.
        pair.source.modify(dn, title="By the preferred one")
        wait_titles(pair, [dn], "By the preferred one")
        assert running(ACME2)
        check_same(pair, d)
    pair.command("replicate", "acme", "acme2")


def test_second_takes_over_and_gives_back(daemon, pair):
    dn = pair.special["acme"]["mailbox"]
    pair.source.modify(dn, title="By the first")
    wait_titles(pair, [dn], "By the first")
    target_dn = counterpart_dn(pair, dn)
    pair.command("replicate", "acme", "acme2")
    pair.command("dc", "kill", "acme")
    Side2(pair).set_title(dn, "By the second")
    wait_for(lambda: pair.target.read(target_dn).get("title") == [b"By the second"],
             "the second is not asked", 60)
    assert "full" not in daemon.news(), "a cookie is good for every domain controller"
    daemon.set_mark()
    pair.command("dc", "start", "acme")
    pair.source.conn = None
    pair.command("replicate", "acme2", "acme")
    pair.command("dc", "stop", "acme2")
    pair.source.modify(dn, title="By the first again")
    wait_titles(pair, [dn], "By the first again")
    assert "full" not in daemon.news()
    pair.command("dc", "start", "acme2")
    check_same(pair, daemon)


def counterpart_dn(lab, dn):
    attrs = counterpart(lab, dn)
    return attrs["distinguishedName"][0].decode()


def test_second_lags_behind(daemon, pair):
    """What the first has told and the second does not know yet is told when it comes back."""
    dn, other = (pair.special["acme"][k] for k in ("mailbox", "comma"))
    pair.command("replicate", "acme", "acme2")
    pair.source.modify(dn, title="Not replicated")
    wait_titles(pair, [dn], "Not replicated")
    target_dn, target_other = counterpart_dn(pair, dn), counterpart_dn(pair, other)
    pair.command("dc", "kill", "acme")
    Side2(pair).set_title(other, "Known to the second")
    wait_for(lambda: pair.target.read(target_other).get("title") == [b"Known to the second"],
             "the second is not asked", 60)
    pair.command("dc", "start", "acme")
    pair.source.conn = None
    pair.command("replicate", "acme2", "acme")
    pair.command("replicate", "acme", "acme2")
    wait_for(lambda: pair.target.read(target_dn).get("title") == [b"Not replicated"],
             "an older state remains")
    check_same(pair, daemon)


def restored(lab, new_instance):
    """The first domain controller goes back to a copy of its database; what happened since is
    forgotten. A restoration as it should be gives it another invocationId."""
    copy = lab.path("copy-of-acme")
    private = f"{SAMBA_ROOT}/acme/private"
    lab.command("dc", "stop", "acme")
    shutil.rmtree(private)
    shutil.move(copy, private)
    if new_instance:
        sam = open_sam(ACME)
        dn = sam.get_dsServiceName()
        msg = f"dn: {dn}\nchangetype: modify\nreplace: invocationId\ninvocationId:: "
        msg += base64.b64encode(os.urandom(16)).decode() + "\n"
        sam.modify_ldif(msg, ["relax:0", "provision:0"])
    lab.command("dc", "start", "acme")
    lab.source.conn = None


def copy_database(lab):
    lab.command("dc", "stop", "acme")
    shutil.copytree(f"{SAMBA_ROOT}/acme/private", lab.path("copy-of-acme"),
                    ignore=lambda d, names: [n for n in names if n in ("msg.sock", "ldapi")])
    lab.command("dc", "start", "acme")
    lab.source.conn = None


@pytest.mark.parametrize("new_instance", [False, True], ids=["uSN back", "new invocationId"])
def test_restored_from_an_old_copy(daemon, pair, new_instance):
    """Changes that were told are undone. No cookie tells of that; everything is read again."""
    dn, other = (pair.special["acme"][k] for k in ("mailbox", "comma"))
    pair.command("dc", "stop", "acme2")
    pair.source.modify(dn, title="Before")
    wait_titles(pair, [dn], "Before")
    copy_database(pair)
    pair.source.modify(dn, title="Lost with the disk")
    wait_titles(pair, [dn], "Lost with the disk")
    daemon.wait_idle()
    daemon.set_mark()
    restored(pair, new_instance)
    wait_titles(pair, [dn], "Before", 60)
    assert "everything is read" in daemon.news()
    pair.source.modify(other, title=f"After {new_instance}")
    wait_titles(pair, [other], f"After {new_instance}")
    check_same(pair, daemon)
