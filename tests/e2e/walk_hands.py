# SPDX-License-Identifier: MIT
"""What is changed by hand in the target, and of redirections in the source: galsync puts right what
it owns, and leaves the rest alone."""

import ldap
from walk_changes import Changes
from walk_checker import HAND, HIDES, REDIRECT, SINGLE, STAMP
from walk_helpers import may_hold, scope_of


class Hands(Changes):
    """Edits of counterparts."""

    def do_hand_attribute(self, _w=3):
        t, name = self.pick(), self.dice.choice(SINGLE[:8])
        value = HAND + str(self.next()).encode()
        if t:
            self.by_hand(t[0], f"{name} of", lambda dn, _: self.lab.target.modify(dn, **{name: value}))

    def do_hand_value(self, _w=1):
        t, value = self.pick(), HAND + str(self.next()).encode()
        if t:
            self.by_hand(t[0], "a telephone of", lambda dn, _: self.lab.target.change(
                dn, (ldap.MOD_ADD, "otherTelephone", [value])))

    def do_hand_address(self, _w=2):
        """One more, which stays, or one less. It may flow to the source, and change hands there: an
        address in one of the target's mail_domains would be a conflict then."""
        t, add, roll = self.pick(), self.dice.random() < 0.4, self.dice.random()
        value = f"smtp:hand.{self.next()}@old.globex.example".encode()

        def edit(dn, e):
            there = sorted(e.get("proxyAddresses", []))
            mod = (ldap.MOD_ADD, [value]) if add else \
                (ldap.MOD_DELETE, [there[int(roll * len(there))]] if there else [value])
            self.lab.target.change(dn, (mod[0], "proxyAddresses", mod[1]))
        if t:
            self.by_hand(t[0], "an address more of" if add else "an address less of", edit)

    def do_hand_delete(self, _w=2):
        t = self.pick()
        if t:
            self.by_hand(t[0], "delete", lambda dn, _: self.lab.target.delete(dn))

    def do_hand_move(self, _w=2):
        t, ou = self.pick(), self.dice.choice((self.place.away, self.place.made))
        if t:
            self.by_hand(t[0], f"move to {ou}", lambda dn, e: self.lab.target.rename(
                dn, dn[:len(dn) - len(dn.partition(",OU=")[2]) - 4], ou))

    def do_hand_rename(self, _w=1):
        t, n = self.pick(), self.next()
        if t:
            self.by_hand(t[0], "rename", lambda dn, _: self.lab.target.rename(dn, f"CN=Hand {n}"))

    def do_hand_hide(self, _w=1):
        t = self.pick()
        if t:
            self.by_hand(t[0], "hide", lambda dn, _: self.lab.target.change(
                dn, (ldap.MOD_REPLACE, HIDES, [b"TRUE"]),
                (ldap.MOD_ADD, "otherTelephone", [HAND + b"hidden"])))

    def do_hand_redirection(self, _w=3):
        """Cleared, turned to another place or back to itself: on either side."""
        t, roll = self.pick("user"), self.dice.random()
        side = self.dice.choice(("target", "target", "source"))
        third = f"SMTP:away{self.next()}@third.example"
        if t:
            self.hand.add(t[0].guid)
            entry = self.read(t[0])[1] if side == "source" else None
            values = (None, None, third, "home", "other")
            value = values[int(roll * len(values))]

            def edit(dn, e):
                alias = e.get("mailNickname", [b"x"])[0].decode()
                domain = REDIRECT[side if value == "home" else
                                  "source" if side == "target" else "target"]
                to = value if value in (None, third) else f"SMTP:{alias}@{domain}"
                getattr(self.lab, side).modify(dn, targetAddress=to)
            if side == "target":
                self.by_hand(t[0], f"targetAddress ({value}) of", edit)
            else:
                self.attempt(f"by hand: targetAddress ({value}) of {self.read(t[0])[0]}", edit,
                             self.read(t[0])[0], entry)

    def do_hand_purge(self, _w=1):
        """As Exchange does when it disables a mailbox. A stamp that says that it is in use stays: what
        lost that too nobody could find again."""
        t, stamp = self.pick("user"), self.dice.random() < 0.3
        gone = ("homeMDB", "msExchHomeServerName", "msExchMailboxGuid", "mailNickname",
                "proxyAddresses", "targetAddress", "legacyExchangeDN")

        def edit(dn, e):
            too = (STAMP,) if stamp and not e[STAMP][0].endswith(b":target") else ()
            self.lab.target.change(
                dn, *[(ldap.MOD_REPLACE, a, None) for a in gone + too if a in e])
        if t:
            self.by_hand(t[0], "purge", edit)

    def do_hand_stamp(self, _w=1):
        t = self.pick()
        if t:
            self.by_hand(t[0], "clear the stamp of",
                         lambda dn, _: self.lab.target.modify(dn, **{STAMP: None}))

    def do_hand_member(self, _w=1):
        t, other = self.pick("group"), self.pick()
        if t and other:
            found = self.counterpart(other[0])
            self.by_hand(t[0], f"add {found and found[0]} to", lambda dn, e: found and
                         may_hold(scope_of(e), scope_of(found[1])) and
                         self.lab.target.change(dn, (ldap.MOD_ADD, "member", [found[0].encode()])))
