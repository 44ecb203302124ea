# SPDX-License-Identifier: MIT
"""The return flow on two real forests: natives of the target in the source's address list."""

import re
import uuid

import ldap
import pytest
from conftest import wait_for
from galsynclab.lab import PEOPLE_OU, RETURN_OU, STAFF_OU
from test_120_daemon import Daemon

STAMP = "extensionAttribute15"


def text(values):
    return [v.decode() for v in values]


def contact_of(lab, native_dn):
    """The return contact of a native, (dn, attributes), or None."""
    guid = uuid.UUID(bytes_le=lab.target.read(native_dn)["objectGUID"][0])
    rows = lab.source.search(f"({STAMP}=galsync:created:{guid}:source)", base=RETURN_OU)
    assert len(rows) <= 1, rows
    return rows[0] if rows else None


def counterpart(lab, source_dn):
    guid = uuid.UUID(bytes_le=lab.source.read(source_dn)["objectGUID"][0])
    rows = lab.target.search(f"({STAMP}=galsync:*:{guid}:*)", ["cn"])
    assert len(rows) == 1, rows
    return rows[0][0]


def add_native(lab, cn, alias, **more):
    dn = f"CN={cn},{PEOPLE_OU}"
    home = lab.target.search("(msExchHomeServerName=*)", ["msExchHomeServerName", "homeMDB"])[0][1]
    attrs = {"objectClass": "user", "sAMAccountName": alias, "mailNickname": alias,
             "mail": f"{alias}@globex.example", "displayName": cn,
             "legacyExchangeDN": f"/o=Globex/ou=First/cn=Recipients/cn={alias}",
             "proxyAddresses": [f"SMTP:{alias}@globex.example", f"smtp:{alias}.old@globex.example"],
             "msExchRecipientTypeDetails": 1, "msExchRecipientDisplayType": 1073741824,
             "msExchMailboxGuid": uuid.uuid4().bytes_le,
             "msExchHomeServerName": home["msExchHomeServerName"][0],
             "homeMDB": home["homeMDB"][0], **more}
    lab.target.add(dn, **attrs)
    return dn


class BothWays:
    """The lab with the configuration that has a return flow."""

    def __init__(self, lab):
        self.lab, self.conf, self.natives = lab, lab.path("both-ways.conf"), {}

    def __getattr__(self, name):
        return getattr(self.lab, name)

    def full(self, *args, **kw):
        return self.lab.full(*args, conf=self.conf, **kw)

    def once(self):
        return self.lab.galsyncd("--once", conf=self.conf)

    def daemon(self):
        daemon = Daemon(self.lab, self.conf)
        daemon.start()
        return daemon


@pytest.fixture(scope="module", name="synced")
def fixture_synced(lab):
    lab = BothWays(lab)
    lab.natives = {"Ida Native": add_native(lab, "Ida Native", "ida", title="Pilot")}
    lab.full(status=3)
    return lab


def test_contact_of_a_native(synced):
    native = synced.target.read(synced.natives["Ida Native"])
    dn, contact = contact_of(synced, synced.natives["Ida Native"])
    assert dn.lower() == f"CN=Ida Native,{RETURN_OU}".lower()
    assert text(contact["targetAddress"]) == ["SMTP:ida@globex.example"]
    assert text(contact["mail"]) == ["ida@globex.example"]
    proxies = text(contact["proxyAddresses"])
    assert {"SMTP:ida@globex.example", "smtp:ida.old@globex.example",
            "X500:/o=Globex/ou=First/cn=Recipients/cn=ida"} <= set(proxies)
    assert text(contact["msExchOriginatingForest"]) == ["globex.example"]
    assert text(contact["title"]) == ["Pilot"]
    assert text(contact["msExchRecipientTypeDetails"]) == ["32768"]
    assert "msExchPoliciesIncluded" not in contact
    assert f"X500:{contact['legacyExchangeDN'][0].decode()}" in text(native["proxyAddresses"])
    assert STAMP not in native
    # Nothing is redirected by it.
    assert "targetAddress" not in native


def test_who_gets_none(synced):
    """No counterpart, nothing hidden, nothing without mail."""
    for dn, values in synced.target.search(f"({STAMP}=galsync:*)"):
        assert contact_of(synced, dn) is None, (dn, values)
    for dn, _ in synced.target.search("(msExchHideFromAddressLists=TRUE)"):
        assert contact_of(synced, dn) is None, dn


def test_no_echo(synced):
    """What the return flow made comes back neither by the forward flow nor by itself."""
    before = synced.source.usn(), synced.target.usn()
    p = synced.full(status=3)
    assert (synced.source.usn(), synced.target.usn()) == before
    assert len(re.findall(r"changes written +0\b", p.stdout)) == 2


