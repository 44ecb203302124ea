# SPDX-License-Identifier: MIT
"""Bad input, third part: accounts that lack rights, a forest that lacks attributes, and values that
a forest does not take."""

import re
import shutil
import subprocess

import pytest

from badinput_helpers import (COMPLETE, FAILED, check_output, check_words, conf, first_logon,
                              refused, write)
from conftest import BUILD, LAB
from galsynclab.lab import ACME, GLOBEX, PEOPLE_OU, TARGET_OU
from rights_helpers import Account

USER, GROUP, CONTACT = ("bf967aba-0de6-11d0-a285-00aa003049e2",
                        "bf967a9c-0de6-11d0-a285-00aa003049e2",
                        "5cb41ed0-0e4c-11d0-a286-00aa003049e2")


@pytest.fixture(scope="module", autouse=True)
def fixture_first_logon(lab):
    first_logon(lab)


@pytest.fixture(scope="module", name="account")
def fixture_account(lab):
    """An account of GLOBEX; the tests below give it more and more."""
    return Account(lab, GLOBEX, "svc-partial")


def test_no_right_in_the_source(lab, tmp_path):
    nobody = Account(lab, ACME, "svc-nothing")
    file = conf(lab, tmp_path, acme=nobody.keys(tmp_path))
    refused(lab, file, "forest 'acme'", "lacks the right to write attributes proxyAddresses, "
            "targetAddress, msExchCalendarRepairDisabled, extensionAttribute14, mail, ",
            "OU=Staff,DC=acme,DC=example'", "grant it", "delegate.sh", secret=[nobody.password])


def test_no_right_in_the_target(lab, tmp_path, account):
    file = conf(lab, tmp_path, globex=account.keys(tmp_path))
    refused(lab, file, "forest 'globex'", "lacks the right to create objects of class user in",
            f"'{TARGET_OU}'", "grant it", "delegate.sh", secret=[account.password])


def test_no_right_to_make_the_target_ou(lab, tmp_path, account):
    file = conf(lab, tmp_path, globex=account.keys(tmp_path),
                target_ou=f"OU=New,OU=Newer,{TARGET_OU}")
    refused(lab, file, f"'OU=New,OU=Newer,{TARGET_OU}' does not exist in forest 'globex'",
            f"the account may not create it in '{TARGET_OU}'", "create the OU", "delegate.sh")


def test_a_part_of_the_rights(lab, tmp_path, account):
    """What is there is not asked for, and what is missing is named."""
    file = conf(lab, tmp_path, globex=account.keys(tmp_path))
    for given, missing in ((USER, "group"), (GROUP, "contact")):
        account.may_create(TARGET_OU, given)
        refused(lab, file, f"lacks the right to create objects of class {missing} in",
                f"'{TARGET_OU}'", "forest 'globex'", secret=[account.password])
    account.may_create(TARGET_OU, CONTACT)


def test_a_mirrored_tree_needs_organizational_units(lab, tmp_path, account):
    file = conf(lab, tmp_path, globex=account.keys(tmp_path))
    with open(file, encoding="utf-8") as f:
        text = f.read().replace('create = "mailbox"', 'create = "mailbox"; layout = "mirror"')
    refused(lab, write(file, text), "lacks the right to create organizational units in",
            f"'{TARGET_OU}'", "forest 'globex'")


def test_no_right_to_write_what_is_matched(lab, tmp_path, account):
    """Objects may be made but those of others not be written: each is named with the server's
    words, the rest is done, and the next run goes on from there."""
    file = conf(lab, tmp_path, globex=account.keys(tmp_path))
    matched = lab.special["globex"]["mail-match"]
    before = lab.target.read(matched)
    p = lab.galsyncd("--once", "--full", conf=file)
    assert p.returncode == FAILED, p.stderr
    check_output(lab, p, account.password)
    check_words(p.stderr, [f"'{matched}' failed", "Insufficient access (50)",
                           "tried again in the next cycle"])
    assert matched.endswith(PEOPLE_OU)
    assert lab.target.read(matched) == before
    check_words(p.stdout, ["created: mailbox"])
    assert re.search(r"  failed +\d+\n", p.stdout)


