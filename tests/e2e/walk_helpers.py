# SPDX-License-Identifier: MIT
"""A random administrative life on two real forests while the daemon runs: changes of every sort on
both sides, commands and kills beside them. Now and then, and at its end, what nobody could agree
about is removed, and both directories must agree then, within a deadline and without an operator.

The changes follow from the seed alone: what the daemon does meanwhile decides about none of them.
One that a directory or galsync refuses is noted as that and has no further meaning."""

import contextlib
import dataclasses
import random
import time
import uuid

import ldap
from galsynclab.forests import LIMITS
from galsynclab.lab import ACME, STAFF_OU, TARGET_OU, Forest
from walk_checker import ATTRS, REDIRECT, STAMP, Rules, in_domain

BASE = f"OU=Walk,{STAFF_OU}"
OUS = (BASE, f"OU=North,{BASE}", f"OU=South,{BASE}")
OUTSIDE = f"OU=Outside,{STAFF_OU}"
AWAY = f"OU=Away,{TARGET_OU}"
DOMAINS = ("acme.example", "acme.example", "old.acme.example", "merged.example")
GIVEN = ("José", "Jose", "Łukasz", "Anne-Marie", "Ünal", "Ярослав", "Mary", "D'Arcy", "Zoë")
SUR = ("Núñez", "Nunez", "O'Brien", "Doe, John", "Smith", "Groß", "Żółć", "a+b", "Lee")
WORDS = ("Engineer", "engineer", "Ingénieur", "Manager", "Clerk", "Führung", "x" * 60, "a;b,c=d")
GROUP_TYPES = (8, 2, 4, 8 - 2**31, 2 - 2**31, 4 - 2**31)
MALFORMED = ("smtp:", "smtp:a b@{}", "X500:none", ":", "smtp:nobody@", "SMTP:second@{}",
             "sip:one@{}", "sip:two@{}")


class Thing:
    """A recipient that the walk made."""

    def __init__(self, guid, kind):
        self.guid, self.kind = guid, kind

    @property
    def name(self):
        return f"<GUID={self.guid}>"


@dataclasses.dataclass(frozen=True)
class Place:
    """Where one of the administrators works, and how its objects are called."""
    forest: Forest
    ous: tuple          # the first one holds the others
    outside: str        # what is moved there has left
    made: str           # in the other forest: where galsync creates
    away: str           # in the other forest: where that may be moved to by hand
    domains: tuple
    redirects: tuple    # where a mailbox that is in scope may redirect to
    foreign: bytes      # how names of the other organization begin

    @property
    def legacy(self):
        return f"/o={self.forest.organization}"

    def own_addresses(self, e):
        """What the walk gave: neither redirect addresses, nor names of counterparts, nor dummies."""
        return [v for v in e.get("proxyAddresses", [])
                if not any(in_domain(v, d) for d in (*REDIRECT.values(), "delete.me"))
                and not v.lower().startswith(self.foreign)]


STAFF = Place(ACME, OUS, OUTSIDE, TARGET_OU, AWAY, DOMAINS, tuple(REDIRECT.values()),
              b"x500:/o=globex")


HOLDS = {2: (2,), 4: (2, 4, 8), 8: (2, 8)}      # global, domain local, universal


def scope_of(e):
    """2, 4 or 8 of a group, else 0."""
    return int(e.get("groupType", [b"0"])[0]) & 14


def may_hold(outer, inner):
    """Does AD let a group of that type hold one of the other? Samba lets every group."""
    return not inner or inner in HOLDS.get(outer, ())


def primary_of(values):
    return next((v for v in values if v[:5] == b"SMTP:"), None)


class Variant:
    """How the link is configured: which of that a seed takes, it says first."""

    def __init__(self, dice):
        self.on_leave = dice.choice(("hide", "hide", "delete", "disable"))
        self.hidden = dice.choice(("leave", "leave", "sync"))
        self.disabled = dice.choice(("sync", "leave"))
        self.soft = dice.random() < 0.25

    def __str__(self):
        return (f"on_leave={self.on_leave} hidden={self.hidden} disabled={self.disabled} "
                f"match={'soft' if self.soft else 'default'}")

    def rules(self):
        return Rules(BASE, self.on_leave, self.hidden, self.disabled)

    def conf_text(self, lab):
        text = lab.conf_text(**{
            f'base = "{STAFF_OU}"': f'base = "{BASE}"',
            'create = "mailbox";': f'create = "mailbox"; on_leave = "{self.on_leave}"; '
                                   f'hidden = "{self.hidden}"; disabled = "{self.disabled}";',
            LIMITS: "limits = { deletes = 1000000; delete_percent = 100; redirections = 1000000; "
                    "redirection_percent = 100; member_removals = 1000000; "
                    "member_removal_percent = 100; primary_changes = 1000000; "
                    "primary_change_percent = 100; matches = 1000000; };",
            "interval_s = 60": "interval_s = 1"})
        lines = text.splitlines(keepends=True)
        return "".join(line for line in lines
                       if self.soft or not line.strip().startswith("match ="))


