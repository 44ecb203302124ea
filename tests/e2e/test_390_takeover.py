# SPDX-License-Identifier: MIT
"""Default rules on two real forests: an administrator of one OU of the source reaches no mailbox of
the target by what its objects say, and one of the target no new person by a stamp."""

import json
import struct
import uuid

import ldap
import pytest

from conftest import wait_for
from galsynclab.forests import LIMITS
from test_120_daemon import running
from test_310_wave import ctl

STAMP = "extensionAttribute15"
OLD_RULES = 'match = [ "stamp", "sid-history", "x500", "mail", "sam-account-name" ];'
SOFT = 'match = [ "x500", "mail", "sam-account-name", "user-principal-name" ];'
NO_MATCHES = "limits = { delete_percent = 40; redirection_percent = 100; };"
HOME_SERVER = "/o=Globex/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=EX9"


def people(lab):
    return f"OU=People,{lab.target.base}"


def add_mailbox(side, dn, alias, domain, **more):
    values = {"objectClass": "user", "sAMAccountName": alias, "mailNickname": alias,
              "displayName": alias.upper(), "mail": f"{alias}@{domain}",
              "userPrincipalName": f"{alias}@{side.forest.domain}",
              "proxyAddresses": [f"SMTP:{alias}@{domain}"], "userAccountControl": 514,
              "legacyExchangeDN": f"/o={side.forest.name}/cn={alias}",
              "msExchHomeServerName": HOME_SERVER, "msExchRecipientTypeDetails": 1}
    values["proxyAddresses"] += more.pop("addresses", [])
    values.update(more)
    side.add(dn, **values)


@pytest.fixture(scope="module", name="daemon")
def fixture_daemon(lab):
    lab.ou = lab.special["acme"]["mailbox"].split(",", 1)[1]
    for alias in ("ceo", "chief", "boss"):
        add_mailbox(lab.target, f"CN={alias},{people(lab)}", alias, "globex.example")
    conf = lab.write_conf(lab.conf_text(**{OLD_RULES: "", LIMITS: NO_MATCHES}))
    lab.full(status=3, conf=conf)
    with running(lab, conf) as d:
        yield d


def victim(lab, cn):
    """All of it: not even its uSNChanged moves."""
    return lab.target.read(f"CN={cn},{people(lab)}", ["*", "uSNChanged"])


def counterpart(lab, alias):
    return [(dn, v) for dn, v in lab.target.search(f"(mailNickname={alias})")
            if people(lab) not in dn]


def conflict(daemon, cn):
    found = [c for c in json.loads(ctl(daemon, "--json", "conflicts").stdout)
             if c["source_dn"].startswith(f"CN={cn},")]
    return found[0] if found else None


@pytest.mark.parametrize("name,attrs", [
    ("address", {"addresses": ["smtp:ceo@globex.example"]}),
    ("x500", {"addresses": ["X500:/o=globex/cn=ceo"]}),
    ("account", {"sAMAccountName": "ceo"}),
], ids=lambda v: v if isinstance(v, str) else "")
def test_what_the_source_says_is_no_evidence(daemon, lab, name, attrs):
    before = victim(lab, "ceo")
    alias = f"eve-{name}"
    add_mailbox(lab.source, f"CN={alias},{lab.ou}", alias, "acme.example", **attrs)
    made = wait_for(lambda: counterpart(lab, alias), "no counterpart", 60)
    daemon.wait_idle()
    assert len(made) == 1 and made[0][0] != f"CN=ceo,{people(lab)}"
    assert b"smtp:ceo@globex.example" not in made[0][1]["proxyAddresses"]
    assert victim(lab, "ceo") == before
    c = conflict(daemon, alias)
    assert (c["reason"] if c else None) == {"address": "foreign-address", "x500": "address",
                                           "account": None}[name]


