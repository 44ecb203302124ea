# SPDX-License-Identifier: MIT
"""Whether the address lists of two organizations are the same, by plain searches, and judged from
what the manuals promise alone: nothing of galsync is asked, and none of its rules is used.

A list is a table: each recipient that shows in it, once, by its original: the object of the
organization that it belongs to. Of each, both lists say the same, and mail to any of its addresses,
sent in either organization, ends at one place. Where galsync.conf(5) lets both sides differ, the
place here that lets them says why."""

import collections

from galsynclab.lab import RETURN_OU, TARGET_OU
from lists_natives import WALK
from walk_checker import (ATTRS, HIDES, LINKS, MARKER, MULTI, REDIRECT, SINGLE, Checker, Object,
                          View, fold, in_domain, is_address, is_smtp, is_x500)

FOREST = "msExchOriginatingForest"
# Where mail servers take mail to a domain, and which of these the configuration calls mail_domains.
ACCEPTED = {"source": {"acme.example", "old.acme.example", "merged.example", REDIRECT["source"]},
            "target": {"globex.example", "old.globex.example", "globex.test", REDIRECT["target"]}}
OWN = ("acme.example", REDIRECT["source"])
OTHER = {"source": "target", "target": "source"}
INTERNAL = (*REDIRECT.values(), "delete.me")


class Lists(View):
    """Both forests, and what stands for what."""

    def __init__(self, lab, rules):
        super().__init__(lab)
        self.rules = rules
        self.objects = {"source": self.source, "target": self.target}
        self.put = {"source": lab.source.put, "target": lab.target.put}
        self.stood_for = lab.source.stood_for | lab.target.stood_for
        self.former = lab.source.former | lab.target.former
        self.dns = {"source": self.source_dns, "target": self.target_dns}
        self.natives = {o.guid: o for o in self.target if self.is_native(o)}
        self.contacts = collections.defaultdict(list)
        for o in self.source:
            if o.stamped and fold(o.dn).endswith("," + fold(RETURN_OU)):
                self.contacts[o.stamped].append(o)
        self.pairs = [(s, self.counterpart(s)) for s in self.source
                      if rules.in_scope(s) and self.counterpart(s)]
        self.partner = {"source": {}, "target": {}}
        for s, t in self.pairs:
            self.partner["source"][s.guid], self.partner["target"][t.guid] = t, s
        for guid, n in self.natives.items():
            if len(self.contacts[guid]) == 1:
                c = self.contacts[guid][0]
                self.partner["target"][guid], self.partner["source"][c.guid] = c, n
        self.holders = {side: self.find_holders(side) for side in ("source", "target")}

    @staticmethod
    def _read(side):
        return [Object(dn, attrs) for dn, attrs in side.search(
            "(|(objectClass=user)(objectClass=contact)(objectClass=group))", [*ATTRS, FOREST])
            if "\nCNF:" not in dn and "\\0ACNF:" not in dn]

    def is_native(self, o):
        """A recipient that only the target has, as return_scopes of the walk take them."""
        if o.stamped or o.kind == "other" or not fold(o.dn).endswith(
                ("," + fold(WALK), "," + fold(TARGET_OU))):
            return False
        if not all(o.all(a) for a in ("mailNickname", "legacyExchangeDN", "proxyAddresses")):
            return False
        if not o.primary or o.is_true(HIDES) or self.is_disowned(o):
            return False
        if o.kind == "user" and not o.has_mailbox and not o.all("targetAddress"):
            return False
        if o.has_mailbox:
            # Else mail to a contact of it would come back: that is told.
            return any(is_smtp(v) and not any(in_domain(v, d) for d in ACCEPTED["source"])
                       for v in o.all("proxyAddresses"))
        return not self.is_of_others(o)

    @staticmethod
    def is_of_others(o):
        """Another program synchronized it into the target, or mail to it goes to the source."""
        forests = [v.lower() for v in o.all(FOREST)]
        to = o.one("targetAddress") or b""
        return bool(forests and b"globex.example" not in forests) or \
            any(in_domain(to, d) for d in OWN)

    def find_holders(self, side):
        found = collections.defaultdict(list)
        for o in self.objects[side]:
            for v in {v.lower() for v in o.all("proxyAddresses") if is_smtp(v) or is_x500(v)}:
                found[v].append(o)
            for v in o.all("legacyExchangeDN"):
                if o not in found[b"x500:" + v.lower()]:
                    found[b"x500:" + v.lower()].append(o)
        return found

    def lead(self, s, t):
        """The side from which attributes of a pair flow."""
        if s.kind == "user" and (s.has_mailbox or t.has_mailbox):
            return "target" if s.leads_to("target") else "source"
        return self.rules.authority

    def was_put(self, side, o, name, value):
        """Did an administrator ever put that there? A reference is known by the GUID."""
        return (name.lower(), value.lower()) in self.put[side][o.guid]

    def was_inherited(self, side, name, value):
        """Or on a contact that is gone, and gave way to what is there."""
        there = {o.guid for o in self.objects[side]}
        return any((name.lower(), value.lower()) in put for guid, put in self.put[side].items()
                   if guid not in there)

    def is_disowned(self, o):
        """Its stamp was taken away while its mailbox was in use; the original's marker says that it
        is: galsync tells of a conflict, and makes no contact of it."""
        return bool(self.owners(o))

    def owners(self, o):
        """The switched source objects that say that O's mailbox is theirs."""
        name = b"x500:" + (o.one("legacyExchangeDN") or b"").lower()
        return [s for s in self.source if not s.stamped and name in s.held() and
                (s.one(MARKER) or b"").startswith(b"galsync:switched:")]

    # ---- mail ----

    def deliver(self, side, value):
        """Where mail to VALUE ends that is sent on SIDE: (side, GUID), an address outside, or a
        sentence that says why nowhere."""
        seen = set()
        while True:
            held_by = self.holders[side][value.lower()]
            if len(held_by) != 1:
                return f"{value.decode()} in the {side} is held by {[o.dn for o in held_by]}"
            o = held_by[0]
            if o.guid in seen:
                return f"mail to {value.decode()} goes round at {o.dn}"
            seen.add(o.guid)
            to = o.one("targetAddress")
            if not to or o.kind == "group":
                return side, o.guid
            domain = to.rpartition(b"@")[2].decode().lower()
            found = [x for x, domains in ACCEPTED.items() if domain in domains]
            own = {v.lower() for v in o.all("proxyAddresses")}
            # A destination of its own that its organization accepts is where it ends.
            if not found or (found[0] == side and not o.has_mailbox and to.lower() in own):
                return "outside", to[5:].lower()
            side, value = found[0], b"smtp:" + to[5:]


