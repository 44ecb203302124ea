# SPDX-License-Identifier: MIT
"""Recipients of every kind, in one link by accounts that have the rights of `galsyncd -T --rights`
and no more: contacts of everything, objects as Exchange 2003 left them, linked mailboxes of a
resource forest, and mailboxes in the tenant of a hybrid target, found and created."""

import os
import re
import shutil

import pytest
from badinput_helpers import check_output, conf, write
from galsynclab.lab import ACME, GLOBEX, PEOPLE_OU, STAFF_OU, TARGET_OU
from galsynclab.org import sid_bytes
from rights_helpers import Account
from test_120_daemon import Daemon

KINDS = '[ "user", "contact", "group", "dynamic-group", "public-folder" ]'
# OU of the source: what is created for its users, and what else its scope says.
SCOPES = {"Contacts": ("contact", ""), "Linked": ("mailbox", "linked = true;"),
          "Tenant": ("remote-mailbox", "")}
TENANT = "globex.mail.onmicrosoft.com"
RS, RT = "redirect.acme.example", "redirect.globex.example"
SELF, MASTER = sid_bytes("S-1-5-10"), sid_bytes("S-1-5-21-1-2-3-4711")
OLD_GROUP = "/o=Acme/ou=First Administrative Group/cn=Recipients/cn="
REMOTE_USER, REMOTE_ROOM = 1 << 31, 1 << 33


def ou(name):
    return f"OU={name},{STAFF_OU}"


def recipient(lab, where, alias, cls="user", **more):
    """As Exchange 2003 leaves one, but for what MORE says: no version and no types."""
    dn = f"CN={alias},{ou(where)}"
    attrs = {"objectClass": cls, "displayName": alias, "mailNickname": alias,
             "mail": f"{alias}@acme.example", "proxyAddresses": f"SMTP:{alias}@acme.example",
             "legacyExchangeDN": OLD_GROUP + alias, **more}
    if cls in ("user", "group"):
        attrs["sAMAccountName"] = alias
    if cls == "user":
        attrs = {"userAccountControl": 512, "userPrincipalName": f"{alias}@acme.example", **attrs}
    # The lab's schema does not allow it there.
    if cls == "publicFolder":
        del attrs["mail"]
    lab.source.add(dn, **{k: v for k, v in attrs.items() if v is not None})
    return dn


def mailbox(lab, where, alias, **more):
    return recipient(lab, where, alias, **{"userAccountControl": 544, **lab.home, **more})


def old_objects(lab):
    """One of each sort, and the display type that its contact has."""
    where, types = "Contacts", {}

    def has(alias, display, dn):
        types[alias] = (display, dn)
    has("old.user", 0x80000006, mailbox(lab, where, "old.user", thumbnailPhoto=b"photo"))
    has("old.linked", 0x80000606, mailbox(lab, where, "old.linked", userAccountControl=546,
                                          msExchMasterAccountSid=MASTER))
    has("old.shared", 0x80000606, mailbox(lab, where, "old.shared", userAccountControl=546,
                                          msExchMasterAccountSid=SELF))
    has("old.mail.user", 0x80000606, recipient(lab, where, "old.mail.user", userAccountControl=544,
                                               targetAddress="SMTP:omu@partner.example"))
    has("old.contact", 0x80000606, recipient(lab, where, "old.contact", "contact",
                                             targetAddress="SMTP:oc@partner.example"))
    has("old.group", 0x80000106, recipient(lab, where, "old.group", "group", groupType=8,
                                           msExchRequireAuthToSendTo="TRUE"))
    has("old.security", 0x80000906, recipient(lab, where, "old.security", "group",
                                              groupType=8 - 2**31))
    has("old.dynamic", 0x80000306, recipient(lab, where, "old.dynamic",
                                             "msExchDynamicDistributionList"))
    has("old.folder", 0x80000206, recipient(lab, where, "old.folder", "publicFolder"))
    return types


