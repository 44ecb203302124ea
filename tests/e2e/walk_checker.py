# SPDX-License-Identifier: MIT
"""What must be true of two directories that agree, read by plain searches and judged from what the
manuals promise alone: nothing of galsync is asked, neither its map nor its rules.

What the source says of an object in scope is on its one counterpart, which its stamp names: names,
addresses, references, what the address list shows, and where mail goes on to. The counterpart of
what is not in scope has left. No address has two holders, and no mail goes round."""

import collections
import re
import uuid

STAMP, MARKER, GUARD = "extensionAttribute15", "extensionAttribute14", "msExchCalendarRepairDisabled"
HIDES = "msExchHideFromAddressLists"
REDIRECT = {"source": "redirect.acme.example", "target": "redirect.globex.example"}
# By what an edit by hand in the target is known: such a value is no one's but that person's.
HAND = b"Hand "

SINGLE = ("displayName", "givenName", "sn", "title", "department", "company", "telephoneNumber",
          "mobile", "info", "physicalDeliveryOfficeName", "l", "extensionAttribute1", "thumbnailPhoto")
MULTI = ("otherTelephone", "msExchExtensionCustomAttribute1")
LINKS = ("manager", "managedBy", "altRecipient", "publicDelegates", "member")
SINGLE_LINKS = ("manager", "managedBy", "altRecipient")
ATTRS = ["objectGUID", "objectClass", "cn", "mail", "mailNickname", "proxyAddresses", "targetAddress",
         "legacyExchangeDN", "homeMDB", "msExchHomeServerName", "userAccountControl", "groupType",
         "msExchRecipientTypeDetails", "msExchMasterAccountSid", "isDeleted", "sAMAccountName",
         STAMP, MARKER, GUARD, HIDES, *SINGLE, *MULTI, *LINKS]
RECIPIENTS = "(|(objectClass=user)(objectClass=contact)(objectClass=group))"
STAMPED = re.compile(rb"galsync:(created|matched):([0-9a-f-]{36})(?::(source|target))?")
ADDRESS = re.compile(rb"(?i)smtp:[^\s@<>]+@[a-z0-9.-]+\.[a-z]+")


def is_smtp(v):
    return v[:5].lower() == b"smtp:"


def is_x500(v):
    return v[:5].lower() == b"x500:"


def is_address(v):
    """What is worth copying; there are no others of these types in the walk."""
    if is_smtp(v):
        return bool(ADDRESS.fullmatch(v))
    return is_x500(v) and v[5:6] == b"/" or v[:4].lower() == b"sip:" and b"@" in v


def in_domain(v, domain):
    return is_smtp(v) and v.lower().endswith(b"@" + domain.encode())


def fold(dn):
    return dn.lower() if isinstance(dn, str) else dn.decode().lower()


class Object:
    """A recipient as one search gave it."""

    def __init__(self, dn, attrs):
        self.dn, self.attrs = dn, attrs
        self.guid = str(uuid.UUID(bytes_le=attrs["objectGUID"][0]))
        classes = {c.lower() for c in attrs["objectClass"]}
        self.kind = ("other" if b"computer" in classes else "user" if b"user" in classes else
                     "contact" if b"contact" in classes else "group")
        stamp = STAMPED.fullmatch(self.one(STAMP) or b"")
        self.stamped = stamp[2].decode() if stamp else None
        self.created = bool(stamp) and stamp[1] == b"created"
        self.stamp_side = stamp[3].decode() if stamp and stamp[3] else "source"

    def all(self, name):
        return self.attrs.get(name, [])

    def one(self, name):
        return self.all(name)[0] if self.all(name) else None

    def is_true(self, name):
        return self.one(name) == b"TRUE"

    @property
    def primary(self):
        """Of several ones that which mail names, and without one what mail says."""
        found = sorted(v[5:] for v in self.all("proxyAddresses") if v[:5] == b"SMTP:")
        named = [v for v in found if v.lower() == (self.one("mail") or b"").lower()]
        return (named or found or [self.one("mail")])[0]

    @property
    def has_primary(self):
        return any(v[:5] == b"SMTP:" for v in self.all("proxyAddresses"))

    @property
    def has_mailbox(self):
        return bool(self.all("homeMDB") or self.all("msExchHomeServerName"))

    @property
    def disabled(self):
        return bool(int(self.one("userAccountControl") or 0) & 2)

    def redirects(self, side):
        """Its addresses in the redirect domain of SIDE."""
        return [v for v in self.all("proxyAddresses") if in_domain(v, REDIRECT[side])]

    @property
    def destination(self):
        return (self.one("targetAddress") or b"").lower()

    def leads_to(self, side):
        return in_domain(self.one("targetAddress") or b"", REDIRECT[side])

    def held(self):
        """Every address that it is known by, folded."""
        values = {v.lower() for v in self.all("proxyAddresses") if is_smtp(v) or is_x500(v)}
        values |= {b"x500:" + v.lower() for v in self.all("legacyExchangeDN")}
        return values | {b"smtp:" + v.lower() for v in self.all("mail")}


