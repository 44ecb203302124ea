# SPDX-License-Identifier: MIT
"""The main job on two real forests: a full synchronization, and what it leaves behind."""

import os
import re
import uuid

import ldap
import pytest
from conftest import ROOT

STAMP = "extensionAttribute15"


def text(values):
    return [v.decode() for v in values]


def counterpart(lab, key):
    """(source attributes, target attributes, target DN) of a populated special object."""
    source = lab.source.read(lab.special["acme"][key])
    guid = uuid.UUID(bytes_le=source["objectGUID"][0])
    rows = lab.target.search(f"({STAMP}=galsync:*:{guid}*)")
    assert len(rows) == 1, f"{key}: {[dn for dn, _ in rows]}"
    return source, rows[0][1], rows[0][0]


@pytest.fixture(scope="module", name="synced")
def fixture_synced(lab):
    lab.full(status=3)      # some of the populated objects are in conflict on purpose
    return lab


def test_second_full_sync_writes_nothing(synced):
    before = synced.source.usn(), synced.target.usn()
    p = synced.full(status=3)
    assert (synced.source.usn(), synced.target.usn()) == before
    assert re.search(r"changes written +0\b", p.stdout)


def test_plan_of_a_synced_pair_is_empty(synced):
    p = synced.full("--plan", status=3)
    assert "changetype:" not in p.stdout


def test_mailbox_values(synced):
    source, target, dn = counterpart(synced, "mailbox")
    alias = source["mailNickname"][0].decode()
    assert dn.lower() == f"CN=Martha Full,OU=Acme,{synced.target.base}".lower()
    assert text(target["userAccountControl"]) == ["514"]
    assert target["mail"] == source["mail"]
    assert text(target["targetAddress"]) == [f"SMTP:{alias}@redirect.acme.example"]
    assert "targetAddress" not in source
    proxies = text(target["proxyAddresses"])
    assert f"smtp:{alias}@redirect.globex.example" in proxies
    assert not any("@redirect.acme.example" in p.lower() for p in proxies)
    assert [p for p in proxies if p.startswith("SMTP:")] == ["SMTP:" + source["mail"][0].decode()]
    assert "X500:" + source["legacyExchangeDN"][0].decode() in proxies
    own = text(source["proxyAddresses"])
    assert f"smtp:{alias}@redirect.acme.example" in own
    assert not any("@redirect.globex.example" in p.lower() for p in own)
    assert "X500:" + target["legacyExchangeDN"][0].decode() in own
    mine = {"smtp:" + alias + "@redirect.acme.example", "x500:" + target["legacyExchangeDN"][0].decode().lower()}
    assert {p.lower() for p in own} - mine <= {p.lower() for p in proxies}
    assert text(target["msExchRecipientTypeDetails"]) == ["1"]
    assert text(target["msExchPoliciesExcluded"]) == ["{26491cfc-9e50-4857-861b-0cb8df22b5d7}"]
    assert text(target["userPrincipalName"])[0].endswith("@globex.example")
    assert len(target["msExchMailboxGuid"][0]) == 16
    assert target["msExchMailboxGuid"] != source["msExchMailboxGuid"]
    assert text(target["homeMDB"])[0].endswith(synced.target.base)
    for name in ("displayName", "givenName", "sn", "department", "title", "telephoneNumber"):
        assert target.get(name) == source.get(name), name


def test_verbose_tells_every_decision(synced):
    """One line says of each source object what was decided, and one of each that has a counterpart
    what is written, or why nothing is."""
    p = synced.galsyncd("-v", "--once", "--full", "--plan")
    read = int(re.search(r"^# +read +(\d+) source", p.stdout, re.M)[1])
    in_scope = int(re.search(r"^# +in scope +(\d+)$", p.stdout, re.M)[1])
    lines = p.stderr.splitlines()
    assert len([x for x in lines if ": not in scope: " in x]) == read - in_scope
    assert len([x for x in lines if " in the scope of '" in x]) == in_scope
    assert len([x for x in lines if "; its counterpart is '" in x or "; in conflict (" in x or
                "; it has no counterpart: " in x]) == in_scope
    assert any(": nothing is written: both sides are as they should be" in x for x in lines)
    assert all(x.startswith("<7>") for x in lines if " in the scope of '" in x)
    quiet = synced.galsyncd("--once", "--full", "--plan").stderr
    assert " in the scope of '" not in quiet and "not in scope: " not in quiet
    assert not re.search(r"^(connect|wait|read|decide|plan|apply|confirm)\b", quiet, re.M), quiet