@pytest.fixture(scope="module", name="kinds")
def fixture_kinds(lab, tmp_path_factory):
    """The objects, the configuration and its state, after the first full synchronization."""
    directory = tmp_path_factory.mktemp("kinds")
    _, e = lab.source.find("(&(homeMDB=*)(cn=Martha Full))")
    lab.home = {k: e[k] for k in ("homeMDB", "msExchHomeServerName")}
    lab.home["homeMTA"] = lab.home["homeMDB"]   # any DN of the source's organization
    for name in SCOPES:
        lab.source.add(ou(name), objectClass="organizationalUnit")
    lab.old = old_objects(lab)
    linked(lab)
    in_tenant(lab)
    source, target = Account(lab, ACME, "svc-kinds"), Account(lab, GLOBEX, "svc-kinds")
    file = conf(lab, directory, acme=source.keys(directory), globex={
        **target.keys(directory), "extra": f'routing_domain = "{TENANT}";'},
        link="limits = { matches = 10; redirection_percent = 100; };")
    with open(file, encoding="utf-8") as f:
        text = f.read()
    scopes = ", ".join(f'{{ base = "{ou(n)}"; kinds = {KINDS}; target_ou = "{TARGET_OU}"; '
                       f'create = "{create}"; {more} }}' for n, (create, more) in SCOPES.items())
    text, n = re.subn(r"scopes = \(.*?\);\n", lambda m: f"scopes = ( {scopes} );\n", text, flags=re.S)
    assert n == 1
    lab.conf, lab.state = write(file, text), directory / "state"
    p = lab.galsyncd("-T", "--rights", conf=lab.conf)
    assert p.returncode == 0, p.stderr
    given = write(directory / "rights", p.stdout)
    for account, more in ((source, ()), (target, ("--match-scope", PEOPLE_OU))):
        p = account.delegate("--rights", given, *more)
        assert p.returncode == 0 and "the schema has no" not in p.stderr, p.stderr
    lab.first = full(lab, 3)
    return lab


def full(lab, status=0):
    p = lab.galsyncd("--once", "--full", conf=lab.conf)
    check_output(lab, p)
    assert p.returncode == status, f"status {p.returncode}\n{p.stdout}\n{p.stderr}"
    return p


def silent(lab):
    before = lab.source.usn(), lab.target.usn()
    full(lab, 3)
    assert (lab.source.usn(), lab.target.usn()) == before, "a further cycle wrote"


def there(lab, alias):
    return lab.target.find("(&(mailNickname=%s)(extensionAttribute15=*))", alias)[1]


def number(entry, name):
    return int(entry[name][0])


# ---- contacts, and what is old ----

def test_no_right_is_missing(kinds):
    assert "Insufficient" not in kinds.first.stderr and "lacks the right" not in kinds.first.stderr
    assert "  failed " not in kinds.first.stdout
    silent(kinds)


def test_contacts_of_what_is_old(kinds):
    for alias, (display, dn) in kinds.old.items():
        contact, original = there(kinds, alias), kinds.source.read(dn)
        assert contact["objectClass"][-1] == b"contact", alias
        assert number(contact, "msExchRecipientDisplayType") == display - 2**32, alias
        assert number(contact, "msExchVersion") == 44220983382016
        assert contact["msExchOriginatingForest"] == [b"acme.example"]
        assert contact["msExchPoliciesExcluded"] == [b"{26491cfc-9e50-4857-861b-0cb8df22b5d7}"]
        assert contact["msExchRequireAuthToSendTo"] == [b"FALSE"]
        assert not {"homeMTA", "homeMDB", "msExchPoliciesIncluded"} & set(contact)
        # Old replies in both directions.
        assert f"X500:{OLD_GROUP}{alias}".encode() in contact["proxyAddresses"]
        assert b"X500:" + contact["legacyExchangeDN"][0] in original["proxyAddresses"]
        assert contact["legacyExchangeDN"][0].startswith(b"/o=Globex/")
        is_mailbox = "homeMDB" in original
        assert contact.get("mAPIRecipient") == ([b"TRUE"] if is_mailbox else None), alias
        details = 64 if alias == "old.contact" else 32768
        assert number(contact, "msExchRecipientTypeDetails") == details
    to = {a: there(kinds, a)["targetAddress"][0].decode() for a in kinds.old}
    assert to["old.mail.user"] == "SMTP:omu@partner.example"
    assert to["old.contact"] == "SMTP:oc@partner.example"
    assert to["old.user"] == f"SMTP:old.user@{RS}"
    assert to["old.dynamic"] == "SMTP:old.dynamic@acme.example"
    assert there(kinds, "old.user")["thumbnailPhoto"] == [b"photo"]