class ListsChecker(Checker):
    """Collects what the two lists disagree about. What the next full synchronization alone mends, as
    README says, is in `later`."""

    def __init__(self, lab, rules):        # pylint: disable=super-init-not-called
        self.view, self.rules, self.found, self.later = Lists(lab, rules), rules, [], []

    def check(self):
        v = self.view
        for s in v.source:
            if self.rules.in_scope(s):
                self.check_in_scope(s)
        for t in v.target:
            s = v.by_guid.get(t.stamped)
            if t.stamped and not (s and self.rules.in_scope(s)):
                self.check_left(t, s)
        for n in v.natives.values():
            self.check_native(n)
        for guid, found in v.contacts.items():
            if guid not in v.natives:
                self.check_contact_of_none(guid, found)
        self.check_appearance()
        for side in ("source", "target"):
            self.check_doubles(side)
        return sorted(self.found)

    def is_anothers_name(self, o, name):
        side = "source" if o in self.view.source else "target"
        return any(x is not o for x in self.view.holders[side].get(b"x500:" + name.lower(), []))

    # ---- who shows ----

    def check_appearance(self):
        """Everybody shows in both lists, once."""
        v = self.view
        exempt, shown = set(), {"source": collections.Counter(), "target": collections.Counter()}
        for s, t in v.pairs:
            for side, o in (("source", s), ("target", t)):
                if not o.is_true(HIDES):
                    shown[side][s.guid] += 1
            if self.may_differ_in_hiding(s, t):
                exempt.add(s.guid)
        for c in (c for found in v.contacts.values() for c in found):
            if not c.is_true(HIDES):
                shown["source"][c.stamped] += 1
            elif v.was_put("source", c, HIDES, b"TRUE"):
                exempt.add(c.stamped)
        for n in v.natives.values():
            shown["target"][n.guid] += 1
        for guid in {*shown["source"], *shown["target"]} - exempt:
            there = shown["source"][guid], shown["target"][guid]
            if there != (1, 1):
                self.found.append(f"{self.name_of(guid)} shows {there[0]} times in the source's list "
                                  f"and {there[1]} times in the target's")

    def name_of(self, guid):
        return next((o.dn for o in self.view.source + self.view.target if o.guid == guid), guid)

    def may_differ_in_hiding(self, s, t):
        """An administrator's own flag stays where the side with the authority has none; and it flows
        back only where hidden is sync: what is hidden at the source would leave."""
        lead = self.view.lead(s, t)
        if lead == "target" and self.rules.hidden_leaves:
            return True
        one, other, side = (t, s, "source") if lead == "target" else (s, t, "target")
        return not one.all(HIDES) and other.is_true(HIDES) and \
            self.view.was_put(side, other, HIDES, b"TRUE")

    # ---- a pair ----

    def check_pair(self, s, t):
        self.check_redirection(s, t)
        self.check_names_for_replies(s, t)
        lead = self.view.lead(s, t)
        one, other = (t, s) if lead == "target" else (s, t)
        self.check_values(one, other, OTHER[lead])
        if lead == "source" or not t.has_mailbox:
            self.check_identity(s, t)
            if t.created:
                self.compare(t, "mailNickname", s.one("mailNickname"), t.one("mailNickname"))
        if not self.may_differ_in_hiding(s, t) and s.is_true(HIDES) != t.is_true(HIDES):
            self.bad(t, f"hidden: {t.all(HIDES)}, its source: {s.all(HIDES)}")
        self.check_addresses_of(one, other, OTHER[lead])
        self.check_links(one, other, OTHER[lead], t)
        want = self.end_of(s, t, lead)
        self.check_mail("source", s, want)
        self.check_mail("target", t, want)

    def end_of(self, s, t, lead):
        """Where mail to a pair has to end; nothing: it is the same place from both sides at least."""
        if s.kind == "group" and t.kind == "group":
            return {("source", s.guid), ("target", t.guid)}
        if s.kind == "user" and (s.has_mailbox or t.has_mailbox):
            o = t if lead == "target" else s
            return {(lead, o.guid)}
        to = s.one("targetAddress") or b"SMTP:" + (s.primary or b"")
        domain = to.rpartition(b"@")[2].decode().lower()
        if any(domain in domains for domains in ACCEPTED.values()):
            return None     # to another recipient, which is judged by itself
        return {("outside", to[5:].lower())}

    def check_mail(self, side, o, want):
        """To every address that it has there."""
        for v in o.all("proxyAddresses"):
            if not is_smtp(v) or not is_address(v) or in_domain(v, "delete.me"):
                continue
            end = self.view.deliver(side, v)
            if isinstance(end, str):
                if want is not None:
                    self.bad(o, end)
            elif want is not None and end not in want:
                self.bad(o, f"mail to {v.decode()} from the {side} ends at {end}, not at {want}")

    # ---- one side has what the other one has ----

    def check_values(self, one, other, side):
        """Where ONE, the side with the authority, has no value, OTHER (of SIDE) may keep what an
        administrator put there, and beside several values too."""
        for name in SINGLE:
            want, there = one.one(name), other.one(name)
            if want is None and there and self.view.was_put(side, other, name, there):
                continue
            self.compare(other, name, want, there)
        for name in MULTI:
            want, there = set(one.all(name)), set(other.all(name))
            low = {v.lower() for v in there if self.view.was_put(side, other, name, v)}
            missing = {v for v in want - there if v.lower() not in low}
            more = {v for v in there - want if v.lower() not in low}
            if missing or more:
                self.bad(other, f"{name} lacks {sorted(missing)} and has {sorted(more)} too many")

    def check_addresses_of(self, one, other, side):
        primary = one.primary
        # Where the side with the authority has none, the other one keeps its own.
        if primary:
            there = other.primary or b""
            # What others wrote keeps its spelling where there are several values.
            if there.lower() != primary.lower() or not self.view.was_put(
                    side, other, "proxyAddresses", b"SMTP:" + there):
                self.compare(other, "primary address", primary, other.primary)
            self.compare(other, "mail", primary, other.one("mail"))
        want = {v.lower(): v for v in one.all("proxyAddresses") if self.is_shared(v)}
        there = {v.lower(): v for v in other.all("proxyAddresses") if self.is_shared(v)}
        for low in sorted(want.keys() - there.keys()):
            self.bad(other, f"lacks the address {want[low].decode()} of {one.dn}")
        for low in sorted(there.keys() - want.keys()):
            if not (self.view.was_put(side, other, "proxyAddresses", low) or
                    self.view.was_inherited(side, "proxyAddresses", low)):
                self.bad(other, f"has the address {there[low].decode()}, {one.dn} not, and no "
                                f"administrator put it there")

    @staticmethod
    def is_shared(v):
        return is_smtp(v) and is_address(v) and not any(in_domain(v, d) for d in INTERNAL)

    def check_links(self, one, other, side, t):
        v = self.view
        lead = OTHER[side]
        for name in LINKS:
            if not self.applies(name, one, other, t):
                continue
            wanted, allowed = {}, set()
            for dn in one.all(name):
                ref = v.dns[lead].get(fold(dn))
                to = ref and v.partner[lead].get(ref.guid)
                if to:
                    wanted[fold(to.dn)] = to.dn
                elif ref:
                    # What has left, or is hidden: what stands for it may go on to be named.
                    allowed |= {fold(x.dn) for x in self.standing_for(lead, ref)}
            there = {fold(dn) for dn in other.all(name)}
            for dn in sorted(wanted.keys() - there):
                self.bad(other, f"{name} lacks {wanted[dn]}")
            for dn in sorted(there - wanted.keys() - allowed):
                ref = v.dns[side].get(dn)
                if self.is_wrong(name, ref, other, side, wanted):
                    text = f"{other.dn}: {name} has {dn}, and {one.dn} does not refer to that"
                    # What stands for it was deleted by hand and made again (README).
                    again = ref.guid in v.stood_for or ref.stamped in v.stood_for
                    (self.later if again else self.found).append(text)

    @staticmethod
    def applies(name, one, other, t):
        groups = one.kind == other.kind == "group"
        if name in ("member", "managedBy"):
            return groups
        if name == "manager":
            return "group" not in (one.kind, other.kind)
        return t.kind == "user" and t.has_mailbox and one.kind == "user"

    def standing_for(self, side, ref):
        """What lost its stamp by hand is known by its GUID."""
        there = self.view.objects[OTHER[side]]
        found = (self.view.counterparts if side == "source" else self.view.contacts).get(ref.guid, [])
        return found + [o for o in there if ref.guid == self.view.former.get(o.guid) or
                        o.guid == ref.stamped]

    def is_wrong(self, name, ref, other, side, wanted):
        """In the target, what is the counterpart of another one is named where its original is, and
        nowhere else; other members are who put them there. At the source others' references stay."""
        if not ref:
            return False
        if name in ("manager", "managedBy", "altRecipient") and wanted:
            return True
        if side == "target" and ref.stamped:
            return True
        return not self.view.was_put(side, other, name, ref.guid.encode())

    # ---- a native and its contact ----

    def check_native(self, n):
        found = self.view.contacts.get(n.guid, [])
        if len(found) != 1:
            self.bad(n, f"has {len(found)} return contacts: {[c.dn for c in found]}")
            return
        c = found[0]
        # A contact that lost its stamp is one that was there before.
        if c.created:
            self.check_name(n, c)
            self.compare(c, "mailNickname", n.one("mailNickname"), c.one("mailNickname"))
        self.check_values(n, c, "source")
        self.check_addresses_of(n, c, "source")
        self.check_links(n, c, "source", c)
        self.check_names_for_replies(n, c)
        if c.is_true(HIDES) and not self.view.was_put("source", c, HIDES, b"TRUE"):
            self.bad(c, "is hidden, and its native is not")
        if n.kind == "user" and n.has_mailbox or n.kind == "group":
            # Its primary address may be in a domain of neither organization.
            want = {("target", n.guid), ("outside", (n.primary or b"").lower())}
        else:
            want = self.end_of(n, c, "source")
        self.check_mail("source", c, want)
        self.check_mail("target", n, want)

    def check_contact_of_none(self, guid, found):
        n = next((o for o in self.view.target if o.guid == guid), None)
        for c in found:
            if n is None and c.created:
                self.bad(c, "its native is gone, and it is there")
            elif n and n.stamped and self.view.partner["target"].get(n.guid):
                self.bad(c, f"its native is the counterpart of "
                            f"{self.view.partner['target'][n.guid].dn}, and it is there")
            elif not c.is_true(HIDES):
                self.bad(c, "its native is in no list, and it is not hidden")

    def check_left(self, t, s):
        # What was a native before may have been shown again by its own administrator.
        if t.created or t.is_true(HIDES):
            super().check_left(t, s)
        in_use = t.has_mailbox and t.stamp_side == "target"
        if s is None and (in_use or not t.created):
            self.bad(t, "its source is gone for good, and it carries a stamp")

    # ---- of all ----

    def check_doubles(self, side):
        judged = {o.guid for pair in self.view.pairs for o in pair} | set(self.view.natives) | \
            {c.guid for found in self.view.contacts.values() for c in found}
        for value, held_by in self.view.holders[side].items():
            if len(held_by) > 1 and any(o.guid in judged for o in held_by):
                self.found.append(f"{value.decode(errors='replace')} in the {side} is held by "
                                  f"{[o.dn for o in held_by]}")


def disagreements(lab, rules):
    """(what is wrong, what is named by the next full synchronization), as lines of text."""
    checker = ListsChecker(lab, rules)
    return checker.check(), checker.later

