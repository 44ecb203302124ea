# SPDX-License-Identifier: MIT
"""What domain controllers of today demand of a client: the right certificate, a channel binding,
signing, keys for AES. What is refused is named for what it is, with what to do."""

import contextlib
import os
import shutil
import struct
import subprocess
import sys

import pytest

from badinput_helpers import (COMPLETE, DONE, check_output, check_words, conf, first_logon, gssapi,
                              refused, simple, tls, write)
from conftest import ROOT
from galsynclab.lab import GLOBEX
from outage_helpers import LdapRelay

PORT, INNER_PORT = 7636, 7637
NAME = GLOBEX.host


@pytest.fixture(scope="module", autouse=True)
def fixture_first_logon(lab):
    first_logon(lab)


# Certificates

CA_CONF = """[ca]
default_ca = own
[own]
new_certs_dir = {dir}
database = {dir}/index
serial = {dir}/serial
default_md = {digest}
policy = any
unique_subject = no
[any]
commonName = supplied
[names]
subjectAltName = {names}
"""


def certificate(lab, directory, names, begin="20200101000000Z", end="20991231000000Z",
                digest="sha256"):
    """A certificate of the lab's authority for NAMES; its file and that of its key."""
    cnf = write(directory / "ca.cnf", CA_CONF.format(dir=directory, names=names, digest=digest))
    write(directory / "index")
    write(directory / "serial", "1000\n")
    key, request, made = (str(directory / n) for n in ("key.pem", "csr.pem", "cert.pem"))
    ca, ca_key = lab.path("tls", "ca.pem"), lab.path("tls", "ca.key")
    for argv in (["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=made",
                  "-keyout", key, "-out", request],
                 ["openssl", "ca", "-batch", "-config", cnf, "-extensions", "names", "-in", request,
                  "-out", made, "-cert", ca, "-keyfile", ca_key, "-startdate", begin,
                  "-enddate", end, "-notext"]):
        subprocess.run(argv, check=True, capture_output=True)
    return made, key


@contextlib.contextmanager
def serving(script, *args, port=PORT, **env):
    """An LDAPS server at the address of the target's domain controller."""
    with subprocess.Popen([sys.executable, os.path.join(ROOT, "tests/e2e", script), GLOBEX.address,
                           str(port), *args], stdout=subprocess.PIPE, text=True,
                          env={**os.environ, **env}) as p:
        try:
            assert p.stdout.readline() == "ready\n"
            yield
        finally:
            p.kill()


@pytest.fixture(name="server")
def fixture_server():
    """Starts one that answers each bind as it is told."""
    with contextlib.ExitStack() as running:
        yield lambda cert, key, result=0, text="": running.enter_context(
            serving("ldap_refusal.py", cert, key, str(result), text))


def at_server(lab, directory, auth=None):
    """A configuration whose target is that server."""
    return conf(lab, directory, globex={
        "auth": auth or simple(lab.path("globex.password")),
        "tls": tls("ldaps", lab.path("tls", "ca.pem")), "servers": [f"ldaps://{NAME}:{PORT}"]})


@pytest.mark.parametrize("names, when, words", [
    ("DNS:dc9.elsewhere.example", {}, ["not for dc1.globex.example but for: dc9.elsewhere.example"]),
    # Neither a part of the name nor a name below it will do, and no wildcard over two labels.
    ("DNS:globex.example, DNS:*.example, DNS:x.dc1.globex.example", {},
     ["not for dc1.globex.example but for: globex.example *.example x.dc1.globex.example"]),
    (f"DNS:{NAME}", {"end": "20250102000000Z"}, ["certificate of dc1.globex.example", "expired"]),
    (f"DNS:{NAME}", {"begin": "20980101000000Z"}, ["certificate of dc1.globex.example", "not valid"]),
], ids=["another host", "almost", "out of date", "not yet"])
def test_certificate(lab, tmp_path, server, names, when, words):
    server(*certificate(lab, tmp_path, names, **when))
    refused(lab, at_server(lab, tmp_path), f"{NAME}:{PORT}", "forest 'globex'", *words)


