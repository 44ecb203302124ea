# SPDX-License-Identifier: MIT
"""Least rights: what `galsyncd -T --rights` names and delegate.sh grants is enough for a full
synchronization, and what an account would need to take others over is not among it."""

import os
import re
import shutil
import uuid

import ldap
import pytest

from badinput_helpers import COMPLETE, DONE, USAGE, check_output, check_words, conf, write
from conftest import ROOT
from galsynclab.lab import ACME, GLOBEX, PEOPLE_OU, STAFF_OU, TARGET_OU
from rights_helpers import Account

WIDE = "(OA;CIIO;RPWP;;bf967aba-0de6-11d0-a285-00aa003049e2;{})"


@pytest.fixture(scope="module", name="accounts")
def fixture_accounts(lab):
    return Account(lab, ACME, "svc-least"), Account(lab, GLOBEX, "svc-least")


@pytest.fixture(scope="module", name="file")
def fixture_file(lab, accounts, tmp_path_factory):
    directory = tmp_path_factory.mktemp("least")
    return conf(lab, directory, acme=accounts[0].keys(directory), globex=accounts[1].keys(directory))


def rights(lab, file, directory, name="rights"):
    p = lab.galsyncd("-T", "--rights", conf=file)
    check_output(lab, p)
    assert p.returncode == DONE, p.stderr
    return write(directory / name, p.stdout)


def is_refused(account, dn, attribute, value):
    """Does the server refuse the account for want of rights, and not for anything else?"""
    try:
        account.connect().modify_s(dn, [(ldap.MOD_ADD, attribute, [value.encode()])])
    except ldap.INSUFFICIENT_ACCESS:
        return True
    return False


def test_option(lab):
    p = lab.galsyncd("--rights")
    assert p.returncode == USAGE and "--rights goes with -T" in p.stderr


def test_enough_for_a_full_synchronization(lab, accounts, file, tmp_path):
    given = rights(lab, file, tmp_path)
    for account, more in ((accounts[0], ()), (accounts[1], ("--match-scope", PEOPLE_OU))):
        p = account.delegate("--rights", given, *more)
        assert p.returncode == 0, p.stderr
        assert "the schema has no" not in p.stderr
    check_words(p.stdout, [PEOPLE_OU, "  write displayName user contact group\n",
                           "  write member group\n"])
    p = lab.galsyncd("--once", "--full", conf=file)
    check_output(lab, p)
    assert p.returncode == COMPLETE, p.stderr
    assert "lacks the right" not in p.stderr and "Insufficient" not in p.stderr, p.stderr
    check_words(p.stdout, ["created: mailbox", "created: group", "matched for the first time"])
    assert "  failed " not in p.stdout
    # What was there before is written, and nothing is left to be.
    assert "extensionAttribute15" in lab.target.read(lab.special["globex"]["mail-match"])
    assert re.search(r"changes written +0\n", lab.galsyncd("--once", "--full", conf=file).stdout)


@pytest.mark.parametrize("attribute, value", [
    ("servicePrincipalName", "host/taken.globex.example"), ("scriptPath", "evil.cmd"),
    ("altSecurityIdentities", "Kerberos:evil@ACME.EXAMPLE"), ("userWorkstations", "x"),
    ("sIDHistory", "x"), ("msDS-AllowedToDelegateTo", "cifs/dc1.globex.example"),
    ("description", "x")])
def test_no_more_than_that(lab, accounts, attribute, value):
    dn = lab.special["globex"]["mail-match"]
    assert is_refused(accounts[1], dn, attribute, value)
    assert attribute not in lab.target.read(dn)


@pytest.mark.parametrize("attribute, value", [
    ("userAccountControl", "4260352"), ("sAMAccountName", "krbtgt2"),
    ("userPrincipalName", "administrator@globex.example"), ("primaryGroupID", "512")])
def test_what_an_account_is(lab, accounts, attribute, value):
    dn = lab.special["globex"]["mail-match"]
    with pytest.raises(ldap.INSUFFICIENT_ACCESS):
        accounts[1].connect().modify_s(dn, [(ldap.MOD_REPLACE, attribute, [value.encode()])])


