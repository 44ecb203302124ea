# SPDX-License-Identifier: MIT
"""The administrator of the target: natives, of which the walk changes everything that it changes of
recipients of the source, and their contacts in the source, which it edits by hand."""

import collections
import uuid

import ldap
from galsynclab.lab import GLOBEX, PEOPLE_OU, RETURN_OU
from walk_checker import LINKS, STAMP, View, in_domain, is_smtp, is_x500
from walk_helpers import Place, Thing, may_hold, scope_of
from walk_life import Repairs

WALK = f"OU=Walk,{PEOPLE_OU}"
CONTACTS_AWAY = f"OU=Away,{RETURN_OU}"
PEOPLE = Place(GLOBEX, (WALK, f"OU=North,{WALK}", f"OU=South,{WALK}"), f"OU=Outside,{PEOPLE_OU}",
               RETURN_OU, CONTACTS_AWAY,
               ("globex.example", "globex.example", "old.globex.example", "globex.test"), (),
               b"x500:/o=acme")


class Recorder:
    """A forest that remembers what administrators have put into which attribute of its objects."""

    def __init__(self, side):
        self.side, self.put = side, collections.defaultdict(set)
        self.stood_for = set()      # the originals of what was deleted
        self.former = {}            # what lost its stamp by hand: its original

    def __getattr__(self, name):
        return getattr(self.side, name)

    def note(self, guid, name, values):
        """A reference as the GUID of what it names, which may be renamed."""
        for v in values if isinstance(values, list) else [values]:
            text = v if isinstance(v, bytes) else str(v).encode()
            if name in LINKS:
                text = (self.guid(text.decode()) or "gone").encode()
            self.put[guid].add((name.lower(), text.lower()))

    def guid(self, dn):
        e = self.side.read(dn, ["objectGUID"])
        return e and str(uuid.UUID(bytes_le=e["objectGUID"][0]))

    def add(self, dn, **attrs):
        self.side.add(dn, **attrs)
        guid = self.guid(dn)
        for name, values in attrs.items():
            self.note(guid, name, values)

    def original(self, dn):
        """As the stamp of DN says, or None."""
        stamp = (self.side.read(dn, [STAMP]) or {}).get(STAMP, [b""])[0].split(b":")
        return stamp[2].decode() if len(stamp) > 2 else None

    def note_former(self, dn, original):
        if original and not self.original(dn):
            self.former[self.guid(dn)] = original

    def delete(self, dn):
        original = self.original(dn)
        self.side.delete(dn)
        if original:
            self.stood_for.add(original)

    def modify(self, dn, **attrs):
        original = STAMP in attrs and self.original(dn)
        self.side.modify(dn, **attrs)
        self.note_former(dn, original)
        guid = self.guid(dn)
        for name, values in attrs.items():
            self.note(guid, name, [] if values is None else values)

    def change(self, dn, *mods):
        original = STAMP in [name for _, name, _ in mods] and self.original(dn)
        self.side.change(dn, *mods)
        self.note_former(dn, original)
        guid = self.guid(dn)
        for op, name, values in mods:
            self.note(guid, name, [] if op == ldap.MOD_DELETE else values or [])


class Observed:
    """The lab; what is written by way of it is noted."""

    def __init__(self, lab):
        self.lab, self.source, self.target = lab, Recorder(lab.source), Recorder(lab.target)

    def __getattr__(self, name):
        return getattr(self.lab, name)


class Flipped:
    """The lab as it is seen from its target."""

    def __init__(self, lab):
        self.lab, self.source, self.target = lab, lab.target, lab.source

    def __getattr__(self, name):
        return getattr(self.lab, name)