def test_contacts_are_kept_current(kinds):
    """By a delta, and without an address policy on them."""
    for alias in ("old.dynamic", "old.folder"):
        kinds.source.modify(kinds.old[alias][1], displayName=f"New {alias}")
    dn = kinds.target.find("(&(mailNickname=old.user)(objectClass=contact))")[0]
    kinds.target.modify(dn, msExchPoliciesIncluded="{26491CFC-9E50-4857-861B-0CB8DF22B5D7}")
    p = kinds.galsyncd("--once", conf=kinds.conf)
    assert p.returncode == 0, p.stderr
    for alias in ("old.dynamic", "old.folder"):
        assert there(kinds, alias)["displayName"] == [f"New {alias}".encode()]
    assert "msExchPoliciesIncluded" not in there(kinds, "old.user")
    silent(kinds)


# ---- linked mailboxes ----

def linked(lab):
    mailbox(lab, "Linked", "l.user", msExchRecipientTypeDetails=1,
            msExchRecipientDisplayType=1073741824)
    for alias, sid in (("l.foreign", MASTER), ("l.shared", SELF), ("l.nobody", None)):
        mailbox(lab, "Linked", alias, userAccountControl=546, msExchMasterAccountSid=sid,
                msExchRecipientTypeDetails=4 if sid == SELF else 2)
    mailbox(lab, "Linked", "l.two", msExchMasterAccountSid=MASTER)


def test_linked_mailboxes(kinds):
    sid = kinds.source.read(f"CN=l.user,{ou('Linked')}")["objectSid"]
    for alias, master, details in (("l.user", sid, 2), ("l.foreign", [MASTER], 2),
                                   ("l.shared", None, 4)):
        t = there(kinds, alias)
        assert t.get("msExchMasterAccountSid") == master, alias
        assert number(t, "userAccountControl") == 514 and "homeMDB" in t
        assert number(t, "msExchRecipientTypeDetails") == details
        assert t["targetAddress"] == [f"SMTP:{alias}@{RS}".encode()]
    for alias, why in (("l.nobody", "has no msExchMasterAccountSid"),
                       ("l.two", "the enabled account has msExchMasterAccountSid")):
        assert not kinds.target.search(f"(mailNickname={alias})")
        assert re.search(f"CN={alias},.*{why}", kinds.first.stderr), kinds.first.stderr


# ---- mailboxes in a tenant ----

def in_tenant(lab):
    mailbox(lab, "Tenant", "t.new", msExchRecipientTypeDetails=1)
    mailbox(lab, "Tenant", "t.room", userAccountControl=546, msExchMasterAccountSid=SELF,
            msExchRecipientTypeDetails=16, msExchRecipientDisplayType=7)
    for alias in ("t.found", "t.kept"):
        mailbox(lab, "Tenant", alias, msExchRecipientTypeDetails=1)
        proxies = [f"SMTP:{alias}@globex.example", f"X500:{OLD_GROUP}{alias}"]
        if alias == "t.found":
            proxies.append(f"smtp:{alias}.1@{TENANT}")
        lab.target.add(
            f"CN={alias},{PEOPLE_OU}", objectClass="user", sAMAccountName=alias,
            userAccountControl=544, mailNickname=alias, mail=f"{alias}@globex.example",
            legacyExchangeDN=f"/o=Globex/ou=x/cn=Recipients/cn={alias}", proxyAddresses=proxies,
            targetAddress=f"SMTP:{alias}.1@{TENANT}", msExchRecipientTypeDetails=REMOTE_USER,
            msExchRecipientDisplayType=-2147483642, msExchRemoteRecipientType=4)


