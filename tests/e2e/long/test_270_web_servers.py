# SPDX-License-Identifier: MIT
"""galsync-portal behind Apache with Kerberos and behind nginx with client certificates, configured
as its manual says: what is run is the text of the manual."""

import contextlib
import os
import re
import shutil
import subprocess
import tempfile

import pytest
from conftest import BUILD, ROOT, patient, wait_for
from galsynclab.lab import ACME
from portal_helpers import people

NAME = "galsync.acme.example"
PASSWORD = "Of-a-test-0nly"


def manual(begin):
    """The example of the manual that begins so."""
    with open(os.path.join(ROOT, "man", "galsync-portal.8"), encoding="utf-8") as f:
        blocks = re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed$", f.read(), re.M | re.S)
    found = [b for b in blocks if b.startswith(begin)]
    assert len(found) == 1
    return found[0]


def modules():
    """The modules that the manual has enabled, as arguments of a2enmod."""
    with open(os.path.join(ROOT, "man", "galsync-portal.8"), encoding="utf-8") as f:
        return re.search(r"a2enmod ([a-z_ ]+)", f.read())[1].split()


def with_paths(text, **paths):
    for old, new in paths.items():
        old = {"socket": "/run/galsync-portal.sock", "cert": "/etc/ssl/galsync.pem",
               "key": "/etc/ssl/private/galsync.key", "ca": "/etc/ssl/acme-ca.pem",
               "keytab": "/etc/apache2/http.keytab", "group": "/etc/apache2/galsync-readers"}[old]
        assert old in text, old
        text = text.replace(old, new)
    return text


class Place:
    """What both web servers have: a portal, a certificate, a user with a ticket and one without
    rights."""

    def __init__(self, lab, directory):
        self.lab, self.dir = lab, directory
        self.socket = self.path("portal.sock")

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text, mode=0o644):
        with open(self.path(name), "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(self.path(name), mode)
        return self.path(name)

    def must(self, *argv, **kw):
        p = self.lab.run(list(argv), **kw)
        assert p.returncode == 0, p.stdout + p.stderr
        return p.stdout

    def certificate(self, name, subject):
        self.must("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", subject, "-keyout",
                  self.path(f"{name}.key"), "-out", self.path(f"{name}.csr"))
        ext = self.write(f"{name}.ext", f"subjectAltName=DNS:{NAME}\n")
        self.must("openssl", "x509", "-req", "-in", self.path(f"{name}.csr"), "-CA",
                  self.lab.path("tls", "ca.pem"), "-CAkey", self.lab.path("tls", "ca.key"),
                  "-CAserial", self.path("ca.srl"), "-CAcreateserial", "-days", "2", "-extfile", ext,
                  "-out", self.path(f"{name}.pem"))

    def user(self, name):
        """One with a password, and a ticket."""
        self.must("samba-tool", "user", "create", name, PASSWORD, "-s", ACME.smb_conf)
        self.must("kinit", "-c", self.path(f"{name}.cc"), f"{name}@{ACME.realm}",
                  stdin=open_text(self, f"{name}.password", PASSWORD))

    def curl(self, path, *argv, user=None):
        """(status, headers, body) by HTTPS."""
        env = {"KRB5CCNAME": f"FILE:{self.path(user + '.cc')}"} if user else {}
        p = subprocess.run(
            ["curl", "-sS", "-i", "--cacert", self.lab.path("tls", "ca.pem"), "--resolve",
             f"{NAME}:443:127.0.0.1", *(["--negotiate", "-u", ":"] if user else []), *argv,
             f"https://{NAME}{path}"],
            env={**os.environ, **self.lab.env(), "KRB5CCNAME": "FILE:/nowhere", **env},
            capture_output=True, text=True, errors="replace", check=False, timeout=patient(30))
        assert p.returncode == 0, p.stderr
        # With a ticket there may be an answer before the last one.
        head, _, body = ("\n" + p.stdout).rpartition("\nHTTP/")[2].partition("\n\n")
        return int(head.split()[1]), head.lower(), body


def open_text(place, name, text):
    return open(place.write(name, text + "\n", 0o600), encoding="ascii")


@pytest.fixture(scope="module", name="place")
def fixture_place(lab):
    directory = tempfile.mkdtemp(prefix="web-")
    os.chmod(directory, 0o755)      # www-data comes here
    place = Place(lab, directory)
    try:
        people(place.path("state"), 100)
        place.certificate("server", f"/CN={NAME}")
        with subprocess.Popen([os.path.join(BUILD, "galsync-portal"), "--state-directory",
                               place.path("state"), "--socket", "/nowhere", "--listen",
                               place.socket], stdout=subprocess.DEVNULL) as p:
            try:
                wait_for(lambda: os.path.exists(place.socket), "the portal does not listen")
                # As www-data in the group of the socket of the unit.
                shutil.chown(place.socket, group="www-data")
                yield place
            finally:
                p.kill()
    finally:
        shutil.rmtree(directory)


@contextlib.contextmanager
def serving(place, argv, env=None):
    """A web server in the foreground, that answers."""
    log = place.path("web.log")
    with open(log, "wb") as out, subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            env={**os.environ, **place.lab.env(), **(env or {})}) as p:
        try:
            def answers():
                with open(log, encoding="utf-8", errors="replace") as f:
                    assert p.poll() is None, f.read()
                return place.lab.run(["curl", "-sk", "https://127.0.0.1/"]).returncode == 0
            wait_for(answers, "the web server does not answer")
            yield
        finally:
            p.terminate()
            p.wait(patient(30))


