# SPDX-License-Identifier: MIT
"""Before the first write: what would go wrong is named with the line of its setting, the reason and
what to do; by `galsyncd --doctor` in any case, by a plan too, and by -t as far as the file knows."""

import re

import pytest

from badinput_helpers import (COMPLETE, DONE, FAILED, HELD, USAGE, check_output, check_words, conf,
                              first_logon, gssapi, refused, usns, write)
from galsynclab.lab import ACME, GLOBEX, MARKER_GROUP, STAFF_OU, TARGET_OU
from rights_helpers import Account

DONE_OR_COMPLETE = (DONE, COMPLETE)


@pytest.fixture(scope="module", autouse=True)
def fixture_first_logon(lab):
    first_logon(lab)


def line_of(file, text):
    """The number of the one line of FILE that has TEXT."""
    with open(file, encoding="utf-8") as f:
        found = [i for i, line in enumerate(f, 1) if text in line]
    assert len(found) == 1, found
    return found[0]


def doctor(lab, file, *args, status=FAILED):
    """Its lines that are not ok. It writes nothing."""
    before = usns(lab)
    p = lab.galsyncd("--doctor", *args, conf=file)
    check_output(lab, p)
    assert usns(lab) == before, "something was written"
    assert p.returncode == status, f"status {p.returncode}\n{p.stdout}\n{p.stderr}"
    lines = p.stdout.splitlines()
    for line in lines:
        assert re.match(r"(ok     |note   |PROBLEM) \S", line), line
    assert any(line.startswith("PROBLEM") for line in lines) == (status == FAILED)
    return [line for line in lines if not line.startswith("ok ")]


def problem(lines, where, *words):
    """The one problem at WHERE; it says WORDS."""
    found = [x for x in lines if x.startswith(f"PROBLEM {where}: ")]
    assert len(found) == 1, f"{where} not once in {lines}"
    check_words(found[0], words)


def valid(lab, file):
    """The file alone has no mistake."""
    p = lab.galsyncd("-t", conf=file)
    check_output(lab, p)
    assert p.returncode == DONE, p.stderr


def planned(lab, file, *words):
    """A plan that is made, and says WORDS: its status tells that there is something to see to."""
    before = usns(lab)
    p = lab.galsyncd("--once", "--full", "--plan", conf=file)
    check_output(lab, p)
    assert p.returncode == HELD if words else p.returncode in DONE_OR_COMPLETE, p.stderr
    assert usns(lab) == before
    check_words(p.stderr, words)


def bad_for_a_plan(lab, file, *words):
    for args in (("--once", "--full", "--plan"), ("--once", "--full")):
        refused(lab, file, *words, args=args)


# Nothing is wrong

def test_all_is_well(lab, tmp_path):
    file = conf(lab, tmp_path, link=f'marker_group = "{MARKER_GROUP}";')
    p = lab.galsyncd("--doctor", conf=file)
    check_output(lab, p)
    assert p.returncode == DONE and p.stderr == "", p.stdout + p.stderr
    check_words(p.stdout, [
        "ok      forest 'acme': the keytab has keys for AES\n",
        "ok      forest 'globex': dc1.globex.example answers, signed and sealed by Kerberos\n",
        "ok      forest 'acme': changes are found by DirSync\n",
        "ok      forest 'globex': deleted objects are seen\n",
        "ok      link acme-globex: every attribute that the configuration names is in the schemas\n",
        "ok      link acme-globex: every OU and group that the configuration names is there\n",
        "ok      link acme-globex: databases and home server of new mailboxes are there\n",
        "ok      link acme-globex: the accounts have the rights that they need\n",
        "ok      link acme-globex: no others have addresses in the redirect domains\n",
        "ok      link acme-globex: no setting gives one value to two objects\n"])
    assert all(line.startswith("ok ") for line in p.stdout.splitlines()), p.stdout


