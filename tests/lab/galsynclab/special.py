# SPDX-License-Identifier: MIT
"""The special cases: one object of each sort in ACME, and what stands in GLOBEX for them or in
their way. Every case has a key, by which the tests find its DNs in DIR/populate.json.

The same key in both forests means that the two objects belong together.
"""

from . import names
from .org import DISABLED, ENABLED, sid_bytes

ADMINISTRATOR = "CN=Administrator,CN=Users,"


class Source:
    """The cases of the source forest. Made before the bulk, so that no name is taken yet."""

    def __init__(self, org, root):
        self.org = org
        self.root = root
        self.ou = org.ou("Special", root)
        self.other = org.ou("Other", self.ou)
        self.odd = org.ou('Odd, "quoted" + OU', self.ou)

    def user(self, key, given, sur, *, kind="mailbox", cn=None, ou=None, sam=None, alias=None):
        org = self.org
        cn = cn or f"{given} {sur}"
        e = org.account(cn, ou or self.ou, alias or f"{names.latin(given)}.{names.latin(sur)}",
                        given=names.native(given), sur=names.native(sur), sam=sam)
        if kind == "mail-user":
            org.make_mail_user(e, f"{e.alias}@partner.example")
        elif kind != "plain":
            org.make_mailbox(e, kind)
        e.attrs.update({"company": "Acme Inc.", "department": "Special cases"})
        return org.add(e, key)

    def make(self):
        self._mailboxes()
        self._names()
        self._links()
        self._contacts()
        self._groups()
        self._counterparts()
        self._not_recipients()

    def _mailboxes(self):
        full = self.user("mailbox", "Martha", "Full")
        self.org.add_secondary(full, "martha@old.acme.example")
        full.attrs["proxyAddresses"] += [
            "X500:/o=Acme Legacy/ou=First Administrative Group/cn=Recipients/cn=mfull",
            "x500:/o=Bought Co/ou=EXCHANGE/cn=Recipients/cn=mfull",
            "sip:martha.full@acme.example",
            "X400:C=US;A= ;P=Acme;O=Exchange;S=Full;G=Martha;"]
        full.attrs.update({f"extensionAttribute{n}": f"value {n}" for n in range(1, 15)})
        full.attrs.update({
            "title": "Engineer", "telephoneNumber": "+1 617 555 0100", "l": "Boston", "c": "US",
            "co": "United States", "st": "MA", "info": "First line\r\nSecond line",
            "msExchExtensionCustomAttribute1": ["wave 1", "überall"],
            "msExchArchiveGUID": self.org.guid().bytes_le,
            "msExchArchiveName": ["In-Place Archive - Martha Full"],
            "msExchSafeSendersHash": bytes(range(64)),
            "thumbnailPhoto": self.org.photo()})
        for kind in ("linked", "hidden", "shared", "room", "equipment", "disabled", "mail-user"):
            self.user(kind, kind.capitalize(), "Case", kind=kind)
        no_master = self.user("disabled-without-master", "Nomaster", "Case", kind="disabled")
        del no_master.attrs["msExchMasterAccountSid"]
        with_master = self.user("enabled-with-master", "Master", "Case")
        with_master.attrs["msExchMasterAccountSid"] = sid_bytes("S-1-5-21-1-2-3-1111")
        self.user("plain", "Plain", "Case", kind="plain")

    def _names(self):
        for key, given, sur in (("accents", "José", "Núñez"), ("polish", "Łukasz", "Żółkiewski"),
                                ("turkish", "Ünal", "Işık"), ("cyrillic", "Ярослав", "Щербаков"),
                                ("apostrophe", "Séan", "O'Brien")):
            self.user(key, given, sur)
        self.user("japanese", "太郎|Taro", "山田|Yamada", cn="山田 太郎")
        long = "Maximiliana Wilhelmina Alexandrina Gräfin von Hohenfels-Langenburg-Schwarzenfels"
        self.user("long-name", "Maximiliana", "von Hohenfels-Langenburg", cn=long[:64])
        for key, cn in (("comma", "Doe, John"), ("dn-characters", 'a+b "c" \\d <e>; f=g #h, i'),
                        ("leading-hash", "#1 Helpdesk"), ("leading-blank", " Leading Blank"),
                        ("trailing-blank", "Trailing Blank ")):
            self.user(key, key.replace("-", ""), "Odd", cn=cn)
        self.user("odd-ou", "Inside", "Odd", ou=self.odd)
        # Two that take the same RDN where both land in one flat OU. For the directory an accent
        # makes no difference.
        self.user("twin-1", "Mary", "Twin")
        self.user("twin-2", "Mary", "Twin", ou=self.other)
        self.user("accent-twin-1", "René", "Accent")
        self.user("accent-twin-2", "Rene", "Accent", ou=self.other)

    def _links(self):
        chief = self.user("chief", "Chris", "Chief")
        deputy = self.user("deputy", "Dana", "Deputy")
        deputy.attrs["manager"] = chief.dn
        worker = self.user("worker", "Wanda", "Worker")
        worker.attrs.update({"manager": deputy.dn, "publicDelegates": [chief.dn, deputy.dn]})
        outside = self.user("manager-outside", "Olga", "Outside")
        outside.attrs["manager"] = ADMINISTRATOR + self.org.forest.base

    def _contacts(self):
        c = self.org.contact("Connie Contact", self.ou, "connie.contact",
                             "connie@partner.example", given="Connie", sur="Contact")
        self.org.add(c, "contact")
        forwarder = self.user("forward", "Fred", "Forward")
        forwarder.attrs.update({"altRecipient": c.dn, "deliverAndRedirect": "TRUE"})

    def _groups(self):
        org, by = self.org, {e.dn: e for e in self.org.entries}
        at = {key: by[dn] for key, dn in org.special.items()}
        users = [at["mailbox"], at["worker"], at["plain"]]

        def group(key, kind, members, **kw):
            return org.add(org.group(f"Case {key}", self.ou, f"case.{key}", kind, members, **kw), key)

        inner = group("group-inner", "universal-distribution", users)
        g = group("group", "universal-distribution", [*users, at["contact"], inner])
        g.attrs.update({"managedBy": at["chief"].dn, "authOrig": [at["chief"].dn, at["deputy"].dn]})
        group("group-security", "universal-security", users)
        group("group-global", "global-security", users)
        group("group-local", "local-distribution", [at["mailbox"], inner])
        group("group-without-mail", "global-security", users, mail=False)
        group("group-empty", "universal-distribution", ())
        loop = group("group-loop-1", "universal-distribution", users)   # loop() closes the circle
        group("group-loop-2", "universal-distribution", [loop])
        g = group("group-outside-member", "universal-distribution", users)
        g.attrs["member"].append(ADMINISTRATOR + org.forest.base)

    def loop(self):
        """Changes to make when everything is there: links that go in a circle."""
        s = self.org.special
        return [(s["chief"], "manager", s["worker"]), (s["group-loop-1"], "member", s["group-loop-2"])]

    def _counterparts(self):
        """The ones that have something in GLOBEX: Target reads their addresses."""
        for key, given in (("mail-match", "Mail"), ("proxy-match", "Proxy"), ("x500-match", "Xfive"),
                           ("sid-match", "Sid"), ("ambiguous", "Ambiguous"),
                           ("secondary-held", "Secondary"), ("contact-in-the-way", "Inway"),
                           ("rdn-taken", "Rdn"), ("address-taken", "Address")):
            e = self.user(key, given, "Match")
            self.org.add_secondary(e, f"{names.latin(given)}@old.acme.example")
        self.user("sam-match", "Sam", "Match", sam="smatch")
        self.org.add(self.org.contact("Contact Match", self.ou, "contact.match",
                                      "contact.match@partner.example"), "contact-match")
        g = self.org.group("Group Match", self.ou, "group.match", "universal-distribution")
        self.org.add(g, "group-match")

    def _not_recipients(self):
        """What must never be synchronized, or is no user, contact or group."""
        for kind in ("arbitration", "discovery"):
            e = self.org.account(f"{kind.capitalize()}Mailbox", self.ou, f"{kind}.mailbox")
            self.org.add(self.org.make_mailbox(e, kind), kind)
            e.attrs["msExchHideFromAddressLists"] = "TRUE"
        for key, cls, details, shown in (("dynamic-group", "msExchDynamicDistributionList", 2048, 3),
                                         ("public-folder", "publicFolder", 4096, 2)):
            e = self.org.contact(f"Case {key}", self.ou, f"case.{key}", f"case.{key}@acme.example")
            e.kind = key
            e.attrs.update({"objectClass": cls, "msExchRecipientTypeDetails": str(details),
                            "msExchRecipientDisplayType": str(shown)})
            for name in ("targetAddress", "internetEncoding", "mAPIRecipient"):
                del e.attrs[name]
            if key == "public-folder":
                del e.attrs["mail"]     # the lab's schema does not allow it there
            if key == "dynamic-group":
                e.attrs["msExchDynamicDLFilter"] = "(department=Special cases)"
                e.attrs["msExchDynamicDLBaseDN"] = self.root
            self.org.add(e, key)


