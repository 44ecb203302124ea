# SPDX-License-Identifier: MIT
"""The believable bulk of an organization: people in cities and departments, and their groups."""

from . import names

# Per cent of the users; the rest are mailboxes.
USER_MIX = (("linked", 3), ("shared", 2), ("room", 3), ("equipment", 1), ("disabled", 2),
            ("hidden", 1), ("mail-user", 3), ("plain", 5))
RESOURCES = ("shared", "room", "equipment")
PERSONS = ("mailbox", "linked", "hidden", "mail-user")
GROUP_MIX = (("universal-distribution", 45), ("universal-security", 20), ("global-distribution", 5),
             ("global-security", 15), ("local-distribution", 3), ("local-security", 12))
# What may be nested in a group of a scope.
NESTING = {"universal": ("universal", "global"), "global": ("global",),
           "local": ("universal", "global")}


class Bulk:
    """Fills one organization. The OUs are made when their first object is."""

    def __init__(self, org, root, sam_prefix=""):
        self.org, self.rng, self.root = org, org.rng, root
        self.sam_prefix = sam_prefix
        self.ous = {}
        self.staff = []         # everyone a link may name
        self.teams = {}         # OU: its persons, the first one leads it

    def ou(self, *path):
        if not path:
            return self.root
        if path not in self.ous:
            self.ous[path] = self.org.ou(path[-1], self.ou(*path[:-1]))
        return self.ous[path]

    # Users.

    def users(self, count):
        for _ in range(count):
            kinds, weights = zip(*USER_MIX)
            kind = self.rng.choices(kinds + ("mailbox",),
                                    weights + (100 - sum(weights),))[0]
            city = self.rng.choice(names.CITIES)
            self.org.serial += 1
            e = self._resource(kind, city) if kind in RESOURCES else self._person(kind, city)
            self.org.add(e)

    def _resource(self, kind, city):
        org, n = self.org, self.org.serial
        label = {"shared": "Mailbox", "room": "Room", "equipment": "Car"}[kind]
        cn = f"{label} {city[0]} {n}"
        e = org.account(cn, self.ou(city[0], "Resources"), f"{label.lower()}.{n}",
                        sam=self._sam())
        return org.make_mailbox(e, kind)

    def _sam(self):
        return f"{self.sam_prefix}{self.org.serial:05}" if self.sam_prefix else None

    def _person(self, kind, city):
        org, r = self.org, self.rng
        given, sur = names.pick_name(r)
        initial = r.choice("ABCDEFGHJKLMNPRSTW") if r.random() < 0.4 else ""
        department = r.choice(names.DEPARTMENTS)
        parent = self.ou(city[0], department)
        cn = " ".join(filter(None, (names.native(given), initial and initial + ".",
                                    names.native(sur))))
        alias = ".".join(filter(None, (names.latin(given), initial.lower(), names.latin(sur))))
        e = org.account(cn, parent, alias, given=names.native(given), sur=names.native(sur),
                        sam=self._sam())
        if initial:
            e.attrs["initials"] = initial
        # Address books often list by surname while the RDN does not.
        if r.random() < 0.15:
            e.attrs["displayName"] = f"{names.native(sur)}, {names.native(given)}"
        self._details(e, city, department)
        if kind == "mail-user":
            org.make_mail_user(e, f"{alias}.{org.serial}@{r.choice(names.PARTNERS)}")
        elif kind != "plain":
            org.make_mailbox(e, kind)
        if kind != "plain":
            org.add_addresses(e)
            self._extras(e)
        self._links(e, parent)
        if kind in PERSONS:
            self.staff.append(e)
            self.teams.setdefault(parent, []).append(e)
        return e

    def _details(self, e, city, department):
        r = self.rng
        name, country, code, state, telephone, suffix = city
        e.attrs.update({
            "company": f"{self.org.forest.organization} {suffix}",
            "department": department,
            "title": r.choice(names.TITLES),
            "telephoneNumber": f"{telephone} {r.randrange(10000):04}",
            "l": name, "co": country, "c": code, "st": state,
            "physicalDeliveryOfficeName": f"{name} {r.randrange(1, 9)}.{r.randrange(100):02}",
            "extensionAttribute1": f"E{self.org.serial:06}",
            "extensionAttribute2": f"CC-{r.randrange(100, 999)}",
        })
        if r.random() < 0.3:
            e.attrs.update({"mobile": f"{telephone} {r.randrange(10**6):06}",
                            "streetAddress": f"{r.randrange(1, 200)} Main Street\r\n2nd floor",
                            "postalCode": f"{r.randrange(10**5):05}"})
        if r.random() < 0.1:
            e.attrs["info"] = "Part time: Monday to Thursday.\r\nCall before noon; ask for »Empfang«."

    def _extras(self, e):
        """Attributes that only some have."""
        r = self.rng
        if r.random() < 0.2:
            e.attrs["extensionAttribute10"] = r.choice(("VIP", "Contractor", "Übernahme 2019"))
        if r.random() < 0.05:
            e.attrs["msExchExtensionCustomAttribute1"] = ["wave 1", "pilot", "überall"]
        if r.random() < 0.03:
            e.attrs["thumbnailPhoto"] = self.org.photo()
        if e.kind == "mailbox" and r.random() < 0.1:
            e.attrs["msExchArchiveGUID"] = self.org.guid().bytes_le
            e.attrs["msExchArchiveName"] = [f"In-Place Archive - {e.attrs['displayName']}"]
        if e.kind == "mailbox" and r.random() < 0.1:
            e.attrs["msExchSafeSendersHash"] = r.randbytes(4 * r.randrange(1, 20))

    def _links(self, e, parent):
        """Six report to one; the first of a team reports to a member of another one."""
        r, team = self.rng, self.teams.get(parent, [])
        if team:
            e.attrs["manager"] = team[(len(team) - 1) // 6].dn
        elif self.staff:
            e.attrs["manager"] = r.choice(self.staff).dn
        if e.kind != "mailbox" or len(self.staff) < 3:
            return
        if r.random() < 0.05:
            e.attrs["publicDelegates"] = [d.dn for d in r.sample(self.staff, r.choice((1, 1, 2, 3)))]
        if r.random() < 0.02:
            e.attrs["altRecipient"] = r.choice(self.staff).dn
            e.attrs["deliverAndRedirect"] = r.choice(("TRUE", "FALSE"))

    # Contacts and groups.

    def contacts(self, count):
        org, r = self.org, self.rng
        for _ in range(count):
            org.serial += 1
            given, sur = names.pick_name(r)
            domain = r.choice(names.PARTNERS)
            parent = self.ou("Contacts", domain.partition(".")[0].capitalize())
            cn = f"{names.native(given)} {names.native(sur)}"
            local = f"{names.latin(given)}.{names.latin(sur)}"
            e = org.contact(cn, parent, f"{local}.ext", f"{local}.{org.serial}@{domain}",
                            given=names.native(given), sur=names.native(sur))
            e.attrs["company"] = domain.partition(".")[0].capitalize()
            org.add(e)

    def groups(self, count):
        org, r = self.org, self.rng
        people = org.of_kind(*PERSONS, "shared", "contact", "plain")
        made = []
        for _ in range(count):
            org.serial += 1
            kind = r.choices(*zip(*GROUP_MIX))[0]
            name = f"{r.choice(names.CITIES)[0]} {r.choice(names.TOPICS)} {org.serial}"
            size = min(len(people), int(r.paretovariate(0.9)) + 2, 400)
            members = r.sample(people, size) + self._nested(kind, made)
            mail = not kind.endswith("security") or r.random() < 0.4
            e = org.group(name, self.ou("Groups", kind.partition("-")[0].capitalize()),
                          f"g.{names.latin(name)}.{org.serial}", kind, members, mail=mail)
            self._group_extras(e)
            made.append(org.add(e))

    def _nested(self, kind, made):
        fit = [g for g in made if g.kind.partition("-")[0] in NESTING[kind.partition("-")[0]]]
        return self.rng.sample(fit, min(len(fit), self.rng.choice((0, 0, 1, 2))))

    def _group_extras(self, e):
        r = self.rng
        if not self.staff:
            return
        if r.random() < 0.8:
            e.attrs["managedBy"] = r.choice(self.staff).dn
        if not e.address:
            return
        self.org.add_addresses(e)
        if r.random() < 0.1:
            few = [p.dn for p in r.sample(self.staff, min(3, len(self.staff)))]
            e.attrs[r.choice(("authOrig", "unauthOrig"))] = few
        if r.random() < 0.1:
            e.attrs["msExchRequireAuthToSendTo"] = "TRUE"
        if r.random() < 0.05:
            e.attrs["msExchHideFromAddressLists"] = "TRUE"
        if r.random() < 0.05:
            e.attrs["hideDLMembership"] = "TRUE"
