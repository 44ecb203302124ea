# SPDX-License-Identifier: MIT
"""What administrators change in the source, one at a time: the walk draws among these. The default of
_w is how often a change is made beside the others; the dice fall before anything is looked at, so
that what they say depends on the seed alone."""

import ldap
import ldap.filter
from walk_checker import HIDES, SINGLE, is_address, is_smtp, is_x500
from walk_helpers import (GIVEN, GROUP_TYPES, MALFORMED, SUR, WORDS, Directories, may_hold, primary_of,
                          scope_of)


class Changes(Directories):
    """Every sort of change of the source."""

    # ---- made, deleted, moved ----

    def do_create_user(self, _w=6):
        i = self.identity("user")
        self.create("user", i, self.dice.choice((*self.place.ous, self.place.outside)))

    def do_create_mail_user(self, _w=1):
        i = self.identity("user")
        self.create("mail-user", i, self.dice.choice(self.place.ous))

    def do_create_contact(self, _w=3):
        i = self.identity("contact")
        self.create("contact", i, self.dice.choice(self.place.ous))

    def do_create_group(self, _w=3):
        i = self.identity("group")
        i["type"] = self.dice.choice((8, 8, 8, 8 - 2**31, 2, 4))
        t, members = self.create("group", i, self.dice.choice(self.place.ous)), self.pick(n=3)
        for m in members or ():
            self.member(t, m)

    def do_create_twin(self, _w=2):
        """Of the same name in another OU."""
        t, i = self.pick("user", "contact"), self.identity("user")
        ou = self.dice.choice(self.place.ous)
        if t:
            i["cn"] = self.identity_of(t[0])["cn"]
            self.create("user", i, ou)

    def do_delete(self, _w=4):
        t = self.pick()
        if t and len(self.things) > 12:
            self.graves.append((t[0].kind, self.identity_of(t[0])))
            self.delete(t[0])

    def do_make_again(self, _w=3):
        """Long after it was deleted, with the same identity."""
        roll = self.dice.random()
        if self.graves:
            kind, i = self.graves.pop(int(roll * len(self.graves)))
            self.create(kind, i, self.dice.choice(self.place.ous))

    def do_delete_and_make_again(self, _w=2):
        t = self.pick()
        if t:
            i, ou = self.identity_of(t[0]), self.dice.choice(self.place.ous)
            if self.delete(t[0]):
                self.create(t[0].kind, i, ou)

    def do_become_another_kind(self, _w=3):
        """A contact becomes a user, a group a contact, and back."""
        t = self.pick()
        kind = self.dice.choice(("user", "contact", "group"))
        ou = self.dice.choice(self.place.ous)
        if t and kind != t[0].kind:
            i = self.identity_of(t[0])
            if self.delete(t[0]):
                self.create(kind, i, ou)

    def do_rename(self, _w=4):
        t, name = self.pick(), f"{self.dice.choice(GIVEN)} {self.dice.choice(SUR)}"
        if t:
            self.rename(t[0], name + self.dice.choice(("", f" {self.next()}")))

    def do_respell_name(self, _w=2):
        t, how = self.pick(), self.dice.choice((str.upper, str.lower, str.swapcase))
        if t:
            self.rename(t[0], how(self.identity_of(t[0])["cn"])[:64])

    def do_move(self, _w=5):
        t, ou = self.pick(), self.dice.choice((*self.place.ous, self.place.outside))
        if t:
            self.rename(t[0], self.identity_of(t[0])["cn"], ou)

    def do_move_ou(self, _w=1):
        """With all that is in it, out of the scope and back."""
        south, away = self.place.ous[2], f"OU=South,{self.place.outside}"
        if self.lab.source.read(away):
            self.attempt(f"move {away} back", self.lab.source.rename, away, "OU=South",
                         self.place.ous[0])
        else:
            self.attempt(f"move {south} away", self.lab.source.rename, south, "OU=South",
                         self.place.outside)

    def do_hide(self, _w=4):
        t, value = self.pick(), self.dice.choice(("TRUE", "TRUE", "FALSE", None, None))
        if t:
            self.set(t[0], **{HIDES: value})

    def do_disable(self, _w=3):
        t, value = self.pick("user"), self.dice.choice((544, 546))
        if t:
            self.set(t[0], userAccountControl=value)

    def do_lose_mailbox(self, _w=1):
        t, back = self.pick("user"), self.dice.random() < 0.6
        if t and back:
            self.set(t[0], homeMDB=self.place.forest.databases[1],
                     msExchHomeServerName=self.place.forest.home_server)
        elif t:
            self.set(t[0], homeMDB=None, msExchHomeServerName=None)

    # ---- attributes ----

    def do_attribute(self, _w=10):
        t, name = self.pick(), self.dice.choice(SINGLE[:-1])
        value = self.dice.choice((None, *WORDS, f"{self.dice.choice(WORDS)} {self.next()}"))
        if t:
            self.set(t[0], **{name: value})

    def do_respell_attribute(self, _w=3):
        t, name = self.pick(), self.dice.choice(SINGLE[:-1])
        if t and name in self.read(t[0])[1]:
            value = self.read(t[0])[1][name][0].decode()
            self.set(t[0], **{name: value.swapcase()})

    def do_values(self, _w=3):
        t, name = self.pick(), self.dice.choice(("otherTelephone", "msExchExtensionCustomAttribute1"))
        values = [f"{self.dice.choice(('Ab', 'aB'))} {self.dice.randrange(4)}" for _ in range(3)]
        values = list({v.lower(): v for v in values}.values())
        if t:
            self.set(t[0], **{name: self.dice.choice((None, values))})

    def do_photo(self, _w=1):
        t, photo = self.pick("user", "contact"), self.dice.choice((None, b"\0\xff", b"\0\xfe"))
        if t:
            self.set(t[0], thumbnailPhoto=photo and photo + bytes([self.dice.randrange(9)]) * 50)

    def do_group_type(self, _w=2):
        t, value = self.pick("group"), self.dice.choice(GROUP_TYPES)
        if t and self.admits(t[0], int(value) & 14):
            self.set(t[0], groupType=value)

    def admits(self, thing, scope):
        """May what is in the group, and what it is in, be so if that is its type?"""
        dn = self.read(thing)[0]

        def scopes(attr):
            rows = self.lab.source.search(
                ldap.filter.filter_format(f"(&(objectClass=group)({attr}=%s))", [dn]), ["groupType"])
            return [scope_of(e) for _, e in rows]
        return all(may_hold(scope, x) for x in scopes("memberOf")) and \
            all(may_hold(x, scope) for x in scopes("member"))

    # ---- addresses ----

    def do_new_primary(self, _w=4):
        t, address, keep = self.pick(), self.new_address(), self.dice.random() < 0.6
        if t:
            old = primary_of(self.read(t[0])[1].get("proxyAddresses", []))
            add = [b"SMTP:" + address] + ([b"smtp:" + old[5:]] if keep and old else [])
            self.change_addresses(t[0], [old] if old else [], add)

    def do_swap_primary(self, _w=3):
        """Of its own ones."""
        t, roll = self.pick(), self.dice.random()
        if t:
            own = self.place.own_addresses(self.read(t[0])[1])
            old, others = primary_of(own), [v for v in own if v[:5] == b"smtp:" and is_address(v)]
            if old and others:
                new = others[int(roll * len(others))]
                self.change_addresses(t[0], [old, new], [b"smtp:" + old[5:], b"SMTP:" + new[5:]])

    def do_secondary(self, _w=4):
        t, address = self.pick(), self.new_address()
        if t:
            self.change_addresses(t[0], (), [b"smtp:" + address])

    def do_x500(self, _w=2):
        t, n = self.pick(), self.next()
        if t:
            self.change_addresses(t[0], (), [f"X500:{self.place.legacy} Old/cn=x{n}".encode()])

    def do_remove_address(self, _w=4):
        t, roll = self.pick(), self.dice.random()
        if t:
            own = [v for v in self.place.own_addresses(self.read(t[0])[1]) if v[:5] != b"SMTP:"]
            if own:
                self.change_addresses(t[0], [own[int(roll * len(own))]])

    def do_respell_address(self, _w=3):
        t, roll = self.pick(), self.dice.random()
        if t:
            own = [v for v in self.place.own_addresses(self.read(t[0])[1]) if is_smtp(v)]
            if own:
                v = own[int(roll * len(own))]
                self.change_addresses(t[0], [v], [v[:5] + v[5:].swapcase()])

    def do_sip(self, _w=1):
        t, n = self.pick("user"), self.next()
        if t:
            old = [v for v in self.place.own_addresses(self.read(t[0])[1]) if v[:4] == b"sip:"]
            self.change_addresses(t[0], old, [f"sip:w{n}@{self.place.forest.domain}".encode()])

    def do_legacy(self, _w=1):
        """With the old one as X500, as it must be."""
        t, n = self.pick(), self.next()
        if t:
            old = self.read(t[0])[1].get("legacyExchangeDN")
            new = f"{self.place.legacy}/ou=Walk/cn=Recipients/cn=l{n}"
            if self.set(t[0], legacyExchangeDN=new) and old:
                self.change_addresses(t[0], (), [b"X500:" + old[0]])

    def do_naive_replace(self, _w=2):
        """A program that knows the addresses by heart and writes them all: what galsync has put
        there is lost."""
        t = self.pick()
        if t:
            dn, e = self.read(t[0])
            own = self.place.own_addresses(e)
            if own:
                self.attempt(f"replace all addresses of {dn} by {[v.decode() for v in own]}",
                             self.lab.source.modify, dn, proxyAddresses=own)

    def do_malformed(self, _w=2):
        t, value = self.pick(), self.dice.choice(MALFORMED)
        if t:
            self.change_addresses(t[0], (), [value.format(self.place.forest.domain).encode()])

    # ---- what changes hands ----

    def ring(self, things, take, put):
        """Each gives what TAKE gets from it to the next one."""
        values = [take(t) for t in things]
        if all(values):
            for t, old, new in zip(things, values, values[-1:] + values[:-1]):
                put(t, old, new)

    def pick_ring(self, *kinds):
        return self.pick(*kinds, n=self.dice.choice((2, 2, 3)))

    def taken_address(self, test):
        def take(t):
            own = [v for v in self.place.own_addresses(self.read(t)[1])
                   if test(v) and is_address(v)]
            return sorted(own)[0] if own else None
        return take

    def give_address(self, t, old, new):
        self.change_addresses(t, [old], [new], "a ring: addresses of")

    def do_exchange_primary(self, _w=3):
        things = self.pick_ring()
        with self.burst(self.dice.random() < 0.5):
            self.ring(things or (), self.taken_address(lambda v: v[:5] == b"SMTP:"),
                      self.give_address)

    def do_exchange_secondary(self, _w=3):
        things = self.pick_ring()
        with self.burst(self.dice.random() < 0.5):
            self.ring(things or (), self.taken_address(lambda v: v[:5] == b"smtp:"),
                      self.give_address)

    def do_exchange_x500(self, _w=2):
        things = self.pick_ring()
        with self.burst(self.dice.random() < 0.5):
            self.ring(things or (), self.taken_address(is_x500), self.give_address)

    def exchange_attribute(self, things, name, spare):
        """By way of a value that is nobody's, which some names need."""
        values = [self.read(t)[1].get(name, [None])[0] for t in things or ()]
        if values and all(values):
            if spare:
                self.set(things[0], **{name: f"w{self.next()}"})
            for t, new in reversed(list(zip(things, values[-1:] + values[:-1]))):
                self.set(t, **{name: new})

    def do_exchange_alias(self, _w=3):
        things = self.pick_ring()
        with self.burst(self.dice.random() < 0.5):
            self.exchange_attribute(things, "mailNickname", False)

    def do_exchange_sam(self, _w=1):
        things = self.pick_ring("user")
        with self.burst(self.dice.random() < 0.5):
            self.exchange_attribute(things, "sAMAccountName", True)

    def do_exchange_names(self, _w=2):
        things, spare = self.pick_ring(), f"Spare {self.next()}"
        with self.burst(self.dice.random() < 0.5):
            names = [self.identity_of(t)["cn"] for t in things or ()]
            if things and self.rename(things[0], spare):
                for t, cn in reversed(list(zip(things, names[-1:] + names[:-1]))):
                    self.rename(t, cn)

    def do_successor(self, _w=4):
        """Takes an address, and perhaps the alias, of another one, which gets new ones."""
        things, address, alias = self.pick(n=2), self.new_address(), self.dice.random() < 0.5
        n, first = self.next(), self.dice.random() < 0.5
        if not things:
            return
        old = primary_of(self.place.own_addresses(self.read(things[0])[1]))
        nick = self.read(things[0])[1].get("mailNickname")
        with self.burst(self.dice.random() < 0.5):
            if old and first:
                self.change_addresses(things[1], (), [b"smtp:" + old[5:]], "successor: address of")
            if old:
                self.change_addresses(things[0], [old], [b"SMTP:" + address])
            if old and not first:
                self.change_addresses(things[1], (), [b"smtp:" + old[5:]], "successor: address of")
            if alias and nick:
                self.set(things[0], mailNickname=f"w{n}")
                self.set(things[1], mailNickname=nick[0])

    def do_new_successor(self, _w=2):
        """A new object with the primary address of one that gets another one, or goes."""
        t, goes, i = self.pick("user"), self.dice.random() < 0.5, self.identity("user")
        address, ou = self.new_address(), self.dice.choice(self.place.ous)
        if not t:
            return
        old = primary_of(self.place.own_addresses(self.read(t[0])[1]))
        if old:
            with self.burst(self.dice.random() < 0.5):
                if goes:
                    self.delete(t[0])
                else:
                    self.change_addresses(t[0], [old], [b"SMTP:" + address])
                i["addresses"] = [old]
                self.create("user", i, ou)

    def do_claim_twice(self, _w=2):
        """An address of another one, which keeps it: until one of them loses it."""
        things, roll = self.pick(n=2), self.dice.random()
        if things:
            own = [v for v in self.place.own_addresses(self.read(things[0])[1])
                   if is_smtp(v) or is_x500(v)]
            if own:
                v = own[int(roll * len(own))]
                v = b"smtp:" + v[5:] if is_smtp(v) else v
                self.change_addresses(things[1], (), [v], "claimed twice: addresses of")

    def do_same_alias(self, _w=1):
        things = self.pick(n=2)
        if things and "mailNickname" in self.read(things[0])[1]:
            self.set(things[1], mailNickname=self.read(things[0])[1]["mailNickname"][0])

    # ---- references ----

    def member(self, group, other, add=True):
        if group and other and self.read(group) and self.read(other):
            (dn, e), (value, inner) = self.read(group), self.read(other)
            if add and not may_hold(scope_of(e), scope_of(inner)):
                self.note(f"{dn} may not hold {value}")
                return
            self.attempt(f"{'add' if add else 'remove'} {value} {'to' if add else 'from'} {dn}",
                         self.lab.source.change, dn,
                         (ldap.MOD_ADD if add else ldap.MOD_DELETE, "member", [value.encode()]))

    def do_member(self, _w=6):
        group, other = self.pick("group"), self.pick()
        add = self.dice.random() < 0.7
        if group and other:
            self.member(group[0], other[0], add)

    def do_reference(self, _w=5):
        """To another one, to itself, or to none any more."""
        t, other = self.pick(), self.pick()
        roll = self.dice.random()
        if t:
            names = {"group": ("managedBy",), "contact": ("manager",)}.get(
                t[0].kind, ("manager", "altRecipient", "publicDelegates"))
            name = names[int(roll * 7) % len(names)]
            to = None if roll < 0.2 else t[0] if roll < 0.3 else other[0]
            self.set(t[0], **{name: to and self.read(to)[0]})

    def do_mutual_references(self, _w=2):
        """Two that refer to each other; then perhaps both are deleted at once."""
        things, go = self.pick("user", n=2), self.dice.random() < 0.3
        groups = self.pick("group", n=2)
        with self.burst(self.dice.random() < 0.7):
            for x, y in (things, reversed(things)) if things else ():
                self.set(x, manager=self.read(y)[0], publicDelegates=self.read(y)[0])
            for x, y in (groups, reversed(groups)) if groups else ():
                self.member(x, y)
            if go and things and len(self.things) > 16:
                for t in things:
                    self.delete(t)
