# SPDX-License-Identifier: MIT
"""Two domain controllers in the target forest: the daemon has to go on with one that has not
received yet what was created on the other. Nothing is created twice."""

import uuid

import ldap
import pytest
from badinput_helpers import conf, first_logon
from conftest import wait_for
from galsynclab.lab import ACME, GLOBEX, STAFF_OU, second
from outage_helpers import QUICK, Watched, check_same, counterpart, wait_titles

GLOBEX2 = second(GLOBEX)
DN = f"CN=Lag Test,{STAFF_OU}"


@pytest.fixture(scope="module", name="pair")
def fixture_pair(lab):
    """The lab with two domain controllers in the target forest."""
    lab.command("add-dc", "globex")
    lab.target.conn = None
    try:
        first_logon(lab)
        yield lab
    finally:
        lab.command("remove-dc", "globex")
        lab.reset()


@pytest.fixture(name="daemon")
def fixture_daemon(pair, tmp_path):
    servers = [f"ldap://{f.host}" for f in (GLOBEX, GLOBEX2)]
    file = conf(pair, tmp_path, link="interval_s = 1;",
                globex={"servers": servers, "extra": QUICK}, acme={"extra": QUICK})
    d = Watched(pair, file)
    with d.started():
        yield d


def on_second(lab):
    """The titles of the object on the second controller, one list an object."""
    conn = ldap.initialize(f"ldap://{GLOBEX2.address}")
    conn.set_option(ldap.OPT_REFERRALS, 0)
    with open(lab.path("globex.admin-password"), encoding="ascii") as f:
        conn.simple_bind_s(f"Administrator@{GLOBEX.realm}", f.read())
    rows = conn.search_s(GLOBEX.base, ldap.SCOPE_SUBTREE, "(cn=Lag Test*)", ["title"])
    return [entry.get("title") for dn, entry in rows if dn]


def test_waits_for_what_was_created_elsewhere(daemon, pair):
    pair.command("replicate", "globex", "globex2")
    alias = "lagtest"
    pair.source.add(DN, objectClass="user", sAMAccountName=alias, userAccountControl="544",
                    displayName="Lag Test", mailNickname=alias, mail=f"{alias}@acme.example",
                    proxyAddresses=f"SMTP:{alias}@acme.example", title="Created",
                    legacyExchangeDN=f"{ACME.admin_group}/cn=Recipients/cn={alias}",
                    homeMDB=ACME.databases[0], msExchHomeServerName=ACME.home_server,
                    msExchMailboxGuid=uuid.uuid4().bytes_le, msExchVersion="44220983382016",
                    msExchRecipientTypeDetails="1", msExchRecipientDisplayType="1073741824")
    wait_titles(pair, [DN], "Created")
    daemon.wait_idle()
    daemon.set_mark()
    pair.command("dc", "kill", "globex")
    assert not on_second(pair), "the second has it already: nothing to see"
    pair.source.modify(DN, title="Changed meanwhile")
    wait_for(lambda: "may not have received it yet" in daemon.news(), "it is not waited for", 60)
    assert not on_second(pair)
    pair.command("dc", "start", "globex")
    pair.target.conn = None
    pair.command("replicate", "globex", "globex2")
    pair.command("replicate", "globex2", "globex")
    wait_for(lambda: counterpart(pair, DN).get("title") == [b"Changed meanwhile"]
             or [b"Changed meanwhile"] in on_second(pair), "it is not carried on", 90)
    pair.command("replicate", "globex2", "globex")
    assert len(on_second(pair)) == 1
    wait_titles(pair, [DN], "Changed meanwhile")
    check_same(pair, daemon)
