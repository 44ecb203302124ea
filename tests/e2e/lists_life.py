# SPDX-License-Identifier: MIT
"""A random life of two administrators at once, one in each forest, with the return flow: what they
change while the daemon runs ends in two address lists that are the same (lists_checker.py)."""

import os

import ldap
from galsynclab.lab import ACME, RETURN_OU, TARGET_OU
from lists_checker import Lists, disagreements
from lists_natives import WALK, Meetings, Natives, Observed
from rights_helpers import delegate
from walk_checker import MARKER, SINGLE, STAMP, View, is_x500
from walk_helpers import OUS, WORDS, Variant
from walk_life import Life


class BothWays(Variant):
    """With a return flow. Of what has no mailbox the source decides; GALSYNC_WALK_AUTHORITY=target
    tries the other side, for which the walk's administrators do not mend all that they break yet."""

    authority = os.environ.get("GALSYNC_WALK_AUTHORITY", "source")

    def __str__(self):
        return f"{super().__str__()} authority={self.authority}"

    def rules(self):
        rules = super().rules()
        rules.authority = self.authority
        return rules

    def conf_text(self, lab):
        back = ('foreign_addresses = true;\n    '
                f'return_contacts_ou = "{RETURN_OU}";\n    return_scopes = ( {{ base = "{WALK}"; }},'
                f'\n                      {{ base = "{TARGET_OU}"; }} );\n    mailbox = {{')
        text = super().conf_text(lab)
        assert "    mailbox = {" in text and 'create = "mailbox";' in text
        return text.replace("    mailbox = {", "    " + back).replace(
            'create = "mailbox";', f'create = "mailbox"; authority = "{self.authority}";')


