# SPDX-License-Identifier: MIT
"""An Exchange organization under construction: objects as plain data, nothing is written here.

Everything comes from the random generator of the organization and from counters, never from the
clock, a hash seed or the directory, so that one seed makes the same objects again. Links name
objects that were made before: the objects can be added in their order, links and all.
"""

import base64
import dataclasses
import random
import struct
import uuid

from . import names

VERSION = "44220983382016"
ADDRESS_POLICY = "{26491cfc-9e50-4857-861b-0cb8df22b5d7}"
SELF = "S-1-5-10"
ACL_ABLE = 0x40000000

ENABLED, DISABLED = "512", "514"
# Kind: msExchRecipientTypeDetails, msExchRecipientDisplayType, userAccountControl, master account.
MAILBOXES = {
    "mailbox": (1, ACL_ABLE, ENABLED, None),
    "hidden": (1, ACL_ABLE, ENABLED, None),
    "linked": (2, ACL_ABLE, DISABLED, "foreign"),
    "disabled": (1, ACL_ABLE, DISABLED, SELF),
    "shared": (4, 0, DISABLED, SELF),
    "room": (16, 7, DISABLED, SELF),
    "equipment": (32, 8, DISABLED, SELF),
    "arbitration": (8388608, 10, DISABLED, SELF),
    "discovery": (536870912, 10, DISABLED, SELF),
}
# Kind: groupType, msExchRecipientTypeDetails, msExchRecipientDisplayType.
GROUPS = {
    "universal-distribution": (8, 256, 1),
    "universal-security": (8 - 2**31, 1024, ACL_ABLE | 9),
    "global-distribution": (2, 512, 1),
    "global-security": (2 - 2**31, 512, ACL_ABLE | 9),
    "local-distribution": (4, 512, 1),
    "local-security": (4 - 2**31, 512, ACL_ABLE | 9),
}


@dataclasses.dataclass
class Entry:
    dn: str
    kind: str
    attrs: dict
    alias: str = ""
    legacy: str = ""
    address: str = ""       # the primary address, "" without mail
    secondary: list = dataclasses.field(default_factory=list)   # further SMTP addresses


def sid_bytes(text):
    parts = [int(p) for p in text.split("-")[1:]]
    subs = parts[2:]
    return struct.pack("<BB", parts[0], len(subs)) + parts[1].to_bytes(6, "big") + \
        struct.pack(f"<{len(subs)}I", *subs)