def test_the_right_certificate_is_taken(lab, tmp_path, server):
    """What the tests above rest on: the refusal is the bind's."""
    server(*certificate(lab, tmp_path, f"DNS:{NAME}"), 49,
           "80090308: LdapErr: AcceptSecurityContext error, data 533, v4563")
    refused(lab, at_server(lab, tmp_path), "the account is disabled", "forest 'globex'")


# Refusals

@pytest.mark.parametrize("result, text, words", [
    (49, "80090346: LdapErr: DSID-0C0905F0, comment: AcceptSecurityContext error, data 80090346, "
         "v4563", ["Invalid credentials (49)", "demands channel binding", "TLS ended by a proxy",
                   'tls.mode = "none"']),
    (49, "80090308: LdapErr: DSID-0C09075A, comment: AcceptSecurityContext error, data 57, v4563",
     ["demands channel binding"]),
    (8, "00002028: LdapErr: DSID-0C090259, comment: The server requires binds to turn on "
        "integrity checking", ["Strong(er) authentication required (8)", "GSSAPI"]),
], ids=["80090346", "57", "8"])
def test_refused_bind(lab, tmp_path, server, result, text, words):
    server(*certificate(lab, tmp_path, f"DNS:{NAME}"), result, text)
    refused(lab, at_server(lab, tmp_path), "forest 'globex'", *words)


# Kerberos over TLS

@pytest.fixture(name="sasl_over_tls", scope="module")
def fixture_sasl_over_tls(lab):
    """The target as a Windows domain controller is: TLS is protection enough."""
    saved = f"{GLOBEX.smb_conf}.saved"
    shutil.copy(GLOBEX.smb_conf, saved)
    lab.command("dc", "stop", "globex")
    with open(saved, encoding="utf-8") as f:
        text = f.read()
    write(GLOBEX.smb_conf, text.replace(
        "[global]\n", "[global]\n\tldap server require strong auth = allow_sasl_over_tls\n", 1),
          0o644)
    lab.command("dc", "start", "globex")
    yield
    lab.command("dc", "stop", "globex")
    os.replace(saved, GLOBEX.smb_conf)
    lab.command("dc", "start", "globex")


def kerberos_over(lab, directory, mode):
    return conf(lab, directory, globex={"auth": gssapi(lab.path("globex.keytab")),
                                        "tls": tls(mode, lab.path("tls", "ca.pem"))})


@pytest.mark.parametrize("mode", ["starttls", "ldaps"])
def test_server_that_wants_signing_on_top_of_tls(lab, tmp_path, mode):
    refused(lab, kerberos_over(lab, tmp_path, mode), "Strong(er) authentication required (8)",
            "signing by SASL on top of TLS", 'tls.mode = "none"', "allow_sasl_over_tls",
            "forest 'globex'")


@pytest.mark.usefixtures("sasl_over_tls")
@pytest.mark.parametrize("mode", ["starttls", "ldaps"])
def test_kerberos_over_tls(lab, tmp_path, mode):
    p = lab.galsyncd("--once", "--full", "--plan", conf=kerberos_over(lab, tmp_path, mode))
    check_output(lab, p)
    assert p.returncode == COMPLETE, p.stderr


# Channel binding, which Samba 4.17 does not demand: an acceptor of our own does

BOUND = "taken: the bind is tied to the channel"


@pytest.fixture(name="acceptor")
def fixture_acceptor(lab, tmp_path):
    """Starts an acceptor with the key of the domain controller's LDAP service."""
    keys = str(tmp_path / "service.keytab")
    subprocess.run(["samba-tool", "domain", "exportkeytab", keys, f"--principal=ldap/{NAME}", "-s",
                    GLOBEX.smb_conf], check=True, capture_output=True)

    def start(digest="sha256", port=PORT):
        names = f"DNS:{NAME}, IP:{GLOBEX.address}"
        return running.enter_context(serving(
            "ldap_acceptor.py", *certificate(lab, tmp_path, names, digest=digest), digest,
            port=port, **lab.env(), KRB5_KTNAME=keys))

    with contextlib.ExitStack() as running:
        yield start


