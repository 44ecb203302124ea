# SPDX-License-Identifier: MIT
"""What cannot be written on real forests: only that waits, and it is told as what it is."""

import uuid

import ldap
import pytest
from samba.dcerpc import security
from samba.ndr import ndr_pack

STAMP = "extensionAttribute15"
HIDES = "msExchHideFromAddressLists"
UNIVERSAL, DOMAIN_LOCAL = b"-2147483640", b"-2147483644"


def counterpart(lab, dn):
    guid = uuid.UUID(bytes_le=lab.source.read(dn)["objectGUID"][0])
    return lab.target.find(f"({STAMP}=galsync:*:{guid}*)")


def redirects(lab, dn):
    """The addresses of a source object in its redirect domain."""
    held = lab.source.read(dn).get("proxyAddresses", [])
    return [v.decode() for v in held if v.endswith(b"@redirect.acme.example")]


def descriptor_of(side, dn):
    return side.conn.search_ext_s(dn, ldap.SCOPE_BASE,
                                  attrlist=["nTSecurityDescriptor"])[0][1]["nTSecurityDescriptor"][0]


def mailbox(lab, name):
    """A new mailbox of the source: its DN."""
    like = lab.source.read(lab.special["acme"]["mailbox"])
    parent = lab.special["acme"]["mailbox"].split(",", 1)[1]
    dn, alias = f"CN={name},{parent}", name.lower().replace(" ", ".")
    lab.source.add(
        dn, objectClass="user", sAMAccountName=alias, userAccountControl=514, mailNickname=alias,
        mail=f"{alias}@acme.example", proxyAddresses=f"SMTP:{alias}@acme.example",
        legacyExchangeDN=f"/o=Acme/ou=x/cn=Recipients/cn={alias}", homeMDB=like["homeMDB"],
        msExchHomeServerName=like["msExchHomeServerName"])
    return dn


@pytest.fixture(scope="module", name="synced")
def fixture_synced(lab):
    lab.full(status=3)
    return lab


def test_group_types(synced):
    dn = synced.special["acme"]["group-global"]
    member = synced.special["acme"]["comma"]
    synced.source.modify(dn, groupType=UNIVERSAL)
    synced.source.modify(dn, groupType=DOMAIN_LOCAL, displayName="Domain Local")
    synced.source.change(dn, (ldap.MOD_ADD, "member", [member.encode()]))
    p = synced.galsyncd("--once")
    assert p.returncode in (0, 3), p.stdout + p.stderr
    target = counterpart(synced, dn)[1]
    assert (target["groupType"], target["displayName"]) == ([DOMAIN_LOCAL], [b"Domain Local"])
    assert counterpart(synced, member)[0].encode() in target["member"]


def test_children_of_a_leaver(synced):
    conf = synced.write_conf(synced.conf_text(
        **{'create = "mailbox";': 'create = "mailbox"; on_leave = "delete";'}))
    dn = mailbox(synced, "Phone Owner")
    synced.full(conf=conf, status=3)
    target, _ = counterpart(synced, dn)
    child = f"CN=ExchangeActiveSyncDevices,{target}"
    synced.target.add(child, objectClass="classStore")
    synced.source.delete(dn)
    p = synced.full(conf=conf, status=1)
    assert "there are objects below it" in p.stderr and "kept changing" not in p.stderr
    assert synced.target.read(target)[HIDES] == [b"TRUE"]
    ctl = synced.galsyncctl("status", conf=conf)
    assert ctl.returncode == 3 and "\n  tried again    1\n" in ctl.stdout, ctl.stdout
    synced.target.delete(child)
    synced.full(conf=conf, status=3)
    assert synced.target.read(target) is None


def test_a_contact_makes_room_for_its_group(synced):
    """The scope created contacts once."""
    parent = synced.special["acme"]["mailbox"].split(",", 1)[1]
    dn = f"CN=Ext Group,{parent}"
    synced.source.add(
        dn, objectClass="group", sAMAccountName="ext.group", groupType=8, mailNickname="ext.group",
        mail="ext.group@acme.example", proxyAddresses="SMTP:ext.group@acme.example",
        legacyExchangeDN="/o=Acme/cn=ext.group")
    guid = uuid.UUID(bytes_le=synced.source.read(dn)["objectGUID"][0])
    ou = counterpart(synced, synced.special["acme"]["mailbox"])[0].split(",", 1)[1]
    synced.target.add(
        f"CN=Ext Group,{ou}", objectClass="contact", mail="ext.group@acme.example",
        proxyAddresses="SMTP:ext.group@acme.example", **{STAMP: f"galsync:created:{guid}"})
    synced.full(status=3)
    name, target = counterpart(synced, dn)
    assert b"group" in target["objectClass"] and name == f"CN=Ext Group,{ou}"


PROTECTED = "O:BAG:BAD:P(A;;GA;;;BA)(A;;GA;;;SY)(A;;GR;;;AU)"    # as AdminSDHolder's: nothing inherits


def test_an_object_that_ad_protects(synced):
    """It is told as what it is, the others go on, and it is written when it inherits again."""
    dn, other = mailbox(synced, "Was Admin"), mailbox(synced, "Never Admin")
    descriptor = security.descriptor.from_sddl(PROTECTED, security.dom_sid("S-1-5-21-1-2-3"))
    before = descriptor_of(synced.source, dn)
    synced.source.change(dn, (ldap.MOD_REPLACE, "nTSecurityDescriptor", [ndr_pack(descriptor)]),
                         (ldap.MOD_REPLACE, "adminCount", [b"1"]))
    p = synced.galsyncd("--once")
    assert p.returncode == 1 and "Was Admin" in p.stderr, p.stderr
    assert "AD protects the object (adminCount, AdminSDHolder)" in p.stderr
    assert "smtp:never.admin@redirect.acme.example" in redirects(synced, other)
    assert not redirects(synced, dn)
    synced.source.change(dn, (ldap.MOD_REPLACE, "nTSecurityDescriptor", [before]),
                         (ldap.MOD_DELETE, "adminCount", None))
    p = synced.full(status=3)
    assert "smtp:was.admin@redirect.acme.example" in redirects(synced, dn)