class BothLists(Meetings, Life):
    """The walk of the source's administrator; that of the target's goes beside it."""

    variants = BothWays

    def __init__(self, lab, seed, changes, every=50):
        super().__init__(Observed(lab), seed, changes, every)
        self.buried, self.later = [], []
        self.natives = self.others = Natives(self)

    def prepare(self):
        super().prepare()
        self.natives.prepare()
        if self.variant.authority == "target":
            self.grant()

    def grant(self):
        """What the account may not do without a word in the configuration."""
        path = self.lab.path("rights")
        with open(path, "w", encoding="utf-8") as f:
            f.write(self.lab.galsyncd("-T", "--rights", conf=self.conf).stdout)
        p = delegate(self.lab, ACME, "svc-galsync", "--rights", path)
        assert p.returncode == 0, p.stdout + p.stderr

    def change(self):
        if self.dice.random() < 0.45:
            self.made += 1
            self.natives.change()
        else:
            super().change()

    # ---- what the target's administrator does with counterparts ----

    def pick_led(self):
        """Whose counterpart may have the authority."""
        kinds = ("user",) if self.variant.authority == "source" else ()
        return self.pick(*kinds)

    def do_there_attribute(self, _w=5):
        """Of a mailbox in use there it flows back, of another one it does not last."""
        t, name = self.pick_led(), self.dice.choice(SINGLE[:-1])
        value = self.dice.choice((None, *WORDS, f"{self.dice.choice(WORDS)} {self.next()}"))
        if t:
            self.by_hand(t[0], f"{name} = {value} of", lambda dn, _: self.lab.target.modify(
                dn, **{name: value}))

    def do_there_address(self, _w=4):
        """A new secondary or primary one, or one less."""
        t, n, how = self.pick_led(), self.next(), self.dice.choice(("smtp", "SMTP", "remove"))
        roll = self.dice.random()

        def edit(dn, e):
            there = sorted(v for v in e.get("proxyAddresses", []) if v[:5] == b"smtp:")
            old = [v for v in e.get("proxyAddresses", []) if v[:5] == b"SMTP:"]
            new = f"there.{n}@globex.example".encode()
            if how == "smtp":
                mods = [(ldap.MOD_ADD, "proxyAddresses", [b"smtp:" + new])]
            elif how == "remove":
                mods = [(ldap.MOD_DELETE, "proxyAddresses", [there[int(roll * len(there))]])] \
                    if there else []
            else:
                mods = [(ldap.MOD_DELETE, "proxyAddresses", old)] if old else []
                mods += [(ldap.MOD_ADD, "proxyAddresses",
                          [b"SMTP:" + new, *[b"smtp:" + v[5:] for v in old]]),
                         (ldap.MOD_REPLACE, "mail", [new])]
            if mods:
                self.lab.target.change(dn, *mods)
        if t:
            self.by_hand(t[0], f"an address ({how}) of", edit)

    def do_there_reference(self, _w=4):
        """To a native, to another counterpart, or to none."""
        t, native, other = self.pick_led(), self.natives.pick(), self.pick()
        name, which = self.dice.choice(("manager", "publicDelegates")), self.dice.randrange(3)
        if t and t[0].kind == "group":
            name = "member" if name == "manager" else "managedBy"

        def edit(dn, _):
            found = self.counterpart(other[0]) if other else None
            to = (self.natives.read(native[0])[0] if native else None, found and found[0], None)
            self.lab.target.modify(dn, **{name: to[which]})
        if t:
            self.by_hand(t[0], f"{name} ({which}) of", edit)

    def do_join(self, _w=2):
        """A native gets a mailbox in the source as well, as its names say."""
        t, i, ou = self.natives.pick("user"), self.identity("user"), self.dice.choice(OUS)
        if t and STAMP not in self.natives.read(t[0])[1]:
            self.natives.change_addresses(t[0], (), [f"X500:{i['legacy']}".encode()], "join: names of")
            self.create("user", i, ou)

    # ---- both sides agree ----

    def repair_target(self):
        super().repair_target()
        view = View(self.lab)
        for t in view.target:
            s = view.by_guid.get(t.stamped)
            led = s and (s.leads_to("target") or
                         self.variant.authority == "target" and not t.has_mailbox)
            if s and (led or not t.dn.endswith("," + TARGET_OU)):
                self.repair_in_use(t, self.held_by_others(view, s, led) - s.held())
        self.natives.repair()
        self.repair_disowned()
        self.repair_doubles()
        self.repair_contacts()
        self.repair_names()

    def repair_disowned(self):
        """A mailbox in use whose stamp was taken away, of an original that is in no scope: nobody but
        an administrator can say whose it is. This one says: nobody's."""
        lists, rules = Lists(self.lab, self.variant.rules()), self.variant.rules()
        for t in lists.target:
            owners = [] if t.stamped else lists.owners(t)
            if owners and not any(rules.in_scope(s) for s in owners):
                self.attempt(f"repair {t.dn}: delete what was disowned", self.lab.target.delete, t.dn)
                for s in owners:
                    self.attempt(f"repair {s.dn}: not switched", self.lab.source.modify, s.dn,
                                 **{MARKER: None, "targetAddress": None})

    def repair_doubles(self):
        """Nothing is written to what has left: of two in the target that have an address, it goes."""
        lists, rules = Lists(self.lab, self.variant.rules()), self.variant.rules()
        left = {o.guid for o in lists.target if o.stamped and o.stamp_side == "source" and
                not (o.stamped in lists.by_guid and rules.in_scope(lists.by_guid[o.stamped]))}
        for held_by in [v for v in lists.holders["target"].values() if len(v) > 1]:
            others = [o for o in held_by if o.guid not in left]
            for o in held_by if others else []:
                if o.guid in left:
                    left.remove(o.guid)
                    self.attempt(f"repair {o.dn}: delete what has left", self.lab.target.delete, o.dn)

    def held_by_others(self, view, s, led):
        """What goes to the source object S must not be another one's there, in scope or not."""
        rules = self.variant.rules()
        return {v for o in view.source if o is not s and not o.stamped
                if led or rules.in_scope(o) for v in o.held()}

    def repair_contacts(self):
        """Nothing is written to a contact whose native is in no list any more: it makes room."""
        lists = Lists(self.lab, self.variant.rules())
        taken = {v for o in lists.source if not o.stamped for v in o.held()}
        for guid, found in lists.contacts.items():
            for c in found:
                # What an administrator took the stamp off is not galsync's to end any more.
                if not c.created and any(t.guid == guid and t.stamped for t in lists.target):
                    self.attempt(f"repair {c.dn}: it has given way", self.lab.source.delete, c.dn)
                elif guid not in lists.partner["target"] and taken & c.held():
                    self.attempt(f"repair {c.dn}: delete it", self.lab.source.delete, c.dn)

    def repair_names(self):
        """The name that galsync makes for a native's contact is that contact's, although another object
        got it meanwhile with the addresses of what the contact had given way to: it goes there, and in
        the counterpart of that."""
        lists = Lists(self.lab, self.variant.rules())
        natives = {guid.replace("-", "").encode() for guid in lists.natives}
        for o in lists.source:
            own = {(guid or "").replace("-", "").encode()
                   for guid in (o.stamped, lists.former.get(o.guid))}
            gone = [v for v in o.all("proxyAddresses")
                    if is_x500(v) and v.lower()[-32:] in natives - own]
            for side, x in [(self.lab.source, o)] * bool(gone) + [
                    (self.lab.target, t) for t in lists.target if gone and t.stamped == o.guid]:
                held = [v for v in x.all("proxyAddresses") if v.lower() in {g.lower() for g in gone}]
                if held:
                    self.attempt(f"repair {x.dn}: -{held}", side.change, x.dn,
                                 (ldap.MOD_DELETE, "proxyAddresses", held))

    def compare(self):
        found, self.later = disagreements(self.lab, self.variant.rules())
        return found

    def idle_afterwards(self):
        """What the last delta could not name yet, the first full synchronization does."""
        if self.later:
            p = self.lab.galsyncd("--once", "--full", conf=self.conf)
            found = sum(disagreements(self.lab, self.variant.rules()), [])
            assert p.returncode == 0 and not found, self.story("\n".join(found) + p.stdout)
        super().idle_afterwards()
