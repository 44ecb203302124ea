# SPDX-License-Identifier: MIT
"""Three forests, in a star and in a ring, with a return flow on every link: nothing moves once it has
settled, nothing is projected that stands for something else, and a member of the third forest is one
everywhere."""

import os
import struct
import uuid

import ldap
import pytest
from badinput_helpers import write
from conftest import ROOT, Side
from galsynclab.lab import ACME, GLOBEX, INITECH

ALL = (ACME, GLOBEX, INITECH)
STAMP = "extensionAttribute15"
STAR, RING = ((ACME, GLOBEX), (INITECH, GLOBEX)), ((ACME, GLOBEX), (GLOBEX, INITECH), (INITECH, ACME))
HOUR = 60      # cycles
KINDS = '[ "user", "group", "contact", "dynamic-group" ]'
FOREST = """ {{ name = "{f.name}"; domain = "{f.domain}"; servers = [ "{f.uri}" ];
    auth = {{ principal = "{f.principal}"; keytab = "{keytab}"; }};
    mail_domains = [ "{f.domain}" ]; redirect_domain = "redirect.{f.domain}"; }}"""
LINK = """ {{ name = "{s.name}-{t.name}"; source = "{s.name}"; target = "{t.name}";
    scopes = ( {{ base = "OU=Three,{s.base}"; kinds = {kinds}; create = "mailbox";
                 target_ou = "OU=From {s.name},{t.base}"; }} );
    limits = {{ matches = 1000; redirection_percent = 100; }};
    mailbox = {{ databases = [ "{t.databases[0]}" ]; home_server = "{t.home_server}"; }};
    return_scopes = ( {{ base = "OU=Three,{t.base}"; kinds = {kinds}; }} );
    return_contacts_ou = "OU=GAL {t.name},{s.base}"; }}"""


def recipient(f, cn, cls, **more):
    """(dn, attributes) of a recipient of its own, "Ann" of acme being acme.ann."""
    alias = f"{f.name}.{cn.lower()}"
    attrs = {"objectClass": cls, "displayName": f"{cn} of {f.name}", "mailNickname": alias,
             "mail": f"{alias}@{f.domain}", "proxyAddresses": f"SMTP:{alias}@{f.domain}",
             "legacyExchangeDN": f"/o={f.organization}/cn={alias}", **more}
    if cls in ("user", "group"):
        attrs["sAMAccountName"] = alias
    return f"CN={f.name} {cn},OU=Three,{f.base}", attrs


def mailbox(f, cn, **more):
    return recipient(f, cn, "user", userAccountControl=544, msExchHomeServerName=f.home_server,
                     msExchMailboxGuid=uuid.uuid4().bytes_le, msExchRecipientTypeDetails=1,
                     msExchRecipientDisplayType=1073741824, **more)


def after(f):
    return ALL[(ALL.index(f) + 1) % 3]


class Three:
    def __init__(self, lab, directory, links):
        self.lab, self.directory, self.links, self.conf = lab, directory, links, None
        self.side = {f: Side(lab, f) for f in ALL}

    def make_ous(self, f):
        for name in ("Three", *(f"{what} {g.name}" for g in ALL for what in ("From", "GAL"))):
            self.side[f].add(f"OU={name},{f.base}", objectClass="organizationalUnit")

    def fill(self, f):
        side, beyond = self.side[f], after(f)
        made = [mailbox(f, "Ann"), mailbox(f, "Bea"), mailbox(f, "Pat"),
                mailbox(f, "Hid", msExchHideFromAddressLists="TRUE"),
                recipient(f, "Card", "contact", targetAddress="SMTP:card@else.example"),
                recipient(f, "All", "msExchDynamicDistributionList"),
                # Other tools' contacts: one that says of which forest it is, one that leads there.
                recipient(f, "Tool", "contact", targetAddress=f"SMTP:tool@{beyond.domain}",
                          msExchOriginatingForest=beyond.domain),
                recipient(f, "Leads", "contact", targetAddress=f"SMTP:leads@{beyond.domain}")]
        dn = {attrs["mailNickname"].split(".")[1]: dn for dn, attrs in made}
        made.append(recipient(f, "Crew", "group", groupType=8, member=dn["bea"]))
        made.append(recipient(f, "List", "group", groupType=8,
                              member=[dn["ann"], dn["card"], made[-1][0]]))
        for name, attrs in made:
            side.add(name, **attrs)
        side.change(made[-2][0], (ldap.MOD_ADD, "member", [made[-1][0].encode()]))
        # Pat has an account in the next forest that was prepared for the move.
        if (f, beyond) in self.links:
            self.side[beyond].add(f"CN={f.name} Pat,OU=Three,{beyond.base}", objectClass="user",
                                  sAMAccountName=f"{f.name}.pat", userAccountControl=546,
                                  proxyAddresses=f"X500:/o={f.organization}/cn={f.name}.pat")

    def configure(self):
        forests = ",\n".join(FOREST.format(f=f, keytab=self.lab.path(f"{f.name}.keytab"))
                             for f in ALL)
        text = ",\n".join(LINK.format(s=s, t=t, kinds=KINDS) for s, t in self.links)
        self.conf = write(self.directory / "galsync.conf", f"""
            state_directory = "{self.directory}/state"; map_size_mb = 64;
            forests = (\n{forests} );\nlinks = (\n{text} );""")
        p = self.lab.galsyncd("-T", "--rights", conf=self.conf)
        assert p.returncode == 0, p.stderr
        rights = write(self.directory / "rights", p.stdout)
        for f in ALL:
            is_target = f in [t for _, t in self.links]
            cache = self.lab.path(f"{f.name}.admin-krb5cc")
            with open(self.lab.path(f"{f.name}.admin-password"), encoding="ascii") as password:
                p = self.lab.run(["kinit", "-c", cache, f"Administrator@{f.realm}"], stdin=password)
            assert p.returncode == 0, p.stderr
            p = self.lab.run([os.path.join(ROOT, "conf", "delegate.sh"), "--server", f.uri,
                              "--account", "svc-galsync", "--rights", rights,
                              *(("--match-scope", f"OU=Three,{f.base}") if is_target else ()), "--",
                              "--use-kerberos=required", f"--use-krb5-ccache={cache}",
                              f"--configfile={f.smb_conf}"])
            os.remove(cache)
            assert p.returncode == 0, p.stdout + p.stderr

    def run(self, *args):
        p = self.lab.galsyncd("--once", *args, conf=self.conf)
        assert p.returncode in (0, 3), p.stdout + p.stderr
        assert "  failed " not in p.stdout, p.stdout + p.stderr
        return p

    def usns(self):
        return {f.name: self.side[f].usn() for f in ALL}

    def settle(self, *args):
        """Rounds of all links until one writes nothing."""
        for _ in range(6):
            before = self.usns()
            p = self.run(*args)
            if self.usns() == before:
                return
        raise AssertionError(p.stdout + p.stderr)

    def quiet(self):
        before = self.usns()
        for args in ((), (), ("--full",), ("--full",), ()):
            p = self.run(*args)
            assert self.usns() == before, p.stdout + p.stderr

    def who(self, at, alias, of):
        return [dn for dn, _ in self.side[at].search(
            f"(proxyAddresses=smtp:{of.name}.{alias}@{of.domain})", ["cn"])]