# Values

def test_value_over_the_limit_of_its_attribute(lab, tmp_path):
    """The schema of the target says how long a value may be; initials have at most 6 characters."""
    lab.reset()
    row = 'attributes = ( { attribute = "initials"; how = "copy"; source = "company"; } );'
    file = conf(lab, tmp_path, link=row)
    p = lab.galsyncd("--once", "--full", conf=file)
    check_output(lab, p)
    assert p.returncode == COMPLETE, p.stderr
    line = next(x for x in p.stderr.splitlines() if lab.special["acme"]["mailbox"] in x)
    check_words(line, ["attribute 'initials' cannot be written to the target",
                       "9 characters, at most 6 are allowed"])
    assert re.search(r"  problems +\d+\n", p.stdout)
    # The rest of the object is there, and no part of the value.
    _, made = lab.target.find("(displayName=Martha Full)")
    assert made["company"] == [b"Acme Inc."]
    assert "initials" not in made


# Schema

def test_schema_that_changes(lab, tmp_path):
    """What is kept of a schema between runs is never older than the schema."""
    lab.reset()
    row = ('attributes = ( { attribute = "extensionAttribute10"; how = "copy"; '
           'source = "company"; } );')
    file = conf(lab, tmp_path, link=row)
    schema = f"CN=ms-Exch-Extension-Attribute-10,CN=Schema,CN=Configuration,{GLOBEX.base}"
    mailbox = lab.special["acme"]["mailbox"]
    assert "extensionAttribute10" not in lab.galsyncd("--once", "--full", conf=file).stderr
    # As it was kept by the run before.
    lab.source.modify(mailbox, company="Acme One")
    assert "extensionAttribute10" not in lab.galsyncd("--once", conf=file).stderr
    assert lab.target.find("(displayName=Martha Full)")[1]["extensionAttribute10"] == [b"Acme One"]
    lab.target.modify(schema, rangeUpper="4")
    try:
        lab.source.modify(mailbox, company="Acme Two")
        p = lab.galsyncd("--once", conf=file)
    finally:
        lab.target.modify(schema, rangeUpper="1024")
    check_words(p.stderr, ["attribute 'extensionAttribute10' cannot be written to the target",
                           "8 characters, at most 4 are allowed"])


@pytest.fixture(scope="module", name="plain")
def fixture_plain(tmp_path_factory):
    """A lab of its own whose target was never prepared for Exchange."""
    directory = tmp_path_factory.mktemp("plain") / "lab"
    argv = [LAB, "--dir", str(directory)]
    subprocess.run([*argv, "up", "--no-exchange", "globex"], check=True)
    yield argv, directory
    subprocess.run([*argv, "down"], check=True)
    shutil.rmtree(directory, ignore_errors=True)


def test_schema_without_exchange(plain):
    argv, directory = plain
    usn = ["ldapsearch", "-xLLL", "-H", GLOBEX.uri, "-s", "base", "-b", "", "highestCommittedUSN"]

    def run(*command):
        return subprocess.run([*argv, "run", "--", *command], text=True, check=False,
                              stdin=subprocess.DEVNULL, capture_output=True)

    for _ in range(2):      # the first logon is written to lastLogonTimestamp
        before = run(*usn).stdout
        p = run(f"{BUILD}/galsyncd", "-c", f"{directory}/galsync.conf", "--once", "--full")
    assert p.returncode == FAILED, p.stderr
    check_words(p.stderr, ["forest 'globex' lacks attributes", "mailNickname", "homeMDB",
                           "extensionAttribute15", "msExchMailboxGuid", "/PrepareSchema",
                           "link 'acme-globex'"])
    assert "USN" in before and run(*usn).stdout == before
