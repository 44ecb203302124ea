# SPDX-License-Identifier: MIT
"""Delta cycles on two real forests: what changed is in the target, and nothing else is touched."""

import re
import uuid

import ldap
import ldap.controls
import pytest

STAMP = "extensionAttribute15"


def delta(lab):
    p = lab.galsyncd("--once")
    # 3 if one of the populated conflicts was looked at again.
    assert p.returncode in (0, 3), f"status {p.returncode}\n{p.stdout}\n{p.stderr}"
    assert "delta synchronization" in p.stdout, p.stdout + p.stderr
    return p


def counterpart(lab, dn):
    source = lab.source.read(dn)
    guid = uuid.UUID(bytes_le=source["objectGUID"][0])
    rows = lab.target.search(f"({STAMP}=galsync:*:{guid}*)")
    return rows[0] if rows else None


@pytest.fixture(scope="module", name="synced")
def fixture_synced(lab):
    lab.full(status=3)
    settle(lab)
    return lab


def settle(lab):
    """Our own writes come back once and cause none."""
    before = lab.source.usn(), lab.target.usn()
    delta(lab)
    assert (lab.source.usn(), lab.target.usn()) == before


def test_nothing_to_do(synced):
    p = delta(synced)
    assert re.search(r"read +0 source, +0 target", p.stdout)


def test_attribute_change(synced):
    dn = synced.special["acme"]["mailbox"]
    synced.source.modify(dn, title="Delta", telephoneNumber=None)
    delta(synced)
    target = counterpart(synced, dn)[1]
    assert target["title"] == [b"Delta"]
    assert "telephoneNumber" not in target
    settle(synced)


def test_new_user_and_who_waits_for_it(synced):
    """A group that has a member out of scope gets it when it comes into scope."""
    plain = synced.special["acme"]["plain"]
    group = synced.special["acme"]["group"]
    before = counterpart(synced, group)[1]["member"]
    martha = synced.source.read(synced.special["acme"]["mailbox"])
    synced.source.modify(
        plain, mailNickname="plain.case", mail="plain.case@acme.example",
        proxyAddresses=["SMTP:plain.case@acme.example"], homeMDB=martha["homeMDB"],
        msExchHomeServerName=martha["msExchHomeServerName"],
        legacyExchangeDN="/o=Acme/ou=x/cn=Recipients/cn=plain.case")
    delta(synced)
    dn, target = counterpart(synced, plain)
    assert target["targetAddress"] == [b"SMTP:plain.case@redirect.acme.example"]
    after = counterpart(synced, group)[1]["member"]
    assert set(after) == set(before) | {dn.encode()}
    settle(synced)


def test_rename_and_manager(synced):
    dn = synced.special["acme"]["apostrophe"]
    parent = dn.split(",", 1)[1]
    synced.source.modify(synced.special["acme"]["accents"], manager=dn)
    delta(synced)
    synced.source.rename(dn, "CN=Sean Renamed")
    delta(synced)
    target_dn, _ = counterpart(synced, f"CN=Sean Renamed,{parent}")
    assert target_dn.startswith("CN=Sean Renamed,")
    manager = counterpart(synced, synced.special["acme"]["accents"])[1]["manager"][0].decode()
    assert manager == target_dn
    settle(synced)


def test_group_members(synced):
    group = synced.special["acme"]["group-empty"]
    member = synced.special["acme"]["comma"]
    synced.source.change(group, (ldap.MOD_ADD, "member", [member.encode()]))
    delta(synced)
    want = counterpart(synced, member)[0].encode()
    assert counterpart(synced, group)[1]["member"] == [want]
    synced.source.change(group, (ldap.MOD_DELETE, "member", [member.encode()]))
    delta(synced)
    assert "member" not in counterpart(synced, group)[1]
    settle(synced)


def test_moved_ou_with_its_children(synced):
    """The children of a moved OU are not in the feed; their DNs are right afterwards all the same."""
    twin = synced.special["acme"]["twin-2"]             # in OU=Other,OU=Special,OU=Staff
    other = twin.split(",", 1)[1]
    synced.source.rename(other, "OU=Moved")
    delta(synced)
    new = twin.replace("OU=Other,", "OU=Moved,")
    record = [r for r in synced.records().values() if r["source"]["dn"] == new]
    assert len(record) == 1
    settle(synced)
    # Out of scope with all that is in it: they leave.
    moved = other.replace("OU=Other,", "OU=Moved,")
    target_dn = counterpart(synced, new)[0]
    synced.source.add(f"OU=Elsewhere,{synced.source.base}", objectClass="organizationalUnit")
    synced.source.rename(moved, "OU=Moved", f"OU=Elsewhere,{synced.source.base}")
    delta(synced)
    assert synced.target.read(target_dn)["msExchHideFromAddressLists"] == [b"TRUE"]
    settle(synced)
    synced.source.rename(f"OU=Moved,OU=Elsewhere,{synced.source.base}", "OU=Other",
                         other.split(",", 1)[1])
    delta(synced)
    assert "msExchHideFromAddressLists" not in synced.target.read(target_dn) or \
        synced.target.read(target_dn)["msExchHideFromAddressLists"] == [b"FALSE"]
    settle(synced)