def kerberos(lab, mechanism="GSSAPI"):
    return gssapi(lab.path("globex.keytab")).replace("{", f'{{ mechanism = "{mechanism}";', 1)


# The hash is the one that the certificate is signed with.
@pytest.mark.parametrize("mechanism, digest", [
    ("GSSAPI", "sha256"), ("GSSAPI", "sha384"), ("GSSAPI", "sha512"), ("GSS-SPNEGO", "sha256")])
def test_bind_is_tied_to_its_channel(lab, tmp_path, acceptor, monkeypatch, mechanism, digest):
    acceptor(digest)
    # Nothing outside the configuration turns it off.
    monkeypatch.setenv("LDAPSASL_CBINDING", "none")
    refused(lab, at_server(lab, tmp_path, kerberos(lab, mechanism)), "forest 'globex'", BOUND)


@pytest.mark.parametrize("binding, said", [("none", "data 80090346"), ("tls-endpoint", BOUND)])
def test_bind_without_its_channel(lab, acceptor, monkeypatch, binding, said):
    """What the tests around rest on: the acceptor knows a bind that is not tied to anything."""
    acceptor()
    monkeypatch.setenv("KRB5_CLIENT_KTNAME", lab.path("globex.keytab"))
    monkeypatch.setenv("LDAPSASL_CBINDING", binding)
    p = lab.run(["ldapwhoami", "-Q", "-Y", "GSSAPI", "-O", "maxssf=0", "-N", "-H",
                 f"ldaps://{NAME}:{PORT}"])
    assert p.returncode and said in p.stderr + p.stdout, p.stderr + p.stdout


@pytest.mark.parametrize("mechanism", ["GSSAPI", "GSS-SPNEGO"])
def test_man_in_the_middle(lab, tmp_path, acceptor, mechanism):
    """It has a certificate that the client trusts, and hands the bind on to the server."""
    acceptor(port=INNER_PORT)
    relay = LdapRelay(lab, GLOBEX, PORT, INNER_PORT)
    try:
        p = refused(lab, at_server(lab, tmp_path, kerberos(lab, mechanism)), "forest 'globex'",
                    "Invalid credentials (49)", "demands channel binding", "TLS ended by a proxy",
                    'tls.mode = "none"')
    finally:
        relay.end()
    assert BOUND not in p.stderr


# Keytabs

def text16(text):
    return struct.pack(">H", len(text)) + text.encode()


def keytab(path, *types):
    """Keys of the target's account; what they are does not matter."""
    octets = b"\5\2"
    for number in types:
        key = (struct.pack(">H", 1) + text16(GLOBEX.realm) + text16("svc-galsync")
               + struct.pack(">IIBH", 1, 0, 1, number) + text16("k" * 16))
        octets += struct.pack(">I", len(key)) + key
    return write(path, octets)


def test_keytab_without_aes(lab, tmp_path):
    file = conf(lab, tmp_path, globex={"auth": gssapi(keytab(tmp_path / "old.keytab", 23))})
    p = lab.galsyncd("-t", conf=file)
    check_output(lab, p)
    assert p.returncode == DONE
    check_words(p.stderr, ["forest 'globex'", "old.keytab", "no AES key of 'svc-galsync@GLOBEX.EXAMPLE'",
                           "only arcfour-hmac", "export the keytab again"])
    # The lab's own has them.
    assert "acme" not in p.stderr
    p = lab.galsyncd("-t", conf=conf(lab, tmp_path))
    assert p.returncode == DONE and p.stderr == ""