def test_what_is_synchronized_may_be_written(lab, accounts):
    dn = lab.special["globex"]["mail-match"]
    accounts[1].connect().modify_s(dn, [(ldap.MOD_REPLACE, "pager", [b"4711"])])
    assert lab.target.read(dn)["pager"] == [b"4711"]


def test_members_only_of_synchronized_groups(lab, accounts, file, tmp_path):
    """Without groups among the kinds the right is taken back."""
    group = f"CN=Door keys,{PEOPLE_OU}"
    lab.target.add(group, objectClass="group", sAMAccountName="door-keys")
    assert not is_refused(accounts[1], group, "member", accounts[1].dn)
    with open(file, encoding="utf-8") as f:
        text = f.read()
    assert "create = " in text
    users = write(tmp_path / "users.conf",
                  text.replace("create = ", 'kinds = [ "user", "contact" ]; create = '))
    given = rights(lab, users, tmp_path)
    assert accounts[1].delegate("--rights", given, "--match-scope", PEOPLE_OU).returncode == 0
    assert is_refused(accounts[1], group, "member", lab.special["globex"]["mail-match"])
    p = accounts[1].delegate("--rights", given, "--match-scope", PEOPLE_OU)
    assert p.returncode == 0 and "member" not in p.stdout


@pytest.fixture(scope="module", name="reporter")
def fixture_reporter(lab):
    """A user in the scope, who has no rights but its own."""
    user = Account(lab, ACME, "reporter")
    lab.source.rename(user.dn, f"CN={user.name}", STAFF_OU)
    user.dn = f"CN={user.name},{STAFF_OU}"
    yield user
    lab.source.delete(user.dn)


def reports_by(lab, account, directory, attribute):
    """Gives ACCOUNT what a configuration with this client_attribute, or none, needs."""
    more = f'client_attribute = "{attribute}";' if attribute else ""
    given = rights(lab, conf(lab, directory, link=more), directory, name="reports")
    with open(given, encoding="utf-8") as f:
        assert bool(attribute) == ("  self-write " in f.read())
    p = account.delegate("--rights", given)
    assert p.returncode == 0, p.stderr
    return p.stdout


def test_a_user_reports_by_its_own_object_alone(lab, accounts, reporter, tmp_path):
    assert is_refused(reporter, reporter.dn, "extensionAttribute12", "x")
    usn = None
    for _ in range(2):
        assert usn in (None, lab.source.usn())
        assert "  self-write extensionAttribute12\n" in \
            reports_by(lab, accounts[0], tmp_path, "extensionAttribute12")
        usn = lab.source.usn()
    assert not is_refused(reporter, reporter.dn, "extensionAttribute12", "x")
    assert is_refused(reporter, reporter.dn, "extensionAttribute11", "x")
    assert is_refused(reporter, lab.special["acme"]["comma"], "extensionAttribute12", "x")


def test_the_right_to_report_is_taken_back(lab, accounts, reporter, tmp_path):
    """When the configuration names another attribute, or none; but for what others gave or need."""
    def may(number):
        attribute = f"extensionAttribute{number}"
        lab.source.modify(reporter.dn, **{attribute: None})
        return not is_refused(reporter, reporter.dn, attribute, "x")
    other = Account(lab, ACME, "svc-other")
    schema = f"CN=Schema,CN=Configuration,{ACME.base}"
    p = lab.run(["ldbsearch", "-H", ACME.sam_ldb, "-b", schema,
                 "(lDAPDisplayName=extensionAttribute10)", "schemaIDGUID"])
    ten = re.search(r"schemaIDGUID: (\S+)", p.stdout)[1]
    theirs = f"(OA;CIIO;WP;{ten};bf967aba-0de6-11d0-a285-00aa003049e2;PS)"
    assert lab.run(["samba-tool", "dsacl", "set", "-H", ACME.sam_ldb, f"--objectdn={STAFF_OU}",
                    f"--trusteedn={reporter.dn}", f"--sddl={theirs}"]).returncode == 0
    assert may(10)
    for name in ("extensionAttribute11", "extensionAttribute12"):
        reports_by(lab, accounts[0], tmp_path, name)
        assert (may(11), may(12)) == (name[-1] == "1", name[-1] == "2"), name
    reports_by(lab, accounts[0], tmp_path, "extensionAttribute10")
    assert may(10) and not may(11) and not may(12)
    reports_by(lab, accounts[0], tmp_path, None)
    assert may(10), "it was there before"
    reports_by(lab, accounts[0], tmp_path, "extensionAttribute12")
    reports_by(lab, other, tmp_path, "extensionAttribute12")
    reports_by(lab, accounts[0], tmp_path, None)
    assert may(12), "another account needs it"
    reports_by(lab, other, tmp_path, None)
    assert not may(12) and may(10)


