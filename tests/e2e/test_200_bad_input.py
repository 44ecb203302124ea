# SPDX-License-Identifier: MIT
"""Bad input, first part: credentials, certificates, servers. Every refusal names the place, the
reason and what to do, has the right status, writes nothing and tells no secret."""

import os
import socket

import pytest

from badinput_helpers import (FAILED, conf, first_logon, gssapi, refused, simple, tls, write)
from galsynclab.lab import GLOBEX

WRONG_PASSWORD = "Not-the-Passw0rd"
MODES = pytest.mark.parametrize("mode,port", [("starttls", 389), ("ldaps", 636)])


@pytest.fixture(scope="module", autouse=True)
def fixture_first_logon(lab):
    first_logon(lab)


@pytest.fixture(name="ca")
def fixture_ca(lab):
    return lab.path("tls", "ca.pem")


@MODES
def test_wrong_password(lab, tmp_path, ca, mode, port):
    password = write(tmp_path / "password", WRONG_PASSWORD + "\n")
    file = conf(lab, tmp_path, globex={"auth": simple(password), "tls": tls(mode, ca)})
    p = refused(lab, file, "link acme-globex", f"dc1.globex.example:{port}", "wrong password",
                "CN=svc-galsync,CN=Users,DC=globex,DC=example", password, "forest 'globex'",
                secret=[WRONG_PASSWORD])
    # Once: more attempts would lock the account.
    assert p.stderr.count("Invalid credentials") == 1


def test_no_such_account(lab, tmp_path, ca):
    file = conf(lab, tmp_path, globex={
        "auth": simple(lab.path("globex.password"), f"CN=nobody,CN=Users,{GLOBEX.base}"),
        "tls": tls("ldaps", ca)})
    refused(lab, file, "CN=nobody,CN=Users,DC=globex,DC=example", "Invalid credentials",
            "forest 'globex'")


@pytest.mark.parametrize("content,mode,words", [
    ("secret-of-this-test", 0o644, ["galsync.conf:", "forests[1].auth.password_file:",
                                    "open to group or others (mode 0644)", "0600 or 0400"]),
    ("secret-of-this-test", 0o620, ["(mode 0620)", "allowed:"]),
    ("\n", 0o600, ["is empty", "forest 'globex'"]),
    (None, 0, ["forests[1].auth.password_file:", "No such file or directory", "allowed:"]),
], ids=["readable", "writable", "empty", "missing"])
def test_password_file(lab, tmp_path, ca, content, mode, words):
    path = str(tmp_path / "password")
    if content is not None:
        write(path, content, mode)
    file = conf(lab, tmp_path, globex={"auth": simple(path), "tls": tls("ldaps", ca)})
    refused(lab, file, path, *words, secret=["secret-of-this-test"])


def test_password_in_clear_is_refused(lab, tmp_path):
    file = conf(lab, tmp_path, globex={"auth": simple(lab.path("globex.password"))})
    refused(lab, file, "galsync.conf:", "auth.mechanism:", "in clear", "starttls", "ldaps")


# Kerberos

def _add_account(lab, name):
    """A plain user of GLOBEX with a password that only the keytab knows."""
    password = f"{name}-Passw0rd-1"
    dn = f"CN={name},CN=Users,{GLOBEX.base}"
    lab.target.add(dn, objectClass="user", sAMAccountName=name, userAccountControl="544")
    set_password(lab, dn, password)
    lab.target.modify(dn, userAccountControl="66048")
    keytab = lab.path(f"{name}.keytab")
    if os.path.exists(keytab):
        os.unlink(keytab)
    p = lab.run(["samba-tool", "domain", "exportkeytab", keytab,
                 f"--principal={name}@{GLOBEX.realm}", "-s", GLOBEX.smb_conf])
    assert p.returncode == 0, p.stderr
    os.chmod(keytab, 0o600)
    return dn, keytab


def set_password(lab, dn, password):
    lab.target.modify(dn, unicodePwd=f'"{password}"'.encode("utf-16-le"))


def test_keytab_of_an_old_password(lab, tmp_path):
    dn, keytab = _add_account(lab, "svc-old")
    file = conf(lab, tmp_path, globex={"auth": gssapi(keytab, "svc-old@GLOBEX.EXAMPLE")})
    set_password(lab, dn, "Another-Passw0rd-2")
    refused(lab, file, "Kerberos", "'svc-old@GLOBEX.EXAMPLE'", keytab,
            "the key in the keytab is not the account's", "was the password changed",
            "forest 'globex'", secret=["Another-Passw0rd-2"])


def test_disabled_account(lab, tmp_path):
    dn, keytab = _add_account(lab, "svc-disabled")
    file = conf(lab, tmp_path, globex={"auth": gssapi(keytab, "svc-disabled@GLOBEX.EXAMPLE")})
    lab.target.modify(dn, userAccountControl="66050")
    refused(lab, file, "'svc-disabled@GLOBEX.EXAMPLE'", "disabled or locked", "forest 'globex'")


