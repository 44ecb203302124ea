# SPDX-License-Identifier: MIT
"""Delta cycles where the account lacks DS-Replication-Get-Changes: changes are found by uSNChanged."""

import subprocess

import ldap
import ldap.controls
import pytest
from conftest import wait_for
from test_110_delta import counterpart, delta, settle
from test_120_daemon import Daemon

WITH_RIGHT = {}         # the DACLs of the domains as they were


def take_right(lab, side):
    subprocess.run(
        ["samba-tool", "dsacl", "set", "-H", side.forest.sam_ldb, "-s", side.forest.smb_conf,
         "--car=get-changes", "--action=deny", f"--objectdn={side.base}",
         f"--trusteedn=CN=svc-galsync,CN=Users,{side.base}"],
        check=True, capture_output=True,
        env={**lab.env(), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})


@pytest.fixture(scope="module", name="synced")
def fixture_synced(lab):
    for side in (lab.source, lab.target):
        side.usn()
        WITH_RIGHT[side.forest.name] = dacl(side)
        take_right(lab, side)
    p = lab.full(status=3)
    assert p.stderr.count("found by uSNChanged") == 2
    settle(lab)
    return lab


def test_changes_are_found(synced):
    dn = synced.special["acme"]["mailbox"]
    synced.source.modify(dn, title="By USN")
    delta(synced)
    assert counterpart(synced, dn)[1]["title"] == [b"By USN"]
    settle(synced)


def test_deletions_are_found(synced):
    dn = synced.special["acme"]["worker"]
    target_dn, _ = counterpart(synced, dn)
    synced.source.delete(dn)
    delta(synced)
    assert synced.target.read(target_dn)["msExchHideFromAddressLists"] == [b"TRUE"]
    settle(synced)


def test_somebody_changes_the_target(synced):
    dn = synced.special["acme"]["turkish"]
    target_dn, target = counterpart(synced, dn)
    synced.target.modify(target_dn, displayName="Changed by hand")
    delta(synced)
    assert synced.target.read(target_dn)["displayName"] == target["displayName"]


def dacl(side, replace=None):
    """The DACL of the domain, as octets; or puts another one into its place."""
    only_dacl = ldap.controls.RequestControl("1.2.840.113556.1.4.801", True, b"\x30\x03\x02\x01\x04")
    if replace is None:
        return side.conn.search_ext_s(side.base, ldap.SCOPE_BASE, attrlist=["nTSecurityDescriptor"],
                                      serverctrls=[only_dacl])[0][1]["nTSecurityDescriptor"][0]
    side.conn.modify_ext_s(side.base, [(ldap.MOD_REPLACE, "nTSecurityDescriptor", [replace])],
                           serverctrls=[only_dacl])
    return replace


def test_the_right_is_given_and_taken(synced, lab):
    """An account that gets the right asks by DirSync from the next question on, and nothing is read
    again for that. Without it everything is read once, for the cookie is of no use then."""
    denied, dn = dacl(synced.source), synced.special["acme"]["mailbox"]
    dacl(synced.source, WITH_RIGHT["acme"])
    synced.source.modify(dn, title="The last by USN")
    p = delta(synced)
    assert p.stderr.count("found by uSNChanged") == 1, p.stderr     # the other side
    assert counterpart(synced, dn)[1]["title"] == [b"The last by USN"]
    settle(synced)
    synced.source.modify(dn, title="By DirSync")
    delta(synced)
    assert counterpart(synced, dn)[1]["title"] == [b"By DirSync"]
    settle(synced)
    # A daemon that runs says so of itself.
    daemon = Daemon(lab)
    daemon.start()
    try:
        synced.source.modify(dn, title="By the daemon")
        wait_for(lambda: counterpart(synced, dn)[1]["title"] == [b"By the daemon"], "no change")
        assert daemon.wait_idle()["changes_by"] == {"source": "dirsync", "target": "usn-changed"}
        dacl(synced.source, denied)
        synced.source.modify(dn, title="Denied")
        wait_for(lambda: counterpart(synced, dn)[1]["title"] == [b"Denied"], "no change")
        wait_for(lambda: daemon.link()["changes_by"]["source"] == "usn-changed", "not noticed")
        assert "DirSync any more: everything is read" in daemon.log()
        dacl(synced.source, WITH_RIGHT["acme"])
        assert daemon.ask(verb="resync")["ok"]
        assert daemon.link()["changes_by"]["source"] == "dirsync"
    finally:
        daemon.end()


def test_a_database_that_was_set_back(synced):
    """What was told is undone, and the cursor is one of the future: everything is read once."""
    synced.command("restore")
    synced.source.conn = synced.target.conn = None
    p = synced.galsyncd("--once")
    assert "full synchronization" in p.stdout
    settle(synced)