def test_kept_current_and_removed_by_delta(synced):
    dn = add_native(synced, "Jon Native", "jon")
    synced.once()
    assert contact_of(synced, dn)[1]["displayName"] == [b"Jon Native"]
    synced.target.modify(dn, telephoneNumber="+1 5", displayName="Jon N. Native")
    synced.once()
    contact = contact_of(synced, dn)[1]
    assert (contact["displayName"], contact["telephoneNumber"]) == ([b"Jon N. Native"], [b"+1 5"])
    synced.target.rename(dn, "CN=Jonathan Native")
    dn = f"CN=Jonathan Native,{PEOPLE_OU}"
    synced.once()
    name, _ = contact_of(synced, dn)
    assert name.lower() == f"CN=Jonathan Native,{RETURN_OU}".lower()
    guid = uuid.UUID(bytes_le=synced.target.read(dn)["objectGUID"][0])
    synced.target.delete(dn)
    synced.once()
    assert not synced.source.search(f"({STAMP}=galsync:created:{guid}:source)")


def test_hidden_native_has_no_contact(synced):
    dn = add_native(synced, "Kim Native", "kim")
    synced.once()
    assert contact_of(synced, dn)
    synced.target.modify(dn, msExchHideFromAddressLists="TRUE")
    synced.once()
    contact = contact_of(synced, dn)
    assert contact is None or contact[1]["msExchHideFromAddressLists"] == [b"TRUE"]
    synced.target.modify(dn, msExchHideFromAddressLists=None)
    synced.once()
    assert "msExchHideFromAddressLists" not in contact_of(synced, dn)[1]


def test_contact_made_by_hand_is_put_right(synced):
    dn, _ = contact_of(synced, synced.natives["Ida Native"])
    synced.source.modify(dn, title="Changed by hand")
    synced.once()
    assert synced.source.read(dn)["title"] == [b"Pilot"]
    synced.source.delete(dn)
    synced.once()
    assert contact_of(synced, synced.natives["Ida Native"])


def test_lost_map(synced):
    synced.forget()
    before = {dn: v["objectGUID"] for dn, v in synced.source.search("(objectClass=contact)",
                                                                    ["objectGUID"], RETURN_OU)}
    usn = synced.source.usn()
    p = synced.full(status=3)
    assert synced.source.usn() == usn, p.stdout
    assert before == {dn: v["objectGUID"] for dn, v in synced.source.search(
        "(objectClass=contact)", ["objectGUID"], RETURN_OU)}


def test_native_that_may_not_be_written(synced):
    """Its contact is made all the same, and the missing names are told."""
    dn = f"OU=Closed,{synced.target.base}"
    synced.target.add(dn, objectClass="organizationalUnit")
    native = f"CN=Lea Native,{dn}"
    made = add_native(synced, "Lea Native", "lea")
    synced.target.rename(made, "CN=Lea Native", dn)
    p = synced.once()
    assert contact_of(synced, native)
    assert re.search(r"natives without their contacts' names +1\b", p.stdout), p.stdout
    assert not [v for v in text(synced.target.read(native)["proxyAddresses"])
                if v.startswith("X500:/o=acme")]


def add_mailbox(lab, cn, alias):
    """A mailbox of acme."""
    home = lab.source.search("(msExchHomeServerName=*)", ["msExchHomeServerName"])[0][1]
    dn = f"CN={cn},{STAFF_OU}"
    lab.source.add(dn, objectClass="user", sAMAccountName=alias, mailNickname=alias, displayName=cn,
                   mail=f"{alias}@acme.example", proxyAddresses=[f"SMTP:{alias}@acme.example"],
                   legacyExchangeDN=f"/o=Acme/ou=First/cn=Recipients/cn={alias}",
                   msExchRecipientTypeDetails=1, msExchRecipientDisplayType=1073741824,
                   msExchMailboxGuid=uuid.uuid4().bytes_le,
                   msExchHomeServerName=home["msExchHomeServerName"][0])
    return dn


