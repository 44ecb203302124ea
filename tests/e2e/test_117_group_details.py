# SPDX-License-Identifier: MIT
"""Groups as real estates have them: members by their primary group and of another forest, groups in
each other, and types that change, on real domain controllers."""

import re
import struct

import ldap
import pytest
from galsynclab.lab import PEOPLE_OU, STAFF_OU

UNIVERSAL, GLOBAL, DOMAIN_LOCAL = 8, 2, 4
SECURITY = -2**31


def add_group(side, cn, alias, kind=UNIVERSAL, **more):
    """A mail-enabled group of the source, or one of the target without mail."""
    dn = f"CN={cn},{STAFF_OU if alias else PEOPLE_OU}"
    mail = {} if not alias else {
        "mailNickname": alias, "mail": f"{alias}@acme.example", "displayName": cn,
        "proxyAddresses": [f"SMTP:{alias}@acme.example"],
        "legacyExchangeDN": f"/o=Acme/ou=First/cn=Recipients/cn={alias}"}
    side.add(dn, objectClass="group", sAMAccountName=alias or cn, groupType=kind, **mail, **more)
    return dn


def there(lab, dn):
    """The counterpart of a source group: (dn, attributes)."""
    alias = lab.source.read(dn)["mailNickname"][0].decode()
    return lab.target.find("(&(objectClass=group)(mailNickname=%s))", alias)


def members(lab, dn):
    name, _ = there(lab, dn)
    return {v.lower() for v, _ in lab.target.search(f"(memberOf={name})", ["cn"])}


def counterpart(lab, dn):
    alias = lab.source.read(dn)["mailNickname"][0].decode()
    return lab.target.find("(&(mailNickname=%s)(extensionAttribute15=galsync:*))", alias)[0].lower()


def delta(lab):
    p = lab.galsyncd("--once")
    assert p.returncode in (0, 3), p.stdout + p.stderr
    assert "delta synchronization" in p.stdout, p.stdout + p.stderr
    assert "  failed " not in p.stdout, p.stdout + p.stderr
    return p


def silent(lab):
    before = lab.source.usn(), lab.target.usn()
    lab.galsyncd("--once")
    lab.full(status=3)
    assert (lab.source.usn(), lab.target.usn()) == before


@pytest.fixture(scope="module", name="synced")
def fixture_synced(lab):
    lab.full(status=3)
    return lab


def rid(values):
    return struct.unpack("<I", values["objectSid"][0][-4:])[0]


def sid_text(octets):
    subs = struct.unpack(f"<{octets[1]}I", octets[8:])
    return "S-1-5-" + "-".join(map(str, subs))


def test_groups_in_each_other(synced):
    """Two in each other, three in a ring, and one in another that is new too: one delta."""
    one, two = (add_group(synced.source, f"Circle {n}", f"circle{n}") for n in (1, 2))
    ring = [add_group(synced.source, f"Ring {n}", f"ring{n}") for n in range(3)]
    outer = add_group(synced.source, "Outer", "outer")
    inner = add_group(synced.source, "Inner", "inner", member=[synced.special["acme"]["mailbox"]])
    for dn, member in ((one, two), (two, one), (outer, inner),
                       *zip(ring, ring[1:] + ring[:1])):
        synced.source.change(dn, (ldap.MOD_ADD, "member", [member.encode()]))
    delta(synced)
    for dn, member in ((one, two), (two, one), (outer, inner), *zip(ring, ring[1:] + ring[:1])):
        assert members(synced, dn) == {counterpart(synced, member)}
    assert members(synced, inner) == {counterpart(synced, synced.special["acme"]["mailbox"])}
    # A ring opens, and closes again.
    for op, n in ((ldap.MOD_DELETE, 0), (ldap.MOD_ADD, 1)):
        synced.source.change(ring[0], (op, "member", [ring[1].encode()]))
        delta(synced)
        assert len(members(synced, ring[0])) == n
    silent(synced)


def test_members_by_primary_group(synced):
    """Who has a group as its primary group is no value of `member`, but a member elsewhere."""
    user = synced.special["acme"]["mailbox"]
    dn = add_group(synced.source, "Primary", "primary", SECURITY + GLOBAL, member=[user])
    synced.source.modify(user, primaryGroupID=rid(synced.source.read(dn)))
    assert "member" not in synced.source.read(dn)
    delta(synced)
    assert members(synced, dn) == {counterpart(synced, user)}
    silent(synced)
    # Back: AD makes it a member by name, until an administrator takes it out.
    synced.source.modify(user, primaryGroupID=513)
    delta(synced)
    assert members(synced, dn) == {counterpart(synced, user)}
    synced.source.change(dn, (ldap.MOD_DELETE, "member", [user.encode()]))
    delta(synced)
    assert not members(synced, dn)
    # And by its primary group on the other side, where it cannot be added.
    name, group = there(synced, dn)
    twin = counterpart(synced, user)
    synced.target.change(name, (ldap.MOD_ADD, "member", [twin.encode()]))
    synced.target.modify(twin, primaryGroupID=rid(group))
    synced.source.change(dn, (ldap.MOD_ADD, "member", [user.encode()]))
    delta(synced)
    silent(synced)
    synced.target.modify(twin, primaryGroupID=513)
    synced.source.change(dn, (ldap.MOD_DELETE, "member", [user.encode()]))
    delta(synced)
    assert not members(synced, dn)
    silent(synced)