class Meetings(Repairs):
    """What an administrator of one side does with what is of both; `others` is that of the other
    side."""

    others = None

    def pick(self, *kinds, n=1):
        """What is a counterpart as well may have been deleted as that."""
        found = super().pick(*kinds, n=n)
        gone = [t for t in found or () if self.read(t) is None]
        for t in gone:
            self.things.remove(t)
        return None if gone else found

    def standing_for(self, thing):
        """(dn, attributes) of what stands here for THING of the other side, or None."""
        rows = self.lab.source.search(f"({STAMP}=galsync:*:{thing.guid}*)", ["objectGUID", "groupType"])
        return rows[0] if rows else None

    def do_refer_across(self, _w=5):
        """To what stands for one of the other side, as a manager, a delegate or a member."""
        t, group, other = self.pick(), self.pick("group"), self.others.pick()
        member, add = self.dice.random() < 0.5, self.dice.random() < 0.7
        found = other and self.standing_for(other[0])
        if not found:
            self.note("refer across: nothing stands for it")
        elif member and group:
            dn, e = self.read(group[0])
            if add and not may_hold(scope_of(e), scope_of(found[1])):
                self.note(f"{dn} may not hold {found[0]}")
                return
            self.attempt(f"{'add' if add else 'remove'} {found[0]} (across) of {dn}",
                         self.lab.source.change, dn,
                         (ldap.MOD_ADD if add else ldap.MOD_DELETE, "member", [found[0].encode()]))
        elif t:
            name = {"group": "managedBy"}.get(t[0].kind, "manager")
            self.set(t[0], **{name: found[0]})

    def do_undelete(self, _w=2):
        """A tombstone comes back, and gets its attributes again."""
        roll, ou = self.dice.random(), self.dice.choice(self.place.ous)
        if not self.buried:
            return
        kind, guid, i = self.buried.pop(int(roll * len(self.buried)))
        cn = "".join("\\" + c if c in ',+"\\<>;=' else c for c in i["cn"])
        dn = f"CN={cn},{ou}"
        if not self.attempt(f"undelete {guid} as {dn}", self.lab.source.undelete, guid, dn):
            return
        attrs = self.attributes(kind, i)
        del attrs["objectClass"]
        self.attempt(f"attributes of {dn}", self.lab.source.modify, dn, **attrs)
        self.things.append(Thing(guid, kind))

    def delete(self, thing):
        i = self.identity_of(thing)
        gone = super().delete(thing)
        if gone:
            self.buried.append((thing.kind, thing.guid, i))
        return gone

    def do_claim_across(self, _w=1):
        """An address of one of the other side, which keeps it."""
        t, other, roll = self.pick(), self.others.pick(), self.dice.random()
        if t and other:
            own = [v for v in self.others.place.own_addresses(self.others.read(other[0])[1])
                   if is_smtp(v)]
            if own:
                v = own[int(roll * len(own))]
                self.change_addresses(t[0], (), [b"smtp:" + v[5:]], "claimed across: addresses of")


class Natives(Meetings):
    """The walk of the target's administrator, beside that of the source's, LIFE: they share the dice,
    the numbers and the history."""

    place = PEOPLE

    def __init__(self, life):           # pylint: disable=super-init-not-called
        self.life, self.others, self.lab = life, life, Flipped(life.lab)
        self.dice, self.hand, self.begun = life.dice, set(), life.begun
        self.things, self.graves, self.buried, self.weights, self.made = [], [], [], {}, 0

    def note(self, text):
        self.life.note(f"target: {text}")

    def log(self, text):
        self.life.log(text)

    def next(self):
        return self.life.next()

    def burst(self, really):
        return self.life.burst(really)

    def prepare(self):
        for dn in (*PEOPLE.ous, PEOPLE.outside):
            self.lab.source.add(dn, objectClass="organizationalUnit")
        self.lab.target.add(CONTACTS_AWAY, objectClass="organizationalUnit")
        for kind in ("user",) * 5 + ("contact",) * 2 + ("group",) * 2:
            self.create(kind, self.identity(kind), self.dice.choice(self.place.ous))

    def do_create_room(self, _w=1):
        """A room or a shared mailbox, whose account is disabled."""
        i, kind = self.identity("user"), self.dice.choice((4, 16, 32))
        t = self.create("user", i, self.dice.choice(self.place.ous))
        if t:
            self.set(t, userAccountControl=546, msExchRecipientTypeDetails=kind,
                     msExchRecipientDisplayType={4: 0, 16: 7, 32: 8}[kind])

    def repair(self):
        """One primary address, in a domain of its own organization, and one holder of each address:
        those that the source has go first, in whose counterparts they are."""
        view = View(self.life.lab)
        seen = {}
        for o in view.source:
            if not o.stamped:
                seen.update(dict.fromkeys(o.held()))
        natives = []
        for o in view.target:
            if not o.stamped and o.dn.endswith((f",{WALK}", f",{PEOPLE.outside}")):
                natives.append(o)
                if in_domain(b"smtp:" + (o.primary or b""), "acme.example"):
                    seen[b"smtp:" + o.primary.lower()] = None
            else:
                seen.update(dict.fromkeys(o.held()))
        for o in sorted(natives, key=lambda o: (o.dn.endswith(PEOPLE.outside), o.guid)):
            self.repair_one(o, seen, True)
            self.repair_names(view, o)
            legacy = (o.one("legacyExchangeDN") or b"").lower()
            # The name of a counterpart that was deleted by hand: its original has it for replies.
            if any(b"x500:" + legacy in s.held() for s in view.source if not s.stamped):
                new = f"{PEOPLE.legacy}/ou=Walk/cn=Recipients/cn=r{self.next()}"
                self.attempt(f"repair {o.dn}: {new}", self.lab.source.modify, o.dn,
                             legacyExchangeDN=new)

    def repair_names(self, view, o):
        """A native has the name of an original that was made again as another kind: it is not that."""
        names = {v for s in view.source if not s.stamped and s.kind != o.kind
                 for v in s.held() if is_x500(v)}
        lost = [v for v in o.all("proxyAddresses") if v.lower() in names]
        if lost:
            self.attempt(f"repair {o.dn}: -{lost}", self.lab.source.change, o.dn,
                         (ldap.MOD_DELETE, "proxyAddresses", lost))