MAIL_ATTRIBUTES = ("displayName", "mail", "mailNickname", "proxyAddresses", "legacyExchangeDN", "homeMDB",
                   "msExchHomeServerName", "msExchMailboxGuid", "msExchRecipientTypeDetails",
                   "msExchRecipientDisplayType")


def undelete(side, guid, dn):
    """A tombstone becomes the object that it was, with little more than its name and its GUID."""
    show = [ldap.controls.RequestControl("1.2.840.113556.1.4.417", True)]
    tombstone = side.conn.search_ext_s(f"<GUID={guid}>", ldap.SCOPE_BASE, attrlist=["isDeleted"],
                                       serverctrls=show)[0]
    assert tombstone[1]["isDeleted"] == [b"TRUE"]
    side.conn.modify_ext_s(tombstone[0], [
        (ldap.MOD_DELETE, "isDeleted", None),
        (ldap.MOD_REPLACE, "distinguishedName", [dn.encode()])], serverctrls=show)


def test_deleted_member_and_undelete(synced):
    """AD takes a deleted user out of its groups without telling so of the groups. Undeleted, and a
    mailbox again, it has the counterpart that it had."""
    group = synced.special["acme"]["group"]
    dn = synced.special["acme"]["worker"]
    before = synced.source.read(dn)
    target_dn, _ = counterpart(synced, dn)
    assert target_dn.encode() in counterpart(synced, group)[1]["member"]
    synced.source.delete(dn)
    delta(synced)
    assert target_dn.encode() not in counterpart(synced, group)[1]["member"]
    assert synced.target.read(target_dn)["msExchHideFromAddressLists"] == [b"TRUE"]
    settle(synced)
    undelete(synced.source, uuid.UUID(bytes_le=before["objectGUID"][0]), dn)
    assert synced.source.read(dn)["objectGUID"] == before["objectGUID"]
    # A plain account is no recipient yet.
    settle(synced)
    synced.source.modify(dn, **{name: before[name] for name in MAIL_ATTRIBUTES if name in before})
    synced.source.change(group, (ldap.MOD_ADD, "member", [dn.encode()]))
    delta(synced)
    assert counterpart(synced, dn)[0] == target_dn
    assert synced.target.read(target_dn).get("msExchHideFromAddressLists", [b"FALSE"]) == [b"FALSE"]
    assert target_dn.encode() in counterpart(synced, group)[1]["member"]
    settle(synced)


def test_somebody_changes_the_target(synced):
    """What galsync owns is put right; what others added stays."""
    dn = synced.special["acme"]["turkish"]
    target_dn, target = counterpart(synced, dn)
    synced.target.modify(target_dn, displayName="Changed by hand")
    synced.target.change(target_dn, (ldap.MOD_ADD, "proxyAddresses", [b"smtp:mine@globex.example"]))
    delta(synced)
    now = synced.target.read(target_dn)
    assert now["displayName"] == target["displayName"]
    assert b"smtp:mine@globex.example" in now["proxyAddresses"]
    settle(synced)


def test_lost_mailbox_attributes_come_back(synced):
    """A disconnected and purged mailbox: the attributes are written again."""
    dn = synced.special["acme"]["japanese"]
    target_dn, before = counterpart(synced, dn)
    synced.target.modify(target_dn, homeMDB=None, msExchHomeServerName=None, msExchMailboxGuid=None,
                         mailNickname=None, proxyAddresses=None, targetAddress=None)
    delta(synced)
    after = synced.target.read(target_dn)
    for name in ("homeMDB", "msExchHomeServerName", "msExchMailboxGuid", "mailNickname",
                 "targetAddress"):
        assert after[name] == before[name], name
    assert set(after["proxyAddresses"]) == set(before["proxyAddresses"])
    settle(synced)


def test_conflict_ends_when_its_cause_goes(synced):
    dn = synced.special["acme"]["ambiguous"]
    assert counterpart(synced, dn) is None
    synced.target.delete(synced.special["globex"]["ambiguous-2"])
    delta(synced)
    assert counterpart(synced, dn)[0] == synced.special["globex"]["ambiguous"]
    settle(synced)


def test_the_same_as_a_full_synchronization(synced):
    """After all of that a full cycle finds nothing to do."""
    before = synced.source.usn(), synced.target.usn()
    synced.full(status=3)
    assert (synced.source.usn(), synced.target.usn()) == before


def test_restored_dc_is_noticed(synced):
    """The databases go back in time: the USN is smaller than the cursor's."""
    synced.command("restore")
    synced.source.conn = synced.target.conn = None
    p = synced.galsyncd("--once")
    assert "full synchronization" in p.stdout
    before = synced.source.usn(), synced.target.usn()
    synced.full(status=3)
    assert (synced.source.usn(), synced.target.usn()) == before