class View:
    """Both forests at about one moment."""

    def __init__(self, lab):
        self.source, self.target = self._read(lab.source), self._read(lab.target)
        self.by_guid = {o.guid: o for o in self.source}
        self.source_dns = {fold(o.dn): o for o in self.source}
        self.target_dns = {fold(o.dn): o for o in self.target}
        self.counterparts = collections.defaultdict(list)
        for o in self.target:
            if o.stamped:
                self.counterparts[o.stamped].append(o)

    @staticmethod
    def _read(side):
        return [Object(dn, attrs) for dn, attrs in side.search(RECIPIENTS, ATTRS)
                if "\nCNF:" not in dn and "\\0ACNF:" not in dn]

    def counterpart(self, o):
        found = self.counterparts.get(o.guid, [])
        return found[0] if len(found) == 1 else None


class Rules:
    """What the configuration of the link says of scope and of leaving."""

    def __init__(self, base, on_leave="hide", hidden="leave", disabled="sync"):
        self.base, self.on_leave = base, on_leave
        self.hidden_leaves, self.disabled_leaves = hidden == "leave", disabled == "leave"

    def in_scope(self, o):
        if o.kind == "other" or not fold(o.dn).endswith("," + fold(self.base)):
            return False
        if not o.all("mailNickname") or not o.all("legacyExchangeDN") or not o.primary:
            return False
        if o.kind == "user" and not o.has_mailbox and not o.all("targetAddress"):
            return False
        if self.hidden_leaves and o.is_true(HIDES):
            return False
        person = (o.kind == "user" and o.one("msExchRecipientTypeDetails") in (None, b"1")
                  and not o.all("msExchMasterAccountSid"))
        return not (self.disabled_leaves and person and o.disabled)


