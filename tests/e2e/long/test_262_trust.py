# SPDX-License-Identifier: MIT
"""Linked mailboxes in a resource forest that trusts the account forest: the account that owns a
mailbox logs on to the other forest with its own password, and is there what msExchMasterAccountSid
names."""

import base64
import secrets
import struct

import pytest
from galsynclab.lab import ACME, GLOBEX, PEOPLE_OU, STAFF_OU

OU = f"OU=Trust,{STAFF_OU}"
ALIAS = "trusted.ann"
ANN = f"CN=Trusted Ann,{OU}"
NATIVE = f"CN=Globex Native,{PEOPLE_OU}"
LOCAL_GROUP = f"CN=Readers,{PEOPLE_OU}"
DOMAIN_LOCAL_SECURITY = 4 - 2**31


def sid_text(sid):
    return f"S-{sid[0]}-{int.from_bytes(sid[2:8], 'big')}-" + "-".join(
        map(str, struct.unpack(f"<{sid[1]}I", sid[8:])))


def recipient(side, dn, cls, alias, **more):
    f = side.forest
    side.add(dn, objectClass=cls, sAMAccountName=alias, displayName=alias, mailNickname=alias,
             mail=f"{alias}@{f.domain}", proxyAddresses=f"SMTP:{alias}@{f.domain}",
             legacyExchangeDN=f"/o={f.organization}/cn={alias}", **more)


def mailbox(side, dn, alias, **more):
    recipient(side, dn, "user", alias, userPrincipalName=f"{alias}@{side.forest.domain}",
              homeMDB=side.forest.databases[0], msExchHomeServerName=side.forest.home_server,
              msExchRecipientTypeDetails=1, msExchRecipientDisplayType=1073741824,
              **{"userAccountControl": 544, **more})


def counterpart(lab, alias):
    return lab.target.find("(&(mailNickname=%s)(extensionAttribute15=galsync:*))", alias)


@pytest.fixture(scope="module", name="trusting")
def fixture_trusting(lab):
    """Both forests trust each other; an account of acme, and a native of globex in a group there."""
    lab.command("add-trust")
    lab.source.conn = lab.target.conn = None
    try:
        lab.source.add(OU, objectClass="organizationalUnit")
        lab.password = secrets.token_urlsafe(18) + "aA1!"
        mailbox(lab.source, ANN, ALIAS)
        lab.source.modify(ANN, unicodePwd=f'"{lab.password}"'.encode("utf-16-le"))
        lab.source.modify(ANN, userAccountControl=512)
        mailbox(lab.target, NATIVE, "globex.native")
        native = lab.target.read(NATIVE)["objectSid"][0]
        recipient(lab.source, f"CN=Trusted Readers,{OU}", "group", "trusted.readers",
                  groupType=DOMAIN_LOCAL_SECURITY,
                  member=[ANN, f"<SID={sid_text(native)}>"])
        lab.first = lab.full(conf=lab.write_conf(lab.conf_text(**{
            f'base = "{STAFF_OU}";': f'base = "{OU}"; linked = true;'})))
        yield lab
    finally:
        lab.command("remove-trust")
        lab.reset()


def test_linked_mailbox(trusting):
    """The counterpart is disabled, and its owner is the account that logs on."""
    sid = trusting.source.read(ANN)["objectSid"]
    _, t = counterpart(trusting, ALIAS)
    assert t["msExchMasterAccountSid"] == sid
    assert t["userAccountControl"] == [b"514"]
    assert t["msExchRecipientTypeDetails"] == [b"2"]


def test_logon_through_the_trust(trusting, tmp_path):
    """With the password of its own forest and a ticket for a service of the other one. There it is
    what the linked mailbox names, and a member of the group that has its foreign principal."""
    sid = trusting.source.read(ANN)["objectSid"][0]
    trusting.target.add(LOCAL_GROUP, objectClass="group", sAMAccountName="readers",
                        groupType=DOMAIN_LOCAL_SECURITY, member=f"<SID={sid_text(sid)}>")
    group = trusting.target.read(LOCAL_GROUP)
    assert group["member"] == [f"CN={sid_text(sid)},CN=ForeignSecurityPrincipals,{GLOBEX.base}".encode()]
    cache = f"FILE:{tmp_path}/ann"
    env = ["env", f"KRB5CCNAME={cache}"]
    given = tmp_path / "password"
    given.write_text(trusting.password, encoding="ascii")
    with open(given, encoding="ascii") as password:
        p = trusting.run([*env, "kinit", f"{ALIAS}@{ACME.realm}"], stdin=password)
    assert p.returncode == 0, p.stdout + p.stderr
    p = trusting.run([*env, "kvno", f"ldap/{GLOBEX.host}@{GLOBEX.realm}"])
    assert p.returncode == 0, p.stdout + p.stderr
    p = trusting.run([*env, "klist"])
    assert f"krbtgt/{GLOBEX.realm}@{ACME.realm}" in p.stdout, p.stdout
    assert f"ldap/{GLOBEX.host}@{GLOBEX.realm}" in p.stdout, p.stdout
    p = trusting.run([*env, "ldapsearch", "-LLL", "-Q", "-Y", "GSSAPI", "-o", "ldif-wrap=no", "-H",
                      GLOBEX.uri, "-b", "", "-s", "base", "tokenGroups"])
    assert p.returncode == 0, p.stdout + p.stderr
    token = [base64.b64decode(line.split(":: ")[1]) for line in p.stdout.splitlines()
             if line.startswith("tokenGroups:: ")]
    _, t = counterpart(trusting, ALIAS)
    assert t["msExchMasterAccountSid"][0] in token, p.stdout
    assert group["objectSid"][0] in token, p.stdout


def test_foreign_member(trusting):
    """A group of acme has a native of globex as a member by its SID: there it is the native itself."""
    members = counterpart(trusting, "trusted.readers")[1]["member"]
    ann, _ = counterpart(trusting, ALIAS)
    assert sorted(members) == sorted([NATIVE.encode(), ann.encode()])