@pytest.mark.parametrize("args, words", [
    (("--doctor", "--once"), ["one of -t, -T, --doctor and --once"]),
    (("--doctor", "--full"), ["--full and --plan go with --once"]),
    (("-t", "--link", "acme-globex"), ["--link goes with --once or --doctor"]),
    (("--doctor", "--link", "nolink"), ["no link named 'nolink'", "acme-globex"])],
    ids=" ".join)
def test_usage(lab, args, words):
    refused(lab, lab.path("galsync.conf"), *words, status=USAGE, args=args)


def test_one_link(lab):
    assert not doctor(lab, lab.path("galsync.conf"), "--link", "acme-globex", status=DONE)


# (a) Places

def test_no_target_ou(lab, tmp_path):
    account = Account(lab, GLOBEX, "svc-doctor")
    ou = f"OU=Acmee,{GLOBEX.base}"
    file = conf(lab, tmp_path, target_ou=ou, globex=account.keys(tmp_path))
    valid(lab, file)
    where = f"{file}:{line_of(file, 'Acmee')}: links[0].scopes[0].target_ou"
    words = [f"'{ou}' does not exist in forest 'globex', and the account may not create it in "
             f"'{GLOBEX.base}'", "correct the name, or create the OU", "delegate.sh"]
    problem(doctor(lab, file), where, *words)
    bad_for_a_plan(lab, file, where, *words)


@pytest.mark.parametrize("key, dn, forest, values", [
    ("scopes[0].base", f"OU=Stuff,{ACME.base}", "acme", {"base": f"OU=Stuff,{ACME.base}"}),
    ("match_bases[0]", f"OU=Poeple,{GLOBEX.base}", "globex",
     {"link": f'match_bases = [ "OU=Poeple,{GLOBEX.base}" ];'})], ids=["base", "match base"])
def test_no_base(lab, tmp_path, key, dn, forest, values):
    file = conf(lab, tmp_path, **values)
    valid(lab, file)
    where = f"{file}:{line_of(file, dn)}: links[0].{key}"
    words = [f"'{dn}' does not exist in forest '{forest}'", "correct the name"]
    problem(doctor(lab, file), where, *words)
    bad_for_a_plan(lab, file, where, *words)


def test_no_ou_for_return_contacts(lab, tmp_path):
    ou = f"OU=Globex GLA,{ACME.base}"
    file = conf(lab, tmp_path, link=f'return_contacts_ou = "{ou}";')
    where = f"{file}:{line_of(file, ou)}: links[0].return_contacts_ou"
    problem(doctor(lab, file), where, f"'{ou}' does not exist in forest 'acme'", "create the OU")
    refused(lab, file, where, f"'{ou}' does not exist", args=("--once", "--full", "--plan"))


# (b) The marker group

def test_no_marker_group(lab, tmp_path):
    group = f"CN=switchd,{ACME.base}"
    file = conf(lab, tmp_path, link=f'marker_group = "{group}";')
    where = f"{file}:{line_of(file, group)}: links[0].marker_group"
    words = [f"'{group}' does not exist in forest 'acme'", "create the group"]
    valid(lab, file)
    problem(doctor(lab, file), where, *words)
    planned(lab, file, where, *words)


def test_marker_group_that_is_none(lab, tmp_path):
    file = conf(lab, tmp_path, base=f"OU=Special,{STAFF_OU}", link=f'marker_group = "{STAFF_OU}";')
    where = f"{file}:{line_of(file, 'marker_group =')}: links[0].marker_group"
    problem(doctor(lab, file), where, f"'{STAFF_OU}' of forest 'acme' is no group")


def test_marker_group_that_may_not_be_written(lab, tmp_path):
    group = f"CN=unwritten,{ACME.base}"
    lab.source.add(group, objectClass="group", sAMAccountName="unwritten")
    file = conf(lab, tmp_path, link=f'marker_group = "{group}";')
    where = f"{file}:{line_of(file, group)}: links[0].marker_group"
    words = [f"the account lacks the right to write attribute member of '{group}'", "delegate.sh"]
    problem(doctor(lab, file), where, *words)
    planned(lab, file, where, *words)
    lab.source.delete(group)