def test_manual_selects_what_exchange_has_to_finish(synced):
    """The filters of the scheduled task in galsync-migration(7): all that was created or matched,
    of every kind, until Update-Recipient has been there."""
    with open(os.path.join(ROOT, "man", "galsync-migration.7"), encoding="utf-8") as f:
        manual = f.read()
    by_ldap = re.search(r"^\.Dl (\(&\(extensionAttribute15=.*)$", manual, re.M)[1]
    assert "-Filter \"CustomAttribute15 -like 'galsync:*'\"" in manual
    assert "(extensionAttribute15=galsync:*)" in by_ldap
    open_ = {dn for dn, _ in synced.target.search(by_ldap, ["cn"])}
    records = [r for r in synced.records().values() if r["target"]["guid"]]
    finished = {dn for dn, _ in synced.target.search("(showInAddressBook=*)", ["cn"])}
    assert open_ == {r["target"]["dn"] for r in records} - finished
    assert {r["kind"] for r in records if r["target"]["dn"] in open_} >= {"user", "contact", "group"}
    # To Exchange these are mailboxes from the beginning.
    assert not synced.target.search("(&(extensionAttribute15=galsync:created:*)(homeMDB=*)"
                                    "(|(!(mailNickname=*))(!(msExchHomeServerName=*))))", ["cn"])


@pytest.mark.parametrize("key, details, display", [
    ("room", "16", "7"), ("equipment", "32", "8"), ("shared", "4", None)])
def test_special_mailboxes(synced, key, details, display):
    source, target, _ = counterpart(synced, key)
    assert text(target["msExchRecipientTypeDetails"]) == [details]
    if display:
        assert text(target["msExchRecipientDisplayType"]) == [display]
    assert target.get("msExchResourceCapacity") == source.get("msExchResourceCapacity")


def test_mail_user_stays_a_mail_user(synced):
    source, target, _ = counterpart(synced, "mail-user")
    assert text(target["msExchRecipientTypeDetails"]) == ["128"]
    assert "homeMDB" not in target
    assert "targetAddress" in target and "targetAddress" in source


def test_contact_values(synced):
    source, target, _ = counterpart(synced, "contact")
    assert b"contact" in target["objectClass"]
    assert target["targetAddress"] == source["targetAddress"]
    assert target["mail"] == source["mail"]
    assert text(target["msExchRecipientTypeDetails"]) == ["64"]


@pytest.mark.parametrize("key", [
    "accents", "polish", "turkish", "cyrillic", "apostrophe", "japanese", "long-name", "comma",
    "dn-characters", "leading-hash", "leading-blank", "trailing-blank", "odd-ou"])
def test_names(synced, key):
    source, target, _ = counterpart(synced, key)
    assert target["cn"] == source["cn"]
    assert target.get("displayName") == source.get("displayName")


@pytest.mark.parametrize("one, other", [("twin-1", "twin-2"), ("accent-twin-1", "accent-twin-2")])
def test_equal_names_in_a_flat_ou(synced, one, other):
    names = [counterpart(synced, key)[1]["cn"][0].decode() for key in (one, other)]
    sources = [counterpart(synced, key)[0]["cn"][0].decode() for key in (one, other)]
    assert names[0] != names[1]
    assert any(n == s for n, s in zip(names, sources))
    assert any(n.startswith(s + " (") for n, s in zip(names, sources))