# ---- nginx ----

@pytest.fixture(name="nginx")
def fixture_nginx(place):
    place.certificate("client", "/CN=reader")
    text = with_paths(manual("server {"), socket=place.socket, cert=place.path("server.pem"),
                      key=place.path("server.key"), ca=place.lab.path("tls", "ca.pem"))
    home = place.write("nginx.conf", f"user www-data; daemon off; pid {place.path('nginx.pid')};\n"
                       f"error_log {place.path('error.log')};\nevents {{}}\n"
                       f"http {{ access_log off;\n{text}}}\n")
    with serving(place, ["/usr/sbin/nginx", "-e", place.path("error.log"), "-c", home]):
        yield place


def test_nginx(nginx):
    known = ("--cert", nginx.path("client.pem"), "--key", nginx.path("client.key"))
    status, head, body = nginx.curl("/", *known)
    assert status == 200 and "<title>Overview - galsync</title>" in body
    assert "content-security-policy: default-src 'none'" in head
    assert nginx.curl("/mailboxes?q=user42@&sort=-name", *known)[0] == 200
    assert nginx.curl("/", "-X", "POST", "-d", "x=1", *known)[0] == 403
    status, _, body = nginx.curl("/")
    assert status == 400 and "Overview" not in body


# ---- Apache ----

@pytest.fixture(scope="module", name="apache")
def fixture_apache(place):
    """Debian's own configuration, with what the manual says."""
    place.user("reader")
    place.user("stranger")
    place.must("samba-tool", "user", "create", "svc-web", "--random-password", "-s", ACME.smb_conf)
    place.must("samba-tool", "spn", "add", f"HTTP/{NAME}", "svc-web", "-s", ACME.smb_conf)
    keytab = place.path("http.keytab")
    place.must("samba-tool", "domain", "exportkeytab", keytab, f"--principal=HTTP/{NAME}", "-s",
               ACME.smb_conf)
    shutil.chown(keytab, group="www-data")
    os.chmod(keytab, 0o640)
    home = place.path("apache2")
    shutil.copytree("/etc/apache2", home, symlinks=True)
    env = {"APACHE_CONFDIR": home, "APACHE_RUN_DIR": place.dir, "APACHE_LOG_DIR": place.dir,
           "APACHE_LOCK_DIR": place.dir, "APACHE_PID_FILE": place.path("apache.pid"),
           # Its user may not go where the lab has it.
           "KRB5_CONFIG": shutil.copy(place.lab.path("etc", "krb5.conf"), place.dir),
           "APACHE_RUN_USER": "www-data", "APACHE_RUN_GROUP": "www-data"}
    p = subprocess.run(["a2enmod", "-q", *modules()], env={**os.environ, **env}, check=False,
                       capture_output=True, text=True)
    assert p.returncode == 0, p.stdout + p.stderr
    group = place.write("readers", "readers: reader another\n")
    with open(os.path.join(home, "sites-enabled", "galsync.conf"), "w", encoding="utf-8") as f:
        f.write(with_paths(manual("<VirtualHost"), socket=place.socket, keytab=keytab, group=group,
                           cert=place.path("server.pem"), key=place.path("server.key")))
    with serving(place, ["/usr/sbin/apache2", "-d", home, "-DFOREGROUND"], env):
        yield place


def test_apache_with_a_ticket(apache):
    status, head, body = apache.curl("/", user="reader")
    assert status == 200, body
    assert "<title>Overview - galsync</title>" in body
    assert "content-security-policy: default-src 'none'" in head
    for path in ("/mailboxes?q=user42@&sort=-name", "/mailboxes.csv", "/api/overview", "/portal.js"):
        assert apache.curl(path, user="reader")[0] == 200, path
    assert apache.curl("/../etc/passwd", "--path-as-is", user="reader")[0] in (400, 404)
    # A name of a page is what it is behind the web server too.
    assert "q=%3Cb%3E" in apache.curl("/mailboxes?q=%3Cb%3E", user="reader")[2]


def test_apache_without_a_ticket(apache):
    for path in ("/", "/api/overview", "/portal.js", "/nope"):
        status, head, body = apache.curl(path)
        assert status == 401 and "www-authenticate: negotiate" in head, path
        assert "acme" not in body.replace(NAME, "")
    assert apache.curl("/", "-u", f"reader:{PASSWORD}")[0] == 401
    assert apache.curl("/", "-H", "Authorization: Bearer x")[0] == 401


def test_apache_refuses_who_is_not_in_the_group(apache):
    for path in ("/", "/api/overview"):
        status, _, body = apache.curl(path, user="stranger")
        assert status == 403 and "Overview" not in body, path


def test_apache_only_reads(apache):
    assert apache.curl("/", "-X", "POST", "-d", "x=1", user="reader")[0] in (403, 405)