# (c) Attributes that no schema knows

@pytest.mark.parametrize("key, text, values, words", [
    ("scopes[0].filter", "departmnet", {"create": 'mailbox"; filter = "(departmnet=Sales)'},
     ["'(departmnet=Sales)'", "the schema of forest 'acme' has no attribute 'departmnet'"]),
    ("primary_address", "givnName", {"link": 'primary_address = "%{givnName}@globex.example";'},
     ["the schema of forest 'acme' has no attribute 'givnName'"]),
    ("redirect_address", "mailNickame", {"link": 'redirect_address = "%{mailNickame}";'},
     ["the schema of forest 'acme' has no attribute 'mailNickame'"]),
    ("match[1]", "emploeeID", {"link": 'match = [ "stamp", "attribute:employeeID=emploeeID" ];'},
     ["'emploeeID': the schema of forest 'globex' has no such attribute"]),
    ("match[1]", "emploeeID", {"link": 'match = [ "stamp", "attribute:emploeeID=employeeID" ];'},
     ["'emploeeID': the schema of forest 'acme' has no such attribute"]),
    ("attributes[0].attribute", "shoeSize", {
        "link": 'attributes = ( { attribute = "shoeSize"; source = "title"; } );'},
     ["'shoeSize': the schema of forest 'globex' has no such attribute"]),
    ("attributes[0].source", "shoeSize", {
        "link": 'attributes = ( { attribute = "title"; source = "shoeSize"; } );'},
     ["'shoeSize': the schema of forest 'acme' has no such attribute"]),
    ("attributes[0].value", "shoeSize", {
        "link": 'attributes = ( { attribute = "title"; how = "template"; '
                'value = "%{shoeSize}"; } );'},
     ["the schema of forest 'acme' has no attribute 'shoeSize'"]),
    ("marker_attribute", "extensionAttribute41", {
        "link": 'marker_attribute = "extensionAttribute41";'},
     ["'extensionAttribute41' of forest 'acme' does not exist there"]),
    ("readiness_attribute", "extensionAttribute31", {
        "link": 'readiness_attribute = "extensionAttribute31";'},
     ["'extensionAttribute31': the schema of forest 'acme' has no such attribute"]),
], ids=lambda v: v if isinstance(v, str) else "")
def test_unknown_attribute(lab, tmp_path, key, text, values, words):
    file = conf(lab, tmp_path, **values)
    valid(lab, file)
    where = f"{file}:{line_of(file, text)}: links[0].{key}"
    problem(doctor(lab, file), where, *words)
    bad_for_a_plan(lab, file, where, *words)


def test_unknown_stamp(lab, tmp_path):
    file = conf(lab, tmp_path, globex={"stamp_attribute": '"extensionAttribute51"'})
    where = f"{file}:{line_of(file, 'extensionAttribute51')}: forests[1].stamp_attribute"
    words = ["'extensionAttribute51' of forest 'globex' does not exist there", "allowed: "]
    problem(doctor(lab, file), where, *words)
    bad_for_a_plan(lab, file, where, *words)


def test_all_of_them_in_one_run(lab, tmp_path):
    file = conf(lab, tmp_path, target_ou=f"OU=Acmee,OU=No,{TARGET_OU}",
                database=f"CN=DB9,{GLOBEX.exchange_containers[4]}",
                create='mailbox"; filter = "(departmnet=Sales)',
                link='match = [ "stamp", "attribute:emploeeID=emploeeID" ];')
    lines = doctor(lab, file)
    assert len([x for x in lines if x.startswith("PROBLEM")]) == 4, lines
    p = refused(lab, file, "departmnet", args=("--once", "--full", "--plan"))
    assert p.stderr.count("emploeeID': the schema") == 2