def test_addresses_of_offices(daemon, lab):
    add_mailbox(lab.source, f"CN=eve-office,{lab.ou}", "eve-office", "acme.example",
                addresses=["smtp:postmaster@globex.example", "smtp:eve2@acme.example"])
    made = wait_for(lambda: counterpart(lab, "eve-office"), "no counterpart", 60)
    assert b"smtp:postmaster@globex.example" not in made[0][1]["proxyAddresses"]
    assert b"smtp:eve2@acme.example" in made[0][1]["proxyAddresses"]
    wait_for(lambda: conflict(daemon, "eve-office"), "no conflict", 60)
    assert conflict(daemon, "eve-office")["reason"] == "foreign-address"


def test_what_is_no_address(daemon, lab):
    bad = [b"smtp:", b"smtp: x", b":", b"smtp:a\x1bb@acme.example", b"X500:none"]
    dn = f"CN=eve-bad,{lab.ou}"
    add_mailbox(lab.source, dn, "eve-bad", "acme.example")
    taken = []
    for value in bad:
        try:
            lab.source.change(dn, (ldap.MOD_ADD, "proxyAddresses", [value]))
            taken.append(value)
        except ldap.LDAPError:
            pass
    assert len(taken) >= 3, "the directory takes anything"
    lab.source.modify(dn, title="Now")
    wait_for(lambda: any(v.get("title") == [b"Now"] for _, v in counterpart(lab, "eve-bad")),
             "no counterpart", 60)
    values = counterpart(lab, "eve-bad")[0][1]["proxyAddresses"]
    assert not set(values) & set(bad)


def test_a_mailbox_waits_for_approval(daemon, lab):
    before = victim(lab, "chief")
    lab.target.change(f"CN=chief,{people(lab)}",
                      (ldap.MOD_ADD, "proxyAddresses", [b"X500:/o=acme/cn=ann"]))
    before = victim(lab, "chief")
    add_mailbox(lab.source, f"CN=ann,{lab.ou}", "ann", "acme.example")
    c = wait_for(lambda: conflict(daemon, "ann"), "no conflict", 60)
    assert c["reason"] == "match" and c["candidates"] == [f"CN=chief,{people(lab)}"]
    assert "x500-on-target=/o=acme/cn=ann" in c["what"]
    assert victim(lab, "chief") == before and not counterpart(lab, "ann")
    held = ctl(daemon, "list", "--held").stdout
    assert f"CN=ann,{lab.ou}" in held and f"CN=chief,{people(lab)}" in held
    p = ctl(daemon, "approve", "--kind", "matches", f"CN=ann,{lab.ou}")
    assert p.returncode == 0 and p.stdout == "1 matches approved\n", p.stdout + p.stderr
    wait_for(lambda: STAMP in victim(lab, "chief"), "it is not matched", 60)
    after = victim(lab, "chief")
    assert after["displayName"] == [b"ANN"]
    assert after["targetAddress"] == [b"SMTP:ann@redirect.acme.example"]
    daemon.wait_idle()
    assert conflict(daemon, "ann") is None
    assert "CN=ann," not in ctl(daemon, "list", "--held").stdout
    assert "matched for the first time, with 'CN=chief," in daemon.log()


def test_a_stamp_alone(daemon, lab):
    """Set by who may write to one OU of the target, before the person is there."""
    guid = "5a5a5a5a-1111-2222-3333-444455556666"
    dn = f"CN=trap,{people(lab)}"
    lab.target.add(dn, objectClass="user", sAMAccountName="trap", displayName="TRAP",
                   **{STAMP: f"galsync:created:{guid}:source"})
    add_mailbox(lab.source, f"CN=bob,{lab.ou}", "bob", "acme.example")
    made = wait_for(lambda: counterpart(lab, "bob"), "no counterpart", 60)
    source_guid = uuid.UUID(bytes_le=lab.source.read(f"CN=bob,{lab.ou}")["objectGUID"][0])
    # The counterpart goes, and the stamp now names bob.
    daemon.wait_idle()
    assert daemon.end() == 0
    lab.target.delete(made[0][0])
    lab.target.modify(dn, **{STAMP: f"galsync:created:{source_guid}:source"})
    lab.forget()
    daemon.start()
    c = wait_for(lambda: conflict(daemon, "bob"), "no conflict", 120)
    assert c["reason"] == "refused" and "its stamp names the source object" in c["what"]
    assert lab.target.read(dn)["displayName"] == [b"TRAP"]