class Checker:
    """Collects what two directories disagree about."""

    def __init__(self, lab, rules):
        self.view, self.rules, self.found = View(lab), rules, []

    def bad(self, o, text):
        self.found.append(f"{o.dn}: {text}")

    def check(self):
        for o in self.view.source:
            if self.rules.in_scope(o):
                self.check_in_scope(o)
        for o in self.view.target:
            s = self.view.by_guid.get(o.stamped)
            if o.stamped and not (s and self.rules.in_scope(s)):
                self.check_left(o, s)
        self.check_holders("source", self.view.source, lambda o: self.rules.in_scope(o))
        self.check_holders("target", self.view.target, lambda o: o.stamped)
        return sorted(self.found)

    # ---- one object ----

    def check_in_scope(self, s):
        found = self.view.counterparts.get(s.guid, [])
        if len(found) != 1:
            self.bad(s, f"has {len(found)} counterparts: {[t.dn for t in found]}")
            return
        self.check_pair(s, found[0])

    def check_pair(self, s, t):
        active = self.check_redirection(s, t)
        self.check_names_for_replies(s, t)
        if active == "target":
            return
        self.check_attributes(s, t)
        self.check_addresses(s, t)
        self.check_references(s, t)
        self.check_identity(s, t)

    def check_left(self, t, s):
        # What does not lead to the source is in use, by whatever it was turned.
        if t.has_mailbox and (t.stamp_side == "target" or not t.leads_to("source")):
            return
        if self.rules.on_leave == "delete" and t.created and s is None:
            self.bad(t, "its source is gone, and it is there")
        elif not t.is_true(HIDES):
            self.bad(t, f"its source {'is not in scope' if s else 'is gone'}, and it is not hidden")
        elif self.rules.on_leave == "disable" and t.created and t.kind == "user" and not t.disabled:
            self.bad(t, "has left, and its account is enabled")

    def compare(self, t, name, want, there):
        if want != there:
            self.bad(t, f"{name} is {there}, not {want}")

    def check_attributes(self, s, t):
        for name in SINGLE:
            want, there = s.one(name), t.one(name)
            if want is None and there and there.startswith(HAND):
                continue
            self.compare(t, name, want, there)
        for name in MULTI:
            # What was put there by hand may have come to the source, while that was the passive side.
            want, there = set(s.all(name)), set(t.all(name))
            more = {v for v in there - want if not v.startswith(HAND)}
            self.compare(t, name, want, (there & want) | more)
        if t.created:
            self.compare(t, "mailNickname", s.one("mailNickname"), t.one("mailNickname"))
        hidden = s.is_true(HIDES)
        if hidden != t.is_true(HIDES) and (hidden or s.all(HIDES) or not self.hidden_by_hand(t)):
            self.bad(t, f"is {'not ' if hidden else ''}hidden, unlike its source")

    @staticmethod
    def hidden_by_hand(t):
        """An edit by hand leaves a word behind, which nothing else writes."""
        return t.one("info") == HAND + b"hidden" or b"Hand hidden" in t.all("otherTelephone")

    def check_identity(self, s, t):
        kinds = {"user": ("user",), "contact": ("contact",), "group": ("group",)}
        if t.kind not in kinds[s.kind]:
            self.bad(t, f"is a {t.kind}, its source a {s.kind}")
        if not t.created:
            return
        self.check_name(s, t)
        if s.kind == "group" and t.kind == "group" and not self.has_to_be_universal(s, t):
            self.compare(t, "groupType", s.one("groupType"), t.one("groupType"))

    def has_to_be_universal(self, s, t):
        """A directory lets no global group hold a universal one, and no universal one a domain local
        one: of another type is what was in the target before."""
        want, there = int(s.one("groupType")), int(t.one("groupType"))
        if there != want & ~14 | 8:
            return False
        beside = {2: [self.view.target_dns.get(fold(m)) for m in t.all("member")],
                  4: [o for o in self.view.target if fold(t.dn) in map(fold, o.all("member"))]}
        return any(o and o.kind == "group" and int(o.one("groupType")) & 8
                   for o in beside.get(want & 14, ()))

    def check_name(self, s, t):
        own, there = s.one("cn").decode(), t.one("cn").decode()
        m = re.fullmatch(r"(.*) \([^()]*(?:\(.*\))?\)", there)
        if there != own and not (m and own.startswith(m[1])):
            self.bad(t, f"is not named after its source '{own}'")

    def check_addresses(self, s, t):
        primary = s.primary
        self.compare(t, "primary address", primary, t.primary)
        self.compare(t, "mail", primary, t.one("mail"))
        internal = tuple(REDIRECT.values()) + ("delete.me",)
        wanted = {self.spelled(v, primary) for v in s.all("proxyAddresses")
                  if is_address(v) and not any(in_domain(v, d) for d in internal)}
        there = {v for v in t.all("proxyAddresses")
                 if not any(in_domain(v, d) for d in internal)}
        wanted = {v for v in wanted if v[5:].lower() != (t.one("legacyExchangeDN") or b"").lower()}
        for v in sorted(wanted - there):
            if not (is_x500(v) and v.lower() in {x.lower() for x in there}):
                self.bad(t, f"lacks the address {v}")
        for v in sorted(there - wanted):
            if not is_x500(v) and b"hand." not in v:
                self.bad(t, f"has the address {v}, its source not")

    @staticmethod
    def spelled(v, primary):
        if not is_smtp(v):
            return v
        return (b"SMTP:" if v[5:] == primary else b"smtp:") + v[5:]

    def check_names_for_replies(self, s, t):
        """Each side is known by every X500 name that the other one has."""
        for one, other in ((s, t), (t, s)):
            known = {v[5:].lower() for v in other.all("proxyAddresses") if is_x500(v)}
            known |= {v.lower() for v in other.all("legacyExchangeDN")}
            names_ = [v[5:] for v in one.all("proxyAddresses") if is_x500(v) and is_address(v)]
            for v in names_ + one.all("legacyExchangeDN"):
                if v.lower() not in known and not self.is_anothers_name(other, v):
                    self.bad(other, f"lacks X500:{v.decode()} of {one.dn}")

    def is_anothers_name(self, _o, _name):
        """Another object of that forest has the name."""
        return False

    # ---- where mail goes on to ----

    def check_redirection(self, s, t):
        """The active side."""
        if s.kind != "user" or not (s.has_mailbox or t.has_mailbox):
            self.check_destination(s, t)
            return "source"
        there, back = s.leads_to("target"), t.leads_to("source")
        if s.all("targetAddress") and t.all("targetAddress"):
            self.bad(s, f"both sides redirect, to {s.all('targetAddress')} and "
                        f"{t.all('targetAddress')}")
        active = "target" if there else "source"
        if not there and not back:
            self.bad(t, f"neither side redirects to the other: {s.all('targetAddress')}, "
                        f"{t.all('targetAddress')}")
        passive, other = (s, t) if there else (t, s)
        side = "target" if there else "source"
        for o, where in ((s, "source"), (t, "target")):
            own = o.redirects(where)
            if len(own) != 1:
                self.bad(o, f"has {len(own)} redirect addresses: {own}")
            elif not self.is_redirect_of(own[0], s):
                self.bad(o, f"has the redirect address {own[0]}, alias {s.one('mailNickname')}")
            if o.redirects("source" if where == "target" else "target"):
                self.bad(o, "has a redirect address of the other side")
        if other.redirects(side) and passive.all("targetAddress") and \
                passive.one("targetAddress")[5:].lower() != other.redirects(side)[0][5:].lower():
            self.bad(passive, f"redirects to {passive.one('targetAddress')}, and "
                              f"{other.dn} has {other.redirects(side)}")
        self.compare(t, "side in the stamp", active, t.stamp_side)
        self.compare(s, "marker", there, (s.one(MARKER) or b"").startswith(b"galsync:switched:"))
        if passive.has_mailbox:
            self.compare(passive, GUARD, [b"TRUE"], passive.all(GUARD))
        return active

    @staticmethod
    def is_redirect_of(v, s):
        local = v[5:].rpartition(b"@")[0].lower()
        alias = s.one("mailNickname").lower()
        return local in (alias, alias[:55] + b"-" + s.guid[:8].encode())

    def check_destination(self, s, t):
        """What is no mailbox passes its own destination on, a group nothing."""
        if s.kind == "group" or t.kind == "group":
            return
        want = s.one("targetAddress") or b"SMTP:" + (s.primary or b"")
        self.compare(t, "targetAddress", want, t.one("targetAddress"))

    # ---- references ----

    def check_references(self, s, t):
        for name in LINKS:
            if name == "manager" and s.kind == "group":
                continue
            if name in ("altRecipient", "publicDelegates") and not t.has_mailbox:
                continue
            wanted, allowed = set(), set()
            for dn in s.all(name):
                ref = self.view.source_dns.get(fold(dn))
                found = self.view.counterparts.get(ref.guid, []) if ref else []
                allowed |= {fold(x.dn) for x in found}
                if ref and self.rules.in_scope(ref):
                    wanted |= {fold(x.dn) for x in found}
            there = {fold(dn) for dn in t.all(name)}
            for dn in sorted(wanted - there):
                self.bad(t, f"{name} lacks {dn}")
            for dn in sorted(there - allowed):
                ref = self.view.target_dns.get(dn)
                if (ref and ref.stamped) or (name in SINGLE_LINKS and wanted):
                    self.bad(t, f"{name} has {dn}, its source does not refer to that")

    # ---- of all ----

    def check_holders(self, side, objects, is_judged):
        holders = collections.defaultdict(list)
        for o in objects:
            for v in o.held():
                holders[v].append(o)
        for v, held_by in sorted(holders.items()):
            if len(held_by) > 1 and any(is_judged(o) for o in held_by):
                self.found.append(f"{v.decode(errors='replace')} in the {side} is held by "
                                  f"{[o.dn for o in held_by]}")


def disagreements(lab, rules):
    """What is wrong, as lines of text; nothing: both directories agree."""
    return Checker(lab, rules).check()


def loops(lab, exempt):
    """Pairs of which both sides redirect to each other, but for source GUIDs in EXEMPT. The source
    is read before and after the target: a turn in between is no loop."""
    before, there, after = (
        {o.stamped or o.guid if side is lab.target else o.guid: o for o in View._read(side)}
        for side in (lab.source, lab.target, lab.source))
    return [before[g].dn for g, t in there.items()
            if g not in exempt and g in before and g in after and t.leads_to("source")
            and before[g].leads_to("target") and after[g].leads_to("target")
            # By addresses that they have: what leads to nobody is returned, and does not go round.
            and before[g].destination in t.held() and t.destination in before[g].held()]