def test_references_follow(synced):
    dn = {key: counterpart(synced, key)[2] for key in
          ("chief", "deputy", "worker", "group", "group-inner", "group-loop-1", "group-loop-2")}
    chief, deputy, worker = (counterpart(synced, k)[1] for k in ("chief", "deputy", "worker"))
    managers = {m["manager"][0].decode() for m in (chief, deputy, worker) if "manager" in m}
    assert managers <= set(dn.values())
    source, group, _ = counterpart(synced, "group")
    # "plain" has no mail and no counterpart: the reference waits.
    assert len(group["member"]) == len(source["member"]) - 1
    assert dn["group-inner"] in text(group["member"])
    loop = counterpart(synced, "group-loop-1")[1], counterpart(synced, "group-loop-2")[1]
    assert dn["group-loop-2"] in text(loop[0]["member"])
    assert dn["group-loop-1"] in text(loop[1]["member"])


@pytest.mark.parametrize("key", ["hidden", "plain", "arbitration", "discovery", "group-without-mail"])
def test_out_of_scope(synced, key):
    source = synced.source.read(synced.special["acme"][key])
    guid = uuid.UUID(bytes_le=source["objectGUID"][0])
    assert not synced.target.search(f"({STAMP}=galsync:*:{guid}*)")


MATCHES = ["mail-match", "proxy-match", "x500-match", "sid-match", "sam-match", "contact-match",
           "group-match"]


@pytest.mark.parametrize("key", MATCHES)
def test_matches_what_was_there(synced, key):
    source, target, dn = counterpart(synced, key)
    assert dn == synced.special["globex"][key]
    assert text(target[STAMP])[0].startswith("galsync:matched:")
    assert target.get("displayName") == source.get("displayName")


def test_matched_account_side_is_left_alone(lab):
    lab.reset()
    dn = lab.special["globex"]["mail-match"]
    names = ["sAMAccountName", "userPrincipalName", "userAccountControl", "cn", "mailNickname",
             "msExchMailboxGuid", "homeMDB"]
    before = lab.target.read(dn, names)
    lab.full(status=3)
    after = lab.target.read(dn, names)
    assert {k: v for k, v in after.items() if k in before} == before


def test_conflicts_name_their_candidates(lab):
    p = lab.galsyncctl("conflicts")
    special = lab.special
    assert p.returncode in (0, 3)
    for key in ("ambiguous", "contact-in-the-way", "address-taken", "secondary-held"):
        assert special["acme"][key] in p.stdout, key
    for key in ("ambiguous", "ambiguous-2", "contact-in-the-way", "secondary-held-by"):
        assert special["globex"][key] in p.stdout, key
    for key in ("ambiguous", "ambiguous-2", "contact-in-the-way"):
        assert STAMP not in lab.target.read(special["globex"][key]), key


def test_held_secondary_address_is_left_out(lab):
    source, target, _ = counterpart(lab, "secondary-held")
    holder = lab.target.read(lab.special["globex"]["secondary-held-by"])
    held = {v.lower() for v in holder["proxyAddresses"]} & {v.lower() for v in source["proxyAddresses"]}
    assert len(held) == 1
    assert not held & {v.lower() for v in target["proxyAddresses"]}


def test_taken_rdn_gets_a_suffix(lab):
    source, target, _ = counterpart(lab, "rdn-taken")
    assert target["cn"][0].decode().startswith(source["cn"][0].decode() + " (")


def test_map_is_rebuilt_from_stamps(lab):
    before, usn = lab.records(), (lab.source.usn(), lab.target.usn())
    lab.forget()
    lab.full(status=3)
    after = lab.records()
    assert (lab.source.usn(), lab.target.usn()) == usn
    assert set(after) == set(before)
    for guid, record in before.items():
        assert after[guid]["target"]["guid"] == record["target"]["guid"]
        assert after[guid]["created"] == record["created"]
    p = lab.full(status=3)
    assert re.search(r"changes written +0\b", p.stdout)


def test_promotes_the_contact_in_the_way(lab):
    lab.reset()
    conf = lab.write_conf(lab.conf_text(**{"match = [": "promote_contacts = true; match = ["}))
    lab.full(status=3, conf=conf)
    _, target, _ = counterpart(lab, "contact-in-the-way")
    assert b"user" in target["objectClass"]
    assert lab.target.read(lab.special["globex"]["contact-in-the-way"]) is None
    usn = lab.target.usn()
    lab.full(status=3, conf=conf)
    assert lab.target.usn() == usn


