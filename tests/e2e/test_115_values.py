# SPDX-License-Identifier: MIT
"""Names and values that change in their spelling alone, octets that look like text, odd addresses,
and what a replication conflict leaves, on real servers."""

import ldap
import pytest

OU = "OU=Special,OU=Staff,DC=acme,DC=example"
CNF = "\\0ACNF:12345678-1234-1234-1234-123456789abc"
OLD = b"0\x82AAAAcertA" * 20
NEW = b"0\x82AAAACERTa" * 20


@pytest.fixture(autouse=True, scope="module")
def homes(lab):
    """Where mailboxes live, as an existing one has it."""
    _, e = lab.source.find("(&(homeMDB=*)(mailNickname=*)(msExchRecipientTypeDetails=1)"
                           "(cn=Martha Full))")
    homes.values = {k: e[k] for k in ("homeMDB", "msExchHomeServerName") if k in e}


def mailbox(lab, cn, alias, sam=None, **more):
    dn = f"CN={cn},{OU}"
    attrs = dict({"objectClass": "user", "sAMAccountName": sam or alias,
                  "userPrincipalName": f"{sam or alias}@acme.example".replace("$", ""),
                  "userAccountControl": 514, "displayName": alias, "mailNickname": alias,
                  "mail": f"{alias}@acme.example", "proxyAddresses": f"SMTP:{alias}@acme.example",
                  "legacyExchangeDN": f"/o=Acme/ou=x/cn=Recipients/cn={sam or alias}",
                  "msExchRecipientTypeDetails": 1}, **homes.values)
    lab.source.add(dn, **{**attrs, **more})
    return dn


def there(lab, alias):
    return lab.target.find("(mailNickname=%s)", alias)


def cycle(lab, *args):
    p = lab.galsyncd("--once", *args)
    assert p.returncode in (0, 3), f"status {p.returncode}\n{p.stdout}\n{p.stderr}"
    return p


def silent(lab):
    before = lab.source.usn(), lab.target.usn()
    cycle(lab, "--full")
    assert (lab.source.usn(), lab.target.usn()) == before, "a further cycle wrote"


@pytest.mark.parametrize("args", [(), ("--full",)], ids=["delta", "full"])
def test_names_in_case_and_accents(lab, args):
    tag = "f" if args else "d"
    case = mailbox(lab, f"Al Smith {tag}", f"al.{tag}", department="Sales")
    accent = mailbox(lab, f"Rene Noir {tag}", f"rene.{tag}")
    cycle(lab, "--full")
    lab.source.rename(case, f"CN=AL Smith {tag}")
    lab.source.rename(accent, f"CN=Ren\u00e9 Noir {tag}")
    cycle(lab, *args)
    assert there(lab, f"al.{tag}")[1]["cn"] == [f"AL Smith {tag}".encode()]
    assert there(lab, f"rene.{tag}")[1]["cn"] == [f"Ren\u00e9 Noir {tag}".encode()]
    silent(lab)


@pytest.mark.parametrize("args", [(), ("--full",)], ids=["delta", "full"])
def test_values_in_case(lab, args):
    alias = "cert.f" if args else "cert.d"
    dn = mailbox(lab, f"Cert {alias}", alias, otherTelephone=["ext 1", "ext 2"],
                 userCertificate=OLD)
    cycle(lab, "--full")
    assert there(lab, alias)[1]["userCertificate"] == [OLD]
    other = alias.title()
    lab.source.modify(dn, userCertificate=NEW, otherTelephone=["EXT 1", "ext 2"],
                      mail=f"{other}@acme.example")
    lab.source.change(
        dn, (ldap.MOD_DELETE, "proxyAddresses", [f"SMTP:{alias}@acme.example".encode()]),
        (ldap.MOD_ADD, "proxyAddresses", [f"SMTP:{other}@acme.example".encode()]))
    cycle(lab, *args)
    target = there(lab, alias)[1]
    assert target["userCertificate"] == [NEW]
    assert sorted(target["otherTelephone"]) == [b"EXT 1", b"ext 2"]
    assert target["mail"] == [f"{other}@acme.example".encode()]
    assert f"SMTP:{other}@acme.example".encode() in target["proxyAddresses"]
    assert f"SMTP:{alias}@acme.example".encode() not in target["proxyAddresses"]
    silent(lab)
    # What others spell in their way, once galsync has taken its own back, stays so.
    lab.source.modify(dn, otherTelephone=None)
    cycle(lab, *args)
    assert "otherTelephone" not in there(lab, alias)[1]
    lab.target.modify(there(lab, alias)[0], otherTelephone="EXT 9")
    lab.source.modify(dn, otherTelephone="ext 9")
    cycle(lab, *args)
    assert there(lab, alias)[1]["otherTelephone"] == [b"EXT 9"]
    silent(lab)


def test_odd_addresses(lab):
    mailbox(lab, "Odd One", "odd", mail="z@odd.example", proxyAddresses=[
        "SMTP:odd@odd.example", "SMTP:z@odd.example", "SMTP:", "sip:b@odd.example",
        "sip:a@odd.example"])
    p = cycle(lab, "--full")
    assert "its proxyAddresses have 2 primary addresses, of which 'z@odd.example'" in p.stderr
    target = there(lab, "odd")[1]
    assert target["mail"] == [b"z@odd.example"]
    has = target["proxyAddresses"]
    assert {b"SMTP:z@odd.example", b"smtp:odd@odd.example", b"sip:a@odd.example"} <= set(has)
    assert not {b"SMTP:", b"sip:b@odd.example"} & set(has)
    silent(lab)


def test_replication_conflict(lab):
    mailbox(lab, "Real One", "real.one")
    mailbox(lab, "Real One" + CNF, "real.one", "$dup-1")
    mailbox(lab, "Lonely" + CNF, "lonely", "$dup-2")
    p = cycle(lab, "--full")
    assert "not in scope: replication conflict        2" in p.stdout, p.stdout
    assert p.stderr.count("replication conflict") == 1, p.stderr
    dn, target = there(lab, "real.one")
    assert dn.startswith("CN=Real One,") and target["mail"] == [b"real.one@acme.example"]
    assert not lab.target.search("(mailNickname=lonely)")
    silent(lab)