def add_foreign(side, group, octets):
    """The object with this SID becomes a member of the group of another forest: the name of what
    stands for it there, which the directory makes."""
    text = sid_text(octets)
    dn = f"CN={text},CN=ForeignSecurityPrincipals,{side.base}"
    member = dn if side.read(dn) else f"<SID={text}>"
    side.change(group, (ldap.MOD_ADD, "member", [member.encode()]))
    return dn


def test_members_of_the_other_forest(synced):
    """By SID, whether the map knows them or not; who is unknown is left out, and told of once."""
    native = synced.special["globex"]["native"]
    dn = add_group(synced.source, "Foreign", "foreign", SECURITY + DOMAIN_LOCAL)
    principal = add_foreign(synced.source, dn, synced.target.read(native)["objectSid"][0])
    for octets in (b"\1\1\0\0\0\0\0\5" + struct.pack("<I", 11),
                   b"\1\5\0\0\0\0\0\5" + struct.pack("<5I", 21, 7, 7, 7, 4711)):
        add_foreign(synced.source, dn, octets)
    p = delta(synced)
    assert members(synced, dn) == {native.lower()}
    told = re.findall(r"stands for an object of another forest", p.stderr)
    assert len(told) == 2, p.stderr
    synced.source.modify(dn, displayName="Foreigners")
    p = delta(synced)
    assert "stands for an object" not in p.stderr
    p = synced.full(status=3)
    assert "stands for an object" not in p.stderr
    other = f"CN=Other of the group,{PEOPLE_OU}"
    synced.target.add(other, objectClass="contact")
    synced.target.change(there(synced, dn)[0], (ldap.MOD_ADD, "member", [other.encode()]))
    synced.source.change(dn, (ldap.MOD_DELETE, "member", [principal.encode()]))
    delta(synced)
    assert members(synced, dn) == {other.lower()}
    silent(synced)


def test_types(synced):
    """Every way from one type to another, with members that change beside it; what is in a universal
    group there becomes universal, and the plan says so."""
    dn = add_group(synced.source, "Typed", "typed", GLOBAL)
    user = synced.special["acme"]["mailbox"]
    types = [GLOBAL, UNIVERSAL, SECURITY + UNIVERSAL, SECURITY + DOMAIN_LOCAL, DOMAIN_LOCAL,
             UNIVERSAL, SECURITY + GLOBAL]
    for n, kind in enumerate(types):
        if n:
            synced.source.modify(dn, groupType=UNIVERSAL)
            synced.source.modify(dn, groupType=kind)
            synced.source.change(dn, (ldap.MOD_ADD if n % 2 else ldap.MOD_DELETE, "member",
                                      [user.encode()]))
        delta(synced)
        assert there(synced, dn)[1]["groupType"] == [str(kind).encode()]
        assert len(members(synced, dn)) == n % 2
    # The counterpart of the outer one was there before.
    outer = add_group(synced.source, "Outer Local", "outer.local", DOMAIN_LOCAL)
    native = add_group(synced.target, "Outer Universal", None)
    synced.target.modify(native, proxyAddresses="X500:/o=Acme/ou=First/cn=Recipients/cn=outer.local")
    inner = add_group(synced.source, "Inner Local", "inner.local", DOMAIN_LOCAL)
    synced.source.change(outer, (ldap.MOD_ADD, "member", [inner.encode()]))
    p = synced.full("--plan", status=3)
    assert "becomes universal" in p.stderr + p.stdout, p.stdout + p.stderr
    delta(synced)
    name, group = there(synced, inner)
    assert group["groupType"] == [str(UNIVERSAL).encode()]
    assert {v for v, _ in synced.target.search(f"(memberOf={native})", ["cn"])} == {name}
    silent(synced)


def test_hidden_membership(synced):
    """Of a group that hides its members the counterpart does so too."""
    dn = add_group(synced.source, "Hides", "hides", hideDLMembership="TRUE",
                   member=[synced.special["acme"]["mailbox"]])
    delta(synced)
    assert there(synced, dn)[1]["hideDLMembership"] == [b"TRUE"]
    assert len(members(synced, dn)) == 1
    synced.source.modify(dn, hideDLMembership=None)
    delta(synced)
    assert "hideDLMembership" not in there(synced, dn)[1]