def test_plan_is_what_the_run_does(lab):
    lab.reset()
    usn = lab.source.usn(), lab.target.usn()
    plan = lab.full("--plan", status=3).stdout
    assert (lab.source.usn(), lab.target.usn()) == usn
    assert not lab.galsyncctl("list").stdout.strip() or lab.galsyncctl("list").returncode == 1
    lab.full(status=3)
    adds = re.findall(r"^# forest: globex.*\n(?:#.*\n)*dn:(:?) (.*)\nchangetype: add", plan, re.M)
    assert len(adds) > 30
    for encoded, dn in adds:
        if not encoded and not dn.endswith(" "):
            assert lab.target.read(dn) is not None, dn


def test_source_change_flows_and_foreign_values_stay(lab):
    source, target, dn = counterpart(lab, "mailbox")
    source_dn = lab.special["acme"]["mailbox"]
    lab.target.change(dn, (ldap.MOD_ADD, "proxyAddresses", [b"smtp:added.by.hand@globex.example"]),
                      (ldap.MOD_REPLACE, "description", [b"kept"]))
    lab.source.modify(source_dn, title="Head of Tests", department=None, telephoneNumber="+1 555")
    lab.source.change(source_dn, (ldap.MOD_ADD, "proxyAddresses", [b"smtp:new.alias@acme.example"]))
    lab.full(status=3)
    target = lab.target.read(dn)
    assert text(target["title"]) == ["Head of Tests"]
    assert "department" not in target
    assert text(target["telephoneNumber"]) == ["+1 555"]
    assert b"smtp:new.alias@acme.example" in target["proxyAddresses"]
    assert b"smtp:added.by.hand@globex.example" in target["proxyAddresses"]
    assert text(target["description"]) == ["kept"]
    lab.source.change(source_dn, (ldap.MOD_DELETE, "proxyAddresses", [b"smtp:new.alias@acme.example"]))
    lab.full(status=3)
    target = lab.target.read(dn)
    assert b"smtp:new.alias@acme.example" not in target["proxyAddresses"]
    assert b"smtp:added.by.hand@globex.example" in target["proxyAddresses"]
    assert source["mail"] == target["mail"]


def test_rename_follows_on_what_was_created(lab):
    _, _, dn = counterpart(lab, "polish")
    lab.source.rename(lab.special["acme"]["polish"], "CN=Łukasz Nowy")
    lab.full(status=3)
    assert lab.target.read(dn) is None
    assert lab.target.read(f"CN=Łukasz Nowy,OU=Acme,{lab.target.base}") is not None


def test_leaving_hides_and_coming_back_shows(lab):
    source_dn = lab.special["acme"]["room"]
    _, _, dn = counterpart(lab, "room")
    lab.source.modify(source_dn, msExchHideFromAddressLists="TRUE")
    lab.full(status=3)
    assert text(lab.target.read(dn)["msExchHideFromAddressLists"]) == ["TRUE"]
    usn = lab.target.usn()
    lab.full(status=3)
    assert lab.target.usn() == usn
    lab.source.modify(source_dn, msExchHideFromAddressLists=None)
    lab.full(status=3)
    assert text(lab.target.read(dn).get("msExchHideFromAddressLists", [b"FALSE"])) == ["FALSE"]


def test_deletes_only_what_was_created(lab):
    conf = lab.write_conf(lab.conf_text(**{'create = "mailbox";': 'create = "mailbox"; on_leave = "delete";'}))
    created = counterpart(lab, "equipment")[2]
    matched = lab.special["globex"]["mail-match"]
    for key in ("equipment", "mail-match"):
        lab.source.delete(lab.special["acme"][key])
    lab.full(status=3, conf=conf)
    assert lab.target.read(created) is None
    assert lab.target.read(matched) is not None


def test_an_emptied_source_is_held(lab):
    conf = lab.write_conf(lab.conf_text(**{'create = "mailbox";': 'create = "mailbox"; on_leave = "delete";',
                                           "OU=Staff,": "OU=Other,OU=Special,OU=Staff,"}))
    usn = lab.target.usn()
    p = lab.full(status=3, conf=conf)
    assert "held" in p.stdout + p.stderr
    assert lab.target.usn() == usn