# ---- softer rules, in single cycles ----

@pytest.fixture(scope="module", name="soft")
def fixture_soft(lab, daemon):
    if daemon.process and daemon.process.poll() is None:
        assert daemon.end() == 0
    path = lab.path("soft.conf")
    with open(path, "w", encoding="utf-8") as f:
        f.write(lab.conf_text(**{OLD_RULES: SOFT, LIMITS: NO_MATCHES}))
    return path


def refused(lab, conf, cn):
    lab.full(status=3, conf=conf)
    p = lab.galsyncctl("--json", "conflicts", conf=conf)
    found = [c for c in json.loads(p.stdout) if c["source_dn"].startswith(f"CN={cn},")]
    assert found, f"no conflict of {cn}: {p.stdout}"
    return found[0]


def test_members_of_domain_admins(lab, soft):
    dn = f"CN=boss,{people(lab)}"
    lab.target.change(f"CN=Domain Admins,CN=Users,{lab.target.base}",
                      (ldap.MOD_ADD, "member", [dn.encode()]))
    before = victim(lab, "boss")
    assert "adminCount" not in before
    add_mailbox(lab.source, f"CN=mallory,{lab.ou}", "mallory", "acme.example",
                sAMAccountName="boss")
    c = refused(lab, soft, "mallory")
    assert c["reason"] == "refused" and "privileged group" in c["what"]
    assert victim(lab, "boss") == before


def test_the_account_of_galsync(lab, soft):
    name = lab.target.forest.principal.split("@")[0]
    dn, before = lab.target.find("(sAMAccountName=%s)", name)
    lab.target.modify(dn, mail="oscar@acme.example")
    add_mailbox(lab.source, f"CN=oscar,{lab.ou}", "oscar", "acme.example")
    c = refused(lab, soft, "oscar")
    assert c["reason"] == "refused" and "account of galsync" in c["what"], c
    assert STAMP not in before and STAMP not in lab.target.read(dn)


def test_security_groups(lab, soft):
    """Account names find no groups, and evidence of one waits."""
    dn = f"CN=Payroll,{people(lab)}"
    lab.target.add(dn, objectClass="group", sAMAccountName="payroll",
                   groupType=struct.unpack("<i", struct.pack("<I", 0x80000008))[0],
                   mail="payroll@globex.example", mailNickname="payroll",
                   proxyAddresses=["SMTP:payroll@globex.example", "smtp:pay@acme.example"])
    before = lab.target.read(dn, ["*", "uSNChanged"])
    lab.source.add(f"CN=Eve group,{lab.ou}", objectClass="group", sAMAccountName="payroll",
                   groupType=8, mail="pay@acme.example", mailNickname="pay",
                   legacyExchangeDN="/o=acme/cn=pay", proxyAddresses="SMTP:pay@acme.example",
                   member=f"CN=mallory,{lab.ou}")
    c = refused(lab, soft, "Eve group")
    assert c["reason"] == "match" and c["candidates"] == [dn]
    assert lab.target.read(dn, ["*", "uSNChanged"]) == before


def test_outside_match_bases(lab, soft):
    lab.target.add(f"OU=Special,{lab.target.base}", objectClass="organizationalUnit")
    with open(soft, encoding="utf-8") as f:
        text = f.read().replace(SOFT, SOFT + f' match_bases = [ "OU=Special,{lab.target.base}" ];')
    conf = lab.write_conf(text)
    c = refused(lab, conf, "Eve group")
    assert c["reason"] == "refused" and "outside match_bases" in c["what"]