class Directories:
    """What an administrator does, with what it came to; the walk is made of these. `source` is the
    forest of that administrator, `target` the other one."""

    place, variants = STAFF, Variant

    def __init__(self, lab, seed):
        self.lab, self.dice, self.history = lab, random.Random(seed), []
        self.variant = self.variants(self.dice)
        self.things, self.graves, self.number, self.hand = [], [], 0, set()
        self.depth = 0      # of bursts
        self.begun = time.monotonic()

    def note(self, text):
        self.history.append(f"{time.monotonic() - self.begun:8.2f} {text}")
        self.log(self.history[-1])

    def log(self, text):
        with open(self.lab.log("walk.log"), "a", encoding="utf-8") as f:
            print(text, file=f)

    def attempt(self, what, function, *args, **kw):
        """True if it was taken."""
        try:
            function(*args, **kw)
        except ldap.LDAPError as e:
            d = e.args[0] if e.args and isinstance(e.args[0], dict) else {}
            self.note(f"{what}: refused: {d.get('desc', e)} {d.get('info', '')[:80]}")
            return False
        self.note(what)
        return True

    # ---- its own forest ----

    def read(self, thing):
        """(dn, attributes), or None."""
        try:
            return self.lab.source.search("(objectClass=*)", ATTRS, thing.name, ldap.SCOPE_BASE)[0]
        except ldap.NO_SUCH_OBJECT:
            return None

    def pick(self, *kinds, n=1):
        """N different things of these kinds (none given: any); None if there are too few."""
        found = [t for t in self.things if not kinds or t.kind in kinds]
        return self.dice.sample(found, n) if len(found) >= n else None

    def set(self, thing, **attrs):
        dn = self.read(thing)[0]
        texts = {k: v if v is None or len(str(v)) < 80 else "..." for k, v in attrs.items()}
        return self.attempt(f"set {dn}: {texts}", self.lab.source.modify, dn, **attrs)

    def change_addresses(self, thing, remove=(), add=(), what="addresses of"):
        """One request; mail is the primary address."""
        dn, e = self.read(thing)
        left = [v for v in e.get("proxyAddresses", []) if v not in remove]
        # Samba takes a value twice if it is spelled otherwise; Active Directory does not.
        add = [v for v in add if v.lower() not in {x.lower() for x in left}]
        left += add
        mods = [(op, "proxyAddresses", list(values))
                for op, values in ((ldap.MOD_DELETE, remove), (ldap.MOD_ADD, add)) if values]
        primary = primary_of(left)
        mail = [primary[5:]] if primary else []
        if mail != e.get("mail", []):
            mods.append((ldap.MOD_REPLACE, "mail", mail or None))
        text = f"{what} {dn}: -{[v.decode() for v in remove]} +{[v.decode() for v in add]}"
        return not mods or self.attempt(text, self.lab.source.change, dn, *mods)

    def next(self):
        self.number += 1
        return self.number

    def new_address(self):
        spelled = self.dice.choice(("w{}", "W{}", "w.{}"))
        return f"{spelled.format(self.next())}@{self.dice.choice(self.place.domains)}".encode()

    def identity(self, kind):
        """Names and addresses of a new object, as plain values."""
        n = self.next()
        given, sur = self.dice.choice(GIVEN), self.dice.choice(SUR)
        alias = self.dice.choice((f"w{n}", f"W{n}", f"w.{n}-x"))
        domain = "partner.example" if kind == "contact" and self.dice.random() < 0.7 else \
            self.dice.choice(self.place.domains)
        cn = f"{given} {sur}" + (f" {n}" if self.dice.random() < 0.7 else "")
        return {"cn": cn, "alias": alias, "sam": f"w{n}", "given": given, "sur": sur,
                "addresses": [f"SMTP:w{n}@{domain}".encode()],
                "legacy": f"{self.place.legacy}/ou=Walk/cn=Recipients/cn=w{n}",
                "guid": uuid.UUID(int=self.dice.getrandbits(128), version=4).bytes_le}

    def attributes(self, kind, i):
        """Of an object of KIND with this identity."""
        primary = primary_of(i["addresses"])
        attrs = {"objectClass": "user" if kind == "mail-user" else kind, "displayName": i["cn"],
                 "mailNickname": i["alias"], "proxyAddresses": i["addresses"],
                 "legacyExchangeDN": i["legacy"]}
        if primary:
            attrs["mail"] = primary[5:]
        if kind == "group":
            return {**attrs, "sAMAccountName": i["sam"], "groupType": i.get("type", 8)}
        attrs.update(givenName=i["given"], sn=i["sur"])
        if kind == "contact":
            return {**attrs, "targetAddress": b"SMTP:" + (primary or b"SMTP:x@partner.example")[5:]}
        attrs.update(sAMAccountName=i["sam"], userAccountControl=544,
                     userPrincipalName=f"{i['sam']}@{self.place.forest.domain}")
        if kind == "mail-user":
            return {**attrs, "targetAddress": f"SMTP:{i['sam']}@elsewhere.example"}
        forest = self.place.forest
        return {**attrs, "homeMDB": forest.databases[0], "msExchHomeServerName": forest.home_server,
                "msExchMailboxGuid": i["guid"], "msExchRecipientTypeDetails": 1,
                "msExchRecipientDisplayType": 0x40000000}

    def create(self, kind, i, ou):
        cn = "".join("\\" + c if c in ',+"\\<>;=' else c for c in i["cn"])
        dn = f"CN={cn},{ou}"
        said = {k: v for k, v in i.items() if k in ("alias", "addresses", "legacy", "sam")}
        if not self.attempt(f"create {kind} {dn} {said}", self.lab.source.add, dn,
                            **self.attributes(kind, i)):
            return None
        guid = self.lab.source.read(dn, ["objectGUID"])["objectGUID"][0]
        thing = Thing(str(uuid.UUID(bytes_le=guid)), "user" if kind == "mail-user" else kind)
        self.things.append(thing)
        return thing

    def identity_of(self, thing):
        """As it is now, for one that is made with the same."""
        _, e = self.read(thing)

        def text(name):
            return e[name][0].decode() if name in e else None
        i = {"cn": text("cn"), "alias": text("mailNickname") or f"w{self.next()}",
             "sam": text("sAMAccountName") or f"w{self.next()}",
             "given": text("givenName") or "Given", "sur": text("sn") or "Sur",
             "addresses": self.place.own_addresses(e) or [b"SMTP:" + self.new_address()],
             "legacy": text("legacyExchangeDN") or f"{self.place.legacy}/cn=w{self.next()}",
             "guid": uuid.UUID(int=self.dice.getrandbits(128), version=4).bytes_le}
        return i

    def delete(self, thing):
        dn = self.read(thing)[0]
        if not self.attempt(f"delete {dn} {thing.guid}", self.lab.source.delete, dn):
            return False
        self.things.remove(thing)
        return True

    def rename(self, thing, cn, ou=None):
        dn = self.read(thing)[0]
        cn = "".join("\\" + c if c in ',+"\\<>;=' else c for c in cn)
        return self.attempt(f"rename {dn} to CN={cn}{',' + ou if ou else ''}",
                            self.lab.source.rename, dn, f"CN={cn}", ou)

    # ---- the other one ----

    def counterpart(self, thing):
        rows = self.lab.target.search(f"({STAMP}=galsync:*:{thing.guid}*)", ATTRS)
        return rows[0] if rows else None

    def by_hand(self, thing, what, function):
        """FUNCTION of the counterpart's name and attributes, if there is one."""
        found = self.counterpart(thing)
        if not found:
            self.note(f"by hand: {what}: no counterpart of {thing.guid}")
            return
        self.attempt(f"by hand: {what} {found[0]}", function, *found)

    # ---- in one delta ----

    @contextlib.contextmanager
    def burst(self, really):
        """What is done inside comes to one delta."""
        self.depth += really
        if really and self.depth == 1:
            self.pause()
        yield
        if really and self.depth == 1:
            self.resume()
        self.depth -= really

    def pause(self):
        raise NotImplementedError

    resume = pause
