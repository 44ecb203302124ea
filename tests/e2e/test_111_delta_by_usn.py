# SPDX-License-Identifier: MIT
"""Delta cycles where the account lacks DS-Replication-Get-Changes: changes are found by uSNChanged."""

import subprocess

import pytest
from test_110_delta import counterpart, delta, settle


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


def test_the_right_comes_back(synced):
    """With DirSync again, the cursor of the other way is of no use: everything is read once."""
    synced.command("restore")
    synced.source.conn = synced.target.conn = None
    p = synced.galsyncd("--once")
    assert "full synchronization" in p.stdout
    settle(synced)