def test_without_its_list(lab, accounts, tmp_path):
    """The script alone does with --rights; without that it says what is missing."""
    alone = shutil.copy(os.path.join(ROOT, "conf", "delegate.sh"), tmp_path)
    p = accounts[1].delegate("--target-ou", TARGET_OU, "--print", script=alone)
    assert p.returncode == 1 and "delegate.rights is missing" in p.stderr
    given = write(tmp_path / "rights", f"forest globex globex.example\ntarget-ou {TARGET_OU}\n  read\n")
    p = accounts[1].delegate("--rights", given, "--print", script=alone)
    assert p.returncode == 0, p.stderr


def test_again_changes_nothing_and_takes_back_what_was_wide(lab, tmp_path):
    account = Account(lab, GLOBEX, "svc-wide")
    options = ("--target-ou", TARGET_OU, "--match-scope", PEOPLE_OU)
    assert account.delegate(*options).returncode == 0
    narrow, usn = account.entries(PEOPLE_OU), lab.target.usn()
    assert len(narrow) > 90 and all(";WP;" in e or ";CC;" in e or ";DC;" in e or
                                     ";RPLCLORC;" in e for e in narrow)
    assert account.delegate(*options).returncode == 0
    assert lab.target.usn() == usn
    sid = narrow[0].rstrip(")").rpartition(";")[2]
    assert lab.run(["samba-tool", "dsacl", "set", "-H", GLOBEX.sam_ldb, f"--objectdn={PEOPLE_OU}",
                    f"--trusteedn={account.dn}", f"--sddl={WIDE.format(sid)}"]).returncode == 0
    assert WIDE.format(sid) in account.entries(PEOPLE_OU)
    assert account.delegate(*options).returncode == 0
    assert account.entries(PEOPLE_OU) == narrow


@pytest.mark.parametrize("user", [["-U", "Administrator"], ["-UAdministrator"],
                                  ["--user=GLOBEX\\Administrator"],
                                  ["-U", "Administrator@GLOBEX.EXAMPLE"]], ids=" ".join)
@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "input"])
def test_the_password_is_asked_for_once_and_shown_to_nobody(lab, tmp_path, user, terminal):
    """With the smb.conf that Debian brings, whose workgroup is no domain of ours."""
    if not os.path.exists("/usr/share/samba/smb.conf") or not os.path.exists("/etc/samba/smb.conf"):
        pytest.skip("Debian's smb.conf is not there (package samba-common)")
    account = Account(lab, GLOBEX, f"svc-asked-{uuid.uuid4().hex[:8]}")
    with open(lab.path("globex.admin-password"), encoding="ascii") as f:
        password = f.read().strip()
    status, text, seen = account.delegate_by_password(
        tmp_path, "--source-scope", PEOPLE_OU, "--", *user, terminal=terminal,
        typed=password + "\n")
    assert status == 0, text
    assert text.count("Password") == 1 and text.count("CALLED") == 0
    assert seen.count("CALLED\n") > 5
    assert password not in text and password not in seen
    assert len(account.entries(PEOPLE_OU)) > 5


def test_a_password_in_the_arguments_goes_no_further(lab, tmp_path):
    account = Account(lab, GLOBEX, "svc-told")
    with open(lab.path("globex.admin-password"), encoding="ascii") as f:
        password = f.read().strip()
    for how in (["-U", f"Administrator%{password}"],
                ["--user=Administrator", f"--password={password}"]):
        status, text, seen = account.delegate_by_password(
            tmp_path, "--print", "--target-ou", TARGET_OU, "--", *how, terminal=False, typed="")
        assert status == 0 and "Password" not in text, text
        assert seen.count("CALLED\n") > 2 and password not in seen