# (d) Databases and servers

@pytest.mark.parametrize("key, values, words", [
    ("databases[0]", {"database": f"CN=DB9,{GLOBEX.exchange_containers[4]}"},
     ["DB9", "does not exist in forest 'globex'", "Get-MailboxDatabase"]),
    ("home_server", {"home_server": GLOBEX.home_server.replace("EX1", "EX9")},
     ["the configuration of forest 'globex' has no server", "cn=EX9'", "Get-ExchangeServer"]),
], ids=["database", "server"])
def test_no_place_for_mailboxes(lab, tmp_path, key, values, words):
    file = conf(lab, tmp_path, **values)
    valid(lab, file)
    where = f"{file}:{line_of(file, 'databases')}: links[0].mailbox.{key}"
    problem(doctor(lab, file), where, *words)
    bad_for_a_plan(lab, file, where, *words)


# (e) A redirect domain that is in use

def test_redirect_domain_in_use(lab, tmp_path):
    dn = f"CN=Helpdesk,{ACME.base}"
    lab.source.add(dn, objectClass="contact", mailNickname="helpdesk",
                   proxyAddresses=["SMTP:help@redirect.acme.example"])
    file = conf(lab, tmp_path)
    where = f"{file}:{line_of(file, 'redirect.acme.example')}: forests[0].redirect_domain"
    words = ["'redirect.acme.example' is in use in forest 'acme': 1 object has addresses in it",
             f"'SMTP:help@redirect.acme.example' of '{dn}'", "take them away, or choose a domain"]
    valid(lab, file)
    problem(doctor(lab, file), where, *words)
    planned(lab, file, where, *words)
    lab.source.delete(dn)


# (f) A realm in small letters

def test_realm_in_small_letters(lab, tmp_path):
    file = conf(lab, tmp_path, globex={
        "auth": gssapi(lab.path("globex.keytab"), "svc-galsync@globex.example")})
    words = [f"{file}:{line_of(file, '@globex.example')}: forests[1].auth.principal: ",
             "'svc-galsync@globex.example' has its realm in small letters",
             "did you mean 'svc-galsync@GLOBEX.EXAMPLE'?"]
    for args in (("-t",), ("--doctor",), ("--once", "--full", "--plan")):
        refused(lab, file, *words, args=args)


# (g) One value for two objects

@pytest.mark.parametrize("key, link, words", [
    ("primary_address", 'primary_address = "all@globex.example";',
     ["'all@globex.example' gives every object the same address"]),
    ("redirect_address", 'redirect_address = "all";',
     ["'all' gives every object the same address"]),
    ("attributes[0].value", 'attributes = ( { attribute = "userPrincipalName"; how = "constant"; '
     'value = "all@globex.example"; } );',
     ["'all@globex.example' would be the userPrincipalName of every object"]),
    ("attributes[0].value", 'attributes = ( { attribute = "mailNickname"; how = "template"; '
     'value = "all"; } );',
     ["'all' would be the mailNickname of every object"]),
], ids=["primary", "redirect", "upn", "alias"])
def test_constant(lab, tmp_path, key, link, words):
    file = conf(lab, tmp_path, link=link)
    where = f"{file}:{line_of(file, link[:20])}: links[0].{key}: "
    for args in (("-t",), ("--doctor",), ("--once", "--full", "--plan")):
        refused(lab, file, where, "allowed: ", *words, args=args)


@pytest.mark.parametrize("key, link", [
    ("primary_address", 'primary_address = "%{company:lower}@globex.example";'),
    ("attributes[0].source", 'attributes = ( { attribute = "sAMAccountName"; '
     'source = "company"; } );')], ids=["template", "copy"])