class Organization:
    def __init__(self, forest, seed, purpose):
        self.forest = forest
        self.rng = random.Random(f"{seed}/{forest.name}/{purpose}")
        self.entries = []
        self.special = {}       # key: DN
        self.addresses = set()
        self.aliases = set()
        self.sams = set()
        self.rdns = set()
        self.serial = 0

    # Values that must be unique.

    def guid(self):
        return uuid.UUID(int=self.rng.getrandbits(128), version=4)

    def unique(self, taken, wanted, limit):
        """wanted, or with a number at its end, cut to the limit; now taken."""
        value, n = wanted[:limit].rstrip(".-"), 1
        while value.lower() in taken:
            n += 1
            value = wanted[:limit - len(str(n))].rstrip(".-") + str(n)
        taken.add(value.lower())
        return value

    def cn(self, wanted, parent):
        """A common name that is free in its OU, as an administrator would make it."""
        value, n = wanted[:64], 1
        while (names.rdn_key(value), parent) in self.rdns:
            n += 1
            value = f"{wanted[:58].rstrip()} ({n})"
        self.rdns.add((names.rdn_key(value), parent))
        return value

    def claim(self, address):
        """True for an address that nobody in this forest had."""
        if address.lower() in self.addresses:
            return False
        self.addresses.add(address.lower())
        return True

    def legacy_dn(self, alias):
        """Before Exchange 2010 it ended in the alias alone; since then it has a GUID as well."""
        tail = alias if self.rng.random() < 0.3 else f"{self.guid().hex}-{alias[:20]}"
        return f"{self.forest.admin_group}/cn=Recipients/cn={tail}"

    # Objects.

    def add(self, entry, key=None):
        self.entries.append(entry)
        if key:
            self.special[key] = entry.dn
        return entry

    def of_kind(self, *kinds):
        return [e for e in self.entries if e.kind in kinds]

    def ou(self, name, parent):
        dn = f"OU={names.escape(name)},{parent}"
        self.add(Entry(dn, "ou", {"objectClass": "organizationalUnit"}))
        return dn

    def _base(self, alias, display, limit=64):
        alias = self.unique(self.aliases, alias, limit)
        return alias, {"displayName": display}

    def account(self, cn, parent, alias, *, display=None, given="", sur="", kind="plain",
                sam=None, uac=ENABLED):
        """A user without mail; the other kinds of users are made of it."""
        alias, attrs = self._base(alias, cn if display is None else display)
        sam = self.unique(self.sams, sam or alias, 20)
        attrs.update({"objectClass": "user", "sAMAccountName": sam, "userAccountControl": uac,
                      "userPrincipalName": f"{alias}@{self.forest.domain}"})
        if given:
            attrs["givenName"] = given
        if sur:
            attrs["sn"] = sur
        return Entry(names.child(self.cn(cn, parent), parent), kind, attrs, alias)

    def _recipient(self, e, details, display_type, primary=None):
        """What every Exchange recipient has: alias, address book names and addresses."""
        e.legacy = self.legacy_dn(e.alias)
        e.address = primary or f"{e.alias}@{self.forest.domain}"
        n = 2
        while not self.claim(e.address):
            e.address = f"{e.alias}.{n}@{self.forest.domain}"
            n += 1
        e.attrs.update({
            "mailNickname": e.alias,
            "mail": e.address,
            "proxyAddresses": [f"SMTP:{e.address}"],
            "legacyExchangeDN": e.legacy,
            "msExchVersion": VERSION,
            "msExchRecipientTypeDetails": str(details),
            "msExchRecipientDisplayType": str(display_type),
            "msExchPoliciesIncluded": [f"{{{self.guid()}}},{ADDRESS_POLICY}"],
        })
        return e

    def add_secondary(self, e, address):
        if self.claim(address):
            e.secondary.append(address)
            e.attrs["proxyAddresses"].append(f"smtp:{address}")

    def add_addresses(self, e):
        """Secondary addresses of the kinds that years of mail administration leave behind."""
        r, proxies = self.rng, e.attrs["proxyAddresses"]
        if r.random() < 0.7:
            self.add_secondary(e, f"{e.alias}@old.{self.forest.domain}")
        if r.random() < 0.3:
            self.add_secondary(e, f"{e.alias.replace('.', '_')}@{self.forest.domain}")
        if r.random() < 0.15:
            self.add_secondary(e, f"{e.alias[:1]}{self.serial}.{self.rng.randrange(1000)}"
                               f"@merged.{self.forest.domain}")
        if r.random() < 0.4:
            proxies.append(f"X500:/o={self.forest.organization} Legacy/ou=First Administrative "
                           f"Group/cn=Recipients/cn={e.alias}")
        if r.random() < 0.5 and "sAMAccountName" in e.attrs:
            proxies.append(f"sip:{e.address}")
        if r.random() < 0.1:
            proxies.append(f"X400:C=US;A= ;P={self.forest.organization};O=Exchange;S={e.alias};")

    def make_mailbox(self, e, kind="mailbox", primary=None):
        """Turns an account into a mailbox of the kind."""
        details, display_type, uac, master = MAILBOXES[kind]
        self._recipient(e, details, display_type, primary)
        guid = self.guid()
        e.kind = kind
        e.attrs.update({
            "homeMDB": self.rng.choice(self.forest.databases),
            "msExchHomeServerName": self.forest.home_server,
            "msExchMailboxGuid": guid.bytes_le,
            "mDBUseDefaults": "TRUE",
            "msExchUserCulture": "en-US",
            "msExchUserAccountControl": "2" if uac == DISABLED else "0",
            "userAccountControl": uac,
        })
        if master:
            e.attrs["msExchMasterAccountSid"] = sid_bytes(self._foreign_sid() if master == "foreign"
                                                          else master)
        if kind in ("room", "equipment"):
            self._resource(e, kind)
        if kind == "hidden":
            e.attrs["msExchHideFromAddressLists"] = "TRUE"
        return e

    def _foreign_sid(self):
        """An account of the domain that a resource forest trusts."""
        return f"S-1-5-21-1004336348-1177238915-682003330-{1000 + self.rng.randrange(10**6)}"

    def _resource(self, e, kind):
        label = kind.capitalize()
        e.attrs.update({"msExchResourceMetaData": f"ResourceType:{label}",
                        "msExchResourceSearchProperties": [label],
                        "msExchResourceDisplay": label})
        if kind == "room":
            e.attrs["msExchResourceCapacity"] = str(self.rng.choice((4, 6, 8, 12, 40)))
            e.attrs["msExchResourceSearchProperties"].append("Beamer")
            e.attrs["msExchResourceDisplay"] = "Room,Beamer"

    def make_mail_user(self, e, outside):
        self._recipient(e, 128, ACL_ABLE | 6)
        e.kind = "mail-user"
        e.attrs["targetAddress"] = f"SMTP:{outside}"
        return e

    def contact(self, cn, parent, alias, outside, *, display=None, given="", sur=""):
        alias, attrs = self._base(alias, cn if display is None else display)
        attrs.update({"objectClass": "contact", "targetAddress": f"SMTP:{outside}",
                      "internetEncoding": "1310720", "mAPIRecipient": "FALSE"})
        if given:
            attrs.update({"givenName": given, "sn": sur})
        e = Entry(names.child(self.cn(cn, parent), parent), "contact", attrs, alias)
        return self._recipient(e, 64, 6, outside)

    def group(self, cn, parent, alias, kind, members=(), *, display=None, mail=True):
        group_type, details, display_type = GROUPS[kind]
        alias, attrs = self._base(alias, cn if display is None else display)
        attrs.update({"objectClass": "group", "groupType": str(group_type),
                      "sAMAccountName": self.unique(self.sams, alias, 64)})
        if members:
            attrs["member"] = [m.dn for m in members]
        e = Entry(names.child(self.cn(cn, parent), parent), kind, attrs, alias)
        if not mail:
            return e
        e.attrs["reportToOriginator"] = "TRUE"
        return self._recipient(e, details, display_type)

    def photo(self):
        """Bytes of every value, a NUL among the first: binary attributes must be kept whole."""
        start = base64.b64decode("/9j/4AAQSkZJRgABAQ==")
        return start + bytes(range(256)) + self.rng.randbytes(64)