def is_passive(lab, alias, route):
    t, s = there(lab, alias), lab.source.read(f"CN={alias},{ou('Tenant')}")
    assert t["targetAddress"] == [f"SMTP:{alias}@{RS}".encode()]
    assert "targetAddress" not in s
    has_addresses(t, alias, route)


def is_active(lab, alias, route):
    t, s = there(lab, alias), lab.source.read(f"CN={alias},{ou('Tenant')}")
    assert t["targetAddress"] == [f"SMTP:{route}@{TENANT}".encode()]
    assert s["targetAddress"] == [f"SMTP:{alias}@{RT}".encode()]
    assert not any(v.decode().endswith(TENANT) for v in s["proxyAddresses"])
    has_addresses(t, alias, route)


def has_addresses(t, alias, route):
    assert {f"smtp:{alias}@{RT}".encode(), f"smtp:{route}@{TENANT}".encode()} <= \
        set(t["proxyAddresses"])
    assert sum(v.decode().endswith(TENANT) for v in t["proxyAddresses"]) == 1
    assert "homeMDB" not in t and "msExchCalendarRepairDisabled" not in t


# Alias: the address in the tenant.
REMOTE = {"t.new": "t.new", "t.room": "t.room", "t.found": "t.found.1", "t.kept": "t.kept.1"}


def test_mailboxes_in_the_tenant(kinds):
    for alias, details, kind in (("t.new", REMOTE_USER, 1), ("t.room", REMOTE_ROOM, 33),
                                 ("t.found", REMOTE_USER, 4)):
        t = there(kinds, alias)
        assert number(t, "msExchRecipientTypeDetails") == details
        assert number(t, "msExchRemoteRecipientType") == kind
        assert not {"homeMDB", "msExchHomeServerName", "msExchMailboxGuid"} & set(t)
    for alias, route in REMOTE.items():
        is_passive(kinds, alias, route)


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(kinds):
    d = Daemon(kinds, kinds.conf)
    d.start()
    yield d
    if d.process.poll() is None:
        assert d.end() == 0


def turn(lab, daemon, verb):
    p = lab.galsyncctl("--socket", daemon.socket, verb, *REMOTE)
    assert p.returncode == 0, p.stdout + p.stderr


def test_there_and_back(kinds, daemon):
    def verified():
        p = kinds.galsyncctl("--socket", daemon.socket, "verify", *REMOTE)
        assert p.returncode == 0, p.stdout + p.stderr
    verified()
    turn(kinds, daemon, "switch")
    for alias, route in REMOTE.items():
        is_active(kinds, alias, route)
    verified()
    p = kinds.galsyncctl("--socket", daemon.socket, "trace", "t.found@acme.example")
    assert f"t.found.1@{TENANT}" in p.stdout, p.stdout + p.stderr
    turn(kinds, daemon, "undo-switch")
    for alias, route in REMOTE.items():
        is_passive(kinds, alias, route)
    verified()
    turn(kinds, daemon, "switch")
    assert daemon.end() == 0
    silent(kinds)


def test_what_is_lost_comes_back(kinds):
    """The map, the way to the tenant, and then both."""
    lost = [a for a in REMOTE if a != "t.room"]
    for forget in (False, True):
        if forget:
            shutil.rmtree(kinds.state)
            os.makedirs(kinds.state)
        for alias in lost:
            kinds.target.modify(f"<GUID={guid_of(kinds, alias)}>", targetAddress=None)
        full(kinds, 3)
        for alias, route in REMOTE.items():
            is_active(kinds, alias, route)
        silent(kinds)


def guid_of(lab, alias):
    # Octets as a string of hexadecimal digits are a GUID to the server, too.
    return there(lab, alias)["objectGUID"][0].hex()