@pytest.mark.parametrize("content,mode,words", [
    (None, 0, ["galsync.conf:", "forests[1].auth.keytab:", "No such file or directory",
               "allowed:"]),
    ("", 0o600, ["Kerberos", "is no keytab", "export it again", "forest 'globex'"]),
    ("rubbish and more rubbish", 0o600, ["Kerberos", "is no keytab", "forest 'globex'"]),
    # The version of the format, and then a record that is longer than the file.
    (b"\x05\x02\x00\x00\x01\x00garbage", 0o600, ["Kerberos", "keytab", "forest 'globex'"]),
    ("rubbish", 0o640, ["forests[1].auth.keytab:", "(mode 0640)", "allowed:"]),
], ids=["missing", "empty", "garbage", "cut", "readable"])
def test_keytab_file(lab, tmp_path, content, mode, words):
    path = str(tmp_path / "keytab")
    if content is not None:
        write(path, content, mode)
    refused(lab, conf(lab, tmp_path, globex={"auth": gssapi(path)}), path, *words)


def test_wrong_principal(lab, tmp_path):
    keytab = lab.path("globex.keytab")
    file = conf(lab, tmp_path, globex={"auth": gssapi(keytab, "svc-other@GLOBEX.EXAMPLE")})
    refused(lab, file, "'svc-other@GLOBEX.EXAMPLE'", keytab, "has no key of this principal",
            "it has keys of: svc-galsync@GLOBEX.EXAMPLE", "forest 'globex'")


# Certificates

@MODES
def test_wrong_ca(lab, tmp_path, mode, port):
    other = lab.path("tls", "other-ca.pem")
    file = conf(lab, tmp_path, globex={
        "auth": simple(lab.path("globex.password")), "tls": tls(mode, other)})
    refused(lab, file, f"dc1.globex.example:{port}", "certificate of dc1.globex.example",
            "is not trusted", "issued by cn=galsync lab CA", f"{other} does not vouch for",
            "forest 'globex'")


@pytest.mark.parametrize("content,words", [
    (None, ["galsync.conf:", "forests[1].tls.ca_file:", "No such file or directory", "allowed:"]),
    ("", ["ca_file", "no certificate in it", "forest 'globex'"]),
    ("rubbish", ["ca_file", "no certificate in it", "forest 'globex'"]),
], ids=["missing", "empty", "garbage"])
def test_ca_file(lab, tmp_path, content, words):
    path = str(tmp_path / "ca.pem")
    if content is not None:
        write(path, content, 0o644)
    file = conf(lab, tmp_path, globex={
        "auth": simple(lab.path("globex.password")), "tls": tls("ldaps", path)})
    refused(lab, file, path, *words)


def test_certificate_of_another_host(lab, tmp_path, ca):
    # "localhost" is 127.0.0.1; the DC listens on its own address alone.
    file = conf(lab, tmp_path, globex={
        "auth": simple(lab.path("globex.password")), "tls": tls("ldaps", ca),
        "servers": ["ldaps://dc1-globex"]})
    refused(lab, file, "not for dc1-globex but for: dc1.globex.example", "forest 'globex'")


# Servers

def test_nothing_listens(lab, tmp_path):
    file = conf(lab, tmp_path, globex={"servers": ["ldap://dc1.globex.example:3389"]})
    refused(lab, file, "ldap://dc1.globex.example:3389", "127.0.0.3 port 3389",
            "Connection refused", "forest 'globex'")


def test_name_does_not_resolve(lab, tmp_path):
    file = conf(lab, tmp_path, globex={"servers": ["ldap://dc9.globex.example"]})
    refused(lab, file, "cannot resolve the name 'dc9.globex.example'", "forest 'globex'")


def test_every_server_that_was_tried_is_named(lab, tmp_path):
    file = conf(lab, tmp_path, globex={
        "servers": ["ldap://dc9.globex.example", "ldap://dc1.globex.example:3389"]})
    refused(lab, file, "cannot resolve the name 'dc9.globex.example'", "port 3389",
            "Connection refused", "forest 'globex'")


def test_no_srv_record(lab, tmp_path):
    file = conf(lab, tmp_path, target_ou="OU=Acme,DC=nowhere,DC=example",
                globex={"domain": "nowhere.example"})
    refused(lab, file, "no domain controllers found", "DNS has no SRV records",
            "_ldap._tcp.dc._msdcs.nowhere.example", "forest 'globex'")


def test_controller_of_another_domain(lab, tmp_path, ca):
    file = conf(lab, tmp_path, globex={
        "servers": ["ldaps://dc1.acme.example"], "tls": tls("ldaps", ca),
        "auth": simple(lab.path("acme.password"), "CN=svc-galsync,CN=Users,DC=acme,DC=example")})
    refused(lab, file, "dc1.acme.example", "domain controller of 'acme.example'",
            "not of 'globex.example'", "forest 'globex'")


def test_server_that_says_nothing(lab, tmp_path):
    with socket.create_server(("127.0.0.3", 0)) as server:
        url = f"ldap://dc1.globex.example:{server.getsockname()[1]}"
        file = conf(lab, tmp_path, globex={"servers": [url], "extra": "connect_timeout_ms = 300;"})
        refused(lab, file, url, "no answer for 300 ms", "forest 'globex'", status=FAILED)