@pytest.fixture(scope="module", name="forests", params=[STAR, RING], ids=["star", "ring"])
def fixture_forests(request, lab, tmp_path_factory):
    lab.reset()
    lab.command("add-forest")
    try:
        three = Three(lab, tmp_path_factory.mktemp("three"), request.param)
        for f in ALL:
            three.make_ous(f)
        for f in ALL:
            three.fill(f)
        three.configure()
        three.settle("--full")
        three.settle()
        yield three
    finally:
        lab.command("remove-forest")


def test_who_is_where(forests):
    """Each has one object in every forest that is linked with its own; what stands for something of
    another forest, or leads into the forest that would be written, has none."""
    for of in ALL:
        for at in ALL:
            linked = at is of or {at, of} in [set(link) for link in forests.links]
            for alias in ("ann", "bea", "pat", "card", "all", "list", "crew"):
                assert len(forests.who(at, alias, of)) == linked, (alias, of.name, at.name)
            for alias in ("hid", "tool"):
                assert len(forests.who(at, alias, of)) == (at is of), (alias, of.name, at.name)
        assert not forests.who(after(of), "leads", of)
    for f in ALL:
        stamps = [v[STAMP][0].decode() for _, v in forests.side[f].search(
            f"({STAMP}=galsync:*)", [STAMP], f"{f.base}")]
        assert stamps
        for stamp in stamps:
            guid = uuid.UUID(stamp.split(":")[2])
            originals = [v for g in ALL if g is not f for v in [forests.side[g].read(f"<GUID={guid}>")]
                         if v is not None]
            assert len(originals) == 1 and STAMP not in originals[0], (stamp, originals)


def test_quiet(forests):
    forests.quiet()


def test_an_hour(forests):
    """As many cycles of each link as there are in an hour at the default interval."""
    before = forests.usns()
    for i in range(HOUR):
        p = forests.run()
        assert forests.usns() == before, f"cycle {i}\n{p.stdout}{p.stderr}"


def test_member_of_the_third_forest(forests):
    """A group of acme has Ann of initech as a member, by SID and by name: in globex
    the member is what initech's own link made of Ann."""
    ann = forests.side[INITECH].read(forests.who(INITECH, "ann", INITECH)[0])["objectSid"][0]
    sid = "S-1-5-" + "-".join(map(str, struct.unpack(f"<{ann[1]}I", ann[8:])))
    members = {"list": f"<SID={sid}>"}
    if forests.links is RING:
        members["crew"] = forests.who(ACME, "ann", INITECH)[0]
    for group, member in members.items():
        forests.side[ACME].change(forests.who(ACME, group, ACME)[0],
                                  (ldap.MOD_ADD, "member", [member.encode()]))
    forests.settle()
    there = forests.who(GLOBEX, "ann", INITECH)[0]
    for group in members:
        in_globex = forests.side[GLOBEX].read(forests.who(GLOBEX, group, ACME)[0])
        assert there.encode() in in_globex["member"], group
    forests.quiet()