def test_one_value_for_two_objects(lab, tmp_path, key, link):
    """Which objects have it only the directory tells."""
    company = "Twice"
    for name in ("one", "two"):
        lab.source.add(f"CN=Twice {name},{STAFF_OU}", objectClass="user",
                       sAMAccountName=f"twice-{name}", userAccountControl="544",
                       mailNickname=f"twice-{name}", company=company,
                       mail=f"twice-{name}@acme.example",
                       proxyAddresses=[f"SMTP:twice-{name}@acme.example"],
                       legacyExchangeDN=f"{ACME.admin_group}/cn=Recipients/cn=twice-{name}",
                       homeMDB=ACME.databases[0], msExchHomeServerName=ACME.home_server)
    file = conf(lab, tmp_path, link=link, create='mailbox"; filter = "(company=Twice)')
    where = f"{file}:{line_of(file, link[:20])}: links[0].{key}"
    words = ["gives 1 value to more than one object", f"'CN=Twice one,{STAFF_OU}'",
             f"'CN=Twice two,{STAFF_OU}'", "what no two objects have in common"]
    valid(lab, file)
    problem(doctor(lab, file), where, *words)
    planned(lab, file, where, *words)
    for name in ("one", "two"):
        lab.source.delete(f"CN=Twice {name},{STAFF_OU}")


# Rights, and what does not answer

def test_rights_are_named(lab, tmp_path):
    """One that may read, and nothing else."""
    account = Account(lab, ACME, "svc-doctor")
    file = conf(lab, tmp_path, acme=account.keys(tmp_path))
    lines = doctor(lab, file)
    where = f"{file}:{line_of(file, 'scopes')}: links[0].scopes[0].base"
    check_words("\n".join(lines), [
        f"PROBLEM {where}: forest 'acme': the account lacks the right to write attributes "
        "proxyAddresses, targetAddress, msExchCalendarRepairDisabled, extensionAttribute14, mail, ",
        "attribute proxyAddresses of objects such as 'CN="])
    assert any("DS-Replication-Get-Changes" in x and x.startswith("note ") for x in lines), lines
    assert any("the account does not see deleted objects" in x and x.startswith("PROBLEM ")
               for x in lines), lines


def test_a_forest_that_does_not_answer(lab, tmp_path):
    """The other one is looked at all the same."""
    file = conf(lab, tmp_path, base=f"OU=Stuff,{ACME.base}",
                globex={"servers": ["ldap://dc1.globex.example:1"]})
    lines = doctor(lab, file)
    where = f"{file}:{line_of(file, 'redirect.globex')}: forests[1].name"
    problem(lines, where, "dc1.globex.example:1")
    problem(lines, f"{file}:{line_of(file, 'OU=Stuff')}: links[0].scopes[0].base", "OU=Stuff")
    assert any(x.startswith("note ") and "not all could be looked at" in x for x in lines)


def test_keytab_without_aes(lab, tmp_path):
    # pylint: disable=import-outside-toplevel
    from test_205_tls_and_kerberos import keytab
    file = conf(lab, tmp_path, globex={"auth": gssapi(keytab(tmp_path / "old.keytab", 23))})
    lines = doctor(lab, file)
    problem(lines, f"{file}:{line_of(file, 'old.keytab')}: forests[1].auth.keytab",
            "forest 'globex'", "no AES key of 'svc-galsync@GLOBEX.EXAMPLE'")


# What galsync wrote

def test_after_the_first_synchronization(lab, tmp_path):
    """Its own addresses are no reason for a word, with the map or without."""
    file = conf(lab, tmp_path, link="limits = { matches = 1000; };")
    p = lab.galsyncd("--once", "--full", conf=file)
    assert p.returncode == COMPLETE, p.stderr
    assert "is in use" not in p.stderr
    assert not doctor(lab, file, status=DONE)
    text = open(file, encoding="utf-8").read().replace("/state", "/other")
    other = write(tmp_path / "other.conf", text)
    assert not doctor(lab, other, status=DONE)
    p = lab.galsyncd("--once", "--full", "--plan", conf=other)
    assert p.returncode in DONE_OR_COMPLETE and "is in use" not in p.stderr, p.stderr