def test_contact_gives_way_and_comes_back(synced):
    """A native gets a mailbox in the source, and its contact gives that everything; when the mailbox
    is no more, there is a contact again."""
    native = add_native(synced, "Nia Native", "nia")
    synced.once()
    dn, contact = contact_of(synced, native)
    team = f"CN=Nia Team,{STAFF_OU}"
    synced.source.add(team, objectClass="group", sAMAccountName="nia-team", member=dn)
    boss = synced.special["acme"]["mailbox"]
    synced.source.modify(boss, manager=dn)
    mailbox = add_mailbox(synced, "Nia", "nia")
    synced.target.change(native, (ldap.MOD_ADD, "proxyAddresses",
                                  [b"X500:/o=Acme/ou=First/cn=Recipients/cn=nia"]))
    p = synced.full(status=3)
    assert re.search(r"contacts that gave way +1\b", p.stdout), p.stdout + p.stderr
    assert synced.source.read(dn) is None
    own = f"X500:{contact['legacyExchangeDN'][0].decode()}"
    names = {"X500:/o=Globex/ou=First/cn=Recipients/cn=nia", own}
    source, target = synced.source.read(mailbox), synced.target.read(native)
    assert {"SMTP:nia@acme.example", "smtp:nia@globex.example", "smtp:nia.old@globex.example",
            *names} <= set(text(source["proxyAddresses"]))
    assert own in text(target["proxyAddresses"])
    assert text(synced.source.read(team)["member"]) == [mailbox]
    assert text(synced.source.read(boss)["manager"]) == [mailbox]
    usn = synced.source.usn(), synced.target.usn()
    synced.full(status=3)
    assert (synced.source.usn(), synced.target.usn()) == usn
    synced.source.delete(mailbox)
    synced.full(status=3)
    assert STAMP not in synced.target.read(native)
    synced.target.modify(native, msExchHideFromAddressLists=None)
    synced.once()
    _, contact = contact_of(synced, native)
    assert {"smtp:nia@acme.example", "smtp:nia@globex.example"} <= {
        v.lower() for v in text(contact["proxyAddresses"])}
    assert text(contact["targetAddress"])[0].endswith("globex.example")
    synced.source.modify(boss, manager=None)


def test_daemon(synced):
    """The running daemon hears of a native."""
    daemon = synced.daemon()
    try:
        dn = add_native(synced, "Max Native", "max")
        wait_for(lambda: contact_of(synced, dn), "contact of a new native")
    finally:
        daemon.end()


def test_what_the_map_shows(synced):
    """A return contact is of its link, and its sides are where their objects are."""
    dn = synced.natives["Ida Native"]
    records = [r for r in synced.records().values() if r["origin"] == "target"]
    ida = [r for r in records if r["target"]["dn"].lower() == dn.lower()]
    assert len(ida) == 1, records
    assert (ida[0]["link"], ida[0]["active"]) == ("acme-globex", "target")
    assert ida[0]["source"]["dn"].lower() == f"CN=Ida Native,{RETURN_OU}".lower()
    p = synced.galsyncctl("list", "acme-globex")
    assert f"CN=Ida Native,{RETURN_OU}".lower() in p.stdout.lower()
    p = synced.galsyncctl("show", "ida@globex.example")
    assert "a native of the target, link acme-globex" in p.stdout
    p = synced.galsyncctl("status")
    assert "link acme-globex/return\n" in p.stdout


def test_verify_and_one_object(synced):
    daemon = synced.daemon()
    try:
        contact, _ = contact_of(synced, synced.natives["Ida Native"])
        answer = daemon.ask(verb="verify", link="acme-globex")
        assert answer["ok"], answer
        bad = [r for r in answer["results"] if r["dn"] == contact]
        assert not bad, bad
        p = synced.galsyncctl("--socket", daemon.socket, "resync", "acme-globex", "--object",
                              "ida@globex.example")
        assert p.returncode == 0, p.stderr
    finally:
        daemon.end()


def test_references_name_the_native(synced):
    """A return contact in a group of the source is the native in the group's counterpart, and goes
    with it; who is there by others' hands stays."""
    contact, _ = contact_of(synced, synced.natives["Ida Native"])
    group = synced.special["acme"]["group"]
    there = counterpart(synced, group)
    other = add_native(synced, "Nora Native", "nora")

    def members():
        return {v.decode().lower() for v in synced.target.read(there).get("member", [])}

    synced.target.change(there, (ldap.MOD_ADD, "member", [other.encode()]))
    synced.source.change(group, (ldap.MOD_ADD, "member", [contact.encode()]))
    synced.once()
    assert {synced.natives["Ida Native"].lower(), other.lower()} <= members()
    synced.source.change(group, (ldap.MOD_DELETE, "member", [contact.encode()]))
    synced.once()
    assert synced.natives["Ida Native"].lower() not in members()
    assert other.lower() in members()


def test_a_native_names_its_manager(synced):
    """A native whose manager is a counterpart has the original as the contact's manager, and one
    whose manager is a native has that one's contact."""
    chief = synced.special["acme"]["mailbox"]
    boss = counterpart(synced, chief)
    dn = add_native(synced, "Olga Native", "olga", manager=boss)
    second = add_native(synced, "Paul Native", "paul", manager=dn)
    synced.once()
    assert contact_of(synced, dn)[1]["manager"][0].decode().lower() == chief.lower()
    assert contact_of(synced, second)[1]["manager"][0].decode().lower() == \
        contact_of(synced, dn)[0].lower()