class Target:
    """What GLOBEX has already. source gives a key's entry of ACME, sids its objectSid."""

    def __init__(self, org, people, target_ou, source, sids):
        self.org, self.target_ou = org, target_ou
        self.source, self.sids = source, sids
        self.ou = org.ou("Special", people)
        self.serial = 0

    def account(self, key, cn, *, ou=None, sam=None, uac=ENABLED, **attrs):
        """An account without mail. Its logon name is nobody's in ACME unless the case says so."""
        self.serial += 1
        e = self.org.account(cn, ou or self.ou, f"special{self.serial}", uac=uac,
                             sam=sam or f"gxs{self.serial:03}")
        e.attrs.update(attrs)
        return self.org.add(e, key)

    def mailbox(self, key, cn, proxies=()):
        e = self.account(key, cn)
        self.org.make_mailbox(e)
        e.attrs["proxyAddresses"] += proxies
        return e

    def native(self):
        self.mailbox("native", "Gloria Native")
        self.account("native-plain", "Peter Native", uac=DISABLED)

    def collisions(self):
        self._matches()
        self._conflicts()
        # Outside the match scope, in the OU where galsync creates.
        taken = self.source["rdn-taken"]
        self.account("rdn-taken", taken.attrs["displayName"], ou=self.target_ou)
        # Nobody's counterpart, but an address that the new object must not have a second time.
        s = self.source["address-taken"]
        g = self.org.group("Holder of an address", self.ou, "address.holder",
                           "universal-distribution")
        g.attrs["proxyAddresses"].append(f"smtp:{s.secondary[0]}")
        self.org.add(g, "address-taken")

    def _matches(self):
        s = self.source
        self.account("mail-match", "Mail Match", mail=s["mail-match"].address)
        self.mailbox("proxy-match", "Proxy Match", [f"smtp:{s['proxy-match'].address}"])
        self.mailbox("x500-match", "Xfive Match", [f"X500:{s['x500-match'].legacy}"])
        self.account("sam-match", "Match, Sam", sam=s["sam-match"].attrs["sAMAccountName"])
        self.account("sid-match", "Sid Match", sIDHistory=[self.sids["sid-match"]])
        c = self.org.contact("Contact Match", self.ou, "gx.contact.match", s["contact-match"].address)
        self.org.add(c, "contact-match")
        g = self.org.group("Group Match", self.ou, "gx.group.match", "universal-distribution")
        g.attrs["proxyAddresses"].append(f"smtp:{s['group-match'].address}")
        self.org.add(g, "group-match")

    def _conflicts(self):
        s = self.source["ambiguous"]
        self.account("ambiguous", "Ambiguous One", mail=s.address)
        self.mailbox("ambiguous-2", "Ambiguous Two", [f"smtp:{s.secondary[0]}"])
        # The legacyExchangeDN says who the counterpart is; another one has the old address.
        s = self.source["secondary-held"]
        self.mailbox("secondary-held", "Secondary Match", [f"X500:{s.legacy}"])
        self.mailbox("secondary-held-by", "Old Address Holder", [f"smtp:{s.secondary[0]}"])
        s = self.source["contact-in-the-way"]
        self.org.add(self.org.contact("Inway Match", self.ou, "gx.inway.match", s.address,
                                      given="Inway", sur="Match"), "contact-in-the-way")