def test_a_wrong_password_changes_nothing(lab, tmp_path):
    account, usn = Account(lab, GLOBEX, "svc-wrong"), lab.target.usn()
    for typed in ("wrong\n", "$(id)`id` \\ \"'\n", ""):
        status, text, _ = account.delegate_by_password(
            tmp_path, "--target-ou", TARGET_OU, "--", "-U", "Administrator", terminal=False,
            typed=typed)
        assert status == 1 and ("refuses these credentials" in text or "there is no password" in text)
    status, text, _ = account.delegate_by_password(
        tmp_path, "--rights", "-", "--", "-U", "Administrator", terminal=False, typed="x\n")
    assert status == 1 and "no terminal to ask" in text
    assert lab.target.usn() == usn


@pytest.mark.parametrize("text, words", [
    ("forest acme acme.example\nsource-scope OU=Staff,DC=acme,DC=example\n  read\n",
     ["says nothing of globex.example", "acme.example"]),
    ("forest globex globex.example\ntarget-ou OU=Acme,DC=globex,DC=example\n  own everything\n",
     [":3:", "own everything", "is not understood"]),
    ("forest globex\n", [":1:", "forest NAME DOMAIN"])])
def test_what_is_no_list_of_rights(lab, accounts, tmp_path, text, words):
    usn = lab.target.usn()
    p = accounts[1].delegate("--rights", write(tmp_path / "rights", text))
    assert p.returncode != 0
    check_words(p.stderr, words)
    assert lab.target.usn() == usn


def test_a_place_with_very_many_rights(lab):
    """Near the most that a directory takes, which is more than fits into one argument."""
    account, ou = Account(lab, GLOBEX, "svc-long"), f"OU=Crowded,{GLOBEX.base}"
    lab.target.add(ou, objectClass="organizationalUnit")
    sid = "S-1-5-21-1111111111-2222222222-3333333333-"
    sddl = "".join(f"(OA;CIIO;CCDCLCSWRPWPDTLOCRSDRCWDWO;{i:08x}-0de6-11d0-a285-00aa003049e2;"
                   f"bf967aba-0de6-11d0-a285-00aa003049e2;{sid}{i})" for i in range(1000, 1860))
    assert len(sddl) > 128 << 10
    half = sddl.index(f"{sid}1400") + len(f"{sid}1400)")
    for part in (sddl[:half], sddl[half:]):
        p = lab.run(["samba-tool", "dsacl", "set", "-H", GLOBEX.sam_ldb, f"--objectdn={ou}",
                     f"--trusteedn={account.dn}", f"--sddl={part}"])
        assert p.returncode == 0, p.stderr
    p = account.delegate("--source-scope", ou)
    assert p.returncode == 0, p.stderr
    assert len(account.entries(ou)) > 5


def test_places_go_with_one_way_only(lab, accounts, tmp_path):
    p = accounts[1].delegate("--rights", write(tmp_path / "rights"), "--target-ou", TARGET_OU)
    assert p.returncode != 0 and "only --match-scope goes with --rights" in p.stderr


def test_what_is_missing_is_named(lab, file, tmp_path):
    """Exactly the attributes that may not be written; what stops nothing is a warning."""
    source, target = Account(lab, ACME, "svc-less"), Account(lab, GLOBEX, "svc-less")
    with open(rights(lab, file, tmp_path), encoding="utf-8") as f:
        lines = [line for line in f if line.split()[:2] not in (
            ["write", "pager"], ["write", "title"], ["write", "extensionAttribute14"])]
    given = write(tmp_path / "less", "".join(lines))
    assert source.delegate("--rights", given).returncode == 0
    assert target.delegate("--rights", given, "--match-scope", PEOPLE_OU).returncode == 0
    less = conf(lab, tmp_path, acme=source.keys(tmp_path), globex=target.keys(tmp_path))
    p = lab.galsyncd("--once", "--full", "--plan", conf=less)
    assert p.returncode in (DONE, COMPLETE), p.stderr
    check_words(p.stderr, [
        "forest 'acme': the account lacks the right to write attributes extensionAttribute14, "
        "title, pager of",
        "forest 'globex': the account lacks the right to write attributes title, pager of"])
    assert STAFF_OU in p.stderr
